"""W7: applications from a file, taken in, checked, filed and decided.

Each round has a file of its own with people of its own: of a hundred lines one is wrong and one names somebody a second
time. The limit and the peers write the rows of that many cases and check nothing; ours reads the file, checks every
line, asks the registries of both areas about everybody, and takes each case through the door twice, in two processes
as two workers do it. Then the file comes a second time.
"""

from __future__ import annotations

import csv
import io
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction

from accounts.crypto import seal_value
from accounts.models import User
from bench.crew import Crew
from bench.dataset import AREAS, Dataset, identity_number
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from bench.models import LIMIT, PLAIN
from notifications.models import Letter
from transfers.access import Actor, actor_for
from transfers.actions.applications import confirm, counts, file_lines, look_at
from transfers.actions.intake import person_hashes
from transfers.models import (
    Agency,
    ApplicationFile,
    CaseEvent,
    Clock,
    ContributionPeriod,
    Enrolment,
    Person,
    PersonalAccount,
    TransferCase,
)
from transfers.models.guards import stored, write_new
from transfers.rules.bulk import COLUMNS
from transfers.rules.casemonth import month_on
from transfers.sla.calendars import edition_for

HANDS = 2
FOUR: tuple[type[models.Model], ...] = (TransferCase, CaseEvent, Clock, Letter)
"""One row in each of these is what the limit and the peers write of a case."""
WRONG, TWICE = 50, 51
"""Which of a hundred lines are wrong, and somebody's second."""


@dataclass(frozen=True, slots=True)
class _World:
    """Who files where, and when; `persons` are the keys of the people, in the order of their serials from `first`."""

    actor: Actor
    inbound: Agency
    outbound: Sequence[Agency]
    now: datetime
    first: int
    persons: Sequence[int]

    def name(self, at: int) -> str:
        return "测试" + "甲乙丙丁戊己庚辛"[at % 8]

    def file(self, begin: int, lines: int) -> bytes:
        """The file of the people from `begin`, counted from 0."""
        text = io.StringIO()
        writer = csv.writer(text)
        fields = ("name", "identity_number", "phone", "outbound_area", "inbound_area")
        writer.writerow([COLUMNS[field].zh for field in fields])
        for line in range(lines):
            at = begin + (0 if line % 100 == TWICE else line)
            number = identity_number(self.first + at)
            if line % 100 == WRONG:
                number = number[:-1] + ("0" if number[-1] != "0" else "1")
            area = self.outbound[at % len(self.outbound)].area_id
            writer.writerow([self.name(at), number, f"138{at:08d}", area, self.inbound.area_id])
        return text.getvalue().encode()


def right(lines: int) -> int:
    """How many of so many lines are neither wrong nor a second one."""
    return sum(line % 100 not in (WRONG, TWICE) for line in range(lines))


@contextmanager
def benchmark(cases: Dataset | None, size: dict[str, Any]) -> Iterator[Benchmark]:
    """Make the people of all rounds, known to the registries of both areas."""
    assert cases is not None
    lines, few, rounds = size["lines"], size["lines_of_slow_peer"], size["rounds"] + 1
    world = _people(cases, rounds * lines)
    numbers = iter(range(10**9))

    def rows(count: int) -> list[dict[type[models.Model], models.Model]]:
        return [_four(world, next(numbers)) for _ in range(count)]

    def limit(_number: int) -> Sample:
        made = rows(lines)
        prepared = []
        for model in FOUR:
            fields = [field for field in LIMIT[model]._meta.concrete_fields if not field.primary_key]
            prepared.append((LIMIT[model], fields, [stored(one[model], fields) for one in made]))
        keys = range(_next_key(LIMIT[TransferCase]), 10**9)
        began = time.perf_counter()
        with transaction.atomic():
            for model, fields, values in prepared:
                names = [field.attname for field in fields]
                if "case_id" in names:
                    at = names.index("case_id")
                    for key, row in zip(keys, values, strict=False):
                        row[at] = key
                write_new(model, names, values)
        return Sample(lines / (time.perf_counter() - began))

    def bulk_create(_number: int) -> Sample:
        began = time.perf_counter()
        with transaction.atomic():
            made = [_four(world, next(numbers), PLAIN) for _ in range(lines)]
            rows_of = [one[TransferCase] for one in made]
            filed = PLAIN[TransferCase]._default_manager.bulk_create(rows_of, batch_size=500)
            for model in FOUR[1:]:
                for one, case in zip(made, filed, strict=True):
                    if model is not Letter:
                        one[model].case_id = case.pk  # type: ignore[attr-defined]
                PLAIN[model]._default_manager.bulk_create((one[model] for one in made), batch_size=500)
        return Sample(lines / (time.perf_counter() - began))

    def one_by_one(_number: int) -> Sample:
        began = time.perf_counter()
        for _ in range(few):
            with transaction.atomic():
                one = _four(world, next(numbers), PLAIN)
                one[TransferCase].save()
                for model in FOUR[1:]:
                    if model is not Letter:
                        one[model].case_id = one[TransferCase].pk  # type: ignore[attr-defined]
                    one[model].save()
        return Sample(few / (time.perf_counter() - began))

    with Crew(HANDS) as crew:

        def ours(number: int) -> Sample:
            data = world.file(number * lines, lines)
            began = time.perf_counter()
            file = look_at(world.actor, data, now=world.now)
            checked = time.perf_counter()
            confirm(world.actor, file.pk, now=world.now)
            filed = sum(crew.run(_hand, [(file.pk, world.now)] * HANDS))
            done = time.perf_counter()
            found = counts(file.pk)
            if filed != right(lines) or found.states != {"ACCEPTED": filed}:
                raise Unfit(f"filed {filed} of {right(lines)}: {dict(found.outcomes)} {dict(found.states)}")
            again = confirm(world.actor, look_at(world.actor, data, now=world.now).pk, now=world.now)
            if again.pk != file.pk or file_lines(again.pk, now=world.now):
                raise Unfit("the file a second time was not left alone")
            more = {"check_s": checked - began, "file_s": done - checked, "s_of_100000": (done - began) * 1e5 / lines}
            return Sample(lines / (done - began), more)

        yield Benchmark(
            name="W7",
            title=f"Applications from a file of {lines:,} lines, 1 % wrong, 1 % twice",
            unit="lines/s",
            better="more",
            contenders=[
                Contender("copy", "limit", "four plain COPYs: case, event, clock, letter", limit),
                Contender("bulk_create", "peer", "4 × bulk_create in one transaction", bulk_create),
                Contender("save", "peer", "a transaction a case, 4 × save()", one_by_one),
                Contender("jiexu", "ours", "look_at, confirm, file_lines in two processes", ours),
            ],
            sizes={"lines a round": lines, "lines of the slow peer": few, "processes of ours": HANDS},
            targets=[
                Target("first", "0.8 of four plain COPYs", against="copy", at_least=0.8),
                Target("far", "1.2 of four plain COPYs", against="copy", at_least=1.2),
            ],
            notes=[
                "The limit and the peers check nothing, ask no registry, and leave one event and one letter a case; "
                "ours leaves two events, checks every line and asks both areas about everybody.",
            ],
            checks=lambda: _checks(lines, rounds),
        )


def _hand(file: int, now: datetime) -> Callable[[], int]:
    return lambda: file_lines(file, now=now)


def _people(cases: Dataset, count: int) -> _World:
    """So many people without a case, suspended in one area and active in the other."""
    agencies = list(
        Agency.objects.filter(valid_to__isnull=True, area__pooling=True).select_related("area").order_by("area_id")
    )[:AREAS]
    handler = User.objects.get(username=f"handler.{agencies[0].area_id}")
    first = cases.cases + 1
    with transaction.atomic():
        columns: tuple[str, ...] = ("identity_type", "identity_number", "identity_hash", "tail_hash", "name", "sex")
        write_new(Person, columns, (_person(first + at, at) for at in range(count)))
        people = list(Person.objects.order_by("-pk").values_list("pk", flat=True)[:count])[::-1]
        world = _World(actor_for(handler), agencies[0], agencies[1:], cases.accepted_at, first, people)
        columns = (
            *("person_id", "area_id", "scheme", "status", "name", "retired", "account_kind", "arrears"),
            *("open_claims", "valid_from", "person_number", "survival"),
        )
        write_new(Enrolment, columns, _enrolments(world))
        columns = (
            "person_id",
            "area_id",
            "scheme",
            "first_month",
            "last_month",
            "kind",
            "reversed",
            "collection",
            "ground",
        )
        this = cases.accepted_at.year * 12
        write_new(
            ContributionPeriod,
            columns,
            (
                (pk, _from(world, at), "310", this - 60, this - 1, "actual", False, "10", "")
                for at, pk in enumerate(people)
            ),
        )
        write_new(
            PersonalAccount,
            ("person_id", "area_id", "balance_fen", "status"),
            ((pk, _from(world, at), 345_678, "normal") for at, pk in enumerate(people)),
        )
    with connection.cursor() as cursor:
        # The numbers of the cases that are there were made without drawing them.
        cursor.execute("SELECT setval('transfers_case_number_seq', %s)", [cases.cases + 1])
        cursor.execute("VACUUM ANALYZE")
    return world


def _person(serial: int, at: int) -> tuple[Any, ...]:
    number = identity_number(serial)
    sealed = seal_value(number, context="person.identity_number")
    return ("01", sealed, *person_hashes("01", number), "测试" + "甲乙丙丁戊己庚辛"[at % 8], "")


def _from(world: _World, at: int) -> str:
    return world.outbound[at % len(world.outbound)].area_id


def _enrolments(world: _World) -> Iterator[tuple[Any, ...]]:
    begun = date(world.now.year - 5, 1, 1)
    for at, pk in enumerate(world.persons):
        for area, status in ((_from(world, at), "2"), (world.inbound.area_id, "1")):
            yield (pk, area, "310", status, world.name(at), False, "1", False, False, begun, "", "1")


def _four(
    world: _World, number: int, twins: dict[type[models.Model], type[models.Model]] = LIMIT
) -> dict[type[models.Model], models.Model]:
    """The rows of one case in the twins' tables, as a project without a door would put them together."""
    now, out, into = world.now, world.outbound[number % len(world.outbound)], world.inbound
    name = world.name(number)
    due = now + timedelta(days=14)
    return {
        TransferCase: twins[TransferCase](
            number=f"W7{number:012d}", state="ACCEPTED", version=2,
            person_id=world.persons[number % len(world.persons)],
            name=name, phone=b"13800000000", outbound_area_id=out.area_id, inbound_area_id=into.area_id,
            outbound_agency_id=out.pk, inbound_agency_id=into.pk, outbound_scheme="310", inbound_scheme="310",
            applicant="self", channel="window_in", applied_at=now, state_since=now, due_at=due, holder_id=out.pk,
        ),
        CaseEvent: twins[CaseEvent](
            version=2, at=now, name="accept", actor_kind="system", side="system", from_state="SUBMITTED",
            to_state="ACCEPTED",
        ),
        Clock: twins[Clock](
            kind="OUT", side="out", area_id=out.area_id, agency_id=out.pk, calendar_id=edition_for(out.area_id),
            budget=10, started_at=now, counted_until=now.date(), due_on=due.date(), due_at=due,
            plan=[{"code": "T-2", "at": due.isoformat()}], next_at=due,
        ),
        Letter: twins[Letter](
            month=month_on(now.date()), key=uuid.uuid4(), created_at=now, channel="sms", template="accepted",
            language="zh-hans", address=b"13800000000", context={"number": f"W7{number:012d}", "name": name},
            status="pending", due_at=now, next_attempt_at=now,
        ),
    }  # fmt: skip


def _next_key(model: Any) -> int:
    """The key that the next row will get; nobody else writes into the twins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id'))",
            [model._meta.db_table],
        )
        return int(cursor.fetchone()[0]) + 1


def _checks(lines: int, rounds: int) -> list[Check]:
    """What all the files together have become."""
    files = list(ApplicationFile.objects.order_by("pk"))
    wrong = twice = 0
    for file in files:
        for line in file.lines.exclude(outcome="filed").values_list("row", "outcome"):
            place = (line[0] - 2) % 100
            wrong += line[1] == "wrong" and place == WRONG
            twice += line[1] == "twice" and place == TWICE
    expected = rounds * right(lines)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT l.case_id), count(DISTINCT c.person_id), sum((c.state = 'ACCEPTED')::int),"
            " sum((SELECT count(*) FROM transfers_caseevent e WHERE e.case_id = c.id"
            " AND e.name IN ('submit', 'accept'))),"
            " sum((SELECT count(*) FROM transfers_clock k WHERE k.case_id = c.id AND k.status = 'running')),"
            " sum(n.sent) FROM transfers_applicationline l JOIN transfers_transfercase c ON c.id = l.case_id"
            " LEFT JOIN (SELECT subject_ref, count(*) AS sent FROM notifications_letter WHERE channel = 'sms'"
            " GROUP BY subject_ref) n ON n.subject_ref = c.number"
        )
        found = [int(value or 0) for value in cursor.fetchone()]
    return [
        Check("a case for every good line, with its person", found[:4] == [expected] * 4, str(found[:4]), "jiexu"),
        Check(
            "two events, a clock and a message each", found[4:] == [2 * expected, expected, expected], str(found[4:]),
            "jiexu",
        ),
        Check(
            "every other line told as wrong or as somebody's second",
            wrong == twice == sum(line % 100 == WRONG for line in range(lines)) * rounds,
            f"{wrong} wrong, {twice} twice",
            "jiexu",
        ),
    ]  # fmt: skip
