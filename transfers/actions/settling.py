"""Funds settle what was credited at once: the outbound one pays, one of its people records it, another approves.

The payment itself is made between the funds, outside the hub; here it is known by its bank reference. Approval
posts it: what the outbound area owes the inbound one, and what that one has advanced, shrink by the same amount.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from transfers.access import Actor
from transfers.models import Agency, LedgerEntry, LedgerTransaction, Settlement
from transfers.places import agency_of, area_of, has_area
from transfers.rules.bank import SettlementState
from transfers.rules.bankfiles import plain
from transfers.rules.errors import Refusal, refusal
from transfers.rules.money import Book
from transfers.rules.parties import Named, Role
from transfers.rules.text import written
from transfers.selectors.settlements import owed_fen

REFERENCE_MAX = 60
_REFERENCE = Named("银行流水号", "Bank reference")


def may_settle(actor: Actor, outbound: str) -> bool:
    """Whether the actor is of the finance staff of the area that owes."""
    agency = agency_of(outbound) if has_area(outbound) else None
    return agency is not None and actor.has(agency.pk, Role.FINANCE)


@transaction.atomic
def propose(
    actor: Actor,
    outbound: str,
    inbound: str,
    *,
    amount_fen: int,
    bank_reference: str,
    note: str = "",
    now: datetime | None = None,
) -> Settlement:
    """Record that the outbound fund has paid the inbound one; nothing is posted before somebody else approves.

    Refused: J-AREA, J-NOT-YOURS, J-FIELD (amount, reference, note), J-SETTLE-NONE, J-SETTLE-MORE, J-SETTLE-OPEN (one of
    this pair waits for review), J-SETTLE-TWICE (the reference is another's).
    """
    for code in (outbound, inbound):
        if not has_area(code):
            raise refusal("J-AREA", code=code[:6])
    maker = _hold(actor, outbound)
    reference = plain(bank_reference, field=_REFERENCE, limit=REFERENCE_MAX)
    note = written(note)
    if amount_fen <= 0:
        raise refusal("J-FIELD", field="清算金额", problem="须大于零", problem_en="it must be above zero")
    _require_owed(outbound, inbound, amount_fen)
    standing = Settlement.objects.exclude(state=SettlementState.REFUSED.value).filter(out_area=outbound)
    if standing.filter(in_area=inbound, state=SettlementState.PROPOSED.value).exists():
        raise refusal("J-SETTLE-OPEN", **_pair(outbound, inbound))
    if standing.filter(bank_reference=reference).exists():
        raise refusal("J-SETTLE-TWICE")
    return Settlement.objects.create(
        out_area_id=outbound,
        in_area_id=inbound,
        amount_fen=amount_fen,
        bank_reference=reference,
        note=note,
        made_by_id=maker,
        made_at=now or timezone.now(),
    )


@transaction.atomic
def approve(actor: Actor, settlement: int, *, now: datetime | None = None) -> Settlement:
    """Post a settlement that another person recorded.

    Refused: J-NOT-FOUND, J-NOT-YOURS, J-SETTLE-DONE, J-FOUR-EYES, J-SETTLE-MORE (less is owed by now).
    """
    now = now or timezone.now()
    row = _open(actor, settlement)
    out, into, amount = row.out_area_id, row.in_area_id, row.amount_fen
    _require_owed(out, into, amount)
    row.posting = LedgerTransaction.objects.create(kind="settle", at=now)
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(transaction=row.posting, book=book.value, area_id=area, counter_area_id=other, amount_fen=fen)
            for book, area, other, fen in (
                (Book.OWED, out, into, -amount),
                (Book.ADVANCED, into, out, amount),
            )
        ]
    )
    row.state, row.checked_by_id, row.checked_at = SettlementState.POSTED.value, actor.user_id, now
    row.save(update_fields=["state", "checked_by", "checked_at", "posting"])
    return row


@transaction.atomic
def refuse(actor: Actor, settlement: int, *, note: str, now: datetime | None = None) -> Settlement:
    """Refuse what another person recorded, saying why; what is owed stays.

    Refused: J-NOT-FOUND, J-NOT-YOURS, J-SETTLE-DONE, J-FOUR-EYES, J-NOTE.
    """
    row = _open(actor, settlement)
    note = written(note, required=True)
    row.state, row.note = SettlementState.REFUSED.value, note
    row.checked_by_id, row.checked_at = actor.user_id, now or timezone.now()
    row.save(update_fields=["state", "note", "checked_by", "checked_at"])
    return row


def _open(actor: Actor, settlement: int) -> Settlement:
    """One that waits for review, ours until the transaction ends, for somebody other than who recorded it."""
    row = Settlement.objects.filter(pk=settlement).first()
    if row is None:
        raise refusal("J-NOT-FOUND")
    _hold(actor, row.out_area_id)
    row.refresh_from_db()
    if row.state != SettlementState.PROPOSED:
        said = SettlementState(row.state).named
        raise refusal("J-SETTLE-DONE", state=said.zh, state_en=said.en)
    if row.made_by_id == actor.user_id:
        raise refusal("J-FOUR-EYES")
    return row


def _hold(actor: Actor, outbound: str) -> int:
    """One settlement of an area at a time, and only by its own finance staff: who it is."""
    if actor.user_id is None or not may_settle(actor, outbound):
        raise _not_yours()
    Agency.objects.select_for_update(no_key=True).get(area=outbound)
    return actor.user_id


def _not_yours() -> Refusal:
    return refusal(
        "J-NOT-YOURS",
        what="清算即时入账的余额",
        what_en="Settle what was credited at once",
        who="转出地财务",
        who_en="finance staff of the outbound area",
    )


def _require_owed(outbound: str, inbound: str, amount_fen: int) -> None:
    owed = owed_fen(outbound, inbound)
    if owed <= 0:
        raise refusal("J-SETTLE-NONE", **_pair(outbound, inbound))
    if amount_fen > owed:
        raise refusal("J-SETTLE-MORE", **_pair(outbound, inbound))


def _pair(outbound: str, inbound: str) -> dict[str, str]:
    return {"out": area_of(outbound).name, "into": area_of(inbound).name}
