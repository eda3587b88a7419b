"""Reading a JSON body: everything that can be wrong with it is said before any field is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.http.request import RawPostDataException

from transfers.rules.errors import Refusal, refusal

MAX_BYTES = 64 * 1024
_MEDIA = Refusal(
    "J-MEDIA",
    "请求内容须为 JSON（Content-Type: application/json)。",
    "The body must be JSON (Content-Type: application/json).",
    http_status=415,
)
_TOO_LARGE = Refusal(
    "J-TOO-LARGE",
    f"请求内容过大，最多 {MAX_BYTES // 1024} KB。",
    f"The body is too large: at most {MAX_BYTES // 1024} KB.",
    http_status=413,
)


def read(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent. Raises `J-MEDIA` (415), `J-TOO-LARGE` (413) or `J-JSON` (400).

    Stricter than JSON itself where a lenient reading could store something else than was meant: one name twice, NaN,
    half of a surrogate pair, and anything but an object are refused.
    """
    if request.content_type != "application/json" or (request.encoding or "utf-8").lower() not in ("utf-8", "utf8"):
        raise _MEDIA
    if _length(request) > MAX_BYTES:
        raise _TOO_LARGE
    try:
        parsed = json.loads(request.body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError, RawPostDataException):
        raise refusal("J-JSON") from None
    if not isinstance(parsed, dict):
        raise refusal("J-JSON")
    return parsed


def fields(
    body: Mapping[str, Any],
    *,
    required: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    whole: tuple[str, ...] = (),
) -> dict[str, Any]:
    """These fields and no others: text, of which optional ones default to empty, and required `whole` numbers.

    All problems together as `J-INPUT`.
    """
    problems = _unknown(body, {*required, *optional, *whole})

    def wrong(name: str, zh: str, en: str) -> None:
        problems[name] = refusal("J-FIELD", field=name, problem=zh, problem_en=en).told

    for name in (*required, *optional):
        value = body.get(name, "")
        if not isinstance(value, str):
            wrong(name, "应为文字", "it must be text")
        elif name in required and not value.strip():
            wrong(name, "必须填写", "it is required")
    for name in whole:
        value = body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
            wrong(name, "应为非负整数", "it must be a whole number, not below zero")
    if problems:
        raise refusal("J-INPUT", fields=problems)
    return {**dict.fromkeys(optional, ""), **body}


def known(query: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse a query with other names than these: one that is mistyped would be passed over in silence."""
    if problems := _unknown(query, set(names)):
        raise refusal("J-INPUT", fields=problems)


def _unknown(given: Mapping[str, Any], names: set[str]) -> dict[str, dict[str, str]]:
    return {name[:40]: refusal("J-FIELDS", fields=name[:40]).told for name in sorted(given.keys() - names)}


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
