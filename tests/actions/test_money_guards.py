"""What money could be lost, doubled or taken by: each tried, and the honest way beside it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.actions.test_results import a_file
from tests.actions.test_statements import LATER, agency, row
from tests.actions.test_statements import sent as sent_case
from tests.actions.test_statements import take as taken
from tests.world import IN, MONDAY, OUT, application, user
from transfers.access import actor_for
from transfers.actions import lines, receiving, results
from transfers.actions.batches import approve_batch, make_batch
from transfers.actions.intake import apply
from transfers.actions.statements import match_new
from transfers.models import BankFile, Enrolment, Payment, StatementLine, TransferCase
from transfers.registry import OwnTables
from transfers.rules.bankfiles import Result
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import problems

NEXT = MONDAY + timedelta(days=1)


def refused(code: str, function: Any, *args: Any, **more: Any) -> None:
    with pytest.raises(Refusal) as caught:
        function(*args, **more)
    assert caught.value.code == code


def part(world: Any, case: TransferCase, ref: str, who: Any) -> TransferCase:
    """Somebody matches a line that tells no number."""
    line = StatementLine.objects.get(bank_reference=ref)
    return world.take(case, "match_line", who, now=LATER, data={"line": str(line.pk), "amount_yuan": ""})


def lacking(world: Any) -> TransferCase:
    """A case of which 3,000.00 has arrived, 456.78 is missing, and a payment of the rest is ready."""
    case = sent_case(world)
    taken(world, row(1, "无", fen=300_000, payer="某单位", ref="P1"))
    match_new(agency(), now=LATER)
    case = part(world, case, "P1", world.in_handler)
    case = world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-01", note="少")
    return world.take(case, "answer_difference", world.out_handler, now=LATER, reason="D-11", note="补")


# --- who matched any part does not credit --------------------------------------------------------------


def test_whoever_matched_any_part_does_not_credit(world):
    case = sent_case(world)
    taken(world, row(1, "无", fen=300_000, payer="某单位", ref="A"), row(2, "无", fen=45_678, payer="某单位", ref="B"))
    match_new(agency(), now=LATER)
    case = part(world, part(world, case, "A", world.in_handler), "B", world.in_reviewer)
    for who in (world.in_handler, world.in_reviewer):
        refused("J-FOUR-EYES", world.take, case, "credit_account", who, now=LATER)
    third = user("in_third", IN, (Role.FINANCE,))
    assert world.money(world.take(case, "credit_account", third, now=LATER)).state == "CREDITED"


def test_nor_does_who_wrote_a_part_down(world):
    case = sent_case(world)
    receipt = {"received_yuan": "3000.00", "bank_reference": "SEEN"}
    case = world.take(case, "record_receipt", world.in_handler, now=LATER, data=receipt)
    case = world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-01", note="少")
    case = world.take(case, "answer_difference", world.out_handler, now=LATER, reason="D-13", note="再核")
    taken(world, row(1, f"医保 {case.number}", fen=45_678, ref="R2"))
    match_new(agency(), now=LATER)
    refused("J-FOUR-EYES", world.take, case, "credit_account", world.in_handler, now=LATER)
    assert world.money(world.take(case, "credit_account", world.in_reviewer, now=LATER)).state == "CREDITED"


# --- the rest goes once, and only while it is missing ----------------------------------------------------


def test_the_rest_is_not_made_twice(world):
    case = lacking(world)
    case = world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-01", note="仍少")
    refused(
        "J-REST-OPEN", world.take, case, "answer_difference", world.out_handler, now=LATER, reason="D-11", note="补"
    )
    assert Payment.objects.filter(case=case, kind="rest").count() == 1


@pytest.mark.parametrize("arrived", [False, True])
def test_the_rest_is_sent_only_while_it_is_missing(world, arrived):
    case = lacking(world)
    if arrived:
        taken(world, row(1, f"医保 {case.number}", fen=45_678, ref="R2"), sequence=2)
        match_new(agency(), now=LATER)
    rest = Payment.objects.get(case=case, kind="rest")
    made = make_batch(actor_for(world.out_handler), agency(OUT), payments=[rest.pk], now=LATER)
    if arrived:
        refused("J-BATCH-EMPTY", approve_batch, actor_for(world.out_reviewer), made.batch.pk, now=LATER)
    else:
        assert approve_batch(actor_for(world.out_reviewer), made.batch.pk, now=LATER).batch.total_fen == 45_678


# --- accounts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [False, True])
def test_nothing_goes_to_an_account_that_is_no_longer_in_force(world, changed):
    case = world.carry(world.accepted(), "propose_remittance")
    if changed:
        told = {"bank": "新开户银行", "name": "新户名", "number": "12345678901", "valid_from": NEXT.date()}
        account = receiving.propose(actor_for(world.in_handler), agency(), **told, now=MONDAY)
        receiving.confirm(actor_for(world.in_reviewer), account.pk, callback_note="已致电核实", now=MONDAY)
    later = MONDAY + timedelta(days=3)
    if changed:
        refused("J-ACCOUNT-CHANGED", world.take, case, "approve_remittance", world.out_reviewer, now=later)
        case = world.take(case, "reject_remittance", world.out_reviewer, now=later, reason="F-08", note="账户已变更")
        case = world.take(case, "propose_remittance", world.out_handler, now=later)
    world.take(case, "approve_remittance", world.out_reviewer, now=later)
    assert (Payment.objects.get(case=case, state="sent").payee_name == "新户名") is changed


def test_money_is_sent_back_only_to_an_account(world):
    taken(
        world,
        row(1, "无", fen=100, payer="某单位", ref="X1", account="-"),
        row(2, "无", fen=100, payer="某单位", ref="X2"),
    )
    match_new(agency(), now=LATER)
    bad, good = StatementLine.objects.order_by("pk")
    refused("J-RETURN-ACCOUNT", lines.propose_return, actor_for(world.in_handler), bad.pk, note="退", now=LATER)
    lines.propose_return(actor_for(world.in_handler), good.pk, note="退", now=LATER)


def test_two_refunds_of_one_line_that_come_back_are_both_open_again(world):
    case = sent_case(world)
    taken(world, row(1, "无", fen=400_000, payer="某单位", ref="BIG"))
    match_new(agency(), now=LATER)
    line = StatementLine.objects.get()
    maker, checker = actor_for(world.in_handler), actor_for(world.in_reviewer)

    def send_back() -> Payment:
        lines.propose_return(maker, line.pk, note="退", now=LATER)
        return lines.approve_return(checker, line.pk, now=LATER)

    data = {"line": str(line.pk), "amount_yuan": "3456.78"}
    case = world.take(case, "match_line", world.in_handler, now=LATER, data=data)
    first = send_back()
    why = {"reason": "F-04", "note": "不是本业务的款项"}
    case = world.take(case, "propose_unmatch", world.in_handler, now=LATER, **why)
    world.take(case, "approve_unmatch", world.in_reviewer, now=LATER, **why)
    both = (first, send_back())
    made = make_batch(maker, agency(), payments=[payment.pk for payment in both], now=LATER)
    approve_batch(checker, made.batch.pk, now=LATER)
    rows = [Result(n, p.reference, False, "F-02", "", p.amount_fen, LATER, "") for n, p in enumerate(both, 1)]
    results.apply_results(maker, results.take_results(maker, agency(), a_file(*rows, area=IN), now=NEXT).file, now=NEXT)
    line.refresh_from_db()
    assert (line.amount_fen, line.allocated_fen, line.returned_fen, line.state) == (400_000, 0, 0, "queued")


# --- what is complete, and what a registry hears -----------------------------------------------------------


@pytest.mark.parametrize("moved_on", [False, True])
def test_a_complete_case_opens_again_unless_the_person_has_moved_on(world, moved_on):
    case = world.carry(world.accepted(), "credit_account")
    if moved_on:
        Enrolment.objects.filter(person=case.person, area_id=IN).update(status="2")
        Enrolment.objects.create(
            person=case.person, area_id="510100", scheme="310", status="1", name="测试甲", valid_from=date(2026, 5, 1)
        )
        clerk = actor_for(user("third", "510100", (Role.IN_HANDLER,)))
        onward = apply(application(1, out=IN, into="510100"), clerk, channel=Channel.WINDOW_IN, now=LATER)
        assert onward.state == "ACCEPTED"
    more = {"reason": "L-01", "note": "补息", "data": {"amount_yuan": "12.34"}}
    if moved_on:
        refused("J-OTHER-OPEN", world.take, case, "open_supplement", world.out_handler, now=LATER, **more)
        reclaim = {"reason": "F-07", "note": "重复汇款"}
        refused("J-OTHER-OPEN", world.take, case, "request_reclaim", world.out_handler, now=LATER, **reclaim)
    else:
        case = world.take(case, "open_supplement", world.out_handler, now=LATER, **more)
        assert case.state == "RELATION_DONE"
    assert problems(now=LATER) == []


def test_each_credit_of_a_case_is_another_write_to_its_registry(world, monkeypatch):
    heard: list[str] = []
    kept = OwnTables.credit_account

    def credit(self: Any, person: Any, area: str, amount_fen: int, write: str) -> None:
        if write not in heard:
            heard.append(write)
            kept(self, person, area, amount_fen, write)

    monkeypatch.setattr(OwnTables, "credit_account", credit)
    case = world.carry(world.accepted(), "credit_account")
    late = {"reason": "L-01", "note": "补息", "data": {"amount_yuan": "12.34"}}
    case = world.take(case, "open_supplement", world.out_handler, **late)
    case = world.take(case, "propose_remittance", world.out_handler)
    case = world.take(case, "approve_remittance", world.out_reviewer)
    receipt = {"received_yuan": "12.34", "bank_reference": "LATE-1"}
    case = world.take(case, "record_receipt", world.in_handler, data=receipt)
    case = world.take(case, "match_receipt", world.in_handler)
    world.take(case, "credit_account", world.in_reviewer)
    assert len(heard) == 2
    assert problems(now=MONDAY) == []


def test_a_line_that_somebody_matched_first_does_not_hold_up_its_file(world):
    case = sent_case(world)
    taken(world, row(1, f"{case.number}", ref="N1"))
    part(world, case, "N1", world.in_handler)
    match_new(agency(), now=LATER)
    file = BankFile.objects.get()
    assert (file.done, file.count, file.finished_at) == (1, 1, LATER)
