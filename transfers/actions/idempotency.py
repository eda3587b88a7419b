"""An application is filed once, and an enrolment starts one transfer, however often they are sent.

The promise is a row, unique by partner, kind and key, written first in the transaction that takes the case in: of two
requests at once the second waits at that row, and finds the first one's case when it commits. Nothing is decided by
asking first whether the key exists; that is only done to spare a repeated request the work.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
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
    promise = Promise(partner.pk, Partner.APPLY, key, digest_of(raw))
    filed = promise.kept()
    if filed is None:
        application = intake.clean(raw, now=now)
        actor = partner_actor(partner)
        filed = promise.keep(lambda: intake.submit(application, actor, channel=Channel.PARTNER, now=now), now=now)
    # Outside the transaction, because other areas' systems are asked; a case decided already stays as it is. So a
    # repetition also finishes what a crash between the two left undone, but asks no registry before its next try.
    return Filed(intake.decide_if_due(filed.case, now=now), filed.replayed)


@dataclass(frozen=True, slots=True)
class Promise:
    """What this sender (None: our own command) sends under this key, of this `kind`, with this content."""

    partner_id: int | None
    kind: str
    key: str
    digest: bytes

    def kept(self) -> Filed | None:
        """The case that the key stands for already; `J-IDEMPOTENCY` when it came with another content."""
        rows = IdempotencyKey.objects.select_related("case").filter(kind=self.kind, key=self.key, case__isnull=False)
        sender = {"partner": self.partner_id} if self.partner_id else {"partner__isnull": True}
        row = rows.filter(**sender).first()
        if row is None or row.case is None:
            return None
        if not hmac.compare_digest(bytes(row.request_digest), self.digest):
            raise refusal("J-IDEMPOTENCY")
        return Filed(row.case, replayed=True)

    def keep(self, take_in: Callable[[], TransferCase], *, now: datetime) -> Filed:
        """Take the case in and write the promise down, both or neither; who comes second gets the first one's case."""
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(
                    partner_id=self.partner_id,
                    kind=self.kind,
                    key=self.key,
                    request_digest=self.digest,
                    created_at=now,
                )
                row.case = case = take_in()
                row.save(update_fields=["case"])
        except IntegrityError as error:
            found = self.kept() if _CONSTRAINT in str(error) else None
            if found is None:
                raise
            return found
        return Filed(case, replayed=False)


def digest_of(raw: Mapping[str, Any]) -> bytes:
    """Of the content, whatever its order and spacing; keyed, because it is about a person."""
    content = json.dumps(raw, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return lookup_hash(content, context="idempotency.request")
