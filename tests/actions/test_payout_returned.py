"""A payment to the person or the heirs that the bank returns after it was confirmed as paid."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Sum

from notifications.models import Letter
from tests.actions.test_money_guards import refused
from tests.actions.test_results import AMOUNT, TUESDAY, a_file, actor, agency, back, paid, payment, sent  # noqa: F401
from tests.world import IN, World, application, put_in_force, user
from transfers.access import Actor, actor_for
from transfers.actions.intake import apply
from transfers.actions.results import apply_results, take_results
from transfers.models import Clock, Enrolment, LedgerEntry, PaymentResult, TransferCase
from transfers.rules.parties import Channel, Role
from transfers.rules.workdays import local_date
from transfers.selectors.reconciliation import reconcile
from transfers.selectors.verify import problems

WHY = {"reason": "F-02", "note": "账户已注销"}


def books() -> dict[str, int]:
    return dict(LedgerEntry.objects.values_list("book").annotate(fen=Sum("amount_fen")).exclude(fen=0))


def told(agency: int, actor: Actor, *rows: Any, sequence: int) -> Any:  # noqa: F811
    file = take_results(actor, agency, a_file(*rows, sequence=sequence), now=TUESDAY).file
    return apply_results(actor, file, now=TUESDAY)


@pytest.fixture
def complete(world: World, agency: int, actor: Actor) -> TransferCase:  # noqa: F811
    """A case that is complete: the bank has paid the heirs."""
    put_in_force("450000", payout_cases=["death"], fund_remit_days=5)
    (case,) = sent(world, agency, 1, to_person=(1,))
    assert told(agency, actor, paid(f"{case.number}-1"), sequence=1).paid == 1
    case = TransferCase.objects.get(pk=case.pk)
    assert (case.state, world.money(case).state, books()["heirs"]) == ("COMPLETED", "PAID_TO_PERSON", AMOUNT)
    return case


@pytest.mark.parametrize("by_file", [True, False])
def test_what_was_paid_to_the_heirs_comes_back_and_is_paid_again(world, agency, actor, complete, by_file):  # noqa: F811
    case = complete
    if by_file:
        assert told(agency, actor, back(f"{case.number}-1", "F-02"), sequence=2).returned == 1
    else:
        world.take(case, "return_remittance", world.out_handler, now=TUESDAY, **WHY)
    case = TransferCase.objects.get(pk=case.pk)
    money = world.money(case)
    assert (case.state, money.state, money.credited_at) == ("RELATION_DONE", "REMIT_FAILED", None)
    assert (payment(case).state, payment(case).reason) == ("returned", "F-02")
    assert books() == {"personal": -AMOUNT, "fixed": AMOUNT}
    assert Clock.objects.get(case=case, kind="REMIT", status="running").started_at == TUESDAY
    assert Letter.objects.filter(subject_ref=case.number, template="money_back", context__was_paid=True).exists()
    day = reconcile(local_date(TUESDAY), now=TUESDAY)
    (row,) = day.rows
    assert (day.differences, row.returned_fen, row.closing_fen) == ((), AMOUNT, 0)
    assert problems(now=TUESDAY) == []
    # And once more, to where it can be paid.
    payee = {"payee_name": "测试乙", "payee_bank": "演示银行", "payee_account": "87654321"}
    world.take(case, "pay_out_instead", world.out_handler, now=TUESDAY, reason="P-03", note="新账户", data=payee)
    world.take(case, "propose_remittance", world.out_handler, now=TUESDAY)
    world.take(case, "approve_remittance", world.out_reviewer, now=TUESDAY)
    assert told(agency, actor, paid(f"{case.number}-2"), sequence=3 if by_file else 2).paid == 1
    assert TransferCase.objects.get(pk=case.pk).state == "COMPLETED"
    assert books() == {"personal": -AMOUNT, "heirs": AMOUNT}
    assert problems(now=TUESDAY) == []


def test_an_answer_to_a_payment_that_another_has_followed_is_kept_with_its_reason(world, agency, actor, complete):  # noqa: F811
    case = complete
    late = {"reason": "L-01", "note": "补息", "data": {"amount_yuan": "1.23"}}
    world.take(case, "open_supplement", world.out_handler, now=TUESDAY, **late)
    world.take(case, "propose_remittance", world.out_handler, now=TUESDAY)
    done = told(agency, actor, back(f"{case.number}-1"), sequence=2)
    assert (done.returned, done.problems, world.money(case).state) == (0, 1, "REMIT_REVIEW")
    assert PaymentResult.objects.get(applied_at=None).problem["code"] == "J-RESULT-ANSWERED"
    assert payment(case).amount_fen == 123
    assert problems(now=TUESDAY) == []


def test_who_has_moved_on_has_no_two_open_cases(world, agency, actor, complete):  # noqa: F811
    case = complete
    Enrolment.objects.filter(person=case.person, area_id=IN).update(status="2")
    Enrolment.objects.create(
        person=case.person, area_id="510100", scheme="310", status="1", name="测试甲", valid_from=local_date(TUESDAY)
    )
    clerk = actor_for(user("third", "510100", (Role.IN_HANDLER,)))
    onward = apply(application(1, out=IN, into="510100"), clerk, channel=Channel.WINDOW_IN, now=TUESDAY)
    assert onward.state == "ACCEPTED"
    refused("J-OTHER-OPEN", world.take, case, "return_remittance", world.out_handler, now=TUESDAY, **WHY)
    assert (world.money(case).state, books()["heirs"]) == ("PAID_TO_PERSON", AMOUNT)
