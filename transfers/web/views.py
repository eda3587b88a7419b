"""The look-up pages. Number and tail are posted, never in an address; each success redirects, each page is no-store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from transfers.access import find_case, person_actor
from transfers.actions import lookup, papers, perform
from transfers.actions.attachments import provide_supplement
from transfers.models import MOVES, TransferCase
from transfers.rules.errors import Refusal, refusal
from transfers.rules.papers import PaperKind
from transfers.rules.routes import State
from transfers.selectors.progress import withdrawal_step
from transfers.web import passes
from transfers.web.forms import CodeForm, DestinationForm, LookupForm, ResubmitForm, SupplementForm, WithdrawForm
from transfers.web.levels import for_the_public, look
from transfers.web.origin import origin_of
from transfers.web.pictures import DayBar, day_bar

View = Callable[..., HttpResponse]


def private(view: View) -> View:
    """Nothing of these pages is kept by a browser or a proxy, sent on as a referrer, or indexed."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex"
        return response

    return wrapped


@dataclass(frozen=True, slots=True)
class Held:
    """The pass that was shown, and its case."""

    granted: passes.Pass
    case: TransferCase


def with_pass(view: View) -> View:
    """Only with a valid pass; without one, back to the start, which says why."""

    @wraps(view)
    def wrapped(request: HttpRequest, **address: Any) -> HttpResponse:
        granted = passes.shown(request, now=timezone.now())
        if granted is None:
            return _redirect("track:start")
        case = find_case(person_actor(TransferCase(pk=granted.case_id)), pk=granted.case_id)
        return view(request, Held(granted, case), **address)

    return wrapped


@private
@sensitive_post_parameters("number", "tail")
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """The form, and the answer to it: a pass and the status page, or one sentence that is the same for every "no"."""
    if request.method != "POST":
        return render(request, "track/start.html", {"form": LookupForm()})
    form = LookupForm(request.POST)
    if not form.is_valid():
        return render(request, "track/start.html", {"form": form}, status=400)
    now = timezone.now()
    try:
        found = lookup.find(form.cleaned_data["number"], form.cleaned_data["tail"], origin=origin_of(request), now=now)
    except Refusal as error:
        again = LookupForm(initial={"number": form.cleaned_data["number"]})
        return refused(request, "track/start.html", {"form": again}, error)
    response = _redirect("track:status")
    passes.give(response, passes.issue(found.case.pk, now=now))
    return response


@private
@require_safe
@with_pass
def status(request: HttpRequest, held: Held) -> HttpResponse:
    """Where the case stands, at the level that has been proved."""
    return render(request, "track/status.html", _page(held))


@private
@require_POST
@with_pass
def code(request: HttpRequest, held: Held) -> HttpResponse:
    """Send a one-time code to the phone on file."""
    now = timezone.now()
    try:
        lookup.send_code(held.case, origin=origin_of(request), now=now)
    except Refusal as error:
        return refused(request, "track/status.html", _page(held), error)
    response = _redirect("track:status", "#code")
    passes.give(response, passes.issue(held.case.pk, now=now, verified=held.granted.verified, code_sent=True))
    return response


@private
@sensitive_post_parameters("code")
@require_POST
@with_pass
def verify(request: HttpRequest, held: Held) -> HttpResponse:
    """A right code gives a new pass that opens the whole page."""
    now = timezone.now()
    form = CodeForm(request.POST)
    if not form.is_valid():
        return render(request, "track/status.html", {**_page(held), "code_form": form}, status=400)
    try:
        lookup.check_code(held.case, form.cleaned_data["code"], origin=origin_of(request), now=now)
    except Refusal as error:
        return refused(request, "track/status.html", _page(held), error)
    response = _redirect("track:status")
    passes.give(response, passes.issue(held.case.pk, now=now, verified=True))
    return response


@private
@require_POST
@with_pass
def supplement(request: HttpRequest, held: Held) -> HttpResponse:
    """The person's own step: what was asked for is sent in, with papers. All of it or none."""
    if not held.granted.verified:
        return _redirect("track:status")
    form = SupplementForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "track/status.html", {**_page(held), "supplement_form": form}, status=400)
    now, actor = timezone.now(), person_actor(held.case)
    try:
        provide_supplement(
            held.case,
            actor,
            form.cleaned_data["papers"],
            version=form.cleaned_data["version"],
            note=form.cleaned_data["note"],
            now=now,
        )
    except Refusal as error:
        fresh = Held(held.granted, find_case(actor, pk=held.case.pk))
        return refused(request, "track/status.html", _page(fresh, note=form.cleaned_data["note"]), error)
    return _redirect("track:status")


@private
@require_safe
@with_pass
def paper(request: HttpRequest, held: Held, pk: int) -> HttpResponse:
    """One of the person's own papers as PDF; with the second proof only."""
    if not held.granted.verified:
        return _redirect("track:status")
    try:
        opened = papers.open_paper(person_actor(held.case), held.case.pk, pk, now=timezone.now())
    except Refusal as error:
        return refused(request, "track/status.html", _page(held), error)
    return as_download(opened)


def as_download(opened: papers.OpenedPaper) -> HttpResponse:
    """A paper as a file to keep: never shown as a page of ours, never cached."""
    response = HttpResponse(opened.pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{opened.filename}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store, private"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@private
@require_POST
@with_pass
def resubmit(request: HttpRequest, held: Held) -> HttpResponse:
    """What was returned has been put right: both areas are asked again."""
    return _take(request, held, "resubmit", ResubmitForm(request.POST), "resubmit_form")


@private
@require_POST
@with_pass
def withdraw(request: HttpRequest, held: Held) -> HttpResponse:
    """Take an application back, or ask to withdraw one that has been accepted."""
    name = withdrawal_step(held.case) or "request_withdrawal"
    return _take(request, held, name, WithdrawForm(request.POST), "withdraw_form")


def _take(request: HttpRequest, held: Held, name: str, form: Form, shown_as: str) -> HttpResponse:
    """A step of the person's own, after the second proof, on the version that was shown."""
    if not held.granted.verified:
        return _redirect("track:status")
    if not form.is_valid():
        return render(request, "track/status.html", {**_page(held), shown_as: form}, status=400)
    given, actor = form.cleaned_data, person_actor(held.case)
    try:
        perform(
            held.case,
            name,
            actor,
            version=given["version"],
            reason=given.get("reason", ""),
            note=given["note"],
            now=timezone.now(),
        )
    except Refusal as error:
        fresh = Held(held.granted, find_case(actor, pk=held.case.pk))
        return refused(request, "track/status.html", _page(fresh, note=given["note"]), error)
    return _redirect("track:status")


@private
@sensitive_post_parameters("payee_account")
@require_POST
@with_pass
def destination(request: HttpRequest, held: Held) -> HttpResponse:
    """The person chooses where the balance goes, where a policy leaves them a choice."""
    if not held.granted.verified:
        return _redirect("track:status")
    page = _page(held)
    choice = page["detail"].money.choice
    if choice is None:
        return refused(
            request, "track/status.html", page, refusal("J-NO-CHOICE", what="余额去向", what_en="Where it goes")
        )
    form = DestinationForm(request.POST, choice=choice)
    if not form.is_valid():
        return render(request, "track/status.html", {**page, "destination_form": form}, status=400)
    given = {name: form.cleaned_data[name] for name in ("destination", "payee_bank", "payee_account")}
    actor = person_actor(held.case)
    try:
        perform(
            held.case,
            "choose_destination",
            actor,
            version=form.cleaned_data["version"],
            data={name: value for name, value in given.items() if value},
            now=timezone.now(),
        )
    except Refusal as error:
        fresh = Held(held.granted, find_case(actor, pk=held.case.pk))
        return refused(request, "track/status.html", _page(fresh), error)
    return _redirect("track:status", "#money")


@private
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Forget what was proved: for a browser that other people use, too."""
    response = _redirect("track:start")
    passes.take_away(response)
    return response


def _page(held: Held, *, note: str = "") -> dict[str, Any]:
    """What the status page shows: the line for everybody with a pass, the detail only after the phone."""
    now = timezone.now()
    line, detail = look(held.case, now, verified=held.granted.verified)
    page: dict[str, Any] = {
        "line": line,
        "detail": detail,
        "bar": _bar(line),
        "code_sent": held.granted.code_sent,
        "code_form": CodeForm(),
        "until": held.granted.until,
    }
    if detail is not None:
        issued = papers.papers_of(person_actor(held.case), held.case)
        page["papers"] = [(row, PaperKind(row.kind).info.named) for row in issued]
        shown = {"version": held.case.version, "note": note}
        if held.case.state == State.OUT_SUPPLEMENT:
            page["supplement_form"] = SupplementForm(initial=shown)
        if held.case.state in MOVES["resubmit"].sources:
            page["resubmit_form"] = ResubmitForm(initial=shown)
        if detail.money.choice:
            version = {"version": held.case.version}
            page["destination_form"] = DestinationForm(choice=detail.money.choice, initial=version)
        if withdrawal_step(held.case):
            page["withdraw_form"] = WithdrawForm(initial={"version": held.case.version})
    return page


def _bar(line: Any) -> DayBar | None:
    if line.clock is None:
        return None
    return day_bar(line.clock.budget, line.clock.used, overdue=line.overdue)


def refused(request: HttpRequest, template: str, page: dict[str, Any], error: Refusal) -> HttpResponse:
    """The page again, with the refusal at its head and its status."""
    response = render(request, template, {**page, "error": for_the_public(error)}, status=error.http_status)
    if "seconds" in error.details and error.http_status == 429:
        response["Retry-After"] = str(error.details["seconds"])
    return response


def _redirect(name: str, fragment: str = "") -> HttpResponseRedirect:
    response = redirect(name)
    response["Location"] += fragment
    response.status_code = 303
    return response
