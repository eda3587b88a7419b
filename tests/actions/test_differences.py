"""A difference in the amount is said by one side and answered by the other, each with a reason of its list."""

from __future__ import annotations

import pytest

from transfers.rules.errors import Refusal


@pytest.mark.parametrize(("said", "answered"), [("D-02", "D-12"), ("D-03", "D-12"), ("D-02", "D-13")])
def test_a_difference_is_said_and_answered(world, said, answered):
    case = world.carry(world.accepted(), "approve_remittance")
    with pytest.raises(Refusal) as refused:
        world.take(case, "raise_difference", world.in_handler, reason=answered, note="多到")
    assert refused.value.code == "J-REASON"
    case = world.take(case, "raise_difference", world.in_handler, reason=said, note="多到")
    money = world.money(case)
    assert (money.state, money.trouble_reason, money.holder_id) == ("MISMATCH", said, case.outbound_agency_id)
    with pytest.raises(Refusal) as refused:
        world.take(case, "answer_difference", world.out_handler, reason=said, note="已核对")
    assert refused.value.code == "J-REASON"
    case = world.take(case, "answer_difference", world.out_handler, reason=answered, note="已核对")
    money = world.money(case)
    assert (money.state, money.trouble_reason, money.holder_id) == ("IN_TRANSIT", answered, case.inbound_agency_id)
