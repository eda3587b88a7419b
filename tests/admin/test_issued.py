"""Issued papers in the console: fetched, issued on request, printed by hand; sheets as JSON."""

from __future__ import annotations

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from tests.admin.conftest import address
from tests.world import MONDAY
from transfers.actions import papers
from transfers.documents.seal import seal
from transfers.documents.sheet import content_for, digest_of, read_sheet
from transfers.models import AccessEvent, CaseEvent, Paper, Sheet
from transfers.registry import registry_for


def test_both_agencies_fetch_papers_and_the_sheet_as_a_file_that_can_be_read_back(world, signed_in):
    case = world.carry(world.accepted(), "approve_out")
    paper = Paper.objects.get(case=case, kind="sheet")
    client = signed_in(world.in_handler)
    page = client.get(address("change", case.pk)).content.decode()
    assert address("issued", case.pk, paper.pk) in page
    assert address("sheet", case.pk, 1) in page
    pdf = client.get(address("issued", case.pk, paper.pk))
    assert pdf.content.startswith(b"%PDF-1.7"), "made when it was asked for"
    assert pdf["Content-Disposition"] == f'attachment; filename="{case.number}-T2102-{paper.version:02d}.pdf"'
    assert "sandbox" in pdf["Content-Security-Policy"]
    assert AccessEvent.objects.filter(case=case, kind="download", user=world.in_handler).count() == 1
    file = client.get(address("sheet", case.pk, 1)).content
    assert json.loads(file)["form"] == "jiexu-sheet-1"
    assert read_sheet(file, case=case, now=MONDAY).content["months_total"] == 72
    assert client.get(address("sheet", case.pk, 2)).status_code == 404
    stranger = signed_in(world.stranger)
    for where in (address("issued", case.pk, paper.pk), address("sheet", case.pk, 1)):
        assert stranger.get(where).status_code == 404


def test_a_handler_issues_a_certificate_and_hears_why_another_cannot_be(world, signed_in):
    case = world.accepted()
    client = signed_in(world.out_handler)
    page = client.get(address("change", case.pk)).content.decode()
    assert '<option value="certificate">' in page
    assert '<option value="contact_letter">' not in page
    assert client.post(address("issue", case.pk), {"kind": "certificate"}).status_code == 302
    assert Paper.objects.get(case=case, kind="certificate").ordered_by == world.out_handler
    refused = client.post(address("issue", case.pk), {"kind": "contact_letter"})
    assert refused.status_code == 403
    assert "J-NOT-YOURS" in refused.content.decode()
    assert signed_in(world.stranger).post(address("issue", case.pk), {"kind": "certificate"}).status_code == 404


def test_the_manual_queue_shows_what_is_lacking_and_is_worked_off(world, signed_in):
    case = world.accepted()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE transfers_transfercase SET name = '测\U00020bb7' WHERE id = %s", [case.pk])
        cursor.execute("UPDATE transfers_enrolment SET name = '测\U00020bb7'")
    world.carry(case, "approve_out")
    papers.make_waiting(now=MONDAY)
    paper = Paper.objects.get(case=case, kind="sheet")
    client = signed_in(world.out_handler)
    queue = reverse("admin:print_queue")
    assert queue in client.get(reverse("admin:index")).content.decode()
    page = client.get(queue).content.decode()
    assert "U+20BB7" in page
    assert paper.printed_code in page
    assert client.get(address("issued", case.pk, paper.pk)).status_code == 409
    done = reverse("admin:print_queue_done", args=[paper.pk])
    assert signed_in(world.in_handler).post(done).status_code == 404
    assert client.get(done).status_code == 405
    assert client.post(done).status_code == 302
    assert paper.printed_code not in client.get(queue).content.decode()
    assert Paper.objects.get(pk=paper.pk).issued_by == world.out_handler


def test_waiting_papers_show_in_the_health_of_the_system(world):
    assert papers.oldest_waiting(now=MONDAY) is None
    world.carry(world.accepted(), "approve_out")
    assert papers.oldest_waiting(now=MONDAY) == 0.0
    papers.make_waiting(now=MONDAY)
    assert papers.oldest_waiting(now=MONDAY) is None


def test_a_sealed_sheet_from_outside_is_prepared_when_it_says_what_the_record_says(world, signed_in):
    case = world.carry(world.accepted(), "claim_out")
    facts = registry_for(world.out).facts(case.person, world.out)
    content = content_for(case, facts, handler="外部系统", now=MONDAY)
    client = signed_in(world.out_handler)
    assert address("import", case.pk) in client.get(address("change", case.pk)).content.decode()

    def sent(said, *, who=client, version=case.version, **other):
        digest = digest_of(said)
        file = {"form": "jiexu-sheet-1", "version": 1, "content": said, "digest": digest}
        file |= {"seal": seal(digest=digest, agency_code=world.out, now=MONDAY), **other}
        upload = SimpleUploadedFile("sheet.json", json.dumps(file).encode())
        return who.post(address("import", case.pk), {"version": version, "file": upload})

    for wrong, place in (
        ({**content, "balance_fen": 1}, "content.balance_fen"),
        ({**content, "months_total": 73}, "content.months_total"),
        ({**content, "outbound_area": "450200"}, "content.outbound_area"),
    ):
        answer = sent(wrong)
        assert answer.status_code == 400
        assert place in answer.content.decode()
    assert "digest" in sent(content, digest="0" * 64).content.decode()
    assert sent(content, version=1).status_code == 409
    assert sent(content, who=signed_in(world.out_reviewer)).status_code == 403
    assert not Sheet.objects.exists()
    assert sent(content).status_code == 302
    assert Sheet.objects.get(case=case).content["months_total"] == 72
    kept = CaseEvent.objects.get(case=case, name="sheet_file")
    assert kept.data["seal"]["digest"] == digest_of(content)
