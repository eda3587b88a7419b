"""Making policies: drafted by one person, published by another, ended when a new edition follows.

A change applies to what is accepted afterwards: every accepted case has pinned what held then (docs/adr/0005).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from transfers.access import Actor
from transfers.memory import forget
from transfers.models import Area, Policy
from transfers.places import agency_of, lineage
from transfers.policies import hold_policies, published_editions
from transfers.rules.editions import Edition, Trouble, among, clashing, ended, followed, troubles
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named, Role
from transfers.rules.policy import SWITCHES, check
from transfers.rules.text import has_control
from transfers.rules.workdays import NATION, local_date

MAKERS = (Role.SUPERVISOR, Role.HEAD)
DOCUMENT_MAX, SOURCE_MAX = 80, 2000
STAGES = {
    "draft": Named("草稿", "a draft"),
    "published": Named("已发布", "published"),
    "withdrawn": Named("已撤回", "withdrawn"),
}
_ONE_DAY = timedelta(days=1)


def may_make(actor: Actor, area_code: str) -> bool:
    """Whether the actor is supervisor or head of the area's own agency, or of one above it."""
    agencies = [agency_of(code) for code in lineage(area_code)]
    return actor.user_id is not None and any(actor.has(agency.pk, *MAKERS) for agency in agencies if agency is not None)


def draft(
    area_code: str,
    actor: Actor,
    *,
    values: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None = None,
    document_number: str,
    source: str = "",
    now: datetime | None = None,
) -> Policy:
    """A new draft for an area. `values` holds only what the area lays down itself.

    Refusals: J-POLICY-AREA, J-POLICY-NOT-YOURS, J-POLICY (every wrong value), J-POLICY-EMPTY, J-POLICY-DOCUMENT,
    J-POLICY-DATES, J-POLICY-CONTRADICTS (against what the areas above and below lay down).
    """
    now = now or timezone.now()
    area = _area(area_code)
    _authorise(actor, area)
    row = Policy(
        area=area,
        valid_from=valid_from,
        valid_to=valid_to,
        document_number=document_number.strip(),
        values=dict(values),
        source=source.strip(),
        drafted_by_id=actor.user_id,
        drafted_at=now,
    )
    _check_words(row)
    if not row.values:
        raise refusal("J-POLICY-EMPTY")
    check(row.values)
    if valid_to is not None and valid_to < valid_from:
        raise _dates("截止日早于起始日", "it ends before it begins")
    with transaction.atomic():
        hold_policies()
        newest = Policy.objects.filter(area=area).aggregate(newest=Max("version"))["newest"]
        row.version = (newest or 0) + 1
        _check_contradictions(row.edition, published_editions())
        row.save()
    return row


def withdraw(policy: Policy, actor: Actor, *, now: datetime | None = None) -> Policy:
    """Give a draft up; the row stays, for the record. Refusals: J-POLICY-NOT-YOURS, J-POLICY-STAGE."""
    with transaction.atomic():
        row = _held(policy, actor, "draft", Named("撤回", "withdrawn"))
        row.withdrawn_by_id, row.withdrawn_at = actor.user_id, now or timezone.now()
        row.save(update_fields=["withdrawn_by", "withdrawn_at"])
    return row


def publish(policy: Policy, actor: Actor, *, replace: bool = False, now: datetime | None = None) -> Policy:
    """Publish a draft; with `replace`, an open-ended edition that began earlier ends on the day before this one begins.

    Refusals: J-POLICY-NOT-YOURS, J-POLICY-STAGE, J-POLICY-FOUR-EYES, J-POLICY-OVERLAP (with the edition in the way),
    J-POLICY-CONTRADICTS. What is published holds at once in this process and within half a minute in all others.
    """
    now = now or timezone.now()
    with transaction.atomic():
        row = _held(policy, actor, "draft", Named("发布", "published"))
        if row.drafted_by_id == actor.user_id:
            raise refusal("J-POLICY-FOUR-EYES")
        published = published_editions(without=row.pk)
        before = followed(row.edition, published) if replace else None
        if before is not None:
            published.remove(before)
            published.append(ended(before, row.valid_from - _ONE_DAY))
        for clash in clashing(row.edition, published):
            raise refusal("J-POLICY-OVERLAP", clash=clash.tag, dates=f"{clash.valid_from} – {clash.valid_to or '…'}")
        _check_contradictions(row.edition, published)
        if before is not None:
            Policy.objects.filter(area_id=before.area, version=before.version).update(
                valid_to=row.valid_from - _ONE_DAY, closed_by=actor.user_id, closed_at=now
            )
        row.published_by_id, row.published_at = actor.user_id, now
        row.save(update_fields=["published_by", "published_at"])
        transaction.on_commit(forget)
    return row


def close(policy: Policy, actor: Actor, *, valid_to: date, now: datetime | None = None) -> Policy:
    """End a published edition on a day, today at the earliest; what lies above it applies from then on.

    Refusals: J-POLICY-NOT-YOURS, J-POLICY-STAGE, J-POLICY-DATES, J-POLICY-GAP (the nation's must be replaced),
    J-POLICY-CONTRADICTS (an edition below rests on this one).
    """
    now = now or timezone.now()
    with transaction.atomic():
        row = _held(policy, actor, "published", Named("设定截止日", "ended"))
        if row.valid_to is not None and valid_to > row.valid_to:
            raise _dates(
                f"已定于{row.valid_to}截止，只能提前", f"it already ends on {row.valid_to}; it may only end earlier"
            )
        if valid_to < row.valid_from:
            raise _dates("截止日早于起始日", "it ends before it begins")
        if valid_to < local_date(now):
            raise _dates("截止日不能早于今天", "it cannot end before today")
        if row.area_id == NATION:
            raise refusal("J-POLICY-GAP")
        others = published_editions(without=row.pk)
        _check(troubles(row.area_id, valid_to, row.valid_to, [*others, ended(row.edition, valid_to)], lineage))
        row.valid_to, row.closed_by_id, row.closed_at = valid_to, actor.user_id, now
        row.save(update_fields=["valid_to", "closed_by", "closed_at"])
        transaction.on_commit(forget)
    return row


def _check_contradictions(edition: Edition, published: Sequence[Edition]) -> None:
    """Refuse values that cannot apply together with what is published above and below, on any day of the span."""
    _check(troubles(edition.area, edition.valid_from, edition.valid_to, among(edition, published), lineage))


def _check(found: Sequence[Trouble]) -> None:
    if not found:
        return
    lines = [(trouble, name, text) for trouble in found for name, text in trouble.error.problems.items()]
    zh = "；".join(f"{t.editions[-1].tag}自{t.on}起：{SWITCHES[n].named.zh}（{n}）{text.zh}" for t, n, text in lines)
    en = "; ".join(f"{t.editions[-1].tag} from {t.on}: {n}: {text.en}" for t, n, text in lines)
    error = refusal("J-POLICY-CONTRADICTS", problems=zh, problems_en=en)
    error.details = {
        "problems": [
            {"area": t.area, "on": t.on.isoformat(), "switch": n, "zh": text.zh, "en": text.en} for t, n, text in lines
        ]
    }
    raise error


def _area(code: str) -> Area:
    area = Area.objects.filter(pk=code, valid_to__isnull=True).first()
    if area is None:
        raise refusal("J-POLICY-AREA", area=code[:20])
    return area


def _authorise(actor: Actor, area: Area) -> None:
    if not may_make(actor, area.pk):
        raise refusal("J-POLICY-NOT-YOURS", area=area.full_name)


def _held(policy: Policy, actor: Actor, stage: str, what: Named) -> Policy:
    """The row, locked and read again, in the stage that the act needs."""
    hold_policies()
    row = Policy.objects.select_for_update(of=("self",)).select_related("area__parent").get(pk=policy.pk)
    _authorise(actor, row.area)
    if row.stage != stage:
        now_in = STAGES[row.stage]
        raise refusal(
            "J-POLICY-STAGE", edition=str(row), stage=now_in.zh, stage_en=now_in.en, what=what.zh, what_en=what.en
        )
    return row


def _check_words(row: Policy) -> None:
    if not row.document_number or len(row.document_number) > DOCUMENT_MAX or has_control(row.document_number):
        raise refusal("J-POLICY-DOCUMENT")
    if len(row.source) > SOURCE_MAX or has_control(row.source):
        raise refusal("J-POLICY-SOURCE")


def not_a_day() -> Refusal:
    """The refusal of a date that is none."""
    return _dates("请填写有效的日期", "give a date")


def _dates(zh: str, en: str) -> Refusal:
    return refusal("J-POLICY-DATES", problem=zh, problem_en=en)
