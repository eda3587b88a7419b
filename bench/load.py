"""A small HTTP client that keeps its connections and does nothing but ask and wait. Loopback only, bounded in time."""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections.abc import Callable, Sequence

from bench.crew import FEW, Tally
from bench.harness import Unfit

PATIENCE = 30.0


def asking(
    port: int, requests: Sequence[bytes], expected: Sequence[bytes], connections: int, seconds: float
) -> Callable[[], Tally]:
    """Open `connections` and, when told to go, keep one request under way on each until the time runs out,
    and for a few requests on each however long they take.

    Requests are taken in turn, from the beginning again if need be. Every answer must be a 200 that holds the
    `expected` text of its request; anything else raises Unfit.
    """
    sockets = {}
    poll = select.epoll()
    for _ in range(connections):
        made = socket.create_connection(("127.0.0.1", port), PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        sockets[made.fileno()] = made
        poll.register(made.fileno(), select.EPOLLIN)

    def go() -> Tally:
        try:
            return _ask(poll, sockets, requests, expected, seconds)
        finally:
            poll.close()
            for each in sockets.values():
                each.close()

    return go


def _ask(
    poll: select.epoll,
    sockets: dict[int, socket.socket],
    requests: Sequence[bytes],
    expected: Sequence[bytes],
    seconds: float,
) -> Tally:
    took = array("d")
    under_way: dict[int, tuple[int, float]] = {}
    answers = dict.fromkeys(sockets, b"")
    turn, began = 0, time.perf_counter()
    end, now = began + seconds, began
    for number, each in sockets.items():
        each.sendall(requests[turn % len(requests)])
        under_way[number] = (turn % len(requests), time.perf_counter())
        turn += 1
    while under_way:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise Unfit(f"no answer within {PATIENCE:.0f} s")
        for number, _event in ready:
            got = sockets[number].recv(65536)
            if not got:
                raise Unfit("the server closed a connection")
            answers[number] += got
            if not _whole(answers[number]):
                continue
            now = time.perf_counter()
            asked, since = under_way.pop(number)
            _judge(answers[number], expected[asked])
            answers[number] = b""
            took.append(now - since)
            if now < end or len(took) < FEW * len(sockets):
                sockets[number].sendall(requests[turn % len(requests)])
                under_way[number] = (turn % len(requests), time.perf_counter())
                turn += 1
    return Tally(len(took), began, now, took)


def _whole(answer: bytes) -> bool:
    """Whether head and body are complete. Only answers with a length are understood."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    for field in head.split(b"\r\n")[1:]:
        name, _colon, value = field.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    raise Unfit("an answer without a length: " + head[:100].decode(errors="replace"))


def _judge(answer: bytes, expected: bytes) -> None:
    status = answer[9:12]
    if status != b"200" or expected not in answer:
        raise Unfit(f"answered {answer[:12].decode(errors='replace')}: {answer[-200:].decode(errors='replace')}")
