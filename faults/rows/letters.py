"""Gateways that are slow, that fail, and that lie."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import time_machine

from faults.courses import NEXT_TUESDAY, letters_waiting
from faults.gateways import Phones, Post, handed, only, recorded
from faults.ground import Ground, Unfit
from faults.rows.killed import delivered
from faults.table import Fault, Outcome
from notifications import leases
from notifications import tasks as letters
from notifications.channels import Message
from notifications.channels.email import EmailChannel
from notifications.channels.sms import GatewayChannel

# Each later than the pause after the attempt before, which is up to a fifth longer than the table of pauses says.
ATTEMPTS = [timedelta(minutes=minutes) for minutes in (0, 2, 6, 20, 65, 240, 720)]


def drained() -> None:
    """A drain after each pause."""
    for pause in ATTEMPTS:
        with time_machine.travel(NEXT_TUESDAY + pause, tick=True):
            letters.drain()


def recorded_drains() -> None:
    with recorded():
        drained()


@contextmanager
def fresh_keys() -> Iterator[None]:
    """The control of idempotency: each attempt is a message of its own."""
    with ExitStack() as patches:
        for channel in (GatewayChannel, EmailChannel):

            def send(self: Any, message: Message, genuine: Any = channel.send) -> None:
                genuine(self, replace(message, key=str(uuid.uuid4())))

            patches.enter_context(patch.object(channel, "send", send))
        yield


@contextmanager
def one_attempt() -> Iterator[None]:
    """The control of attempts: what did not go the first time is given up."""
    with patch.object(leases, "MAX_ATTEMPTS", 1):
        yield


@contextmanager
def credulous() -> Iterator[None]:
    """The control of disbelief: whatever is said with 200 counts."""
    with patch.object(GatewayChannel, "_believe", staticmethod(lambda *_said: None)):
        yield


def run(
    channel: str,
    make: Callable[[], Phones | Post],
    off: Callable[[], AbstractContextManager[None]],
    ground: Ground,
    outcome: Outcome,
    guarded: bool,
) -> None:
    """Drain until all is through, by this channel to the gateway and by the others to a recorder."""
    ground.template("drain", letters_waiting)
    wanted = ground.reference("drain", recorded_drains, at=NEXT_TUESDAY, called="letters")
    gateway = make()
    try:
        with ground.fresh("drain"):
            ended = ground.process(drained, at=NEXT_TUESDAY, under=_under(channel, gateway, None if guarded else off()))
            if ended.error:
                raise Unfit(ended.error)
            if len(gateway.moods) > 1:
                raise Unfit(f"the gateway was asked {len(gateway.asked)} times, too seldom for all of its moods")
            found = ground.count(wanted) + delivered(ground, [*gateway.keys, *handed()])
            outcome.add(found, ground.verify(at=NEXT_TUESDAY + ATTEMPTS[-1]))
            again = len(gateway.keys) - len(set(gateway.keys))
            outcome.note = f"asked {len(gateway.asked)} times; {again} messages came again under the key they had"
    finally:
        gateway.close()


@contextmanager
def _under(channel: str, gateway: Phones | Post, off: AbstractContextManager[None] | None) -> Iterator[None]:
    with gateway.answering(), only(channel), ExitStack() as more:
        if off is not None:
            more.enter_context(off)
        yield


SAME_KEY = "a time limit, and the same idempotency key at each attempt"


def _fault(name: str, broken: str, guard: str, channel: str, make: Any, off: Any) -> Fault:
    recovers = "beat's next drains, after longer and longer pauses"
    return Fault(name, broken, "a drain of the outbox", recovers, guard, partial(run, channel, make, off))


FAULTS = [
    _fault(
        "sms-slow",
        "the SMS gateway takes messages over and answers too late",
        SAME_KEY,
        "sms",
        partial(Phones, "slow", "slow", "slow", "slow", "well"),
        fresh_keys,
    ),
    _fault(
        "sms-failing",
        "the SMS gateway answers 500 and 503, and hangs up after it has taken a message over",
        "eight attempts, and the same idempotency key at each",
        "sms",
        partial(Phones, "refuses", "busy", "hangs up", "refuses", "hangs up", "busy", "well"),
        one_attempt,
    ),
    _fault(
        "sms-lying",
        "the SMS gateway says 200 and has delivered nothing, or says that it accepted something else",
        "only a 200 that names the message's own key is believed",
        "sms",
        partial(Phones, "lies", "mixes up", "lies", "lies", "mixes up", "well"),
        credulous,
    ),
    _fault(
        "mail-failing",
        "the mail server refuses for the moment (451)",
        "eight attempts",
        "email",
        partial(Post, "refuses", "refuses", "refuses", "well"),
        one_attempt,
    ),
    _fault(
        "mail-unanswered",
        "the mail server takes letters and then answers too late, or hangs up",
        "a time limit, and the same Message-ID at each attempt",
        "email",
        partial(Post, "slow", "hangs up", "slow", "well"),
        fresh_keys,
    ),
]
