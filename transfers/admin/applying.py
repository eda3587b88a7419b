"""Window intake: an application taken in over the counter of either side (医保办发〔2021〕43号 Art. 7, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from transfers.access import Actor
from transfers.actions import dryrun
from transfers.actions.dryrun import dry_run
from transfers.actions.intake import FIELDS, apply, draw_number
from transfers.admin.pages import actor_of, missing, page
from transfers.models import Agency
from transfers.models.labels import said
from transfers.places import areas_by_province
from transfers.rules.dryrun import DryRun
from transfers.rules.errors import Refusal
from transfers.rules.identity import Document
from transfers.rules.parties import Applicant, Channel, Named, Role, Scheme
from transfers.rules.routes import State

AREAS = ("outbound_area", "inbound_area")
# The hidden input with the case number that this one form will get: a double click files it once.
ONCE = "once"
LANGUAGES = (("zh-hans", Named("简体中文", "Simplified Chinese")), ("en", Named("英文", "English")))


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the form. `kind`: text, tel, email, area, choice or long.

    `when`: the kinds of applicant that it is for; of others the page does not show it.
    """

    name: str
    label: str | Promise
    kind: str = "text"
    required: bool = False
    help: str | Promise = ""
    choices: tuple[tuple[str, Named], ...] = ()
    when: tuple[Applicant, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A group of inputs under a heading."""

    title: str | Promise
    inputs: tuple[Input, ...]


def _choices(members: Any) -> tuple[tuple[str, Named], ...]:
    return tuple((member.value, member.named) for member in members)


FORM = (
    Part(
        gettext_lazy("The person"),
        (
            Input("name", gettext_lazy("Full name"), required=True),
            Input("identity_type", gettext_lazy("Kind of document"), "choice", choices=_choices(Document)),
            Input("identity_number", gettext_lazy("Identity number"), required=True),
            Input(
                "phone",
                gettext_lazy("Mobile number"),
                "tel",
                required=True,
                help=gettext_lazy("Notices and one-time codes go to this number."),
            ),
            Input("email", gettext_lazy("E-mail address"), "email"),
            Input("language", gettext_lazy("Language of notices"), "choice", choices=LANGUAGES),
        ),
    ),
    Part(
        gettext_lazy("From where to where"),
        (
            Input("outbound_area", gettext_lazy("Outbound area"), "area", required=True),
            Input("outbound_scheme", gettext_lazy("Outbound scheme"), "choice", choices=_choices(Scheme)),
            Input("inbound_area", gettext_lazy("Inbound area"), "area", required=True),
            Input("inbound_scheme", gettext_lazy("Inbound scheme"), "choice", choices=_choices(Scheme)),
        ),
    ),
    Part(
        gettext_lazy("Who applies"),
        (
            Input("applicant", gettext_lazy("Applicant"), "choice", choices=_choices(Applicant)),
            Input(
                "applicant_name",
                gettext_lazy("Employer's or agent's name"),
                help=gettext_lazy("When it is not the person themselves."),
                when=(Applicant.EMPLOYER, Applicant.AGENT),
            ),
            Input(
                "employer_code",
                gettext_lazy("Unified social credit code"),
                help=gettext_lazy("Required of an employer."),
                when=(Applicant.EMPLOYER,),
            ),
            Input(
                "agent_relation",
                gettext_lazy("Agent's relation to the person"),
                help=gettext_lazy("Required of an agent; add the authorisation to the papers of the case."),
                when=(Applicant.AGENT,),
            ),
            Input(
                "agent_phone",
                gettext_lazy("Agent's mobile number"),
                "tel",
                help=gettext_lazy("Required of an agent."),
                when=(Applicant.AGENT,),
            ),
            Input(
                "certificate_number",
                gettext_lazy("Number of the enrolment certificate"),
                help=gettext_lazy("Needed where one of the two areas asks for the certificate at its windows."),
            ),
            Input("remarks", gettext_lazy("Remarks"), "long"),
        ),
    ),
)


def apply_view(request: HttpRequest) -> HttpResponse:
    """The form; posted, the answer of both areas at once. Whatever is wrong, nothing that was typed is lost."""
    actor = actor_of(request)
    own = _own_areas(actor)
    if not own:
        return missing(request)
    if request.method != "POST":
        return _form(request, own, _first(actor, own))
    raw = {name: request.POST[name] for name in FIELDS if name in request.POST}
    if "check" in request.POST:
        return _checked(request, actor, own, raw)
    channel = _channel(raw, own)
    if channel is None:
        error = Refusal(
            "J-INPUT",
            "窗口受理时，转出地或转入地须为您所在机构的统筹区。",
            "At a window, the outbound or the inbound area must be your own.",
            http_status=422,
            details={"fields": {name: _own_only() for name in AREAS}},
        )
        return _form(request, own, raw, error)
    try:
        case = apply(raw, actor, channel=channel, number=_number(request))
    except Refusal as error:
        return _form(request, own, raw, error)
    if case.accepted_at is not None:
        messages.success(request, _("Accepted as %(number)s.") % {"number": case.number})
    elif case.state == State.NOT_ACCEPTED:
        messages.warning(request, _("Not accepted. Every reason is listed below, with what to do about it."))
    elif case.state == State.SUBMITTED:
        messages.info(
            request,
            _("Taken in as %(number)s; an area does not answer yet and is asked again by itself.")
            % {"number": case.number},
        )
    return HttpResponseRedirect(reverse("admin:transfers_transfercase_change", args=[case.pk]))


def _checked(request: HttpRequest, actor: Actor, own: Mapping[str, set[Role]], raw: Mapping[str, str]) -> HttpResponse:
    """What both areas would answer now, above the form as it was filled in; nothing is filed."""
    try:
        run = dry_run({name: raw[name] for name in dryrun.FIELDS if name in raw}, actor)
    except Refusal as error:
        return _form(request, own, raw, error)
    return _form(request, own, raw, run=run)


def _number(request: HttpRequest) -> str:
    """The case number that the posted form carries, sealed for this user; blank for none that we gave them."""
    try:
        return str(signing.loads(request.POST.get(ONCE, ""), salt=_salt(request)))
    except signing.BadSignature:
        return ""


def _once(request: HttpRequest, error: Refusal | None) -> str:
    """What the form carries: the number that it came with, or a new one when it has none or has used it up."""
    number = "" if error is not None and error.code == "J-FILED" else _number(request)
    return signing.dumps(number or draw_number(now=timezone.now()), salt=_salt(request))


def _salt(request: HttpRequest) -> str:
    return f"{__name__}.{request.user.pk}"


def _own_areas(actor: Actor) -> dict[str, set[Role]]:
    """The areas at whose window this person sits, with the handler roles they have there."""
    makers = {Role.OUT_HANDLER, Role.IN_HANDLER}
    held = {agency: set(roles & makers) for agency, roles in actor.roles.items() if roles & makers}
    return {area: held[pk] for pk, area in Agency.objects.filter(pk__in=list(held)).values_list("pk", "area_id")}


def _channel(raw: Mapping[str, str], own: Mapping[str, set[Role]]) -> Channel | None:
    """At which side's window the application came in: the side that is ours."""
    if Role.IN_HANDLER in own.get(raw.get("inbound_area", ""), ()):
        return Channel.WINDOW_IN
    if Role.OUT_HANDLER in own.get(raw.get("outbound_area", ""), ()):
        return Channel.WINDOW_OUT
    return None


def _first(actor: Actor, own: Mapping[str, set[Role]]) -> dict[str, str]:
    """What the empty form starts with: our own area on the side that we work on."""
    area, roles = next(iter(own.items()))
    return {"inbound_area" if Role.IN_HANDLER in roles else "outbound_area": area}


def _own_only() -> dict[str, str]:
    return {"code": "J-AREA", "zh": "两地中须有一地为本统筹区", "en": "one of the two must be your own area"}


def _form(
    request: HttpRequest,
    own: Mapping[str, set[Role]],
    raw: Mapping[str, str],
    error: Refusal | None = None,
    *,
    run: DryRun | None = None,
) -> HttpResponse:
    wrong: Mapping[str, Any] = error.details.get("fields", {}) if error else {}
    parts = [
        (
            part.title,
            [
                (item, raw.get(item.name, ""), _problem(wrong.get(item.name), raw.get(item.name, "")))
                for item in part.inputs
            ],
        )
        for part in FORM
    ]
    context = {
        "parts": parts,
        "areas": areas_by_province(),
        "own": own,
        "refusal": error,
        "run": run,
        "once": _once(request, error),
        "problems": [(item, problem) for _title, items in parts for item, _value, problem in items if problem],
    }
    return page(request, "apply", context, title=_("Window intake"), status=error.http_status if error else 200)


def _problem(found: Mapping[str, str] | None, value: str) -> str:
    if found is None:
        return ""
    if found["code"] == "J-AREA" and not value:
        return _("Choose an area.")
    return said(Named(found["zh"], found["en"]))
