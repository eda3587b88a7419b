"""What a program of the table carries with it, from its environment: the time, the end that is meant for it, and which
guard it does without.

| variable | meaning |
|---|---|
| `FAULTS_NOW`, `FAULTS_BEGAN` | the instant (ISO) that it was when the real clock stood at so many seconds |
| `FAULTS_LEASE` | seconds of a lease of letters, instead of 120 |
| `FAULTS_KILL` | JSON: a list of `Kill` |
| `FAULTS_OFF` | the guard to do without, a key of `OFF` |
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.apps import AppConfig


@dataclass(frozen=True, slots=True)
class Kill:
    """At point `point` of what is called `of` (a task, a path, `beat`), once: `mark` is the file that says it was done.

    `whom`: this process (`self`), the program with all of its processes (`all`), or a process by its number.
    """

    of: str
    point: int
    mark: str
    whom: str = "self"

    def __call__(self) -> None:
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        if self.whom == "all":
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os.kill(os.getpid() if self.whom == "self" else int(self.whom), signal.SIGKILL)

    @property
    def done(self) -> bool:
        return Path(self.mark).exists()


class FaultsConfig(AppConfig):
    name = "faults"

    def ready(self) -> None:
        """Take what the environment says."""
        _live()
        _record()
        for kill in (Kill(**one) for one in json.loads(os.environ.get("FAULTS_KILL", "[]"))):
            _expect(kill)
        if off := os.environ.get("FAULTS_OFF"):
            OFF[off]()


def _live() -> None:
    """The time, which goes on from program to program."""
    import time_machine

    since = timedelta(seconds=time.time() - float(os.environ["FAULTS_BEGAN"]))
    time_machine.travel(datetime.fromisoformat(os.environ["FAULTS_NOW"]) + since, tick=True).start()


def _record() -> None:
    from faults.gateways import RECORD, Recorder
    from notifications import delivery, leases

    recorder = Recorder(Path(os.environ[RECORD]))
    patch.object(delivery, "open_channels", lambda: {"email": recorder, "sms": recorder}).start()
    leases.LEASE = timedelta(seconds=float(os.environ["FAULTS_LEASE"]))
    leases.GRACE = leases.LEASE / 2


_under_way = ExitStack()


def _begin(kill: Kill) -> None:
    from faults.points import at_point

    if not kill.done:
        _under_way.enter_context(at_point(kill.point, kill))


def _end(**_more: Any) -> None:
    _under_way.close()


def _expect(kill: Kill) -> None:
    """Wait for what is to be cut short."""
    if kill.of == "beat":
        _count_asked(kill)
    elif kill.of.startswith("/"):
        from django.core.signals import request_finished, request_started

        def request(environ: dict[str, Any], **_more: Any) -> None:
            if environ["PATH_INFO"] == kill.of:
                _begin(kill)

        request_started.connect(request, weak=False)
        request_finished.connect(_end, weak=False)
    else:
        from celery.signals import task_postrun, task_prerun

        def task(sender: Any, **_more: Any) -> None:
            if sender.name == kill.of:
                _begin(kill)

        task_prerun.connect(task, weak=False)
        task_postrun.connect(_end, weak=False)


def _count_asked(kill: Kill) -> None:
    """Beat's points are the tasks that it asks for."""
    from config.heartbeat import BeatingScheduler

    ask, asked = BeatingScheduler.apply_async, [0]

    def asking(self: Any, *args: Any, **more: Any) -> Any:
        asked[0] += 1
        if asked[0] == kill.point:
            kill()
        return ask(self, *args, **more)

    patch.object(BeatingScheduler, "apply_async", asking).start()


# --- guards to do without -----------------------------------------------------------------------------


def _nothing_due_at_first() -> None:
    from celery.beat import Scheduler

    from config.heartbeat import BeatingScheduler

    patch.object(BeatingScheduler, "setup_schedule", Scheduler.setup_schedule).start()


def _claims_shared() -> None:
    """Sweepers that hold nothing, and meet between reading and writing."""
    from faults.points import held, rewritten

    _always.enter_context(rewritten(r"FOR (NO KEY )?UPDATE( OF \S+)? SKIP LOCKED", ""))
    _always.enter_context(rewritten(r'FROM "?transfers_alarm"? WHERE', r"\g<0> false AND"))
    _always.enter_context(held(r'(INSERT INTO|COPY) "?transfers_alarm', seconds=6))


_always = ExitStack()
OFF: dict[str, Callable[[], None]] = {
    "beat-catches-up": _nothing_due_at_first,
    "claims": _claims_shared,
}
