"""Taking a step: a page that asks once more, and the door itself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mask import mask_name
from transfers.access import Actor, find_case
from transfers.actions import perform
from transfers.actions.intake import decide
from transfers.admin.answers import MORE, answers, newest, widgets
from transfers.admin.pages import actor_of, page
from transfers.documents.sheet import difference
from transfers.models import Remittance, TransferCase
from transfers.models.labels import said
from transfers.rules.codes import LISTS
from transfers.rules.errors import Refusal
from transfers.rules.routes import State
from transfers.selectors import console
from transfers.selectors.circumstances import circumstances
from transfers.selectors.console import Offer

DIFFERING = {"approve_correction", "send_back_correction"}


def step_view(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """GET asks for confirmation and changes nothing; POST takes the step, on the version that was shown."""
    actor = actor_of(request)
    case = find_case(actor, pk=pk)
    remittance = Remittance.objects.filter(case=case).first()
    offer = console.offer_for(actor, case, remittance, name)
    if request.method == "POST" and MORE in request.POST:
        return _ask(request, actor, case, remittance, offer, refusal=offer.why)
    if request.method == "POST":
        return _take(request, actor, case, remittance, offer)
    return _ask(request, actor, case, remittance, offer, refusal=offer.why)


def _take(
    request: HttpRequest, actor: Actor, case: TransferCase, remittance: Remittance | None, offer: Offer
) -> HttpResponse:
    try:
        done = perform(
            case.pk,
            offer.name,
            actor,
            version=version_of(request.POST.get("version", "")),
            reason=request.POST.get("reason", ""),
            note=request.POST.get("note", ""),
            data=answers(request.POST, offer.declared.move),
        )
    except Refusal as error:
        if error.http_status == 404:
            raise
        return _ask(request, actor, case, remittance, offer, refusal=error)
    after = done.case
    if after.state == State.MANUAL_CHECK:
        after = decide(after.pk, now=timezone.now())  # what was entered may have been the last that was wanted
    messages.success(
        request,
        _("Done: %(step)s. The case is now “%(state)s”.") % {"step": said(offer.named), "state": said(after.info)},
    )
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_change", args=[case.pk]))


def _ask(
    request: HttpRequest,
    actor: Actor,
    case: TransferCase,
    remittance: Remittance | None,
    offer: Offer,
    *,
    refusal: Refusal | None = None,
) -> HttpResponse:
    """The page that asks. After a refusal it keeps what was typed; when somebody else was faster it asks to reload."""
    move, stale = offer.declared.move, refusal is not None and refusal.code == "J-STALE"
    asked = widgets(case, move, request.POST, refusal)
    context: dict[str, Any] = {
        "case": case,
        "name": mask_name(case.name),
        "state": said(case.info),
        "left": console.left_now(case, timezone.now()),
        "offer": offer,
        "move": move,
        "reasons": list(LISTS[move.reasons].values()) if move.reasons else [],
        "widgets": asked,
        "wide": any(widget.field.kind in ("items", "changes") for widget in asked),
        "circumstances": [one for one in circumstances(case) if one.current],
        "money": remittance if offer.declared.machine == "money" else None,
        "refusal": _short(refusal),
        "stale": stale,
        "possible": offer.allowed and not stale,
        "reason": request.POST.get("reason", ""),
        "note": request.POST.get("note", ""),
        "next": console.next_case(actor, timezone.now(), after=case.pk) if refusal else None,
    }
    if offer.name in DIFFERING:
        context |= _difference(case)
    return page(request, "step", context, title=said(offer.named), status=refusal.http_status if refusal else 200)


def _short(refusal: Refusal | None) -> Refusal | None:
    """What is wrong by place stands beside the places, and is not said twice."""
    if refusal is None or not refusal.details.get("problems"):
        return refusal
    return Refusal(
        refusal.code,
        "填写有误，没有作任何改动。请按各处的提示修改。",
        "Something is not right and nothing was changed. Correct what is said beside each place.",
        http_status=refusal.http_status,
    )


def _difference(case: TransferCase) -> dict[str, Any]:
    """What the draft that is judged says otherwise than the version that is sealed."""
    draft, before = newest(case, sealed=False), newest(case, sealed=True)
    if draft is None or before is None or draft.version == before.version:
        return {}
    return {"before": before.version, "changes": difference(before.content, draft.content)}


def version_of(text: str) -> int:
    """The version that was shown. Nonsense is a version that never was, and so is stale."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
