"""Which month a row is kept in: a case's id begins with the month in which it was opened, and what belongs to it lies
in that month's partitions.

A month is written as a number here, 202611 for November 2026, because that is how ids and partitions name it. Cases
older than this rule have small ids: their month is 0, and what lies in it came before the months.
"""

from __future__ import annotations

from datetime import date

CASES = 100_000_000
"""So many ids a month has. The database draws them (transfers_case_key) and begins again when it has run through."""
BEFORE = 0


def month_of(case: int) -> int:
    """The month of a case, by its id."""
    return case // CASES


def month_on(day: date) -> int:
    """The month of a day."""
    return day.year * 100 + day.month


def following(month: int, count: int = 1) -> int:
    """The month so many months later."""
    at = month // 100 * 12 + month % 100 - 1 + count
    return at // 12 * 100 + at % 12 + 1
