"""What beat asks the workers for. Messages carry no decision and may be lost, late or doubled: the rows decide."""

from __future__ import annotations

from threading import Thread

import structlog
from celery import shared_task
from django.utils import timezone

from transfers.actions import digests as letters_that_sum_up
from transfers.actions.papers import make_waiting
from transfers.actions.sweep import Swept
from transfers.actions.sweep import sweep as sweep_once
from transfers.selectors.verify import problems
from transfers.sla.recompute import recompute as recompute_stale

log = structlog.get_logger(__name__)
PASSES = 20
"""Sweeps of one task at most; what is still due then waits for the next minute's."""


def idle(swept: Swept) -> bool:
    """Whether another sweep right now would do nothing more: all was taken, or nothing that was left could be done."""
    return not swept.truncated or not (swept.fired.clocks or swept.lapsed or swept.decided or swept.carried)


@shared_task
def sweep() -> None:
    """Do what time has brought about: alarms, lapsed supplements, prechecks to try again."""
    for _pass in range(PASSES):
        swept = sweep_once(now=timezone.now())
        if swept != Swept():
            log.info(
                "swept",
                **{name: getattr(swept, name) for name in ("lapsed", "decided", "carried", "failed", "truncated")},
            )
        if idle(swept):
            return


@shared_task
def papers() -> None:
    """Make the papers that agencies wait for."""
    for _pass in range(PASSES):
        made = make_waiting(now=timezone.now())
        if made.made or made.by_hand or made.failed:
            log.info("papers_made", made=made.made, by_hand=made.by_hand, failed=made.failed)
        if not made.truncated:
            return


@shared_task
def digests() -> None:
    """The morning's work, once a person and working day."""
    now = timezone.now()
    people = letters_that_sum_up.digests(now=now)
    if people:
        log.info("digests_posted", people=people)
    if told := letters_that_sum_up.warn_of_horizon(now=now):
        log.warning("calendar_runs_out", letters=told)


@shared_task
def recompute() -> None:
    """Finish counting open limits anew after a notice was loaded; nothing to do most of the time."""
    recompute_stale(now=timezone.now())


def recompute_soon() -> None:
    """Ask a worker for it now. May be lost; never waits for the broker and never fails: the beat asks again."""

    def ask() -> None:
        try:
            recompute.apply_async(retry=False, expires=600)
        except Exception as error:
            log.warning("recompute_not_asked", error=type(error).__name__)

    Thread(target=ask, name="recompute", daemon=True).start()


@shared_task
def verify() -> None:
    """Prove the invariants; what does not hold is logged and told to the administrators."""
    now = timezone.now()
    found = problems(now=now)
    if found:
        rows = [f"{problem.invariant} {problem.subject}" for problem in found[:20]]
        log.error("invariants_violated", count=len(found), first=rows)
        letters_that_sum_up.tell_administrators(found, now=now)
