"""Each rung at its instant, to the right people, once. The instants are counted by hand from the 2026 notice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from notifications.models import Letter
from tests.sla.days import at
from tests.world import MONDAY, World, user
from transfers.models import Alarm, CaseEvent, Clock, TransferCase
from transfers.rules.parties import Role
from transfers.sla import sweep as sla_sweep
from transfers.sla.sweep import fire_batch, fire_due

pytestmark = pytest.mark.django_db

# Accepted on Monday 2026-06-01; 19 to 21 June are the Dragon Boat holiday. The n-th working days after the start:
# 2 June is the 1st, 15 June the 10th (the last), 22 June the 14th, 24 June the 16th, 1 July the 21st.
OUT_LADDER = [
    ("unclaimed", "06-03", {"out_lead"}),
    ("half", "06-09", {"owner"}),
    ("T-2", "06-12", {"owner"}),
    ("due-day", "06-15", {"owner", "out_lead"}),
    ("T+0", "06-16", {"owner", "out_lead", "person"}),
    ("T+1", "06-17", {"out_lead"}),
    ("T+3", "06-22", {"out_head"}),
    ("T+5", "06-24", {"out_province"}),
    ("T+10", "07-01", {"nation"}),
]
IN_LADDER = [
    ("unclaimed", "06-03", {"in_lead"}),
    ("half", "06-05", {"owner"}),
    ("T-2", "06-05", {"owner"}),
    ("due-day", "06-08", {"owner", "in_lead"}),
    ("T+0", "06-09", {"owner", "in_lead", "person"}),
    ("T+1", "06-10", {"in_lead"}),
    ("T+3", "06-12", {"in_head"}),
    ("T+5", "06-16", {"in_province"}),
    ("T+10", "06-24", {"nation"}),
]
MOMENT = timedelta(seconds=1)


@pytest.fixture
def staffed(world: World) -> World:
    world.everyone()
    user("in_province", "330000", (Role.SUPERVISOR,), email="in.province@example.com")
    return world


def fired(case: TransferCase) -> list[tuple[str, datetime]]:
    return list(Alarm.objects.filter(case=case).order_by("id").values_list("rung", "fired_at"))


def told(rung: str) -> set[str]:
    """Who has an inbox letter of this rung; `person` for an SMS."""
    letters = Letter.objects.filter(dedupe_key__startswith="alarm:", dedupe_key__contains=f":{rung}:")
    return {
        letter.recipient.username if letter.recipient else "person"
        for letter in letters.select_related("recipient")
        if letter.channel in ("inbox", "sms")
    }


def climb(case: TransferCase, ladder: list[tuple[str, str, set[str]]], owner: str | None, lead: str) -> None:
    """Sweep just before and at each instant: nothing early, everything on time, each to the people named."""
    for rung, day, audience in ladder:
        fire_due(now=at(day) - MOMENT)
        fire_due(now=at(day))
        assert (rung, at(day)) in fired(case)
        assert told(rung) == {(owner or lead) if who == "owner" else who for who in audience}, rung
    assert [name for name, _at in fired(case)] == [name for name, _day, _who in ladder]


def test_the_outbound_ladder_of_a_case_that_nobody_claims(staffed):
    climb(staffed.accepted(), OUT_LADDER, owner=None, lead="out_lead")


def test_the_outbound_ladder_of_a_claimed_case(staffed):
    case = staffed.carry(staffed.accepted(), "claim_out")
    climb(case, [rung for rung in OUT_LADDER if rung[0] != "unclaimed"], owner="out_handler", lead="out_lead")


def test_the_inbound_ladder(staffed):
    case = staffed.carry(staffed.accepted(), "approve_out")
    climb(case, IN_LADDER, owner=None, lead="in_lead")


@pytest.mark.parametrize(("rung", "day"), [(rung, day) for rung, day, _who in OUT_LADDER])
def test_no_rung_fires_a_second_before_its_instant(staffed, rung, day):
    case = staffed.accepted()
    fire_due(now=at(day) - MOMENT)
    assert rung not in {name for name, _at in fired(case)}
    fire_due(now=at(day))
    assert rung in {name for name, _at in fired(case)}


def test_unclaimed_is_passed_over_once_the_case_is_claimed(staffed):
    left, claimed = staffed.accepted(1), staffed.accepted(2)
    staffed.take(claimed, "claim_out", staffed.out_handler, now=at("06-02"))
    swept = fire_due(now=at("06-03"))
    assert fired(left) == [("unclaimed", at("06-03"))]
    assert fired(claimed) == []
    assert (swept.alarms, swept.skipped) == (1, 1)
    assert fire_due(now=at("06-03", "09:01")).clocks == 0


def test_the_money_watch_asks_those_who_hold_the_money(staffed):
    case = staffed.carry(staffed.accepted(), "approve_in")
    watch = Clock.objects.get(case=case, kind="FUND")
    assert (watch.side, watch.budget, watch.due_on.isoformat()) == ("out", 15, "2026-06-23")
    fire_due(now=at("06-24"))
    assert fired(case) == [("fund-watch", at("06-24"))]
    assert told("fund-watch") == {"out_lead"}
    case = staffed.carry_from(case, "propose_remittance", "approve_remittance", now=at("06-24", "10:00"))
    watch = Clock.objects.get(case=case, kind="FUND", status="running")
    assert (watch.side, watch.due_on.isoformat()) == ("in", "2026-07-15")


def test_after_an_outage_the_rungs_fire_in_their_order_and_once(staffed):
    case = staffed.accepted()
    swept = fire_due(now=at("06-22", "11:00"))
    assert [name for name, _at in fired(case)] == [name for name, _day, _who in OUT_LADDER[:7]]
    assert swept.alarms == 7
    planned = list(Alarm.objects.filter(case=case).order_by("id").values_list("planned_at", flat=True))
    assert planned == [at(day) for _name, day, _who in OUT_LADDER[:7]]
    assert fire_due(now=at("06-22", "11:00")).alarms == 0
    letters = Letter.objects.filter(recipient=staffed.out_lead, channel="email", template="alarm")
    assert letters.count() == 6  # all but the head's
    assert set(letters.values_list("digest_key", flat=True)) == {f"user:{staffed.out_lead.pk}"}


def test_an_alarm_leaves_an_event_and_no_version(staffed):
    case = staffed.accepted()
    fire_due(now=at("06-03"))
    event = CaseEvent.objects.get(case=case, kind="alarm")
    assert (event.name, event.version, event.side, event.at) == ("unclaimed", None, "out", at("06-03"))
    assert event.data["to"] == ["lead"]


@pytest.mark.parametrize(
    ("swept_at", "not_before"),
    [
        (at("06-03", "10:15"), at("06-03", "10:15")),
        (at("06-03", "17:00"), at("06-04")),
        (at("06-04", "03:00"), at("06-04")),
        (at("06-06", "12:00"), at("06-08")),
        (at("06-20", "12:00"), at("06-22")),
    ],
)
def test_letters_wait_for_the_working_hours_of_the_acting_area(staffed, swept_at, not_before):
    staffed.accepted()
    fire_due(now=swept_at)
    letter = Letter.objects.filter(recipient=staffed.out_lead, channel="email", template="alarm").earliest("id")
    assert letter.due_at == not_before


def test_the_person_is_not_woken_either(staffed):
    staffed.accepted()
    fire_due(now=at("06-20", "02:00"))
    assert Letter.objects.get(channel="sms", template="overdue").due_at == at("06-22")


def test_a_clock_that_cannot_be_read_does_not_stop_the_others_and_loses_no_rung(staffed):
    poisoned, sound = staffed.accepted(1), staffed.accepted(2)
    clock = Clock.objects.get(case=poisoned)
    whole = clock.plan
    clock.plan = [whole[0], {"code": whole[1]["code"], "at": "yesterday"}]
    clock.save()
    swept = fire_due(now=at("06-09"))
    assert (swept.clocks, swept.failed, swept.alarms) == (2, 1, 2)
    assert [name for name, _at in fired(sound)] == ["unclaimed", "half"]
    assert fired(poisoned) == []
    clock.refresh_from_db()
    assert (clock.done, clock.next_at) == (0, at("06-09", "10:00"))
    clock.plan = whole
    clock.save()
    fire_due(now=at("06-09", "10:00"))
    assert [name for name, _at in fired(poisoned)] == ["unclaimed", "half"]


def test_more_than_one_batch_is_drained_in_one_sweep(staffed):
    cases = [staffed.accepted(serial) for serial in (1, 2, 3)]
    assert fire_due(now=at("06-03"), batch=2).alarms == 3
    assert {fired(case)[0][0] for case in cases} == {"unclaimed"}


def test_a_sweep_with_nothing_due_writes_nothing(staffed, django_assert_num_queries):
    staffed.accepted()
    with django_assert_num_queries(3):  # savepoint, one select, release
        fire_batch(now=MONDAY)


def test_a_member_who_left_hears_nothing(staffed):
    staffed.accepted()
    staffed.out_lead.is_active = False
    staffed.out_lead.save()
    second = user("out_lead_2", "450100", (Role.SUPERVISOR,))
    fire_due(now=at("06-03"))
    assert told("unclaimed") == {second.username}


def test_sweeping_twice_at_the_same_instant_fires_once(staffed, monkeypatch):
    """The unique key decides even when the clock was not moved on: as after a restore, or a second scheduler."""
    case = staffed.accepted()
    clock = Clock.objects.get(case=case)
    fire_due(now=at("06-03"))
    clock.save()  # the row as it was before the sweep
    again = fire_due(now=at("06-03", "09:01"))
    assert (again.clocks, again.alarms) == (1, 0)
    assert fired(case) == [("unclaimed", at("06-03"))]
    monkeypatch.setattr(sla_sweep, "_claim", lambda due, now: due)  # the control: without the claim, letters double
    clock.save()
    assert fire_due(now=at("06-03", "09:02")).alarms == 1
