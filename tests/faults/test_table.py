"""Some rows of the table of faults, each beside its control; `./dev faults` runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection, transaction

from faults.counting import compare, rows
from faults.ground import Ground
from faults.points import at_point, chosen, heard, torn
from faults.rows import FAULTS, killed
from faults.stack import Databases
from faults.table import tried
from notifications.models import Letter
from notifications.outbox import Draft, post
from tests.world import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
NAMED = {fault.name: fault for fault in FAULTS}


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ground]:
    """Copies of the database of the tests, at its server; each course is killed at three of its points."""
    known = connection.get_connection_params()
    who = f"{quote(known.get('user', ''))}:{quote(known.get('password', ''))}@{known['host']}:{known['port']}"
    here = connection.settings_dict["NAME"]
    monkeypatch.setattr(killed, "POINTS", 3)
    made = Ground(Databases(lambda name: f"postgres://{who}/{name}"), tmp_path, prefix=f"{here}_f")
    try:
        made.prepare(here)
        yield made
    finally:
        made.clear()
        connection.settings_dict["NAME"] = here


@pytest.mark.parametrize("name", ["kill-sweep", "crowd"])
def test_a_row_and_its_control(ground: Ground, name: str) -> None:
    with_guard = tried(NAMED[name], ground, guarded=True)
    assert with_guard.well, with_guard
    assert with_guard.times == 3
    without = tried(NAMED[name], ground, guarded=False)
    assert without.found, without
    assert not without.unfit


def test_each_row_names_its_guard() -> None:
    assert len(NAMED) == len(FAULTS) > 20
    for fault in FAULTS:
        assert all((fault.broken, fault.running, fault.recovers, fault.guard)), fault.name


def written() -> None:
    with transaction.atomic():
        Letter.objects.filter(pk=0).update(subject_ref="a")
        Letter.objects.filter(pk=0).update(subject_ref="b")


@pytest.mark.parametrize(("work", "points"), [(written, ["write", "write", "commit", "committed"]), (list, [])])
def test_the_points_of_a_piece_of_work(work: Callable[[], object], points: list[str]) -> None:
    found: list[str] = []
    with heard(found.append):
        work()
    assert found == points


def test_a_point_comes_once() -> None:
    happened: list[int] = []
    with at_point(3, lambda: happened.append(1)) as counter:
        written()
        written()
    assert (len(happened), counter.seen) == (1, 8)


def test_chosen_points_hold_both_ends() -> None:
    assert chosen(5, 8) == [1, 2, 3, 4, 5]
    assert chosen(29, 4) == [1, 10, 20, 29]


def test_torn_leaves_the_first_half() -> None:
    """The control of transactions is one: what was written before the end stays."""
    draft = Draft(channel="sms", template="note", language="en", address="13800000000")

    def halved() -> None:
        with transaction.atomic():
            post([draft], now=MONDAY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        halved()
    assert not Letter.objects.exists()
    with torn(), pytest.raises(ZeroDivisionError):
        halved()
    assert Letter.objects.count() == 1
    connection.close()  # its triggers are off


def test_counting_tells_lost_from_doubled(ground: Ground) -> None:
    ground.enter("base")
    with transaction.atomic():
        post([Draft(channel="sms", template="note", language="en", address="13800000000")], now=MONDAY)
    one = rows(ground.here)
    (letter,) = [key for key in one if key[0] == "letter"]
    none, two = one - one, one + one
    assert (compare(one, one).lost, compare(one, one).doubled) == (0, 0)
    assert compare(none, one).lost == one.total()
    assert compare(two, one).doubled == one.total()
    assert compare(none, one).examples[0].startswith("lost ")
    assert letter[1].endswith("pending")
