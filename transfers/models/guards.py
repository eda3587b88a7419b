"""What keeps rows from being changed behind the one door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
        by_name = {field.attname: field for field in model._meta.concrete_fields}
        fields = [by_name[name] for name in columns]
        key, table = model._meta.pk, model._meta.db_table
        with connection.cursor() as cursor:
            if len(group) == 1 or any(isinstance(field, ArrayField) for field in fields):
                assignments = ", ".join(f'"{field.column}" = %s' for field in fields)
                sql = f'UPDATE "{table}" SET {assignments} WHERE "{key.column}" = %s'  # nosec B608 - our columns
                values = [[*stored(row, fields), row.pk] for row in group]
                if len(group) == 1:
                    cursor.execute(sql, values[0])
                else:
                    cursor.executemany(sql, values)  # one round trip; arrays cannot be unnested
            else:
                assignments = ", ".join(f'"{field.column}" = v."{field.column}"' for field in fields)
                names = ", ".join(f'"{field.column}"' for field in (*fields, key))
                arrays = ", ".join(f"%s::{field.rel_db_type(connection)}[]" for field in (*fields, key))
                cursor.execute(
                    f'UPDATE "{table}" t SET {assignments} FROM unnest({arrays}) AS v({names})'  # nosec B608
                    f' WHERE t."{key.column}" = v."{key.column}"',
                    [list(values) for values in zip(*(stored(row, (*fields, key)) for row in group), strict=True)],
                )


def write_new(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write new rows, many by COPY: the named columns (attnames) as they are stored. For `transfers.actions`."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    names, table = ", ".join(f'"{by_name[name].column}"' for name in columns), model._meta.db_table
    rows = list(rows)
    with connection.cursor() as cursor:
        if len(rows) == 1:
            places = ", ".join(["%s"] * len(columns))
            cursor.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows[0])  # nosec B608 - our columns
        elif rows:
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:  # nosec B608 - our columns
                for row in rows:
                    copy.write_row(row)


def keys_for(model: type[models.Model], count: int) -> list[int]:
    """So many new primary keys, for rows that others name before they are written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [key for (key,) in cursor.fetchall()]


def stored(row: models.Model, fields: Iterable[models.Field[Any, Any]]) -> list[Any]:
    """These fields of a row as the database stores them."""
    database = connections[connection.alias]  # the proxy costs more than the work, field by field
    return [field.get_db_prep_save(getattr(row, field.attname), database) for field in fields]


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
