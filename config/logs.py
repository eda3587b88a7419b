"""What may stand in a log: request and case ids, never a person's number, name or code."""

from __future__ import annotations

import logging
import re
from typing import Any

IDENTITY = re.compile(r"(?<![0-9A-Za-z])\d{6}(?:18|19|20)\d{9}[0-9Xx](?![0-9A-Za-z])")
PHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")
SECRET = re.compile(r"password|secret|token|identity|id_number|one_time|authorization|cookie", re.I)
QUIET = re.compile(r"^(?:GET|HEAD) /(?:healthz|livez|metrics|static/)")


def scrub(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: drop query strings, hide secrets by name, mask whatever looks like a person's number."""
    for name, value in event.items():
        if SECRET.search(name):
            event[name] = "[hidden]"
        elif isinstance(value, str):
            if name == "request":
                value = value.partition("?")[0]
            event[name] = PHONE.sub("[phone]", IDENTITY.sub("[identity number]", value))
    return event


class OnlyTelling(logging.Filter):
    """No line for probes and static files."""

    def filter(self, record: logging.LogRecord) -> bool:
        event = record.msg
        return not isinstance(event, dict) or not QUIET.match(str(event.get("request", "")))
