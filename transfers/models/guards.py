"""What keeps rows from being changed behind the one door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, NoReturn, TypeVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import connection, connections, models

M = TypeVar("M", bound=models.Model)


class GuardedQuerySet(models.QuerySet[M]):
    """A queryset whose rows change only through actions: bulk writes are refused."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{self.model.__name__} rows are changed through transfers.actions, never by update()")

    def delete(self) -> NoReturn:
        raise TypeError(f"{self.model.__name__} rows are never deleted")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{self.model.__name__} rows are changed through transfers.actions, never by bulk_update()")


class AppendOnlyQuerySet(GuardedQuerySet[M]):
    """A queryset of rows that are written once."""


def write_changes(rows: Iterable[tuple[models.Model, Sequence[str]]]) -> None:
    """Write the named columns (attnames) of rows, one statement for all that change alike. For `transfers.actions`."""
    alike: dict[tuple[type[models.Model], tuple[str, ...]], list[models.Model]] = defaultdict(list)
    for row, columns in rows:
        alike[type(row), tuple(columns)].append(row)
    for (model, columns), group in alike.items():
        fields, one, many = _changing(model, columns)
        with connection.cursor() as cursor:
            if len(group) == 1:
                cursor.execute(one, [*stored(group[0], fields), group[0].pk])
            elif many:
                fields = [*fields, model._meta.pk]
                cursor.execute(many, [list(v) for v in zip(*(stored(row, fields) for row in group), strict=True)])
            else:
                cursor.executemany(one, [[*stored(row, fields), row.pk] for row in group])  # one round trip


@cache
def _changing(model: type[models.Model], columns: tuple[str, ...]) -> tuple[list[Any], str, str]:
    """The fields, the statement for one row, and that for many; there is none where a column is an array."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields, key, table = [by_name[name] for name in columns], model._meta.pk, model._meta.db_table
    assignments = ", ".join(f'"{field.column}" = %s' for field in fields)
    one = f'UPDATE "{table}" SET {assignments} WHERE "{key.column}" = %s'  # nosec B608 - our columns
    if any(isinstance(field, ArrayField) for field in fields):
        return fields, one, ""
    assignments = ", ".join(f'"{field.column}" = v."{field.column}"' for field in fields)
    names = ", ".join(f'"{field.column}"' for field in (*fields, key))
    arrays = ", ".join(f"%s::{field.rel_db_type(connection)}[]" for field in (*fields, key))
    many = (
        f'UPDATE "{table}" t SET {assignments} FROM unnest({arrays}) AS v({names})'  # nosec B608
        f' WHERE t."{key.column}" = v."{key.column}"'
    )
    return fields, one, many


def write_rows(model: type[M], rows: Sequence[M]) -> None:
    """Write rows that are not there yet, with keys that the database gives; the rows do not hear of them."""
    if rows:
        fields, columns = _new(model)
        write_new(model, columns, [stored(row, fields) for row in rows])
        for row in rows:
            row._state.adding = False


@cache
def _new(model: type[models.Model]) -> tuple[list[Any], list[str]]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    return fields, [field.attname for field in fields]


def write_new(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write new rows, many by COPY: the named columns (attnames) as they are stored. For `transfers.actions`."""
    names, table, one = _adding(model, tuple(columns))
    rows = list(rows)
    with connection.cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(one, rows[0])
        elif rows:
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:  # nosec B608 - our columns
                for row in rows:
                    copy.write_row(row)


@cache
def _adding(model: type[models.Model], columns: tuple[str, ...]) -> tuple[str, str, str]:
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    names, table = ", ".join(f'"{by_name[name].column}"' for name in columns), model._meta.db_table
    places = ", ".join(["%s"] * len(columns))
    return names, table, f'INSERT INTO "{table}" ({names}) VALUES ({places})'  # nosec B608 - our columns


def keys_for(model: type[models.Model], count: int) -> list[int]:
    """So many new primary keys, for rows that others name before they are written."""
    table = model._meta.db_table
    # A case's key begins with its month (rules/casemonth.py).
    drawn = (
        "transfers_case_key()"
        if table == "transfers_transfercase"
        else f"nextval(pg_get_serial_sequence('{table}', 'id'))"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {drawn} FROM generate_series(1, %s)", [count])  # nosec B608 - our own names
        return [key for (key,) in cursor.fetchall()]


def stored(row: models.Model, fields: Iterable[models.Field[Any, Any]]) -> list[Any]:
    """These fields of a row as the database stores them."""
    database = connections[connection.alias]  # the proxy costs more than the work, field by field
    as_they_are, kept = _stored_as_they_are(type(row)), []
    for field in fields:
        value = getattr(row, field.attname)
        if field.attname not in as_they_are or type(value) not in _AS_THEY_ARE:
            value = field.get_db_prep_save(value, database)
        kept.append(value)
    return kept


# No subclasses: a member of an enumeration is stored as its value. Encrypted text calls itself binary.
_AS_THEY_ARE = frozenset({str, int, bool, date, datetime, type(None)})
_COLUMNS_AS_THEY_ARE = frozenset(
    {
        *("CharField", "TextField", "BooleanField", "DateField", "DateTimeField", "ForeignKey", "OneToOneField"),
        *("IntegerField", "BigIntegerField", "SmallIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"),
    }
)


@cache
def _stored_as_they_are(model: type[models.Model]) -> frozenset[str]:
    """The columns in which a plain value is stored as it is: asking the field takes longer than storing it."""
    return frozenset(
        field.attname for field in model._meta.concrete_fields if field.get_internal_type() in _COLUMNS_AS_THEY_ARE
    )


def append_only(name: str) -> pgtrigger.Trigger:
    """A trigger under which rows of a table can be inserted, and neither changed, deleted nor truncated."""
    return pgtrigger.Trigger(
        name=f"{name}_append_only",
        level=pgtrigger.Row,
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="RAISE EXCEPTION '% rows are append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
    )


def no_truncate(name: str) -> pgtrigger.Trigger:
    """A trigger that refuses TRUNCATE, which row triggers do not see."""
    return pgtrigger.Trigger(
        name=f"{name}_no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func="RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
    )
