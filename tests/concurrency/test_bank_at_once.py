"""Two finance people with the bank's files at the same instant: no number twice, no payment twice, no answer twice.

Each race stands beside its control: the same meeting with the guard taken away, where it does go wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import Max

from tests.concurrency.racing import SHORT, WAIT, Meeting, at_once
from tests.world import MONDAY, OUT, World, user
from transfers.access import Actor, actor_for
from transfers.actions import batches, results
from transfers.actions.batches import approve_batch, make_batch
from transfers.actions.results import apply_results, take_results
from transfers.models import Agency, BankFile, LedgerTransaction, Payment, PaymentBatch, PaymentResult, TransferCase
from transfers.rules.bankfiles import Result, write_results
from transfers.rules.errors import Refusal
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db(transaction=True)


def agency() -> int:
    return Agency.objects.get(area_id=OUT).pk


def finance(world: World) -> tuple[Actor, Actor, Actor]:
    third = user("out_third", world.out, (Role.FINANCE,))
    return actor_for(world.out_handler), actor_for(world.out_reviewer), actor_for(third)


def proposed(world: World, serial: int) -> TransferCase:
    return world.carry(world.accepted(serial), "propose_remittance")


def two_approvals(world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool) -> list[Any]:
    """Two batches of one agency are approved at once; both have read the last number before either writes its own."""
    maker, checker, third = finance(world)
    drafts = [make_batch(maker, agency(), cases=[proposed(world, n).pk], now=MONDAY).batch.pk for n in (1, 2)]
    meeting, genuine = Meeting(timeout=SHORT if guarded else WAIT), batches.next_sequence

    def unguarded(pk: int) -> int:
        return (PaymentBatch.objects.filter(agency=pk).aggregate(last=Max("sequence"))["last"] or 0) + 1

    def next_sequence(pk: int) -> int:
        number = (genuine if guarded else unguarded)(pk)
        meeting.here()
        return number

    monkeypatch.setattr(batches, "next_sequence", next_sequence)
    outcomes = at_once(
        lambda: approve_batch(checker, drafts[0], now=MONDAY), lambda: approve_batch(third, drafts[1], now=MONDAY)
    )
    assert meeting.met is not guarded
    return outcomes


def test_two_batches_approved_at_once_have_two_numbers(committed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = two_approvals(committed, monkeypatch, guarded=True)
    assert sorted(outcome.batch.sequence for outcome in outcomes) == [1, 2]
    assert set(Payment.objects.values_list("state", flat=True)) == {"sent"}


def test_two_batches_approved_at_once_without_the_lock(committed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = two_approvals(committed, monkeypatch, guarded=False)
    assert [type(o) for o in outcomes if isinstance(o, Exception)] == [IntegrityError]
    assert LedgerTransaction.objects.filter(kind="207").count() == 1  # and nothing of the other


def test_one_payment_is_in_one_batch(committed: World) -> None:
    maker, checker, _third = finance(committed)
    case = proposed(committed, 1)
    outcomes = at_once(
        lambda: make_batch(maker, agency(), cases=[case.pk], now=MONDAY),
        lambda: make_batch(checker, agency(), cases=[case.pk], now=MONDAY),
    )
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, Refusal)
    assert refused.code == "J-BATCH-EMPTY"
    assert PaymentBatch.objects.count() == 1


def answered(world: World) -> bytes:
    case = world.carry(world.accepted(1), "approve_remittance")
    row = Result(1, f"{case.number}-1", False, "F-01", "", 345_678, MONDAY, "")
    return write_results([row], area=OUT, sequence=1, day=MONDAY.date())


def two_takings(world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool) -> list[Any]:
    """The same file twice at once; both have seen that it is not there before either keeps it."""
    data, meeting, genuine = answered(world), Meeting(timeout=SHORT if guarded else WAIT), results.read_results
    actors, pk = finance(world), agency()

    def read_results(*args: Any, **more: Any) -> Any:
        meeting.here()
        return genuine(*args, **more)

    monkeypatch.setattr("transfers.actions.results.read_results", read_results)
    if not guarded:
        monkeypatch.setattr(Agency.objects, "select_for_update", lambda **_how: Agency.objects.all())
    outcomes = at_once(*(lambda who=who: take_results(who, pk, data, now=MONDAY) for who in actors[:2]))
    assert meeting.met is not guarded
    return outcomes


def test_one_file_taken_in_twice_at_once(committed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = two_takings(committed, monkeypatch, guarded=True)
    assert sorted(outcome.again for outcome in outcomes) == [False, True]
    assert BankFile.objects.count() == PaymentResult.objects.count() == 1


def test_one_file_taken_in_twice_at_once_without_the_lock(committed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = two_takings(committed, monkeypatch, guarded=False)
    assert [type(o) for o in outcomes if isinstance(o, Exception)] == [IntegrityError]
    assert BankFile.objects.count() == 1


def test_one_file_acted_upon_twice_at_once(committed: World) -> None:
    data = answered(committed)
    actors = finance(committed)
    file = take_results(actors[0], agency(), data, now=MONDAY).file
    outcomes = at_once(
        *(lambda who=who: apply_results(who, BankFile.objects.get(pk=file.pk), now=MONDAY) for who in actors[:2])
    )
    assert sorted(outcome.returned for outcome in outcomes) == [0, 1]
    assert [outcome.problems for outcome in outcomes] == [0, 0]
    assert LedgerTransaction.objects.filter(kind="back").count() == 1
