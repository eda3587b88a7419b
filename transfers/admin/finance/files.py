"""Files from the bank: looked at before they are taken in, worked on, and what of them waits for a person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from transfers import tasks
from transfers.actions import filing, results, statements
from transfers.admin.finance.frame import PER_PAGE, Here, here_at, here_of, show
from transfers.admin.worklist import CappedPaginator
from transfers.models import BankFile
from transfers.rules.bank import FileKind
from transfers.rules.bankfiles import BYTES_MAX
from transfers.rules.errors import Refusal, refusal
from transfers.selectors import finance

AT_ONCE = 2000
"""A file with so many rows is worked on while the page waits; a longer one by a worker."""
SHOWN = 100


def files_view(request: HttpRequest) -> HttpResponse:
    """Upload a file and look at what it would do; then take it in. Below, what was taken in before."""
    here = here_of(request)
    if request.method != "POST":
        return _page(request, here)
    try:
        if "take" in request.POST:
            return _take(request, here, request.POST["take"])
        name, data = _uploaded(request)
        kind = filing.kind_of(data)
        look = statements.preview_statement if kind is FileKind.STATEMENT else results.preview
        seen = look(here.actor, here.agency.pk, data, name=name)
        token = "" if seen.again else filing.keep(here.actor, here.agency.pk, data, name=name)
    except Refusal as error:
        return _page(request, here, refusal=error, status=error.http_status)
    return _page(request, here, seen=seen, kind=kind, token=token, name=name)


def _uploaded(request: HttpRequest) -> tuple[str, bytes]:
    file = request.FILES.get("file")
    if file is None:
        raise refusal("J-FILE", name="", problem="请选择文件", problem_en="choose a file")
    return str(file.name)[-120:], file.read(BYTES_MAX + 1)


def _take(request: HttpRequest, here: Here, token: str) -> HttpResponse:
    name, data = filing.kept(here.actor, here.agency.pk, token)
    take = statements.take_statement if filing.kind_of(data) is FileKind.STATEMENT else results.take_results
    taken = take(here.actor, here.agency.pk, data, name=name)
    filing.forget(token)
    _work(here, taken.file)
    messages.success(request, _("The file has been taken in."))
    if any(one.short_fen for one in getattr(taken, "adopted", ())):
        messages.warning(request, _("Of a line written down by hand less came than was matched: undo that match."))
    return HttpResponseRedirect(here.address("file", taken.file.pk))


def _work(here: Here, file: BankFile, *, retry: bool = False) -> None:
    """Work on the rows of a file now, or ask a worker for it."""
    if file.count > AT_ONCE:
        if retry:
            results.take_up_again(file)
        tasks.bank_soon()
    elif file.kind == FileKind.RESULT:
        results.apply_results(here.actor, file, retry=retry)
    else:
        statements.match_new(here.agency.pk)


def _page(request: HttpRequest, here: Here, *, status: int = 200, **more: Any) -> HttpResponse:
    rows = BankFile.objects.filter(agency=here.agency).select_related("taken_by")
    error: Refusal | None = more.get("refusal")
    context = {
        "shown": CappedPaginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "query": f"agency={here.agency.pk}",
        "problems": list(finance.problems(here.agency.pk)[:SHOWN]),
        # What is wrong, line by line, comes with the refusal.
        "wrong": error.details.get("problems", []) if error else [],
        "shown_twice": SHOWN,
        **more,
    }
    return show(request, here, "files", context, title=_("Bank files"), tab="files", status=status)


def file_view(request: HttpRequest, pk: int) -> HttpResponse:
    """One file: how far it is, and what of it could not be done; posted, that is tried again."""
    file = BankFile.objects.select_related("taken_by").filter(pk=pk).first()
    if file is None:
        raise Http404
    here = here_at(request, file.agency_id)
    if request.method == "POST":
        if not here.does:
            raise Http404
        _work(here, file, retry=True)
        return HttpResponseRedirect(here.address("file", pk))
    rows = file.results.select_related("payment").order_by("row")
    lines = _lines(request, file) if file.kind == FileKind.STATEMENT else None
    context = {
        "file": file,
        "kind": FileKind(file.kind).named,
        "width": round(file.done * 100 / file.count) if file.count else 100,
        "problems": list(finance.problems(here.agency.pk).filter(file=file)[:SHOWN]),
        "results": CappedPaginator(rows, SHOWN).get_page(request.GET.get("page")) if file.kind == "result" else None,
        "lines": lines,
        "rows": finance.line_rows(lines) if lines is not None else [],
        "query": f"agency={here.agency.pk}",
    }
    return show(request, here, "file", context, title=file.name or _("Bank file"), tab="files")


def _lines(request: HttpRequest, file: BankFile) -> Any:
    return CappedPaginator(finance.lines_in(file.agency_id, file=file.pk), SHOWN).get_page(request.GET.get("page"))


def aside_view(request: HttpRequest, pk: int) -> HttpResponse:
    """A result with a problem was dealt with by hand."""
    row = results.set_aside(here_of(request).actor, pk, note=request.POST.get("note", ""))
    messages.success(request, _("Noted: dealt with by hand."))
    return HttpResponseRedirect(here_at(request, row.file.agency_id).address("file", row.file_id))
