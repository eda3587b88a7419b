"""Servers and programs that may be killed: a PostgreSQL and a Valkey of this run's own, and web, worker and beat.

Whatever is started here is ended here, by its process number, also when this process is killed (config/local).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from config.local.commands import guarded
from config.local.console import ROOT, Problem
from config.local.home import Home
from config.local.processes import Guard, end, signals_held
from config.local.servers import Postgres, Valkey, open_log

PATIENCE = 90.0


def until(done: Callable[[], bool], *, patience: float = PATIENCE) -> bool:
    """Wait until it is so; False when it has not become so in time."""
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class Databases:
    """The databases of a server; `address` gives that of one by its name."""

    def __init__(self, address: Callable[[str], str]) -> None:
        self.address = address

    def do(self, *statements: sql.SQL | sql.Composed) -> None:
        """Statements about whole databases."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as server:
            for statement in statements:
                server.execute(statement)

    def copy(self, template: str, name: str, *, lasting: bool = False) -> None:
        """A copy of a database; a `lasting` one, which takes longer, may see the server killed."""
        self.drop(name)
        # By files, which ends with a checkpoint: else a copied sequence would go back when the server is killed.
        self.do(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier("file_copy" if lasting else "wal_log")
            )
        )

    def drop(self, name: str) -> None:
        self.do(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class Stack:
    """The servers, by the address that stays the same however often they are killed."""

    def __init__(self, guard: Guard, home: Home, postgres: Postgres, valkey: Valkey) -> None:
        self.guard, self.home, self.postgres, self.valkey = guard, home, postgres, valkey
        self.databases = Databases(postgres.url)
        self.programs: list[subprocess.Popen[bytes]] = []

    # --- the servers' own faults

    @property
    def postmaster(self) -> int:
        assert self.postgres.process is not None
        return self.postgres.process.pid

    def database_again(self) -> None:
        """Start the killed database server again, as the restart policy of docker-compose.yml does."""
        process = self.postgres.process
        assert process is not None
        process.wait()
        self.guard.forget(process)
        if not until(lambda: not self.sessions(), patience=30):
            raise Problem("The sessions of the killed database server do not end.")
        self.postgres.start()
        self.postgres.ready()

    def recoveries(self) -> int:
        """How often the database server has become ready, at its start or after a session that died."""
        return self.postgres.log.read_text(errors="replace").count("ready to accept connections")

    def recovered_since(self, before: int) -> bool:
        return self.recoveries() > before

    def sessions(self) -> list[int]:
        """Processes that still work on our data: they end by themselves when they see that the server is gone."""
        mark, found = str(self.postgres.data), []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str((folder / "cwd").readlink()).startswith(mark):
                    found.append(int(folder.name))
        return found

    def redis_gone(self) -> None:
        """Kill the broker; it keeps nothing."""
        process = self.valkey.process
        assert process is not None
        process.kill()
        process.wait()
        self.guard.forget(process)
        self.valkey.process = None
        shutil.rmtree(self.valkey.data, ignore_errors=True)

    def redis_again(self) -> None:
        self.valkey.start()
        self.valkey.ready()

    # --- web, worker, beat

    def start(self, name: str, *command: str | Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a program in a process group of its own."""
        log = open_log(self.home.path / f"{name}.log")
        program = self.guard.spawn(
            command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
        )
        os.close(log)
        self.programs.append(program)
        return program

    def celery(self, name: str, part: str, *words: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "--quiet", "--app", "config", part, "--loglevel", "INFO", *words]
        return self.start(name, *command, env=env)

    def worker(self, name: str = "worker", *, processes: int = 1, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        words = ["--concurrency", str(processes), "--without-mingle", "--without-gossip", "--hostname", f"{name}@here"]
        return self.celery(name, "worker", *words, env=env)

    def beat(self, name: str = "beat", *, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return self.celery(name, "beat", env=env)

    def web(self, port: int, *, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        granian = Path(sys.executable).parent / "granian"
        words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        words += ["--blocking-threads", "2", "--log-level", "warning", "config.wsgi:application"]
        return self.start("web", sys.executable, granian, *words, env=env)

    def kill(self, program: subprocess.Popen[bytes]) -> None:
        """End a program and what it has started, as the end of its container would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        self.guard.forget(program)
        if program in self.programs:
            self.programs.remove(program)

    def quiet(self) -> None:
        """End all programs."""
        for program in list(self.programs):
            self.kill(program)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def own_stack() -> Iterator[Stack]:
    """Servers in a folder of their own; all of it is gone afterwards."""
    if not Path("/proc/self").exists():
        raise Problem("./dev faults kills servers and waits for what they leave, for which it needs Linux.")
    home, python = Home.throw_away("faults"), Path(sys.executable)
    try:
        with guarded(home, "faults") as guard:
            guard.remove_later(home.path)
            # Processes are killed and the machine is not: what was handed to the kernel stays, so fsync proves nothing.
            postgres, valkey = Postgres(guard, home, python, durable=False), Valkey(guard, home, python)
            stack = Stack(guard, home, postgres, valkey)
            try:
                postgres.start()
                valkey.start()
                postgres.ready("faults")
                valkey.ready()
                stack.databases.do(sql.SQL("ALTER ROLE jiexu SET synchronous_commit = on"))
                yield stack
            finally:
                with signals_held():
                    stack.quiet()
                    if valkey.process is not None:
                        end(guard, valkey.process)
                    postgres.stop()
    finally:
        shutil.rmtree(home.path, ignore_errors=True)
