"""Worker and beat each write a sign of life of their own, so that one that stops cannot make the other look dead.

The worker's main process writes when Celery sends its own heartbeat, which it does only while it consumes; beat writes
at each tick of its scheduler. Both over a short connection of their own, at most every `EVERY_SECONDS`; and into
`HEARTBEAT_FILE` when it is set, for the health check of the one container.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.beat import Scheduler

logger = logging.getLogger(__name__)
EVERY_SECONDS = 10.0
_written: dict[str, float] = {}

BEAT = "INSERT INTO config_heartbeat (name, at) VALUES (%s, now()) ON CONFLICT (name) DO UPDATE SET at = excluded.at"


def beat(name: str) -> None:
    """Say that a process of this kind works, now by the database's clock. A database that is away is only logged."""
    from django.conf import settings
    from django.db import DatabaseError, connection

    moment = time.monotonic()
    if moment - _written.get(name, float("-inf")) < EVERY_SECONDS:
        return
    _written[name] = moment
    if settings.HEARTBEAT_FILE:
        Path(settings.HEARTBEAT_FILE).touch()
    fresh = connection.copy()
    try:
        with fresh.cursor() as cursor:
            cursor.execute(BEAT, [name])
    except DatabaseError as error:
        logger.warning("The heartbeat of the %s could not be written: %s", name, error)
    finally:
        fresh.close()


def beat_of_worker(**_signal: Any) -> None:
    """Receiver of Celery's `heartbeat_sent`."""
    beat("worker")


class BeatingScheduler(Scheduler):
    """Celery's in-memory scheduler, showing that it ticks. It starts with everything due, to catch up at once."""

    def setup_schedule(self) -> None:
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - timedelta(days=1)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        beat("beat")
        return super().tick(*args, **kwargs)
