"""Sign-in: the lock-out, and that nothing tells who exists."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.conf import settings as configured
from django.test import Client

from accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fast_hasher(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def caseworker(db) -> User:
    return User.objects.create_user("worker", password=PASSWORD, is_staff=True)


def sign_in(username: str, password: str, address: str = "203.0.113.7"):
    return Client(REMOTE_ADDR=address).post("/console/login/", {"username": username, "password": password})


def signed_in(response) -> bool:
    return response.status_code == 302 and configured.SESSION_COOKIE_NAME in response.cookies


def page(response, username: str) -> str:
    """The page without what differs by nature: the token and the name that was typed."""
    text = response.content.decode().replace(username, "NAME")
    return re.sub(r'(csrfmiddlewaretoken" value=)"[^"]+"', r"\1", text)


@pytest.mark.parametrize(("failures", "let_in"), [(4, True), (5, False)])
def test_five_wrong_passwords_lock_the_account_for_that_address(caseworker, failures, let_in) -> None:
    for _ in range(failures):
        assert not signed_in(sign_in("worker", "wrong"))
    assert signed_in(sign_in("worker", PASSWORD)) is let_in
    # Somebody else's guessing does not keep the person out at another desk.
    assert signed_in(sign_in("worker", PASSWORD, address="203.0.113.8"))


def test_the_lock_opens_after_a_quarter_of_an_hour(caseworker) -> None:
    with time_machine.travel("2026-03-02T02:00:00Z", tick=False) as clock:
        for _ in range(5):
            sign_in("worker", "wrong")
        clock.shift(14 * 60)
        assert not signed_in(sign_in("worker", PASSWORD))
    with time_machine.travel("2026-03-02T02:40:00Z", tick=False):
        assert signed_in(sign_in("worker", PASSWORD))


def test_neither_the_refusal_nor_the_lock_tells_who_exists(caseworker) -> None:
    for turn in range(1, 7):
        known, unknown = sign_in("worker", "wrong"), sign_in("nobody", "wrong")
        assert known.status_code == unknown.status_code == (200 if turn < 5 else 429)
        assert page(known, "worker") == page(unknown, "nobody")


def test_an_inactive_account_looks_like_an_unknown_one(caseworker) -> None:
    User.objects.filter(pk=caseworker.pk).update(is_active=False)
    refused, unknown = sign_in("worker", PASSWORD), sign_in("nobody", PASSWORD)
    assert page(refused, "worker") == page(unknown, "nobody")


def test_the_lock_page_is_chinese_and_says_what_to_do(caseworker) -> None:
    for _ in range(5):
        response = sign_in("worker", "wrong")
    assert "15 分钟" in response.content.decode()
