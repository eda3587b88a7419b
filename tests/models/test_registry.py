"""The built-in registry: what our tables say of a person, and what a transfer does to them."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from tests.world import IN, OUT, application, person
from transfers.access import actor_for
from transfers.actions.intake import apply
from transfers.models import CaseEvent, ContributionPeriod, Enrolment, Person
from transfers.registry import OwnTables
from transfers.rules.months import MILITARY, Period, month_from_text, tally
from transfers.rules.parties import Channel

pytestmark = pytest.mark.django_db
REGISTRY = OwnTables()


def test_facts_are_the_rows():
    mover = person(1)
    Enrolment.objects.filter(person=mover, area=OUT).update(person_number="A1", valid_to=date(2026, 4, 30))
    rows = {"person": mover, "area_id": OUT, "scheme": "310"}
    months = {"first_month": month_from_text("2012-01"), "last_month": month_from_text("2012-12")}
    ContributionPeriod.objects.create(**rows, **months, kind="deemed", ground=MILITARY)
    ContributionPeriod.objects.create(**rows, **months, collection="20")
    ContributionPeriod.objects.create(**rows, **months, reversed=True)
    facts = REGISTRY.facts(mover, OUT)
    (enrolment,) = facts.enrolments
    assert (enrolment.valid_from, enrolment.valid_to) == (date(2020, 5, 1), date(2026, 4, 30))
    assert not enrolment.transferred
    assert (facts.numbers, facts.survival) == (1, "1")
    assert (tally(facts.periods).actual, tally(facts.periods).military) == (72, 12)
    Enrolment.objects.create(
        person=mover, area_id=OUT, scheme="390", status="4", name="测试甲", valid_from="2010-01-01", person_number="A2"
    )
    Enrolment.objects.filter(person=mover, person_number="A1").update(survival="2")
    facts = REGISTRY.facts(mover, OUT)
    assert (facts.numbers, facts.survival) == (2, "2")
    assert REGISTRY.facts(Person(), OUT).enrolments == (), "nobody that the hub has met"


@pytest.mark.parametrize(
    "wrong", [{"ground": MILITARY}, {"ground": MILITARY, "kind": "deemed", "scheme": "390"}, {"collection": "50"}]
)
def test_the_database_refuses_months_that_cannot_be(wrong):
    row = {"person": person(1), "area_id": OUT, "scheme": "310", "first_month": 24240, "last_month": 24240}
    with pytest.raises(IntegrityError), transaction.atomic():
        ContributionPeriod.objects.create(**row | wrong)
    assert ContributionPeriod.objects.create(**row | {"ground": MILITARY, "kind": "deemed"})


def test_what_does_not_count_is_not_on_the_sheet_and_the_advice_stays_with_the_case(world):
    case = world.accepted(1)
    row = {"person": case.person, "area_id": OUT, "scheme": "310"}
    months = {"first_month": month_from_text("2010-01"), "last_month": month_from_text("2010-12")}
    ContributionPeriod.objects.create(**row, **months, collection="20")
    ContributionPeriod.objects.create(**row, **months, reversed=True)
    case = world.carry(case, "approve_in")
    assert [(p["from"], p["to"]) for p in case.sheets.get().content["periods"]] == [("2020-05", "2026-04")]
    advice = CaseEvent.objects.get(case=case, name="approve_in").data["advice"]
    assert (advice["result"], advice["gap_months"]) == ("continuous", 0)
    assert "杭州" in advice["medical_costs"]["inbound"]["zh"], "the inbound area's own words"
    assert advice["medical_costs"]["outbound"]["zh"].startswith("转移接续期间")


def test_a_relationship_that_left_is_known_to_have_left(world):
    case = world.carry(world.accepted(1), "approve_in")
    (enrolment,) = REGISTRY.facts(case.person, OUT).enrolments
    assert (enrolment.status, enrolment.transferred) == ("4", True)
    back = apply(application(1), actor_for(world.in_handler), channel=Channel.WINDOW_IN)
    assert {failure["code"] for failure in back.failures} >= {"V-O-07"}


def test_a_resident_s_cover_runs_to_the_end_of_the_year(world):
    case = world.accepted(1)
    resident = {"person": case.person, "area_id": OUT, "scheme": "390", "name": "测试甲"}
    Enrolment.objects.create(**resident, status="1", valid_from=date(2026, 1, 1))
    ahead = Enrolment.objects.create(**resident, status="1", valid_from=date(2027, 1, 1))
    REGISTRY.end_relationship(case.person, OUT, "390", date(2026, 11, 20), case.pk)
    row = Enrolment.objects.get(person=case.person, area=OUT, scheme="390", valid_from=date(2026, 1, 1))
    assert (row.status, row.valid_to, row.ended_by_id) == ("1", date(2026, 12, 31), case.pk)
    ahead.refresh_from_db()
    assert (ahead.valid_to, ahead.ended_by_id) == (None, None), "not begun yet, so not what this transfer ends"


def test_months_are_taken_over_with_what_they_are(world):
    case = world.accepted(1)
    served = Period(month_from_text("2012-01"), month_from_text("2012-12"), "deemed", OUT, "310", ground=MILITARY)
    REGISTRY.take_over(case.person, IN, [served], case.pk)
    (row,) = REGISTRY.facts(case.person, IN).periods
    assert row == served
