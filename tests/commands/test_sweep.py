"""`manage.py sweep`: any instant, honest counters, and one sentence for a bad one."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.world import MONDAY
from transfers import actions
from transfers.actions import sweep as sweeping
from transfers.models import Alarm, Clock, TransferCase

pytestmark = pytest.mark.django_db


def run(*words: str) -> dict[str, object]:
    out = io.StringIO()
    call_command("sweep", "--json", *words, stdout=out)
    return json.loads(out.getvalue())


def test_the_counters_are_what_was_done(world):
    world.everyone()
    world.accepted(1)
    waiting = world.carry(world.accepted(2), "claim_out")
    world.take(waiting, "request_supplement", world.out_handler, reason="Q-02", note="请补交委托书")
    # Accepted on Monday the 1st: the ladder's first rung is on Wednesday; on Tuesday nothing is due.
    assert run("--now", "2026-06-02T10:00")["alarms"] == 0
    told = run("--now", "2026-06-09T09:00+08:00")
    fired = set(Alarm.objects.values_list("case_id", "rung"))
    assert told["alarms"] == len(fired) == 4  # unclaimed, half; supplement due, supplement over
    assert told["lapsed"] == 1
    assert (told["failed"], told["truncated"]) == (0, False)
    assert TransferCase.objects.get(pk=waiting.pk).state == "TERMINATED"
    assert run("--now", "2026-06-09T09:00")["alarms"] == 0


def test_it_goes_on_until_nothing_is_left(world, monkeypatch):
    """Two at a time, and five that wait."""
    world.everyone()
    for serial in range(1, 6):
        case = world.carry(world.accepted(serial), "claim_out")
        world.take(case, "request_supplement", world.out_handler, reason="Q-02", note="请补交委托书")
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    told = run("--now", (MONDAY + timedelta(days=10)).isoformat())
    assert (told["lapsed"], told["truncated"]) == (5, False)


def test_it_says_when_something_failed_and_ends(world, monkeypatch):
    """All that was taken up fails: that is told, and not tried for ever."""
    world.everyone()
    for serial in (1, 2):
        case = world.carry(world.accepted(serial), "claim_out")
        world.take(case, "request_supplement", world.out_handler, reason="Q-02", note="请补交委托书")
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    monkeypatch.setattr(sweeping, "perform", broken)
    with pytest.raises(CommandError, match="2 could not be done"):
        run("--now", "2026-06-20")
    monkeypatch.setattr(sweeping, "perform", actions.perform)
    assert run("--now", "2026-06-20")["lapsed"] == 2


def broken(*_args: object, **_more: object) -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("text", ["tomorrow", "", "2026-13-01", "2026-06-16T25:00", "9999-12-31T23:00-12:00"])
def test_a_bad_instant_is_one_sentence(text):
    with pytest.raises(CommandError) as caught:
        call_command("sweep", f"--now={text}")
    assert caught.value.returncode == 2
    assert "is not an instant: write one like 2026-06-16T09:00+08:00." in str(caught.value)


def test_an_instant_beyond_the_calendar_changes_nothing(world):
    world.everyone()
    world.accepted(1)
    before = Clock.objects.get().next_at
    with pytest.raises(CommandError, match="outside the calendar") as caught:
        run("--now", "2035-01-01")
    assert caught.value.returncode == 2
    assert Clock.objects.get().next_at == before
