"""Who takes part: areas with their finance people, persons with balances, and their cases as accepted.

Persons, accounts and accepted cases are written set-based, with triggers left out only while that is done. From there
on every step of every case goes through the real actions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from random import Random

from django.conf import settings
from django.db import connection, models, transaction

from simulate.offices import LIMITED, Office, a_balance, a_name, agencies, birth_date, identity_number, publish, staffed
from transfers.actions.intake import person_hashes
from transfers.models import (
    CaseEvent,
    Clock,
    ContributionPeriod,
    Enrolment,
    Person,
    PersonalAccount,
    TransferCase,
)
from transfers.places import furnish
from transfers.policies import applying
from transfers.rules import casenumber
from transfers.rules.months import month_from_text
from transfers.rules.parties import Side
from transfers.rules.routes import ClockKind
from transfers.rules.workdays import ZONE
from transfers.sla import clocks

FREEZE = {"from": "12-29", "to": "01-09"}
FROZEN_SHARE = 0.3
ROWS = 5000


@dataclass(slots=True)
class Cast:
    """All of them. `accepted`: day -> the cases accepted on it; `names` and `numbers` by case."""

    offices: list[Office]
    frozen: frozenset[str]
    accepted: dict[date, list[int]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)
    balances: dict[int, int] = field(default_factory=dict)


def assemble(*, areas: int, cases: int, days: Sequence[date], rng: Random) -> Cast:
    """Make everybody; the cases are spread over these days, over all pairs of areas, and over balances."""
    if TransferCase.objects.exists():
        raise ValueError("this database holds cases already")
    chosen = agencies(areas)
    frozen = frozenset(agency.area_id for agency in chosen[: max(1, round(areas * FROZEN_SHARE))])
    # Some areas send nothing around the turn of the year; every other one has limits for the money.
    values = {
        agency.area_id: {
            **({"year_end_freeze": FREEZE} if agency.area_id in frozen else {}),
            **(LIMITED if n % 2 else {}),
        }
        for n, agency in enumerate(chosen)
    }
    publish(chosen, values, since=date(2025, 12, 1))
    offices = list(staffed(chosen, shared=False))
    cast = Cast(offices, frozen)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        _cases(cast, cases, days, rng)
    with connection.cursor() as cursor:
        for model in (Person, TransferCase):
            table = model._meta.db_table
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    return cast


def _cases(cast: Cast, count: int, days: Sequence[date], rng: Random) -> None:
    people, enrolments, periods, accounts, cases, events = [], [], [], [], [], []
    since = date(2020, 1, 1)
    for i in range(1, count + 1):
        out, into = rng.sample(cast.offices, 2)
        day = days[i * len(days) // (count + 1)]
        at = datetime.combine(day, time(9), tzinfo=ZONE)
        identity, name, balance = identity_number(i), a_name(rng), a_balance(rng)
        found, tail = person_hashes("01", identity)
        number = casenumber.number(i, day.year, settings.CASE_NUMBER_KEY)
        people.append(
            Person(
                pk=i,
                identity_number=identity,
                identity_hash=found,
                tail_hash=tail,
                name=name,
                birth_date=birth_date(i),
                sex="1",
            )
        )
        enrolments += [
            Enrolment(person_id=i, area_id=out.area, scheme="310", status="2", name=name, valid_from=since),
            Enrolment(
                person_id=i, area_id=into.area, scheme="310", status="1", name=name, valid_from=date(2025, 11, 1)
            ),
        ]
        periods.append(
            ContributionPeriod(
                person_id=i,
                area_id=out.area,
                scheme="310",
                first_month=month_from_text("2020-01"),
                last_month=month_from_text("2025-10"),
            )
        )
        accounts.append(PersonalAccount(person_id=i, area_id=out.area, balance_fen=balance))
        cases.append(
            TransferCase(
                pk=i,
                number=number,
                state="ACCEPTED",
                version=2,
                person_id=i,
                name=name,
                phone=f"138{i:08d}",
                outbound_area_id=out.area,
                inbound_area_id=into.area,
                outbound_agency_id=out.pk,
                inbound_agency_id=into.pk,
                outbound_scheme="310",
                inbound_scheme="310",
                applicant="self",
                channel="platform",
                acts="out",
                holder_id=out.pk,
                outbound_policy_id=applying(out.area, day).id,
                inbound_policy_id=applying(into.area, day).id,
                applied_at=at,
                accepted_at=at,
                state_since=at,
            )
        )
        for version, step, source, target in (
            (1, "submit", "DRAFT", "SUBMITTED"),
            (2, "accept", "SUBMITTED", "ACCEPTED"),
        ):
            events.append(
                CaseEvent(
                    case_id=i,
                    version=version,
                    at=at,
                    name=step,
                    actor_kind="system",
                    side="system",
                    from_state=source,
                    to_state=target,
                )
            )
        cast.accepted[day].append(i)
        cast.names[number] = name
        cast.balances[i] = balance
    made = _with_clocks(cases)
    for rows in (people, enrolments, periods, accounts, cases, events, made):
        _write(rows)


def _with_clocks(cases: Sequence[TransferCase]) -> list[Clock]:
    """The OUT clock of each case: one is started as always for each area and day, the others are like it."""
    first: dict[tuple[str, date], Clock] = {}
    made = []
    for case in cases:
        assert case.accepted_at is not None
        key = case.outbound_area_id, case.accepted_at.date()
        if key not in first:
            held = clocks.Held([case.pk])
            held.apply(furnish(case), [(ClockKind.OUT, "start")], side=Side.OUT, now=case.accepted_at)
            held.write()
            first[key] = Clock.objects.get(case=case)
            like = first[key]
        else:
            like = first[key]
            columns = {f.attname: getattr(like, f.attname) for f in Clock._meta.concrete_fields if not f.primary_key}
            made.append(Clock(**{**columns, "case_id": case.pk}))
        case.due_at = like.due_at
    return made


def _write(rows: Sequence[models.Model]) -> None:
    type(rows[0])._base_manager.bulk_create(rows, batch_size=ROWS) if rows else None
