"""One step of many cases: chosen on the worklist by ticks or by its filter, confirmed, taken, and reported."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers import tasks
from transfers.actions import many
from transfers.admin.pages import actor_of, missing, page
from transfers.admin.worklist import Asked
from transfers.models import MOVES, BulkStep
from transfers.rules.errors import Refusal
from transfers.selectors import console

AT_ONCE = 200
"""Of so many cases the step is taken while the page waits; of more by a worker."""
SHOWN = 100


def choose_view(request: HttpRequest) -> HttpResponse:
    """Choose the ticked cases, or all that the list's filter finds, as they are now; the next page asks which step."""
    actor, now = actor_of(request), timezone.now()
    if not actor.roles:
        return missing(request)
    cases = Asked.of(request.POST.dict(), console.shelves_for(actor)).cases(actor, now)
    if "all" not in request.POST:
        given = [int(pk) for pk in request.POST.getlist("pk") if pk.isascii() and pk.isdigit() and len(pk) < 19]
        cases = cases.filter(pk__in=given)
    return _to(many.choose(actor, cases, now=now).pk)


def step_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask which step, then show how far it is, and in the end what was refused and why."""
    actor = actor_of(request)
    step = many.mine(actor, pk)
    error: Refusal | None = None
    if request.method == "POST":
        try:
            _go(many.start(actor, pk, request.POST.get("step", ""), note=request.POST.get("note", ""),
                           now=timezone.now()))  # fmt: skip
            return _to(pk)
        except Refusal as refused:
            error = refused
    context: dict[str, Any] = {
        "step": step,
        "note": request.POST.get("note", ""),
        "chosen": request.POST.get("step", ""),
        "refusal": error,
    }
    if step.started_at is None:
        context["offers"] = many.offered(actor, step)
    else:
        left_out = many.refused(pk)
        context |= {
            "move": MOVES[step.name].move,
            "refused": list(left_out[:SHOWN]),
            "count_refused": left_out.count(),
            "width": round(step.done * 100 / step.count),
        }
        context["taken"] = step.done - context["count_refused"]
    return page(request, "many", context, title=_("One step of many cases"), status=error.http_status if error else 200)


def _go(step: BulkStep) -> None:
    """Take it now, or ask a worker for it."""
    if step.count > AT_ONCE:
        tasks.bulk_soon()
    else:
        many.go_on(step.pk, now=timezone.now())


def _to(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_many_step", args=[pk]))
