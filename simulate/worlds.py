"""Worlds beside each other: each in a process and a database of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from simulate.database import own_database

AT_ONCE = 2


def lived(worlds: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each world in a process and a database of its own, two at a time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = [pool.submit(world, shortened, asked) for shortened in worlds]
        return [one.result() for one in waiting]


def world(shortened: Mapping[str, Mapping[str, int]], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Live through one world and tell of it."""
    signal.signal(signal.SIGTERM, _stop)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.update(DEBUG="false", DEMO="false", HTTPS="false", TRUSTED_PROXIES="1")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    name = " ".join(f"what if {code}" for code in shortened) or "as it is"
    with own_database("simulate"):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        from notifications import waking

        waking.send_task = lambda: None  # the letters are handed over here, not by a worker
        try:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("load_reference", verbosity=0)
            return _told(asked, shortened, lambda text: _tell(f"{name}  {text}"))
        finally:
            connections.close_all()


def _told(asked: Mapping[str, Any], shortened: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    from simulate.figures import figures
    from simulate.scenario import Scenario, live

    scenario = Scenario(asked["areas"], asked["days"], asked["per_day"], asked["seed"], asked["first"], shortened)
    began = time.process_time()
    country, end = live(scenario, tell=tell)
    tell("checking")
    data = figures(country, end, scenario)
    spent = ", ".join(f"{what} {seconds:.0f}" for what, seconds in sorted(country.seconds.items()))
    tell(f"{time.process_time() - began:.0f} s of processor time beside the database's; by the clock {spent} s")
    return data


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _stop(*_: object) -> None:
    raise KeyboardInterrupt
