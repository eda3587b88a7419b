"""Who delivers which letter, and what became of it: claims with a lease, and marks in few statements."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.crypto import open_value
from notifications.models import ADDRESS_CONTEXT, SECRET_CONTEXT

LEASE = timedelta(seconds=120)
GRACE = timedelta(seconds=60)
"""No delivery is begun in the last minute of a lease; the slowest one must end within it."""
MAX_ATTEMPTS = 8
BACKOFF = tuple(timedelta(seconds=s) for s in (30, 120, 480, 1800, 7200, 6 * 3600, 12 * 3600))
"""Wait after the first, second … attempt, each ± 20 %."""
MAX_LIMIT = 20_000


@dataclass(slots=True)
class Claimed:
    """A leased row as the database has it; what is sealed is opened later, so that one bad row harms only itself."""

    id: int
    month: int
    key: str
    created_at: datetime
    channel: str
    template: str
    language: str
    recipient_id: int | None
    address: bytes = field(repr=False)
    subject_ref: str
    context: str = field(repr=False)
    secret: bytes | None = field(repr=False)
    digest_key: str
    leader_id: int | None
    attempts: int
    not_after: datetime | None

    def values(self) -> dict[str, Any]:
        """What the template gets. Raises `DecryptError`."""
        values: dict[str, Any] = json.loads(self.context)
        if self.secret is not None:
            values |= json.loads(open_value(self.secret, context=SECRET_CONTEXT) or "{}")
        return values

    def open_address(self) -> str:
        """Raises `DecryptError`."""
        return open_value(self.address, context=ADDRESS_CONTEXT) or ""


_COLUMNS = (
    "l.id, l.month, l.key::text, l.created_at, l.channel, l.template, l.language, l.recipient_id, l.address, "
    "l.subject_ref, l.context::text, l.secret, l.digest_key, l.leader_id, l.attempts, l.not_after"
)

# The CTE is MATERIALIZED because a plan that ran it twice would lock twice the limit. An attempt is counted when it
# begins: a letter that kills its worker each time must not go on for ever.
_LEASE = """
WITH picked AS MATERIALIZED (
    SELECT id, month FROM notifications_letter
    WHERE status = 'pending' AND next_attempt_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
    AND __WHICH__ LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE notifications_letter l SET attempts = l.attempts + 1, leased_until = %(until)s, leased_by = %(lease)s
FROM picked WHERE l.id = picked.id AND l.month = picked.month
RETURNING __COLUMNS__
""".replace("__COLUMNS__", _COLUMNS)  # nosec B608
_CLAIM = _LEASE.replace("__WHICH__", "true ORDER BY next_attempt_at, id")
# The rest of each digest that was begun, however far back in the queue it stands.
_CLAIM_DIGEST = _LEASE.replace(
    "__WHICH__", "digest_key = ANY(%(keys)s) AND digest_key <> '' AND leader_id IS NULL ORDER BY id"
)
_FOLLOWERS = """
SELECT __COLUMNS__ FROM notifications_letter l WHERE l.leader_id = ANY(%s) AND l.status = 'folded' ORDER BY l.id
""".replace("__COLUMNS__", _COLUMNS)  # nosec B608


def claim(*, now: datetime, limit: int, lease: str) -> list[Claimed]:
    """Lease up to `limit` due letters, and the rest of the digests among them, in one short transaction of its own."""
    values: dict[str, Any] = {"now": now, "limit": limit, "until": now + LEASE, "lease": lease}
    # durable: a lease that another drain cannot see would be no lease.
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        rows = [Claimed(*row) for row in cursor.fetchall()]
        if keys := {row.digest_key for row in rows if row.digest_key and row.leader_id is None}:
            cursor.execute(_CLAIM_DIGEST, values | {"keys": sorted(keys)})
            rows += [Claimed(*row) for row in cursor.fetchall()]
    return sorted(rows, key=lambda row: row.id)


def followers(leader_ids: Sequence[int]) -> dict[int, list[Claimed]]:
    """The letters that were folded into these on an earlier attempt, by leader, oldest first."""
    found: dict[int, list[Claimed]] = {}
    if leader_ids:
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOWERS, [list(leader_ids)])
            for row in (Claimed(*columns) for columns in cursor.fetchall()):
                found.setdefault(row.leader_id or 0, []).append(row)
    return found


# Fold before anything is handed over: from here on the digest has these members and this key for ever, so a
# repetition is the same message. A letter that goes alone leads itself and takes in no others later.
_FOLD = """
UPDATE notifications_letter l SET leader_id = f.leader_id,
    status = CASE WHEN f.leader_id = l.id THEN l.status ELSE 'folded' END,
    leased_until = CASE WHEN f.leader_id = l.id THEN l.leased_until END,
    leased_by = CASE WHEN f.leader_id = l.id THEN l.leased_by ELSE '' END
FROM unnest(%s::bigint[], %s::int[], %s::bigint[]) AS f(id, month, leader_id)
WHERE l.id = f.id AND l.month = f.month AND l.status = 'pending' AND l.leased_by = %s
RETURNING l.id
"""

_SENT = """
UPDATE notifications_letter l SET status = 'sent', sent_at = %s, secret = NULL, leased_until = NULL, leased_by = '',
    last_error_code = '', last_error = ''
FROM (
    SELECT * FROM unnest(%s::bigint[], %s::int[]) AS f(id, month)
    UNION ALL SELECT id, month FROM notifications_letter WHERE leader_id = ANY(%s::bigint[]) AND status = 'folded'
) AS f
WHERE l.id = f.id AND l.month = f.month AND l.status <> 'sent'
"""

# Only while the lease is ours: whoever claimed the letter since then decides about it.
_FAILED = """
UPDATE notifications_letter l SET status = f.status, next_attempt_at = f.next_attempt_at, last_error_code = f.code,
    last_error = f.text, attempts = GREATEST(0, l.attempts - f.uncount), leased_until = NULL, leased_by = ''
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::int[])
    AS f(id, month, status, next_attempt_at, code, text, uncount)
WHERE l.id = f.id AND l.month = f.month AND l.status = 'pending' AND l.leased_by = %s
"""


@dataclass(frozen=True)
class Failed:
    """How a letter that was not sent goes on."""

    id: int
    month: int
    status: str
    next_attempt_at: datetime
    code: str = ""
    text: str = ""
    uncount: int = 0
    """1 when it was not tried after all."""


def fold(leaders: Sequence[tuple[Claimed, int]], *, lease: str) -> set[int]:
    """Write down which letter goes with which (a letter, its leader's id). Returns the ids that were still ours."""
    ids, months, led = [one.id for one, _ in leaders], [one.month for one, _ in leaders], [by for _, by in leaders]
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [ids, months, led, lease])
        return {row[0] for row in cursor.fetchall()}


def mark_sent(letters: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """These (id, month) and their followers are sent; their secrets are wiped. True whoever holds the lease."""
    ids = [ident for ident, _month in letters]
    with connection.cursor() as cursor:
        cursor.execute(_SENT, [now, ids, [month for _ident, month in letters], ids])


def mark_failed(failed: Sequence[Failed], *, lease: str) -> None:
    """Put letters back, or among the dead, in one statement."""
    columns = zip(
        *((f.id, f.month, f.status, f.next_attempt_at, f.code, f.text[:200], f.uncount) for f in failed), strict=True
    )
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, [*(list(column) for column in columns), lease])


def backoff(attempts: int) -> timedelta:
    """The wait after so many attempts (1 or more), ± 20 % so that what failed together comes back spread out."""
    return BACKOFF[min(attempts, len(BACKOFF)) - 1] * random.uniform(0.8, 1.2)  # nosec B311
