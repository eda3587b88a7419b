"""Papers that agencies issue: made once, fetched through the gate, issued by hand where no font has the characters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from transfers.access import Actor, ActorKind, agency_on, find_case
from transfers.actions.history import tell_paper
from transfers.actions.outbound import stands, to_transfer
from transfers.documents.papers import store
from transfers.documents.papers.ordering import drafted
from transfers.documents.papers.saying import as_set, said_by
from transfers.documents.papers.typesetting import MissingGlyphs, typeset
from transfers.documents.pdfseal import seal_pdf
from transfers.models import AccessEvent, Paper, Sheet, TransferCase
from transfers.rules.errors import Refusal, refusal
from transfers.rules.papers import AT_ONCE, PaperKind
from transfers.rules.parties import Named, Role, Side
from transfers.rules.text import has_control
from transfers.rules.workdays import last_day_of

log = structlog.get_logger(__name__)
NOTE_MAX = 300
Status = Paper.Status
# Who issues papers on request, and by hand what no font can show.
_ISSUERS = {Side.OUT: (Role.OUT_HANDLER, Role.SUPERVISOR), Side.IN: (Role.IN_HANDLER, Role.SUPERVISOR)}


@dataclass(frozen=True, slots=True)
class OpenedPaper:
    """A paper and its PDF, as it was issued."""

    paper: Paper
    pdf: bytes

    @property
    def filename(self) -> str:
        """A name for a download: it says which paper of which case, and nothing of the person."""
        return f"{self.paper.case.number}-{PaperKind(self.paper.kind).info.node}-{self.paper.version:02d}.pdf"


@transaction.atomic
def make(paper_pk: int, *, now: datetime) -> Paper:
    """Set, seal and store a paper that was ordered; one that is no longer waiting is left as it is.

    Whoever makes it first has made it: others wait for the row, and find it done.
    """
    paper = Paper.objects.select_for_update(of=("self",)).select_related("case__person", "agency").get(pk=paper_pk)
    if paper.status != Status.PENDING:
        return paper
    said = said_by(paper)
    try:
        made = typeset(as_set(said, paper), at=paper.created_at)
    except MissingGlyphs as error:
        paper.status, paper.missing = Status.MANUAL, error.characters[:100]
        paper.save(update_fields=["status", "missing"])
        log.warning("paper_to_print_by_hand", paper=paper.pk)
        return paper
    info = PaperKind(paper.kind).info
    pdf = made.pdf
    if info.sealed:
        pdf = seal_pdf(made, agency_code=paper.agency.area_id, agency_name=paper.agency.name, title=info.zh)
    canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    paper.digest = hashlib.sha256(canonical.encode()).hexdigest()
    paper.sha256, paper.size = store.keep(pdf), len(pdf)
    paper.status, paper.issued_at = Status.READY, now
    paper.save(update_fields=["digest", "sha256", "size", "status", "issued_at"])
    return paper


@dataclass(frozen=True, slots=True)
class Made:
    """What one round of making did. `truncated`: the limit was reached, more may wait."""

    made: int
    by_hand: int
    failed: int
    truncated: bool


def make_waiting(*, now: datetime, limit: int = 200) -> Made:
    """Make papers that agencies wait for, the oldest first. Any number of workers may do so at once."""
    last = made = by_hand = failed = 0
    for _turn in range(limit):
        with transaction.atomic():
            waiting = Paper.objects.filter(status=Status.PENDING, kind__in=AT_ONCE, pk__gt=last).order_by("pk")
            pk = waiting.select_for_update(skip_locked=True).values_list("pk", flat=True).first()
            if pk is None:
                return Made(made, by_hand, failed, truncated=False)
            last = pk
            try:
                with transaction.atomic():
                    paper = make(pk, now=now)
            except SoftTimeLimitExceeded:
                raise  # the worker is about to end this task
            except Exception:
                # One that cannot be made must not hold up the others; it is tried again with the next round.
                log.exception("paper_not_made", paper=pk)
                failed += 1
                continue
            made += paper.status == Status.READY
            by_hand += paper.status == Status.MANUAL
    return Made(made, by_hand, failed, truncated=True)


def oldest_waiting(*, now: datetime) -> float | None:
    """For how many seconds the oldest paper that agencies wait for has not been made; None when all are."""
    waiting = Paper.objects.filter(status=Status.PENDING, kind__in=AT_ONCE).order_by("pk")
    ordered = waiting.values_list("created_at", flat=True).first()
    return None if ordered is None else max(0.0, (now - ordered).total_seconds())


def open_paper(actor: Actor, case_pk: int, pk: int, *, now: datetime | None = None) -> OpenedPaper:
    """The PDF of a paper, made now if nobody has asked for it before. The look is recorded.

    J-NOT-FOUND for none, for another's, and for what the person is not given; J-PAPER-BY-HAND for one that no font can
    show; J-PAPER-DAMAGED when the file is not what was stored.
    """
    now = now or timezone.now()
    case = find_case(actor, pk=case_pk)
    paper = papers_of(actor, case).filter(pk=pk).first()
    if paper is None:
        raise refusal("J-NOT-FOUND")
    if paper.status == Status.PENDING:
        paper = make(paper.pk, now=now)
    if paper.status in (Status.MANUAL, Status.PRINTED):
        raise refusal("J-PAPER-BY-HAND", agency=paper.agency.name, phone=paper.agency.phone)
    paper.case = case
    try:
        pdf = store.fetch(paper.sha256)
    except store.Damaged:
        log.error("paper_damaged", paper=paper.pk)
        raise refusal("J-PAPER-DAMAGED") from None
    AccessEvent.objects.create(
        at=now, kind="download", case=case, user_id=actor.user_id, outcome="shown", detail=f"paper {paper.pk}"
    )
    return OpenedPaper(paper, pdf)


def papers_of(actor: Actor, case: TransferCase) -> QuerySet[Paper]:
    """The papers of a case that this actor may fetch, the newest first."""
    papers = Paper.objects.filter(case=case).select_related("agency", "issued_by").order_by("-id")
    if actor.kind is ActorKind.PERSON:
        return papers.filter(kind__in=[kind.value for kind in PaperKind if kind.info.to_person])
    return papers


def issuable(actor: Actor, case: TransferCase, *, now: datetime) -> list[PaperKind]:
    """The kinds of papers that this actor may issue for the case now."""
    return [kind for kind in PaperKind if kind.info.on_request and _why_not(actor, case, kind, now=now) is None]


@transaction.atomic
def issue(actor: Actor, case_pk: int, kind: str, *, note: str = "", now: datetime | None = None) -> Paper:
    """Issue a contact letter, an enrolment certificate or a statement of delay; once for where the case stands.

    `note` is the explanation in a statement of delay. J-PAPER-NOT-NOW, J-NOT-YOURS, J-NOTE.
    """
    now = now or timezone.now()
    case = find_case(actor, pk=case_pk)
    wanted = next((each for each in PaperKind if each.value == kind and each.info.on_request), None)
    if wanted is None:
        raise refusal("J-PAPER-NOT-NOW")
    note = note.strip()
    if why := _why_not(actor, case, wanted, now=now):
        raise why
    if len(note) > NOTE_MAX or has_control(note) or (wanted is PaperKind.OVERDUE and not note):
        raise refusal("J-NOTE")
    # Of two requests at once the second finds what the first has issued.
    TransferCase.objects.select_for_update(of=("self",), no_key=True).only("pk").get(pk=case.pk)
    already = Paper.objects.filter(case=case, kind=wanted.value, version=case.version).first()
    if already is not None:
        return already
    facts: dict[str, Any] = {"due_on": last_day_of(case.due_at).isoformat() if case.due_at else "", "note": note}
    if wanted is PaperKind.CERTIFICATE:
        facts |= {"content": _certified(case, actor, now)}
    paper = drafted(case, wanted, version=case.version, facts=facts, now=now, ordered_by=actor.user_id)
    paper.save()
    _tell(actor, paper, Named(f"开具{wanted.info.zh}", f"Paper issued: {wanted.info.en}"), now)
    return paper


@transaction.atomic
def issue_by_hand(actor: Actor, pk: int, *, now: datetime | None = None) -> Paper:
    """A paper of the manual print queue has been written, stamped and handed over. For its own agency's people."""
    now = now or timezone.now()
    paper = manual_queue(actor).select_for_update(of=("self",)).filter(pk=pk).first()
    if paper is None:
        raise refusal("J-NOT-FOUND")
    paper.status, paper.issued_at, paper.issued_by_id = Status.PRINTED, now, actor.user_id
    paper.save(update_fields=["status", "issued_at", "issued_by"])
    named = PaperKind(paper.kind).info
    _tell(actor, paper, Named(f"手工开具{named.zh}", f"Paper issued by hand: {named.en}"), now)
    return paper


def manual_queue(actor: Actor) -> QuerySet[Paper]:
    """Papers that wait to be issued by hand in the agencies where the actor may do so, the oldest first."""
    roles = {role for held in _ISSUERS.values() for role in held}
    agencies = [agency for agency, held in actor.roles.items() if not roles.isdisjoint(held)]
    waiting = Paper.objects.filter(status=Status.MANUAL, agency_id__in=agencies)
    return waiting.select_related("case", "agency").order_by("pk")


def _why_not(actor: Actor, case: TransferCase, kind: PaperKind, *, now: datetime) -> Refusal | None:
    """Why this paper cannot be issued now by this actor; None when it can."""
    side = kind.info.side
    if kind is PaperKind.OVERDUE and case.acts == Side.IN:
        side = Side.IN
    if not actor.has(agency_on(case, side), *_ISSUERS[side]):
        who = Role.OUT_HANDLER if side is Side.OUT else Role.IN_HANDLER
        return refusal(
            "J-NOT-YOURS",
            what=f"开具{kind.info.zh}",
            what_en=f"Issue: {kind.info.en}",
            who=who.named.zh,
            who_en=who.named.en,
        )
    late = case.due_at is not None and case.due_at < now
    if case.closed_at is not None or (kind is PaperKind.OVERDUE and not late):
        return refusal("J-PAPER-NOT-NOW")
    return None


def _certified(case: TransferCase, actor: Actor, now: datetime) -> dict[str, Any]:
    """What a certificate says: the newest sealed sheet, or before there is any the outbound record as it stands."""
    sealed = Sheet.objects.filter(case=case, sealed_at__isnull=False).order_by("-version").first()
    if sealed is not None:
        return dict(sealed.content)
    return to_transfer(stands(case, handler=actor.name, now=now))


def _tell(actor: Actor, paper: Paper, what: Named, now: datetime) -> None:
    side = PaperKind(paper.kind).info.side
    tell_paper(paper.case_id, actor, "paper", what, side=side, agency_id=paper.agency_id, now=now, paper=paper.pk)
