"""What the bank says of payments: result files are taken in whole, in sequence, and then acted upon row by row."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from transfers.access import Actor, require_finance
from transfers.actions.door import perform_many
from transfers.actions.lines import came_back
from transfers.actions.payments import PRIMARY
from transfers.models import Agency, BankFile, Payment, PaymentResult, TransferCase
from transfers.rules.bank import FileKind, PaymentKind, PaymentState
from transfers.rules.bankfiles import Results, file_refusal, problem, read_results
from transfers.rules.codes import MONEY
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named
from transfers.rules.text import written

CHUNK = 500  # rows that are acted upon in one transaction
_EVER_SENT = (PaymentState.SENT.value, PaymentState.PAID.value, PaymentState.RETURNED.value)
_WHAT = Named("接收支付结果", "Take in payment results")
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was taken in; `again`: it had been before, and nothing has changed."""

    file: BankFile
    again: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking in a file would mean. Amounts in fen."""

    results: Results
    again: bool
    paid: int
    paid_fen: int
    returned: int
    returned_fen: int


@dataclass(slots=True)
class Applied:
    """What became of the rows of a file: acted upon, or kept with a problem."""

    paid: int = 0
    returned: int = 0
    problems: int = 0


# --- taking in ------------------------------------------------------------------------------------------


def preview(actor: Actor, agency: int, data: bytes, *, name: str = "", now: datetime | None = None) -> Preview:
    """What taking in this file would do; nothing is written. Refuses what `take_results` would refuse."""
    require_finance(actor, agency, _WHAT)
    row = Agency.objects.get(pk=agency)
    results, _payments = _checked(row, data, name=name, now=now or timezone.now(), known=_known(row, data))
    paid = [result.amount_fen for result in results.rows if result.paid]
    returned = [result.amount_fen for result in results.rows if not result.paid]
    return Preview(results, _known(row, data) is not None, len(paid), sum(paid), len(returned), sum(returned))


@transaction.atomic
def take_results(actor: Actor, agency: int, data: bytes, *, name: str = "", now: datetime | None = None) -> Taken:
    """Keep a result file with its rows, whole or not at all; `apply_results` acts upon them.

    J-NOT-YOURS; J-FILE (wrong in itself, another agency's, payments that were never sent, other amounts: by line);
    J-FILE-GAP, J-FILE-SEQUENCE (each number once, one after another). The same file again changes nothing.
    """
    now = now or timezone.now()
    require_finance(actor, agency, _WHAT)
    row = Agency.objects.select_for_update(no_key=True).get(pk=agency)
    if (known := _known(row, data)) is not None:
        return Taken(known, again=True)
    results, payments = _checked(row, data, name=name, now=now, known=None)
    file = BankFile.objects.create(
        agency=row,
        kind=FileKind.RESULT.value,
        sequence=results.header.sequence,
        digest=results.digest,
        name=name[-120:],
        count=results.header.count,
        total_fen=results.header.total_fen,
        taken_by_id=actor.user_id,
        taken_at=now,
        finished_at=None if results.rows else now,
    )
    PaymentResult.objects.bulk_create(
        (
            PaymentResult(
                file=file,
                row=result.number,
                payment_id=payments[result.reference],
                paid=result.paid,
                reason=result.reason,
                note=result.note,
                bank_reference=result.bank_reference,
                at=result.at,
            )
            for result in results.rows
        ),
        batch_size=2000,
    )
    return Taken(file, again=False)


def _known(agency: Agency, data: bytes) -> BankFile | None:
    digest = hashlib.sha256(data).hexdigest()
    return BankFile.objects.filter(agency=agency, digest=digest).first()


def _checked(
    agency: Agency, data: bytes, *, name: str, now: datetime, known: BankFile | None
) -> tuple[Results, dict[str, int]]:
    """The results with the payments that they are about, by reference; refused with all that is wrong."""
    results = read_results(data, name=name, now=now)
    if results.header.area != agency.area_id:
        raise file_refusal(name, [problem(1, "other-area")])
    if known is None:
        require_next(agency, FileKind.RESULT, results.header.sequence)
    rows = Payment.objects.filter(agency=agency, state__in=_EVER_SENT)
    sent = {
        reference: (pk, amount)
        for chunk in _chunks([result.reference for result in results.rows], 5000)
        for pk, reference, amount in rows.filter(reference__in=chunk).values_list("pk", "reference", "amount_fen")
    }
    wrong = []
    for result in results.rows:
        payment = sent.get(result.reference)
        if payment is None or payment[1] != result.amount_fen:
            wrong.append(problem(result.number + 1, "unknown" if payment is None else "differs"))
    if wrong:
        raise file_refusal(name, wrong)
    return results, {reference: pk for reference, (pk, _amount) in sent.items()}


def require_next(agency: Agency, kind: FileKind, sequence: int) -> None:
    """The bank numbers its files from 1 for each agency and kind: J-FILE-GAP, J-FILE-SEQUENCE.

    Ask for it with the agency's row held, so that two files do not take one number.
    """
    last = BankFile.objects.filter(agency=agency, kind=kind.value).aggregate(last=Max("sequence"))["last"] or 0
    if sequence <= last:
        raise refusal("J-FILE-SEQUENCE", found=sequence)
    if sequence != last + 1:
        raise refusal("J-FILE-GAP", expected=last + 1, found=sequence)


def _chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


# --- acting upon them -----------------------------------------------------------------------------------


@transaction.atomic
def take_up_again(file: BankFile) -> None:
    """Forget why rows could not be acted upon, so that whoever works on the file next tries them once more."""
    _hold(file)
    again = PaymentResult.objects.filter(file=file, applied_at=None, problem__isnull=False).update(problem=None)
    file.done, file.finished_at = file.done - again, None if again else file.finished_at
    file.save(update_fields=["done", "finished_at"])


def apply_results(
    actor: Actor, file: BankFile, *, retry: bool = False, now: datetime | None = None, tell: Told | None = None
) -> Applied:
    """Act upon the rows that have not been: what was paid is paid, what came back can be sent again.

    Goes on where an interrupted run stopped. Rows that the door refuses keep their `problem` for somebody to look
    into; `retry` takes these up once more. `tell(done, count)` hears how far it is. J-NOT-YOURS.
    """
    require_finance(actor, file.agency_id, _WHAT)
    outcome = Applied()
    if retry:
        take_up_again(file)
    while True:
        with transaction.atomic():
            _hold(file)
            rows = list(
                PaymentResult.objects.filter(file=file, applied_at=None, problem__isnull=True)
                .select_related("payment")
                .order_by("row")[:CHUNK]
            )
            if not rows:
                return outcome
            at = now or timezone.now()
            _act(actor, rows, outcome, at)
            file.done += len(rows)
            file.finished_at = at if file.done >= file.count else None
            file.save(update_fields=["done", "finished_at"])
        if tell is not None:
            tell(file.done, file.count)


def _hold(file: BankFile) -> None:
    """One run over a file at a time; whoever comes later goes on from where the other is."""
    file.refresh_from_db(from_queryset=BankFile.objects.select_for_update())


def _act(actor: Actor, rows: Sequence[PaymentResult], outcome: Applied, now: datetime) -> None:
    """Act upon some rows, together where they say the same."""
    cases = sorted({row.payment.case_id for row in rows if row.payment.case_id is not None})
    # The cases first, as everybody who changes their payments does; then the payments as they are now.
    held = TransferCase.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=cases).order_by("pk")
    versions = {case.pk: case.version for case in held}
    payments = Payment.objects.select_for_update(of=("self",)).in_bulk([row.payment_id for row in rows])
    newest = dict(
        Payment.objects.filter(case__in=cases, kind__in=PRIMARY).values_list("case_id").annotate(Max("number"))
    )
    steps: dict[tuple[str, str, str], list[PaymentResult]] = defaultdict(list)
    for row in rows:
        payment = row.payment = payments[row.payment_id]
        if not _awaited(row, newest):
            said = PaymentState(payment.state).named
            row.problem = refusal("J-RESULT-ANSWERED", state=said.zh, state_en=said.en).told
        elif payment.kind in PRIMARY and not row.paid:
            steps["return_remittance", row.reason, row.note or MONEY[row.reason].zh].append(row)
        elif payment.kind == PaymentKind.PAYOUT:
            steps["confirm_paid", "", ""].append(row)
        else:
            _close(row)
    for (step, reason, note), group in steps.items():
        items = [
            (
                row.payment.case_id or 0,
                versions[row.payment.case_id or 0],
                {"bank_reference": row.bank_reference} if step == "confirm_paid" else {},
            )
            for row in group
        ]
        answers = perform_many(items, step, actor, reason=reason, note=note, now=now)
        for row, answer in zip(group, answers, strict=True):
            if isinstance(answer, Refusal):
                row.problem = answer.told
            else:
                _close(row)
    acted = [row for row in rows if row.problem is None]
    for row in acted:
        outcome.paid += row.paid
        outcome.returned += not row.paid
    outcome.problems += len(rows) - len(acted)
    came_back([row.payment for row in acted if row.payment.kind == PaymentKind.REFUND and not row.paid], now=now)
    fields = ["state", "answered_at", "bank_reference", "reason", "note"]
    Payment.objects.bulk_update([row.payment for row in acted], fields, batch_size=CHUNK)
    PaymentResult.objects.filter(pk__in=[row.pk for row in acted]).update(applied_at=now)
    PaymentResult.objects.bulk_update([row for row in rows if row.problem is not None], ["problem"], batch_size=CHUNK)


def _awaited(row: PaymentResult, newest: dict[int, int]) -> bool:
    """Whether the answer can be about the payment as it stands.

    What was paid may still come back, unless another payment has followed it; and a remittance that has arrived may
    have been closed as paid before the bank says so. Anything else has its answer already.
    """
    payment = row.payment
    if payment.state == PaymentState.SENT:
        return True
    if payment.state != PaymentState.PAID or (payment.kind == PaymentKind.PAYOUT and row.paid):
        return False
    return row.paid or payment.kind not in PRIMARY or newest.get(payment.case_id or 0) == payment.number


def _close(row: PaymentResult) -> None:
    """The payment as the bank tells it."""
    payment = row.payment
    payment.state = (PaymentState.PAID if row.paid else PaymentState.RETURNED).value
    payment.answered_at, payment.bank_reference = row.at, row.bank_reference
    payment.reason, payment.note = row.reason, row.note


@transaction.atomic
def set_aside(actor: Actor, result: int, *, note: str, now: datetime | None = None) -> PaymentResult:
    """A row with a problem was dealt with by hand: it waits no longer. J-NOT-FOUND, J-NOT-YOURS, J-NOTE."""
    row = (
        PaymentResult.objects.select_for_update(of=("self",))
        .select_related("file")
        .filter(pk=result, applied_at=None, problem__isnull=False)
        .first()
    )
    if row is None:
        raise refusal("J-NOT-FOUND")
    require_finance(actor, row.file.agency_id, _WHAT)
    note = written(note, required=True)
    row.applied_at = now or timezone.now()
    row.problem = {**(row.problem or {}), "note": note, "by": actor.name}
    row.save(update_fields=["applied_at", "problem"])
    return row
