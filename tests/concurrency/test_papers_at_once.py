"""Two meet on one paper: it is made, or issued, once. Without the lock both would, and the database refuses one."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from tests.concurrency.racing import SHORT, WAIT, Meeting, at_once
from tests.world import MONDAY
from transfers.access import actor_for
from transfers.actions import papers
from transfers.documents.papers import store
from transfers.models import Paper
from transfers.models.guards import GuardedQuerySet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("guarded", [True, False])
def test_a_paper_is_made_once(world, monkeypatch, settings, tmp_path, guarded):
    settings.UPLOAD_DIR = tmp_path
    case = world.carry(world.accepted(), "approve_out")
    paper = Paper.objects.get(case=case, kind="sheet")
    meeting, kept, keep, said_by = Meeting(timeout=SHORT if guarded else WAIT), [], store.keep, papers.said_by
    if not guarded:
        monkeypatch.setattr(GuardedQuerySet, "select_for_update", lambda self, **options: self)

    def said_after_meeting(row):
        meeting.here()
        return said_by(row)

    def counted(pdf):
        kept.append(pdf)
        return keep(pdf)

    monkeypatch.setattr(papers, "said_by", said_after_meeting)
    monkeypatch.setattr(papers.store, "keep", counted)
    outcomes = at_once(*[lambda: papers.make(paper.pk, now=MONDAY)] * 2)
    refused = [outcome for outcome in outcomes if isinstance(outcome, DatabaseError)]
    assert (len(kept), len(refused), meeting.met) == ((1, 0, False) if guarded else (2, 1, True))
    issued = Paper.objects.get(pk=paper.pk)
    assert store.fetch(issued.sha256) in kept


@pytest.mark.parametrize("guarded", [True, False])
def test_a_paper_that_two_ask_for_is_issued_once(world, monkeypatch, guarded):
    case = world.accepted()
    meeting, drafted = Meeting(timeout=SHORT if guarded else WAIT), papers.drafted
    if not guarded:
        monkeypatch.setattr(GuardedQuerySet, "select_for_update", lambda self, **options: self)

    def drafted_after_meeting(*args, **options):
        meeting.here()
        return drafted(*args, **options)

    monkeypatch.setattr(papers, "drafted", drafted_after_meeting)
    handler = actor_for(world.out_handler)
    outcomes = at_once(*[lambda: papers.issue(handler, case.pk, "certificate", now=MONDAY)] * 2)
    refused = [outcome for outcome in outcomes if isinstance(outcome, DatabaseError)]
    assert (len(refused), meeting.met) == ((0, False) if guarded else (1, True)), outcomes
    assert Paper.objects.filter(case=case, kind="certificate").count() == 1
