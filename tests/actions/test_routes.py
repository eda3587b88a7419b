"""The odd routes through the one door: each refused case shares its set-up with an allowed one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.world import IN, MONDAY, OUT, World, application, user
from transfers.access import actor_for, person_actor
from transfers.actions.intake import apply
from transfers.actions.sweep import sweep
from transfers.models import (
    Clock,
    ContributionPeriod,
    Enrolment,
    LedgerEntry,
    PersonalAccount,
    Sheet,
    TransferCase,
)
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import problems

TUESDAY = MONDAY + timedelta(days=1)


def sound(now: datetime = MONDAY) -> None:
    assert [f"{p.invariant} {p.subject} {p.said.en}" for p in problems(now=now)] == []


def refused(code: str, world: World, case: TransferCase, step: str, who: object, **more: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        world.take(case, step, who, **more)
    assert caught.value.code == code, caught.value
    return caught.value


def clock(case: TransferCase, kind: str) -> Clock:
    return Clock.objects.filter(case=case, kind=kind).latest("pk")


# --- return ----------------------------------------------------------------------------------------


def test_a_soft_return_is_repaired_inside_its_window_and_gets_a_new_limit(world: World) -> None:
    case = world.carry(world.accepted(), "claim_out")
    returned = {"reason": "R-01", "note": "原单位于五月补报了参保"}
    refused("J-NOT-YOURS", world, case, "return_soft", world.out_handler, **returned)
    refused("J-REASON", world, case, "return_soft", world.out_lead, reason="R-03", note="…")
    case = world.take(case, "return_soft", world.out_lead, now=TUESDAY, **returned)
    assert (case.state, case.acts, case.holder_id) == ("RETURNED", "applicant", case.inbound_agency_id)
    assert (clock(case, "OUT").status, clock(case, "RETURN").status) == ("stopped", "running")
    assert clock(case, "RETURN").budget == 20
    sound(TUESDAY)
    # Not repaired: the rules of both sides run again, and the case stays where it is.
    Enrolment.objects.filter(person=case.person, area=OUT).update(status="1")
    again = refused("J-STILL-FAILS", world, case, "resubmit", person_actor(case), note="已停保")
    assert "V-O-01" in again.details["codes"]
    Enrolment.objects.filter(person=case.person, area=OUT).update(status="2")
    case = world.take(case, "resubmit", person_actor(case), now=TUESDAY, note="已停保")
    assert case.state == "ACCEPTED"
    assert list(Clock.objects.filter(case=case).order_by("pk").values_list("kind", "status", "budget")) == [
        ("OUT", "stopped", 10),
        ("RETURN", "stopped", 20),
        ("OUT", "running", 10),
    ]
    sound(TUESDAY)


def test_a_soft_return_that_nobody_repairs_ends(world: World) -> None:
    case = world.carry(world.accepted(), "claim_out")
    case = world.take(case, "return_soft", world.out_lead, reason="R-06", note="缺2008年记录")
    due = clock(case, "RETURN").due_at
    assert sweep(now=due - timedelta(minutes=1)).lapsed == 0
    assert sweep(now=due).lapsed == 1
    case = TransferCase.objects.get(pk=case.pk)
    assert (case.state, case.end_reason) == ("TERMINATED", "W-08")
    sound(due)


def test_a_hard_return_ends_the_case(world: World) -> None:
    case = world.carry(world.accepted(), "prepare_sheet")
    refused("J-REASON", world, case, "return_hard", world.out_lead, reason="R-01", note="…")
    case = world.take(case, "return_hard", world.out_lead, reason="R-04", note="已于三月办理退休")
    assert (case.state, case.end_reason, case.holder_id, case.due_at) == ("TERMINATED", "R-04", None, None)
    sound()


# --- forwarding and reassigning ----------------------------------------------------------------------


def test_a_case_is_forwarded_to_the_right_area_and_its_limit_runs_on(world: World) -> None:
    case = world.carry(world.accepted(), "claim_out")
    right = {"reason": "R-02", "note": "记录在柳州", "data": {"area": "450200"}}
    refused("J-FORWARD-AREA", world, case, "forward", world.out_lead, **{**right, "data": {"area": IN}})
    refused("J-AREA", world, case, "forward", world.out_lead, **{**right, "data": {"area": "999999"}})
    nothing_there = refused("J-STILL-FAILS", world, case, "forward", world.out_lead, **right)
    assert "V-O-02" in nothing_there.details["codes"]
    for model in (Enrolment, ContributionPeriod, PersonalAccount):
        model.objects.filter(person=case.person, area=OUT).update(area="450200")
    thursday = MONDAY + timedelta(days=3)
    case = world.take(case, "forward", world.out_lead, now=thursday, **right)
    out = clock(case, "OUT")
    assert (case.state, case.outbound_area_id, out.area_id, case.owner) == ("ACCEPTED", "450200", "450200", None)
    assert case.holder_id == case.outbound_agency_id == out.agency_id
    # Accepted on Monday 1 June: Tuesday and Wednesday are used, and the tenth day is still the 15th.
    assert (out.budget, out.used, out.due_on.isoformat()) == (10, 2, "2026-06-15")
    sound(thursday)
    refused("J-NOT-FOUND", world, case, "claim_out", world.out_handler)
    there = user("liuzhou", "450200", (Role.OUT_HANDLER,))
    assert world.take(case, "claim_out", there, now=thursday).owner == there


def test_a_supervisor_reassigns_a_case_to_a_colleague(world: World) -> None:
    case = world.carry(world.accepted(), "claim_out")
    colleague = user("out_colleague", OUT, (Role.OUT_HANDLER,))
    refused("J-MEMBER", world, case, "reassign", world.out_lead, data={"to": world.out_reviewer.username})
    refused("J-MEMBER", world, case, "reassign", world.out_lead, data={"to": world.in_handler.username})
    refused("J-MEMBER-SAME", world, case, "reassign", world.out_lead, data={"to": world.out_handler.username})
    refused("J-NOT-YOURS", world, case, "reassign", world.in_lead, data={"to": colleague.username})
    case = world.take(case, "reassign", world.out_lead, data={"to": colleague.username})
    assert case.owner == colleague
    refused("J-NOT-OWNER", world, case, "prepare_sheet", world.out_handler)
    assert world.take(case, "prepare_sheet", colleague).state == "OUT_REVIEW"
    sound()


# --- clarification -----------------------------------------------------------------------------------

DOUBT = {
    "reason": "C-01",
    "note": "月数与时段不符",
    "data": {"items": [{"field": "periods[0].to", "note": "本人称交到3月"}]},
}
RIGHT = {"periods": [{"from": "2020-05", "to": "2026-03", "kind": "actual", "area": OUT}]}


def test_a_doubt_is_answered_by_a_new_version_of_the_sheet(world: World) -> None:
    case = world.carry(world.accepted(), "claim_in")
    wrong = {**DOUBT, "data": {"items": [{"field": "periods[7]", "note": "?"}, {"field": "name", "note": ""}]}}
    places = refused("J-ITEMS", world, case, "raise_query", world.in_handler, **wrong).details["problems"]
    assert set(places) == {"items[0].field", "items[1].note"}
    case = world.take(case, "raise_query", world.in_handler, now=TUESDAY, **DOUBT)
    assert (case.state, case.acts, case.owner) == ("IN_QUERY", "out", None)
    assert (clock(case, "IN").status, clock(case, "CORRECTION").status) == ("paused", "running")
    sound(TUESDAY)
    unknown = refused(
        "J-SHEET-FIELDS",
        world,
        case,
        "prepare_correction",
        world.out_handler,
        note="…",
        data={"changes": {"nmae": "x"}},
    )
    assert "nmae" in unknown.details["problems"]
    corrected = {"note": "四月为误录", "data": {"changes": RIGHT}}
    case = world.take(case, "prepare_correction", world.out_handler, now=TUESDAY, **corrected)
    refused("J-FOUR-EYES", world, case, "send_back_correction", _both(world), reason="B-01", note="…")
    case = world.take(case, "send_back_correction", world.out_reviewer, reason="B-01", note="再核对", now=TUESDAY)
    case = world.take(case, "prepare_correction", world.out_handler, now=TUESDAY, **corrected)
    case = world.take(case, "approve_correction", world.out_reviewer, now=TUESDAY)
    assert (case.state, case.owner) == ("IN_PROCESSING", world.in_handler)
    first, second = Sheet.objects.filter(case=case).order_by("version")
    assert (first.content["months_total"], second.content["months_total"]) == (72, 71)
    assert clock(case, "IN").status == "running"
    sound(TUESDAY)
    case = world.carry_from(case, "check_sheet", "approve_in", now=TUESDAY)
    taken = ContributionPeriod.objects.get(case=case)
    assert taken.last_month - taken.first_month + 1 == 71
    sound(TUESDAY)


def _both(world: World) -> object:
    """The outbound handler, made a reviewer too: still not of their own work."""
    world.out_handler.memberships.create(agency=world.out_handler.memberships.first().agency, role="out_reviewer")
    return actor_for(type(world.out_handler).objects.get(pk=world.out_handler.pk))


def test_a_reviewer_confirms_that_the_sheet_is_right(world: World) -> None:
    case = world.take(world.carry(world.accepted(), "claim_in"), "raise_query", world.in_handler, **DOUBT)
    refused("J-NOTE", world, case, "confirm_correct", world.out_reviewer)
    case = world.take(case, "confirm_correct", world.out_reviewer, note="经核对无误")
    assert (case.state, case.owner) == ("IN_PROCESSING", world.in_handler)
    assert Sheet.objects.filter(case=case).count() == 1
    sound()


# --- withdrawal --------------------------------------------------------------------------------------

ASK = {"reason": "W-01", "note": "暂不转移"}


@pytest.mark.parametrize("stands", ["accept", "claim_out", "prepare_sheet", "approve_out", "claim_in", "check_sheet"])
def test_a_refused_withdrawal_goes_back_to_where_it_was(world: World, stands: str) -> None:
    case = world.accepted()
    case = case if stands == "accept" else world.carry(case, stands)
    before, holder, owner, due = case.state, case.holder_id, case.owner, case.due_at
    case = world.take(case, "request_withdrawal", person_actor(case), now=TUESDAY, **ASK)
    assert (case.state, case.held_state, case.holder_id) == ("WITHDRAW_REQUESTED", before, holder)
    sound(TUESDAY)
    answers = world.out_handler if case.acts == "out" else world.in_handler
    other = world.in_handler if case.acts == "out" else world.out_handler
    refused("J-NOT-YOURS", world, case, "refuse_withdrawal", other, reason="N-09", note="…")
    thursday = MONDAY + timedelta(days=3)
    case = world.take(case, "refuse_withdrawal", answers, reason="N-02", note="电话核实非本人意愿", now=thursday)
    assert (case.state, case.holder_id, case.owner, case.end_reason) == (before, holder, owner, "")
    # Paused from Tuesday to Thursday, three working days: the limit ends three working days later.
    assert (case.due_at - due).days in (3, 5)
    sound(thursday)


def test_a_granted_withdrawal_gives_the_balance_back(world: World) -> None:
    case = world.carry(world.accepted(), "claim_in")
    account = PersonalAccount.objects.get(person=case.person, area=OUT)
    assert (account.balance_fen, account.status) == (0, "zeroed")
    case = world.take(case, "propose_remittance", world.out_handler)
    case = world.take(case, "request_withdrawal", person_actor(case), **ASK)
    refused("J-NOT-NOW", world, case, "approve_remittance", world.out_reviewer)
    case = world.take(case, "grant_withdrawal", world.in_reviewer)
    account.refresh_from_db()
    assert (case.state, case.end_reason, world.money(case).state) == ("WITHDRAWN", "W-01", "RELEASED")
    assert (account.balance_fen, account.status) == (345_678, "normal")
    books = LedgerEntry.objects.filter(transaction__case=case)
    assert sum(entry.amount_fen for entry in books if entry.book == "fixed") == 0
    sound()


def test_a_withdrawal_comes_too_late_when_the_money_has_left(world: World) -> None:
    case = world.carry(world.accepted(), "claim_in")
    case = world.take(case, "propose_remittance", world.out_handler)
    case = world.take(case, "approve_remittance", world.out_reviewer)
    refused("J-MONEY-SENT", world, case, "request_withdrawal", person_actor(case), **ASK)
    refused("J-MONEY-SENT", world, case, "terminate", world.in_lead, reason="W-04", note="死亡证明")
    sound()


# --- an early end, and errors found after it -----------------------------------------------------------


@pytest.mark.parametrize("reason", ["W-04", "W-06", "W-07"])
def test_a_supervisor_ends_a_case(world: World, reason: str) -> None:
    case = world.carry(world.accepted(), "prepare_sheet")
    refused("J-NOT-YOURS", world, case, "terminate", world.in_lead, reason=reason, note="…")
    refused("J-REASON", world, case, "terminate", world.out_lead, reason="W-05", note="…")
    case = world.take(case, "terminate", world.out_lead, reason=reason, note="已核实")
    assert (case.state, case.end_reason) == ("TERMINATED", reason)
    sound()


def test_an_error_after_the_end_is_rectified(world: World) -> None:
    case = world.carry(world.accepted(), "credit_account")
    assert case.state == "COMPLETED"
    fault = {"reason": "C-01", "note": "办结后发现月数有误"}
    refused("J-NOT-YOURS", world, case, "reopen", world.in_handler, **fault)
    case = world.take(case, "reopen", world.in_lead, now=TUESDAY, **fault)
    assert (case.state, case.closed_at, clock(case, "RECTIFY").status) == ("REOPENED", None, "running")
    sound(TUESDAY)
    case = world.take(
        case, "prepare_correction", world.out_handler, note="误录一月", data={"changes": RIGHT}, now=TUESDAY
    )
    case = world.take(case, "approve_correction", world.out_reviewer, now=TUESDAY)
    assert (case.state, clock(case, "IN").status) == ("INFO_SENT", "running")
    case = world.carry_from(case, "claim_in", "approve_in", now=TUESDAY)
    assert (case.state, ContributionPeriod.objects.filter(case=case).count()) == ("COMPLETED", 1)
    sound(TUESDAY)


def test_a_case_is_not_reopened_beside_another(world: World) -> None:
    case = world.carry(world.accepted(), "credit_account")
    fault = {"reason": "C-06", "note": "姓名有误"}
    Enrolment.objects.filter(person=case.person, area=OUT).update(status="2")
    PersonalAccount.objects.filter(person=case.person, area=OUT).update(status="normal", balance_fen=0)
    Enrolment.objects.filter(person=case.person, area=OUT).update(ended_by=None)
    other = apply(application(1), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
    assert other.state == "ACCEPTED", other.failures
    assert refused("J-OTHER-OPEN", world, case, "reopen", world.out_lead, **fault).details["number"] == other.number
    world.take(other, "terminate", world.out_lead, reason="W-06", note="重复")
    assert world.take(case, "reopen", world.out_lead, **fault).state == "REOPENED"


@pytest.mark.parametrize("moved", [True, False])
def test_what_has_been_taken_over_is_put_right_and_not_undone(world: World, moved: bool) -> None:
    case = world.accepted()
    if not moved:  # nothing was sent, so it is not the money that stands in the way
        PersonalAccount.objects.filter(person=case.person, area=OUT).update(balance_fen=0)
    case = world.carry(case, "credit_account" if moved else "approve_in")
    case = world.take(case, "reopen", world.in_lead, reason="C-01", note="疑似多计", now=TUESDAY)
    case = world.take(case, "confirm_correct", world.out_reviewer, note="核对无误", now=TUESDAY)
    assert case.state == "INFO_SENT"
    refused("J-TAKEN-OVER", world, case, "request_withdrawal", person_actor(case), **ASK)
    refused("J-TAKEN-OVER", world, case, "terminate", world.in_lead, reason="W-06", note="重复")
    case = world.carry_from(case, "claim_in", "approve_in", now=TUESDAY)
    assert case.state == "COMPLETED"
    sound(TUESDAY)


def test_a_new_relationship_of_the_person_survives_that_the_old_case_is_put_right(world: World) -> None:
    case = world.carry(world.accepted(), "credit_account")
    came_back = Enrolment.objects.create(
        person=case.person, area_id=OUT, scheme="310", status="2", name="测试甲", valid_from=MONDAY.date()
    )
    case = world.take(case, "reopen", world.in_lead, reason="C-01", note="疑似多计", now=TUESDAY)
    case = world.take(case, "confirm_correct", world.out_reviewer, note="核对无误", now=TUESDAY)
    world.carry_from(case, "claim_in", "approve_in", now=TUESDAY)
    came_back.refresh_from_db()
    assert (came_back.status, came_back.ended_by_id) == ("2", None)
