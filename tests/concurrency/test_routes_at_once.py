"""The odd routes at the same instant: a withdrawal and an approval, a repair and the end of its window, and the like.

Each race stands beside its control, in which the guard is taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from django.db import IntegrityError

from tests.concurrency.racing import SHORT, WAIT, Meeting, after_reading_the_case, at_once, one_won, race
from tests.world import BY_HAND, MONDAY, OUT, World, application, person, user
from transfers.access import SYSTEM, actor_for, person_actor
from transfers.actions import intake, perform, routes
from transfers.actions.effects import EFFECTS
from transfers.actions.intake import clean, decide, submit
from transfers.models import Enrolment, TransferCase
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db(transaction=True)
Steps = tuple[TransferCase, list[tuple[str, Any, dict[str, Any]]], set[str]]
GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])


def withdrawal_and_approval(world: World, monkeypatch: Any) -> Steps:
    case = world.carry(world.accepted(), "prepare_sheet")
    ask = {"reason": "W-01", "note": "暂不转移"}
    steps = [("request_withdrawal", person_actor(case), ask), ("approve_out", actor_for(world.out_reviewer), {})]
    return case, steps, {"WITHDRAW_REQUESTED", "INFO_SENT"}


def repair_and_lapse(world: World, monkeypatch: Any) -> Steps:
    case = world.carry(world.accepted(), "claim_out")
    case = world.take(case, "return_soft", world.out_lead, reason="R-01", note="又补报了参保")
    steps = [("resubmit", person_actor(case), {"note": "已停保"}), ("lapse", SYSTEM, {"reason": "W-08"})]
    return case, steps, {"ACCEPTED", "TERMINATED"}


def machine_and_handler(world: World, monkeypatch: Any) -> Steps:
    """A case that the system carries, at the moment at which a handler claims it."""
    handler = user("hunan_handler", "430100", (Role.OUT_HANDLER,))
    monkeypatch.setattr(intake, "carry_many", lambda pks, *, now: [TransferCase.objects.get(pk=pk) for pk in pks])
    person(1, out="430100", into="430200")
    raw = application(1, out="430100", into="430200")
    case = intake.apply(raw, SYSTEM, channel=Channel.ONLINE, now=MONDAY)
    assert case.auto_at == MONDAY
    return case, [("auto_out", SYSTEM, {}), ("claim_out", actor_for(handler), {})], {"INFO_SENT", "OUT_PROCESSING"}


def crashed(outcomes: list[Any]) -> list[Any]:
    """Those that ended in an error that nobody has a word for."""
    return [o for o in outcomes if isinstance(o, Exception) and not isinstance(o, Refusal)]


@GUARDED
@pytest.mark.parametrize("prepare", [withdrawal_and_approval, repair_and_lapse, machine_and_handler])
def test_one_of_two_steps_is_taken(
    committed: World, monkeypatch: Any, prepare: Callable[[World, Any], Steps], guarded: bool
) -> None:
    case, steps, ends = prepare(committed, monkeypatch)
    outcomes = race(monkeypatch, case, *steps, guarded=guarded)
    if not guarded:  # both pass the door; the second breaks on what the first wrote, without a kind word
        assert len(crashed(outcomes)) == 1, outcomes
        return
    one_won(outcomes)
    assert TransferCase.objects.get(pk=case.pk).state in ends
    assert problems(now=MONDAY) == []


def checked_by_hand(world: World) -> TransferCase:
    person(1)
    actor = actor_for(world.in_handler)
    case = submit(clean(application(1), now=MONDAY), actor, channel=Channel.WINDOW_IN, now=MONDAY)
    data = {"again_at": MONDAY, "silent": [OUT], **intake._pins(case, MONDAY)}
    return perform(case, "ask_by_hand", SYSTEM, version=case.version, data=data, now=MONDAY).case


@GUARDED
def test_an_answer_by_hand_while_the_registry_comes_back(committed: World, monkeypatch: Any, guarded: bool) -> None:
    case = checked_by_hand(committed)
    found = {**BY_HAND, "status": "2"}
    handler = actor_for(committed.out_handler)
    meeting = Meeting(timeout=SHORT if guarded else WAIT)
    with after_reading_the_case(monkeypatch, meeting, guarded=guarded):
        by_hand, by_registry = at_once(
            lambda: perform(
                case.pk, "answer_by_hand", handler, version=case.version, now=MONDAY, note="已核", data=found
            ),
            lambda: decide(case.pk, now=MONDAY),
        )
    assert meeting.met is not guarded
    if not guarded:
        assert len(crashed([by_hand, by_registry])) == 1, (by_hand, by_registry)
        return
    assert isinstance(by_registry, TransferCase), by_registry
    if isinstance(by_hand, Exception):
        assert isinstance(by_hand, Refusal), by_hand
        assert by_hand.code in ("J-STALE", "J-NOT-NOW")
    else:
        assert by_registry.state == "MANUAL_CHECK"
        assert by_registry.precheck_at == MONDAY, "the next sweep decides"
    assert decide(case.pk, now=MONDAY).state == "ACCEPTED"
    assert problems(now=MONDAY) == []


@GUARDED
def test_reopened_while_another_application_is_accepted(committed: World, monkeypatch: Any, guarded: bool) -> None:
    """The acceptance is written and not yet there for others when the reopening looks for another transfer."""
    case = committed.carry(committed.accepted(), "credit_account")
    Enrolment.objects.filter(person=case.person, area=OUT).update(status="2", ended_by=None)
    again = submit(
        clean(application(1), now=MONDAY), actor_for(committed.in_handler), channel=Channel.WINDOW_IN, now=MONDAY
    )
    meeting, decided = Meeting(timeout=SHORT if guarded else WAIT), Event()
    look, accept, supervisor = routes.open_case_of, EFFECTS["accept"], actor_for(committed.in_lead)
    if not guarded:
        monkeypatch.setattr(intake, "hold_persons", lambda persons: None)
        monkeypatch.setattr(routes, "hold_person", lambda case: None)
    accepting = Event()

    def looking(*args: Any) -> str:
        found = look(*args)
        meeting.here()
        decided.wait(WAIT)
        return found

    def accepted(context: Any) -> Any:
        effect = accept(context)
        accepting.set()
        meeting.here()
        return effect

    monkeypatch.setattr(routes, "open_case_of", looking)
    monkeypatch.setitem(EFFECTS, "accept", accepted)

    def reopen() -> Any:
        assert accepting.wait(WAIT)
        more = {"reason": "C-01", "note": "月数有误"}
        return perform(case.pk, "reopen", supervisor, version=case.version, now=MONDAY, **more)

    def accept_again() -> Any:
        try:
            return decide(again.pk, now=MONDAY)
        finally:
            decided.set()

    reopened, other = at_once(reopen, accept_again)
    assert meeting.met is not guarded
    assert other.state == "ACCEPTED", other.failures
    assert isinstance(reopened, Refusal if guarded else IntegrityError), reopened
    if guarded:
        assert (reopened.code, reopened.details["number"]) == ("J-OTHER-OPEN", again.number)
