"""An application is filed once, and an enrolment starts one transfer, however often they are sent.

The promise is a row, unique by partner, kind and key, written first in the transaction that takes the case in: of two
requests at once the second waits at that row, and finds the first one's case when it commits. Nothing is decided by
asking first whether the key exists; that is only done to spare a repeated request the work.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from accounts.crypto import lookup_hash
from transfers.access import partner_actor
from transfers.actions import intake
from transfers.models import IdempotencyKey, Partner, TransferCase
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Channel

KEY_MAX = 100


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
        (filed,) = kept_of([self])
        if isinstance(filed, Refusal):
            raise filed
        return filed

    def keep(self, take_in: Callable[[], TransferCase], *, now: datetime) -> Filed:
        """Take the case in and write the promise down, both or neither; who comes second gets the first one's case."""
        (filed,) = keep_many([self], lambda _these: [take_in()], now=now)
        if isinstance(filed, Refusal):
            raise filed
        return filed


def kept_of(promises: Sequence[Promise]) -> list[Filed | Refusal | None]:
    """Of promises of one sender and kind: the case that each key stands for already, J-IDEMPOTENCY, or None."""
    one = promises[0]
    rows = IdempotencyKey.objects.select_related("case").filter(
        kind=one.kind, key__in=[promise.key for promise in promises], case__isnull=False
    )
    sender = {"partner": one.partner_id} if one.partner_id else {"partner__isnull": True}
    found = {row.key: row for row in rows.filter(**sender)}
    return [_replayed(found.get(promise.key), promise) for promise in promises]


def _replayed(row: IdempotencyKey | None, promise: Promise) -> Filed | Refusal | None:
    if row is None or row.case is None:
        return None
    if not hmac.compare_digest(bytes(row.request_digest), promise.digest):
        return refusal("J-IDEMPOTENCY")
    return Filed(row.case, replayed=True)


_PROMISE = """
INSERT INTO transfers_idempotencykey (partner_id, kind, key, request_digest, created_at)
SELECT v.partner_id, v.kind, v.key, v.digest, %s
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[]) AS v(partner_id, kind, key, digest)
ON CONFLICT (partner_id, kind, key) DO NOTHING RETURNING id, key
"""


def keep_many(
    promises: Sequence[Promise], take_in: Callable[[Sequence[int]], Sequence[TransferCase]], *, now: datetime
) -> list[Filed | Refusal]:
    """`Promise.keep` for promises of one sender and kind, no key twice: `take_in` hears which are new, by their place.

    All the new ones are written together; whoever comes second with one of them waits at its row.
    """
    order = sorted(range(len(promises)), key=lambda n: promises[n].key)  # the same for everybody
    rows = [(one.partner_id, one.kind, one.key, one.digest) for one in (promises[n] for n in order)]
    filed: dict[int, Filed | Refusal] = {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_PROMISE, [now, *(list(column) for column in zip(*rows, strict=True))])
            written = {key: pk for pk, key in cursor.fetchall()}
        new = [n for n, promise in enumerate(promises) if promise.key in written]
        if new:
            cases = take_in(new)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE transfers_idempotencykey k SET case_id = v.case_id"
                    " FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, case_id) WHERE k.id = v.id",
                    [[written[promises[n].key] for n in new], [case.pk for case in cases]],
                )
            filed = {n: Filed(case, replayed=False) for n, case in zip(new, cases, strict=True)}
    others = [n for n in range(len(promises)) if n not in filed]
    for n, found in zip(others, kept_of([promises[n] for n in others]) if others else (), strict=True):
        if found is None:
            raise RuntimeError("a promise that was written by somebody else is not there")
        filed[n] = found
    return [filed[n] for n in range(len(promises))]


def digest_of(raw: Mapping[str, Any]) -> bytes:
    """Of the content, whatever its order and spacing; keyed, because it is about a person."""
    content = json.dumps(raw, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return lookup_hash(content, context="idempotency.request")
