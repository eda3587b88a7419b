"""A recomputing process is killed while it writes a batch, and the next one goes on: nothing lost, nothing doubled."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest
from django.db import connections

from tests.sla.test_recompute import amended, announce, counted
from tests.world import MONDAY, World
from transfers.models import CalendarNotice
from transfers.selectors.verify import problems
from transfers.sla import recompute as recomputing
from transfers.sla.recompute import recompute, stale

pytestmark = pytest.mark.django_db(transaction=True)


def killed_in_its_second_batch() -> None:
    """In a process of its own: the clocks of the batch are written and nothing is committed when the power goes."""
    store, calls = recomputing._store_due, []

    def dies(clocks):
        store(clocks)
        calls.append(len(clocks))
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    recomputing._store_due = dies
    recompute(now=MONDAY, batch=3)


def test_killed_and_run_again():
    world = World()
    cases = [world.accepted(serial) for serial in range(1, 9)]
    try:
        announce(amended(("06-10", False)))
        connections.close_all()  # a connection cannot be shared with a fork
        process = multiprocessing.get_context("fork").Process(target=killed_in_its_second_batch)
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        assert counted(cases) == (3, 3, 3), "the first batch, whole; nothing of the second"
        assert recompute(now=MONDAY, batch=3).clocks == 5  # the server lets the dead one's locks go
        assert counted(cases) == (8, 8, 8)
        assert stale() == []
        assert problems(now=MONDAY) == []
    finally:
        CalendarNotice.objects.filter(year=2026, version__gt=1).delete()
