"""Two agencies publish at the same instant: each edition is checked against a world that has the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.concurrency.racing import SHORT, WAIT, Meeting, at_once
from tests.world import MONDAY, World
from transfers.access import actor_for
from transfers.actions import policymaking
from transfers.models import Policy
from transfers.rules.errors import Refusal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drafts(committed: World) -> Iterator[list[tuple[Policy, Any]]]:
    """The city promises eight days and its province seven, each right while the other is not published."""
    common = {"valid_from": date(2026, 6, 1), "document_number": "测试", "now": MONDAY}
    lead, province = actor_for(committed.out_lead), actor_for(committed.out_province)
    yield [
        (policymaking.draft("450100", lead, values={"out_days": 8}, **common), actor_for(committed.out_head)),
        (policymaking.draft("450000", province, values={"out_days": 7}, **common), actor_for(committed.nation)),
    ]
    Policy.objects.filter(drafted_by__isnull=False).delete()


def race(monkeypatch: Any, drafts: list[tuple[Policy, Any]], *, guarded: bool) -> list[Any]:
    """Both meet when they have read what is published and before they publish."""
    meeting = Meeting(timeout=SHORT if guarded else WAIT)
    read = policymaking.published_editions

    def pausing(**options: Any) -> Any:
        found = read(**options)
        meeting.here()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(policymaking, "published_editions", pausing)
        if not guarded:
            patch.setattr(policymaking, "hold_policies", lambda: None)
        outcomes = at_once(
            *(lambda row=row, who=who: policymaking.publish(row, who, now=MONDAY) for row, who in drafts)
        )
    assert meeting.met is not guarded
    return outcomes


def test_one_of_two_that_contradict_is_published(drafts, monkeypatch):
    outcomes = race(monkeypatch, drafts, guarded=True)
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, Refusal)
    assert refused.code == "J-POLICY-CONTRADICTS"
    assert Policy.objects.filter(drafted_by__isnull=False, published_at__isnull=False).count() == 1


def test_without_the_lock_both_are(drafts, monkeypatch):
    """The control: each is checked against a world without the other."""
    outcomes = race(monkeypatch, drafts, guarded=False)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert Policy.objects.filter(drafted_by__isnull=False, published_at__isnull=False).count() == 2
