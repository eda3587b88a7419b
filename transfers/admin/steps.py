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
from transfers.admin.pages import actor_of, page
from transfers.models import Remittance, TransferCase
from transfers.models.labels import said
from transfers.rules.codes import LISTS
from transfers.rules.errors import Refusal
from transfers.selectors import console
from transfers.selectors.console import Offer

FIELD = "field_"


def step_view(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """GET asks for confirmation and changes nothing; POST takes the step, on the version that was shown."""
    actor = actor_of(request)
    case = find_case(actor, pk=pk)
    remittance = Remittance.objects.filter(case=case).first()
    offer = console.offer_for(actor, case, remittance, name)
    if request.method == "POST":
        return _take(request, actor, case, remittance, offer)
    return _ask(request, actor, case, remittance, offer, refusal=offer.why)


def _take(
    request: HttpRequest, actor: Actor, case: TransferCase, remittance: Remittance | None, offer: Offer
) -> HttpResponse:
    typed = {key.removeprefix(FIELD): str(request.POST[key]) for key in request.POST if key.startswith(FIELD)}
    try:
        done = perform(
            case.pk,
            offer.name,
            actor,
            version=_version(request.POST.get("version", "")),
            reason=request.POST.get("reason", ""),
            note=request.POST.get("note", ""),
            data=typed,
        )
    except Refusal as error:
        if error.http_status == 404:
            raise
        return _ask(request, actor, case, remittance, offer, refusal=error, typed=typed)
    messages.success(
        request,
        _("Done: %(step)s. The case is now “%(state)s”.") % {"step": said(offer.named), "state": said(done.case.info)},
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
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    """The page that asks. After a refusal it keeps what was typed; when somebody else was faster it asks to reload."""
    move, stale = offer.declared.move, refusal is not None and refusal.code == "J-STALE"
    wrong = refusal.details.get("name", "") if refusal and refusal.code == "J-FIELD" else ""
    context: dict[str, Any] = {
        "case": case,
        "name": mask_name(case.name),
        "state": said(case.info),
        "left": console.left_now(case, timezone.now()),
        "offer": offer,
        "move": move,
        "reasons": list(LISTS[move.reasons].values()) if move.reasons else [],
        "fields": [(field, (typed or {}).get(field.name, ""), field.name == wrong) for field in move.fields],
        "money": remittance if offer.declared.machine == "money" else None,
        "refusal": refusal,
        "stale": stale,
        "possible": offer.allowed and not stale,
        "reason": request.POST.get("reason", ""),
        "note": request.POST.get("note", ""),
        "next": console.next_case(actor, timezone.now(), after=case.pk) if refusal else None,
    }
    return page(request, "step", context, title=said(offer.named), status=refusal.http_status if refusal else 200)


def _version(text: str) -> int:
    """The version that was shown. Nonsense is a version that never was, and so is stale."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
