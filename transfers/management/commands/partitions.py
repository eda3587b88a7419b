"""`manage.py partitions`: the months of events, alarms and letters; made with --make, taken out with --retire."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from transfers.actions.partitions import make_months, retire
from transfers.models import RetiredMonth
from transfers.rules.casemonth import BEFORE
from transfers.rules.errors import Refusal
from transfers.selectors.partitions import Partition, partitions, standing


class Command(BaseCommand):
    help = (
        "Print the partitions of events, alarms and letters with their months, rows (as last counted) and sizes; fail "
        "when next month has none or rows lie outside their month."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--make", action="store_true", help="make those of this month and the next three first")
        ways.add_argument(
            "--retire",
            nargs=2,
            metavar=("WHAT", "MONTH"),
            help="take a month (202611, or `before`) out into the schema archive: WHAT is history or letters",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        told: dict[str, Any] = {}
        try:
            if options["make"]:
                told["made"] = make_months(now=now)
            if options["retire"]:
                told["retired"] = asdict(retire(*_named(*options["retire"]), now=now))
        except Refusal as error:
            raise CommandError(f"{error.code}: {error.en}") from error
        found, stands = partitions(sized=True), standing(now=now)
        if options["json"]:
            told |= {"partitions": [asdict(one) for one in found], "standing": asdict(stands)}
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
        elif options["retire"]:
            gone = told["retired"]
            self.stdout.write(f"{', '.join(gone['tables'])}: {gone['rows']} rows of {gone['cases']} cases.")
        elif options["make"]:
            self.stdout.write(f"{len(told['made'])} partitions made; {stands.ahead} months ahead.")
        else:
            for one in found:
                self.stdout.write(_line(one))
        if not stands.well:
            where = f"; astray: {', '.join(stands.astray)}" if stands.astray else ""
            raise CommandError(f"{stands.ahead} months ahead{where}. Run this command with --make.")


def _named(what: str, month: str) -> tuple[RetiredMonth.What, int]:
    if what not in RetiredMonth.What.values:
        raise CommandError(f"{what[:40]!r} is neither history nor letters.", returncode=2)
    if month != "before" and not (month.isascii() and month.isdecimal() and len(month) == 6):
        raise CommandError(f"{month[:40]!r} is not a month like 202611, nor `before`.", returncode=2)
    return RetiredMonth.What(what), BEFORE if month == "before" else int(month)


def _line(one: Partition) -> str:
    months = "no month of its own" if one.until is None else f"{one.month or 'before'} – before {one.until}"
    return f"{one.name:<32} {months:<24} {one.rows:>12,} rows {one.size / 2**20:>10,.1f} MiB"
