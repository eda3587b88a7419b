"""What time alone brings about: alarms, limits that applicants let pass, prechecks and automatic steps to try again,
money that the year-end settlement holds or lets go on, parts that go to the wallet.

Run by beat each minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from transfers.access import SYSTEM
from transfers.actions.automatic import carry
from transfers.actions.door import perform
from transfers.actions.intake import decide
from transfers.actions.wallet import move_due
from transfers.actions.yearend import turn
from transfers.models import Clock, TransferCase
from transfers.rules.errors import Refusal
from transfers.rules.routes import State
from transfers.sla.sweep import Fired, fire_due

log = structlog.get_logger(__name__)
AT_ONCE = 500
# The applicant's limits, and the reason with which a case ends when one has passed.
LAPSES = {"SUPPLEMENT": "W-05", "RETURN": "W-08"}


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did. `held` and `released` count balances at the year-end settlement, `moved` parts to the wallet.

    `truncated` says that more was due than one sweep takes; the next goes on.
    """

    fired: Fired = field(default_factory=Fired)
    lapsed: int = 0
    decided: int = 0
    carried: int = 0
    held: int = 0
    released: int = 0
    moved: int = 0
    failed: int = 0
    truncated: bool = False


def sweep(*, now: datetime) -> Swept:
    """Do everything that is due at `now`. Safe to run any number of times, at once, and late."""
    fired = fire_due(now=now)
    lapsed, lapse_failures = _each(
        Clock.objects.filter(kind__in=list(LAPSES), status=Clock.Status.RUNNING, due_at__lte=now)
        .order_by("due_at")
        .values_list("case_id", flat=True)[:AT_ONCE],
        lambda case_id: _lapse(case_id, now),
    )
    away: set[str] = set()
    decided, decide_failures = _each(
        TransferCase.objects.filter(precheck_at__lte=now)
        .order_by("precheck_at")
        .values_list("pk", flat=True)[:AT_ONCE],
        lambda case_id: _decide(case_id, away, now),
    )
    carried, carry_failures = _each(
        TransferCase.objects.filter(auto_at__lte=now).order_by("auto_at").values_list("pk", flat=True)[:AT_ONCE],
        lambda case_id: _carry(case_id, away, now),
    )
    turned = turn(now=now)
    return Swept(
        fired=fired,
        lapsed=lapsed,
        decided=decided,
        carried=carried,
        held=turned.held,
        released=turned.released,
        moved=move_due(now=now),
        failed=lapse_failures + decide_failures + carry_failures,
        truncated=AT_ONCE in (lapsed + lapse_failures, decided + decide_failures, carried + carry_failures),
    )


def _lapse(case_id: int, now: datetime) -> bool:
    """End a case for which the applicant did nothing in time. Truth is re-read: what came in time wins."""
    case = TransferCase.objects.get(pk=case_id)
    reason = LAPSES["RETURN" if case.state == State.RETURNED else "SUPPLEMENT"]
    try:
        perform(case, "lapse", SYSTEM, version=case.version, reason=reason, now=now)
    except Refusal as error:
        if error.code not in ("J-STALE", "J-NOT-NOW"):
            raise
        return False
    return True


def _decide(case_id: int, away: set[str], now: datetime) -> bool:
    """Try one precheck again. An area that did not answer in this pass is not asked for its other cases: they wait on
    as if it had been, so that none of them stands in the way of others, or of its own check by hand.
    """
    return decide(case_id, now=now, away=away).state not in (State.SUBMITTED, State.MANUAL_CHECK)


def _carry(case_id: int, away: set[str], now: datetime) -> bool:
    """Go on with one automatic case; whether it has been carried to the inbound side. As above for silent areas."""
    return carry(case_id, now=now, away=away).state in (State.RELATION_DONE, State.COMPLETED)


def _each(ids: Iterable[int], do: Callable[[int], bool]) -> tuple[int, int]:
    """Do one after another; one that fails is logged and does not stop the others."""
    done = failed = 0
    for case_id in ids:
        try:
            done += do(case_id)
        except SoftTimeLimitExceeded:
            raise  # the worker is about to end this task: what is left is still due for the next sweep
        except Exception:
            failed += 1
            log.exception("sweep_step_failed", case_id=case_id)
    return done, failed
