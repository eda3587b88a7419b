"""Money that came in and belongs to nobody yet, or is only a part: its own ladder, from finance staff to the province.

A line has no case and so no clock. `remind_at` is the instant of its next rung, `reminded` how many have been sent.
They move on in the transaction that writes the letters, so each rung fires once and in its order; a line that has been
explained has no `remind_at`. Cases of which a part has arrived climb by the day of that part; the letters themselves,
each written once for an agency, a rung and a day, say what has been sent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from notifications import outbox
from notifications.outbox import Draft
from transfers import letters
from transfers.models import Payment, Remittance, StatementLine
from transfers.places import agency_of, agency_with, lineage
from transfers.policies import applying
from transfers.rules.bank import PaymentKind, PaymentState
from transfers.rules.ladder import Rung
from transfers.rules.money import MoneyState
from transfers.rules.parties import Role
from transfers.rules.policy import Policy
from transfers.rules.workdays import local_date, opening
from transfers.sla.calendars import calendar_for
from transfers.sla.sweep import ABOVE

LADDER = "UNMATCHED"
BATCH = 1000
_LONG_AGO = timedelta(days=60)
_CATCH_UP = timedelta(days=10)
"""For how long after its instant a rung of a part still fires, where nothing ran in between."""
# Nobody has been asked for what is missing, or the rest that was sent did not bring it.
PART_ARRIVED = Q(state=MoneyState.IN_TRANSIT.value, received_fen__gt=0) & ~Q(
    Exists(
        Payment.objects.filter(
            case=OuterRef("pk"),
            kind=PaymentKind.REST.value,
            state__in=[PaymentState.READY.value, PaymentState.SENT.value, PaymentState.PAID.value],
            made_at__gte=OuterRef("remitted_at"),
            amount_fen=OuterRef("amount_fen") - OuterRef("received_fen"),
        )
    )
)


def rungs(policy: Policy) -> list[Rung]:
    """The rungs of unexplained money in their order."""
    budget = policy.days(LADDER)
    found = [rung for rung in policy.rungs(LADDER) if rung.days_used(budget) >= 0]
    return sorted(found, key=lambda rung: rung.days_used(budget))


def first_reminder(area: str, since: date, *, today: date) -> datetime | None:
    """When the first rung is due of a line that has waited since that day; None where the policy has no ladder."""
    policy = applying(area, today).policy
    steps = rungs(policy)
    if not steps:
        return None
    # What came very long ago is not reckoned from before the calendar: it is due at once in either case.
    since = max(since, today - _LONG_AGO)
    day = calendar_for(area).add(since, steps[0].days_used(policy.days(LADDER)) + 1)
    return opening(day, policy.opens_at)


def remind(*, now: datetime) -> int:
    """Send what is due, batch by batch; returns how many lines, and cases with a part, went up a rung.

    Safe to repeat and to race.
    """
    total = _remind_of_parts(now)
    while True:
        climbed = _remind_batch(now)
        total += climbed
        if climbed < BATCH:
            return total


@transaction.atomic
def _remind_batch(now: datetime) -> int:
    rows = StatementLine.objects.select_for_update(skip_locked=True).filter(remind_at__lte=now)
    lines = list(rows.order_by("remind_at", "pk").only("agency_id", "booked_at", "remind_at", "reminded")[:BATCH])
    together: dict[tuple[int, int], list[StatementLine]] = defaultdict(list)
    for line in lines:
        together[line.agency_id, line.reminded].append(line)
    drafts = [draft for (agency, step), group in together.items() for draft in _climb(agency, step, group, now)]
    outbox.post(drafts, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfers_statementline l SET reminded = v.reminded, remind_at = v.at"
            " FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[]) AS v(id, reminded, at) WHERE l.id = v.id",
            [[one.pk for one in lines], [one.reminded for one in lines], [one.remind_at for one in lines]],
        )
    return len(lines)


def _climb(agency_id: int, step: int, group: Sequence[StatementLine], now: datetime) -> list[Draft]:
    """One rung for lines of one agency: one letter to each who hears of it, in the agency's working hours."""
    agency = agency_with(agency_id)
    policy = applying(agency.area_id, local_date(now)).policy
    steps, calendar, budget = rungs(policy), calendar_for(agency.area_id), policy.days(LADDER)
    for line in group:
        line.reminded = step + 1
        after = line.remind_at
        line.remind_at = None
        if after is not None and step + 1 < len(steps):
            days = steps[step + 1].days_used(budget) - steps[step].days_used(budget)
            line.remind_at = opening(calendar.add(local_date(after), days), policy.opens_at)
    if step >= len(steps):  # the policy has fewer rungs than it had
        return []
    return letters.for_unmatched(
        agency,
        steps[step],
        _users(agency.area_id, steps[step]),
        template="unmatched",
        count=len(group),
        since=min(local_date(line.booked_at) for line in group),
        dedupe=f"unmatched:{steps[step].code}:{min(line.pk for line in group)}:{local_date(now)}",
        day=local_date(now),
        not_before=calendar.next_working_moment(now, policy.opens_at, policy.closes_at),
    )


@transaction.atomic
def _remind_of_parts(now: datetime) -> int:
    """The rungs of cases of which a part has arrived and nobody sends the rest, by agency and day of the part."""
    rows = Remittance.objects.filter(PART_ARRIVED, received_at__gt=now - _LONG_AGO)
    came = rows.values_list("holder_id", "received_at")
    waiting = Counter((agency, local_date(at)) for agency, at in came if agency is not None and at is not None)
    climbed = 0
    for (agency_id, since), count in sorted(waiting.items()):
        agency = agency_with(agency_id)
        policy = applying(agency.area_id, local_date(now)).policy
        calendar, budget = calendar_for(agency.area_id), policy.days(LADDER)
        for rung in rungs(policy):
            due = opening(calendar.add(since, rung.days_used(budget) + 1), policy.opens_at)
            if not now - _CATCH_UP < due <= now:
                continue
            drafts = letters.for_unmatched(
                agency,
                rung,
                _users(agency.area_id, rung),
                template="part_arrived",
                count=count,
                since=since,
                dedupe=f"part:{agency_id}:{rung.code}:{since}",
                day=since,
                not_before=calendar.next_working_moment(now, policy.opens_at, policy.closes_at),
            )
            climbed += count if outbox.post(drafts, now=now) else 0
    return climbed


def _users(area: str, rung: Rung) -> list[User]:
    """Who hears of a rung: of the owner's the agency's finance staff, and whoever stands above."""
    chain = list(reversed(lineage(area)))
    found: dict[int, User] = {}
    for who in rung.to:
        levels, roles = ABOVE.get(who, (0, (Role.FINANCE,)))
        agency = agency_of(chain[levels]) if levels < len(chain) else None
        if agency is not None:
            found |= {user.pk: user for _agency, _role, user in letters.members([agency.pk], roles)}
    return list(found.values())
