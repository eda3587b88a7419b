"""The database of a run, and the schema that the peers need in it."""

from __future__ import annotations

from simulate.database import NoDatabase, own_database

__all__ = ["NoDatabase", "fill_schema", "own_database"]


def fill_schema() -> None:
    """Our schema with the reference data, the peers' own tables, and the twins."""
    from django.core.management import call_command
    from django.db import connection

    from bench.models import LIMIT, PLAIN

    call_command("migrate", interactive=False, verbosity=0)
    call_command("load_reference", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (*LIMIT.values(), *PLAIN.values()):
            editor.create_model(model)
