"""The months that events, alarms and letters lie in, as the database has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, models

from notifications.models import Letter
from transfers.models import Alarm, CaseEvent, RetiredMonth, TransferCase
from transfers.models.partition import retired
from transfers.rules.casemonth import BEFORE, CASES, following, month_on
from transfers.rules.workdays import local_date

HISTORY, LETTERS = RetiredMonth.What.HISTORY, RetiredMonth.What.LETTERS
AHEAD = 3
"""So many months are made before they come."""
_BOUND = re.compile(r"FROM \((?:MINVALUE|'?(\d+)'?)\) TO \('?(\d+)'?\)")


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that is kept by month. `key` is the column that says in which, `a_month` how many of its values a month
    has.
    """

    model: type[models.Model]
    what: RetiredMonth.What
    key: str
    a_month: int

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def net(self) -> str:
        """Where rows lie for which there is no month."""
        return f"{self.name}_rest"


KEPT = (
    Kept(CaseEvent, HISTORY, "case_id", CASES),
    Kept(Alarm, HISTORY, "case_id", CASES),
    Kept(Letter, LETTERS, "month", 1),
)


@dataclass(frozen=True, slots=True)
class Partition:
    """The months from `month` to before `until` of one table; both are empty for the net. `rows` is what the database
    last counted, `size` is in bytes and holds the indexes; it is 0 where nobody asked for it.
    """

    table: str
    name: str
    month: int | None
    until: int | None
    rows: int
    size: int


def partitions(*, sized: bool = False) -> list[Partition]:
    """All of them, table by table, the oldest month first and the net last. Sizes are asked of the file system."""
    found = []
    with connection.cursor() as cursor:
        for kept in KEPT:
            cursor.execute(
                "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), greatest(c.reltuples, 0)::bigint,"
                " CASE WHEN %s THEN pg_total_relation_size(c.oid) ELSE 0 END"
                " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
                [sized, kept.name],
            )
            rows = [(*_months(bound, kept.a_month), name, count, size) for name, bound, count, size in cursor]
            found += [
                Partition(kept.name, name, month, until, count, size)
                for month, until, name, count, size in sorted(rows, key=lambda row: (row[1] is None, row[1]))
            ]
    return found


def _months(bound: str, a_month: int) -> tuple[int | None, int | None]:
    """The months of a partition by its bounds."""
    found = _BOUND.search(bound)
    if found is None:  # DEFAULT
        return None, None
    return int(found[1]) // a_month if found[1] else BEFORE, int(found[2]) // a_month


def lacking(kept: Kept, there: Sequence[Partition], today: date) -> list[int]:
    """The months from the present one to the last that should be there, without a partition."""
    present = month_on(today)
    wanted = [following(present, n) for n in range(AHEAD + 1)]
    return [month for month in wanted if not any(_holds(one, kept, month) for one in there)]


def _holds(one: Partition, kept: Kept, month: int) -> bool:
    return one.table == kept.name and one.month is not None and one.until is not None and one.month <= month < one.until


def astray(kept: Kept) -> list[int]:
    """Months that have come and whose rows lie in the net, because nobody had made a partition in time. What comes
    late for a month that has left stays in the net and is none of them.

    By the clock of the database, which gives cases their months; letters of days that are only simulated may lie ahead.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT r.{kept.key} / %(a_month)s FROM {kept.net} r"  # nosec B608 - our names
            f" WHERE r.{kept.key} / %(a_month)s <= to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYYMM')::integer"
            f" AND NOT {retired(kept.what, f'r.{kept.key} / {kept.a_month}')} ORDER BY 1",
            {"a_month": kept.a_month},
        )
        return [month for (month,) in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Standing:
    """How well the months are looked after: so many are there beyond the present one, and these rows are astray."""

    ahead: int
    astray: tuple[str, ...]

    @property
    def well(self) -> bool:
        return self.ahead > 0 and not self.astray


def standing(*, now: datetime) -> Standing:
    """Whether next month has its partitions, and no row lies where it would be forgotten."""
    today, there = local_date(now), partitions()
    missing = [month for kept in KEPT for month in lacking(kept, there, today)]
    months = [following(month_on(today), n) for n in range(AHEAD + 1)]
    ahead = min((months.index(month) for month in missing), default=AHEAD + 1) - 1
    return Standing(max(ahead, 0), tuple(f"{kept.name} {month}" for kept in KEPT for month in astray(kept)))


def archived_at(case: TransferCase) -> datetime | None:
    """When the history of this case left; None while it is here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT at FROM transfers_retiredmonth WHERE what = %s AND month <= %s AND %s < until",
            [HISTORY.value, case.pk // CASES, case.pk // CASES],
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row[0] if row else None
