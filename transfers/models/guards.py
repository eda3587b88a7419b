"""What keeps rows from being changed behind the one door."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import pgtrigger
from django.db import models

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
