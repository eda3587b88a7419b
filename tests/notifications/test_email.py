"""E-mail through Django's SMTP backend to a mail server on a socket."""

from __future__ import annotations

import email
import email.policy
import socket
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller

from notifications import outbox
from tests.notifications.conftest import NOW, draft, letter, posted

pytestmark = pytest.mark.django_db


class Inbox:
    """Takes letters, or answers as told: `rcpt` and `data` are replies, or None to accept."""

    def __init__(self) -> None:
        self.letters: list[email.message.EmailMessage] = []
        self.rcpt: str | None = None
        self.data: str | None = None
        self.sessions: set[int] = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.sessions.add(id(session))
        if self.rcpt and address.startswith("bad"):
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.data:
            return self.data
        self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


@pytest.fixture
def server(settings):
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.DEFAULT_FROM_EMAIL = "接续 <jiexu@hub.example>"
    yield inbox
    controller.stop()


def drained(now=NOW) -> outbox.DrainReport:
    return outbox.drain(now=now, worker="test")


def test_a_letter_arrives(server: Inbox) -> None:
    (ident,) = posted()
    assert drained().sent == 1
    (mail,) = server.letters
    assert mail["Subject"] == "办理提醒 1"
    assert mail["To"] == "a@example.com"
    assert mail["Message-ID"] == f"<{letter(ident).key}@hub.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().strip() == "您好，张三丰。事项 1。"


def test_a_batch_uses_one_connection(server: Inbox) -> None:
    posted(*[draft(context={"n": n}) for n in range(5)])
    assert drained().sent == 5
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ("550 no such user", "dead", "L-REFUSED"),
        ("450 try later", "pending", "L-BUSY"),
        ("421 too busy", "pending", "L-BUSY"),
    ],
)
def test_a_refused_recipient_spoils_no_other_letter(server: Inbox, reply, status, code) -> None:
    server.rcpt = reply
    bad, good = posted(draft(address="bad@example.com"), draft())
    drained()
    assert (letter(bad).status, letter(bad).last_error_code) == (status, code)
    assert "bad@" not in letter(bad).last_error
    assert letter(good).status == "sent"


@pytest.mark.parametrize(
    ("reply", "status"), [("554 spam", "dead"), ("451 local error", "pending"), ("552 too big", "dead")]
)
def test_refused_content(server: Inbox, reply, status) -> None:
    server.data = reply
    (ident,) = posted()
    drained()
    assert letter(ident).status == status


@pytest.mark.parametrize(
    "address", ["nonsense", "a@b@c", "a@example.com\nBcc: x@example.com", "a@-", "a b@example.com"]
)
def test_an_address_that_is_none_never_leaves(server: Inbox, address) -> None:
    bad, good = posted(draft(address=address), draft())
    drained()
    assert (letter(bad).status, letter(bad).last_error_code) == ("dead", "L-ADDRESS")
    assert letter(good).status == "sent"
    assert len(server.letters) == 1


def test_a_server_that_is_not_there_is_asked_three_times_only(settings, server: Inbox) -> None:
    port = settings.EMAIL_PORT
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.EMAIL_PORT = free.getsockname()[1]
    posted(*[draft(context={"n": n}) for n in range(10)])
    report = drained()
    assert (report.retried, report.released) == (3, 7)
    settings.EMAIL_PORT = port
    assert drained(NOW + timedelta(minutes=2)).sent == 10


def test_a_connection_that_breaks_is_opened_again(server: Inbox) -> None:
    """421 from the server ends its session; the letters after it go out over a new one."""
    server.rcpt = "421 closing"
    posted(draft(address="bad@example.com"), *[draft(context={"n": n}) for n in range(3)])
    report = drained()
    assert (report.retried, report.sent) == (1, 3)
