"""What a browser has proved, kept sealed in a cookie for a quarter of an hour.

The cookie holds the case and the level, encrypted and authenticated (AES-GCM, a new nonce each time), so it tells
nobody anything, cannot be made or changed outside, and no address ever needs a case number. Each proof gives a new one.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.crypto import DecryptError, decrypt, encrypt

COOKIE = "jiexu_track"
PATH = "/track/"
LIFE = timedelta(minutes=15)
_CONTEXT = "track.pass"
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Pass:
    """`verified`: the code to the phone was right. `code_sent`: one is under way. Void after `until`."""

    case_id: int
    until: datetime
    verified: bool = False
    code_sent: bool = False


def issue(case_id: int, *, now: datetime, verified: bool = False, code_sent: bool = False) -> Pass:
    """A pass for this case, from now on for a quarter of an hour."""
    return Pass(case_id, now + LIFE, verified, code_sent)


def give(response: HttpResponse, granted: Pass) -> None:
    """Put the pass into the browser, replacing any other."""
    fields = [granted.case_id, int(granted.until.timestamp()), granted.verified, granted.code_sent]
    sealed = base64.urlsafe_b64encode(encrypt(json.dumps(fields), context=_CONTEXT)).decode()
    response.set_cookie(
        COOKIE,
        sealed,
        max_age=int(LIFE.total_seconds()),
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def take_away(response: HttpResponse) -> None:
    """Forget the pass."""
    response.delete_cookie(COOKIE, path=PATH, samesite="Strict")


def shown(request: HttpRequest, *, now: datetime) -> Pass | None:
    """The pass that the browser shows; None when there is none, when it is not ours, or when its time is over."""
    sealed = request.COOKIES.get(COOKIE, "")
    if not sealed or len(sealed) > _LONGEST:
        return None
    try:
        case_id, until, verified, code_sent = json.loads(
            decrypt(base64.urlsafe_b64decode(sealed.encode()), context=_CONTEXT)
        )
    except (DecryptError, binascii.Error, ValueError):
        return None
    found = Pass(case_id, datetime.fromtimestamp(until, UTC), verified, code_sent)
    return found if now < found.until else None
