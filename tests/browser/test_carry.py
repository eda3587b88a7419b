"""Four people of two agencies carry one case from acceptance to completion by clicking, each at an own window."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.world import MONDAY
from transfers.access import actor_for
from transfers.models import Membership, TransferCase
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db(transaction=True)
WIDE = {"width": 1920, "height": 1080}


def named(user, name: str):
    user.display_name = name
    user.save(update_fields=["display_name"])
    return user


def test_a_case_is_carried_to_its_end_by_clicking(world, window, album, time_machine):
    case = world.accepted()
    number = case.number
    # The inbound reviewer may review outbound sheets too, of their own agency.
    Membership.objects.create(user=world.in_reviewer, agency_id=case.inbound_agency_id, role=Role.OUT_REVIEWER.value)
    assert actor_for(world.in_reviewer).has(case.inbound_agency_id, Role.OUT_REVIEWER)
    out_handler = window(named(world.out_handler, "转出经办甲"))
    out_reviewer = window(named(world.out_reviewer, "转出复核乙"))
    in_handler = window(named(world.in_handler, "转入经办丙"))
    in_reviewer = window(named(world.in_reviewer, "转入复核丁"))
    minutes = iter(range(25, 450, 25))

    def later() -> None:
        time_machine.move_to(MONDAY + timedelta(minutes=next(minutes)))

    # --- the outbound side -------------------------------------------------------------------
    out_handler.open_case(number)
    expect(out_handler.title).to_contain_text("已受理待转出")
    expect(out_handler.page.get_by_role("region", name="转出时限")).to_contain_text("已用 0 / 10 个工作日")
    expect(out_handler.page.get_by_role("region", name="转出时限")).to_contain_text("2026-06-15")
    album(out_handler, "01-accepted")
    out_handler.take("claim_out", state="转出办理中")
    later()
    out_handler.take("prepare_sheet", state="转出待复核")

    # The handler may look, and is told whose step it is.
    expect(out_handler.denied("approve_out")).to_be_disabled()
    expect(out_handler.denied("approve_out")).to_have_accessible_description(
        re.compile("“复核通过并签章传送”应由.*转出复核.*办理，您没有这项权限。")
    )
    expect(out_handler.steps).to_have_count(0)
    album(out_handler, "02-waiting-for-review")

    # A reviewer of outbound sheets, but of the other agency: nothing to click.
    in_reviewer.open_case(number)
    expect(in_reviewer.title).to_contain_text("转出待复核")
    expect(in_reviewer.steps).to_have_count(0)
    expect(in_reviewer.denied("approve_out")).to_be_disabled()

    later()
    out_reviewer.open_case(number)
    album(out_reviewer, "03-review")
    out_reviewer.ask("approve_out")
    expect(out_reviewer.page.get_by_text("将加盖电子签章并传送转入地")).to_be_visible()
    album(out_reviewer, "04-confirm")
    out_reviewer.confirm()
    expect(out_reviewer.title).to_contain_text("信息表已传送")
    expect(out_reviewer.page.get_by_test_id("seal")).to_contain_text("签章有效")

    # --- the inbound side --------------------------------------------------------------------
    later()
    in_handler.page.get_by_test_id("tile-claim").click()
    in_handler.page.get_by_role("link", name=number).click()
    expect(in_handler.title).to_contain_text("信息表已传送")
    expect(in_handler.page.get_by_role("region", name="转入时限")).to_contain_text("已用 0 / 5 个工作日")
    in_handler.take("claim_in", state="转入办理中")
    in_handler.take("check_sheet", state="转入待复核")
    expect(in_handler.denied("approve_in")).to_be_disabled()
    expect(in_handler.steps).to_have_count(0)
    in_reviewer.open_case(number)
    in_reviewer.take("approve_in", state="关系已接续，资金在途")
    album(in_reviewer, "05-taken-over")

    # --- the money ---------------------------------------------------------------------------
    later()
    out_handler.open_case(number)
    out_handler.take("propose_remittance", state="关系已接续，资金在途")
    # Here the handler does hold the role, and is kept from it by the other pair of eyes.
    expect(out_handler.denied("approve_remittance")).to_have_accessible_description(
        "经办与复核须由不同的人办理：您已经办过本环节，请由其他复核人员办理。"
    )
    out_reviewer.open_case(number)
    out_reviewer.take("approve_remittance", state="关系已接续，资金在途")
    later()
    in_handler.open_case(number)
    in_handler.take(
        "record_receipt", {"到账金额（元）": "3,456.78", "银行流水号": "TEST-0001"}, state="关系已接续，资金在途"
    )
    in_handler.take("match_receipt", state="关系已接续，资金在途")
    expect(in_handler.denied("credit_account")).to_be_disabled()
    album(in_handler, "06-matched")
    in_reviewer.open_case(number)
    in_reviewer.take("credit_account", state="已办结")

    # --- the end -----------------------------------------------------------------------------
    for desk in (out_handler, out_reviewer, in_handler, in_reviewer):
        desk.open_case(number)
        expect(desk.title).to_contain_text("已办结")
        expect(desk.steps).to_have_count(0)
        expect(desk.page.get_by_role("region", name="资金 已入账")).to_contain_text("¥ 3,456.78")
    album(in_reviewer, "07-completed")
    in_reviewer.page.set_viewport_size(WIDE)
    assert in_reviewer.overflow() == 0
    album(in_reviewer, "08-completed-1920")
    in_reviewer.page.goto("/console/")
    album(in_reviewer, "09-home-1920")
    assert TransferCase.objects.get().state == "COMPLETED"


def test_the_slower_of_two_windows_hears_who_was_faster(world, window, album):
    case = world.accepted()
    first = window(named(world.out_handler, "转出经办甲"))
    colleague = world._member("out", "colleague", Role.OUT_HANDLER)
    second = window(named(colleague, "转出经办乙"))
    for desk in (first, second):
        desk.open_case(case.number)
        desk.ask("claim_out", {"说明": "由我办理"})
    first.confirm()
    expect(first.title).to_contain_text("转出办理中")

    second.watch.expected.append(r"status of 409")
    second.confirm()
    refusal = second.page.get_by_test_id("refusal")
    expect(refusal).to_have_attribute("data-code", "J-STALE")
    expect(refusal).to_contain_text("转出经办甲已于2026-06-01 10:0")
    expect(refusal).to_contain_text("办理了“领取办理”")
    expect(second.page.get_by_text("由我办理")).to_be_visible()  # what was written is not lost
    expect(second.page.get_by_test_id("confirm")).to_have_count(0)
    album(second, "10-somebody-was-faster")
    second.page.get_by_test_id("reload").click()
    expect(second.title).to_contain_text("转出办理中")
    expect(second.denied("prepare_sheet")).to_be_disabled()
    case = TransferCase.objects.get()
    assert (case.owner, case.version) == (world.out_handler, 3)
