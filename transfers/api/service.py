"""The API put together, and what every answer of it carries."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from transfers.api import checks, enrolments
from transfers.api.contract import DESCRIPTION, Contract
from transfers.api.operations import router
from transfers.api.problems import METHOD, NO_SUCH_ADDRESS, install, problem, request_id

api = Contract(
    title="Jiexu 接续",
    version="1",
    description=DESCRIPTION,
    docs_url=None,  # its pages need scripts from elsewhere
    urls_namespace="api",
)
install(api)
api.add_router("", router)
api.add_router("", checks.router)
api.add_router("", enrolments.router)


def finished(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Nothing is cached, everything can be found in the logs, and a wrong method is a problem like any other."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code == 405:
            allowed = response["Allow"]
            response = problem(METHOD)
            response["Allow"] = allowed
        response["Cache-Control"] = "no-store"
        response["X-Request-ID"] = request_id()
        return response

    wrapped.csrf_exempt = True  # type: ignore[attr-defined]  # no cookie opens anything here
    return wrapped


@finished
def home(request: HttpRequest) -> HttpResponse:
    """The contract is where to begin."""
    return HttpResponseRedirect(reverse("api:openapi-json"))


@finished
def missing(request: HttpRequest) -> HttpResponse:
    """Any other address below this one."""
    return problem(NO_SUCH_ADDRESS)
