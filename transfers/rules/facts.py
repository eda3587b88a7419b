"""What the rules look at: plain facts about a person in an area, as an area's own registry tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from transfers.rules.months import Period, last_counted
from transfers.rules.parties import EnrolmentStatus, Scheme, Survival


@dataclass(frozen=True, slots=True)
class EnrolmentFact:
    """One enrolment. `status` is psn_insu_stas, `scheme` insutype, `account_kind` hi_type (1 has an account).

    `valid_from` and `valid_to` are its first and last day where the registry tells them. `transferred`: an earlier
    transfer took it away.
    """

    scheme: str
    status: str
    name: str
    retired: bool = False
    account_kind: str = "1"
    valid_from: date | None = None
    valid_to: date | None = None
    transferred: bool = False

    @property
    def active(self) -> bool:
        return self.status == EnrolmentStatus.ACTIVE

    def active_on(self, day: date) -> bool:
        """Active, and begun by that day: next year's resident enrolment is made in autumn."""
        return self.active and (self.valid_from is None or self.valid_from <= day)


@dataclass(frozen=True, slots=True)
class AccountFact:
    """The personal account. `status` is `normal`, `frozen`, `abnormal` or `zeroed`; the balance is in fen."""

    balance_fen: int
    status: str


@dataclass(frozen=True, slots=True)
class AreaFacts:
    """What one area's registry says of one person.

    `numbers` counts the person numbers it holds for them; `survival` is surv_stas. `answered` is false for a registry
    that did not answer: then nothing is known, and nothing may be concluded from it.
    """

    area: str
    enrolments: tuple[EnrolmentFact, ...] = ()
    periods: tuple[Period, ...] = ()
    account: AccountFact | None = None
    arrears: bool = False
    open_claims: bool = False
    numbers: int = 1
    survival: str = Survival.ALIVE
    answered: bool = True

    @property
    def basic(self) -> tuple[EnrolmentFact, ...]:
        """The enrolments in the two basic schemes; supplements beside them (320–399) are no second enrolment."""
        return tuple(row for row in self.enrolments if row.scheme in tuple(Scheme))

    def enrolled(self, scheme: str) -> EnrolmentFact | None:
        """The enrolment in `scheme` that counts: an active one before a suspended, ended, void one."""
        order = {"1": 0, "2": 1, "4": 2, "3": 3, "0": 4}
        rows = [row for row in self.enrolments if row.scheme == scheme]
        return min(rows, key=lambda row: (order.get(row.status, 9), row.transferred)) if rows else None

    def resident_year(self, today: date) -> int | None:
        """The last calendar year for which the person was insured here as a resident; None when nothing tells."""
        years = []
        for row in self.enrolments:
            if row.scheme != Scheme.RESIDENT or row.status in (EnrolmentStatus.NONE, EnrolmentStatus.VOID):
                continue
            if row.active_on(today):
                years.append(today.year if row.valid_to is None else min(today.year, row.valid_to.year))
            elif not row.active and row.valid_to is not None and row.valid_to.year <= today.year + 1:
                years.append(row.valid_to.year)  # a far date means that the end is open: it tells nothing
        paid = last_counted(p for p in self.periods if p.scheme == Scheme.RESIDENT)
        if paid is not None:
            years.append(paid // 12)
        return max(years, default=None)


@dataclass(frozen=True, slots=True)
class Application:
    """What was applied for, and on which day. `identity_valid` is the outcome of the number's own check (GB 11643)."""

    name: str
    identity_valid: bool
    outbound_area: str
    inbound_area: str
    outbound_scheme: str
    inbound_scheme: str
    today: date

    @property
    def resident_to_resident(self) -> bool:
        return self.outbound_scheme == self.inbound_scheme == Scheme.RESIDENT
