"""The sweep: every alarm whose instant has come is fired once, however many sweepers run.

One batch is one transaction: clocks due now are claimed with SKIP LOCKED; alarm rows, events and letters are written
set-based; the clocks' `next_at` moves on. A sweeper that dies leaves its batch as it was. After an outage the rungs of
a clock fire in their order; the letters wait for the acting area's working hours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from accounts.models import User
from notifications import outbox
from notifications.outbox import Draft
from transfers import letters
from transfers.models import MOVES, Alarm, CaseEvent, Clock, TransferCase
from transfers.places import agency_of, furnish, lineage
from transfers.rules.ladder import Rung
from transfers.rules.parties import Role
from transfers.sla.calendars import calendar_for
from transfers.sla.clocks import policy_for

log = structlog.get_logger(__name__)
BATCH = 500
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


@dataclass(frozen=True, slots=True)
class _Due:
    clock: Clock
    rung: Rung
    planned_at: datetime
    not_before: datetime


def fire_due(*, now: datetime, batch: int = BATCH) -> Fired:
    """Fire everything due at `now`, batch by batch until nothing is left."""
    total = Fired()
    while True:
        fired = fire_batch(now=now, batch=batch)
        total += fired
        if fired.clocks < batch:
            return total


@transaction.atomic
def fire_batch(*, now: datetime, batch: int = BATCH) -> Fired:
    """One claimed batch. Re-reads under the lock with the same predicate, so a clock stopped meanwhile is left out."""
    clocks = list(
        Clock.objects.select_for_update(skip_locked=True).filter(next_at__lte=now).order_by("next_at", "id")[:batch]
    )
    if not clocks:
        return Fired()
    _fetch_cases(clocks)
    due: list[_Due] = []
    skipped = failed = 0
    for clock in clocks:
        done = clock.done
        try:
            reached, passed = _reached(clock, now)
        except Exception:  # one clock that cannot be read must not hold up the others
            log.exception("alarm_plan_unreadable", clock_id=clock.pk)
            clock.done, clock.next_at, failed = done, now + POISON_PAUSE, failed + 1
            continue
        due += reached
        skipped += passed
    fired = _claim(due, now)
    audience = _audience([item.clock for item in fired])
    drafts = [draft for item in fired for draft in _letters(item, audience)]
    CaseEvent.objects.bulk_create(
        CaseEvent(
            case_id=item.clock.case_id,
            at=now,
            kind="alarm",
            name=item.rung.code,
            actor_kind="system",
            side=item.clock.side,
            agency_id=item.clock.agency_id,
            data={
                "clock": item.clock.kind,
                "planned_at": item.planned_at.isoformat(),
                "to": list(item.rung.to),
                "zh": item.rung.zh,
                "en": item.rung.en,
            },
        )
        for item in fired
    )
    outbox.post(drafts, now=now)
    _move_on(clocks)
    return Fired(clocks=len(clocks), alarms=len(fired), skipped=skipped, failed=failed)


def _fetch_cases(clocks: list[Clock]) -> None:
    """Attach the cases, with their owners and places: one statement, and none at all when nothing is due."""
    ids = {clock.case_id for clock in clocks}
    cases = {case.pk: furnish(case) for case in TransferCase.objects.select_related("owner").filter(pk__in=ids)}
    for clock in clocks:
        clock.case = cases[clock.case_id]


def _move_on(clocks: list[Clock]) -> None:
    """Store how far each plan has come, in one statement for the batch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfers_clock AS k SET done = v.done, next_at = v.next_at"
            " FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[]) AS v(id, done, next_at) WHERE k.id = v.id",
            [[c.pk for c in clocks], [c.done for c in clocks], [c.next_at for c in clocks]],
        )


def _letters(item: _Due, audience: dict[tuple[str, Role], list[User]]) -> list[Draft]:
    """The letters of one rung; they wait for the acting area's working hours."""
    return letters.for_alarm(
        item.clock.case,
        item.clock,
        item.rung,
        _users(item, audience),
        tell_person="person" in item.rung.to,
        not_before=item.not_before,
    )


def _reached(clock: Clock, now: datetime) -> tuple[list[_Due], int]:
    """The rungs of one clock whose instant has come, in order; the clock is moved on past them."""
    policy = policy_for(clock)
    rungs = {rung.code: rung for rung in policy.rungs(clock.kind)}
    not_before = calendar_for(clock.area_id).next_working_moment(now, policy.opens_at, policy.closes_at)
    reached, passed = [], 0
    while clock.done < len(clock.plan):
        entry = clock.plan[clock.done]
        at = datetime.fromisoformat(entry["at"])
        if at > now:
            break
        clock.done += 1
        rung = rungs.get(entry["code"])
        if rung is None or (rung.when == "unclaimed" and clock.case.state not in UNCLAIMED):
            passed += 1
        else:
            reached.append(_Due(clock, rung, at, not_before))
    clock.next_at = datetime.fromisoformat(clock.plan[clock.done]["at"]) if clock.done < len(clock.plan) else None
    return reached, passed


def _claim(due: list[_Due], now: datetime) -> list[_Due]:
    """Write the alarm rows; only those that were not there already have been fired by us."""
    before = set(
        Alarm.objects.filter(clock__in={item.clock.pk for item in due}).values_list("clock_id", "generation", "rung")
    )
    fresh = [item for item in due if (item.clock.pk, item.clock.generation, item.rung.code) not in before]
    Alarm.objects.bulk_create(
        Alarm(
            clock=item.clock,
            case_id=item.clock.case_id,
            generation=item.clock.generation,
            rung=item.rung.code,
            planned_at=item.planned_at,
            fired_at=now,
        )
        for item in fresh
    )
    return fresh


def _audience(clocks: Iterable[Clock]) -> dict[tuple[str, Role], list[User]]:
    """(area code, role) -> users, for the acting areas and everything above them; one statement."""
    codes = {code for clock in clocks for code in lineage(clock.area_id)}
    found: dict[tuple[str, Role], list[User]] = defaultdict(list)
    areas = {agency.pk: code for code in codes if (agency := agency_of(code)) is not None}
    for agency_id, role, user in letters.members(areas, (Role.SUPERVISOR, Role.HEAD)):
        found[areas[agency_id], role].append(user)
    return found


def _users(item: _Due, audience: dict[tuple[str, Role], list[User]]) -> list[User]:
    """Who hears this rung. Where a rung names the owner and nobody owns the case, the team lead hears it."""
    chain = list(reversed(lineage(item.clock.area_id)))
    users: list[User] = []
    for who in item.rung.to:
        if who == "owner" and item.clock.case.owner is not None:
            users.append(item.clock.case.owner)
            continue
        levels, roles = ABOVE.get("lead" if who == "owner" else who, (0, ()))
        if levels < len(chain):
            users += [user for role in roles for user in audience.get((chain[levels], role), [])]
    return users
