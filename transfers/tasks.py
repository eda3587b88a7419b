"""What beat asks the workers for. Messages carry no decision and may be lost, late or doubled: the rows decide."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from traceback import format_tb

import structlog
from celery import Task, shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from transfers.access import SYSTEM, actor_for
from transfers.actions import applications, filing, many
from transfers.actions import digests as letters_that_sum_up
from transfers.actions.measuring import measure_pairs
from transfers.actions.papers import make_waiting
from transfers.actions.partitions import make_months
from transfers.actions.reconciling import reconcile_nights
from transfers.actions.results import apply_results
from transfers.actions.statements import agencies_waiting, is_long, look_again, match_new
from transfers.actions.sweep import Swept
from transfers.actions.sweep import sweep as sweep_once
from transfers.models import BankFile
from transfers.rules.bank import FileKind
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems
from transfers.sla.ageing import remind
from transfers.sla.recompute import recompute as recompute_stale

log = structlog.get_logger(__name__)
PASSES = 20
"""Sweeps of one task at most; what is still due then waits for the next minute's."""
TOLD = ("lapsed", "decided", "carried", "held", "released", "moved", "failed", "truncated")


def idle(swept: Swept) -> bool:
    """Whether another sweep right now would do nothing more: all was taken, or nothing that was left could be done."""
    return not swept.truncated or not (swept.fired.clocks or swept.lapsed or swept.decided or swept.carried)


@shared_task
def sweep() -> None:
    """Do what time has brought about: alarms, lapsed supplements, prechecks to try again, money that goes on."""
    for _pass in range(PASSES):
        swept = sweep_once(now=timezone.now())
        if swept != Swept():
            log.info(
                "swept",
                **{name: getattr(swept, name) for name in TOLD},
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
    """Ask a worker for it now."""
    _soon(recompute)


def _soon(task: Task, *args: int) -> None:
    """May be lost; never waits for the broker and never fails: the beat asks again."""

    def ask() -> None:
        try:
            task.apply_async(args, retry=False, expires=600)
        except Exception as error:
            log.warning("not_asked", task=task.name, error=type(error).__name__)

    Thread(target=ask, name=task.name, daemon=True).start()


@shared_task
def bank() -> None:
    """Go on with files from the bank whose rows have not all been worked on, look again at what came early, and remind
    people of money that nobody has explained. Previews that nobody took in are removed.
    """
    now = timezone.now()
    filing.tidy()
    for file in BankFile.objects.filter(kind=FileKind.RESULT.value, finished_at=None):
        _go_on(_apply_results, file=file.pk)
    for agency in agencies_waiting(now=now):
        _go_on(_match, agency=agency)
    if climbed := remind(now=now):
        log.info("unmatched_reminded", lines=climbed)


def _apply_results(pk: int) -> None:
    file = BankFile.objects.select_related("taken_by").get(pk=pk)
    try:
        apply_results(actor_for(file.taken_by) if file.taken_by else SYSTEM, file)
    except Refusal as error:  # whoever took it in has no such role any more: a colleague goes on with it
        log.warning("results_wait", file=pk, code=error.code)


def _match(agency: int) -> None:
    if is_long(agency):
        _soon(match, agency)
    match_new(agency)
    look_again(agency)


@shared_task
def match(agency: int) -> None:
    """Lend a hand with a long statement: two work on it, each on blocks of its own."""
    match_new(agency)


@shared_task
def bulk() -> None:
    """Go on with files of applications and with steps of many cases that have not come to their end; those that nobody
    confirmed are removed.
    """
    now = timezone.now()
    applications.tidy(now=now)
    many.tidy(now=now)
    for file in applications.under_way():
        _go_on(applications.file_lines, file=file)
    for step in many.under_way():
        _go_on(many.go_on, step=step)


def _go_on(act: Callable[[int], object], **which: int) -> None:
    """One piece of work; where it breaks it waits for the next minute, and keeps no other from going on."""
    (pk,) = which.values()
    try:
        act(pk)
    except SoftTimeLimitExceeded:
        raise  # the worker is about to end this task: what is left is still there
    except Exception as error:
        # Not with its message: of a row that could not be written, it tells the content.
        log.error("work_waits", **which, error=type(error).__name__, where=format_tb(error.__traceback__)[-1])


def bulk_soon() -> None:
    """Ask the workers for it now: two, as each takes a share."""
    for _hand in range(2):
        _soon(bulk)


def bank_soon() -> None:
    """Ask a worker for it now."""
    _soon(bank)


@shared_task
def partitions() -> None:
    """Make the months to come, some months ahead; what cannot be made now is made the next time."""
    try:
        if made := make_months(now=timezone.now()):
            log.info("partitions_made", names=made)
    except Refusal as error:
        log.warning("partitions_wait", code=error.code)


@shared_task
def verify() -> None:
    """Prove the invariants; what does not hold is logged and told to the administrators."""
    now = timezone.now()
    found = problems(now=now)
    if found:
        rows = [f"{problem.invariant} {problem.subject}" for problem in found[:20]]
        log.error("invariants_violated", count=len(found), first=rows)
        letters_that_sum_up.tell_administrators(found, now=now)


@shared_task
def reconcile() -> None:
    """Once a night the books of the day that has ended; what was missed while nothing ran is made up for."""
    now = timezone.now()
    nights = reconcile_nights(now=now)
    if nights:
        log.info("measured", pairs=measure_pairs(now=now))
    for kept in nights:
        if kept.ok:
            log.info("reconciled", date=kept.date.isoformat())
        else:
            log.error("books_differ", date=kept.date.isoformat(), differences=len(kept.differences))
