"""Policies in the console: what applies where and from which edition, drafts, what a draft would change, publishing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from transfers.actions import policymaking
from transfers.admin.pages import actor_of, page
from transfers.admin.reference import LookOnly
from transfers.models import Area, Policy
from transfers.places import areas_by_province
from transfers.policies import editions, published_editions
from transfers.rules.editions import followed
from transfers.rules.errors import Refusal
from transfers.rules.parties import Named
from transfers.rules.policy import GROUPS, SWITCHES, PolicyError, Switch, plain, read_value, worded
from transfers.rules.workdays import NATION, local_date
from transfers.selectors.applying import Value, applies_in, between
from transfers.selectors.policypreview import preview


@dataclass(frozen=True, slots=True)
class Row:
    """One switch in the draft form: what is inherited, and what was typed. `own`: the area lays it down itself."""

    switch: Switch
    inherited: Value
    own: bool
    typed: Any
    problem: Named | None


class PolicyAdmin(LookOnly):
    """Everybody who works here may look; supervisors and heads draft and publish through `actions.policymaking`."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "transfers_policy_{}".format
        return [
            path("", view(self.changelist_view), name=name("changelist")),
            path("between/", view(between_view), name=name("between")),
            path("area/<str:code>/", view(area_view), name=name("area")),
            path("area/<str:code>/draft/", view(draft_view), name=name("draft")),
            path("<int:pk>/change/", view(edition_view), name=name("change")),
            path("<int:pk>/publish/", view(require_POST(publish_view)), name=name("publish")),
            path("<int:pk>/withdraw/", view(require_POST(withdraw_view)), name=name("withdraw")),
            path("<int:pk>/close/", view(require_POST(close_view)), name=name("close")),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        return list_view(request)


def list_view(request: HttpRequest) -> HttpResponse:
    """Every area that lays something down itself, with its editions; drafts first. `?area=` opens one area."""
    if "area" in request.GET:
        return HttpResponseRedirect(reverse("admin:transfers_policy_area", args=[_known(request.GET["area"])]))
    today = local_date(timezone.now())
    rows = Policy.objects.select_related("area__parent", "drafted_by", "published_by").order_by("area_id", "-version")
    groups: dict[str, list[tuple[Policy, bool]]] = {}
    for row in rows:
        groups.setdefault(row.area_id, []).append((row, row.stage == "published" and row.edition.holds(today)))
    context = {
        "drafts": [row for row in rows if row.stage == "draft"],
        "groups": [(held[0][0].area, held) for held in groups.values()],
        "stages": policymaking.STAGES,
        "areas": _areas_to_choose(),
    }
    return page(request, "policies", context, title=_("Policies"))


def area_view(request: HttpRequest, code: str) -> HttpResponse:
    """What applies in one area on a day, each value with the edition that it comes from."""
    _known(code)
    on = _day(request.GET.get("on", "")) or local_date(timezone.now())
    applies = applies_in(code, on)
    context = {
        "applies": applies,
        "groups": [(GROUPS[group], values) for group, values in applies.by_group()],
        "history": Policy.objects.filter(area_id=code).order_by("-version"),
        "stages": policymaking.STAGES,
        "may_make": policymaking.may_make(actor_of(request), code),
        "on": on,
    }
    return page(request, "policy_area", context, title=_("Policy of %(area)s") % {"area": applies.area.full_name})


def draft_view(request: HttpRequest, code: str) -> HttpResponse:
    """The form of a new edition, filled with what the area lays down today; posted, the draft or every problem."""
    _known(code)
    actor, now = actor_of(request), timezone.now()
    if not policymaking.may_make(actor, code):
        raise Http404
    today = local_date(now)
    held = applies_in(code, today)
    if request.method != "POST":
        own = next((row for row in editions(code, today) if row.area_id == code), None)
        given = {name: _typed(SWITCHES[name], value) for name, value in (own.values if own else {}).items()}
        meta = {"valid_from": today.isoformat(), "document_number": own.document_number if own else "", "source": ""}
        return _form(request, held, given, meta)
    meta = {name: request.POST.get(name, "") for name in ("valid_from", "valid_to", "document_number", "source")}
    given = {
        name: _posted(switch, request.POST) for name, switch in SWITCHES.items() if request.POST.get(f"own_{name}")
    }
    try:
        starts, ends = _day(meta["valid_from"]), _day(meta["valid_to"])
        if starts is None or (meta["valid_to"] and ends is None):
            raise policymaking.not_a_day()
        row = policymaking.draft(
            code,
            actor,
            values={name: _value(SWITCHES[name], typed) for name, typed in given.items()},
            valid_from=starts,
            valid_to=ends,
            document_number=meta["document_number"],
            source=meta["source"],
            now=now,
        )
    except Refusal as error:
        return _form(request, held, given, meta, error)
    messages.success(request, _("Drafted. Somebody else must publish it."))
    return HttpResponseRedirect(_address(row))


def edition_view(request: HttpRequest, pk: int) -> HttpResponse:
    """One edition: what it lays down and what it rests on; of a draft, what publishing it would change."""
    if request.method not in ("GET", "HEAD"):
        raise Http404
    return _edition(request, pk)


def _edition(request: HttpRequest, pk: int, error: Refusal | None = None) -> HttpResponse:
    row = _find(pk)
    actor, now = actor_of(request), timezone.now()
    may_make = policymaking.may_make(actor, row.area_id)
    seen, contradiction = None, None
    if row.stage == "draft":
        try:
            seen = preview(row, actor, now)
        except PolicyError as wrong:
            contradiction = wrong
    before = followed(row.edition, published_editions(without=row.pk)) if row.stage == "draft" else None
    context = {
        "row": row,
        "stage": policymaking.STAGES[row.stage],
        "values": [
            (switch, worded(switch, read_value(switch, row.values[code])), switch.kind == "ladder")
            for code, switch in SWITCHES.items()
            if code in row.values
        ],
        "ladder": json.dumps(row.values.get("ladder", []), ensure_ascii=False, indent=2),
        "preview": seen,
        "before": before,
        "may_make": may_make,
        "may_publish": may_make and row.stage == "draft" and row.drafted_by_id != actor.user_id,
        "may_close": may_make and row.stage == "published" and row.area_id != NATION,
        "today": local_date(now),
        "refusal": error or contradiction,
    }
    title = _("Edition %(version)s of %(area)s") % {"version": row.version, "area": row.area.full_name}
    return page(request, "policy_edition", context, title=title, status=error.http_status if error else 200)


def publish_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a draft; with `replace`, the edition before it ends on the day before."""
    try:
        row = policymaking.publish(_find(pk), actor_of(request), replace=bool(request.POST.get("replace")))
    except Refusal as error:
        return _edition(request, pk, error)
    messages.success(request, _("Published. It applies to what is accepted from its first day on."))
    return HttpResponseRedirect(_address(row))


def withdraw_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a draft up."""
    try:
        row = policymaking.withdraw(_find(pk), actor_of(request))
    except Refusal as error:
        return _edition(request, pk, error)
    messages.success(request, _("The draft was withdrawn."))
    return HttpResponseRedirect(_address(row))


def close_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Set the last day of a published edition."""
    try:
        last = _day(request.POST.get("valid_to", ""))
        if last is None:
            raise policymaking.not_a_day()
        row = policymaking.close(_find(pk), actor_of(request), valid_to=last)
    except Refusal as error:
        return _edition(request, pk, error)
    messages.success(request, _("Its last day is set."))
    return HttpResponseRedirect(_address(row))


def between_view(request: HttpRequest) -> HttpResponse:
    """What applies to a move from one area to another on a day."""
    out, into = request.GET.get("from", ""), request.GET.get("to", "")
    on = _day(request.GET.get("on", "")) or local_date(timezone.now())
    context: dict[str, Any] = {"areas": areas_by_province(), "out": out, "into": into, "on": on}
    status = 200
    if out or into:
        try:
            found = between(out, into, on)
        except Refusal as error:
            context["refusal"], status = error, error.http_status
        else:
            context |= {"found": found, "groups": _sides(found.rows())}
    return page(request, "policy_between", context, title=_("What applies between two areas"), status=status)


def _sides(rows: list[tuple[Switch, Value, Value]]) -> list[tuple[Named, list[tuple[Switch, Value, Value]]]]:
    return [(named, [row for row in rows if row[0].group == group]) for group, named in GROUPS.items()]


def _form(
    request: HttpRequest,
    held: Any,
    given: Mapping[str, Any],
    meta: Mapping[str, str],
    error: Refusal | None = None,
) -> HttpResponse:
    problems = error.problems if isinstance(error, PolicyError) else {}
    # What would be inherited without the area's own edition.
    above = [row for row in editions(held.area.pk, held.on) if row.area_id != held.area.pk]
    inherited = applies_in(held.area.pk, held.on, rows=above).values
    rows: dict[str, list[Row]] = {}
    for name, switch in SWITCHES.items():
        typed = given.get(name, _typed(switch, plain(switch, switch.default)))
        rows.setdefault(switch.group, []).append(Row(switch, inherited[name], name in given, typed, problems.get(name)))
    context = {
        "area": held.area,
        "groups": [(GROUPS[group], listed) for group, listed in rows.items()],
        "meta": meta,
        "refusal": error,
    }
    title = _("Draft a policy for %(area)s") % {"area": held.area.full_name}
    return page(request, "policy_draft", context, title=title, status=error.http_status if error else 200)


def _typed(switch: Switch, value: Any) -> Any:
    """A JSON value as the inputs hold it."""
    if switch.kind == "span":
        return value or {"from": "", "to": ""}
    if switch.kind == "choices":
        return list(value or ())
    if switch.kind == "ladder":
        return json.dumps(value, ensure_ascii=False, indent=1) if value else ""
    if switch.kind == "flag":
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _posted(switch: Switch, post: QueryDict) -> Any:
    """What the inputs of a switch hold."""
    if switch.kind == "choices":
        return post.getlist(switch.code)
    if switch.kind == "span":
        return {"from": post.get(f"{switch.code}_from", "").strip(), "to": post.get(f"{switch.code}_to", "").strip()}
    return post.get(switch.code, "").strip()


def _value(switch: Switch, typed: Any) -> Any:
    """The JSON value of what was typed. What cannot be one is passed on as it is: the rules say what is wrong."""
    if switch.kind == "span":
        return None if typed == {"from": "", "to": ""} else typed
    if switch.kind == "flag":
        return {"yes": True, "no": False}.get(typed, typed)
    if switch.kind == "ladder":
        try:
            return json.loads(typed)
        except json.JSONDecodeError:
            return typed
    if typed == "" and switch.optional:
        return None
    if switch.kind == "number" and typed.isascii() and typed.isdigit() and len(typed) < 6:
        return int(typed)
    return typed


def _areas_to_choose() -> list[Area]:
    return list(Area.objects.filter(valid_to__isnull=True).select_related("parent").order_by("code"))


def _known(code: str) -> str:
    if not Area.objects.filter(pk=code).exists():
        raise Http404
    return code


def _find(pk: int) -> Policy:
    related = ("area__parent", "drafted_by", "published_by", "closed_by", "withdrawn_by")
    row = Policy.objects.select_related(*related).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _address(row: Policy) -> str:
    return reverse("admin:transfers_policy_change", args=[row.pk])
