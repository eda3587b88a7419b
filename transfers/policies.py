"""Which policy applies in an area on a day and from which edition, and the pinned one of a case."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from transfers.memory import remembered, shelf
from transfers.models import Policy as PolicyRow
from transfers.models import ResolvedPolicy
from transfers.places import lineage
from transfers.rules.editions import Edition
from transfers.rules.policy import Policy, resolve

_pins: dict[bytes, int] = shelf()
_LOCK = 0x4A58_504F  # "JXPO": one change of policies at a time


@dataclass(frozen=True, slots=True)
class Applying:
    """A resolved policy with the id to pin and the documents that it comes from, the widest area first."""

    id: int
    policy: Policy
    sources: tuple[str, ...]


def applying(area_code: str, on: date) -> Applying:
    """What applies in `area_code` on that day: the nation's values, overruled on the way down. Pins the outcome."""
    digest, values, sources = _outcome(area_code, on)
    pinned = _pins.get(digest)
    if pinned is None:
        row, _created = ResolvedPolicy.objects.get_or_create(
            digest=digest, defaults={"values": values, "sources": sources}
        )
        pinned = row.pk
        # Remembered only once it is there for everybody: this transaction may yet be rolled back.
        transaction.on_commit(lambda: _pins.setdefault(digest, row.pk))
    return pinned_policy(pinned)


@remembered
def editions(area_code: str, on: date) -> list[PolicyRow]:
    """The published editions from which an area's policy on a day results, the widest area first."""
    codes = lineage(area_code)
    rows = {
        row.area_id: row
        for row in PolicyRow.objects.filter(area__in=codes, published_at__isnull=False, valid_from__lte=on).filter(
            Q(valid_to__isnull=True) | Q(valid_to__gte=on)
        )
    }
    return [rows[code] for code in codes if code in rows]


def published_editions(*, without: int | None = None) -> list[Edition]:
    """Every published edition as the rules know it, one row left out if asked for."""
    rows = PolicyRow.objects.filter(published_at__isnull=False)
    return [row.edition for row in (rows.exclude(pk=without) if without is not None else rows)]


@remembered
def _outcome(area_code: str, on: date) -> tuple[bytes, dict[str, Any], list[str]]:
    """The digest, the merged values and the sources of what applies."""
    rows = editions(area_code, on)
    values: dict[str, Any] = {}
    for row in rows:
        values.update(row.values)
    resolve([values])
    sources = [str(row) for row in rows]
    text = json.dumps([values, sources], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest(), values, sources


@lru_cache(maxsize=4096)
def pinned_policy(resolved_id: int) -> Applying:
    """The policy that a case was accepted under. Rows never change, so this is kept for good."""
    row = ResolvedPolicy.objects.get(pk=resolved_id)
    return Applying(row.pk, resolve([row.values]), tuple(row.sources))


def hold_policies() -> None:
    """Wait until nobody else is changing policies; held until the transaction ends.

    An edition is checked against all others, so two must never be checked against a world without each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
