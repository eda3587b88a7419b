"""The sweep: every alarm whose instant has come is fired once, however many sweepers run.

One batch is one transaction: clocks due now are claimed with SKIP LOCKED; alarm rows, events and letters are written
set-based; the clocks' `next_at` moves on. A sweeper that dies leaves its batch as it was. After an outage the rungs of
a clock fire in their order; the letters wait for the acting area's working hours.
"""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from accounts.models import User
from notifications import outbox
from notifications.outbox import Draft
from transfers import letters
from transfers.models import MOVES, Alarm, CaseEvent, Clock, TransferCase
from transfers.models.guards import write_new
from transfers.models.rows import array, read_some
from transfers.places import agency_of, furnish, lineage
from transfers.rules.ladder import Rung
from transfers.rules.parties import Role
from transfers.sla.calendars import calendar_for
from transfers.sla.clocks import policy_for

log = structlog.get_logger(__name__)
BATCH = 2000
POISON_PAUSE = timedelta(hours=1)
UNCLAIMED = frozenset(source for declared in MOVES.values() if declared.move.claims for source in declared.sources)
# Audience of a rung -> how many levels above the acting agency, and which roles there.
ABOVE = {
    "lead": (0, (Role.SUPERVISOR,)),
    "head": (0, (Role.HEAD,)),
    "province": (1, (Role.SUPERVISOR, Role.HEAD)),
    "nation": (2, (Role.SUPERVISOR, Role.HEAD)),
}


@dataclass(frozen=True, slots=True)
class Fired:
    """What a sweep did: `clocks` looked at, `alarms` fired, `skipped` rungs whose condition no longer
    held, `failed` clocks whose plan could not be read and that are tried again later.
    """

    clocks: int = 0
    alarms: int = 0
    skipped: int = 0
    failed: int = 0

    def __add__(self, other: Fired) -> Fired:
        return Fired(
            self.clocks + other.clocks,
            self.alarms + other.alarms,
            self.skipped + other.skipped,
            self.failed + other.failed,
        )


class _Due(NamedTuple):
    clock: Clock
    case: TransferCase
    rung: Rung
    planned: str
    not_before: datetime


# What a sweep reads of its clocks and of their cases; where a person is told, their addresses come with one more.
_CLOCK = (
    *("id", "case_id", "kind", "side", "area_id", "agency_id", "generation", "policy_id"),
    *("due_on", "provisional", "plan", "done"),
)
_CASE = (
    *("id", "number", "name", "language", "channel", "state", "acts", "owner_id"),
    *("outbound_area_id", "inbound_area_id", "outbound_agency_id", "inbound_agency_id"),
    *("outbound_policy_id", "inbound_policy_id", "failures"),
    *("supplement_reason", "supplement_note", "return_reason", "return_note", "end_reason"),
)
_ALARM = ("clock_id", "case_id", "generation", "rung", "planned_at", "fired_at")
_EVENT = (
    *("case_id", "at", "kind", "name", "actor_kind", "actor_name", "side", "agency_id"),
    *("from_state", "to_state", "from_money", "to_money", "reason", "note", "clocks", "data"),
)
# With the key left alone, an alarm that somebody else writes for one of these clocks waits for nobody.
_NEXT = "WHERE t.next_at <= %s ORDER BY t.next_at, t.id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED"
# By their cases, which say in which partition to look and begin the key.
_FIRED = "SELECT clock_id, generation, rung FROM transfers_alarm WHERE case_id = ANY(%s::bigint[])"


def fire_due(*, now: datetime, batch: int = BATCH) -> Fired:
    """Fire everything due at `now`, batch by batch until nothing is left."""
    total = Fired()
    while True:
        fired = fire_batch(now=now, batch=batch)
        total += fired
        if fired.clocks < batch:
            return total


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of reference cycles: a batch makes tens of thousands of objects, none of them in a cycle,
    and it would walk through them and the whole program with them again and again.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _meanwhile() -> Iterator[None]:
    """What is executed within is not waited for until the end: the database works at it while we do something else."""
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


@_uncollected()
@transaction.atomic
def fire_batch(*, now: datetime, batch: int = BATCH) -> Fired:
    """One claimed batch. Re-reads under the lock with the same predicate, so a clock stopped meanwhile is left out."""
    clocks = read_some(Clock, _CLOCK, _NEXT, [now, batch])
    if not clocks:
        return Fired()
    _fetch_cases(clocks)
    ladders = _Ladders(now)
    due: list[_Due] = []
    skipped = failed = 0
    for clock in clocks:
        done = clock.done
        try:
            reached, passed = _reached(clock, ladders)
        except SoftTimeLimitExceeded:
            raise  # the worker is about to end this task: nothing is wrong with the clock
        except Exception:  # one clock that cannot be read must not hold up the others
            log.exception("alarm_plan_unreadable", clock_id=clock.pk)
            clock.done, clock.next_at, failed = done, now + POISON_PAUSE, failed + 1
            continue
        due += reached
        skipped += passed
    fired = _claim(due, now)
    _record(fired, now)
    told = _letters(fired)
    with _meanwhile():
        _move_on(clocks)
        drafts = list(told)
    outbox.post_many(drafts, now=now)
    return Fired(clocks=len(clocks), alarms=len(fired), skipped=skipped, failed=failed)


def _fetch_cases(clocks: list[Clock]) -> None:
    """Attach the cases, with their places: one statement, and none at all when nothing is due."""
    ids = array({clock.case_id for clock in clocks})
    cases = {case.id: furnish(case) for case in read_some(TransferCase, _CASE, "WHERE t.id = ANY(%s::bigint[])", [ids])}
    attach = Clock._meta.get_field("case").set_cached_value
    for clock in clocks:
        attach(clock, cases[clock.case_id])


def _move_on(clocks: list[Clock]) -> None:
    """Store how far each plan has come, in one statement for the batch."""
    then = {at: "NULL" if at is None else at.isoformat() for at in {clock.next_at for clock in clocks}}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfers_clock AS k SET done = v.done, next_at = v.next_at"
            " FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[]) AS v(id, done, next_at) WHERE k.id = v.id",
            [array(c.id for c in clocks), array(c.done for c in clocks), array(then[c.next_at] for c in clocks)],
        )


class _Ladders:
    """The rungs of clocks, and when their areas next work: found once for all clocks of a batch that are alike."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._known: dict[tuple[int, str, str], tuple[dict[str, Rung], datetime]] = {}

    def of(self, clock: Clock) -> tuple[dict[str, Rung], datetime]:
        """By code, and the first moment in which people of the acting area may be told."""
        if clock.policy_id is None:  # that of its own case
            return self._found(clock)
        alike = (clock.policy_id, clock.kind, clock.area_id)
        if alike not in self._known:
            self._known[alike] = self._found(clock)
        return self._known[alike]

    def _found(self, clock: Clock) -> tuple[dict[str, Rung], datetime]:
        policy = policy_for(clock)
        moment = calendar_for(clock.area_id).next_working_moment(self.now, policy.opens_at, policy.closes_at)
        return {rung.code: rung for rung in policy.rungs(clock.kind)}, moment


def _reached(clock: Clock, ladders: _Ladders) -> tuple[list[_Due], int]:
    """The rungs of one clock whose instant has come, in order; the clock is moved on past them."""
    rungs, not_before = ladders.of(clock)
    case, reached, passed = clock.case, [], 0
    clock.next_at = None
    while clock.done < len(clock.plan):
        entry = clock.plan[clock.done]
        at = datetime.fromisoformat(entry["at"])
        if at > ladders.now:
            clock.next_at = at
            break
        clock.done += 1
        rung = rungs.get(entry["code"])
        if rung is None or (rung.when == "unclaimed" and case.state not in UNCLAIMED):
            passed += 1
        else:
            reached.append(_Due(clock, case, rung, at.isoformat(), not_before))
    return reached, passed


def _claim(due: list[_Due], now: datetime) -> list[_Due]:
    """Write the alarm rows; only those that were not there already have been fired by us."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRED, [array({item.clock.case_id for item in due})])
        before = set(cursor.fetchall())
    fresh = [item for item in due if (item.clock.id, item.clock.generation, item.rung.code) not in before]
    fired_at = str(now)
    write_new(
        Alarm,
        _ALARM,
        [(i.clock.id, i.clock.case_id, i.clock.generation, i.rung.code, i.planned, fired_at) for i in fresh],
    )
    return fresh


def _record(fired: list[_Due], now: datetime) -> None:
    """One event of its case for each rung."""
    told: dict[tuple[str, str, str], str] = {}
    rows, at = [], str(now)
    for item in fired:
        clock, rung = item.clock, item.rung
        alike = (clock.kind, rung.code, item.planned)
        if alike not in told:
            said = {"clock": clock.kind, "planned_at": item.planned, "to": rung.to, "zh": rung.zh, "en": rung.en}
            told[alike] = json.dumps(said, ensure_ascii=False)
        rows.append(
            (
                *(clock.case_id, at, "alarm", rung.code, "system", "", clock.side, clock.agency_id),
                *("", "", "", "", "", "", "[]", told[alike]),
            )
        )
    write_new(CaseEvent, _EVENT, rows)


def _letters(fired: list[_Due]) -> Iterator[Draft]:
    """The letters of these rungs; they wait for the acting area's working hours. Asks the database for what they need
    at once, and nothing afterwards.
    """
    audience = _Audience(fired)
    _fetch_addresses([item.case for item in fired if "person" in item.rung.to])
    heard = [audience.of(item) for item in fired]
    return (
        draft
        for item, users in zip(fired, heard, strict=True)
        for draft in letters.for_alarm(
            item.case,
            item.clock,
            item.rung,
            users,
            tell_person="person" in item.rung.to,
            not_before=item.not_before,
        )
    )


def _fetch_addresses(cases: list[TransferCase]) -> None:
    """Attach the addresses of those persons who are told something."""
    if not cases:
        return
    found = TransferCase.objects.filter(pk__in={case.pk for case in cases}).values_list("pk", "phone", "email")
    addresses = {pk: (phone, email) for pk, phone, email in found}
    for case in cases:
        case.phone, case.email = addresses[case.pk]


class _Audience:
    """Who hears the rungs of a batch: two statements for all of them."""

    def __init__(self, fired: list[_Due]) -> None:
        codes = {code for area in {item.clock.area_id for item in fired} for code in lineage(area)}
        areas = {agency.pk: code for code in codes if (agency := agency_of(code)) is not None}
        self._holders: dict[tuple[str, Role], list[User]] = defaultdict(list)
        for agency_id, role, user in letters.members(areas, (Role.SUPERVISOR, Role.HEAD)):
            self._holders[areas[agency_id], role].append(user)
        owners = {item.case.owner_id for item in fired if "owner" in item.rung.to}
        self._owners = User.objects.only("username", "display_name", "email", "language").in_bulk(owners - {None})
        self._known: dict[tuple[str, tuple[str, ...]], list[User]] = {}

    def of(self, item: _Due) -> list[User]:
        """Where a rung names the owner and nobody owns the case, the team lead hears it."""
        owner = self._owners.get(item.case.owner_id)
        to = item.rung.to
        if owner is None or "owner" not in to:
            return self._above(item.clock.area_id, to)
        return [owner, *self._above(item.clock.area_id, tuple(who for who in to if who != "owner"))]

    def _above(self, area: str, to: tuple[str, ...]) -> list[User]:
        if (area, to) not in self._known:
            chain = list(reversed(lineage(area)))
            users: list[User] = []
            for who in to:
                levels, roles = ABOVE.get("lead" if who == "owner" else who, (0, ()))
                if levels < len(chain):
                    users += [user for role in roles for user in self._holders.get((chain[levels], role), [])]
            self._known[area, to] = users
        return self._known[area, to]
