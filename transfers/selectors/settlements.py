"""What the fund of one area owes another's for balances that were credited at once (in_province_fund instant)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q, Sum

from transfers.models import LedgerEntry, Settlement
from transfers.rules.bank import SettlementState
from transfers.rules.money import Book


@dataclass(frozen=True, slots=True)
class Owing:
    """`outbound` owes `inbound` so much; `proposed` is a settlement of it that waits for review."""

    outbound: str
    inbound: str
    amount_fen: int
    proposed: Settlement | None = None


def outstanding(areas: Collection[str]) -> list[Owing]:
    """The pairs in which one of these areas owes or is owed something, by area."""
    either = Q(area__in=areas) | Q(counter_area__in=areas)
    rows = (
        LedgerEntry.objects.filter(either, book=Book.OWED.value)
        .values_list("area_id", "counter_area_id")
        .annotate(fen=Sum("amount_fen"))
        .exclude(fen=0)
        .order_by("area_id", "counter_area_id")
    )
    open_ones = Settlement.objects.filter(state=SettlementState.PROPOSED.value, out_area__in=[row[0] for row in rows])
    proposed = {(one.out_area_id, one.in_area_id): one for one in open_ones.select_related("made_by")}
    return [Owing(out, into, fen, proposed.get((out, into))) for out, into, fen in rows]


def owed_fen(outbound: str, inbound: str) -> int:
    """What one area owes the other, in fen."""
    entries = LedgerEntry.objects.filter(book=Book.OWED.value, area=outbound, counter_area=inbound)
    return entries.aggregate(fen=Sum("amount_fen"))["fen"] or 0
