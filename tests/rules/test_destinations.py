"""Where the balance goes, for every combination of the switches that decide it (regional switches of the money)."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import pytest

from transfers.rules.codes import PAYOUT
from transfers.rules.destinations import (
    Decision,
    decide,
    may_pay_out,
    require_payout,
    require_sending,
)
from transfers.rules.errors import Refusal
from transfers.rules.money import Destination
from transfers.rules.policy import SWITCHES, Freeze, Policy


def decided(*, out: dict[str, Any] | None = None, into: dict[str, Any] | None = None, **more: Any) -> Decision:
    facts: dict[str, Any] = {"scheme": "310", "account_kind": "1", "balance_fen": 150000, "same_province": False} | more
    found = decide(outbound=Policy(**(out or {})), inbound=Policy(**(into or {})), **facts)
    assert found.why.zh.endswith("。")
    assert found.why.en.endswith(".")
    assert all(side in ("out", "in") and switch in SWITCHES for side, switch in found.basis)
    return found


# (in the same province, the outbound area's way, whether the wallet is open in both) ->
# (intent, where it goes when nobody chooses, what may be chosen)
WAYS = {
    (True, "move", False): ("fix", "inbound", ()),
    (True, "move", True): ("fix", "inbound", ("inbound", "wallet")),
    (True, "keep", False): ("keep", "inbound", ()),
    (True, "keep", True): ("keep", "inbound", ()),
    (True, "payout", False): ("fix", "account", ("account",)),
    (True, "payout", True): ("fix", "account", ("account", "wallet")),
    (True, "instant", False): ("fix", "instant", ()),
    (True, "instant", True): ("fix", "instant", ()),
    (False, "move", False): ("fix", "inbound", ()),
    (False, "move", True): ("fix", "inbound", ("inbound", "wallet")),
    (False, "payout_else", False): ("fix", "inbound", ("inbound", "account")),
    (False, "payout_else", True): ("fix", "inbound", ("inbound", "account", "wallet")),
}


@pytest.mark.parametrize(("inside", "way", "wallet"), WAYS)
@pytest.mark.parametrize("claims", [False, True])
def test_every_way(inside: bool, way: str, wallet: bool, claims: bool) -> None:
    switch, other = (
        ("in_province_fund", "cross_province_fund") if inside else ("cross_province_fund", "in_province_fund")
    )
    intent, destination, options = WAYS[inside, way, wallet]
    if claims and intent == "fix":
        intent = "settle"
    open_here = {"wallet_enabled": wallet, "family_sharing": True}
    found = decided(out={switch: way} | open_here, into=open_here, same_province=inside, open_claims=claims)
    assert (found.intent, found.destination, found.options) == (intent, destination, options)
    assert ("out", switch) in found.basis
    assert all(name != other for _side, name in found.basis)
    assert (("in", "wallet_enabled") in found.basis) == ("wallet" in options)
    assert (("out", "choice_days") in found.basis) == bool(options)
    assert (("out", "open_claims_rule") in found.basis) == (intent == "settle")
    # The inbound area's own way of sending money away says nothing about money that comes.
    assert (
        decided(
            out={switch: way} | open_here,
            into=open_here | {"in_province_fund": "keep", "cross_province_fund": "payout_else"},
            same_province=inside,
            open_claims=claims,
        )
        == found
    )


@pytest.mark.parametrize(("inside", "way", "_wallet"), [key for key in WAYS if not key[2]])
@pytest.mark.parametrize(
    "nothing", [{"scheme": "390"}, {"account_kind": "2"}, {"account_kind": "3"}, {"balance_fen": 0}]
)
def test_nothing_to_move(inside: bool, way: str, _wallet: bool, nothing: dict[str, Any]) -> None:
    switch = "in_province_fund" if inside else "cross_province_fund"
    found = decided(out={switch: way}, same_province=inside, open_claims=True, **nothing)
    assert (found.intent, found.options, found.basis) == ("none", (), ())


def test_the_wallet_must_be_open_in_both_areas() -> None:
    for out, into in product([False, True], repeat=2):
        found = decided(out={"wallet_enabled": out}, into={"wallet_enabled": into})
        assert (Destination.WALLET in found.options) == (out and into)


def test_an_area_that_cannot_take_it() -> None:
    """Across provinces it is paid out where the policy says so; otherwise it moves as the article says."""
    found = decided(out={"cross_province_fund": "payout_else"}, inbound_takes=False)
    assert (found.destination, found.options) == ("account", ("account",))
    assert decided(inbound_takes=False).destination == "inbound"


def test_the_person_is_told_what_and_until_when() -> None:
    chosen = decided(out={"cross_province_fund": "payout_else", "choice_days": 7}).why
    assert "余额锁定后7个工作日内，您可以选择“划入转入地个人账户”、“划入本人银行账户”" in chosen.zh
    assert "未选择的，按“划入转入地个人账户”办理" in chosen.zh
    card = decided(out={"in_province_fund": "payout", "payout_channel": "citizen_card"}, same_province=True).why
    assert "请在余额锁定后5个工作日内提供市民卡关联的银行账户的账号" in card.zh
    assert "结算后再锁定金额" in decided(open_claims=True).why.zh


CASES = ("retired_resettled", "enlisted", "death", "emigrated")


@pytest.mark.parametrize("reason", PAYOUT)
@pytest.mark.parametrize("inside", [False, True])
def test_who_may_be_paid_instead(reason: str, inside: bool) -> None:
    """P-01 to P-04 as listed, P-01 only across provinces; P-05 by the area's way."""
    case = dict(zip(("P-01", "P-02", "P-03", "P-04"), CASES, strict=True)).get(reason)
    assert not may_pay_out(Policy(), reason, same_province=inside)
    listed = Policy(payout_cases=(case,)) if case else Policy(payout_cases=CASES)
    assert may_pay_out(listed, reason, same_province=inside) == (case is not None and not (reason == "P-01" and inside))
    others = Policy(payout_cases=tuple(one for one in CASES if one != case))
    assert not may_pay_out(others, reason, same_province=inside)
    ways = Policy(in_province_fund="payout"), Policy(cross_province_fund="payout_else")
    assert [may_pay_out(way, reason, same_province=inside) for way in ways] == [
        reason == "P-05" and inside,
        reason == "P-05" and not inside,
    ]


def refused(code: str, call: Any, *args: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*args, **more)
    assert caught.value.code == code
    return caught.value


def test_a_payout_that_no_policy_allows_is_refused() -> None:
    require_payout(Policy(payout_cases=("enlisted",)), "P-02", same_province=False)
    told = refused("J-NO-PAYOUT", require_payout, Policy(payout_cases=("enlisted",)), "P-04", same_province=False)
    assert "出国（境）定居" in told.zh


@pytest.mark.parametrize(
    ("span", "closed", "goes_on"),
    [
        (
            ("12-25", "01-05"),
            [date(2026, 12, 25), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 5)],
            "2027-01-06",
        ),
        (("12-20", "12-31"), [date(2026, 12, 20), date(2026, 12, 31)], "2027-01-01"),
        (("02-20", "02-28"), [date(2027, 2, 20), date(2027, 2, 28)], "2027-03-01"),
    ],
)
def test_nothing_is_sent_in_the_year_end_freeze(span: tuple[str, str], closed: list[date], goes_on: str) -> None:
    policy = Policy(year_end_freeze=Freeze(*span))
    for day in closed:
        assert refused("J-YEAR-END", require_sending, policy, day).details == {"day": goes_on}
        require_sending(Policy(), day)
    require_sending(policy, date.fromisoformat(goes_on))
    require_sending(policy, date(2026, 11, 30))
