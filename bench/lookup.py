"""W3, the public look-up over HTTP: number and last six open the stage line. Random cases, each from another address.

Four servers stand ready and are asked in turn, so that each has the machine for itself while it is measured. Ours runs
on the production settings with its rate limits, its audit lines and its logging.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.crew import Crew, together
from bench.dataset import Dataset
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from bench.load import asking
from transfers.models import AccessEvent

ROOT = Path(__file__).resolve().parent.parent
WORKERS, THREADS, CONNECTIONS = 2, 1, 8
START_SECONDS = 60
PR_SET_PDEATHSIG = 1
TRACK = "/api/v1/track"


@dataclass
class Server:
    """One granian with `application`, answering at `path`."""

    application: str
    path: str
    settings: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: Path = Path(os.devnull)

    def start(self, folder: Path) -> None:
        """Start it; `wait` says when it listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = folder / f"{self.application.replace(':', '.')}.log"
        command = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--log-level", "warning"),
            self.application,
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "DJANGO_SETTINGS_MODULE": self.settings, "LOG_LEVEL": "INFO"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=end_with_us,
            )

    def wait(self) -> None:
        """Until it listens. Raises Unfit with its last words."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.1)
        words = self.log.read_text(errors="replace").strip().splitlines()
        raise Unfit(f"{self.application} does not serve: {words[-1] if words else 'it said nothing'}")

    def stop(self) -> None:
        """End it and its workers at once: there is nothing to be kept."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def end_with_us() -> None:
    """In the child: be told to end when the benchmark dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def benchmark(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark, with its servers and its client running."""
    servers = {
        "limit": Server("bench.web.bare:application", "/track", "bench.settings"),
        "drf": Server("bench.web.drf:application", "/track", "bench.web.drf_settings"),
        "ours": Server("config.wsgi:application", TRACK, "config.settings"),
        "guarded": Server("bench.web.bare:guarded", "/track", "bench.settings"),
    }
    asked = {"ours": 0}

    with contextlib.ExitStack() as stack:
        crew = stack.enter_context(Crew(1))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jiexu-bench-")))
        for server in servers.values():
            stack.callback(server.stop)
            server.start(folder)

        def contender(name: str, role: Any, title: str) -> Contender:
            server = servers[name]

            def measure(number: int) -> Sample:
                if number == 0:
                    server.wait()
                requests, expected = questions(dataset, server.path, seed=number, count=size["questions"])
                # The warm-up is longer: each worker meets its first requests there.
                seconds = size["seconds"] if number else 2 * size["seconds"]
                tallies = crew.run(asking, [(server.port, requests, expected, CONNECTIONS, seconds)])
                if name in asked:
                    asked[name] += tallies[0].done
                return together(tallies)

            return Contender(name, role, title, measure)

        yield Benchmark(
            name="W3",
            title="public look-up over HTTP",
            unit="look-ups/s",
            better="more",
            contenders=[
                contender("limit", "limit", "bare WSGI, one prepared query"),
                contender("drf", "peer", "Django REST framework, no rate limit, no audit"),
                contender("ours", "ours", "POST /api/v1/track"),
                contender("guarded", "beside", "bare WSGI with the two buckets and the audit line"),
            ],
            sizes={
                "cases": dataset.cases,
                "server": f"granian, {WORKERS} workers of one thread",
                "connections": CONNECTIONS,
                "seconds a round": size["seconds"],
            },
            targets=[
                Target("first", "at least 0.4 of bare WSGI", against="limit", at_least=0.4),
                Target("first", "at least twice DRF", against="drf", at_least=2),
                Target("first", "p99 of at most 25 ms", figure="p99_ms", at_most=25),
                Target("far", "at least 0.8 of bare WSGI", against="limit", at_least=0.8),
                Target("far", "at least 4 times DRF", against="drf", at_least=4),
                Target("far", "p99 of at most 10 ms", figure="p99_ms", at_most=10),
            ],
            notes=[
                "The client shares the cores with the server.",
                "Ours writes durably for each look-up (two token buckets, an audit line); the limit and DRF write "
                "nothing. The last row shows what those writes cost a bare server.",
            ],
            checks=lambda: [_audited(asked["ours"])],
        )


def questions(dataset: Dataset, path: str, *, seed: int, count: int) -> tuple[list[bytes], list[bytes]]:
    """Requests for random cases, each from another address behind one trusted proxy, and what each answer must hold."""
    chance = random.Random(seed)
    requests, expected = [], []
    for _ in range(count):
        case = chance.randrange(1, dataset.cases + 1)
        number = dataset.numbers[case - 1]
        body = json.dumps({"number": number, "tail": dataset.tail(case)}).encode()
        address = ".".join(str(chance.randrange(1, 255)) for _ in range(3))
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
            f"X-Forwarded-For: 10.{address}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
        expected.append(number.encode())
    return requests, expected


def _audited(asked: int) -> Check:
    found = AccessEvent.objects.filter(kind="lookup", outcome="ok").count()
    return Check(
        "every look-up of ours left its audit line", found == asked > 0, f"{asked} asked, {found} lines", "ours"
    )
