"""The areas that take part: their agencies, the people at work in them, their policies, accounts and banks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from django.db import connection

from accounts.models import User
from simulate.bank import Bank
from transfers import memory
from transfers.access import Actor, actor_for
from transfers.demo.receiving import give_accounts
from transfers.models import Agency, Membership, Policy
from transfers.places import accounts_of
from transfers.rules.identity import check_character
from transfers.rules.parties import Role
from transfers.rules.workdays import ZONE

# domain: lognormal with a median of 1,500 and a mean of 3,900 yuan, 12 % empty.
MEDIAN_FEN, MEAN_FEN, EMPTY = 1_500_00, 3_900_00, 0.12
SIGMA = math.sqrt(2 * math.log(MEAN_FEN / MEDIAN_FEN))
MOST_FEN = 900_000_00
# Everything goes to the inbound agency, by a bank, and is worked on by people.
MOVED: Mapping[str, object] = {
    "in_province_mode": "normal",
    "in_province_fund": "move",
    "cross_province_fund": "move",
    "wallet_enabled": False,
    "year_end_freeze": None,
}
LIMITED: Mapping[str, object] = {"fund_remit_days": 5, "fund_credit_days": 2}
VERSION = 990
ROLES = {
    "handler": (Role.OUT_HANDLER, Role.IN_HANDLER),
    "reviewer": (Role.OUT_REVIEWER, Role.IN_REVIEWER),
    "maker": (Role.FINANCE,),
    "checker": (Role.FINANCE,),
    "lead": (Role.SUPERVISOR,),
}
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文海燕春生晓东雪峰佳琪子轩雨晨思宇"


@dataclass(frozen=True, slots=True)
class Office:
    """An agency with the people at work in it: two on records, two on money, and who leads them."""

    agency: Agency
    handler: Actor
    reviewer: Actor
    maker: Actor
    checker: Actor
    lead: Actor

    @property
    def pk(self) -> int:
        return self.agency.pk

    @property
    def area(self) -> str:
        return self.agency.area_id


def agencies(count: int) -> list[Agency]:
    """The first pooling areas of as many provinces as there are, so that moves cross provinces; by code."""
    rows = Agency.objects.filter(valid_to__isnull=True, area__pooling=True).select_related("area").order_by("area_id")
    by_province: dict[str, list[Agency]] = defaultdict(list)
    for agency in rows:
        by_province[agency.area_id[:2]].append(agency)
    ordered = [group[n] for n in range(len(rows)) for group in by_province.values() if n < len(group)]
    return sorted(ordered[:count], key=lambda agency: agency.area_id)


def staffed(chosen: Sequence[Agency], *, shared: bool) -> Iterator[Office]:
    """Give each agency its people and its receiving account; `shared`: one team works for all of them, so that a step
    is taken of all their cases together.
    """
    give_accounts([agency for agency in chosen if not agency.bank_accounts.exists()])
    groups: dict[str, list[Agency]] = defaultdict(list)
    for agency in chosen:
        groups["all" if shared else agency.area_id].append(agency)
    for code, group in groups.items():
        team = {what: _member(f"{what}.{code}", group, roles) for what, roles in ROLES.items()}
        for agency in group:
            yield Office(agency, **team)


def _member(name: str, group: Iterable[Agency], roles: Iterable[Role]) -> Actor:
    who = User.objects.create(username=name, display_name=name, email=f"{name}@example.invalid", is_staff=True)
    Membership.objects.bulk_create(Membership(user=who, agency=one, role=role.value) for one in group for role in roles)
    return actor_for(who)


def overlook(chosen: Sequence[Agency]) -> None:
    """Heads of the agencies, and supervisors of the provinces and the nation: those to whom escalations go."""
    for agency in chosen:
        _member(f"head.{agency.area_id}", [agency], [Role.HEAD])
    above = {code for agency in chosen for code in (agency.area_id[:2] + "0000", "100000")}
    for agency in Agency.objects.filter(area__in=above, area__pooling=False).order_by("area_id"):
        _member(f"supervisor.{agency.area_id}", [agency], [Role.SUPERVISOR])


def publish(chosen: Sequence[Agency], values: Mapping[str, Mapping[str, object]], *, since: date) -> None:
    """Publish for each area an edition from that day on: its own values before, `MOVED`, and these for its code."""
    own = {
        row.area_id: row.values
        for row in Policy.objects.filter(
            area__in=[agency.area_id for agency in chosen], published_at__isnull=False, valid_from__lt=since
        ).order_by("valid_from")
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfers_policy SET valid_to = %s WHERE area_id = ANY(%s) AND published_at IS NOT NULL"
            " AND (valid_to IS NULL OR valid_to >= %s)",
            [since - timedelta(days=1), list(own), since],
        )
    Policy.objects.bulk_create(
        Policy(
            area_id=agency.area_id,
            version=VERSION,
            valid_from=since,
            document_number="模拟",
            values={**own.get(agency.area_id, {}), **MOVED, **values.get(agency.area_id, {})},
            published_at=datetime.combine(since, time(), tzinfo=ZONE),
        )
        for agency in chosen
    )
    memory.forget()


def bank_of(offices: Sequence[Office], names: Mapping[str, str], rng: Random, *, on: date) -> Bank:
    """The banks of these offices; `names`: case number -> the person's name, for the remarks."""
    accounts = accounts_of([office.pk for office in offices], on)
    payers = {office.area: (office.agency.name, short_names(office.agency)) for office in offices}
    return Bank(rng, names, payers, {accounts[office.pk].number: office.area for office in offices})


def short_names(agency: Any) -> list[str]:
    """How a bank may shorten the name of an agency."""
    area = agency.area.name
    return [f"{area}医保中心", f"{area}医保局", f"{area.removesuffix('市')}医保中心", f"{area}医疗保险服务中心"]


# --- persons --------------------------------------------------------------------------------------


def identity_number(serial: int) -> str:
    """A number with a right check digit that belongs to nobody: 1 to 999 of a day, one day after another."""
    body = f"110101{birth_date(serial):%Y%m%d}{serial % 999 + 1:03d}"
    return f"{body}{check_character(body)}"


def birth_date(serial: int) -> date:
    """The date of birth in that number."""
    return date(1980, 1, 1) + timedelta(days=serial // 999)


def a_balance(rng: Random) -> int:
    """What is on a personal account, in fen."""
    if rng.random() < EMPTY:
        return 0
    return max(1, min(MOST_FEN, round(rng.lognormvariate(math.log(MEDIAN_FEN), SIGMA))))


def a_name(rng: Random) -> str:
    """A name such as people have."""
    return rng.choice(_SURNAMES) + "".join(rng.choice(_GIVEN) for _ in range(rng.choice([1, 2, 2])))
