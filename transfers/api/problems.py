"""Refusals as problem details (RFC 9457): one code, a sentence in both languages, the fields concerned."""

from __future__ import annotations

import json
import logging
import uuid
from http import HTTPStatus
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from transfers.rules.errors import Refusal, refusal
from transfers.web.levels import for_the_public

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
# What a caller may be told beside the sentence.
_TOLD = ("fields", "seconds", "version")

NO_SUCH_ADDRESS = Refusal("J-ADDRESS", "没有这个接口地址。", "There is no such address in this API.", http_status=404)
METHOD = Refusal("J-METHOD", "该接口不支持这种请求方法。", "This address does not take that method.", http_status=405)
UNAVAILABLE = Refusal(
    "J-UNAVAILABLE",
    "系统暂时不可用，请稍后再试。",
    "The hub is not available just now. Try again later.",
    http_status=503,
)
INTERNAL = Refusal(
    "J-INTERNAL",
    "系统内部出错，已记录；请凭请求编号联系我们。",
    "Something went wrong inside the hub and was recorded. Ask us, giving the request id.",
    http_status=500,
)


def request_id() -> str:
    """The id that this request has in the logs."""
    return str(structlog.contextvars.get_contextvars().get("request_id") or uuid.uuid4())[:64]


def problem(error: Refusal) -> HttpResponse:
    """The answer to a refused request."""
    error = for_the_public(error)
    body: dict[str, Any] = {
        "type": f"urn:jiexu:problem:{error.code}",
        "title": HTTPStatus(error.http_status).phrase,
        "status": error.http_status,
        "code": error.code,
        "detail": error.zh,
        "zh": error.zh,
        "en": error.en,
        "request_id": request_id(),
    }
    if details := {name: error.details[name] for name in _TOLD if name in error.details}:
        body["details"] = details
    response = HttpResponse(
        json.dumps(body, ensure_ascii=False), status=error.http_status, content_type=f"{MEDIA_TYPE}; charset=utf-8"
    )
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    if error.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        response["Retry-After"] = str(error.details.get("seconds", 1))
    elif error.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "30"
    return response


def install(api: NinjaAPI) -> None:
    """Answer everything that can go wrong in this API with a problem."""

    def refused(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(error)

    def invalid(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(_input({str(e["loc"][-1]): str(e["msg"]) for e in error.errors}))

    def unknown_key(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(refusal("J-KEY"))

    def missing(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(refusal("J-NOT-FOUND"))

    def generic(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(Refusal("J-REQUEST", "请求有误。", str(error), http_status=error.status_code))

    def unavailable(request: HttpRequest, error: Any) -> HttpResponse:
        logger.error("The database does not answer: %s", error)
        return problem(UNAVAILABLE)

    def broken(request: HttpRequest, error: Any) -> HttpResponse:
        logger.error("An API request failed", exc_info=error)
        return problem(INTERNAL)

    api.add_exception_handler(Refusal, refused)
    api.add_exception_handler(ValidationError, invalid)
    api.add_exception_handler(AuthenticationError, unknown_key)
    api.add_exception_handler(Http404, missing)
    api.add_exception_handler(HttpError, generic)
    api.add_exception_handler(OperationalError, unavailable)
    api.add_exception_handler(InterfaceError, unavailable)
    api.add_exception_handler(Exception, broken)


def _input(problems: dict[str, str]) -> Refusal:
    fields = {}
    for name, text in problems.items():
        fields[name] = refusal("J-FIELD", field=name, problem="取值不正确", problem_en=text).told
    return refusal("J-INPUT", fields=fields)
