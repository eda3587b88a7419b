"""Statements: taken in once, their lines matched or queued with a reason; parts, doubles, returns and mistakes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from structlog.testing import capture_logs

from tests.world import MONDAY, World, application, person, user
from transfers import tasks
from transfers.access import actor_for
from transfers.actions import lines, statements
from transfers.actions.intake import apply
from transfers.actions.statements import look_again, match_new, preview_statement, take_statement
from transfers.models import (
    Allocation,
    BankFile,
    CaseEvent,
    LedgerEntry,
    Payment,
    StatementLine,
    TransferCase,
)
from transfers.places import agency_of
from transfers.rules import bankfiles
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.progress import timeline
from transfers.selectors.verify import problems

PAYER = "南宁市医疗保障经办机构"
LATER = MONDAY + timedelta(days=1)


def agency(code: str = "330100") -> int:
    found = agency_of(code)
    assert found is not None
    return found.pk


def sent(world: World, serial: int = 1, *, balance_fen: int = 345_678) -> TransferCase:
    """A case whose money is on its way."""
    return world.carry(world.accepted(serial, balance_fen=balance_fen), "approve_remittance")


def row(number: int, remark: str = "", *, fen: int = 345_678, payer: str = PAYER, ref: str = "", **more: Any) -> Any:
    return bankfiles.Line(
        number, ref or f"B{number:05d}", LATER, payer, more.get("account", "6222000011112222"), fen, remark
    )


def statement(*rows: Any, sequence: int = 1, area: str = "330100") -> bytes:
    return bankfiles.write_statement(rows, area=area, sequence=sequence, day=date(2026, 6, 2))


def take(world: World, *rows: Any, sequence: int = 1) -> Any:
    numbered = [one._replace(number=number) for number, one in enumerate(rows, 1)]
    return take_statement(
        actor_for(world.in_handler), agency(), statement(*numbered, sequence=sequence), name="流水.csv", now=LATER
    )


def transit_and_received() -> tuple[int, int]:
    books = dict(LedgerEntry.objects.values_list("book").annotate(fen=Sum("amount_fen")))
    return books.get("transit", 0), books.get("received", 0)


def refused(code: str, function: Any, *args: Any, **more: Any) -> None:
    with pytest.raises(Refusal) as caught:
        function(*args, **more)
    assert caught.value.code == code


def only_line() -> StatementLine:
    return StatementLine.objects.get()


def test_a_line_with_the_case_number_is_matched_and_the_file_again_changes_nothing(world):
    case = sent(world)
    data = statement(row(1, f"医保转移{case.number}-1"))
    actor = actor_for(world.in_handler)
    preview = preview_statement(actor, agency(), data, now=LATER)
    assert (preview.count, preview.total_fen, preview.twice, preview.again) == (1, 345_678, (), False)
    assert not StatementLine.objects.exists()
    told: list[tuple[str, int, int]] = []
    taken = take_statement(actor, agency(), data, now=LATER, tell=lambda *said: told.append(said))
    assert (taken.stored, taken.twice, taken.again) == (1, (), False)
    run = match_new(agency(), now=LATER, tell=lambda *said: told.append(said))
    assert (run.seen, run.matched, dict(run.queued)) == (1, 1, {})
    assert told == [("store", 1, 1), ("match", 1, 1)]
    money, line = world.money(case), only_line()
    assert (money.state, money.received_fen, money.matcher_id, money.bank_reference) == (
        "MATCHED",
        345_678,
        None,
        "B00001",
    )
    assert (line.state, line.allocated_fen, line.remind_at, line.payer_account) == (
        "done",
        345_678,
        None,
        "6222000011112222",
    )
    allocation = Allocation.objects.get()
    assert (allocation.line_id, allocation.case_id, allocation.amount_fen, allocation.score) == (
        line.pk,
        case.pk,
        345_678,
        100,
    )
    assert transit_and_received() == (0, 345_678)
    assert CaseEvent.objects.get(case=case, name="auto_match").data["why"] == [
        "number",
        "payer",
        "area",
        "amount",
        "soon",
    ]
    file = BankFile.objects.get()
    assert (file.count, file.done, file.finished_at) == (1, 1, LATER)

    before = list(StatementLine.objects.values()), list(BankFile.objects.values()), CaseEvent.objects.count()
    again = take_statement(actor, agency(), data, now=LATER)
    assert (again.again, again.stored, again.file) == (True, 0, file)
    assert match_new(agency(), now=LATER).seen == 0
    assert (list(StatementLine.objects.values()), list(BankFile.objects.values()), CaseEvent.objects.count()) == before
    case = world.take(case, "credit_account", world.in_reviewer)
    assert world.money(case).state == "CREDITED"
    assert transit_and_received() == (0, 0)
    assert problems(now=LATER) == []


def test_files_that_are_refused_and_lines_that_came_before(world):
    actor = actor_for(world.in_handler)
    first = statement(row(1))
    refused("J-NOT-YOURS", take_statement, actor_for(world.in_lead), agency(), first, now=LATER)
    refused("J-FILE", take_statement, actor, agency(), statement(row(1), area="330200"), now=LATER)
    refused("J-FILE", take_statement, actor, agency(), first.replace(b"3456.78", b"3456.79"), now=LATER)
    assert take_statement(actor, agency(), first, now=LATER).stored == 1
    refused("J-FILE-GAP", take_statement, actor, agency(), statement(row(1), sequence=3), now=LATER)
    refused("J-FILE-SEQUENCE", take_statement, actor, agency(), statement(row(1, "另一份")), now=LATER)
    refused("J-FILE-GAP", preview_statement, actor, agency(), statement(row(1), sequence=3), now=LATER)
    known = statement(row(1), row(2, fen=5), row(3, ref="B00001x"), sequence=2)
    assert [one.row for one in preview_statement(actor, agency(), known, now=LATER).twice] == [1]
    taken = take_statement(actor, agency(), known, now=LATER)
    assert [(one.row, one.bank_reference, one.differs) for one in taken.twice] == [(1, "B00001", False)]
    assert (taken.stored, taken.file.done, StatementLine.objects.count()) == (2, 1, 3)
    other = take_statement(actor, agency(), statement(row(1, fen=7), sequence=3), now=LATER)
    assert [(one.row, one.differs) for one in other.twice] == [(1, True)]
    assert other.file.finished_at == LATER


def test_lines_are_matched_without_a_number_or_wait_with_a_reason(world):
    cases = {serial: sent(world, serial, balance_fen=345_678 + serial // 3) for serial in (1, 2, 3)}
    take(
        world,
        row(1, "医保个人账户转移", fen=345_679),  # case 3 alone
        row(2, "医保个人账户转移"),  # case 1 or case 2
        row(3, "李四", fen=99),
        row(4, cases[1].number, fen=300_000, payer="某银行待清算户"),
        row(5, cases[2].number, fen=400_000),
        row(6, "JX1234567890124", fen=98),
        row(7, "测试甲", fen=97),
        row(8, f"合并 {cases[1].number} {cases[2].number}", fen=1),
        row(9, "", fen=345_678 * 2 + 345_679, payer="南宁市医保局财政专户"),
    )
    match_new(agency(), now=LATER)
    found = {line.row: (line.state, line.reason) for line in StatementLine.objects.all()}
    assert found == {
        1: ("done", ""),
        2: ("queued", "several"),
        3: ("queued", "none"),
        4: ("queued", "less"),
        5: ("queued", "more"),
        6: ("queued", "unknown"),
        7: ("queued", "less"),
        8: ("queued", "less"),
        9: ("queued", "none"),  # one of the three has arrived
    }
    assert {world.money(case).state for serial, case in cases.items() if serial < 3} == {"IN_TRANSIT"}
    several = StatementLine.objects.get(row=2).candidates
    assert {one["case"] for one in several} == {cases[1].pk, cases[2].pk}
    assert all(one["score"] == 90 and "amount" in one["why"] for one in several)
    assert problems(now=LATER) == []


def test_doubles_of_a_file_are_not_credited_twice(world):
    case, other = sent(world, 1), world.accepted(2)
    take(world, row(1, case.number), row(2, case.number, ref="B2"), row(3, other.number, ref="B3"))
    match_new(agency(), now=LATER)
    found = {line.row: (line.state, line.reason) for line in StatementLine.objects.all()}
    assert found == {1: ("done", ""), 2: ("queued", "ended"), 3: ("queued", "early")}
    # The one that came too early is looked at again once its money has been sent.
    world.carry(other, "approve_remittance")
    assert look_again(agency(), now=LATER).matched == 1
    assert world.money(other).state == "MATCHED"


def test_parts_make_up_a_case_and_one_line_serves_two(world):
    parted, one, two = (sent(world, serial) for serial in (1, 2, 3))
    take(world, row(1, parted.number, fen=300_000), row(2, f"{one.number}{two.number}", fen=2 * 345_678))
    assert match_new(agency(), now=LATER).matched == 2
    assert [world.money(case).state for case in (parted, one, two)] == ["IN_TRANSIT", "MATCHED", "MATCHED"]
    money = world.money(parted)
    assert (money.received_fen, money.matched_at, money.bank_reference) == (300_000, None, "B00001")
    assert transit_and_received() == (45_678, 300_000 + 2 * 345_678)
    arrived = "余额已到达转入地"
    assert arrived not in [entry.title.zh for entry in timeline(parted, public=True)], "a part is not the balance"
    assert arrived in [entry.title.zh for entry in timeline(one, public=True)]
    take(world, row(1, f"{parted.number} 第二笔", fen=45_678, ref="P2"), sequence=2)
    match_new(agency(), now=LATER)
    money = world.money(parted)
    assert (money.state, money.received_fen) == ("MATCHED", 345_678)
    assert [entry.title.zh for entry in timeline(parted, public=True)].count(arrived) == 1
    assert set(StatementLine.objects.values_list("state", flat=True)) == {"done"}
    assert transit_and_received() == (0, 3 * 345_678)
    assert problems(now=LATER) == []


def test_a_part_that_comes_again_or_from_somebody_else_waits(world):
    case = sent(world)
    number = case.number
    take(world, row(1, number, fen=200_000), row(2, number, fen=200_000, ref="P2"), row(3, number, fen=7, payer="个人"))
    take(world, row(1, number, fen=100_000, ref="P4"), row(2, number, fen=145_678, ref="P5"), sequence=2)
    assert match_new(agency(), now=LATER).matched == 2
    found = {line.bank_reference: (line.state, line.reason) for line in StatementLine.objects.all()}
    assert found["P2"] == ("queued", "twice")
    assert found["B00003"][0] == "queued"
    assert [found[reference] for reference in ("B00001", "P4", "P5")] == [
        ("done", ""),
        ("done", ""),
        ("queued", "more"),
    ]
    assert (world.money(case).state, world.money(case).received_fen) == ("IN_TRANSIT", 300_000)
    assert problems(now=LATER) == []


def test_merged_payments_are_proposed_and_split_by_hand(world):
    one, two = (sent(world, serial) for serial in (1, 2))
    take(world, row(1, "合并", fen=2 * 345_678, payer="南宁市医保局"))
    match_new(agency(), now=LATER)
    line = only_line()
    assert line.reason == "merged"
    assert {(split["case"], split["fen"]) for split in line.candidates} == {(one.pk, 345_678), (two.pk, 345_678)}
    half = {"line": str(line.pk), "amount_yuan": "3456.78"}
    refused("J-MATCH-MORE", world.take, one, "match_line", world.in_handler, data={"line": str(line.pk)})
    refused("J-LINE-NONE", world.take, one, "match_line", world.in_handler, data={**half, "line": "999999"})
    world.take(one, "match_line", world.in_handler, data=half)
    assert (only_line().state, only_line().allocated_fen) == ("queued", 345_678)
    world.take(two, "match_line", world.in_handler, data={"line": str(line.pk)})
    assert (only_line().state, only_line().reason) == ("done", "")
    assert world.money(two).matcher_id == world.in_handler.pk
    assert transit_and_received() == (0, 2 * 345_678)


def test_all_of_a_day_in_one_sum_is_matched(world):
    cases = [sent(world, serial) for serial in (1, 2, 3)]
    take(world, row(1, "医保个人账户余额合并划转", fen=3 * 345_678))
    assert match_new(agency(), now=LATER).matched == 1
    assert [world.money(case).state for case in cases] == ["MATCHED"] * 3
    assert (only_line().state, transit_and_received()) == ("done", (0, 3 * 345_678))
    assert problems(now=LATER) == []


def test_a_line_that_names_its_case_comes_before_one_that_has_only_the_amount(world):
    case = sent(world)
    take(world, row(1, ""), row(2, case.number, ref="NAMED"))
    assert match_new(agency(), now=LATER).matched == 1
    assert list(StatementLine.objects.filter(state="done").values_list("bank_reference", flat=True)) == ["NAMED"]


def test_a_wrong_match_is_undone_by_two(world):
    case = sent(world)
    take(world, row(1, case.number))
    match_new(agency(), now=LATER)
    why = {"reason": "F-04", "note": "认错了"}
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **why)
    refused("J-FOUR-EYES", world.take, case, "approve_unmatch", world.in_handler, **why)
    world.take(case, "keep_match", world.in_reviewer, note="没有错")
    assert world.money(case).state == "MATCHED"
    world.take(case, "propose_unmatch", world.in_handler, now=LATER, **why)
    world.take(case, "approve_unmatch", world.in_reviewer, now=LATER, **why)
    line = only_line()
    assert (world.money(case).state, world.money(case).received_fen) == ("IN_TRANSIT", None)
    assert (line.state, line.reason, line.allocated_fen) == ("queued", "undone", 0)
    assert line.remind_at > LATER
    assert Allocation.objects.get().undone_at == LATER
    assert transit_and_received() == (345_678, 0)
    # The system does not do again what people have undone.
    assert look_again(agency(), now=LATER).matched == 0
    world.take(case, "match_line", world.in_handler, data={"line": str(line.pk)})
    assert transit_and_received() == (0, 345_678)
    assert problems(now=LATER) == []


def test_what_was_written_down_by_hand_is_a_line_too(world):
    case, other = sent(world, 1), sent(world, 2)
    receipt = {"received_yuan": "3456.78", "bank_reference": "HAND-1"}
    world.take(case, "record_receipt", world.in_handler, data=receipt)
    world.take(case, "undo_receipt", world.in_handler, reason="F-04", note="看错了")
    assert not StatementLine.objects.exists()
    world.take(case, "record_receipt", world.in_handler, data=receipt)
    world.take(other, "record_receipt", world.in_handler, data=receipt)
    world.take(case, "match_receipt", world.in_handler)
    line = only_line()
    assert (line.file_id, line.state, line.bank_reference, line.payer_name) == (None, "done", "HAND-1", PAYER)
    refused("J-LINE-KNOWN", world.take, other, "match_receipt", world.in_handler)
    world.take(other, "undo_receipt", world.in_handler, reason="F-04", note="同一笔")
    refused("J-LINE-KNOWN", world.take, other, "record_receipt", world.in_handler, data=receipt)
    # The bank tells it as well: its line takes the place of the one by hand.
    taken = take(world, row(1, ref="HAND-1"))
    assert ([one.bank_reference for one in taken.adopted], taken.stored, taken.twice) == (["HAND-1"], 0, ())
    # And the other way round: the bank has told it when it is matched by hand.
    world.take(other, "record_receipt", world.in_handler, data={**receipt, "bank_reference": "B7"})
    take(world, row(1, "张", ref="B7"), sequence=2)
    world.take(other, "match_receipt", world.in_handler)
    assert StatementLine.objects.get(bank_reference="B7").state == "done"
    assert transit_and_received() == (0, 2 * 345_678)
    assert problems(now=LATER) == []


def test_lines_that_are_known_are_found_however_many_the_file_has(world, monkeypatch):
    """A statement takes 65,535 parameters, and a file may have more lines."""
    monkeypatch.setattr(statements, "LOOKED_UP", 2)
    take(world, *(row(n, ref=f"K{n}") for n in (1, 2, 3)))
    taken = take(world, *(row(n, ref=f"K{n}") for n in (1, 2, 3, 4, 5)), sequence=2)
    assert ([one.bank_reference for one in taken.twice], taken.stored) == (["K1", "K2", "K3"], 2)


def test_less_than_was_sent_and_the_rest_follows(world):
    case = sent(world)
    less = {"reason": "D-01", "note": "少到"}
    refused("J-PART-FIRST", world.take, case, "raise_difference", world.in_handler, **less)
    world.take(case, "record_receipt", world.in_handler, data={"received_yuan": "3000.00", "bank_reference": "H1"})
    refused("J-AMOUNT-DIFFERS", world.take, case, "match_receipt", world.in_handler)
    world.take(case, "raise_difference", world.in_handler, **less)
    assert transit_and_received() == (45_678, 300_000)
    world.take(case, "answer_difference", world.out_handler, reason="D-11", note="差额另汇")
    rest = Payment.objects.get(case=case, kind="rest")
    assert (rest.amount_fen, rest.state, rest.reference) == (45_678, "ready", f"{case.number}-2")
    take(world, row(1, f"{case.number}-2", fen=45_678))
    match_new(agency(), now=LATER)
    assert world.money(case).state == "MATCHED"
    assert transit_and_received() == (0, 345_678)
    assert problems(now=LATER) == []


def test_too_much_is_matched_in_part_and_the_rest_sent_back_by_two(world):
    case = sent(world)
    take(world, row(1, case.number, fen=350_000), row(2, "不是医保", ref="B2", fen=9, account=""))
    match_new(agency(), now=LATER)
    maker, checker = actor_for(world.in_handler), actor_for(world.in_reviewer)
    line = StatementLine.objects.get(row=1)
    world.take(case, "match_line", world.in_handler, data={"line": str(line.pk), "amount_yuan": "3456.78"})
    refused("J-NOTE", lines.propose_return, maker, line.pk, note=" ")
    refused("J-NOT-YOURS", lines.propose_return, actor_for(world.in_lead), line.pk, note="多汇")
    refused("J-LINE-NONE", lines.propose_return, actor_for(world.out_handler), line.pk, note="多汇")
    refused("J-RETURN-ACCOUNT", lines.propose_return, maker, StatementLine.objects.get(row=2).pk, note="非本单位款")
    lines.propose_return(maker, line.pk, note="多汇")
    refused("J-LINE-TAKEN", lines.propose_return, checker, line.pk, note="多汇")
    refused("J-FOUR-EYES", lines.approve_return, maker, line.pk)
    lines.refuse_return(checker, line.pk, note="再核对")
    lines.propose_return(maker, line.pk, note="多汇")
    payment = lines.approve_return(checker, line.pk, now=LATER)
    assert (payment.kind, payment.state, payment.amount_fen, payment.payee_name) == ("refund", "ready", 4_322, PAYER)
    line.refresh_from_db()
    assert (line.state, line.allocated_fen, line.returned_fen, line.remind_at) == ("done", 345_678, 4_322, None)
    lines.came_back([payment], now=LATER)
    line.refresh_from_db()
    assert (line.state, line.reason, line.returned_fen) == ("queued", "bounced", 0)
    lines.propose_return(maker, line.pk, note="多汇")
    assert lines.approve_return(checker, line.pk, now=LATER).reference == f"TH{line.pk}-2"
    assert problems(now=LATER) == []


def test_another_area_s_case_is_not_shown(world):
    person(3, into="510100")
    there = user("there", "510100", (Role.IN_HANDLER,))
    case = apply(application(3, into="510100"), actor_for(there), channel=Channel.WINDOW_IN, now=MONDAY)
    take(world, row(1, case.number))
    match_new(agency(), now=LATER)
    assert (only_line().reason, only_line().candidates) == ("elsewhere", [])


def test_a_run_that_was_killed_goes_on(world, monkeypatch):
    cases = [sent(world, serial) for serial in (1, 2, 3)]
    take(world, *(row(serial, case.number) for serial, case in enumerate(cases, 1)))
    monkeypatch.setattr("transfers.actions.statements.CHUNK", 1)

    class Killed(BaseException):
        pass

    def die(_what: str, done: int, _of: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        match_new(agency(), now=LATER, tell=die)
    assert sorted(StatementLine.objects.values_list("state", flat=True)) == ["done", "done", "new"]
    assert BankFile.objects.get().done == 2
    assert match_new(agency(), now=LATER).matched == 1
    assert BankFile.objects.get().finished_at == LATER


def test_an_agency_whose_lines_break_keeps_no_other_waiting(world, monkeypatch):
    matched, reminded = [], []

    def matching(agency: int) -> None:
        if agency == 1:
            raise RuntimeError
        matched.append(agency)

    monkeypatch.setattr(tasks, "agencies_waiting", lambda *, now: [1, 2])
    monkeypatch.setattr(tasks, "match_new", matching)
    monkeypatch.setattr(tasks, "remind", lambda *, now: reminded.append(now))
    with capture_logs() as logs:
        tasks.bank()
    assert (matched, len(reminded)) == ([2], 1)
    assert [(line["event"], line["agency"]) for line in logs if line["log_level"] == "error"] == [("work_waits", 1)]
