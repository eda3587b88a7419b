"""`manage.py national`: cases under the codes of the national platform, as JSON lines."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Exists, OuterRef

from transfers.access import SYSTEM
from transfers.actions.disclosure import record_export
from transfers.models import CaseEvent, TransferCase
from transfers.rules import casenumber
from transfers.rules.errors import Refusal
from transfers.rules.workdays import ZONE
from transfers.selectors.national import process_of

TOLD_EVERY = 500


class Command(BaseCommand):
    help = (
        "Print cases as the national platform knows them, one JSON object a line (docs/national.md); identity numbers, "
        "names and phones are masked. Progress goes to standard error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("number", nargs="?", help="one case")
        which.add_argument("--since", metavar="DATE", help="every accepted case with a step since that day")

    def handle(self, *args: Any, number: str | None, since: str | None, **options: Any) -> None:
        cases, total = self._one(number) if number else self._since(since or "")
        told = 0
        try:
            for case in cases:
                self.stdout.write(json.dumps(process_of(case).data(), ensure_ascii=False, separators=(",", ":")))
                told += 1
                if told % TOLD_EVERY == 0:
                    self.stderr.write(f"{told} of {total}")
        except Refusal as error:
            raise CommandError(error.en, returncode=2) from None
        finally:
            if told:
                record_export(SYSTEM, what=f"national {number or since}", rows=told)
        if not number:
            self.stderr.write(f"{told} of {total} cases since {since}")

    def _one(self, text: str) -> tuple[Iterable[TransferCase], int]:
        try:
            number = casenumber.parse(text)
        except Refusal as error:
            raise CommandError(error.en, returncode=2) from None
        found = list(TransferCase.objects.select_related("person").filter(number=number))
        if not found:
            raise CommandError(f"There is no case {number}.", returncode=2)
        return found, 1

    def _since(self, text: str) -> tuple[Iterable[TransferCase], int]:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise CommandError(f"--since {text[:40]!r} is not a date like 2026-06-01.", returncode=2) from None
        start = datetime(day.year, day.month, day.day, tzinfo=ZONE)
        moved = CaseEvent.objects.filter(case=OuterRef("pk"), kind="move", at__gte=start)
        cases = TransferCase.objects.filter(Exists(moved), accepted_at__isnull=False).order_by("pk")
        return cases.select_related("person").iterator(chunk_size=TOLD_EVERY), cases.count()
