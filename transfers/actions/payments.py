"""Payments that a bank makes: made ready with the proposal, sent with its approval, closed by what the bank says.

Which states of a payment go with which step of the money is decided in actions/money.py.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Max

from transfers.models import Agency, BankAccount, Payment, PaymentBatch, Remittance, TransferCase
from transfers.models.guards import write_changes, write_rows
from transfers.places import accounts_of, same_province
from transfers.rules import bankfiles, destinations
from transfers.rules.bank import BatchState, PaymentKind, PaymentState
from transfers.rules.errors import refusal
from transfers.rules.money import Destination, MoneyState
from transfers.rules.parties import Named, Side
from transfers.rules.workdays import local_date
from transfers.sla.clocks import policy_of

UNDER_WAY = (PaymentState.READY.value, PaymentState.SENT.value)
PRIMARY = (PaymentKind.REMIT.value, PaymentKind.PAYOUT.value)
_BANK, _NAME = Named("开户银行", "Bank"), Named("户名", "Account name")
_PURPOSES = {
    PaymentKind.REMIT: "基本医疗保险个人账户余额划转",
    PaymentKind.PAYOUT: "基本医疗保险个人账户余额支付",
    PaymentKind.REST: "基本医疗保险个人账户余额补汇",
    PaymentKind.REFUND: "多汇款项退回",
}


def require_sending(case: TransferCase, now: datetime) -> None:
    """J-YEAR-END while the outbound area sends nothing because of its year-end settlement."""
    destinations.require_sending(policy_of(case, Side.OUT), local_date(now))


def require_payout(case: TransferCase, reason: str) -> None:
    """J-NO-PAYOUT unless the outbound area pays the person for this reason (P-01…)."""
    inside = same_province(case.outbound_area_id, case.inbound_area_id)
    destinations.require_payout(policy_of(case, Side.OUT), reason, same_province=inside)


def accounts_for(cases: Iterable[TransferCase], on: date) -> dict[int, BankAccount]:
    """The accounts of the inbound agencies that are in force on that day, by case."""
    agencies = {case.pk: case.inbound_agency_id for case in cases}
    accounts = accounts_of(set(agencies.values()), on)
    return {case: accounts[agency] for case, agency in agencies.items() if agency in accounts}


def ready(
    case: TransferCase, money: Remittance, account: BankAccount | None, *, made_by: int | None, now: datetime
) -> Payment:
    """The next payment of a money line, not saved. `account`: of the inbound agency, in force today.

    J-NO-ACCOUNT, J-PAYEE where it is not known whom to pay.
    """
    if Destination(money.destination).to_person:
        if not (money.payee_account and money.payee_bank and money.payee_name):
            raise refusal("J-PAYEE")
        whom = {"payee_name": money.payee_name, "payee_bank": money.payee_bank, "payee_account": money.payee_account}
        return _next(case, money, PaymentKind.PAYOUT, money.amount_fen, whom, made_by=made_by, now=now)
    return to_inbound(case, money, account, PaymentKind.REMIT, money.amount_fen, made_by=made_by, now=now)


def to_inbound(
    case: TransferCase,
    money: Remittance,
    account: BankAccount | None,
    kind: PaymentKind,
    amount_fen: int,
    *,
    made_by: int | None,
    now: datetime,
) -> Payment:
    """A payment to the inbound agency's account that is in force today, not saved. J-NO-ACCOUNT."""
    if account is None:
        raise refusal("J-NO-ACCOUNT", agency=case.inbound_agency.name)
    whom = {"payee_name": account.name, "payee_bank": account.bank, "payee_account": account.number}
    return _next(case, money, kind, amount_fen, whom, made_by=made_by, now=now, payee=case.inbound_agency_id)


def _next(
    case: TransferCase,
    money: Remittance,
    kind: PaymentKind,
    amount_fen: int,
    whom: dict[str, str],
    *,
    made_by: int | None,
    now: datetime,
    payee: int | None = None,
) -> Payment:
    bankfiles.plain(whom["payee_name"], field=_NAME, limit=bankfiles.NAME_MAX)
    bankfiles.plain(whom["payee_bank"], field=_BANK, limit=bankfiles.BANK_MAX)
    money.payments += 1
    return Payment(
        case_id=case.pk,
        number=money.payments,
        reference=f"{case.number}-{money.payments}",
        kind=kind.value,
        agency_id=case.outbound_agency_id,
        payee_agency_id=payee,
        amount_fen=amount_fen,
        made_by_id=made_by,
        made_at=now,
        **whom,
    )


def write(payments: list[Payment]) -> None:
    """Write payments that were made ready."""
    write_rows(Payment, payments)


def require_loose(case: TransferCase) -> None:
    """J-IN-BATCH while the payment lies in a batch that somebody is to approve: it is judged there."""
    if Payment.objects.filter(case=case, state=PaymentState.READY.value, batch__state=BatchState.DRAFT.value).exists():
        raise refusal("J-IN-BATCH")


def require_no_rest(case: TransferCase) -> None:
    """J-REST-OPEN while a rest is ready or on its way: it is not sent twice."""
    if Payment.objects.filter(case=case, kind=PaymentKind.REST.value, state__in=UNDER_WAY).exists():
        raise refusal("J-REST-OPEN")


def require_awaited(payment: Payment, case: TransferCase, money: Remittance, now: datetime) -> None:
    """A rest is sent only while it is still missing, and while anything is sent at all. J-REST-GONE, J-YEAR-END."""
    missing = money.amount_fen - (money.received_fen or 0)
    if money.state != MoneyState.IN_TRANSIT or payment.amount_fen > missing:
        raise refusal("J-REST-GONE")
    require_sending(case, now)


def require_account(payment: Payment, account: BankAccount | None) -> None:
    """J-ACCOUNT-CHANGED when the payee agency's `account` in force is not the one of the proposal any more."""
    if payment.payee_agency_id is None:
        return
    if account is None or (account.number, account.name) != (payment.payee_account, payment.payee_name):
        raise refusal("J-ACCOUNT-CHANGED")


@dataclass(frozen=True, slots=True)
class Sending:
    """The payment of a case is sent. In no batch, it becomes one of its own."""

    payment: Payment
    approved_by: int
    now: datetime


def waiting(cases: Iterable[TransferCase]) -> dict[int, Payment]:
    """The payments of these cases that are ready, each with its batch."""
    found = Payment.objects.filter(
        case__in=[case.pk for case in cases], state=PaymentState.READY.value, kind__in=PRIMARY
    )
    return {payment.case_id or 0: payment for payment in found.select_related("batch")}


def sending(payment: Payment | None, account: BankAccount | None, *, approved_by: int, now: datetime) -> Sending:
    """The payment of a case that is ready. J-IN-BATCH when it is to be approved with others."""
    if payment is None:
        raise TypeError("what was proposed has a payment")
    if payment.batch is not None and payment.batch.state == BatchState.DRAFT:
        raise refusal("J-IN-BATCH")
    require_account(payment, account)
    return Sending(payment, approved_by, now)


def send(sendings: list[Sending]) -> None:
    """Mark payments as sent; those in no batch go in one that is made here, one for each maker."""
    loose: dict[tuple[int, int, int], list[Sending]] = defaultdict(list)
    for one in sendings:
        if one.payment.batch_id is None and one.payment.made_by_id is not None:
            loose[one.payment.agency_id, one.payment.made_by_id, one.approved_by].append(one)
    for (agency, maker, checker), alone in loose.items():
        batch = PaymentBatch.objects.create(
            agency_id=agency,
            state=BatchState.APPROVED.value,
            sequence=next_sequence(agency),
            count=len(alone),
            total_fen=sum(one.payment.amount_fen for one in alone),
            made_by_id=maker,
            made_at=alone[0].payment.made_at,
            approved_by_id=checker,
            approved_at=alone[0].now,
        )
        for one in alone:
            one.payment.batch = batch
        batch.digest = hashlib.sha256(payment_file(batch, [one.payment for one in alone])).hexdigest()
        batch.save(update_fields=["digest"])
    for one in sendings:
        one.payment.state, one.payment.sent_at = PaymentState.SENT.value, one.now
    write_changes((one.payment, ("state", "sent_at", "batch_id")) for one in sendings)


def payment_file(batch: PaymentBatch, payments: Iterable[Payment]) -> bytes:
    """The file of an approved batch (docs/bank-files.md); the same batch always gives the same bytes."""
    rows = [
        bankfiles.Payment(
            number,
            payment.reference,
            payment.payee_name,
            payment.payee_bank,
            payment.payee_account,
            payment.amount_fen,
            _PURPOSES[PaymentKind(payment.kind)],
        )
        for number, payment in enumerate(sorted(payments, key=lambda payment: payment.pk), 1)
    ]
    if batch.sequence is None or batch.approved_at is None:
        raise TypeError("only an approved batch has a file")
    return bankfiles.write_payments(
        rows, area=batch.agency.area_id, sequence=batch.sequence, day=local_date(batch.approved_at)
    )


def next_sequence(agency: int) -> int:
    """The next number of an agency's payment files; whoever asks holds the agency's row until the end."""
    Agency.objects.select_for_update(no_key=True).get(pk=agency)
    last = PaymentBatch.objects.filter(agency=agency).aggregate(last=Max("sequence"))["last"]
    return (last or 0) + 1


@dataclass(frozen=True, slots=True)
class Closing:
    """The payments of a case that are under way end: paid, returned (why, F-01…) or cancelled."""

    case: int
    state: PaymentState
    at: datetime
    reason: str = ""
    note: str = ""
    bank_reference: str = ""


def close(closings: list[Closing]) -> None:
    """Close what is under way. What was never sent is cancelled, whatever became of the rest."""
    rows: dict[int, Closing] = {closing.case: closing for closing in closings}
    under_way = list(Payment.objects.filter(case__in=rows, state__in=UNDER_WAY))
    for payment in under_way:
        closing = rows[payment.case_id or 0]
        never_sent = payment.state == PaymentState.READY
        payment.state = (PaymentState.CANCELLED if never_sent else closing.state).value
        payment.answered_at, payment.reason, payment.note = closing.at, closing.reason, closing.note
        payment.bank_reference = closing.bank_reference
        payment.batch_id = None if never_sent else payment.batch_id
    write_changes(
        (payment, ("state", "answered_at", "reason", "note", "bank_reference", "batch_id")) for payment in under_way
    )


def bounce(closings: list[Closing]) -> None:
    """Close what is under way; the last payment of a case came back, even where the bank had said that it was paid."""
    rows = {closing.case: closing for closing in closings}
    newest = Payment.objects.filter(case__in=rows, kind__in=PRIMARY).order_by("case", "-number").distinct("case")
    paid = [payment for payment in newest if payment.state == PaymentState.PAID]
    for payment in paid:
        closing = rows[payment.case_id or 0]
        payment.state, payment.answered_at = closing.state.value, closing.at
        payment.reason, payment.note = closing.reason, closing.note
    write_changes((payment, ("state", "answered_at", "reason", "note")) for payment in paid)
    close(closings)


def drop_rests(closings: list[Closing]) -> None:
    """Cancel the rests of these cases that have not been sent; from a draft of a batch they are taken out."""
    rows = {closing.case: closing for closing in closings}
    ready = Payment.objects.filter(case__in=rows, kind=PaymentKind.REST.value, state=PaymentState.READY.value)
    rests = list(ready.select_for_update(of=("self",)).order_by("pk"))
    for payment in rests:
        closing = rows[payment.case_id or 0]
        payment.state, payment.answered_at, payment.note = closing.state.value, closing.at, closing.note
        payment.batch_id = None
    write_changes((payment, ("state", "answered_at", "note", "batch_id")) for payment in rests)
