"""The pages can be used by everybody: names, headings, language and contrast, on every page of both faces."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.access import complaints
from tests.web.conftest import sent_code
from tests.world import MONDAY, PASSWORD, identity_number
from transfers.actions.sweep import sweep

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_look_notices_what_is_wrong(window):
    desk = window()
    desk.page.goto("/track/")
    assert complaints(desk.page) == []
    desk.page.evaluate("""() => {
        const part = document.createElement("div");
        part.innerHTML = "<h1>二</h1><input id='number-help'><img src='data:,'><svg></svg><button></button>" +
            "<p class='pale'>淡</p>";
        document.querySelector("main").append(part);
        part.querySelector(".pale").style.color = "#999";
        document.documentElement.lang = "";
    }""")
    said = "\n".join(complaints(desk.page))
    for wrong in (
        "no language",
        "2 main headings",
        "id twice",
        "no label",
        "no alt",
        "no name: <svg",
        "no name: <button",
    ):
        assert wrong in said
    assert "contrast 2." in said
    desk.watch.complaints.clear()


def test_everybody_can_use_the_console(world, window, album, time_machine):
    world.everyone()
    first = world.carry(world.accepted(1), "claim_out")
    second = world.carry(world.accepted(2), "propose_remittance", step=timedelta(minutes=3))
    world.accepted(3)
    late = world.accepted(4)
    time_machine.move_to(MONDAY + timedelta(days=14, hours=-1))  # the last day of two of them, in the morning
    sweep(now=MONDAY + timedelta(days=14, hours=-1))
    desk, wrong = window(), []
    page = desk.page

    def look(name: str) -> None:
        """All of a page at once, so that one run tells everything."""
        said = complaints(page) + (["wider than the window"] if desk.overflow() > 0 else [])
        wrong.extend(f"{name}: {each}" for each in said)
        album(desk, name)

    page.goto("/console/")
    look("39-sign-in")
    page.get_by_label("用户名").fill("out_handler")
    page.get_by_label("密码").fill("wrong")
    page.get_by_test_id("sign-in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look("40-sign-in-refused")
    desk.sign_in("out_handler", PASSWORD)
    case = "/console/transfers/transfercase"
    places = {
        "41-home": "/console/",
        "42-worklist": f"{case}/",
        "43-worklist-empty": f"{case}/?q=nobody",
        "44-case-due": f"{case}/{first.pk}/change/",
        "45-case-money": f"{case}/{second.pk}/change/",
        "46-step-reasons": f"{case}/{first.pk}/step/request_supplement/",
        "47-intake": f"{case}/apply/",
        "48-inbox": "/console/inbox/",
    }
    for name, address in places.items():
        assert page.goto(address).status == 200
        page.evaluate("document.querySelectorAll('main details').forEach((part) => part.open = true)")
        look(name)
    # A form that was filled in wrongly, and a page that is not there.
    desk.watch.expected.append(r"status of 4\d\d")
    page.goto(f"{case}/apply/")
    page.get_by_test_id("apply").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look("49-intake-wrong")
    assert page.goto("/console/nowhere/").status == 404
    look("49-nothing-here")
    # Overdue, in English.
    time_machine.move_to(MONDAY + timedelta(days=16))
    desk.sign_in("out_handler", PASSWORD)
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    for name, address in {"50-english": f"{case}/{late.pk}/change/", "51-english-home": "/console/"}.items():
        page.goto(address)
        look(name)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("until", ["", "request_supplement", "late"])
def test_everybody_can_look_a_case_up(world, window, album, time_machine, until):
    world.everyone()
    case = world.accepted()
    if until == "request_supplement":
        case = world.take(case, "claim_out", world.out_handler)
        case = world.take(case, "request_supplement", world.out_handler, reason="Q-02", note="请补交委托书原件")
    time_machine.move_to(MONDAY + timedelta(days=17 if until == "late" else 1))
    desk = window(viewport={"width": 390, "height": 844})
    page = desk.page
    page.goto("/track/")
    page.get_by_label("业务编号").fill(case.number)
    page.get_by_label("证件号码后六位").fill(identity_number(1)[-6:])
    page.get_by_role("button", name="查询", exact=True).click()
    expect(page.get_by_text(case.number)).to_be_visible()
    assert complaints(page) == []
    page.get_by_role("button", name="向登记手机发送验证码").click()
    page.get_by_label("短信验证码").fill(sent_code(case.number))
    page.get_by_role("button", name="验证并查看").click()
    expect(page.get_by_role("region", name="办理经过")).to_be_visible()
    assert complaints(page) == []
    assert desk.overflow() <= 0
    album(desk, f"60-look-up-{until or 'accepted'}")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert complaints(page) == []
    assert desk.overflow() <= 0
    album(desk, f"61-look-up-{until or 'accepted'}-wide")
