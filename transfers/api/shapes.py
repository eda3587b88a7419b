"""What goes over the wire: the schemas of the contract, and the values that are sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from ninja import Field, Schema
from pydantic import ConfigDict

from accounts.mask import mask_name
from transfers.models import TransferCase
from transfers.models.labels import Bilingual
from transfers.rules.policy import plain
from transfers.rules.precheck import reason_told
from transfers.selectors.applying import Applies, Between
from transfers.selectors.expectations import Expected
from transfers.selectors.progress import Choice, ClockView, MoneyView
from transfers.web.levels import Detail, Line, Problem

CASE_NUMBER = "JX2600000000000"


class Words(Schema):
    """One wording in both languages."""

    zh: str
    en: str


# --- what is sent to us -------------------------------------------------------------------------
class MoverIn(Schema):
    """Who would move from where to where."""

    name: str = Field(
        max_length=50, description="As on the identity document: letters of any script, · . - ' and spaces."
    )
    identity_type: str | None = Field("01", description="证件类型: 01 resident identity card, 17 residence permit, …")
    identity_number: str = Field(max_length=30, description="Checked by GB 11643 where the document follows it.")
    outbound_area: str = Field(pattern=r"^[0-9]{6}$", description="统筹区 code, see /areas.")
    inbound_area: str = Field(pattern=r"^[0-9]{6}$", description="统筹区 code, see /areas.")
    outbound_scheme: Literal["310", "390"] | None = Field("310", description="310 职工, 390 城乡居民.")
    inbound_scheme: Literal["310", "390"] | None = "310"


class ApplicationIn(MoverIn):
    """An application. Optional fields may be left out or null; unknown ones are refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "测试甲",
                "identity_type": "01",
                "identity_number": "110101199003070011",
                "phone": "13800000001",
                "outbound_area": "450100",
                "inbound_area": "330100",
            }
        },
    )
    phone: str = Field(max_length=20, description="Mainland mobile number; codes and letters go there.")
    email: str | None = Field("", max_length=254)
    applicant: Literal["self", "employer", "agent"] | None = "self"
    applicant_name: str | None = Field("", max_length=80)
    employer_code: str | None = Field("", max_length=18, description="统一社会信用代码; required of an employer.")
    agent_relation: str | None = Field("", max_length=20, description="To the person; required of an agent.")
    agent_phone: str | None = Field("", max_length=20, description="Required of an agent, with `applicant_name`.")
    certificate_number: str | None = Field("", max_length=40, description="参保凭证, of the paper route.")
    remarks: str | None = Field("", max_length=500)
    language: Literal["zh-hans", "en"] | None = Field("zh-hans", description="Language of the letters to the person.")


class SupplementIn(Schema):
    """The applicant's answer to a request for a supplement."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"version": 5, "note": "已重新上传清晰的证件照片"}}
    )
    version: int = Field(ge=0, le=2**31 - 1, description="The `version` last read: nobody acts on an old state.")
    note: str = Field(min_length=1, max_length=500)


class ResubmissionIn(SupplementIn):
    """What was repaired after a return."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 5, "note": "原单位已办理停保"}})


class WithdrawalIn(SupplementIn):
    """The applicant no longer wants the transfer. Before acceptance it ends at once; afterwards it is asked for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"version": 3, "reason": "W-01", "note": "暂不转移"}}
    )
    reason: Literal["W-01", "W-02", "W-03"] = Field(
        description="W-01 本人撤回 · W-02 改选转入地 · W-03 单位误申请",
    )


class DestinationIn(Schema):
    """Where the person wants the balance to go: one of `money.choice.options`. A bank account is the person's own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "version": 8,
                "destination": "account",
                "payee_bank": "测试银行南宁支行",
                "payee_account": "6222000000000000004",
            }
        },
    )
    version: int = Field(ge=0, le=2**31 - 1, description="The version that was last read.")
    destination: Literal["inbound", "account", "wallet"]
    payee_bank: str = Field("", max_length=60, description="With `account` only.")
    payee_account: str = Field("", max_length=40, description="With `account` only; its check digit is checked.")


class LookupIn(Schema):
    """The two things a person knows; the code to the phone opens the rest."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"number": CASE_NUMBER, "tail": "070011"}})
    number: str = Field(min_length=1, max_length=100, description="Spaces, dashes and case do not matter.")
    tail: str = Field(min_length=1, max_length=100, description="Last six characters of the identity number.")


class LookupWithCodeIn(LookupIn):
    """As above, with the one-time code when there is one."""

    code: str = Field("", max_length=100, description="The code that /track/code sent; opens `detail`.")


# --- what we send -------------------------------------------------------------------------------
class ProblemOut(Schema):
    """Problem details (RFC 9457). `code` never changes its meaning; the sentences may be improved."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    zh: str
    en: str
    request_id: str
    details: dict[str, Any] = Field(default_factory=dict, description="`fields` by field, `seconds`, `version`.")


class LimitOut(Schema):
    """A limit in working days. `left` is never below zero; `promised_on` is its last day."""

    kind: str
    named: Words
    budget: int
    used: int
    left: int
    words: Words
    overdue: bool
    days_over: int
    promised_on: date
    provisional: bool


class AgencyOut(Schema):
    name: str
    phone: str


class FailureOut(Schema):
    """A rule that failed. One that does not block is only a warning."""

    code: str
    zh: str
    en: str
    remedy: Words
    basis: str
    hard: bool
    blocking: bool


class SupplementOut(Schema):
    code: str
    zh: str
    en: str
    note: str


class ReasonOut(Schema):
    """Why a case was returned, or has ended, with what can be done about it."""

    code: str
    zh: str
    en: str
    remedy: Words
    note: str


class AreaOut(Schema):
    """A pooling area. A pseudo-code is one that the national list of areas lacks."""

    code: str
    name: str
    full_name: str
    province: str
    pseudo: bool


class EditionOut(Schema):
    """The edition of a policy: whose, which, by which document, since when. `source` says what it rests on."""

    area: str
    version: int
    document_number: str
    valid_from: str
    valid_to: str | None
    source: str


class RuleOut(Schema):
    """One switch as it applies. `edition` is the index into `editions`; null when no area lays it down."""

    value: Any = Field(description="As in a policy: number, text, list, true or false, null for none.")
    words: Words
    edition: int | None


class SideRulesOut(Schema):
    """What applies in one area, by switch; `editions` are those that it results from, the widest area first."""

    area: str
    full_name: str
    editions: list[EditionOut]
    rules: dict[str, RuleOut]


class PromiseOut(Schema):
    """One sentence for the person, and the switches (`out.` or `in.` before the name) that it rests on."""

    topic: Words
    text: Words
    switches: list[str]


class RulesOut(Schema):
    """What applies to a move from one area to the other on a day."""

    on: str
    same_province: bool
    promises: list[PromiseOut]
    outbound: SideRulesOut
    inbound: SideRulesOut


class ListedOut(Schema):
    """An application in a list."""

    number: str
    version: int
    state: str
    state_words: Words
    stage: Words
    outbound_area: str
    inbound_area: str
    applied_at: datetime
    accepted_at: datetime | None
    closed_at: datetime | None


class MoneyStepOut(Schema):
    zh: str
    en: str
    at: datetime | None


class ExpectedOut(Schema):
    """What may be expected next, by which day. `promised` by an area's rule; else measured, as `why` says."""

    what: Words
    by: date | None
    promised: bool
    overdue: bool
    why: Words


class ChoiceOut(Schema):
    """What the person may choose, until when; `chosen` is null until they have."""

    options: list[Literal["inbound", "account", "wallet"]]
    until: datetime
    chosen: str | None


class MoneyOut(Schema):
    """The money line. The amount is only in a person's own look-up."""

    state: str
    words: Words
    steps: list[MoneyStepOut]
    settled: bool
    to: Words | None
    why: Words | None
    trouble: Words | None
    expected: ExpectedOut | None
    choice: ChoiceOut | None


class ApplicationOut(ListedOut):
    """An application and where it stands."""

    name_masked: str
    acts: Words
    agency: AgencyOut
    limit: LimitOut | None
    next_step: Words
    failures: list[FailureOut]
    supplement: SupplementOut | None
    returned: ReasonOut | None
    ended: ReasonOut | None
    money: MoneyOut


class ListOut(Schema):
    """Newest first. `next` is the `after` of the following page; null at the end."""

    items: list[ListedOut]
    next: str | None


class StageOut(Schema):
    zh: str
    en: str
    status: Literal["done", "now", "ahead"]


class HistoryOut(Schema):
    at: datetime
    zh: str
    en: str
    agency: str
    reason: Words | None
    note: str


class OwnMoneyOut(MoneyOut):
    amount_fen: int | None


class DetailOut(Schema):
    """What the code to the phone opens."""

    from_area: str
    to_area: str
    applied_on: date
    history: list[HistoryOut]
    money: OwnMoneyOut
    failures: list[FailureOut]
    supplement: SupplementOut | None
    returned: ReasonOut | None
    ended: ReasonOut | None


class TrackOut(Schema):
    """The stage line; `detail` only with a right code."""

    number: str
    name_masked: str
    stage: Words
    stages: list[StageOut]
    acts: Words
    agency: AgencyOut
    limit: LimitOut | None
    next_step: Words
    closed: bool
    detail: DetailOut | None


class CodeSentOut(Schema):
    """The same whether or not anything was sent."""

    zh: str
    en: str


# --- values -------------------------------------------------------------------------------------
def words(of: Bilingual) -> dict[str, str]:
    return {"zh": of.zh, "en": of.en}


def listed(case: TransferCase) -> dict[str, Any]:
    """One line of a list, from the row alone."""
    return {
        "number": case.number,
        "version": case.version,
        "state": case.state,
        "state_words": words(case.info),
        "stage": words(case.info.public),
        "outbound_area": case.outbound_area_id,
        "inbound_area": case.inbound_area_id,
        "applied_at": case.applied_at,
        "accepted_at": case.accepted_at,
        "closed_at": case.closed_at,
    }


def application(case: TransferCase, line: Line, detail: Detail) -> dict[str, Any]:
    """A partner's own case: everything but the amount and the internal history."""
    return {
        **listed(case),
        "name_masked": mask_name(case.name),
        **_standing(line),
        "failures": _failures(case),
        "supplement": _supplement(detail),
        "returned": _reason(detail.returned, detail.returned_note),
        "ended": _reason(detail.ended),
        "money": _money(detail.money),
    }


def track(case: TransferCase, line: Line, detail: Detail | None) -> dict[str, Any]:
    """A person's own look-up."""
    return {
        "number": line.number,
        "name_masked": line.name_masked,
        "stage": words(line.stage),
        "stages": [{**words(stage.named), "status": stage.status} for stage in line.stages],
        **_standing(line),
        "closed": line.closed,
        "detail": detail
        and {
            "from_area": detail.from_area,
            "to_area": detail.to_area,
            "applied_on": detail.applied_on,
            "history": [
                {
                    "at": entry.at,
                    **words(entry.title),
                    "agency": entry.agency,
                    "reason": entry.reason and words(entry.reason),
                    "note": entry.note,
                }
                for entry in detail.history
            ],
            "money": {**_money(detail.money), "amount_fen": detail.money.amount_fen},
            "failures": _failures(case),
            "supplement": _supplement(detail),
            "returned": _reason(detail.returned, detail.returned_note),
            "ended": _reason(detail.ended),
        },
    }


def _standing(line: Line) -> dict[str, Any]:
    return {
        "acts": words(line.acts),
        "agency": {"name": line.agency, "phone": line.agency_phone},
        "limit": _limit(line.clock, line.days) if line.clock and line.days else None,
        "next_step": words(line.next_step),
    }


def _limit(clock: ClockView, days: Bilingual) -> dict[str, Any]:
    return {
        "kind": clock.kind,
        "named": words(clock.named),
        "budget": clock.budget,
        "used": clock.used,
        "left": clock.left,
        "words": words(days),
        "overdue": clock.overdue,
        "days_over": clock.days_over,
        "promised_on": clock.due_on,
        "provisional": clock.provisional,
    }


def _failures(case: TransferCase) -> list[dict[str, Any]]:
    shown = []
    for failure in case.failures:
        reason = reason_told(failure)
        shown.append(
            {
                "code": reason.code,
                **words(reason),
                "remedy": {"zh": reason.remedy_zh, "en": reason.remedy_en},
                "basis": reason.basis,
                "hard": reason.hard,
                "blocking": failure["blocking"],
            }
        )
    return shown


def _supplement(detail: Detail) -> dict[str, Any] | None:
    if detail.supplement is None:
        return None
    return {"code": detail.supplement.code, **words(detail.supplement), "note": detail.supplement_note}


def _reason(problem: Problem | None, note: str = "") -> dict[str, Any] | None:
    if problem is None:
        return None
    return {"code": problem.code, **words(problem), "remedy": words(problem.remedy), "note": note}


def _money(money: MoneyView) -> dict[str, Any]:
    return {
        "state": money.state,
        "words": words(money.public),
        "steps": [{**words(step.named), "at": step.at} for step in money.steps],
        "settled": money.settled,
        "to": words(money.to) if money.to else None,
        "why": words(money.why) if money.why else None,
        "trouble": words(money.trouble) if money.trouble else None,
        "expected": _expected(money.expected) if money.expected else None,
        "choice": _choice(money.choice) if money.choice else None,
    }


def _expected(expected: Expected) -> dict[str, Any]:
    return {
        "what": words(expected.what),
        "by": expected.by,
        "promised": expected.promised,
        "overdue": expected.overdue,
        "why": words(expected.why),
    }


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "options": [one.value for one in choice.options],
        "until": choice.until,
        "chosen": choice.chosen.value if choice.chosen else None,
    }


def rules(found: Between) -> dict[str, Any]:
    """What applies between two areas, as `RulesOut`. The ladder of alarms is the agencies' own affair and left out."""
    return {
        "on": found.outbound.on.isoformat(),
        "same_province": found.same_province,
        "promises": [
            {
                "topic": words(promise.topic),
                "text": words(promise.text),
                "switches": [f"{side}.{code}" for side, code in promise.switches],
            }
            for promise in found.promises
        ],
        "outbound": _side_rules(found.outbound),
        "inbound": _side_rules(found.inbound),
    }


def _side_rules(applies: Applies) -> dict[str, Any]:
    return {
        "area": applies.area.code,
        "full_name": applies.area.full_name,
        "editions": [
            {
                "area": origin.area.code,
                "version": origin.version,
                "document_number": origin.document_number,
                "valid_from": origin.valid_from.isoformat(),
                "valid_to": origin.valid_to.isoformat() if origin.valid_to else None,
                "source": origin.source,
            }
            for origin in applies.origins
        ],
        "rules": {
            code: {
                "value": plain(value.switch, value.value),
                "words": words(value.words),
                "edition": applies.origins.index(value.origin) if value.origin else None,
            }
            for code, value in applies.values.items()
            if value.switch.kind != "ladder"
        },
    }
