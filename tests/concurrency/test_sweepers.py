"""Several sweepers, and people who act while one sweeps: each rung once, nobody blocked, nothing undone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection

from notifications.models import Letter
from tests.concurrency.racing import SHORT, WAIT, Meeting, at_once, locking
from tests.sla.days import at
from tests.world import World
from transfers.actions.sweep import sweep
from transfers.models import Alarm, CaseEvent, Clock, TransferCase, rows
from transfers.selectors.verify import problems
from transfers.sla import clocks as sla_clocks
from transfers.sla import sweep as sla_sweep
from transfers.sla.sweep import fire_batch, fire_due

pytestmark = pytest.mark.django_db(transaction=True)
DUE = at("06-03")


def two_sweeps(monkeypatch: Any, *, guarded: bool) -> tuple[list[Any], bool]:
    """Two sweepers that have both read their clocks, and only then look which alarms have been written."""
    meeting = Meeting(timeout=SHORT if guarded else WAIT)
    claim = sla_sweep._claim

    def together(due: Any, now: Any) -> Any:
        meeting.here()
        return claim(due, now)

    monkeypatch.setattr(sla_sweep, "_claim", together)
    if not guarded:
        monkeypatch.setattr(sla_sweep, "_NEXT", sla_sweep._NEXT.partition(" FOR ")[0])
    return at_once(*(lambda: fire_batch(now=DUE) for _ in range(2))), meeting.met


def test_two_sweepers_fire_a_rung_once(committed, monkeypatch):
    case = committed.accepted()
    outcomes, met = two_sweeps(monkeypatch, guarded=True)
    assert not met, "the second skips what the first has claimed"
    assert sorted(fired.alarms for fired in outcomes) == [0, 1]
    assert Alarm.objects.filter(case=case).count() == 1
    assert CaseEvent.objects.filter(case=case, kind="alarm").count() == 1
    assert Letter.objects.filter(template="alarm", channel="inbox").count() == 1


def test_without_the_claim_the_unique_key_still_keeps_it_to_one(committed, monkeypatch):
    """The control: unlocked, both hold the same clock, and the loser's whole batch fails on the alarm's key."""
    case = committed.accepted()
    outcomes, met = two_sweeps(monkeypatch, guarded=False)
    assert met
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [IntegrityError]
    assert Alarm.objects.filter(case=case).count() == 1


def test_without_claim_and_key_a_rung_would_ring_twice(committed, monkeypatch):
    case = committed.accepted()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE transfers_alarm DROP CONSTRAINT alarm_once")
    try:
        outcomes, met = two_sweeps(monkeypatch, guarded=False)
        assert met
        assert [fired.alarms for fired in outcomes] == [1, 1]
        assert Alarm.objects.filter(case=case).count() == 2
        assert {problem.invariant for problem in problems(now=DUE)} == {"alarms"}
    finally:
        from tests.conftest import clean_tables

        clean_tables()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE transfers_alarm ADD CONSTRAINT alarm_once"
                " PRIMARY KEY (case_id, clock_id, generation, rung)"
            )


def test_sweepers_in_processes_of_their_own(committed):
    cases = [committed.accepted(serial) for serial in range(1, 5)]
    environment = os.environ | {
        "DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + connection.settings_dict["NAME"]
    }
    program = [sys.executable, "manage.py", "sweep", "--now", "2026-06-03T09:00:00+08:00"]
    root = Path(__file__).resolve().parents[2]
    running = [
        subprocess.Popen(program, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert Alarm.objects.count() == len(cases)
    assert {alarm.rung for alarm in Alarm.objects.all()} == {"unclaimed"}
    assert Letter.objects.filter(template="alarm", channel="inbox", recipient=committed.out_lead).count() == 4
    assert problems(now=DUE) == []


def somebody_waits_for_a_lock() -> None:
    """Return once another session of this database stands before a lock."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody ever waited")


def paused_midway(monkeypatch: Any, world: World) -> tuple[Any, Any]:
    """A sweeper that holds a clock until a handler, who pauses that very clock, stands before it."""
    case = world.carry(world.accepted(), "claim_out")
    holding = Event()
    claim = sla_sweep._claim

    def slowly(due: Any, now: Any) -> Any:
        holding.set()
        somebody_waits_for_a_lock()
        return claim(due, now)

    monkeypatch.setattr(sla_sweep, "_claim", slowly)

    def handler() -> Any:
        holding.wait(WAIT)
        return world.take(
            case, "request_supplement", world.out_handler, now=at("06-09", "09:00"), reason="Q-01", note="照片不清楚"
        )

    return at_once(lambda: fire_batch(now=at("06-09")), handler), case


def test_a_handler_who_pauses_a_clock_that_is_being_swept(committed, monkeypatch):
    """The sweeper's alarm needs the case's key while the handler holds the case and needs the sweeper's clock."""
    (fired, paused), case = paused_midway(monkeypatch, committed)
    assert not isinstance(fired, Exception), fired
    assert not isinstance(paused, Exception), paused
    assert fired.alarms == 1
    clock = Clock.objects.get(case=case, kind="OUT")
    assert clock.status == "paused"
    assert clock.plan == [], "the rung that the sweeper had fired is not kept for the resumption"
    monkeypatch.undo()
    committed.take(case, "provide_supplement", committed.out_handler, now=at("06-10"), note="已补")
    fire_due(now=at("07-31"))
    rungs = list(Alarm.objects.filter(case=case, clock=clock).values_list("rung", flat=True))
    assert sorted(rungs) == sorted(set(rungs))


def test_with_a_lock_on_the_key_sweeper_and_handler_would_deadlock(committed, monkeypatch):
    """The control: FOR UPDATE on the case also takes its key."""
    monkeypatch.setattr(rows, "read", locking(instead="FOR UPDATE"))
    outcomes, _case = paused_midway(monkeypatch, committed)
    assert [type(o) for o in outcomes if isinstance(o, Exception)] == [OperationalError]


def test_without_the_lock_on_clocks_the_rung_would_ring_again_after_the_pause(committed, monkeypatch):
    """The control: the handler reads the clock before the sweeper's work is there, and writes it back as it was."""
    monkeypatch.setattr(rows, "read", locking(instead="", of=Clock))
    (fired, paused), case = paused_midway(monkeypatch, committed)
    assert fired.alarms == 1
    assert not isinstance(paused, Exception), paused
    assert [entry["code"] for entry in Clock.objects.get(case=case, kind="OUT").plan] == ["unclaimed", "half"]


def test_a_sweeper_leaves_a_case_alone_that_somebody_holds(committed, monkeypatch):
    """Nobody waits for anybody: what is locked now is swept the next time."""
    case = committed.carry(committed.accepted(), "claim_out")
    entered, leave = Event(), Event()
    move = sla_clocks.Held.apply

    def held(*args: Any, **options: Any) -> Any:
        told = move(*args, **options)
        entered.set()
        leave.wait(WAIT)
        return told

    monkeypatch.setattr(sla_clocks.Held, "apply", held)

    def sweeper() -> Any:
        entered.wait(WAIT)
        try:
            return sweep(now=at("06-09"))
        finally:
            leave.set()

    handler = lambda: committed.take(  # noqa: E731
        case, "request_supplement", committed.out_handler, now=at("06-09"), reason="Q-01", note="照片不清楚"
    )
    swept, _done = at_once(sweeper, handler)
    assert swept.fired.clocks == 0
    assert TransferCase.objects.get(pk=case.pk).state == "OUT_SUPPLEMENT"
