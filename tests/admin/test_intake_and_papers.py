"""Window intake, and papers of a case."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from notifications.models import Letter
from tests.admin.conftest import address, again
from tests.world import IN, OUT, application, identity_number, person, user
from transfers.actions.attachments import MAX_BYTES
from transfers.models import AccessEvent, Attachment, Enrolment, Person, TransferCase
from transfers.rules import casenumber
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db

PDF, PNG, JPEG = b"%PDF-1.7\nTEST", b"\x89PNG\r\n\x1a\nTEST", b"\xff\xd8\xff\xe0TEST"


# --- intake --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "channel"), [("in_handler", "window_in"), ("out_handler", "window_out")])
def test_an_application_is_taken_in_at_either_window(world, signed_in, who, channel):
    person()
    client = signed_in(getattr(world, who))
    assert client.get(address("apply")).status_code == 200
    response = client.post(address("apply"), application())
    case = TransferCase.objects.get()
    assert response.headers["Location"] == address("change", case.pk)
    assert (case.state, case.channel) == ("ACCEPTED", channel)


def test_every_wrong_field_is_named_and_nothing_typed_is_lost(world, signed_in):
    typed = application() | {
        "name": "<script>",
        "phone": "123",
        "identity_number": "11010119900307001X",
        "remarks": "备注原文",
    }
    response = signed_in(world.in_handler).post(address("apply"), typed)
    page = response.content.decode()
    assert response.status_code == 422
    assert {item.name for item, _problem in response.context["problems"]} == {"name", "phone", "identity_number"}
    for kept in ("&lt;script&gt;", 'value="123"', "备注原文", f'value="{OUT}" selected', f'value="{IN}" selected'):
        assert kept in page
    assert not TransferCase.objects.exists()


def test_a_refusal_shows_every_reason_with_its_remedy(world, signed_in):
    made = person()
    Enrolment.objects.filter(person=made, area_id=OUT).update(status="1", arrears=True)
    response = signed_in(world.in_handler).post(address("apply"), application(), follow=True)
    page = response.content.decode()
    assert TransferCase.objects.get().state == "NOT_ACCEPTED"
    for text in ("V-O-01", "V-O-03", "请先由原单位或本人在转出地办理停保", "缴清欠费后再申请"):
        assert text in page


@pytest.mark.parametrize("who", ["out_reviewer", "out_lead", "superuser", "nation"])
def test_only_a_handler_has_a_window(world, signed_in, who):
    client = signed_in(getattr(world, who))
    assert client.get(address("apply")).status_code == 404
    assert client.post(address("apply"), application()).status_code == 404
    assert not TransferCase.objects.exists()


def test_a_window_takes_no_application_between_two_other_areas(world, signed_in):
    person()
    elsewhere = user("elsewhere", "510100", (Role.OUT_HANDLER, Role.IN_HANDLER))
    response = signed_in(elsewhere).post(address("apply"), application())
    assert response.status_code == 422
    assert not TransferCase.objects.exists()
    assert Person.objects.count() == 1


def test_a_handler_of_one_side_takes_in_on_that_side_only(world, signed_in):
    """An outbound handler whose area is the inbound one of the application sits at no window of it."""
    person()
    outbound_only = user("outbound_only", IN, (Role.OUT_HANDLER,))
    assert signed_in(outbound_only).post(address("apply"), application()).status_code == 422
    assert signed_in(world.in_handler).post(address("apply"), application()).status_code == 302


def form_of(client, **changes):
    """What the browser would post: the form as it was fetched, filled in."""
    page = client.get(address("apply")).content.decode()
    return application(**changes) | {"once": re.search(r'name="once" value="([^"]+)"', page)[1]}


def told():
    return sorted(Letter.objects.values_list("template", "channel", "subject_ref"))


def test_a_double_click_files_once(world, signed_in):
    person()
    client = signed_in(world.in_handler)
    form = form_of(client)
    first = client.post(address("apply"), form)
    case, letters = TransferCase.objects.get(), told()
    second = client.post(address("apply"), form)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["Location"] == second.headers["Location"] == address("change", case.pk)
    assert (case.state, told()) == ("ACCEPTED", letters)
    assert again(case).version == case.version
    # The control: a form fetched anew is another application, refused because the first is open.
    client.post(address("apply"), form_of(client))
    assert list(TransferCase.objects.order_by("pk").values_list("state", flat=True)) == ["ACCEPTED", "NOT_ACCEPTED"]
    assert len(told()) > len(letters)


def test_a_form_that_was_filed_takes_no_other_content(world, signed_in):
    """Somebody goes back and types another person over it: neither lost nor taken for a repetition."""
    person()
    person(2)
    client = signed_in(world.in_handler)
    form = form_of(client)
    client.post(address("apply"), form)
    changed = form | {"identity_number": identity_number(2)}
    response = client.post(address("apply"), changed)
    assert (response.status_code, TransferCase.objects.count()) == (409, 1)
    page = response.content.decode()
    assert "J-FILED" in page
    assert f'value="{identity_number(2)}"' in page
    assert response.context["once"] != form["once"]
    assert client.post(address("apply"), changed | {"once": response.context["once"]}).status_code == 302
    assert TransferCase.objects.count() == 2


def test_a_form_that_was_refused_keeps_its_number(world, signed_in):
    person()
    client = signed_in(world.in_handler)
    form = form_of(client)
    response = client.post(address("apply"), form | {"phone": "1"})
    assert response.status_code == 422
    numbers = set()
    for once in (response.context["once"], form["once"]):
        client.post(address("apply"), form | {"once": once})
        numbers.add(TransferCase.objects.get().number)
    assert len(numbers) == 1


@pytest.mark.parametrize("once", ["", "x", "IkpYMSI:1x:y"])
def test_a_number_that_we_did_not_give_is_not_used(world, signed_in, once):
    person()
    client = signed_in(world.in_handler)
    assert client.post(address("apply"), application() | {"once": once}).status_code == 302
    assert casenumber.parse(TransferCase.objects.get().number)
    # Nor one that was given to somebody else.
    theirs = form_of(signed_in(world.out_handler))
    client.post(address("apply"), theirs)
    signed_in(world.out_handler).post(address("apply"), theirs)
    assert TransferCase.objects.count() == 3


# --- papers --------------------------------------------------------------------------------------


def add(client, case, name, content, kind="id_front"):
    return client.post(address("papers", case.pk), {"kind": kind, "file": SimpleUploadedFile(name, content)})


@pytest.mark.parametrize(
    ("name", "content", "kept", "content_type"),
    [
        ("证件.pdf", PDF, "证件.pdf", "application/pdf"),
        ("a.PNG", PNG, "a.PNG", "image/png"),
        ("a.jpeg", JPEG, "a.jpeg", "image/jpeg"),
        ("a.exe", PDF, "a.exe.pdf", "application/pdf"),
        ("picture.png", JPEG, "picture.jpg", "image/jpeg"),
        ("..\\..\\evil.pdf", PDF, "evil.pdf", "application/pdf"),
        ("a<b>'c.pdf", PDF, "abc.pdf", "application/pdf"),
    ],
)
def test_a_paper_is_judged_by_its_content(world, signed_in, settings, name, content, kept, content_type):
    case = world.accepted()
    client = signed_in(world.out_handler)
    assert add(client, case, name, content).status_code == 302
    paper = Attachment.objects.get()
    assert (paper.content_type, paper.size) == (content_type, len(content))
    assert paper.filename == kept
    stored = settings.UPLOAD_DIR / paper.path
    assert stored.read_bytes() == content
    assert stored.stat().st_mode & 0o077 == 0
    assert paper.filename not in paper.path
    response = client.get(address("paper", case.pk, paper.pk))
    assert response.getvalue() == content
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert AccessEvent.objects.filter(kind="download", case=case, user=world.out_handler).count() == 1


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("page.pdf", b"<html><script>alert(1)</script>", "id_front"),
        ("a.pdf", b"MZ\x90\x00", "id_front"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "id_front"),
        ("a.pdf", PDF.ljust(MAX_BYTES + 1, b"x"), "id_front"),
        ("a.pdf", PDF, "nonsense"),
    ],
    ids=["html", "program", "svg", "too big", "kind"],
)
def test_a_wrong_paper_is_refused_with_its_code(world, signed_in, settings, name, content, kind):
    case = world.accepted()
    response = add(signed_in(world.out_handler), case, name, content, kind)
    assert response.status_code == 400
    assert 'data-code="J-FILE"' in response.content.decode()
    assert not Attachment.objects.exists()
    assert not settings.UPLOAD_DIR.exists()


def test_no_file_at_all_is_said(world, signed_in):
    case = world.accepted()
    client = signed_in(world.out_handler)
    assert client.post(address("papers", case.pk), {"kind": "other"}).status_code == 400
    empty = client.post(address("papers", case.pk), {"kind": "other", "file": SimpleUploadedFile("a.pdf", b"")})
    assert empty.status_code == 400


def test_the_biggest_allowed_paper_is_taken(world, signed_in):
    assert add(signed_in(world.out_handler), world.accepted(), "a.pdf", PDF.ljust(MAX_BYTES, b"x")).status_code == 302


@pytest.mark.parametrize(
    ("who", "status"), [("out_handler", 302), ("in_handler", 302), ("out_reviewer", 403), ("out_lead", 403)]
)
def test_handlers_add_papers(world, signed_in, who, status):
    assert add(signed_in(getattr(world, who)), world.accepted(), "a.pdf", PDF).status_code == status
    assert Attachment.objects.exists() is (status == 302)


def test_a_closed_case_takes_no_more_papers(world, signed_in):
    case = world.carry(world.accepted(), "credit_account")
    assert add(signed_in(world.out_handler), case, "a.pdf", PDF).status_code == 400


def test_a_paper_belongs_to_its_case(world, signed_in):
    """The number of another case in the address does not open a paper."""
    first, second = world.accepted(1), world.accepted(2)
    client = signed_in(world.out_handler)
    add(client, first, "a.pdf", PDF)
    paper = Attachment.objects.get()
    assert client.get(address("paper", second.pk, paper.pk)).status_code == 404
    assert client.get(address("paper", first.pk, paper.pk)).status_code == 200
