"""W1, one move: a handler claims an accepted case. Guard or lock, state, version, event, durable commit.

Four clients (processes with a connection each) claim different cases at the same time. W1B: fifty cases in one
transaction, beside the same single moves.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from bench.crew import Crew, Tally, together, until
from bench.dataset import Dataset
from bench.fsm_log import start_logging, stop_logging
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from bench.models import LimitCase, LimitEvent, PlainCase, PlainEvent
from transfers.access import Actor, ActorKind, actor_for
from transfers.actions import perform, perform_many
from transfers.models import CaseEvent, TransferCase
from transfers.rules.errors import Refusal
from transfers.rules.parties import Role

CLIENTS, AT_ONCE = 4, 50
Job = Callable[[], Tally]

_CLAIM = """
CREATE OR REPLACE FUNCTION {name}(
    p_case bigint, p_version int, p_user bigint, p_name text, p_agency bigint, p_at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {case} SET state = 'OUT_PROCESSING', version = version + 1, state_since = p_at, owner_id = p_user
        WHERE id = p_case AND version = p_version AND state = 'ACCEPTED';
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO {event} (case_id, version, at, kind, name, actor_kind, actor_id, actor_name, side, agency_id,
            from_state, to_state, from_money, to_money, reason, note, clocks, data)
        VALUES (p_case, p_version + 1, p_at, 'move', 'claim_out', 'staff', p_user, p_name, 'out', p_agency,
            'ACCEPTED', 'OUT_PROCESSING', '', '', '', '', '[]', '{{}}');
    RETURN true;
END $$
"""


@contextlib.contextmanager
def benchmark(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark, with its clients running."""
    seconds, cap = size["seconds"], size["cases_a_round"]
    _functions()
    # Each contender takes fresh cases each round: those of its table from `base` on.
    rounds = size["rounds"] + 1

    with Crew(CLIENTS) as crew:

        def contender(name: str, role: Any, title: str, job: Callable[..., Job], base: int) -> Contender:
            def measure(number: int) -> Sample:
                first = base + number * cap
                cases = random.Random(number).sample(range(first, first + cap), cap)
                shares = [(cases[client::CLIENTS], seconds) for client in range(CLIENTS)]
                return together(crew.run(job, shares))

            return Contender(name, role, title, measure)

        yield Benchmark(
            name="W1",
            title="one move: claim an accepted case",
            unit="moves/s",
            better="more",
            contenders=[
                contender("limit", "limit", "one SQL function, raw psycopg, one call", raw, 1),
                contender("plain", "peer", "django-fsm, select_for_update, save()", plain, 1),
                contender("fsm-log", "peer", "the same with django-fsm-log", logged, 1 + rounds * cap),
                contender("ours", "ours", "actions.perform", ours, 1),
                contender(
                    "guarded",
                    "beside",
                    "the limit's function on our table with its triggers",
                    guarded,
                    1 + rounds * cap,
                ),
            ],
            sizes={
                "cases": dataset.cases,
                "clients": CLIENTS,
                "seconds a round, at most": seconds,
                "moves a round, at most": cap,
            },
            targets=[
                Target("first", "at least 3 times django-fsm + save()", against="plain", at_least=3),
                Target("far", "at least 0.95 of one raw psycopg call", against="limit", at_least=0.95),
            ],
            notes=[
                "The clients are processes. The actor is known beforehand for every contender.",
                "viewflow is AGPL and not measured.",
            ],
            checks=lambda: _checks(2 * rounds * cap),
        )


@contextlib.contextmanager
def bulk(dataset: Dataset, size: dict[str, Any]) -> Iterator[Benchmark]:
    """Fifty at a time. The cases are those that nobody has claimed yet and that no sweep is measured with."""
    seconds, cap, rounds = size["seconds"], size["cases_a_round"], size["rounds"] + 1
    _functions()
    with Crew(CLIENTS) as crew:

        def contender(name: str, role: Any, title: str, job: Callable[..., Job], table: Any) -> Contender:
            waiting = table._base_manager.filter(state="ACCEPTED", version=2, pk__lt=dataset.groups[0].first).order_by(
                "pk"
            )
            free = list(waiting.order_by("pk").values_list("pk", flat=True)[: rounds * cap])

            def measure(number: int) -> Sample:
                cases = free[number * cap : (number + 1) * cap]
                return together(crew.run(job, [(cases[client::CLIENTS], seconds) for client in range(CLIENTS)]))

            return Contender(name, role, title, measure)

        yield Benchmark(
            name="W1B",
            title="a bulk move: claim fifty accepted cases",
            unit="moves/s",
            better="more",
            contenders=[
                contender("limit", "limit", "one SQL function a move, raw psycopg", raw, LimitCase),
                contender("plain", "peer", "django-fsm, save(), fifty in a transaction", plain_loop, PlainCase),
                contender("ours", "ours", "actions.perform_many", ours_at_once, TransferCase),
            ],
            sizes={
                "cases": dataset.cases,
                "clients": CLIENTS,
                "in one transaction": AT_ONCE,
                "seconds a round, at most": seconds,
                "moves a round, at most": cap,
            },
            targets=[
                Target("first", "at least the limit of single moves", against="limit", at_least=1),
                Target("far", "at least 4.5 times that limit", against="limit", at_least=4.5),
            ],
            notes=["The clients are processes. The actor is known beforehand for every contender."],
            checks=lambda: _checks(dataset.cases),
        )


def _functions() -> None:
    with connection.cursor() as cursor:
        for name, case, event in (
            ("bench_claim", LimitCase, LimitEvent),
            ("bench_claim_guarded", TransferCase, CaseEvent),
        ):
            cursor.execute(_CLAIM.format(name=name, case=case._meta.db_table, event=event._meta.db_table))


def _agencies(ids: list[int], table: str) -> dict[int, tuple[int, int, str]]:
    """Case -> the agency that acts, its handler and the handler's name."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id, c.outbound_agency_id, u.id, u.display_name FROM {table} c "
            "JOIN transfers_membership m ON m.agency_id = c.outbound_agency_id AND m.role = 'out_handler' "
            "JOIN accounts_user u ON u.id = m.user_id WHERE c.id = ANY(%s)",
            [ids],
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}


def raw(ids: list[int], seconds: float) -> Job:
    """The limit: what must be written, and nothing else."""
    return _by_function("bench_claim", LimitCase, ids, seconds)


def guarded(ids: list[int], seconds: float) -> Job:
    """The same on the table that the triggers guard."""
    return _by_function("bench_claim_guarded", TransferCase, ids, seconds)


def _by_function(name: str, model: Any, ids: list[int], seconds: float) -> Job:
    known = _agencies(ids, model._meta.db_table)
    connection.ensure_connection()
    conn: psycopg.Connection[Any] = connection.connection
    call = f"SELECT {name}(%s, %s, %s, %s, %s, %s)"

    def claim(case_id: int) -> None:
        agency, user, said = known[case_id]
        row = conn.execute(call, (case_id, 2, user, said, agency, timezone.now()), prepare=True).fetchone()
        if row is None or row[0] is not True:
            raise Unfit(f"case {case_id} was not claimed")

    return lambda: until(seconds, ids, claim)


def plain(ids: list[int], seconds: float) -> Job:
    """What django-fsm's documentation leads to: lock, transition method, save(), an event."""
    known = _agencies(ids, PlainCase._meta.db_table)
    connection.ensure_connection()

    def claim(case_id: int) -> None:
        with transaction.atomic():
            _claim_plain(case_id, known)

    return lambda: until(seconds, ids, claim)


def plain_loop(ids: list[int], seconds: float) -> Job:
    """The same in a loop, fifty in one transaction."""
    known = _agencies(ids, PlainCase._meta.db_table)
    connection.ensure_connection()

    def claim(cases: Sequence[int]) -> None:
        with transaction.atomic():
            for case_id in cases:
                _claim_plain(case_id, known)

    return lambda: _each(until(seconds, _lots(ids), claim))


def _claim_plain(case_id: int, known: dict[int, tuple[int, int, str]]) -> None:
    agency, user, said = known[case_id]
    case = PlainCase.objects.select_for_update().get(pk=case_id)
    source, now = case.state, timezone.now()
    case.claim(user)
    case.state_since = now
    case.save()
    PlainEvent(
        case=case, version=case.version, at=now, name="claim_out", actor_kind="staff", actor_id=user,
        actor_name=said, side="out", agency_id=agency, from_state=source, to_state=case.state,
    ).save()  # fmt: skip


def _lots(ids: list[int]) -> list[list[int]]:
    """Full lots only: a tally counts each as fifty."""
    return [ids[at : at + AT_ONCE] for at in range(0, len(ids) - AT_ONCE + 1, AT_ONCE)]


def _each(tally: Tally) -> Tally:
    """The tally of lots as one of moves; the latencies stay those of a lot."""
    return replace(tally, done=tally.done * AT_ONCE)


def logged(ids: list[int], seconds: float) -> Job:
    """django-fsm-log keeps the history: its StateLog row takes the place of the event."""
    connection.ensure_connection()
    users = {
        case_id: User(pk=user, display_name=said)
        for case_id, (_agency, user, said) in _agencies(ids, PlainCase._meta.db_table).items()
    }

    def claim(case_id: int) -> None:
        with transaction.atomic():
            case = PlainCase.objects.select_for_update().get(pk=case_id)
            case.by = users[case_id]
            case.claim(users[case_id].pk)
            case.state_since = timezone.now()
            case.save()

    def go() -> Tally:
        start_logging()
        try:
            return until(seconds, ids, claim)
        finally:
            stop_logging()

    return go


def ours(ids: list[int], seconds: float) -> Job:
    """The one door."""
    actors = _actors(ids)

    def claim(case_id: int) -> None:
        perform(case_id, "claim_out", actors[case_id], version=2)

    return lambda: until(seconds, ids, claim)


def ours_at_once(ids: list[int], seconds: float) -> Job:
    """The one door for many, by somebody who is a handler everywhere."""
    known = list(_agencies(ids, TransferCase._meta.db_table).values())
    roles = {agency: frozenset({Role.OUT_HANDLER}) for agency, _user, _said in known}
    actor = Actor(ActorKind.STAFF, name=known[0][2], user_id=known[0][1], roles=roles)

    def claim(cases: Sequence[int]) -> None:
        answers = perform_many([(case_id, 2, {}) for case_id in cases], "claim_out", actor)
        if refused := [answer for answer in answers if isinstance(answer, Refusal)]:
            raise Unfit(f"{len(refused)} cases were not claimed: {refused[0].code}")

    return lambda: _each(until(seconds, _lots(ids), claim))


def _actors(ids: list[int]) -> dict[int, Actor]:
    """Case -> the actor that claims it."""
    known = _agencies(ids, TransferCase._meta.db_table)
    users = User.objects.in_bulk({user for _agency, user, _said in known.values()})
    actors = {pk: actor_for(user) for pk, user in users.items()}
    return {case_id: actors[user] for case_id, (_agency, user, _said) in known.items()}


def _checks(last: int) -> list[Check]:
    """Every case that moved has exactly its event, and nothing else moved."""
    found = []
    for of, case, event in (("limit", LimitCase, LimitEvent), ("ours", TransferCase, CaseEvent)):
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FILTER (WHERE c.version = 3), count(*) FILTER (WHERE c.version = 3 AND e.n = 1), "
                f"count(*) FILTER (WHERE c.version = 2 AND e.n IS NULL), count(*) FROM {case._meta.db_table} c "
                f"LEFT JOIN (SELECT case_id, version, count(*) n FROM {event._meta.db_table} GROUP BY 1, 2) e "
                "ON e.case_id = c.id AND e.version = 3 WHERE c.id <= %s",
                [last],
            )
            moved, told, rest, total = cursor.fetchone()
        found.append(
            Check(
                "every case that moved has exactly one event",
                moved > 0 and moved == told and told + rest == total,
                f"{moved} moved, {told} with one event, {rest} untouched of {total}",
                of,
            )
        )
    return found
