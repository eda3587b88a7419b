"""The points at which a process can be stopped: before each statement that writes, before and after each commit."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg.pq import TransactionStatus

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|COPY|WITH\b.*\b(INSERT|UPDATE|DELETE)\b)", re.DOTALL)
_SAVEPOINT = re.compile(r"\s*(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT)\b")
# Signs of life come by the clock, so that counting them would shift the points.
_BY_THE_CLOCK = "config_heartbeat"
Hear = Callable[[str], None]
_listening: list[Hear] = []


def mark(what: str) -> None:
    """Say that a point has been reached; also for what goes past the database, such as handing a message over."""
    for hear in list(_listening):
        hear(what)


def _text(sql: Any, cursor: psycopg.Cursor[Any]) -> str:
    if isinstance(sql, bytes):
        return sql.decode()
    return sql if isinstance(sql, str) else str(sql.as_string(cursor.connection))


def writes(text: str) -> bool:
    """Whether a statement writes something that a fault could tear."""
    return bool(_WRITES.match(text)) and _BY_THE_CLOCK not in text


@contextmanager
def heard(hear: Hear) -> Iterator[None]:
    """Call `hear` with `write` before each statement that writes, by whichever way it goes to the server, and with
    `commit` before and `committed` after what was written becomes lasting.
    """
    cursors, copy, commit = psycopg.Cursor, psycopg.Cursor.copy, psycopg.Connection.commit
    written: set[int] = set()

    def before(cursor: psycopg.Cursor[Any], sql: Any) -> bool:
        if not writes(_text(sql, cursor)):
            return False
        mark("write")
        written.add(id(cursor.connection))
        return True

    def after(cursor: psycopg.Cursor[Any]) -> None:
        if cursor.connection.autocommit and cursor.connection.info.transaction_status == TransactionStatus.IDLE:
            written.discard(id(cursor.connection))
            mark("committed")

    def sending(send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(cursor: psycopg.Cursor[Any], sql: Any, *rest: Any, **more: Any) -> Any:
            wrote = before(cursor, sql)
            done = send(cursor, sql, *rest, **more)
            if wrote:
                after(cursor)
            return done

        return sent

    def copying(cursor: psycopg.Cursor[Any], sql: Any, *rest: Any, **more: Any) -> Any:
        before(cursor, sql)
        return copy(cursor, sql, *rest, **more)

    def committing(connection: psycopg.Connection[Any]) -> None:
        wrote = id(connection) in written
        if wrote:
            mark("commit")
        commit(connection)
        written.discard(id(connection))
        if wrote:
            mark("committed")

    _listening.append(hear)
    with (
        patch.object(cursors, "execute", sending(cursors.execute)),
        patch.object(cursors, "executemany", sending(cursors.executemany)),
        patch.object(cursors, "copy", copying),
        patch.object(psycopg.Connection, "commit", committing),
    ):
        try:
            yield
        finally:
            _listening.remove(hear)


@contextmanager
def at_point(number: int, then: Callable[[], None]) -> Iterator[Counter]:
    """Do `then` at the point of this number, from 1; yields the counter of all points."""
    counter = Counter(number, then)
    with heard(counter.hear):
        yield counter


class Counter:
    """Counts points, and does what is to be done at the chosen one."""

    def __init__(self, number: int, then: Callable[[], None]) -> None:
        self.number, self.then, self.seen = number, then, 0

    def hear(self, _what: str = "") -> None:
        self.seen += 1
        if self.seen == self.number:
            self.then()


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def torn() -> Iterator[None]:
    """The control of transactions: each statement becomes lasting by itself, and no savepoint takes it back.

    The triggers that judge a transaction at its end are left out as well, or they would refuse the first half of it.
    """
    cursors = psycopg.Cursor
    silent: set[int] = set()

    def tearing(send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(cursor: psycopg.Cursor[Any], sql: Any, *rest: Any, **more: Any) -> Any:
            text = _text(sql, cursor)
            if _SAVEPOINT.match(text):
                return cursor
            if not writes(text):
                return send(cursor, sql, *rest, **more)
            if cursor.connection.info.backend_pid not in silent:
                silent.add(cursor.connection.info.backend_pid)
                send(cursor, "SET session_replication_role = replica")
            done = send(cursor, sql, *rest, **more)
            if not cursor.connection.autocommit:
                cursor.connection.commit()
            return done

        return sent

    with (
        patch.object(cursors, "execute", tearing(cursors.execute)),
        patch.object(cursors, "executemany", tearing(cursors.executemany)),
    ):
        yield


def chosen(count: int, most: int) -> list[int]:
    """At most so many of the points 1 to `count`: the first, the last, and others evenly between."""
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (most - 1)) for step in range(most)})


@contextmanager
def held(pattern: str, *, seconds: float) -> Iterator[None]:
    """Hold up statements in which `pattern` is found, so that others meet them."""
    cursors, found = psycopg.Cursor, re.compile(pattern)

    def holding(send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(cursor: psycopg.Cursor[Any], sql: Any, *rest: Any, **more: Any) -> Any:
            if found.search(_text(sql, cursor)):
                time.sleep(seconds)
            return send(cursor, sql, *rest, **more)

        return sent

    with ExitStack() as patches:
        for name in ("execute", "executemany", "copy"):
            patches.enter_context(patch.object(cursors, name, holding(getattr(cursors, name))))
        yield


@contextmanager
def rewritten(pattern: str, instead: str) -> Iterator[None]:
    """Send other statements than were meant: whatever `pattern` finds in one is replaced."""
    cursors, found = psycopg.Cursor, re.compile(pattern)

    def sending(send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(cursor: psycopg.Cursor[Any], sql: Any, *rest: Any, **more: Any) -> Any:
            text = _text(sql, cursor)
            return send(cursor, found.sub(instead, text) if found.search(text) else sql, *rest, **more)

        return sent

    with patch.object(cursors, "execute", sending(cursors.execute)):
        yield
