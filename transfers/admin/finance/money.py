"""Lists of money by what it waits for, and one step for many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transfers.access import visible_cases
from transfers.actions.batches import LeftOut, make_batch
from transfers.actions.door import perform_many
from transfers.admin.finance.frame import AT_ONCE, PER_PAGE, Here, here_of, show
from transfers.admin.worklist import CappedPaginator
from transfers.models import MOVES
from transfers.models.labels import said
from transfers.rules.errors import Refusal
from transfers.selectors import console, finance
from transfers.selectors.finance import Shelf


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one of many. `why` says what kept it from being done."""

    pk: int | None
    label: str
    why: Refusal | None


def money_view(request: HttpRequest) -> HttpResponse:
    """One shelf, page by page; posted, the shelf's step for the ticked rows or for all of it."""
    here, now = here_of(request), timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    shelf = finance.BY_CODE.get(given.get("shelf", ""), finance.SHELVES[0])
    if request.method == "POST":
        return _act(request, here, shelf)
    paginator = CappedPaginator(
        finance.slim(finance.on_shelf(shelf, here.agency.pk, here.actor.user_id, now)), PER_PAGE
    )
    shown = paginator.get_page(request.GET.get("page"))
    context = {
        "shelf": shelf,
        "shelves": [(one, here.address("money", shelf=one.code)) for one in finance.SHELVES],
        "rows": finance.rows_of(shown),
        "shown": shown,
        "capped": paginator.count >= console.COUNTED,
        "query": f"agency={here.agency.pk}&shelf={shelf.code}",
        "bulk": _bulk(shelf) if here.does else "",
        "at_once": min(AT_ONCE, paginator.count),
    }
    return show(request, here, "money", context, title=said(shelf.named), tab="money")


def _bulk(shelf: Shelf) -> str:
    """What the button of the shelf says."""
    if shelf.bulk == "batch":
        return _("Make a batch of payments")
    return said(MOVES[shelf.bulk].move.named) if shelf.bulk else ""


def _act(request: HttpRequest, here: Here, shelf: Shelf) -> HttpResponse:
    now = timezone.now()
    ticked = dict(_pair(text) for text in request.POST.getlist("pk"))
    if "all" in request.POST:
        rows = finance.on_shelf(shelf, here.agency.pk, here.actor.user_id, now)
        ticked = dict(rows.values_list("pk", "case__version")[:AT_ONCE])
    if not ticked or not shelf.bulk:
        messages.warning(request, _("Tick the rows first."))
        return HttpResponseRedirect(here.address("money", shelf=shelf.code))
    if shelf.bulk == "batch":
        return _batch(request, here, list(ticked))
    items = [(pk, version, dict[str, Any]()) for pk, version in list(ticked.items())[:AT_ONCE]]
    done = perform_many(items, shelf.bulk, here.actor, now=now)
    numbers = dict(visible_cases(here.actor).filter(pk__in=ticked).values_list("pk", "number"))
    answers = [
        Answer(pk, numbers.get(pk, str(pk)), one if isinstance(one, Refusal) else None)
        for (pk, *_rest), one in zip(items, done, strict=True)
    ]
    step = said(MOVES[shelf.bulk].move.named)
    return report(request, here, answers, title=step, back=here.address("money", shelf=shelf.code))


def _batch(request: HttpRequest, here: Here, cases: list[int]) -> HttpResponse:
    made = make_batch(here.actor, here.agency.pk, cases=cases[:AT_ONCE], note=request.POST.get("note", ""))
    text = ngettext(
        "A batch with %(n)d payment has been made. Somebody else must approve it.",
        "A batch with %(n)d payments has been made. Somebody else must approve it.",
        made.batch.count,
    )
    messages.success(request, text % {"n": made.batch.count})
    back = here.address("batch", made.batch.pk)
    if not made.left_out:
        return HttpResponseRedirect(back)
    return report(request, here, answers_of(made.left_out), title=_("Left out of the batch"), back=back, tab="batches")


def answers_of(left_out: list[LeftOut]) -> list[Answer]:
    """What is not in a batch, as the report shows it."""
    return [Answer(one.case, one.label, one.why) for one in left_out]


def report(
    request: HttpRequest, here: Here, answers: list[Answer], *, title: str, back: str, tab: str = "money"
) -> HttpResponse:
    """What became of each: those that were refused first, with why."""
    refused = [answer for answer in answers if answer.why is not None]
    done = [answer for answer in answers if answer.why is None]
    context = {"refused": refused, "done": done, "back": back, "all": len(answers)}
    return show(request, here, "report", context, title=title, tab=tab)


def _pair(text: str) -> tuple[int, int]:
    """A ticked row: the case and the version that was shown."""
    pk, _dot, version = text.partition(".")
    plain = all(part.isascii() and part.isdigit() and len(part) < 19 for part in (pk, version))
    return (int(pk), int(version)) if plain else (0, 0)
