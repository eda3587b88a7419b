"""The person's own steps on the odd routes: resubmitting what was returned, and getting out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.web.conftest import look_up, verified
from tests.world import IN, OUT, application, person
from transfers.access import actor_for
from transfers.actions.intake import apply
from transfers.models import CaseEvent, Enrolment, TransferCase
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.codes import END, RETURN, WITHDRAWAL_REFUSED
from transfers.rules.parties import Channel

pytestmark = pytest.mark.django_db
OUT_OF_IT = {"reason": "W-01", "note": "不去外地了", "sure": "on"}


def again(case: TransferCase) -> TransferCase:
    return TransferCase.objects.get(pk=case.pk)


def status(browser) -> str:
    return browser.get("/track/status/").content.decode()


@pytest.fixture
def returned(world):
    case = world.carry(world.accepted(now=timezone.now()), "claim_out", now=timezone.now())
    return world.take(
        case, "return_soft", world.out_lead, reason="R-01", note="原单位五月又补报了参保", now=timezone.now()
    )


def test_a_return_is_explained_and_resubmitted(returned, browser):
    look_up(browser, returned.number)
    assert "原单位五月又补报了参保" not in status(browser)
    browser.post("/track/resubmit/", {"version": returned.version, "note": "已停保"})
    assert again(returned).state == "RETURNED"  # not without the second proof
    verified(browser, returned.number)
    text = status(browser)
    for words in (RETURN["R-01"].zh, RETURN["R-01"].remedy_zh, "原单位五月又补报了参保", "2026-06-30"):
        assert words in text
    assert browser.post("/track/resubmit/", {"version": returned.version, "note": ""}).status_code == 400
    Enrolment.objects.filter(person=returned.person, area=OUT).update(status="1")
    refused = browser.post("/track/resubmit/", {"version": returned.version, "note": "已停保"})
    assert refused.status_code == 409
    assert all(words in refused.content.decode() for words in ("J-STILL-FAILS", "V-O-01", "已停保"))
    Enrolment.objects.filter(person=returned.person, area=OUT).update(status="2")
    assert browser.post("/track/resubmit/", {"version": returned.version, "note": "已停保"}).status_code == 303
    case = again(returned)
    assert case.state == "ACCEPTED"
    event = CaseEvent.objects.get(case=case, name="resubmit")
    assert (event.actor_kind, event.actor_id, event.note) == ("person", None, "已停保")


def test_a_withdrawal_is_asked_for_refused_with_its_reason_and_granted(world, browser):
    case = world.carry(world.accepted(now=timezone.now()), "claim_out", now=timezone.now())
    verified(browser, case.number)
    assert 'action="/track/withdraw/"' in status(browser)
    for change in ({"sure": ""}, {"reason": "W-04"}, {"note": ""}):
        wrong = browser.post("/track/withdraw/", {"version": case.version, **OUT_OF_IT, **change})
        assert wrong.status_code == 400
        assert 'class="problem"' in wrong.content.decode()
    assert browser.post("/track/withdraw/", {"version": case.version - 1, **OUT_OF_IT}).status_code == 409
    assert again(case).state == "OUT_PROCESSING"
    assert browser.post("/track/withdraw/", {"version": case.version, **OUT_OF_IT}).status_code == 303
    assert again(case).state == "WITHDRAW_REQUESTED"
    text = status(browser)
    assert "撤销处理中" in text
    assert 'action="/track/withdraw/"' not in text
    why = {"reason": "N-02", "note": "请本人到窗口确认"}
    world.take(case, "refuse_withdrawal", world.out_handler, now=timezone.now(), **why)
    text = status(browser)
    assert all(words in text for words in (WITHDRAWAL_REFUSED["N-02"].zh, "请本人到窗口确认"))
    assert browser.post("/track/withdraw/", {"version": again(case).version, **OUT_OF_IT}).status_code == 303
    world.take(case, "grant_withdrawal", world.out_handler, now=timezone.now())
    text = status(browser)
    assert END["W-01"].zh in text
    assert "已撤销" in text


def test_it_is_too_late_when_the_money_has_left(world, browser):
    now = timezone.now()
    case = world.carry(world.accepted(now=now), "claim_in", now=now)
    case = world.take(case, "propose_remittance", world.out_handler, now=now)
    case = world.take(case, "approve_remittance", world.out_reviewer, now=now)
    verified(browser, case.number)
    refused = browser.post("/track/withdraw/", {"version": case.version, **OUT_OF_IT})
    assert refused.status_code == 409
    assert "J-MONEY-SENT" in refused.content.decode()
    assert again(case).state == "IN_PROCESSING"


class Silent(OwnTables):
    """An area's registry that never answers."""

    def facts(self, person, area):
        raise RegistryUnavailable


def test_an_application_is_taken_back_before_it_is_decided(world, browser, settings):
    settings.ENROLMENT_REGISTRIES = {IN: f"{__name__}.Silent"}
    person()
    now = timezone.now()
    case = apply(application(), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=now - timedelta(hours=1))
    assert case.state == "SUBMITTED"
    verified(browser, case.number)
    assert browser.post("/track/withdraw/", {"version": case.version, **OUT_OF_IT}).status_code == 303
    assert again(case).state == "WITHDRAWN"
    assert CaseEvent.objects.get(case=case, name="withdraw_application").actor_kind == "person"


def test_an_ended_case_says_why(world, browser):
    now = timezone.now()
    case = world.take(world.accepted(now=now), "return_hard", world.out_lead, reason="R-07", note="去年已转过", now=now)
    look_up(browser, case.number)
    assert RETURN["R-07"].zh not in status(browser)
    verified(browser, case.number)
    text = status(browser)
    assert all(words in text for words in (RETURN["R-07"].zh, RETURN["R-07"].remedy_zh, "去年已转过"))


def test_a_doubt_between_the_agencies_is_said_in_plain_words(world, browser):
    now = timezone.now()
    case = world.carry(world.accepted(now=now), "claim_in", now=now)
    items = [{"field": "sheet", "note": "内部说明"}]
    world.take(case, "raise_query", world.in_handler, reason="C-01", note="内部说明", data={"items": items}, now=now)
    verified(browser, case.number)
    text = status(browser)
    assert "转出地正在核对；您不需要做什么" in text
    assert "内部说明" not in text
