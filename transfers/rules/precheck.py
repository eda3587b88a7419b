"""校验规则前移: the rules of both sides, run before acceptance (医保办发〔2021〕43号 Art. 8).

Each rule looks at the same facts and says whether it fails. All of them run, always: a person hears every reason at
once, with what to do about it. A refusal is possible only here; after acceptance a case can be returned, supplemented
or clarified, not refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transfers.rules.codes import PRECHECK, Reason
from transfers.rules.facts import Application, AreaFacts
from transfers.rules.parties import EnrolmentStatus, Scheme, Side
from transfers.rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Question:
    """Everything a rule may look at. `open_case` is the number of a transfer already under way."""

    application: Application
    outbound: AreaFacts
    inbound: AreaFacts
    outbound_policy: Policy
    inbound_policy: Policy
    open_case: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that failed. `blocking` is false where the area's policy only warns."""

    code: str
    side: Side
    blocking: bool = True

    @property
    def reason(self) -> Reason:
        return PRECHECK[self.code]


_NO_RECORD = (EnrolmentStatus.NONE, EnrolmentStatus.VOID)
Verdict = bool | str  # False: passes; True: fails; "warn": fails without blocking
_RULES: dict[str, tuple[Side, Callable[[Question], Verdict]]] = {}


def _rule(code: str, side: Side) -> Callable[[Callable[[Question], Verdict]], Callable[[Question], Verdict]]:
    def register(check: Callable[[Question], Verdict]) -> Callable[[Question], Verdict]:
        _RULES[code] = (side, check)
        return check

    return register


def precheck(question: Question) -> list[Failure]:
    """Every rule that fails, in the order of the list of codes."""
    failures = []
    for code in PRECHECK:
        if code not in _RULES:
            continue
        side, check = _RULES[code]
        if verdict := check(question):
            failures.append(Failure(code, side, blocking=verdict != "warn"))
    return failures


@_rule("V-O-01", Side.OUT)
def outbound_not_suspended(q: Question) -> Verdict:
    """Art. 5: the outbound enrolment must be suspended first. Which states count is the area's `suspended_status`."""
    found = q.outbound.enrolled(q.application.outbound_scheme)
    return found is not None and found.status not in (*_NO_RECORD, *q.outbound_policy.suspended_status)


@_rule("V-O-02", Side.OUT)
def outbound_record_missing(q: Question) -> Verdict:
    """Nothing to transfer: no enrolment in the scheme, or only one that is void or never came about."""
    found = q.outbound.enrolled(q.application.outbound_scheme)
    return found is None or found.status in _NO_RECORD


@_rule("V-O-03", Side.OUT)
def outbound_arrears(q: Question) -> Verdict:
    """Arrears block or warn as the outbound area's `arrears_rule` says."""
    return q.outbound.arrears and ("warn" if q.outbound_policy.arrears_rule == "warn" else True)


@_rule("V-O-04", Side.OUT)
def outbound_retired(q: Question) -> Verdict:
    """Art. 2: employee participants except retirees."""
    found = q.outbound.enrolled(q.application.outbound_scheme)
    return found is not None and found.retired


@_rule("V-O-05", Side.OUT)
def outbound_account_blocked(q: Question) -> Verdict:
    """A frozen or abnormal personal account cannot be fixed and emptied."""
    account = q.outbound.account
    return (
        q.application.outbound_scheme == Scheme.EMPLOYEE
        and account is not None
        and account.status in ("frozen", "abnormal")
    )


@_rule("V-O-06", Side.OUT)
def outbound_open_claims(q: Question) -> Verdict:
    """Unsettled costs block or warn as the outbound area's `open_claims_rule` says."""
    return q.outbound.open_claims and ("warn" if q.outbound_policy.open_claims_rule == "warn" else True)


@_rule("V-O-07", Side.OUT)
def outbound_already_transferred(q: Question) -> Verdict:
    """The account was emptied by an earlier transfer and the enrolment has ended."""
    found, account = q.outbound.enrolled(q.application.outbound_scheme), q.outbound.account
    return (
        found is not None
        and found.status == EnrolmentStatus.ENDED
        and account is not None
        and account.status == "zeroed"
    )


@_rule("V-I-01", Side.IN)
def inbound_not_enrolled(q: Question) -> Verdict:
    """Art. 5: the person must be enrolled in the inbound area."""
    return not any(row.status in ("1", "2") for row in q.inbound.enrolments)


@_rule("V-I-02", Side.IN)
def inbound_not_active(q: Question) -> Verdict:
    """Enrolled in the inbound area, but not in the normal state."""
    rows = [row for row in q.inbound.enrolments if row.status in ("1", "2")]
    return bool(rows) and not any(row.status == EnrolmentStatus.ACTIVE for row in rows)


@_rule("V-I-03", Side.IN)
def inbound_other_scheme(q: Question) -> Verdict:
    """Active in the inbound area, but in another scheme than the one applied for."""
    active = [row for row in q.inbound.enrolments if row.status == EnrolmentStatus.ACTIVE]
    return bool(active) and not any(row.scheme == q.application.inbound_scheme for row in active)


@_rule("V-I-04", Side.IN)
def inbound_enrolled_twice(q: Question) -> Verdict:
    """Art. 6: no duplicate enrolment. More than one active enrolment inside the inbound area."""
    return sum(row.status == EnrolmentStatus.ACTIVE for row in q.inbound.enrolments) > 1


@_rule("V-I-06", Side.IN)
def same_area(q: Question) -> Verdict:
    """Nothing is transferred inside one pooling area."""
    return q.application.outbound_area == q.application.inbound_area


@_rule("V-I-07", Side.IN)
def inbound_retired(q: Question) -> Verdict:
    """Art. 2, seen from the inbound registry."""
    return any(row.retired and row.status == EnrolmentStatus.ACTIVE for row in q.inbound.enrolments)


@_rule("V-P-01", Side.APPLICANT)
def name_differs(q: Question) -> Verdict:
    """The name must agree with what either registry holds under this identity number."""
    names = {row.name for facts in (q.outbound, q.inbound) for row in facts.enrolments}
    return any(name != q.application.name for name in names)


@_rule("V-P-02", Side.APPLICANT)
def identity_number_invalid(q: Question) -> Verdict:
    """GB 11643: check digit, possible birth date."""
    return not q.application.identity_valid


@_rule("V-P-03", Side.APPLICANT)
def already_under_way(q: Question) -> Verdict:
    """One open transfer for one person."""
    return bool(q.open_case)


@_rule("V-P-04", Side.APPLICANT)
def numbers_not_merged(q: Question) -> Verdict:
    """An area holds several person numbers for this identity."""
    return max(q.outbound.numbers, q.inbound.numbers) > 1
