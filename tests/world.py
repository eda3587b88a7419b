"""A small world for tests: two agencies with their people, a person who moves, and a case carried to any state.

Nanning (450100) is the outbound side, Hangzhou (330100) the inbound side. Each agency has a handler, a reviewer, two
finance people, a supervisor and a head; each province and the nation a supervisor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts.models import User
from transfers import memory
from transfers.access import Actor, actor_for
from transfers.actions import perform
from transfers.actions.intake import apply, person_hashes
from transfers.models import (
    Agency,
    ContributionPeriod,
    Enrolment,
    Membership,
    Person,
    PersonalAccount,
    Policy,
    Remittance,
    TransferCase,
)
from transfers.rules.months import month_from_text
from transfers.rules.parties import Channel, Role
from transfers.rules.workdays import ZONE

OUT, IN = "450100", "330100"
PASSWORD = "Test-only-2026"
# A Monday with no holiday near it: acceptance on 2026-06-01 makes OUT due on 2026-06-15.
MONDAY = datetime(2026, 6, 1, 10, 0, tzinfo=ZONE)

# What staff of an area enter when its registry is silent and nothing stands against a transfer; the status is added.
BY_HAND = {
    **dict.fromkeys(("retired", "arrears", "open_claims", "several_numbers", "transferred"), "no"),
    "name_agrees": "yes",
    "survival": "1",
    "account": "normal",
}


def identity_number(serial: int = 1, *, birth: date = date(1990, 3, 7)) -> str:
    """A number with a right check digit in a range that was never issued (area 990000 is replaced by 110101)."""
    body = f"110101{birth:%Y%m%d}{serial:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


@cache
def _hashed() -> str:
    """The hash of PASSWORD, made once: it is slow on purpose."""
    return make_password(PASSWORD)


def user(username: str, agency_code: str = "", roles: tuple[Role, ...] = (), **fields: Any) -> User:
    """A user, a member of the agency of that area in these roles."""
    made = User.objects.create(
        username=username,
        password=_hashed(),
        is_staff=True,
        display_name=fields.pop("display_name", username),
        **fields,
    )
    if agency_code:
        agency = Agency.objects.get(area_id=agency_code)
        Membership.objects.bulk_create(Membership(user=made, agency=agency, role=role.value) for role in roles)
    return made


def person(
    serial: int = 1, *, name: str = "测试甲", balance_fen: int = 345_678, out: str = OUT, into: str = IN
) -> Person:
    """Somebody suspended in `out` since May 2026, with 72 months and a balance, and active in `into` since then."""
    number = identity_number(serial)
    found, tail = person_hashes("01", number)
    made = Person.objects.create(
        identity_number=number, identity_hash=found, tail_hash=tail, name=name, birth_date=date(1990, 3, 7), sex="1"
    )
    Enrolment.objects.create(person=made, area_id=out, scheme="310", status="2", name=name, valid_from=date(2020, 5, 1))
    Enrolment.objects.create(
        person=made, area_id=into, scheme="310", status="1", name=name, valid_from=date(2026, 5, 1)
    )
    ContributionPeriod.objects.create(
        person=made,
        area_id=out,
        scheme="310",
        first_month=month_from_text("2020-05"),
        last_month=month_from_text("2026-04"),
    )
    PersonalAccount.objects.create(person=made, area_id=out, balance_fen=balance_fen)
    return made


def application(
    serial: int = 1, *, name: str = "测试甲", out: str = OUT, into: str = IN, **more: str
) -> dict[str, str]:
    """The application of that person, as a face would pass it on."""
    return {
        "name": name,
        "identity_type": "01",
        "identity_number": identity_number(serial),
        "phone": f"1380000{serial:04d}",
        "outbound_area": out,
        "inbound_area": into,
        **more,
    }


def put_in_force(area: str, **values: Any) -> None:
    """A policy of that area, as reference data brings it."""
    Policy.objects.create(
        area_id=area,
        version=90,
        valid_from=date(2026, 1, 1),
        document_number="测试",
        values=values,
        published_at=MONDAY,
    )
    memory.forget()


@dataclass
class World:
    """The people of both agencies, made when first asked for."""

    out: str = OUT
    into: str = IN

    def _member(self, side: str, name: str, *roles: Role) -> User:
        code = self.out if side == "out" else self.into
        username = f"{side}_{name}"
        return User.objects.filter(username=username).first() or user(
            username, code, roles, email=f"{side}.{name}@example.com"
        )

    @cached_property
    def out_handler(self) -> User:
        return self._member("out", "handler", Role.OUT_HANDLER, Role.FINANCE)

    @cached_property
    def out_reviewer(self) -> User:
        return self._member("out", "reviewer", Role.OUT_REVIEWER, Role.FINANCE)

    @cached_property
    def in_handler(self) -> User:
        return self._member("in", "handler", Role.IN_HANDLER, Role.FINANCE)

    @cached_property
    def in_reviewer(self) -> User:
        return self._member("in", "reviewer", Role.IN_REVIEWER, Role.FINANCE)

    @cached_property
    def out_lead(self) -> User:
        return self._member("out", "lead", Role.SUPERVISOR)

    @cached_property
    def in_lead(self) -> User:
        return self._member("in", "lead", Role.SUPERVISOR)

    @cached_property
    def out_head(self) -> User:
        return self._member("out", "head", Role.HEAD)

    @cached_property
    def in_head(self) -> User:
        return self._member("in", "head", Role.HEAD)

    @cached_property
    def out_province(self) -> User:
        return user("out_province", self.out[:2] + "0000", (Role.SUPERVISOR,), email="out.province@example.com")

    @cached_property
    def nation(self) -> User:
        return user("nation", "100000", (Role.SUPERVISOR,), email="nation@example.com")

    @cached_property
    def stranger(self) -> User:
        """Every role, in an agency that has no part in any case of this world."""
        return user("stranger", "510100", tuple(Role))

    @cached_property
    def superuser(self) -> User:
        return User.objects.create(username="root", password=_hashed(), is_staff=True, is_superuser=True)

    def everyone(self) -> list[User]:
        return [
            *(self.out_handler, self.out_reviewer, self.in_handler, self.in_reviewer, self.out_lead, self.in_lead),
            *(self.out_head, self.in_head, self.out_province, self.nation),
        ]

    # --- cases -----------------------------------------------------------------------------------

    def accepted(
        self, serial: int = 1, *, now: datetime = MONDAY, balance_fen: int = 345_678, **more: str
    ) -> TransferCase:
        """A case that has passed both prechecks."""
        person(serial, balance_fen=balance_fen, out=self.out, into=self.into)
        case = apply(
            application(serial, out=self.out, into=self.into, **more),
            actor_for(self.in_handler),
            channel=Channel.WINDOW_IN,
            now=now,
        )
        assert case.state == "ACCEPTED", case.failures
        return case

    def take(
        self, case: TransferCase, transition: str, who: User | Actor, *, now: datetime | None = None, **more: Any
    ) -> TransferCase:
        """One step by `who`, on the newest version."""
        actor = who if isinstance(who, Actor) else actor_for(who)
        case = TransferCase.objects.get(pk=case.pk)
        return perform(case, transition, actor, version=case.version, now=now or MONDAY, **more).case

    def carry(
        self, case: TransferCase, until: str, *, now: datetime = MONDAY, step: timedelta = timedelta()
    ) -> TransferCase:
        """Take the standard route up to and including the step `until`, each step `step` later than the last."""
        for name, who, more in self.route(case):
            now += step
            case = self.take(case, name, who, now=now, **more)
            if name == until:
                return case
        raise ValueError(until)

    def carry_from(self, case: TransferCase, first: str, last: str, *, now: datetime = MONDAY) -> TransferCase:
        """Take the standard route from the step `first` up to and including `last`."""
        names = [name for name, _who, _more in self.route(case)]
        for name, who, more in self.route(case)[names.index(first) : names.index(last) + 1]:
            case = self.take(case, name, who, now=now, **more)
        return case

    def route(self, case: TransferCase) -> list[tuple[str, User, dict[str, Any]]]:
        """The steps of the standard route after acceptance, each with who takes it."""
        receipt = {"data": {"received_yuan": "3456.78", "bank_reference": f"TEST-{case.pk:04d}"}}
        return [
            ("claim_out", self.out_handler, {}),
            ("prepare_sheet", self.out_handler, {}),
            ("approve_out", self.out_reviewer, {}),
            ("claim_in", self.in_handler, {}),
            ("check_sheet", self.in_handler, {}),
            ("approve_in", self.in_reviewer, {}),
            ("propose_remittance", self.out_handler, {}),
            ("approve_remittance", self.out_reviewer, {}),
            ("record_receipt", self.in_handler, receipt),
            ("match_receipt", self.in_handler, {}),
            ("credit_account", self.in_reviewer, {}),
        ]

    def money(self, case: TransferCase) -> Remittance:
        return Remittance.objects.get(case=case)
