"""Moves every encrypted value to the first of FIELD_KEYS, so that an old key can be taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection, models, transaction
from psycopg import sql

from accounts.crypto import EncryptedTextField, reencrypt

CHUNK = 1000


def columns() -> Iterator[tuple[type[models.Model], EncryptedTextField]]:
    """Every encrypted column of every table."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


class Command(BaseCommand):
    help = "Seal every encrypted value with the first of FIELD_KEYS. Safe to repeat and to interrupt; serve meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        for model, field in columns():
            moved = self.move(model, field)
            self.stdout.write(f"{model._meta.db_table}.{field.column}: {moved} moved to the first key.")

    def move(self, model: type[models.Model], field: EncryptedTextField) -> int:
        """Go through one column in order of the primary key, a short transaction for each chunk."""
        names = {
            "table": sql.Identifier(model._meta.db_table),
            "key": sql.Identifier(str(model._meta.pk.column)),
            "column": sql.Identifier(str(field.column)),
        }
        read = sql.SQL(
            "SELECT {key}, {column} FROM {table} WHERE {key} > %s AND octet_length({column}) > 0"
            " ORDER BY {key} LIMIT %s FOR UPDATE"
        ).format(**names)
        write = sql.SQL("UPDATE {table} SET {column} = %s WHERE {key} = %s").format(**names)
        moved, last = 0, 0
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(read, [last, CHUNK])
                rows = cursor.fetchall()
                sealed = [(reencrypt(blob, context=field.context), key) for key, blob in rows]
                changed = [pair for pair in sealed if pair[0] is not None]
                if changed:
                    cursor.executemany(write, changed)
            if not rows:
                return moved
            moved, last = moved + len(changed), rows[-1][0]
