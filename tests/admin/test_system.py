"""The frame, the inbox, and what is administered here."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from notifications.models import Letter
from tests.admin.conftest import address
from tests.world import MONDAY, PASSWORD
from transfers.models import Agency, Membership, Partner
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db

LOOKED_UP = ("agency", "area", "calendarnotice", "policy")
ADMINISTERED = ("/console/accounts/user/", "/console/transfers/partner/", "/console/notifications/letter/")


def test_no_page_needs_more_than_the_policy_allows(world, signed_in):
    """script-src 'self'; style-src 'self': no inline script, style or handler on any page of ours or of the admin's."""
    case = world.carry(world.accepted(), "approve_out")
    worker, root = signed_in(world.out_handler), signed_in(world.superuser)
    pages = [Client().get("/console/login/")]
    pages += [
        worker.get(path)
        for path in (
            *("/console/", address("changelist"), address("change", case.pk), address("apply"), "/console/inbox/"),
            *(address("step", case.pk, "propose_remittance"), "/console/password_change/", "/console/nowhere/"),
        )
    ]
    pages += [
        root.get(path)
        for path in (
            *(*ADMINISTERED, *(f"/console/transfers/{name}/" for name in LOOKED_UP), "/console/transfers/membership/"),
            *("/console/accounts/user/add/", f"/console/accounts/user/{world.out_handler.pk}/change/"),
            *("/console/transfers/membership/add/", "/console/transfers/partner/add/", "/console/system/"),
        )
    ]
    for response in pages:
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "style-src 'self'" in policy
        assert "unsafe" not in policy
        text = response.content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), response.request["PATH_INFO"]
        for script in re.findall(r"<script\b[^>]*>", text):
            assert " src=" in script or 'type="application/json"' in script, script


def test_the_page_is_chinese_first_and_english_when_chosen(world):
    client = Client()
    page = client.get("/console/login/").content.decode()
    assert "用户名" in page
    assert 'lang="zh-hans"' in page
    client.cookies["django_language"] = "en"
    assert "User name" in client.get("/console/login/").content.decode()


@pytest.mark.parametrize("demo", [True, False])
def test_demonstration_signins_are_shown_only_in_a_demonstration(settings, monkeypatch, demo):
    settings.DEMO = demo
    monkeypatch.setattr("transfers.admin.site.import_string", lambda path: [("shown", "secret-pw", "某人", "somebody")])
    assert ("secret-pw" in Client().get("/console/login/").content.decode()) is demo


def test_signing_in_leads_home_and_signing_out_ends_it(world):
    world.out_handler  # noqa: B018 - made when first asked for
    client = Client()
    response = client.post("/console/login/", {"username": "out_handler", "password": PASSWORD})
    assert response.headers["Location"] == "/console/"
    assert client.get("/console/").status_code == 200
    client.post("/console/logout/")
    assert client.get("/console/").status_code == 302


# --- who administers -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*ADMINISTERED, "/console/accounts/user/add/", "/console/transfers/partner/add/"])
def test_only_a_superuser_administers(world, signed_in, path):
    for who in (world.out_lead, world.out_handler, world.nation):
        assert signed_in(who).get(path).status_code == 404
        assert signed_in(who).post(path, {}).status_code == 404
    assert signed_in(world.superuser).get(path).status_code == 200


def test_a_supervisor_looks_at_the_members_of_their_own_agency(world, signed_in):
    theirs = Membership.objects.get(user=world.out_lead)
    ours = Membership.objects.filter(user=world.in_handler).first()
    client = signed_in(world.in_lead)
    page = client.get("/console/transfers/membership/").content.decode()
    assert "in_handler" in page
    assert "out_lead" not in page
    assert client.get(f"/console/transfers/membership/{ours.pk}/change/").status_code == 200
    assert client.get(f"/console/transfers/membership/{theirs.pk}/change/").status_code == 404
    assert client.get("/console/transfers/membership/99999/change/").status_code == 404
    for path in (f"{ours.pk}/change/", f"{ours.pk}/delete/", "add/"):
        given = {"user": world.in_lead.pk, "agency": ours.agency_id, "role": "auditor", "post": "yes"}
        assert client.post(f"/console/transfers/membership/{path}", given).status_code == 404
    delete = {"action": "delete_selected", "_selected_action": str(ours.pk), "post": "yes"}
    client.post("/console/transfers/membership/", delete)
    assert Membership.objects.filter(pk=ours.pk).exists()
    assert not Membership.objects.filter(role="auditor").exists()
    assert signed_in(world.in_handler).get("/console/transfers/membership/").status_code == 404


def test_a_superuser_gives_and_takes_roles(world, signed_in):
    client = signed_in(world.superuser)
    agency = Agency.objects.get(area_id=world.out)
    who = world.stranger
    given = {"user": who.pk, "agency": agency.pk, "role": Role.AUDITOR.value}
    assert client.post("/console/transfers/membership/add/", given).status_code == 302
    made = Membership.objects.get(user=who, agency=agency)
    assert client.post(f"/console/transfers/membership/{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Membership.objects.filter(pk=made.pk).exists()


@pytest.mark.parametrize("name", LOOKED_UP)
def test_reference_data_can_be_looked_up_and_not_changed(world, signed_in, name):
    for who in (world.out_handler, world.superuser):
        client = signed_in(who)
        base = f"/console/transfers/{name}/"
        assert client.get(base).status_code == 200
        assert client.get(f"{base}add/").status_code == 404
    if name != "agency":
        first = {"area": "450100"}.get(name)
        from django.apps import apps

        pk = first or apps.get_model("transfers", name).objects.values_list("pk", flat=True).first()
        assert signed_in(world.superuser).get(f"{base}{pk}/change/").status_code == 200
        assert signed_in(world.superuser).post(f"{base}{pk}/change/", {"name": "x"}).status_code == 404


def test_a_partners_key_is_shown_once_and_replaced_on_demand(world, signed_in):
    client = signed_in(world.superuser)
    given = {
        "name": "测试平台",
        "scopes": ["apply", "status"],
        "active": "on",
        "webhook_url": "https://example.com/hook",
    }
    page = client.post("/console/transfers/partner/add/", given)
    key = re.search(r'data-testid="api-key">([^<]+)<', page.content.decode())[1]
    partner = Partner.objects.get()
    assert bytes(partner.key_hash) == Partner.hash_key(key)
    assert partner.scopes == ["apply", "status"]
    assert partner.webhook_secret in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    change = f"/console/transfers/partner/{partner.pk}/change/"
    assert key not in client.get(change).content.decode()
    new_key = f"/console/transfers/partner/{partner.pk}/new-key/"
    assert signed_in(world.out_lead).post(new_key).status_code == 404
    assert bytes(Partner.objects.get().key_hash) == Partner.hash_key(key)
    assert client.get(new_key).status_code == 405
    second = re.search(r'data-testid="api-key">([^<]+)<', client.post(new_key).content.decode())[1]
    assert second != key
    assert bytes(Partner.objects.get().key_hash) == Partner.hash_key(second)


def test_dead_letters_are_listed_masked_and_tried_again(world, signed_in):
    case = world.accepted()
    letter = Letter.objects.filter(channel="sms", subject_ref=case.number).first()
    Letter.objects.filter(pk=letter.pk).update(status="dead", last_error_code="gateway_400")
    client = signed_in(world.superuser)
    page = client.get("/console/notifications/letter/").content.decode()
    assert case.number in page
    assert "gateway_400" in page
    assert "1380000" not in page
    replay = {"action": "replay", "_selected_action": str(letter.pk)}
    assert signed_in(world.out_lead).post("/console/notifications/letter/", replay).status_code == 404
    assert Letter.objects.get(pk=letter.pk).status == "dead"
    assert client.post("/console/notifications/letter/", replay).status_code == 302
    letter.refresh_from_db()
    assert (letter.status, letter.replayed_by_id) == ("pending", world.superuser.pk)
    for path in (f"{letter.pk}/change/", f"{letter.pk}/delete/", "add/"):
        assert client.get(f"/console/notifications/letter/{path}").status_code == 404


# --- inbox ---------------------------------------------------------------------------------------


def test_the_inbox_is_ones_own(world, signed_in):
    world.everyone()
    case = world.accepted()
    mine = Letter.objects.get(channel="inbox", recipient=world.out_lead)
    client, other = signed_in(world.out_lead), signed_in(world.in_lead)
    assert case.number in client.get("/console/inbox/").content.decode()
    assert case.number not in other.get("/console/inbox/").content.decode()
    other.post("/console/inbox/read/", {"id": mine.pk})
    other.post("/console/inbox/read/", {"all": "1"})
    mine.refresh_from_db()
    assert mine.read_at is None
    client.post("/console/inbox/read/", {"id": mine.pk})
    mine.refresh_from_db()
    assert mine.read_at == MONDAY
    assert case.number not in client.get("/console/inbox/", {"show": "unread"}).content.decode()


@pytest.mark.parametrize("before", ["abc", "-1", "9" * 30, ""])
def test_nonsense_in_the_address_of_the_inbox_is_ignored(world, signed_in, before):
    assert signed_in(world.out_lead).get("/console/inbox/", {"before": before}).status_code == 200
