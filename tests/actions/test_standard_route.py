"""One case from the application to the credited balance, and what each step leaves behind."""

from __future__ import annotations

import pytest

from notifications.models import Letter
from tests.world import MONDAY
from transfers.models import CaseEvent, Clock, ContributionPeriod, Enrolment, LedgerEntry, PersonalAccount

pytestmark = pytest.mark.django_db


def test_a_case_is_carried_to_its_end(world):
    world.everyone()
    case = world.accepted()
    clock = Clock.objects.get(case=case)
    assert (clock.kind, clock.budget, clock.due_on.isoformat()) == ("OUT", 10, "2026-06-15")
    case = world.carry(case, "credit_account")
    assert case.state == "COMPLETED"
    assert case.closed_at is not None
    assert world.money(case).state == "CREDITED"
    assert PersonalAccount.objects.get(person=case.person, area="450100").balance_fen == 0
    assert PersonalAccount.objects.get(person=case.person, area="330100").balance_fen == 345_678
    assert Enrolment.objects.get(person=case.person, area="450100").status == "4"
    taken = ContributionPeriod.objects.get(person=case.person, area="330100")
    assert taken.last_month - taken.first_month + 1 == 72
    assert sum(LedgerEntry.objects.values_list("amount_fen", flat=True)) == 0
    events = list(CaseEvent.objects.filter(case=case).order_by("id").values_list("version", "name"))
    assert [version for version, _name in events] == list(range(1, case.version + 1))
    assert Letter.objects.filter(subject_ref=case.number, channel="sms").count() == 5
    assert not Clock.objects.filter(case=case).exclude(status="stopped").exists()
    assert MONDAY
