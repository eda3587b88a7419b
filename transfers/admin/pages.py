"""What every page of the console needs: the actor, the frame around the page, one answer for everything not yours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from transfers.access import Actor, actor_for
from transfers.models.labels import said
from transfers.rules.errors import Refusal

if TYPE_CHECKING:
    from accounts.models import User


def actor_of(request: HttpRequest) -> Actor:
    """Who the signed-in person is here."""
    return actor_for(request.user)


def user_of(request: HttpRequest) -> User:
    """The signed-in person; the console's own wrapper has made sure that there is one."""
    return request.user  # type: ignore[return-value]


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, title: str, status: int = 200
) -> TemplateResponse:
    """A page of the console in its frame."""
    request.current_app = admin.site.name
    framed = {**admin.site.each_context(request), "title": title, **(context or {})}
    return TemplateResponse(request, f"console/{template}.html", framed, status=status)


def missing(request: HttpRequest) -> HttpResponse:
    """The one answer for what does not exist and for what is not yours, to the byte."""
    return page(request, "missing", title=_("Nothing here"), status=404)


def refused(request: HttpRequest, error: Refusal) -> HttpResponse:
    """A refusal as a page of its own, with its code and status; `missing` when it says that nothing is there."""
    if error.http_status == 404:
        return missing(request)
    context = {"refusal": error, "said": said(error)}
    return page(request, "refused", context, title=_("Not possible"), status=error.http_status)
