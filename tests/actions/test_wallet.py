"""A balance that the person sends to the wallet gets there in parts, by itself, and the case ends with the last."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Sum

from tests.sla.days import at
from tests.world import OUT, put_in_force
from transfers.access import SYSTEM, person_actor
from transfers.actions import wallet
from transfers.actions.door import perform_many
from transfers.actions.wallet import move_due
from transfers.models import CaseEvent, LedgerEntry, TransferCase
from transfers.selectors.verify import problems

OPEN = {"wallet_enabled": True, "family_sharing": True}
SENT = at("06-10", "21:30")


def to_wallet(world, serial, balance_fen, *, now=SENT):
    case = world.carry(world.accepted(serial, balance_fen=balance_fen), "approve_in")
    case = world.take(case, "choose_destination", person_actor(case), data={"destination": "wallet"})
    case = world.take(case, "propose_remittance", world.out_handler, now=now)
    return world.take(case, "approve_remittance", world.out_reviewer, now=now)


def in_wallet(case):
    return LedgerEntry.objects.filter(transaction__case=case, book="wallet").aggregate(fen=Sum("amount_fen"))["fen"]


def test_the_parts_go_within_the_limits(world):
    put_in_force(OUT, **OPEN, year_end_freeze={"from": "06-12", "to": "06-13"})
    put_in_force("330000", **OPEN)  # the inbound area's province
    large, small = to_wallet(world, 1, 13_000_00), to_wallet(world, 2, 150)
    assert in_wallet(large) is None
    assert move_due(now=SENT - timedelta(minutes=1)) == 0, "not before it was sent"
    # Another sweep that read the same rows moves nothing: the case has gone on.
    read = list(wallet._parts([world.money(large), world.money(small)], SENT))
    assert move_due(now=SENT, batch=1) == 2
    assert [answer.code for answer in perform_many(read, "move_to_wallet", SYSTEM, now=SENT)] == ["J-STALE"] * 2
    # One part of each in a sweep, three of a balance in a day; at night none.
    assert [move_due(now=SENT + timedelta(minutes=minute), batch=1) for minute in range(4)] == [1, 1, 0, 0]
    assert (world.money(small).state, world.money(small).wallet_fen) == ("IN_WALLET", 150)
    assert world.take(small, "open_supplement", world.out_handler, **SUPPLEMENT).state == "RELATION_DONE"
    assert (world.money(large).state, world.money(large).wallet_fen, in_wallet(large)) == ("TO_WALLET", 600000, 600000)
    assert world.money(large).wallet_at == at("06-11", "06:00")
    assert [move_due(now=at("06-11", hour)) for hour in ("00:10", "05:59", "06:00", "06:01", "06:02")] == [
        0,
        0,
        1,
        1,
        1,
    ]
    # The freeze of the 12th and 13th; then the last 1,000 yuan, late in the evening and not at night.
    assert world.money(large).wallet_at == at("06-14", "06:00")
    assert [move_due(now=at("06-14", hour)) for hour in ("22:00", "23:30")] == [0, 0]
    assert move_due(now=at("06-15", "21:59")) == 1
    money = world.money(large)
    assert (money.state, money.wallet_fen, money.wallet_at) == ("IN_WALLET", 13_000_00, None)
    assert TransferCase.objects.get(pk=large.pk).state == "COMPLETED"
    assert move_due(now=at("06-16", "09:00")) == 0
    parts = CaseEvent.objects.filter(case=large, name="move_to_wallet").order_by("version").values_list("at", flat=True)
    assert len(parts) == 7
    assert LedgerEntry.objects.filter(transaction__case=large, book="transit").aggregate(s=Sum("amount_fen"))["s"] == 0
    assert [
        one for one in problems(now=at("06-16", "09:00")) if one.invariant != "swept"
    ] == []  # alarms were not swept


SUPPLEMENT = {"reason": "L-01", "note": "补划利息", "data": {"amount_yuan": "0.31"}, "now": at("06-11", "05:00")}


def test_a_part_that_nobody_moved_before_the_freeze_waits_for_its_end(world):
    put_in_force(OUT, **OPEN, year_end_freeze={"from": "06-12", "to": "06-13"})
    put_in_force("330000", **OPEN)
    to_wallet(world, 1, 1500_00)

    def late(now):
        return [problem.subject for problem in problems(now=now) if problem.subject.endswith(" wallet")]

    assert len(late(at("06-11", "09:00"))) == 1, "the work of the days before has stood still"
    assert move_due(now=at("06-12", "09:00")) == 0
    assert late(at("06-12", "09:00")) == []
    assert move_due(now=at("06-14", "06:00")) == 1
    assert late(at("06-14", "09:00")) == []
