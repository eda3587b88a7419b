"""Where the balance goes: decided by the outbound area's policy when the sheet is sealed, and explained.

Some policies leave the person a choice; and some circumstances let the finance staff pay the person or the heirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from transfers.rules.codes import PAYOUT
from transfers.rules.errors import refusal
from transfers.rules.money import Destination
from transfers.rules.parties import Named, Scheme
from transfers.rules.policy import SWITCHES, Policy, worded

INBOUND, INSTANT, ACCOUNT, WALLET = (
    Destination.INBOUND,
    Destination.INSTANT,
    Destination.ACCOUNT,
    Destination.WALLET,
)


class Intent(StrEnum):
    """What happens to the balance first: nothing is there, it stays, costs are settled before, or it is fixed."""

    NONE = "none"
    KEEP = "keep"
    SETTLE = "settle"
    FIX = "fix"


@dataclass(frozen=True, slots=True)
class Decision:
    """`destination` is where the balance goes when nobody chooses; `options` is what the person may choose from, with
    it, and empty where the policy leaves nothing to choose or to tell.

    `why` is said to the person; `basis` names the switches that it rests on, with the side (out or in) of each.
    """

    intent: Intent
    destination: Destination
    options: tuple[Destination, ...]
    why: Named
    basis: tuple[tuple[str, str], ...]


# By `in_province_fund` and `cross_province_fund`.
INSIDE: dict[str, Named] = {
    "move": Named("省内转移时，余额随关系划转到转入地。", "Inside the province the balance moves to the inbound area."),
    "keep": Named(
        "省内转移时，余额不划转、不提现，留在原账户，全省可用。",
        "Inside the province the balance is neither moved nor paid out: it stays where it is and can be used in the "
        "whole province.",
    ),
    "payout": Named("省内转移时，余额支付给本人。", "Inside the province the balance is paid to you."),
    "instant": Named(
        "省内转移时，余额即时到账，两地之间事后清算。",
        "Inside the province the balance is credited at once; the two funds settle afterwards.",
    ),
}
ACROSS: dict[str, Named] = {
    "move": Named("跨省转移时，余额随关系划转到转入地。", "Across provinces the balance moves to the inbound area."),
    "payout_else": Named(
        "跨省转移时，余额随关系划转；转入地无法接收的，支付到本人银行账户。",
        "Across provinces the balance moves to the inbound area; where that is not possible it is paid to your bank "
        "account.",
    ),
}
_TO_SETTLE = Named(
    "有医疗费用尚未结算，结算后再锁定金额。",
    "Medical costs are still to be settled; then the amount is fixed.",
)


def decide(
    *,
    outbound: Policy,
    inbound: Policy,
    same_province: bool,
    scheme: str,
    account_kind: str,
    balance_fen: int,
    open_claims: bool = False,
    inbound_takes: bool = True,
) -> Decision:
    """What happens to the balance of a case whose sheet is sealed.

    `scheme` and `account_kind` (统账类别) are the outbound enrolment's. `inbound_takes` is false where the person has
    no personal account in the inbound area (居民, or 统账类别 2/3). The money follows the outbound area's rules; the
    wallet must be open in both areas.
    """
    if nothing := _nothing(scheme, account_kind, balance_fen):
        return Decision(Intent.NONE, INBOUND, (), nothing, ())
    way = outbound.in_province_fund if same_province else outbound.cross_province_fund
    said, basis = (INSIDE if same_province else ACROSS)[way], [("out", _way_switch(same_province))]
    if way == "keep":
        return Decision(Intent.KEEP, INBOUND, (), said, tuple(basis))
    options = offered(outbound, inbound, same_province=same_province, inbound_takes=inbound_takes)
    sentences = [said]
    if options:
        sentences.append(choice_said(options, outbound))
        basis.append(("out", "choice_days"))
    if WALLET in options:
        basis += [("out", "wallet_enabled"), ("in", "wallet_enabled")]
    intent = Intent.FIX
    if open_claims:
        intent = Intent.SETTLE
        sentences.append(_TO_SETTLE)
        basis.append(("out", "open_claims_rule"))
    why = Named("".join(one.zh for one in sentences), " ".join(one.en for one in sentences))
    destination = INSTANT if way == "instant" else options[0] if options else INBOUND
    return Decision(intent, destination, options, why, tuple(basis))


def _nothing(scheme: str, account_kind: str, balance_fen: int) -> Named | None:
    """Why there is nothing to move, or None."""
    if scheme != Scheme.EMPLOYEE:
        return Named("居民医保没有个人账户，没有余额需要划转。", "The resident scheme has no account: nothing to move.")
    if account_kind != "1":
        return Named(
            "转出地的参保方式没有个人账户（统账类别不是统账结合），没有余额需要划转。",
            "The kind of insurance in the outbound area comes without a personal account: nothing to move.",
        )
    if balance_fen == 0:
        return Named("个人账户余额为零，没有余额需要划转。", "The personal account is empty: nothing to move.")
    return None


def _way_switch(same_province: bool) -> str:
    return "in_province_fund" if same_province else "cross_province_fund"


def offered(
    outbound: Policy, inbound: Policy, *, same_province: bool, inbound_takes: bool = True
) -> tuple[Destination, ...]:
    """What the person may choose from, the area's own way first; empty where nothing is asked of them.

    A payment to the person is asked about even where it is the only way: nobody else knows the account.
    """
    wallet = (WALLET,) if outbound.wallet_enabled and inbound.wallet_enabled else ()
    match outbound.in_province_fund if same_province else outbound.cross_province_fund:
        case "payout":
            return (ACCOUNT, *wallet)
        case "payout_else":
            return (INBOUND, ACCOUNT, *wallet) if inbound_takes else (ACCOUNT, *wallet)
        case "move" if wallet:
            return (INBOUND, *wallet)
    return ()


def choice_said(options: tuple[Destination, ...], outbound: Policy) -> Named:
    """What the person may choose, until when, and what happens otherwise."""
    days = worded(SWITCHES["choice_days"], outbound.choice_days)
    if options == (ACCOUNT,):
        account = worded(SWITCHES["payout_channel"], outbound.payout_channel)
        return Named(
            f"请在余额锁定后{days.zh}内提供{account.zh}的账号；未提供的，由转出地与您联系。",
            f"Give the number of {account.en[0].lower()}{account.en[1:]} within {days.en} of its being fixed; "
            "otherwise the outbound area gets in touch with you.",
        )
    listed_zh = "、".join(f"“{one.named.zh}”" for one in options)
    listed_en = ", ".join(f"“{one.named.en}”" for one in options)
    return Named(
        f"余额锁定后{days.zh}内，您可以选择{listed_zh}；未选择的，按“{options[0].named.zh}”办理。",
        f"Within {days.en} of its being fixed you may choose {listed_en}; otherwise it is “{options[0].named.en}”.",
    )


# The reasons for paying out, by the circumstance that `payout_cases` lists.
_CIRCUMSTANCES = {"P-01": "retired_resettled", "P-02": "enlisted", "P-03": "death", "P-04": "emigrated"}


def may_pay_out(policy: Policy, reason: str, *, same_province: bool) -> bool:
    """Whether the outbound area's policy lets the balance go to the person (P-03: the heirs) for this reason.

    P-01 is for those who settle in another province; P-05 needs a way that ends in a payment.
    """
    if reason == "P-05":
        return policy.in_province_fund == "payout" if same_province else policy.cross_province_fund == "payout_else"
    if reason == "P-01" and same_province:
        return False
    return _CIRCUMSTANCES[reason] in policy.payout_cases


def require_payout(policy: Policy, reason: str, *, same_province: bool) -> None:
    """J-NO-PAYOUT unless `may_pay_out`."""
    if not may_pay_out(policy, reason, same_province=same_province):
        raise refusal("J-NO-PAYOUT", reason=PAYOUT[reason].zh, reason_en=PAYOUT[reason].en)


def require_sending(policy: Policy, on: date) -> None:
    """No money leaves during the outbound area's year-end freeze: J-YEAR-END with the day on which sending goes on."""
    if policy.year_end_freeze is not None and policy.year_end_freeze.covers(on):
        raise refusal("J-YEAR-END", day=policy.year_end_freeze.goes_on(on).isoformat())
