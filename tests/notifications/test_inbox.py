from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from accounts.models import User
from notifications import inbox, outbox
from tests.notifications.conftest import NOW, draft, drained, letter, posted

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return User.objects.create(username="reader")


def told(user: User, n: int = 1, **changes) -> outbox.Draft:
    values = {"channel": "inbox", "address": "", "secret": None, "recipient_id": user.pk}
    return draft(**(values | {"context": {"n": n, "name": "张**"}} | changes))


def test_delivered_by_being_there(reader) -> None:
    (ident,) = posted(told(reader, not_before=NOW + timedelta(hours=1)))
    stored = letter(ident)
    assert (stored.status, stored.sent_at, stored.read_at) == ("sent", NOW, None)
    assert drained().claimed == 0
    assert inbox.unread_count(reader) == 1


def test_newest_first_and_page_by_page(reader) -> None:
    posted(*[told(reader, n) for n in range(5)])
    first = inbox.entries(reader, limit=3)
    rest = inbox.entries(reader, limit=3, before=first[-1].id)
    assert [entry.subject for entry in first + rest] == [f"办理提醒 {n}" for n in (4, 3, 2, 1, 0)]


def test_in_the_language_of_the_reader(reader) -> None:
    posted(told(reader))
    with translation.override("en"):
        assert inbox.entries(reader)[0].body == "Hello 张**. Matter 1."


def test_read(reader) -> None:
    other = User.objects.create(username="other")
    mine, theirs, mine_too = posted(told(reader), told(other), told(reader))
    assert inbox.mark_read(reader, [mine, theirs], now=NOW) == 1
    assert (inbox.unread_count(reader), inbox.unread_count(other)) == (1, 1)
    assert [entry.id for entry in inbox.entries(reader, unread_only=True)] == [mine_too]
    assert inbox.mark_read(reader, now=NOW) == 1
    assert inbox.mark_read(reader, now=NOW) == 0
    assert [entry.read_at for entry in inbox.entries(reader)] == [NOW, NOW]
    assert inbox.unread_count(other) == 1


def test_a_letter_without_template_does_not_hide_the_others(reader) -> None:
    posted(told(reader), told(reader, template="gone", subject_ref="C1"))
    shown = inbox.entries(reader)
    assert [entry.body for entry in shown] == ["C1", "您好，张**。事项 1。"]


def test_counting_reads_one_row_and_no_address(reader, django_assert_num_queries) -> None:
    posted(told(reader))
    with django_assert_num_queries(1) as seen:
        inbox.unread_count(reader)
    assert "COUNT" in seen.captured_queries[0]["sql"].upper()
    with django_assert_num_queries(1) as seen:
        inbox.entries(reader)
    assert "address" not in seen.captured_queries[0]["sql"]
