"""What stands for the world outside: a channel that writes down what it was given, a telephone company, a post."""

from __future__ import annotations

import asyncio
import email
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiosmtpd.controller import Controller
from django.test import override_settings

from faults import points
from notifications.channels import Message, http, open_channels
from tests.notifications.conftest import Gateway, HangUp, accepting, saying


class Recorder:
    """Takes every message over and writes its key down, whole lines from any process; each is a point."""

    concurrency = 1

    def __init__(self, path: Path) -> None:
        self.path = path

    def service(self, message: Message) -> str:
        return message.address

    def send(self, message: Message) -> None:
        points.mark("hand over")
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{message.key}\n".encode())
        finally:
            os.close(handle)
        points.mark("handed over")

    def close(self) -> None:
        pass


RECORD = "FAULTS_RECORD"
"""The variable that names the file in which recorders write."""


@contextmanager
def recorded() -> Iterator[None]:
    """Letters of this process go to a recorder."""
    recorder = Recorder(Path(os.environ[RECORD]))
    with patch("notifications.delivery.open_channels", lambda: {"email": recorder, "sms": recorder}):
        yield


@contextmanager
def only(channel: str) -> Iterator[None]:
    """Letters by this channel leave as in production; the others go to a recorder."""
    recorder = Recorder(Path(os.environ[RECORD]))
    others = {name: recorder for name in ("email", "sms") if name != channel}
    with patch("notifications.delivery.open_channels", lambda: {**open_channels(), **others}):
        yield


def handed() -> list[str]:
    """The keys of what was handed over in the copy at hand, in order."""
    path = Path(os.environ[RECORD])
    return path.read_text().split() if path.exists() else []


class Phones:
    """An SMS gateway on a socket, and the telephones behind it, which get one message a key.

    `moods` are lived through request by request, the last one for ever: `well`; `slow` (it takes the message over and
    answers too late); `hangs up` (takes it over and says nothing); `refuses` (500), `busy` (503); `lies` (says 200 like
    a sign-in page) and `mixes up` (says that it accepted something else), having delivered nothing.
    """

    def __init__(self, *moods: str) -> None:
        self.moods = list(moods)
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.gateway = Gateway()
        self.gateway.answers = [self.answer]

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        mood = self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]
        self.asked.append(mood)
        if mood in ("well", "slow", "hangs up"):
            self.keys.append(request["id"])
        match mood:
            case "slow":
                time.sleep(2 * IMPATIENCE)
            case "hangs up":
                raise HangUp
            case "refuses":
                return saying(500)(request)
            case "busy":
                return saying(503, Retry_After="1")(request)
            case "lies":
                return saying(200, b"<html>Please sign in</html>")(request)
            case "mixes up":
                return saying(200, {"accepted": True, "id": "another"})(request)
        return accepting(request)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """This process sends its SMS here, and waits for an answer for a shorter time than in production."""
        with (
            override_settings(SMS_GATEWAY_URL=self.gateway.url, SMS_GATEWAY_KEY="faults"),
            patch.object(http, "READ_SECONDS", IMPATIENCE),
            patch.object(http, "TOTAL_SECONDS", IMPATIENCE),
        ):
            yield

    def close(self) -> None:
        self.gateway.close()


class Post:
    """A mail server on a socket, which keeps one letter a Message-ID. `moods` as above: `refuses` for the moment (451),
    `slow` and `hangs up` after it has taken the letter.
    """

    def __init__(self, *moods: str) -> None:
        self.moods = list(moods)
        self.asked: list[str] = []
        self.keys: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        mood = self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]
        self.asked.append(mood)
        if mood == "refuses":
            return "451 try again later"
        letter = email.message_from_bytes(envelope.content)
        self.keys.append(str(letter["Message-ID"]).strip("<>").partition("@")[0])
        if mood == "slow":
            await asyncio.sleep(2 * IMPATIENCE)
        if mood == "hangs up":
            server.transport.close()
        return "250 OK"

    @contextmanager
    def answering(self) -> Iterator[None]:
        """This process sends its mail here."""
        with override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=self.port,
            EMAIL_HOST_USER="",
            EMAIL_HOST_PASSWORD="",
            EMAIL_USE_TLS=False,
            EMAIL_USE_SSL=False,
            EMAIL_TIMEOUT=IMPATIENCE,
        ):
            yield

    def close(self) -> None:
        self.controller.stop()


IMPATIENCE = 1.0
"""Seconds after which our side gives up on an answer here; in production 8 and 15, for mail 10."""
