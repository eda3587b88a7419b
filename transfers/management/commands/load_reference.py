"""Loads areas, agencies, calendars and the national policy from the data files. Safe to repeat."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError
from django.utils import timezone

from transfers.reference import files, loader
from transfers.rules.errors import Refusal
from transfers.sla.recompute import recompute


class Command(BaseCommand):
    help = (
        "Bring areas, agencies, working-day calendars and the national policy in line with the data files. "
        "Adds, updates and expires; never deletes. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--folder",
            type=Path,
            default=files.FOLDER,
            help="folder with areas.csv, calendars/ and policies/ (default: transfers/reference)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reference = files.read(options["folder"])
            loaded = loader.load(reference, now=timezone.now(), tell=self.tell if options["verbosity"] else None)
        except Refusal as error:
            problems = getattr(error, "problems", (error.en,))
            listed = "\n".join(f"  - {problem}" for problem in problems)
            raise CommandError(f"Nothing was loaded. Correct the data files and run this again:\n{listed}") from error
        except IntegrityError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(
                f"Nothing was loaded: the files contradict what is in the database ({reason}). "
                "Close the older edition there (its last day) and run this again."
            ) from error
        if loaded.regions and options["verbosity"]:
            self.stdout.write(f"  calendars that changed: {', '.join(loaded.regions)}")
        # Also when nothing changed: an earlier run may have been stopped before its clocks were counted anew.
        done = recompute(now=timezone.now())
        if done.clocks and options["verbosity"]:
            self.stdout.write(f"  {done.clocks} open limits counted anew, {done.moved} of them changed")

    def tell(self, tally: loader.Tally) -> None:
        self.stdout.write(
            f"  {tally.what:<17} {tally.created:>4} created {tally.changed:>4} changed "
            f"{tally.expired:>4} expired {tally.unchanged:>4} unchanged"
        )
        self.stdout.flush()
