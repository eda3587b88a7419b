"""Working days counted with an independent package, and short ways to write instants."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import chinese_calendar

from transfers.rules.workdays import ZONE


def at(day: str, clock: str = "09:00") -> datetime:
    """`at("06-03")` is 09:00 of 3 June 2026 in China; a full date may be given."""
    full = day if len(day) == 10 else f"2026-{day}"
    return datetime.combine(date.fromisoformat(full), time.fromisoformat(clock), tzinfo=ZONE)


def is_working(day: date) -> bool:
    return bool(chinese_calendar.is_workday(day))


def nth(start: date, n: int) -> date:
    """The n-th working day after `start`, counted one by one."""
    day = start
    while n:
        day += timedelta(days=1)
        n -= is_working(day)
    return day


def gone_by(after: date, until: date) -> int:
    """Working days in (after, until]."""
    return sum(is_working(after + timedelta(days=n)) for n in range(1, (until - after).days + 1))
