"""Hands over to the benchmarks, which run with settings of their own."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Measure ours beside the limit and the peers (./dev bench)."

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        os.execv(sys.executable, [sys.executable, "-m", "bench", *argv[2:]])
