"""Loading a notice in the console: upload, preview, load; who may; what is refused; the horizon on the home page."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.sla.test_recompute import DOCUMENT, amended
from transfers import memory, tasks
from transfers.models import CalendarNotice, CaseEvent
from transfers.reference.notices import as_data
from transfers.sla.recompute import waiting

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[str]:
    """A worker is asked for the recomputing, and in tests that is all that happens."""
    calls: list[str] = []
    monkeypatch.setattr(tasks, "recompute_soon", lambda: calls.append("recompute"))
    return calls


def upload(client, notice, **more):
    body = notice if isinstance(notice, str) else json.dumps(as_data(notice), ensure_ascii=False)
    file = SimpleUploadedFile("notice.json", body.encode())
    return client.post(reverse("admin:calendar_load"), {"file": file, "preview": "1", **more})


def test_upload_look_load(world, signed_in, asked):
    case = world.accepted()
    client = signed_in(world.nation)
    shown = upload(client, amended(("06-10", False)))
    text = shown.content.decode()
    assert shown.status_code == 200
    for words in ("2026.2", DOCUMENT, "2026.1", "2026-06-10", case.number, "2026-06-15", "2026-06-16", "广西"):
        assert words in text
    assert CalendarNotice.objects.filter(document_number=DOCUMENT).count() == 0
    done = client.post(reverse("admin:calendar_load"), {"load": shown.context["signed"]}, follow=True)
    memory.forget()
    row = CalendarNotice.objects.get(document_number=DOCUMENT)
    assert (row.version, row.loaded_by) == (2, world.nation)
    assert asked == ["recompute"]
    assert "已载入" in done.content.decode()
    assert waiting() == 1
    assert 'data-testid="waiting"' in client.get(reverse("admin:calendar_load")).content.decode()
    tasks.recompute()
    assert (waiting(), CaseEvent.objects.filter(case=case, kind="calendar").count()) == (0, 1)
    page = signed_in(world.out_lead).get(reverse("admin:transfers_transfercase_change", args=[case.pk]))
    assert "最后一日由2026-06-15改为2026-06-16" in page.content.decode()
    # The same preview a second time: the version is there already.
    again = client.post(reverse("admin:calendar_load"), {"load": shown.context["signed"]})
    assert (again.status_code, "不高于已载入的第2版" in again.content.decode()) == (400, True)


def test_who_may_load_what(world, signed_in):
    here, there = amended(("06-10", False), region="450100"), amended(("06-10", False), region="330100")
    address = reverse("admin:calendar_load")
    assert signed_in(world.out_handler).get(address).status_code == 404
    assert signed_in(world.superuser).get(address).status_code == 404
    lead = signed_in(world.out_lead)
    shown = upload(lead, here)
    assert shown.status_code == 200
    refused = upload(lead, there)
    assert (refused.status_code, refused.context["refusal"].code) == (403, "J-NOT-YOURS")
    assert upload(lead, amended(("06-10", False))).status_code == 403
    assert upload(signed_in(world.out_province), here).context["preview"].moving == 0
    # Somebody else's preview is of no use.
    stolen = signed_in(world.out_province).post(address, {"load": shown.context["signed"]})
    assert stolen.status_code == 404
    assert CalendarNotice.objects.filter(document_number=DOCUMENT).count() == 0
    assert lead.post(address, {"load": shown.context["signed"]}).status_code == 302
    assert CalendarNotice.objects.get(document_number=DOCUMENT).area_id == "450100"


def test_every_fault_is_listed_in_the_reader_s_language_and_nothing_is_loaded(world, signed_in):
    client = signed_in(world.nation)
    before = CalendarNotice.objects.count()
    data = as_data(amended())
    data["document_number"] = ""
    data["days"] += [
        {"date": "2026-01-01", "working": True, "name_zh": "元旦", "name_en": "New Year"},
        {"date": "2027-01-01", "working": False, "name_zh": "元旦", "name_en": "New Year"},
    ]
    text = upload(client, json.dumps(data)).content.decode()
    for words in ("没有文号", "2026-01-01既列为放假又列为上班", "2027-01-01不在2026年"):
        assert words in text
    for body, words in (
        ("{", "不是有效的JSON"),
        ("a,b\n1,2", "既不是JSON对象"),
        (json.dumps({**as_data(amended()), "region": "999999"}), "没有999999这个地区"),
        (json.dumps({**as_data(amended()), "colour": 1}), "不认识colour"),
    ):
        answer = upload(client, body)
        assert (answer.status_code, words in answer.content.decode()) == (400, True)
    assert client.post(reverse("admin:calendar_load"), {"preview": "1"}).status_code == 400
    assert client.post(reverse("admin:calendar_load"), {"load": "nonsense"}).status_code == 400
    assert CalendarNotice.objects.count() == before


def test_a_csv_file_with_its_head_beside_it(world, signed_in):
    text = (
        "date,working,name_zh,name_en\n2026-06-10,no,测试假,Test holiday\n2026-06-13,yes,测试假调休上班,Make-up day\n"
    )
    head = {"region": "330000", "year": "2026", "version": "1", "document_number": DOCUMENT}
    shown = upload(signed_in(world.nation), text, **head)
    assert [(str(d.date), d.working) for d in shown.context["preview"].days] == [
        ("2026-06-10", False),
        ("2026-06-13", True),
    ]


def test_the_horizon_is_on_the_home_page_of_those_who_can_do_something(world, signed_in, monkeypatch):
    from tests.sla.days import at

    home = reverse("admin:index")
    mark = 'data-testid="horizon"'
    # After 9 October 2026 there are 60 working days: 16 in October (Saturday the 10th is worked), 21, and 23.
    monkeypatch.setattr("django.utils.timezone.now", lambda: at("2026-10-09"))
    assert mark not in signed_in(world.nation).get(home).content.decode(), "sixty are enough"
    monkeypatch.setattr("django.utils.timezone.now", lambda: at("2026-10-10"))
    text = signed_in(world.nation).get(home).content.decode()
    assert mark in text
    assert "2026-12-31" in text
    assert mark in signed_in(world.superuser).get(home).content.decode()
    assert mark not in signed_in(world.out_handler).get(home).content.decode()
