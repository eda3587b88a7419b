"""The whole stack by one command: it serves, leaves no process however it ends, and keeps its data.

Run as ourselves and, when we are root, as root on both ways and as an unprivileged user.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "CASE_NUMBER_KEY")
NOBODY = 65534
AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
# Python itself may live in a folder that only root can enter; this lets nobody pass, and no more.
AS_NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--no-new-privs"]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc"),
    pytest.mark.timeout(240),
]


@dataclass
class Stack:
    """One `./dev run` with a data folder of its own."""

    home: Path
    prefix: list[str] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if name not in OWN}
        own = {"JIEXU_HOME": str(self.home), "PORT": str(self.port), "DEMO": "false", "LOG_LEVEL": "WARNING"}
        return clean | own | {"PYTHONDONTWRITEBYTECODE": "1"} | self.extra

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = self.home.with_suffix(".log")

    def dev(self, *words: str) -> list[str]:
        return [*self.prefix, sys.executable, str(ROOT / "dev"), *words]

    def start(self) -> None:
        """Start, and wait for the line that says it is ready."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.dev("run"), env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.wait_for(r"^Ctrl-C stops everything")

    def wait_for(self, pattern: str) -> None:
        assert self.process is not None
        for _ in range(1200):
            if re.search(pattern, self.log.read_text(errors="replace"), re.M):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f"{pattern!r} was not said:\n{self.log.read_text(errors='replace')[-4000:]}")

    def health(self) -> tuple[int, dict[str, dict[str, object]]]:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def ask(self, statement: str) -> str:
        """The first value that the stack's own database answers."""
        services = json.loads((self.home / "services.json").read_text())
        with psycopg.connect(services["DATABASE_URL"]) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
        return str(row[0])

    def left(self) -> dict[int, str]:
        """Processes that were started for this data folder: number to command line."""
        mark, found = f"JIEXU_HOME={self.home}\0".encode(), {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdecimal() and mark in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def gone(self) -> dict[int, str]:
        """What is still left after the time that the watchdog has; nothing, if all is well."""
        for _ in range(150):
            if not self.left():
                return {}
            time.sleep(0.1)
        return self.left()

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)


def may_enter(folder: Path) -> bool:
    """Tell whether everybody may read this folder and those above it."""
    return all(part.stat().st_mode & 0o005 == 0o005 for part in (folder, *folder.parents))


class MakeStack(Protocol):
    def __call__(self, owner: int | None = None, prefix: list[str] | None = None) -> Stack: ...


@pytest.fixture
def make_stack() -> Iterator[MakeStack]:
    made: list[Stack] = []
    base = Path(tempfile.mkdtemp(prefix="jiexu-stack-"))
    base.chmod(0o755)

    def make(owner: int | None = None, prefix: list[str] | None = None) -> Stack:
        folder = base / str(len(made))
        folder.mkdir()
        if owner is not None:
            os.chown(folder, owner, -1)
        made.append(Stack(folder / "home", prefix or []))
        return made[-1]

    yield make
    for stack in made:
        for pid in stack.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    shutil.rmtree(base, ignore_errors=True)


def serve_and_be_killed(stack: Stack) -> None:
    """Start; be well; refuse a second start; be killed outright; leave nothing."""
    stack.start()
    status, body = stack.health()
    assert status == 200, body
    assert {name: body[name]["status"] for name in ("database", "redis", "worker", "beat")} == dict.fromkeys(
        ("database", "redis", "worker", "beat"), "ok"
    )
    assert all(isinstance(body[name]["age"], float) for name in ("database", "redis", "worker", "beat"))
    assert stack.ask("INSERT INTO config_heartbeat VALUES ('kept', now()) RETURNING name") == "kept"

    second = subprocess.run(stack.dev("run"), env=stack.env, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert re.fullmatch(r"Jiexu already runs here \(process \d+, http://127\.0\.0\.1:\d+\): .*\n", second.stderr)

    assert len(stack.left()) > 8
    assert stack.end(signal.SIGKILL) == -signal.SIGKILL
    assert stack.gone() == {}


def servers_alone(stack: Stack) -> str:
    """Start only the servers on the stack's data, as the stack's user, and stop them: owner and kept rows."""
    done = subprocess.run(
        [*stack.prefix, sys.executable, "-c", SERVERS_ALONE],
        env=stack.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert stack.gone() == {}
    return done.stdout.strip()


def test_as_ourselves(make_stack: MakeStack) -> None:
    stack = make_stack()
    serve_and_be_killed(stack)
    stack.start()  # the data is kept, and what the killed run left does not stand in the way
    assert stack.ask("SELECT name FROM config_heartbeat WHERE name = 'kept'") == "kept"
    (beat,) = [pid for pid, command in stack.left().items() if "celery" in command and " beat " in command]
    os.kill(beat, signal.SIGTERM)
    stack.wait_for(r"The beat was stopped .* and stays stopped")
    assert stack.end(signal.SIGTERM) == 0
    assert stack.gone() == {}
    assert "Traceback" not in stack.log.read_text(errors="replace")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_an_unprivileged_user(make_stack: MakeStack) -> None:
    if not may_enter(ROOT):
        pytest.skip("an unprivileged user cannot enter the folder of this checkout")
    stack = make_stack(NOBODY, AS_NOBODY)
    serve_and_be_killed(stack)
    assert servers_alone(stack) == f"{NOBODY} kept"


SERVERS_ALONE = """
from pathlib import Path
import sys
from config.local.commands import guarded, servers
from config.local.home import Home
home = Home()
with guarded(home, "test") as guard, servers(guard, home, Path(sys.executable), durable=False) as addresses:
    import psycopg
    with psycopg.connect(addresses["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS config_heartbeat (name text)")
        kept = connection.execute("SELECT name FROM config_heartbeat WHERE name = 'kept'").fetchone()
        if not kept:
            connection.execute("INSERT INTO config_heartbeat (name) VALUES ('kept')")
    print((home.path / "postgres").stat().st_uid, *(kept or ["new"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_as_root_where_namespaces_are_forbidden(make_stack: MakeStack) -> None:
    """The data changes hands from one way to the other and back, and nothing is left."""
    stack = make_stack()
    for forbidden, said in (("1", f"{NOBODY} new"), ("", "0 kept"), ("1", f"{NOBODY} kept")):
        stack.extra = {"JIEXU_NO_USERNS": forbidden}
        assert servers_alone(stack) == said
