"""What is shown at which level of proof, and that nothing more is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from notifications.models import Letter
from tests.web.conftest import TAIL, look_up, sent_code, verified
from tests.world import application, identity_number, person
from transfers.access import actor_for
from transfers.actions.intake import apply
from transfers.models import AccessEvent, Enrolment
from transfers.rules.parties import Channel

pytestmark = pytest.mark.django_db


def outcomes() -> list[str]:
    return list(AccessEvent.objects.filter(kind="lookup").order_by("id").values_list("outcome", flat=True))


def page(client: Client) -> str:
    response = client.get("/track/status/")
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def paid(world):
    """A case whose money has been sent."""
    world.everyone()
    return world.carry(world.accepted(now=timezone.now() - timedelta(days=9)), "approve_remittance")


def test_number_and_tail_open_the_stage_line_only(world, browser):
    case = world.accepted(now=timezone.now())
    assert look_up(browser, case.number).status_code == 303
    text = page(browser)
    for shown in (
        "转出地待办理",
        "测**",
        case.number,
        case.outbound_agency.name,
        case.outbound_agency.phone,
        "剩余10个工作日",
        "共 10 个工作日",
        "承诺办结",
        "您不需要做什么",
        "信息表传送",
    ):
        assert shown in text
    for hidden in (
        "办理经过</h2>",
        "资金进度</h2>",
        "申请日期",
        "经两地校验",
        "测试甲",
        "1380000",
        identity_number(1),
        "杭州市",
    ):
        assert hidden not in text


def test_the_code_opens_history_and_money(paid, browser):
    assert "3,456.78" not in _line_of(browser, paid.number)
    verified(browser, paid.number)
    text = page(browser)
    for shown in (
        "办理经过</h2>",
        "转出地已完成转出",
        "资金进度",
        "3,456.78",
        "转出地划出",
        "尚未",
        "广西壮族自治区南宁市",
        "浙江省杭州市",
    ):
        assert shown in text
    for hidden in ("测试甲", "1380000", identity_number(1), "out_handler", "in_reviewer"):
        assert hidden not in text
    assert outcomes() == ["ok", "ok", "code_sent", "code_ok"]
    assert not AccessEvent.objects.filter(kind="lookup", case=None).exists()


def _line_of(client: Client, number: str) -> str:
    look_up(client, number)
    return page(client)


def test_reasons_and_remedies_come_after_the_code(world, browser):
    made = person()
    Enrolment.objects.filter(person=made, area="450100").update(status="1", arrears=True)
    case = apply(application(), actor_for(world.in_handler), channel=Channel.WINDOW_IN)
    assert case.state == "NOT_ACCEPTED"
    line = _line_of(browser, case.number)
    assert "未受理" in line
    assert "V-O-01" not in line
    assert "验证手机后可查看每项原因" in line
    verified(browser, case.number)
    text = page(browser)
    assert "转出地未中止参保" in text
    assert "请先由原单位或本人在转出地办理停保" in text
    assert "V-O-03" in text
    assert "余额将在转出地复核后确定" not in text


def test_overdue_is_said_in_words(world, browser):
    case = world.accepted(now=timezone.now() - timedelta(days=40))
    assert "已超承诺时限" in _line_of(browser, case.number)


def test_a_provisional_date_is_marked(world, browser, monkeypatch):
    case = world.accepted(now=timezone.now())
    assert "暂定" not in _line_of(browser, case.number)
    case.clocks.update(provisional=True, due_on=date(2027, 3, 1))
    assert "暂定" in _line_of(browser, case.number)


def test_the_amount_is_hidden_when_there_is_none_yet(world, browser):
    case = world.accepted(now=timezone.now())
    verified(browser, case.number)
    assert "余额将在转出地复核后确定" in page(browser)


@pytest.mark.parametrize(
    "typed",
    ["{n}", " {n} ", "{lower}", "{dashed}", "{full}"],
)
def test_a_number_may_be_typed_as_people_type(world, browser, typed):
    number = world.accepted(now=timezone.now()).number
    full = "".join(chr(ord(c) + 0xFEE0) for c in number)
    text = typed.format(n=number, lower=number.lower(), dashed=f"{number[:6]}-{number[6:10]} {number[10:]}", full=full)
    assert look_up(browser, text, f" {TAIL.lower()} ").status_code == 303


def test_english_on_request(world, browser):
    case = world.accepted(now=timezone.now())
    browser.post("/language/", {"language": "en", "next": "/track/"})
    look_up(browser, case.number)
    response = browser.get("/track/status/")
    assert b"Waiting for the outbound area" in response.content
    assert b'<html lang="en">' in response.content
    assert "转出地待办理" not in response.content.decode()


def test_the_code_is_in_the_secret_only(world, browser):
    case = world.accepted(now=timezone.now())
    look_up(browser, case.number)
    browser.post("/track/code/")
    letter = Letter.objects.get(template="code")
    code = sent_code(case.number)
    assert (letter.channel, letter.address, len(code)) == ("sms", "13800000001", 6)
    assert code not in str(letter.context)
    assert letter.not_after - letter.created_at == timedelta(minutes=5)


def test_a_wrong_code_opens_nothing(world, browser):
    case = world.accepted(now=timezone.now())
    look_up(browser, case.number)
    browser.post("/track/code/")
    right = sent_code(case.number)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    response = browser.post("/track/verify/", {"code": wrong})
    assert response.status_code == 400
    assert "J-CODE" in response.content.decode()
    assert "办理经过</h2>" not in page(browser)
    assert browser.post("/track/verify/", {"code": right}).status_code == 303
    assert "办理经过</h2>" in page(browser)
    assert outcomes() == ["ok", "code_sent", "code_bad", "code_ok"]


def test_a_code_works_once_and_for_its_own_case(world, browser):
    first, second = world.accepted(now=timezone.now()), world.accepted(2, now=timezone.now())
    look_up(browser, first.number)
    browser.post("/track/code/")
    code = sent_code(first.number)
    other = Client()
    look_up(other, second.number, identity_number(2)[-6:])
    assert other.post("/track/verify/", {"code": code}).status_code == 400
    assert browser.post("/track/verify/", {"code": code}).status_code == 303
    assert browser.post("/track/verify/", {"code": code}).status_code == 400
