"""When notices change, every open clock moves to the calendar that holds now: once, whole, and resumably.

A clock carries the edition of the calendar that it counts by (`Clock.calendar`). One whose edition is not its area's
current one is stale, and that is the whole memory of the work: a run that was killed leaves the rest stale, and
whoever comes next, the scheduled sweep at the latest, goes on with it. One batch is one transaction; it locks the cases
and then their clocks, as the one door does, and writes clocks, cases, events and letters set-based.

What is recomputed: the used and paused days (from the start and the recorded pauses), the last day, the alarms ahead.
A rung that has rung does not ring again; one whose instant is now past rings at the next sweep, in order. Stopped
clocks are history and keep their edition. Each clock whose last day or plan changed leaves one event, and where a
promise moved the person gets a letter; staff get one letter that sums up, when all is done.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Count, Min, QuerySet
from django.db.models.fields.json import KeyTextTransform

from accounts.models import User
from notifications import outbox
from transfers import letters
from transfers.memory import forget
from transfers.models import Alarm, CalendarEdition, CaseEvent, Clock, TransferCase
from transfers.places import furnish
from transfers.policies import pinned_policy
from transfers.rules.clockwork import Tally, recount
from transfers.rules.ladder import plan
from transfers.rules.parties import Named, Role
from transfers.rules.policy import Policy
from transfers.rules.routes import ClockKind
from transfers.rules.workdays import Calendar, due_instant, local_date, opening
from transfers.sla.calendars import calendar_for, edition, edition_for
from transfers.sla.clocks import RUNNING, STOPPED, policy_for

log = structlog.get_logger(__name__)
BATCH = 1000
KIND = "calendar"
# Limits whose last day the person has been told: what the agencies promised, and what is theirs to do.
PROMISES = frozenset(kind.value for kind in (ClockKind.OUT, ClockKind.IN, ClockKind.SUPPLEMENT, ClockKind.RETURN))
_VERBS = frozenset({"pause", "resume", "redirect"})
_LOCK = 0x4A58_5243  # "JXRC": one batch at a time, by whichever process


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a run did: `clocks` looked at, `moved` (each left one event), `told` letters to people, `failed` clocks
    that could not be counted and stay stale, `staff` who were sent the sum.
    """

    clocks: int = 0
    moved: int = 0
    told: int = 0
    failed: int = 0
    staff: int = 0

    def __add__(self, other: Recomputed) -> Recomputed:
        return Recomputed(
            self.clocks + other.clocks,
            self.moved + other.moved,
            self.told + other.told,
            self.failed + other.failed,
            self.staff + other.staff,
        )


@dataclass(frozen=True, slots=True)
class Stale:
    """The open clocks of one area that count by `edition` (None: by an unknown one), which is not the current one."""

    edition: int | None
    area: str


def stale() -> list[Stale]:
    """What is left to do; empty when every open clock counts by the calendar that holds now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT calendar_id, area_id FROM transfers_clock WHERE status <> 'stopped'")
        pairs = [Stale(*row) for row in cursor.fetchall()]
    return sorted(
        (pair for pair in pairs if pair.edition != edition_for(pair.area)),
        key=lambda pair: (pair.area, pair.edition or 0),
    )


def overtaken(*, before: datetime) -> dict[str, int]:
    """Area -> open clocks that count by another edition than its current one, which was there `before`. Only reads."""
    found: dict[str, int] = defaultdict(int)
    for area, made_at, count in _behind():
        if made_at is not None and made_at < before:
            found[area] += count
    return found


def waiting() -> int:
    """How many open clocks are still to be counted anew. Only reads."""
    return sum(count for _area, _made_at, count in _behind())


def _behind() -> Iterator[tuple[str, datetime | None, int]]:
    """(area, since when its current edition is there, stale clocks)."""
    rows = CalendarEdition.objects.values_list("digest", "pk", "made_at")
    editions = {bytes(digest): (pk, made_at) for digest, pk, made_at in rows}
    held = Clock.objects.exclude(status=STOPPED).values_list("area_id", "calendar_id").annotate(n=Count("pk"))
    for area, edition_id, count in held.order_by():
        wanted, made_at = editions.get(calendar_for(area).digest, (None, None))
        if wanted is None or edition_id != wanted:
            yield area, made_at, count


def recompute(*, now: datetime, batch: int = BATCH, tell: Callable[[Recomputed], None] | None = None) -> Recomputed:
    """Bring every stale clock up to date, batch by batch; `tell` hears the sum so far after each.

    Safe to kill, to repeat and to run in several processes: they take turns.
    """
    total, failed = Recomputed(), set[int]()
    forget()  # what this process remembers of the notices may be half a minute old
    seen = _notices_as_they_are()
    while left := stale():
        before = total.clocks
        for pair in left:
            while True:
                done, more = _batch(pair, seen=seen, failed=failed, now=now, batch=batch)
                total += done
                if tell is not None and done.clocks:
                    tell(total)
                if not more:
                    break
        if (fresh := _notices_as_they_are()) != seen:
            forget()
            seen = fresh
        elif total.clocks == before:
            break  # what is left cannot be counted
    total += Recomputed(failed=len(failed), staff=_tell_staff(now))
    if total != Recomputed():
        log.info("recomputed", clocks=total.clocks, moved=total.moved, told=total.told, failed=total.failed)
    return total


# --- one batch --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Change:
    """One clock as it was and as it is to be."""

    clock: Clock
    old_due_on: date
    old_provisional: bool
    moved: bool = False
    replanned: bool = False
    documents: tuple[str, ...] = ()


@transaction.atomic
def _batch(pair: Stale, *, seen: str, failed: set[int], now: datetime, batch: int) -> tuple[Recomputed, bool]:
    """One batch of stale clocks of one area; whether there may be more of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if _notices_as_they_are() != seen:
        return Recomputed(), False  # loaded meanwhile: nobody moves a clock to a calendar that no longer holds
    rows = list(_open(pair).exclude(pk__in=failed).order_by("case_id", "pk").values_list("pk", "case_id")[:batch])
    if not rows:
        return Recomputed(), False
    cases = _lock_cases({case for _pk, case in rows})
    clocks = list(_open(pair).filter(pk__in=[pk for pk, _case in rows]).select_for_update(no_key=True).order_by("pk"))
    for clock in clocks:
        clock.case = cases[clock.case_id]
    changes, unreadable = _changes(clocks, pair)
    failed |= unreadable
    current = edition_for(pair.area)
    with connection.connection.pipeline():  # the server writes one thing while we prepare the next
        told = _write(changes, current, now)
    moved = sum(change.moved or change.replanned for change in changes)
    return Recomputed(clocks=len(changes), moved=moved, told=told), len(rows) == batch


def _open(pair: Stale) -> QuerySet[Clock]:
    """The open clocks of one area that count by one edition."""
    return Clock.objects.filter(area=pair.area, calendar=pair.edition).exclude(status=STOPPED)


def _lock_cases(ids: Iterable[int]) -> dict[int, TransferCase]:
    """The cases as they are now, ours until the transaction ends, in the order in which everybody locks several."""
    rows = TransferCase.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=list(ids)).order_by("pk")
    needed = rows.only("outbound_policy", "inbound_policy", *letters.READ_OF_CASE)
    return {case.pk: furnish(case) for case in needed}


def _changes(clocks: Sequence[Clock], pair: Stale) -> tuple[list[_Change], set[int]]:
    """What becomes of each clock; and the keys of those that could not be counted."""
    calendar, current = calendar_for(pair.area), edition_for(pair.area)
    histories, fired = _histories(clocks), _fired(clocks)
    differing = edition(pair.edition).changes(calendar) if pair.edition else None
    counted = lru_cache(maxsize=None)(_Counting(calendar))
    changes: list[_Change] = []
    unreadable: set[int] = set()
    for clock in clocks:
        try:
            change = _change(clock, counted, histories.get(clock.pk, ()), fired.get(clock.pk, frozenset()))
        except SoftTimeLimitExceeded:
            raise  # the worker is about to end this task: nothing is wrong with the clock
        except Exception:  # one clock that cannot be counted must not hold up the others
            log.exception("clock_not_recomputed", clock_id=clock.pk)
            unreadable.add(clock.pk)
            continue
        clock.calendar_id = current
        change.documents = _documents(clock, calendar, differing, change)
        changes.append(change)
    return changes, unreadable


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts limits by one calendar. Clocks that began on the same day under the same policy share the outcome."""

    calendar: Calendar

    def __call__(
        self, policy_id: int, kind: str, budget: int, started: date, history: tuple[tuple[str, datetime], ...]
    ) -> tuple[Tally, date, datetime, bool, tuple[tuple[str, str], ...]]:
        """The account, the last day, its instant, whether it may still change, and the rungs ahead."""
        policy, calendar = pinned_policy(policy_id).policy, self.calendar
        begun = calendar.received_on(started, policy.rest_day_start)
        close = policy.close_of_business
        tally, due_on = recount(calendar, budget=budget, begun=begun, history=history, close_of_business=close)
        ahead = plan(
            rungs=policy.rungs(kind),
            budget=budget,
            used=tally.used,
            start=tally.until,
            calendar=calendar,
            opens_at=policy.opens_at,
        )
        unsure = calendar.depends_on_provisional(started, due_on)
        return tally, due_on, due_instant(due_on, close), unsure, tuple((r.code, r.at.isoformat()) for r in ahead)


def _change(
    clock: Clock, counted: Callable[..., Any], history: Sequence[tuple[str, datetime]], fired: frozenset[str]
) -> _Change:
    """Set the clock to what the calendar says."""
    policy_id = _policy_id(clock)
    change = _Change(clock, clock.due_on, clock.provisional)
    started = local_date(clock.started_at)
    tally, due_on, due_at, unsure, ahead = counted(policy_id, clock.kind, clock.budget, started, tuple(history))
    clock.used, clock.paused_days, clock.counted_until = tally.used, tally.paused, tally.until
    change.moved = due_on != clock.due_on
    clock.due_on, clock.due_at, clock.provisional = due_on, due_at, unsure
    if clock.status == RUNNING:
        change.replanned = _replan(clock, ahead, fired, pinned_policy(policy_id).policy)
    return change


def _replan(clock: Clock, ahead: Sequence[tuple[str, str]], fired: frozenset[str], policy: Policy) -> bool:
    """Plan the alarms anew, as a new generation; False when they are what they were."""
    behind = fired | {entry["code"] for entry in clock.plan[: clock.done]}
    pending = clock.plan[clock.done :]
    planned = [{"code": code, "at": at} for code, at in ahead if code not in behind]
    codes = {code for code, _at in ahead} | behind
    reached = opening(clock.counted_until, policy.opens_at)  # what was used up before then is to ring at once
    carried = [
        {**entry, "at": min(datetime.fromisoformat(entry["at"]), reached).isoformat()}
        for entry in pending
        if entry["code"] not in codes
    ]
    anew = sorted([*carried, *planned], key=lambda entry: datetime.fromisoformat(entry["at"]))
    if [(entry["code"], datetime.fromisoformat(entry["at"])) for entry in anew] == [
        (entry["code"], datetime.fromisoformat(entry["at"])) for entry in pending
    ]:
        return False
    clock.plan, clock.done, clock.generation = anew, 0, clock.generation + 1
    clock.next_at = datetime.fromisoformat(anew[0]["at"]) if anew else None
    return True


def _policy_id(clock: Clock) -> int:
    case = clock.case
    pinned = clock.policy_id or (case.inbound_policy_id if clock.side == "in" else case.outbound_policy_id)
    if pinned is None:
        raise ValueError(f"case {clock.case.number} has not been accepted: no policy is pinned")
    return pinned


def _histories(clocks: Sequence[Clock]) -> dict[int, list[tuple[str, datetime]]]:
    """What happened to each clock since it started. One that is counted to its starting day never was paused."""
    touched = [k for k in clocks if k.status != RUNNING or k.counted_until != local_date(k.started_at)]
    if not touched:
        return {}
    by_case: dict[int, list[Clock]] = defaultdict(list)
    for clock in touched:
        by_case[clock.case_id].append(clock)
    found: dict[int, list[tuple[str, datetime]]] = {clock.pk: [] for clock in touched}
    events = CaseEvent.objects.filter(case_id__in=list(by_case), kind="move").order_by("case_id", "id")
    for case_id, at, entries in events.values_list("case_id", "at", "clocks"):
        for clock in by_case[case_id]:
            if at < clock.started_at:
                continue
            for entry in entries:
                if entry["kind"] != clock.kind:
                    continue
                if entry["did"] == "start":
                    found[clock.pk].clear()  # what came before was an earlier clock of this kind
                elif entry["did"] in _VERBS:
                    found[clock.pk].append((entry["did"], at))
    return found


def _fired(clocks: Sequence[Clock]) -> dict[int, frozenset[str]]:
    """The rungs that have rung, of whatever generation."""
    found: dict[int, set[str]] = defaultdict(set)
    # The case says in which partition to look.
    rows = Alarm.objects.filter(
        case__in={clock.case_id for clock in clocks}, clock__in=[clock.pk for clock in clocks]
    ).values_list("clock_id", "rung")
    for clock_id, rung in rows:
        found[clock_id].add(rung)
    return {clock_id: frozenset(rungs) for clock_id, rungs in found.items()}


def _documents(
    clock: Clock, calendar: Calendar, differing: Mapping[date, tuple[str, ...]] | None, change: _Change
) -> tuple[str, ...]:
    """The documents behind a change: those of the days that are counted otherwise, between the start and the end."""
    if not (change.moved or change.replanned):
        return ()
    if differing is None:
        return calendar.document_numbers[-1:]
    start = local_date(clock.started_at)
    last = max(change.old_due_on, clock.due_on)
    mine = [d for day, documents in differing.items() if start <= day <= last for d in documents]
    # A plan reaches beyond the last day; then any day that is counted otherwise may have moved it.
    return tuple(dict.fromkeys(mine or [d for documents in differing.values() for d in documents]))


# --- writing ----------------------------------------------------------------------------------------


def _write(changes: Sequence[_Change], current: int, now: datetime) -> int:
    """Store clocks and cases, events and letters, each in a statement or a few. Returns the letters to people."""
    if not changes:
        return 0
    _store_clocks([change.clock for change in changes])
    told = [change for change in changes if change.moved or change.replanned]
    _store_due(
        [
            change.clock
            for change in told
            if change.clock.status == RUNNING and change.clock.case.due_at != change.clock.due_at
        ]
    )
    _store_events([_event(change, current) for change in told], now)
    drafts = [
        draft
        for change in told
        if change.moved and change.clock.status == RUNNING and change.clock.kind in PROMISES
        for draft in letters.for_calendar(
            change.clock.case,
            change.clock,
            was=change.old_due_on,
            documents=change.documents,
            not_before=_working_moment(change.clock, now),
        )
    ]
    outbox.post(drafts, now=now)
    return len(drafts)


def _store_clocks(clocks: Sequence[Clock]) -> None:
    columns = {
        "id": "bigint",
        "calendar_id": "bigint",
        "generation": "smallint",
        "used": "smallint",
        "paused_days": "smallint",
        "counted_until": "date",
        "due_on": "date",
        "due_at": "timestamptz",
        "provisional": "boolean",
        "plan": "jsonb",
        "done": "smallint",
        "next_at": "timestamptz",
    }
    rows = [{name: getattr(clock, name) for name in columns} for clock in clocks]
    sets = ", ".join(f"{name} = v.{name}" for name in columns if name != "id")
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    with connection.cursor() as cursor:
        # One JSON document, not an array for each column: escaping plans for arrays takes longer than all the rest.
        # Names of our own columns.
        sql = f"""UPDATE transfers_clock AS k SET {sets}
            FROM jsonb_to_recordset(%s::jsonb) AS v({listed}) WHERE k.id = v.id"""  # nosec B608
        cursor.execute(sql, [_as_json(rows)])


def _store_events(events: Sequence[Mapping[str, Any]], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [now, KIND, _as_json(events)])


_EVENTS = """
INSERT INTO transfers_caseevent (
    case_id, at, kind, name, actor_kind, actor_name, side, agency_id, from_state, to_state, from_money, to_money,
    reason, note, clocks, data)
SELECT case_id, %s, %s, name, 'system', '', side, agency_id, '', '', '', '', '', '', clocks, data
FROM jsonb_to_recordset(%s::jsonb)
    AS v(case_id bigint, name text, side text, agency_id bigint, clocks jsonb, data jsonb)
"""


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, default=lambda value: value.isoformat())


def _store_due(clocks: Sequence[Clock]) -> None:
    """A case is due when its running clock is. Neither state nor version changes, so this is no move."""
    if not clocks:
        return
    for clock in clocks:
        clock.case.due_at = clock.due_at
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfers_transfercase AS c SET due_at = v.due_at"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS v(id, due_at) WHERE c.id = v.id",
            [[clock.case_id for clock in clocks], [clock.due_at for clock in clocks]],
        )


def _event(change: _Change, current: int) -> dict[str, Any]:
    clock = change.clock
    named, basis = ClockKind(clock.kind).named, "、".join(change.documents)
    old, new = change.old_due_on.isoformat(), clock.due_on.isoformat()
    if change.moved:
        zh = f"工作日历变动（{basis}）：{named.zh}最后一日由{old}改为{new}"
        en = f"The calendar changed ({basis}): the last day of “{named.en}” moved from {old} to {new}"
    else:
        zh = f"工作日历变动（{basis}）：{named.zh}最后一日{new}不变，提醒时间已重排"
        en = (
            f"The calendar changed ({basis}): the last day of “{named.en}” stays {new}; its reminders were planned anew"
        )
    return {
        "case_id": clock.case_id,
        "name": "due_moved" if change.moved else "plan_moved",
        "side": clock.side,
        "agency_id": clock.agency_id,
        "clocks": [
            {
                "kind": clock.kind,
                "did": "recount",
                "used": clock.used,
                "budget": clock.budget,
                "due_on": new,
                "outcome": clock.outcome,
            }
        ],
        "data": {
            "clock": clock.kind,
            "old_due_on": old,
            "new_due_on": new,
            "documents": list(change.documents),
            "edition": current,
            "zh": zh,
            "en": en,
        },
    }


def _working_moment(clock: Clock, now: datetime) -> datetime:
    """Nobody is woken for this: the letter waits for the acting area's working hours."""
    policy = policy_for(clock)
    return calendar_for(clock.area_id).next_working_moment(now, policy.opens_at, policy.closes_at)


def _notices_as_they_are() -> str:
    """A fingerprint of the notices in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(md5(string_agg(n::text, '' ORDER BY id)), '') FROM transfers_calendarnotice n")
        return str(cursor.fetchone()[0])


# --- telling those who work with it -----------------------------------------------------------------


@transaction.atomic
def _tell_staff(now: datetime) -> int:
    """One letter a person for all dates that moved with an edition: team leads their agency's, owners their own."""
    waiting = list(CalendarEdition.objects.select_for_update(skip_locked=True).filter(told_at=None).order_by("pk"))
    if not waiting:
        return 0
    ids = [row.pk for row in waiting]
    events = CaseEvent.objects.filter(kind=KIND, name="due_moved", data__edition__in=ids)
    moved: dict[int, int] = defaultdict(int)
    mine: dict[int, int] = defaultdict(int)
    first: dict[int, str] = {}
    rows = events.values_list("agency_id", "case__owner_id").annotate(
        n=Count("pk"), first=Min(KeyTextTransform("new_due_on", "data"))
    )
    for agency, owner, count, soonest in rows.order_by():
        moved[agency] += count
        first[agency] = min(first.get(agency, soonest), soonest)
        if owner is not None:
            mine[owner] += count
    documents = list(
        dict.fromkeys(d for listed in events.values_list("data__documents", flat=True).distinct() for d in listed)
    )
    people: dict[int, tuple[User, list[int]]] = {}
    for agency, _role, user in letters.members(moved, (Role.SUPERVISOR,)):
        people.setdefault(user.pk, (user, []))[1].append(agency)
    for user in User.objects.filter(pk__in=list(mine), is_active=True):
        people.setdefault(user.pk, (user, []))
    drafts = [
        draft
        for user, agencies in people.values()
        for draft in letters.for_calendar_staff(
            user,
            count=sum(moved[agency] for agency in agencies),
            mine=mine.get(user.pk, 0),
            soonest=min((first[agency] for agency in agencies), default=""),
            documents=documents,
            dedupe=f"calendar:{ids[-1]}:{user.pk}",
            since=local_date(waiting[-1].made_at),
        )
    ]
    outbox.post(drafts, now=now)
    CalendarEdition.objects.filter(pk__in=ids).update(told_at=now)
    return len(people)


# --- looking ahead ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """One clock whose last day would move."""

    number: str
    area: str
    kind: str
    old: date
    new: date

    @property
    def named(self) -> Named:
        return ClockKind(self.kind).named


@dataclass(slots=True)
class Outlook:
    """What another calendar would do to the open clocks of one area. `examples` are the first few that would move."""

    area: str
    clocks: int = 0
    later: int = 0
    earlier: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def moving(self) -> int:
        return self.later + self.earlier


def outlook(calendars: Mapping[str, Calendar], *, examples: int = 10) -> list[Outlook]:
    """What would become of the open clocks of these areas, by area; nothing is written.

    Clocks that were never paused are counted in groups; the others one by one, from their pauses.
    """
    counted = {area: lru_cache(maxsize=None)(_Counting(calendar)) for area, calendar in calendars.items()}
    found: dict[str, Outlook] = {}

    def add(area: str, kind: str, old: date, new: date, numbers: Sequence[str], count: int) -> None:
        line = found.setdefault(area, Outlook(area))
        line.clocks += count
        if new == old:
            return
        if new > old:
            line.later += count
        else:
            line.earlier += count
        line.examples += [Example(number, area, kind, old, new) for number in numbers[: examples - len(line.examples)]]

    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [examples, list(calendars)])
        for area, policy, kind, budget, started, due_on, count, numbers in cursor.fetchall():
            _tally, new, *_rest = counted[area](policy, kind, budget, started, ())
            add(area, kind, due_on, new, numbers, count)
        cursor.execute(_OTHERS, [list(calendars)])
        others = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(others), BATCH):
        clocks = list(Clock.objects.select_related("case").filter(pk__in=others[start : start + BATCH]).order_by("pk"))
        histories = _histories(clocks)
        for clock in clocks:
            history = tuple(histories.get(clock.pk, ()))
            started = local_date(clock.started_at)
            _tally, new, *_rest = counted[clock.area_id](_policy_id(clock), clock.kind, clock.budget, started, history)
            add(clock.area_id, clock.kind, clock.due_on, new, [clock.case.number], 1)
    return sorted(found.values(), key=lambda line: (-line.moving, line.area))


_DAY = "(k.started_at AT TIME ZONE 'Asia/Shanghai')::date"
_FRESH = f"k.status = 'running' AND k.counted_until = {_DAY}"
_GROUPS = f"""
SELECT k.area_id, p.policy, k.kind, k.budget, {_DAY}, k.due_on, count(*),
    (array_agg(c.number ORDER BY c.number))[1:%s]
FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id
CROSS JOIN LATERAL (SELECT CASE k.side WHEN 'in' THEN c.inbound_policy_id ELSE c.outbound_policy_id END) AS p(policy)
WHERE {_FRESH} AND k.area_id = ANY(%s) GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 6, 1, 3
"""  # nosec B608 - our own words
_OTHERS = f"""
SELECT k.id FROM transfers_clock k WHERE k.status <> 'stopped' AND NOT ({_FRESH}) AND k.area_id = ANY(%s) ORDER BY k.id
"""  # nosec B608 - our own words
