"""Who takes part: areas with their finance people, persons with balances, and their cases as accepted.

Persons, accounts and accepted cases are written set-based, with triggers left out only while that is done. From there
on every step of every case goes through the real actions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random

from django.conf import settings
from django.db import connection, models, transaction
from stdnum.cn import ric

from accounts.models import User
from transfers import memory
from transfers.access import Actor, actor_for
from transfers.actions.intake import person_hashes
from transfers.demo.receiving import give_accounts
from transfers.models import (
    Agency,
    CaseEvent,
    Clock,
    ContributionPeriod,
    Enrolment,
    Membership,
    Person,
    PersonalAccount,
    Policy,
    TransferCase,
)
from transfers.places import furnish
from transfers.policies import applying
from transfers.rules import casenumber
from transfers.rules.months import month_from_text
from transfers.rules.parties import Role, Side
from transfers.rules.routes import ClockKind
from transfers.rules.workdays import ZONE
from transfers.sla import clocks

# domain: lognormal with a median of 1,500 and a mean of 3,900 yuan, 12 % empty.
MEDIAN_FEN, MEAN_FEN, EMPTY = 1_500_00, 3_900_00, 0.12
SIGMA = math.sqrt(2 * math.log(MEAN_FEN / MEDIAN_FEN))
MOST_FEN = 900_000_00
FREEZE = {"from": "12-29", "to": "01-09"}
FROZEN_SHARE = 0.3
ROWS = 5000
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文海燕春生晓东雪峰佳琪子轩雨晨思宇"


@dataclass(frozen=True, slots=True)
class Office:
    """An agency with the people whom the month needs: two who work on records, two on money."""

    agency: Agency
    handler: Actor
    reviewer: Actor
    maker: Actor
    checker: Actor

    @property
    def pk(self) -> int:
        return self.agency.pk

    @property
    def area(self) -> str:
        return self.agency.area_id


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
    offices = list(_offices(areas))
    frozen = frozenset(office.area for office in offices[: max(1, round(areas * FROZEN_SHARE))])
    _policies(offices, frozen)
    cast = Cast(offices, frozen)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        _cases(cast, cases, days, rng)
    with connection.cursor() as cursor:
        for model in (Person, TransferCase):
            table = model._meta.db_table
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    return cast


def _offices(count: int) -> Iterable[Office]:
    """The first areas of as many provinces as there are, so that moves cross provinces."""
    rows = Agency.objects.filter(valid_to__isnull=True, area__pooling=True).select_related("area").order_by("area_id")
    rows = rows.exclude(area__in=Policy.objects.values("area"))  # those follow the month's own policies
    by_province: dict[str, list[Agency]] = defaultdict(list)
    for agency in rows:
        by_province[agency.area_id[:2]].append(agency)
    ordered = [group[n] for n in range(len(rows)) for group in by_province.values() if n < len(group)]
    chosen = sorted(ordered[:count], key=lambda agency: agency.area_id)
    give_accounts([agency for agency in chosen if not agency.bank_accounts.exists()])
    records = (Role.OUT_HANDLER, Role.IN_HANDLER), (Role.OUT_REVIEWER, Role.IN_REVIEWER)
    for agency in chosen:
        people = []
        for what, roles in zip(
            ("handler", "reviewer", "maker", "checker"), (*records, *[(Role.FINANCE,)] * 2), strict=True
        ):
            who = User.objects.create(
                username=f"{what}.{agency.area_id}", display_name=f"{what} {agency.area_id}", is_staff=True
            )
            Membership.objects.bulk_create(Membership(user=who, agency=agency, role=role.value) for role in roles)
            people.append(actor_for(who))
        yield Office(agency, *people)


def _policies(offices: Sequence[Office], frozen: frozenset[str]) -> None:
    """Everything goes to the inbound agency, by a bank; some areas send nothing around the turn of the year."""
    for n, office in enumerate(offices):
        values: dict[str, object] = {
            "in_province_mode": "normal",
            "in_province_fund": "move",
            "cross_province_fund": "move",
            "wallet_enabled": False,
            "year_end_freeze": FREEZE if office.area in frozen else None,
        }
        if n % 2:
            values |= {"fund_remit_days": 5, "fund_credit_days": 2}
        Policy.objects.create(
            area_id=office.area,
            version=990,
            valid_from=date(2025, 12, 1),
            document_number="模拟",
            values=values,
            published_at=datetime(2025, 12, 1, tzinfo=ZONE),
        )
    memory.forget()


def identity_number(serial: int) -> str:
    """A number with a right check digit that belongs to nobody: 1 to 999 of a day, one day after another."""
    birth = date(1960, 1, 1) + timedelta(days=serial // 999)
    body = f"110101{birth:%Y%m%d}{serial % 999 + 1:03d}"
    return f"{body}{ric.calc_check_digit(body)}"


def _balance(rng: Random) -> int:
    if rng.random() < EMPTY:
        return 0
    return max(1, min(MOST_FEN, round(rng.lognormvariate(math.log(MEDIAN_FEN), SIGMA))))


def _name(rng: Random) -> str:
    return rng.choice(_SURNAMES) + "".join(rng.choice(_GIVEN) for _ in range(rng.choice([1, 2, 2])))


def _cases(cast: Cast, count: int, days: Sequence[date], rng: Random) -> None:
    people, enrolments, periods, accounts, cases, events = [], [], [], [], [], []
    since = date(2020, 1, 1)
    for i in range(1, count + 1):
        out, into = rng.sample(cast.offices, 2)
        day = days[i * len(days) // (count + 1)]
        at = datetime.combine(day, time(9), tzinfo=ZONE)
        identity, name, balance = identity_number(i), _name(rng), _balance(rng)
        found, tail = person_hashes("01", identity)
        number = casenumber.number(i, day.year, settings.CASE_NUMBER_KEY)
        born = date(1960, 1, 1) + timedelta(days=i // 999)
        people.append(
            Person(
                pk=i, identity_number=identity, identity_hash=found, tail_hash=tail, name=name, birth_date=born, sex="1"
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
