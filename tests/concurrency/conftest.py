"""A committed world: what these tests write is really there for every connection, and removed afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import clean_tables
from tests.world import World
from transfers import memory


@pytest.fixture
def committed(transactional_db: None) -> Iterator[World]:
    world = World()
    world.everyone()
    yield world
    clean_tables()
    memory.forget()
