"""Which language answers whom."""

from __future__ import annotations

import pytest
from django.conf import settings as configured
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from django.utils.translation import get_language

from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def say(request) -> HttpResponse:
    return HttpResponse(f"{get_language()} {request.LANGUAGE_CODE}")


urlpatterns = [path("say", say), path("", include("accounts.urls"))]


def asked(client: Client, **headers: str) -> str:
    return client.get("/say", **headers).content.decode()


def test_chinese_whatever_the_browser_prefers() -> None:
    assert asked(Client()) == "zh-hans zh-hans"
    assert asked(Client(), HTTP_ACCEPT_LANGUAGE="en-GB,en;q=0.9") == "zh-hans zh-hans"


def test_the_choice_of_a_visitor_is_kept() -> None:
    client = Client()
    response = client.post("/language/", {"language": "en", "next": "/say"})
    assert (response.status_code, response.url) == (302, "/say")
    assert asked(client) == "en en"
    assert client.get("/say").headers["Content-Language"] == "en"
    assert "Cookie" in client.get("/say").headers["Vary"]


def test_the_choice_of_a_person_follows_them_to_another_browser() -> None:
    user = User.objects.create(username="a")
    here, there = Client(), Client()
    here.force_login(user)
    here.post("/language/", {"language": "en"})
    there.force_login(User.objects.get())
    assert asked(there) == "en en"
    # A colleague at the first desk gets their own language, not the cookie's.
    here.force_login(User.objects.create(username="b"))
    assert asked(here) == "zh-hans zh-hans"


@pytest.mark.parametrize("nonsense", ["xx", "", "en\x00", "../en", "zh-hant"])
def test_nonsense_is_ignored(nonsense) -> None:
    user = User.objects.create(username="a")
    client = Client()
    client.force_login(user)
    client.post("/language/", {"language": nonsense})
    client.cookies[configured.LANGUAGE_COOKIE_NAME] = "xx"
    assert asked(client) == "zh-hans zh-hans"
    assert User.objects.get().language == "zh-hans"


def test_it_does_not_lead_away_from_this_host() -> None:
    response = Client().post("/language/", {"language": "en", "next": "https://elsewhere.example/"})
    assert response.url == "/"


def test_reading_an_address_changes_nothing() -> None:
    client = Client()
    assert client.get("/language/", {"language": "en"}).status_code == 405
    assert asked(client) == "zh-hans zh-hans"


def test_a_visitor_without_a_session_costs_no_query(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        asked(Client())
