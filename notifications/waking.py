"""The nudge: asks a worker to drain the outbox now instead of at the next beat.

It may be lost. Whoever nudges only sets a flag; a thread of this process speaks to the broker, at most once in
`PAUSE_SECONDS` however many letters are posted, and not at all for a while after the broker did not answer. So a
request never waits for the broker, and nothing is missing without one: the rows are there, and the beat drains them.
"""

from __future__ import annotations

import logging
import os
import threading

from notifications.breaker import Breaker

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 0.2
EXPIRES_SECONDS = 10
"""A nudge that no worker took by then is worthless: the beat has drained since."""


def send_task() -> None:
    """Put one drain into the queue. Raises what the broker raises."""
    from notifications.tasks import drain

    drain.apply_async(retry=False, expires=EXPIRES_SECONDS)


class Waker:
    """One thread for each process, started with the first nudge, and again after a fork."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._start = threading.Lock()
        self._pid = 0
        self._breaker = Breaker(threshold=1)

    def nudge(self) -> None:
        if self._pid != os.getpid():
            with self._start:
                if self._pid != os.getpid():
                    self._flag = threading.Event()
                    threading.Thread(target=self._run, args=(self._flag,), name="nudge", daemon=True).start()
                    self._pid = os.getpid()
        self._flag.set()

    def _run(self, flag: threading.Event) -> None:
        pause = threading.Event()
        while True:
            flag.wait()
            flag.clear()
            self.speak()
            pause.wait(PAUSE_SECONDS)

    def speak(self) -> None:
        """Ask once, unless the broker is being left alone. Never raises."""
        if not self._breaker.allows("broker"):
            return
        try:
            send_task()
        except Exception as error:
            self._breaker.failed("broker")
            # One line in REST_SECONDS at most, because nothing is asked in between.
            logger.warning("The broker does not answer (%s); letters wait for the next beat.", type(error).__name__)
        else:
            self._breaker.worked("broker")


_waker = Waker()


def nudge() -> None:
    """Ask for a drain soon. Returns at once, never fails."""
    _waker.nudge()
