"""The demonstration data: once, whole, sound, in every state, and never on a real installation."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import User
from notifications.models import Letter
from transfers.demo import PARTNER_KEY, SIGNINS, welcome
from transfers.demo.loading import load, past_working_days, plan
from transfers.demo.people import Mover
from transfers.demo.stories import STORIES
from transfers.models import Clock, Partner, Remittance, TransferCase
from transfers.rules import identity
from transfers.rules.workdays import ZONE, local_date
from transfers.selectors.verify import problems
from transfers.sla.calendars import calendar_for

pytestmark = pytest.mark.django_db
# A Wednesday, with 端午节 ahead and 劳动节 behind.
NOW = datetime(2026, 6, 10, 10, 30, tzinfo=ZONE)


@pytest.fixture
def demo(settings) -> None:
    settings.DEMO, settings.SMS_GATEWAY_URL = True, ""


def test_everything_is_there_once_and_holds(demo, rf):
    heard: list[int] = []
    assert load(now=NOW, tell=lambda done, total, _what: heard.append(done * 100 // total))
    assert heard == sorted(heard)
    assert heard[-1] == 100
    assert problems(now=NOW) == []
    cases = TransferCase.objects.all()
    assert len(cases) == len(STORIES) == 47
    # Every state that lasts; DRAFT and SUBMITTED are over in a moment.
    assert {case.state for case in cases} == {
        *("NOT_ACCEPTED", "ACCEPTED", "OUT_PROCESSING", "OUT_SUPPLEMENT", "OUT_REVIEW", "INFO_SENT", "IN_PROCESSING"),
        *("IN_REVIEW", "RELATION_DONE", "COMPLETED", "TERMINATED", "RETURNED", "IN_QUERY", "QUERY_REVIEW"),
        *("WITHDRAW_REQUESTED", "WITHDRAWN", "REOPENED"),
    }
    money = set(Remittance.objects.values_list("state", flat=True))
    assert money == {"NONE", "FROZEN", "REMIT_REVIEW", "IN_TRANSIT", "RECEIVED", "MATCHED", "CREDITED"}
    for agency in {case.outbound_agency_id for case in cases}:
        running = Clock.objects.filter(agency=agency, status="running").exclude(kind="SUPPLEMENT")
        assert [clock for clock in running if clock.due_on == local_date(NOW)]
        assert [clock for clock in running if clock.due_at < NOW]
    rungs = {rung for case in cases for rung in case.alarms.values_list("rung", flat=True)}
    assert {"unclaimed", "half", "T-2", "due-day", "T+0", "T+1", "T+3", "T+5", "T+10", "fund-watch"} <= rungs
    # Nothing of the past leaves now, and nobody's inbox is a heap.
    assert not Letter.objects.filter(status="pending", next_attempt_at__lte=NOW).exists()
    assert Letter.objects.filter(channel="inbox", read_at=None).count() < 60

    lines = welcome.lines()
    assert sum("JX" in line for line in lines) == 10
    assert any(PARTNER_KEY in line for line in lines)
    assert Partner.objects.get().key_hash == Partner.hash_key(PARTNER_KEY)
    for username, password, _zh, _en in SIGNINS:
        request = rf.post("/console/login/")
        assert authenticate(request, username=username, password=password), username

    before = TransferCase.objects.count(), User.objects.count(), Letter.objects.count()
    assert not load(now=NOW + timedelta(days=1), tell=lambda *_: pytest.fail("nothing is to be done"))
    out = io.StringIO()
    call_command("load_demo", stdout=out)
    assert "nothing was changed" in out.getvalue()
    assert (TransferCase.objects.count(), User.objects.count(), Letter.objects.count()) == before


@pytest.mark.parametrize("today", [date(2026, 1, 5) + timedelta(days=13 * n) for n in range(28)])
def test_on_whatever_day_all_of_it_lies_in_the_working_past(db, today):
    days = past_working_days(calendar_for("450100"), today)
    for serial, story in enumerate(STORIES, start=1):
        instants = [happening.at for happening in plan(serial, story, days)]
        assert instants == sorted(set(instants))
        for instant in instants:
            assert local_date(instant) in days
            assert 9 <= instant.astimezone(ZONE).hour < 17


def test_the_people_are_plainly_invented():
    movers = [story.mover(serial) for serial, story in enumerate(STORIES, start=1)]
    assert len({mover.identity_number for mover in movers}) == len(movers)
    for mover in movers:
        assert mover.name[:2] in ("测试", "演示", "样例", "模拟", "示范", "试用")
        assert identity.check("01", mover.identity_number, today=date(2026, 6, 10)).ok
        assert mover.identity_number.startswith("11010119900101")
    assert Mover(1).name == "测试甲"


def test_it_refuses_on_a_real_installation(db, settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="does not belong on a real installation"):
        call_command("load_demo")
    settings.DEMO, settings.SMS_GATEWAY_URL = True, "https://gateway.example/send"
    with pytest.raises(CommandError, match="may be somebody's"):
        call_command("load_demo")
    assert not TransferCase.objects.exists()
