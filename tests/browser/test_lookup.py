"""A case followed on a telephone: little before the code, everything after it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.conf import settings as installed
from django.utils import timezone
from playwright.sync_api import expect

from notifications import outbox
from tests.world import MONDAY, identity_number
from transfers.rules import casenumber

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
NARROW = {"width": 360, "height": 740}


@pytest.fixture
def telephone(settings, tmp_path):
    """The messages that reached the person's telephone, the newest last, once the outbox has been drained."""
    settings.SMS_GATEWAY_URL, settings.SMS_FILE = "", tmp_path / "sms.jsonl"

    def messages() -> list[dict[str, str]]:
        outbox.drain(now=timezone.now(), worker="test")
        return [json.loads(line) for line in settings.SMS_FILE.read_text("utf-8").splitlines()]

    return messages


def fits(desk) -> bool:
    """Whether nothing runs out of a narrow window sideways."""
    size = desk.page.viewport_size
    desk.page.set_viewport_size(NARROW)
    over = desk.overflow()
    desk.page.set_viewport_size(size)
    return over <= 0


def test_a_case_is_followed_on_a_phone(world, window, telephone, album, time_machine):
    world.everyone()
    case = world.carry(world.accepted(), "approve_remittance", now=MONDAY, step=timedelta(minutes=5))
    time_machine.move_to(MONDAY + timedelta(days=1))
    telephone()
    desk = window(**PHONE)
    page = desk.page
    text = page.locator("body")

    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("转移接续进度查询")
    assert fits(desk)
    album(desk, "20-look-up-start")
    page.get_by_label("业务编号").fill(f" {case.number[:6]} {case.number[6:]}")
    page.get_by_label("证件号码后六位").fill(identity_number(1)[-6:])
    page.get_by_role("button", name="查询", exact=True).tap()

    # With number and tail: where it stands and whose turn it is. No name, no amount, no history.
    expect(page.get_by_role("heading", level=1)).to_have_text("关系已转入，余额待到账")
    expect(text).to_contain_text("测**")
    expect(text).to_contain_text("转入地")
    expect(page.locator("a[href^='tel:']")).to_be_visible()
    for secret in ("3,456.78", "3456.78", "测试甲", identity_number(1), "138****", "¥", "转出地已完成转出"):
        expect(text).not_to_contain_text(secret)
    assert fits(desk)
    album(desk, "21-look-up-line")

    # A wrong code opens nothing; the right one, once, everything.
    page.get_by_role("button", name="向登记手机发送验证码").tap()
    code_box = page.get_by_label("短信验证码")
    expect(code_box).to_be_visible()
    message = telephone()[-1]
    assert message["to"] == "13800000001"
    code = re.search(r"验证码 (\d{6})", message["text"])[1]
    desk.watch.expected.append(r"status of 4\d\d")
    code_box.fill("000000" if code != "000000" else "000001")
    page.get_by_role("button", name="验证并查看").tap()
    expect(page.get_by_role("alert")).to_contain_text("J-CODE")
    assert fits(desk)
    expect(text).not_to_contain_text("3,456.78")
    page.get_by_label("短信验证码").fill(code)
    page.get_by_role("button", name="验证并查看").tap()
    expect(page.get_by_role("region", name="资金进度")).to_contain_text("¥ 3,456.78")
    expect(page.get_by_role("region", name="资金进度")).to_contain_text("转出地已划出，资金在途")
    history = page.get_by_role("region", name="办理经过")
    expect(history.get_by_role("listitem").first).to_contain_text("转出地已划出余额")
    expect(history.get_by_role("listitem").last).to_contain_text("申请已提交")
    expect(text).not_to_contain_text("测试甲")
    assert fits(desk)
    album(desk, "22-look-up-full")

    # The same page in English, and back.
    page.get_by_role("button", name="English").tap()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Relationship transferred, balance still to come")
    assert fits(desk)
    album(desk, "23-look-up-english")
    page.get_by_role("button", name="中文").tap()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")

    # The end of it: the next person at this telephone starts anew.
    page.get_by_role("button", name="退出查询").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("转移接续进度查询")
    page.goto("/track/status/")
    expect(page.get_by_role("heading", level=1)).to_have_text("转移接续进度查询")


def test_unknown_and_mismatched_look_alike(world, window, album):
    case = world.accepted()
    unused = casenumber.number(999_999, 2026, installed.CASE_NUMBER_KEY)
    said = []
    for number, tail in ((case.number, identity_number(2)[-6:]), (unused, identity_number(1)[-6:])):
        desk = window(**PHONE)
        desk.watch.expected.append(r"status of 404|status of 403")
        page = desk.page
        page.goto("/track/")
        page.get_by_label("业务编号").fill(number)
        page.get_by_label("证件号码后六位").fill(tail)
        page.get_by_role("button", name="查询", exact=True).tap()
        said.append(page.get_by_role("alert").inner_text())
    assert said[0] == said[1]
    assert "J-LOOKUP" in said[0]
    album(desk, "24-look-up-refused")
