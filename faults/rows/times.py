"""Time and crowds: beat away for days, wrong clocks, messages that come twice and late, several of everything."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from threading import BrokenBarrierError
from typing import Any

import time_machine
from django.db import connection

from faults.courses import NEXT_TUESDAY, agency, due_cases, limits, statement_of
from faults.gateways import recorded
from faults.ground import Ground, Unfit
from faults.points import heard, rewritten
from faults.rows.killed import delivered
from faults.table import Fault, Outcome
from notifications import tasks as letters
from tests.world import IN, MONDAY, World, person
from transfers import tasks
from transfers.access import actor_for
from transfers.actions.statements import take_statement

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FRIDAY = NEXT_TUESDAY + 3 * DAY  # three working days after Tuesday
SWEEPERS = 4
# What a scheduler without a memory would do after an outage: what was missed is missed.
_MISSED = """
UPDATE transfers_clock k SET done = p.passed, next_at = (k.plan -> p.passed::int ->> 'at')::timestamptz
FROM (SELECT c.id, count(e) FILTER (WHERE (e ->> 'at')::timestamptz <= %s) AS passed
    FROM transfers_clock c, jsonb_array_elements(c.plan) e WHERE c.status = 'running' GROUP BY c.id) p
WHERE p.id = k.id
"""
# And one that does not know what it has done: everything that lies behind is due, again.
_UNDONE = """
UPDATE transfers_clock SET done = 0, next_at = (plan -> 0 ->> 'at')::timestamptz
WHERE status = 'running' AND jsonb_array_length(plan) > 0
"""
_NO_KEY = "ALTER TABLE transfers_alarm DROP CONSTRAINT alarm_once"
_FORGOTTEN = "UPDATE notifications_letter SET dedupe_key = dedupe_key || ':forgotten'"
# A sweep looks whether an alarm is there already.
_LOOKS = r'FROM "?transfers_alarm"? WHERE'


def execute(sql: str, *values: Any) -> None:
    """In the process at hand."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def swept(instants: list[datetime], before: Callable[[], None] = lambda: None) -> None:
    """One sweep at each of these."""
    for instant in instants:
        with time_machine.travel(instant, tick=True):
            before()
            tasks.sweep()


# --- beat away for three working days ---------------------------------------------------------------------


def hours(first: datetime, last: datetime) -> list[datetime]:
    """Every other hour from one to the other."""
    return [first + n * 2 * HOUR for n in range((last - first) // (2 * HOUR) + 1)]


def away(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Sweeps until Tuesday, none for three working days, then one; as if they had gone on all the time."""
    ground.template("sweep", due_cases)
    wanted = ground.reference("sweep", partial(swept, hours(MONDAY, FRIDAY)), at=MONDAY, called="away")

    def stopped() -> None:
        swept(hours(MONDAY, NEXT_TUESDAY))
        if not guarded:
            execute(_MISSED, FRIDAY)
        swept([FRIDAY])

    with ground.fresh("sweep"):
        ended = ground.process(stopped, at=MONDAY)
        if ended.error:
            raise Unfit(ended.error)
        outcome.add(ground.count(wanted), ground.verify(at=FRIDAY))


# --- wrong clocks ---------------------------------------------------------------------------------------


def clocks(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Two days ahead, an hour behind, right: in the end as if it had always been right."""
    ground.template("limits", limits)
    last = NEXT_TUESDAY + 2 * DAY + HOUR
    instants = [NEXT_TUESDAY + 2 * DAY, NEXT_TUESDAY - HOUR, NEXT_TUESDAY, last]
    wanted = ground.reference("limits", partial(swept, [NEXT_TUESDAY, last]), at=NEXT_TUESDAY)
    with ground.fresh("limits"):
        if guarded:
            ended = ground.process(partial(swept, instants), at=NEXT_TUESDAY)
        else:
            ground.sql(_NO_KEY)
            work = partial(swept, instants, partial(execute, _UNDONE))
            ended = ground.process(work, at=NEXT_TUESDAY, under=rewritten(_LOOKS, r"\g<0> false AND"))
        if ended.error:
            raise Unfit(ended.error)
        outcome.add(ground.count(wanted), ground.verify(at=last))
    outcome.note = "two days ahead, an hour behind, right again: what rang too early does not ring once more"


# --- messages twice, and late -----------------------------------------------------------------------------


def a_full_day(world: World) -> None:
    """Something to do for every task."""
    due_cases(world)
    world.carry(world.accepted(6, email="person6@example.com"), "approve_out")
    person(7)
    where, data, who = statement_of(world, first=11)
    assert who
    take_statement(actor_for(world.in_handler), where, data, now=MONDAY + DAY)


def every_message() -> None:
    """Each message that beat and nudges send, once."""
    with recorded():
        for task in (tasks.sweep, tasks.papers, tasks.digests, tasks.recompute, tasks.bank, tasks.reconcile):
            task()
        tasks.match(agency(IN))
        letters.drain()
        letters.tidy()


def twice(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Each message once, then again, by two workers at once, and then a day's worth of late ones."""
    ground.template("day", a_full_day)
    wanted = ground.reference("day", every_message, at=NEXT_TUESDAY)
    with ground.fresh("day"):
        ended = [ground.process(every_message, at=NEXT_TUESDAY)]
        if not guarded:
            ground.sql(_FORGOTTEN)
        ended += ground.processes([every_message, every_message], at=NEXT_TUESDAY)
        ended += [ground.process(every_message, at=NEXT_TUESDAY) for _ in range(2)]
        if errors := [one.error for one in ended if one.error]:
            raise Unfit(errors[0])
        outcome.add(ground.count(wanted) + delivered(ground), ground.verify(at=NEXT_TUESDAY))
    outcome.note = "each message five times, twice of them by two workers at once"


# --- several of everything --------------------------------------------------------------------------------


def crowd(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Four sweepers that begin together, each asked twice."""
    ground.template("sweep", due_cases)
    wanted = ground.reference("sweep", partial(swept, [NEXT_TUESDAY]), at=NEXT_TUESDAY, called="crowd")
    for _ in range(3):
        start = multiprocessing.get_context("fork").Barrier(SWEEPERS)
        with ground.fresh("sweep"):
            if not guarded:
                ground.sql(_NO_KEY)
            works = [partial(sweeper, start, guarded)] * SWEEPERS
            ended = ground.processes(works, at=NEXT_TUESDAY)
            if errors := [one.error for one in ended if one.error]:
                raise Unfit(errors[0])
            outcome.add(ground.count(wanted), ground.verify(at=NEXT_TUESDAY))
        if not guarded and outcome.found:
            return


def sweeper(start: Any, guarded: bool) -> None:
    """Two sweeps, begun with the others; without their guard all meet again when each has read and none has written."""

    def meet() -> None:
        try:
            start.wait(20)
        except BrokenBarrierError:
            return

    connection.ensure_connection()
    start.wait(60)
    with ExitStack() as off:
        if not guarded:
            met: list[str] = []

            def first(what: str) -> None:
                if what == "write" and not met:
                    met.append(what)
                    meet()

            off.enter_context(rewritten(r"FOR (NO KEY )?UPDATE( OF \S+)? SKIP LOCKED", ""))
            off.enter_context(heard(first))
        for _beat in range(2):
            tasks.sweep()


FAULTS = [
    Fault(
        "beat-away",
        "beat, stopped for three working days (simulated time)",
        "limits whose reminders and escalations come due",
        "beat's first tick when it is back",
        "the plan, and how far it has come, on the clock's own row",
        away,
    ),
    Fault(
        "clock",
        "the machine's clock: two days ahead, an hour behind, right again",
        "sweeps",
        "the next sweep at the right time",
        "how far the plan has come, and the unique key of an alarm (alarm_once)",
        clocks,
    ),
    Fault(
        "twice-and-late",
        "messages: each five times, to two workers at once, long after the work was done",
        "every task that beat asks for",
        "nothing needs to: a message carries no decision, the rows do",
        "once-only keys (letter_once, and states that say what is done)",
        twice,
    ),
    Fault(
        "crowd",
        "four sweepers at once, each asked by two beats",
        "a sweep of five cases",
        "nothing needs to: each skips what another holds",
        "SKIP LOCKED, and the unique key of an alarm (alarm_once)",
        crowd,
    ),
]
