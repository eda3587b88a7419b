"""What publishing a draft would change: the switches, and what the open clocks would be under its days.

Accepted cases have pinned their policy, so none of their due dates moves. What would move is what is accepted from now
on; the clocks that run today show what the new days would mean in practice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q

from transfers.access import Actor, visible_cases
from transfers.models import Area, Clock, Policy, TransferCase
from transfers.places import area_of, lineage
from transfers.policies import published_editions
from transfers.rules.editions import Edition, among, layers
from transfers.rules.parties import Named
from transfers.rules.policy import CLOCK_SWITCH, SWITCHES, Switch, resolve, worded
from transfers.rules.policy import Policy as Resolved
from transfers.rules.routes import ClockKind, State
from transfers.rules.workdays import local_date
from transfers.sla.calendars import calendar_for

ROWS = 200


@dataclass(frozen=True, slots=True)
class Changed:
    """One switch of the area itself: what applies now and what would apply."""

    switch: Switch
    before: Named
    after: Named


@dataclass(frozen=True, slots=True)
class Moved:
    """An open clock as it would be under the new days: working days and last day, now and then."""

    case: TransferCase
    kind: Named
    area: Area
    budget: int
    would_be: int
    due_on: date
    would_be_due_on: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What publishing would change on its first day, or today when that has passed.

    `pinned`: open accepted cases with a side in the area or below; they keep their policy. `waiting`: submitted cases
    not yet accepted, which would be accepted under it. `clocks`: how many open clocks of such areas have another limit
    than they would get; `moved` are the first of those that the actor may see, the next due first.
    """

    on: date
    changed: list[Changed]
    pinned: int
    waiting: int
    clocks: int
    moved: list[Moved]


def preview(policy: Policy, actor: Actor, now: datetime) -> Preview:
    """The preview of a draft. A fixed number of queries, whatever the number of cases."""
    edition, published = policy.edition, published_editions(without=policy.pk)
    on = max(policy.valid_from, local_date(now))
    after = among(edition, published)
    here = lineage(edition.area)
    old, new = _resolved(published, here, on), _resolved(after, here, on)
    changed = [
        Changed(switch, worded(switch, getattr(old, code)), worded(switch, getattr(new, code)))
        for code, switch in SWITCHES.items()
        if getattr(old, code) != getattr(new, code)
    ]
    areas = _areas_below(edition.area)
    touched = TransferCase.objects.filter(Q(outbound_area__in=areas) | Q(inbound_area__in=areas))
    differing = _differing(after, areas, on)
    clocks = Clock.objects.filter(differing).exclude(status=Clock.Status.STOPPED) if differing else Clock.objects.none()
    return Preview(
        on=on,
        changed=changed,
        pinned=touched.filter(accepted_at__isnull=False, closed_at__isnull=True).count(),
        waiting=touched.filter(state__in=[State.SUBMITTED.value, State.MANUAL_CHECK.value]).count(),
        clocks=clocks.count(),
        moved=_moved(clocks, after, actor, on),
    )


def _resolved(editions: Sequence[Edition], codes: Sequence[str], on: date) -> Resolved:
    return resolve([edition.values for edition in layers(editions, codes, on)])


def _areas_below(code: str) -> list[str]:
    """The area and everything under it."""
    found, level = [code], [code]
    while level:
        level = list(Area.objects.filter(parent__in=level).values_list("pk", flat=True))
        found += level
    return found


def _differing(editions: Sequence[Edition], areas: Sequence[str], on: date) -> Q | None:
    """The open clocks whose limit is another than these editions give: one condition, grouped by distinct days."""
    kinds = (
        Clock.objects.filter(area__in=areas)
        .exclude(status=Clock.Status.STOPPED)
        .values("area_id", "kind", "budget")
        .annotate(count=Count("pk"))
        .order_by()
    )
    groups: dict[tuple[str, int], set[str]] = {}
    kept: dict[str, Resolved] = {}
    for row in kinds:
        code = row["area_id"]
        policy = kept.get(code) or kept.setdefault(code, _resolved(editions, lineage(code), on))
        if row["kind"] in CLOCK_SWITCH and policy.days(row["kind"]) != row["budget"]:
            groups.setdefault((row["kind"], row["budget"]), set()).add(code)
    condition: Q | None = None
    for (kind, budget), codes in groups.items():
        one = Q(kind=kind, budget=budget, area__in=codes)
        condition = one if condition is None else condition | one
    return condition


def _moved(clocks: Any, editions: Sequence[Edition], actor: Actor, on: date) -> list[Moved]:
    rows = clocks.filter(case__in=visible_cases(actor)).select_related("case").order_by("due_at", "pk")[:ROWS]
    kept: dict[str, Resolved] = {}
    found = []
    for clock in rows:
        code = clock.area_id
        policy = kept.get(code) or kept.setdefault(code, _resolved(editions, lineage(code), on))
        calendar, days = calendar_for(code), policy.days(clock.kind)
        due = calendar.add(clock.counted_until, max(days - clock.used, 0))
        found.append(
            Moved(
                case=clock.case,
                kind=ClockKind(clock.kind).named,
                area=area_of(code),
                budget=clock.budget,
                would_be=days,
                due_on=clock.due_on,
                would_be_due_on=due,
                provisional=calendar.is_provisional(due),
            )
        )
    return found
