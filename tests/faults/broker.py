"""A broker that can be taken away: a relay in front of the real one, on a database of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import redis
from celery import Task
from django.conf import settings
from django.db import connection as database_connection
from kombu import Connection

QUEUE = "celery"
PATIENCE = 60.0


def until(done: Callable[[], bool], what: str) -> None:
    """Wait until it is so; fail with `what` when it does not become so."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"this did not come about: {what}")
        time.sleep(0.05)


def send(url: str, task: Task, *, patience: float) -> None:
    """Put one message into the queue of the broker at `url`. Raises what the broker raises."""
    options = {"socket_timeout": patience, "socket_connect_timeout": patience, "max_retries": 1}
    with Connection(url, transport_options=options) as connection:
        task.apply_async(retry=False, connection=connection)


class Relay:
    """Passes bytes between its port and the real broker; `cut` ends every connection and refuses new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        # Closing alone would leave the thread in accept(), which goes on taking connections.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _address = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self._open |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Broker:
    """The real Redis or Valkey of the tests, one database of it, behind a relay. Each test file uses one of its own."""

    def __init__(self, database: int) -> None:
        parts = urlsplit(settings.REDIS_URL)
        self.relay = Relay(parts.hostname or "127.0.0.1", parts.port or 6379)
        credentials = parts.netloc.rpartition("@")[0]
        at = f"{credentials}@" if credentials else ""
        self.url = urlunsplit((parts.scheme, f"{at}127.0.0.1:{self.relay.port}", f"/{database}", "", ""))
        self.direct = redis.Redis.from_url(urlunsplit(parts._replace(path=f"/{database}")))

    def send(self, task: Task, *, patience: float = 2) -> None:
        """Ask for a task as a nudge and beat do."""
        send(self.url, task, patience=patience)

    def close(self) -> None:
        """Leave nothing behind."""
        self.empty()
        self.relay.cut()

    def waiting(self) -> int:
        """How many messages are in the queue."""
        return int(self.direct.llen(QUEUE))

    def empty(self) -> None:
        """What FLUSHALL does, to our database only."""
        self.direct.flushdb()


@contextlib.contextmanager
def worker(broker: Broker, folder: Path) -> Iterator[Path]:
    """A real Celery worker on this broker and on the database of the tests; yields the file of its SMS."""
    sms, log = folder / "sms.jsonl", folder / "worker.log"
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database_connection.settings_dict['NAME']}")
    env = os.environ | {
        "DATABASE_URL": urlunsplit(address),
        "REDIS_URL": broker.url,
        "SMS_FILE": str(sms),
        "EMAIL_URL": "dummymail://",
        "LOG_LEVEL": "INFO",
    }
    command = [sys.executable, "-m", "celery", "--app", "config", "worker", "--pool", "solo", "--loglevel", "INFO"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--without-mingle", "--without-gossip"],
            cwd=settings.BASE_DIR,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "ready" in log.read_text() or process.poll() is not None, "the worker is ready")
        assert process.poll() is None, log.read_text()
        yield sms
    finally:
        process.kill()
        process.wait()
