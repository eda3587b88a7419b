"""Months of events, alarms and letters: made before they come, and taken out when what they hold is long over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from psycopg.errors import LockNotAvailable

from transfers.models import Remittance, RetiredMonth, TransferCase
from transfers.rules.casemonth import CASES, following, month_on
from transfers.rules.errors import refusal
from transfers.rules.money import MONEY_STATES
from transfers.rules.workdays import ZONE, local_date
from transfers.selectors.partitions import HISTORY, KEPT, LETTERS, Kept, Partition, astray, lacking, partitions

T = TypeVar("T")
ARCHIVE = "archive"
"""The schema that months go to."""
PATIENCE = "500ms"
"""Attaching and detaching wait for whoever uses these tables now, and others wait behind them: no longer. It must be
less than deadlock_timeout (1 s): of two that wait for each other it is this one that gives way."""
TRIES = 5
PAUSE = 1.0
_SETTLED = [state.value for state, info in MONEY_STATES.items() if info.settled]


def make_months(*, now: datetime) -> list[str]:
    """Make the partitions of this month and of those to come, as far as they are not there; their names.

    Rows that came before their partition are moved into it. Safe to repeat and to race. Raises `J-MONTH-BUSY`.
    """
    today = local_date(now)

    def make(kept: Kept) -> list[str]:
        return [_make(kept, month) for month in sorted({*lacking(kept, partitions(), today), *astray(kept)})]

    return [name for kept in KEPT for name in _alone(partial(make, kept))]


def _make(kept: Kept, month: int) -> str:
    """One partition with everything that its table has, and what lies in the net for it."""
    name = f"{kept.name}_{month}"
    low, high = month * kept.a_month, following(month) * kept.a_month
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {kept.net}")  # nothing may come into it between the look and the attaching
        where = f"WHERE {kept.key} >= {low} AND {kept.key} < {high}"
        cursor.execute(f"SELECT EXISTS (SELECT FROM {kept.net} {where})")  # nosec B608 - our names and numbers
        late = cursor.fetchone()[0]
        # Attached when it is whole: that holds up neither readers nor writers of the other months.
        cursor.execute(f"CREATE TABLE {name} (LIKE {kept.name} INCLUDING CONSTRAINTS INCLUDING STORAGE)")
        if late:  # the net is let go for a moment: while it hangs there, nothing in it may belong to another
            cursor.execute(f"ALTER TABLE {kept.name} DETACH PARTITION {kept.net}")
            cursor.execute(f"INSERT INTO {name} SELECT * FROM {kept.net} {where}")  # nosec B608
            cursor.execute(f"DELETE FROM {kept.net} {where}")  # nosec B608
        cursor.execute(f"ALTER TABLE {kept.name} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")
        if late:
            cursor.execute(f"ALTER TABLE {kept.name} ATTACH PARTITION {kept.net} DEFAULT")
        if kept.what == HISTORY:
            cursor.execute(_refusing("no_truncate", "BEFORE TRUNCATE", name, "STATEMENT"))
    return name


def _refusing(trigger: str, when: str, table: str, level: str) -> str:
    return f"CREATE TRIGGER {trigger} {when} ON {table} FOR EACH {level} EXECUTE FUNCTION transfers_{trigger}()"


@dataclass(frozen=True, slots=True)
class Retired:
    """What was taken out: the tables as they are called now, and how much they hold."""

    tables: tuple[str, ...]
    cases: int
    rows: int


def retire(what: RetiredMonth.What, month: int, *, now: datetime) -> Retired:
    """Take the history or the letters of the cases of a month out of the working database, into the schema `archive`.

    Nothing is deleted. Refuses a month that is not there (`J-MONTH-NONE`), is younger than it is kept
    (`J-MONTH-YOUNG`), has a case that is open, ended more recently or has money on its way (`J-MONTH-OPEN`), or has
    letters to be sent (`J-MONTH-LETTERS`); while others are in the way, `J-MONTH-BUSY`. A month leaves whole.
    """
    return _alone(partial(_retire, what, month, now))


def _retire(what: RetiredMonth.What, month: int, now: datetime) -> Retired:
    there = partitions()
    leaving = [(kept, one) for kept in KEPT if kept.what == what for one in there if _is(one, kept, month)]
    if not leaving:
        raise refusal("J-MONTH-NONE", month=month)
    first = leaving[0][1]
    until = first.until or 0
    span = Q(pk__gte=month * CASES, pk__lt=until * CASES)
    _require_over(what, first, span, now)
    cases = TransferCase.objects.filter(span).count()
    rows = sum(_rows(one.name) for _kept, one in leaving)
    with connection.cursor() as cursor:
        # From here on nobody moves a case, for as long as it takes to look again and to let the tables go.
        cursor.execute("LOCK TABLE transfers_transfercase IN SHARE ROW EXCLUSIVE MODE")
    if count := TransferCase.objects.filter(span, closed_at__isnull=True).count():
        raise refusal("J-MONTH-OPEN", month=month, count=count, keep=_kept_for(what))
    for kept, one in leaving:
        _take_out(kept, one.name)
    if what == LETTERS and (waiting := _rows(f"{ARCHIVE}.{leaving[0][1].name} WHERE status = 'pending'")):
        raise refusal("J-MONTH-LETTERS", month=month, count=waiting)
    RetiredMonth.objects.create(what=what, month=month, until=until, cases=cases, rows=rows, at=now)
    return Retired(tuple(f"{ARCHIVE}.{one.name}" for _kept, one in leaving), cases, rows)


def _is(one: Partition, kept: Kept, month: int) -> bool:
    return one.table == kept.name and one.month == month and one.until is not None


def _require_over(what: RetiredMonth.What, month: Partition, span: Q, now: datetime) -> None:
    """Refuse while anything of these months may still be worked on, or is to be kept at hand."""
    keep = _kept_for(what)
    ended = _ago(now, keep)
    if month.until is None or month.until > month_on(local_date(ended)):
        raise refusal("J-MONTH-YOUNG", month=month.month, keep=keep)
    going = TransferCase.objects.filter(span).filter(Q(closed_at__isnull=True) | Q(closed_at__gt=ended))
    moneys = Remittance.objects.filter(case__in=TransferCase.objects.filter(span)).exclude(state__in=_SETTLED)
    count = going.count() + moneys.exclude(case__in=going).count()
    if count:
        raise refusal("J-MONTH-OPEN", month=month.month, count=count, keep=keep)


def _kept_for(what: RetiredMonth.What) -> int:
    return settings.KEEP_HISTORY_MONTHS if what == HISTORY else settings.KEEP_LETTERS_MONTHS


def _ago(now: datetime, months: int) -> datetime:
    """The first moment of the day so many months ago, or of the first of the month after where there is no such day."""
    today = local_date(now)
    month = following(month_on(today), -months)
    try:
        day = date(month // 100, month % 100, today.day)
    except ValueError:
        month = following(month)
        day = date(month // 100, month % 100, 1)
    return datetime.combine(day, datetime.min.time(), tzinfo=ZONE)


def _rows(those: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {those}")  # nosec B608 - our own names
        return int(cursor.fetchone()[0])


def _take_out(kept: Kept, name: str) -> None:
    """A table of its own, that can be dumped and read without the others, and that still refuses to be changed."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {kept.name} DETACH PARTITION {name}")
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", [name])
        for (constraint,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {name} DROP CONSTRAINT "{constraint}"')
        if kept.what == HISTORY:
            cursor.execute(_refusing("append_only", "BEFORE UPDATE OR DELETE", name, "ROW"))
        cursor.execute(f"ALTER TABLE {name} SET SCHEMA {ARCHIVE}")


def _alone(work: Callable[[], T]) -> T:
    """Do this in a transaction in which nobody else makes or retires months, trying again when others are in the way.
    Raises `J-MONTH-BUSY`.
    """
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('transfers.actions.partitions'))")
                cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
                return work()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
    raise refusal("J-MONTH-BUSY")
