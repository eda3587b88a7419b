"""W6, the n-th working day after a date, beside packages that know Chinese holidays."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import chinese_calendar
import holidays
import numpy as np

from bench.dataset import Dataset
from bench.harness import Benchmark, Check, Contender, Sample, Target
from transfers.reference.files import read
from transfers.rules.workdays import Calendar

LONGEST = 30
Add = Callable[[date, int], date]


@contextlib.contextmanager
def benchmark(_cases: Dataset | None, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark over the years that official notices cover."""
    calendar = Calendar.from_notices(read().notices)
    first, last = calendar.covered_from, calendar.covered_until
    questions = _questions(first, last)
    chance = random.Random(6)
    fast = chance.choices(questions, k=size["calls"])
    few = fast[: size["calls_of_slow_peers"]]
    package, day_loop, vector = by_holidays(first, last), by_chinesecalendar, by_numpy(first, last)

    yield Benchmark(
        name="W6",
        title=f"the n-th working day after a date, {first.year} to {last.year}, n from 1 to {LONGEST}",
        unit="µs",
        better="less",
        contenders=[
            Contender("limit", "limit", "an empty call", _timing(lambda start, n: start, fast)),
            Contender("holidays", "peer", "holidays: get_nth_working_day", _timing(package, few)),
            Contender("chinesecalendar", "peer", "chinesecalendar: is_workday day by day", _timing(day_loop, few)),
            Contender("numpy", "peer", "numpy.busday_offset with the holidays", _timing(vector, few)),
            Contender("ours", "ours", "rules.workdays.Calendar.add", _timing(calendar.add, fast)),
        ],
        sizes={"calls a round": len(fast), "calls a round of slow peers": len(few), "questions": len(questions)},
        targets=[
            Target("first", "at most 1 µs", figure="value", at_most=1.0),
            Target("far", "at most 0.12 µs", figure="value", at_most=0.12),
        ],
        notes=[
            f"Our notices cover {first.year} to {last.year}, so answers are compared over those years only, "
            "with chinesecalendar as the reference, which enumerates the State Council's days by itself.",
            "numpy.busday_offset cannot be told of Saturdays and Sundays that are worked: it is fast and wrong.",
        ],
        checks=lambda: _checks(
            questions, {"ours": calendar.add, "holidays": package, "numpy": vector}, reference(first, last)
        ),
    )


def _questions(first: date, last: date) -> list[tuple[date, int]]:
    """Every start and n whose answer lies inside the covered days."""
    days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    answer = reference(first, last)
    return [(day, n) for day in days for n in range(1, LONGEST + 1) if answer(day, n) <= last]


def _timing(add: Add, questions: Sequence[tuple[date, int]]) -> Callable[[int], Sample]:
    def measure(_number: int) -> Sample:
        began = time.perf_counter()
        for start, n in questions:
            add(start, n)
        return Sample((time.perf_counter() - began) / len(questions) * 1e6)

    return measure


def by_chinesecalendar(start: date, n: int) -> date:
    """Ask the package about one day after another."""
    day = start
    while n:
        day += timedelta(days=1)
        n -= chinese_calendar.is_workday(day)
    return day


def by_holidays(first: date, last: date) -> Add:
    """The package's own function for it."""
    china = holidays.country_holidays("CN", years=range(first.year, last.year + 2))
    return china.get_nth_working_day


def by_numpy(first: date, last: date) -> Add:
    """Monday to Friday less the holidays: all that busday_offset can be told."""
    days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    off = [np.datetime64(day) for day in days if day.weekday() < 5 and chinese_calendar.is_holiday(day)]
    calendar = np.busdaycalendar(weekmask="1111100", holidays=off)

    def add(start: date, n: int) -> date:
        found = np.busday_offset(np.datetime64(start), n, roll="backward", busdaycal=calendar)
        answer: date = found.astype(date)
        return answer

    return add


def reference(first: date, last: date) -> Add:
    """chinesecalendar's days, counted once. Past the last day it answers `date.max`."""
    days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    working = [day for day in days if chinese_calendar.is_workday(day)]
    before, count = {}, 0
    for day in days:
        count += bool(count < len(working) and working[count] == day)
        before[day] = count

    def add(start: date, n: int) -> date:
        index = before[start] + n - 1
        return working[index] if index < len(working) else date.max

    return add


def _checks(questions: Sequence[tuple[date, int]], adds: dict[str, Add], right: Add) -> list[Check]:
    """How often each answers otherwise than the enumerated days. A peer that errs keeps its time; ours would not."""
    found = []
    for name, add in adds.items():
        asked = questions if name == "ours" else random.Random(60).sample(questions, 2000)
        wrong = sum(add(start, n) != right(start, n) for start, n in asked)
        of = name if name == "ours" else ""
        found.append(Check(f"the answers of {name}", wrong == 0, f"{wrong} of {len(asked)} wrong", of))
    return found
