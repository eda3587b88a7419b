"""When money may be expected: what a policy promises comes first; else what has been measured between the two areas.

Measured nightly (`MeasuredPair`), not when somebody asks: whoever looks a case up reads one row by its key, however
many transfers there have been.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from transfers.models import Clock, MeasuredPair, Remittance, TransferCase
from transfers.rules.measured import Measured
from transfers.rules.money import Destination, MoneyState
from transfers.rules.parties import Named, Side
from transfers.rules.routes import ClockKind
from transfers.rules.wallet import LIMITS
from transfers.rules.workdays import CalendarRangeError, local_date
from transfers.sla.calendars import calendar_for
from transfers.sla.clocks import policy_of

M = MoneyState
_TO_SEND = (M.PENDING_SETTLE, M.FROZEN, M.REMIT_REVIEW, M.REMIT_FAILED)
_HELD = (M.SETTLE_HELD, M.YEAR_END, M.REVIEW_HELD)
_ON_THE_WAY = (M.IN_TRANSIT, M.RECEIVED, M.MATCHED, M.UNMATCH_REVIEW)


@dataclass(frozen=True, slots=True)
class Expected:
    """What may be expected next. `what` names it; `by` is the day, None where none can be said.

    `promised`: by an area's rule; else `why` says how it was measured. `overdue`: the day is over.
    """

    what: Named
    by: date | None
    promised: bool
    why: Named
    overdue: bool = False


_SENT, _CREDITED = Named("转出地划出", "Sent by the outbound area"), Named("记入您的账户", "Credited to your account")
_PAID = Named("银行支付", "Paid by the bank")


def expected(case: TransferCase, money: Remittance, now: datetime) -> Expected | None:
    """What may be expected of this money next; None where nothing can be said, or nothing is outstanding."""
    state = MoneyState(money.state)
    if state in _HELD:
        return _year_end(case, now)
    if state in _TO_SEND:
        return _limit(case, ClockKind.REMIT, _SENT, now)
    if state is M.PAYING:
        return _payment(case, money, now)
    if state is M.TO_WALLET:
        return Expected(Named("分次转入医保钱包", "Moved to the wallet in parts"), None, True, LIMITS)
    if state in _ON_THE_WAY:
        return _limit(case, ClockKind.CREDIT, _CREDITED, now) or _measured(case, money, now)
    return None


def _year_end(case: TransferCase, now: datetime) -> Expected | None:
    freeze = policy_of(case, Side.OUT).year_end_freeze
    if freeze is None:
        return None
    on = freeze.goes_on(local_date(now))
    why = Named(
        f"转出地每年{freeze.starts}至{freeze.ends}年末清算，期间不划款。",
        f"The outbound area sends no money from {freeze.starts} to {freeze.ends}, its year-end settlement.",
    )
    return Expected(Named("恢复划款", "Sending goes on"), on, True, why)


def _limit(case: TransferCase, kind: ClockKind, what: Named, now: datetime) -> Expected | None:
    """By the area's own limit, where it has one."""
    clock = Clock.objects.filter(case=case, kind=kind, status=Clock.Status.RUNNING).first()
    if clock is None:
        return None
    area = case.outbound_area if kind is ClockKind.REMIT else case.inbound_area
    why = Named(
        f"{area.full_name}规定的期限：{clock.budget}个工作日。",
        f"The limit laid down in {area.full_name}: {clock.budget} working day{'' if clock.budget == 1 else 's'}.",
    )
    return Expected(what, clock.due_on, True, why, overdue=now >= clock.due_at)


def _payment(case: TransferCase, money: Remittance, now: datetime) -> Expected | None:
    days = policy_of(case, Side.OUT).payout_expected_days
    if days is None or money.remitted_at is None:
        return None
    why = Named(
        f"转出地公布：支付一般需要{days}个工作日，不是承诺。",
        f"As the outbound area says, a payment usually takes {days} working day{'' if days == 1 else 's'}; no promise.",
    )
    return _after(case.outbound_area_id, money.remitted_at, days, _PAID, why, now)


def _measured(case: TransferCase, money: Remittance, now: datetime) -> Expected | None:
    measured = measured_between(case.outbound_area_id, case.inbound_area_id)
    if measured is None or money.remitted_at is None or money.destination != Destination.INBOUND:
        return None
    return _after(case.inbound_area_id, money.remitted_at, measured.nine, _CREDITED, measured.said, now)


def _after(area: str, start: datetime, days: int, what: Named, why: Named, now: datetime) -> Expected:
    try:
        by: date | None = calendar_for(area).add(local_date(start), days) if days else local_date(start)
    except CalendarRangeError:
        by = None
    return Expected(what, by, False, why, overdue=by is not None and local_date(now) > by)


def measured_between(out: str, into: str) -> Measured | None:
    """The measure of this pair; of all that leaves `out` where too few went to `into`; None where nothing is known."""
    return measured_pairs([(out, into)]).get((out, into))


def measured_pairs(pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Measured]:
    """The measures of these pairs (out, into), as `measured_between` knows each; one statement."""
    known = MeasuredPair.objects.filter(
        Q(into__in={into for _out, into in pairs}) | Q(into__isnull=True), out__in={out for out, _into in pairs}
    )
    rows = {(row.out_id, row.into_id): row for row in known}
    found = {pair: rows.get(pair) or rows.get((pair[0], None)) for pair in pairs}
    return {
        pair: Measured(row.count, row.since, row.half_days, row.nine_days, anywhere=row.into_id is None)
        for pair, row in found.items()
        if row is not None
    }
