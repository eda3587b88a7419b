"""What stands around every request: its line in the log, and the policy of its page."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog
from csp.constants import HEADER
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from transfers.web.origin import origin_of


class LogMiddleware(RequestMiddleware):
    """One line for each request, when it has been answered; its id, user and address on every line written for it.

    django-structlog's own would also make a line for the beginning. `ip` is the address that limits and audit lines
    are kept by, not what the asker wrote into a header.
    """

    def prepare(self, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(request_id=str(uuid.uuid4()), ip=origin_of(request))
        self.bind_user_id(request)

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Who is signed in. Without a session there is nobody to be looked for."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES or request.session.accessed:
            RequestMiddleware.bind_user_id(request)
        else:
            structlog.contextvars.bind_contextvars(user_id=None)


def policy_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The Content-Security-Policy of the settings on every answer that has none of its own.

    It is the same for all pages, so it is put together once; Django's pages about errors in development go without.
    """
    policy = build_policy()
    without = {404, 500} if settings.DEBUG else set()

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code not in without:
            response.headers.setdefault(HEADER, policy)
        return response

    return answer
