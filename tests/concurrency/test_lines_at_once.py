"""Bank lines under many hands at once: no fen of a line goes to two cases, none arrives twice.

Each race stands beside its control: the same meeting with the guard taken away, where it does go wrong.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import Sum

from tests.actions.test_statements import agency, row, sent, statement
from tests.concurrency.racing import SHORT, WAIT, Meeting, at_once
from tests.world import MONDAY
from transfers.access import actor_for
from transfers.actions import lines, perform
from transfers.actions.statements import match_new, take_statement
from transfers.models import Allocation, LedgerEntry, StatementLine, TransferCase
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db(transaction=True)
LATER = MONDAY + timedelta(days=1)


def one_line_two_people(world: Any) -> tuple[list[TransferCase], StatementLine]:
    """Two cases of the same amount, and one line that could be either's."""
    cases = [sent(world, serial) for serial in (1, 2)]
    take_statement(actor_for(world.in_handler), agency(), statement(row(1)), now=LATER)
    match_new(agency(), now=LATER)
    line = StatementLine.objects.get()
    assert line.reason == "several"
    return cases, line


def race_for_the_line(monkeypatch: Any, world: Any, *, guarded: bool) -> tuple[list[Any], StatementLine]:
    """Both meet at the line; unguarded it is read without its lock, and both have read it when either writes."""
    cases, line = one_line_two_people(world)
    meeting = Meeting(timeout=SHORT if guarded else WAIT)
    read = lines.open_fen

    def pausing(of: StatementLine) -> int:
        meeting.here()
        return read(of)

    class Pausing:
        def cursor(self) -> Any:
            meeting.here()
            return connection.cursor()

    def matching(case: TransferCase, who: Any) -> Any:
        data = {"line": str(line.pk)}
        return lambda: perform(case.pk, "match_line", actor_for(who), version=case.version, data=data, now=LATER)

    with monkeypatch.context() as patch:
        if guarded:
            patch.setattr(lines, "open_fen", pausing)
        else:
            patch.setattr(lines, "connection", Pausing())  # read by both, before either writes
            queryset = type(StatementLine.objects.all())
            locking = queryset.select_for_update
            patch.setattr(
                queryset,
                "select_for_update",
                lambda self, **more: self if self.model is StatementLine else locking(self, **more),
            )
        outcomes = at_once(matching(cases[0], world.in_handler), matching(cases[1], world.in_reviewer))
    assert meeting.met is not guarded
    line.refresh_from_db()
    return outcomes, line


def test_two_people_match_one_line(committed, monkeypatch):
    outcomes, line = race_for_the_line(monkeypatch, committed, guarded=True)
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refused, Refusal)
    assert refused.code == "J-LINE-TAKEN"
    assert (line.state, line.allocated_fen, Allocation.objects.count()) == ("done", 345_678, 1)
    assert LedgerEntry.objects.filter(book="received").aggregate(fen=Sum("amount_fen"))["fen"] == 345_678
    assert problems(now=LATER) == []


def test_two_people_match_one_line_without_its_lock(committed, monkeypatch):
    """The control: both pass every check, and only the line's own sum in the database stops the second, unkindly."""
    outcomes, line = race_for_the_line(monkeypatch, committed, guarded=False)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [type(outcome) for outcome in failed] == [IntegrityError]
    assert (line.allocated_fen, Allocation.objects.count()) == (345_678, 1)


def test_without_lock_and_sum_a_line_would_serve_twice(committed, monkeypatch):
    """The control of the control: take the line's sum away as well, and its money doubles."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE transfers_statementline DROP CONSTRAINT line_within")
        cursor.execute("ALTER TABLE transfers_statementline DROP CONSTRAINT line_explained")
    try:
        outcomes, line = race_for_the_line(monkeypatch, committed, guarded=False)
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert (line.amount_fen, line.allocated_fen) == (345_678, 2 * 345_678)
    finally:
        from tests.conftest import clean_tables

        clean_tables()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE transfers_statementline ADD CONSTRAINT line_within CHECK (amount_fen > 0 AND"
                " allocated_fen >= 0 AND returned_fen >= 0 AND amount_fen >= allocated_fen + returned_fen)"
            )
            cursor.execute(
                "ALTER TABLE transfers_statementline ADD CONSTRAINT line_explained CHECK"
                " (state <> 'done' OR amount_fen = allocated_fen + returned_fen)"
            )


def test_one_file_taken_in_and_worked_on_by_three_at_once(committed):
    cases = [sent(committed, serial) for serial in range(1, 6)]
    rows = [row(at, case.number) for at, case in enumerate(cases, 1)]
    data = statement(*rows, row(6, cases[0].number), row(7, "谁的款", fen=9))

    def take_and_match() -> Any:
        taken = take_statement(actor_for(committed.in_handler), agency(), data, now=LATER)
        run = match_new(agency(), now=LATER)
        return taken.again, run.matched

    outcomes = at_once(take_and_match, take_and_match, take_and_match)
    assert sorted(again for again, _matched in outcomes) == [False, True, True]
    assert sum(matched for _again, matched in outcomes) == 5
    assert StatementLine.objects.count() == 7
    assert Allocation.objects.count() == len(set(Allocation.objects.values_list("case", flat=True))) == 5
    assert sorted(StatementLine.objects.exclude(reason="").values_list("reason", flat=True)) == ["ended", "none"]
    assert problems(now=LATER) == []
