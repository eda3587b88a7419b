"""Checks and compiles the message catalogues."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import catalogues


class Command(BaseCommand):
    help = "check: every message has its Chinese; compile: write the .mo files. Needs no gettext binaries."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["check", "compile"])

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "compile":
            catalogues.compile_all()
            return
        found = catalogues.gather()
        faults = [fault for house in found for fault in catalogues.faults(house)]
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(f"{len(faults)} translations are missing or wrong.")
        for house in found:
            for note in catalogues.unused(house):
                self.stdout.write(f"note: {note}")
        self.stdout.write(f"{sum(len(house.found) for house in found)} messages, all translated.")
