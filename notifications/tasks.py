"""What the workers do with letters. Messages say only "drain now": they may be lost, doubled or late."""

from __future__ import annotations

import logging
import os
import socket
import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from accounts import buckets, codes
from notifications import outbox
from notifications.breaker import Breaker

logger = logging.getLogger(__name__)
BUSY_SECONDS = 200.0
"""After this long the task ends and leaves the rest to the next one, before the queue's time limit ends it."""
KEEP_DEAD_SECRETS = timedelta(days=30)


def worker_name() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


@shared_task
def drain() -> None:
    """Deliver what is due until nothing is, or for `BUSY_SECONDS`."""
    started = time.monotonic()
    breaker = Breaker()
    while time.monotonic() - started < BUSY_SECONDS:
        report = outbox.drain(now=timezone.now(), worker=worker_name(), breaker=breaker)
        if report.claimed:
            logger.info("Drained: %s", report)
        if not report.truncated:
            return


@shared_task
def tidy() -> None:
    """Delete what has served: spent codes, full buckets, and the secrets of letters that stayed dead for a month."""
    now = timezone.now()
    logger.info(
        "Tidied: %d codes, %d buckets, %d secrets",
        codes.purge(now=now),
        buckets.purge(now=now),
        outbox.purge_secrets(before=now - KEEP_DEAD_SECRETS),
    )
