"""One step taken of many cases at once: what each would leave alone, and a reason for each that was refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.test_many import traces
from tests.world import MONDAY, World
from transfers.access import actor_for
from transfers.actions import many
from transfers.models import BulkItem, CaseEvent, TransferCase
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db


def to_review(world: World, *serials: int) -> list[TransferCase]:
    """Cases that wait for the outbound reviewer."""
    return [world.carry(world.accepted(serial), "prepare_sheet") for serial in serials]


def everything() -> Any:
    return TransferCase.objects.order_by("pk")


def test_approved_together_as_each_would_be_alone(world):
    alone, *together = to_review(world, 1, 2, 3, 4)
    alone = world.take(alone, "approve_out", world.out_reviewer)
    actor = actor_for(world.out_reviewer)
    step = many.choose(actor, everything().filter(pk__in=[case.pk for case in together]), now=MONDAY)
    assert [(declared.name, fits) for declared, fits in many.offered(actor, step)] == [("approve_out", 3)]
    many.start(actor, step.pk, "approve_out", now=MONDAY)
    many.go_on(step.pk, now=MONDAY)
    step.refresh_from_db()
    assert (step.done, step.count, step.finished_at) == (3, 3, MONDAY)
    assert list(many.refused(step.pk)) == []
    expected = traces(alone)
    for case in together:
        assert traces(case) == expected
    assert problems(now=MONDAY) == []
    many.go_on(step.pk, now=MONDAY)
    assert CaseEvent.objects.filter(name="approve_out").count() == 4


def test_each_refusal_is_told_and_the_others_go_on(world):
    good, changed, elsewhere = to_review(world, 1, 2, 3)
    actor = actor_for(world.out_reviewer)
    step = many.choose(actor, everything(), now=MONDAY)
    world.take(changed, "send_back_out", world.out_reviewer, reason="B-01", note="请核对")
    world.take(elsewhere, "approve_out", world.out_reviewer)
    many.start(actor, step.pk, "approve_out", now=MONDAY)
    many.go_on(step.pk, now=MONDAY)
    told = {item.case_id: item.problem["code"] for item in many.refused(step.pk)}
    assert told == {changed.pk: "J-STALE", elsewhere.pk: "J-STALE"}
    assert TransferCase.objects.get(pk=good.pk).state == "INFO_SENT"
    assert problems(now=MONDAY) == []


def test_four_eyes_hold_for_each(world):
    (case,) = to_review(world, 1)
    reviewer = world.out_reviewer
    reviewer.memberships.create(agency=world.out_handler.memberships.first().agency, role="out_handler")
    (own,) = [world.accepted(2)]
    for name in ("claim_out", "prepare_sheet"):
        own = world.take(own, name, reviewer)
    actor = actor_for(type(reviewer).objects.get(pk=reviewer.pk))
    step = many.choose(actor, everything(), now=MONDAY)
    many.start(actor, step.pk, "approve_out", now=MONDAY)
    many.go_on(step.pk, now=MONDAY)
    assert {item.case_id: item.problem["code"] for item in many.refused(step.pk)} == {own.pk: "J-FOUR-EYES"}
    assert TransferCase.objects.get(pk=case.pk).state == "INFO_SENT"


def test_what_cannot_be_chosen_or_started(world):
    to_review(world, 1)
    reviewer, stranger = actor_for(world.out_reviewer), actor_for(world.stranger)
    with pytest.raises(Refusal, match="J-BULK-EMPTY"):
        many.choose(stranger, everything())
    step = many.choose(reviewer, everything(), now=MONDAY)
    for name in ("approve_in", "send_back_out", "reassign", "nonsense"):
        with pytest.raises(Refusal, match="J-BULK-STEP"):
            many.start(reviewer, step.pk, name)
    with pytest.raises(Refusal, match="J-NOT-FOUND"):
        many.start(actor_for(world.in_reviewer), step.pk, "approve_out")
    many.go_on(step.pk)
    assert not CaseEvent.objects.filter(name="approve_out").exists(), "it has not been started"
    assert many.start(reviewer, step.pk, "approve_out").started_at is not None


def test_more_than_can_be_taken_at_once(world, monkeypatch):
    monkeypatch.setattr(many, "AT_MOST", 1)
    to_review(world, 1, 2)
    with pytest.raises(Refusal, match="J-BULK-SIZE"):
        many.choose(actor_for(world.out_reviewer), everything())


def test_one_that_breaks_does_not_stop_the_others(world, monkeypatch):
    cases = to_review(world, 1, 2, 3)
    actor = actor_for(world.out_reviewer)
    step = many.choose(actor, everything(), now=MONDAY)
    real = many.perform_many

    def breaking(items: Any, *args: Any, **more: Any) -> Any:
        if any(case == cases[1].pk for case, *_rest in items):
            raise RuntimeError("a fault")
        return real(items, *args, **more)

    monkeypatch.setattr(many, "perform_many", breaking)
    many.start(actor, step.pk, "approve_out", now=MONDAY)
    many.go_on(step.pk, now=MONDAY)
    assert {item.case_id: item.problem["code"] for item in many.refused(step.pk)} == {cases[1].pk: "J-STEP-FAILED"}
    assert BulkItem.objects.filter(step=step, done=True).count() == 2
