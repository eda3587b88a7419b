"""`manage.py sweep [--now INSTANT]`: what beat does each minute, here and now or as of any instant."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from transfers.actions.sweep import sweep
from transfers.rules.errors import Refusal
from transfers.rules.workdays import ZONE, local_date
from transfers.sla.calendars import calendar_for
from transfers.tasks import idle

NATION = "100000"
COUNTERS = ("clocks", "alarms", "skipped", "lapsed", "decided", "carried", "held", "released", "moved", "unreadable")


class Command(BaseCommand):
    help = (
        "Fire the alarms that are due, end cases whose supplement or repair did not come, try waiting prechecks and "
        "automatic steps again, hold and release money at the year-end settlement, move parts to the wallet, until "
        "nothing is left. Safe to repeat, and to run beside others."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--now",
            metavar="INSTANT",
            help="as of this ISO 8601 instant, for example 2026-06-16T09:00+08:00; "
            "without an offset it is in Asia/Shanghai (default: now)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = instant(options["now"]) if options["now"] is not None else timezone.now()
        try:
            # Beyond the calendar no alarm has an hour to be sent at: refuse before anything is touched.
            calendar_for(NATION).is_working(local_date(now))
        except Refusal as error:
            raise CommandError(error.en, returncode=2) from error
        counts = dict.fromkeys(COUNTERS, 0)
        while True:
            swept = sweep(now=now)
            for name in ("clocks", "alarms", "skipped"):
                counts[name] += getattr(swept.fired, name)
            for name in ("lapsed", "decided", "carried", "held", "released", "moved"):
                counts[name] += getattr(swept, name)
            counts["unreadable"] += swept.fired.failed
            if idle(swept):
                break
        # What failed is tried again by each pass: the last one tells what is left.
        failed = counts.pop("unreadable") + swept.failed
        told = {"now": now.astimezone(ZONE).isoformat(), **counts, "failed": failed, "truncated": swept.truncated}
        self.stdout.write(json.dumps(told) if options["json"] else " ".join(f"{k}={v}" for k, v in told.items()))
        if failed:
            raise CommandError(f"{failed} could not be done and will be tried again: the log above names them.")


def instant(text: str) -> datetime:
    """An ISO 8601 instant. Raises CommandError, exit code 2, with one sentence."""
    try:
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is None:
            found = found.replace(tzinfo=ZONE)
        found.astimezone(ZONE)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{text[:40]!r} is not an instant: write one like 2026-06-16T09:00+08:00.", returncode=2
        ) from None
    return found
