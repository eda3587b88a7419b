"""SMS over real sockets: a gateway that accepts, is slow, fails, asks for patience, refuses, or lies."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings as settings_module
from django.test import override_settings

from notifications import outbox
from notifications.channels import http
from notifications.models import Letter
from tests.notifications.conftest import NOW, Gateway, HangUp, accepting, draft, letter, posted, saying

pytestmark = pytest.mark.django_db


def sms(**changes):
    return draft(channel="sms", address="138-1234 1234", **changes)


def drained(**options) -> outbox.DrainReport:
    return outbox.drain(now=options.pop("now", NOW), worker="test", **options)


def test_the_documented_request(gateway: Gateway) -> None:
    (ident,) = posted(sms())
    assert drained().sent == 1
    ((headers, body),) = gateway.requests
    key = str(letter(ident).key)
    assert json.loads(body) == {
        "id": key,
        "to": "13812341234",
        "text": "【接续】张三丰: 事项 1",
        "template": "note",
        "language": "zh-hans",
    }
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == key
    assert abs(int(headers["Jiexu-Timestamp"]) - time.time()) < 60
    # The recipe of docs/notifications.md, done by hand.
    signed = headers["Jiexu-Timestamp"].encode() + b"." + body
    right = hmac.new(b"the key that was agreed", signed, hashlib.sha256).hexdigest()
    assert headers["Jiexu-Signature"] == f"v1={right}"


def test_the_examples_in_the_documentation() -> None:
    """What a gateway's author copies from docs/notifications.md is what we send."""
    text = (settings_module.BASE_DIR / "docs" / "notifications.md").read_text(encoding="utf-8")
    key = "an-example-key-of-32-characters!"
    request = next(line for line in text.splitlines() if line.startswith('{"id": "0d9f6f0a'))
    for body in (request, '{"ok": true}'):
        assert (
            f"\n{'Jiexu-Signature: ' * (body is request)}{http.signature(key, '1767225600', body.encode())}\n" in text
        )
    assert set(json.loads(request)) == {"id", "to", "text", "template", "language"}


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (accepting, "sent", ""),
        (saying(409), "sent", ""),
        (saying(200, {"accepted": False, "code": "BLACKLIST", "permanent": True}), "dead", "L-REFUSED"),
        (saying(200, {"accepted": False, "code": "QUEUE_FULL"}), "pending", "L-BUSY"),
        (saying(200, {"accepted": True, "id": "another"}), "pending", "L-ANSWER"),
        (saying(200, {"accepted": "yes", "id": "x"}), "pending", "L-ANSWER"),
        (saying(200, []), "pending", "L-ANSWER"),
        (saying(200, b"<html>Please sign in</html>"), "pending", "L-ANSWER"),
        (saying(200, b"\xff\xfe" * 10), "pending", "L-ANSWER"),
        (saying(200, b""), "pending", "L-ANSWER"),
        (saying(200, b" " * 100_000), "pending", "L-ANSWER"),
        (saying(302, b"", Location="http://127.0.0.1:1/"), "pending", "L-ANSWER"),
        (saying(400), "dead", "L-REFUSED"),
        (saying(422), "dead", "L-REFUSED"),
        (saying(401), "pending", "L-CONFIG"),
        (saying(404), "pending", "L-CONFIG"),
        (saying(408), "pending", "L-ANSWER"),
        (saying(429), "pending", "L-BUSY"),
        (saying(500), "pending", "L-ANSWER"),
        (saying(503), "pending", "L-BUSY"),
        (saying(200, b"cut off", Content_Length="100", Connection="close"), "pending", "L-ANSWER"),
    ],
)
def test_what_an_answer_means(gateway: Gateway, answer, status, code) -> None:
    gateway.answers = [answer]
    (ident,) = posted(sms())
    drained()
    stored = letter(ident)
    assert (stored.status, stored.last_error_code) == (status, code)
    assert len(gateway.requests) == 1


def test_errors_keep_nothing_personal(gateway: Gateway) -> None:
    gateway.answers = [saying(200, {"accepted": False, "code": "bad number 138 1234 1234 of 张三丰 " * 9})]
    (ident,) = posted(sms())
    drained()
    stored = letter(ident)
    assert "张三丰" not in stored.last_error
    assert len(stored.last_error) < 80


@pytest.mark.parametrize(
    ("named", "at_least", "at_most"),
    [
        ("600", 600, 600),
        ("1", 24, 36),
        ("999999999", 6 * 3600, 6 * 3600),
        ("soon", 24, 36),
        ("nan", 24, 36),
        ("-5", 24, 36),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 6 * 3600, 6 * 3600),
    ],
)
def test_retry_after(gateway: Gateway, named, at_least, at_most) -> None:
    gateway.answers = [saying(429, b"", Retry_After=named)]
    (ident,) = posted(sms())
    drained()
    assert at_least <= (letter(ident).next_attempt_at - NOW).total_seconds() <= at_most


def test_a_slow_gateway_is_given_up_and_may_have_accepted(gateway: Gateway, monkeypatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)
    release = threading.Event()

    def slow(request):
        release.wait(5)
        raise HangUp

    gateway.answers = [slow, accepting]
    (ident,) = posted(sms())
    assert drained().retried == 1
    release.set()
    assert letter(ident).last_error_code == "L-TIMEOUT"
    assert drained(now=NOW + timedelta(minutes=1)).sent == 1
    keys = {headers["Idempotency-Key"] for headers, _body in gateway.requests}
    assert (len(gateway.requests), len(keys)) == (2, 1)


@pytest.mark.parametrize(
    ("opening", "drop", "ending"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n", b" ", b""),
        (b"HTTP/1.1 200 OK\r\n", b"X-Wait: 1\r\n", b"Content-Length: 0\r\n\r\n"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
    ids=["body", "headers", "interim answers"],
)
def test_an_answer_that_drips_is_given_up(gateway: Gateway, monkeypatch, opening, drop, ending) -> None:
    """Each drop comes well within the limit for one read; all 200 of them would take ten times the total."""
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.3)
    server = socket.create_server(("127.0.0.1", 0))
    dropped = []

    def drip() -> None:
        peer, _address = server.accept()
        with peer:
            peer.recv(65536)
            try:
                peer.sendall(opening)
                for number in range(200):
                    peer.sendall(drop)
                    dropped.append(number)
                    time.sleep(0.02)
                peer.sendall(ending)
            except OSError:
                pass

    thread = threading.Thread(target=drip)
    thread.start()
    (ident,) = posted(sms())
    with override_settings(SMS_GATEWAY_URL=f"http://127.0.0.1:{server.getsockname()[1]}/"):
        drained()
    thread.join()
    server.close()
    assert letter(ident).last_error_code == "L-TIMEOUT"
    assert 0 < len(dropped) < 200


def test_a_gateway_that_hangs_up(gateway: Gateway) -> None:
    def hang_up(request):
        raise HangUp

    gateway.answers = [hang_up]
    (ident,) = posted(sms())
    drained()
    assert letter(ident).last_error_code == "L-ANSWER"


def test_a_gateway_that_is_not_there(settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        settings.SMS_GATEWAY_URL = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    settings.SMS_GATEWAY_KEY = "x" * 16
    ids = posted(*[sms() for _ in range(20)])
    report = drained()
    assert report.claimed == 20 == report.retried + report.released
    # Up to one for each thread was under way when the third failure closed the door.
    assert report.retried <= 10
    assert {letter(ident).last_error_code for ident in ids} == {"L-UNREACHABLE", ""}


@pytest.mark.parametrize(
    "number", ["not a number", "123", "+8613812341234567890123", "１３８１２３４１２３４", "138;rm"]
)
def test_a_number_that_is_none_never_leaves(gateway: Gateway, number) -> None:
    good, bad = posted(sms(), draft(channel="sms", address=number))
    drained()
    assert len(gateway.requests) == 1
    assert letter(good).status == "sent"
    assert (letter(bad).status, letter(bad).last_error_code) == ("dead", "L-ADDRESS")


def test_several_are_under_way_at_once(gateway: Gateway) -> None:
    """Eight requests meet at a barrier that only eight at once can pass."""
    meeting = threading.Barrier(8)

    def meet(request):
        meeting.wait(5)
        return accepting(request)

    gateway.answers = [meet]
    posted(*[sms() for _ in range(8)])
    assert drained().sent == 8


def test_mail_goes_out_while_the_gateway_hangs(gateway: Gateway, monkeypatch, mailoutbox) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.5)
    seen_mail = []

    def hang(request):
        for _ in range(100):
            if mailoutbox:
                break
            time.sleep(0.01)
        seen_mail.append(len(mailoutbox))
        raise HangUp

    gateway.answers = [hang]
    posted(sms(), draft())
    assert drained().sent == 1
    assert seen_mail == [1]


def test_the_file_for_development(settings, tmp_path) -> None:
    settings.SMS_GATEWAY_URL = ""
    settings.SMS_FILE = tmp_path / "deep" / "sms.jsonl"
    posted(sms(context={"n": 1}), sms(context={"n": 2}))
    assert drained().sent == 2
    lines = [json.loads(line) for line in settings.SMS_FILE.read_text().splitlines()]
    assert [line["text"] for line in lines] == ["【接续】张三丰: 事项 1", "【接续】张三丰: 事项 2"]
    assert settings.SMS_FILE.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_waits(settings, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    settings.SMS_GATEWAY_URL = ""
    settings.SMS_FILE = tmp_path / "file" / "sms.jsonl"
    (ident,) = posted(sms())
    assert drained().retried == 1
    assert letter(ident).last_error_code == "L-CONFIG"


def test_a_code_is_sent_short_and_wiped(gateway: Gateway) -> None:
    (ident,) = posted(sms(template="code", context={"minutes": 5}, secret={"code": "042137"}))
    assert drained().sent == 1
    assert "042137" in json.loads(gateway.requests[0][1])["text"]
    assert letter(ident).secret is None
    assert not Letter.objects.filter(context__icontains="042137").exists()
