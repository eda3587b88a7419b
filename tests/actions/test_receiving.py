"""The directory of receiving accounts: proposed by one, confirmed by another after a call back, never changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.world import IN, MONDAY, World
from transfers.access import Actor, actor_for
from transfers.actions import receiving
from transfers.demo.receiving import SINCE, account_number_for
from transfers.models import Agency, BankAccount
from transfers.places import account_of
from transfers.rules.errors import Refusal

TODAY = MONDAY.date()
TOMORROW = TODAY + timedelta(days=1)
GIVEN: dict[str, Any] = {"bank": "演示银行城东支行", "name": "杭州市医保基金专户", "number": "1234 5678 9012"}


@pytest.fixture
def agency(db: None) -> int:
    return Agency.objects.get(area_id=IN).pk


@pytest.fixture
def maker(world: World) -> Actor:
    return actor_for(world.in_handler)


@pytest.fixture
def checker(world: World) -> Actor:
    return actor_for(world.in_lead)


def refused(code: str, function: Any, *args: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        function(*args, now=MONDAY, **more)
    assert caught.value.code == code
    return caught.value


def test_another_account_follows_after_a_call_back(agency: int, maker: Actor, checker: Actor, world: World) -> None:
    before = account_of(agency, TODAY)
    assert before is not None
    row = receiving.propose(maker, agency, **GIVEN, valid_from=TODAY + timedelta(days=9), now=MONDAY)
    assert (row.state, row.number, row.made_by_id) == ("proposed", "123456789012", world.in_handler.pk)
    assert account_of(agency, TODAY + timedelta(days=9)) == before  # a proposal changes nothing

    refused("J-FOUR-EYES", receiving.confirm, maker, row.pk, callback_note="已回电")
    refused("J-NOT-YOURS", receiving.confirm, actor_for(world.out_lead), row.pk, callback_note="已回电")
    refused("J-CALLBACK", receiving.confirm, checker, row.pk)
    refused("J-CALLBACK", receiving.confirm, checker, row.pk, callback_note="  ")
    refused("J-NOT-FOUND", receiving.confirm, checker, 0, callback_note="已回电")
    note = "6月1日10时致电0571-12393王某，核实无误"
    receiving.confirm(checker, row.pk, callback_note=note, now=MONDAY)

    row.refresh_from_db()
    before.refresh_from_db()
    assert (row.state, row.checked_by_id, row.callback_note) == ("confirmed", world.in_lead.pk, note)
    assert (before.valid_from, before.valid_to) == (SINCE, TODAY + timedelta(days=8))
    assert account_of(agency, TODAY + timedelta(days=8)) == before
    assert account_of(agency, TODAY + timedelta(days=9)) == row
    assert account_of(agency, SINCE - timedelta(days=1)) is None
    refused("J-ACCOUNT-DONE", receiving.confirm, checker, row.pk, callback_note=note)
    refused("J-ACCOUNT-DONE", receiving.refuse, checker, row.pk, note="x")


def test_what_was_said_today_stays_so(agency: int, maker: Actor, checker: Actor) -> None:
    """A proposal that was confirmed late is in force from the next day, not from the past."""
    row = receiving.propose(maker, agency, **GIVEN, valid_from=TOMORROW, now=MONDAY)
    later = MONDAY + timedelta(days=7)
    receiving.confirm(checker, row.pk, callback_note="已回电核实", now=later)
    row.refresh_from_db()
    assert row.valid_from == later.date() + timedelta(days=1)
    assert account_of(agency, later.date()).number == account_number_for(IN)  # type: ignore[union-attr]


def test_the_first_account_needs_no_call_back(maker: Actor, checker: Actor, agency: int) -> None:
    BankAccount.objects.filter(agency=agency).delete()
    assert account_of(agency, TODAY) is None
    row = receiving.propose(maker, agency, **GIVEN, valid_from=TOMORROW, now=MONDAY)
    receiving.confirm(checker, row.pk, now=MONDAY)
    assert account_of(agency, TOMORROW) == row


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "6222000000000000005"}, "J-ACCOUNT"),
        ({"number": "1234567"}, "J-ACCOUNT"),
        ({"number": "１２３４５６７８９"}, "J-ACCOUNT"),
        ({"name": "=cmd()"}, "J-FIELD"),
        ({"name": ""}, "J-FIELD"),
        ({"bank": "甲\n乙"}, "J-FIELD"),
        ({"note": "\x07"}, "J-FIELD"),
        ({"valid_from": TODAY}, "J-FIELD"),
        ({"valid_from": date(2020, 1, 1)}, "J-FIELD"),
        (
            {"bank": "演示银行", "name": "杭州市医疗保障经办机构（演示）", "number": account_number_for(IN)},
            "J-ACCOUNT-SAME",
        ),
    ],
)
def test_what_cannot_be_an_account_is_refused(agency: int, maker: Actor, change: dict[str, Any], code: str) -> None:
    given = {**GIVEN, "valid_from": TOMORROW}
    refused(code, receiving.propose, maker, agency, **{**given, **change})
    assert not BankAccount.objects.filter(agency=agency, state="proposed").exists()
    assert receiving.propose(maker, agency, **given, now=MONDAY).pk


def test_only_the_agency_s_own_finance_staff_keep_them(agency: int, world: World) -> None:
    given = {**GIVEN, "valid_from": TOMORROW}
    for user in (world.out_handler, world.in_head, world.in_lead):
        if user == world.in_lead:
            assert receiving.propose(actor_for(user), agency, **given, now=MONDAY).pk
        else:
            refused("J-NOT-YOURS", receiving.propose, actor_for(user), agency, **given)


def test_one_waits_at_a_time_and_a_refused_one_says_why(agency: int, maker: Actor, checker: Actor) -> None:
    given = {**GIVEN, "valid_from": TOMORROW}
    row = receiving.propose(maker, agency, **given, now=MONDAY)
    refused("J-ACCOUNT-OPEN", receiving.propose, checker, agency, **given)
    refused("J-FOUR-EYES", receiving.refuse, maker, row.pk, note="填错")
    refused("J-NOTE", receiving.refuse, checker, row.pk, note=" ")
    receiving.refuse(checker, row.pk, note="回电核实：对方没有变更账户", now=MONDAY)
    row.refresh_from_db()
    assert (row.state, row.callback_note) == ("refused", "回电核实：对方没有变更账户")
    again = receiving.propose(maker, agency, **given, now=MONDAY)
    receiving.confirm(checker, again.pk, callback_note="已回电核实", now=MONDAY)
    third = receiving.propose(maker, agency, **{**given, "number": "12345678"}, now=MONDAY)
    refused("J-ACCOUNT-LATER", receiving.confirm, checker, third.pk, callback_note="已回电核实")
