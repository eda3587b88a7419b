"""Contribution months: a union, never a sum (医保办发〔2021〕43号 Art. 12)."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.months import DEEMED, Period, count, month_from_text, month_of, month_text, tally, union

BASE = 2010 * 12
periods = st.builds(
    lambda first, length, kind, undone: Period(BASE + first, BASE + first + length, kind, reversed=undone),
    st.integers(0, 200),
    st.integers(0, 40),
    st.sampled_from(["actual", "deemed"]),
    st.booleans(),
)
many = st.lists(periods, max_size=12)


def months(rows: list[Period], kind: str | None = None) -> set[int]:
    """The months one by one: the plainest way to count them."""
    return {
        month
        for row in rows
        if not row.reversed and kind in (None, row.kind)
        for month in range(row.first, row.last + 1)
    }


@pytest.mark.parametrize(
    ("spans", "total"),
    [
        ([], 0),
        ([("2020-05", "2026-04")], 72),
        ([("2020-01", "2020-12"), ("2020-06", "2021-03")], 15),
        ([("2020-01", "2020-12"), ("2021-01", "2021-12")], 24),
        ([("2020-01", "2020-12"), ("2020-03", "2020-04")], 12),
        ([("2020-01", "2020-01"), ("2020-01", "2020-01")], 1),
    ],
)
def test_figures_by_hand(spans: list[tuple[str, str]], total: int) -> None:
    rows = [Period(month_from_text(first), month_from_text(last)) for first, last in spans]
    assert tally(rows).total == total


def test_a_deemed_month_that_was_also_paid_is_a_paid_one() -> None:
    paid = Period(BASE, BASE + 11)
    deemed = Period(BASE + 6, BASE + 17, DEEMED)
    counted = tally([paid, deemed])
    assert (counted.actual, counted.deemed, counted.total) == (12, 6, 18)


def test_reversed_rows_do_not_count() -> None:
    """revs_flag + and -: a pair that cancels out."""
    assert tally([Period(BASE, BASE + 11, reversed=True)]).total == 0


@given(many)
def test_counted_as_one_by_one(rows: list[Period]) -> None:
    counted = tally(rows)
    assert counted.total == len(months(rows))
    assert counted.actual == len(months(rows, "actual"))
    assert counted.deemed == counted.total - counted.actual
    assert {m for first, last in counted.ranges for m in range(first, last + 1)} == months(rows)


@given(many)
def test_never_more_than_the_sum_and_ranges_are_disjoint(rows: list[Period]) -> None:
    assert tally(rows).total <= sum(row.last - row.first + 1 for row in rows)
    ranges = union(rows)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))
    assert count(ranges) == tally(rows).total


@given(many, st.randoms())
def test_the_order_does_not_matter(rows: list[Period], chance: object) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tally(shuffled) == tally(rows)


@given(many, periods)
def test_another_period_never_takes_months_away(rows: list[Period], extra: Period) -> None:
    assert tally([*rows, extra]).total >= tally(rows).total
    assert tally([*rows, *rows]) == tally(rows)


@given(st.dates(date(1950, 1, 1), date(2099, 12, 31)))
def test_months_are_read_back_as_written(day: date) -> None:
    assert month_text(month_of(day)) == f"{day:%Y-%m}"
    assert month_from_text(f"{day:%Y-%m}") == month_of(day)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "2026/01", "abcd-ef", "２０２６-01"]
)
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        month_from_text(text)


def test_a_period_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        Period(BASE + 1, BASE)
