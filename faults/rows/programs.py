"""Real web, worker and beat, killed; and their broker, emptied and taken away."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import redis
from django.conf import settings
from django.test import Client

from config.local.servers import free_port
from faults.apps import Kill
from faults.counting import Count, Rows, question, rows
from faults.courses import NEXT_TUESDAY
from faults.ground import Ground, Unfit
from faults.points import at_point, chosen, die
from faults.rows.killed import delivered
from faults.rows.times import a_full_day, every_message
from faults.stack import listens, until
from faults.table import Fault, Outcome
from notifications import tasks as letters
from notifications import waking
from tests.world import World, application, person
from transfers import tasks
from transfers.access import actor_for
from transfers.actions.intake import apply
from transfers.models import Partner
from transfers.rules.parties import Channel

PATIENCE = 180.0
"""Seconds in which all must have been done, on a machine that may do other work as well."""
ONCE = {"FAULTS_EVERY": "36000"}
"""The control of asking again: beat asks for everything, once."""
STILL = 30.0
"""Seconds without a change after which a control takes it that nothing more will come."""
AFTERWARDS = 4.0
"""Seconds for which everything goes on after that, to see that nothing is done twice."""
WORK = "everything that a Tuesday brings: alarms, bank lines, papers, letters"
ASKS = "the restart policy starts it again; beat asks again, which asked every 2 s here"


class Programs:
    """Web, worker and beat on the copy at hand, started again when they die, as a restart policy would."""

    def __init__(self, ground: Ground, **more: str) -> None:
        self.ground, self.stack = ground, ground.stack
        self.env = {
            "DJANGO_SETTINGS_MODULE": "faults.settings",
            "DATABASE_URL": ground.here,
            "REDIS_URL": ground.stack.valkey.url,
            "FAULTS_NOW": NEXT_TUESDAY.isoformat(),
            "FAULTS_BEGAN": str(time.time()),
            "FAULTS_LEASE": "6",
            "FAULTS_EVERY": "2",
            "LOG_LEVEL": "INFO",
            **more,
        }
        self.wanted: dict[str, tuple[Callable[..., Any], Any]] = {}

    def run(self, name: str, start: Callable[..., Any]) -> None:
        """Start a program, and again whenever it has died."""
        self.wanted[name] = start, start(env=self.env)

    def tend(self) -> None:
        for name, (start, program) in self.wanted.items():
            if program.poll() is not None:
                self.stack.kill(program)  # what it has left of itself
                self.wanted[name] = start, start(env=self.env)

    def begun(self) -> bool:
        """Whether a worker listens and each beat that is wanted has ticked."""
        self.tend()
        beats = any(name.startswith("beat") for name in self.wanted)
        ticked = question(self.ground.here, "SELECT count(*) FROM config_heartbeat WHERE name = 'beat'")
        return waiting_workers() > 0 and (ticked > 0 or not beats)

    def all_done(self, wanted: Rows, *, guarded: bool) -> None:
        """Go on until everything is there, and a little longer; without a guard until nothing moves any more."""
        address, deadline = self.ground.here, time.monotonic() + PATIENCE
        if not guarded and not until(self.begun, patience=PATIENCE):
            raise Unfit("the programs do not start")
        before, moved = rows(address), time.monotonic()
        while time.monotonic() < deadline and wanted - before:
            self.tend()
            time.sleep(0.5)
            if (now := rows(address)) != before:
                before, moved = now, time.monotonic()
            if not guarded and time.monotonic() - moved > STILL:
                break
        end = time.monotonic() + AFTERWARDS
        while time.monotonic() < end:
            self.tend()
            time.sleep(0.1)
        self.stack.quiet()


def kills(ground: Ground, *listed: tuple[str, int, str]) -> list[Kill]:
    """Kills that each come about once in the copy at hand."""
    return [
        Kill(of, point, str(ground.folder / f"mark-{ground.numbers}-{n}"), whom)
        for n, (of, point, whom) in enumerate(listed)
    ]


def as_text(planned: list[Kill]) -> str:
    return json.dumps([asdict(kill) for kill in planned])


def done_day(ground: Ground) -> Rows:
    """All that the day brings, undisturbed."""
    ground.template("day", a_full_day)
    return ground.reference("day", every_message, at=NEXT_TUESDAY)


def counted(ground: Ground, wanted: Rows, outcome: Outcome, planned: list[Kill], *, guarded: bool) -> None:
    outcome.add(ground.count(wanted) + delivered(ground), ground.verify(at=NEXT_TUESDAY + timedelta(minutes=5)))
    if guarded and (missing := [kill.of for kill in planned if not kill.done]):
        outcome.unfit = f"nothing was killed in {', '.join(missing)}"


# --- worker and beat --------------------------------------------------------------------------------------


def worker(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """A process of the pool dies in a sweep, another in a drain, and the whole worker over a statement."""
    wanted = done_day(ground)
    sweep, drain, bank = tasks.sweep.name, letters.drain.name, tasks.bank.name
    with ground.fresh("day"):
        planned = kills(ground, (sweep, 4, "self"), (drain, 4, "self"), (bank, 9, "all"))
        programs = Programs(ground, FAULTS_KILL=as_text(planned), **({} if guarded else ONCE))
        programs.run("worker", partial(ground.stack.worker, processes=2))
        programs.run("beat", ground.stack.beat)
        programs.all_done(wanted, guarded=guarded)
        counted(ground, wanted, outcome, planned, guarded=guarded)
        outcome.times = sum(kill.done for kill in planned)


def beat(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """It dies when it has asked for two of its tasks, and asks as seldom as in production."""
    wanted = done_day(ground)
    with ground.fresh("day"):
        planned = kills(ground, ("beat", 3, "self"))
        off = {} if guarded else {"FAULTS_OFF": "beat-catches-up"}
        programs = Programs(ground, FAULTS_KILL=as_text(planned), **off)
        del programs.env["FAULTS_EVERY"]
        programs.run("worker", partial(ground.stack.worker, processes=2))
        programs.run("beat", ground.stack.beat)
        programs.all_done(wanted, guarded=guarded)
        counted(ground, wanted, outcome, planned, guarded=guarded)


def two_beats(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Two beats and two workers of two processes each: four sweepers."""
    wanted = done_day(ground)
    with ground.fresh("day"):
        if not guarded:
            ground.sql("ALTER TABLE transfers_alarm DROP CONSTRAINT alarm_once")
        programs = Programs(ground, **({} if guarded else {"FAULTS_OFF": "claims"}))
        for name in ("one", "two"):
            programs.run(f"worker-{name}", partial(ground.stack.worker, f"worker-{name}", processes=2))
        if not until(lambda: waiting_workers() >= 2, patience=PATIENCE):
            raise Unfit("the workers do not start")
        for name in ("one", "two"):
            programs.run(f"beat-{name}", partial(ground.stack.beat, f"beat-{name}"))
        programs.all_done(wanted, guarded=guarded)
        counted(ground, wanted, outcome, [], guarded=guarded)


def waiting_workers() -> int:
    """How many workers listen to the broker."""
    clients = broker().client_list()
    return sum(1 for client in clients if client["cmd"].lower().startswith("brpop"))


def database_away(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """The server dies under a worker that matches bank lines, and is back some seconds later."""
    wanted = done_day(ground)
    with ground.fresh("day", lasting=True):
        planned = kills(ground, (tasks.bank.name, 9, str(ground.stack.postmaster)))
        programs = Programs(ground, FAULTS_KILL=as_text(planned), **({} if guarded else ONCE))
        programs.run("worker", partial(ground.stack.worker, processes=2))
        programs.run("beat", ground.stack.beat)
        if not until(lambda: planned[0].done, patience=PATIENCE):
            raise Unfit("the database server was not killed")
        time.sleep(2)
        ground.stack.database_again()
        programs.all_done(wanted, guarded=guarded)
        counted(ground, wanted, outcome, planned, guarded=guarded)


# --- web --------------------------------------------------------------------------------------------------

PATH = "/api/v1/applications"


def a_partner(_world: World) -> str:
    person(1)
    partner = Partner(name="测试平台", scopes=list(Partner.SCOPES))
    key = partner.new_key()
    partner.save()
    return key


def web(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """It dies while it takes an application in; the platform, which got no answer, sends it again under its key."""
    key = ground.template("partner", a_partner)
    count = request_points(ground, key)
    for point in chosen(count, 3) if guarded else [count]:
        with ground.fresh("partner"):
            planned = kills(ground, (PATH, point, "all"))
            number = filed(Programs(ground, FAULTS_KILL=as_text(planned)), key, same=guarded)
            if not planned[0].done:
                raise Unfit(f"web was not killed at point {point}")
            cases = question(ground.here, "SELECT count(*) FROM transfers_transfercase")
            right = question(
                ground.here,
                "SELECT count(*) FROM transfers_transfercase c WHERE number = %s AND state = 'ACCEPTED' AND (SELECT"
                " count(*) FROM transfers_caseevent e WHERE e.case_id = c.id AND e.name = 'accept') = 1",
                number,
            )
            outcome.add(Count(1 - right, cases - 1), ground.verify(at=NEXT_TUESDAY + timedelta(minutes=1)))
    outcome.note = f"killed at the first, a middle and the last of {count} points" if guarded else ""


def request_points(ground: Ground, key: str) -> int:
    """How many points the request has, undisturbed."""

    def counted() -> int:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one-application", "Host": "localhost"}
        with at_point(0, die) as counter:
            answer = Client().post(PATH, application(1), content_type="application/json", headers=headers)
        return counter.seen if answer.status_code == 201 else 0

    with ground.fresh("partner"):
        ended = ground.process(counted, at=NEXT_TUESDAY)
    if not ended.answer:
        raise Unfit(f"an application cannot be filed: {ended.error}")
    return int(ended.answer)


def filed(programs: Programs, key: str, *, same: bool) -> str:
    """Send the application until there is an answer, under the `same` key or each time another; the case's number."""
    port = free_port()
    programs.run("web", partial(programs.stack.web, port))
    deadline, number, tries = time.monotonic() + PATIENCE, "", 0
    while not number and time.monotonic() < deadline:
        programs.tend()
        if listens(port):
            tries += 1
            number = file(port, key, "one-application" if same else f"try-{tries}")
        time.sleep(0.1)
    programs.stack.quiet()
    return number


def file(port: int, key: str, idempotency: str) -> str:
    """File an application; the number of its case, or nothing when no answer came."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{PATH}",
        json.dumps(application(1)).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}", "Idempotency-Key": idempotency},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=20) as answer:
            return str(json.load(answer)["number"])
    except urllib.error.HTTPError as error:
        raise Unfit(f"web answered {error.code}: {error.read(300)!r}") from error
    except OSError:
        return ""


# --- the broker -------------------------------------------------------------------------------------------


def broker() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def emptied(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Everything that waited in it is gone before a worker saw it, and is emptied again while they work."""
    wanted = done_day(ground)
    with ground.fresh("day"):
        for task in (tasks.sweep, tasks.bank, letters.drain):
            task.apply_async(retry=False)
        client = broker()
        if not client.llen("celery"):
            raise Unfit("no message waited in the broker")
        client.flushall()
        programs = Programs(ground)
        programs.run("worker", partial(ground.stack.worker, processes=2))
        if guarded:
            programs.run("beat", ground.stack.beat)
        for _second in range(8):
            time.sleep(1)
            client.flushall()
        programs.all_done(wanted, guarded=guarded)
        counted(ground, wanted, outcome, [], guarded=guarded)
        outcome.times = 9


def new_case() -> None:
    """Somebody applies at a window; the letter that follows asks for a drain soon."""
    from accounts.models import User

    with patch.object(waking, "nudge", NUDGE):
        actor = actor_for(User.objects.get(username="in_handler"))
        apply(application(7), actor, channel=Channel.WINDOW_IN)


NUDGE = waking.nudge


def speak_directly() -> Any:
    """The control of the nudge: whoever writes a letter speaks to the broker."""
    return patch.dict(globals(), {"NUDGE": waking.send_task})


def stopped(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Killed while they work, away while somebody applies, and back with nothing in it."""
    ground.template("day", a_full_day)

    def undisturbed() -> None:
        new_case()
        every_message()

    wanted = ground.reference("day", undisturbed, at=NEXT_TUESDAY, called="redis")
    with ground.fresh("day"):
        programs = Programs(ground)
        programs.run("worker", partial(ground.stack.worker, processes=2))
        programs.run("beat", ground.stack.beat)
        until(lambda: waiting_workers() > 0)
        ground.stack.redis_gone()
        applied = ground.process(new_case, at=NEXT_TUESDAY, under=None if guarded else speak_directly())
        ground.stack.redis_again()
        programs.all_done(wanted, guarded=guarded)
        counted(ground, wanted, outcome, [], guarded=guarded)
        if applied.error:
            outcome.lost += 1
            outcome.examples.append(f"the person at the window was told {applied.error}")


FAULTS = [
    Fault(
        "worker",
        "worker: a process of its pool killed in a sweep, another in a drain; all of it over a bank statement",
        WORK,
        ASKS,
        "beat asks again, whatever became of the message",
        worker,
    ),
    Fault(
        "beat",
        "beat, killed when it has asked for two of its tasks",
        WORK,
        "the restart policy starts it again; its first tick asks for everything",
        "all is due at beat's first tick",
        beat,
    ),
    Fault(
        "two-beats",
        "nothing: two beats and four sweepers",
        WORK,
        "nothing needs to",
        "SKIP LOCKED, a look at what has rung, and the unique key of an alarm (alarm_once)",
        two_beats,
    ),
    Fault(
        "web",
        "web, killed while it takes an application in",
        "a platform files an application",
        "the restart policy starts it again; the platform sends the same again under its key",
        "the idempotency key (idempotency_once)",
        web,
    ),
    Fault(
        "database-away",
        "the database server, killed under the programs and away for some seconds",
        WORK,
        "the restart policy starts it again; workers connect anew, beat asks again",
        "beat asks again, whatever became of the message",
        database_away,
    ),
    Fault(
        "redis-emptied",
        "Redis, emptied (FLUSHALL) before they work and eight times meanwhile",
        WORK,
        "beat asks again, which asked every 2 s here",
        "rows say what is due, and beat asks again",
        emptied,
    ),
    Fault(
        "redis-stopped",
        "Redis, killed, and back with nothing in it",
        WORK + "; somebody applies meanwhile",
        "the restart policy starts it again; worker and beat connect anew",
        "whoever writes a letter never speaks to the broker: a thread of its own does",
        stopped,
    ),
]
