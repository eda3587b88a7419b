"""No page breaks its own content security policy or complains in the browser's console, stock pages included."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from notifications.models import Letter
from tests.browser.access import complaints
from transfers.models import Agency, Membership, Partner, Policy, TransferCase

# Django's own password widget points to a help text that its page leaves out.
DJANGOS_OWN = "id_password_helptext"
pytestmark = pytest.mark.django_db(transaction=True)


def test_the_watch_notices_what_the_policy_forbids(window):
    desk = window()
    desk.page.goto("/track/")
    assert desk.watch.complaints == []
    desk.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'changed'";
        document.body.append(script);
        document.body.setAttribute("style", "color: red");
    }""")
    expect(desk.page).not_to_have_title("changed")
    said = "\n".join(desk.watch.complaints)
    assert "content security policy: script-src-elem inline" in said
    assert "content security policy: style-src-attr inline" in said
    desk.watch.complaints.clear()


def test_every_page_of_the_system_administrator(world, window, album):
    world.everyone()
    world.accepted()
    Partner.objects.create(name="测试平台", key_hash=Partner.hash_key("test-only"), scopes=[Partner.APPLY])
    Letter.objects.filter(pk=Letter.objects.latest("pk").pk).update(status=Letter.Status.DEAD)
    request = RequestFactory().get("/")
    request.user = world.superuser
    desk = window(world.superuser)
    page = desk.page
    visited, wrong = 0, []
    for model, register in admin.site._registry.items():
        if model is TransferCase:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"{name}_changelist")]
        row = register.get_queryset(request).order_by("pk").last()
        if row is not None and register.has_view_permission(request, row):
            addresses.append(reverse(f"{name}_change", args=[row.pk]))
            if model is not Policy:  # its editions are their own history
                addresses.append(reverse(f"{name}_history", args=[row.pk]))
        if register.has_add_permission(request):
            addresses.append(reverse(f"{name}_add"))
        for address in addresses:
            answer = page.goto(address)
            assert (answer.status, address) == (200, address)
            wrong += [f"{address}: {said}" for said in complaints(page) if DJANGOS_OWN not in said]
            visited += 1
    assert visited > 20
    for place in ("index", "system", "inbox", "password_change"):
        assert page.goto(reverse(f"admin:{place}")).status == 200
        wrong += [f"{place}: {said}" for said in complaints(page)]
    assert not wrong, "\n".join(wrong)


def test_the_administrator_gives_somebody_a_role(world, window, album):
    """The stock pages with their scripts and their small window still work under the policy."""
    newcomer = User.objects.create(username="newcomer", is_staff=True)
    desk = window(world.superuser)
    page = desk.page
    page.goto("/console/system/")
    page.get_by_role("main").get_by_role("link", name=Membership._meta.verbose_name_plural).click()
    page.goto(reverse("admin:transfers_membership_add"))
    with page.expect_popup() as small:
        page.locator("#lookup_id_user").click()
    small.value.get_by_role("link", name="newcomer").click()
    expect(page.locator("#id_user")).to_have_value(str(newcomer.pk))
    agency = Agency.objects.get(area_id="450100")
    page.locator("#id_agency").select_option(str(agency.pk))
    page.locator("#id_role").select_option("auditor")
    album(desk, "30-membership")
    page.locator("[name=_save]").click()
    expect(page.locator(".success")).to_be_visible()
    assert Membership.objects.get(user=newcomer).role == "auditor"
