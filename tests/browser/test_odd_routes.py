"""The odd routes by clicking: a doubt and its correction, a return and its repair, forwarding, reassigning."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.conftest import sent_code
from tests.world import OUT, identity_number, user
from transfers.models import ContributionPeriod, Enrolment, PersonalAccount, Sheet, TransferCase
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def test_a_doubt_is_cleared_up_between_two_agencies(world, window, look):
    case = world.carry(world.accepted(), "claim_in")
    inbound, outbound, reviewer = window(world.in_handler), window(world.out_handler), window(world.out_reviewer)
    inbound.open_case(case.number)
    inbound.ask("raise_query")
    page = inbound.page
    page.locator("#f-note").fill("月数与时段不符")
    page.get_by_label("月数与缴费时段不符").check()
    page.get_by_label("第1条缴费时段", exact=True).check()
    inbound.watch.expected.append(r"status of 422")
    inbound.confirm()
    expect(page.get_by_text("请说明疑问")).to_be_visible()
    expect(page.get_by_label("第1条缴费时段", exact=True)).to_be_checked()
    page.get_by_label("疑问说明：第1条缴费时段").fill("本人称只交到2026年3月")
    look(inbound, "30-doubt")
    inbound.confirm()
    expect(inbound.title).to_contain_text("核对存疑")

    # The outbound side finds it among what waits for an answer.
    page = outbound.page
    page.goto("/console/")
    page.get_by_test_id("tile-answer").click()
    page.get_by_role("link", name=case.number).click()
    expect(page.get_by_test_id("doubts")).to_contain_text("本人称只交到2026年3月")
    look(outbound, "31-doubt-at-the-outbound-side")
    outbound.ask("prepare_correction", {"说明": "四月为误录"})
    page.get_by_label("第1条时段，截止月份").fill("2020-03")
    outbound.watch.expected.append(r"status of 400")
    outbound.confirm()
    expect(page.get_by_text("起始月份晚于截止月份")).to_be_visible()
    expect(page.locator("#f-note")).to_have_value("四月为误录")
    page.get_by_test_id("more").click()
    expect(page.get_by_label("第7条时段，截止月份")).to_be_visible()
    page.get_by_label("第1条时段，截止月份").fill("2026-03")
    look(outbound, "32-correction")
    outbound.confirm()
    expect(outbound.title).to_contain_text("更正待复核")

    reviewer.open_case(case.number)
    reviewer.ask("approve_correction")
    expect(reviewer.page.get_by_test_id("difference")).to_contain_text("2020-05 – 2026-03")
    look(reviewer, "33-difference")
    reviewer.confirm()
    expect(reviewer.title).to_contain_text("转入办理中")
    inbound.open_case(case.number)
    expect(inbound.page.get_by_test_id("difference")).to_contain_text("71")
    look(inbound, "34-corrected")
    assert list(
        Sheet.objects.filter(sealed_at__isnull=False).order_by("version").values_list("version", flat=True)
    ) == [1, 2]


def test_a_return_a_forwarding_and_a_reassignment(world, window, look):
    cases = [world.carry(world.accepted(serial), "claim_out") for serial in (1, 2, 3)]
    user("out_colleague", OUT, (Role.OUT_HANDLER,), display_name="转出经办二")
    for model in (Enrolment, ContributionPeriod, PersonalAccount):
        model.objects.filter(person=cases[1].person, area=OUT).update(area="450200")
    lead = window(world.out_lead)
    page = lead.page

    # Returned to be repaired: the person does it on a telephone.
    lead.open_case(cases[0].number)
    lead.ask("return_soft", {"说明": "原单位五月又补报了参保"})
    page.get_by_label("转出地参保状态已恢复").check()
    look(lead, "35-return")
    lead.confirm()
    expect(lead.title).to_contain_text("转出地退回")
    phone = window(**PHONE)
    phone.page.goto("/track/")
    phone.page.get_by_label("业务编号").fill(cases[0].number)
    phone.page.get_by_label("证件号码后六位").fill(identity_number(1)[-6:])
    phone.page.get_by_role("button", name="查询", exact=True).tap()
    phone.page.get_by_role("button", name="向登记手机发送验证码").tap()
    expect(phone.page.get_by_label("短信验证码")).to_be_visible()
    phone.page.get_by_label("短信验证码").fill(sent_code(cases[0].number))
    phone.page.get_by_role("button", name="验证并查看").tap()
    returned = phone.page.get_by_role("region", name="已退回：处理后重新提交")
    expect(returned).to_contain_text("原单位五月又补报了参保")
    look(phone, "36-returned-on-a-phone")
    returned.get_by_label("处理情况说明").fill("已重新停保")
    returned.get_by_role("button", name="重新提交").tap()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("转出地待办理")
    phone.page.get_by_text("我不想再办理这次转移").tap()
    look(phone, "37-withdrawing-on-a-phone")

    # Forwarded: the list of areas is narrowed with a few letters, by the keyboard.
    lead.open_case(cases[1].number)
    lead.ask("forward", {"说明": "记录在柳州"})
    page.get_by_label("缩小统筹区范围").fill("柳州")
    expect(page.get_by_label("正确的转出统筹区")).to_have_value("450200")
    page.get_by_label("缩小统筹区范围").press("Enter")
    expect(page.get_by_label("正确的转出统筹区")).to_be_focused()
    look(lead, "38-forward")
    lead.confirm()
    lead.watch.expected.append(r"status of 404")  # it is no longer this agency's to see
    assert TransferCase.objects.get(pk=cases[1].pk).outbound_area_id == "450200"

    # Reassigned from the worklist.
    page.goto("/console/transfers/transfercase/?shelf=open")
    page.get_by_label(f"选择{cases[2].number}").check()
    look(lead, "39-worklist-of-a-supervisor")
    page.get_by_test_id("reassign").click()
    page.get_by_label("改派给").select_option("转出经办二")
    look(lead, "40-reassign")
    lead.confirm()
    expect(page.get_by_test_id("report")).to_contain_text("共1件，已改派1件。")
    assert TransferCase.objects.get(pk=cases[2].pk).owner.username == "out_colleague"
