"""A worker that must end its task tells whatever runs then: nobody is at fault, nothing is written down as failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from notifications import delivery
from notifications.models import Letter
from tests.world import MONDAY, OUT, person
from transfers.actions import papers
from transfers.models import Clock, Paper
from transfers.registry import ask
from transfers.sla.sweep import fire_due

pytestmark = pytest.mark.django_db
LATER = MONDAY + timedelta(days=30)


def time_is_up(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise SoftTimeLimitExceeded


def test_in_a_sweep_no_clock_is_put_off(world, monkeypatch):
    case = world.accepted()
    monkeypatch.setattr("transfers.sla.sweep._reached", time_is_up)
    with pytest.raises(SoftTimeLimitExceeded):
        fire_due(now=LATER)
    monkeypatch.undo()
    assert Clock.objects.get(case=case).next_at < LATER
    assert fire_due(now=LATER).alarms > 0


def test_no_area_counts_as_silent(world, monkeypatch):
    monkeypatch.setattr("transfers.registry.registry_for", time_is_up)
    with pytest.raises(SoftTimeLimitExceeded):
        ask(person(), [OUT])


def test_no_paper_has_failed(world, monkeypatch):
    world.carry(world.accepted(), "approve_out")
    waiting = Paper.objects.filter(status="pending").count()
    assert waiting
    monkeypatch.setattr(papers, "make", time_is_up)
    with pytest.raises(SoftTimeLimitExceeded):
        papers.make_waiting(now=MONDAY)
    assert Paper.objects.filter(status="pending").count() == waiting


def test_no_letter_has_failed(world, monkeypatch, transactional_db):
    world.accepted()
    waiting = Letter.objects.filter(status="pending")
    assert waiting.exists()
    monkeypatch.setattr(delivery, "_message", time_is_up)
    with pytest.raises(SoftTimeLimitExceeded):
        delivery.drain(now=MONDAY, worker="w")
    assert not waiting.exclude(last_error_code="").exists()
