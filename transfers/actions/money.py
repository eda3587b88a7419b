"""The effects of money on the way out, and the ledger behind it: every posting sums to zero, every amount in fen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from transfers.actions import payments
from transfers.actions.effects import Context, Effect, Next, effect
from transfers.actions.intake import hold_person, open_case_of
from transfers.models import Allocation, LedgerEntry, LedgerTransaction, Remittance, TransferCase
from transfers.models.guards import keys_for, write_new
from transfers.registry import answering, registry_for
from transfers.rules.bank import PaymentState
from transfers.rules.errors import refusal
from transfers.rules.money import Book, Destination, MoneyState
from transfers.rules.parties import Side
from transfers.rules.routes import State
from transfers.rules.workdays import due_instant, local_date
from transfers.sla.calendars import calendar_for
from transfers.sla.clocks import policy_of

Line = tuple[Book, str, str | None, int]  # book, area, counter area, fen


@dataclass(frozen=True, slots=True)
class Posting:
    """One posting to be made: its lines sum to zero. `kind` as `LedgerTransaction.kind`."""

    money: Remittance
    kind: str
    lines: tuple[Line, ...]
    at: datetime
    number: int


def posting(money: Remittance, kind: str, lines: Iterable[Line], *, at: datetime) -> Posting:
    """The next posting of a case; its number is taken here, so that a repetition cannot be written."""
    money.postings += 1
    return Posting(money, kind, tuple(line for line in lines if line[3]), at, money.postings)


def post_all(postings: list[Posting]) -> None:
    """Write postings, in three statements however many."""
    keys = keys_for(LedgerTransaction, len(postings))
    write_new(
        LedgerTransaction,
        ("id", "case_id", "number", "kind", "at"),
        [(key, p.money.case_id, p.number, p.kind, p.at) for key, p in zip(keys, postings, strict=True)],
    )
    write_new(
        LedgerEntry,
        ("transaction_id", "book", "area_id", "counter_area_id", "amount_fen"),
        [
            (key, book.value, area, counter, fen)
            for key, p in zip(keys, postings, strict=True)
            for book, area, counter, fen in p.lines
        ],
    )


def _way(case: TransferCase, money: Remittance) -> tuple[str, str | None]:
    """The two ends of what is on its way: none is the other where a person is paid."""
    on_to = case.inbound_area_id if money.destination in (Destination.INBOUND, Destination.INSTANT) else None
    return case.outbound_area_id, on_to


def _finish(case: TransferCase) -> tuple[Next, ...]:
    return (Next("finish"),) if case.state == State.RELATION_DONE else ()


def _reopen(context: Context) -> tuple[Next, ...]:
    """A case that was complete opens again, for the reason of the step. J-OTHER-OPEN while the person has another."""
    if context.case.state != State.COMPLETED:
        return ()
    hold_person(context.case)
    if other := open_case_of(context.case.person):
        raise refusal("J-OTHER-OPEN", number=other)
    return (Next("reopen_money", reason=context.step.reason),)


def _write(case: TransferCase, money: Remittance) -> str:
    """By what a registry knows the write that goes with the next posting, however often it hears of it."""
    return f"{case.number}-{money.postings + 1}"


# --- fixing ---------------------------------------------------------------------------------------------


@effect("freeze")
def freeze(context: Context) -> Effect:
    """Fix the balance and empty the account: from here on it cannot be spent (Art. 9)."""
    return Effect(_why(context), writes=((post_all, _fix(context, context.step.data["amount_fen"])),))


@effect("await_settlement")
@effect("keep")
def say_why(context: Context) -> Effect:
    """Nothing moves yet, or at all: say why."""
    return Effect(_why(context))


def _why(context: Context) -> dict[str, object]:
    return {name: context.step.data[name] for name in ("why", "destination", "options") if name in context.step.data}


def _fix(context: Context, amount: int) -> Posting:
    case, out = context.case, context.case.outbound_area_id
    context.together.attach("person")
    with answering(case.outbound_area):
        registry_for(out).fix_account(case.person, out, amount, _write(case, context.money))
    lines = [(Book.PERSONAL, out, None, -amount), (Book.FIXED, out, None, amount)]
    return posting(context.money, "fix", lines, at=context.step.now)


@effect("settle")
def settle(context: Context) -> Effect:
    """The open costs have been settled: fix what is left, with the interest of the settlement (entry kind 102)."""
    case, out = context.case, context.case.outbound_area_id
    facts = context.record(Side.OUT)
    if facts.open_claims:
        raise refusal("J-CLAIMS-OPEN")
    balance, interest = facts.account.balance_fen if facts.account else 0, context.step.data.get("interest_yuan") or 0
    writes = [_fix(context, balance)] if balance else []
    if interest:
        lines = [(Book.INTEREST, out, None, -interest), (Book.FIXED, out, None, interest)]
        writes.append(posting(context.money, "102", lines, at=context.step.now))
    amount = balance + interest
    at_once = context.money.destination == Destination.INSTANT and case.state == State.RELATION_DONE and amount
    then = (Next("credit_at_once"),) if at_once else () if amount else _finish(case)
    fill = {"amount_fen": amount, "choose_by": choose_by(case, now=context.step.now) if context.money.options else None}
    return Effect(fill=fill, then=then, writes=tuple((post_all, p) for p in writes))


def choose_by(case: TransferCase, *, now: datetime) -> datetime:
    """Until when the person may choose where a balance goes that is fixed now."""
    policy = policy_of(case, Side.OUT)
    return due_instant(
        calendar_for(case.outbound_area_id).add(local_date(now), policy.choice_days), policy.close_of_business
    )


@effect("release")
def release(context: Context) -> Effect:
    """The case did not go through: what was fixed goes back to the account it came from."""
    case, money, out = context.case, context.money, context.case.outbound_area_id
    if money.state in (MoneyState.PENDING_SETTLE, MoneyState.SETTLE_HELD):
        return Effect()
    with answering(case.outbound_area):
        registry_for(out).restore_account(case.person, out, money.amount_fen, _write(case, money))
    lines = [(Book.FIXED, out, None, -money.amount_fen), (Book.PERSONAL, out, None, money.amount_fen)]
    return Effect(
        writes=(
            (post_all, posting(money, "release", lines, at=context.step.now)),
            (payments.close, payments.Closing(case.pk, PaymentState.CANCELLED, context.step.now)),
        )
    )


@effect("open_supplement")
def open_supplement(context: Context) -> Effect:
    """Late interest or contributions (entry kind 103): another round of the same line."""
    out, amount = context.case.outbound_area_id, context.step.data["amount_yuan"]
    lines = [(Book.INTEREST, out, None, -amount), (Book.FIXED, out, None, amount)]
    return Effect(
        then=_reopen(context),
        writes=((post_all, posting(context.money, "103", lines, at=context.step.now)),),
    )


# --- where it goes --------------------------------------------------------------------------------------


@effect("choose_destination")
def choose_destination(context: Context) -> Effect:
    """Only what the policy leaves open, until the remittance is proposed; a bank account is in the person's name."""
    wanted, data = Destination(context.step.data["destination"]), context.step.data
    if wanted.value not in context.money.options:
        raise refusal("J-NO-CHOICE", what=wanted.named.zh, what_en=wanted.named.en)
    if wanted is not Destination.ACCOUNT:
        return Effect({"destination": wanted}, fill=dict.fromkeys(("payee_bank", "payee_account")))
    if not (data.get("payee_bank") and data.get("payee_account")):
        raise refusal("J-PAYEE")
    return Effect({"destination": wanted}, fill={"payee_name": context.case.name})


@effect("pay_out_instead")
def pay_out_instead(context: Context) -> Effect:
    """The balance goes to the person or the heirs, where the outbound area's policy knows the reason."""
    payments.require_payout(context.case, context.step.reason)
    return Effect()


# --- sending ----------------------------------------------------------------------------------------------


@effect("propose_remittance")
def propose_remittance(context: Context) -> Effect:
    """Make the payment ready: whom, on which account; not while the person may still choose."""
    money, now = context.money, context.step.now
    if money.options and money.chosen_at is None and money.choose_by is not None and now < money.choose_by:
        raise refusal("J-CHOICE-OPEN")
    if money.destination == Destination.WALLET:
        return Effect()
    if money.destination == Destination.INSTANT:
        if money.state == MoneyState.FROZEN and money.round == 1:
            raise refusal("J-NO-PAYMENT")  # it is credited at once when the relationship is there
        money.destination = Destination.INBOUND.value  # what came back, or follows, is sent by a bank
    account = context.found(payments.accounts_for, local_date(now))
    payment = payments.ready(context.case, money, account, made_by=context.staff_id, now=now)
    return Effect(writes=((payments.write, payment),))


@effect("reject_remittance")
def reject_remittance(context: Context) -> Effect:
    """Sent back to the maker: the payment that was ready is cancelled."""
    payments.require_loose(context.case)
    closing = payments.Closing(context.case.pk, PaymentState.CANCELLED, context.step.now)
    return Effect(writes=((payments.close, closing),))


@effect("approve_remittance")
def approve_remittance(context: Context) -> Effect:
    """Entry kind 207: the money has left the outbound area; it lies between the two until it has arrived."""
    case, money, now = context.case, context.money, context.step.now
    payments.require_sending(case, now)
    out, on_to = _way(case, money)
    lines = [(Book.FIXED, out, None, -money.amount_fen), (Book.TRANSIT, out, on_to, money.amount_fen)]
    writes = [(post_all, posting(money, "207", lines, at=now))]
    if money.destination != Destination.WALLET:
        payment, account = context.found(payments.waiting), context.found(payments.accounts_for, local_date(now))
        sending = payments.sending(payment, account, approved_by=context.staff_id, now=now)
        return Effect(writes=(*writes, (payments.send, sending)))
    return Effect(writes=tuple(writes))


@effect("return_remittance")
def return_remittance(context: Context) -> Effect:
    """The bank returned it: what was on its way is fixed again, to be sent once more or paid otherwise.

    Also what it had paid to the person or the heirs; a case that was complete opens again. J-OTHER-OPEN as there.
    """
    case, money, now = context.case, context.money, context.step.now
    if money.received_fen:
        raise refusal("J-PART-ARRIVED")
    closing = payments.Closing(case.pk, PaymentState.RETURNED, now, context.step.reason, context.step.note)
    out, on_to = _way(case, money)
    paid = money.state == MoneyState.PAID_TO_PERSON
    lay, other = (_paid_book(money), None) if paid else (Book.TRANSIT, on_to)
    lines = [(lay, out, other, -money.amount_fen), (Book.FIXED, out, None, money.amount_fen)]
    return Effect(
        then=_reopen(context) if paid else (),
        writes=((post_all, posting(money, "back", lines, at=now)), (payments.bounce, closing)),
    )


def _paid_book(money: Remittance) -> Book:
    """Where a balance lies that the bank has paid to somebody."""
    return Book.HEIRS if money.destination == Destination.HEIRS else Book.PAID


@effect("confirm_paid")
def confirm_paid(context: Context) -> Effect:
    """Entry kind 203 (to the person) or 208 (to the heirs): the bank has paid."""
    case, money, now = context.case, context.money, context.step.now
    book, out = _paid_book(money), case.outbound_area_id
    kind = "208" if book is Book.HEIRS else "203"
    lines = [(Book.TRANSIT, out, None, -money.amount_fen), (book, out, None, money.amount_fen)]
    closing = payments.Closing(case.pk, PaymentState.PAID, now, bank_reference=context.step.data["bank_reference"])
    return Effect(
        then=_finish(case), writes=((post_all, posting(money, kind, lines, at=now)), (payments.close, closing))
    )


@effect("move_to_wallet")
def move_to_wallet(context: Context) -> Effect:
    """A part goes to the wallet, within the wallet's limits (rules/wallet.py)."""
    case, money, part = context.case, context.money, context.step.data["amount_fen"]
    out = case.outbound_area_id
    lines = [(Book.TRANSIT, out, None, -part), (Book.WALLET, out, None, part)]
    whole = money.wallet_fen + part == money.amount_fen
    return Effect(
        {"part": money.postings},
        then=_finish(case) if whole else (),
        writes=((post_all, posting(money, "wallet", lines, at=context.step.now)),),
    )


@effect("credit_at_once")
def credit_at_once(context: Context) -> Effect:
    """207 and 107 in one step: the outbound fund owes what the inbound one has advanced, until they settle."""
    case, money, now, amount = context.case, context.money, context.step.now, context.money.amount_fen
    out, into = case.outbound_area_id, case.inbound_area_id
    context.together.attach("person")
    with answering(case.inbound_area):
        registry_for(into).credit_account(case.person, into, amount, _write(case, money))
    sent = posting(money, "207", [(Book.FIXED, out, None, -amount), (Book.OWED, out, into, amount)], at=now)
    credited = posting(money, "107", [(Book.ADVANCED, into, out, -amount), (Book.PERSONAL, into, None, amount)], at=now)
    return Effect(then=_finish(case), writes=((post_all, sent), (post_all, credited)))


# --- arrived, and asked back ------------------------------------------------------------------------------


def _matchers(cases: Sequence[TransferCase]) -> dict[int, list[tuple[int | None, datetime]]]:
    """Who matched what arrived for these cases, and when."""
    found: dict[int, list[tuple[int | None, datetime]]] = defaultdict(list)
    parts = Allocation.objects.filter(case__in=[case.pk for case in cases], undone_at=None)
    for case, by, at in parts.values_list("case_id", "made_by_id", "made_at"):
        found[case].append((by, at))
    return found


@effect("credit_account")
def credit_account(context: Context) -> Effect:
    """Entry kind 107: the money is in the person's new account."""
    case, money, now, amount = context.case, context.money, context.step.now, context.money.amount_fen
    out, into = case.outbound_area_id, case.inbound_area_id
    if any(by == context.staff_id and at >= (money.remitted_at or now) for by, at in context.found(_matchers) or ()):
        raise refusal("J-FOUR-EYES")  # whoever matched any part of it
    context.together.attach("person")
    with answering(case.inbound_area):
        registry_for(into).credit_account(case.person, into, amount, _write(case, money))
    lines = [(Book.RECEIVED, into, out, -amount), (Book.PERSONAL, into, None, amount)]
    closing = payments.Closing(case.pk, PaymentState.PAID, now, bank_reference=money.bank_reference)
    return Effect(
        then=_finish(case), writes=((post_all, posting(money, "107", lines, at=now)), (payments.close, closing))
    )


@effect("request_reclaim")
def request_reclaim(context: Context) -> Effect:
    """A case that was complete opens again while the other side answers."""
    return Effect(then=_reopen(context))


@effect("refuse_reclaim")
def refuse_reclaim(context: Context) -> Effect:
    """The money stays: what had been complete is so again."""
    return Effect(then=_finish(context.case) if context.money.held_state == MoneyState.CREDITED else ())


@effect("grant_reclaim")
def grant_reclaim(context: Context) -> Effect:
    """The inbound side sends it back from wherever it stands: the account, what has arrived, or what had not."""
    case, money, now, amount = context.case, context.money, context.step.now, context.money.amount_fen
    out, into = case.outbound_area_id, case.inbound_area_id
    if money.held_state == MoneyState.CREDITED:
        with answering(case.inbound_area):
            registry_for(into).take_back(case.person, into, amount, _write(case, money))
        source: list[Line] = [(Book.PERSONAL, into, None, -amount)]
    else:
        arrived = money.received_fen or 0
        source = [(Book.RECEIVED, into, out, -arrived), (Book.TRANSIT, out, into, arrived - amount)]
    lines = [*source, (Book.TRANSIT, into, out, amount)]
    return Effect(writes=((post_all, posting(money, "reclaim", lines, at=now)),))


@effect("confirm_return")
def confirm_return(context: Context) -> Effect:
    """What came back is fixed again in the outbound area."""
    case, money, now, amount = context.case, context.money, context.step.now, context.money.amount_fen
    out, into = case.outbound_area_id, case.inbound_area_id
    closing = payments.Closing(case.pk, PaymentState.RETURNED, now, context.step.reason, context.step.note)
    lines = [(Book.TRANSIT, into, out, -amount), (Book.FIXED, out, None, amount)]
    return Effect(writes=((post_all, posting(money, "back", lines, at=now)), (payments.close, closing)))
