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
