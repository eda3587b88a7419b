"""What is done chunk by chunk, done item by item where one of the chunk breaks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from transfers.rules.errors import Refusal, refusal

T = TypeVar("T")
R = TypeVar("R")


def singly(items: Sequence[T], act: Callable[[Sequence[T]], list[R | Refusal]], *, broken: str) -> list[R | Refusal]:
    """The answers of `act`, asked for each item alone; the refusal `broken` for one that it fails with.

    Such an item is told and does not stop the others. Where all of several fail it is no fault of theirs: the error
    goes on, and the caller's transaction leaves them as they were.
    """
    answers: list[R | Refusal] = []
    failed = 0
    for item in items:
        try:
            with transaction.atomic():
                answers += act([item])
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            failed += 1
            if failed == len(items) > 1:
                raise
            answers.append(refusal(broken))
    return answers
