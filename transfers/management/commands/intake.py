"""`manage.py intake`: applications from a file, for installations that take them in without the console."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from transfers.access import actor_for
from transfers.actions.applications import confirm, counts, file_lines, look_at, reported, why
from transfers.models import ApplicationFile
from transfers.rules.bulk import BYTES_MAX, LineOutcome
from transfers.rules.errors import Refusal


class Command(BaseCommand):
    help = (
        "Take applications in from a CSV or XLSX file (docs/bulk.md), at the window of a handler of one of both areas. "
        "Safe to repeat: a run that was interrupted goes on, and a file that is done files nothing again. Exits with 1 "
        "when lines were left out, with 2 when the file was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="- for standard input")
        parser.add_argument("--user", required=True, help="username of the handler, who answers for it")
        parser.add_argument("--preview", action="store_true", help="say what it would do, and do nothing")
        parser.add_argument("--json", action="store_true", help="the report as JSON")

    def handle(self, *args: Any, file: str, user: str, preview: bool, **options: Any) -> None:
        found = User.objects.filter(username=user).first()
        if found is None:
            raise CommandError(f"{user}: no such user", returncode=2)
        actor, data, name = actor_for(found), self._read(file), Path(file).name
        try:
            if preview:
                with transaction.atomic():
                    left_out = self._report(look_at(actor, data, name=name, tell=self._tell), options["json"])
                    transaction.set_rollback(True)
            else:
                row = confirm(actor, look_at(actor, data, name=name, tell=self._tell).pk)
                file_lines(row.pk, tell=self._tell)
                left_out = self._report(row, options["json"])
        except Refusal as error:
            raise CommandError(f"{error.code}: {error.en}", returncode=2) from None
        if left_out:
            raise CommandError(f"{left_out} line(s) were left out: see the report.")

    def _read(self, name: str) -> bytes:
        """The file, and no more of it than a file may have."""
        try:
            with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
                return file.read(BYTES_MAX + 1)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}", returncode=2) from None

    def _tell(self, what: str, done: int, count: int) -> None:
        self.stderr.write(f"{what} {done} of {count}")

    def _report(self, file: ApplicationFile, as_json: bool) -> int:
        """Write what became of the lines; how many were left out."""
        found = counts(file.pk)
        left_out = [one.value for one in (LineOutcome.WRONG, LineOutcome.TWICE, LineOutcome.KNOWN)]
        lines = [(line, why(line)) for line in reported(file.pk, only=left_out)]
        if as_json:
            rows = [
                {
                    "row": line.row,
                    "outcome": line.outcome,
                    "case": line.case.number if line.case else None,
                    "why": [
                        {"code": code, "field": field, "zh": said.zh, "en": said.en} for code, field, said in reasons
                    ],
                }
                for line, reasons in lines
            ]
            report = {"lines": file.count, "outcomes": found.outcomes, "states": found.states, "left_out": rows}
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=1))
            return len(lines)
        for line, reasons in lines:
            because = "; ".join(f"{code} {said.en}".strip() for code, _field, said in reasons)
            self.stdout.write(f"row {line.row}: {line.outcome}{f': {because}' if because else ''}")
        told = [f"{name}={count}" for name, count in sorted({**found.outcomes, **found.states}.items())]
        self.stdout.write(" ".join([f"lines={file.count}", *told]))
        return len(lines)
