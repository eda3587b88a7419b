"""What a public look-up shows at which level of proof. Both faces (page and JSON) take it from here.

| shown | number and last six | and a code to the phone on file |
|---|---|---|
| number, masked name | yes | yes |
| stage, the line of stages without dates | yes | yes |
| the side that must act, its agency and telephone | yes | yes |
| working days used and left, promised date (暂定 when provisional) | yes | yes |
| what to do next | yes | yes |
| from where to where, date of application | no | yes |
| history with dates | no | yes |
| money line with dates and the amount | no | yes |
| reasons of a refusal with remedies | no | yes |
| the supplement wanted, its note and last day; sending it in | no | yes |
| why it was returned, with the remedy; resubmitting | no | yes |
| why it has ended; asking to withdraw | no | yes |
| papers that were issued, as files | no | yes |

Identity number, phone and full name are shown at no level.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from transfers.models import Clock, TransferCase
from transfers.rules.codes import Reason
from transfers.rules.errors import Refusal
from transfers.rules.parties import Named, Side
from transfers.rules.routes import State
from transfers.selectors.progress import (
    ClockView,
    Entry,
    MoneyView,
    PublicStatus,
    Stage,
    money_view,
    promised_clock,
    public_status,
    timeline,
)


@dataclass(frozen=True, slots=True)
class Line:
    """The stage line: all that number and tail open.

    `yours`: the applicant must act. `tone`: late, yours, done (completed), ended (another end) or running.
    """

    number: str
    name_masked: str
    stage: Named
    stages: tuple[Stage, ...]
    acts: Named
    yours: bool
    agency: str
    agency_phone: str
    clock: ClockView | None
    days: Named | None
    promised_on: date | None
    provisional: bool
    overdue: bool
    next_step: Named
    closed: bool
    tone: str
    # There are reasons, to be seen with the second proof.
    refused: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason of a refusal, a return or an end, with what to do about it.

    `hard`: repairing it is not enough, another way is needed.
    """

    code: str
    zh: str
    en: str
    remedy: Named
    basis: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Detail:
    """What the code to the phone opens beside the line."""

    from_area: str
    to_area: str
    applied_on: date
    history: tuple[Entry, ...]
    money: MoneyView
    failures: tuple[Problem, ...]
    supplement: Reason | None
    supplement_note: str
    returned: Problem | None
    returned_note: str
    ended: Problem | None


_MOVED_ON = {"J-STALE", "J-NOT-NOW"}


def for_the_public(error: Refusal) -> Refusal:
    """The refusal as somebody outside may read it: it names no staff and no internal state."""
    if error.code not in _MOVED_ON:
        return error
    version = {"version": error.details["version"]} if "version" in error.details else {}
    return Refusal(
        error.code,
        "业务状态已有变化，请查看最新进度后再办理。",
        "The case has moved on meanwhile. Look at where it stands now before you act.",
        http_status=error.http_status,
        details=version,
    )


def look(case: TransferCase, now: datetime, *, verified: bool) -> tuple[Line, Detail | None]:
    """The case at that level. The detail is not even fetched without the second proof."""
    return shown(case, promised_clock(case), now, verified=verified)


def shown(case: TransferCase, running: Clock | None, now: datetime, *, verified: bool) -> tuple[Line, Detail | None]:
    """The same for somebody who has the case's `promised_clock` already."""
    status = public_status(case, running, now)
    return _line(case, status), _detail(case, status, now) if verified else None


def _line(case: TransferCase, status: PublicStatus) -> Line:
    return Line(
        number=status.number,
        name_masked=status.name_masked,
        stage=status.stage,
        stages=status.stages,
        acts=status.acts,
        yours=case.acts == Side.APPLICANT,
        agency=status.agency,
        agency_phone=status.agency_phone,
        clock=status.clock,
        days=status.days,
        promised_on=status.promised_on,
        provisional=bool(status.clock and status.clock.provisional),
        overdue=status.overdue,
        next_step=status.next_step,
        closed=status.closed,
        tone=_tone(case, status),
        refused=bool(status.failures),
    )


def _tone(case: TransferCase, status: PublicStatus) -> str:
    if status.closed:
        return "done" if case.state == State.COMPLETED else "ended"
    if status.overdue:
        return "late"
    return "yours" if case.acts == Side.APPLICANT else "running"


def _detail(case: TransferCase, status: PublicStatus, now: datetime) -> Detail:
    return Detail(
        from_area=status.from_area,
        to_area=status.to_area,
        applied_on=status.applied_on,
        history=tuple(timeline(case, public=True)),
        money=money_view(case, now),
        failures=tuple(_problem(reason) for reason in status.failures),
        supplement=status.supplement,
        supplement_note=status.supplement_note,
        returned=_problem(status.returned) if status.returned else None,
        returned_note=status.returned_note,
        ended=_problem(status.ended) if status.ended else None,
    )


def _problem(reason: Reason) -> Problem:
    remedy = Named(reason.remedy_zh, reason.remedy_en)
    return Problem(reason.code, reason.zh, reason.en, remedy, reason.basis, reason.hard)
