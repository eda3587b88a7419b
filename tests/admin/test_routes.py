"""Every odd route carried through the console's own pages: what is asked, what is shown, what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.admin.conftest import address, again, post_step
from tests.world import BY_HAND, IN, MONDAY, OUT, World, application, person, user
from transfers.actions.sweep import sweep
from transfers.models import ContributionPeriod, Enrolment, Person, PersonalAccount, Policy, Sheet, TransferCase
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.codes import CLARIFY, END, RETURN
from transfers.rules.facts import AreaFacts
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db
RIGHT = {"period_from": ["2020-05"], "period_to": ["2026-03"], "period_kind": ["actual"], "period_area": [OUT]}


def go(client: Client, case: TransferCase, name: str, **fields: Any) -> TransferCase:
    """Take a step as its page would."""
    response = post_step(client, case, name, **fields)
    assert response.status_code == 302, response.content.decode()
    return again(case)


def page_of(client: Client, case: TransferCase) -> str:
    response = client.get(address("change", case.pk))
    assert response.status_code == 200
    return response.content.decode()


def step_page(client: Client, case: TransferCase, name: str) -> str:
    return client.get(address("step", case.pk, name)).content.decode()


# --- supplement, return ----------------------------------------------------------------------------


def test_a_supplement_that_does_not_come_ends_the_case(world, signed_in):
    handler = signed_in(world.out_handler)
    case = go(handler, world.accepted(), "claim_out")
    case = go(handler, case, "request_supplement", reason="Q-02", note="请补委托书")
    assert "请补委托书" in page_of(handler, case)
    assert sweep(now=MONDAY + timedelta(days=30)).lapsed == 1
    text = page_of(handler, again(case))
    assert 'data-circumstance="lapse"' in text
    assert END["W-05"].zh in text


def test_a_soft_return_is_repaired_at_the_inbound_window(world, signed_in):
    lead, window = signed_in(world.out_lead), signed_in(world.in_handler)
    case = go(signed_in(world.out_handler), world.accepted(), "claim_out")
    assert all(code in step_page(lead, case, "return_soft") for code in ("R-01", "R-02", "R-05", "R-06"))
    case = go(lead, case, "return_soft", reason="R-01", note="原单位补报了五月参保")
    text = page_of(window, case)
    # Twenty working days after Monday 2026-06-01, the holiday of 19 June left out.
    for words in ("原单位补报了五月参保", RETURN["R-01"].zh, RETURN["R-01"].remedy_zh, "2026-06-30"):
        assert words in text
    Enrolment.objects.filter(person=case.person, area=OUT).update(status="1")
    refused = post_step(window, case, "resubmit", note="已停保")
    assert (refused.status_code, again(case).state) == (409, "RETURNED")
    assert "V-O-01" in refused.content.decode()
    assert "已停保" in refused.content.decode()
    Enrolment.objects.filter(person=case.person, area=OUT).update(status="2")
    case = go(window, case, "resubmit", note="已停保")
    assert case.state == "ACCEPTED"
    assert 'data-circumstance="return_soft"' in page_of(lead, case)  # history


def test_a_hard_return_says_why_it_ended(world, signed_in):
    lead = signed_in(world.out_lead)
    case = go(lead, world.accepted(), "return_hard", reason="R-04", note="三月已退休")
    assert case.state == "TERMINATED"
    assert all(words in page_of(lead, case) for words in (RETURN["R-04"].zh, "三月已退休", RETURN["R-04"].remedy_zh))


# --- clarification -----------------------------------------------------------------------------------


def test_a_doubt_is_raised_by_place_and_answered_by_a_new_version(world, signed_in):
    case = world.carry(world.accepted(), "claim_in")
    inbound, outbound = signed_in(world.in_handler), signed_in(world.out_handler)
    text = step_page(inbound, case, "raise_query")
    assert 'value="periods[0]"' in text
    assert "2020-05 – 2026-04" in text
    doubt = {"reason": "C-01", "note": "月数与时段不符"}
    bare = post_step(inbound, case, "raise_query", **doubt)
    assert (bare.status_code, again(case).state) == (400, "IN_PROCESSING")
    unsaid = post_step(inbound, case, "raise_query", **doubt, doubt=["periods[0]"])
    assert unsaid.status_code == 422
    assert "请说明疑问" in unsaid.content.decode()
    assert unsaid.content.decode().count(" checked") == 2  # the reason and the place that was ticked
    forged = post_step(inbound, case, "raise_query", **doubt, **{"doubt:periods[9]": "没有这一条"})
    assert forged.status_code == 422
    case = go(inbound, case, "raise_query", **doubt, doubt=["periods[0]"], **{"doubt:periods[0]": "本人称交到3月"})
    text = page_of(outbound, case)
    assert all(words in text for words in ("第1条缴费时段", "本人称交到3月", CLARIFY["C-01"].zh, 'class="jx-doubted"'))

    # The form holds what the sheet says; what is wrong is said beside its row, and what was typed stays.
    text = step_page(outbound, case, "prepare_correction")
    assert all(f'value="{typed}"' in text for typed in ("2020-05", "2026-04", OUT))
    assert "测试甲" not in text
    backwards = {**RIGHT, "period_from": ["2026-03"], "period_to": ["2020-05"]}
    wrong = post_step(outbound, case, "prepare_correction", note="误录", change_name="", **backwards)
    assert (wrong.status_code, again(case).state) == (400, "IN_QUERY")
    assert "起始月份晚于截止月份" in wrong.content.decode()
    assert 'value="2026-03"' in wrong.content.decode()
    more = post_step(outbound, case, "prepare_correction", note="误录", change_name="", more="1", **RIGHT)
    assert (more.status_code, again(case).state) == (200, "IN_QUERY")
    assert more.content.decode().count('name="period_from"') == 4
    nowhere = post_step(
        outbound, case, "prepare_correction", note="误录", change_name="", **{**RIGHT, "period_area": ["999999"]}
    )
    assert nowhere.status_code == 400
    assert "没有这个统筹区" in nowhere.content.decode()
    same = {**RIGHT, "period_to": ["2026-04"]}
    assert post_step(outbound, case, "prepare_correction", note="误录", change_name="", **same).status_code == 409
    case = go(outbound, case, "prepare_correction", note="四月误录", change_name="", **RIGHT)

    reviewer = signed_in(world.out_reviewer)
    text = step_page(reviewer, case, "approve_correction")
    assert 'data-testid="difference"' in text
    assert "2020-05 – 2026-03" in text
    assert 'data-testid="difference"' not in page_of(inbound, case)  # a draft stays with the outbound side
    case = go(reviewer, case, "approve_correction")
    text = page_of(inbound, case)
    assert all(
        words in text for words in ('data-testid="difference"', "已签发更正后的第2版", "<del>72</del>", "<ins>71</ins>")
    )
    case = go(inbound, case, "check_sheet")
    go(signed_in(world.in_reviewer), case, "approve_in")
    taken = ContributionPeriod.objects.get(case=case)
    assert taken.last_month - taken.first_month + 1 == 71


def test_a_sheet_that_lists_each_month_by_itself_is_corrected_too(world, signed_in):
    """Some areas' systems keep one row a month: fifty years are six hundred, as many as a sheet may have."""
    case = world.carry(world.accepted(), "claim_in")
    items = [{"field": "sheet", "note": "按月列明"}]
    world.take(case, "raise_query", world.in_handler, reason="C-08", note="按月列明", data={"items": items})
    months = [f"{1976 + number // 12}-{number % 12 + 1:02d}" for number in range(600)]
    many = {"period_kind": ["actual"] * 600, "period_area": [OUT] * 600, "period_drop": ["601"] * 600}
    sent = {"change_name": "", "change_account_kind": "1", "period_from": months, "period_to": months, **many}
    case = go(signed_in(world.out_handler), case, "prepare_correction", note="按月", **sent)
    assert Sheet.objects.get(case=case, sealed_at=None).content["months_total"] == 600


def test_a_row_is_left_out_and_another_added(world, signed_in):
    case = world.carry(world.accepted(), "claim_in")
    items = [{"field": "sheet", "note": "缺一段"}]
    world.take(case, "raise_query", world.in_handler, reason="C-08", note="缺一段", data={"items": items})
    rows = {
        "period_from": ["2020-05", "2020-05", "2022-02", ""],
        "period_to": ["2026-04", "2021-12", "2026-04", ""],
        "period_kind": ["actual", "actual", "deemed", "actual"],
        "period_area": [OUT, OUT, OUT, ""],
    }
    sent = {"change_name": "测试乙", "change_account_kind": "1", "period_drop": ["1"], **rows}
    go(signed_in(world.out_handler), case, "prepare_correction", note="分两段", **sent)
    content = Sheet.objects.get(case=case, sealed_at=None).content
    assert [(row["no"], row["from"], row["kind"]) for row in content["periods"]] == [
        (1, "2020-05", "actual"),
        (2, "2022-02", "deemed"),
    ]
    assert (content["name"], content["months_actual"], content["months_deemed"]) == ("测试乙", 20, 51)


def test_the_outbound_reviewer_confirms_the_sheet(world, signed_in):
    case = world.carry(world.accepted(), "claim_in")
    case = go(
        signed_in(world.in_handler), case, "raise_query", reason="C-08", note="缺页", **{"doubt:sheet": "缺第二页"}
    )
    reviewer = signed_in(world.out_reviewer)
    assert "缺第二页" in step_page(reviewer, case, "confirm_correct")
    case = go(reviewer, case, "confirm_correct", note="原件共一页")
    text = page_of(signed_in(world.in_handler), case)
    assert "确认无误：原件共一页" in text


# --- withdrawal, early end, reopening ------------------------------------------------------------------


def test_a_withdrawal_is_asked_for_at_a_window_and_answered_by_who_has_the_case(world, signed_in):
    case = world.carry(world.accepted(), "approve_out")
    outbound, inbound = signed_in(world.out_handler), signed_in(world.in_handler)
    case = go(outbound, case, "request_withdrawal", reason="W-02", note="本人改去苏州")
    text = page_of(inbound, case)
    assert all(words in text for words in (END["W-02"].zh, "本人改去苏州", "信息表已传送", "0571-12393"))
    assert post_step(outbound, case, "grant_withdrawal").status_code == 403
    case = go(inbound, case, "refuse_withdrawal", reason="N-02", note="电话核实非本人")
    assert case.state == "INFO_SENT"
    case = go(outbound, case, "request_withdrawal", reason="W-01", note="本人到场")
    case = go(inbound, case, "grant_withdrawal")
    assert (case.state, world.money(case).state) == ("WITHDRAWN", "RELEASED")
    assert "本人到场" in page_of(inbound, case)


def test_a_supervisor_ends_a_case_and_another_is_reopened(world, signed_in):
    lead = signed_in(world.in_lead)
    ended = world.carry(world.accepted(2), "claim_in")
    ended = go(lead, ended, "terminate", reason="W-04", note="死亡证明已核实")
    assert "死亡证明已核实" in page_of(lead, ended)
    case = world.carry(world.accepted(1), "credit_account")
    case = go(lead, case, "reopen", reason="C-01", note="多计一个月")
    outbound = signed_in(world.out_handler)
    text = page_of(outbound, case)
    assert "多计一个月" in text
    assert world.in_lead.username in text
    case = go(outbound, case, "prepare_correction", note="误录", change_name="", **RIGHT)
    case = go(signed_in(world.out_reviewer), case, "approve_correction")
    case = world.carry_from(case, "claim_in", "approve_in")
    assert case.state == "COMPLETED"


# --- forwarding, reassigning ---------------------------------------------------------------------------


def test_a_case_is_forwarded_to_the_right_area(world, signed_in):
    case = world.carry(world.accepted(), "claim_out")
    for model in (Enrolment, ContributionPeriod, PersonalAccount):
        model.objects.filter(person=case.person, area=OUT).update(area="450200")
    lead = signed_in(world.out_lead)
    text = step_page(lead, case, "forward")
    assert '<option value="450200"' in text
    assert 'data-narrows="f-area"' in text
    wrong = post_step(lead, case, "forward", reason="R-02", note="在柳州", field_area=IN)
    assert wrong.status_code in (400, 409)
    assert 'aria-invalid="true"' in wrong.content.decode()
    case = go(lead, case, "forward", reason="R-02", note="在柳州", field_area="450200")
    there = signed_in(user("liuzhou", "450200", (Role.OUT_HANDLER,)))
    text = page_of(there, case)
    assert "广西壮族自治区南宁市 → 广西壮族自治区柳州市" in text
    assert "在柳州" in text
    assert go(there, case, "claim_out").state == "OUT_PROCESSING"


def test_cases_are_reassigned_one_by_one_and_together(world, signed_in):
    colleague = user("out_colleague", OUT, (Role.OUT_HANDLER,), display_name="转出经办二")
    first = world.carry(world.accepted(1), "claim_out")
    second = world.carry(world.accepted(2), "claim_out")
    idle = world.accepted(3)
    lead = signed_in(world.out_lead)
    text = step_page(lead, first, "reassign")
    assert "转出经办二" in text
    assert f'value="{world.out_handler.username}"' not in text
    assert go(lead, first, "reassign", field_to="out_colleague").owner == colleague

    rows = lead.get(address("changelist"), {"shelf": "open"}).content.decode()
    assert all(f'name="pk" value="{case.pk}"' in rows for case in (first, second))
    handler = signed_in(world.out_handler)
    assert 'data-testid="reassign"' not in handler.get(address("changelist")).content.decode()
    chosen = {"pk": [first.pk, second.pk, idle.pk]}
    assert handler.post(address("reassign"), chosen).status_code == 404
    asked = lead.post(address("reassign"), chosen)
    assert "转出经办二" in asked.content.decode()
    assert again(second).owner == world.out_handler
    assert lead.post(address("reassign"), {**chosen, "confirm": "1"}).status_code == 400
    versions = {f"version-{case.pk}": again(case).version for case in (first, second, idle)}
    report = lead.post(address("reassign"), {**chosen, **versions, "confirm": "1", "to": "out_colleague"})
    told = [(one.done, one.why.code if one.why else "") for one in report.context["chosen"]]
    assert sorted(told) == [(False, "J-MEMBER-SAME"), (False, "J-NOT-NOW"), (True, "")]
    assert again(second).owner == colleague
    assert lead.post(address("reassign"), {}).status_code == 302


# --- applications ----------------------------------------------------------------------------------------


def asks_for_certificates(area: str) -> None:
    """From now on the windows of that area want the enrolment certificate."""
    Policy.objects.create(
        area_id=area,
        version=9,
        document_number="测试〔2026〕1号",
        valid_from=date(2026, 1, 1),
        values={"certificate_required": "window"},
        source="测试",
        published_at=MONDAY,
    )


@pytest.mark.parametrize(("who", "channel"), [("in_handler", "window_in"), ("out_handler", "window_out")])
def test_the_paper_route_keeps_the_certificates_number(world, signed_in, who, channel):
    asks_for_certificates(OUT)
    person()
    client = signed_in(getattr(world, who))
    without = client.post(address("apply"), application())
    assert without.status_code == 422
    assert [item.name for item, _problem in without.context["problems"]] == ["certificate_number"]
    case = again_only(client.post(address("apply"), application(certificate_number="CBPZ-2026-0001")))
    assert (case.state, case.channel) == ("ACCEPTED", channel)
    assert "CBPZ-2026-0001" in page_of(client, case)


def again_only(response: Any) -> TransferCase:
    assert response.status_code == 302, response.content.decode()
    return TransferCase.objects.get()


def test_an_employer_and_an_agent_apply(world, signed_in):
    client = signed_in(world.in_handler)
    person(1)
    employer = {"applicant": "employer", "applicant_name": "测试单位", "employer_code": "91330100MA0000000X"}
    refused = client.post(address("apply"), application(**employer))
    assert [item.name for item, _problem in refused.context["problems"]] == ["employer_code"]
    case = again_only(client.post(address("apply"), application(**{**employer, "employer_code": "91350100M000100Y43"})))
    assert "测试单位" in page_of(client, case)
    person(2)
    agent = {"applicant": "agent", "applicant_name": "测试代办"}
    refused = client.post(address("apply"), application(2, **agent))
    assert {item.name for item, _problem in refused.context["problems"]} == {"agent_relation", "agent_phone"}
    filed = client.post(address("apply"), application(2, **agent, agent_relation="配偶", agent_phone="13900001234"))
    text = client.get(filed.headers["Location"]).content.decode()
    assert all(words in text for words in ("测试代办", "配偶"))
    assert "13900001234" not in text


# --- without a registry, without people ------------------------------------------------------------------


class Silent(OwnTables):
    """An area's registry that never answers."""

    def facts(self, person: Person, area: str) -> AreaFacts:
        raise RegistryUnavailable


def test_a_silent_area_is_checked_by_hand(world, signed_in, settings):
    settings.ENROLMENT_REGISTRIES = {OUT: f"{__name__}.Silent"}
    person()
    case = again_only(signed_in(world.in_handler).post(address("apply"), application()))
    for _try in range(6):
        sweep(now=again(case).precheck_at)
    case = again(case)
    assert case.state == "MANUAL_CHECK"
    handler = signed_in(world.out_handler)
    assert case.number in handler.get(address("changelist"), {"shelf": "answer"}).content.decode()
    text = page_of(handler, case)
    assert all(words in text for words in ("首次未应答", "2026-06-01 10:00", "待人工录入"))
    text = step_page(handler, case, "answer_by_hand")
    assert text.count('type="radio"') >= 5 + 3 * 2
    answers = {f"field_{name}": value for name, value in {**BY_HAND, "status": "2"}.items()}
    wrong = post_step(handler, case, "answer_by_hand", note="电话核实", **{**answers, "field_status": "9"})
    assert wrong.status_code == 400
    assert wrong.content.decode().count(" checked") == len(answers) - 1
    case = go(handler, case, "answer_by_hand", note="电话核实", **answers)
    assert case.state == "ACCEPTED"
    assert "是否欠费：否" in page_of(handler, case)


def test_inside_a_province_that_asks_for_no_review_it_carries_itself(signed_in, db):
    """Hunan, from 2025-07-10: no application, no review."""
    inside = World(out="430100", into="430200")
    person(out="430100", into="430200")
    window = signed_in(inside.in_handler)
    case = again_only(window.post(address("apply"), application(out="430100", into="430200")))
    assert case.state in ("RELATION_DONE", "COMPLETED")
    assert "转入地已自动接续您的缴费年限" in page_of(window, case) or "自动转入" in page_of(window, case)


def test_the_applicant_takes_the_application_back_before_it_is_decided(world, signed_in, settings):
    settings.ENROLMENT_REGISTRIES = {OUT: f"{__name__}.Silent"}
    person()
    window = signed_in(world.in_handler)
    case = again_only(window.post(address("apply"), application()))
    case = go(window, case, "withdraw_application", reason="W-03", note="误提交")
    assert case.state == "WITHDRAWN"
    assert END["W-03"].zh in page_of(window, case)
