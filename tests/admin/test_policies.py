"""The policy pages: from the draft form over the preview to publishing, by two people; look-ups for everybody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.urls import reverse

from tests.world import OUT, World
from transfers.models import Policy
from transfers.policies import applying

pytestmark = pytest.mark.django_db
TODAY = "2026-06-01"


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:transfers_policy_{name}", args=args)


def form(**more: Any) -> dict[str, Any]:
    return {
        "document_number": "测试〔2026〕1号",
        "valid_from": TODAY,
        "valid_to": "",
        "source": "测试用",
        "own_out_days": "1",
        "out_days": "7",
        **more,
    }


def test_two_people_draft_preview_and_publish(world: World, signed_in: Any, django_capture_on_commit_callbacks: Any):
    case = world.accepted()
    lead, head = signed_in(world.out_lead), signed_in(world.out_head)
    page = lead.get(url("draft", OUT)).content.decode()
    assert 'name="own_out_days"' in page
    assert "医保办发〔2021〕43号" in page  # where the inherited value comes from
    # Wrong in three places, one of them a switch that was not ticked: the ticked ones are named, the typed text stays.
    wrong = form(
        out_days="12", own_year_end_freeze="1", year_end_freeze_from="13-40", own_payout_cases="1", in_days="99"
    )
    refused = lead.post(url("draft", OUT), wrong)
    assert refused.status_code == 400
    problems = {row.switch.code for _g, rows in refused.context["groups"] for row in rows if row.problem}
    assert problems == {"out_days", "year_end_freeze"}
    assert "12" in refused.content.decode()
    assert not Policy.objects.filter(area_id=OUT).exists()
    assert lead.post(url("draft", OUT), form(valid_from="soon")).context["refusal"].code == "J-POLICY-DATES"

    more = {"own_payout_cases": "1", "payout_cases": ["death"], "own_rest_day_start": "1"}
    sent = form(rest_day_start="deemed_next", own_close_of_business="1", close_of_business="17:00", **more)
    assert lead.post(url("draft", OUT), sent).status_code == 302
    row = Policy.objects.get(area_id=OUT)
    assert row.values == {
        "out_days": 7,
        "payout_cases": ["death"],
        "rest_day_start": "deemed_next",
        "close_of_business": "17:00",
    }
    # The drafter is told that somebody else must publish; the head sees what would change.
    own = lead.get(url("change", row.pk))
    assert 'data-testid="publish"' not in own.content.decode()
    shown = head.get(url("change", row.pk))
    seen = shown.context["preview"]
    assert {changed.switch.code for changed in seen.changed} == set(row.values)
    assert (seen.pinned, seen.waiting, seen.clocks) == (1, 0, 1)
    (moved,) = seen.moved
    assert (moved.case.pk, moved.budget, moved.would_be) == (case.pk, 10, 7)
    # Accepted on Monday 2026-06-01: ten working days end on the 15th, seven on the 10th.
    assert (moved.due_on, moved.would_be_due_on) == (date(2026, 6, 15), date(2026, 6, 10))
    assert case.number in shown.content.decode()
    assert lead.post(url("publish", row.pk)).status_code == 403
    with django_capture_on_commit_callbacks(execute=True):
        assert head.post(url("publish", row.pk)).status_code == 302
    assert applying(OUT, date(2026, 6, 1)).policy.out_days == 7
    # A year later there is another; the first is ended with it.
    assert lead.post(url("draft", OUT), form(valid_from="2027-01-01", out_days="6")).status_code == 302
    second = Policy.objects.get(area_id=OUT, version=2)
    assert head.post(url("publish", second.pk)).status_code == 409
    assert head.post(url("publish", second.pk), {"replace": "1"}).status_code == 302
    assert Policy.objects.get(pk=row.pk).valid_to == date(2026, 12, 31)
    assert head.post(url("close", second.pk), {"valid_to": "x"}).status_code == 400
    assert head.post(url("close", second.pk), {"valid_to": "2027-06-30"}).status_code == 302
    assert lead.post(url("withdraw", second.pk)).status_code == 409


def test_everybody_may_look_and_only_leads_may_make(world: World, signed_in: Any) -> None:
    clerk = signed_in(world.out_handler)
    for address in (url("changelist"), url("area", "350500"), url("between"), url("area", OUT)):
        assert clerk.get(address).status_code == 200, address
    page = clerk.get(url("area", "350500"))
    values = {value.switch.code: value for _group, values in page.context["groups"] for value in values}
    assert (values["out_days"].value, values["out_days"].origin.own) == (8, True)
    assert values["supplement_days"].origin.area.code == "100000"
    assert values["certificate_required"].origin.area.code == "350000"
    assert clerk.get(url("draft", OUT)).status_code == 404
    assert clerk.get(url("draft", "999999")).status_code == 404
    assert clerk.get(url("area", "999999")).status_code == 404
    assert clerk.get(url("change", 10**9)).status_code == 404
    assert clerk.get(url("changelist"), {"area": OUT}).url == url("area", OUT)
    edition = clerk.get(url("change", Policy.objects.get(area_id="350500").pk)).content.decode()
    assert "文号和起始日待核" in edition
    assert 'data-testid="close"' not in edition
    # Others' cases are counted, never listed: a lead elsewhere sees the number of clocks and no row.
    world.accepted()
    lead = signed_in(world.out_lead)
    assert lead.post(url("draft", OUT), form()).status_code == 302
    drafted = Policy.objects.get(area_id=OUT)
    preview = signed_in(world.stranger).get(url("change", drafted.pk)).context["preview"]
    assert (preview.clocks, preview.moved) == (1, [])


def test_between_two_areas(world: World, signed_in: Any) -> None:
    clerk = signed_in(world.out_handler)
    found = clerk.get(url("between"), {"from": "440100", "to": "450100"})
    assert found.status_code == 200
    text = found.content.decode()
    assert "支付到本人银行账户" in text
    assert "《广东省基本医疗保险关系省内转移接续暂行办法》" in text
    assert clerk.get(url("between"), {"from": "440100", "to": "440100"}).context["refusal"].code == "J-SAME-AREA"
    assert clerk.get(url("between"), {"from": "440000", "to": "450100"}).context["refusal"].code == "J-AREA"
