"""Checking a paper, for anybody who holds one: by its verification code, or by the file itself.

The answer is one of four and says which kind of paper of which agency it is, never anything of the person. What nobody
issued and what cannot be told apart from it are `unknown`. A file counts as issued when it is the stored one to the
byte; a seal that holds over other bytes does not make it so.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from accounts import buckets
from accounts.crypto import lookup_hash
from transfers.actions.lookup import Bucket
from transfers.documents.papers.code import parse
from transfers.documents.pdfseal import Seal, examine
from transfers.models import AccessEvent, Paper, Sheet
from transfers.rules.errors import refusal
from transfers.rules.papers import PaperKind
from transfers.rules.parties import Named

MAX_BYTES = 5 * 1024 * 1024
BY_ADDRESS = Bucket("papers", capacity=40, per_second=0.5)
CODE, FILE = 1.0, 4.0
MARKS_MAX = 100  # looked at in one file; a paper has a few
# Every paper carries its code in its metadata, which PDF/A keeps readable.
_MARK = re.compile(rb"JIEXU-([0-9A-HJKMNP-TV-Z]{16})")


class Answer(StrEnum):
    """What is said of a paper."""

    INTACT = "intact"
    ALTERED = "altered"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"

    @property
    def named(self) -> Named:
        return _ANSWERS[self]


_ANSWERS = {
    Answer.INTACT: Named("真实有效", "Intact"),
    Answer.ALTERED: Named("已被改动", "Altered"),
    Answer.SUPERSEDED: Named("已有新版本", "Superseded"),
    Answer.UNKNOWN: Named("查无此文书", "Unknown"),
}


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer; for a paper that was issued also its kind, agency and time. `by_hand`: there is no file of it."""

    answer: Answer
    kind: Named | None = None
    agency: str = ""
    issued_at: datetime | None = None
    by_hand: bool = False


def by_code(text: str, *, origin: str, now: datetime) -> Verified:
    """What is known of the paper with this code. J-PAPER-CODE for what is no code, J-TOO-MANY with `seconds`."""
    code = parse(text)
    _take(CODE, origin, now)
    issued = (Paper.Status.READY, Paper.Status.PRINTED)
    paper = Paper.objects.filter(code=code, status__in=issued).select_related("agency").first()
    return _noted(_of(paper) if paper else Verified(Answer.UNKNOWN), paper, origin, now)


def by_file(pdf: bytes, *, origin: str, now: datetime) -> Verified:
    """What this file is. J-NOT-PDF for what is no PDF or too large, J-TOO-MANY with `seconds`."""
    if not pdf.startswith(b"%PDF-") or len(pdf) > MAX_BYTES:
        raise refusal("J-NOT-PDF")
    _take(FILE, origin, now)
    stored = Paper.objects.filter(status=Paper.Status.READY).select_related("agency")
    paper = stored.filter(sha256=hashlib.sha256(pdf).hexdigest()).first()
    if paper is not None:
        return _noted(_of(paper), paper, origin, now)
    # Not as issued, to the byte. Is it one of ours that somebody changed?
    marks = {found[1].decode() for found in islice(_MARK.finditer(pdf), MARKS_MAX)}
    paper = stored.filter(code__in=marks).first()
    if paper is not None or examine(pdf).seal in (Seal.BROKEN, Seal.INTACT):
        return _noted(Verified(Answer.ALTERED), paper, origin, now)
    return _noted(Verified(Answer.UNKNOWN), None, origin, now)


def _of(paper: Paper) -> Verified:
    kind = PaperKind(paper.kind)
    answer = Answer.INTACT
    if kind is PaperKind.SHEET:
        newer = Sheet.objects.filter(
            case_id=paper.case_id, sealed_at__isnull=False, version__gt=paper.facts.get("sheet") or 0
        )
        answer = Answer.SUPERSEDED if newer.exists() else Answer.INTACT
    by_hand = paper.status == Paper.Status.PRINTED
    return Verified(answer, kind.info.named, paper.agency.name, paper.issued_at, by_hand)


def _take(cost: float, origin: str, now: datetime) -> None:
    bucket = BY_ADDRESS
    taken = buckets.take(bucket.key(origin), capacity=bucket.capacity, per_second=bucket.per_second, now=now, cost=cost)
    if not taken.allowed:
        raise refusal("J-TOO-MANY", seconds=math.ceil(taken.retry_after) or 1)


def _noted(verified: Verified, paper: Paper | None, origin: str, now: datetime) -> Verified:
    AccessEvent.objects.create(
        at=now,
        kind="verify",
        case_id=paper.case_id if paper else None,
        origin_hash=lookup_hash(origin, context="access.origin"),
        outcome=verified.answer.value,
        detail=f"paper {paper.pk}" if paper else "",
    )
    return verified
