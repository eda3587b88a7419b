"""Fixtures for every test: reference data once, a world when asked for, and tables cleaned behind committed tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase, override_settings

from tests.world import World
from transfers import memory

# Loaded once for the whole run; committed tests leave these alone.
KEPT = {
    "transfers_area",
    "transfers_agency",
    "transfers_calendarnotice",
    "transfers_policy",
    "django_migrations",
    "django_content_type",
    "auth_permission",
}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        call_command("load_reference", verbosity=0)
    memory.forget()


def clean_tables() -> None:
    """Empty every table but the reference data. Triggers are off for this, as TRUNCATE and DELETE are refused."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in KEPT]
        cursor.execute("SET session_replication_role = replica")
        for table in tables:
            cursor.execute(f'DELETE FROM "{table}"')
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


@pytest.fixture(autouse=True)
def _remember_nothing() -> Iterator[None]:
    memory.forget()
    yield
    memory.forget()


@pytest.fixture(autouse=True)
def _no_nudges(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Committed tests must not put messages into whatever broker is configured; `real_broker` says that one does."""
    if "real_broker" not in request.keywords:
        monkeypatch.setattr("notifications.waking.send_task", lambda: None)


@pytest.fixture
def world(db) -> World:
    return World()
