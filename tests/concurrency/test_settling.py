"""Two people approve one settlement at the same moment: it is posted once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet

from tests.concurrency.racing import SHORT, WAIT, Meeting, at_once, one_won
from tests.world import IN, MONDAY, OUT, user
from transfers.access import actor_for
from transfers.actions import settling
from transfers.models import LedgerEntry, LedgerTransaction
from transfers.rules.parties import Role
from transfers.selectors.settlements import owed_fen

pytestmark = pytest.mark.django_db(transaction=True)


def approved_twice(world: Any, monkeypatch: Any, *, guarded: bool) -> tuple[list[Any], bool]:
    """What two checkers get who have both found the settlement waiting."""
    posting = LedgerTransaction.objects.create(kind="settle", at=MONDAY)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=posting, book=book, area_id=area, counter_area_id=other, amount_fen=fen)
        for book, area, other, fen in (("owed", OUT, IN, 1000), ("advanced", IN, OUT, -1000))
    )
    third = user("third", OUT, (Role.FINANCE,))
    made = settling.propose(actor_for(world.out_handler), OUT, IN, amount_fen=400, bank_reference="R-1", now=MONDAY)
    checkers = [actor_for(world.out_reviewer), actor_for(third)]
    meeting = Meeting(timeout=SHORT if guarded else WAIT)
    judge = settling._require_owed

    def together(*args: Any) -> None:
        meeting.here()
        judge(*args)

    monkeypatch.setattr(settling, "_require_owed", together)
    if not guarded:
        monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **options: self)
    outcomes = at_once(*(lambda who=who: settling.approve(who, made.pk, now=MONDAY) for who in checkers))
    return outcomes, meeting.met


def test_a_settlement_is_posted_once(committed, monkeypatch):
    outcomes, met = approved_twice(committed, monkeypatch, guarded=True)
    assert not met
    one_won(outcomes, code="J-SETTLE-DONE")
    assert owed_fen(OUT, IN) == 600


def test_without_the_lock_it_would_be_posted_twice(committed, monkeypatch):
    outcomes, met = approved_twice(committed, monkeypatch, guarded=False)
    assert met
    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    assert owed_fen(OUT, IN) == 200
