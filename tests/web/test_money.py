"""The money for the person: why it goes where it goes, when it may be expected and on what ground, and their choice."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from tests.web.conftest import look_up, verified
from tests.world import IN, MONDAY, OUT
from transfers import memory
from transfers.actions.measuring import measure_pairs
from transfers.models import CaseEvent, MeasuredPair, Policy, Remittance, TransferCase
from transfers.rules.measured import ENOUGH, Measured, measure
from transfers.selectors.expectations import measured_between
from transfers.selectors.progress import money_view

CARD, SLIP = "6222000000000000004", "6222000000000000005"


def policy(**values: object) -> None:
    """Nanning's own rules."""
    edition = {"version": 90, "valid_from": "2026-01-01", "document_number": "测试", "published_at": MONDAY}
    Policy.objects.create(area_id=OUT, values=values, **edition)
    memory.forget()


def test_measures_are_figures_that_occurred_and_few_say_nothing():
    since = date(2026, 1, 5)
    assert measure([3] * (ENOUGH - 1), since=since) is None
    assert measure([3] * ENOUGH, since=since) == Measured(ENOUGH, since, 3, 3)
    measured = measure([40, *range(1, 20)], since=since)
    assert measured is not None
    assert (measured.count, measured.half, measured.nine) == (20, 10, 18)
    assert "最近20笔" in measured.said.zh
    assert "within 1 working day of" in Measured(9, since, 1, 4).said.en
    assert "各地" in Measured(9, since, 1, 4, anywhere=True).said.zh


@pytest.mark.django_db
def test_what_is_measured_is_the_way_between_the_two_areas(world):
    """Five credited after two working days; where too few went to an area, all that left the outbound one count."""
    for serial in range(1, ENOUGH + 1):
        case = world.carry(world.accepted(serial), "approve_remittance")
        world.carry_from(case, "record_receipt", "credit_account", now=MONDAY + timedelta(days=2))
    assert measured_between(OUT, IN) is None
    assert measure_pairs(now=MONDAY + timedelta(days=3)) == 2
    assert measured_between(OUT, IN) == Measured(ENOUGH, MONDAY.date(), 2, 2)
    assert measured_between(OUT, "440100") == Measured(ENOUGH, MONDAY.date(), 2, 2, anywhere=True)
    assert measured_between(IN, OUT) is None
    sent = world.carry(world.accepted(9), "approve_remittance")
    told = money_view(sent, MONDAY).expected
    assert told is not None
    assert (told.by, told.promised, told.overdue) == (date(2026, 6, 3), False, False)
    assert f"{ENOUGH}笔" in told.why.zh
    late = money_view(sent, MONDAY + timedelta(days=3)).expected
    assert late is not None
    assert late.overdue
    assert money_view(case, MONDAY).expected is None, "nothing is expected of what has arrived"
    assert measure_pairs(now=MONDAY + timedelta(days=800)) == 0, "what is long ago says nothing"
    assert MeasuredPair.objects.count() == 0


@pytest.mark.django_db
def test_a_limit_of_the_area_is_told_as_one(world, browser):
    policy(fund_remit_days=5)
    case = world.carry(world.accepted(), "approve_in")
    told = money_view(case, MONDAY).expected
    assert told is not None
    assert (told.by, told.promised) == (date(2026, 6, 8), True)
    verified(browser, case.number)
    text = browser.get("/track/status/").content.decode()
    assert "2026-06-08" in text
    assert "3,456.78" in text
    assert CaseEvent.objects.get(case=case, name="freeze").data["why"]["zh"] in text


@pytest.mark.django_db
def test_the_person_chooses_where_it_goes(world, browser):
    policy(cross_province_fund="payout_else")
    case = world.carry(world.accepted(), "approve_in")
    chosen = {"version": case.version, "destination": "account", "payee_bank": "测试银行", "payee_account": CARD}
    look_up(browser, case.number)
    assert "/track/destination/" not in browser.get("/track/status/").content.decode()
    assert browser.post("/track/destination/", chosen).status_code == 303
    assert Remittance.objects.get(case=case).chosen_at is None, "not without the second proof"
    verified(browser, case.number)
    text = browser.get("/track/status/").content.decode()
    assert 'action="/track/destination/"' in text
    for change, words in (
        ({"payee_account": SLIP}, "账号"),
        ({"payee_account": ""}, 'class="problem"'),
        ({"payee_bank": ""}, 'class="problem"'),
        ({"destination": "wallet"}, 'class="problem"'),
    ):
        wrong = browser.post("/track/destination/", chosen | change)
        assert wrong.status_code == 400
        assert words in wrong.content.decode()
    assert browser.post("/track/destination/", chosen | {"version": case.version - 1}).status_code == 409
    assert browser.post("/track/destination/", chosen).status_code == 303
    money = Remittance.objects.get(case=case)
    assert (money.destination, money.payee_account, money.payee_name) == ("account", CARD, case.name)
    text = browser.get("/track/status/").content.decode()
    assert "•••• 0004" in text
    assert CARD not in text
    # They may think again until it is sent; the account is forgotten then.
    version = TransferCase.objects.get(pk=case.pk).version
    assert browser.post("/track/destination/", {"version": version, "destination": "inbound"}).status_code == 303
    money = Remittance.objects.get(case=case)
    assert (money.destination, money.payee_account) == ("inbound", "")
    world.take(case, "propose_remittance", world.out_handler, now=timezone.now())
    version = TransferCase.objects.get(pk=case.pk).version
    assert browser.post("/track/destination/", {**chosen, "version": version}).status_code == 409
