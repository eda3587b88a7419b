"""`manage.py demo --base-url URL`: drives two cases through a running stack and proves that all holds."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from transfers.demo.driving import Drive, Teller, answers
from transfers.demo.loading import loaded
from transfers.demo.surfaces import Unanswered
from transfers.rules.errors import Refusal


class Command(BaseCommand):
    help = (
        "Drive one case from the application to the credited balance, and one that goes overdue until the nation is "
        "told, through the web, worker and beat that serve at --base-url on this database; then verify. Empties the "
        "Redis database of REDIS_URL on the way."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", required=True, help="where Jiexu serves, for example http://127.0.0.1:8000")
        parser.add_argument("--verify-only", action="store_true", help="drive nothing; only verify what is there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demonstration makes cases: run it only where DEMO=true is set.")
        if not options["verify_only"]:
            self.drive(options["base_url"].rstrip("/"))
        self.stdout.write("\nVerification of everything in the database")
        with translation.override("en"):
            call_command("verify", stdout=self.stdout, stderr=self.stderr)
        self.stdout.write(self.style.SUCCESS("All holds."))

    def drive(self, base: str) -> None:
        began = time.monotonic()
        if not loaded():
            raise CommandError("There is no demonstration data: run load_demo first.")
        drive = Drive(base, Teller(self.line, self.passing))
        try:
            answers(base)
            self.stdout.write(f"Driving two cases through {base}")
            drive.ready()
            numbers = [drive.standard_route(), drive.overdue()]
            drive.teller.head("After all that")
            drive.ready()
        except Unanswered as error:
            raise CommandError(str(error)) from error
        except Refusal as error:
            raise CommandError(f"{error.code}: {error.en}") from error
        self.stdout.write(f"\nCases {' and '.join(numbers)} went their way in {time.monotonic() - began:.0f} s.")

    def line(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def passing(self, text: str) -> None:
        """A line that the next one replaces, where there is a terminal to do so."""
        if self.stdout.isatty():
            self.stdout.write(f"\r\033[K{text}", ending="")
            self.stdout.flush()
