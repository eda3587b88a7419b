"""Lines of statements: what waits for a person, matched to cases by hand, or sent back to the payer by two people."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from transfers.access import find_case
from transfers.actions import lines, perform
from transfers.admin.finance.frame import Here, here_at, here_of, show
from transfers.admin.steps import version_of
from transfers.admin.worklist import CappedPaginator
from transfers.models import StatementLine
from transfers.models.labels import said
from transfers.rules import casenumber
from transfers.rules.bank import LineState
from transfers.rules.errors import Refusal
from transfers.rules.matching import Waits
from transfers.rules.money import MoneyState
from transfers.selectors import console, finance

PER_PAGE = 20


def lines_view(request: HttpRequest) -> HttpResponse:
    """The queue: what waits, why, and what it may belong to."""
    here = here_of(request)
    state, reason = request.GET.get("state", ""), request.GET.get("reason", "")
    state = state if state in {"all", finance.UNCONFIRMED, *LineState} else ""
    reason = reason if reason in set(Waits) else ""
    paginator = CappedPaginator(finance.lines_in(here.agency.pk, state=state, reason=reason), PER_PAGE)
    shown = paginator.get_page(request.GET.get("page"))
    context = {
        "shown": shown,
        "rows": finance.line_rows(shown),
        "capped": paginator.count >= console.COUNTED,
        "states": [(one.value, one.named) for one in LineState],
        "reasons": [(one.value, one.named) for one in Waits],
        "state": state,
        "reason": reason,
        "query": f"agency={here.agency.pk}&state={state}&reason={reason}",
    }
    return show(request, here, "lines", context, title=_("Bank lines"), tab="lines")


def line_view(request: HttpRequest, pk: int) -> HttpResponse:
    """One line with all that is known of it; posted, it is matched, or sent back to its payer."""
    line, here = _find(request, pk)
    if request.method != "POST":
        return _show(request, here, line)
    acts: dict[str, Callable[[HttpRequest, Here, StatementLine], str]] = {
        "match": _match,
        "return": _propose_return,
        "approve": _approve_return,
        "refuse": _refuse_return,
        "strike": _strike,
    }
    act = acts.get(request.POST.get("do", ""))
    if act is None:
        raise Http404
    try:
        text = act(request, here, line)
    except Refusal as error:
        return _show(request, here, _find(request, pk)[0], error)
    messages.success(request, text)
    after = _find(request, pk)[0]
    done = after.state in (LineState.DONE, LineState.STRUCK)
    return HttpResponseRedirect(here.address("lines") if done else here.address("line", pk))


def _match(request: HttpRequest, here: Here, line: StatementLine) -> str:
    """To a candidate on the version that was shown, or to the case with a number that was typed."""
    given = request.POST.get("case", "")
    if given.isascii() and given.isdigit() and len(given) < 19:
        case, version = find_case(here.actor, pk=int(given)), version_of(request.POST.get("version", ""))
    else:
        case = find_case(here.actor, number=casenumber.parse(request.POST.get("number", "")))
        version = case.version
    data = {"line": str(line.pk), "amount_yuan": request.POST.get("amount", "")}
    done = perform(case.pk, "match_line", here.actor, version=version, data=data, note=request.POST.get("note", ""))
    money = MoneyState(done.case.remittance.state).info
    return _("Matched to %(number)s; its money is now “%(state)s”.") % {"number": case.number, "state": said(money)}


def _propose_return(request: HttpRequest, here: Here, line: StatementLine) -> str:
    lines.propose_return(here.actor, line.pk, note=request.POST.get("note", ""))
    return _("Proposed. Somebody else must approve that it is sent back.")


def _approve_return(request: HttpRequest, here: Here, line: StatementLine) -> str:
    payment = lines.approve_return(here.actor, line.pk)
    return _("The payment %(reference)s is ready for a batch.") % {"reference": payment.reference}


def _refuse_return(request: HttpRequest, here: Here, line: StatementLine) -> str:
    lines.refuse_return(here.actor, line.pk, note=request.POST.get("note", ""))
    return _("It is not sent back; the line waits again.")


def _strike(request: HttpRequest, here: Here, line: StatementLine) -> str:
    lines.strike(here.actor, line.pk, note=request.POST.get("note", ""))
    return _("Struck out: it never came.")


def _show(request: HttpRequest, here: Here, line: StatementLine, error: Refusal | None = None) -> HttpResponse:
    row = finance.line_rows([line])[0]
    context = {
        "row": row,
        "line": line,
        "may_match": here.does and line.state in finance.OPEN_LINES,
        "may_strike": here.does and line.state in finance.OPEN_LINES and not (line.file_id or line.allocated_fen),
        "short": line.state == LineState.SHORT,
        "returning": line.state == LineState.RETURNING,
        "proposer": line.return_by_id == here.actor.user_id,
        "allocations": line.allocations.select_related("case", "made_by").order_by("pk"),
        "refunds": line.refunds.order_by("pk"),
        "refusal": error,
        "typed": {name: request.POST.get(name, "") for name in ("number", "amount", "note")},
    }
    title = _("Bank line %(reference)s") % {"reference": line.bank_reference}
    return show(request, here, "line", context, title=title, tab="lines", status=error.http_status if error else 200)


def _find(request: HttpRequest, pk: int) -> tuple[StatementLine, Here]:
    line = StatementLine.objects.select_related("return_by", "file").filter(pk=pk).first()
    if line is None:
        raise Http404
    return line, here_at(request, line.agency_id)
