"""One-time codes: six digits that live five minutes, count five attempts and work once.

Only keyed hashes are stored. A check is one statement that always writes one row, whether the subject is known or
not, so neither the answer nor the work tells which it was. Whoever asks for a code must do the same: call `issue` for
an unknown subject too, and simply send nothing. Requests for codes are limited with `accounts.buckets` by the caller;
guesses are limited here, across renewals as well.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import connection

from accounts.crypto import lookup_hash
from accounts.models import OneTimeCode

DIGITS = 6
LIFE = timedelta(minutes=5)
MAX_ATTEMPTS = 5
"""Checks of one code."""
GUESS_WINDOW = timedelta(hours=1)
MAX_GUESSES = 20
"""Failed checks of one subject in one window, however many codes were issued in it."""

_ISSUE = """
INSERT INTO accounts_onetimecode AS c (purpose, subject_hash, code_hash, issued_at, expires_at,
                           attempts, used, accepted, guesses, window_started_at)
VALUES (%(purpose)s, %(subject)s, %(code)s, %(now)s, %(expires)s, 0, false, false, 0, %(now)s)
ON CONFLICT (purpose, subject_hash) DO UPDATE SET
    code_hash = excluded.code_hash, issued_at = excluded.issued_at, expires_at = excluded.expires_at,
    attempts = 0, used = false, accepted = false,
    guesses = CASE WHEN c.window_started_at <= %(window)s THEN 0 ELSE c.guesses END,
    window_started_at = CASE WHEN c.window_started_at <= %(window)s THEN %(now)s ELSE c.window_started_at END
"""

# The hashes compared are keyed with a secret, so how far the comparison gets tells nothing about the code. An unknown
# subject leaves a spent row behind: the same write, and purge() takes it away. The row lock of ON CONFLICT makes
# concurrent checks queue up and each see the outcome of the one before.
_CHECK = """
INSERT INTO accounts_onetimecode AS c (purpose, subject_hash, code_hash, issued_at, expires_at,
                           attempts, used, accepted, guesses, window_started_at)
VALUES (%(purpose)s, %(subject)s, %(nothing)s, %(now)s, %(now)s, 1, true, false, 1, %(now)s)
ON CONFLICT (purpose, subject_hash) DO UPDATE SET
    accepted = NOT c.used AND c.attempts < %(max_attempts)s AND c.guesses < %(max_guesses)s
               AND c.expires_at > %(now)s AND c.code_hash = %(code)s,
    used = c.used OR (c.attempts < %(max_attempts)s AND c.guesses < %(max_guesses)s
                      AND c.expires_at > %(now)s AND c.code_hash = %(code)s),
    attempts = LEAST(c.attempts + 1, 1000),
    guesses = CASE WHEN c.code_hash = %(code)s AND NOT c.used THEN c.guesses ELSE LEAST(c.guesses + 1, 1000000) END
RETURNING accepted
"""


def _hashes(purpose: str, subject: str, code: str) -> tuple[bytes, bytes]:
    return (
        lookup_hash(subject, context=f"code.subject.{purpose}"),
        lookup_hash(f"{subject}\x00{code}", context=f"code.value.{purpose}"),
    )


def issue(purpose: str, subject: str, *, now: datetime) -> str:
    """Make a new code for `subject` (any text, never stored), replacing the older one. Returns six digits.

    The count of failed guesses goes on through a renewal, so asking for new codes buys no more guesses.
    """
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    subject_hash, code_hash = _hashes(purpose, subject, code)
    with connection.cursor() as cursor:
        cursor.execute(
            _ISSUE,
            {
                "purpose": purpose,
                "subject": subject_hash,
                "code": code_hash,
                "now": now,
                "expires": now + LIFE,
                "window": now - GUESS_WINDOW,
            },
        )
    return code


def check(purpose: str, subject: str, code: str, *, now: datetime) -> bool:
    """True once for the newest code of `subject`, within its life and its attempts; each call counts as an attempt.

    Call it where a rollback cannot follow (not inside a request-wide transaction), or the attempt is not counted.
    """
    subject_hash, code_hash = _hashes(purpose, subject, code.strip())
    with connection.cursor() as cursor:
        cursor.execute(
            _CHECK,
            {
                "purpose": purpose,
                "subject": subject_hash,
                "code": code_hash,
                "nothing": b"\x00" * 32,
                "now": now,
                "max_attempts": MAX_ATTEMPTS,
                "max_guesses": MAX_GUESSES,
            },
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def purge(*, now: datetime) -> int:
    """Delete rows that neither hold a live code nor count guesses any more. Returns how many."""
    deleted, _ = OneTimeCode.objects.filter(expires_at__lte=now, window_started_at__lte=now - GUESS_WINDOW).delete()
    return deleted
