"""`manage.py reconcile`: the books of a day by area pair, and whether everything agrees; exit 1 on any difference."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from transfers.models import Area
from transfers.models.labels import said
from transfers.rules.workdays import local_date
from transfers.selectors.reconciliation import CHECKS, PairDay, Report, as_csv, figure, reconcile, total

# What makes up the equation and its two parts; the other figures only where there are any.
_ALWAYS = ("opening_fen", "out_fen", "in_fen", "returned_fen", "paid_fen", "transit_fen", "arrived_fen", "closing_fen")
_HEADS = {
    "opening_fen": "opening",
    "out_fen": "out",
    "taken_back_fen": "taken back",
    "in_fen": "in",
    "returned_fen": "returned",
    "paid_fen": "paid out",
    "transit_fen": "in transit",
    "arrived_fen": "arrived",
    "closing_fen": "closing",
    "interest_fen": "interest",
    "supplement_fen": "supplement",
    "owed_fen": "owed",
    "sent": "unanswered",
}


class Command(BaseCommand):
    help = "Print the books of a day by area pair (yuan), and every difference; fail when there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--date", help="the day, like 2026-06-15, by China's time; yesterday if left out")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print one JSON object")
        form.add_argument("--csv", action="store_true", help="print the table as CSV")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        day = _day(options["date"]) or local_date(now) - timedelta(days=1)
        report = reconcile(day, now=now)
        if options["json"]:
            self._print_json(report)
        elif options["csv"]:
            self.stdout.write(as_csv(report.rows, _names(report)), ending="")
        else:
            self._print_table(report)
        if not report.ok:
            raise CommandError(f"{len(report.differences)} difference(s) on {day}.")

    def _print_json(self, report: Report) -> None:
        self.stdout.write(json.dumps(report.as_data(), ensure_ascii=False, indent=2))

    def _print_table(self, report: Report) -> None:
        """One line a pair, aligned, its sum below; then each check with what does not agree."""
        sum_of_all = total(report.rows)
        names = [name for name in _HEADS if name in _ALWAYS or getattr(sum_of_all, name)]
        self.stdout.write(f"{report.date}, {len(report.rows)} area pair(s), yuan")
        lines = [["out → in", *(_HEADS[name] for name in names)]]
        lines += [[f"{row.out} → {row.into}", *_told(row, names)] for row in report.rows]
        lines.append(["total", *_told(sum_of_all, names)])
        widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
        for line in lines:
            cells = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
            self.stdout.write("  ".join([line[0].ljust(widths[0]), *cells]))
        for check, named in CHECKS.items():
            wrong = [one for one in report.differences if one.check == check]
            verdict = self.style.ERROR(f"{len(wrong)} difference(s)") if wrong else self.style.SUCCESS("ok")
            self.stdout.write(f"{check:<9} {said(named)}: {verdict}")
            for one in wrong:
                pair = " → ".join(code for code in (one.out, one.into) if code)
                self.stdout.write(f"    {pair}: {said(one)}")
                if one.cases:
                    more = f" … {one.count - len(one.cases)} more" if one.count > len(one.cases) else ""
                    self.stdout.write(f"      {' '.join(one.cases)}{more}")


def _told(row: PairDay, names: Sequence[str]) -> list[str]:
    return [figure(row, name) for name in names]


def _names(report: Report) -> dict[str, str]:
    codes = {code for row in report.rows for code in (row.out, row.into)}
    return {area.code: area.full_name for area in Area.objects.filter(pk__in=codes).select_related("parent")}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CommandError(f"--date {text!r} is not a day like 2026-06-15.") from None
