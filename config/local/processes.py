"""Starts, supervises and stops processes so that none is left behind.

Three layers: the supervisor stops its children in order; if it is killed outright, the kernel (Linux) tells its direct
children; and the guard, a small process of its own, stops whole process groups and kills what does not listen.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from config.local.console import ROOT, Problem, paint, say

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 20.0
RESTARTS = 5
STABLE_SECONDS = 30.0
STOPPED_BY_HAND = {0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL, -signal.SIGHUP, -signal.SIGQUIT}


def die_with_parent(number: int) -> None:
    """In a new child, on Linux: have the kernel send it this signal when its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


class Guard:
    """The other end of `config/local/guard.py`: what to stop if we are killed."""

    def __init__(self, lock: int | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            text=True,
            pass_fds=() if lock is None else (lock,),
        )

    def _tell(self, **order: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def spawn(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        stop_signal: int = signal.SIGTERM,
        own_group: bool = True,
        enter: Callable[[], None] | None = None,
        cwd: Path | str = ROOT,
        **pipes: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a process that is stopped with `stop_signal` when we are gone; `enter` runs in it first."""

        def before() -> None:
            if enter is not None:
                enter()
            die_with_parent(stop_signal)

        child = subprocess.Popen(
            [str(part) for part in argv],
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=own_group,
            preexec_fn=before,
            **pipes,
        )
        self._tell(watch=child.pid, signal=int(stop_signal), group=own_group)
        return child

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """The process has ended and its number may be used again."""
        self._tell(forget=child.pid)

    def remove_later(self, folder: Path) -> None:
        """Have the folder removed even if we are killed."""
        self._tell(remove=str(folder))

    def close(self) -> None:
        """Let the guard go: everything watched has ended, or is stopped by it now."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)


def end(guard: Guard, child: subprocess.Popen[bytes], *, number: int = signal.SIGTERM, group: bool = False) -> None:
    """Stop one process: ask, wait, then kill."""

    def tell(what: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            (os.killpg if group else os.kill)(child.pid, what)

    if child.poll() is None:
        os.kill(child.pid, number)
        os.kill(child.pid, signal.SIGCONT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if group:
        tell(signal.SIGKILL)  # stragglers of its group
    guard.forget(child)


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that every `finally` runs."""

    def unwind(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, unwind) for number in numbers}
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """While cleaning up, a second Ctrl-C does not cut the cleaning short."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def foreground(
    guard: Guard,
    argv: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    meanwhile: Callable[[], None] | None = None,
    **pipes: Any,
) -> int:
    """Run a command on our terminal to its end and return its exit code; signals are its to answer."""
    child = guard.spawn(argv, env=env, own_group=False, **pipes)

    def forward(number: int, _frame: object) -> None:
        if number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty():
            return  # the terminal has told it already
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        while meanwhile is not None and child.poll() is None:
            meanwhile()
        code = child.wait()
    finally:
        if child.poll() is None:
            end(guard, child)
        for number in numbers:
            signal.signal(number, before[number])
    guard.forget(child)
    return code if code >= 0 else 128 - code


@dataclass
class Child:
    """One supervised program."""

    name: str
    argv: Sequence[str | Path]
    colour: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float | None = None
    rest: bytes = field(default=b"", repr=False)


class Supervisor:
    """Runs programs side by side with prefixed output.

    A program that crashes is started again after 1, 2, 4, 8 … seconds; five crashes in a row stop everything. One that
    was stopped from outside (it ended cleanly, or by TERM, INT, HUP, QUIT or KILL) stays stopped, and the health page
    says so.
    """

    def __init__(self, guard: Guard, env: Mapping[str, str], *, log: IO[str] | None = None) -> None:
        self.guard, self.env, self.log = guard, env, log
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()

    def add(self, name: str, argv: Sequence[str | Path], colour: str) -> None:
        """Start a program."""
        child = Child(name, argv, colour)
        self.children.append(child)
        self._start(child)

    def _start(self, child: Child) -> None:
        child.start_at, child.started = None, time.monotonic()
        child.process = self.guard.spawn(
            child.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _line(self, child: Child, text: str) -> None:
        if self.log is not None:
            self.log.write(f"{child.name:<8}| {text}\n")
            self.log.flush()
        else:
            say(f"{paint(f'{child.name:<8}|', child.colour)} {text}")

    def _read(self, child: Child, stream: IO[bytes]) -> None:
        try:
            data = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(stream)
            stream.close()
        *lines, child.rest = (child.rest + data).split(b"\n")
        if not data and child.rest:
            lines, child.rest = [*lines, child.rest], b""
        for line in lines:
            self._line(child, line.decode(errors="replace").rstrip("\r"))

    def pump(self, seconds: float) -> None:
        """Pass on output for at most this long, and see to programs that have ended."""
        for key, _events in self.selector.select(seconds) if self.selector.get_map() else []:
            self._read(key.data, key.fileobj)  # type: ignore[arg-type]
        if not self.selector.get_map():
            time.sleep(seconds)
        if self.guard.process.poll() is not None:
            raise Problem("The watchdog of this run was killed, so everything is stopped: start ./dev run again.")
        for child in self.children:
            self._tend(child)

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.start_at is not None and now >= child.start_at:
            self._start(child)
        if child.process is None or (code := child.process.poll()) is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)  # pool processes that outlived their parent
        self.guard.forget(child.process)
        child.process = None
        if code in STOPPED_BY_HAND:
            how = f"by signal {signal.Signals(-code).name}" if code < 0 else "on request"
            self._line(
                child, f"The {child.name} was stopped {how} and stays stopped; start ./dev run again to have it back."
            )
            return
        child.failures = 1 if now - child.started > STABLE_SECONDS else child.failures + 1
        if child.failures >= RESTARTS:
            raise Problem(
                f"The {child.name} ended {RESTARTS} times in a row (last exit code {code}): see its lines above."
            )
        delay = 2.0 ** (child.failures - 1)
        child.start_at = now + delay
        self._line(child, f"The {child.name} ended with exit code {code}; it is started again in {delay:.0f} s.")

    def stop(self) -> None:
        """Stop everything, passing on last words; the youngest first, all at once."""
        running = [child for child in reversed(self.children) if child.process is not None]
        for child in running:
            assert child.process is not None
            for number in (signal.SIGTERM, signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.process.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(child.process and child.process.poll() is None for child in running):
            for key, _events in self.selector.select(0.1):
                with contextlib.suppress(BrokenPipeError):
                    self._read(key.data, key.fileobj)  # type: ignore[arg-type]
        for child in running:
            assert child.process is not None
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self.guard.forget(child.process)
            child.process = None
        self.selector.close()
