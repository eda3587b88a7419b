"""Contribution months: a union of periods, never a sum (months paid in two places at once count once).

A month is a whole number, `year * 12 + month - 1`, so that ranges are plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from transfers.rules.parties import Named, Scheme
from transfers.rules.policy import Policy

ACTUAL = "actual"
DEEMED = "deemed"
# Why months are recognised without having been paid: 军龄 counts as employee months.
MILITARY = "military"
# 缴费类型 clct_type whose rows are months paid: normal, back-paid, paid in one sum, paid at retirement. A refund (20)
# and money put into the account (40) are none.
COLLECTIONS = ("10", "20", "30", "32", "33", "40")
PAID = ("10", "30", "32", "33")


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
    """Months `first` to `last`, both included, paid (`actual`) or recognised (`deemed`) in one area.

    `reversed` is revs_flag + or -; `collection` is clct_type; `ground` says why months are deemed (`MILITARY` or
    nothing more).
    """

    first: int
    last: int
    kind: str = ACTUAL
    area: str = ""
    scheme: str = "310"
    reversed: bool = False
    collection: str = "10"
    ground: str = ""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"period runs backwards: {month_text(self.first)} to {month_text(self.last)}")

    @property
    def counts(self) -> bool:
        """Whether its months count: not reversed, and of a kind of collection that pays for months."""
        return not self.reversed and self.collection in PAID


def union(periods: Iterable[Period]) -> list[tuple[int, int]]:
    """Disjoint, ascending ranges that cover exactly the months of `periods`; rows that do not count are left out."""
    return _joined((p.first, p.last) for p in periods if p.counts)


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def count(ranges: Iterable[tuple[int, int]]) -> int:
    """How many months the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def common(these: Iterable[tuple[int, int]], those: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The months that both hold, as disjoint, ascending ranges."""
    others = list(those)
    return _joined(
        (max(first, begins), min(last, ends))
        for first, last in these
        for begins, ends in others
        if max(first, begins) <= min(last, ends)
    )


def without(these: Iterable[tuple[int, int]], those: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The months of `these` that `those` do not hold."""
    left = list(these)
    for begins, ends in those:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, begins - 1)), (max(first, ends + 1), last))
            if part[0] <= part[1]
        ]
    return _joined(left)


@dataclass(frozen=True, slots=True)
class Months:
    """Months by kind; `deemed` holds only those not also paid, so `actual + deemed == total`.

    `military` are those of `deemed` that rest on military service. `ranges` are all months merged; `paid` and
    `recognised` are the same months by kind, without a month in both.
    """

    actual: int
    deemed: int
    total: int
    ranges: tuple[tuple[int, int], ...]
    military: int = 0
    paid: tuple[tuple[int, int], ...] = ()
    recognised: tuple[tuple[int, int], ...] = ()


def tally(periods: Iterable[Period]) -> Months:
    """Count the months of `periods` (医保办发〔2021〕43号 Art. 12: years accumulate; each month once)."""
    rows = list(periods)
    everything, paid = union(rows), union(p for p in rows if p.kind == ACTUAL)
    recognised = without(everything, paid)
    return Months(
        actual=count(paid),
        deemed=count(recognised),
        total=count(everything),
        ranges=tuple(everything),
        military=count(without(union(p for p in rows if p.ground == MILITARY and p.kind == DEEMED), paid)),
        paid=tuple(paid),
        recognised=tuple(recognised),
    )


def last_counted(periods: Iterable[Period]) -> int | None:
    """The last month that counts, None without any."""
    return max((p.last for p in periods if p.counts), default=None)


def run_until(periods: Iterable[Period], month: int) -> int:
    """How many months without a break end with `month`, whatever the area or scheme (Art. 11: 连续参保)."""
    for first, last in union(periods):
        if first <= month <= last:
            return month - first + 1
    return 0


@dataclass(frozen=True, slots=True)
class Record:
    """A person's record once the months of another area have been added to the inbound area's own.

    `employee` and `resident` are the months of either scheme, `converted` the employee months that resident years are
    worth here (none where the area converts nothing). `own` and `brought` are the employee months before they were
    merged; `overlap` are the months that both areas hold, which count once (C-03 asks after them). `local` counts the
    employee months paid in the inbound area itself.
    """

    employee: Months
    resident: Months
    converted: int
    own: Months
    brought: Months
    overlap: tuple[tuple[int, int], ...]
    local: int

    @property
    def credited(self) -> int:
        """Months that count towards benefits in retirement."""
        return self.employee.total + self.converted


def taken_over(brought: Iterable[Period], policy: Policy) -> list[Period]:
    """The months as the inbound area writes them down: as paid, or as deemed where its `transferred_years_kind` is."""
    if policy.transferred_years_kind == DEEMED:
        return [replace(period, kind=DEEMED) for period in brought]
    return list(brought)


def merge(own: Iterable[Period], brought: Iterable[Period], *, area: str, policy: Policy) -> Record:
    """Add the months that were brought to those that the inbound `area` holds, under the inbound area's `policy`.

    Art. 12: years accumulate across areas; overlapping months count once. Military service counts as employee months.
    Resident years are worth `resident_year_conversion` months each where the area has that: whole years only, and never
    more than the resident months that are not employee months already.
    """
    here = list(own)
    there = taken_over(brought, policy)
    employee = tally(p for p in (*here, *there) if p.scheme == Scheme.EMPLOYEE)
    resident = tally(p for p in (*here, *there) if p.scheme == Scheme.RESIDENT)
    worth = resident.total // 12 * (policy.resident_year_conversion or 0)
    return Record(
        employee=employee,
        resident=resident,
        converted=min(worth, count(without(resident.ranges, employee.ranges))),
        own=tally(p for p in here if p.scheme == Scheme.EMPLOYEE),
        brought=tally(p for p in there if p.scheme == Scheme.EMPLOYEE),
        overlap=tuple(common(union(here), union(there))),
        local=count(
            union(p for p in here if p.scheme == Scheme.EMPLOYEE and p.kind == ACTUAL and p.area in ("", area))
        ),
    )


@dataclass(frozen=True, slots=True)
class Retirement:
    """How far a record goes towards benefits in retirement, in months. `sex` is 1 (male) or 2 (female)."""

    sex: str
    required: int
    credited: int
    missing: int
    local_required: int
    local: int
    local_missing: int

    @property
    def met(self) -> bool:
        return not self.missing and not self.local_missing


def towards_retirement(record: Record, policy: Policy, *, sex: str = "") -> tuple[Retirement, ...]:
    """What the inbound area's rule asks for (Art. 12 leaves it to the areas), for `sex`, or for both when not known.

    Nothing where the area's policy lays nothing down. Drawing a pension there is never asked for (Art. 12).
    """
    rules = (("1", policy.retire_years_male), ("2", policy.retire_years_female))
    local_required = (policy.min_local_years or 0) * 12
    return tuple(
        Retirement(
            sex=code,
            required=years * 12,
            credited=record.credited,
            missing=max(0, years * 12 - record.credited),
            local_required=local_required,
            local=record.local,
            local_missing=max(0, local_required - record.local),
        )
        for code, years in rules
        if years is not None and sex in ("", code)
    )


def impossible_rows(rows: Sequence[Mapping[str, Any]], *, until: date, at: str = "periods") -> dict[str, Named]:
    """What cannot be true of rows of well-formed months, by place such as `periods[2].to`.

    Rows that run backwards, into the future (after the month of `until`), or over another row of the same area, scheme
    and kind; and rows whose `months` are not those between `from` and `to`. Months of two areas, or both paid and
    deemed, count once: that is no error. Rows that do not count (reversed, refunds) clash with nothing.
    """
    problems: dict[str, Named] = {}
    seen: list[tuple[int, int, int, tuple[Any, ...]]] = []
    for index, row in enumerate(rows):
        place, first, last = f"{at}[{index}]", month_from_text(row["from"]), month_from_text(row["to"])
        if last > month_of(until):
            problems[f"{place}.to"] = Named("晚于本月，尚未发生", "it lies in the future")
        if last < first:
            problems[f"{place}.from"] = Named("起始月份晚于截止月份", "the period runs backwards")
            continue
        if row.get("months") is not None and row["months"] != last - first + 1:
            problems[f"{place}.months"] = Named(
                f"起止月份之间为{last - first + 1}个月", f"from and to hold {last - first + 1} months"
            )
        if row.get("reversed") or row.get("collection", "10") not in PAID:
            continue
        alike = (row.get("area", ""), row.get("scheme", ""), row.get("kind", ACTUAL))
        for other, begins, ends, before in seen:
            if first <= ends and begins <= last and before == alike:
                problems[place] = Named(f"与第{other + 1}条时段重叠", f"it overlaps with period {other + 1}")
                break
        seen.append((index, first, last, alike))
    return problems
