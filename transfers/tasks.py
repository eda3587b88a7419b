"""What beat asks the workers for. Messages carry no decision and may be lost, late or doubled: the rows decide."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from transfers.actions import digests as letters_that_sum_up
from transfers.actions.sweep import Swept
from transfers.actions.sweep import sweep as sweep_once
from transfers.selectors.verify import problems

log = structlog.get_logger(__name__)
PASSES = 20
"""Sweeps of one task at most; what is still due then waits for the next minute's."""


def idle(swept: Swept) -> bool:
    """Whether another sweep right now would do nothing more: all was taken, or nothing that was left could be done."""
    return not swept.truncated or not (swept.fired.clocks or swept.lapsed or swept.decided)


@shared_task
def sweep() -> None:
    """Do what time has brought about: alarms, lapsed supplements, prechecks to try again."""
    for _pass in range(PASSES):
        swept = sweep_once(now=timezone.now())
        if swept != Swept():
            log.info("swept", **{name: getattr(swept, name) for name in ("lapsed", "decided", "failed", "truncated")})
        if idle(swept):
            return


@shared_task
def digests() -> None:
    """The morning's work, once a person and working day."""
    people = letters_that_sum_up.digests(now=timezone.now())
    if people:
        log.info("digests_posted", people=people)


@shared_task
def verify() -> None:
    """Prove the invariants; what does not hold is logged and told to the administrators."""
    now = timezone.now()
    found = problems(now=now)
    if found:
        rows = [f"{problem.invariant} {problem.subject}" for problem in found[:20]]
        log.error("invariants_violated", count=len(found), first=rows)
        letters_that_sum_up.tell_administrators(found, now=now)
