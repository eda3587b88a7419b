"""Pause, resume and stop: what is counted, what is dropped, what is planned anew. Days counted by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from notifications.models import Letter
from tests.sla.days import at
from tests.world import MONDAY, World
from transfers.access import SYSTEM, person_actor
from transfers.models import Alarm, Clock, Policy, TransferCase
from transfers.sla.sweep import fire_due

pytestmark = pytest.mark.django_db
ASK = {"reason": "Q-01", "note": "身份证照片不清楚"}


def paused(world: World, when: datetime, *, started: datetime = MONDAY) -> TransferCase:
    """A claimed case, sent for a supplement at `when`."""
    case = world.carry(world.accepted(now=started), "claim_out", now=started)
    return world.take(case, "request_supplement", world.out_handler, now=when, **ASK)


def resumed(world: World, case: TransferCase, when: datetime) -> TransferCase:
    return world.take(case, "provide_supplement", person_actor(case), now=when, note="已重新上传")


def out(case: TransferCase) -> Clock:
    return Clock.objects.get(case=case, kind="OUT")


def rungs(case: TransferCase) -> list[str]:
    return list(Alarm.objects.filter(case=case, clock__kind="OUT").order_by("id").values_list("rung", flat=True))


@pytest.mark.parametrize(
    ("pause", "resume", "used", "paused_days", "due"),
    [
        # Paused in the afternoon of the 4th day: three days used; the 4th to the 8th of June are the pause.
        (at("06-04", "16:00"), at("06-08", "10:00"), 2, 3, "2026-06-18"),
        # Over a weekend only: Friday and Monday belong to the pause, Saturday and Sunday to nobody.
        (at("06-05", "16:00"), at("06-08", "10:00"), 3, 2, "2026-06-17"),
        # On a Saturday, to the Sunday: no working day is used or paused.
        (at("06-06", "12:00"), at("06-07", "12:00"), 4, 0, "2026-06-15"),
        # On the day of the start, which is not counted anyhow.
        (at("06-01", "11:00"), at("06-01", "15:00"), 0, 0, "2026-06-15"),
        (at("06-01", "11:00"), at("06-02", "15:00"), 0, 1, "2026-06-16"),
        # Resumed on the day of the pause: that one day is the pause.
        (at("06-03", "09:30"), at("06-03", "16:00"), 1, 1, "2026-06-16"),
        # On the last day, over the Dragon Boat holiday.
        (at("06-15", "16:00"), at("06-18", "10:00"), 9, 4, "2026-06-22"),
    ],
)
def test_what_a_pause_does_to_the_limit(world, pause, resume, used, paused_days, due):
    case = paused(world, pause)
    clock = out(case)
    assert (clock.status, clock.used, clock.next_at) == ("paused", used, None)
    case = resumed(world, case, resume)
    clock = out(case)
    counted = (clock.status, clock.used, clock.paused_days, clock.due_on.isoformat())
    assert counted == ("running", used, paused_days, due)
    assert clock.generation == 2
    assert case.due_at == clock.due_at == at(due, "00:00") + timedelta(days=1)


def test_the_supplement_has_its_own_limit_and_the_case_shows_it(world):
    case = paused(world, at("06-04", "16:00"))
    own = Clock.objects.get(case=case, kind="SUPPLEMENT")
    assert (own.budget, own.due_on.isoformat(), own.status) == (5, "2026-06-11", "running")
    assert case.due_at == own.due_at == at("06-12", "00:00")
    assert case.acts == "applicant"
    assert case.holder_id == case.outbound_agency_id


def test_a_paused_clock_rings_no_alarm_and_rings_anew_after_the_resumption(world):
    world.everyone()
    case = paused(world, at("06-04", "16:00"))
    fire_due(now=at("06-11", "08:00"))
    assert rungs(case) == []
    case = resumed(world, case, at("06-08", "10:00"))
    planned = [(entry["code"], datetime.fromisoformat(entry["at"])) for entry in out(case).plan[1:]]
    # Two days were used, so half (5) is three days on, 11 June, and rings the next morning.
    assert planned[:4] == [
        ("half", at("06-12")),
        ("T-2", at("06-17")),
        ("due-day", at("06-18")),
        ("T+0", at("06-22")),
    ]
    fire_due(now=at("06-12"))
    assert rungs(case) == ["half"]


def test_an_alarm_missed_before_the_pause_rings_once_after_it(world):
    world.everyone()
    case = paused(world, at("06-09", "16:00"))  # half was due at 09:00 and no sweeper ran
    assert [entry["code"] for entry in out(case).plan] == ["unclaimed", "half"]
    case = resumed(world, case, at("06-10", "10:00"))
    fire_due(now=at("06-10", "10:01"))
    assert rungs(case) == ["half"]
    assert Alarm.objects.get(case=case).planned_at == at("06-09")
    fire_due(now=at("06-10", "10:02"))
    assert rungs(case) == ["half"]


@pytest.mark.parametrize(
    ("pause", "lost"),
    [
        (at("06-09", "08:30"), "half"),  # before the opening at which it was to ring
        (at("06-13", "12:00"), "due-day"),  # on the Saturday before the last day
        (at("06-16", "08:00"), "T+0"),  # overdue since midnight
    ],
)
def test_a_rung_that_was_used_up_to_but_had_not_rung_yet_is_not_lost(world, pause, lost):
    world.everyone()
    case = world.carry(world.accepted(), "claim_out")
    fire_due(now=pause)
    assert lost not in rungs(case)
    case = world.take(case, "request_supplement", world.out_handler, now=pause, **ASK)
    case = resumed(world, case, at("06-17", "10:00"))
    fire_due(now=at("06-17", "10:01"))
    assert rungs(case).count(lost) == 1
    fire_due(now=at("07-31", "10:01"))
    assert rungs(case).count(lost) == 1, "and it rings once only"


def test_a_rung_that_rang_before_the_pause_does_not_ring_again(world):
    world.everyone()
    case = world.carry(world.accepted(), "claim_out")
    fire_due(now=at("06-12", "09:00"))
    assert rungs(case) == ["half", "T-2"]
    case = world.take(case, "request_supplement", world.out_handler, now=at("06-12", "10:00"), **ASK)
    case = resumed(world, case, at("06-12", "11:00"))
    fire_due(now=at("07-31"))
    assert rungs(case).count("T-2") == rungs(case).count("half") == 1


def test_a_limit_missed_before_a_pause_stays_missed(world):
    case = paused(world, at("06-16", "11:00"))
    assert (out(case).used, out(case).due_on.isoformat()) == (10, "2026-06-15")
    case = resumed(world, case, at("06-17", "11:00"))
    assert out(case).due_on.isoformat() == "2026-06-15"
    case = world.take(case, "prepare_sheet", world.out_handler, now=at("06-17", "12:00"))
    world.take(case, "approve_out", world.out_reviewer, now=at("06-17", "13:00"))
    assert out(case).outcome == "late"


@pytest.mark.parametrize(
    ("pause", "outcome"), [(at("06-15", "23:59"), "met"), (at("06-16", "00:00"), "late"), (at("06-17"), "late")]
)
def test_a_clock_that_ends_while_paused_is_late_when_it_was_so_before(world, pause, outcome):
    case = paused(world, pause)
    case = world.take(case, "lapse", SYSTEM, now=at("06-29"), reason="W-05")
    assert case.state == "TERMINATED"
    assert out(case).outcome == outcome


@pytest.mark.parametrize(
    ("stop", "outcome", "used"),
    [(at("06-15", "23:59"), "met", 10), (at("06-16", "00:00"), "late", 11), (at("06-13", "12:00"), "met", 9)],
)
def test_the_limit_is_met_until_midnight_of_the_last_day(world, stop, outcome, used):
    case = world.carry(world.accepted(), "prepare_sheet")
    world.take(case, "approve_out", world.out_reviewer, now=stop)
    clock = out(case)
    assert (clock.outcome, clock.used, clock.stopped_at) == (outcome, used, stop)


def test_where_business_hours_end_the_last_day_a_pause_after_them_comes_too_late(world):
    """民法典 203: the last day ends with business where there are business hours."""
    Policy.objects.create(
        area_id="450100",
        version=1,
        valid_from="2026-01-01",
        document_number="测试〔2026〕1号",
        values={"close_of_business": "17:00"},
        published_at=MONDAY,
    )
    case = world.carry(world.accepted(), "claim_out")
    assert out(case).due_at == at("06-15", "17:00")
    late = world.take(case, "request_supplement", world.out_handler, now=at("06-15", "17:30"), **ASK)
    assert (out(late).used, out(late).due_on.isoformat()) == (10, "2026-06-15")
    late = resumed(world, late, at("06-17", "10:00"))
    assert out(late).due_on.isoformat() == "2026-06-15"


def test_a_start_on_a_rest_day_counts_from_the_next_working_day(world):
    """15 to 23 February 2026 is Spring Festival; Saturday the 28th is a working day in its stead."""
    case = world.accepted(now=at("2026-02-16", "10:00"))
    assert out(case).due_on.isoformat() == "2026-03-06"


def test_a_limit_that_ends_in_2027_says_that_it_is_provisional(world):
    case = world.accepted(1, now=at("2026-12-21", "10:00"))
    assert (out(case).provisional, out(case).due_on.isoformat()) == (True, "2027-01-05")
    sooner = world.accepted(2, now=at("2026-12-14", "10:00"))
    assert (out(sooner).provisional, out(sooner).due_on.isoformat()) == (False, "2026-12-28")


def test_lhasa_counts_by_its_own_calendar(world):
    """Lhasa is off from 15 to 26 February 2026, three working days longer than the nation."""
    nation = World().accepted(1, now=at("2026-02-10", "10:00"))
    lhasa = World(out="540100").accepted(2, now=at("2026-02-10", "10:00"))
    assert out(nation).due_on.isoformat() == "2026-03-02"
    assert out(lhasa).due_on.isoformat() == "2026-03-05"


def test_the_letter_of_the_supplement_s_last_day_goes_to_the_person(world):
    world.everyone()
    case = paused(world, at("06-04", "16:00"))
    fire_due(now=at("06-11"))
    assert Letter.objects.filter(template="supplement_due", channel="sms", subject_ref=case.number).count() == 1
