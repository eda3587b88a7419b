"""Applications from a file: uploaded, looked at, confirmed, filed in the background, and reported by line."""

from __future__ import annotations

import csv
from io import StringIO

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers import tasks
from transfers.access import Actor
from transfers.actions import applications
from transfers.actions.disclosure import record_export
from transfers.admin.pages import actor_of, page
from transfers.admin.worklist import harmless
from transfers.models import ApplicationFile, ApplicationLine
from transfers.models.labels import said
from transfers.rules.bulk import BYTES_MAX, COLUMNS, REQUIRED, LineOutcome, not_read
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named
from transfers.rules.routes import State

AT_ONCE = 200
"""So many lines are filed while the page waits; more by a worker."""
SHOWN = 100
LISTED = 30
_LEFT_OUT = (LineOutcome.WRONG, LineOutcome.TWICE, LineOutcome.KNOWN)


def files_view(request: HttpRequest) -> HttpResponse:
    """The person's own files; posted, one more is looked at."""
    actor, error = actor_of(request), None
    applications.require_window(actor)
    if request.method == "POST":
        upload = request.FILES.get("file")
        try:
            if upload is None:
                raise not_read("", "请选择文件", "choose a file")
            data = upload.read(BYTES_MAX + 1)
            return _to(applications.look_at(actor, data, name=str(upload.name), now=timezone.now()).pk)
        except Refusal as refused:
            error = refused
    context = {
        "files": ApplicationFile.objects.filter(taken_by=actor.user_id)[:LISTED],
        "columns": [(named, field in REQUIRED) for field, named in COLUMNS.items()],
        "refusal": error,
    }
    status = error.http_status if error else 200
    return page(request, "filing", context, title=_("Applications from a file"), status=status)


def file_view(request: HttpRequest, pk: int) -> HttpResponse:
    """One file: what it would do, how far it is, what became of it. Posted: confirmed, or dropped."""
    actor = actor_of(request)
    file = _mine(actor, pk)
    if request.method == "POST" and "drop" in request.POST:
        applications.drop(actor, pk)
        messages.success(request, _("The file was dropped; nothing was filed."))
        return HttpResponseRedirect(reverse("admin:transfers_transfercase_filing"))
    if request.method == "POST":
        _start(applications.confirm(actor, pk, now=timezone.now()))
        return _to(pk)
    counts = applications.counts(pk)
    lines = applications.reported(pk, only=[one.value for one in _LEFT_OUT])[:SHOWN]
    context = {
        "file": file,
        "outcomes": [(one.named, counts.of(one.value)) for one in LineOutcome if counts.of(one.value)],
        "states": [(_state(state), count) for state, count in sorted(counts.states.items())],
        "ready": counts.of(LineOutcome.NEW.value),
        "left_out": sum(counts.of(one.value) for one in _LEFT_OUT),
        "problems": [(line, LineOutcome(line.outcome).named, applications.why(line)) for line in lines],
        "shown": SHOWN,
        "width": round(file.done * 100 / file.count),
    }
    return page(request, "filing_file", context, title=file.name or _("Applications from a file"))


def report_view(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of every line, as CSV. It names no person, and is an access event all the same."""
    actor = actor_of(request)
    file = _mine(actor, pk)
    rows = list(applications.reported(pk))
    record_export(actor, what=f"applications {file.pk}", rows=len(rows), now=timezone.now())
    return HttpResponse(
        _csv(rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="jiexu-applications-{file.pk}.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _csv(lines: list[ApplicationLine]) -> bytes:
    """The lines for a spreadsheet; one with several reasons has them in one cell."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow([_("Row"), _("Outcome"), _("Case number"), _("State"), _("Codes"), _("Reasons")])
    for line in lines:
        reasons = applications.why(line)
        cells = [
            str(line.row),
            said(LineOutcome(line.outcome).named),
            line.case.number if line.case else "",
            said(line.case.info) if line.case else "",
            " ".join(dict.fromkeys(code for code, _field, _words in reasons if code)),
            " ".join(f"{field}: {said(words)}" if field else said(words) for _code, field, words in reasons),
        ]
        writer.writerow([harmless(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _mine(actor: Actor, pk: int) -> ApplicationFile:
    file = ApplicationFile.objects.filter(pk=pk, taken_by=actor.user_id).first() if actor.user_id else None
    if file is None:
        raise refusal("J-NOT-FOUND")
    return file


def _start(file: ApplicationFile) -> None:
    """File the lines now, or ask a worker for it."""
    if file.count > AT_ONCE:
        tasks.bulk_soon()
    else:
        applications.file_lines(file.pk, now=timezone.now())


def _state(state: str) -> Named:
    info = State(state).info
    return Named(info.zh, info.en)


def _to(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_filing_file", args=[pk]))
