"""What the rules look at: plain facts about a person in an area, as an area's own registry tells them."""

from __future__ import annotations

from dataclasses import dataclass

from transfers.rules.months import Period


@dataclass(frozen=True, slots=True)
class EnrolmentFact:
    """One enrolment. `status` is psn_insu_stas, `scheme` insutype, `account_kind` hi_type (1 has an account)."""

    scheme: str
    status: str
    name: str
    retired: bool = False
    account_kind: str = "1"


@dataclass(frozen=True, slots=True)
class AccountFact:
    """The personal account. `status` is `normal`, `frozen`, `abnormal` or `zeroed`; the balance is in fen."""

    balance_fen: int
    status: str


@dataclass(frozen=True, slots=True)
class AreaFacts:
    """What one area's registry says of one person. `numbers` counts the person numbers it holds for them."""

    area: str
    enrolments: tuple[EnrolmentFact, ...] = ()
    periods: tuple[Period, ...] = ()
    account: AccountFact | None = None
    arrears: bool = False
    open_claims: bool = False
    numbers: int = 1

    def enrolled(self, scheme: str) -> EnrolmentFact | None:
        """The enrolment in `scheme` that counts: an active one before a suspended, ended, void one."""
        order = {"1": 0, "2": 1, "4": 2, "3": 3, "0": 4}
        rows = [row for row in self.enrolments if row.scheme == scheme]
        return min(rows, key=lambda row: order.get(row.status, 9)) if rows else None


@dataclass(frozen=True, slots=True)
class Application:
    """What was applied for. `identity_valid` is the outcome of the number's own check (GB 11643)."""

    name: str
    identity_valid: bool
    outbound_area: str
    inbound_area: str
    outbound_scheme: str
    inbound_scheme: str
