"""What somebody wrote down before the bank told it: the bank's line takes its place; what it does not confirm shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from tests.actions.test_statements import (
    LATER,
    PAYER,
    agency,
    only_line,
    refused,
    row,
    sent,
    statement,
    take,
    transit_and_received,
)
from transfers.access import actor_for
from transfers.actions import lines
from transfers.actions.adopting import Adopted
from transfers.actions.statements import match_new, preview_statement
from transfers.models import Agency, Allocation, StatementLine, TransferCase
from transfers.rules.workdays import local_date
from transfers.selectors.finance import day_of, line_rows, lines_in
from transfers.selectors.reconciliation import reconcile
from transfers.selectors.verify import problems
from transfers.sla.ageing import remind

RECEIPT = {"received_yuan": "3456.78", "bank_reference": "HAND-1"}
WHY = {"reason": "F-05", "note": "银行告知的金额不同"}


def written(world, until: str = "match_receipt") -> TransferCase:
    """A case whose money somebody wrote down and matched before the bank told it."""
    case = sent(world)
    world.take(case, "record_receipt", world.in_handler, now=LATER, data=RECEIPT)
    case = world.take(case, "match_receipt", world.in_handler, now=LATER)
    if until == "credit_account":
        case = world.take(case, "credit_account", world.in_reviewer, now=LATER)
    return case


def tiles() -> dict[str, tuple[int, int | None]]:
    day = day_of(Agency.objects.get(pk=agency()), None, LATER)
    return {tile.code: (tile.count, tile.fen) for tile in day.tiles if tile.code in ("short", "unconfirmed", "lines")}


@pytest.mark.parametrize("until", ["match_receipt", "credit_account"])
def test_the_banks_line_takes_the_place_of_what_was_written_down(world, until):
    case = written(world, until)
    assert tiles() == {"lines": (0, 0), "unconfirmed": (1, 345_678)}
    told = row(1, f"医保 {case.number}", ref="HAND-1")
    preview = preview_statement(actor_for(world.in_handler), agency(), statement(told), now=LATER)
    assert (preview.twice, preview.adopted) == ((), (Adopted(1, "HAND-1", 345_678, 345_678, 0),))
    assert only_line().file_id is None, "looking at it changes nothing"
    taken = take(world, told)
    line = only_line()
    assert (taken.stored, taken.twice, taken.adopted) == (0, (), preview.adopted)
    assert (line.file_id, line.row, line.state, line.remind_at) == (taken.file.pk, 1, "done", None)
    assert (line.payer_account, line.remark) == ("6222000011112222", f"医保 {case.number}")
    assert taken.file.finished_at == LATER
    assert tiles() == {"lines": (0, 0)}
    assert world.money(case).state == ("MATCHED" if until == "match_receipt" else "CREDITED")
    assert problems(now=LATER) == []
    # From here on it is the bank's, and told once more it is known.
    assert [one.bank_reference for one in take(world, told, sequence=2).twice] == ["HAND-1"]
    for change in ("amount_fen = amount_fen + 1", "remark = 'x'", "file_id = NULL"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE transfers_statementline SET {change}")


def test_more_than_was_written_down_is_open(world):
    case, other = written(world), sent(world, 2, balance_fen=22)
    take(world, row(1, f"{case.number} {other.number}", fen=345_700, ref="HAND-1"))
    line = only_line()
    assert (line.state, line.amount_fen, lines.open_fen(line)) == ("new", 345_700, 22)
    match_new(agency(), now=LATER)
    line = only_line()
    assert line.remind_at is not None or line.state == "done"
    if line.state == "queued":
        world.take(other, "match_line", world.in_handler, now=LATER, data={"line": str(line.pk)})
    assert (only_line().state, world.money(other).state, world.money(case).state) == ("done", "MATCHED", "MATCHED")
    assert problems(now=LATER) == []


def test_less_than_was_matched_changes_no_case_and_is_found_until_it_is_undone(world):
    case = written(world)
    taken = take(world, row(1, "医保", fen=300_000, ref="HAND-1"))
    assert taken.adopted == (Adopted(1, "HAND-1", 345_678, 300_000, 45_678),)
    line = only_line()
    assert (line.state, line.amount_fen, line.allocated_fen) == ("short", 300_000, 345_678)
    assert (world.money(case).state, transit_and_received()) == ("MATCHED", (0, 345_678))
    assert tiles() == {"lines": (0, 0), "short": (1, 45_678)}
    assert [one.line.pk for one in line_rows(lines_in(agency(), state="short"))] == [line.pk]
    assert {(one.invariant, one.subject) for one in problems(now=LATER)} == {("lines", "330100 HAND-1")}
    assert [one.check for one in reconcile(local_date(LATER), now=LATER).differences] == ["lines"]
    refused("J-LINE-TAKEN", lines.propose_return, actor_for(world.in_handler), line.pk, note="退")
    match_new(agency(), now=LATER)
    assert only_line().state == "short"
    # Undone by two people it is the bank's line, and what came is matched as a part.
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **WHY)
    world.take(case, "approve_unmatch", world.in_reviewer, now=LATER, **WHY)
    line = only_line()
    assert (line.state, line.reason, lines.open_fen(line)) == ("queued", "undone", 300_000)
    world.take(case, "match_line", world.in_handler, now=LATER, data={"line": str(line.pk)})
    assert (world.money(case).state, transit_and_received()) == ("IN_TRANSIT", (45_678, 300_000))
    assert problems(now=LATER) == []


def test_what_the_bank_does_not_confirm_is_reminded_of_and_struck_out_when_nothing_is_matched(world):
    world.everyone()
    case = written(world)
    line = only_line()
    assert (line.state, line.payer_name) == ("done", PAYER)
    assert line.remind_at is not None
    assert remind(now=line.remind_at + timedelta(hours=1)) == 1
    maker = actor_for(world.in_handler)
    refused("J-LINE-TAKEN", lines.strike, maker, line.pk, note="写错")
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **WHY)
    world.take(case, "approve_unmatch", world.in_reviewer, now=LATER, **WHY)
    refused("J-NOTE", lines.strike, maker, line.pk, note=" ")
    refused("J-NOT-YOURS", lines.strike, actor_for(world.in_lead), line.pk, note="写错")
    lines.strike(maker, line.pk, note="写错，银行没有这笔款项")
    assert tiles() == {"lines": (0, 0)}
    refused("J-LINE-TAKEN", world.take, case, "match_line", world.in_handler, data={"line": str(line.pk)})
    assert problems(now=LATER) == []
    # Written down anew, or told by the bank after all, it is a line again.
    world.take(case, "record_receipt", world.in_handler, now=LATER, data={**RECEIPT, "received_yuan": "3000.00"})
    world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-01", note="少到")
    assert (only_line().amount_fen, only_line().state, world.money(case).received_fen) == (300_000, "done", 300_000)
    assert Allocation.objects.filter(undone_at=None).count() == 1
    refused("J-LINE-BANK", lines.strike, maker, _banks(world).pk, note="不要")
    assert problems(now=LATER) == []


def _banks(world) -> StatementLine:
    take(world, row(1, "无", fen=7, payer="某单位", ref="B9"))
    match_new(agency(), now=LATER)
    return StatementLine.objects.get(bank_reference="B9")


def test_a_struck_line_that_the_bank_tells_after_all_is_open(world):
    case = sent(world)
    world.take(case, "record_receipt", world.in_handler, now=LATER, data={**RECEIPT, "received_yuan": "4000.00"})
    world.take(case, "raise_difference", world.in_handler, now=LATER, reason="D-02", note="多到")
    lines.strike(actor_for(world.in_handler), only_line().pk, note="看错了")
    world.take(case, "answer_difference", world.out_handler, now=LATER, reason="D-13", note="金额无误")
    take(world, row(1, case.number, ref="HAND-1"))
    match_new(agency(), now=LATER)
    assert (only_line().state, world.money(case).state) == ("done", "MATCHED")
    assert problems(now=LATER) == []
