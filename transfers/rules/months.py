"""Contribution months: a union of periods, never a sum (months paid in two places at once count once).

A month is a whole number, `year * 12 + month - 1`, so that ranges are plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

ACTUAL = "actual"
DEEMED = "deemed"


def month_of(day: date) -> int:
    """The month that contains `day`."""
    return day.year * 12 + day.month - 1


def month_text(month: int) -> str:
    """`2026-03` for March 2026."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def month_from_text(text: str) -> int:
    """The month written as `YYYY-MM`; ValueError when it is not one."""
    year, dash, month = text.partition("-")
    if not (dash and len(year) == 4 and len(month) == 2 and text.replace("-", "").isascii() and 1 <= int(month) <= 12):
        raise ValueError(f"{text!r} is not a month like 2026-03")
    return int(year) * 12 + int(month) - 1


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Months `first` to `last`, both included, paid (`actual`) or recognised (`deemed`) in one area."""

    first: int
    last: int
    kind: str = ACTUAL
    area: str = ""
    scheme: str = "310"
    reversed: bool = False

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"period runs backwards: {month_text(self.first)} to {month_text(self.last)}")


def union(periods: Iterable[Period]) -> list[tuple[int, int]]:
    """Disjoint, ascending ranges that cover exactly the months of `periods`; reversed rows (revs_flag) do not count."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted((p.first, p.last) for p in periods if not p.reversed):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], last))
        else:
            ranges.append((first, last))
    return ranges


def count(ranges: Iterable[tuple[int, int]]) -> int:
    """How many months the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


@dataclass(frozen=True, slots=True)
class Months:
    """Months by kind; `deemed` holds only those not also paid, so `actual + deemed == total`."""

    actual: int
    deemed: int
    total: int
    ranges: tuple[tuple[int, int], ...]


def tally(periods: Iterable[Period]) -> Months:
    """Count the months of `periods` (医保办发〔2021〕43号 Art. 12: years accumulate; each month once)."""
    rows = list(periods)
    everything = union(rows)
    actual = count(union(p for p in rows if p.kind == ACTUAL))
    total = count(everything)
    return Months(actual=actual, deemed=total - actual, total=total, ranges=tuple(everything))
