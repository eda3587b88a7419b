"""Where a fault happens: a fresh copy of a prepared database for each, and processes that may die in it."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import time_machine
from django.core.management import call_command
from django.db import connection, connections

from config.local.processes import die_with_parent
from faults.counting import Count, Rows, compare, rows
from faults.gateways import RECORD
from faults.stack import Databases, Stack
from notifications import waking
from tests.world import World
from transfers import memory
from transfers.demo.receiving import give_accounts
from transfers.selectors.verify import problems

CHILD_SECONDS = 120.0
Work = Callable[[], Any]


class Unfit(Exception):
    """The fault did not come about, or the work before it failed: nothing can be said about the row."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: killed, with an error, or with an answer."""

    killed: bool
    error: str = ""
    answer: Any = None


class Ground:
    """The databases and processes of the table. `world` names people; its rows are in every copy.

    Without a `servers` of its own it only copies databases, each under a name that begins with `prefix`, and forks.
    """

    def __init__(self, databases: Databases, folder: Path, *, servers: Stack | None = None, prefix: str = "faults"):
        self.databases, self.folder, self.servers, self.prefix = databases, folder, servers, prefix
        self.world = World()
        self.numbers = 0
        self.prepared: dict[str, Any] = {}
        self.undisturbed: dict[str, Rows] = {}

    @property
    def stack(self) -> Stack:
        """The servers and programs that may be killed."""
        assert self.servers is not None
        return self.servers

    # --- databases

    def name(self, of: str) -> str:
        return f"{self.prefix}_{of}"

    def prepare(self, template: str = "") -> None:
        """Schema and reference data, unless the template has them; people: once."""
        self.leave()
        self.databases.copy(template or "template0", self.name("base"))
        self.enter("base")
        if not template:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("load_reference", verbosity=0)
            give_accounts()
        self.world.everyone()
        self.leave()

    def clear(self) -> None:
        """Drop what was prepared."""
        self.leave()
        for of in ("base", *self.prepared):
            self.databases.drop(self.name(of))

    def enter(self, of: str) -> None:
        """Let Django work in this database from here on."""
        self.leave()
        connection.settings_dict["NAME"] = self.name(of)

    def leave(self) -> None:
        connections.close_all()
        memory.forget()

    @property
    def here(self) -> str:
        """The address of the database that Django works in."""
        return self.databases.address(str(connection.settings_dict["NAME"]))

    def template(self, name: str, seed: Callable[[World], Any]) -> Any:
        """What `seed` prepared and returned; it is made once, and copied for each fault."""
        if name not in self.prepared:
            self.databases.copy(self.name("base"), self.name(name))
            self.enter(name)
            with silent():
                facts = seed(self.world)
            self.leave()
            self.prepared[name] = facts
        return self.prepared[name]

    @contextlib.contextmanager
    def fresh(self, template: str, *, lasting: bool = False) -> Iterator[None]:
        """A copy of a prepared database, for the length of the block; `lasting` where the server is to be killed."""
        self.leave()
        self.numbers += 1
        copy = f"copy_{self.numbers}"
        self.databases.copy(self.name(template), self.name(copy), lasting=lasting)
        self.enter(copy)
        os.environ[RECORD] = str(self.folder / f"{copy}.handed")
        try:
            yield
        finally:
            self.leave()
            with contextlib.suppress(psycopg.OperationalError):
                self.databases.drop(self.name(copy))

    def sql(self, *statements: str) -> None:
        """Statements in the copy at hand."""
        with psycopg.connect(self.here, autocommit=True) as server:
            for statement in statements:
                server.execute(statement)

    # --- processes

    def process(self, work: Work, *, at: datetime | None, under: AbstractContextManager[Any] | None = None) -> Ended:
        """Do the work in a process of its own that lives at the instant `at`, and which may be killed meanwhile."""
        return self.processes([work], at=at, under=under)[0]

    def processes(
        self, works: Sequence[Work], *, at: datetime | None, under: AbstractContextManager[Any] | None = None
    ) -> list[Ended]:
        """Several at once."""
        self.leave()  # a connection cannot be shared with a fork
        begun = [self._fork(work, at, under or nullcontext()) for work in works]
        return [self._wait(pid, pipe) for pid, pipe in begun]

    def _fork(self, work: Work, at: datetime | None, under: AbstractContextManager[Any]) -> tuple[int, int]:
        ours, theirs = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            os.close(theirs)
            return pid, ours
        try:  # a child must never return into our code
            die_with_parent(signal.SIGKILL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            log = os.open(self.folder / "children.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(ours)
            if os.getppid() != parent:
                os._exit(1)
            try:
                with silent(), living(at), under:
                    told: tuple[str, Any] = ("", work())
            except Exception as error:
                traceback.print_exc()
                told = (f"{type(error).__name__}: {error}", None)
            with os.fdopen(theirs, "wb") as pipe:
                pickle.dump(told, pipe)
        finally:
            os._exit(0)

    def _wait(self, pid: int, pipe: int) -> Ended:
        heard, deadline = b"", time.monotonic() + CHILD_SECONDS
        with os.fdopen(pipe, "rb", buffering=0) as reader:
            while True:
                ready, *_rest = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
                if not ready:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    return Ended(False, f"it did not end within {CHILD_SECONDS:.0f} s")
                piece = reader.read(65536)
                if not piece:
                    break
                heard += piece
        _pid, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return Ended(True)
        error, answer = pickle.loads(heard) if heard else ("it said nothing", None)
        return Ended(False, error, answer)

    # --- counting

    def reference(self, template: str, work: Work, *, at: datetime, called: str = "") -> Rows:
        """What there is when the work is done undisturbed; worked once for each name."""
        called = called or template
        if called not in self.undisturbed:
            with self.fresh(template):
                ended = self.process(work, at=at)
                if ended.killed or ended.error:
                    raise Unfit(f"undisturbed it fails as well: {ended.error}")
                self.undisturbed[called] = rows(self.here)
        return self.undisturbed[called]

    def count(self, wanted: Rows) -> Count:
        """The copy at hand against what there should be."""
        return compare(rows(self.here), wanted)

    def verify(self, *, at: datetime) -> list[str]:
        """What the product's own proof finds."""
        ended = self.process(lambda: [f"{p.invariant} {p.subject}: {p.en}" for p in problems(now=at)], at=at)
        return [f"verify failed: {ended.error}"] if ended.error else list(ended.answer)


@contextlib.contextmanager
def living(at: datetime | None) -> Iterator[None]:
    """The clock of this process stands at this instant and goes on from there."""
    if at is None:
        yield
        return
    with time_machine.travel(at, tick=True):
        yield


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """No nudges: there need be no broker, and what a nudge may do is done by beat as well."""
    with patch.object(waking, "nudge", lambda: None), patch("transfers.tasks._soon", lambda *_words: None):
        yield
