"""Token buckets in PostgreSQL: one statement a take, exact under concurrency, nothing to lose when Redis is emptied.

A bucket holds `capacity` tokens and refills with `per_second`. A missing row is a full bucket. Keys (an address, a
case number) are stored as keyed hashes only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from accounts.crypto import lookup_hash
from accounts.models import TokenBucket

# `b` is the row as the lock finds it, so of two takes at once the second sees what the first left. A clock that steps
# back neither drains nor refills.
_TAKE = """
INSERT INTO accounts_tokenbucket AS b (key_hash, tokens, allowed, updated_at, full_at)
VALUES (%(key)s, %(capacity)s::float8 - %(cost)s::float8, true, %(now)s::timestamptz,
        %(now)s::timestamptz + %(cost)s::float8 * %(refill)s::interval)
ON CONFLICT (key_hash) DO UPDATE SET (allowed, tokens, updated_at, full_at) = (
    SELECT enough, left_over, at, at + (%(capacity)s::float8 - left_over) * %(refill)s::interval
    FROM (SELECT level >= %(cost)s::float8 - 1e-9 AS enough,
                 CASE WHEN level >= %(cost)s::float8 - 1e-9 THEN level - %(cost)s::float8 ELSE level END AS left_over,
                 at
          FROM (SELECT GREATEST(b.updated_at, %(now)s::timestamptz) AS at,
                       LEAST(%(capacity)s::float8, b.tokens + %(rate)s::float8
                             * EXTRACT(EPOCH FROM GREATEST(b.updated_at, %(now)s::timestamptz) - b.updated_at)::float8
                       ) AS level) AS filled) AS taken)
RETURNING allowed, tokens
"""

_GIVE_BACK = """
UPDATE accounts_tokenbucket SET
    tokens = LEAST(%(capacity)s::float8, tokens + %(amount)s::float8),
    full_at = GREATEST(updated_at, full_at - %(amount)s::float8 * %(refill)s::interval)
WHERE key_hash = %(key)s
"""


@dataclass(frozen=True)
class Taken:
    """Outcome of a take. `retry_after` is in seconds: 0 when allowed."""

    allowed: bool
    retry_after: float


def take(key: str, *, capacity: float, per_second: float, now: datetime, cost: float = 1.0) -> Taken:
    """Take `cost` tokens from the bucket `key`, or say after how many seconds they will be there.

    A refused take costs nothing. Raises ValueError when the bucket could never grant it. A rollback of the caller's
    transaction gives the tokens back, so take them before opening one.
    """
    if not (0 < cost <= capacity and per_second > 0 and math.isfinite(capacity) and math.isfinite(per_second)):
        raise ValueError("a bucket needs 0 < cost <= capacity and per_second > 0")
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "key": lookup_hash(key, context="bucket.key"),
                "capacity": float(capacity),
                "rate": float(per_second),
                "refill": f"{1 / per_second:.6f} seconds",
                "cost": float(cost),
                "now": now,
            },
        )
        allowed, tokens = cursor.fetchone()
    return Taken(allowed=allowed, retry_after=0.0 if allowed else max(0.0, (cost - tokens) / per_second))


def give_back(key: str, *, capacity: float, per_second: float, amount: float) -> None:
    """Put `amount` tokens of an earlier take back: what turned out well costs less than what was reserved for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_BACK,
            {
                "key": lookup_hash(key, context="bucket.key"),
                "capacity": float(capacity),
                "amount": float(amount),
                "refill": f"{1 / per_second:.6f} seconds",
            },
        )


def purge(*, now: datetime) -> int:
    """Delete buckets that are full again, which changes no later answer. Returns how many."""
    deleted, _ = TokenBucket.objects.filter(full_at__lte=now).delete()
    return deleted
