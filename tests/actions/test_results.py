"""What the bank says of payments: taken in whole and in sequence, acted upon once, or kept with a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.world import IN, MONDAY, OUT, World
from transfers.access import Actor, actor_for
from transfers.actions import results
from transfers.actions.batches import approve_batch, make_batch
from transfers.actions.door import perform_many
from transfers.actions.results import apply_results, preview, set_aside, take_results
from transfers.models import (
    Agency,
    BankFile,
    LedgerEntry,
    LedgerTransaction,
    Payment,
    PaymentResult,
    TransferCase,
)
from transfers.rules.bankfiles import Result, write_results
from transfers.rules.errors import Refusal

AMOUNT = 345_678
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def agency(db: None) -> int:
    return Agency.objects.get(area_id=OUT).pk


@pytest.fixture
def actor(world: World) -> Actor:
    return actor_for(world.out_handler)


def paid(reference: str, **more: Any) -> Result:
    row = Result(0, reference, True, "", f"B-{reference}", AMOUNT, MONDAY, "")
    return row._replace(**more)


def back(reference: str, reason: str = "F-01", **more: Any) -> Result:
    row = Result(0, reference, False, reason, f"B-{reference}", AMOUNT, MONDAY, "户名不符")
    return row._replace(**more)


def a_file(*rows: Result, sequence: int = 1, area: str = OUT) -> bytes:
    return write_results(rows, area=area, sequence=sequence, day=MONDAY.date())


def sent(world: World, agency: int, *serials: int, to_person: tuple[int, ...] = ()) -> list[TransferCase]:
    """Cases whose payments have gone to the bank in one batch."""
    cases = [world.carry(world.accepted(serial), "approve_in") for serial in serials]
    for serial, case in zip(serials, cases, strict=True):
        if serial in to_person:
            Payment.objects.filter(case=case).delete()
            world.take(
                case,
                "pay_out_instead",
                world.out_handler,
                reason="P-03",
                note="凭证明",
                data={"payee_name": "测试乙", "payee_bank": "演示银行", "payee_account": "12345678"},
            )
    made = make_batch(actor_for(world.out_handler), agency, cases=[case.pk for case in cases], now=MONDAY)
    approved = approve_batch(actor_for(world.out_reviewer), made.batch.pk, now=MONDAY)
    assert (made.left_out, approved.left_out) == ([], [])
    return cases


def refused(code: str, function: Callable[..., Any], *args: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        function(*args, now=TUESDAY, **more)
    assert caught.value.code == code, caught.value
    return caught.value


def payment(case: TransferCase) -> Payment:
    return Payment.objects.filter(case=case).latest("number")


def test_paid_and_returned(world: World, agency: int, actor: Actor) -> None:
    one, two, heirs, heirs_back = sent(world, agency, 1, 2, 3, 4, to_person=(3, 4))
    rows = [
        paid(f"{one.number}-1"),
        back(f"{two.number}-1"),
        paid(f"{heirs.number}-1"),
        back(f"{heirs_back.number}-1", "F-02", note=""),
    ]
    data = a_file(*rows)
    seen = preview(actor, agency, data, now=TUESDAY)
    assert (seen.paid, seen.paid_fen, seen.returned, seen.returned_fen) == (2, 2 * AMOUNT, 2, 2 * AMOUNT)
    assert not BankFile.objects.exists()
    refused("J-NOT-YOURS", take_results, actor_for(world.in_handler), agency, data)
    taken = take_results(actor, agency, data, name="r.csv", now=TUESDAY)
    assert (taken.again, taken.file.count, taken.file.done, taken.file.finished_at) == (False, 4, 0, None)
    assert preview(actor, agency, data, now=TUESDAY).again
    assert {world.money(c).state for c in (one, two)} == {"IN_TRANSIT"}  # nothing has been acted upon yet
    refused("J-NOT-YOURS", apply_results, actor_for(world.in_handler), taken.file)

    told: list[tuple[int, int]] = []
    done = apply_results(actor, taken.file, now=TUESDAY, tell=lambda *far: told.append(far))
    assert (done.paid, done.returned, done.problems, told) == (2, 2, 0, [(4, 4)])
    assert [world.money(c).state for c in (one, two, heirs, heirs_back)] == [
        "IN_TRANSIT",
        "REMIT_FAILED",
        "PAID_TO_PERSON",
        "REMIT_FAILED",
    ]
    assert [(payment(c).state, payment(c).reason) for c in (one, two, heirs, heirs_back)] == [
        ("paid", ""),
        ("returned", "F-01"),
        ("paid", ""),
        ("returned", "F-02"),
    ]
    assert world.money(two).trouble_note == "户名不符"
    assert world.money(heirs_back).trouble_note == "收款账号错误"
    assert payment(one).bank_reference == f"B-{one.number}-1"
    assert payment(one).answered_at == MONDAY
    assert sorted(LedgerTransaction.objects.values_list("kind", flat=True)) == sorted(
        ["fix", "207"] * 4 + ["back", "208", "back"]
    )
    heirs_got = LedgerEntry.objects.filter(book="heirs").values_list("amount_fen", flat=True)
    assert list(heirs_got) == [AMOUNT]

    # The same file again, taken in or acted upon, changes nothing.
    again = take_results(actor, agency, data, now=TUESDAY)
    assert (again.again, again.file) == (True, taken.file)
    done = apply_results(actor, again.file, now=TUESDAY)
    assert (done.paid, done.returned, done.problems) == (0, 0, 0)
    assert LedgerTransaction.objects.count() == 11
    taken.file.refresh_from_db()
    assert (taken.file.done, taken.file.finished_at) == (4, TUESDAY)

    # Sent again it is another payment, and an answer to the first is none to it.
    world.take(two, "propose_remittance", world.out_handler)
    world.take(two, "approve_remittance", world.out_reviewer)
    late = take_results(actor, agency, a_file(back(f"{two.number}-1"), sequence=2), now=TUESDAY).file
    done = apply_results(actor, late, now=TUESDAY)
    assert (done.returned, done.problems) == (0, 1)
    assert (world.money(two).state, payment(two).state) == ("IN_TRANSIT", "sent")
    row = PaymentResult.objects.get(file=late)
    assert row.problem is not None
    assert (row.problem["code"], row.applied_at) == ("J-RESULT-ANSWERED", None)
    refused("J-NOTE", set_aside, actor, row.pk, note=" ")
    set_aside(actor, row.pk, note="银行重复通知", now=TUESDAY)
    refused("J-NOT-FOUND", set_aside, actor, row.pk, note="银行重复通知")

    # What was paid may still come back.
    last = take_results(actor, agency, a_file(back(f"{one.number}-1", "F-08"), sequence=3), now=TUESDAY).file
    assert apply_results(actor, last, now=TUESDAY).returned == 1
    assert (world.money(one).state, payment(one).state) == ("REMIT_FAILED", "returned")


def test_a_file_that_does_not_fit_is_refused_whole(world: World, agency: int, actor: Actor) -> None:
    (one,) = sent(world, agency, 1)
    two = world.carry(world.accepted(2), "propose_remittance")
    good = paid(f"{one.number}-1")

    def by_line(data: bytes) -> list[tuple[int, str]]:
        for function in (preview, take_results):
            problems = refused("J-FILE", function, actor, agency, data).details["problems"]
        return [(problem["line"], problem["code"]) for problem in problems]

    assert by_line(a_file(good)[:-3]) == [(0, "trailer")]
    assert by_line(a_file(good).replace(b"PAID", b"PAIX")) == [(0, "checksum"), (2, "status")]
    assert by_line(a_file(good, area=IN)) == [(1, "other-area")]
    never = paid("JX0000000000000-1")
    assert by_line(a_file(good, never, paid(f"{two.number}-1"))) == [(3, "unknown"), (4, "unknown")]
    assert by_line(a_file(good._replace(amount_fen=AMOUNT + 1), never)) == [(2, "differs"), (3, "unknown")]
    assert refused("J-FILE-GAP", take_results, actor, agency, a_file(good, sequence=2)).details == {
        "expected": 1,
        "found": 2,
    }
    assert not BankFile.objects.exists()
    assert not PaymentResult.objects.exists()

    take_results(actor, agency, a_file(good), now=TUESDAY)
    refused("J-FILE-SEQUENCE", take_results, actor, agency, a_file(back(f"{one.number}-1")))
    refused("J-FILE-GAP", take_results, actor, agency, a_file(sequence=3))
    empty = take_results(actor, agency, a_file(sequence=2), now=TUESDAY).file
    assert (empty.count, empty.finished_at) == (0, TUESDAY)
    assert apply_results(actor, empty, now=TUESDAY).paid == 0


def test_an_interrupted_run_goes_on_where_it_stopped(
    world: World, agency: int, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = sent(world, agency, 1, 2, 3, 4, 5)
    file = take_results(actor, agency, a_file(*(back(f"{case.number}-1") for case in cases)), now=TUESDAY).file
    monkeypatch.setattr(results, "CHUNK", 2)
    genuine, calls = perform_many, list[int]()

    def dies(*args: Any, **more: Any) -> Any:
        answers = genuine(*args, **more)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt  # after the second chunk's rows were written, before they were committed
        return answers

    monkeypatch.setattr("transfers.actions.results.perform_many", dies)
    with pytest.raises(KeyboardInterrupt):
        apply_results(actor, file, now=TUESDAY)
    assert [world.money(case).state for case in cases] == ["REMIT_FAILED"] * 2 + ["IN_TRANSIT"] * 3
    assert PaymentResult.objects.filter(applied_at=None).count() == 3
    assert LedgerTransaction.objects.filter(kind="back").count() == 2

    done = apply_results(actor, file, now=TUESDAY)
    assert done.returned == 3
    assert {world.money(case).state for case in cases} == {"REMIT_FAILED"}
    assert LedgerTransaction.objects.filter(kind="back").count() == 5
    file.refresh_from_db()
    assert (file.done, file.finished_at) == (5, TUESDAY)


def test_what_the_door_refuses_keeps_its_reason_and_can_be_tried_again(world: World, agency: int, actor: Actor) -> None:
    one, two = sent(world, agency, 1, 2)
    receipt = {"received_yuan": "3456.78", "bank_reference": "T-1"}
    world.take(one, "record_receipt", world.in_handler, data=receipt)
    file = take_results(actor, agency, a_file(back(f"{one.number}-1"), back(f"{two.number}-1")), now=TUESDAY).file
    done = apply_results(actor, file, now=TUESDAY)
    assert (done.returned, done.problems) == (1, 1)
    row = PaymentResult.objects.get(file=file, row=1)
    assert row.problem is not None
    assert (row.problem["code"], row.applied_at) == ("J-NOT-NOW", None)
    assert (world.money(one).state, payment(one).state) == ("RECEIVED", "sent")

    world.take(one, "undo_receipt", world.in_handler, reason="F-05", note="登记有误")
    assert apply_results(actor, file, now=TUESDAY).returned == 0
    assert apply_results(actor, file, retry=True, now=TUESDAY).returned == 1
    row.refresh_from_db()
    assert (row.problem, row.applied_at) == (None, TUESDAY)
    assert (world.money(one).state, payment(one).state) == ("REMIT_FAILED", "returned")
