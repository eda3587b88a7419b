"""Delivery of one batch: claim, write the words, fold digests, hand over from several threads, mark what became of it.

Threads hand over, and do nothing else; the database is used by the calling thread alone. What was done is marked
every `FLUSH_SECONDS` or `FLUSH_LETTERS`, so a killed process repeats little. What was not begun in time goes back.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import traceback
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded

from accounts.crypto import DecryptError
from notifications import leases
from notifications.breaker import Breaker
from notifications.channels import Channel, Message, open_channels
from notifications.errors import DeliveryError, PermanentFailure, RenderError, TemporaryFailure
from notifications.leases import Claimed, Failed
from notifications.models import Letter
from notifications.rendering import Text, render

logger = logging.getLogger(__name__)

FLUSH_LETTERS = 1000
FLUSH_SECONDS = 2.0
GATHER_SECONDS = 0.005
"""How long results may gather before they are taken in together: waking for each one costs more than to send it."""
DIGEST_ITEMS = 100
DIGEST_BODY = 500
"""How many letters a digest spells out, and how many characters of each; the rest it counts."""
SERVICE_DOWN_WAIT = timedelta(seconds=60)
"""How long letters wait that were not tried because their service does not answer."""


@dataclass(frozen=True)
class DrainReport:
    """What one drain did, in letters: claimed = sent + retried + dead + released, unless a lease was lost.

    `released` were not tried and went back; `messages` counts what was handed over, a digest being one. `truncated`
    says that more may be due.
    """

    claimed: int = 0
    sent: int = 0
    retried: int = 0
    dead: int = 0
    released: int = 0
    messages: int = 0
    truncated: bool = False


@dataclass(frozen=True)
class _Parcel:
    """One message and the letters it delivers: the first is the leader, the others are folded into it."""

    letters: tuple[Claimed, ...]
    message: Message = field(repr=False)

    @property
    def leader(self) -> Claimed:
        return self.letters[0]


_Result = tuple[_Parcel, Exception | None]


def drain(
    *,
    now: datetime,
    limit: int = 2000,
    worker: str,
    channels: Mapping[str, Channel] | None = None,
    breaker: Breaker | None = None,
) -> DrainReport:
    """Deliver up to `limit` due letters (and the rest of the digests among them). Call it outside a transaction.

    Any number may run at once. `worker` names the process in the rows it has leased; `breaker` may be shared by
    consecutive drains. A failing letter is marked and stops nothing; an error of the database is raised, and the lease
    brings back what was not marked.
    """
    if not 1 <= limit <= leases.MAX_LIMIT:
        raise ValueError(f"limit is 1 to {leases.MAX_LIMIT}")
    batch = _Batch(now=now, lease=f"{worker[:60]}/{uuid.uuid4().hex[:12]}", breaker=breaker or Breaker())
    return batch.run(limit, channels)


class _Batch:
    """The state of one drain."""

    def __init__(self, *, now: datetime, lease: str, breaker: Breaker) -> None:
        self.now = now
        self.lease = lease
        self.breaker = breaker
        # Nothing is begun that could still be on its way when somebody else may claim it.
        self.stop_at = time.monotonic() + (leases.LEASE - leases.GRACE).total_seconds()
        self.counts = dict.fromkeys(("claimed", "sent", "retried", "dead", "released", "messages"), 0)
        self.sent: list[_Parcel] = []
        self.failed: list[tuple[Failed, int]] = []

    def run(self, limit: int, channels: Mapping[str, Channel] | None) -> DrainReport:
        rows = leases.claim(now=self.now, limit=limit, lease=self.lease)
        truncated = len(rows) >= limit
        if not rows:
            return DrainReport()
        parcels = self.fold(self.prepare(rows))
        self.flush()
        opened = open_channels() if channels is None else channels
        try:
            self.hand_over(parcels, opened)
        finally:
            if channels is None:
                for channel in opened.values():
                    channel.close()
        if self.counts["released"]:
            truncated = True
        return DrainReport(**self.counts, truncated=truncated)

    # -- what to send --
    def prepare(self, rows: list[Claimed]) -> list[_Parcel]:
        """One parcel for each row (with the followers it already has) whose words could be made; the rest failed."""
        members = leases.followers([row.id for row in rows if row.leader_id == row.id])
        parcels = []
        for row in rows:
            letters = (row, *members.get(row.id, ()))
            self.counts["claimed"] += len(letters)
            if row.attempts > leases.MAX_ATTEMPTS:
                self.dead(letters, "L-INTERRUPTED", "each attempt ended with the worker")
            elif row.not_after and row.not_after < self.now:
                self.dead(letters, "L-EXPIRED", "it was not sent while it was of use")
            else:
                try:
                    parcels.append(_Parcel(letters, _message(letters)))
                except SoftTimeLimitExceeded:
                    raise  # the worker is about to end this task: nothing is wrong with the letter
                except Exception as error:
                    self.failure(letters, error)
        return parcels

    def fold(self, parcels: list[_Parcel]) -> list[_Parcel]:
        """Join parcels of one digest that were never handed over, and write down who goes with whom."""
        groups: dict[object, list[_Parcel]] = defaultdict(list)
        alone = []
        for parcel in parcels:
            leader = parcel.leader
            if leader.digest_key and leader.leader_id is None:
                whom = (leader.digest_key, leader.channel, leader.language, leader.recipient_id, parcel.message.address)
                groups[whom].append(parcel)
            else:
                alone.append(parcel)
        if not groups:
            return alone
        joined = []
        for group in groups.values():
            if len(group) == 1:
                joined += group
                continue
            letters = tuple(parcel.leader for parcel in group)
            try:
                joined.append(_Parcel(letters, _message(letters)))
            except SoftTimeLimitExceeded:
                raise
            except Exception as error:
                for letter in letters:
                    self.failure((letter,), error)
        leaders = [(letter, parcel.leader.id) for parcel in joined for letter in parcel.letters]
        ours = leases.fold(leaders, lease=self.lease)
        return alone + [parcel for parcel in joined if all(letter.id in ours for letter in parcel.letters)]

    # -- sending --
    def hand_over(self, parcels: list[_Parcel], channels: Mapping[str, Channel]) -> None:
        """Send all parcels, marking as they are done. Stopped by an exception, it still marks what is done."""
        waiting: dict[str, deque[_Parcel]] = defaultdict(deque)
        for parcel in parcels:
            if parcel.leader.channel in channels:
                waiting[parcel.leader.channel].append(parcel)
            else:
                self.failure(parcel.letters, TemporaryFailure("L-CONFIG", "this channel is not set up"))
        done: queue.SimpleQueue[_Result | None] = queue.SimpleQueue()
        stop = threading.Event()
        threads = [
            threading.Thread(target=self.work, args=(waiting[name], channels[name], done, stop), name=f"letters-{name}")
            for name in waiting
            for _ in range(min(channels[name].concurrency, len(waiting[name])))
        ]
        for thread in threads:
            thread.start()
        try:
            self.collect(done, running=len(threads))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            self.collect(done, running=0)
            for rest in waiting.values():
                for parcel in rest:
                    self.release(parcel.letters, wait=timedelta(0))
            self.flush()

    def work(
        self,
        waiting: deque[_Parcel],
        channel: Channel,
        done: queue.SimpleQueue[_Result | None],
        stop: threading.Event,
    ) -> None:
        """One thread: take parcels until there are none or the time is up."""
        try:
            while not stop.is_set() and time.monotonic() < self.stop_at:
                try:
                    parcel = waiting.popleft()
                except IndexError:
                    return
                try:
                    self.send(parcel.message, channel)
                except Exception as error:
                    done.put((parcel, error))
                else:
                    done.put((parcel, None))
        finally:
            done.put(None)

    def send(self, message: Message, channel: Channel) -> None:
        """Send unless the service is being left alone, and tell the breaker how it went."""
        service = channel.service(message)
        if not self.breaker.allows(service):
            raise _NotTried
        try:
            channel.send(message)
        except DeliveryError as failure:
            if isinstance(failure, TemporaryFailure) and failure.service_down:
                if self.breaker.failed(service):
                    logger.warning("%s does not answer (%s); its letters wait.", service, failure)
            elif failure.code not in _OUR_OWN:
                self.breaker.worked(service)
            raise
        self.breaker.worked(service)

    def collect(self, done: queue.SimpleQueue[_Result | None], *, running: int) -> None:
        """Take in what the threads report until `running` of them have ended; with 0, what has been reported so far."""
        flushed = time.monotonic()
        while True:
            for item in _gathered(done) if running > 0 else _reported(done):
                if item is None:
                    running -= 1
                else:
                    self.result(*item)
            pending = len(self.sent) + len(self.failed)
            if pending >= FLUSH_LETTERS or (pending and time.monotonic() - flushed > FLUSH_SECONDS):
                self.flush()
                flushed = time.monotonic()
            if running <= 0:
                return

    # -- what became of it --
    def result(self, parcel: _Parcel, error: Exception | None) -> None:
        if isinstance(error, _NotTried):
            self.release(parcel.letters, wait=SERVICE_DOWN_WAIT)
            return
        self.counts["messages"] += 1
        if error is None:
            self.sent.append(parcel)
        else:
            self.failure(parcel.letters, error)

    def failure(self, letters: tuple[Claimed, ...], error: Exception) -> None:
        """Try again later, or give up; an error that nobody foresaw is named by its class."""
        code, text, retry_after = "L-INTERNAL", type(error).__name__, None
        if isinstance(error, DeliveryError):
            code, text = error.code, error.text
            retry_after = error.retry_after if isinstance(error, TemporaryFailure) else None
        elif isinstance(error, DecryptError):
            code, text = "L-DECRYPT", str(error)
        else:
            # Where, and of what class; an unforeseen message may hold anything, and so may the values around it.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("Letter %s fails with %s\n%s", letters[0].id, text, where)
        attempts = letters[0].attempts
        if isinstance(error, PermanentFailure) or attempts >= leases.MAX_ATTEMPTS:
            self.dead(letters, code, text)
            return
        wait = max(leases.backoff(attempts), timedelta(seconds=retry_after or 0))
        self.put_back(
            letters, Failed(letters[0].id, letters[0].month, "pending", self.now + wait, code, text), "retried"
        )

    def dead(self, letters: tuple[Claimed, ...], code: str, text: str) -> None:
        self.put_back(letters, Failed(letters[0].id, letters[0].month, "dead", self.now, code, text), "dead")

    def release(self, letters: tuple[Claimed, ...], *, wait: timedelta) -> None:
        self.put_back(
            letters, Failed(letters[0].id, letters[0].month, "pending", self.now + wait, uncount=1), "released"
        )

    def put_back(self, letters: tuple[Claimed, ...], failed: Failed, outcome: str) -> None:
        self.counts[outcome] += len(letters)
        self.failed.append((failed, len(letters)))

    def flush(self) -> None:
        if self.sent:
            leases.mark_sent([(parcel.leader.id, parcel.leader.month) for parcel in self.sent], now=self.now)
            self.counts["sent"] += sum(len(parcel.letters) for parcel in self.sent)
            self.sent = []
        if self.failed:
            leases.mark_failed([failed for failed, _size in self.failed], lease=self.lease)
            self.failed = []


_OUR_OWN = frozenset({"L-ADDRESS", "L-PRIVATE"})
"""Failures found before the service was asked: they say nothing about it."""


class _NotTried(Exception):
    """The service is being left alone for a while."""


def _reported(done: queue.SimpleQueue[_Result | None]) -> Iterator[_Result | None]:
    """What the threads have reported so far."""
    with contextlib.suppress(queue.Empty):
        while True:
            yield done.get_nowait()


def _gathered(done: queue.SimpleQueue[_Result | None]) -> list[_Result | None]:
    """Wait for a report, and take in what came soon after it; nothing when there was none for a while."""
    try:
        first = done.get(timeout=FLUSH_SECONDS)
    except queue.Empty:
        return []
    if first is not None:
        time.sleep(GATHER_SECONDS)
    return [first, *_reported(done)]


def _text(letter: Claimed) -> Text:
    return render(letter.template, language=letter.language, values=letter.values(), sms=letter.channel == "sms")


def _message(letters: tuple[Claimed, ...]) -> Message:
    """The message that tells these letters. Raises `RenderError` or `DecryptError`."""
    leader = letters[0]
    address = leader.open_address()
    if leader.channel == Letter.Channel.WEBHOOK:
        values = leader.values()
        key = str(values.pop("signing_key", ""))
        return _envelope(leader, address, data=values, signing_key=key)
    if len(letters) == 1:
        text = _text(leader)
    else:
        items = []
        for letter in letters[:DIGEST_ITEMS]:
            part = _text(letter)
            body = part.body if len(part.body) <= DIGEST_BODY else part.body[:DIGEST_BODY] + "…"
            items.append({"subject": part.subject, "body": body, "subject_ref": letter.subject_ref})
        text = render(
            "digest",
            language=leader.language,
            values={"count": len(letters), "items": items, "more": len(letters) - len(items)},
            sms=leader.channel == Letter.Channel.SMS,
        )
    return _envelope(leader, address, subject=text.subject, body=text.body)


def _envelope(leader: Claimed, address: str, **parts: object) -> Message:
    if not address:
        raise RenderError("it has no address")
    return Message(
        key=leader.key,
        template=leader.template,
        language=leader.language,
        address=address,
        subject_ref=leader.subject_ref,
        created_at=leader.created_at,
        **parts,  # type: ignore[arg-type]
    )
