"""The limit of a look-up: WSGI, one prepared statement, no framework. `guarded` adds the writes that ours makes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench.web.line import calendar, line

KEY = base64.b64decode(os.environ["LOOKUP_KEY"])
FIND = """
SELECT c.id, c.number, c.name, c.state, c.acts, CASE c.acts WHEN 'in' THEN i.name ELSE o.name END,
    CASE c.acts WHEN 'in' THEN i.phone ELSE o.phone END, k.budget, k.used, k.counted_until, k.due_on, k.due_at,
    p.tail_hash
FROM transfers_transfercase c JOIN transfers_person p ON p.id = c.person_id
JOIN transfers_agency o ON o.id = c.outbound_agency_id JOIN transfers_agency i ON i.id = c.inbound_agency_id
LEFT JOIN transfers_clock k ON k.case_id = c.id AND k.status = 'running'
WHERE c.number = %s AND c.state <> 'DRAFT'
"""
# Two buckets and one line of the audit in one statement, so in one durable commit.
TRACE = """
WITH taken AS (
    INSERT INTO accounts_tokenbucket AS b (key_hash, tokens, allowed, updated_at, full_at)
    SELECT key, 20, true, %(now)s, %(now)s FROM unnest(%(keys)s::bytea[]) key
    ON CONFLICT (key_hash) DO UPDATE SET tokens = b.tokens - 1, updated_at = EXCLUDED.updated_at
)
INSERT INTO transfers_accessevent (at, kind, case_id, origin_hash, outcome, detail)
VALUES (%(now)s, 'bench', %(case)s, %(origin)s, 'ok', '')
"""
Start = Callable[[str, list[tuple[str, str]]], Any]
_local = threading.local()
calendar()


def _connection() -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] | None = getattr(_local, "connection", None)
    if connection is None or connection.closed:
        connection = _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        connection.prepare_threshold = 0
    return connection


def _hash(value: str, context: str) -> bytes:
    return hmac.digest(KEY, f"{context}\0{value}".encode(), hashlib.sha256)


def _respond(environ: dict[str, Any], start: Start, *, trace: bool) -> Iterable[bytes]:
    now = datetime.now(UTC)
    asked = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    row = _connection().execute(FIND, (asked["number"],)).fetchone()
    if row is None or not hmac.compare_digest(bytes(row[-1]), _hash(asked["tail"], "person.tail")):
        start("404 Not Found", [("Content-Length", "0")])
        return []
    if trace:
        origin = environ.get("HTTP_X_FORWARDED_FOR", "")
        keys = [_hash(f"address:{origin}", "bucket.key"), _hash(f"case:{row[1]}", "bucket.key")]
        given = {"now": now, "keys": keys, "case": row[0], "origin": _hash(origin, "access.origin")}
        _connection().execute(TRACE, given)
    names = (
        "number",
        "name",
        "state",
        "acts",
        "agency",
        "phone",
        "budget",
        "used",
        "counted_until",
        "due_on",
        "due_at",
    )
    body = json.dumps(line(**dict(zip(names, row[1:-1], strict=True)), now=now), ensure_ascii=False).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Look, and answer."""
    return _respond(environ, start, trace=False)


def guarded(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Look, charge the buckets, leave a line of the audit, and answer."""
    return _respond(environ, start, trace=True)
