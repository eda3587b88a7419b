"""The console by the thousand: applications from a file, and one step of many cases."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.uploadedfile import SimpleUploadedFile
from structlog.testing import capture_logs

from tests.actions.test_applications import as_csv, table
from tests.admin.conftest import address
from tests.world import IN, MONDAY, application, identity_number, person, user
from transfers import tasks
from transfers.access import actor_for
from transfers.actions import applications
from transfers.actions import many as actions_many
from transfers.admin import filing, many, worklist
from transfers.models import AccessEvent, ApplicationFile, BulkStep, TransferCase
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db


def upload(client: Any, data: bytes, name: str = "名单.csv") -> Any:
    return client.post(address("filing"), {"file": SimpleUploadedFile(name, data)})


FOUR = (application(1), application(2, phone="1"), application(1), application(3))


def test_uploaded_looked_at_confirmed_and_reported(world, signed_in):
    person(1)
    client = signed_in(world.in_handler)
    assert b"from-file" in client.get(address("apply")).content
    assert client.get(address("filing")).status_code == 200
    answer = upload(client, as_csv(table(FOUR)))
    file = ApplicationFile.objects.get()
    assert answer.url == address("filing_file", file.pk)
    seen = client.get(answer.url).content.decode()
    assert "将提交2份申请。" in seen
    assert "J-PHONE" in seen
    assert "与第2行为同一人" in seen
    assert identity_number(1) not in seen
    assert not TransferCase.objects.exists()
    client.post(answer.url, {"confirm": "1"})
    assert TransferCase.objects.count() == 2
    done = client.get(answer.url).content.decode()
    assert "4 行，共 4 行" in done or "progress" in done
    assert 'http-equiv="refresh"' not in done
    report = client.post(address("filing_report", file.pk))
    rows = list(csv.reader(io.StringIO(report.content.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["2", "3", "4", "5"]
    assert [row[4] for row in rows[1:]] == ["", "J-PHONE", "", "V-O-02 V-I-01"]
    assert rows[1][2] == TransferCase.objects.get(state="ACCEPTED").number
    assert AccessEvent.objects.filter(kind="export", user=world.in_handler).count() == 1


def test_a_long_file_is_left_to_a_worker(world, signed_in, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(filing, "AT_ONCE", 1)
    monkeypatch.setattr(tasks, "bulk_soon", lambda: asked.append(1))
    person(1)
    client = signed_in(world.in_handler)
    answer = upload(client, as_csv(table(FOUR)))
    client.post(answer.url, {"confirm": "1"})
    assert (len(asked), TransferCase.objects.count()) == (1, 0)
    assert 'http-equiv="refresh"' in client.get(answer.url).content.decode()
    tasks.bulk()
    assert TransferCase.objects.count() == 2
    assert 'http-equiv="refresh"' not in client.get(answer.url).content.decode()


def test_a_file_that_breaks_keeps_no_other_waiting(world, monkeypatch):
    person(1)
    first, second = [
        applications.confirm(
            actor_for(world.in_handler),
            applications.look_at(actor_for(world.in_handler), as_csv(table([application(serial)])), now=MONDAY).pk,
            now=MONDAY,
        )
        for serial in (1, 2)
    ]
    real = applications.file_lines

    def breaking(file: int) -> int:
        if file == first.pk:
            raise RuntimeError(identity_number(1))
        return real(file)

    monkeypatch.setattr(applications, "file_lines", breaking)
    with capture_logs() as logs:
        tasks.bulk()
    second.refresh_from_db()
    assert second.finished_at is not None
    (told,) = [line for line in logs if line["log_level"] == "error"]
    assert (told["event"], told["file"], told["error"]) == ("work_waits", first.pk, "RuntimeError")
    assert identity_number(1) not in str(told)


def test_a_worker_that_must_stop_stops(world, monkeypatch):
    def stopped(file: int) -> int:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(applications, "under_way", lambda: [1])
    monkeypatch.setattr(applications, "file_lines", stopped)
    with pytest.raises(SoftTimeLimitExceeded):
        tasks.bulk()


def test_what_nobody_confirmed_goes_after_a_day_though_nobody_uploads_another(world, monkeypatch):
    actor = actor_for(world.in_handler)
    (case,) = to_review(world, 1)

    def begun(at: datetime, serial: int) -> None:
        applications.look_at(actor, as_csv(table([application(serial)])), now=at)
        actions_many.choose(actor, TransferCase.objects.filter(pk=case.pk), now=at)

    begun(MONDAY - timedelta(days=1, seconds=1), 2)
    begun(MONDAY - timedelta(days=1), 3)
    kept = ApplicationFile.objects.get(taken_at=MONDAY - timedelta(days=1))
    monkeypatch.setattr(tasks.timezone, "now", lambda: MONDAY)
    tasks.bulk()
    assert list(ApplicationFile.objects.all()) == [kept]
    assert BulkStep.objects.get().made_at == MONDAY - timedelta(days=1)


def test_whose_file_it_is(world, signed_in):
    client, other = signed_in(world.in_handler), signed_in(user("other", IN, (Role.IN_HANDLER,)))
    address_of = upload(client, as_csv(table(FOUR))).url
    pk = ApplicationFile.objects.get().pk
    for name, method in (("filing_file", "get"), ("filing_file", "post"), ("filing_report", "post")):
        assert getattr(other, method)(address(name, pk)).status_code == 404
    assert signed_in(world.in_reviewer).get(address("filing")).status_code == 403
    assert client.post(address_of, {"drop": "1"}).url == address("filing")
    assert not ApplicationFile.objects.exists()


def test_a_file_that_cannot_be_read(world, signed_in):
    client = signed_in(world.in_handler)
    answer = upload(client, b"x")
    assert (answer.status_code, b'data-code="J-FILE"' in answer.content) == (400, True)
    assert client.post(address("filing")).status_code == 400


def to_review(world: Any, *serials: int) -> list[TransferCase]:
    return [world.carry(world.accepted(serial), "prepare_sheet") for serial in serials]


def test_the_ticked_are_approved_together(world, signed_in):
    first, second, third = to_review(world, 1, 2, 3)
    client = signed_in(world.out_reviewer)
    page = client.get(address("changelist"), {"shelf": "review"}).content.decode()
    assert page.count('name="pk"') == 3
    assert 'data-testid="many-all"' not in page, "all of them are on this page"
    answer = client.post(address("many"), {"shelf": "review", "pk": [first.pk, second.pk]})
    step = BulkStep.objects.get()
    assert answer.url == address("many_step", step.pk)
    asked = client.get(answer.url).content.decode()
    assert 'value="approve_out" checked' in asked
    assert "适用于2件" in asked
    world.take(second, "send_back_out", world.out_reviewer, reason="B-01", note="请核对")
    assert client.post(answer.url, {"step": "reassign"}).status_code == 409
    client.post(answer.url, {"step": "approve_out"})
    report = client.get(answer.url).content.decode()
    assert "J-STALE" in report
    assert second.number in report
    states = {case.pk: case.state for case in TransferCase.objects.all()}
    assert states == {first.pk: "INFO_SENT", second.pk: "OUT_PROCESSING", third.pk: "OUT_REVIEW"}


def test_all_that_the_filter_finds_and_no_others(world, signed_in, monkeypatch):
    monkeypatch.setattr(worklist, "PER_PAGE", 2)
    monkeypatch.setattr(many, "AT_ONCE", 2)
    asked: list[int] = []
    monkeypatch.setattr(tasks, "bulk_soon", lambda: asked.append(1))
    reviewed, claimed = to_review(world, 1, 2, 3), world.carry(world.accepted(4), "claim_out")
    client = signed_in(world.out_reviewer)
    page = client.get(address("changelist"), {"shelf": "ours", "state": "OUT_REVIEW"}).content.decode()
    assert "批量办理全部3件" in page
    answer = client.post(address("many"), {"shelf": "ours", "state": "OUT_REVIEW", "all": "1", "pk": [claimed.pk]})
    client.post(answer.url, {"step": "approve_out"})
    assert asked == [1]
    assert 'http-equiv="refresh"' in client.get(answer.url).content.decode()
    tasks.bulk()
    assert {TransferCase.objects.get(pk=case.pk).state for case in reviewed} == {"INFO_SENT"}
    assert TransferCase.objects.get(pk=claimed.pk).state == "OUT_PROCESSING"
    assert BulkStep.objects.get().finished_at == MONDAY


def test_whose_choice_it_is(world, signed_in):
    (case,) = to_review(world, 1)
    client = signed_in(world.out_reviewer)
    answer = client.post(address("many"), {"shelf": "review", "pk": [case.pk]})
    for outsider in (world.out_handler, world.stranger):
        assert signed_in(outsider).get(answer.url).status_code == 404
        assert signed_in(outsider).post(answer.url, {"step": "approve_out"}).status_code == 404
    assert signed_in(world.stranger).post(address("many"), {"shelf": "open", "pk": [case.pk]}).status_code == 400
    assert signed_in(world.superuser).post(address("many"), {"pk": [case.pk]}).status_code == 404
    assert client.post(address("many"), {"shelf": "review"}).status_code == 400
    assert TransferCase.objects.get(pk=case.pk).state == "OUT_REVIEW"
