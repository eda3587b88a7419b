"""Webhooks: the signed request, and the guard against addresses inside our own network."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket

import httpx
import pytest

from notifications import outbox
from notifications.channels import http, webhook
from notifications.errors import PermanentFailure, TemporaryFailure
from tests.notifications.conftest import NOW, Gateway, draft, letter, posted, saying

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _open(settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


def hook(address: str, **changes) -> outbox.Draft:
    values = {
        "channel": "webhook",
        "template": "case-changed",
        "address": address,
        "subject_ref": "C1",
        "context": {"state": "COMPLETED"},
        "secret": {"signing_key": "partner key", "sheet": "X"},
    }
    return draft(**(values | changes))


def sent(draft_: outbox.Draft):
    (ident,) = posted(draft_)
    outbox.drain(now=NOW, worker="test")
    return letter(ident)


def test_the_documented_request(gateway: Gateway) -> None:
    gateway.answers = [saying(204)]
    stored = sent(hook(gateway.url))
    assert stored.status == "sent"
    ((headers, body),) = gateway.requests
    assert json.loads(body) == {
        "id": str(stored.key),
        "type": "case-changed",
        "created_at": "2026-03-02T02:00:00+00:00",
        "subject": "C1",
        "data": {"state": "COMPLETED", "sheet": "X"},
    }
    assert headers["Idempotency-Key"] == str(stored.key)
    assert headers["Host"] == gateway.url.split("/")[2]
    signed = headers["Jiexu-Timestamp"].encode() + b"." + body
    assert headers["Jiexu-Signature"] == "v1=" + hmac.new(b"partner key", signed, hashlib.sha256).hexdigest()
    assert b"partner key" not in body


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (200, "sent", ""),
        (202, "sent", ""),
        (410, "dead", "L-REFUSED"),
        (400, "dead", "L-REFUSED"),
        (500, "pending", "L-ANSWER"),
        (429, "pending", "L-BUSY"),
    ],
)
def test_what_an_answer_means(gateway: Gateway, status, state, code) -> None:
    gateway.answers = [saying(status)]
    stored = sent(hook(gateway.url))
    assert (stored.status, stored.last_error_code) == (state, code)


def test_redirects_are_not_followed(gateway: Gateway) -> None:
    gateway.answers = [saying(307, b"", Location=gateway.url), saying(200)]
    stored = sent(hook(gateway.url))
    assert (stored.status, stored.last_error) == ("pending", "answered 307")
    assert len(gateway.requests) == 1


def test_each_event_is_its_own_request(gateway: Gateway) -> None:
    gateway.answers = [saying(200)]
    posted(hook(gateway.url, digest_key="k"), hook(gateway.url, digest_key="k"))
    outbox.drain(now=NOW, worker="test")
    assert len(gateway.requests) == 2


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://172.16.9.9/",
        "https://192.168.1.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
    ],
)
def test_private_addresses_are_refused(settings, address) -> None:
    webhook.guarded(address)
    settings.WEBHOOK_ALLOW_PRIVATE = False
    with pytest.raises(PermanentFailure) as caught:
        webhook.guarded(address)
    assert caught.value.code == "L-PRIVATE"


def test_the_guard_stands_before_the_socket(gateway: Gateway, settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    stored = sent(hook(gateway.url.replace("http:", "https:")))
    assert (stored.status, stored.last_error_code) == ("dead", "L-PRIVATE")
    assert gateway.requests == []
    settings.WEBHOOK_ALLOW_PRIVATE = True
    assert sent(hook(gateway.url)).last_error_code == "L-ANSWER" or gateway.requests


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "nonsense",
        "https://user:pw@example.com/",
        "https://a b/",
    ],
)
def test_other_addresses_are_refused(settings, address) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    with pytest.raises(PermanentFailure) as caught:
        webhook.guarded(address)
    assert caught.value.code == "L-ADDRESS"


def resolving(monkeypatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these addresses, one list for each question; gives the questions."""
    asked: list[str] = []
    waiting = list(answers)

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in waiting.pop(0)]

    monkeypatch.setattr(webhook.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_with_one_foot_inside_is_refused(settings, monkeypatch) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    resolving(monkeypatch, ["8.8.8.8"], ["8.8.8.8", "10.0.0.1"])
    assert str(webhook.guarded("https://partner.example/x?y=1")[0]) == "https://8.8.8.8/x?y=1"
    with pytest.raises(PermanentFailure):
        webhook.guarded("https://partner.example/x?y=1")


def test_the_address_that_was_checked_is_the_one_connected_to(settings, monkeypatch) -> None:
    """A name that resolves to a public address for the check and to an inner one afterwards leads nowhere."""
    settings.WEBHOOK_ALLOW_PRIVATE = False
    asked = resolving(monkeypatch, ["8.8.8.8"], ["10.0.0.1"])
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"ok"))

    monkeypatch.setattr(http, "client", lambda: httpx.Client(transport=httpx.MockTransport(handler)))
    assert sent(hook("https://partner.example:8443/in")).status == "sent"
    (request,) = seen
    assert (request.url.host, request.url.port) == ("8.8.8.8", 8443)
    assert request.headers["Host"] == "partner.example:8443"
    assert request.extensions["sni_hostname"] == "partner.example"
    assert asked == ["partner.example"]


def test_a_name_without_address_may_have_one_later(monkeypatch) -> None:
    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(webhook.socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(TemporaryFailure):
        webhook.guarded("https://partner.example/")
