"""Batches of payments: made by one, approved by another; what is refused leaves with its reason, the rest goes."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.world import IN, MONDAY, OUT, World
from transfers.access import Actor, actor_for
from transfers.actions.batches import Outcome, approve_batch, cancel_batch, drop_payment, file_of, make_batch
from transfers.demo.receiving import account_number_for
from transfers.models import AccessEvent, Agency, LedgerTransaction, Payment, PaymentBatch, TransferCase
from transfers.rules.errors import Refusal


@pytest.fixture
def agency(db: None) -> int:
    return Agency.objects.get(area_id=OUT).pk


@pytest.fixture
def maker(world: World) -> Actor:
    return actor_for(world.out_handler)


@pytest.fixture
def checker(world: World) -> Actor:
    return actor_for(world.out_reviewer)


def frozen(world: World, serial: int) -> TransferCase:
    """A case whose balance is fixed and waits to be sent."""
    return world.carry(world.accepted(serial), "approve_in")


def refused(code: str, function: Any, *args: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        function(*args, now=MONDAY, **more)
    assert caught.value.code == code, caught.value
    return caught.value


def why(outcome: Outcome) -> list[tuple[int | None, str]]:
    return [(left.case, left.why.code) for left in outcome.left_out]


def test_a_batch_from_proposal_to_file(world: World, agency: int, maker: Actor, checker: Actor) -> None:
    one, two, proposed = (frozen(world, serial) for serial in (1, 2, 3))
    world.take(proposed, "propose_remittance", world.out_handler)
    made = make_batch(maker, agency, cases=[one.pk, two.pk, proposed.pk, one.pk], now=MONDAY)
    batch = made.batch
    assert (made.left_out, batch.state, batch.count, batch.total_fen) == ([], "draft", 3, 3 * 345_678)
    assert {world.money(case).state for case in (one, two, proposed)} == {"REMIT_REVIEW"}

    # Not by its maker, not by others, and its payments not one by one.
    refused("J-FOUR-EYES", approve_batch, maker, batch.pk)
    for other in (world.in_reviewer, world.out_lead, world.stranger):
        refused("J-NOT-YOURS", approve_batch, actor_for(other), batch.pk)
        refused("J-NOT-YOURS", make_batch, actor_for(other), agency, cases=[one.pk])
    refused("J-NOT-FOUND", approve_batch, checker, 0)
    refused("J-BATCH-DONE", file_of, checker, batch.pk)
    with pytest.raises(Refusal, match="J-IN-BATCH"):
        world.take(one, "approve_remittance", world.out_reviewer)
    assert why_not(make_batch, maker, agency, cases=[one.pk]) == ["J-NO-PAYMENT"]

    approved = approve_batch(checker, batch.pk, now=MONDAY)
    batch = approved.batch
    assert (approved.left_out, batch.state, batch.sequence, batch.count) == ([], "approved", 1, 3)
    assert {world.money(case).state for case in (one, two, proposed)} == {"IN_TRANSIT"}
    assert set(Payment.objects.values_list("state", "batch", "sent_at")) == {("sent", batch.pk, MONDAY)}
    refused("J-BATCH-DONE", approve_batch, checker, batch.pk)
    refused("J-BATCH-DONE", cancel_batch, checker, batch.pk)

    refused("J-NOT-YOURS", file_of, actor_for(world.out_lead), batch.pk)
    name, data = file_of(checker, batch.pk, now=MONDAY)
    assert name == "JXPAY-450100-000001.csv"
    payee = f"{Agency.objects.get(area_id=IN).name}（演示）"
    body = "".join(
        [
            "H,JXPAY,1,450100,1,2026-06-01,3,10370.34,CNY\n",
            *(
                f"P,{n},{case.number}-1,{payee},演示银行,{account_number_for(IN)},3456.78,基本医疗保险个人账户余额划转\n"
                for n, case in enumerate((proposed, one, two), 1)
            ),
        ]
    ).encode()
    assert data == body + f"T,{hashlib.sha256(body).hexdigest()}\n".encode()
    assert file_of(maker, batch.pk, now=MONDAY + timedelta(days=1)) == (name, data)
    batch.refresh_from_db()
    assert (batch.digest, batch.fetched_at) == (hashlib.sha256(data).hexdigest(), MONDAY)
    fetched = AccessEvent.objects.filter(kind="export", detail="JXPAY-450100-000001.csv rows=3")
    assert list(fetched.order_by("pk").values_list("user", flat=True)) == [checker.user_id, maker.user_id]

    Payment.objects.filter(case=two).update(amount_fen=1)
    refused("J-BATCH-CHANGED", file_of, maker, batch.pk)


def why_not(function: Any, *args: Any, **more: Any) -> list[str]:
    """The reasons of a batch with nothing in it."""
    return [problem["code"] for problem in refused("J-BATCH-EMPTY", function, *args, **more).details["problems"]]


def test_what_is_refused_leaves_the_batch_and_the_rest_goes(
    world: World, agency: int, maker: Actor, checker: Actor
) -> None:
    good, early, of_checker, moved = (frozen(world, serial) for serial in (1, 2, 3, 4))
    not_there = world.accepted(5)
    world.take(of_checker, "propose_remittance", world.out_reviewer)
    made = make_batch(maker, agency, cases=[good.pk, early.pk, of_checker.pk, moved.pk, not_there.pk, 0], now=MONDAY)
    assert why(made) == [(0, "J-NOT-FOUND"), (not_there.pk, "J-NO-PAYMENT")]
    inbound, agency_in = actor_for(world.in_handler), Agency.objects.get(area_id=IN).pk
    assert why_not(make_batch, inbound, agency_in, cases=[good.pk]) == ["J-NOT-FOUND"]
    assert made.batch.count == 4
    with pytest.raises(Refusal, match="J-IN-BATCH"):
        world.take(early, "reject_remittance", world.out_reviewer, reason="F-05", note="金额有疑问")

    left = Payment.objects.get(case=early)
    approved = approve_batch(checker, made.batch.pk, without=[left.pk], now=MONDAY)
    assert why(approved) == [(of_checker.pk, "J-FOUR-EYES")]
    assert (approved.batch.count, approved.batch.total_fen) == (2, 2 * 345_678)
    states = {case.pk: world.money(case).state for case in (good, early, of_checker, moved)}
    assert [states[c.pk] for c in (good, moved, early, of_checker)] == ["IN_TRANSIT"] * 2 + ["REMIT_REVIEW"] * 2
    assert LedgerTransaction.objects.filter(kind="207").count() == 2
    assert list(Payment.objects.filter(batch=None).values_list("state", flat=True)) == ["ready", "ready"]

    # What was left goes in the next batch, which has the next number; alone it is approved by itself.
    again = make_batch(checker, agency, cases=[of_checker.pk], now=MONDAY)
    assert approve_batch(maker, again.batch.pk, now=MONDAY).batch.sequence == 2
    world.take(early, "approve_remittance", world.out_reviewer)
    single = Payment.objects.get(case=early).batch
    assert single is not None
    assert (single.sequence, single.count, single.state) == (3, 1, "approved")
    assert hashlib.sha256(file_of(maker, single.pk, now=MONDAY)[1]).hexdigest() == single.digest


def test_a_batch_with_nothing_left_changes_nothing(world: World, agency: int, maker: Actor, checker: Actor) -> None:
    case = frozen(world, 1)
    world.take(case, "propose_remittance", world.out_reviewer)
    batch = make_batch(maker, agency, cases=[case.pk], now=MONDAY).batch
    assert why_not(approve_batch, checker, batch.pk) == ["J-FOUR-EYES"]
    batch.refresh_from_db()
    assert (batch.state, batch.sequence, batch.payments.count()) == ("draft", None, 1)
    cancel_batch(checker, batch.pk, note="经办与复核为同一人", now=MONDAY)
    batch.refresh_from_db()
    assert (batch.state, batch.note, batch.payments.count()) == ("cancelled", "经办与复核为同一人", 0)
    refused("J-BATCH-DONE", approve_batch, checker, batch.pk)
    again = make_batch(checker, agency, cases=[case.pk], now=MONDAY).batch
    assert approve_batch(maker, again.pk, now=MONDAY).batch.sequence == 1  # the numbers have no gap

    # A case that ends meanwhile takes its payment along.
    other = world.carry(world.accepted(2), "approve_out")
    batch = make_batch(maker, agency, cases=[other.pk], now=MONDAY).batch
    world.take(other, "terminate", world.in_lead, reason="W-04", note="已去世")
    assert "付款均已撤出" in refused("J-BATCH-EMPTY", approve_batch, checker, batch.pk).zh

    refused("J-BATCH-SIZE", make_batch, maker, agency)
    refused("J-BATCH-SIZE", make_batch, maker, agency, cases=list(range(1001)))


def test_a_payee_that_a_spreadsheet_would_run_stays_out(world: World, agency: int, maker: Actor) -> None:
    case = frozen(world, 1)
    world.take(case, "propose_remittance", world.out_handler)
    Payment.objects.filter(case=case).update(payee_bank="=HYPERLINK()")
    assert why_not(make_batch, maker, agency, cases=[case.pk]) == ["J-FIELD"]
    assert not PaymentBatch.objects.exists()


def test_a_batch_interrupted_midway_posts_nothing(
    world: World, agency: int, maker: Actor, checker: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [frozen(world, serial) for serial in (1, 2)]
    batch = make_batch(maker, agency, cases=[case.pk for case in cases], now=MONDAY).batch

    def dies(*_args: Any) -> bytes:
        raise KeyboardInterrupt  # after everything but the digest was written

    with monkeypatch.context() as patch:
        patch.setattr("transfers.actions.batches.payment_file", dies)
        with pytest.raises(KeyboardInterrupt):
            approve_batch(checker, batch.pk, now=MONDAY)
    assert {world.money(case).state for case in cases} == {"REMIT_REVIEW"}
    assert not LedgerTransaction.objects.filter(kind="207").exists()
    assert set(Payment.objects.values_list("state", "batch__state", "batch__sequence")) == {("ready", "draft", None)}
    assert approve_batch(checker, batch.pk, now=MONDAY).batch.sequence == 1


def test_a_payment_that_follows_goes_with_a_batch_or_is_dropped(
    world: World, agency: int, maker: Actor, checker: Actor
) -> None:
    case = world.carry(world.accepted(1), "approve_remittance")
    first = Payment.objects.get(case=case)

    def follows(number: int) -> Payment:
        more = {"kind": "rest", "state": "ready", "batch": None, "sent_at": None, "made_by_id": maker.user_id}
        kept = {f.attname: getattr(first, f.attname) for f in Payment._meta.concrete_fields if f.attname != "id"}
        given = {**kept, **more, "batch_id": None, "number": number, "reference": f"{case.number}-{number}"}
        given.pop("batch")
        return Payment.objects.create(**given)

    rest, other = follows(2), follows(3)
    batch = make_batch(maker, agency, payments=[rest.pk, other.pk, 0], now=MONDAY)
    assert [left.payment for left in batch.left_out] == [0]
    refused("J-NOT-FOUND", drop_payment, checker, rest.pk, note="不再补汇")  # it lies in a batch
    approved = approve_batch(checker, batch.batch.pk, without=[other.pk], now=MONDAY)
    assert (approved.batch.sequence, approved.batch.count) == (2, 1)
    states = dict(Payment.objects.values_list("pk", "state"))
    assert [states[row.pk] for row in (first, rest, other)] == ["sent", "sent", "ready"]
    assert LedgerTransaction.objects.filter(kind="207").count() == 1  # what follows moves no ledger
    refused("J-NOTE", drop_payment, checker, other.pk, note=" ")
    refused("J-NOT-FOUND", drop_payment, checker, first.pk, note="不再补汇")
    assert drop_payment(checker, other.pk, note="不再补汇", now=MONDAY).state == "cancelled"
    refused("J-NOT-FOUND", drop_payment, checker, other.pk, note="不再补汇")
