"""The money line: fix, remit (207), receive, match, credit (107). Every posting is double entry, in fen."""

from __future__ import annotations

from datetime import datetime

from transfers.actions.effects import Context, Effect, Next, effect
from transfers.models import LedgerEntry, LedgerTransaction, Remittance, TransferCase
from transfers.registry import answering, registry_for
from transfers.rules.errors import refusal
from transfers.rules.routes import State


def post(
    case: TransferCase, kind: str, lines: list[tuple[str, str, str | None, int]], *, now: datetime
) -> LedgerTransaction:
    """Write one posting; `lines` are (book, area, counter area, fen) and sum to zero. Once per case and kind."""
    posting = LedgerTransaction.objects.create(case=case, kind=kind, at=now)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=posting, book=book, area_id=area, counter_area_id=counter, amount_fen=amount)
        for book, area, counter, amount in lines
    )
    return posting


def _money(context: Context) -> Remittance:
    assert context.remittance is not None
    return context.remittance


@effect("freeze")
def freeze(context: Context) -> Effect:
    """Fix the balance and empty the account: from here on it cannot be spent (Art. 9)."""
    case, amount = context.case, context.step.data["amount_fen"]
    out = case.outbound_area_id
    with answering(case.outbound_area):
        registry_for(out).fix_account(case.person, out, amount, case.pk)
    post(
        case,
        "fix",
        [("personal", out, None, -amount), ("fixed", out, case.inbound_area_id, amount)],
        now=context.step.now,
    )
    return Effect()


@effect("approve_remittance")
def approve_remittance(context: Context) -> Effect:
    """Entry kind 207: the money leaves for the inbound area."""
    case, amount = context.case, _money(context).amount_fen
    out, into = case.outbound_area_id, case.inbound_area_id
    post(case, "207", [("fixed", out, into, -amount), ("transit", out, into, amount)], now=context.step.now)
    return Effect()


@effect("release")
def release(context: Context) -> Effect:
    """The case did not go through: what was fixed goes back to the account it came from."""
    case, amount = context.case, _money(context).amount_fen
    out = case.outbound_area_id
    with answering(case.outbound_area):
        registry_for(out).restore_account(case.person, out, amount, case.pk)
    post(
        case,
        "release",
        [("fixed", out, case.inbound_area_id, -amount), ("personal", out, None, amount)],
        now=context.step.now,
    )
    return Effect()


@effect("match_receipt")
def match_receipt(context: Context) -> Effect:
    """Only the exact amount matches (Art. 9: matched to the case, the amount checked)."""
    money = _money(context)
    if money.received_fen != money.amount_fen:
        raise refusal("J-AMOUNT")
    return Effect()


@effect("credit_account")
def credit_account(context: Context) -> Effect:
    """Entry kind 107: the money is in the person's new account."""
    case, amount = context.case, _money(context).amount_fen
    out, into = case.outbound_area_id, case.inbound_area_id
    with answering(case.inbound_area):
        registry_for(into).credit_account(case.person, into, amount, case.pk)
    post(case, "107", [("transit", out, into, -amount), ("personal", into, None, amount)], now=context.step.now)
    return Effect(then=(Next("finish"),) if case.state == State.RELATION_DONE else ())
