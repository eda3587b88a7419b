"""`manage.py drain`: deliver what is due, here and now."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from notifications import outbox
from notifications.breaker import Breaker
from notifications.tasks import worker_name


def instant(text: str) -> datetime:
    """An ISO instant; without an offset it is in the installation's time zone."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant such as 2026-03-02T09:30+08:00")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


class Command(BaseCommand):
    help = "Deliver the letters that are due, in the foreground, until none is left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=500, help="letters claimed at a time (default 500)")
        parser.add_argument("--now", type=instant, help="what is due at this instant (default: now)")

    def handle(self, *args: Any, **options: Any) -> None:
        breaker = Breaker()
        totals = dict.fromkeys(("claimed", "messages", "sent", "retried", "dead", "released"), 0)
        while True:
            try:
                report = outbox.drain(
                    now=options["now"] or timezone.now(),
                    limit=options["limit"],
                    worker=f"command {worker_name()}",
                    breaker=breaker,
                )
            except ValueError as error:
                raise CommandError(str(error)) from error
            for name in totals:
                totals[name] += getattr(report, name)
            if not report.truncated:
                break
        self.stdout.write(" ".join(f"{name}={count}" for name, count in totals.items()))
