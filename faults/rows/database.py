"""The database: a session killed, the whole server killed, and no room left on its disk."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial

from django.db import DatabaseError, InterfaceError, connection

from accounts.models import User
from faults.counting import Count, question
from faults.courses import COURSES, Course
from faults.ground import Ground, Unfit
from faults.points import chosen, torn
from faults.rows.killed import ONE_TRANSACTION, dying, points_of, taken_up
from faults.stack import until
from faults.table import Fault, Outcome
from tests.world import MONDAY, World
from transfers.access import actor_for
from transfers.actions import perform

MOVES = 8
ROOM = "faults.room"


def kill_session() -> None:
    """SIGKILL for the server process that works for us: its postmaster ends all others and recovers."""
    connection.ensure_connection()
    os.kill(connection.connection.info.backend_pid, signal.SIGKILL)


def session(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """At a middle point of each course, and at the last."""
    for course in COURSES.values():
        wanted, facts = course.reference(ground), ground.template(course.name, course.seed)
        count = points_of(ground, course, under=None if guarded else torn())
        for point in chosen(count, 3)[1:]:
            with ground.fresh(course.name, lasting=True):
                before = ground.stack.recoveries()
                work = partial(dying, course, facts, point, kill_session)
                ended = ground.process(work, at=course.at, under=None if guarded else torn())
                if ended.killed:
                    raise Unfit(f"{course.name}: the wrong process was killed")
                if not until(partial(ground.stack.recovered_since, before)):
                    raise Unfit("the database server did not recover")
                taken_up(ground, course, wanted, outcome)
            if not guarded and outcome.found:
                return


# --- the whole server ---------------------------------------------------------------------------------


def accepted(world: World) -> list[tuple[int, int, int]]:
    """Cases that wait to be claimed."""
    who = world.out_handler.pk
    return [(case.pk, case.version, who) for case in (world.accepted(n) for n in range(1, MOVES + 1))]


def claim_each(steps: list[tuple[int, int, int]], told: int, kill: Callable[[int], None]) -> None:
    """Claim one case after another; each that was answered is told at once, and `kill` hears how many that were."""
    for number, (case, version, who) in enumerate(steps, 1):
        perform(case, "claim_out", actor_for(User.objects.get(pk=who)), version=version)
        os.write(told, f"{case}\n".encode())
        kill(number)


def server(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Killed right after an answer was given: what was answered is there when the server is back."""
    steps = ground.template("claims", accepted)
    for after in (1, MOVES // 2, MOVES):
        with ground.fresh("claims", lasting=True):
            if not guarded:
                name = connection.settings_dict["NAME"]
                ground.sql(
                    f'ALTER ROLE jiexu IN DATABASE "{name}" SET synchronous_commit = off',
                    "ALTER SYSTEM SET wal_writer_delay = '10s'",
                    "SELECT pg_reload_conf()",
                )
            taken, told = os.pipe()

            def kill(number: int, after: int = after) -> None:
                if number == after:
                    os.kill(ground.stack.postmaster, signal.SIGKILL)
                    for pid in ground.stack.sessions():
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)

            ended = ground.process(partial(claim_each, steps, told, kill), at=MONDAY + timedelta(hours=1))
            os.close(told)
            with os.fdopen(taken) as pipe:
                answered = [int(line) for line in pipe]
            if after < MOVES and not ended.error:
                raise Unfit("the database server was not killed")
            ground.stack.database_again()
            ground.sql("ALTER SYSTEM RESET wal_writer_delay", "SELECT pg_reload_conf()")
            there = question(
                ground.here,
                "SELECT count(*) FROM transfers_transfercase c WHERE c.id = ANY(%s) AND c.state = 'OUT_PROCESSING'"
                " AND (SELECT count(*) FROM transfers_caseevent e WHERE e.case_id = c.id AND e.name = 'claim_out') = 1",
                answered,
            )
            twice = question(
                ground.here,
                "SELECT count(*) FROM (SELECT 1 FROM transfers_caseevent WHERE name = 'claim_out' GROUP BY case_id"
                " HAVING count(*) > 1) d",
            )
            lost = len(answered) - there
            told_of = (f"{lost} of {len(answered)} answered moves are gone",) if lost else ()
            outcome.add(Count(lost, twice, told_of), ground.verify(at=MONDAY + timedelta(hours=1)))
        if not guarded and outcome.found:
            return
    outcome.note = f"killed after 1, {MOVES // 2} and {MOVES} answered moves"


# --- no room ------------------------------------------------------------------------------------------

_FULL = f"""
CREATE SEQUENCE faults_written;
CREATE FUNCTION faults_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('faults_written') >= nullif(current_setting('{ROOM}', true), '')::bigint THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END $$;
DO $$
DECLARE found regclass;
BEGIN
    FOR found IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND (relname LIKE 'transfers\\_%' OR relname LIKE 'notifications\\_%')
    LOOP
        EXECUTE format('CREATE TRIGGER aa_faults_full BEFORE INSERT OR UPDATE ON %s FOR EACH STATEMENT'
            ' EXECUTE FUNCTION faults_full()', found);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER aa_faults_full', found);
    END LOOP;
END $$;
"""


@contextmanager
def room_for(ground: Ground, statements: int | None) -> Iterator[None]:
    """From this statement on that needs room, and until the block ends, the disk of the copy at hand is full."""
    name = connection.settings_dict["NAME"]
    ground.sql(_FULL)
    if statements is not None:
        ground.sql(f"ALTER DATABASE \"{name}\" SET {ROOM} = '{statements}'")
    yield
    ground.sql(f'ALTER DATABASE "{name}" RESET {ROOM}')


def disk(ground: Ground, outcome: Outcome, guarded: bool) -> None:
    """Full from the first, a middle or the last statement of each course on, then freed."""
    for course in COURSES.values():
        wanted, facts = course.reference(ground), ground.template(course.name, course.seed)
        for statement in chosen(_statements(ground, course), 3):
            with ground.fresh(course.name):
                with room_for(ground, statement):
                    ground.process(partial(_tried, course, facts), at=course.at, under=None if guarded else torn())
                taken_up(ground, course, wanted, outcome)
            if not guarded and outcome.found:
                return


def _tried(course: Course, facts: object) -> None:
    """A task that fails is logged, and its process goes on to the next."""
    with suppress(DatabaseError, InterfaceError):
        course.act(facts)


def _statements(ground: Ground, course: Course) -> int:
    """How many of its statements need room."""
    facts = ground.template(course.name, course.seed)
    with ground.fresh(course.name), room_for(ground, None):
        ended = ground.process(partial(course.act, facts), at=course.at)
        if ended.error:
            raise Unfit(f"{course.name}: {ended.error}")
        return question(ground.here, "SELECT last_value FROM faults_written")


FAULTS = [
    Fault(
        "database-session",
        "a session of the database server, killed (SIGKILL): the server ends all sessions and recovers",
        "each of the courses above, in turn",
        "the server by itself; then as above",
        ONE_TRANSACTION,
        session,
    ),
    Fault(
        "database-server",
        "the whole database server, killed (SIGKILL) right after an answer",
        f"{MOVES} people claim cases",
        "the restart policy starts the server again, which recovers from its log",
        "a move is answered when the log has it (synchronous_commit)",
        server,
    ),
    Fault(
        "disk-full",
        "no room for the database (error 53100, raised by triggers from a statement on)",
        "each of the courses above, in turn",
        "somebody makes room; then as above",
        ONE_TRANSACTION,
        disk,
    ),
]
