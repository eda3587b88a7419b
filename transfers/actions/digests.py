"""Letters that sum up: the morning's work for each member of staff, and what a verification found.

The morning digest goes out once a person and day, in the working hours of their agency. It is made from a handful of
statements however many people there are; once somebody has theirs, a later run of the same day leaves them out.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Q, QuerySet, When
from django.utils import translation

from accounts.models import User
from notifications import outbox
from notifications.models import Letter
from notifications.outbox import Draft
from transfers.letters import both, members
from transfers.models import MOVES, Agency, Area, Membership, Remittance, TransferCase
from transfers.models.labels import said
from transfers.places import agency_of
from transfers.policies import applying
from transfers.rules.casemonth import month_on
from transfers.rules.money import MoneyState
from transfers.rules.parties import Role, Side
from transfers.rules.workdays import NATION, ZONE, local_date
from transfers.selectors.verify import Problem
from transfers.sla.ageing import PART_ARRIVED
from transfers.sla.calendars import calendar_for, short_horizons

PROBLEMS_TOLD = 20
# machine -> state that waits for a review -> (role that reviews, column of the person who may not): from the moves.
_REVIEWS: dict[str, dict[str, tuple[Role, str]]] = {
    machine: {
        source: (declared.move.roles[0], declared.move.four_eyes[0])
        for declared in MOVES.values()
        if declared.machine == machine and declared.reviews
        for source in declared.sources
    }
    for machine in ("case", "money")
}
# Money on which the finance staff of its holder can do something beside reviewing; what is on its way only
# arrives, unless a part has and nobody sends the rest (PART_ARRIVED).
_TO_WORK_ON = [
    state.value
    for state in (
        *(MoneyState.PENDING_SETTLE, MoneyState.SETTLE_HELD, MoneyState.FROZEN, MoneyState.REMIT_FAILED),
        *(MoneyState.RECEIVED, MoneyState.MISMATCH, MoneyState.RETURNING),
    )
]


@dataclass(slots=True)
class Desk:
    """What one person finds this morning. `mine` and `to_review` are theirs, the rest is their agency's.

    `money`: balances that wait for its finance staff, whom no letter tells of each.
    """

    user: User
    agencies: list[Agency] = field(default_factory=list)
    roles: dict[int, set[Role]] = field(default_factory=lambda: defaultdict(set))
    mine: int = 0
    to_review: int = 0
    money: int = 0
    due_today: int = 0
    overdue: int = 0
    waiting: int = 0

    @property
    def empty(self) -> bool:
        return not (self.mine or self.to_review or self.money or self.due_today or self.overdue or self.waiting)


@transaction.atomic
def digests(*, now: datetime) -> int:
    """Post the morning digests that are due at `now`; returns to how many people. Safe to repeat and to race."""
    desks = _not_told(_desks_open(now), local_date(now))
    if not desks:
        return 0
    _count(desks, now)
    told = [desk for desk in desks if not desk.empty]
    outbox.post([draft for desk in told for draft in _drafts(desk, local_date(now))], now=now)
    return len(told)


def _desks_open(now: datetime) -> list[Desk]:
    """The desks of people whose agency works at this hour of this day."""
    desks: dict[int, Desk] = {}
    works: dict[int, bool] = {}
    rows = Membership.objects.filter(user__is_active=True, agency__area__pooling=True).select_related("user", "agency")
    for row in rows.order_by("user_id", "agency_id"):
        if row.agency_id not in works:
            works[row.agency_id] = _works(row.agency.area_id, now)
        if not works[row.agency_id]:
            continue
        desk = desks.setdefault(row.user_id, Desk(row.user))
        if row.agency_id not in desk.roles:
            desk.agencies.append(row.agency)
        desk.roles[row.agency_id].add(Role(row.role))
    return list(desks.values())


def _works(area: str, now: datetime) -> bool:
    """Whether the agencies of this area are at work at this instant."""
    policy = applying(area, local_date(now)).policy
    moment = calendar_for(area).next_working_moment(now, policy.opens_at, policy.closes_at)
    return moment == now


def _not_told(desks: list[Desk], today: date) -> list[Desk]:
    """Leave out those who have had theirs today."""
    keys = {f"{_key(desk.user, today)}:inbox": desk for desk in desks}
    letters = Letter.objects.filter(month=month_on(today), dedupe_key__in=list(keys))
    told = set(letters.values_list("dedupe_key", flat=True))
    return [desk for key, desk in keys.items() if key not in told]


def _count(desks: Sequence[Desk], now: datetime) -> None:
    """Fill in the figures, each with one statement for everybody."""
    agencies = {agency.pk for desk in desks for agency in desk.agencies}
    people = [desk.user.pk for desk in desks]
    open_cases = TransferCase.objects.filter(closed_at__isnull=True)
    midnight = datetime.combine(local_date(now) + timedelta(days=1), datetime.min.time(), tzinfo=ZONE)
    mine = dict(open_cases.filter(owner__in=people).values_list("owner").annotate(n=Count("pk")).order_by())
    held = {
        row["holder"]: row
        for row in open_cases.filter(holder__in=agencies)
        .values("holder")
        .annotate(
            due_today=Count("pk", filter=Q(due_at__gt=now, due_at__lte=midnight) & ~Q(acts=Side.APPLICANT)),
            overdue=Count("pk", filter=Q(due_at__lte=now) & ~Q(acts=Side.APPLICANT)),
            applicant=Count("pk", filter=Q(acts=Side.APPLICANT)),
        )
        .order_by()
    }
    elsewhere: Counter[int] = Counter()
    for column in ("outbound_agency", "inbound_agency"):
        waits = open_cases.filter(**{f"{column}__in": agencies}).exclude(holder=F(column)).exclude(acts=Side.SYSTEM)
        elsewhere.update(dict(waits.values_list(column).annotate(n=Count("pk")).order_by()))
    balances = Remittance.objects.filter(Q(state__in=_TO_WORK_ON) | PART_ARRIVED, holder__in=agencies)
    money = dict(balances.values_list("holder").annotate(n=Count("pk")).order_by())
    reviews = list(_reviews(open_cases, agencies))
    for desk in desks:
        desk.mine = mine.get(desk.user.pk, 0)
        for agency in desk.agencies:
            desk.waiting += elsewhere[agency.pk]
            if Role.FINANCE in desk.roles[agency.pk]:
                desk.money += money.get(agency.pk, 0)
            if here := held.get(agency.pk):
                desk.due_today += here["due_today"]
                desk.overdue += here["overdue"]
                desk.waiting += here["applicant"]
        desk.to_review = sum(
            n
            for agency_id, role, handler, n in reviews
            if handler != desk.user.pk and role in desk.roles.get(agency_id, ())
        )


def _reviews(open_cases: QuerySet[TransferCase], agencies: set[int]) -> Iterable[tuple[int, Role, int | None, int]]:
    """(agency, role that reviews, person who may not, how many) of cases and of money."""
    rows: dict[str, QuerySet[Any]] = {"case": open_cases, "money": Remittance.objects.all()}
    for machine, reviews in _REVIEWS.items():
        counted = (
            rows[machine]
            .filter(holder__in=agencies, state__in=reviews)
            .annotate(handled=Case(*(When(state=state, then=F(column)) for state, (_role, column) in reviews.items())))
            .values_list("holder", "state", "handled")
            .annotate(n=Count("pk"))
            .order_by()
        )
        for agency, state, handler, n in counted:
            yield agency, reviews[state][0], handler, n


def _key(user: User, today: date) -> str:
    return f"morning:{user.pk}:{today.isoformat()}"


def _drafts(desk: Desk, today: date) -> list[Draft]:
    """In the inbox, and by e-mail together with whatever else waits for the person."""
    context = {
        "date": today.isoformat(),
        "agency": "、".join(agency.name for agency in desk.agencies),
        "mine": desk.mine,
        "to_review": desk.to_review,
        "money": desk.money,
        "due_today": desk.due_today,
        "overdue": desk.overdue,
        "waiting": desk.waiting,
        "console_link": f"{settings.PUBLIC_URL}/console/",
    }
    return both(desk.user, "morning", context, _key(desk.user, today), today)


@transaction.atomic
def tell_administrators(problems: Sequence[Problem], *, now: datetime) -> int:
    """Tell every active superuser what a verification found; the same finding once a day. Returns how many letters."""
    if not problems:
        return 0
    rows = sorted((problem.invariant, problem.subject) for problem in problems)
    finding = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
    drafts = []
    for user in User.objects.filter(is_active=True, is_superuser=True):
        with translation.override(user.language):
            lines = [f"{problem.subject}: {said(problem)}" for problem in problems[:PROBLEMS_TOLD]]
        context = {
            "count": len(problems),
            "problems": lines,
            "more": max(len(problems) - PROBLEMS_TOLD, 0),
            "at": now.astimezone(ZONE).strftime("%Y-%m-%d %H:%M"),
        }
        key = f"invariants:{local_date(now).isoformat()}:{finding}:{user.pk}"
        drafts += both(user, "invariants", context, key, local_date(now))
    return len(outbox.post(drafts, now=now))


@transaction.atomic
def warn_of_horizon(*, now: datetime) -> int:
    """While official notices cover too few working days ahead, tell those who can load one, once a day.

    They are the superusers and the nation's supervisors and heads. Returns how many letters were written.
    """
    today = local_date(now)
    short = short_horizons(today)
    if not short:
        return 0
    nation = agency_of(NATION)
    people = {user.pk: user for user in User.objects.filter(is_active=True, is_superuser=True)}
    if nation is not None:
        people |= {user.pk: user for *_who, user in members([nation.pk], (Role.SUPERVISOR, Role.HEAD))}
    names = {area.code: area for area in Area.objects.filter(pk__in=list(short))}
    context = {
        "days": min(short.values()),
        "covered_until": calendar_for(NATION).covered_until.isoformat(),
        "regions": [{"name": names[code].name, "days": days} for code, days in short.items()],
        "console_link": f"{settings.PUBLIC_URL}/console/calendars/",
    }
    drafts = [
        draft
        for user in people.values()
        for draft in both(user, "horizon", context, f"horizon:{today.isoformat()}:{user.pk}", today)
    ]
    return len(outbox.post(drafts, now=now))
