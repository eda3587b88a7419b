"""Many cases through the one door at once: what each would be alone, a refused one without a trace."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.world import MONDAY
from transfers.access import actor_for
from transfers.actions import perform, perform_many
from transfers.models import CaseEvent, LedgerEntry, Payment, PersonalAccount, Remittance, TransferCase
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems

PASSING = {"id", "pk", "number", "person_id", "case_id", "name", "reference", "transaction_id", "case"}


def fixed(world: Any, *serials: int) -> list[TransferCase]:
    """Cases whose balance is fixed, ready to be proposed."""
    return [world.carry(world.accepted(serial), "approve_out") for serial in serials]


def traces(case: TransferCase) -> list[Any]:
    """What a case has left behind, without what must differ from one case to the next."""
    rows: list[Any] = []
    for found in (
        TransferCase.objects.filter(pk=case.pk),
        Remittance.objects.filter(pk=case.pk),
        CaseEvent.objects.filter(case=case).order_by("version"),
        Payment.objects.filter(case=case),
        LedgerEntry.objects.filter(transaction__case=case).order_by("id"),
    ):
        fields = [f.attname for f in found.model._meta.concrete_fields if f.attname not in PASSING]
        rows += [
            {name: row[name] for name in fields if "phone" not in name and "batch" not in name}
            for row in found.values(*fields)
        ]
    return rows


def test_many_leave_what_each_would_leave_alone(world):
    alone, *together = fixed(world, 1, 2, 3, 4)
    maker, checker = actor_for(world.out_handler), actor_for(world.out_reviewer)
    for step, actor in (("propose_remittance", maker), ("approve_remittance", checker)):
        alone = perform(alone, step, actor, version=alone.version, now=MONDAY).case
        done = perform_many([(case.pk, case.version, {}) for case in together], step, actor, now=MONDAY)
        assert not any(isinstance(one, Refusal) for one in done)
        together = [one.case for one in done]
    expected = traces(alone)
    assert len(expected) > 10
    for case in together:
        assert traces(case) == expected
    assert problems(now=MONDAY) == []


def test_the_refused_leave_no_trace_and_the_others_go_on(world):
    """One is refused before anything is written, one by its effect after others have written."""
    good, stale, poor, last = fixed(world, 1, 2, 3, 4)
    good, stale, poor, last = (
        world.carry_from(case, "propose_remittance", "match_receipt") for case in (good, stale, poor, last)
    )
    before = traces(poor)
    items = [
        (good.pk, good.version, {}),
        (stale.pk, stale.version - 1, {}),
        (poor.pk, poor.version, {}),
        (last.pk, last.version, {}),
    ]
    refuses = {poor.person_id}
    with pytest.MonkeyPatch.context() as patch:
        kept = OwnTables.credit_account

        def credit(self: Any, person: Any, area: str, amount_fen: int, case_id: int) -> None:
            kept(self, person, area, amount_fen, case_id)
            if person.pk in refuses:
                raise RegistryUnavailable

        patch.setattr(OwnTables, "credit_account", credit)
        answers = perform_many(items, "credit_account", actor_for(world.in_reviewer), now=MONDAY)
    assert [getattr(answer, "code", "done") for answer in answers] == ["done", "J-STALE", "J-REGISTRY-DOWN", "done"]
    assert traces(poor) == before
    assert not PersonalAccount.objects.filter(person=poor.person_id, area=world.into).exists()
    for case in (good, last):
        assert PersonalAccount.objects.get(person=case.person_id, area=world.into).balance_fen == 345_678
        assert TransferCase.objects.get(pk=case.pk).remittance.state == "CREDITED"
    assert problems(now=MONDAY) == []


def test_the_statements_do_not_grow_with_the_cases(world):
    """Locks, rows and events are written together; what still goes case by case is said here."""
    cases = fixed(world, 1, 2, 3, 4, 5, 6)
    counts = []
    for some in (cases[:2], cases[2:]):
        with CaptureQueriesContext(connection) as asked:
            perform_many(
                [(case.pk, case.version, {}) for case in some],
                "propose_remittance",
                actor_for(world.out_handler),
                now=MONDAY,
            )
        counts.append(len(asked))
    assert (counts[1] - counts[0]) / 2 <= 1, "at most one question a case: the account of the inbound agency"


def test_nothing_to_do_and_no_such_step(world):
    assert perform_many([], "propose_remittance", actor_for(world.out_handler), now=MONDAY) == []
    with pytest.raises(Refusal, match="J-UNKNOWN-STEP"):
        perform_many([], "lunch", actor_for(world.out_handler), now=MONDAY)
