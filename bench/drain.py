"""W5, the drain: letters that are due are claimed, worded, handed to a gateway that takes everything, and marked."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.crypto import seal_value
from bench.dataset import Dataset
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from bench.lookup import end_with_us
from bench.models import LimitLetter, PlainLetter
from notifications import outbox
from notifications.channels import Message
from notifications.leases import LEASE
from notifications.models import ADDRESS_CONTEXT, Letter

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2_000  # as `outbox.drain` claims
WORKERS = 2
PATIENCE = 120.0
PHONE = "13800000000"

_FILL = """
INSERT INTO {table} (month, key, created_at, channel, template, language, address, subject_ref, context, digest_key,
    dedupe_key, status, due_at, next_attempt_at, attempts, leased_by, last_error_code, last_error)
SELECT to_char(%(now)s::timestamptz, 'YYYYMM')::int, gen_random_uuid(), %(now)s, 'sms', 'overdue', 'zh-hans',
    %(address)s, 'N' || n,
    %(context)s::jsonb || jsonb_build_object('number', 'N' || n, 'due_on', '2026-06-15'), '',
    'bench:' || %(round)s || ':' || n, 'pending', %(now)s, %(now)s, 0, '', '', ''
FROM generate_series(1, %(count)s) n
"""
_CLAIM = f"""
WITH picked AS MATERIALIZED (
    SELECT id FROM {LimitLetter._meta.db_table}
    WHERE status = 'pending' AND next_attempt_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
    ORDER BY next_attempt_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE {LimitLetter._meta.db_table} l SET attempts = l.attempts + 1, leased_until = %(until)s, leased_by = 'bench'
FROM picked WHERE l.id = picked.id RETURNING l.id, l.key, l.language, l.address, l.context
"""  # nosec B608 - names of our tables
_MARK = f"""
UPDATE {LimitLetter._meta.db_table} SET status = 'sent', sent_at = %s, leased_until = NULL, leased_by = ''
WHERE id = ANY(%s)
"""  # nosec B608


class Gateway:
    """Takes everything at once, and remembers under which keys."""

    concurrency = 8

    def __init__(self) -> None:
        self.keys: list[str] = []

    def service(self, message: Message) -> str:
        return "sms"

    def send(self, message: Message) -> None:
        if not message.address or not message.body:
            raise ValueError("there is nothing to send")
        self.keys.append(message.key)

    def close(self) -> None:
        """Nothing to close."""


# What a letter to a person says.
_CONTEXT = json.dumps(
    {
        "name": "测**", "from_area": "广西壮族自治区南宁市", "to_area": "浙江省杭州市", "stage": "转出地待办理",
        "next_step": "您不需要做什么，请等候办理。", "agency": "南宁市医保经办机构", "agency_phone": "0771-12393",
        "reasons": [], "supplement": "", "supplement_note": "", "link": "http://localhost:8000/track/",
        "rung": "已超期", "clock": "转出时限",
    },
    ensure_ascii=False,
)  # fmt: skip


@contextlib.contextmanager
def benchmark(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark, with the workers of the slow peer running. Each round has letters of its own."""
    letters, of_peer = size["letters"], size["letters_of_slow_peer"]
    with connection.cursor() as cursor:  # letters of the sweep's limit may lie here
        cursor.execute(f"TRUNCATE {LimitLetter._meta.db_table}, {PlainLetter._meta.db_table} CASCADE")
    sealed = seal_value(PHONE, context=ADDRESS_CONTEXT)
    began = timezone.now()
    gateway = Gateway()

    def now(number: int) -> datetime:
        return began + timedelta(minutes=number)

    def limit(number: int) -> Sample:
        _fill(LimitLetter, number, letters, PHONE.encode(), now(number))
        return _rate(lambda: claim_loop(now(number)), letters)

    def plain(number: int) -> Sample:
        ids = _fill(PlainLetter, number, of_peer, PHONE.encode(), now(number))
        if number == 0:
            workers.check()
        return _rate(lambda: one_message_each(ids, now(number)), of_peer)

    def ours(number: int) -> Sample:
        _fill(Letter, number, letters, sealed, now(number))
        return _rate(lambda: drained(gateway, now(number)), letters)

    with Workers() as workers:
        yield Benchmark(
            name="W5",
            title="drain: hand over the letters that are due",
            unit="letters/s",
            better="more",
            contenders=[
                Contender("limit", "limit", "psycopg: claim, mark, and nothing between", limit),
                Contender("plain", "peer", "one Celery message for each letter", plain),
                Contender("ours", "ours", "outbox.drain", ours),
            ],
            sizes={"letters a round": letters, "letters a round of the slow peer": of_peer, "claimed at once": AT_ONCE},
            targets=[
                Target("first", "at least 0.6 of the claim loop", against="limit", at_least=0.6),
                Target("first", "at least 40 times one message each", against="plain", at_least=40),
                Target("far", "at least 0.9 of the claim loop", against="limit", at_least=0.9),
                Target("far", "at least 60 times one message each", against="plain", at_least=60),
            ],
            notes=[
                "The limit words nothing and opens no sealed address.",
                f"The peer has a broker and {WORKERS} worker processes, and its time begins with the first message.",
            ],
            checks=lambda: [_exactly_once(gateway, letters * (size["rounds"] + 1))],
        )


def _fill(model: Any, number: int, count: int, address: bytes, at: datetime) -> list[int]:
    """Letters to persons that are due at that moment; their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL.format(table=model._meta.db_table) + " RETURNING id",
            {"now": at, "address": address, "context": _CONTEXT, "round": str(number), "count": count},
        )
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
    return ids


def _rate(work: Any, expected: int) -> Sample:
    began = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - began
    if done != expected:
        raise Unfit(f"{done} sent, but {expected} were due")
    return Sample(done / seconds)


def claim_loop(now: datetime) -> int:
    """What any drain by lease must do at the least: claim, and mark."""
    done = 0
    with connection.cursor() as cursor:
        while True:
            with transaction.atomic():
                cursor.execute(_CLAIM, {"now": now, "limit": AT_ONCE, "until": now + LEASE})
                rows = cursor.fetchall()
            if not rows:
                return done
            cursor.execute(_MARK, [now, [row[0] for row in rows]])
            done += len(rows)


def drained(gateway: Gateway, now: datetime) -> int:
    """As the worker's task does it, until nothing is due."""
    done = 0
    while True:
        report = outbox.drain(now=now, worker="bench", channels={"sms": gateway})
        done += report.sent
        if not report.truncated:
            return done


def one_message_each(ids: list[int], now: datetime) -> int:
    """Put a message for each letter into the queue, and wait until the workers have sent the last one."""
    from bench.messages import deliver

    for letter_id in ids:
        deliver.delay(letter_id, now.isoformat())
    waiting = PlainLetter.objects.filter(pk__gte=ids[0], pk__lte=ids[-1], status="pending")
    end = time.monotonic() + PATIENCE
    while waiting.exists():
        if time.monotonic() > end:
            raise Unfit(f"{waiting.count()} letters were still waiting after {PATIENCE:.0f} s")
        time.sleep(0.005)
    return len(ids)


class Workers:
    """Worker processes on a queue of their own, which are ended with the benchmark."""

    def __enter__(self) -> Workers:
        os.environ["BENCH_QUEUE"] = f"bench-{secrets.token_hex(4)}"
        command = [sys.executable, "-m", "celery", "-A", "bench.messages", "worker", "--pool", "prefork"]
        command += ["--concurrency", str(WORKERS), "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
        self.process = subprocess.Popen(
            [*command, "--without-heartbeat"],
            cwd=ROOT,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=end_with_us,
        )
        return self

    def check(self) -> None:
        """Raises Unfit when they have ended already."""
        if self.process.poll() is not None:
            raise Unfit(f"the worker ended with {self.process.returncode}")

    def __exit__(self, *_: object) -> None:
        from bench.messages import app

        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(Exception), app.connection_for_write() as broker:  # the queue is nobody's any more
            broker.default_channel.queue_delete(os.environ["BENCH_QUEUE"])


def _exactly_once(gateway: Gateway, expected: int) -> Check:
    sent = Letter.objects.filter(dedupe_key__startswith="bench:", status="sent", attempts=1).count()
    return Check(
        "each letter handed over and marked exactly once",
        sent == len(gateway.keys) == len(set(gateway.keys)) == expected,
        f"{expected} due, {len(gateway.keys)} handed over, {sent} marked",
        "ours",
    )
