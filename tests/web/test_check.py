"""Could I apply now: from what a person says of themselves, with nothing looked up and nothing kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.world import person
from transfers.models import AccessEvent, CaseEvent, TransferCase
from transfers.web import checking
from transfers.web.checking import CheckForm

pytestmark = pytest.mark.django_db
ANSWERS = {
    "outbound_area": "450100",
    "outbound_scheme": "310",
    "outbound_status": "2",
    "insured_since": "2021-01",
    "last_paid": "2026-02",
    "inbound_area": "330100",
    "inbound_scheme": "310",
    "inbound_status": "1",
    "enrolled_from": "2026-05",
}


def asked(browser: Any, **more: str) -> Any:
    return browser.post("/track/check/", {**ANSWERS, **more})


def test_nothing_stands_against_it(browser):
    text = asked(browser).content.decode()
    assert "现在可以申请" in text
    # February paid, May paid: two months between, to be back-paid by the end of June; 62 and 2 months.
    assert "2026-06-30" in text
    assert "2个月" in text
    assert ">64<" in text
    browser.cookies["django_language"] = "en"
    english = asked(browser).content.decode()
    assert "By what you say, you could apply now." in english
    assert "You may back-pay" in english


def test_everything_that_stands_against_it_side_by_side_with_what_to_do(browser):
    response = asked(browser, outbound_status="1", arrears="on", open_claims="on", inbound_status="0", retired="on")
    text = response.content.decode()
    assert response.status_code == 200
    for code in ("V-O-01", "V-O-03", "V-O-04", "V-O-06", "V-I-01"):
        assert code in text
    assert "请先由原单位或本人在转出地办理停保" in text
    assert "政策版本：全国第1版" in text
    assert "还不能受理" in text


def test_residents_hear_of_the_year_and_the_same_area_is_said(browser):
    resident = {"outbound_scheme": "390", "inbound_scheme": "390", "last_paid": "2026-02"}
    assert "V-I-05" in asked(browser, **resident).content.decode()
    assert "V-I-06" in asked(browser, inbound_area="450100").content.decode()


def test_a_month_to_come_is_planned_with(browser):
    text = asked(browser, inbound_status="0", enrolled_from="2026-07", last_paid="2026-02").content.decode()
    assert "V-I-01" in text
    assert "最迟2026-12-31届满" in text, "four months missed, six to wait from July"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("outbound_area", "", "请选择统筹区"),
        ("outbound_area", "450000", "请选择"),
        ("outbound_area", "<b>", "请选择"),
        ("outbound_status", "3", "有效"),
        ("last_paid", "2026-13", "2026-03"),
        ("last_paid", "2026-07", "还没有到"),
        ("last_paid", "", "最后"),
        ("insured_since", "2026-03", "晚于"),
        ("enrolled_from", "0001-01", "不正确"),
        ("enrolled_from", "９９９９-01", "2026-03"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(field, value, words):
    form = CheckForm({**ANSWERS, field: value})
    assert not form.is_valid()
    assert words in "".join(form.errors[field])
    assert len(form.errors) == 1


def test_nothing_that_was_typed_is_lost(browser):
    response = asked(browser, last_paid="2026-13")
    text = response.content.decode()
    assert response.status_code == 400
    assert 'value="2021-01"' in text
    assert "月份请写成 2026-03 的形式。" in text


def test_nobody_is_looked_up_and_nothing_is_kept(browser):
    person(1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = asked(browser)
    tables = " ".join(query["sql"] for query in queries)
    for table in ("transfers_person", "transfers_enrolment", "transfers_contributionperiod", "transfers_transfercase"):
        assert table not in tables
    assert not AccessEvent.objects.exists()
    assert not CaseEvent.objects.exists()
    assert not TransferCase.objects.exists()
    assert response["Cache-Control"] == "no-store"
    assert "<script" not in response.content.decode()
    assert " style=" not in response.content.decode()


def test_an_address_asks_so_often_and_no_more(browser, monkeypatch):
    monkeypatch.setattr(checking, "CAPACITY", 1.0)
    monkeypatch.setattr(checking, "PER_SECOND", 1e-6)
    assert asked(browser).status_code == 200
    limited = asked(browser)
    assert limited.status_code == 429
    assert int(limited["Retry-After"]) > 0
    assert 'value="2021-01"' in limited.content.decode(), "what was typed is still there"
