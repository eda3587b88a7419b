"""An application is filed once, however often it is sent.

The promise is a row, unique by partner and key, written first in the transaction that takes the application in: of two
requests at once the second waits at that row, and finds the first one's case when it commits. Nothing is decided by
asking first whether the key exists; that is only done to spare a repeated request the work.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.crypto import lookup_hash
from transfers.access import partner_actor
from transfers.actions import intake
from transfers.models import IdempotencyKey, Partner, TransferCase
from transfers.rules.errors import refusal
from transfers.rules.parties import Channel

KEY_MAX = 100
_CONSTRAINT = "idempotency_once"


@dataclass(frozen=True, slots=True)
class Filed:
    """The case that a key stands for. `replayed`: it had been filed before."""

    case: TransferCase
    replayed: bool


def file_once(raw: Mapping[str, Any], partner: Partner, *, key: str, now: datetime) -> Filed:
    """Take a partner's application in under its idempotency key, and decide it.

    The same key with the same content gives the same case; with another content `J-IDEMPOTENCY`. An application that
    is refused for its form (`J-INPUT`) leaves nothing behind, so the key stays free.
    """
    digest = _digest(raw)
    filed = _filed(partner, key, digest) or _file(raw, partner, key, digest, now)
    # Outside the transaction, because other areas' systems are asked; a case decided already stays as it is. So a
    # repetition also finishes what a crash between the two left undone, but asks no registry before its next try.
    return Filed(intake.decide_if_due(filed.case, now=now), filed.replayed)


def _file(raw: Mapping[str, Any], partner: Partner, key: str, digest: bytes, now: datetime) -> Filed:
    application = intake.clean(raw, now=now)
    try:
        with transaction.atomic():
            promise = IdempotencyKey.objects.create(partner=partner, key=key, request_digest=digest, created_at=now)
            case = intake.submit(application, partner_actor(partner), channel=Channel.PARTNER, now=now)
            promise.case = case
            promise.save(update_fields=["case"])
    except IntegrityError as error:
        found = _filed(partner, key, digest) if _CONSTRAINT in str(error) else None
        if found is None:
            raise
        return found
    return Filed(case, replayed=False)


def _filed(partner: Partner, key: str, digest: bytes) -> Filed | None:
    row = IdempotencyKey.objects.select_related("case").filter(partner=partner, key=key, case__isnull=False).first()
    if row is None or row.case is None:
        return None
    if not hmac.compare_digest(bytes(row.request_digest), digest):
        raise refusal("J-IDEMPOTENCY")
    return Filed(row.case, replayed=True)


def _digest(raw: Mapping[str, Any]) -> bytes:
    """Of the content, whatever its order and spacing; keyed, because it is about a person."""
    content = json.dumps(raw, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return lookup_hash(content, context="idempotency.request")
