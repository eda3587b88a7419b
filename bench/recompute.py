"""W8, an amended calendar: open clocks are counted anew, each change an event and a letter, none lost or doubled."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.crew import Crew
from bench.dataset import Dataset
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from bench.models import PlainCase, PlainClock, PlainEvent, PlainLetter
from notifications.models import Letter
from transfers import memory
from transfers.actions.calendars import load
from transfers.models import CaseEvent, Clock, TransferCase
from transfers.rules.clockwork import recount
from transfers.rules.workdays import NATION, ZONE, Calendar, Notice, NoticeDay, due_instant
from transfers.sla import recompute as recomputing
from transfers.sla.calendars import calendar_for, edition_for, stored_notices
from transfers.sla.recompute import recompute, stale

SECONDS = 60.0
ONE_IN = 12  # so many clocks have been paused and resumed, and are counted from their events


@contextlib.contextmanager
def benchmark(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark. Each round a day within every limit becomes a day off, or a working day again."""
    day = dataset.accepted_at.date()
    swung = calendar_for(NATION).add(day, 4)
    paused = _pause_some(dataset, day)
    of_peer = size["clocks_of_slow_peer"]

    def ours(_number: int) -> Sample:
        before = CaseEvent.objects.filter(kind="calendar").count(), Letter.objects.count()
        began = time.perf_counter()
        amend(swung)
        done = recompute(now=timezone.now())
        seconds = time.perf_counter() - began
        events = CaseEvent.objects.filter(kind="calendar").count() - before[0]
        if not done.clocks == done.moved == done.told == events == dataset.cases or stale():
            raise Unfit(f"{done} and {events} events of {dataset.cases} clocks")
        return Sample(done.clocks / seconds, {"seconds": seconds})

    def plain(number: int) -> Sample:
        calendar = calendar_for(NATION)
        began = time.perf_counter()
        one_at_a_time(calendar, first=number * of_peer, count=of_peer)
        return Sample(of_peer / (time.perf_counter() - began))

    with Crew(1) as crew:
        yield Benchmark(
            name="W8",
            title="an amended calendar: count open clocks anew",
            unit="clocks/s",
            better="more",
            contenders=[
                Contender("plain", "peer", "one clock at a time, saved row by row", plain),
                Contender("ours", "ours", "load the notice, sla.recompute", ours),
            ],
            sizes={
                "open clocks": dataset.cases,
                "of them paused before": paused,
                "clocks a round of the slow peer": of_peer,
                "letters to people for each": 1,
            },
            targets=[Target("first", f"all in under {SECONDS:.0f} s", figure="seconds", at_most=SECONDS)],
            notes=["seconds is from the loading of the notice to the last letter, all clocks changing."],
            checks=lambda: [_killed(crew, dataset, swung)],
        )


def amend(swung: date) -> Notice:
    """Load the next version of that year's notice, in which `swung` is what it is not now."""
    memory.forget()
    year = [n for n in stored_notices() if (n.region, n.year) == (NATION, swung.year)]
    base = max(year, key=lambda notice: (not notice.provisional, notice.version))
    days = {entry.date: entry for entry in base.days}
    if swung in days:
        del days[swung]
    else:
        days[swung] = NoticeDay(swung, False, "基准测试假", "Benchmark holiday")
    version = max(notice.version for notice in year) + 1
    amended = replace(
        base,
        version=version,
        document_number=f"测试〔{swung.year}〕{version}号",
        days=tuple(sorted(days.values(), key=lambda entry: entry.date)),
    )
    load(amended, user_id=None, now=timezone.now())
    memory.forget()
    return amended


def _pause_some(dataset: Dataset, day: date) -> int:
    """Let one clock in `ONE_IN` have begun earlier and been paused, with the events that say so. Returns how many."""
    calendar = calendar_for(NATION)
    begun = day - timedelta(days=14)
    pause, resume = dataset.accepted_at - timedelta(days=13), dataset.accepted_at - timedelta(days=1)
    tally, due_on = recount(calendar, budget=10, begun=begun, history=[("pause", pause), ("resume", resume)])
    given: dict[str, Any] = {
        "one_in": ONE_IN, "started": dataset.accepted_at - timedelta(days=14), "used": tally.used,
        "paused": tally.paused, "until": tally.until, "due_on": due_on, "due_at": due_instant(due_on),
        "pause": pause, "resume": resume,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE transfers_clock SET started_at = %(started)s, used = %(used)s, paused_days = %(paused)s,"
            " counted_until = %(until)s, due_on = %(due_on)s, due_at = %(due_at)s, generation = 2"
            " WHERE id %% %(one_in)s = 0",
            given,
        )
        changed = cursor.rowcount
        cursor.execute("UPDATE transfers_transfercase SET due_at = %(due_at)s WHERE id %% %(one_in)s = 0", given)
        for number, did in enumerate(("pause", "resume"), start=3):
            cursor.execute(
                "INSERT INTO transfers_caseevent (case_id, version, at, kind, name, actor_kind, actor_name, side,"
                " from_state, to_state, from_money, to_money, reason, note, clocks, data)"
                " SELECT id, %(version)s, %(at)s, 'move', 'bench', 'system', '', 'system', '', '', '', '', '', '',"
                " jsonb_build_array(jsonb_build_object('kind', 'OUT', 'did', %(did)s::text)), '{}'"
                " FROM transfers_transfercase WHERE id %% %(one_in)s = 0",
                {**given, "version": number, "at": given[did], "did": did},
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE transfers_clock, transfers_transfercase, transfers_caseevent")
    return int(changed)


def one_at_a_time(calendar: Calendar, *, first: int, count: int) -> None:
    """The loop that one would write: lock one, count it, save it with its case, its event and its letter, go on."""
    for pk in range(first + 1, first + count + 1):
        with transaction.atomic():
            clock = PlainClock.objects.select_for_update().get(pk=pk)
            case = PlainCase.objects.select_for_update().get(pk=clock.case_id)
            old = clock.due_on
            history = [
                (entry["did"], event.at)
                for event in PlainEvent.objects.filter(case=case, kind="move").order_by("id")
                for entry in event.clocks
                if entry["did"] in ("pause", "resume")
            ]
            begun = clock.started_at.astimezone(ZONE).date()
            tally, due_on = recount(calendar, budget=clock.budget, begun=begun, history=history)
            clock.used, clock.paused_days, clock.counted_until = tally.used, tally.paused, tally.until
            clock.due_on, clock.due_at = due_on, due_instant(due_on)
            clock.save()
            case.due_at = clock.due_at
            case.save()
            PlainEvent.objects.create(
                case=case, at=timezone.now(), kind="calendar", name="due_moved", actor_kind="system", side="out",
                data={"old_due_on": str(old), "new_due_on": str(due_on)},
            )  # fmt: skip
            PlainLetter.objects.create(
                month=0, created_at=timezone.now(), channel="sms", template="calendar_moved", language="zh-hans",
                address=bytes(case.phone), subject_ref=case.number, status="pending", due_at=timezone.now(),
                next_attempt_at=timezone.now(), dedupe_key=f"calendar:{clock.pk}:{first}:{timezone.now()}",
                context={"number": case.number, "was": str(old), "due_on": str(due_on)},
            )  # fmt: skip


def _killed(crew: Crew, dataset: Dataset, swung: date) -> Check:
    """A run is killed in the middle of a batch, and the next goes on: every clock changed, told and recorded once."""
    amend(swung)
    target = edition_for(next(iter(Clock.objects.values_list("area_id", flat=True)[:1])))
    batches = dataset.cases // recomputing.BATCH // 2
    with contextlib.suppress(Unfit):  # the one that dies gives no answer
        crew.run(dying, [(batches,)])
    half = Clock.objects.filter(calendar=target).count()
    again = recompute(now=timezone.now())
    events = CaseEvent.objects.filter(kind="calendar", data__edition=target)
    found, cases = events.count(), events.values("case_id").distinct().count()
    letters = Letter.objects.filter(template="calendar_moved", dedupe_key__endswith=f":{target}:sms").count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id"
            " WHERE k.status = 'running' AND c.due_at = k.due_at AND k.calendar_id = %s",
            [target],
        )
        right = cursor.fetchone()[0]
    return Check(
        "killed midway and run again: none lost, none doubled",
        0 < half < dataset.cases
        and half + again.clocks == dataset.cases == cases == right == TransferCase.objects.count()
        and found == letters == dataset.cases
        and not stale(),
        f"{half} done when killed, {again.clocks} after; {found} events of {cases} cases, {letters} letters",
        "ours",
    )


def dying(batches: int) -> Callable[[], int]:
    """A process that is killed while it writes its `batches`-th batch."""
    connection.ensure_connection()

    def go() -> int:
        store, calls = recomputing._store_due, []

        def last(clocks: Any) -> None:
            store(clocks)
            calls.append(len(clocks))
            if len(calls) >= batches:
                os.kill(os.getpid(), signal.SIGKILL)

        recomputing._store_due = last
        recompute(now=timezone.now())
        return 0

    return go
