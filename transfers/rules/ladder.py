"""The ladder of alarms of one clock: which rung, at which instant, told to whom.

A rung is a number of *used* working days. It fires at the opening of business of the first working day after that
many whole working days have passed, so nobody is woken at night or on a holiday. `T-2` of a limit of 10 is the rung
of 8 used days (two are left); `T-1` therefore falls on the morning of the due day; `T+0` is the first working
moment after the limit has passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import ceil
from typing import Any

from transfers.rules.parties import Named
from transfers.rules.workdays import Calendar, opening

AUDIENCES = ("owner", "lead", "head", "province", "nation", "person")


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung. Exactly one of `used` (days from the start), `share` (of the budget) and `due` (days from the limit).

    `when` narrows it: `unclaimed` fires only while nobody has claimed the case. `to` lists audiences:
    owner, lead, head, province, nation, person. `clocks` lists the kinds of clock it belongs to.
    """

    code: str
    to: tuple[str, ...]
    zh: str
    en: str
    used: int | None = None
    share: float | None = None
    due: int | None = None
    when: str = ""
    clocks: tuple[str, ...] = ("OUT", "IN")

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Rung:
        """A rung from its JSON object; ValueError says what is wrong."""
        rung = cls(**{**data, "to": tuple(data["to"]), "clocks": tuple(data.get("clocks", ("OUT", "IN")))})
        if sum(value is not None for value in (rung.used, rung.share, rung.due)) != 1:
            raise ValueError(f"rung {rung.code}: give exactly one of used, share, due")
        if unknown := set(rung.to) - set(AUDIENCES):
            raise ValueError(f"rung {rung.code}: unknown audience {', '.join(sorted(unknown))}")
        if rung.when not in ("", "unclaimed"):
            raise ValueError(f"rung {rung.code}: unknown condition {rung.when}")
        return rung

    @property
    def named(self) -> Named:
        return Named(self.zh, self.en)

    def days_used(self, budget: int) -> int:
        """After how many used working days of a limit of `budget` this rung fires."""
        if self.used is not None:
            return self.used
        if self.share is not None:
            return ceil(budget * self.share)
        return budget + (self.due or 0)


@dataclass(frozen=True, slots=True)
class Planned:
    """A rung with its instant."""

    code: str
    at: datetime


def plan(
    *,
    rungs: Sequence[Rung],
    budget: int,
    used: int,
    start: date,
    calendar: Calendar,
    opens_at: time,
) -> list[Planned]:
    """The instants of the rungs still ahead of a clock that runs from `start` with `used` of `budget` days gone.

    Ascending by instant; rungs that were reached before `start` are left out (they fired, or are carried over).
    """
    planned: list[Planned] = []
    for rung in rungs:
        at_used = rung.days_used(budget)
        # Reached before: it fired, or is carried over. A limit of one day is due on its first morning, after no days.
        if at_used < used or (at_used == used and used > 0) or at_used < 0:
            continue
        # The opening of the working day after `at_used - used` more working days have been used up.
        day = calendar.add(start, at_used - used + 1)
        planned.append(Planned(rung.code, opening(day, opens_at)))
    return sorted(planned, key=lambda p: (p.at,))
