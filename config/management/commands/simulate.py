"""Hands over to the simulation, which runs with settings and databases of its own."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Live through some days of a country and report what came of it (./dev simulate)."

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        os.execv(sys.executable, [sys.executable, "-m", "simulate", *argv[2:]])
