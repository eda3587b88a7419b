"""What must hold at the end, asked of the rows by statements of its own: nothing here uses the code that sweeps.

Which rungs a limit must have fired follows from the ladder that its policy pins, from its working days, and from the
calendar. That is held against the alarms that are there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from math import ceil
from typing import Any

from django.db import connection

from transfers.rules.workdays import ZONE, Calendar
from transfers.sla.calendars import calendar_for

OPENING = time(9)
_CLOCKS = """
WITH fired AS (SELECT clock_id, array_agg(rung ORDER BY rung) AS rungs FROM transfers_alarm GROUP BY clock_id),
claims AS (SELECT case_id, name, at FROM transfers_caseevent WHERE name IN ('claim_out', 'claim_in')),
holds AS (SELECT case_id, at FROM transfers_caseevent WHERE name = 'request_withdrawal'),
lapses AS (SELECT case_id, at FROM transfers_caseevent WHERE name = 'lapse')
SELECT c.number, k.kind, k.side, k.area_id, k.policy_id, k.budget, k.used, k.status, k.outcome, k.generation,
    k.paused_days, k.counted_until, k.due_on, k.due_at, k.started_at, k.stopped_at, coalesce(f.rungs, '{}'),
    (SELECT min(e.at) FROM claims e WHERE e.case_id = k.case_id AND e.at >= k.started_at
        AND e.name = CASE k.kind WHEN 'OUT' THEN 'claim_out' WHEN 'IN' THEN 'claim_in' END),
    (SELECT min(e.at) FROM holds e WHERE e.case_id = k.case_id AND e.at >= k.started_at),
    k.kind NOT IN ('SUPPLEMENT', 'RETURN') AND EXISTS (
        SELECT FROM lapses e WHERE e.case_id = k.case_id AND e.at = k.stopped_at)
FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id LEFT JOIN fired f ON f.clock_id = k.id
ORDER BY k.id
"""
# The same thing told to the same one at the same moment. Whom a letter without a recipient is for, its case says.
_DOUBLED = """
SELECT coalesce(min(subject_ref), '') || ' ' || min(template), count(*) FROM notifications_letter
GROUP BY channel, template, recipient_id, subject_ref, md5(context::text), created_at HAVING count(*) > 1 ORDER BY 1
"""
_UNSENT = "SELECT count(*) FROM notifications_letter WHERE status = 'dead' OR status = 'pending' AND due_at <= %s"
_UNTOLD = """
SELECT (SELECT count(*) FROM transfers_alarm), (SELECT count(*) FROM transfers_caseevent WHERE kind = 'alarm')
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as its row tells it, with the rungs that have fired, each as often as it did."""

    number: str
    kind: str
    side: str
    area: str
    policy: int
    budget: int
    used: int
    status: str
    outcome: str
    generation: int
    paused: int
    counted_until: date
    due_on: date
    due_at: datetime
    started_at: datetime
    stopped_at: datetime | None
    fired: list[str]
    claimed_at: datetime | None
    held_at: datetime | None
    rested: bool  # until the case ended, because another limit had passed

    def used_at(self, end: datetime) -> int:
        """Working days that had begun by then and belong to this limit."""
        calendar = calendar_for(self.area)
        if self.status == "paused" or self.rested:
            return self.used
        if self.stopped_at is not None:  # its last day has been counted, even where it ended before it was opened
            early = self.stopped_at.astimezone(ZONE)
            return self.used - (early.time() < OPENING and calendar.is_working(early.date()))
        return self.used + calendar.count(self.counted_until, max(_last_opened(end), self.counted_until))

    def breached(self, end: datetime) -> bool:
        """Whether the limit was, or is, not met."""
        if self.status == "running":
            return self.due_at <= end
        return self.outcome == "late" or (self.status == "paused" and self.used >= self.budget)


def _last_opened(end: datetime) -> date:
    local = end.astimezone(ZONE)
    return local.date() - timedelta(days=local.time() < OPENING)


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung of a ladder as the policy's data has it. `at` counts used working days."""

    code: str
    to: tuple[str, ...]
    when: str
    at: int
    due: int | None

    @property
    def escalates(self) -> bool:
        """After the limit, to those above; the others remind."""
        return self.due is not None and self.due > 0


class Books:
    """Everything that the report and the checks read of limits and alarms, read once."""

    def __init__(self, end: datetime) -> None:
        self.end = end
        with connection.cursor() as cursor:
            cursor.execute(_CLOCKS)
            self.limits = [Limit(*row) for row in cursor.fetchall()]
            cursor.execute("SELECT id, values FROM transfers_resolvedpolicy ORDER BY id")
            self._policies: dict[int, Mapping[str, Any]] = {pk: _json(values) for pk, values in cursor.fetchall()}
        self._ladders: dict[tuple[int, str, int], tuple[Rung, ...]] = {}

    def ladder(self, limit: Limit) -> tuple[Rung, ...]:
        """The rungs of its kind that the pinned policy has, that a limit of its days can reach."""
        key = limit.policy, limit.kind, limit.budget
        if key not in self._ladders:
            rungs = (_rung(data, limit.budget) for data in self._policies[limit.policy]["ladder"] if _of(data, limit))
            self._ladders[key] = tuple(rung for rung in rungs if rung.at >= 0)
        return self._ladders[key]

    @cached_property
    def late(self) -> list[Limit]:
        """The limits that were, or are, not met."""
        return [limit for limit in self.limits if limit.breached(self.end)]

    def wrong(self) -> Iterator[str]:
        """Each limit whose alarms are not exactly those it must have; none is left out."""
        for limit in self.limits:
            must, may = self.due(limit)
            fired = Counter(limit.fired)
            missing = must - fired.keys()
            surplus = [code for code, times in fired.items() if times > 1 or code not in must | may]
            if missing or surplus:
                yield f"{limit.number} {limit.kind}: missing {sorted(missing)}, too many {sorted(surplus)}"

    def due(self, limit: Limit) -> tuple[set[str], set[str]]:
        """The rungs that it must have fired; and those that it may have, as it was paused on that very morning."""
        used, paused = limit.used_at(self.end), limit.paused or limit.status == "paused" or limit.generation > 1
        must, may = set(), set()
        for rung in self.ladder(limit):
            if rung.when == "unclaimed":
                (may if self._was_held(limit) else must if self._unclaimed(limit) else set()).add(rung.code)
            elif rung.at < used:
                must.add(rung.code)
            elif rung.at == used and paused:
                may.add(rung.code)
        return must, may

    def _until(self, limit: Limit) -> datetime:
        return min(at for at in (limit.claimed_at, limit.stopped_at, self.end) if at is not None)

    def _unclaimed(self, limit: Limit) -> bool:
        """Whether nobody had claimed the case when a working day had passed."""
        calendar: Calendar = calendar_for(limit.area)
        received = calendar.received_on(
            limit.started_at.astimezone(ZONE).date(), self._policies[limit.policy]["rest_day_start"]
        )
        return datetime.combine(calendar.add(received, 2), OPENING, tzinfo=ZONE) <= self._until(limit)

    def _was_held(self, limit: Limit) -> bool:
        return limit.held_at is not None and limit.held_at <= self._until(limit)


def _json(values: Any) -> Any:
    return json.loads(values) if isinstance(values, str) else values


def _of(data: Mapping[str, Any], limit: Limit) -> bool:
    return limit.kind in data.get("clocks", ("OUT", "IN"))


def _rung(data: Mapping[str, Any], budget: int) -> Rung:
    due, share = data.get("due"), data.get("share")
    at = ceil(budget * share) if share is not None else data.get("used", budget + (due or 0))
    return Rung(data["code"], tuple(data["to"]), data.get("when", ""), at, due)


def doubled_letters() -> list[str]:
    """Letters that are in the outbox more than once: what about, and how often."""
    with connection.cursor() as cursor:
        cursor.execute(_DOUBLED)
        return [f"{what} ×{times}" for what, times in cursor.fetchall()]


def unsent_letters(end: datetime) -> int:
    """Letters that were due and have not been handed over."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSENT, [end])
        return int(cursor.fetchone()[0])


def alarms_and_events() -> tuple[int, int]:
    """How many alarms there are, and how many events tell of one."""
    with connection.cursor() as cursor:
        cursor.execute(_UNTOLD)
        alarms, events = cursor.fetchone()
        return alarms, events
