"""A wrong match is undone by two people, a part as well as the whole; the money stands where it was."""

from __future__ import annotations

import pytest

from tests.actions.test_statements import LATER, agency, only_line, refused, row, sent, take, transit_and_received
from tests.world import put_in_force
from transfers.actions.statements import look_again, match_new
from transfers.models import Clock, Payment, StatementLine
from transfers.selectors.verify import problems


@pytest.mark.parametrize("doubted", [False, True])
def test_a_wrong_part_is_undone_by_two_and_the_money_stands_where_it_was(world, doubted):
    put_in_force("330000", fund_credit_days=2)
    case = sent(world)
    why = {"reason": "F-04", "note": "不是这项业务的款项"}
    refused("J-NONE-MATCHED", world.take, case, "propose_unmatch", world.in_handler, now=LATER, **why)
    take(world, row(1, "无", fen=300_000, payer="某单位"))
    match_new(agency(), now=LATER)
    world.take(case, "match_line", world.in_handler, now=LATER, data={"line": str(only_line().pk)})
    rest = None
    if doubted:
        world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-01", note="少到")
        world.take(case, "answer_difference", world.out_handler, now=LATER, reason="D-11", note="差额另汇")
        world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-01", note="仍少")
        rest = Payment.objects.get(case=case, kind="rest")
    stood = "MISMATCH" if doubted else "IN_TRANSIT"
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **why)
    assert (world.money(case).state, transit_and_received()) == ("UNMATCH_REVIEW", (45_678, 300_000))
    assert not Clock.objects.filter(case=case, kind="CREDIT").exists(), "what has not all arrived has no such limit"
    assert problems(now=LATER) == []
    refused("J-FOUR-EYES", world.take, case, "keep_match", world.in_handler, note="没有错")
    world.take(case, "keep_match", world.in_reviewer, now=LATER, note="没有错")
    money = world.money(case)
    assert (money.state, money.received_fen) == (stood, 300_000)
    assert (money.trouble_reason, money.trouble_note) == (("D-01", "仍少") if doubted else ("", ""))
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **why)
    refused("J-FOUR-EYES", world.take, case, "approve_unmatch", world.in_handler, **why)
    world.take(case, "approve_unmatch", world.in_reviewer, now=LATER, **why)
    money, line = world.money(case), only_line()
    assert (money.state, money.received_fen, transit_and_received()) == ("IN_TRANSIT", None, (345_678, 0))
    assert (line.state, line.reason, line.allocated_fen) == ("queued", "undone", 0)
    if rest is not None:
        rest.refresh_from_db()
        assert rest.state == "cancelled", "it was reckoned from the match that was wrong"
    assert problems(now=LATER) == []
    # All of it can be matched now, and be returned by the bank.
    take(world, row(1, case.number, ref="B2"), sequence=2)
    match_new(agency(), now=LATER)
    assert world.money(case).state == "MATCHED"
    assert problems(now=LATER) == []


def test_undoing_a_match_does_not_stop_the_limit_of_crediting(world):
    put_in_force("330000", fund_credit_days=2)
    case = sent(world)
    take(world, row(1, case.number))
    match_new(agency(), now=LATER)
    why = {"reason": "F-04", "note": "认错了"}
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **why)
    clock = Clock.objects.get(case=case, kind="CREDIT")
    assert clock.status == "running"
    world.take(case, "keep_match", world.in_reviewer, now=LATER, note="没有错")
    assert list(Clock.objects.filter(case=case, kind="CREDIT").values_list("pk", "status")) == [(clock.pk, "running")]


DOUBTS = {"reason": "D-01", "note": "少到"}
ANSWER = {"reason": "D-13", "note": "金额无误"}
WHY = {"reason": "F-04", "note": "认错了"}
# While it is in doubt, what brings it there, who ends it and how; and what becomes of a line that names the case.
IN_DOUBT = {
    "differs": ("raise_difference", "in_handler", DOUBTS, "answer_difference", "out_handler", ANSWER, "done"),
    "undone": ("propose_unmatch", "in_handler", WHY, "approve_unmatch", "in_reviewer", WHY, "queued undone"),
    "kept": ("propose_unmatch", "in_handler", WHY, "keep_match", "in_reviewer", {"note": "没有错"}, "done"),
    "asked back": ("request_reclaim", "out_handler", WHY, "refuse_reclaim", "in_handler", {"note": "无误"}, "done"),
    "sent back": (
        *("request_reclaim", "out_handler", WHY, "grant_reclaim", "in_handler"),
        *({"note": "退回", "data": {"bank_reference": "T1"}}, "queued ended"),
    ),
}


@pytest.mark.parametrize("how", IN_DOUBT)
def test_a_line_that_came_while_a_case_was_in_doubt_is_looked_at_again(world, how):
    raised, by, why, ended, answerer, answer, becomes = IN_DOUBT[how]
    case = sent(world)
    take(world, row(1, "无", fen=300_000, payer="某单位"))
    match_new(agency(), now=LATER)
    world.take(case, "match_line", world.in_handler, now=LATER, data={"line": str(only_line().pk)})
    world.take(case, raised, getattr(world, by), now=LATER, **why)
    take(world, row(1, f"医保 {case.number}", fen=45_678, ref="REST"), sequence=2)
    match_new(agency(), now=LATER)
    rest = StatementLine.objects.get(bank_reference="REST")
    assert (rest.state, rest.reason) == ("queued", "doubted")
    assert look_again(agency(), now=LATER).matched == 0, "nothing has been cleared up"
    world.take(case, ended, getattr(world, answerer), now=LATER, **answer)
    look_again(agency(), now=LATER)
    rest.refresh_from_db()
    first = StatementLine.objects.get(bank_reference="B00001")
    if becomes == "queued undone":  # the wrong part waits for people; the right one is the case's
        assert (first.state, first.reason, rest.state) == ("queued", "undone", "done")
        assert (world.money(case).state, world.money(case).received_fen) == ("IN_TRANSIT", 45_678)
    else:
        assert f"{rest.state} {rest.reason}".strip() == becomes
        assert world.money(case).state == ("MATCHED" if becomes == "done" else "RETURNING")
    assert problems(now=LATER) == []


def test_a_line_beside_a_receipt_that_is_undone_is_looked_at_again(world):
    case = sent(world)
    receipt = {"received_yuan": "3456.78", "bank_reference": "SEEN"}
    world.take(case, "record_receipt", world.in_handler, now=LATER, data=receipt)
    take(world, row(1, f"医保 {case.number}"))
    match_new(agency(), now=LATER)
    assert (only_line().state, only_line().reason) == ("queued", "doubted")
    world.take(case, "undo_receipt", world.in_handler, now=LATER, **WHY)
    assert look_again(agency(), now=LATER).matched == 1
    assert (only_line().state, world.money(case).state) == ("done", "MATCHED")
    assert problems(now=LATER) == []
