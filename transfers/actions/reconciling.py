"""Every night the books of the day that has ended are reconciled, kept, and told when something does not agree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation

from accounts.models import User
from notifications import outbox
from transfers.letters import both, members
from transfers.models import Agency, Reconciliation
from transfers.models.labels import said
from transfers.places import agency_of
from transfers.rules.parties import Role
from transfers.rules.workdays import NATION, ZONE, local_date
from transfers.selectors.reconciliation import CHECKS, Difference, Report, reconcile

NIGHT_HOUR = 2
"""From this hour on, China's time, the day before is reconciled; nothing is posted into it any more."""
DAYS_BACK = 31
"""So many nights at most are made up for after an outage."""
TOLD = 20


def reconcile_nights(*, now: datetime) -> list[Reconciliation]:
    """Reconcile each day that has ended since the newest run, once; tell the supervisors of what does not agree.

    Safe to repeat and to race: each day has one first run.
    """
    return [kept for day in _nights(now) if (kept := _keep(reconcile(day, now=now))) is not None]


def _nights(now: datetime) -> list[date]:
    """The days to reconcile, the oldest first."""
    local = now.astimezone(ZONE)
    if local.hour < NIGHT_HOUR:
        return []
    yesterday = local_date(now) - timedelta(days=1)
    newest = Reconciliation.objects.values_list("date", flat=True).first()
    first = yesterday if newest is None else max(newest + timedelta(days=1), yesterday - timedelta(days=DAYS_BACK - 1))
    return [first + timedelta(days=n) for n in range((yesterday - first).days + 1)]


def _keep(report: Report) -> Reconciliation | None:
    """Store the first run of a day with its letters; None when somebody else has."""
    try:
        with transaction.atomic():
            kept = Reconciliation.objects.create(
                date=report.date,
                made_at=report.made_at,
                ok=report.ok,
                rows=[asdict(row) for row in report.rows],
                differences=[asdict(one) for one in report.differences],
            )
            tell_supervisors(report)
    except IntegrityError:
        return None
    return kept


def tell_supervisors(report: Report) -> int:
    """To the nation's supervisors and heads, the superusers, and the supervisors of both areas of each difference.

    No amounts: those are on the page. Returns how many letters were written.
    """
    if report.ok:
        return 0
    nation = agency_of(NATION)
    everything = {user.pk: user for user in User.objects.filter(is_active=True, is_superuser=True)}
    if nation is not None:
        everything |= {user.pk: user for *_who, user in members([nation.pk], (Role.SUPERVISOR, Role.HEAD))}
    areas = {code for one in report.differences for code in (one.out, one.into) if code}
    agencies = dict(Agency.objects.filter(area__in=areas).values_list("pk", "area_id"))
    of_user: dict[int, tuple[User, set[str]]] = {}
    for agency, _role, user in members(agencies, (Role.SUPERVISOR,)):
        of_user.setdefault(user.pk, (user, set()))[1].add(agencies[agency])
    drafts = []
    for user in everything.values():
        drafts += both(user, "reconciliation", *_told(report, user, report.differences), report.date)
    for user, theirs in of_user.values():
        if user.pk not in everything:
            concerned = [one for one in report.differences if theirs & {one.out, one.into}]
            drafts += both(user, "reconciliation", *_told(report, user, concerned), report.date)
    return len(outbox.post(drafts, now=report.made_at))


def _told(report: Report, user: User, differences: Iterable[Difference]) -> tuple[dict[str, Any], str]:
    """What a letter says, and its key: the same finding is told once."""
    listed = list(differences)
    with translation.override(user.language):
        lines = [
            f"{' → '.join(code for code in (one.out, one.into) if code)}: {said(CHECKS[one.check])}" for one in listed
        ]
    finding = hashlib.sha256(repr(sorted(lines)).encode()).hexdigest()[:16]
    context = {
        "date": report.date.isoformat(),
        "count": len(listed),
        "differences": lines[:TOLD],
        "more": max(len(listed) - TOLD, 0),
        "console_link": f"{settings.PUBLIC_URL}/console/",
    }
    return context, f"reconciliation:{report.date.isoformat()}:{finding}:{user.pk}"
