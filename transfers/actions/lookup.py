"""The public look-up: what somebody must prove, what each attempt costs, and the trace that it leaves.

Two proofs. Number and tail: the case number and the last six characters of the identity number; they open the stage
line. The phone: a one-time code to the phone on file; it opens the whole page, and lets the person act.

An unknown number and a wrong tail are answered alike: the same refusal after the same work. An attempt is charged as a
failure before anything is compared, and what a right one did not cost is given back, so no number of parallel attempts
gets more guesses than the buckets hold. All of it, with the line of the audit, is one function in the database
(`transfers_look_up`), so one transaction: whoever was answered has left their line.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, NoReturn, TypeVar

from django.db import connection, models, transaction

from accounts import buckets, codes
from accounts.crypto import lookup_hash
from notifications import outbox
from transfers.models import AccessEvent, Clock, TransferCase
from transfers.places import furnish
from transfers.rules import casenumber, identity
from transfers.rules.casemonth import month_of
from transfers.rules.errors import Refusal, refusal
from transfers.rules.text import narrow
from transfers.selectors.progress import PROMISED

PURPOSE = "track"
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Bucket:
    """`capacity` tokens, refilled with `per_second`. A right look-up costs `RIGHT`, a wrong one `WRONG`."""

    name: str
    capacity: float
    per_second: float

    def key(self, of: str) -> str:
        return f"track.{self.name}:{of}"


RIGHT, WRONG = 1.0, 5.0
# An address may be shared by many people (a carrier's gateway, an office); a case is one person's.
BY_ADDRESS = Bucket("address", capacity=60, per_second=1.0)
BY_CASE = Bucket("case", capacity=20, per_second=1 / 120)
CODES_BY_CASE = Bucket("code", capacity=3, per_second=1 / 180)
LIMITED_TOLD = Bucket("limited", capacity=1, per_second=1 / 60)
_TAIL = re.compile(r"[0-9A-Z一-龥()\-]{3,6}")
_SPACES = re.compile(r"\s+")


def clean_tail(text: str) -> str:
    """The last six characters of an identity number as they are compared: full width, spaces and case do not matter.

    Raises `J-TAIL`. A document number shorter than six characters is given whole.
    """
    tail = _SPACES.sub("", identity.normalise(text[:100]))
    if not _TAIL.fullmatch(tail):
        raise Refusal(
            "J-TAIL",
            "请填写证件号码的后六位（末位如为字母 X 也要填写）。",
            "Give the last six characters of the identity number (a final X included).",
        )
    return tail


@dataclass(frozen=True, slots=True)
class Found:
    """A case that was opened, and the running limit that its person is told of. Other columns are loaded when asked."""

    case: TransferCase
    running: Clock | None


def find(number: str, tail: str, *, origin: str, now: datetime) -> Found:
    """The case that number and tail open. `origin` is the network address that asks.

    Raises `J-CASE-NUMBER` or `J-TAIL` for what cannot be right whatever the hub holds, `J-TOO-MANY` with `seconds`, and
    `J-LOOKUP` for unknown and mismatched alike. Leaves one access event.
    """
    row = _look_up(casenumber.parse(number), clean_tail(tail), origin, now, leaves_line=True)
    case, running = _CASE.read(row[_TOLD:]), _RUNNING.read(row[_TOLD + len(_CASE.names) :])
    if case is None:
        raise refusal("J-LOOKUP")
    return Found(furnish(case), running)


def request_code(number: str, tail: str, *, origin: str, now: datetime) -> None:
    """Send a one-time code to the phone on file when number and tail match; the caller hears nothing of it either way.

    Raises `J-CASE-NUMBER`, `J-TAIL`, `J-TOO-MANY`.
    """
    number, tail = casenumber.parse(number), clean_tail(tail)
    outcome, pk = _look_up(number, tail, origin, now, leaves_line=False)[:2]
    if outcome == "ok":
        send_code(TransferCase.objects.get(pk=pk), origin=origin, now=now)
        return
    # Another subject than the case's own, or a stranger could make the person's code void.
    _take(CODES_BY_CASE, f"?{number}", 1.0, origin, now)
    codes.issue(PURPOSE, f"?{number}", now=now)
    _note("mismatch", pk, origin, now, detail="code")


def send_code(case: TransferCase, *, origin: str, now: datetime) -> None:
    """Send a new one-time code to the phone on file. For a caller who has proved number and tail. `J-TOO-MANY`."""
    _take(CODES_BY_CASE, case.number, 1.0, origin, now)
    with transaction.atomic():
        code = codes.issue(PURPOSE, case.number, now=now)
        letter = outbox.Draft(
            channel="sms",
            template="code",
            language=case.language,
            address=case.phone,
            subject_ref=case.number,
            month=month_of(case.pk),
            context={"minutes": int(codes.LIFE.total_seconds() // 60)},
            secret={"code": code},
            not_after=now + codes.LIFE,
        )
        # Of an automatic transfer there may be no phone; the caller hears the same.
        outbox.post([letter] if case.phone else [], now=now)
        _note("code_sent", case.pk, origin, now)


def check_code(case: TransferCase, code: str, *, origin: str, now: datetime) -> None:
    """Accept the code that was sent, once. Raises `J-CODE`."""
    right = codes.check(PURPOSE, case.number, _SPACES.sub("", narrow(code[:40])), now=now)
    _note("code_ok" if right else "code_bad", case.pk, origin, now)
    if not right:
        raise refusal("J-CODE")


class Columns(Generic[M]):
    """Some columns of a model, for a statement that is written once. Those left out are loaded when they are asked for.

    Only columns that need no conversion: no encrypted text, no JSON.
    """

    def __init__(self, model: type[M], alias: str, names: tuple[str, ...]) -> None:
        # In the order of the model, as `from_db` wants them.
        fields = [field for field in model._meta.concrete_fields if field.attname in names]
        self.model, self.names = model, frozenset(field.attname for field in fields)
        self.sql = ", ".join(f'{alias}."{field.column}"' for field in fields)

    def read(self, values: tuple[Any, ...]) -> M | None:
        """The row that begins with these values, its key first; None when the key is empty."""
        given = values[: len(self.names)]
        return self.model.from_db(connection.alias, self.names, given) if given[0] is not None else None


# What the stage line is made of.
_CASE = Columns(
    TransferCase,
    "c",
    (
        *("id", "number", "name", "state", "held_state", "acts", "applied_at", "accepted_at", "end_reason"),
        *("outbound_area_id", "inbound_area_id", "outbound_agency_id", "inbound_agency_id"),
        *("in_handler_id", "out_reviewer_id"),
    ),
)
_RUNNING = Columns(
    Clock,
    "k",
    (
        *("id", "case_id", "kind", "side", "area_id", "calendar_id", "budget", "used", "paused_days", "counted_until"),
        *("due_on", "due_at", "provisional", "status", "outcome", "generation", "started_at", "stopped_at"),
    ),
)
_TOLD = 4


@cache
def _statement(wrong: float, rightly: float) -> str:
    """The look-up, with all in it that never changes.

    Two columns of a case are read and no more before they match: what its other rows cost would tell that there is one.
    """
    kinds = ", ".join(f"'{kind.value}'" for kind in PROMISED)
    return f"""
SELECT t.outcome, t.case_id, t.wait, t.full_bucket, {_CASE.sql}, {_RUNNING.sql}
FROM transfers_look_up(
    %s, %s, %s, %s, %s, {wrong!r}, {rightly!r},
    %s, {float(BY_ADDRESS.capacity)!r}, {BY_ADDRESS.per_second!r},
    %s, {float(BY_CASE.capacity)!r}, {BY_CASE.per_second!r}) t
LEFT JOIN transfers_transfercase c ON c.id = t.case_id AND t.outcome = 'ok'
LEFT JOIN LATERAL (
    SELECT * FROM transfers_clock r WHERE r.case_id = c.id AND r.status = 'running' AND r.kind IN ({kinds})
    ORDER BY r.id LIMIT 1) k ON true
"""  # nosec B608 - our own columns and constants


def _look_up(number: str, tail: str, origin: str, now: datetime, *, leaves_line: bool) -> tuple[Any, ...]:
    """Charge, compare, give back and leave the line, in one statement whether the number is known or not.

    Outcome (ok or mismatch) and key of the case come first, `_TOLD` columns further on the case if they match, then
    its running limit. Raises `J-TOO-MANY`.
    """
    given: list[Any] = [
        *(number, lookup_hash(tail, context="person.tail"), _hashed(origin), now, leaves_line),
        *(buckets.key_hash(BY_ADDRESS.key(origin)), buckets.key_hash(BY_CASE.key(number))),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_statement(WRONG, RIGHT), given)
        row: tuple[Any, ...] = cursor.fetchone()
    if row[0] == "limited":
        _limited(row[3], row[2], origin, now)
    return row


def _take(bucket: Bucket, of: str, cost: float, origin: str, now: datetime) -> None:
    taken = buckets.take(bucket.key(of), capacity=bucket.capacity, per_second=bucket.per_second, now=now, cost=cost)
    if not taken.allowed:
        _limited(bucket.name, taken.retry_after, origin, now)


def _limited(bucket: str, wait: float, origin: str, now: datetime) -> NoReturn:
    # One line a minute for an address that is over its limit: a flood must not fill the table.
    told = LIMITED_TOLD
    if buckets.take(told.key(origin), capacity=told.capacity, per_second=told.per_second, now=now).allowed:
        _note("limited", None, origin, now, detail=bucket)
    raise refusal("J-TOO-MANY", seconds=math.ceil(wait) or 1)


def _note(outcome: str, case_id: int | None, origin: str, now: datetime, *, detail: str = "") -> None:
    AccessEvent.objects.create(
        at=now,
        kind="lookup",
        case_id=case_id,
        origin_hash=_hashed(origin),
        outcome=outcome,
        detail=detail,
    )


def _hashed(origin: str) -> bytes:
    return lookup_hash(origin, context="access.origin")
