"""The database keeps the one door shut from behind: beside each refusal, the same change made honestly."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from transfers.models import CaseEvent, Remittance, TransferCase

pytestmark = pytest.mark.django_db


def at_once(sql: str, *values: object) -> None:
    """Run SQL as a script would, with the checks that otherwise wait for the commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_money_moves_only_with_its_event(world):
    case = world.carry(world.accepted(), "approve_remittance")
    with pytest.raises(IntegrityError, match="only through the one door"):
        at_once("UPDATE transfers_remittance SET state = 'RECEIVED' WHERE case_id = %s", case.pk)
    # A version of its own does not help: there is no event of that version.
    with pytest.raises(IntegrityError, match="only through the one door"):
        at_once("UPDATE transfers_remittance SET state = 'RECEIVED', version = 99 WHERE case_id = %s", case.pk)
    assert world.money(case).state == "IN_TRANSIT"
    received = {"received_yuan": "3456.78", "bank_reference": "TEST-1"}
    world.take(case, "record_receipt", world.in_handler, data=received)
    at_once("SELECT 1")
    assert Remittance.objects.get(case=case).state == "RECEIVED"


def test_a_replayed_move_of_the_money_is_refused(world):
    """Its event exists, but belongs to an earlier version."""
    case = world.carry(world.accepted(), "propose_remittance")
    world.take(case, "reject_remittance", world.out_reviewer, reason="F-08", note="账户变更")
    at_once("SELECT 1")
    seen = CaseEvent.objects.get(case=case, name="propose_remittance").version
    with pytest.raises(IntegrityError, match="only through the one door"):
        at_once(
            "UPDATE transfers_remittance SET state = 'REMIT_REVIEW', version = %s WHERE case_id = %s", seen, case.pk
        )
    case = world.take(case, "propose_remittance", world.out_handler)
    at_once("SELECT 1")
    assert world.money(case).state == "REMIT_REVIEW"


@pytest.mark.parametrize(("state", "version"), [("ACCEPTED", 0), ("DRAFT", 3)])
def test_a_case_begins_as_a_draft(world, state, version):
    """Copied with another number: honest as a draft, refused in any other shape."""
    case = world.accepted()
    names = [f.column for f in TransferCase._meta.concrete_fields if f.column != "id"]
    changed = {"number": "'JX-COPY'", "accepted_at": "NULL", "due_at": "NULL", "state": "'DRAFT'", "version": "0"}

    def copy(**more: str) -> None:
        values = ", ".join({**changed, **more}.get(name, name) for name in names)
        at_once(
            f"INSERT INTO transfers_transfercase ({', '.join(names)}) SELECT {values} FROM transfers_transfercase"
            " WHERE id = %s",
            case.pk,
        )

    with pytest.raises(IntegrityError, match="must begin as a draft"):
        copy(state=f"'{state}'", version=str(version))
    copy()
    assert TransferCase.objects.filter(number="JX-COPY", state="DRAFT").exists()
