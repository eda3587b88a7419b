"""W2G, the sweep as its table grows: the same work among few open clocks and among many.

Both find as many due clocks and write the same rows into the same tables. They differ in the table of the clocks alone:
each has one in a schema of its own, which stands first in the search path while it is measured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection

from bench.dataset import Dataset
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from transfers.models import Alarm, CaseEvent, Clock
from transfers.sla.sweep import fire_due

FEW, MANY = "few_clocks", "many_clocks"
RUNG = "T-2"
IDLE_CALLS = 40
TABLE = Clock._meta.db_table


@contextmanager
def benchmark(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark. It makes its two tables first and drops them afterwards; the data set's own clocks stay."""
    few, many, rounds = size["few"], size["many"], size["rounds"] + 1
    free = dataset.groups[0].first - 1  # clocks that come due in no other benchmark
    due = min(size["due"], free // (2 * rounds))
    behind = free - 2 * due * rounds
    began = dataset.accepted_at + timedelta(days=60)

    def ours(number: int) -> Sample:
        now = began + timedelta(hours=number)
        took = {schema: _sweep(schema, now, due) for schema in ((FEW, MANY), (MANY, FEW))[number % 2]}
        (small, idle_small), (large, idle_large) = took[FEW], took[MANY]
        return Sample(
            large,
            {
                "ms_among_few": small,
                "growth": large / small,
                "idle_ms": idle_large,
                "idle_growth": idle_large / idle_small,
            },
        )

    try:
        for odd, (schema, count) in enumerate(((FEW, few), (MANY, many))):
            # One of two neighbours each, as other benchmarks may have gone on with the first cases.
            mine = range(behind + 1 + odd, free + 1, 2)
            coming = [(began + timedelta(hours=n), mine[n * due : (n + 1) * due]) for n in range(rounds)]
            _fill(schema, count - due * rounds, coming, beyond=10 * dataset.cases, cases=dataset.cases)
        yield Benchmark(
            name="W2G",
            title=f"sweep: fire {due:,} due clocks as the table grows",
            unit="ms",
            better="less",
            contenders=[Contender("ours", "ours", f"sla.sweep.fire_due among {many:,} open clocks", ours)],
            sizes={"open clocks": [few, many], "due a round": due},
            targets=[
                Target("first", f"among {many:,} at most twice as long as among {few:,}", figure="growth", at_most=2),
                Target("first", "the same when nothing is due", figure="idle_growth", at_most=2),
                Target("first", "an idle sweep in at most 1 ms", figure="idle_ms", at_most=1.0),
            ],
            notes=[
                "growth is the time among the many by that among the few in the same round, idle_growth of a fire_due "
                "with nothing due.",
                "The clocks that never come due are of cases that are not there; they lie before and behind the others "
                "in the table, and come due one after another in the years behind.",
                "The alarms' foreign key looks at the clocks of the data set, and so at as many in both.",
            ],
            checks=lambda: [_once(behind + 1, free)],
        )
    finally:
        with connection.cursor() as cursor:
            for schema in (FEW, MANY):
                cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _sweep(schema: str, now: datetime, due: int) -> tuple[float, float]:
    """Milliseconds of a sweep of `due` clocks, and of one that finds nothing (the median of several)."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schema}, public")
        try:
            start = time.perf_counter()
            fired = fire_due(now=now).alarms
            took = time.perf_counter() - start
            if fired != due:
                raise Unfit(f"{fired} fired, but {due} were due")
            idle = []
            for _ in range(IDLE_CALLS):
                start = time.perf_counter()
                fire_due(now=now)
                idle.append(time.perf_counter() - start)
            return took * 1000, median(idle) * 1000
        finally:
            cursor.execute("RESET search_path")


def _fill(schema: str, count: int, coming: Sequence[tuple[datetime, range]], *, beyond: int, cases: int) -> None:
    """A table of clocks: `count` that never come due, numbered from `beyond`, and between them those that come, as the
    data set has them: at which instant which. The indexes are built afterwards.
    """
    columns = [f'"{field.column}"' for field in Clock._meta.local_concrete_fields]
    due = {'"plan"': "%(plan)s::jsonb", '"done"': "0", '"next_at"': "%(at)s"}
    never = due | {
        '"id"': "%(beyond)s::bigint + n",
        '"case_id"': "%(beyond)s::bigint + n",
        '"next_at"': "%(at)s::timestamptz + n * interval '1 second'",
    }
    insert = f"INSERT INTO {schema}.{TABLE} ({', '.join(columns)}) SELECT"
    filler = (
        f"{insert} {', '.join(never.get(column, f'k.{column}') for column in columns)}"
        f" FROM generate_series(%(first)s::bigint, %(last)s::bigint) n"
        f" JOIN public.{TABLE} k ON k.id = 1 + n %% %(cases)s::bigint"
    )
    later = coming[-1][0] + timedelta(days=365)
    given = {"plan": _plan(later), "at": later, "beyond": beyond, "cases": cases}
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"CREATE TABLE {schema}.{TABLE} (LIKE public.{TABLE} INCLUDING CONSTRAINTS)")
        cursor.execute(filler, {**given, "first": 1, "last": count // 2})
        for at, clocks in coming:
            cursor.execute(
                f"{insert} {', '.join(due.get(column, f'k.{column}') for column in columns)}"
                f" FROM public.{TABLE} k WHERE k.id = ANY(%(clocks)s)",
                {"plan": _plan(at), "at": at, "clocks": list(clocks)},
            )
        cursor.execute(filler, {**given, "first": count // 2 + 1, "last": count})
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s", [TABLE])
        for (definition,) in cursor.fetchall():
            cursor.execute(definition.replace(f" ON public.{TABLE} ", f" ON {schema}.{TABLE} "))
        cursor.execute(f"VACUUM (ANALYZE) {schema}.{TABLE}")
        cursor.execute("CHECKPOINT")


def _plan(at: datetime) -> str:
    return json.dumps([{"code": RUNG, "at": at.isoformat()}])


def _once(first: int, last: int) -> Check:
    """Of the clocks `first` to `last`, and of their cases, which have the same numbers."""
    alarms = Alarm.objects.filter(clock_id__gte=first, clock_id__lte=last)
    events = CaseEvent.objects.filter(kind="alarm", case_id__gte=first, case_id__lte=last).count()
    fired, clocks, expected = alarms.count(), alarms.values("clock_id").distinct().count(), last - first + 1
    return Check(
        "each alarm and event exactly once",
        fired == clocks == events == expected,
        f"{expected} due, {fired} alarms of {clocks} clocks, {events} events",
        "ours",
    )
