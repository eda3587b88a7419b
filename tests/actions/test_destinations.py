"""What was decided about a balance is carried: a choice, a payment to the person or heirs, what follows later."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Sum

from tests.sla.days import at
from tests.world import MONDAY, OUT, World, put_in_force
from transfers.access import person_actor
from transfers.models import CaseEvent, Enrolment, LedgerEntry, TransferCase
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems

BANK = {"payee_bank": "测试银行", "payee_account": "6222000000000000004"}
LATER = at("06-09", "09:00")


def refused(code: str, call: Any, *args: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*args, **more)
    assert caught.value.code == code
    return caught.value


def books(case: TransferCase) -> dict[str, int]:
    rows = LedgerEntry.objects.filter(transaction__case=case).values_list("book").annotate(fen=Sum("amount_fen"))
    return {book: fen for book, fen in rows.order_by() if fen}


def paid(world: Any, case: TransferCase, *, now: Any = MONDAY) -> TransferCase:
    """Proposed, approved, and told by the bank."""
    case = world.take(case, "propose_remittance", world.out_handler, now=now)
    case = world.take(case, "approve_remittance", world.out_reviewer, now=now)
    assert world.money(case).state == "PAYING"
    return world.take(case, "confirm_paid", world.out_handler, now=now, data={"bank_reference": "B-1"})


def test_the_person_chooses_or_the_time_passes(world):
    put_in_force(OUT, cross_province_fund="payout_else")
    chooses, silent = (world.carry(world.accepted(serial), "approve_in") for serial in (1, 2))
    me = person_actor(chooses)
    money = world.money(chooses)
    assert (money.state, money.destination, money.options) == ("FROZEN", "inbound", ["inbound", "account"])
    assert money.choose_by == at("06-09", "00:00"), "five working days: 2, 3, 4, 5 and 8 June"
    told = CaseEvent.objects.get(case=chooses, name="freeze").data["why"]
    assert "5个工作日内，您可以选择“划入转入地个人账户”、“划入本人银行账户”" in told["zh"]
    assert told["basis"] == [["out", "cross_province_fund"], ["out", "choice_days"]]

    refused("J-CHOICE-OPEN", world.take, chooses, "propose_remittance", world.out_handler)
    refused("J-NO-CHOICE", world.take, chooses, "choose_destination", me, data={"destination": "wallet"})
    refused("J-PAYEE", world.take, chooses, "choose_destination", me, data={"destination": "account"})
    chooses = world.take(chooses, "choose_destination", me, data={"destination": "account", **BANK})
    chooses = paid(world, chooses)
    assert (world.money(chooses).state, chooses.state) == ("PAID_TO_PERSON", "COMPLETED")
    assert books(chooses) == {"personal": -345_678, "paid": 345_678}

    world.take(silent, "propose_remittance", world.out_handler, now=LATER)
    silent = world.take(silent, "approve_remittance", world.out_reviewer, now=LATER)
    assert world.money(silent).state == "IN_TRANSIT"


@pytest.mark.parametrize(("reason", "book"), [("P-01", "paid"), ("P-02", "paid"), ("P-03", "heirs"), ("P-04", "paid")])
def test_paid_instead_where_the_policy_lists_the_circumstance(world, reason, book):
    case = world.carry(world.accepted(), "approve_in")
    data = {"payee_name": "测试乙", "payee_relation": "本人", **BANK}
    asked = {"note": "材料齐全", "data": data}
    told = refused("J-NO-PAYOUT", world.take, case, "pay_out_instead", world.out_handler, reason="P-05", **asked)
    assert "转入地不能接收" in told.zh
    case = world.take(case, "pay_out_instead", world.out_handler, reason=reason, **asked)
    case = paid(world, case)
    assert (world.money(case).state, case.state) == ("PAID_TO_PERSON", "COMPLETED")
    assert books(case) == {"personal": -345_678, book: 345_678}


@pytest.mark.parametrize("reason", ["L-01", "L-02"])
def test_late_money_follows_as_another_round(world, reason):
    put_in_force(OUT, cross_province_fund="payout_else")
    case = world.carry(world.accepted(), "approve_in")
    case = world.take(case, "choose_destination", person_actor(case), data={"destination": "account", **BANK})
    case = paid(world, case)
    late = {"reason": reason, "note": "年度结息", "data": {"amount_yuan": "1.23"}}
    case = world.take(case, "open_supplement", world.out_handler, **late)
    money = world.money(case)
    assert (money.state, money.round, money.amount_fen, money.settled_fen) == ("FROZEN", 2, 123, 345_678)
    assert case.state == "RELATION_DONE"
    case = paid(world, case)
    assert case.state == "COMPLETED"
    assert books(case) == {"personal": -345_678, "interest": -123, "paid": 345_801}


def test_open_costs_are_settled_before_the_balance_is_fixed(world):
    put_in_force(OUT, open_claims_rule="warn")
    case = world.accepted()
    costs = Enrolment.objects.filter(person=case.person_id, area=OUT)
    costs.update(open_claims=True)
    case = world.carry(case, "approve_in")
    assert (world.money(case).state, case.state, books(case)) == ("PENDING_SETTLE", "RELATION_DONE", {})
    settled = {"note": "已结算", "data": {"interest_yuan": "1.00"}}
    refused("J-CLAIMS-OPEN", world.take, case, "settle", world.out_handler, **settled)
    costs.update(open_claims=False)
    case = world.take(case, "settle", world.out_handler, **settled)
    assert (world.money(case).state, world.money(case).amount_fen) == ("FROZEN", 345_778)
    assert books(case) == {"personal": -345_678, "interest": -100, "fixed": 345_778}


@pytest.mark.parametrize("inside", ["instant", "move"])
def test_what_is_credited_at_once_is_not_sent_until_more_follows(db, inside):
    put_in_force("450000", in_province_fund=inside)
    world = World(into="450200")
    case = world.carry(world.accepted(), "approve_out")
    money = world.money(case)
    assert (money.state, money.destination) == ("FROZEN", "instant" if inside == "instant" else "inbound")
    if inside == "move":
        world.take(case, "propose_remittance", world.out_handler)
        return
    refused("J-NO-PAYMENT", world.take, case, "propose_remittance", world.out_handler)
    assert (world.money(case).state, world.money(case).destination) == ("FROZEN", "instant")
    case = world.carry_from(case, "claim_in", "approve_in")
    assert (world.money(case).state, case.state) == ("CREDITED", "COMPLETED")
    late = {"reason": "L-01", "note": "年度结息", "data": {"amount_yuan": "1.23"}}
    world.take(case, "open_supplement", world.out_handler, **late)
    world.take(case, "propose_remittance", world.out_handler)
    money = world.money(case)
    assert (money.state, money.destination, money.amount_fen) == ("REMIT_REVIEW", "inbound", 123)
    assert problems(now=MONDAY) == []
