"""A drain finds what is due by its partial index, however many letters were ever sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from notifications import leases
from notifications.models import Letter
from tests.explain import believed, insert, scans
from tests.notifications.conftest import NOW

pytestmark = pytest.mark.django_db
GIVEN = {"now": NOW, "limit": 2000, "until": NOW + leases.LEASE, "lease": "x"}


@pytest.fixture
def many_letters() -> None:
    """Of a hundred letters two are waiting, one of them for later; half were part of a digest."""
    insert(
        Letter,
        {
            "month": "202611 + n %% 2", "key": "gen_random_uuid()", "created_at": f"'{NOW}'", "channel": "'email'",
            "template": "'note'", "language": "'zh-hans'", "address": "'x'", "recipient_id": "1",
            "status": "CASE WHEN n %% 50 = 0 THEN 'pending' ELSE 'sent' END", "sent_at": f"'{NOW}'",
            "due_at": f"'{NOW}'", "digest_key": "CASE WHEN n %% 2 = 0 THEN 'user:' || n %% 300 ELSE '' END",
            "dedupe_key": "'key:' || n",
            "next_attempt_at": f"'{NOW}'::timestamptz + (n %% 100 - 50) * interval '1 hour'",
        },
        4000,
    )  # fmt: skip
    believed(Letter)


def read(plan: set[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """By which index the letters are found."""
    return {(kind, index) for kind, table, index in plan if table == "notifications_letter" or index}


def test_a_drain_goes_by_what_is_due(many_letters):
    for plan in scans(leases._CLAIM, GIVEN):
        assert ("Index Scan", "letter_pending") in read(plan)
        assert {kind for kind, _index in read(plan)} == {"Index Scan"}


def test_so_does_a_drain_that_finds_nothing(many_letters):
    for plan in scans(leases._CLAIM, GIVEN | {"now": NOW - timedelta(days=365)}):
        assert ("Index Scan", "letter_pending") in read(plan)
        assert {kind for kind, _index in read(plan)} == {"Index Scan"}


def test_the_rest_of_a_digest_is_found_by_its_key(many_letters):
    for plan in scans(leases._CLAIM_DIGEST, GIVEN | {"keys": ["user:50", "user:100"]}):
        assert "letter_digest" in {index for _kind, index in read(plan)}
        assert "Seq Scan" not in {kind for kind, _index in read(plan)}


def test_without_the_index_it_would_read_every_letter(many_letters):
    """The control: the planner does believe in a large table."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX letter_pending")
    assert [("Seq Scan", "") in read(plan) for plan in scans(leases._CLAIM, GIVEN)] == [True, True]
