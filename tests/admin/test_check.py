"""Asking both areas at the window before anything is filed."""

from __future__ import annotations

import pytest

from tests.admin.conftest import address
from tests.world import application, identity_number, person
from transfers.models import AccessEvent, Enrolment, Person, TransferCase

pytestmark = pytest.mark.django_db


def test_only_checking_answers_and_files_nothing(world, signed_in):
    mover = person(1)
    Enrolment.objects.filter(person=mover, area="450100").update(status="1", arrears=True)
    client = signed_in(world.in_handler)
    response = client.post(address("apply"), {**application(1), "check": "1"})
    text = response.content.decode()
    assert response.status_code == 200
    for words in ("V-O-01", "V-O-03", "V-I-04", "保留工作地的关系", "政策版本：全国第1版", "待遇连续，没有等待期"):
        assert words in text
    assert "<dd>72</dd>" in text
    assert identity_number(1) in text, "nothing that was typed is lost"
    assert not TransferCase.objects.exists()
    assert AccessEvent.objects.get(kind="precheck").outcome == "refused"

    Enrolment.objects.filter(person=mover, area="450100").update(status="2", arrears=False)
    assert "现在可以受理" in client.post(address("apply"), {**application(1), "check": "1"}).content.decode()
    # The same form files it, and the case explains its reasons in the same words.
    Enrolment.objects.filter(person=mover, area="450100").update(arrears=True)
    filed = client.post(address("apply"), application(1), follow=True).content.decode()
    assert "政策参数“欠费”为" in filed
    assert "政策版本：全国第1版" in filed


def test_somebody_of_neither_area_is_not_told_where_a_person_is_insured(world, signed_in):
    person(1)
    response = signed_in(world.stranger).post(address("apply"), {**application(1), "check": "1"})
    assert response.status_code == 403
    assert "jx-checked" not in response.content.decode()
    assert not AccessEvent.objects.filter(kind="precheck").exists()


def test_what_is_wrong_is_told_at_its_field_and_nobody_is_kept(world, signed_in):
    client = signed_in(world.in_handler)
    wrong = client.post(address("apply"), {**application(1), "identity_number": "1", "check": "1"})
    assert wrong.status_code == 422
    assert "err-identity_number" in wrong.content.decode()
    unknown = client.post(address("apply"), {**application(1), "phone": "", "check": "1"})
    assert "V-O-02" in unknown.content.decode()
    assert not Person.objects.exists()


def test_the_advice_stays_with_the_case_and_says_what_it_rests_on(world, signed_in):
    case = world.accepted()
    page = signed_in(world.out_handler).get(address("change", case.pk))
    advice, text = page.context["advice"], page.content.decode()
    assert advice.overlap is None, "nothing has been taken over yet"
    assert advice.words.zh in text
    for words in ("医保办发〔2021〕43号 第十条", "政策版本：100000 v1"):
        assert words in advice.because.zh
    assert "政策版本：全国第1版 医保办发〔2021〕43号、浙江省杭州市第1版 " in text
    assert all(words.zh in text for words in advice.costs)
    case = world.carry(case, "approve_in")
    later = signed_in(world.in_handler).get(address("change", case.pk)).context["advice"]
    assert (later.overlap, later.at) == (0, case.state_since)
