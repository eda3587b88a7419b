"""How the database would go about a statement if its table were as large as a country's.

A test cannot fill a table with a million rows, and need not: the planner goes by what it believes. A few thousand rows
are made, in the proportions of a large table, and counted; then the table and its indexes are said to hold more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models
from psycopg import ClientCursor

MILLION = 1_000_000


@contextmanager
def nothing_checked() -> Any:
    """For rows whose keys lead nowhere: no trigger runs, neither ours nor a foreign key's."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def believed(model: type[models.Model], rows: int = MILLION) -> None:
    """Let the planner believe that the table holds so many rows, in the proportions of those that it has. Of one that
    is partitioned, it is the partitions that are believed in.
    """
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'ANALYZE "{table}"')
        cursor.execute(
            "WITH leaf AS (SELECT relid FROM pg_partition_tree(%(table)s::regclass) WHERE isleaf"
            "  UNION SELECT %(table)s::regclass WHERE NOT EXISTS (SELECT FROM pg_partition_tree(%(table)s::regclass))),"
            " grown AS (SELECT %(rows)s / sum(reltuples) AS by FROM pg_class WHERE oid IN (SELECT relid FROM leaf))"
            " UPDATE pg_class SET reltuples = reltuples * grown.by FROM grown WHERE oid IN (SELECT relid FROM leaf)"
            " OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT relid FROM leaf))",
            {"table": table, "rows": float(rows)},
        )


def insert(model: type[models.Model], values: Mapping[str, str], count: int) -> None:
    """`count` rows, numbered n from 1: a SQL expression for each column named, and for the others what Django gives."""
    expressions, given = dict(values), {}
    for field in model._meta.local_concrete_fields:
        if field.column not in expressions and not field.null and not field.primary_key:
            expressions[field.column] = f"%(default_{field.column})s"
            given[f"default_{field.column}"] = field.get_db_prep_save(field.get_default(), connection)
    columns = ", ".join(f'"{column}"' for column in expressions)
    with nothing_checked() as cursor:
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({columns})'
            f" SELECT {', '.join(expressions.values())} FROM generate_series(1, {count}) n",
            given,
        )


def scans(statement: str, values: Sequence[Any] | Mapping[str, Any]) -> list[set[tuple[str, str, str]]]:
    """(kind of scan, table, index) of the statement with these values, and of its plan for any values at all: a
    connection that has prepared a statement may take either. Partitions and their indexes are called by the names of
    the whole.
    """
    written = ClientCursor(connection.connection).mogrify(statement, values)
    numbered, arguments = _prepared(statement, values)
    with connection.cursor() as cursor:
        plans = [_plan(cursor, written)]
        cursor.execute(f"PREPARE explained AS {numbered}")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        plans.append(
            _plan(
                cursor, ClientCursor(connection.connection).mogrify(f"EXECUTE explained({arguments[0]})", arguments[1])
            )
        )
        cursor.execute("SET LOCAL plan_cache_mode = auto")
        cursor.execute("DEALLOCATE explained")
    return plans


def _prepared(statement: str, values: Any) -> tuple[str, tuple[str, list[Any]]]:
    """The statement with $1, $2, …, and the values in that order with their places."""
    order: list[Any] = []
    named: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            order.append(values[len(order)])
            return f"${len(order)}"
        if name not in named:
            order.append(values[name])
            named[name] = len(order)
        return f"${named[name]}"

    numbered = re.sub(r"%(?:\((\w+)\))?s", place, statement)
    return numbered, (", ".join(["%s"] * len(order)), order)


def _plan(cursor: Any, statement: str) -> set[tuple[str, str, str]]:
    cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
    answer = cursor.fetchone()[0]
    tree = json.loads(answer) if isinstance(answer, str) else answer
    cursor.execute(
        "SELECT c.relname, p.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " JOIN pg_class p ON p.oid = i.inhparent"
    )
    whole = dict(cursor.fetchall())
    # There is nothing to find in these: they are read as they are.
    cursor.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND reltuples <= 0")
    empty = {name for (name,) in cursor.fetchall()}
    found: set[tuple[str, str, str]] = set()
    waiting = [tree[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if "Scan" in node["Node Type"] and node["Node Type"] != "CTE Scan":
            table, index = node.get("Relation Name", ""), node.get("Index Name", "")
            if table not in empty:
                found.add((node["Node Type"], whole.get(table, table), whole.get(index, index)))
    return found
