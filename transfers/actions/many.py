"""One step taken of many cases: chosen first, with the versions that were shown, then taken in chunks.

Each chunk is one transaction through the door that also says what became of its cases: a run that was killed goes on
with those that are left, and two at once take different ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from traceback import format_tb

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from transfers.access import Actor, actor_for, visible_cases
from transfers.actions.door import Done, Item, perform_many
from transfers.actions.singly import singly
from transfers.models import MOVES, BulkItem, BulkStep, TransferCase
from transfers.models.guards import write_new
from transfers.models.moves import Declared
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Side
from transfers.rules.text import written

log = structlog.get_logger(__name__)
CHUNK = 100
AT_MOST = 20_000
CHOSEN_DAYS = 1
"""For how long a choice stays of which nothing was made."""


def bulk_moves() -> list[Declared]:
    """The steps that can be taken of many cases: those forward that ask for nothing but perhaps a note."""
    return [
        declared
        for declared in MOVES.values()
        if declared.move.side in (Side.OUT, Side.IN)
        and declared.move.tone == "primary"
        and not declared.move.fields
        and not declared.move.reasons
    ]


def choose(actor: Actor, cases: QuerySet[TransferCase], *, now: datetime | None = None) -> BulkStep:
    """Choose these cases, as they are now, for a step to be named next. J-BULK-EMPTY, J-BULK-SIZE.

    Only what the actor may see is chosen, however the cases were found.
    """
    now = now or timezone.now()
    found = list(cases.filter(pk__in=visible_cases(actor).values("pk")).values_list("pk", "version")[: AT_MOST + 1])
    if not found or actor.user_id is None:
        raise refusal("J-BULK-EMPTY")
    if len(found) > AT_MOST:
        raise refusal("J-BULK-SIZE", limit=AT_MOST)
    with transaction.atomic():
        step = BulkStep.objects.create(count=len(found), made_by_id=actor.user_id, made_at=now)
        write_new(BulkItem, _COLUMNS, ((step.pk, case, version, False) for case, version in found))
    return step


_COLUMNS = ("step_id", "case_id", "version", "done")


@transaction.atomic
def tidy(*, now: datetime) -> None:
    """Remove the choices of a day ago of which nothing was made, nor is at this moment."""
    old = BulkStep.objects.filter(started_at=None, made_at__lt=now - timedelta(days=CHOSEN_DAYS))
    BulkStep.objects.filter(pk__in=list(old.select_for_update().values_list("pk", flat=True))).delete()


def mine(actor: Actor, step: int) -> BulkStep:
    """A choice of the actor's own; J-NOT-FOUND."""
    row = BulkStep.objects.filter(pk=step, made_by=actor.user_id).first()
    if row is None or actor.user_id is None:
        raise refusal("J-NOT-FOUND")
    return row


def offered(actor: Actor, step: BulkStep) -> list[tuple[Declared, int]]:
    """Which steps the chosen cases admit that the actor has a role for, with how many cases each fits."""
    items = BulkItem.objects.filter(step=step)
    columns = ("case__state", "case__remittance__state", "case__outbound_agency", "case__inbound_agency")
    stands = Counter(items.values_list(*columns))
    fits: Counter[str] = Counter()
    moves = bulk_moves()
    for (state, money, outbound, inbound), count in stands.items():
        for declared in moves:
            agency = outbound if declared.move.side is Side.OUT else inbound
            stand = state if declared.machine == "case" else money
            if stand in declared.sources and actor.has(agency, *declared.move.roles):
                fits[declared.name] += count
    return [(declared, fits[declared.name]) for declared in moves if fits[declared.name]]


def start(actor: Actor, step: int, name: str, *, note: str = "", now: datetime | None = None) -> BulkStep:
    """Say which step is to be taken of the chosen cases; `go_on` takes it. J-NOT-FOUND, J-BULK-STEP, J-NOTE.

    Started again, a step goes on as it was begun.
    """
    declared = next((one for one, _fits in offered(actor, mine(actor, step)) if one.name == name), None)
    with transaction.atomic():
        row = BulkStep.objects.select_for_update().get(pk=mine(actor, step).pk)
        if row.started_at is not None:
            return row
        if declared is None:
            raise refusal("J-BULK-STEP")
        row.note = written(note, required=declared.move.note)
        row.name, row.started_at = declared.name, now or timezone.now()
        row.save(update_fields=["name", "note", "started_at"])
    return row


def under_way() -> list[int]:
    """The steps that were started and have cases left."""
    rows = BulkStep.objects.filter(started_at__isnull=False, finished_at=None)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def go_on(step: int, *, now: datetime | None = None) -> None:
    """Take the step of the cases that are left, in the name of who started it, with the roles that they have now."""
    row = BulkStep.objects.select_related("made_by").get(pk=step)
    if row.started_at is None:
        return
    actor = actor_for(row.made_by)
    while _chunk(row, actor, now or timezone.now()):
        pass


_TAKE = """
SELECT id, case_id, version FROM transfers_bulkitem WHERE step_id = %s AND NOT done AND problem IS NULL
ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_MARK = """
UPDATE transfers_bulkitem i SET done = v.problem IS NULL, problem = v.problem::jsonb
FROM unnest(%s::bigint[], %s::text[]) AS v(id, problem) WHERE i.id = v.id
"""
_COUNT = """
UPDATE transfers_bulkstep s SET done = s.count - w.n, finished_at = CASE WHEN w.n = 0 THEN %s END
FROM (SELECT count(*) AS n FROM transfers_bulkitem WHERE step_id = %s AND NOT done AND problem IS NULL) w
WHERE s.id = %s
"""


def _chunk(step: BulkStep, actor: Actor, now: datetime) -> bool:
    """Take the step of the next cases that nobody has in hand; whether there were any."""
    try:
        return _take(step, actor, now, perform_many)
    except SoftTimeLimitExceeded:
        raise  # the worker is about to end this task: the cases are still there
    except Exception as error:
        # Not with its message: of a row that could not be written, it tells the content.
        log.error(
            "bulk_step_failed", step=step.pk, error=type(error).__name__, where=format_tb(error.__traceback__)[-1]
        )
    return _take(step, actor, now, _one_by_one)


def _one_by_one(
    items: Sequence[Item], transition: str, actor: Actor, *, note: str, now: datetime
) -> list[Done | Refusal]:
    return singly(items, lambda one: perform_many(one, transition, actor, note=note, now=now), broken="J-STEP-FAILED")


@transaction.atomic
def _take(step: BulkStep, actor: Actor, now: datetime, perform: Callable[..., list[Done | Refusal]]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [step.pk, CHUNK])
        items = cursor.fetchall()
    if items:
        cases: list[Item] = [(case, version, {}) for _pk, case, version in items]
        answers = perform(cases, step.name, actor, note=step.note, now=now)
        problems = [json.dumps(one.told) if isinstance(one, Refusal) else None for one in answers]
        with connection.cursor() as cursor:
            cursor.execute(_MARK, [[pk for pk, _case, _version in items], problems])
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [now, step.pk, step.pk])
    return bool(items)


def refused(step: int) -> QuerySet[BulkItem]:
    """The cases of which the step was not taken, with why."""
    items = BulkItem.objects.filter(step=step, problem__isnull=False)
    return items.select_related("case").order_by("pk")
