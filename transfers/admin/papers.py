"""Papers of a case: adding one and reading one, both through the gate."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from transfers.access import find_case
from transfers.actions.attachments import attach, open_attachment
from transfers.admin.casepage import show
from transfers.admin.pages import actor_of
from transfers.rules.errors import Refusal, refusal


def add_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the posted file with the case. What is wrong with it is said on the case page."""
    actor = actor_of(request)
    case = find_case(actor, pk=pk)
    upload = request.FILES.get("file")
    try:
        if upload is None:
            raise refusal("J-FILE", name="—", problem="请选择文件", problem_en="choose a file")
        attach(case, actor, upload, request.POST.get("kind", ""))
    except Refusal as error:
        return show(request, case, refusal=error, status=error.http_status)
    messages.success(request, _("The paper has been added."))
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_change", args=[pk]) + "#papers")


def download_view(request: HttpRequest, pk: int, paper: int) -> HttpResponseBase:
    """A stored file, always as a download and never as a page."""
    opened = open_attachment(actor_of(request), pk, paper)
    response = FileResponse(
        opened.stream,
        as_attachment=True,
        filename=opened.attachment.filename,
        content_type=opened.attachment.content_type,
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store, private"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
