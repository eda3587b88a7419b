"""Balances that go to the medical-insurance wallet, part by part, within the wallet's limits (rules/wallet.py)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

from django.db.models import Count

from transfers.access import SYSTEM
from transfers.actions.door import Done, perform_many
from transfers.models import LedgerTransaction, Remittance
from transfers.policies import pinned_policy
from transfers.rules.money import MoneyState
from transfers.rules.wallet import next_part
from transfers.rules.workdays import local_date, opening

BATCH = 500


def move_due(*, now: datetime, batch: int = BATCH) -> int:
    """Move every part that is due, one of each balance; answers how many were moved.

    Safe to run any number of times, at once, and late: a part moves the version of its case, so that it cannot be moved
    twice, and the limits are asked again at `now`.
    """
    moved, last = 0, 0
    while True:
        waiting = list(
            Remittance.objects.filter(state=MoneyState.TO_WALLET.value, wallet_at__lte=now, pk__gt=last)
            .select_related("case")
            .only("amount_fen", "wallet_fen", "case__version", "case__outbound_policy")
            .order_by("pk")[:batch]
        )
        if not waiting:
            return moved
        items = list(_parts(waiting, now))
        moved += sum(isinstance(answer, Done) for answer in perform_many(items, "move_to_wallet", SYSTEM, now=now))
        last = waiting[-1].pk


def _parts(waiting: list[Remittance], now: datetime) -> Iterable[tuple[int, int, dict[str, Any]]]:
    """What moves at `now`, with the instant at which the next part is due; nothing of what the limits hold back."""
    today = _moved_today([money.pk for money in waiting], now)
    for money in waiting:
        pinned = money.case.outbound_policy_id
        freeze = pinned_policy(pinned).policy.year_end_freeze if pinned is not None else None
        moved, left = today.get(money.pk, 0), money.amount_fen - money.wallet_fen
        part = next_part(moved_today=moved, left_fen=left, now=now, freeze=freeze)
        if part.at > now:
            continue
        left -= part.amount_fen
        after = next_part(moved_today=moved + 1, left_fen=left, now=now, freeze=freeze).at if left else None
        yield money.pk, money.case.version, {"amount_fen": part.amount_fen, "next_at": after}


def _moved_today(cases: list[int], now: datetime) -> dict[int, int]:
    """How many parts each case has had on this day in Asia/Shanghai, of all its rounds."""
    midnight = opening(local_date(now), time())
    rows = LedgerTransaction.objects.filter(case__in=cases, kind="wallet", at__gte=midnight)
    return dict(rows.values_list("case").annotate(parts=Count("id")).order_by())
