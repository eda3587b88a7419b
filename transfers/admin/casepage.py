"""The case page: who, from where to where, what is asked of whom until when; and everything that can be checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.mask import mask_email, mask_id, mask_name, mask_phone
from transfers.access import Actor, find_case
from transfers.actions import papers as issued_papers
from transfers.actions.attachments import KINDS, MAX_BYTES, may_attach
from transfers.actions.disclosure import Unmasked, unmask
from transfers.admin.national import card_of
from transfers.admin.pages import actor_of, page
from transfers.documents.seal import intact
from transfers.documents.sheet import Change, difference, digest_of
from transfers.models import Attachment, Clock, Remittance, Sheet, TransferCase
from transfers.places import area_of, has_area
from transfers.rules.codes import ALL, Reason
from transfers.rules.errors import Refusal
from transfers.rules.identity import Document
from transfers.rules.papers import PaperKind
from transfers.rules.parties import Applicant, Channel, Named, Scheme, Side
from transfers.rules.precheck import because
from transfers.rules.routes import State
from transfers.rules.workdays import last_day_of, local_date
from transfers.selectors import console, finance, progress
from transfers.selectors.circumstances import Circumstance, Doubt, circumstances
from transfers.selectors.console import Offer
from transfers.selectors.progress import ClockView, DayLine

QUERIED = (State.IN_QUERY, State.QUERY_REVIEW)


@dataclass(frozen=True, slots=True)
class ClockCard:
    """A clock with its days, laid out in weeks that begin on Monday; None fills the first and last week."""

    view: ClockView
    words: Named
    because: Named
    tone: str
    days: list[DayLine]
    weeks: list[list[DayLine | None]]
    used_width: int


@dataclass(frozen=True, slots=True)
class SheetCard:
    """A version of the information sheet. `sealed`: None while it is a draft, else whether the seal verifies.

    `before` is the version that it corrects, with the `changes`; `doubts` are those that the inbound side has now, and
    `rows` the periods, each with its area's name and
    whether it is among them.
    """

    sheet: Sheet
    content: dict[str, Any]
    name: str
    sealed: bool | None
    scheme: Named
    before: int
    changes: list[Change]
    doubts: tuple[Doubt, ...]
    rows: list[tuple[dict[str, Any], str, bool]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One outcome of the precheck; `because` names the article, the policy switch and its edition."""

    reason: Reason
    remedy: Named
    side: Named
    blocking: bool
    because: Named


def case_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of one case."""
    return show(request, find_case(actor_of(request), pk=pk))


def unmask_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The page once with the person's particulars in full; written down, not kept anywhere."""
    actor = actor_of(request)
    unmasked = unmask(actor, pk)
    response = show(request, find_case(actor, pk=pk), unmasked=unmasked)
    response["Cache-Control"] = "no-store, private"
    return response


def show(
    request: HttpRequest,
    case: TransferCase,
    *,
    unmasked: Unmasked | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """The case page; with a refusal at its head when something just asked for was not possible."""
    actor, now = actor_of(request), timezone.now()
    remittance = Remittance.objects.filter(case=case).first()
    ladder = [
        (rung, [console.AUDIENCES.get(who, Named(who, who)) for who in rung.to])
        for rung in progress.ladder_of(case, now)
    ]
    odd = circumstances(case)
    main, others = _apart(console.allowed_moves(actor, case, remittance), closed=case.info.terminal)
    context = {
        "case": case,
        "state": Named(case.info.zh, case.info.en),
        "who": _who(case, unmasked),
        "unmasked": unmasked,
        "refusal": refusal,
        "takes_part": console.takes_part(actor, case),
        "offers": main,
        "others": others,
        "asked": console.asked_of(case, remittance),
        "left": console.left_now(case, now),
        "due_on": last_day_of(case.due_at) if case.due_at else None,
        "status": progress.public_status(case, progress.promised_clock(case), now),
        "applicant": Applicant(case.applicant).named,
        "agent_phone": mask_phone(case.agent_phone) if case.agent_phone else "",
        "channel": Channel(case.channel).named,
        "schemes": (Scheme(case.outbound_scheme).named, Scheme(case.inbound_scheme).named),
        "document": Document(case.person.identity_type).named,
        "findings": list(_findings(case)),
        "advice": progress.advice_of(case),
        "odd": [one for one in odd if one.current],
        "odd_before": [one for one in odd if not one.current],
        "supplement": ALL.get(case.supplement_reason),
        "sheets": _sheets(case, actor, odd),
        "money": progress.money_view(case),
        "clocks": _clocks(case, now),
        "ladder": [rung for rung in ladder if rung[0].status != "dropped"],
        "dropped": [rung for rung in ladder if rung[0].status == "dropped"],
        "timeline": progress.timeline(case, public=False)[::-1],
        "letters": console.letters_of(case, actor),
        "papers": [
            (paper, KINDS.get(paper.kind, Named(paper.kind, paper.kind)))
            for paper in Attachment.objects.filter(case=case).select_related("uploaded_by").order_by("-id")
        ],
        "issued": [(paper, PaperKind(paper.kind).info.named) for paper in issued_papers.papers_of(actor, case)],
        "national": card_of(case),
        "moved": finance.money_of(case, remittance),
        "issuable": issued_papers.issuable(actor, case, now=now),
        "may_attach": may_attach(actor, case),
        "paper_kinds": list(KINDS.items()),
        "max_mb": MAX_BYTES // (1024 * 1024),
        "next": console.next_case(actor, now, after=case.pk),
    }
    return page(request, "case", context, title=case.number, status=status)


def _apart(offers: list[Offer], *, closed: bool) -> tuple[list[Offer], list[Offer]]:
    """The steps that lead on, and the others: what ends or turns a case, and plain ones beside a step that leads on."""
    if closed:
        return [], offers  # it leads nowhere; what can still be done is not what waits
    leads = any(offer.allowed and offer.tone == "primary" for offer in offers)
    # What the person may choose, they mostly choose themselves.
    theirs = [o for o in offers if o.declared.machine == "money" and o.declared.move.side is Side.APPLICANT]
    ours = [offer for offer in offers if offer not in theirs]
    main = [offer for offer in ours if offer.tone == "primary" or (offer.tone == "plain" and not leads)]
    return main, [offer for offer in offers if offer not in main]


def _who(case: TransferCase, unmasked: Unmasked | None) -> dict[str, str]:
    if unmasked is not None:
        return {
            "name": unmasked.name,
            "number": unmasked.identity_number,
            "phone": unmasked.phone,
            "email": unmasked.email,
        }
    return {
        "name": mask_name(case.name),
        "number": mask_id(case.person.identity_number),
        "phone": mask_phone(case.phone),
        "email": mask_email(case.email) if case.email else "",
    }


def _findings(case: TransferCase) -> Iterator[Finding]:
    for failure in case.failures:
        reason, advice = ALL[failure["code"]], failure.get("remedy")
        yield Finding(
            reason,
            Named(advice["zh"], advice["en"]) if advice else Named(reason.remedy_zh, reason.remedy_en),
            Side(failure["side"]).named,
            failure["blocking"],
            because(
                reason,
                switch=failure.get("switch", ""),
                value=failure.get("value", ""),
                sources=failure.get("sources", ()),
            ),
        )


def _sheets(case: TransferCase, actor: Actor, odd: list[Circumstance]) -> list[SheetCard]:
    """The newest version first. A draft stays inside the outbound agency until it is sealed."""
    inside = case.outbound_agency_id in actor.roles
    rows = Sheet.objects.filter(case=case).select_related("prepared_by", "approved_by").order_by("version")
    sheets = [sheet for sheet in rows if inside or sheet.sealed_at is not None]
    doubts = next((one.doubts for one in odd if one.current and one.doubts), ())
    asked = max((sheet.version for sheet in sheets if sheet.sealed_at is not None), default=0)
    cards = []
    for before, sheet in zip([None, *sheets], sheets, strict=False):
        sealed = None
        if sheet.sealed_at is not None:
            sealed = intact(sheet.seal, digest=digest_of(sheet.content), agency_code=case.outbound_area_id)
        doubted = doubts if sheet.version == asked and case.state in QUERIED else ()
        places = {doubt.place.partition(".")[0] for doubt in doubted}
        cards.append(
            SheetCard(
                sheet=sheet,
                content=sheet.content,
                name=mask_name(sheet.content["name"]),
                sealed=sealed,
                scheme=Scheme(sheet.content["outbound_scheme"]).named,
                before=before.version if before else 0,
                changes=[_masked(change) for change in difference(before.content, sheet.content)] if before else [],
                doubts=doubted,
                rows=[
                    (row, _area_name(row["area"]), f"periods[{n}]" in places)
                    for n, row in enumerate(sheet.content["periods"])
                ],
            )
        )
    return cards[::-1]


def _area_name(code: str) -> str:
    """The area in words; a code of another system, that the hub does not know, as it is."""
    return area_of(code).full_name if has_area(code) else code


def _masked(change: Change) -> Change:
    if change.path != "name":
        return change
    return replace(change, old=mask_name(str(change.old)), new=mask_name(str(change.new)))


def _clocks(case: TransferCase, now: datetime) -> list[ClockCard]:
    rows = sorted(Clock.objects.filter(case=case), key=lambda clock: (clock.status == Clock.Status.STOPPED, -clock.pk))
    cards = []
    for clock in rows:
        view = progress.clock_view(clock, now)
        days = progress.working(clock, now)
        cards.append(
            ClockCard(
                view=view,
                words=progress.days_words(view, now),
                because=progress.because_due(case, clock),
                tone=_tone(view, now),
                days=days,
                weeks=_weeks(days),
                used_width=min(100, round(view.used * 100 / view.budget)) if view.budget else 0,
            )
        )
    return cards


def _tone(view: ClockView, now: datetime) -> str:
    if view.overdue:
        return "over"
    if view.status == Clock.Status.STOPPED:
        return "done"
    if view.status == Clock.Status.PAUSED:
        return "none"
    if view.due_on == local_date(now):
        return "today"
    return "soon" if view.left <= 2 else "calm"


def _weeks(days: list[DayLine]) -> list[list[DayLine | None]]:
    if not days:
        return []
    cells: list[DayLine | None] = [None] * days[0].day.weekday() + list(days)
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]
