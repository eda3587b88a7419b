"""What letters are tried on: templates of our own, a channel that records, a gateway on a socket."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import transaction

from notifications import delivery, outbox, rendering, waking
from notifications.channels import Message
from notifications.models import Letter

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
TEMPLATES = {
    "note.zh-hans.txt": "办理提醒 {{ n }}\n\n您好，{{ name }}。事项 {{ n }}。\n",
    "note.en.txt": "Reminder {{ n }}\n\nHello {{ name }}. Matter {{ n }}.\n",
    "note.zh-hans.sms.txt": "【接续】{{ name }}:\n事项 {{ n }}",
    "onlychinese.zh-hans.txt": "标题\n\n正文",
    "broken.zh-hans.txt": "标题\n\n{{ name|nosuchfilter }}",
    "fails.zh-hans.txt": "标题\n\n{% widthratio 1 0 0 as x %}{{ name.boom }}",
    "long.zh-hans.txt": "标题\n\n{% for x in items %}{{ x }}{% endfor %}",
}


@pytest.fixture(autouse=True)
def nudges(monkeypatch) -> list[float]:
    """No broker in these tests: a list of the moments at which one would have been asked."""
    asked: list[float] = []
    monkeypatch.setattr(waking, "nudge", lambda: asked.append(time.monotonic()))
    return asked


@pytest.fixture(autouse=True)
def _templates(tmp_path, settings) -> Iterator[None]:
    folder = tmp_path / "templates" / "letters"
    folder.mkdir(parents=True)
    for name, text in TEMPLATES.items():
        (folder / name).write_text(text, encoding="utf-8")
    changed = copy.deepcopy(settings.TEMPLATES)
    changed[0]["DIRS"] = [folder.parent, *changed[0]["DIRS"]]
    settings.TEMPLATES = changed
    rendering._engine.cache_clear()
    yield
    rendering._engine.cache_clear()


class Recorder:
    """A channel that keeps what it is given; `then(message)` may raise or wait first."""

    def __init__(self, then: Callable[[Message], None] | None = None, concurrency: int = 1) -> None:
        self.messages: list[Message] = []
        self.concurrency = concurrency
        self.then = then

    def service(self, message: Message) -> str:
        return message.address

    def send(self, message: Message) -> None:
        if self.then:
            self.then(message)
        self.messages.append(message)

    def close(self) -> None:
        pass


def draft(**changes: Any) -> outbox.Draft:
    values: dict[str, Any] = {
        "channel": "email",
        "template": "note",
        "language": "zh-hans",
        "address": "a@example.com",
        "context": {"n": 1},
        "secret": {"name": "张三丰"},
    }
    if "dedupe_key" in changes:
        values["month"] = 202606
    return outbox.Draft(**(values | changes))


def posted(*drafts: outbox.Draft, now: datetime = NOW) -> list[int]:
    with transaction.atomic():
        return outbox.post(drafts or [draft()], now=now)


def drained(channel: Recorder | None = None, *, now: datetime = NOW, **options: Any) -> outbox.DrainReport:
    recorder = channel or Recorder()
    channels = {"email": recorder, "sms": recorder, "webhook": recorder}
    return delivery.drain(now=now, worker="test", channels=channels, **options)


def letter(ident: int) -> Letter:
    return Letter.objects.get(pk=ident)


class Gateway:
    """An HTTP server on a socket. `answers` are given in turn, the last one for ever; each is a function of the request
    that returns (status, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]] = [accepting]
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                gateway.requests.append((dict(self.headers.items()), body))
                answer = gateway.answers.pop(0) if len(gateway.answers) > 1 else gateway.answers[0]
                try:
                    status, headers, content = answer(json.loads(body))
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if "Content-Length" not in headers:
                        self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except (OSError, HangUp):
                    self.close_connection = True

            def do_GET(self) -> None:
                gateway.requests.append(({"method": "GET"}, b""))
                self.send_error(200)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/send"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class HangUp(Exception):
    """Close the connection instead of answering."""


def accepting(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps({"accepted": True, "id": request["id"]}).encode()


def saying(status: int, body: Any = b"", **headers: str) -> Callable[[dict[str, Any]], tuple[int, dict, bytes]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: (status, named, content)


@pytest.fixture
def gateway(settings) -> Iterator[Gateway]:
    server = Gateway()
    settings.SMS_GATEWAY_URL = server.url
    settings.SMS_GATEWAY_KEY = "the key that was agreed"
    yield server
    server.close()
