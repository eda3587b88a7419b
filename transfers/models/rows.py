"""Rows that are read on every move, by statements that are put together once: the ORM builds each of them anew, which
takes longer than the answer. For `transfers.actions` and `transfers.sla`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)


def read(model: type[M], where: str, arguments: Sequence[Any]) -> list[M]:
    """The rows of a table, called t, for which SQL of ours holds; it may order and lock them."""
    names, columns, converters = _reading(model)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {names} FROM "{model._meta.db_table}" t {where}', arguments)  # nosec B608 - our columns
        rows = cursor.fetchall()
    if not rows:
        return []
    found, alias = [], connection.alias
    for values in rows:
        row = _row(model, columns, values, alias)
        kept = row.__dict__
        for name, column, functions in converters:
            for function in functions:
                kept[name] = function(kept[name], column, connection)
        found.append(row)
    return found


def read_some(model: type[M], columns: Sequence[str], where: str, arguments: Sequence[Any]) -> list[M]:
    """The same with these columns alone (attnames, none of them encrypted), for a pass over many rows. What was left
    out is fetched when it is asked for, as after `only()`, which walks over every field of each row. JSON values that
    are written alike are one object: change none.
    """
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in columns]
    names = ", ".join(f't."{field.column}"' for field in fields)
    encoded = [name for name, field in zip(columns, fields, strict=True) if isinstance(field, models.JSONField)]
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {names} FROM "{model._meta.db_table}" t {where}', arguments)  # nosec B608 - our columns
        rows = cursor.fetchall()
    found: list[M] = []
    decoded: dict[str, Any] = {}
    alias = connection.alias
    for values in rows:
        row = _row(model, columns, values, alias)
        kept = row.__dict__
        for name in encoded:
            text = kept[name]
            if text not in decoded:
                decoded[text] = json.loads(text)
            kept[name] = decoded[text]
        found.append(row)
    return found


def _row(model: type[M], columns: Sequence[str], values: Sequence[Any], alias: str) -> M:
    """What `from_db` makes. Its way through every field takes longer than all else that is done to the row."""
    row = model.__new__(model)
    row._state = state = ModelState()
    state.adding, state.db = False, alias
    row.__dict__.update(zip(columns, values, strict=True))
    return row


def array(values: Iterable[int | str]) -> str:
    """Numbers, or instants, as the text of an array: of a list, each element is looked at when it is sent."""
    return f"{{{','.join(map(str, values))}}}"


@cache
def _reading(model: type[models.Model]) -> tuple[str, list[str], list[tuple[str, Any, list[Any]]]]:
    """The columns to select, their attributes, and what makes values of those that are stored in another form."""
    fields = model._meta.concrete_fields
    converters = []
    for field in fields:
        functions = [
            *connection.ops.get_db_converters(field.cached_col),
            *field.get_db_converters(connection),
        ]
        if functions:
            converters.append((field.attname, field.cached_col, functions))
    return ", ".join(f't."{field.column}"' for field in fields), [field.attname for field in fields], converters
