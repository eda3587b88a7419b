"""The in-app inbox: letters that are delivered by being there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.errors import RenderError
from notifications.models import Letter
from notifications.rendering import render

# Every page of the console asks this, of all months. With the channel written out the partial index fits whoever asks,
# so that the plan is made once; with a parameter there it would be made each time, for each month.
_UNREAD = """
SELECT count(*) FROM notifications_letter WHERE recipient_id = %s AND channel = 'inbox' AND read_at IS NULL
"""


@dataclass(frozen=True)
class Entry:
    """One letter as its reader sees it, in the language active now. `values` are what it was written from."""

    id: int
    created_at: datetime
    read_at: datetime | None
    subject: str
    body: str = field(repr=False)
    subject_ref: str
    template: str
    values: dict[str, Any] = field(repr=False)


def unread_count(user: User) -> int:
    """How many letters wait unread."""
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, [user.pk])
        return int(cursor.fetchone()[0])


def entries(user: User, *, limit: int = 50, before: int | None = None, unread_only: bool = False) -> list[Entry]:
    """The newest letters first; `before` is the id of the last one shown, for the next page.

    A letter that cannot be written any more (its template is gone) is shown as such and does not hide the others.
    """
    found = Letter.objects.filter(recipient=user, channel=Letter.Channel.INBOX).order_by("-id")
    if unread_only:
        found = found.filter(read_at=None)
    if before is not None:
        found = found.filter(id__lt=before)
    return [_entry(letter) for letter in found.defer("address", "secret")[:limit]]


def mark_read(user: User, letter_ids: Iterable[int] | None = None, *, now: datetime) -> int:
    """Mark these letters of this person, or all, as read. Returns how many were unread; others' letters stay."""
    found = Letter.objects.filter(recipient=user, channel=Letter.Channel.INBOX, read_at=None)
    if letter_ids is not None:
        found = found.filter(id__in=list(letter_ids))
    return found.update(read_at=now)


def _entry(letter: Letter) -> Entry:
    values = letter.context
    try:
        text = render(letter.template, language=get_language() or letter.language, values=values)
        subject, body = text.subject, text.body
    except RenderError:
        subject, body = _("This letter cannot be shown"), letter.subject_ref
    return Entry(
        id=letter.pk,
        created_at=letter.created_at,
        read_at=letter.read_at,
        subject=subject,
        body=body,
        subject_ref=letter.subject_ref,
        template=letter.template,
        values=values,
    )
