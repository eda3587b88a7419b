"""Several cases to one colleague at once: a supervisor's step, taken case by case through the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mask import mask_name
from transfers.access import Actor, claimers, visible_cases
from transfers.actions import perform
from transfers.admin.pages import actor_of, missing, page
from transfers.admin.steps import version_of
from transfers.models import TransferCase
from transfers.places import furnish
from transfers.rules.errors import Refusal
from transfers.rules.parties import Named, Role, Side
from transfers.selectors import console

AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of the cases. `why`: what kept it from being reassigned; `done`: it has been."""

    case: TransferCase
    name: str
    state: Named
    owner: str
    done: bool = False
    why: Refusal | None = None


def reassign_view(request: HttpRequest) -> HttpResponse:
    """Ask for the colleague; then report, case by case, what was done and what was not."""
    actor = actor_of(request)
    if not actor.holds(Role.SUPERVISOR):
        return missing(request)
    given = [int(pk) for pk in request.POST.getlist("pk") if pk.isascii() and pk.isdigit() and len(pk) < 19]
    found = visible_cases(actor).filter(pk__in=given[:AT_ONCE]).select_related("owner").order_by(*console.ORDER)
    cases = [furnish(case) for case in found]
    if not cases:
        messages.warning(request, _("Tick the cases that you want to reassign first."))
        return HttpResponseRedirect(reverse("admin:transfers_transfercase_changelist"))
    to = request.POST.get("to", "")
    chosen = [_reassigned(request, actor, case, to) if to else _chosen(case) for case in cases]
    context: dict[str, Any] = {
        "chosen": chosen,
        "colleagues": _colleagues(cases),
        "to": to,
        "note": request.POST.get("note", ""),
        "reported": bool(to),
        "done": sum(one.done for one in chosen),
        "missed": "confirm" in request.POST and not to,
    }
    return page(request, "reassign", context, title=_("Reassign"), status=400 if context["missed"] else 200)


def _reassigned(request: HttpRequest, actor: Actor, case: TransferCase, to: str) -> Chosen:
    """Each by itself: one that cannot be reassigned does not hold up the others."""
    version = version_of(request.POST.get(f"version-{case.pk}", ""))
    note = request.POST.get("note", "")
    try:
        after = perform(case.pk, "reassign", actor, version=version, note=note, data={"to": to}).case
    except Refusal as error:
        return _chosen(case, why=error)
    return _chosen(after, done=True)


def _chosen(case: TransferCase, *, done: bool = False, why: Refusal | None = None) -> Chosen:
    named = Named(case.info.zh, case.info.en)
    return Chosen(case, mask_name(case.name), named, str(case.owner) if case.owner else "", done, why)


def _colleagues(cases: list[TransferCase]) -> list[tuple[str, str]]:
    """Everybody who could handle one of these cases; who cannot handle another is refused there."""
    desks = {(case.holder_id, Side(case.acts)) for case in cases if case.acts in (Side.OUT, Side.IN)}
    found = {row.user.username: str(row.user) for desk in desks for row in claimers(*desk)}
    return sorted(found.items(), key=lambda item: item[1])
