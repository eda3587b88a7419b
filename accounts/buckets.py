"""Token buckets in PostgreSQL: one statement a take, exact under concurrency, nothing to lose when Redis is emptied.

A bucket holds `capacity` tokens and refills with `per_second`. A missing row is a full bucket. Keys (an address, a
case number) are stored as keyed hashes only.

The arithmetic is two functions in the database (`accounts_take`, `accounts_give_back`), so that a statement of another
table can take from a bucket as one part of its work (transfers/actions/lookup.py). The table is not written to the
database's log: after a crash of the server every bucket is full, which the server itself has to bring about first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from accounts.crypto import lookup_hash


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
            "SELECT granted, wait FROM accounts_take(%s, %s, %s, %s, %s)",
            [key_hash(key), float(capacity), float(per_second), float(cost), now],
        )
        return Taken(*cursor.fetchone())


def key_hash(key: str) -> bytes:
    """What stands for a key in the table, and in statements that take from a bucket as one part of their work."""
    return lookup_hash(key, context="bucket.key")


def purge(*, now: datetime) -> int:
    """Delete buckets that are full again, which changes no later answer. Returns how many.

    What somebody takes from at this moment stays: whoever takes from two holds one while they wait for the other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_tokenbucket WHERE key_hash IN"
            " (SELECT key_hash FROM accounts_tokenbucket WHERE full_at <= %s FOR UPDATE SKIP LOCKED)",
            [now],
        )
        return int(cursor.rowcount)
