"""One message of the queue for each letter, as one would write it: look the row up, word it, send it, save it.

What the workers of the slow peer of W5 import.
"""

from __future__ import annotations

import os

import django
from celery import Celery
from django.conf import settings

if not settings.configured:
    django.setup()

app = Celery("bench", broker=settings.REDIS_URL)
app.conf.update(
    task_ignore_result=True,
    task_default_queue=os.environ.get("BENCH_QUEUE", "bench"),
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bench.deliver")
def deliver(letter_id: int, at: str) -> None:
    """Deliver one letter to a gateway that takes everything."""
    from bench.models import PlainLetter
    from notifications.rendering import render

    letter = PlainLetter.objects.get(pk=letter_id)
    if letter.status != "pending":
        return
    hand_over(
        bytes(letter.address).decode(),
        render("overdue", language=letter.language, values=letter.context, sms=True).body,
    )
    letter.status, letter.sent_at, letter.attempts = "sent", at, 1
    letter.save(update_fields=["status", "sent_at", "attempts"])


def hand_over(address: str, text: str) -> None:
    """A gateway that takes everything at once."""
    if not address or not text:
        raise ValueError("there is nothing to send")
