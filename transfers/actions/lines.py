"""Lines of bank statements: what of a line belongs to which case, and what is sent back to whoever paid it.

The amount of a line is what was allocated, what was returned, and the rest, which is open; the database holds to it.
Whoever changes a line holds its cases first, then the lines in the order of their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from transfers.access import Actor, require_finance
from transfers.models import Allocation, BankAccount, Payment, Remittance, StatementLine, TransferCase
from transfers.models.guards import write_new
from transfers.places import agency_with
from transfers.rules.bank import LineState, PaymentKind
from transfers.rules.bankfiles import is_plain
from transfers.rules.errors import refusal
from transfers.rules.matching import Waits
from transfers.rules.parties import Named
from transfers.rules.text import written
from transfers.rules.workdays import local_date
from transfers.sla.ageing import first_reminder

OPEN = (LineState.NEW.value, LineState.QUEUED.value)
WORK = Named("处理到账流水", "Work on bank lines")


@dataclass(frozen=True, slots=True)
class Part:
    """So much of a line is a case's. `score` is None where a person chose."""

    line: int
    case: int
    amount_fen: int
    score: int | None
    made_by: int | None
    at: datetime


def open_fen(line: StatementLine) -> int:
    """What of a line nobody has explained yet."""
    return line.amount_fen - line.allocated_fen - line.returned_fen


def said(line: StatementLine) -> dict[str, str]:
    """The state of a line for a refusal."""
    named = LineState(line.state).named
    return {"state": named.zh, "state_en": named.en}


def locked(agency: int, pk: int) -> StatementLine:
    """A line of this agency that is still open, ours until the transaction ends. J-LINE-NONE, J-LINE-TAKEN."""
    line = StatementLine.objects.select_for_update().filter(agency=agency, pk=pk).first()
    if line is None:
        raise refusal("J-LINE-NONE")
    if line.state not in OPEN:
        raise refusal("J-LINE-TAKEN", **said(line))
    return line


def allocate(parts: list[Part]) -> None:
    """Give parts of lines to cases. J-LINE-TAKEN, and nothing at all, when a line has not that much left."""
    wanted: dict[int, int] = defaultdict(int)
    for part in parts:
        wanted[part.line] += part.amount_fen
    rows = StatementLine.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    left = {
        pk: (state, amount - allocated - returned)
        for pk, state, amount, allocated, returned in rows.values_list(
            "pk", "state", "amount_fen", "allocated_fen", "returned_fen"
        )
    }
    for pk, fen in wanted.items():
        state, rest = left[pk]
        if state not in OPEN or fen > rest:
            named = LineState(state).named
            raise refusal("J-LINE-TAKEN", state=named.zh, state_en=named.en)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE transfers_statementline l SET allocated_fen = l.allocated_fen + v.fen,
                state = CASE WHEN w.whole THEN 'done' ELSE 'queued' END,
                reason = CASE WHEN w.whole THEN '' WHEN l.reason = '' THEN %s ELSE l.reason END,
                -- What the bank has not told yet is still to be asked for.
                remind_at = CASE WHEN NOT w.whole OR l.file_id IS NULL THEN l.remind_at END
            FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, fen)
            CROSS JOIN LATERAL (SELECT o.amount_fen = o.allocated_fen + o.returned_fen + v.fen AS whole
                FROM transfers_statementline o WHERE o.id = v.id) w
            WHERE l.id = v.id
            """,
            [Waits.MORE.value, list(wanted), list(wanted.values())],
        )
    write_new(
        Allocation,
        ("line_id", "case_id", "amount_fen", "score", "made_by_id", "made_at"),
        [(part.line, part.case, part.amount_fen, part.score, part.made_by, part.at) for part in parts],
    )


@dataclass(frozen=True, slots=True)
class Undoing:
    """What was allocated to a case since its money was last sent is its no more."""

    case: int
    since: datetime
    at: datetime


def undo(undoings: list[Undoing]) -> None:
    """Take allocations back: their lines are open again, and wait for a person."""
    which = Q()
    for one in undoings:
        which |= Q(case=one.case, made_at__gte=one.since)
    live = list(Allocation.objects.filter(which, undone_at__isnull=True).order_by("line_id", "pk"))
    back: dict[int, int] = defaultdict(int)
    for allocation in live:
        back[allocation.line_id] += allocation.amount_fen
    for line in StatementLine.objects.select_for_update().filter(pk__in=back).order_by("pk"):
        line.allocated_fen -= back[line.pk]
        left = open_fen(line)
        state = LineState.QUEUED if left > 0 else LineState.SHORT if left else LineState.DONE
        line.state, line.reason = state.value, Waits.UNDONE.value if left > 0 else ""
        line.remind_at, line.reminded = _reminder(line, undoings[0].at), 0
        line.save(update_fields=["allocated_fen", "state", "reason", "remind_at", "reminded"])
    for allocation in live:
        allocation.undone_at = undoings[0].at
    Allocation.objects.bulk_update(live, ["undone_at"], batch_size=500)


def _reminder(line: StatementLine, now: datetime) -> datetime | None:
    """When somebody is reminded of a line that waits from today on."""
    return first_reminder(agency_with(line.agency_id).area_id, local_date(now), today=local_date(now))


def by_hand(case: TransferCase, money: Remittance, *, now: datetime) -> StatementLine:
    """The line of what was recorded by hand: the bank's own where it has come meanwhile, else one made for it.

    J-LINE-TAKEN when that line is another one's already.
    """
    known = require_free(case.inbound_agency_id, money.bank_reference, money.received_fen or 0)
    if known is not None:
        return known
    struck = StatementLine.objects.filter(agency=case.inbound_agency_id, bank_reference=money.bank_reference).first()
    line = struck or StatementLine(agency_id=case.inbound_agency_id, bank_reference=money.bank_reference)
    line.booked_at, line.payer_name = money.received_at or now, case.outbound_agency.name[:80]
    line.amount_fen, line.state, line.reason = money.received_fen or 0, LineState.QUEUED.value, Waits.BY_HAND.value
    line.remind_at, line.reminded = _reminder(line, now), 0
    line.save()
    return line


def require_free(agency: int, bank_reference: str, amount_fen: int) -> StatementLine | None:
    """The line with this reference, None when there is none yet, or it was struck out. J-LINE-KNOWN when it has not
    that much left."""
    lines = StatementLine.objects.select_for_update().filter(agency=agency, bank_reference=bank_reference)
    line = lines.exclude(state=LineState.STRUCK.value).first()
    if line is not None and (line.state not in OPEN or open_fen(line) < amount_fen):
        raise refusal("J-LINE-KNOWN")
    return line


@transaction.atomic
def strike(actor: Actor, line: int, *, note: str) -> StatementLine:
    """What somebody wrote down never came, and nothing of it is matched: it waits no longer.

    J-LINE-NONE, J-NOT-YOURS, J-LINE-TAKEN, J-NOTE; J-LINE-BANK for the bank's own line, or while a case has of it.
    """
    row = _ours(actor, line, OPEN)
    row.return_note = written(note, required=True)
    if row.file_id is not None or row.allocated_fen:
        raise refusal("J-LINE-BANK")
    row.state, row.reason, row.remind_at, row.candidates = LineState.STRUCK.value, "", None, []
    row.save(update_fields=["state", "reason", "remind_at", "candidates", "return_note"])
    return row


# --- sent back to whoever paid ------------------------------------------------------------------------


@transaction.atomic
def propose_return(actor: Actor, line: int, *, note: str, now: datetime | None = None) -> StatementLine:
    """Propose to send what is open of a line back to its payer: too much, paid twice, or not ours.

    Until somebody else has answered, nothing of it can be matched. J-LINE-NONE, J-NOT-YOURS, J-LINE-TAKEN, J-NOTE,
    J-RETURN-ACCOUNT (the bank did not tell the payer's account).
    """
    row = _ours(actor, line, OPEN)
    row.return_note = written(note, required=True)
    if not (is_plain(row.payer_account) and any(sign.isdigit() for sign in row.payer_account)):
        raise refusal("J-RETURN-ACCOUNT")
    row.state, row.return_by_id = LineState.RETURNING.value, actor.user_id
    row.save(update_fields=["state", "return_by", "return_note"])
    return row


@transaction.atomic
def refuse_return(actor: Actor, line: int, *, note: str) -> StatementLine:
    """It is not sent back: the line waits again. J-LINE-NONE, J-NOT-YOURS, J-LINE-TAKEN, J-FOUR-EYES, J-NOTE."""
    row = _ours(actor, line, (LineState.RETURNING.value,))
    if row.return_by_id == actor.user_id:
        raise refusal("J-FOUR-EYES")
    row.state, row.return_by_id, row.return_note = LineState.QUEUED.value, None, written(note, required=True)
    row.save(update_fields=["state", "return_by", "return_note"])
    return row


@transaction.atomic
def approve_return(actor: Actor, line: int, *, now: datetime | None = None) -> Payment:
    """Send it back, by a payment that is ready for a batch. J-LINE-NONE, J-NOT-YOURS, J-LINE-TAKEN, J-FOUR-EYES."""
    row = _ours(actor, line, (LineState.RETURNING.value,))
    if row.return_by_id == actor.user_id:
        raise refusal("J-FOUR-EYES")
    number, fen = row.refunds.count() + 1, open_fen(row)
    row.state, row.returned_fen, row.reason, row.remind_at = LineState.DONE.value, row.returned_fen + fen, "", None
    row.save(update_fields=["state", "returned_fen", "reason", "remind_at"])
    return Payment.objects.create(
        line=row,
        number=number,
        reference=f"TH{row.pk}-{number}",
        kind=PaymentKind.REFUND.value,
        agency_id=row.agency_id,
        payee_name=row.payer_name,
        payee_bank=_bank_of(row),
        payee_account=row.payer_account,
        amount_fen=fen,
        made_by_id=row.return_by_id,
        made_at=now or timezone.now(),
        note=row.return_note,
    )


def came_back(payments: Iterable[Payment], *, now: datetime) -> None:
    """Refunds that were cancelled, or that the bank returned: their lines are open again and wait for a person."""
    back: dict[int, int] = defaultdict(int)
    for payment in payments:
        if payment.line_id is not None:
            back[payment.line_id] += payment.amount_fen
    for line in StatementLine.objects.select_for_update().filter(pk__in=back).order_by("pk"):
        line.returned_fen -= back[line.pk]
        line.state, line.reason = LineState.QUEUED.value, Waits.RETURN_FAILED.value
        line.remind_at, line.reminded, line.return_by_id = _reminder(line, now), 0, None
        line.save(update_fields=["returned_fen", "state", "reason", "remind_at", "reminded", "return_by"])


def _ours(actor: Actor, pk: int, states: Iterable[str]) -> StatementLine:
    """A line of an agency whose finance the actor does, in one of these states, locked."""
    agency = StatementLine.objects.filter(pk=pk).values_list("agency_id", flat=True).first()
    if agency is None or (agency not in actor.roles and not actor.everything):
        raise refusal("J-LINE-NONE")
    require_finance(actor, agency, WORK)
    row = StatementLine.objects.select_for_update().get(pk=pk)
    if row.state not in states:
        raise refusal("J-LINE-TAKEN", **said(row))
    return row


def _bank_of(line: StatementLine) -> str:
    """The payer's bank, as the directory knows it; statements do not tell it."""
    known: Mapping[str, str] = {
        account.number: account.bank for account in BankAccount.objects.filter(name=line.payer_name)
    }
    return known.get(line.payer_account, "付款账户开户行")
