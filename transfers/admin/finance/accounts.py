"""The directory of receiving accounts: proposed by one, confirmed by another after a call; and what went before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers.actions import receiving
from transfers.actions.disclosure import unmask_account
from transfers.admin.finance.frame import Here, here_at, here_of, show
from transfers.models import BankAccount
from transfers.places import account_of
from transfers.rules.bank import AccountState
from transfers.rules.errors import Refusal, refusal
from transfers.rules.workdays import local_date

_TYPED = ("bank", "name", "number", "valid_from", "note")


def accounts_view(request: HttpRequest) -> HttpResponse:
    """The account in force, what was proposed, and the history; posted, another one is proposed."""
    here = here_of(request)
    if request.method != "POST":
        return _show(request, here)
    try:
        receiving.propose(
            here.actor,
            here.agency.pk,
            bank=request.POST.get("bank", ""),
            name=request.POST.get("name", ""),
            number=request.POST.get("number", ""),
            valid_from=_day(request.POST.get("valid_from", "")),
            note=request.POST.get("note", ""),
        )
    except Refusal as error:
        return _show(request, here, error, typed=request.POST)
    messages.success(request, _("Proposed. Somebody else must confirm it, after calling the agency."))
    return HttpResponseRedirect(here.address("accounts"))


def account_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm a proposed account, refuse it, or show its number in full (which is written down)."""
    account = BankAccount.objects.filter(pk=pk).first()
    if account is None:
        raise Http404
    here = here_at(request, account.agency_id)
    try:
        match request.POST.get("do"):
            case "show":
                shown = unmask_account(here.actor, pk)
                response = _show(request, here, number=shown.number, of=pk)
                response["Cache-Control"] = "no-store, private"
                return response
            case "confirm":
                receiving.confirm(here.actor, pk, callback_note=request.POST.get("callback", ""))
                messages.success(request, _("Confirmed. It is in force from its first day on."))
            case "refuse":
                receiving.refuse(here.actor, pk, note=request.POST.get("callback", ""))
                messages.success(request, _("The proposal was refused."))
            case _:
                raise Http404
    except Refusal as error:
        return _show(request, here, error)
    return HttpResponseRedirect(here.address("accounts"))


def _show(
    request: HttpRequest,
    here: Here,
    error: Refusal | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    number: str = "",
    of: int | None = None,
) -> HttpResponse:
    today = local_date(timezone.now())
    rows = list(BankAccount.objects.filter(agency=here.agency).select_related("made_by", "checked_by"))
    context = {
        "proposed": next((row for row in rows if row.state == AccountState.PROPOSED), None),
        "in_force": account_of(here.agency.pk, today),
        "history": [(row, AccountState(row.state).named) for row in rows],
        "user_id": here.actor.user_id,
        "first": today + timedelta(days=1),
        "typed": {name: typed.get(name, "") if typed else "" for name in _TYPED},
        "refusal": error,
        "number": number,
        "number_of": of,
        "callback": request.POST.get("callback", ""),
    }
    status = error.http_status if error else 200
    return show(request, here, "accounts", context, title=_("Receiving accounts"), tab="accounts", status=status)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise refusal("J-FIELD", field="启用日期", problem="不是日期", problem_en="not a day") from None
