"""The public look-up: what somebody must prove, what each attempt costs, and the trace that it leaves.

Two proofs. Number and tail: the case number and the last six characters of the identity number; they open the stage
line. The phone: a one-time code to the phone on file; it opens the whole page, and lets the person act.

An unknown number and a wrong tail are answered alike: the same refusal after the same statements. An attempt is
charged as a failure before anything is compared, and what a right one did not cost is given back, so no number of
parallel attempts gets more guesses than the buckets hold.
"""

from __future__ import annotations

import hmac
import math
import re
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts import buckets, codes
from accounts.crypto import lookup_hash
from notifications import outbox
from transfers.models import AccessEvent, TransferCase
from transfers.rules import casenumber, identity
from transfers.rules.errors import Refusal, refusal
from transfers.rules.routes import State
from transfers.rules.text import narrow

PURPOSE = "track"


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
# What stands in for the hash of a case that does not exist.
_NOBODY = b"\x00" * 32
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


def find(number: str, tail: str, *, origin: str, now: datetime) -> TransferCase:
    """The case that number and tail open. `origin` is the network address that asks.

    Raises `J-CASE-NUMBER` or `J-TAIL` for what cannot be right whatever the hub holds, `J-TOO-MANY` with `seconds`, and
    `J-LOOKUP` for unknown and mismatched alike. Leaves one access event.
    """
    number, tail = casenumber.parse(number), clean_tail(tail)
    pk, matched = _compare(number, tail, origin, now)
    _note("ok" if matched else "mismatch", pk, origin, now)
    if pk is None or not matched:
        raise refusal("J-LOOKUP")
    return _opened(pk)


def request_code(number: str, tail: str, *, origin: str, now: datetime) -> None:
    """Send a one-time code to the phone on file when number and tail match; the caller hears nothing of it either way.

    Raises `J-CASE-NUMBER`, `J-TAIL`, `J-TOO-MANY`.
    """
    number, tail = casenumber.parse(number), clean_tail(tail)
    pk, matched = _compare(number, tail, origin, now)
    if pk is not None and matched:
        send_code(_opened(pk), origin=origin, now=now)
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


def _compare(number: str, tail: str, origin: str, now: datetime) -> tuple[int | None, bool]:
    """Charge, fetch and compare: the same statements and hashes whether the number is known or not.

    Two columns are fetched and no more: what a case's other rows cost to read would tell that there is one.
    """
    charged = ((BY_ADDRESS, origin), (BY_CASE, number))
    for bucket, of in charged:
        _take(bucket, of, WRONG, origin, now)
    known = TransferCase.objects.filter(number=number).exclude(state=State.DRAFT)
    pk, held = known.values_list("pk", "person__tail_hash").first() or (None, _NOBODY)
    matched = hmac.compare_digest(bytes(held), lookup_hash(tail, context="person.tail"))
    if matched:
        for bucket, of in charged:
            buckets.give_back(
                bucket.key(of), capacity=bucket.capacity, per_second=bucket.per_second, amount=WRONG - RIGHT
            )
    return pk, matched


def _opened(pk: int) -> TransferCase:
    """The case, with what its page shows; only after a match."""
    return TransferCase.objects.select_related(
        "person", "outbound_area__parent", "inbound_area__parent", "outbound_agency", "inbound_agency"
    ).get(pk=pk)


def _take(bucket: Bucket, of: str, cost: float, origin: str, now: datetime) -> None:
    taken = buckets.take(bucket.key(of), capacity=bucket.capacity, per_second=bucket.per_second, now=now, cost=cost)
    if taken.allowed:
        return
    # One line a minute for an address that is over its limit: a flood must not fill the table.
    told = LIMITED_TOLD
    if buckets.take(told.key(origin), capacity=told.capacity, per_second=told.per_second, now=now).allowed:
        _note("limited", None, origin, now, detail=bucket.name)
    raise refusal("J-TOO-MANY", seconds=math.ceil(taken.retry_after) or 1)


def _note(outcome: str, case_id: int | None, origin: str, now: datetime, *, detail: str = "") -> None:
    AccessEvent.objects.create(
        at=now,
        kind="lookup",
        case_id=case_id,
        origin_hash=lookup_hash(origin, context="access.origin"),
        outcome=outcome,
        detail=detail,
    )
