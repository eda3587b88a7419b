"""校验规则前移: the rules of both sides, run before acceptance (医保办发〔2021〕43号 Art. 8).

Each rule looks at the same facts and says whether it fails. All of them run, always: a person hears every reason at
once, with what to do about it. A refusal is possible only here; after acceptance a case can be returned, supplemented
or clarified, not refused. A registry that does not answer is no reason to refuse (V-S-01): what depends on it is left
open, and the question is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from transfers.rules.codes import ALL, PRECHECK, UNAVAILABLE, Reason
from transfers.rules.facts import Application, AreaFacts, EnrolmentFact
from transfers.rules.parties import EnrolmentStatus, Named, Scheme, Side, Survival
from transfers.rules.policy import SWITCHES, Policy


@dataclass(frozen=True, slots=True)
class Question:
    """Everything a rule may look at. `open_case` is the number of a transfer already under way.

    The sources name the editions (area, version, document number) that each policy comes from.
    """

    application: Application
    outbound: AreaFacts
    inbound: AreaFacts
    outbound_policy: Policy
    inbound_policy: Policy
    open_case: str = ""
    outbound_sources: tuple[str, ...] = ()
    inbound_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that failed. `blocking` is false where the area's policy only warns, and for a registry that is away.

    `switch` and `value` are the policy switch that decided and its value as data, where one did; `sources` the
    editions of the policies of the side concerned. `advice` says more than the code's own remedy, where there is more.
    """

    code: str
    side: Side
    blocking: bool = True
    switch: str = ""
    value: str = ""
    sources: tuple[str, ...] = ()
    advice: Named | None = None

    @property
    def reason(self) -> Reason:
        return ALL[self.code]

    @property
    def hard(self) -> bool:
        """Repairing it is not enough: another way altogether is needed."""
        return self.reason.hard

    @property
    def remedy(self) -> Named:
        return self.advice or Named(self.reason.remedy_zh, self.reason.remedy_en)

    @property
    def basis(self) -> str:
        return self.reason.basis

    @property
    def because(self) -> Named:
        """Why, by which text, and under which edition of which policy."""
        return because(self.reason, switch=self.switch, value=self.value, sources=self.sources)


class Outcome(StrEnum):
    """What the rules say in all."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"


def outcome(failures: Iterable[Failure]) -> Outcome:
    """Deferred while a registry is away, so that a refusal always has every reason; else refused or accepted."""
    told = list(failures)
    if any(failure.code == UNAVAILABLE.code for failure in told):
        return Outcome.DEFERRED
    return Outcome.REFUSED if any(failure.blocking for failure in told) else Outcome.ACCEPTED


def because(reason: Reason, *, switch: str = "", value: str = "", sources: Iterable[str] = ()) -> Named:
    """The explanation of a failure as one sentence: reason, article, switch, edition."""
    editions = list(sources)
    zh, en = f"因为{reason.zh}；依据：{reason.basis}", f"Because: {reason.en}. Basis: {reason.basis}"
    if switch:
        called, choices = SWITCHES[switch].named, SWITCHES[switch].choices
        taken = [choices[one] for one in value.split(",")]
        zh = f"{zh}；政策参数“{called.zh}”为“{'、'.join(one.zh for one in taken)}”"
        en = f"{en}. Policy switch “{called.en}” is “{', '.join(one.en for one in taken)}”"
    if editions:
        zh, en = f"{zh}；政策版本：{'、'.join(editions)}", f"{en}. Policy editions: {', '.join(editions)}"
    return Named(f"{zh}。", f"{en}.")


def reason_told(kept: Mapping[str, Any]) -> Reason:
    """The reason of a failure as a case keeps it, with the remedy that was told where it said more than the code's."""
    reason, remedy = ALL[kept["code"]], kept.get("remedy")
    return replace(reason, remedy_zh=remedy["zh"], remedy_en=remedy["en"]) if remedy else reason


_NO_RECORD = (EnrolmentStatus.NONE, EnrolmentStatus.VOID)
_ENROLLED = (EnrolmentStatus.ACTIVE, EnrolmentStatus.SUSPENDED)
Verdict = bool | str | Named  # False: passes; True: fails; "warn": fails without blocking; Named: fails, and do this


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: which side it is about, whose answers it needs, which of the side's policy switches it obeys."""

    code: str
    side: Side
    check: Callable[[Question], Verdict]
    needs: tuple[Side, ...]
    switch: str


RULES: dict[str, Rule] = {}


def _rule(
    code: str, side: Side, *needs: Side, switch: str = ""
) -> Callable[[Callable[[Question], Verdict]], Callable[[Question], Verdict]]:
    def register(check: Callable[[Question], Verdict]) -> Callable[[Question], Verdict]:
        RULES[code] = Rule(code, side, check, needs, switch)
        return check

    return register


def precheck(question: Question) -> list[Failure]:
    """Every rule that fails, in the order of the list of codes; V-S-01 last, for each registry that is away."""
    answered = {Side.OUT: question.outbound.answered, Side.IN: question.inbound.answered}
    failures = []
    for code in PRECHECK:
        rule = RULES[code]
        if all(answered[side] for side in rule.needs) and (verdict := rule.check(question)):
            failures.append(_failure(rule, verdict, question))
    failures += [
        Failure(UNAVAILABLE.code, side, blocking=False, sources=_sources(side, question))
        for side, there in answered.items()
        if not there
    ]
    return failures


def _failure(rule: Rule, verdict: Verdict, question: Question) -> Failure:
    value = ""
    if rule.switch:
        switch = getattr(question.outbound_policy, rule.switch)
        value = ",".join(switch) if isinstance(switch, tuple) else str(switch)
    return Failure(
        rule.code,
        rule.side,
        blocking=verdict != "warn",
        switch=rule.switch,
        value=value,
        sources=_sources(rule.side, question),
        advice=verdict if isinstance(verdict, Named) else None,
    )


def _sources(side: Side, question: Question) -> tuple[str, ...]:
    if side is Side.OUT:
        return question.outbound_sources
    if side is Side.IN:
        return question.inbound_sources
    return tuple(dict.fromkeys((*question.outbound_sources, *question.inbound_sources)))


@_rule("V-O-01", Side.OUT, Side.OUT, switch="suspended_status")
def outbound_not_suspended(q: Question) -> Verdict:
    """Art. 5: the outbound enrolment must be suspended first. Which states count is the area's `suspended_status`.

    Between resident schemes the year decides instead (V-I-05): cover runs to the end of the year that is paid for. An
    enrolment that an earlier transfer took away is V-O-07 alone.
    """
    found = q.outbound.enrolled(q.application.outbound_scheme)
    if found is None or found.transferred or q.application.resident_to_resident:
        return False
    return found.status not in (*_NO_RECORD, *q.outbound_policy.suspended_status)


@_rule("V-O-02", Side.OUT, Side.OUT)
def outbound_record_missing(q: Question) -> Verdict:
    """Art. 2: nothing to transfer, as there is no enrolment in the scheme, or only one that is void or never was."""
    found = q.outbound.enrolled(q.application.outbound_scheme)
    return found is None or found.status in _NO_RECORD


@_rule("V-O-03", Side.OUT, Side.OUT, switch="arrears_rule")
def outbound_arrears(q: Question) -> Verdict:
    """Arrears block or warn as the outbound area's `arrears_rule` says."""
    return q.outbound.arrears and ("warn" if q.outbound_policy.arrears_rule == "warn" else True)


@_rule("V-O-04", Side.OUT, Side.OUT)
def outbound_retired(q: Question) -> Verdict:
    """Art. 2: employee participants except retirees. The resident scheme knows no retirees, so nobody is one there."""
    found = q.outbound.enrolled(q.application.outbound_scheme)
    return found is not None and _retiree(found)


@_rule("V-O-05", Side.OUT, Side.OUT)
def outbound_account_blocked(q: Question) -> Verdict:
    """Art. 9: a frozen or abnormal personal account cannot be fixed and emptied. Only the employee scheme has one."""
    account = q.outbound.account
    return (
        q.application.outbound_scheme == Scheme.EMPLOYEE
        and account is not None
        and account.status in ("frozen", "abnormal")
    )


@_rule("V-O-06", Side.OUT, Side.OUT, switch="open_claims_rule")
def outbound_open_claims(q: Question) -> Verdict:
    """Unsettled costs block or warn as the outbound area's `open_claims_rule` says."""
    return q.outbound.open_claims and ("warn" if q.outbound_policy.open_claims_rule == "warn" else True)


@_rule("V-O-07", Side.OUT, Side.OUT)
def outbound_already_transferred(q: Question) -> Verdict:
    """Art. 9: an earlier transfer took it away: the registry says so, or it has ended with its account emptied."""
    found, account = q.outbound.enrolled(q.application.outbound_scheme), q.outbound.account
    if found is None:
        return False
    emptied = account is not None and account.status == "zeroed"
    return found.transferred or (found.scheme == Scheme.EMPLOYEE and found.status == EnrolmentStatus.ENDED and emptied)


@_rule("V-I-01", Side.IN, Side.IN)
def inbound_not_enrolled(q: Question) -> Verdict:
    """Art. 5: the person must be enrolled in the inbound area."""
    return not any(row.status in _ENROLLED for row in q.inbound.basic)


@_rule("V-I-02", Side.IN, Side.IN)
def inbound_not_active(q: Question) -> Verdict:
    """Art. 5: enrolled in the inbound area, but not in the normal state."""
    rows = [row for row in q.inbound.basic if row.status in _ENROLLED]
    return bool(rows) and not any(row.active for row in rows)


@_rule("V-I-03", Side.IN, Side.IN)
def inbound_other_scheme(q: Question) -> Verdict:
    """Art. 5: active in the inbound area, but in another scheme than the one applied for."""
    active = [row for row in q.inbound.basic if row.active]
    return bool(active) and not any(row.scheme == q.application.inbound_scheme for row in active)


_KEEP = {
    frozenset({Scheme.EMPLOYEE}): Named(
        "两份职工医保关系同时有效：保留工作地的关系，终止另一份后再申请。",
        "Two employee enrolments at once: keep the one at the place of work, end the other, then apply.",
    ),
    frozenset({Scheme.RESIDENT}): Named(
        "两份居民医保关系同时有效：保留常住地的关系，终止另一份后再申请。",
        "Two resident enrolments at once: keep the one where you habitually live, end the other, then apply.",
    ),
    frozenset({Scheme.EMPLOYEE, Scheme.RESIDENT}): Named(
        "职工医保与居民医保同时有效：参加职工医保满一年的，保留职工医保，终止居民医保后再申请；"
        "不满一年的，请与经办机构确认保留哪一份。",
        "Employee and resident enrolments at once: when insured as an employee for a year or more, keep that one and "
        "end the other, then apply; otherwise settle with the agency which one to keep.",
    ),
}


@_rule("V-I-04", Side.IN, Side.OUT, Side.IN)
def enrolled_twice(q: Question) -> Verdict:
    """Art. 6: no duplicate enrolment. More than one is active on the day, inside the inbound area or across both.

    Which one to keep: of two employee ones that at the place of work, of two resident ones that of habitual residence,
    the employee one beside a resident one when employed for a year or more.
    """
    today = q.application.today
    rows = [row for row in q.inbound.basic if row.active_on(today)]
    if rows and q.application.outbound_area != q.application.inbound_area:
        rows += [row for row in q.outbound.basic if row.active_on(today)]
    return len(rows) > 1 and _KEEP[frozenset(Scheme(row.scheme) for row in rows)]


@_rule("V-I-05", Side.IN, Side.OUT, Side.IN)
def resident_same_year(q: Question) -> Verdict:
    """Art. 5: between resident schemes in principle not inside one year, but once enrolled there for the next.

    Fails while the inbound enrolment is for no later year than the last one that is covered outbound. An enrolment that
    goes on is for the year of the application; one made in autumn is for the year in which it begins.
    """
    found = q.inbound.enrolled(Scheme.RESIDENT)
    covered = q.outbound.resident_year(q.application.today)
    if not q.application.resident_to_resident or covered is None or found is None or not found.active:
        return False
    year = q.application.today.year
    return (year if found.valid_from is None else max(year, found.valid_from.year)) <= covered


@_rule("V-I-06", Side.IN)
def same_area(q: Question) -> Verdict:
    """Art. 2: nothing is transferred inside one pooling area."""
    return q.application.outbound_area == q.application.inbound_area


@_rule("V-I-07", Side.IN, Side.IN)
def inbound_retired(q: Question) -> Verdict:
    """Art. 2, seen from the inbound registry: a retiree of the employee scheme there."""
    return any(_retiree(row) and row.active for row in q.inbound.basic)


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
    """Art. 6: one open transfer for one person."""
    return bool(q.open_case)


@_rule("V-P-04", Side.APPLICANT)
def numbers_not_merged(q: Question) -> Verdict:
    """An area holds several person numbers for this identity."""
    return max(q.outbound.numbers, q.inbound.numbers) > 1


@_rule("V-P-05", Side.APPLICANT)
def registered_dead(q: Question) -> Verdict:
    """Art. 2 is about participants: either registry says that the person has died (surv_stas 2).

    No text stops the transfer of somebody imprisoned, missing or of unknown survival (3, 4, 9): those pass.
    """
    return Survival.DEAD in (q.outbound.survival, q.inbound.survival)


def _retiree(row: EnrolmentFact) -> bool:
    return row.retired and row.scheme == Scheme.EMPLOYEE
