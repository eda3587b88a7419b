"""`manage.py enrol`: enrolment events from a file, for installations whose areas do not call the API."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from transfers.access import SYSTEM
from transfers.actions.enrolments import enrolled_many
from transfers.documents.caseform import read_json
from transfers.rules.errors import Refusal, refusal

CHUNK = 100
LINE_MAX = 64 * 1024


class Command(BaseCommand):
    help = (
        "Report enrolments in new areas, one JSON object a line (docs/national.md), and start the transfers that they "
        "call for. Safe to repeat: an event starts nothing twice. Exits with 1 when a line was wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="JSON lines, UTF-8; - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        answers: Counter[str] = Counter()
        states: Counter[str] = Counter()
        wrong = read = 0
        for chunk in self._chunks(file):
            events: list[dict[str, Any] | Refusal] = []
            for _number, line in chunk:
                try:
                    events.append(_event(line))
                except Refusal as error:
                    events.append(error)
            good = [event for event in events if not isinstance(event, Refusal)]
            outcomes = iter(enrolled_many(good, SYSTEM, now=timezone.now()))
            for (number, _line), event in zip(chunk, events, strict=True):
                outcome = event if isinstance(event, Refusal) else next(outcomes)
                if isinstance(outcome, Refusal):
                    wrong += 1
                    # The fields that are wrong, never what stands in them.
                    fields = ", ".join(sorted(outcome.details.get("fields", {})))
                    self.stderr.write(f"line {number}: {outcome.code}{f' ({fields})' if fields else ''}")
                    continue
                answers[outcome.answer.value] += 1
                if outcome.case is not None:
                    states[outcome.case.state] += 1
            read += len(chunk)
            if len(chunk) == CHUNK:
                self.stderr.write(f"{read} read")
        told = [f"read={read}", *_counts(answers), f"wrong={wrong}"]
        if states:
            told.append(f"cases: {' '.join(_counts(states))}")
        self.stdout.write(" ".join(told))
        if wrong:
            raise CommandError(f"{wrong} line(s) were wrong and have been left out: see above.")

    def _chunks(self, name: str) -> Iterator[list[tuple[int, bytes]]]:
        lines = self._lines(name)
        while chunk := list(islice(lines, CHUNK)):
            yield chunk

    def _lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        """The lines that hold something, numbered from 1."""
        try:
            with sys.stdin.buffer if name == "-" else Path(name).open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, line
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}", returncode=2) from None


def _event(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_MAX:
        raise refusal("J-JSON")
    try:
        event = read_json(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise refusal("J-JSON") from None
    if not isinstance(event, dict):
        raise refusal("J-JSON")
    return event


def _counts(counted: Counter[str]) -> list[str]:
    return [f"{name}={count}" for name, count in sorted(counted.items())]
