"""Two installations that start at the same moment load the reference data once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import Model

from tests.reference.test_loader import counts, empty_tables
from transfers.demo.receiving import give_accounts
from transfers.models import Agency, Area
from transfers.reference import files, loader

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def put_back(patched: pytest.MonkeyPatch | None = None) -> Iterator[None]:
    """Leave the reference data of the run behind, whatever happens."""
    try:
        yield
    finally:
        if patched is not None:
            patched.undo()
        loader.load(files.read(), now=NOW)
        give_accounts()


def race() -> list[dict[str, tuple[int, int, int]] | type[Exception]]:
    """Load twice at once on two connections; the outcome of each."""
    data = files.read()

    def one(_number: int) -> dict[str, tuple[int, int, int]] | type[Exception]:
        try:
            return counts(loader.load(data, now=NOW))
        except IntegrityError:
            return IntegrityError
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(one, range(2)), key=str)


def test_two_loadings_at_once_load_everything_once() -> None:
    with put_back():
        empty_tables()
        nothing, everything = race()
        assert isinstance(nothing, dict)
        assert isinstance(everything, dict)
        assert nothing["areas"] == (0, 0, 0)
        assert everything["areas"][0] == len(files.read().areas) == Area.objects.count()
        assert everything["agencies"][0] == Agency.objects.count()


def test_without_the_lock_they_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with the lock off, both see empty tables, insert the same areas, and one fails."""
    both_have_looked = Barrier(2, timeout=20)
    monkeypatch.setattr(loader, "hold", lambda: None)
    upsert = loader._upsert

    def after_looking(model: type[Model], *args: Any, **options: Any) -> Any:
        if model is Area:
            both_have_looked.wait()
        return upsert(model, *args, **options)

    monkeypatch.setattr(loader, "_upsert", after_looking)
    with put_back(monkeypatch):
        empty_tables()
        assert IntegrityError in race()
