"""Batches of outgoing payments: made by one finance person, approved by another, fetched as a file for the bank.

A batch is made and approved whole, in one transaction: interrupted midway, nothing has happened. What cannot go with
the others leaves the batch, with its reason, and the rest goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from transfers.access import Actor, require_finance
from transfers.actions.door import Item, perform_many
from transfers.actions.lines import came_back
from transfers.actions.payments import PRIMARY, next_sequence, payment_file, require_account, require_awaited
from transfers.models import AccessEvent, Payment, PaymentBatch, Remittance, TransferCase
from transfers.places import account_of
from transfers.rules.bank import BatchState, PaymentKind, PaymentState
from transfers.rules.bankfiles import BANK_MAX, NAME_MAX, plain
from transfers.rules.errors import Refusal, refusal
from transfers.rules.money import Destination, MoneyState
from transfers.rules.parties import Named
from transfers.rules.text import written
from transfers.rules.workdays import local_date

PAYMENTS_MAX = 1000
SAID = 3  # reasons in the sentence of a refused batch
_TO_PROPOSE = (MoneyState.FROZEN.value, MoneyState.REMIT_FAILED.value)
_BANK, _NAME = Named("开户银行", "Bank"), Named("户名", "Account name")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case or payment that is not in the batch, and why. `label` is its number, for people."""

    case: int | None
    payment: int | None
    label: str
    why: Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """A batch as it is now, and what is not in it."""

    batch: PaymentBatch
    left_out: list[LeftOut]


@transaction.atomic
def make_batch(
    actor: Actor,
    agency: int,
    *,
    cases: Sequence[int] = (),
    payments: Sequence[int] = (),
    note: str = "",
    now: datetime | None = None,
) -> Outcome:
    """Put the payments of these cases, and these payments (what has no case, or follows), into a draft.

    What has not been proposed yet is proposed in the actor's name. J-NOT-YOURS, J-BATCH-SIZE; J-BATCH-EMPTY when
    nothing is left.
    """
    now = now or timezone.now()
    require_finance(actor, agency, Named("制作付款批次", "Make a batch of payments"))
    wanted = list(dict.fromkeys(cases))
    if not 1 <= len(wanted) + len(set(payments)) <= PAYMENTS_MAX:
        raise refusal("J-BATCH-SIZE", limit=PAYMENTS_MAX)
    left_out = _propose(actor, agency, wanted, now)
    gone = {left.case for left in left_out}
    ready = Payment.objects.select_for_update(of=("self",)).filter(
        agency=agency, state=PaymentState.READY.value, batch=None
    )
    found = {row.pk: row for row in ready.filter(case__in=[pk for pk in wanted if pk not in gone]).order_by("pk")}
    found |= {row.pk: row for row in ready.filter(pk__in=payments).order_by("pk")}
    with_payment = {row.case_id for row in found.values()}
    numbers = dict(TransferCase.objects.filter(pk__in=wanted, outbound_agency=agency).values_list("pk", "number"))
    left_out += [
        LeftOut(pk, None, numbers[pk], refusal("J-NO-PAYMENT"))
        for pk in wanted
        if pk not in gone and pk not in with_payment
    ]
    left_out += [LeftOut(None, pk, str(pk), refusal("J-NO-PAYMENT")) for pk in payments if pk not in found]
    going = []
    for row in found.values():
        try:
            plain(row.payee_name, field=_NAME, limit=NAME_MAX)
            plain(row.payee_bank, field=_BANK, limit=BANK_MAX)
            going.append(row)
        except Refusal as why:
            left_out.append(LeftOut(row.case_id, row.pk, row.reference, why))
    if not going:
        raise _empty(left_out)
    assert actor.user_id is not None  # finance staff sign in
    batch = PaymentBatch.objects.create(
        agency_id=agency,
        count=len(going),
        total_fen=sum(row.amount_fen for row in going),
        made_by_id=actor.user_id,
        made_at=now,
        note=written(note),
    )
    Payment.objects.filter(pk__in=[row.pk for row in going]).update(batch=batch)
    return Outcome(batch, left_out)


def _propose(actor: Actor, agency: int, wanted: Sequence[int], now: datetime) -> list[LeftOut]:
    """Propose those that wait for it; who is not the agency's, or goes no way of the bank's, is left out."""
    rows = TransferCase.objects.filter(pk__in=wanted, outbound_agency=agency)
    cases = {case.pk: case for case in rows.select_for_update(of=("self",), no_key=True).order_by("pk")}
    left_out = [LeftOut(pk, None, str(pk), refusal("J-NOT-FOUND")) for pk in wanted if pk not in cases]
    items: list[Item] = []
    for money in Remittance.objects.filter(pk__in=cases, state__in=_TO_PROPOSE).order_by("pk"):
        case = cases[money.pk]
        if money.destination == Destination.WALLET:
            left_out.append(LeftOut(case.pk, None, case.number, refusal("J-NO-PAYMENT")))
        else:
            items.append((case.pk, case.version, {}))
    answers = perform_many(items, "propose_remittance", actor, now=now) if items else []
    return left_out + [
        LeftOut(pk, None, cases[pk].number, answer)
        for (pk, *_rest), answer in zip(items, answers, strict=True)
        if isinstance(answer, Refusal)
    ]


@transaction.atomic
def approve_batch(actor: Actor, batch: int, *, without: Collection[int] = (), now: datetime | None = None) -> Outcome:
    """Approve the payments of a draft, but those in `without`; give the batch its number and the digest of its file.

    Payments that are refused leave the batch and stay as they were. J-NOT-FOUND, J-NOT-YOURS, J-FOUR-EYES,
    J-BATCH-DONE; J-BATCH-EMPTY when nothing is left, and then nothing has changed.
    """
    now = now or timezone.now()
    row = _draft(actor, batch, Named("复核付款批次", "Approve a batch of payments"))
    if row.made_by_id == actor.user_id:
        raise refusal("J-FOUR-EYES")
    payments = {payment.pk: payment for payment in row.payments.order_by("pk")}
    # Cases before the agency's row, as a payment that is approved by itself locks them.
    versions = _versions([payment.case_id for payment in payments.values() if payment.case_id is not None])
    row.state, row.sequence = BatchState.APPROVED.value, next_sequence(row.agency_id)
    row.approved_by_id, row.approved_at = actor.user_id, now
    row.save(update_fields=["state", "sequence", "approved_by", "approved_at"])
    Payment.objects.filter(pk__in=without, batch=row).update(batch=None)

    primary = {p.case_id: p for p in payments.values() if p.kind in PRIMARY and p.pk not in without and p.case_id}
    items: list[Item] = [(case, versions[case], {}) for case in sorted(primary)]
    answers = perform_many(items, "approve_remittance", actor, now=now) if items else []
    left_out = [
        LeftOut(case, primary[case].pk, primary[case].reference, answer)
        for (case, *_rest), answer in zip(items, answers, strict=True)
        if isinstance(answer, Refusal)
    ]
    follows = [p for p in payments.values() if p.kind not in PRIMARY and p.pk not in without]
    judged = {payment.pk: _objection(payment, actor, now) for payment in follows}
    left_out += [LeftOut(p.case_id, p.pk, p.reference, why) for p in follows if (why := judged[p.pk]) is not None]
    sent = row.payments.filter(pk__in=[pk for pk, why in judged.items() if why is None], state=PaymentState.READY.value)
    sent.update(state=PaymentState.SENT.value, sent_at=now)
    Payment.objects.filter(pk__in=[left.payment for left in left_out]).update(batch=None)
    _close_up(row, left_out)
    return Outcome(row, left_out)


def _objection(payment: Payment, actor: Actor, now: datetime) -> Refusal | None:
    """Why a rest, or money that is sent back, does not go now."""
    try:
        if payment.made_by_id == actor.user_id:
            raise refusal("J-FOUR-EYES")
        if payment.kind == PaymentKind.REST and payment.case is not None:
            require_account(payment, account_of(payment.payee_agency_id or 0, local_date(now)))
            require_awaited(payment, payment.case, Remittance.objects.get(pk=payment.case_id), now)
    except Refusal as error:
        return error
    return None


def _close_up(batch: PaymentBatch, left_out: Sequence[LeftOut]) -> None:
    """What is in an approved batch now is what the bank shall get."""
    going = list(batch.payments.filter(state=PaymentState.SENT.value).order_by("pk"))
    if not going:
        raise _empty(left_out)
    batch.count, batch.total_fen = len(going), sum(payment.amount_fen for payment in going)
    batch.digest = hashlib.sha256(payment_file(batch, going)).hexdigest()
    batch.save(update_fields=["count", "total_fen", "digest"])


@transaction.atomic
def cancel_batch(actor: Actor, batch: int, *, note: str = "", now: datetime | None = None) -> PaymentBatch:
    """Dissolve a draft: its payments stay ready, for another batch or to be judged one by one.

    J-NOT-FOUND, J-NOT-YOURS, J-BATCH-DONE.
    """
    row = _draft(actor, batch, Named("撤销付款批次", "Cancel a batch of payments"))
    row.payments.update(batch=None)
    row.state, row.note = BatchState.CANCELLED.value, written(note) or row.note
    row.save(update_fields=["state", "note"])
    return row


@transaction.atomic
def drop_payment(actor: Actor, payment: int, *, note: str, now: datetime | None = None) -> Payment:
    """Do not make a payment that follows another (the rest, or money to be sent back) and lies in no batch.

    What was to be sent back is open again. J-NOT-FOUND, J-NOT-YOURS, J-NOTE.
    """
    now = now or timezone.now()
    loose = Payment.objects.select_for_update(of=("self",)).filter(state=PaymentState.READY.value, batch=None)
    row = loose.filter(pk=payment).exclude(kind__in=PRIMARY).first()
    if row is None:
        raise refusal("J-NOT-FOUND")
    require_finance(actor, row.agency_id, Named("撤销付款", "Drop a payment"))
    note = written(note, required=True)
    row.state, row.answered_at, row.note = PaymentState.CANCELLED.value, now, note
    row.save(update_fields=["state", "answered_at", "note"])
    if row.kind == PaymentKind.REFUND:
        came_back([row], now=now)
    return row


@transaction.atomic
def file_of(actor: Actor, batch: int, *, now: datetime | None = None) -> tuple[str, bytes]:
    """The file of an approved batch, by its name; who fetched it is written down.

    It is made anew and must be what was approved, byte for byte. J-NOT-FOUND, J-NOT-YOURS, J-BATCH-DONE,
    J-BATCH-CHANGED.
    """
    now = now or timezone.now()
    row = PaymentBatch.objects.select_for_update(of=("self",)).select_related("agency").filter(pk=batch).first()
    if row is None:
        raise refusal("J-NOT-FOUND")
    require_finance(actor, row.agency_id, Named("下载付款文件", "Fetch a payment file"))
    if row.state != BatchState.APPROVED:
        raise _done(row)
    data = payment_file(row, row.payments.all())
    if hashlib.sha256(data).hexdigest() != row.digest:
        raise refusal("J-BATCH-CHANGED")
    row.fetched_at = row.fetched_at or now
    row.save(update_fields=["fetched_at"])
    name = f"JXPAY-{row.agency.area_id}-{row.sequence:06}.csv"
    AccessEvent.objects.create(
        at=now, kind="export", user_id=actor.user_id, outcome="shown", detail=f"{name} rows={row.count}"
    )
    return name, data


def _draft(actor: Actor, batch: int, what: Named) -> PaymentBatch:
    """A draft, ours until the transaction ends."""
    row = PaymentBatch.objects.select_for_update(of=("self",)).select_related("agency").filter(pk=batch).first()
    if row is None:
        raise refusal("J-NOT-FOUND")
    require_finance(actor, row.agency_id, what)
    if row.state != BatchState.DRAFT:
        raise _done(row)
    return row


def _done(row: PaymentBatch) -> Refusal:
    said = BatchState(row.state).named
    return refusal("J-BATCH-DONE", state=said.zh, state_en=said.en)


def _versions(cases: Iterable[int]) -> dict[int, int]:
    """The versions of cases as they are now; the cases are ours until the transaction ends."""
    rows = TransferCase.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=list(cases)).order_by("pk")
    return {case.pk: case.version for case in rows}


def _empty(left_out: Sequence[LeftOut]) -> Refusal:
    """Nothing can go: the first reasons in words, all of them as data."""
    first = left_out[:SAID]
    more = len(left_out) - len(first)
    zh = "；".join(f"{left.label}：{left.why.zh}" for left in first) or "付款均已撤出"
    en = "; ".join(f"{left.label}: {left.why.en}" for left in first) or "all payments have been taken out"
    return refusal(
        "J-BATCH-EMPTY",
        reasons=zh + (f"；另有{more}笔" if more else ""),
        reasons_en=en + (f"; and {more} more" if more else ""),
        problems=[{"case": left.case, "payment": left.payment, **left.why.told} for left in left_out],
    )
