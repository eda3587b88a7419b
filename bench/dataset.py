"""The cases that are worked on: accepted a moment ago, each with its person, its running clock and its history.

Made in few statements. `session_replication_role = replica` leaves out triggers and foreign keys while they are made,
and only then: what is measured runs with everything that production has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from accounts.crypto import seal_value
from accounts.models import User
from bench.models import LIMIT, PLAIN
from transfers.actions.intake import person_hashes
from transfers.demo.receiving import give_accounts
from transfers.models import Agency, Alarm, CaseEvent, Clock, Membership, Person, TransferCase
from transfers.policies import applying
from transfers.rules import casenumber
from transfers.rules.identity import check_character
from transfers.rules.parties import Role
from transfers.rules.workdays import ZONE, due_instant
from transfers.sla.calendars import calendar_for, edition_for

AREAS = 40
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """Clocks of the cases `first` to `last` that have one rung due at `due_at`, and no other before the limit's end."""

    first: int
    last: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Dataset:
    """Cases have the ids 1 to `cases`, all ACCEPTED in version 2 at `accepted_at`; `groups` are the clocks that come
    due one group after another. The case `i` has the number `numbers[i - 1]`.
    """

    cases: int
    accepted_at: datetime
    numbers: tuple[str, ...]
    groups: tuple[Group, ...]

    def tail(self, case: int) -> str:
        """The last six characters of the identity number."""
        return identity_number(case)[-6:]


def identity_number(serial: int) -> str:
    """A number with a right check digit that belongs to nobody: 1 to 999 of a day, one day after another."""
    birth = date(1960, 1, 1) + timedelta(days=serial // 999)
    body = f"110101{birth:%Y%m%d}{serial % 999 + 1:03d}"
    return f"{body}{check_character(body)}"


def make(*, cases: int, groups: int, due: int) -> Dataset:
    """Fill our tables and their twins. The last `groups` × `due` cases have clocks that come due group by group."""
    today = timezone.localtime(timezone=ZONE)
    calendar = calendar_for("100000")
    day = today.date()
    while not calendar.is_working(day):
        day -= timedelta(days=1)
    accepted_at = datetime(day.year, day.month, day.day, 9, tzinfo=ZONE)
    numbers = tuple(casenumber.number(i, day.year, settings.CASE_NUMBER_KEY) for i in range(1, cases + 1))
    first = cases - groups * due + 1
    made = Dataset(
        cases,
        accepted_at,
        numbers,
        tuple(
            Group(first + k * due, first + (k + 1) * due - 1, accepted_at + timedelta(hours=k + 1))
            for k in range(groups)
        ),
    )
    agencies = _people()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        _rows(cursor, made, agencies)
        _twins(cursor)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return made


def _people() -> list[Agency]:
    """A handler and a team lead with an e-mail address in each of the areas."""
    agencies = list(
        Agency.objects.filter(valid_to__isnull=True, area__pooling=True).select_related("area").order_by("area_id")
    )[:AREAS]
    give_accounts(agencies)
    users = User.objects.bulk_create(
        User(username=f"{what}.{agency.area_id}", display_name=f"{said}{agency.area_id}", is_staff=True, email=email)
        for agency in agencies
        for what, said, email in (
            ("handler", "测试经办", ""),
            ("lead", "测试组长", f"lead.{agency.area_id}@example.com"),
        )
    )
    Membership.objects.bulk_create(
        Membership(user=user, agency=agencies[n // 2], role=role)
        for n, user in enumerate(users)
        for role in ((Role.OUT_HANDLER, Role.IN_HANDLER) if n % 2 == 0 else (Role.SUPERVISOR,))
    )
    return agencies


def _rows(cursor: Any, made: Dataset, agencies: list[Agency]) -> None:
    at, day = made.accepted_at, made.accepted_at.date()
    due_on = calendar_for("100000").add(day, 10)
    due_at = due_instant(due_on, None)
    policy = applying("100000", day).id
    cursor.execute(
        "CREATE TEMP TABLE made (i bigint, number text, identity bytea, found bytea, tail bytea, name text, "
        "phone bytea) ON COMMIT DROP"
    )
    with cursor.copy("COPY made FROM STDIN") as copy:
        for i, number in enumerate(made.numbers, start=1):
            identity = identity_number(i)
            found, tail = person_hashes("01", identity)
            copy.write_row(
                (
                    i,
                    number,
                    seal_value(identity, context="person.identity_number"),
                    found,
                    tail,
                    "测试" + "甲乙丙丁戊己庚辛"[i % 8],
                    seal_value(f"138{i:08d}", context="case.phone"),
                )
            )
    cursor.execute("CREATE TEMP TABLE office (n int, area text, agency bigint, handler bigint) ON COMMIT DROP")
    cursor.executemany(
        "INSERT INTO office SELECT %s, %s, %s, id FROM accounts_user WHERE username = %s",
        [(n, agency.area_id, agency.pk, f"handler.{agency.area_id}") for n, agency in enumerate(agencies)],
    )
    count = len(agencies)
    joined = (
        f"FROM made JOIN office o ON o.n = i %% {count} "
        f"JOIN office p ON p.n = (i + 1 + (i / {count}) %% {count - 1}) %% {count}"
    )
    insert_rows(
        cursor,
        Person,
        {"id": "i", "identity_number": "identity", "identity_hash": "found", "tail_hash": "tail", "name": "name"},
        "FROM made",
    )
    insert_rows(
        cursor,
        TransferCase,
        {
            "id": "i", "number": "number", "state": "'ACCEPTED'", "version": "2", "person_id": "i", "name": "name",
            "phone": "phone", "outbound_area_id": "o.area", "inbound_area_id": "p.area",
            "outbound_agency_id": "o.agency", "inbound_agency_id": "p.agency", "outbound_scheme": "'310'",
            "inbound_scheme": "'310'", "applicant": "'self'", "channel": "'platform'", "acts": "'out'",
            "holder_id": "o.agency", "outbound_policy_id": "%(policy)s", "inbound_policy_id": "%(policy)s",
            "applied_at": "%(at)s", "accepted_at": "%(at)s", "state_since": "%(at)s", "due_at": "%(due_at)s",
        },
        joined,
        {"policy": policy, "at": at, "due_at": due_at},
    )  # fmt: skip
    for version, name, source, target in ((1, "submit", "DRAFT", "SUBMITTED"), (2, "accept", "SUBMITTED", "ACCEPTED")):
        insert_rows(
            cursor,
            CaseEvent,
            {
                "case_id": "i", "version": "%(version)s", "at": "%(at)s", "name": "%(name)s", "actor_kind": "'system'",
                "side": "'system'", "from_state": "%(source)s", "to_state": "%(target)s",
            },
            "FROM made",
            {"version": version, "at": at, "name": name, "source": source, "target": target},
        )  # fmt: skip
    far = json.dumps([{"code": "T+0", "at": due_at.isoformat()}])
    clock = {
        "id": "i", "case_id": "i", "kind": "'OUT'", "side": "'out'", "area_id": "o.area", "agency_id": "o.agency",
        "policy_id": "%(policy)s", "calendar_id": "%(edition)s", "budget": "10", "started_at": "%(at)s",
        "counted_until": "%(day)s", "due_on": "%(due_on)s", "due_at": "%(due_at)s", "plan": "%(plan)s::jsonb",
        "next_at": "%(next_at)s",
    }  # fmt: skip
    # No area among the first has notices of its own: one edition of the calendar serves them all.
    edition = edition_for("100000")
    common = {"policy": policy, "edition": edition, "at": at, "day": day, "due_on": due_on, "due_at": due_at}
    until = made.groups[0].first if made.groups else made.cases + 1
    insert_rows(cursor, Clock, clock, f"{joined} WHERE i < {until}", {**common, "plan": far, "next_at": due_at})
    for group in made.groups:
        plan = json.dumps([{"code": "T-2", "at": group.due_at.isoformat()}, *json.loads(far)])
        insert_rows(
            cursor,
            Clock,
            clock,
            f"{joined} WHERE i BETWEEN {group.first} AND {group.last}",
            {**common, "plan": plan, "next_at": group.due_at},
        )
    for model in (Person, TransferCase, Clock):
        catch_up(cursor, model)


def _twins(cursor: Any) -> None:
    for twins in (LIMIT, PLAIN):
        for original in (TransferCase, CaseEvent, Clock, Alarm):
            columns = ", ".join(f'"{field.column}"' for field in original._meta.local_fields)
            table = twins[original]._meta.db_table
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {original._meta.db_table}")
            catch_up(cursor, twins[original])


def insert_rows(
    cursor: Any,
    model: type[models.Model],
    values: Mapping[str, str],
    source: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """INSERT … SELECT of these columns; the other columns get what Django would write into them."""
    expressions, given = dict(values), dict(more or {})
    for field in model._meta.local_concrete_fields:
        if field.column not in expressions and not field.null and not field.primary_key:
            expressions[field.column] = f"%(default_{field.column})s"
            given[f"default_{field.column}"] = field.get_db_prep_save(field.get_default(), connection)
    columns = ", ".join(f'"{column}"' for column in expressions)
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {', '.join(expressions.values())} {source}", given
    )


def catch_up(cursor: Any, model: type[models.Model]) -> None:
    """Let the next id come after those that were given."""
    table = model._meta.db_table
    cursor.execute(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(1, (SELECT max(id) FROM {table})))"
    )
