"""What was credited at once is settled between the funds: recorded by one, approved by another."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Sum

from tests.world import MONDAY, OUT, World, put_in_force
from transfers.access import SYSTEM, actor_for
from transfers.actions import settling
from transfers.models import LedgerEntry, LedgerTransaction, Settlement
from transfers.rules.errors import Refusal
from transfers.selectors.settlements import Owing, outstanding, owed_fen
from transfers.selectors.verify import problems

NEAR = "450200"


@pytest.fixture
def owing(db) -> World:
    """Nanning credits at once inside its province: two people have moved to Liuzhou, with 3,456.78 and 100.00 yuan."""
    put_in_force("450000", in_province_fund="instant")
    world = World(into=NEAR)
    for serial, balance in ((1, 345_678), (2, 10_000)):
        world.carry(world.accepted(serial, balance_fen=balance), "approve_in")
    return world


def refused(code: str, call, *args, **more) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*args, **more)
    assert caught.value.code == code
    return caught.value


def test_two_funds_settle(owing):
    maker, checker = actor_for(owing.out_handler), actor_for(owing.out_reviewer)
    assert outstanding([OUT]) == outstanding([NEAR]) == [Owing(OUT, NEAR, 355_678)]
    assert outstanding(["330100"]) == []
    assert owed_fen(NEAR, OUT) == 0
    made = settling.propose(maker, OUT, NEAR, amount_fen=300_000, bank_reference=" R-1 ", now=MONDAY)
    assert owed_fen(OUT, NEAR) == 355_678, "nothing is posted before it is approved"
    assert [one.proposed for one in outstanding([OUT])] == [made]
    refused("J-FOUR-EYES", settling.approve, maker, made.pk)
    posted = settling.approve(checker, made.pk, now=MONDAY)
    assert (posted.state, posted.bank_reference, posted.checked_at) == ("posted", "R-1", MONDAY)
    lines = posted.posting.entries.order_by("book").values_list("book", "area", "counter_area", "amount_fen")
    assert list(lines) == [("advanced", NEAR, OUT, 300_000), ("owed", OUT, NEAR, -300_000)]
    assert outstanding([OUT]) == [Owing(OUT, NEAR, 55_678)]
    # The rest; then nothing is owed and nothing advanced.
    rest = settling.propose(checker, OUT, NEAR, amount_fen=55_678, bank_reference="R-2", now=MONDAY)
    settling.approve(maker, rest.pk, now=MONDAY)
    assert outstanding([OUT, NEAR]) == []
    books = LedgerEntry.objects.filter(book__in=["owed", "advanced"]).values_list("book").annotate(Sum("amount_fen"))
    assert dict(books.order_by()) == {"owed": 0, "advanced": 0}
    refused("J-SETTLE-NONE", settling.propose, maker, OUT, NEAR, amount_fen=1, bank_reference="R-3")
    assert LedgerTransaction.objects.filter(kind="settle").count() == 2
    assert [one for one in problems(now=MONDAY) if one.invariant != "swept"] == []


def test_what_cannot_be_settled(owing):
    maker, checker = actor_for(owing.out_handler), actor_for(owing.out_reviewer)
    ask = {"amount_fen": 300_000, "bank_reference": "R-1"}
    refused("J-SETTLE-MORE", settling.propose, maker, OUT, NEAR, amount_fen=355_679, bank_reference="R-1")
    refused("J-SETTLE-NONE", settling.propose, maker, OUT, "330100", **ask)
    refused("J-AREA", settling.propose, maker, OUT, "999999", **ask)
    for actor in (actor_for(owing.in_handler), actor_for(owing.out_lead), actor_for(owing.stranger), SYSTEM):
        refused("J-NOT-YOURS", settling.propose, actor, OUT, NEAR, **ask)
    for wrong in ({"amount_fen": 0}, {"amount_fen": -1}, {"bank_reference": " "}, {"bank_reference": "=1"}):
        refused("J-FIELD", settling.propose, maker, OUT, NEAR, **(ask | wrong))
    refused("J-FIELD", settling.propose, maker, OUT, NEAR, **ask, note="x" * 501)
    assert not Settlement.objects.exists()

    made = settling.propose(maker, OUT, NEAR, **ask)
    refused("J-SETTLE-OPEN", settling.propose, checker, OUT, NEAR, amount_fen=1, bank_reference="R-2")
    refused("J-NOT-YOURS", settling.approve, actor_for(owing.in_handler), made.pk)
    refused("J-NOT-FOUND", settling.approve, checker, made.pk + 1)
    refused("J-NOTE", settling.refuse, checker, made.pk, note=" ")
    refused("J-FOUR-EYES", settling.refuse, maker, made.pk, note="有误")
    assert settling.refuse(checker, made.pk, note="金额有误").state == "refused"
    assert "已退回" in refused("J-SETTLE-DONE", settling.approve, checker, made.pk).zh
    # A refused one leaves its reference free; one that was posted does not.
    made = settling.propose(maker, OUT, NEAR, **ask)
    settling.approve(checker, made.pk)
    refused("J-SETTLE-DONE", settling.approve, checker, made.pk)
    refused("J-SETTLE-TWICE", settling.propose, maker, OUT, NEAR, amount_fen=1, bank_reference="R-1")
    assert owed_fen(OUT, NEAR) == 55_678


def test_the_database_keeps_it_too(owing):
    made = settling.propose(actor_for(owing.out_handler), OUT, NEAR, amount_fen=5, bank_reference="R-1")
    for change in ({"checked_by": owing.out_handler}, {"amount_fen": 6}, {"state": "posted"}, {"in_area": OUT}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Settlement.objects.filter(pk=made.pk).update(**change)
    assert Settlement.objects.filter(pk=made.pk).update(checked_by=owing.out_reviewer) == 1
    with pytest.raises(DatabaseError), transaction.atomic():
        made.delete()
