"""Where cases stand at the end, in words; a case for which there are none is not explained."""

from __future__ import annotations

from collections import Counter

from django.db.models import Count, Q

from transfers.models import Clock, Remittance, TransferCase
from transfers.rules.money import MONEY_CLOCKS, MoneyState
from transfers.rules.routes import ClockKind, State

WAITING = {
    MoneyState.FROZEN: "waits to be sent",
    MoneyState.SETTLE_HELD: "waits for the end of the year-end freeze",
    MoneyState.YEAR_END: "waits for the end of the year-end freeze",
    MoneyState.REVIEW_HELD: "waits for the end of the year-end freeze",
    MoneyState.REMIT_FAILED: "returned by the bank, waits to be sent again",
    MoneyState.IN_TRANSIT: "sent, waits for the bank's line",
    MoneyState.MISMATCH: "waits for the answer about a difference",
    MoneyState.MATCHED: "matched, waits to be credited",
}
_ENDED = {
    State.NOT_ACCEPTED: "not accepted: the prechecks failed",
    State.WITHDRAWN: "withdrawn",
    State.TERMINATED: "ended before its time",
}
_AT_WORK = {
    State.ACCEPTED: "waits to be claimed by the outbound side",
    State.OUT_PROCESSING: "with the outbound side",
    State.OUT_SUPPLEMENT: "waits for the person's supplement",
    State.OUT_REVIEW: "with the outbound side",
    State.RETURNED: "returned, waits for the person",
    State.INFO_SENT: "waits to be claimed by the inbound side",
    State.IN_PROCESSING: "with the inbound side",
    State.IN_QUERY: "queried, waits for the outbound side",
    State.IN_REVIEW: "with the inbound side",
    State.WITHDRAW_REQUESTED: "waits for the answer to a withdrawal",
}


def money_waits(row: Remittance) -> str | None:
    """What the money of a case waits for; None when it should not wait."""
    if row.state == MoneyState.IN_TRANSIT and row.received_fen:
        return "less arrived, waits for the rest"
    return WAITING.get(MoneyState(row.state))


def explained() -> tuple[Counter[str], list[str]]:
    """How many cases stand where, and the numbers of those of which that cannot be said.

    What is at work has exactly one limit that runs, beside those of its money; what has ended has a reason and none;
    what is complete has its money settled, or had none to move.
    """
    counted: Counter[str] = Counter()
    unexplained = []
    money = {row.pk: row for row in Remittance.objects.all()}
    still = ~Q(clocks__status=Clock.Status.STOPPED)
    runs = Q(clocks__status=Clock.Status.RUNNING)
    of_money = Q(clocks__kind__in=[*MONEY_CLOCKS, ClockKind.FUND])
    cases = TransferCase.objects.order_by("pk").only("number", "state", "end_reason", "failures", "holder_id")
    cases = cases.annotate(limits=Count("clocks", filter=still), work=Count("clocks", filter=runs & ~of_money))
    for case in cases.iterator():
        found = _where(case, money.get(case.pk), case.limits, case.work)
        if found is None:
            unexplained.append(f"{case.number} {case.state}")
        else:
            counted[found] += 1
    return counted, unexplained


def _where(case: TransferCase, money: Remittance | None, limits: int, of_work: int) -> str | None:
    state = State(case.state)
    if state is State.NOT_ACCEPTED:
        return _ENDED[state] if case.failures and not limits else None
    if state in _ENDED:
        return _ENDED[state] if case.end_reason and not limits else None
    if state is State.COMPLETED:
        if money is None or not money.info.settled or limits:
            return None
        return "complete: nothing to move" if money.state == MoneyState.NONE else "complete: credited"
    if state is State.RELATION_DONE:
        waits = money_waits(money) if money is not None else None
        return f"taken over; the money {waits}" if waits is not None else None
    return _AT_WORK.get(state) if of_work == 1 and case.holder_id is not None else None
