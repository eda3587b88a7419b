"""The table: one row for each fault, what guards against it, and how both are tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from faults.counting import Count
from faults.ground import Ground, Unfit


@dataclass(slots=True)
class Outcome:
    """What a row found: how often the fault came about, what was lost or doubled, what `verify` said."""

    times: int = 0
    lost: int = 0
    doubled: int = 0
    problems: int = 0
    note: str = ""
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0
    unfit: str = ""

    @property
    def well(self) -> bool:
        """Nothing lost, nothing doubled, nothing wrong, and the fault did come about."""
        return not (self.lost or self.doubled or self.problems or self.unfit) and self.times > 0

    @property
    def found(self) -> bool:
        """Whether loss, doubling or a broken invariant was seen: what a control must see."""
        return bool(self.lost or self.doubled or self.problems)

    def add(self, count: Count, problems: list[str]) -> None:
        """Take in what was counted after one occurrence of the fault."""
        self.times += 1
        self.lost += count.lost
        self.doubled += count.doubled
        self.problems += len(problems)
        self.examples += [*count.examples, *problems[:3]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. `run` breaks and counts; told that the guard is off, it takes it away first and must find something."""

    name: str
    broken: str
    running: str
    recovers: str
    guard: str
    run: Callable[[Ground, Outcome, bool], None]


def tried(fault: Fault, ground: Ground, *, guarded: bool) -> Outcome:
    """One row from beginning to end; no program of it is left."""
    outcome, began = Outcome(), time.monotonic()
    try:
        fault.run(ground, outcome, guarded)
    except Unfit as error:
        outcome.unfit = str(error)
    finally:
        ground.leave()
        if ground.servers is not None:
            ground.servers.quiet()
        outcome.seconds = round(time.monotonic() - began, 1)
    return outcome
