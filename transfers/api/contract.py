"""The published contract: OpenAPI 3.1 made from the operations, with our media types, headers and error codes."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI, Schema
from ninja.openapi.schema import OpenAPISchema

from transfers.api.problems import MEDIA_TYPE
from transfers.api.shapes import ProblemOut

DESCRIPTION = """File applications to transfer a basic medical insurance relationship, follow them, and look a case up.

Partner operations need `Authorization: Bearer jx_…`. Every error is a problem (RFC 9457) whose `code` is stable:

| status | codes |
|---|---|
| 400 | J-JSON, J-IDEMPOTENCY-KEY, J-CASE-NUMBER, J-TAIL, J-CODE, J-NOTE, J-FIELD, J-AREA, J-SAME-AREA |
| 401 | J-KEY |
| 403 | J-SCOPE |
| 404 | J-NOT-FOUND, J-LOOKUP, J-ADDRESS |
| 405 | J-METHOD |
| 409 | J-IDEMPOTENCY, J-STALE, J-NOT-NOW, J-NO-PROCESS |
| 413 | J-TOO-LARGE |
| 415 | J-MEDIA |
| 422 | J-INPUT, with `details.fields` |
| 429 | J-TOO-MANY, with `Retry-After` |
| 500, 503 | J-INTERNAL, J-UNAVAILABLE |

Every answer is `Cache-Control: no-store` and carries `X-Request-ID`."""

_WORDS = {
    400: "The request is not well formed, or a value in it cannot be right.",
    401: "No key, or not a valid one.",
    403: "The key lacks the scope.",
    404: "No such case, or not yours: the same answer for both.",
    409: "It conflicts with what has happened already.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Fields are wrong; all of them are listed.",
    429: "Too many requests: wait as long as `Retry-After` says.",
    500: "Something went wrong inside the hub.",
    503: "Not available just now.",
}


def problems(*statuses: int) -> dict[int, type[Schema]]:
    """These statuses answer with a problem, and those that any operation may end with."""
    return dict.fromkeys((*statuses, 500, 503), ProblemOut)


def body(model: type[Schema]) -> dict[str, Any]:
    """The request body in the contract. It is read by `bodies.read`, which tells all problems together."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


def header(name: str, description: str, longest: int) -> dict[str, Any]:
    """A required header in the contract."""
    schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[\x21-\x7e]+$"}
    return {
        "parameters": [{"in": "header", "name": name, "required": True, "description": description, "schema": schema}]
    }


class Contract(NinjaAPI):
    """The API, whose document says what really goes over the wire."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**options)
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, response in operation["responses"].items():
                    _finish(int(status), response)
        return document


def _finish(status: int, response: dict[str, Any]) -> None:
    headers: dict[str, Any] = {"X-Request-ID": {"schema": {"type": "string"}}}
    if status in (429, 503):
        headers["Retry-After"] = {"schema": {"type": "integer"}, "description": "Seconds."}
    response["headers"] = headers
    if status >= 400:
        response["description"] = _WORDS[status]
        response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
