"""The morning digest: who gets it, when, once, with which figures, and from how many statements."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.models import Letter
from notifications.rendering import render
from tests.world import MONDAY, World, user
from transfers import tasks
from transfers.actions.digests import digests, tell_administrators
from transfers.rules.parties import Role
from transfers.rules.workdays import ZONE
from transfers.selectors.verify import Problem

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def told(now: datetime) -> dict[str, dict[str, int]]:
    """Username → figures of the inbox letters written by one run."""
    before = set(Letter.objects.values_list("pk", flat=True))
    digests(now=now)
    names = ("mine", "to_review", "due_today", "overdue", "waiting")
    found = Letter.objects.filter(template="morning", channel="inbox").exclude(pk__in=before)
    return {
        letter.recipient.username: {name: letter.context[name] for name in names if letter.context[name]}
        for letter in found.select_related("recipient")
    }


@pytest.fixture
def desks(world) -> World:
    """One case claimed by the outbound handler, one in review outbound, one in transit and one waiting for papers."""
    world.everyone()
    world.carry(world.accepted(1), "claim_out")
    world.carry(world.accepted(2), "prepare_sheet")
    world.carry(world.accepted(3), "approve_remittance")
    supplement = world.carry(world.accepted(4), "claim_out")
    world.take(supplement, "request_supplement", world.out_handler, reason="Q-02", note="请补交委托书")
    return world


def test_each_person_gets_their_own_figures(desks):
    found = told(at("2026-06-02T09:00"))
    agency = {"waiting": 2}
    assert found["out_handler"] == {"mine": 2, **agency}
    assert found["out_reviewer"] == {"to_review": 1, **agency}
    assert found["out_lead"] == found["out_head"] == agency
    # The three cases that the outbound side still has.
    assert found["in_handler"] == {"waiting": 3}
    assert "nation" not in found
    assert "out_province" not in found


def test_the_handler_of_a_case_is_not_asked_to_review_it(desks):
    """The same person may hold both roles; what they handled is for somebody else."""
    both = user("both", "450100", (Role.OUT_REVIEWER,))
    assert told(at("2026-06-02T09:00"))["both"]["to_review"] == 1
    Letter.objects.filter(recipient=both).delete()
    desks.out_handler.memberships.create(agency=both.memberships.get().agency, role=Role.OUT_REVIEWER)
    Letter.objects.filter(recipient=desks.out_handler, template="morning").delete()
    again = told(at("2026-06-02T09:30"))
    assert again["both"]["to_review"] == 1
    assert "to_review" not in again["out_handler"]


def test_due_today_and_overdue(desks):
    # Accepted on Monday 2026-06-01: ten working days end with Monday the 15th. The supplement's five have run out by
    # then too, but that is the applicant's limit; no sweep has ended the case here.
    assert told(at("2026-06-12T09:00"))["out_lead"] == {"waiting": 2}
    assert told(at("2026-06-15T09:00"))["out_lead"] == {"due_today": 2, "waiting": 2}
    assert told(at("2026-06-16T09:00"))["out_lead"] == {"overdue": 2, "waiting": 2}


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        ("2026-06-02T08:59", False),  # before opening
        ("2026-06-02T09:00", True),
        ("2026-06-02T16:59", True),  # beat was away all day
        ("2026-06-02T17:00", False),  # nobody is written to in the evening
        ("2026-06-06T10:00", False),  # a Saturday
        ("2026-06-19T10:00", False),  # 端午节, a Friday
        ("2026-09-20T10:00", True),  # a Sunday that is worked (国办 notice for 2026)
        ("2026-05-09T10:00", True),  # a Saturday that is worked
    ],
)
def test_only_in_working_hours_of_working_days(world, now, sent):
    world.everyone()
    world.carry(world.accepted(1, now=at("2026-05-06T10:00")), "claim_out", now=at("2026-05-06T11:00"))
    assert bool(told(at(now))) is sent


def test_regional_holidays_count(world):
    """Lhasa has 2026-02-24 off, after the national holiday has ended; Hangzhou works."""
    lhasa = World(out="540100")
    lhasa.everyone()
    lhasa.carry(lhasa.accepted(1, now=at("2026-02-11T10:00")), "claim_out", now=at("2026-02-11T11:00"))
    assert set(told(at("2026-02-24T10:00"))) == {"in_handler", "in_reviewer", "in_lead", "in_head"}
    assert "out_handler" in told(at("2026-02-27T10:00"))


def test_once_a_person_and_day(desks):
    assert told(at("2026-06-02T09:00"))
    assert told(at("2026-06-02T09:30")) == {}
    user("newcomer", "450100", (Role.OUT_HANDLER,))
    assert set(told(at("2026-06-02T10:00"))) == {"newcomer"}
    assert told(at("2026-06-03T09:00"))


def test_nobody_hears_that_there_is_nothing(world):
    world.everyone()
    assert told(MONDAY) == {}


def test_few_statements_however_many_people(desks):
    with CaptureQueriesContext(
        connection,
    ) as few:
        digests(now=at("2026-06-02T09:00"))
    for number in range(30):
        user(f"more{number}", "450100", (Role.OUT_HANDLER, Role.OUT_REVIEWER))
    with CaptureQueriesContext(connection) as many:
        digests(now=at("2026-06-03T09:00"))
    assert len(many) <= len(few)


def breach(number: int) -> Problem:
    return Problem("clock", f"JX{number}", "没有在走的时限", "no clock runs")


def test_administrators_hear_a_finding_once_a_day(world):
    assert world.superuser
    one, two, three = breach(1), breach(2), breach(3)
    assert tell_administrators([], now=MONDAY) == 0
    assert tell_administrators([one, two], now=MONDAY) == 1
    assert tell_administrators([two, one], now=MONDAY) == 0
    assert tell_administrators([one, three], now=MONDAY) == 1
    assert tell_administrators([one, two], now=MONDAY + timedelta(days=1)) == 1
    assert tell_administrators([breach(number) for number in range(30)], now=MONDAY) == 1
    letter = Letter.objects.latest("pk")
    text = render("invariants", language=letter.language, values=letter.context)
    assert "30处不一致" in text.body
    assert "JX19: 没有在走的时限" in text.body
    assert "另有10处未列出" in text.body


def test_the_scheduled_verification_tells_them(world, monkeypatch):
    assert world.superuser
    tasks.verify()
    assert not Letter.objects.filter(template="invariants").exists()
    monkeypatch.setattr(tasks, "problems", lambda *, now: [breach(1)])
    tasks.verify()
    assert Letter.objects.filter(template="invariants").count() == 1


def test_beat_asks_for_tasks_that_exist(settings):
    from config.celery import app

    app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in app.tasks
