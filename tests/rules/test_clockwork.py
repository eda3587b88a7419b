"""The algebra of a limit: used + paused = the working days gone by, whatever is paused and resumed when."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sla.days import gone_by, is_working, nth
from transfers.reference import files
from transfers.rules.clockwork import Tally, recount
from transfers.rules.workdays import ZONE, Calendar, local_date

CALENDAR = Calendar.from_notices(files.read().notices)
starts = st.dates(date(2025, 1, 1), date(2026, 6, 30))
gaps = st.lists(st.integers(0, 20), max_size=8)


def d(text: str) -> date:
    return date.fromisoformat(text)


@given(starts, gaps, st.integers(1, 15))
def test_every_working_day_is_used_or_paused(start: date, steps: list[int], budget: int) -> None:
    """Pause and resume in turn: nothing is lost, nothing counted twice, and the limit moves by what was paused."""
    tally, day, running = Tally(budget, start), start, True
    for gap in steps:
        day += timedelta(days=gap)
        tally = tally.pause(CALENDAR, day) if running else tally.resume(CALENDAR, day)
        running = not running
        assert tally.used + tally.paused == gone_by(start, tally.until)
        assert tally.until in (day, day - timedelta(days=1)) or tally.until == start
    if running and tally.left > 0:
        due = tally.due_on(CALENDAR)
        assert gone_by(start, due) == budget + tally.paused
        assert due == nth(start, budget + tally.paused)


@given(starts, st.integers(0, 30), st.integers(1, 12))
def test_an_unpaused_limit_is_the_nth_working_day(start: date, later: int, budget: int) -> None:
    tally = Tally(budget, start)
    assert tally.due_on(CALENDAR) == nth(start, budget)
    day = start + timedelta(days=later)
    ran = tally.run(CALENDAR, day)
    assert ran.used == gone_by(start, day)
    assert ran.run(CALENDAR, day) == ran, "the same day twice counts once"
    assert ran.run(CALENDAR, start) == ran, "a clock never runs backwards"


@given(starts, st.integers(0, 25), st.integers(0, 25))
def test_a_pause_costs_its_working_days_and_no_more(start: date, until_pause: int, length: int) -> None:
    pause = start + timedelta(days=until_pause)
    resume = pause + timedelta(days=length)
    tally = Tally(100, start).pause(CALENDAR, pause).resume(CALENDAR, resume)
    inside = [pause + timedelta(days=n) for n in range(length + 1)]
    assert tally.paused == sum(is_working(day) for day in inside if day > start)


@pytest.mark.parametrize(
    ("pause", "resume", "due"),
    [
        ("2026-06-05", "2026-06-08", "2026-06-17"),  # Friday to Monday: two working days, the weekend none
        ("2026-06-06", "2026-06-07", "2026-06-15"),  # inside a weekend: nothing
        ("2026-06-01", "2026-06-01", "2026-06-15"),  # on the day of the start: nothing
        ("2026-06-03", "2026-06-03", "2026-06-16"),  # paused and resumed on one day: that day
        ("2026-06-18", "2026-06-22", "2026-06-15"),  # after the limit: it stays missed
    ],
)
def test_pauses_by_hand(pause: str, resume: str, due: str) -> None:
    start = d("2026-06-01")
    missed = Tally(10, start).due_on(CALENDAR)
    tally = Tally(10, start).pause(CALENDAR, d(pause)).resume(CALENDAR, d(resume))
    assert tally.due_on(CALENDAR, missed=missed) == d(due)


def test_days_left() -> None:
    assert [Tally(10, d("2026-06-01"), used=n).left for n in (0, 9, 10, 12)] == [10, 1, 0, -2]


# --- from the start and the pauses -----------------------------------------------------------------------------


def test_counting_from_the_start_gives_what_was_counted_on_the_way() -> None:
    """Whatever a clock went through, its start and its pauses are enough to count it again."""
    start = date(2026, 6, 1)
    for pause in range(0, 25, 2):
        for length in range(0, 12, 3):
            stop, go = (at(start + timedelta(days=n)) for n in (pause, pause + length))
            tally = Tally(budget=10, until=start)
            due = tally.due_on(CALENDAR)
            tally = tally.pause(CALENDAR, local_date(stop))
            paused = recount(CALENDAR, budget=10, begun=start, history=[("pause", stop)])
            assert paused == (tally, due)
            tally = tally.resume(CALENDAR, local_date(go))
            running = recount(CALENDAR, budget=10, begun=start, history=[("pause", stop), ("resume", go)])
            assert running == (tally, tally.due_on(CALENDAR, missed=due))


@pytest.mark.parametrize(("hour", "used"), [(16, 9), (17, 10)])
def test_a_pause_after_the_close_of_the_last_day_comes_too_late(hour: int, used: int) -> None:
    stop = datetime(2026, 6, 15, hour, tzinfo=ZONE)
    tally, due = recount(
        CALENDAR, budget=10, begun=date(2026, 6, 1), history=[("pause", stop)], close_of_business=time(17)
    )
    assert (tally.used, due) == (used, date(2026, 6, 15))


def at(day: date) -> datetime:
    return datetime.combine(day, time(10), tzinfo=ZONE)
