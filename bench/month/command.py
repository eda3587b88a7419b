"""`./dev bench month`: the month on a database of its own, and its report."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from simulate.database import NoDatabase, own_database

if TYPE_CHECKING:
    from bench.month.days import Month

# Accepted from the first of these days to the second; the money moves over the turn of the year, to the third.
SPAN = date(2025, 12, 15), date(2026, 1, 9), date(2026, 1, 31)


def days(first: date, last: date) -> list[date]:
    """All days from one to the other."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def live(
    *,
    areas: int,
    cases: int,
    seed: int,
    span: tuple[date, date, date] = SPAN,
    tell: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Live through the month on the database that Django is set up on, which must hold no case; its report."""
    from bench.month.cast import assemble
    from bench.month.days import Month
    from bench.month.report import report
    from simulate.offices import bank_of
    from transfers.rules.workdays import NATION
    from transfers.sla.calendars import calendar_for

    began, rng = time.monotonic(), Random(seed)
    first, last_accepted, last = span
    working = [day for day in days(first, last_accepted) if calendar_for(NATION).is_working(day)]
    tell(f"Making {cases:,} cases …")
    cast = assemble(areas=areas, cases=cases, days=working, rng=rng)
    month: Month = Month(cast.offices, bank_of(cast.offices, cast.names, rng, on=first), cast=cast, tell=tell)
    now = month.run(days(first, last))
    return report(month, now=now, areas=areas, cases=cases, seed=seed, seconds=time.monotonic() - began)


def main(words: Sequence[str]) -> int:
    """Run what was asked for; 0 when all that must hold did."""
    parser = argparse.ArgumentParser(prog="./dev bench month", description="Live through a month of money.")
    parser.add_argument("--areas", type=int, default=20, help="areas (default: 20)")
    parser.add_argument("--cases", type=int, default=20_000, help="cases (default: 20000)")
    parser.add_argument("--seed", type=int, default=1, help="the seed; the same gives the same month (default: 1)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: .run/bench)")
    asked = parser.parse_args(words)
    if not (2 <= asked.areas <= 100 and 1 <= asked.cases <= 200_000):
        parser.error("2 to 100 areas and 1 to 200,000 cases")
    home = Path(os.environ.get("JIEXU_HOME") or Path(__file__).resolve().parents[2] / ".run")
    out = asked.out or home / "bench"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"cannot write to {out} ({error.strerror}): name another folder with --out")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.update(DEBUG="false", DEMO="false", HTTPS="false", TRUSTED_PROXIES="1")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    try:
        with own_database():
            data = _on_our_own(asked)
    except NoDatabase as error:
        sys.stderr.write(f"{error}\n")
        return 1
    from bench.month.report import told

    name = f"month-{asked.cases}-{asked.seed}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    text = "\n".join(told(data)) + "\n"
    (out / f"{name}.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    (out / f"{name}.md").write_text(text)
    sys.stdout.write(f"{text}\nWritten to {out / name}.json and .md\n")
    return 0 if data["ok"] else 1


def _on_our_own(asked: argparse.Namespace) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    try:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_reference", verbosity=0)
        return live(areas=asked.areas, cases=asked.cases, seed=asked.seed, tell=_tell)
    finally:
        connections.close_all()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
