"""W2, the sweep: among many open clocks, those that are due each get their alarm, event and letters exactly once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection, transaction

from accounts.crypto import seal_value
from accounts.models import User
from bench.crew import Crew
from bench.dataset import Dataset, Group
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from bench.models import (
    LimitAlarm,
    LimitCase,
    LimitClock,
    LimitEvent,
    LimitLetter,
    PlainAlarm,
    PlainCase,
    PlainClock,
    PlainEvent,
    PlainLetter,
)
from notifications.models import ADDRESS_CONTEXT, Letter
from transfers.actions.sweep import sweep
from transfers.models import Alarm, CaseEvent
from transfers.sla.sweep import fire_due

LETTERS = 2  # a case that nobody owns: to the team lead, in the inbox and by e-mail
IDLE_CALLS = 40
JUST_AFTER = timedelta(minutes=1)
SWEEPERS = 3

# Everything that a sweep writes, in one statement. The address comes sealed, as SQL has no key.
_SWEEP = f"""
WITH due AS MATERIALIZED (
    SELECT k.id, k.case_id, k.generation, k.side, k.agency_id, k.due_on, k.plan -> k.done ->> 'code' AS rung,
        (k.plan -> k.done ->> 'at')::timestamptz AS planned_at,
        (k.plan -> (k.done + 1) ->> 'at')::timestamptz AS then_at
    FROM {LimitClock._meta.db_table} k WHERE k.next_at <= %(now)s ORDER BY k.next_at, k.id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE {LimitClock._meta.db_table} k SET done = k.done + 1, next_at = due.then_at FROM due WHERE k.id = due.id
), alarm AS (
    INSERT INTO {LimitAlarm._meta.db_table} (clock_id, case_id, generation, rung, planned_at, fired_at)
    SELECT id, case_id, generation, rung, planned_at, %(now)s FROM due
), event AS (
    INSERT INTO {LimitEvent._meta.db_table} (case_id, at, kind, name, actor_kind, actor_name, side, agency_id,
        from_state, to_state, from_money, to_money, reason, note, clocks, data)
    SELECT case_id, %(now)s, 'alarm', rung, 'system', '', side, agency_id, '', '', '', '', '', '', '[]',
        jsonb_build_object('clock', 'OUT', 'planned_at', planned_at, 'to', ARRAY['owner'],
            'zh', '剩余2个工作日', 'en', 'Two working days left') FROM due
), letter AS (
    INSERT INTO {LimitLetter._meta.db_table} (month, key, created_at, channel, template, language, recipient_id,
        address, subject_ref, context, digest_key, dedupe_key, status, due_at, next_attempt_at, sent_at, attempts,
        leased_by, last_error_code, last_error)
    SELECT 0, gen_random_uuid(), %(now)s, way.channel, 'alarm', u.language, u.id,
        CASE way.channel WHEN 'email' THEN %(address)s ELSE ''::bytea END, c.number,
        %(context)s::jsonb || jsonb_build_object('number', c.number, 'due_on', due.due_on),
        CASE way.channel WHEN 'email' THEN 'user:' || u.id ELSE '' END,
        'alarm:' || due.id || ':' || due.generation || ':' || due.rung || ':' || u.id || ':' || way.channel,
        way.status, %(now)s, %(now)s, CASE way.channel WHEN 'inbox' THEN %(now)s END, 0, '', '', ''
    FROM due JOIN {LimitCase._meta.db_table} c ON c.id = due.case_id
    JOIN transfers_membership m ON m.agency_id = due.agency_id AND m.role = 'supervisor'
    JOIN accounts_user u ON u.id = m.user_id
    CROSS JOIN (VALUES ('inbox', 'sent'), ('email', 'pending')) AS way(channel, status)
)
SELECT count(*) FROM due
"""  # nosec B608 - names of our tables


@contextlib.contextmanager
def benchmark(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark. One group of clocks comes due each round; the last group is for the race of several sweepers."""
    due, of_peer = size["due"], size["due_of_slow_peer"]
    context = letter_context()
    address = seal_value("lead.110000@example.com", context=ADDRESS_CONTEXT)
    race = dataset.groups[size["rounds"] + 1]

    def limit(number: int) -> Sample:
        now = dataset.groups[number].due_at + JUST_AFTER
        given: dict[str, Any] = {"now": now, "limit": 20_000, "context": context, "address": address}
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute(_SWEEP, given)
            done = cursor.fetchone()[0]
            return _rate(done, due, began)

    def plain(number: int) -> Sample:
        group = dataset.groups[number]
        _leave(PlainClock, group, of_peer)
        began = time.perf_counter()
        return _rate(one_at_a_time(group.due_at + JUST_AFTER, context), of_peer, began)

    def ours(number: int) -> Sample:
        began = time.perf_counter()
        fired = fire_due(now=dataset.groups[number].due_at + JUST_AFTER)
        sample = _rate(fired.alarms, due, began)
        return Sample(sample.value, _idle(dataset.groups[number].due_at + JUST_AFTER))

    with Crew(SWEEPERS) as crew:
        yield Benchmark(
            name="W2",
            title="sweep: fire what is due",
            unit="due/s",
            better="more",
            contenders=[
                Contender("limit", "limit", "every write in one SQL statement", limit),
                Contender("plain", "peer", "one row at a time, in the shape of healthchecks", plain),
                Contender("ours", "ours", "sla.sweep.fire_due", ours),
            ],
            sizes={
                "open clocks": dataset.cases,
                "due a round": due,
                "due a round of the slow peer": of_peer,
                "letters for each": LETTERS,
            },
            targets=[
                Target("first", "at least 0.8 of one statement", against="limit", at_least=0.8),
                Target("first", "at least 60 times one row at a time", against="plain", at_least=60),
                Target("first", "an idle sweep in at most 1 ms", figure="idle_ms", at_most=1.0),
                Target("far", "at least 4 times one statement", against="limit", at_least=4),
            ],
            notes=[
                "idle_ms is fire_due with nothing due, idle_whole_ms the whole sweep with supplements and prechecks.",
                "The limit is given the sealed address and writes no encryption of its own.",
            ],
            checks=lambda: [
                _exactly_once("ours", Alarm, CaseEvent, Letter, due * (size["rounds"] + 1)),
                _exactly_once("limit", LimitAlarm, LimitEvent, LimitLetter, due * (size["rounds"] + 1)),
                _race(crew, race),
            ],
        )


def _rate(done: int, expected: int, began: float) -> Sample:
    seconds = time.perf_counter() - began
    if done != expected:
        raise Unfit(f"{done} fired, but {expected} were due")
    return Sample(done / seconds)


def letter_context() -> str:
    """What our letters of an alarm say, in about the same length."""
    return json.dumps(
        {
            "name": "测**", "from_area": "广西壮族自治区南宁市", "to_area": "浙江省杭州市", "stage": "转出地待办理",
            "provisional": False, "console_link": "http://localhost:8000/console/transfers/transfercase/1/change/",
            "rung": "剩余2个工作日", "clock": "转出时限",
        },
        ensure_ascii=False,
    )  # fmt: skip


def _leave(clock: Any, group: Group, count: int) -> None:
    """Let only `count` clocks of the group be due, so that a slow peer ends in time."""
    clock.objects.filter(id__gte=group.first + count, id__lte=group.last).update(next_at=None)


def one_at_a_time(now: datetime, context: str) -> int:
    """The loop of healthchecks: take one that is due, claim it by a guarded update, write, commit, go on."""
    said, done = json.loads(context), 0
    while True:
        clock = PlainClock.objects.filter(next_at__lte=now).order_by("next_at").first()
        if clock is None:
            return done
        entry, behind = clock.plan[clock.done], clock.done + 1
        then = datetime.fromisoformat(clock.plan[behind]["at"]) if behind < len(clock.plan) else None
        with transaction.atomic():
            claimed = PlainClock.objects.filter(id=clock.id, next_at=clock.next_at).update(done=behind, next_at=then)
            if claimed != 1:
                continue
            case = PlainCase.objects.get(pk=clock.case_id)
            PlainAlarm.objects.create(
                clock=clock, case=case, generation=clock.generation, rung=entry["code"], planned_at=entry["at"],
                fired_at=now,
            )  # fmt: skip
            PlainEvent.objects.create(
                case=case, at=now, kind="alarm", name=entry["code"], actor_kind="system", side=clock.side,
                agency_id=clock.agency_id, data={"clock": clock.kind, "planned_at": entry["at"], "to": ["owner"]},
            )  # fmt: skip
            for lead in User.objects.filter(
                memberships__agency_id=clock.agency_id, memberships__role="supervisor", is_active=True
            ):
                for channel, status in (("inbox", "sent"), ("email", "pending")):
                    PlainLetter.objects.create(
                        month=0, created_at=now, channel=channel, template="alarm", language=lead.language,
                        recipient=lead, address=lead.email.encode(), subject_ref=case.number, status=status, due_at=now,
                        context={**said, "number": case.number, "due_on": str(clock.due_on)}, next_attempt_at=now,
                        sent_at=now if channel == "inbox" else None,
                        dedupe_key=f"alarm:{clock.pk}:{clock.generation}:{entry['code']}:{lead.pk}:{channel}",
                    )  # fmt: skip
        done += 1


def _idle(now: datetime) -> dict[str, float]:
    """Milliseconds of a sweep that finds nothing, the median of several."""
    found = {}
    for name, look in (("idle_ms", fire_due), ("idle_whole_ms", sweep)):
        took = []
        for _ in range(IDLE_CALLS):
            began = time.perf_counter()
            look(now=now)
            took.append(time.perf_counter() - began)
        found[name] = median(took) * 1000
    return found


def _exactly_once(of: str, alarm: Any, event: Any, letter: Any, expected: int) -> Check:
    alarms = alarm.objects.count()
    clocks = alarm.objects.values("clock_id").distinct().count()
    events = event.objects.filter(kind="alarm").count()
    letters = letter.objects.filter(template="alarm").count()
    return Check(
        "each alarm, event and letter exactly once",
        alarms == clocks == events == expected and letters == LETTERS * expected,
        f"{expected} due, {alarms} alarms of {clocks} clocks, {events} events, {letters} letters",
        of,
    )


def _race(crew: Crew, group: Group) -> Check:
    """Several sweepers at once on fresh clocks; one is killed in the middle, and the next sweep does what it left."""
    before = Alarm.objects.count(), Letter.objects.filter(template="alarm").count()
    now = group.due_at + JUST_AFTER
    with contextlib.suppress(Unfit):  # the one that dies gives no answer
        crew.run(sweeper, [(now, index == 0) for index in range(SWEEPERS)])
    deadline = time.monotonic() + 30  # the server notices a dead client and lets its rows go
    due = group.last - group.first + 1
    while Alarm.objects.count() < before[0] + due and time.monotonic() < deadline:
        fire_due(now=now)
    alarms = Alarm.objects.count() - before[0]
    letters = Letter.objects.filter(template="alarm").count() - before[1]
    events = CaseEvent.objects.filter(kind="alarm", at=now).count()
    return Check(
        f"{SWEEPERS} sweepers, one killed: none missed, none twice",
        alarms == events == due and letters == LETTERS * due,
        f"{due} due, {alarms} alarms, {events} events, {letters} letters",
        "ours",
    )


def sweeper(now: datetime, dies: bool) -> Callable[[], int]:
    """One of several sweepers in small batches; the one that `dies` is killed in the middle of its second batch."""
    connection.ensure_connection()

    def go() -> int:
        if not dies:
            return fire_due(now=now, batch=100).alarms
        from transfers.sla.sweep import fire_batch

        fire_batch(now=now, batch=100)
        with transaction.atomic():
            fire_batch(now=now, batch=100)
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    return go
