"""The year-end freeze: what is fixed waits with its limit paused, nothing is sent, and it goes on by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sla.days import at
from tests.world import OUT, put_in_force
from transfers.access import actor_for, person_actor
from transfers.actions.batches import approve_batch, make_batch
from transfers.actions.yearend import Turned, turn
from transfers.models import CaseEvent, Clock, Enrolment, Payment
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems

BEFORE, FIRST, AMID, LAST, AFTER = (at(day) for day in ("06-24", "06-25", "06-26", "06-30", "07-01"))
SEALED = at("06-24", "10:00")


def remit(case):
    clock = Clock.objects.filter(case=case, kind="REMIT").latest("pk")
    return clock.status, clock.used, clock.due_on.isoformat()


def test_a_balance_waits_for_the_settlement_and_goes_on(world):
    untouched = world.carry(world.accepted(1), "approve_out", now=SEALED)  # accepted before there was such a policy
    put_in_force(OUT, year_end_freeze={"from": "06-25", "to": "06-30"}, fund_remit_days=5)
    fixed = world.carry(world.accepted(2), "approve_out", now=SEALED)
    withdrawing = world.carry(world.accepted(3), "approve_out", now=SEALED)
    asked = {"reason": "W-01", "note": "不转了", "now": SEALED}
    withdrawing = world.take(withdrawing, "request_withdrawal", person_actor(withdrawing), **asked)
    proposed = world.carry(world.accepted(4), "propose_remittance", now=SEALED)
    everybody = (untouched, fixed, withdrawing, proposed)

    def states():
        return [world.money(case).state for case in everybody]

    assert turn(now=BEFORE) == Turned()
    # Sent on the 24th, five working days: 25, 26, 29, 30 June and 1 July.
    assert remit(fixed) == ("running", 0, "2026-07-01")
    # What had been proposed cannot be approved any more.
    with pytest.raises(Refusal) as refused:
        world.take(proposed, "approve_remittance", world.out_reviewer, now=FIRST)
    assert (refused.value.code, refused.value.details) == ("J-YEAR-END", {"day": "2026-07-01"})
    assert turn(now=FIRST, batch=1) == Turned(held=2)
    assert states() == ["FROZEN", "YEAR_END", "FROZEN", "REVIEW_HELD"]
    assert remit(fixed)[0] == remit(proposed)[0] == "paused"
    assert turn(now=AMID) == Turned(), "once is enough, and what is held itself is left alone"
    assert CaseEvent.objects.filter(name="hold_for_year_end").count() == 2

    # Where no freeze is pinned, money is sent.
    with pytest.raises(Refusal) as refused:
        world.take(proposed, "approve_remittance", world.out_reviewer, now=AMID)
    assert refused.value.code == "J-NOT-NOW"
    world.take(untouched, "propose_remittance", world.out_handler, now=AMID)
    world.take(untouched, "approve_remittance", world.out_reviewer, now=AMID)
    # What goes on within the freeze is held with the next sweep.
    world.take(withdrawing, "refuse_withdrawal", world.in_handler, reason="N-09", note="已说明", now=AMID)
    assert turn(now=LAST) == Turned(held=1)
    assert states() == ["IN_TRANSIT", "YEAR_END", "YEAR_END", "REVIEW_HELD"]

    assert turn(now=AFTER) == Turned(released=3)
    assert turn(now=AFTER + timedelta(minutes=10)) == Turned()
    assert states() == ["IN_TRANSIT", "FROZEN", "FROZEN", "REMIT_REVIEW"]
    assert remit(fixed)[0] == remit(proposed)[0] == "running"
    world.take(proposed, "approve_remittance", world.out_reviewer, now=AFTER)
    world.take(fixed, "propose_remittance", world.out_handler, now=AFTER)
    fixed = world.take(fixed, "approve_remittance", world.out_reviewer, now=AFTER)
    assert world.money(fixed).state == "IN_TRANSIT"
    assert remit(fixed)[0] == "stopped"
    assert [one for one in problems(now=AFTER) if one.invariant != "swept"] == []  # alarms were not swept


def test_each_goes_on_as_what_it_was_and_a_draft_is_not_stuck(world):
    put_in_force(
        OUT,
        year_end_freeze={"from": "06-25", "to": "06-30"},
        fund_remit_days=5,
        open_claims_rule="warn",
        payout_cases=["death"],
    )
    cases = [world.accepted(serial) for serial in (1, 2, 3, 4, 5)]
    Enrolment.objects.filter(person__in=[cases[0].person, cases[1].person], area=OUT).update(open_claims=True)
    unsettled, settled, returned, batched, redirected = [world.carry(case, "approve_out", now=SEALED) for case in cases]
    maker, checker = actor_for(world.out_handler), actor_for(world.out_reviewer)
    ours = unsettled.outbound_agency_id
    for case in (returned, redirected):
        world.carry_from(case, "propose_remittance", "approve_remittance", now=SEALED)
        world.take(case, "return_remittance", world.out_handler, now=BEFORE, reason="F-01", note="户名不符")
    draft = make_batch(maker, ours, cases=[batched.pk], now=BEFORE).batch
    everybody = (unsettled, settled, returned, batched, redirected)

    def states():
        return [world.money(case).state for case in everybody]

    stood = ["PENDING_SETTLE", "PENDING_SETTLE", "REMIT_FAILED", "REMIT_REVIEW", "REMIT_FAILED"]
    assert states() == stood
    assert turn(now=FIRST) == Turned(held=5)
    assert states() == ["SETTLE_HELD", "SETTLE_HELD", "YEAR_END", "REVIEW_HELD", "YEAR_END"]
    assert {remit(case)[0] for case in everybody} == {"paused"}
    assert problems(now=FIRST) == []

    # Within the freeze costs are settled and payees put right; nothing is approved, and the draft stays.
    Enrolment.objects.update(open_claims=False)
    world.take(settled, "settle", world.out_handler, now=AMID, note="已结算")
    payee = {"payee_name": "测试乙", "payee_bank": "演示银行", "payee_account": "12345678"}
    world.take(redirected, "pay_out_instead", world.out_handler, now=AMID, reason="P-03", note="凭证明", data=payee)
    with pytest.raises(Refusal) as refused:
        approve_batch(checker, draft.pk, now=AMID)
    assert refused.value.code == "J-BATCH-EMPTY"
    assert Payment.objects.get(case=batched).batch_id == draft.pk
    assert turn(now=LAST) == Turned()
    assert states() == ["SETTLE_HELD", "YEAR_END", "YEAR_END", "REVIEW_HELD", "YEAR_END"]
    assert problems(now=AMID) == []

    assert turn(now=AFTER) == Turned(released=5)
    assert states() == ["PENDING_SETTLE", "FROZEN", "REMIT_FAILED", "REMIT_REVIEW", "FROZEN"]
    assert {remit(case)[0] for case in everybody} == {"running"}
    assert approve_batch(checker, draft.pk, now=AFTER).left_out == []
    assert world.money(batched).state == "IN_TRANSIT"
    assert [one for one in problems(now=AFTER) if one.invariant != "swept"] == []  # alarms were not swept


def test_what_is_held_can_be_taken_back(world):
    put_in_force(OUT, year_end_freeze={"from": "06-25", "to": "06-30"}, open_claims_rule="warn")
    unsettled, proposed = (world.accepted(serial) for serial in (1, 2))
    Enrolment.objects.filter(person=unsettled.person, area=OUT).update(open_claims=True)
    world.carry(unsettled, "approve_out", now=SEALED)
    world.carry(proposed, "approve_out", now=SEALED)
    world.take(proposed, "propose_remittance", world.out_handler, now=SEALED)
    assert turn(now=FIRST) == Turned(held=2)
    for case in (unsettled, proposed):
        asked = {"reason": "W-01", "note": "不转了", "now": AMID}
        case = world.take(case, "request_withdrawal", person_actor(case), **asked)
        world.take(case, "grant_withdrawal", world.in_handler, now=AMID)
        assert world.money(case).state == "RELEASED"
    assert Payment.objects.get(case=proposed).state == "cancelled"
    assert [one for one in problems(now=AMID) if one.invariant != "swept"] == []
