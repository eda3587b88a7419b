"""Clients that work at the same time: forked processes that start together and report what they did."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
import traceback
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from django.db import connections

from bench.harness import Sample, Unfit

T = TypeVar("T")
FEW = 10


@dataclass(frozen=True, slots=True)
class Tally:
    """What one client did: `done` pieces of work from `began` to `ended` (monotonic seconds), each taking `took`."""

    done: int
    began: float
    ended: float
    took: array[float]


class Crew:
    """`count` processes. A job is a function that prepares and returns what is to be timed; it is sent by name."""

    def __init__(self, count: int) -> None:
        connections.close_all()  # a connection cannot be shared with a fork
        context = multiprocessing.get_context("fork")
        self.pipes: list[Connection] = []
        self.processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, [*self.pipes, ours]), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()

    def run(self, job: Callable[..., Callable[[], Any]], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Let as many clients as there are `arguments` prepare, start them together, and return what each returned.

        Raises `Unfit` with the first complaint of any of them.
        """
        pipes = self.pipes[: len(arguments)]
        for pipe, given in zip(pipes, arguments, strict=True):
            pipe.send((job, given))
        problems = [problem for pipe in pipes if (problem := _receive(pipe)[0])]
        for pipe in pipes:
            pipe.send(not problems)
        if problems:
            raise Unfit(problems[0])
        answers = [_receive(pipe) for pipe in pipes]
        if problems := [problem for problem, _answer in answers if problem]:
            raise Unfit(problems[0])
        return [answer for _problem, answer in answers]

    def kill(self, index: int) -> None:
        """End one client as a power cut would."""
        self.processes[index].kill()


def _receive(pipe: Connection) -> tuple[str, Any]:
    try:
        answer: tuple[str, Any] = pipe.recv()
    except EOFError:
        return "a client died", None
    return answer


def _serve(pipe: Connection, others: Iterable[Connection]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who leads; we see the end of the pipe
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()  # so that each client sees the end of its own pipe
    with contextlib.suppress(EOFError, OSError):
        _work(pipe)


def _work(pipe: Connection) -> None:
    while True:
        job, given = pipe.recv()
        try:
            go = job(*given)
        except Exception as error:
            pipe.send((_complaint(error), None))
            pipe.recv()
            continue
        pipe.send(("", None))
        if not pipe.recv():
            continue
        try:
            answer = ("", go())
        except Exception as error:
            answer = (_complaint(error), None)
        pipe.send(answer)


def _complaint(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''} ({where.name})"


def until(seconds: float, pieces: Iterable[T], do: Callable[[T], object]) -> Tally:
    """Do one piece after another until they or the time run out, and a few however long they take."""
    took = array("d")
    began = now = time.perf_counter()
    end = began + seconds
    for piece in pieces:
        do(piece)
        then, now = now, time.perf_counter()
        took.append(now - then)
        if now >= end and len(took) >= FEW:
            break
    return Tally(len(took), began, now, took)


def together(tallies: Sequence[Tally]) -> Sample:
    """Pieces a second of all clients from the first start to the last end, with the latencies in milliseconds."""
    done = sum(tally.done for tally in tallies)
    if not done:
        raise Unfit("nothing was done")
    seconds = max(tally.ended for tally in tallies) - min(tally.began for tally in tallies)
    return Sample(done / seconds, percentiles([second for tally in tallies for second in tally.took]))


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """`p50_ms` and `p99_ms` of latencies in seconds."""
    ordered = sorted(seconds)
    return {
        name: ordered[int((len(ordered) - 1) * share)] * 1000 for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99))
    }
