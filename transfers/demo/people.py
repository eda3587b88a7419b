"""The people of the demonstration: staff of two cities, their provinces and the nation, and persons who move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.contrib.auth.hashers import make_password

from accounts.models import User
from transfers.actions.intake import person_hashes
from transfers.demo import PARTNER_KEY, PARTNER_NAME, PASSWORD, SIGNINS
from transfers.models import (
    Agency,
    ContributionPeriod,
    Enrolment,
    Membership,
    Partner,
    Person,
    PersonalAccount,
)
from transfers.rules.identity import check_character
from transfers.rules.parties import Role

NANNING, HANGZHOU = "450100", "330100"
BIRTH = date(1990, 1, 1)
_HANDLER = (Role.OUT_HANDLER, Role.IN_HANDLER)
_REVIEWER = (Role.OUT_REVIEWER, Role.IN_REVIEWER)
_AREAS = {"nanning": NANNING, "hangzhou": HANGZHOU, "guangxi": "450000", "zhejiang": "330000", "nation": "100000"}
_ROLES = {
    "handler": (*_HANDLER, Role.FINANCE),
    "reviewer": (*_REVIEWER, Role.FINANCE),
    "colleague": _HANDLER,
    "lead": (Role.SUPERVISOR,),
    "head": (Role.HEAD,),
    "auditor": (Role.AUDITOR,),
    "": (Role.SUPERVISOR,),
}
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_WORDS = ("测试", "演示", "样例", "模拟", "示范", "试用")


@dataclass(frozen=True, slots=True)
class Mover:
    """A person who moves, and what the registries of both areas hold of them. Months and money are invented."""

    serial: int
    out: str = NANNING
    into: str = HANGZHOU
    balance_fen: int = 0
    months: int = 60
    out_scheme: str = "310"
    out_status: str = "2"
    in_status: str = "1"
    name_in: str = ""
    retired: bool = False
    arrears: bool = False
    open_claims: bool = False

    @property
    def name(self) -> str:
        """测试甲 to 试用癸: nobody is called that."""
        return _WORDS[(self.serial - 1) // 10 % len(_WORDS)] + _STEMS[(self.serial - 1) % 10]

    @property
    def identity_number(self) -> str:
        """A right check digit on a plainly synthetic number: all born on one day, numbered through."""
        body = f"110101{BIRTH:%Y%m%d}{self.serial:03d}"
        return body + check_character(body)

    @property
    def phone(self) -> str:
        return f"1380000{self.serial:04d}"


def staff() -> dict[str, User]:
    """Create everybody of SIGNINS with their roles. One password, hashed once."""
    hashed = make_password(PASSWORD)
    users = {
        username: User(
            username=username,
            password=hashed,
            display_name=f"{zh.replace(' · ', '').split('（')[0]}（演示）",
            email=f"{username}@example.com",
            is_staff=True,
            is_superuser=username == "admin",
        )
        for username, _password, zh, _en in SIGNINS
    }
    User.objects.bulk_create(users.values())
    agencies = {agency.area_id: agency for agency in Agency.objects.filter(area_id__in=_AREAS.values())}
    Membership.objects.bulk_create(
        Membership(user=user, agency=agencies[_AREAS[place]], role=role.value)
        for username, user in users.items()
        for place, _dot, part in [username.partition(".")]
        if place in _AREAS
        for role in _ROLES[part]
    )
    return users


def partner() -> Partner:
    """The platform that files some of the cases; its key is public."""
    return Partner.objects.create(
        name=PARTNER_NAME, key_hash=Partner.hash_key(PARTNER_KEY), scopes=[Partner.APPLY, Partner.STATUS]
    )


def persons(movers: list[Mover], *, today: date) -> None:
    """What the registries know of these people: paid until two months ago there, enrolled since last month here."""
    this_month = today.year * 12 + today.month - 1
    last_paid, joined = this_month - 2, _first_of(this_month - 1)
    people = {}
    for mover in movers:
        found, tail = person_hashes("01", mover.identity_number)
        people[mover] = Person(
            identity_number=mover.identity_number,
            identity_hash=found,
            tail_hash=tail,
            name=mover.name,
            birth_date=BIRTH,
            sex="1" if mover.serial % 2 else "2",
        )
    Person.objects.bulk_create(people.values())
    enrolments, periods, accounts = [], [], []
    for mover, person in people.items():
        first = last_paid - mover.months + 1
        enrolments.append(
            Enrolment(
                person=person,
                area_id=mover.out,
                scheme=mover.out_scheme,
                status=mover.out_status,
                name=mover.name,
                retired=mover.retired,
                arrears=mover.arrears,
                open_claims=mover.open_claims,
                account_kind="1" if mover.out_scheme == "310" else "2",
                valid_from=_first_of(first),
            )
        )
        if mover.in_status:
            enrolments.append(
                Enrolment(
                    person=person,
                    area_id=mover.into,
                    scheme="310",
                    status=mover.in_status,
                    name=mover.name_in or mover.name,
                    valid_from=joined,
                )
            )
        # Two stretches with a gap between them, so that a sheet has more than one line.
        gap = first + mover.months // 3
        for begins, ends in ((first, gap - 1), (gap + 2, last_paid)):
            periods.append(
                ContributionPeriod(
                    person=person,
                    area_id=mover.out,
                    scheme=mover.out_scheme,
                    first_month=begins,
                    last_month=ends,
                )
            )
        if mover.out_scheme == "310":
            accounts.append(PersonalAccount(person=person, area_id=mover.out, balance_fen=mover.balance_fen))
    Enrolment.objects.bulk_create(enrolments)
    ContributionPeriod.objects.bulk_create(periods)
    PersonalAccount.objects.bulk_create(accounts)


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
