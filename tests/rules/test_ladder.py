"""The instants of the ladder: at the opening of business after the days it names, counted independently."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sla.days import is_working, nth
from transfers.reference import files
from transfers.rules.ladder import Rung, plan
from transfers.rules.policy import resolve
from transfers.rules.workdays import ZONE, Calendar

REFERENCE = files.read()
CALENDAR = Calendar.from_notices(REFERENCE.notices)
NATIONAL = resolve([REFERENCE.policies[0].values])
NINE = time(9)


def planned(start: date, *, kind: str = "OUT", budget: int = 10, used: int = 0) -> dict[str, datetime]:
    rungs = NATIONAL.rungs(kind)
    return {
        p.code: p.at for p in plan(rungs=rungs, budget=budget, used=used, start=start, calendar=CALENDAR, opens_at=NINE)
    }


# Rungs of a limit of ten days, as domain rule 7 lists them: after so many used working days.
AFTER = {"unclaimed": 1, "half": 5, "T-2": 8, "due-day": 9, "T+0": 10, "T+1": 11, "T+3": 13, "T+5": 15, "T+10": 20}


@given(st.dates(date(2025, 1, 1), date(2026, 10, 31)))
def test_each_rung_is_the_morning_after_its_days(start: date) -> None:
    expected = {code: datetime.combine(nth(start, days + 1), NINE, tzinfo=ZONE) for code, days in AFTER.items()}
    assert planned(start) == expected


@given(st.dates(date(2025, 1, 1), date(2026, 10, 31)), st.integers(1, 10), st.integers(0, 12))
def test_instants_ascend_in_working_hours_and_after_the_start(start: date, budget: int, used: int) -> None:
    steps = plan(rungs=NATIONAL.rungs("OUT"), budget=budget, used=used, start=start, calendar=CALENDAR, opens_at=NINE)
    instants = [step.at for step in steps]
    assert instants == sorted(instants)
    assert all(at.date() > start and is_working(at.date()) for at in instants)
    assert {at.timetz() for at in instants} <= {NINE.replace(tzinfo=ZONE)}
    # A limit of one day is due on its first morning: nothing of it is used up then.
    assert {step.code for step in steps} == {
        rung.code
        for rung in NATIONAL.rungs("OUT")
        if rung.days_used(budget) > used or rung.days_used(budget) == used == 0
    }


def test_the_last_day_s_rung_is_on_the_last_day() -> None:
    start = date(2026, 6, 1)
    assert planned(start)["due-day"].date() == date(2026, 6, 15) == nth(start, 10)
    assert planned(start, budget=5, kind="IN")["due-day"].date() == nth(start, 5)


def test_a_limit_of_one_day_is_announced_on_that_day() -> None:
    start = date(2026, 6, 1)
    told = planned(start, budget=1)
    assert told["due-day"].date() == date(2026, 6, 2) == nth(start, 1)
    assert "due-day" not in planned(start, budget=1, used=1)


def test_a_resumed_limit_keeps_its_distance_to_the_end() -> None:
    start = date(2026, 6, 8)
    ahead = planned(start, used=7)
    assert "half" not in ahead
    assert ahead["T-2"].date() == nth(start, 2)
    assert ahead["T+0"].date() == nth(start, 4)


def test_the_national_ladder_is_the_one_of_the_rules() -> None:
    told = {rung.code: (rung.days_used(10), rung.to, rung.when) for rung in NATIONAL.rungs("OUT")}
    assert told == {
        "unclaimed": (1, ("lead",), "unclaimed"),
        "half": (5, ("owner",), ""),
        "T-2": (8, ("owner",), ""),
        "due-day": (9, ("owner", "lead"), ""),
        "T+0": (10, ("owner", "lead", "person"), ""),
        "T+1": (11, ("lead",), ""),
        "T+3": (13, ("head",), ""),
        "T+5": (15, ("province",), ""),
        "T+10": (20, ("nation",), ""),
    }


@pytest.mark.parametrize(("share", "budget", "days"), [(0.5, 10, 5), (0.5, 5, 3), (0.5, 1, 1), (0.25, 10, 3)])
def test_a_share_of_the_limit_is_rounded_up(share: float, budget: int, days: int) -> None:
    assert Rung("x", ("owner",), "甲", "a", share=share).days_used(budget) == days


@pytest.mark.parametrize(
    "wrong",
    [
        {"used": 1, "due": 1},
        {},
        {"used": 1, "to": ["everybody"]},
        {"used": 1, "when": "raining"},
        {"used": 1, "colour": "red"},
    ],
)
def test_a_rung_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Rung.from_data({"code": "x", "to": ["owner"], "zh": "甲", "en": "a", **wrong})
