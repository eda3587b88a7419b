"""The database engine knows without asking whether a kept connection is still one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.db.backends.postgresql import base

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept() -> Iterator[Any]:
    """A connection beside that of the test."""
    other = connection.copy()
    other.connect()
    yield other
    other.close()


def test_one_that_lives_is_not_asked(kept: Any) -> None:
    with mock.patch.object(base.DatabaseWrapper, "is_usable", side_effect=AssertionError):
        assert kept.is_usable() is True


def test_one_that_the_server_ended_is_none(kept: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [kept.connection.info.backend_pid])
    assert kept.is_usable() is False


def test_one_that_was_closed_here_is_none(kept: Any) -> None:
    kept.connection.close()
    assert kept.is_usable() is False
