"""Starting, pausing, resuming and stopping the clocks of a case. Due dates are computed here and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from transfers.models import Clock, TransferCase, rows
from transfers.models.guards import write_changes, write_rows
from transfers.policies import pinned_policy
from transfers.rules.clockwork import Tally
from transfers.rules.ladder import plan
from transfers.rules.money import MONEY_CLOCKS
from transfers.rules.parties import Side
from transfers.rules.policy import Policy
from transfers.rules.routes import ClockKind, State
from transfers.rules.workdays import Calendar, due_instant, local_date
from transfers.sla.calendars import calendar_of, edition_for

RUNNING, PAUSED, STOPPED = Clock.Status.RUNNING, Clock.Status.PAUSED, Clock.Status.STOPPED


# Locked: a sweeper may be firing one of these clocks' alarms at this moment, and what it fired must not be undone. Not
# FOR UPDATE: its alarms need the clock's key.
OPEN = "WHERE t.case_id = ANY(%s) AND t.status <> 'stopped' ORDER BY t.id FOR NO KEY UPDATE"


class Held:
    """The open clocks of cases on which the caller holds the lock: read once for all of them, and written together."""

    def __init__(self, cases: Collection[int]) -> None:
        self._cases = cases
        self._open: dict[int, dict[str, Clock]] | None = None
        self._changed: dict[int, Clock] = {}
        self._new: list[Clock] = []

    def apply(
        self, case: TransferCase, effects: Iterable[tuple[ClockKind, str]], *, side: Side, now: datetime
    ) -> list[dict[str, Any]]:
        """Carry out `effects` and return what to write into the event, one entry each.

        An effect is a kind of clock and start, pause, resume, stop or redirect. `side` is the side whose calendar and
        policy a started clock follows.
        """
        told = []
        for kind, verb in effects:
            running = self._of(case)
            if verb == "start":
                clock = _start(case, kind, side, now)
                self._new.append(clock)
                running[kind] = clock
            else:
                clock = running[kind]
                clock.case = case
                _CHANGES[verb](clock, policy_for(clock), now)
                if clock.pk is not None:
                    self._changed[clock.pk] = clock
                if clock.status == STOPPED:
                    del running[kind]
            told.append(
                {
                    "kind": kind.value,
                    "did": verb,
                    "used": clock.used,
                    "budget": clock.budget,
                    "due_on": clock.due_on.isoformat(),
                    "outcome": clock.outcome,
                }
            )
        return told

    def kinds(self, case: TransferCase) -> frozenset[ClockKind]:
        """Which clocks of a case are open."""
        return frozenset(ClockKind(kind) for kind in self._of(case))

    def main_due_at(self, case: TransferCase) -> datetime | None:
        """When the limit of the case ends that runs now: at most one does. Only money is left: the first of its own."""
        money_too = case.state == State.RELATION_DONE
        return min(
            (
                clock.due_at
                for kind, clock in self._of(case).items()
                if clock.status == RUNNING and (money_too or kind not in MONEY_CLOCKS)
            ),
            default=None,
        )

    def write(self) -> None:
        """Write what changed, and what is new: a clock that was stopped makes room for the next of its kind."""
        write_changes((clock, _COLUMNS) for clock in self._changed.values())
        write_rows(Clock, self._new)
        self._changed, self._new = {}, []

    def _of(self, case: TransferCase) -> dict[str, Clock]:
        if self._open is None:
            self._open = defaultdict(dict)
            for clock in rows.read(Clock, OPEN, [list(self._cases)]):
                self._open[clock.case_id][clock.kind] = clock
        return self._open[case.pk]


_COLUMNS = tuple(field.attname for field in Clock._meta.concrete_fields if field.name not in ("id", "case", "kind"))


def policy_of(case: TransferCase, side: str) -> Policy:
    """The policy that the case was accepted under, of the side whose clock it is."""
    pinned = case.inbound_policy_id if side == Side.IN else case.outbound_policy_id
    if pinned is None:
        raise ValueError(f"case {case.number} has not been accepted: no policy is pinned")
    return pinned_policy(pinned).policy


def policy_for(clock: Clock) -> Policy:
    """The policy that a clock follows, whatever its case has pinned since."""
    return pinned_policy(clock.policy_id).policy if clock.policy_id else policy_of(clock.case, clock.side)


def begun_on(clock: Clock, policy: Policy, calendar: Calendar) -> date:
    """The starting day of a clock, which is not counted: the day on which what started it counts as received."""
    return calendar.received_on(local_date(clock.started_at), policy.rest_day_start)


def _start(case: TransferCase, kind: ClockKind, side: Side, now: datetime) -> Clock:
    """A new clock; the day of `now` is not counted (民法典 201)."""
    inbound = side is Side.IN
    policy = policy_of(case, side.value)
    clock = Clock(
        policy_id=case.inbound_policy_id if inbound else case.outbound_policy_id,
        case=case,
        kind=kind.value,
        side=side.value,
        area_id=case.inbound_area_id if inbound else case.outbound_area_id,
        agency_id=case.inbound_agency_id if inbound else case.outbound_agency_id,
        budget=policy.days(kind),
        started_at=now,
    )
    clock.calendar_id = edition_for(clock.area_id)
    clock.counted_until = begun_on(clock, policy, calendar_of(clock))
    _run(clock, policy, missed_alarms=[])
    return clock


def _run(clock: Clock, policy: Policy, *, missed_alarms: list[dict[str, str]]) -> None:
    """Let the clock run from where it is counted to: its due instant, and the plan of its alarms."""
    calendar, tally = calendar_of(clock), clock.tally
    clock.status = RUNNING
    clock.due_on = tally.due_on(calendar, missed=clock.due_on)
    clock.due_at = due_instant(clock.due_on, policy.close_of_business)
    clock.provisional = calendar.depends_on_provisional(local_date(clock.started_at), clock.due_on)
    ahead = plan(
        rungs=policy.rungs(clock.kind),
        budget=clock.budget,
        used=clock.used,
        start=clock.counted_until,
        calendar=calendar,
        opens_at=policy.opens_at,
    )
    missed = {rung["code"] for rung in missed_alarms}
    planned = ({"code": rung.code, "at": rung.at.isoformat()} for rung in ahead if rung.code not in missed)
    clock.plan = [*missed_alarms, *planned]
    clock.done = 0
    clock.next_at = datetime.fromisoformat(clock.plan[0]["at"]) if clock.plan else None


def _count(clock: Clock, tally: Tally) -> None:
    clock.used, clock.paused_days, clock.counted_until = tally.used, tally.paused, tally.until


def _pause(clock: Clock, policy: Policy, now: datetime) -> None:
    """Pause. Alarms ahead are dropped, to be planned anew; those reached but not fired stay for the resumption.

    Reached is also a rung whose days have been used up and whose instant is only the next opening of business.
    """
    calendar, today = calendar_of(clock), local_date(now)
    closed_today = now >= clock.due_at and today == clock.due_on
    _count(clock, clock.tally.run(calendar, today) if closed_today else clock.tally.pause(calendar, today))
    clock.status, clock.next_at = PAUSED, None
    reached = {rung.code for rung in policy.rungs(clock.kind) if 0 < rung.days_used(clock.budget) <= clock.used}
    clock.plan = [
        rung
        for rung in clock.plan[clock.done :]
        if rung["code"] in reached or datetime.fromisoformat(rung["at"]) <= now
    ]
    clock.done = 0


def _resume(clock: Clock, policy: Policy, now: datetime) -> None:
    """Run on with what is left, as a new generation of alarms."""
    _count(clock, clock.tally.resume(calendar_of(clock), local_date(now)))
    clock.generation += 1
    _run(clock, policy, missed_alarms=clock.plan)


def _stop(clock: Clock, policy: Policy, now: datetime) -> None:
    """Stop, and fix whether the limit was met."""
    calendar, today = calendar_of(clock), local_date(now)
    if clock.status == RUNNING:
        late = now >= clock.due_at
        _count(clock, clock.tally.run(calendar, today))
    else:
        late = clock.used >= clock.budget  # the limit had passed before the pause
        _count(clock, clock.tally.resume(calendar, today))
    clock.status, clock.next_at, clock.stopped_at = STOPPED, None, now
    clock.outcome = Clock.Outcome.LATE if late else Clock.Outcome.MET


def _redirect(clock: Clock, policy: Policy, now: datetime) -> None:
    """The case was forwarded to another area: the limit runs on, counted by that area's calendar from its start."""
    area = clock.case.outbound_area
    clock.area_id, clock.agency_id = area.code, clock.case.outbound_agency_id
    clock.policy_id, clock.calendar_id = clock.case.outbound_policy_id, edition_for(area.code)
    policy = policy_for(clock)
    calendar, yesterday = calendar_of(clock), local_date(now) - timedelta(days=1)
    begun = begun_on(clock, policy, calendar)
    clock.counted_until = max(yesterday, begun)
    clock.used = max(0, calendar.count(begun, clock.counted_until) - clock.paused_days)
    clock.generation += 1
    _run(clock, policy, missed_alarms=[])


_CHANGES = {"pause": _pause, "resume": _resume, "stop": _stop, "redirect": _redirect}
