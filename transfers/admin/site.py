"""The site: who may come in, the frame of every page, the home page and the inbox."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from notifications import inbox
from transfers.access import Actor, actor_for
from transfers.actions.papers import manual_queue
from transfers.admin import calendars, issued
from transfers.admin.finance import urls as finance_urls
from transfers.admin.pages import actor_of, missing, page, refused, user_of
from transfers.places import agency_with
from transfers.rules.errors import Refusal
from transfers.rules.parties import Role
from transfers.selectors.console import desk
from transfers.selectors.finance import looks_at_finance


class ConsoleSite(AdminSite):
    """The Django admin with its own frame. What somebody may see of a case is decided by membership alone."""

    site_title = site_header = gettext_lazy("Jiexu console")
    site_url = None
    enable_nav_sidebar = False
    login_template = "console/login.html"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's, but what is forbidden and what is not there get one answer, and a refusal is a page."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(request, *args, **kwargs)
            except (Http404, PermissionDenied):
                return missing(request)
            except Refusal as error:
                return refused(request, error)

        guarded.csrf_exempt = getattr(view, "csrf_exempt", False)  # type: ignore[attr-defined]
        return super().admin_view(guarded, cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own: list[URLPattern | URLResolver] = [
            path("inbox/", self.admin_view(self.inbox), name="inbox"),
            path("inbox/read/", self.admin_view(require_POST(self.mark_read)), name="inbox_read"),
            path("print-queue/", self.admin_view(issued.queue_view), name="print_queue"),
            path(
                "print-queue/<int:paper>/", self.admin_view(require_POST(issued.settle_view)), name="print_queue_done"
            ),
            path("system/", self.admin_view(self.system), name="system"),
            path("calendars/", self.admin_view(calendars.load_view), name="calendar_load"),
            path("finance/", include(finance_urls.patterns(self.admin_view))),
        ]
        return own + super().get_urls()

    def each_context(self, request: HttpRequest) -> dict[str, Any]:

        context = super().each_context(request)
        if context["has_permission"]:
            actor = actor_for(request.user)
            context |= {
                "actor": actor,
                "agencies": sorted(map(agency_with, actor.roles), key=lambda agency: agency.area_id),
                "unread": SimpleLazyObject(lambda: inbox.unread_count(request.user)),  # type: ignore[arg-type]
                "system_models": _system_models(context["available_apps"]),
                "can_apply": _can_apply(actor),
                "can_load_notices": calendars.may_look(actor),
                "finance": looks_at_finance(actor),
            }
        return context

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The home page: what waits for this person, most urgent first."""

        actor = actor_of(request)
        context = {
            "desk": desk(actor, timezone.now()) if actor.roles else None,
            "print_queue": manual_queue(actor).count(),
            "letters": inbox.entries(user_of(request), limit=5, unread_only=True),
            "horizon_link": calendars.may_look(actor),
            **(calendars.horizon() if calendars.may_look(actor) or user_of(request).is_superuser else {}),
            **(extra_context or {}),
        }
        return page(request, "home", context, title=_("Home"))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The sign-in page. A demonstration shows who can sign in; a real installation never does."""
        return super().login(request, {"demo_signins": _demo_signins(), **(extra_context or {})})

    def inbox(self, request: HttpRequest) -> HttpResponse:
        """The person's own letters, the newest first."""

        limit = 30
        before = request.GET.get("before", "")
        found = inbox.entries(
            user_of(request),
            limit=limit + 1,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
            unread_only=request.GET.get("show") == "unread",
        )
        context = {
            "entries": found[:limit],
            "older": found[limit - 1].id if len(found) > limit else None,
            "show": request.GET.get("show", ""),
        }
        return page(request, "inbox", context, title=_("Inbox"))

    def mark_read(self, request: HttpRequest) -> HttpResponse:
        """Mark one letter, or all, as read."""

        given = [value for value in request.POST.getlist("id") if value.isascii() and value.isdigit()]
        ids = [int(value) for value in given if len(value) < 19]
        read = inbox.mark_read(user_of(request), None if "all" in request.POST else ids, now=timezone.now())
        if read:
            messages.success(
                request,
                ngettext("%(count)d letter marked as read.", "%(count)d letters marked as read.", read)
                % {"count": read},
            )
        return HttpResponseRedirect(reverse("admin:inbox"))

    def system(self, request: HttpRequest) -> HttpResponse:
        """What there is to administer or to look up, for those who may."""

        if not _system_models(self.get_app_list(request)):
            return missing(request)
        return page(request, "system", title=_("System"))


def _system_models(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every model on the site but the cases, which have their own places in the frame."""
    return [model for app in apps for model in app["models"] if model["object_name"] != "TransferCase"]


def _can_apply(actor: Actor) -> bool:
    return bool(actor.holds(Role.OUT_HANDLER, Role.IN_HANDLER))


def _demo_signins() -> list[tuple[str, str, str, str]]:
    """(user name, password, who in Chinese, who in English) of the demonstration, and only of it."""
    if not settings.DEMO:
        return []
    try:
        return list(import_string("transfers.demo.SIGNINS"))
    except ImportError:
        return []
