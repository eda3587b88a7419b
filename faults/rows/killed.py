"""A process that is killed between any two writes of its work, and what takes the work up again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import psycopg

from faults.counting import Count, Rows
from faults.courses import COURSES, Course
from faults.gateways import handed
from faults.ground import Ground, Unfit
from faults.points import at_point, chosen, die, torn
from faults.table import Fault, Outcome
from notifications import leases

POINTS = 8
FOREVER = timedelta(days=36_500)
# What is taken away from the process that is killed, to see that it was needed.
GUARDS: dict[str, tuple[str, Callable[[], AbstractContextManager[Any]]]] = {
    "drain": (
        "a lease that runs out, and one idempotency key a message",
        lambda: patch.object(leases, "LEASE", FOREVER),
    )
}
ONE_TRANSACTION = "one transaction: all of it or nothing"


def points_of(ground: Ground, course: Course, *, under: AbstractContextManager[Any] | None = None) -> int:
    """How many points the work has, undisturbed."""
    facts = ground.template(course.name, course.seed)

    def counted() -> int:
        with at_point(0, die) as counter:
            course.act(facts)
        return counter.seen

    with ground.fresh(course.name):
        ended = ground.process(counted, at=course.at, under=under)
    if ended.error or not ended.answer:
        raise Unfit(f"{course.name} cannot be counted: {ended.error or 'it writes nothing'}")
    return int(ended.answer)


def dying(course: Course, facts: Any, point: int, how: Callable[[], None]) -> None:
    """The work of a process to which `how` happens at the point."""
    with at_point(point, how):
        course.act(facts)


def taken_up(ground: Ground, course: Course, wanted: Rows, outcome: Outcome) -> None:
    """Let the work be taken up again by a new process, and count."""
    facts = ground.template(course.name, course.seed)
    ended = ground.process(lambda: course.again(facts), at=course.again_at)
    count = ground.count(wanted) + delivered(ground)
    problems = ground.verify(at=course.again_at)
    outcome.add(count, [*problems, *([f"not taken up: {ended.error}"] if ended.error else [])])


def delivered(ground: Ground, given: Sequence[str] | None = None) -> Count:
    """What the gateway was given against what the letters say; it tells a repetition by its key."""
    with psycopg.connect(ground.here) as reader:
        marked = {key for (key,) in reader.execute(_MARKED)}
    keys = set(handed() if given is None else given)
    return Count(len(marked - keys), len(keys - marked))


_MARKED = """
SELECT key::text FROM notifications_letter WHERE channel IN ('sms', 'email') AND status = 'sent'
    AND (leader_id IS NULL OR leader_id = id)
"""


def run(name: str, ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Kill at the first, the last and some points between (without the guard until something is found)."""
    course = COURSES[name]
    wanted = course.reference(ground)
    facts = ground.template(course.name, course.seed)
    off = GUARDS[name][1] if name in GUARDS else torn
    count = points_of(ground, course, under=None if guarded else off())
    at = chosen(count, POINTS)
    again = 0
    for point in at:
        with ground.fresh(course.name):
            ended = ground.process(
                partial(dying, course, facts, point, die), at=course.at, under=None if guarded else off()
            )
            if not ended.killed:
                raise Unfit(f"{name} was not killed at point {point}: {ended.error}")
            before = len(handed())
            taken_up(ground, course, wanted, outcome)
            keys = handed()
            again += len(keys) - len(set(keys)) if before else 0
        if not guarded and outcome.found:
            return
    outcome.note = f"killed at {len(at)} of {count} points"
    if again:
        outcome.note += f"; {again} messages were handed over again under the key they had"


FAULTS = [
    Fault(
        f"kill-{course.name}",
        "the process, killed (SIGKILL) between two writes",
        course.what,
        course.again_is,
        GUARDS[course.name][0] if course.name in GUARDS else ONE_TRANSACTION,
        partial(run, course.name),
    )
    for course in COURSES.values()
]
