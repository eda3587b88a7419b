"""The effects of money that arrives: lines of bank statements are matched to cases, doubted, and taken apart again.

What arrives in the ledger is what has been matched, part by part, whoever matched it: `Remittance.received_fen` is the
sum of the parts. In RECEIVED it is an amount that somebody wrote down, which arrives when it is matched.
"""

from __future__ import annotations

from typing import Any

from transfers.actions import lines, payments
from transfers.actions.effects import Context, Effect, effect
from transfers.actions.money import post_all, posting
from transfers.models import CaseEvent
from transfers.rules.bank import PaymentKind, PaymentState
from transfers.rules.errors import refusal
from transfers.rules.money import Book, MoneyState
from transfers.rules.workdays import local_date

LESS, REST = "D-01", "D-11"
_DOUBTS = ("raise_difference", "answer_difference")


def outstanding_fen(context: Context) -> int:
    """What of the amount has not arrived yet."""
    return context.money.amount_fen - (context.money.received_fen or 0)


@effect("auto_match")
def auto_match(context: Context) -> Effect:
    """A line that belongs to this case beyond doubt (rules/matching.py)."""
    data = context.step.data
    return _arrive(context, data["line"], data["amount_fen"], score=data["score"], told={"why": data["why"]})


@effect("match_line")
def match_line(context: Context) -> Effect:
    """A line, or a part of it, that somebody of the inbound agency's finance says is this case's."""
    line = lines.locked(context.case.inbound_agency_id, context.step.data["line"])
    amount = context.step.data.get("amount_yuan") or lines.open_fen(line)
    if amount > lines.open_fen(line):
        raise refusal("J-LINE-TAKEN", **lines.said(line))
    fill = {"amount_fen": amount, "bank_reference": line.bank_reference}
    return _arrive(context, line.pk, amount, fill=fill)


def _arrive(
    context: Context,
    line: int,
    amount: int,
    *,
    score: int | None = None,
    fill: dict[str, Any] | None = None,
    told: dict[str, Any] | None = None,
) -> Effect:
    """A part of a line is this case's: what lay between the two areas has reached the inbound one. J-MATCH-MORE."""
    if amount > outstanding_fen(context):
        raise refusal("J-MATCH-MORE")
    case, step = context.case, context.step
    part = lines.Part(line, case.pk, amount, score, step.user_id, step.now)
    return Effect(
        {"line": line, **({} if score is None else {"score": score}), **(told or {})},
        fill=fill or {},
        writes=((lines.allocate, part), (post_all, _posted(context, "arrive", amount))),
    )


def _posted(context: Context, kind: str, amount: int) -> Any:
    case = context.case
    out, into = case.outbound_area_id, case.inbound_area_id
    fen = amount if kind == "arrive" else -amount
    return posting(
        context.money, kind, [(Book.TRANSIT, out, into, -fen), (Book.RECEIVED, into, out, fen)], at=context.step.now
    )


# --- written down by hand ------------------------------------------------------------------------------


@effect("record_receipt")
def record_receipt(context: Context) -> Effect:
    """Money that somebody saw on the account before the bank's file told it. J-PART-ARRIVED, J-LINE-KNOWN."""
    if context.money.received_fen:
        raise refusal("J-PART-ARRIVED")
    data = context.step.data
    lines.require_free(context.case.inbound_agency_id, data["bank_reference"], data["received_yuan"])
    return Effect()


@effect("match_receipt")
def match_receipt(context: Context) -> Effect:
    """Only the exact amount matches (Art. 9: matched to the case, the amount checked). J-AMOUNT-DIFFERS."""
    money = context.money
    if money.received_fen != money.amount_fen:
        raise refusal("J-AMOUNT-DIFFERS")
    return _arrives_by_hand(context)


def _arrives_by_hand(context: Context) -> Effect:
    """What was written down is matched, as a line of its own or the bank's that has come meanwhile."""
    money = context.money
    line = lines.by_hand(context.case, money, now=context.step.now)
    amount, money.received_fen = money.received_fen or 0, None
    effect = _arrive(context, line.pk, amount)
    money.received_fen = amount
    return effect


# --- in doubt -------------------------------------------------------------------------------------------


@effect("raise_difference")
def raise_difference(context: Context) -> Effect:
    """The amount differs. What was written down as less is a part, and matched; as more, it waits as a line."""
    money, less = context.money, context.step.reason == LESS
    if money.state == MoneyState.RECEIVED:
        if less and 0 < (money.received_fen or 0) < money.amount_fen:
            return _arrives_by_hand(context)
        lines.by_hand(context.case, money, now=context.step.now)
        money.received_fen = None
    if less and not money.received_fen:
        raise refusal("J-PART-FIRST")
    return Effect()


@effect("answer_difference")
def answer_difference(context: Context) -> Effect:
    """D-11: the rest is sent, by a payment of its own. J-NO-REST, J-REST-OPEN, J-NO-ACCOUNT."""
    if context.step.reason != REST:
        return Effect()
    money, missing = context.money, outstanding_fen(context)
    if not 0 < missing < money.amount_fen:
        raise refusal("J-NO-REST")
    payments.require_no_rest(context.case)
    now, kind = context.step.now, PaymentKind.REST
    account = context.found(payments.accounts_for, local_date(now))
    rest = payments.to_inbound(context.case, money, account, kind, missing, made_by=context.staff_id, now=now)
    return Effect({"payment": rest.number}, writes=((payments.write, rest),))


@effect("keep_match")
def keep_match(context: Context) -> Effect:
    """The money is where it was, with what had been said of its amount since it was sent."""
    said = CaseEvent.objects.filter(case=context.case, name__in=("approve_remittance", *_DOUBTS))
    last = said.order_by("-version").first()
    doubt = (last.reason, last.note) if last is not None and last.name in _DOUBTS else ("", "")
    return Effect(fill={"doubt": doubt})


@effect("approve_unmatch")
def approve_unmatch(context: Context) -> Effect:
    """The match was wrong: its lines are open again, and the money lies between the areas as before.

    A rest that has not been sent was reckoned from that match, and is not sent.
    """
    case, money, now = context.case, context.money, context.step.now
    undoing = lines.Undoing(case.pk, money.remitted_at or now, now)
    return Effect(
        writes=(
            (lines.undo, undoing),
            (post_all, _posted(context, "unmatch", money.received_fen or 0)),
            (payments.drop_rests, payments.Closing(case.pk, PaymentState.CANCELLED, now, note=context.step.note)),
        ),
    )
