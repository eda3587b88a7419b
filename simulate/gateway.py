"""A gateway that takes every letter at once, and remembers under which keys."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from notifications import outbox
from notifications.channels import Message


class Gateway:
    """For SMS and e-mail. A key that comes again is counted in `again`, and the letter is not sent twice."""

    concurrency = 1

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.again = 0
        self.counted: Counter[str] = Counter()

    def service(self, message: Message) -> str:
        return "gateway"

    def send(self, message: Message) -> None:
        if message.key in self.keys:
            self.again += 1
        self.keys.add(message.key)
        self.counted["messages"] += 1

    def close(self) -> None:
        """Nothing to close."""

    def empty_outbox(self, *, now: datetime, at_once: int) -> None:
        """Hand over everything that is due, as the worker's task does."""
        while True:
            drained = outbox.drain(now=now, limit=at_once, worker="simulate", channels={"sms": self, "email": self})
            self.counted["letters"] += drained.sent
            self.counted["failed"] += drained.dead + drained.retried
            if not drained.truncated:
                return
