"""Who sees a case: every address, every kind of person, and one answer for "none" and "not yours"."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.admin.conftest import address, again, post_step
from tests.world import MONDAY, user
from transfers.access import actor_for
from transfers.actions.attachments import attach
from transfers.models import AccessEvent, Attachment, CaseEvent, TransferCase
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.7\nTEST"
INSIDERS = ("out_handler", "out_reviewer", "out_lead", "in_handler", "in_reviewer", "in_lead")
WATCHERS = ("out_province", "nation")
OUTSIDERS = ("stranger", "superuser", "other_province", "nobody")


def person_called(world, name: str):
    match name:
        case "other_province":
            return user("other_province", "510000", (Role.SUPERVISOR,))
        case "nobody":
            return user("nobody")
        case "auditor":
            return user("auditor", world.out, (Role.AUDITOR,))
    return getattr(world, name)


@pytest.fixture
def case(world) -> TransferCase:
    case = world.accepted()
    attach(case, actor_for(world.out_handler), SimpleUploadedFile("a.pdf", PDF), "id_front", now=MONDAY)
    return case


def paths(case: TransferCase, paper: int) -> dict[str, str]:
    """Every address at which something of one case can be read."""
    return {
        "page": address("change", case.pk),
        "history": address("history", case.pk),
        "step": address("step", case.pk, "claim_out"),
        "paper": address("paper", case.pk, paper),
    }


def body(response) -> bytes:
    return response.getvalue() if response.streaming else response.content


def without_token(response) -> str:
    """A page without what differs by nature: tokens, and the address that the language switch returns to."""
    text = re.sub(r'(csrfmiddlewaretoken" value=)"[^"]+"', r"\1", body(response).decode())
    return re.sub(r'name="next" value="[^"]*"', "", text)


@pytest.mark.parametrize("who", [*INSIDERS, "auditor", *WATCHERS])
def test_those_who_have_part_in_a_case_can_read_it(world, case, signed_in, who):
    client = signed_in(person_called(world, who))
    paper = Attachment.objects.get(case=case).pk
    for name, path in paths(case, paper).items():
        response = client.get(path, follow=name == "history")
        # A step that is not theirs is refused as such: they see the case, so there is nothing to hide.
        expected = {200, 403} if name == "step" else {200}
        assert response.status_code in expected, name
    assert case.number in client.get(address("changelist"), {"shelf": "open"}).content.decode()
    assert client.get(address("changelist"), {"q": case.number}).status_code == 302


@pytest.mark.parametrize("who", OUTSIDERS)
def test_everybody_else_gets_the_answer_for_nothing(world, case, signed_in, who):
    client = signed_in(person_called(world, who))
    paper = Attachment.objects.get(case=case).pk
    ghost = TransferCase(pk=case.pk + 1000)
    for (name, path), nothing in zip(paths(case, paper).items(), paths(ghost, paper + 1000).values(), strict=True):
        mine, none = client.get(path), client.get(nothing)
        assert mine.status_code == none.status_code == 404, name
        assert without_token(mine) == without_token(none), name
    for text in (case.number, case.name, "110101199003070011", case.number[:6]):
        found = client.get(address("changelist"), {"q": text})
        assert found.status_code in (200, 404)
        assert case.number not in found.content.decode().replace(f'value="{text}"', "").replace(text, "")


@pytest.mark.parametrize("who", OUTSIDERS)
def test_everybody_else_can_change_nothing(world, case, signed_in, who):
    client = signed_in(person_called(world, who))
    before = (CaseEvent.objects.count(), AccessEvent.objects.count(), Attachment.objects.count())
    upload = {"kind": "other", "file": SimpleUploadedFile("b.pdf", PDF)}
    assert post_step(client, case, "claim_out").status_code == 404
    assert client.post(address("unmask", case.pk)).status_code == 404
    assert client.post(address("papers", case.pk), upload).status_code == 404
    assert (CaseEvent.objects.count(), AccessEvent.objects.count(), Attachment.objects.count()) == before
    case = again(case)
    assert (case.state, case.version) == ("ACCEPTED", 2)


def test_their_twin_can(world, case, signed_in):
    client = signed_in(world.out_handler)
    upload = {"kind": "other", "file": SimpleUploadedFile("b.pdf", PDF)}
    assert client.post(address("unmask", case.pk)).status_code == 200
    assert client.post(address("papers", case.pk), upload).status_code == 302
    assert post_step(client, case, "claim_out").status_code == 302
    case = again(case)
    assert (case.state, case.version) == ("OUT_PROCESSING", 3)


@pytest.mark.parametrize("who", [*OUTSIDERS, "out_handler"])
def test_export_holds_visible_rows_only(world, case, signed_in, who):
    client = signed_in(person_called(world, who))
    response = client.post(address("export"), {"shelf": "open", "pk": str(case.pk)})
    listed = response.status_code == 200 and case.number in response.content.decode("utf-8-sig")
    assert listed is (who == "out_handler")


@pytest.mark.parametrize("who", [*OUTSIDERS, "out_handler"])
def test_autocomplete_finds_visible_cases_only(world, case, signed_in, who):
    """Django's own autocomplete view, asked through a foreign key that points at cases."""
    client = signed_in(person_called(world, who))
    query = {"app_label": "transfers", "model_name": "caseevent", "field_name": "case", "term": case.number[:4]}
    text = client.get("/console/autocomplete/", query).content.decode()
    assert (f'"{case.number}"' in text) is (who == "out_handler")


@pytest.mark.parametrize("field", ["user", "actor"])
def test_autocomplete_tells_nobody_but_a_superuser_who_signs_in_here(world, signed_in, field):
    model = {"user": "membership", "actor": "caseevent"}[field]
    query = {"app_label": "transfers", "model_name": model, "field_name": field, "term": "out"}
    world.out_reviewer  # noqa: B018 - made when first asked for
    assert "results" not in signed_in(world.out_lead).get("/console/autocomplete/", query).content.decode()
    assert '"results": [{' in signed_in(world.superuser).get("/console/autocomplete/", query).content.decode()


def test_a_province_sees_below_and_touches_nothing(world, case, signed_in):
    client = signed_in(world.out_province)
    page = client.get(address("change", case.pk)).content.decode()
    assert 'data-testid="read-only"' in page
    for mark in ("data-step=", "data-not-step=", 'data-testid="unmask"', 'data-testid="add-paper"'):
        assert mark not in page
    assert post_step(client, case, "claim_out").status_code == 403
    assert client.post(address("unmask", case.pk)).status_code == 403
    assert AccessEvent.objects.filter(kind="unmask", outcome="refused", user=world.out_province).count() == 1
    case = again(case)
    assert case.version == 2
    assert 'data-step="claim_out"' in signed_in(world.out_handler).get(address("change", case.pk)).content.decode()


def test_nobody_is_let_in_without_signing_in(case):
    client = Client()
    for path in [*paths(case, 1).values(), address("changelist"), address("apply"), "/console/", "/console/inbox/"]:
        response = client.get(path)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/console/login/")
    assert client.post(address("export")).status_code == 302
    assert not AccessEvent.objects.exists()


def test_the_admins_ways_to_add_change_and_delete_a_case_do_not_exist(world, case, signed_in):
    for who in (world.superuser, world.out_lead):
        client = signed_in(who)
        base = address("changelist")
        for path in (f"{base}add/", f"{base}{case.pk}/delete/", f"{base}{case.pk}/"):
            assert client.get(path).status_code == 404
            assert client.post(path, {"post": "yes"}).status_code == 404
        client.post(base, {"action": "delete_selected", "_selected_action": str(case.pk), "post": "yes"})
    assert TransferCase.objects.filter(pk=case.pk).exists()


def test_letters_to_the_other_sides_staff_are_not_shown(world, signed_in):
    world.everyone()
    case = world.carry(world.accepted(), "approve_out")
    ours = signed_in(world.in_handler).get(address("change", case.pk)).content.decode()
    assert world.in_lead.display_name in ours
    assert world.out_lead.display_name not in ours
    assert world.out_lead.display_name in signed_in(world.out_handler).get(address("change", case.pk)).content.decode()


def test_a_draft_of_the_sheet_stays_inside_the_outbound_agency(world, signed_in):
    case = world.carry(world.accepted(), "prepare_sheet")
    for who, seen in ((world.out_reviewer, True), (world.in_handler, False), (world.nation, False)):
        assert ("SHA-256" in signed_in(who).get(address("change", case.pk)).content.decode()) is seen
    world.take(case, "approve_out", world.out_reviewer)
    assert "SHA-256" in signed_in(world.in_handler).get(address("change", case.pk)).content.decode()
