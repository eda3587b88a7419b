"""Not asking again and again what does not answer."""

from __future__ import annotations

import threading
import time

THRESHOLD = 3
"""Failures in a row after which a service is left alone."""
REST_SECONDS = 30.0


class Breaker:
    """Counts failures in a row per service; after `THRESHOLD` it says no for `REST_SECONDS`, then lets one try."""

    def __init__(self, *, threshold: int = THRESHOLD, rest: float = REST_SECONDS) -> None:
        self._threshold = threshold
        self._rest = rest
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._closed_until: dict[str, float] = {}

    def allows(self, service: str) -> bool:
        with self._lock:
            until = self._closed_until.get(service)
            if until is None:
                return True
            now = time.monotonic()
            if now < until:
                return False
            self._closed_until[service] = now + self._rest  # this one tries; the others wait for what it finds
            return True

    def failed(self, service: str) -> bool:
        """Note a failure; True when it is the one that stops the asking."""
        with self._lock:
            count = self._failures[service] = self._failures.get(service, 0) + 1
            if count < self._threshold:
                return False
            self._closed_until[service] = time.monotonic() + self._rest
            return count == self._threshold

    def worked(self, service: str) -> None:
        with self._lock:
            self._failures.pop(service, None)
            self._closed_until.pop(service, None)
