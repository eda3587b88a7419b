"""Two people act on one case at the same instant: one acts, the other hears who was first.

Each race stands beside its control: the same meeting with the guard taken away, where it does go wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection

from notifications.models import Letter
from tests.concurrency.racing import Meeting, at_once, one_won, race
from tests.world import MONDAY, World, application, person, user
from transfers.access import SYSTEM, actor_for, person_actor
from transfers.actions import intake
from transfers.actions.intake import apply, clean, decide, submit
from transfers.models import CaseEvent, Clock, LedgerTransaction, PersonalAccount, TransferCase
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db(transaction=True)
RECEIPT = {"received_yuan": "3456.78", "bank_reference": "TEST-0001"}


def second(world: World, side: str, *roles: Role) -> Any:
    return user(f"{side}_second", world.out if side == "out" else world.into, roles)


def reviewed(world: World) -> tuple[TransferCase, list[tuple[str, Any, dict[str, Any]]]]:
    case = world.carry(world.accepted(), "prepare_sheet")
    other = second(world, "out", Role.OUT_REVIEWER)
    return case, [("approve_out", actor_for(who), {}) for who in (world.out_reviewer, other)]


def test_two_reviewers_at_once(committed, monkeypatch):
    case, steps = reviewed(committed)
    refused = one_won(race(monkeypatch, case, *steps))
    winner = CaseEvent.objects.get(case=case, name="approve_out")
    assert winner.actor_name in refused.en
    assert winner.actor_name in refused.zh
    # The system fixed the balance right after; who is told is still the person who acted.
    assert CaseEvent.objects.filter(case=case, name="freeze").count() == 1
    assert Letter.objects.filter(subject_ref=case.number, template="sheet_sent").count() == 1
    assert problems(now=MONDAY) == []


def test_two_reviewers_without_the_lock(committed, monkeypatch):
    """The control: both pass every check of the door, and only the database stops the second, with no kind word."""
    case, steps = reviewed(committed)
    outcomes = race(monkeypatch, case, *steps, guarded=False)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(failed) == 1
    assert isinstance(failed[0], DatabaseError)


def claimed(world: World) -> tuple[TransferCase, list[tuple[str, Any, dict[str, Any]]]]:
    case = world.accepted()
    other = second(world, "out", Role.OUT_HANDLER)
    return case, [("claim_out", actor_for(who), {}) for who in (world.out_handler, other)]


def test_two_claims_at_once(committed, monkeypatch):
    case, steps = claimed(committed)
    one_won(race(monkeypatch, case, *steps))
    case = TransferCase.objects.get(pk=case.pk)
    assert CaseEvent.objects.get(case=case, name="claim_out").actor_id == case.owner_id
    assert problems(now=MONDAY) == []


def test_two_claims_without_the_lock(committed, monkeypatch):
    case, steps = claimed(committed)
    outcomes = race(monkeypatch, case, *steps, guarded=False)
    assert any(isinstance(outcome, DatabaseError) for outcome in outcomes)


def credited(world: World) -> tuple[TransferCase, list[tuple[str, Any, dict[str, Any]]]]:
    case = world.carry(world.accepted(), "match_receipt")
    other = second(world, "in", Role.FINANCE)
    return case, [("credit_account", actor_for(who), {}) for who in (world.in_reviewer, other)]


def test_money_is_credited_once(committed, monkeypatch):
    case, steps = credited(committed)
    one_won(race(monkeypatch, case, *steps))
    assert LedgerTransaction.objects.filter(case=case, kind="107").count() == 1
    assert PersonalAccount.objects.get(person=case.person, area="330100").balance_fen == 345_678
    assert problems(now=MONDAY) == []


def test_money_without_the_lock_is_stopped_by_the_ledger_alone(committed, monkeypatch):
    """The control: without the lock both reach the ledger, whose key (case, number) refuses the second posting."""
    case, steps = credited(committed)
    outcomes = race(monkeypatch, case, *steps, guarded=False)
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [IntegrityError]
    assert PersonalAccount.objects.get(person=case.person, area="330100").balance_fen == 345_678


def test_money_without_lock_and_ledger_key_would_be_credited_twice(committed, monkeypatch):
    """The control of the control: take the ledger's key and the event's key away, and the money doubles."""
    case = committed.carry(committed.accepted(), "approve_out")
    case = committed.carry_from(case, "propose_remittance", "match_receipt")
    steps = [("credit_account", actor_for(committed.in_reviewer), {})] * 2
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE transfers_ledgertransaction DROP CONSTRAINT ledger_number_once")
        cursor.execute("DROP INDEX event_one_per_move")
        cursor.execute("ALTER TABLE transfers_paper DROP CONSTRAINT paper_ordered_once")
        cursor.execute("ALTER TABLE transfers_transfercase DISABLE TRIGGER USER")
    try:
        outcomes = race(monkeypatch, case, *steps, guarded=False)
        assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
        assert PersonalAccount.objects.get(person=case.person, area="330100").balance_fen == 2 * 345_678
        assert {"events", "conservation"} <= {problem.invariant for problem in problems(now=MONDAY)}
    finally:
        from tests.conftest import clean_tables

        clean_tables()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE transfers_transfercase ENABLE TRIGGER USER")
            cursor.execute(
                "ALTER TABLE transfers_ledgertransaction ADD CONSTRAINT ledger_number_once UNIQUE (case_id, number)"
            )
            cursor.execute(
                "ALTER TABLE transfers_paper ADD CONSTRAINT paper_ordered_once UNIQUE (case_id, version, kind)"
            )
            cursor.execute(
                "CREATE UNIQUE INDEX event_one_per_move ON transfers_caseevent (case_id, version) "
                "WHERE version IS NOT NULL"
            )


def waiting(world: World) -> tuple[TransferCase, list[tuple[str, Any, dict[str, Any]]]]:
    case = world.carry(world.accepted(), "claim_out")
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-01", note="照片不清楚")
    return case, [
        ("provide_supplement", person_actor(case), {"note": "已补"}),
        ("lapse", SYSTEM, {"reason": "W-05"}),
    ]


def test_a_supplement_that_arrives_while_its_time_runs_out(committed, monkeypatch):
    case, steps = waiting(committed)
    one_won(race(monkeypatch, case, *steps))
    case = TransferCase.objects.get(pk=case.pk)
    assert case.state in ("OUT_PROCESSING", "TERMINATED")
    assert problems(now=MONDAY) == []


def test_a_supplement_and_its_lapse_without_the_lock(committed, monkeypatch):
    case, steps = waiting(committed)
    outcomes = race(monkeypatch, case, *steps, guarded=False)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(failed) == 1
    assert not isinstance(failed[0], Refusal), "nobody is told who was first"


def test_the_handler_double_clicks(committed, monkeypatch):
    case = committed.carry(committed.accepted(), "claim_out")
    step = ("prepare_sheet", actor_for(committed.out_handler), {})
    refused = one_won(race(monkeypatch, case, step, step))
    assert committed.out_handler.display_name in refused.zh


# --- applications ---------------------------------------------------------------------------------


def both_submitted(world: World) -> list[TransferCase]:
    person(1)
    cleaned = clean(application(1), now=MONDAY)
    actor = actor_for(world.in_handler)
    return [submit(cleaned, actor, channel=Channel.WINDOW_IN, now=MONDAY) for _ in range(2)]


def test_two_applications_of_one_person_are_decided_at_once(committed, monkeypatch):
    """Both find no open case; one holds the person and is accepted, and the other is told V-P-03."""
    cases = both_submitted(committed)
    meeting = Meeting()
    answer = intake.failures_of

    def after_the_question(*args: Any, **options: Any) -> Any:
        failures = answer(*args, **options)
        meeting.here()
        return failures

    monkeypatch.setattr(intake, "failures_of", after_the_question)
    outcomes = at_once(*(lambda pk=case.pk: decide(pk, now=MONDAY) for case in cases))
    assert meeting.met
    assert sorted(case.state for case in outcomes) == ["ACCEPTED", "NOT_ACCEPTED"]
    refused = next(case for case in outcomes if case.state == "NOT_ACCEPTED")
    assert [failure["code"] for failure in refused.failures] == ["V-P-03"]
    assert problems(now=MONDAY) == []


def test_without_lock_and_key_both_would_be_accepted(committed, monkeypatch):
    """Nobody waits for the other, and both look for an open case before either has accepted one."""
    cases = both_submitted(committed)
    meeting = Meeting()
    look = intake.open_cases_of

    def looking(*args: Any) -> Any:
        found = look(*args)
        if connection.in_atomic_block:
            meeting.here()
        return found

    monkeypatch.setattr(intake, "hold_persons", lambda persons: None)
    monkeypatch.setattr(intake, "open_cases_of", looking)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX case_one_open_per_person")
    try:
        outcomes = at_once(*(lambda pk=case.pk: decide(pk, now=MONDAY) for case in cases))
        assert meeting.met
        assert [case.state for case in outcomes] == ["ACCEPTED", "ACCEPTED"]
        assert "one_open" in {problem.invariant for problem in problems(now=MONDAY)}
    finally:
        from tests.conftest import clean_tables

        clean_tables()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX case_one_open_per_person ON transfers_transfercase (person_id) "
                "WHERE accepted_at IS NOT NULL AND closed_at IS NULL"
            )


def test_one_application_is_decided_by_two_workers(committed, monkeypatch):
    case = both_submitted(committed)[0]
    meeting = Meeting()
    settle = intake._accept

    def together(*args: Any) -> Any:
        meeting.here()
        return settle(*args)

    monkeypatch.setattr(intake, "_accept", together)
    outcomes = at_once(*(lambda: decide(case.pk, now=MONDAY) for _ in range(2)))
    assert [outcome.state for outcome in outcomes] == ["ACCEPTED", "ACCEPTED"]
    assert CaseEvent.objects.filter(case=case, name="accept").count() == 1
    assert Clock.objects.filter(case=case).count() == 1


def test_applications_at_once_get_different_numbers(committed):
    for serial in range(1, 9):
        person(serial)
    actor = actor_for(committed.in_handler)
    cases = at_once(
        *(
            lambda serial=serial: apply(application(serial), actor, channel=Channel.WINDOW_IN, now=MONDAY)
            for serial in range(1, 9)
        )
    )
    numbers = [case.number for case in cases]
    assert len(set(numbers)) == 8
    by_age = [case.number for case in sorted(cases, key=lambda case: case.pk)]
    assert by_age not in (sorted(numbers), sorted(numbers, reverse=True)), "numbers tell no order"


def test_one_person_met_twice_at_once_is_one_person(committed):
    from transfers.models import Person

    cleaned = clean(application(5), now=MONDAY)
    actor = actor_for(committed.in_handler)
    cases = at_once(*(lambda: submit(cleaned, actor, channel=Channel.WINDOW_IN, now=MONDAY) for _ in range(4)))
    assert len({case.person_id for case in cases}) == 1
    assert Person.objects.count() == 1


@pytest.mark.parametrize(("carried", "cases"), [(True, 1), (False, 2)], ids=["one form", "control"])
def test_one_form_posted_twice_at_once_is_one_application(committed, carried, cases):
    """A double click at a window. The control posts the same without the number that the form carries."""
    person()
    number = intake.draw_number(now=MONDAY) if carried else ""
    actor, channel = actor_for(committed.in_handler), Channel.WINDOW_IN

    def click() -> TransferCase:
        return apply(application(), actor, channel=channel, number=number, now=MONDAY)

    outcomes = at_once(click, click)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    assert TransferCase.objects.count() == len({case.pk for case in outcomes}) == cases
    accepted = TransferCase.objects.get(state="ACCEPTED")
    letters = list(Letter.objects.filter(subject_ref=accepted.number).values_list("template", "channel", "recipient"))
    assert len(letters) == len(set(letters)) > 0
    assert Letter.objects.exclude(subject_ref=accepted.number).exists() is not carried
