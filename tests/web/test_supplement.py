"""The person's own step: sending in what was asked for."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests.web.conftest import look_up, verified
from transfers.models import Attachment, CaseEvent, TransferCase

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32


@pytest.fixture
def waiting(world, settings, tmp_path):
    """A case that waits for its applicant."""
    settings.UPLOAD_DIR = tmp_path
    case = world.carry(world.accepted(now=timezone.now()), "claim_out", now=timezone.now())
    return world.take(
        case, "request_supplement", world.out_handler, reason="Q-01", note="背面照片反光", now=timezone.now()
    )


def test_it_is_sent_in_with_papers(waiting, browser):
    verified(browser, waiting.number)
    text = browser.get("/track/status/").content.decode()
    assert "背面照片反光" in text
    assert f'name="version" value="{waiting.version}"' in text
    papers = [SimpleUploadedFile("a.png", PNG, "image/png"), SimpleUploadedFile("b.png", PNG, "image/png")]
    sent = {"version": waiting.version, "note": "已重新拍摄", "papers": papers}
    assert browser.post("/track/supplement/", sent).status_code == 303
    case = TransferCase.objects.get(pk=waiting.pk)
    assert case.state == "OUT_PROCESSING"
    assert Attachment.objects.filter(case=case).count() == 2
    event = CaseEvent.objects.get(case=case, name="provide_supplement")
    assert (event.actor_kind, event.note, event.actor_id) == ("person", "已重新拍摄", None)
    assert "材料已补充" in browser.get("/track/status/").content.decode()


def kept_files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_what_is_refused_leaves_no_file_behind(waiting, browser, settings):
    """The papers are fine and are written before the step; the step is refused, because the page is an old one."""
    verified(browser, waiting.number)

    def send(version):
        papers = [SimpleUploadedFile(f"{n}.png", PNG, "image/png") for n in range(2)]
        return browser.post("/track/supplement/", {"version": version, "note": "已重新拍摄", "papers": papers})

    assert send(waiting.version - 1).status_code == 409
    assert kept_files(settings.UPLOAD_DIR) == set()
    assert send(waiting.version).status_code == 303
    assert kept_files(settings.UPLOAD_DIR) == set(Attachment.objects.values_list("path", flat=True))
    assert Attachment.objects.count() == 2


def test_a_refused_paper_takes_the_one_before_it_along(waiting, browser, settings):
    verified(browser, waiting.number)
    papers = [SimpleUploadedFile("a.png", PNG, "image/png"), SimpleUploadedFile("b.png", b"MZ" + PNG, "image/png")]
    sent = {"version": waiting.version, "note": "已重新拍摄", "papers": papers}
    assert browser.post("/track/supplement/", sent).status_code == 400
    assert kept_files(settings.UPLOAD_DIR) == set()


def test_not_without_the_second_proof(waiting, browser):
    look_up(browser, waiting.number)
    assert "背面照片反光" not in browser.get("/track/status/").content.decode()
    browser.post("/track/supplement/", {"version": waiting.version, "note": "x"})
    assert TransferCase.objects.get(pk=waiting.pk).state == "OUT_SUPPLEMENT"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 1}, "J-STALE"),
        ({"note": ""}, None),
        ({"note": "字" * 501}, None),
        ({"note": "a\u202eb"}, "J-FIELD"),
        ({"papers": [SimpleUploadedFile("a.exe", b"MZ" + PNG, "image/png")]}, "J-FILE"),
        ({"papers": [SimpleUploadedFile(f"{n}.png", PNG, "image/png") for n in range(6)]}, None),
        ({"version": "x"}, None),
    ],
)
def test_bad_input_changes_nothing(waiting, browser, change, code):
    verified(browser, waiting.number)
    good = SimpleUploadedFile("good.png", PNG, "image/png")
    sent = {"version": waiting.version, "note": "已重新拍摄", "papers": [good], **change}
    response = browser.post("/track/supplement/", sent)
    assert response.status_code in (400, 409)
    assert code is None or code in response.content.decode()
    case = TransferCase.objects.get(pk=waiting.pk)
    assert (case.state, case.version) == ("OUT_SUPPLEMENT", waiting.version)
    assert not Attachment.objects.exists()


def test_a_double_click_is_answered(waiting, browser, world):
    verified(browser, waiting.number)
    sent = {"version": waiting.version, "note": "已重新拍摄"}
    assert browser.post("/track/supplement/", sent).status_code == 303
    again = browser.post("/track/supplement/", sent)
    assert again.status_code == 409
    text = again.content.decode()
    assert "J-STALE" in text
    assert world.out_handler.username not in text
