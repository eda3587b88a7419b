"""What keeps rows from being changed behind the one door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import pgtrigger
from django.db import connection, models

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
        key = model._meta.pk
        assignments = ", ".join(f'"{field.column}" = %s' for field in fields)
        sql = f'UPDATE "{model._meta.db_table}" SET {assignments} WHERE "{key.column}" = %s'  # nosec B608 - our columns
        values = [[*(f.get_db_prep_save(getattr(row, f.attname), connection) for f in fields), row.pk] for row in group]
        with connection.cursor() as cursor:
            if len(values) == 1:
                cursor.execute(sql, values[0])
            else:
                cursor.executemany(sql, values)  # one round trip


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
