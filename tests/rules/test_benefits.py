"""Benefit advice against the table of domain §2.1: expected values are written from the articles.

医保办发〔2021〕43号 Art. 10 and 11; 国办发〔2024〕38号 for the resident scheme.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.benefits import Advice, Result, advise, advise_on, first_day, gap_between
from transfers.rules.facts import AreaFacts, EnrolmentFact
from transfers.rules.months import Period, month_from_text
from transfers.rules.parties import Named
from transfers.rules.policy import Policy

TODAY = date(2026, 6, 15)
LAST = month_from_text("2026-02")
EMPLOYEE, CHANGES = [("310", "310")], [("310", "390"), ("390", "310")]
WAITS = range(7)  # waiting_max_months, 0–6


def ask(there: str, here: str, gap: int, consecutive: int = 60, **policy: Any) -> Advice:
    return advise(
        outbound_scheme=there,
        inbound_scheme=here,
        last_paid=LAST,
        first_paid=LAST + 1 + gap,
        consecutive_months=consecutive,
        policy=Policy(**policy),
        today=TODAY,
        sources=("330100 v3 丙号",),
    )


@pytest.mark.parametrize(
    ("last", "first", "gap"),
    [
        ("2026-02", "2026-03", 0),
        ("2026-02", "2026-04", 1),
        ("2026-02", "2026-06", 3),
        ("2025-11", "2026-03", 3),
        ("2025-11", "2026-04", 4),
        ("2026-02", "2026-02", 0),
        ("2026-02", "2025-12", 0),
    ],
)
def test_the_gap_is_the_months_strictly_between(last: str, first: str, gap: int) -> None:
    assert gap_between(month_from_text(last), month_from_text(first)) == gap


# (direction, consecutive months) -> the rows of the table; every gap and every policy goes through them.
PROMISED = [(*pair, months) for pair, months in product(EMPLOYEE, (0, 6, 23, 24, 300))] + [
    (*pair, months) for pair, months in product(CHANGES, (24, 25, 300))
]
NOT_PROMISED = [(*pair, months) for pair, months in product(CHANGES, (0, 1, 23))]


@pytest.mark.parametrize(("there", "here", "months"), PROMISED)
@pytest.mark.parametrize("wait", WAITS)
def test_the_table_where_the_nation_promises(there: str, here: str, months: int, wait: int) -> None:
    article = "第十条" if there == here else "第十一条"
    for gap in range(14):
        advice = ask(there, here, gap, months, waiting_max_months=wait)
        assert advice.gap_months == gap
        paid_from = first_day(LAST + 1 + gap)
        if gap == 0:
            assert (advice.result, advice.waiting_months, advice.benefits_from) == (Result.CONTINUOUS, 0, paid_from)
            assert not advice.retroactive
            assert advice.back_payment_by is None
        elif gap <= 3:
            assert (advice.result, advice.waiting_months, advice.benefits_from) == (Result.BACK_PAY, 0, paid_from)
            assert advice.retroactive
            # The fourth month after February: March, April and May may be missed, June is paid.
            assert advice.back_payment_by == date(2026, 6, 30)
        else:
            assert (advice.result, advice.waiting_months) == (Result.WAITING, wait)
            assert advice.benefits_from == first_day(LAST + 1 + gap + wait)
            assert not advice.retroactive
            assert advice.switch == "waiting_max_months"
        assert advice.basis[0].endswith(article if gap <= 3 else "第十一条")
        assert advice.sources == ("330100 v3 丙号",)


@pytest.mark.parametrize(("there", "here", "months"), NOT_PROMISED)
def test_under_two_years_a_change_of_scheme_is_the_inbound_area_s_matter(there: str, here: str, months: int) -> None:
    for gap in range(14):
        advice = ask(there, here, gap, months)
        assert advice.result is Result.LOCAL
        assert (advice.gap_months, advice.waiting_months, advice.benefits_from) == (gap, None, None)
        assert advice.back_payment_by is None
        assert advice.basis == ("医保办发〔2021〕43号 第十一条",)


def test_a_wait_by_hand() -> None:
    """Paid to February, again from July (four months missed); Jiangsu waits three: July to September, half paid."""
    advice = ask("310", "310", 4, waiting_max_months=3, waiting_benefit_rate=Decimal("0.5"))
    assert (advice.waiting_months, advice.wait_ends_on) == (3, date(2026, 9, 30))
    assert (advice.benefits_from, advice.waiting_rate) == (date(2026, 10, 1), Decimal("0.5"))
    assert "2026-09-30" in advice.zh
    assert "50%" in advice.zh
    assert "50%" in advice.en


@pytest.mark.parametrize(
    ("last", "by"),
    [("2026-02", date(2026, 6, 30)), ("2025-10", date(2026, 2, 28)), ("2023-10", date(2024, 2, 29))],
)
def test_the_last_day_of_back_payment(last: str, by: date) -> None:
    month = month_from_text(last)
    advice = advise(
        outbound_scheme="310",
        inbound_scheme="310",
        last_paid=month,
        first_paid=month + 3,
        consecutive_months=9,
        policy=Policy(),
        today=TODAY,
    )
    assert advice.back_payment_by == by
    assert f"{by}" in advice.zh
    # A payment in that month still leaves three months between; one in the next month leaves four.
    assert gap_between(month, by.year * 12 + by.month - 1) == 3


# --- residents --------------------------------------------------------------------------------------------
def residents(covered: int, first: str, **more: Any) -> Advice:
    return advise(
        outbound_scheme="390",
        inbound_scheme="390",
        last_paid=month_from_text(f"{covered}-12"),
        first_paid=month_from_text(first),
        consecutive_months=36,
        policy=Policy(waiting_max_months=0),
        today=TODAY,
        **more,
    )


@pytest.mark.parametrize(
    ("covered", "first", "result", "missed", "wait", "benefits"),
    [
        (2026, "2026-07", Result.NOT_THIS_YEAR, 0, None, None),
        (2025, "2026-01", Result.CONTINUOUS, 0, 0, date(2026, 1, 1)),
        # 3 + n: outside the enrolment period; one, two, three missed years.
        (2025, "2026-05", Result.WAITING, 0, 3, date(2026, 8, 1)),
        (2024, "2026-01", Result.WAITING, 1, 4, date(2026, 5, 1)),
        (2023, "2026-01", Result.WAITING, 2, 5, date(2026, 6, 1)),
        (2022, "2026-03", Result.WAITING, 3, 6, date(2026, 9, 1)),
        # Four years or more: at least six in all.
        (2021, "2026-01", Result.WAITING, 4, 7, date(2026, 8, 1)),
        (2018, "2026-01", Result.WAITING, 7, 10, date(2026, 11, 1)),
        # The rule is from 2025.
        (2022, "2024-01", Result.LOCAL, 1, None, None),
    ],
)
def test_residents_wait_three_months_and_one_for_each_missed_year(
    covered: int, first: str, result: Result, missed: int, wait: int | None, benefits: date | None
) -> None:
    advice = residents(covered, first)
    assert (advice.result, advice.missed_years) == (result, missed)
    assert (advice.waiting_months, advice.benefits_from) == (wait, benefits)


def test_residents_who_pay_for_missed_years_wait_less_but_six_after_a_long_break() -> None:
    assert residents(2023, "2026-01", repaired_years=2).waiting_months == 3
    assert residents(2021, "2026-01", repaired_years=1).waiting_months == 6
    assert residents(2021, "2026-01", repaired_years=4).waiting_months == 6
    assert residents(2021, "2026-01", repaired_years=9).waiting_months == 6


def test_the_enrolment_period_is_where_the_registry_says_so() -> None:
    assert residents(2025, "2026-02", in_window=True).result is Result.CONTINUOUS
    assert residents(2025, "2026-01", in_window=False).waiting_months == 3


# --- what is not known ------------------------------------------------------------------------------------
@pytest.mark.parametrize(("there", "here"), list(product(("310", "390"), repeat=2)))
def test_without_a_paid_month_nothing_is_promised(there: str, here: str) -> None:
    advice = advise(
        outbound_scheme=there,
        inbound_scheme=here,
        last_paid=None,
        first_paid=None,
        consecutive_months=0,
        policy=Policy(),
        today=TODAY,
    )
    assert advice.result is Result.UNKNOWN
    assert (advice.gap_months, advice.waiting_months, advice.back_payment_by) == (None, None, None)


def test_not_enrolled_yet_counts_as_enrolling_this_month() -> None:
    advice = advise(
        outbound_scheme="310",
        inbound_scheme="310",
        last_paid=LAST,
        first_paid=None,
        consecutive_months=9,
        policy=Policy(),
        today=TODAY,
    )
    assert advice.assumed
    assert (advice.gap_months, advice.result) == (3, Result.BACK_PAY)
    assert not ask("310", "310", 1).assumed


@pytest.mark.parametrize(("there", "here"), list(product(("310", "390"), repeat=2)))
def test_medical_costs_are_worded_by_the_inbound_area(there: str, here: str) -> None:
    advice = ask(there, here, 2, medical_costs_zh="本地的说明", medical_costs_en="The area's own words")
    assert (advice.costs.zh, advice.costs.en) == ("本地的说明", "The area's own words")
    assert advice.costs_there is None


def test_medical_costs_are_worded_by_the_outbound_area_too() -> None:
    into, out = AreaFacts("330100"), AreaFacts("450100", periods=(paid("2024-02", "2026-02", "450100"),))
    there = Policy(medical_costs_zh="转出地的说明", medical_costs_en="The outbound area's words")
    more = {"outbound_scheme": "310", "inbound_scheme": "310", "policy": Policy(), "today": TODAY}
    advice = advise_on(outbound=out, inbound=into, outbound_policy=there, **more)
    assert advice.costs == Named(Policy().medical_costs_zh, Policy().medical_costs_en)
    assert advice.costs_there == Named("转出地的说明", "The outbound area's words")


# --- from the facts of both areas -------------------------------------------------------------------------
def paid(first: str, last: str, area: str, scheme: str = "310", **more: Any) -> Period:
    return Period(month_from_text(first), month_from_text(last), area=area, scheme=scheme, **more)


def on_facts(out: AreaFacts, into: AreaFacts, there: str = "310", here: str = "310", today: date = TODAY) -> Advice:
    return advise_on(
        outbound=out, inbound=into, outbound_scheme=there, inbound_scheme=here, policy=Policy(), today=today
    )


def test_months_are_read_off_both_records() -> None:
    out = AreaFacts(
        "450100", periods=(paid("2024-02", "2026-02", "450100"), paid("2026-03", "2026-03", "450100", reversed=True))
    )
    into = AreaFacts("330100", periods=(paid("2020-01", "2020-03", "330100"), paid("2026-05", "2026-06", "330100")))
    advice = on_facts(out, into)
    assert (advice.gap_months, advice.consecutive_months, advice.result) == (2, 25, Result.BACK_PAY)
    assert advice.benefits_from == date(2026, 5, 1)


def test_without_a_payment_yet_the_enrolment_s_first_day_counts() -> None:
    out = AreaFacts("450100", periods=(paid("2024-02", "2026-02", "450100"),))
    into = AreaFacts("330100", (EnrolmentFact("310", "1", "测试甲", valid_from=date(2026, 7, 9)),))
    assert on_facts(out, into).gap_months == 4
    suspended = AreaFacts("330100", (EnrolmentFact("310", "2", "测试甲", valid_from=date(2026, 7, 9)),))
    assert on_facts(out, suspended).assumed


def test_paid_in_both_places_at_once_is_no_gap() -> None:
    out = AreaFacts("450100", periods=(paid("2024-02", "2026-02", "450100"),))
    into = AreaFacts("330100", periods=(paid("2025-12", "2026-06", "330100"),))
    assert on_facts(out, into).result is Result.CONTINUOUS


def test_months_brought_here_before_are_no_first_month_here() -> None:
    """A record that came from a third area is not a payment here."""
    out = AreaFacts("450100", periods=(paid("2024-02", "2026-02", "450100"),))
    into = AreaFacts("330100", periods=(paid("2026-03", "2026-03", "510100"), paid("2026-06", "2026-06", "330100")))
    assert on_facts(out, into).gap_months == 3


def test_two_years_count_across_schemes_and_areas() -> None:
    """Art. 11 asks for two years of basic medical insurance, whichever: one as a resident, then one as an employee."""
    out = AreaFacts(
        "450100", periods=(paid("2024-01", "2024-12", "450100", "390"), paid("2025-01", "2025-12", "450100"))
    )
    into = AreaFacts("330100", periods=(paid("2026-02", "2026-06", "330100", "390"),))
    advice = on_facts(out, into, "310", "390")
    assert (advice.consecutive_months, advice.result) == (24, Result.BACK_PAY)


def test_a_resident_enrolled_here_last_year_goes_on_this_year() -> None:
    out = AreaFacts("450100", periods=(paid("2026-01", "2026-12", "450100", "390"),))
    into = AreaFacts("330100", (EnrolmentFact("390", "1", "测试甲", valid_from=date(2026, 7, 1)),))
    assert on_facts(out, into, "390", "390", date(2026, 9, 1)).result is Result.NOT_THIS_YEAR
    assert on_facts(out, into, "390", "390", date(2027, 2, 1)).result is Result.CONTINUOUS


# --- properties -------------------------------------------------------------------------------------------
directions = st.sampled_from([*EMPLOYEE, *CHANGES])
waits = st.integers(0, 6)


@given(directions, waits, st.integers(24, 400), st.integers(0, 60), st.integers(0, 60))
def test_advice_is_monotone_in_the_gap(pair: tuple[str, str], wait: int, months: int, gap: int, more: int) -> None:
    """A longer gap never means less of a wait, earlier benefits, or back-payment where a shorter one had none."""
    order = [Result.CONTINUOUS, Result.BACK_PAY, Result.WAITING]
    shorter = ask(*pair, gap, months, waiting_max_months=wait)
    longer = ask(*pair, gap + more, months, waiting_max_months=wait)
    assert order.index(shorter.result) <= order.index(longer.result)
    assert (shorter.waiting_months or 0) <= (longer.waiting_months or 0) <= wait
    assert shorter.benefits_from is not None
    assert longer.benefits_from is not None
    assert shorter.benefits_from <= longer.benefits_from


@given(st.integers(2000, 2029), st.integers(2000, 2029), st.integers(1, 12))
def test_residents_wait_no_less_after_a_longer_break(covered: int, earlier: int, month: int) -> None:
    covered, earlier = max(covered, earlier), min(covered, earlier)
    short, long = residents(covered, f"2030-{month:02d}"), residents(earlier, f"2030-{month:02d}")
    assert (short.waiting_months or 0) <= (long.waiting_months or 0)


@given(directions, waits, st.integers(0, 400), st.integers(0, 60))
def test_figures_agree_with_one_another(pair: tuple[str, str], wait: int, months: int, gap: int) -> None:
    advice = ask(*pair, gap, months, waiting_max_months=wait)
    assert advice.zh
    assert advice.en
    assert (advice.wait_ends_on is not None) == bool(advice.waiting_months)
    if advice.wait_ends_on is not None and advice.benefits_from is not None:
        assert (advice.benefits_from - advice.wait_ends_on).days == 1
    assert (advice.back_payment_by is not None) == advice.retroactive == (advice.result is Result.BACK_PAY)
