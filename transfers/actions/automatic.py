"""Carrying a case without people, where the province has no review or asks for no application (in_province_mode)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from transfers.access import SYSTEM
from transfers.actions.door import perform, perform_many
from transfers.models import TransferCase
from transfers.places import same_province
from transfers.policies import applying
from transfers.registry import is_ours
from transfers.rules.errors import Refusal
from transfers.rules.policy import mode_inside
from transfers.rules.routes import State

log = structlog.get_logger(__name__)
AGAIN = timedelta(minutes=30)
_NEXT = {State.ACCEPTED: "auto_out", State.INFO_SENT: "auto_in"}
_FASTER = ("J-STALE", "J-NOT-NOW")


def mode_between(outbound_area: str, inbound_area: str, on: date) -> str:
    """The `in_province_mode` of a move inside one province: what both areas allow. Across provinces always normal."""
    if not same_province(outbound_area, inbound_area):
        return "normal"
    return mode_inside(applying(outbound_area, on).policy, applying(inbound_area, on).policy)


def carries_itself(case: TransferCase, on: date) -> bool:
    """Whether the system carries this case: inside one province, whose policy says so."""
    return mode_between(case.outbound_area_id, case.inbound_area_id, on) != "normal"


def carry(case_id: int, *, now: datetime, away: set[str] | None = None) -> TransferCase:
    """Take the system's steps as far as they go.

    A registry that is away, or breaks, is tried again. Whatever else stands in the way is for people: the case stays
    where it is, with its limit running. Anybody of that side can claim it all the while. `away`: areas that one pass
    over many cases knows to be silent; their cases are put off without being tried, and those met are added.
    """
    case = TransferCase.objects.get(pk=case_id)
    away = set() if away is None else away
    while case.auto_at is not None and (name := _NEXT.get(State(case.state))):
        if not away.isdisjoint((case.outbound_area_id, case.inbound_area_id)):
            return _defer(case, now + AGAIN, now)
        try:
            case = perform(case, name, SYSTEM, version=case.version, now=now).case
        except Refusal as error:
            if error.code == "J-REGISTRY-DOWN":
                away |= {case.outbound_area_id, case.inbound_area_id}
            return _put_off(case, error, now)
        except SoftTimeLimitExceeded:
            raise  # the worker is about to end this task: the case is still due
        except Exception:
            log.exception("automatic_step_failed", case_id=case_id)
            return _defer(case, now + AGAIN, now)
    return case


def carry_many(case_ids: Sequence[int], *, now: datetime) -> list[TransferCase]:
    """`carry` for many cases, each step of all of them together. Cases that ask an area's own system, which may be
    slow, go alone; so do all whose step breaks, so that one does not stop the others.
    """
    if not case_ids:
        return []
    cases = {case.pk: case for case in TransferCase.objects.filter(pk__in=case_ids)}
    together = {pk for pk, case in cases.items() if is_ours(case.outbound_area_id) and is_ours(case.inbound_area_id)}
    alone = [pk for pk in cases if pk not in together]
    for state, name in _NEXT.items():
        group = [case for pk, case in cases.items() if pk in together and case.state == state and case.auto_at]
        try:
            done = perform_many([(case.pk, case.version, {}) for case in group], name, SYSTEM, now=now)
        except SoftTimeLimitExceeded:
            raise  # the worker is about to end this task: the cases are still due
        except Exception:
            log.exception("automatic_steps_failed", cases=len(group))
            together -= {case.pk for case in group}
            alone += [case.pk for case in group]
            continue
        for case, one in zip(group, done, strict=True):
            cases[case.pk] = _put_off(case, one, now) if isinstance(one, Refusal) else one.case
            if isinstance(one, Refusal):
                together.discard(case.pk)
    away: set[str] = set()
    cases |= {pk: carry(pk, now=now, away=away) for pk in alone}
    return [cases[pk] for pk in case_ids]


def _put_off(case: TransferCase, error: Refusal, now: datetime) -> TransferCase:
    """Nothing came of a step: somebody was faster, a registry is away, or it is for people."""
    if error.code in _FASTER:
        return TransferCase.objects.get(pk=case.pk)
    return _defer(case, now + AGAIN if error.code == "J-REGISTRY-DOWN" else None, now)


def _defer(case: TransferCase, again_at: datetime | None, now: datetime) -> TransferCase:
    """Try again at `again_at`, or leave it to people; somebody who acted meanwhile has settled it."""
    try:
        return perform(case, "auto_defer", SYSTEM, version=case.version, data={"again_at": again_at}, now=now).case
    except Refusal as error:
        if error.code not in _FASTER:
            raise
        return TransferCase.objects.get(pk=case.pk)
