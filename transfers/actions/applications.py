"""Applications from a file: judged line by line as single ones are, then filed in chunks.

A file is taken in whole: its lines go by COPY into a table of their own, each checked by `intake.clean`; doubles are
found there by sets. Nothing is filed before the person has seen that and confirmed it. Then each chunk is filed in one
transaction that also marks its lines, and decided after it: a run that was killed goes on with the lines that are left,
two at once take different lines, and a case that was filed and not yet decided is the sweep's, as any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from traceback import format_tb
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.crypto import lookup_hash, open_value, seal_value
from transfers.access import Actor, actor_for
from transfers.actions.intake import CleanApplication, clean, decide_many, person_hashes, submit_many
from transfers.actions.singly import singly
from transfers.documents.applications import read_applications
from transfers.models import ApplicationFile, ApplicationLine, TransferCase
from transfers.models.guards import write_new
from transfers.places import agency_with
from transfers.rules.bulk import COLUMNS, LineOutcome, Row, lost_digits
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Channel, Named, Role
from transfers.rules.precheck import reason_told
from transfers.rules.routes import State

log = structlog.get_logger(__name__)
CHUNK = 500
LOOKED_AT_DAYS = 1
"""For how long a file stays that was looked at and not confirmed."""
_CONTENT = "applicationline.content"
_LOCK = 0x4A58_4150  # "JXAP": one at a time takes in files of one person
Tell = Callable[[str, int, int], None]
"""Hears of progress: what is being done, how many lines of how many."""
Submit = Callable[..., list[TransferCase | Refusal]]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many lines of a file have become what; `states`: the cases that were filed, by state."""

    outcomes: Mapping[str, int]
    states: Mapping[str, int]

    def of(self, outcome: str) -> int:
        return self.outcomes.get(outcome, 0)


# --- taking in ----------------------------------------------------------------------------------------


def look_at(
    actor: Actor, data: bytes, *, name: str = "", now: datetime | None = None, tell: Tell | None = None
) -> ApplicationFile:
    """Take a file in to be looked at: its lines are checked and stored, and nothing is filed.

    The same file again, from the same person, gives what there is, however far that has come. J-NOT-YOURS for whoever
    sits at no window; J-FILE when it cannot be read as a whole.
    """
    user = require_window(actor)
    now, tell = now or timezone.now(), tell or _silent
    digest = hashlib.sha256(data).hexdigest()
    mine = ApplicationFile.objects.filter(taken_by=user, digest=digest)
    if (known := mine.first()) is not None:
        return known
    rows = read_applications(data, name=name)
    tell("read", len(rows), len(rows))
    judged = list(_judged(rows, actor, now, tell))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, user])
        if (known := mine.first()) is not None:
            return known
        file = ApplicationFile.objects.create(
            name=name[-120:], digest=digest, count=len(rows), taken_by_id=user, taken_at=now
        )
        write_new(ApplicationLine, _COLUMNS, ((file.pk, *line) for line in judged))
        _mark(_TWICE, [file.pk])
        _mark(_KNOWN, [file.pk, _TURNED_DOWN])
        _count(file.pk, now)
    file.refresh_from_db()
    return file


def confirm(actor: Actor, file: int, *, now: datetime | None = None) -> ApplicationFile:
    """Let the lines of a file that are right be filed. J-NOT-FOUND unless it is the actor's own; again is no harm."""
    now = now or timezone.now()
    require_window(actor)
    with transaction.atomic():
        row = ApplicationFile.objects.select_for_update().filter(pk=file, taken_by=actor.user_id).first()
        if row is None:
            raise refusal("J-NOT-FOUND")
        if row.confirmed_at is None:
            _mark(_KNOWN, [row.pk, _TURNED_DOWN])  # somebody may have filed one of them meanwhile
            row.confirmed_at = now
            row.save(update_fields=["confirmed_at"])
            _count(row.pk, now)
    row.refresh_from_db()
    return row


def drop(actor: Actor, file: int) -> None:
    """Forget a file that was only looked at; one that was confirmed stays."""
    _forget(ApplicationFile.objects.filter(pk=file, taken_by=actor.user_id))


def tidy(*, now: datetime) -> None:
    """Remove the files that were looked at a day ago and not confirmed, with what stood in them."""
    _forget(ApplicationFile.objects.filter(taken_at__lt=now - timedelta(days=LOOKED_AT_DAYS)))


@transaction.atomic
def _forget(files: QuerySet[ApplicationFile]) -> None:
    """Delete those that nobody has confirmed, nor confirms at this moment."""
    held = list(files.filter(confirmed_at=None).select_for_update().values_list("pk", flat=True))
    ApplicationFile.objects.filter(pk__in=held).delete()


def require_window(actor: Actor) -> int:
    """Whose window it is; J-NOT-YOURS for everybody who takes no applications in at one."""
    if actor.user_id is None or not actor.holds(Role.OUT_HANDLER, Role.IN_HANDLER):
        raise refusal(
            "J-NOT-YOURS",
            what="批量受理申请",
            what_en="Take in a file of applications",
            who="转出地或转入地经办人员",
            who_en="handlers of one of the two areas",
        )
    return actor.user_id


def _silent(_what: str, _done: int, _of: int) -> None:
    """Nobody listens."""


_COLUMNS = ("file_id", "row", "outcome", "channel", "content", "person_hash", "content_hash", "problem")
# The first line of a person is the one that counts.
_TWICE = """
UPDATE transfers_applicationline l SET outcome = 'twice', content = '', problem = jsonb_build_object('row', w.first)
FROM (SELECT id, min(row) OVER (PARTITION BY person_hash) AS first, row FROM transfers_applicationline
    WHERE file_id = %s AND outcome = 'new') w
WHERE l.id = w.id AND w.row > w.first
"""
# The same application from another file, whose case was not turned down: that one may come again.
_KNOWN = """
UPDATE transfers_applicationline l SET outcome = 'known', content = '', case_id = c.id
FROM transfers_applicationline o JOIN transfers_transfercase c ON c.id = o.case_id
WHERE l.file_id = %s AND l.outcome = 'new' AND o.outcome = 'filed' AND o.content_hash = l.content_hash
    AND c.state <> ALL(%s)
"""
_TURNED_DOWN = [state.value for state in State if state.info.terminal and state is not State.COMPLETED]
_COUNT = """
UPDATE transfers_applicationfile f SET done = f.count - w.n,
    finished_at = CASE WHEN w.n = 0 AND f.confirmed_at IS NOT NULL THEN COALESCE(f.finished_at, %s) END
FROM (SELECT count(*) AS n FROM transfers_applicationline WHERE file_id = %s AND outcome = 'new') w
WHERE f.id = %s
"""


def _mark(sql: str, arguments: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)


def _count(file: int, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [now, file, file])


def _judged(rows: Sequence[Row], actor: Actor, now: datetime, tell: Tell) -> Iterator[tuple[Any, ...]]:
    """Each line as it is stored, but for its file: checked as a single application is."""
    for done, row in enumerate(rows, 1):
        try:
            application, channel = _read(row, actor, now)
        except Refusal as error:
            yield (row.number, LineOutcome.WRONG.value, "", b"", None, None, json.dumps(told(error)))
        else:
            content = _packed(application)
            found, _tail = person_hashes(application.identity_type, application.identity_number)
            key = lookup_hash(content, context="applicationline.application")
            sealed = seal_value(content, context=_CONTENT)
            yield (row.number, LineOutcome.NEW.value, channel.value, sealed, found, key, None)
        if done % 5000 == 0 or done == len(rows):
            tell("check", done, len(rows))


def _read(row: Row, actor: Actor, now: datetime) -> tuple[CleanApplication, Channel]:
    try:
        application = clean(row.raw, now=now, channel=Channel.WINDOW_IN)
    except Refusal as error:
        if lost := lost_digits(row.raw):
            error.details["fields"] |= lost
        raise
    if actor.has(application.inbound.pk, Role.IN_HANDLER):
        return application, Channel.WINDOW_IN
    if actor.has(application.outbound.pk, Role.OUT_HANDLER):
        return application, Channel.WINDOW_OUT
    raise refusal("J-OWN-AREA")


def told(error: Refusal) -> dict[str, Any]:
    """A refusal as it stays with a line: the code and both sentences, by field where there are several."""
    fields = error.details.get("fields") if error.code == "J-INPUT" else None
    return {**error.told, **({"fields": fields} if fields else {})}


def _packed(application: CleanApplication) -> str:
    values = {
        **{name: getattr(application, name) for name in CleanApplication.__slots__},
        "outbound": application.outbound.pk,
        "inbound": application.inbound.pk,
        "birth_date": application.birth_date.isoformat() if application.birth_date else None,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _unpacked(content: str) -> CleanApplication:
    values = json.loads(content)
    values["outbound"], values["inbound"] = agency_with(values["outbound"]), agency_with(values["inbound"])
    values["birth_date"] = date.fromisoformat(values["birth_date"]) if values["birth_date"] else None
    return CleanApplication(**values)


# --- filing -------------------------------------------------------------------------------------------


def under_way() -> list[int]:
    """The files that were confirmed and have lines left."""
    rows = ApplicationFile.objects.filter(confirmed_at__isnull=False, finished_at=None)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def file_lines(file: int, *, now: datetime | None = None, tell: Tell | None = None) -> int:
    """File the lines of a confirmed file that are left, and decide their cases; how many this run filed.

    Several may run at once: each takes lines that no other has in hand. In the name of whoever confirmed the file, with
    the roles that they have now.
    """
    tell, filed = tell or _silent, 0
    row = ApplicationFile.objects.select_related("taken_by").get(pk=file)
    if row.confirmed_at is None:
        return 0
    actor = actor_for(row.taken_by)
    while True:
        at = now or timezone.now()
        cases = _file_chunk(row.pk, actor, at)
        if cases is None:
            break
        decide_many(cases, now=at)
        filed += len(cases)
        row.refresh_from_db(fields=["done"])
        tell("file", row.done, row.count)
    _decide_left(row.pk, now or timezone.now())
    return filed


_TAKE = """
SELECT id, channel, content FROM transfers_applicationline WHERE file_id = %s AND outcome = 'new'
ORDER BY row LIMIT %s FOR UPDATE SKIP LOCKED
"""
_MARK = """
UPDATE transfers_applicationline l SET outcome = v.outcome, case_id = v.case_id, problem = v.problem, content = ''
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[]) AS w(id, outcome, case_id, problem),
    LATERAL (SELECT w.outcome, w.case_id, w.problem::jsonb AS problem) v
WHERE l.id = w.id
"""


def _file_chunk(file: int, actor: Actor, now: datetime) -> list[int] | None:
    """File the next lines that nobody has in hand: the cases that were made; None when there is no such line."""
    try:
        with transaction.atomic():
            return _file(file, actor, now, submit_many)
    except SoftTimeLimitExceeded:
        raise  # the worker is about to end this task: the lines are still there
    except Exception as error:
        # Not with its message: of a row that could not be written, it tells the content.
        log.error("lines_not_filed", file=file, error=type(error).__name__, where=format_tb(error.__traceback__)[-1])
    with transaction.atomic():
        return _file(file, actor, now, _one_by_one)


def _one_by_one(
    applications: Sequence[tuple[CleanApplication, Channel]], actor: Actor, *, now: datetime
) -> list[TransferCase | Refusal]:
    return singly(applications, lambda one: submit_many(one, actor, now=now), broken="J-LINE-FAILED")


def _file(file: int, actor: Actor, now: datetime, submit: Submit) -> list[int] | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [file, CHUNK])
        lines = cursor.fetchall()
    if not lines:
        _count(file, now)  # of two that counted at once, neither saw the last lines of the other
        return None
    applications = [
        (_unpacked(open_value(content, context=_CONTENT) or ""), Channel(channel)) for _pk, channel, content in lines
    ]
    answers = submit(applications, actor, now=now)
    _settle([(line[0], answer) for line, answer in zip(lines, answers, strict=True)])
    _count(file, now)
    return [answer.pk for answer in answers if isinstance(answer, TransferCase)]


def _settle(lines: Sequence[tuple[int, TransferCase | Refusal]]) -> None:
    """Say of each line what it has become."""
    rows = [
        (pk, LineOutcome.WRONG.value, None, json.dumps(told(answer)))
        if isinstance(answer, Refusal)
        else (pk, LineOutcome.FILED.value, answer.pk, None)
        for pk, answer in lines
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_MARK, [list(column) for column in zip(*rows, strict=True)])


def _decide_left(file: int, now: datetime) -> None:
    """The cases of this file that a run which was killed filed and did not decide: nobody has tried them yet."""
    lines = ApplicationLine.objects.filter(file=file, outcome=LineOutcome.FILED.value)
    left = lines.filter(case__state=State.SUBMITTED.value, case__precheck_attempts=0).order_by("row")
    cases = list(left.values_list("case_id", flat=True))
    for start in range(0, len(cases), CHUNK):
        decide_many(cases[start : start + CHUNK], now=now)


# --- what became of it --------------------------------------------------------------------------------


def counts(file: int) -> Counts:
    """How many lines have become what."""
    lines = ApplicationLine.objects.filter(file=file)
    filed = lines.filter(outcome=LineOutcome.FILED.value)
    return Counts(
        dict(lines.values_list("outcome").annotate(n=Count("id"))),
        dict(filed.values_list("case__state").annotate(n=Count("id"))),
    )


def reported(file: int, *, after: int = 0, only: Sequence[str] = ()) -> QuerySet[ApplicationLine]:
    """The lines of a file beyond a row, with their cases, in its order; `only` those of some outcomes."""
    lines = ApplicationLine.objects.filter(file=file, row__gt=after).select_related("case").defer("content")
    return (lines.filter(outcome__in=list(only)) if only else lines).order_by("row")


def why(line: ApplicationLine) -> list[tuple[str, str, Named]]:
    """Why a line is no case, or its case was turned down: (code, field or blank, in words)."""
    if line.case is not None and line.outcome == LineOutcome.FILED:
        found = [(kept["code"], "", reason_told(kept)) for kept in line.case.failures]
        return [(code, field, Named(reason.zh, reason.en)) for code, field, reason in found]
    if line.outcome == LineOutcome.TWICE:
        row = (line.problem or {}).get("row")
        return [("", "", Named(f"与第{row}行为同一人", f"the same person as row {row}"))]
    if not line.problem:
        return []
    fields = line.problem.get("fields") or {"": line.problem}
    return [
        (one["code"], COLUMNS[name].zh if name in COLUMNS else name, Named(one["zh"], one["en"]))
        for name, one in fields.items()
    ]
