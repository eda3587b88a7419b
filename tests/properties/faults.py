"""Faults that are thought out: a process that ends between two writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from faults.points import heard
from transfers import memory

# Brought by files; the actions that end here never write them.
_REFERENCE = ["transfers_area", "transfers_agency", "transfers_calendarnotice"]
_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND (tablename LIKE 'transfers\\_%%' OR
        tablename LIKE 'notifications\\_%%')
        AND tablename <> ALL(%s) ORDER BY 1
"""


class Crash(BaseException):
    """The process ends here. Nobody may catch it, as nobody catches a power cut."""


@contextmanager
def crash_at(write: int | None) -> Iterator[None]:
    """End the process in the place of the statement that would be the `write`-th to write; None never."""
    if write is None:
        yield
        return
    left = write

    def count(what: str) -> None:
        nonlocal left
        if what == "write":
            left -= 1
            if not left:
                raise Crash

    try:
        with heard(count):
            yield
    except Crash:
        memory.forget()  # it is gone with the process
        raise


def picture() -> dict[str, str | None]:
    """Every row of ours, as a digest by table."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [_REFERENCE])
        tables = [name for (name,) in cursor.fetchall()]
        parts = (f"SELECT '{t}', md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM \"{t}\" r" for t in tables)
        cursor.execute(" UNION ALL ".join(parts))
        return dict(cursor.fetchall())
