"""Contribution months: a union, never a sum (医保办发〔2021〕43号 Art. 12)."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.months import (
    COLLECTIONS,
    DEEMED,
    MILITARY,
    Period,
    common,
    count,
    impossible_rows,
    last_counted,
    merge,
    month_from_text,
    month_of,
    month_text,
    run_until,
    taken_over,
    tally,
    towards_retirement,
    union,
    without,
)
from transfers.rules.policy import Policy

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


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_only_collections_that_pay_for_months_count(collection: str) -> None:
    """clct_type: 10 正常, 30 补收, 32 一次性补收, 33 退休补收 pay for months; 20 退收 and 40 账户注入 do not."""
    expected = 0 if collection in ("20", "40") else 12
    assert tally([Period(BASE, BASE + 11, collection=collection)]).total == expected


def test_by_kind_and_merged() -> None:
    """Paid 2010, served 2009-07 to 2010-06: 18 months in one range, 12 paid and 6 deemed by service."""
    paid = Period(BASE, BASE + 11)
    served = Period(BASE - 6, BASE + 5, DEEMED, ground=MILITARY)
    counted = tally([served, paid, Period(BASE + 24, BASE + 24, DEEMED)])
    assert (counted.actual, counted.deemed, counted.military, counted.total) == (12, 7, 6, 19)
    assert counted.ranges == ((BASE - 6, BASE + 11), (BASE + 24, BASE + 24))
    assert counted.paid == ((BASE, BASE + 11),)
    assert counted.recognised == ((BASE - 6, BASE - 1), (BASE + 24, BASE + 24))


def test_the_last_month_and_the_run_that_ends_with_it() -> None:
    rows = [Period(BASE, BASE + 5), Period(BASE + 7, BASE + 11), Period(BASE + 12, BASE + 13, area="450100")]
    assert last_counted(rows) == BASE + 13
    assert last_counted([*rows, Period(BASE + 14, BASE + 14, reversed=True)]) == BASE + 13
    assert last_counted([]) is None
    assert run_until(rows, BASE + 13) == 7
    assert run_until(rows, BASE + 8) == 2
    assert run_until(rows, BASE + 6) == 0


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


# --- what comes from another area -------------------------------------------------------------------------
def span(first: str, last: str, area: str = "330100", scheme: str = "310", kind: str = "actual", **more: str) -> Period:
    return Period(month_from_text(first), month_from_text(last), kind, area, scheme, **more)


def test_two_records_merge_and_the_overlap_is_told() -> None:
    """Own: 2019-11 to 2020-02 (4). Brought: 2018-01 to 2020-01 (25). Both hold 2019-11 to 2020-01 (3): 26 in all."""
    record = merge([span("2019-11", "2020-02")], [span("2018-01", "2020-01", "450100")], area="330100", policy=Policy())
    assert (record.own.total, record.brought.total, record.employee.total) == (4, 25, 26)
    assert record.overlap == ((month_from_text("2019-11"), month_from_text("2020-01")),)
    assert (record.credited, record.local, record.converted) == (26, 4, 0)


def test_only_what_was_paid_in_the_area_itself_is_local() -> None:
    own = [
        span("2020-01", "2020-12"),
        span("2021-01", "2021-12", "510100"),  # came from a third area earlier
        span("2022-01", "2022-12", kind="deemed"),
        span("2023-01", "2023-12", scheme="390"),
    ]
    assert merge(own, [], area="330100", policy=Policy()).local == 12


def test_transferred_years_count_as_the_inbound_area_says() -> None:
    """Tianjin: deemed. Elsewhere as they were paid; months paid here too stay paid ones."""
    brought = [span("2018-01", "2019-12", "450100")]
    own = [span("2019-07", "2020-06")]
    plain = merge(own, brought, area="120000", policy=Policy())
    assert (plain.employee.actual, plain.employee.deemed) == (30, 0)
    tianjin = merge(own, brought, area="120000", policy=Policy(transferred_years_kind="deemed"))
    assert (tianjin.employee.actual, tianjin.employee.deemed, tianjin.employee.total) == (12, 18, 30)
    assert [p.kind for p in taken_over(brought, Policy(transferred_years_kind="deemed"))] == ["deemed"]
    assert taken_over(brought, Policy()) == brought


def test_military_service_counts_as_employee_months() -> None:
    served = span("2012-09", "2014-08", "450100", kind="deemed", ground=MILITARY)
    record = merge([], [served, span("2015-01", "2015-12", "450100")], area="330100", policy=Policy())
    assert (record.employee.total, record.employee.military, record.employee.deemed) == (36, 24, 24)
    assert record.credited == 36


@pytest.mark.parametrize(("rate", "converted"), [(None, 0), (3, 6), (12, 24)])
def test_resident_years_convert_where_the_area_has_it(rate: int | None, converted: int) -> None:
    """Two whole resident years and five months: the months beyond whole years convert to nothing."""
    brought = [span("2018-01", "2020-05", "450100", "390")]
    record = merge([span("2021-01", "2021-06")], brought, area="330100", policy=Policy(resident_year_conversion=rate))
    assert (record.resident.total, record.employee.total, record.converted) == (29, 6, converted)
    assert record.credited == 6 + converted


def test_a_month_that_is_an_employee_month_already_is_not_converted_too() -> None:
    brought = [span("2018-01", "2019-12", "450100", "390")]
    own = [span("2018-07", "2019-12")]
    record = merge(own, brought, area="330100", policy=Policy(resident_year_conversion=12))
    assert (record.converted, record.credited) == (6, 24), "six of the 24 months are left to convert"
    assert count(record.overlap) == 18


def test_what_is_missing_for_retirement_in_all_and_locally() -> None:
    """Guangdong by 2030: 30 years for men, 25 for women, 10 of them paid there. 20 years and 4 of them here."""
    policy = Policy(retire_years_male=30, retire_years_female=25, min_local_years=10)
    own, brought = [span("2022-01", "2025-12", "440100")], [span("2006-01", "2021-12", "450100")]
    record = merge(own, brought, area="440100", policy=policy)
    (man,) = towards_retirement(record, policy, sex="1")
    assert (man.required, man.credited, man.missing) == (360, 240, 120)
    assert (man.local_required, man.local, man.local_missing) == (120, 48, 72)
    assert not man.met
    assert [found.missing for found in towards_retirement(record, policy)] == [120, 60]
    assert towards_retirement(record, Policy()) == (), "nothing laid down, nothing asked"


@pytest.mark.parametrize(("months", "met"), [(299, False), (300, True), (301, True)])
def test_the_edge_of_retirement(months: int, met: bool) -> None:
    policy = Policy(retire_years_male=30, retire_years_female=25)
    record = merge([Period(BASE, BASE + months - 1, area="440100")], [], area="440100", policy=policy)
    (woman,) = towards_retirement(record, policy, sex="2")
    assert (woman.met, woman.missing) == (met, max(0, 300 - months))


policies = st.builds(
    Policy,
    transferred_years_kind=st.sampled_from(["actual", "deemed"]),
    resident_year_conversion=st.sampled_from([None, 1, 6, 12]),
)
anywhere = st.builds(
    lambda first, length, kind, area, scheme: Period(BASE + first, BASE + first + length, kind, area, scheme),
    st.integers(0, 200),
    st.integers(0, 40),
    st.sampled_from(["actual", "deemed"]),
    st.sampled_from(["330100", "450100"]),
    st.sampled_from(["310", "390"]),
)
records = st.lists(anywhere, max_size=6)


@given(records, records, policies)
def test_merged_is_never_more_than_both_and_never_less_than_either(
    own: list[Period], brought: list[Period], policy: Policy
) -> None:
    record = merge(own, brought, area="330100", policy=policy)
    assert max(record.own.total, record.brought.total) <= record.employee.total
    assert record.employee.total <= record.own.total + record.brought.total
    assert record.employee.actual + record.employee.deemed == record.employee.total
    assert record.local <= record.own.actual
    assert record.converted <= record.resident.total
    assert record.credited <= sum(p.last - p.first + 1 for p in (*own, *brought))


@given(records, records, policies, anywhere)
def test_another_period_never_lowers_the_record(
    own: list[Period], brought: list[Period], policy: Policy, extra: Period
) -> None:
    before = merge(own, brought, area="330100", policy=policy)
    for after in (
        merge([*own, extra], brought, area="330100", policy=policy),
        merge(own, [*brought, extra], area="330100", policy=policy),
    ):
        assert after.employee.total >= before.employee.total
        assert after.resident.total >= before.resident.total
        assert after.credited >= before.credited
        assert after.local >= before.local
        assert set(_months(before.overlap)) <= set(_months(after.overlap))


@given(records, records, policies, st.randoms())
def test_the_order_of_rows_does_not_matter(
    own: list[Period], brought: list[Period], policy: Policy, chance: object
) -> None:
    before = merge(own, brought, area="330100", policy=policy)
    own, brought = list(own), list(brought)
    chance.shuffle(own)  # type: ignore[attr-defined]
    chance.shuffle(brought)  # type: ignore[attr-defined]
    assert merge(own, brought, area="330100", policy=policy) == before


@given(many, many)
def test_ranges_in_common_and_left_over(these: list[Period], those: list[Period]) -> None:
    left, right = months(these), months(those)
    assert set(_months(common(union(these), union(those)))) == left & right
    assert set(_months(without(union(these), union(those)))) == left - right


def _months(ranges: object) -> list[int]:
    return [month for first, last in ranges for month in range(first, last + 1)]  # type: ignore[attr-defined]


# --- rows that cannot be ----------------------------------------------------------------------------------
def test_every_impossible_row_is_named_by_its_place() -> None:
    rows = [
        {"from": "2020-01", "to": "2020-12", "area": "450100", "months": 12},
        {"from": "2021-06", "to": "2021-01", "area": "450100"},
        {"from": "2026-05", "to": "2026-07", "area": "450100"},
        {"from": "2020-12", "to": "2021-03", "area": "450100"},
        {"from": "2022-01", "to": "2022-12", "area": "450100", "months": 11},
    ]
    found = impossible_rows(rows, until=date(2026, 6, 30), at="outbound.periods")
    assert sorted(found) == [
        "outbound.periods[1].from",
        "outbound.periods[2].to",
        "outbound.periods[3]",
        "outbound.periods[4].months",
    ]
    assert all(text.zh and text.en for text in found.values())


@pytest.mark.parametrize(
    "other",
    [{"area": "330100"}, {"kind": "deemed"}, {"scheme": "390"}, {"reversed": True}, {"collection": "20"}],
)
def test_what_counts_once_or_not_at_all_is_no_error(other: dict[str, object]) -> None:
    row = {"from": "2020-01", "to": "2020-12", "area": "450100", "scheme": "310"}
    assert impossible_rows([row, row | other], until=date(2026, 6, 30)) == {}
    assert impossible_rows([row, row], until=date(2026, 6, 30)).keys() == {"periods[1]"}
