"""Papers that agencies issue, in the console: fetching one, issuing one on request, the manual print queue, sheets."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from transfers.access import find_case
from transfers.actions import papers, sheetfile
from transfers.admin.casepage import show
from transfers.admin.pages import actor_of, page
from transfers.admin.steps import version_of
from transfers.documents.sheet import FILE_MAX, write_sheet
from transfers.models import Sheet
from transfers.rules.errors import Refusal, refusal
from transfers.rules.papers import PaperKind
from transfers.web.views import as_download


def download_view(request: HttpRequest, pk: int, paper: int) -> HttpResponse:
    """An issued paper as PDF."""
    actor = actor_of(request)
    try:
        return as_download(papers.open_paper(actor, pk, paper))
    except Refusal as error:
        if error.http_status == 404:
            raise
        return show(request, find_case(actor, pk=pk), refusal=error, status=error.http_status)


def issue_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Issue a paper that is wanted; what speaks against it is said on the case page."""
    actor = actor_of(request)
    try:
        papers.issue(actor, pk, request.POST.get("kind", ""), note=request.POST.get("note", ""))
    except Refusal as error:
        if error.http_status == 404:
            raise
        return show(request, find_case(actor, pk=pk), refusal=error, status=error.http_status)
    messages.success(request, _("The paper has been issued."))
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_change", args=[pk]) + "#issued")


def sheet_view(request: HttpRequest, pk: int, version: int) -> HttpResponse:
    """A sealed sheet as JSON, in the form of docs/schemas/sheet.schema.json."""
    case = find_case(actor_of(request), pk=pk)
    sheet = Sheet.objects.filter(case=case, version=version, sealed_at__isnull=False).first()
    if sheet is None:
        raise refusal("J-NOT-FOUND")
    response = JsonResponse(write_sheet(sheet), json_dumps_params={"ensure_ascii": False, "indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{case.number}-sheet-{version}.json"'
    response["Cache-Control"] = "no-store, private"
    return response


def import_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Prepare the sheet from a sealed file of the outbound agency's own system; what is wrong is listed by place."""
    actor = actor_of(request)
    upload = request.FILES.get("file")
    try:
        data = upload.read(FILE_MAX + 1) if upload is not None else b""
        sheetfile.prepare_from(actor, pk, data, version=version_of(request.POST.get("version", "")))
    except Refusal as error:
        if error.http_status == 404:
            raise
        return show(request, find_case(actor, pk=pk), refusal=error, status=error.http_status)
    messages.success(request, _("The sheet has been read and prepared; it waits for its review."))
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_change", args=[pk]))


def queue_view(request: HttpRequest) -> HttpResponse:
    """What no font of ours can show, and somebody must write by hand."""
    rows: list[tuple[Any, Any]] = [
        (paper, PaperKind(paper.kind).info.named) for paper in papers.manual_queue(actor_of(request))[:200]
    ]
    return page(request, "print_queue", {"rows": rows}, title=_("Papers to print by hand"))


def settle_view(request: HttpRequest, paper: int) -> HttpResponse:
    """One of them has been written and handed over."""
    papers.issue_by_hand(actor_of(request), paper)
    messages.success(request, _("Noted: issued by hand."))
    return HttpResponseRedirect(reverse("admin:print_queue"))
