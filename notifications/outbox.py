"""The outbox: letters are rows written with what they tell, and delivered afterwards, each at least once.

`post` writes. `drain` claims due letters with a lease, delivers them with no transaction open, and marks them in few
statements. A drain that dies leaves leased rows; when the lease has run out they are claimed again and go out with the
same idempotency key, by which a gateway can tell the repetition. `replay` brings dead letters back.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice
from os import urandom
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.crypto import seal_value
from accounts.models import User
from notifications import waking
from notifications.delivery import DrainReport, drain
from notifications.errors import DraftError, NotInTransaction
from notifications.models import ADDRESS_CONTEXT, SECRET_CONTEXT, Letter
from notifications.rendering import clean

__all__ = [
    "Draft",
    "DrainReport",
    "dead_letters",
    "drain",
    "oldest_unsent_age",
    "post",
    "post_many",
    "purge_secrets",
    "replay",
]
logger = logging.getLogger(__name__)

MAX_CONTEXT_BYTES = 32 * 1024

_INBOX, _WEBHOOK = Letter.Channel.INBOX.value, Letter.Channel.WEBHOOK.value
_CHANNELS = frozenset(Letter.Channel.values)
_LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
_DIGESTIBLE = frozenset({"email", "sms"})


# --- writing ------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Draft:
    """A letter to be written. `context` and `secret` are JSON objects for the template; what is sensitive goes into
    `secret`, which is stored encrypted and wiped when sent. Letters of one person with one `digest_key` that are due
    together become one message. `dedupe_key` makes a letter once-only for ever, together with `month` (202611), which
    must follow from what is told: the same key with another month would be another letter. Without a key the month may
    be left out and is the present one. `not_before` and `not_after` are
    instants; a letter that was not sent by `not_after` is not sent any more. A webhook needs `signing_key` in `secret`.
    """

    channel: str
    template: str
    language: str
    recipient_id: int | None = None
    address: str = field(default="", repr=False)
    subject_ref: str = ""
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secret: Mapping[str, Any] | None = field(default=None, repr=False)
    digest_key: str = ""
    dedupe_key: str | None = None
    month: int | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None


_COLUMNS = (
    "month, key, created_at, channel, template, language, recipient_id, address, subject_ref, context, secret, "
    "digest_key, dedupe_key, status, due_at, not_after, next_attempt_at, sent_at, attempts, leased_by, "
    "last_error_code, last_error"
)

# The contexts go in binary: as text, an array would escape each quotation mark of each of them.
_POST = """
INSERT INTO notifications_letter (__COLUMNS__)
SELECT d.month, d.key, %s, d.channel, d.template, d.language, d.recipient_id, d.address, d.subject_ref,
    d.context::jsonb, d.secret, d.digest_key, d.dedupe_key, CASE d.channel WHEN 'inbox' THEN 'sent' ELSE 'pending' END,
    d.due_at, d.not_after, d.due_at, CASE d.channel WHEN 'inbox' THEN d.due_at END, 0, '', '', ''
FROM unnest(%s::int[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::text[],
    %b::text[], %s::bytea[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS d(month, key, channel, template, language, recipient_id, address, subject_ref, context, secret,
    digest_key, dedupe_key, due_at, not_after)
ON CONFLICT (dedupe_key, month) DO NOTHING
RETURNING id
""".replace("__COLUMNS__", _COLUMNS)  # nosec B608
# What is written is clean of control characters: one of them can stand for NULL, and only a backslash needs another.
_NULL = "\x01"
_COPY = f"COPY notifications_letter ({_COLUMNS}) FROM STDIN (NULL '{_NULL}')"
_AT_ONCE = 100


def _object(values: Mapping[str, Any] | None, what: str) -> str:
    """A JSON object as stored, with control characters taken out."""
    try:
        text = _written(dict(values or {}))
        if "\\" in text or not text.isprintable():  # as every text is that has something to take out
            text = _written(clean(values))
    except (TypeError, ValueError) as error:
        raise DraftError(f"the {what} of a letter must be JSON values") from error
    if len(text) > MAX_CONTEXT_BYTES:
        raise DraftError(f"the {what} of a letter is longer than {MAX_CONTEXT_BYTES} characters")
    return text


_written = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_Row = tuple[Any, ...]


class _Desk:
    """Makes rows of one lot of drafts. What several of them share is written or sealed once."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.month = int(f"{timezone.localtime(now):%Y%m}")
        self._contexts: dict[int, tuple[Mapping[str, Any], str]] = {}
        self._sealed: dict[tuple[int, str], bytes] = {}
        self._texts: dict[datetime, str] = {}

    def context(self, draft: Draft) -> str:
        """Letters of one thing by several channels have the very same context."""
        known = self._contexts.get(id(draft.context))
        if known is None or known[0] is not draft.context:
            known = self._contexts[id(draft.context)] = draft.context, _object(draft.context, "context")
        return known[1]

    def address(self, draft: Draft) -> bytes:
        """Whose address it is stands beside it in the row, so that two letters of one user may look alike."""
        address = draft.address.strip()
        if draft.recipient_id is None:
            return seal_value(address, context=ADDRESS_CONTEXT)
        whose = (draft.recipient_id, address)
        if whose not in self._sealed:
            self._sealed[whose] = seal_value(address, context=ADDRESS_CONTEXT)
        return self._sealed[whose]

    def text(self, at: datetime) -> str:
        """An instant as the database reads it; many letters are due at the same."""
        if at not in self._texts:
            self._texts[at] = str(at)
        return self._texts[at]

    def rows(self, drafts: Iterable[Draft]) -> Iterator[_Row]:
        return (_row(draft, self) for draft in drafts)


def _row(draft: Draft, desk: _Desk) -> _Row:
    """One draft as the columns of `_POST`. Raises `DraftError`."""
    channel, whose, about = draft.channel, draft.recipient_id, draft.subject_ref
    digest, once = draft.digest_key, draft.dedupe_key
    _check_sort(channel, draft.template, draft.language)
    inbox = channel == _INBOX
    if inbox and whose is None:
        raise DraftError("an inbox letter needs a recipient")
    if inbox and draft.secret:
        raise DraftError("an inbox letter stays readable and cannot hold a secret")
    if not inbox and not draft.address.strip():
        raise DraftError(f"a letter by {channel} needs an address")
    if channel == _WEBHOOK and not (draft.secret or {}).get("signing_key"):
        raise DraftError("a webhook needs the receiver's signing_key in its secret")
    if len(about) > 64:
        raise DraftError("subject_ref has at most 64 characters")
    if len(digest) > 100:
        raise DraftError("digest_key has at most 100 characters")
    if once is not None and not 1 <= len(once) <= 200:
        raise DraftError("dedupe_key has 1 to 200 characters")
    if once is not None and draft.month is None:
        raise DraftError("a letter with a dedupe_key needs the month that follows from what it tells")
    due = desk.now if inbox or draft.not_before is None else max(desk.now, draft.not_before)
    return (
        desk.month if draft.month is None else draft.month,
        _new_key(),
        channel,
        draft.template,
        draft.language,
        whose,
        b"" if inbox else desk.address(draft),
        clean(about),
        desk.context(draft),
        seal_value(_object(draft.secret, "secret"), context=SECRET_CONTEXT) if draft.secret else None,
        clean(digest) if channel in _DIGESTIBLE else "",
        once if once is None else clean(once),
        due,
        draft.not_after,
    )


def _new_key() -> str:
    """A random UUID (version 4) as text: to make an object of each takes several times as long."""
    text = urandom(16).hex()
    return f"{text[:12]}4{text[13:16]}a{text[17:]}"


@cache  # there are few sorts; what is refused is not kept
def _check_sort(channel: str, template: str, language: str) -> None:
    """Whether there are letters of this sort. Raises `DraftError`."""
    if channel not in _CHANNELS:
        raise DraftError(f"there is no channel {channel!r}")
    if not _NAME.fullmatch(template):
        raise DraftError("a template's name has small letters, digits, - _ . only")
    if language not in _LANGUAGES:
        raise DraftError(f"letters are not written in {language!r}")


def post(drafts: Sequence[Draft], *, now: datetime) -> list[int]:
    """Write letters in the caller's transaction with one INSERT. Nothing leaves before it commits.

    Returns the ids written, in order; a draft whose `dedupe_key` exists already is left out. Inbox letters are thereby
    delivered, whatever their `not_before`: an inbox wakes nobody. Raises `NotInTransaction`, `DraftError`.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction("post letters in the transaction of what they tell")
    if not drafts:
        return []
    rows = list(_Desk(now).rows(drafts))
    with connection.cursor() as cursor:
        cursor.execute(_POST, [now, *(list(column) for column in zip(*rows, strict=True))])
        ids = [row[0] for row in cursor.fetchall()]
    _wake(drafts, now)
    return ids


def post_many(drafts: Sequence[Draft], *, now: datetime) -> None:
    """The same for a great many of which hardly any is there already: the database takes them in while they are
    written, by COPY. Raises as `post` does.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction("post letters in the transaction of what they tell")
    if not drafts:
        return
    try:
        with (
            transaction.atomic(),
            connection.cursor() as cursor,
            connection.wrap_database_errors,
            cursor.copy(_COPY) as copy,
        ):
            lines = _lines(_Desk(now), drafts)
            while some := "".join(islice(lines, _AT_ONCE)):
                copy.write(some)
    except IntegrityError:  # COPY cannot leave out a letter that is there already
        post(drafts, now=now)
    else:
        _wake(drafts, now)


def _lines(desk: _Desk, drafts: Iterable[Draft]) -> Iterator[str]:
    """Drafts as lines for COPY, the values put down as text at once: a dumper each costs several times as much."""
    written = str(desk.now)
    for row in desk.rows(drafts):
        month, key, channel, template, language, recipient, address, about, context, secret, digest, once, *times = row
        due, until = times
        at = desk.text(due)
        inbox = channel == _INBOX
        hidden = _NULL if secret is None else f"\\x{secret.hex()}"
        line = (
            f"{month}\t{key}\t{written}\t{channel}\t{template}\t{language}\t{_NULL if recipient is None else recipient}"
            f"\t\\x{address.hex()}\t{about}\t{context}\t{hidden}"
            f"\t{digest}\t{_NULL if once is None else once}\t{'sent' if inbox else 'pending'}\t{at}"
            f"\t{_NULL if until is None else until}\t{at}\t{at if inbox else _NULL}\t0\t\t\t\n"
        )
        yield line.replace("\\", "\\\\")


def _wake(drafts: Iterable[Draft], now: datetime) -> None:
    """Ask for a drain when one of them can go at once."""
    if any(
        draft.channel != Letter.Channel.INBOX and (draft.not_before is None or draft.not_before <= now)
        for draft in drafts
    ):
        transaction.on_commit(waking.nudge)


# --- the dead, and what is kept -----------------------------------------------------------------
def dead_letters() -> QuerySet[Letter]:
    """Letters that will not be tried again, oldest first. A digest is its leader; `followers` are what went with it."""
    return Letter.objects.filter(status=Letter.Status.DEAD).order_by("id")


def replay(letter_ids: Iterable[int], *, actor: User | None, now: datetime) -> list[int]:
    """Try dead letters again from the start, under the same idempotency key. Returns the ids that were dead."""
    with transaction.atomic():
        ids = list(
            Letter.objects.select_for_update()
            .filter(id__in=list(letter_ids), status=Letter.Status.DEAD)
            .order_by("id")
            .values_list("id", flat=True)
        )
        Letter.objects.filter(id__in=ids).update(
            status=Letter.Status.PENDING, attempts=0, next_attempt_at=now, replayed_at=now, replayed_by=actor
        )
        transaction.on_commit(waking.nudge)
    logger.info("Letters replayed: %s by %s", ids, actor.pk if actor else "command")
    return ids


def oldest_unsent_age(*, now: datetime) -> float | None:
    """Seconds for which the next letter has been due and not taken up; None when nothing is due.

    A letter that waits for its next attempt is not due, so one refusing gateway does not look like a dead worker.
    """
    due = Letter.objects.filter(status=Letter.Status.PENDING, next_attempt_at__lte=now)
    # By order and not by min(): one step into the partial index, however much is waiting.
    oldest = due.order_by("next_attempt_at", "id").values_list("next_attempt_at", flat=True).first()
    return None if oldest is None else float((now - oldest).total_seconds())


def purge_secrets(*, before: datetime) -> int:
    """Wipe the secrets of letters that died and were written before this instant. Returns how many."""
    return Letter.objects.filter(
        status__in=[Letter.Status.DEAD, Letter.Status.FOLDED], secret__isnull=False, created_at__lt=before
    ).update(secret=None)
