"""A file of applications whose run is killed, or that two take up at once: nothing lost, nothing doubled."""

from __future__ import annotations

import multiprocessing
import os
import signal
from time import sleep
from typing import Any

import pytest
from django.db import connections

from tests.actions.test_applications import as_csv, one_percent, table, worked
from tests.concurrency.racing import Meeting, at_once
from tests.world import MONDAY, World, person
from transfers.access import actor_for
from transfers.actions import applications
from transfers.actions.applications import confirm, counts, drop, file_lines, look_at
from transfers.models import ApplicationFile, ApplicationLine, CaseEvent, Person, TransferCase
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = range(1, 121)


def filed(world: World, monkeypatch: Any) -> tuple[ApplicationFile, int]:
    """A confirmed file of which nothing is filed yet, and how many of its lines are right."""
    monkeypatch.setattr(applications, "CHUNK", 20)
    for serial in (1, 2, 3):
        person(serial)
    raws, wrong, twice = one_percent(PEOPLE)
    actor = actor_for(world.in_handler)
    file = confirm(actor, look_at(actor, as_csv(table(raws)), now=MONDAY).pk, now=MONDAY)
    return file, len(raws) - len(wrong) - len(twice)


def killed(point: str, times: int, file: int) -> None:
    """In a process of its own: it dies when it is about to do this for the so-manieth time."""
    real, calls = getattr(applications, point), []

    def dies(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)

    setattr(applications, point, dies)
    file_lines(file, now=MONDAY)


@pytest.mark.parametrize(
    ("point", "times", "left"),
    [("submit_many", 2, 98), ("_settle", 3, 78), ("_count", 3, 78), ("decide_many", 2, 78)],
    ids=["before-it-is-filed", "filed-not-marked", "marked-not-committed", "filed-not-decided"],
)
def test_killed_midway_and_run_again(committed: World, monkeypatch: Any, point: str, times: int, left: int) -> None:
    file, right = filed(committed, monkeypatch)
    connections.close_all()  # a connection cannot be shared with a fork
    process = multiprocessing.get_context("fork").Process(target=killed, args=(point, times, file.pk))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert counts(file.pk).of("new") == left, "whole chunks, and nothing of the one that was under way"
    assert TransferCase.objects.count() == right - left == counts(file.pk).of("filed")
    file_lines(file.pk, now=MONDAY)
    done(file, right)
    assert worked(committed, as_csv(table(one_percent(PEOPLE)[0]))).pk == file.pk
    assert TransferCase.objects.count() == right


def test_two_at_once_take_different_lines(committed: World, monkeypatch: Any) -> None:
    file, right = filed(committed, monkeypatch)
    outcomes = at_once(*[lambda: file_lines(file.pk, now=MONDAY)] * 2)
    assert sum(outcomes) == right
    done(file, right)


def test_two_that_count_at_once_bring_the_file_to_its_end(committed: World, monkeypatch: Any) -> None:
    """Neither sees the lines of the other when it counts its last ones."""
    file, right = filed(committed, monkeypatch)
    monkeypatch.setattr(applications, "CHUNK", right - right // 2)
    real, meeting = applications._count, Meeting()

    def counting(*args: Any) -> None:
        meeting.here()
        real(*args)
        sleep(0.2)  # not committed before the other has begun

    monkeypatch.setattr(applications, "_count", counting)
    at_once(*[lambda: file_lines(file.pk, now=MONDAY)] * 2)
    assert meeting.met
    done(file, right)


def test_dropped_while_it_is_confirmed(committed: World, monkeypatch: Any) -> None:
    """What was confirmed meanwhile stays, with all of its lines."""
    actor = actor_for(committed.in_handler)
    file = look_at(actor, as_csv(table(one_percent(PEOPLE)[0])), now=MONDAY)
    real, meeting = applications._mark, Meeting()

    def marking(*args: Any) -> None:
        meeting.here()
        sleep(0.3)  # not committed before the other has begun
        real(*args)

    def dropped() -> None:
        meeting.here()
        drop(actor, file.pk)

    monkeypatch.setattr(applications, "_mark", marking)
    at_once(lambda: confirm(actor, file.pk, now=MONDAY), dropped)
    assert meeting.met
    assert counts(file.pk).of("new") == 118
    assert applications.under_way() == [file.pk]


def done(file: ApplicationFile, right: int) -> None:
    """Every line is what it should be, and every case was filed and decided once."""
    file.refresh_from_db()
    assert (file.done, file.finished_at) == (file.count, MONDAY)
    assert counts(file.pk).states == {"ACCEPTED": 3, "NOT_ACCEPTED": right - 3}
    assert counts(file.pk).outcomes == {"filed": right, "wrong": 1, "twice": 1}
    assert Person.objects.count() == TransferCase.objects.count() == right
    assert ApplicationLine.objects.filter(file=file, case__isnull=False).values("case").distinct().count() == right
    assert CaseEvent.objects.filter(name="submit").count() == right
    assert CaseEvent.objects.filter(name__in=("accept", "refuse")).count() == right
    assert problems(now=MONDAY) == []
