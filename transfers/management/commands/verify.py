"""`manage.py verify`: prove the standing invariants over everything in the database; exit 1 on any breach."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from transfers.models.labels import said
from transfers.rules.workdays import ZONE
from transfers.selectors.verify import INVARIANTS, Invariant, Problem, problems

SHOWN = 20


class Command(BaseCommand):
    help = "Prove the invariants of all cases, clocks, events, sheets and postings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", help="the instant to judge by, in ISO 8601; China's time when it has no zone")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, now: str | None, json: bool, **options: Any) -> None:
        at = _instant(now)
        found = problems(now=at, tell=None if json else self._tell)
        if json:
            self._print_json(at, found)
        elif not found:
            self.stdout.write(f"{len(INVARIANTS)} invariants hold at {at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}.")
        if found:
            raise CommandError(f"{len(found)} problem(s) in {len({p.invariant for p in found})} invariant(s).")

    def _tell(self, invariant: Invariant, wrong: list[Problem]) -> None:
        """One line an invariant as soon as it has been asked, and below it what breaks it."""
        verdict = self.style.SUCCESS("ok") if not wrong else self.style.ERROR(f"{len(wrong)} problem(s)")
        self.stdout.write(f"{invariant.name:<13} {said(invariant)}: {verdict}")
        for problem in wrong[:SHOWN]:
            self.stdout.write(f"    {problem.subject}: {said(problem)}")
        if len(wrong) > SHOWN:
            self.stdout.write(f"    … {len(wrong) - SHOWN} more")
        self.stdout.flush()

    def _print_json(self, at: datetime, found: list[Problem]) -> None:
        told = {
            "now": at.isoformat(),
            "ok": not found,
            "invariants": {
                name: [asdict(problem) for problem in found if problem.invariant == name] for name in INVARIANTS
            },
        }
        self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))


def _instant(text: str | None) -> datetime:
    if text is None:
        return timezone.now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--now {text!r} is not an instant like 2026-06-15T09:00.") from None
    return at if at.tzinfo else at.replace(tzinfo=ZONE)
