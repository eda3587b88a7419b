"""How a limit in working days is counted (行政许可法 82; 民法典 201, 203). Pure arithmetic on dates.

The day a clock starts is not counted. A day on which it is paused belongs to the pause, and so does the day on which
it is resumed (the starting day of what is left). Hence every working day after the start is exactly one of: used, or
paused; and used + paused = the working days gone by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from transfers.rules.workdays import Calendar


@dataclass(frozen=True, slots=True)
class Stretch:
    """A running stretch of a clock: since `start`, with `used` working days gone before it, of `budget`."""

    start: date
    used: int
    budget: int

    @property
    def left(self) -> int:
        """Working days left at the start of the stretch; zero or less when it is already overdue."""
        return self.budget - self.used

    def due_on(self, calendar: Calendar, *, previous: date | None = None) -> date:
        """The last day of the limit. An overdue clock keeps the day it missed (`previous`)."""
        if self.left <= 0 and previous is not None:
            return previous
        return calendar.add(self.start, max(self.left, 0))

    def used_by_end_of(self, calendar: Calendar, day: date) -> int:
        """Working days used when the clock is stopped on `day`, that day included."""
        return self.used + calendar.count(self.start, day)

    def used_when_paused(self, calendar: Calendar, day: date) -> int:
        """Working days used when the clock is paused on `day`; that day itself belongs to the pause."""
        return self.used + calendar.count(self.start, max(self.start, day - timedelta(days=1)))
