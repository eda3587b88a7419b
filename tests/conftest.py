"""Fixtures for every test: reference data once, a world when asked for, and tables cleaned behind committed tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase, override_settings

from tests.world import IN, MONDAY, OUT, World
from transfers import memory
from transfers.demo.receiving import give_accounts
from transfers.policies import applying
from transfers.sla.calendars import edition_for

# Loaded once for the whole run; committed tests leave these alone.
KEPT = {
    "transfers_area",
    "transfers_agency",
    "transfers_bankaccount",
    "transfers_calendarnotice",
    "transfers_policy",
    "django_migrations",
    "django_content_type",
    "auth_permission",
}

# Rows made once beside them: table -> the newest of these; what committed tests add is emptied.
MADE_ONCE = {"transfers_calendaredition": 0, "transfers_resolvedpolicy": 0}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        call_command("load_reference", verbosity=0)
        # Kept with the reference data, so that not every test makes and reads them anew.
        for area in (OUT, IN):
            edition_for(area)
            applying(area, MONDAY.date())
        give_accounts()
        with connection.cursor() as cursor:
            for table in MADE_ONCE:
                cursor.execute(f'SELECT max(id) FROM "{table}"')
                MADE_ONCE[table] = cursor.fetchone()[0]


def clean_tables() -> None:
    """Empty every table but the reference data. Triggers are off for this, as TRUNCATE and DELETE are refused."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in KEPT]
        cursor.execute("SET session_replication_role = replica")
        for table in tables:
            cursor.execute(f'DELETE FROM "{table}"' + (f" WHERE id > {MADE_ONCE[table]}" if table in MADE_ONCE else ""))
        # The accounts that every agency was given stay; those that people entered go.
        cursor.execute("DELETE FROM transfers_bankaccount WHERE made_by_id IS NOT NULL")
        cursor.execute("UPDATE transfers_bankaccount SET valid_to = NULL")
        cursor.execute("SET session_replication_role = DEFAULT")


@pytest.fixture(scope="session", autouse=True)
def _clean_after_committed_tests() -> None:
    """Django would TRUNCATE, which the append-only tables refuse, and would drop the reference data with it."""
    TransactionTestCase._fixture_teardown = lambda self: clean_tables()  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """A test world has ten people who sign in: hashing their passwords as in earnest would take most of the time."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


class _Watch:
    """Forgets what processes remember when a test writes to those tables, and says that it did."""

    def __init__(self) -> None:
        self.wrote = False

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        done = execute(sql, params, many, context)
        if isinstance(sql, str) and sql.startswith(_WRITES) and any(f'"{table}"' in sql for table in KEPT):
            self.wrote = True
            memory.forget()
        return done


_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@pytest.fixture(autouse=True)
def _remember_what_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Reference data is remembered from test to test. What a test changed of it, or committed, is forgotten with it."""
    watch = _Watch()
    with connection.execute_wrapper(watch):
        yield
    marker = request.node.get_closest_marker("django_db")
    committed = bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in request.fixturenames
    if watch.wrote or committed:
        memory.forget()


@pytest.fixture(autouse=True)
def _no_nudges(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Committed tests must not put messages into whatever broker is configured; `real_broker` says that one does."""
    if "real_broker" not in request.keywords:
        monkeypatch.setattr("notifications.waking.send_task", lambda: None)


@pytest.fixture
def world(db) -> World:
    return World()
