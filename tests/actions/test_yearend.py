"""The year-end freeze: what is fixed waits with its limit paused, nothing is sent, and it goes on by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sla.days import at
from tests.world import OUT, put_in_force
from transfers.access import person_actor
from transfers.actions.yearend import Turned, turn
from transfers.models import CaseEvent, Clock
from transfers.rules.errors import Refusal
from transfers.selectors.verify import problems

BEFORE, FIRST, AMID, LAST, AFTER = (at(day) for day in ("06-24", "06-25", "06-26", "06-30", "07-01"))
SEALED = at("06-24", "10:00")


def remit(case):
    clock = Clock.objects.get(case=case, kind="REMIT")
    return clock.status, clock.used, clock.due_on.isoformat()


def test_a_balance_waits_for_the_settlement_and_goes_on(world):
    untouched = world.carry(world.accepted(1), "approve_out", now=SEALED)  # accepted before there was such a policy
    put_in_force(OUT, year_end_freeze={"from": "06-25", "to": "06-30"}, fund_remit_days=5)
    fixed = world.carry(world.accepted(2), "approve_out", now=SEALED)
    withdrawing = world.carry(world.accepted(3), "approve_out", now=SEALED)
    asked = {"reason": "W-01", "note": "不转了", "now": SEALED}
    withdrawing = world.take(withdrawing, "request_withdrawal", person_actor(withdrawing), **asked)
    proposed = world.carry(world.accepted(4), "propose_remittance", now=SEALED)
    everybody = (untouched, fixed, withdrawing, proposed)

    def states():
        return [world.money(case).state for case in everybody]

    assert turn(now=BEFORE) == Turned()
    # Sent on the 24th, five working days: 25, 26, 29, 30 June and 1 July.
    assert remit(fixed) == ("running", 0, "2026-07-01")
    assert turn(now=FIRST, batch=1) == Turned(held=1)
    assert states() == ["FROZEN", "YEAR_END", "FROZEN", "REMIT_REVIEW"]
    assert remit(fixed)[0] == "paused"
    assert turn(now=AMID) == Turned(), "once is enough, and what is held itself is left alone"
    assert CaseEvent.objects.filter(name="hold_for_year_end").count() == 1

    # What had been proposed cannot be approved; where no freeze is pinned, it can.
    with pytest.raises(Refusal) as refused:
        world.take(proposed, "approve_remittance", world.out_reviewer, now=AMID)
    assert (refused.value.code, refused.value.details) == ("J-YEAR-END", {"day": "2026-07-01"})
    world.take(untouched, "propose_remittance", world.out_handler, now=AMID)
    world.take(untouched, "approve_remittance", world.out_reviewer, now=AMID)
    # What goes on within the freeze is held with the next sweep.
    world.take(withdrawing, "refuse_withdrawal", world.in_handler, reason="N-09", note="已说明", now=AMID)
    assert turn(now=LAST) == Turned(held=1)
    assert states() == ["IN_TRANSIT", "YEAR_END", "YEAR_END", "REMIT_REVIEW"]

    assert turn(now=AFTER) == Turned(released=2)
    assert turn(now=AFTER + timedelta(minutes=10)) == Turned()
    assert states() == ["IN_TRANSIT", "FROZEN", "FROZEN", "REMIT_REVIEW"]
    assert remit(fixed)[0] == "running"
    world.take(proposed, "approve_remittance", world.out_reviewer, now=AFTER)
    world.take(fixed, "propose_remittance", world.out_handler, now=AFTER)
    fixed = world.take(fixed, "approve_remittance", world.out_reviewer, now=AFTER)
    assert world.money(fixed).state == "IN_TRANSIT"
    assert remit(fixed)[0] == "stopped"
    assert [one for one in problems(now=AFTER) if one.invariant != "swept"] == []  # alarms were not swept
