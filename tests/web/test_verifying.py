"""The public page on which anybody can check a paper: four answers, nothing of the person, limits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.world import MONDAY
from transfers.actions import papers
from transfers.documents.papers import store
from transfers.models import AccessEvent, Paper, Sheet


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path


def _pdf(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("sheet.pdf", content, content_type="application/pdf")


def test_the_four_answers_by_code_and_by_file_without_anything_of_the_person(world, client):
    case = world.carry(world.accepted(), "approve_out")
    papers.make_waiting(now=MONDAY + timedelta(minutes=1))
    paper = Paper.objects.get(case=case, kind="sheet")
    pdf = store.fetch(paper.sha256)
    address = reverse("verify")

    def answers(**posted: object) -> tuple[str, str]:
        response = client.post(address, posted)
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        page = response.content.decode()
        for personal in ("测试甲", "测**", case.number, "1101011990", "3456", "3,456", case.phone):
            assert personal not in page
        return response.context["verified"].answer.value, page

    assert client.get(address).context.get("verified") is None
    scanned = client.get(address, {"code": paper.code})
    assert scanned.context["verified"].answer == "intact"
    answer, page = answers(code=paper.printed_code)
    assert answer == "intact"
    assert "南宁市" in page
    assert "参保人员基本医疗保险信息表" in page
    assert answers(file=_pdf(pdf))[0] == "intact"
    assert answers(file=_pdf(pdf.replace(b"/Root", b"/root", 1)))[0] == "altered"
    assert answers(code="0000-0000-0000-0000")[0] == "unknown"
    assert answers(file=_pdf(b"%PDF-1.7\n"))[0] == "unknown"
    newer = Sheet.objects.get(case=case)
    newer.pk, newer.version = None, 2
    newer.save()
    assert answers(code=paper.code)[0] == "superseded"
    assert answers(file=_pdf(pdf))[0] == "superseded"
    assert AccessEvent.objects.filter(kind="verify", case=case).count() == 6


def test_what_is_no_code_and_no_pdf_is_answered_and_too_many_are_refused(db, client):
    address = reverse("verify")
    for posted, code in (
        ({"code": "12"}, "J-PAPER-CODE"),
        ({}, "J-PAPER-CODE"),
        ({"file": _pdf(b"not a pdf")}, "J-NOT-PDF"),
        ({"file": _pdf(b"")}, "J-NOT-PDF"),
        ({"file": _pdf(b"%PDF-" + b"0" * 5 * 1024 * 1024)}, "J-NOT-PDF"),
    ):
        response = client.post(address, posted)
        assert response.status_code == 400
        assert code in response.content.decode()
    # More marks than a statement can have parameters: each is another code, none of them of a paper.
    marks = b"".join(b"JIEXU-%016d" % number for number in range(70_000))
    assert client.post(address, {"file": _pdf(b"%PDF-1.7\n" + marks)}).context["verified"].answer == "unknown"
    limited = [client.get(address, {"code": "0" * 16}) for _ in range(42)][-1]
    assert limited.status_code == 429
    assert int(limited["Retry-After"]) >= 1


def test_the_person_fetches_their_papers_with_the_second_proof_only(world, client, settings):
    from transfers.web import passes

    case = world.carry(world.accepted(), "approve_out")
    notice = Paper.objects.get(case=case, kind="acceptance")
    address = reverse("track:paper", args=[notice.pk])

    def proved(*, verified: bool) -> None:
        from django.http import HttpResponse
        from django.utils import timezone

        response = HttpResponse()
        passes.give(response, passes.issue(case.pk, now=timezone.now(), verified=verified))
        client.cookies[passes.COOKIE] = response.cookies[passes.COOKIE].value

    assert client.get(address).status_code == 303
    proved(verified=False)
    assert client.get(address).status_code == 303
    assert address not in client.get(reverse("track:status")).content.decode()
    proved(verified=True)
    assert address in client.get(reverse("track:status")).content.decode()
    response = client.get(address)
    assert response.content.startswith(b"%PDF-1.7")
    assert response["Content-Disposition"].startswith(f'attachment; filename="{case.number}-SL-')
    assert client.get(reverse("track:paper", args=[notice.pk + 1000])).status_code == 404
