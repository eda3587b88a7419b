"""How a limit in working days is counted (行政许可法 82; 民法典 201, 203). Pure arithmetic on dates.

The day a clock starts is not counted. A day on which it is paused belongs to the pause, and so does the day on which
it is resumed (the starting day of what is left). Hence every working day after the start is exactly one of: used, or
paused; and used + paused = the working days gone by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from transfers.rules.workdays import Calendar, due_instant, local_date


@dataclass(frozen=True, slots=True)
class Tally:
    """The account of one clock: every working day up to and including `until` is in `used` or in `paused`."""

    budget: int
    until: date
    used: int = 0
    paused: int = 0

    @property
    def left(self) -> int:
        """Working days left after `until`; zero or less when the limit has been used up."""
        return self.budget - self.used

    def due_on(self, calendar: Calendar, *, missed: date | None = None) -> date:
        """The last day of the limit if it runs on from `until`. A limit already used up keeps the day it `missed`."""
        if self.left <= 0 and missed is not None:
            return missed
        return calendar.add(self.until, max(self.left, 0))

    def run(self, calendar: Calendar, day: date) -> Tally:
        """Count the working days after `until`, up to and including `day`, as used."""
        return replace(self, used=self.used + calendar.count(self.until, day), until=max(self.until, day))

    def pause(self, calendar: Calendar, day: date) -> Tally:
        """Used up to the day before; `day` itself belongs to the pause."""
        return self.run(calendar, day - timedelta(days=1))

    def resume(self, calendar: Calendar, day: date) -> Tally:
        """Count the working days after `until`, up to and including `day`, as paused."""
        return replace(self, paused=self.paused + calendar.count(self.until, day), until=max(self.until, day))


def recount(
    calendar: Calendar,
    *,
    budget: int,
    begun: date,
    history: Iterable[tuple[str, datetime]],
    close_of_business: time | None = None,
) -> tuple[Tally, date]:
    """Count a limit of `budget` days from its starting day by `calendar`; returns the account and the last day.

    `history` is what happened to the clock since, in order: (pause | resume | redirect, instant). A pause after the
    limit's end on its last day comes too late, so that day is used. A clock that is paused keeps the last day that it
    had when it ran.
    """
    tally = Tally(budget=budget, until=begun)
    due_on = tally.due_on(calendar)
    for verb, at in history:
        today = local_date(at)
        if verb == "resume":
            tally = tally.resume(calendar, today)
        elif verb == "pause" and today == due_on and at >= due_instant(due_on, close_of_business):
            tally = tally.run(calendar, today)
        else:
            tally = tally.pause(calendar, today)
        if verb != "pause":
            due_on = tally.due_on(calendar, missed=due_on)
    return tally, due_on
