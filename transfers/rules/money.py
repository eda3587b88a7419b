"""The money line: where the balance of a personal account can be, who must act, which of its own clocks run.

Every fen of a case is in exactly one book of the ledger in every state: `MoneyInfo.book`. A line goes on in rounds: a
first one for the balance on the sheet, and a supplementary one for each late interest or contribution (补划).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from transfers.rules.parties import Named, Side
from transfers.rules.routes import ClockKind, Running


class Destination(StrEnum):
    """Where the balance goes. INSTANT is the inbound account too: credited at once, settled between the funds later."""

    INBOUND = "inbound"
    INSTANT = "instant"
    ACCOUNT = "account"
    HEIRS = "heirs"
    WALLET = "wallet"

    @property
    def named(self) -> Named:
        return _DESTINATIONS[self]

    @property
    def to_person(self) -> bool:
        """Whether a bank pays it to somebody, and not to the inbound agency."""
        return self in (Destination.ACCOUNT, Destination.HEIRS)


_DESTINATIONS = {
    Destination.INBOUND: Named("划入转入地个人账户", "To the personal account in the inbound area"),
    Destination.INSTANT: Named("即时记入转入地个人账户，两地事后清算", "Credited at once, settled later"),
    Destination.ACCOUNT: Named("划入本人银行账户", "To the person's bank account"),
    Destination.HEIRS: Named("支付给继承人", "To the heirs"),
    Destination.WALLET: Named("转入医保钱包", "To the medical-insurance wallet"),
}


class Book(StrEnum):
    """The books of the ledger, in fen. What an area owes or holds is positive; `interest` is where new money comes from
    (negative). `transit` lies between two areas (`area` sent it, `counter_area` is to have it; none where a person is
    paid). For instant crediting `owed` (by the outbound fund) and `advanced` (by the inbound one, negative) cancel once
    settled.
    """

    PERSONAL = "personal"
    FIXED = "fixed"
    TRANSIT = "transit"
    RECEIVED = "received"
    PAID = "paid"
    HEIRS = "heirs"
    WALLET = "wallet"
    INTEREST = "interest"
    OWED = "owed"
    ADVANCED = "advanced"


class MoneyState(StrEnum):
    """Where the balance of the personal account stands."""

    NONE = "NONE"
    PENDING_SETTLE = "PENDING_SETTLE"
    SETTLE_HELD = "SETTLE_HELD"
    FROZEN = "FROZEN"
    YEAR_END = "YEAR_END"
    REMIT_REVIEW = "REMIT_REVIEW"
    REVIEW_HELD = "REVIEW_HELD"
    REMIT_FAILED = "REMIT_FAILED"
    IN_TRANSIT = "IN_TRANSIT"
    PAYING = "PAYING"
    RECEIVED = "RECEIVED"
    MISMATCH = "MISMATCH"
    MATCHED = "MATCHED"
    UNMATCH_REVIEW = "UNMATCH_REVIEW"
    RECLAIM = "RECLAIM"
    RETURNING = "RETURNING"
    TO_WALLET = "TO_WALLET"
    CREDITED = "CREDITED"
    PAID_TO_PERSON = "PAID_TO_PERSON"
    IN_WALLET = "IN_WALLET"
    KEPT = "KEPT"
    RELEASED = "RELEASED"

    @property
    def info(self) -> MoneyInfo:
        return MONEY_STATES[self]


@dataclass(frozen=True, slots=True)
class MoneyInfo:
    """One state of the money line. `acts` is who must act next; `settled` means nothing is owed any more.

    `clocks`: what the money's own clocks do here. `here`: nothing has left the outbound area, so the case can still be
    taken back.
    """

    zh: str
    en: str
    public: Named
    acts: Side
    stage: int
    settled: bool = False
    clocks: dict[ClockKind, Running] = field(default_factory=dict)
    here: bool = False


_REMIT, _CREDIT = {ClockKind.REMIT: Running.RUNS}, {ClockKind.CREDIT: Running.RUNS}
_HELD = {ClockKind.REMIT: Running.PAUSED}
_FIXED = Named("金额已锁定，待转出地划转", "Amount fixed; the outbound area is to send it")
_SETTLING = Named(
    "转出地年末清算，划款暂停，结束后继续", "The outbound area's year-end settlement: sent when it is over"
)
_CHECKED = Named("资金已到转入地，核对中", "Arrived in the inbound area, being checked")
MONEY_STATES: dict[MoneyState, MoneyInfo] = {
    MoneyState.NONE: MoneyInfo(
        "无资金划转",
        "No money to move",
        Named("没有需要划转的余额", "There is no balance to move"),
        Side.SYSTEM,
        0,
        settled=True,
        here=True,
    ),
    MoneyState.PENDING_SETTLE: MoneyInfo(
        "待结算锁定",
        "To be settled and fixed",
        Named(
            "有医疗费用尚未结算，结算后由转出地锁定金额",
            "Medical costs are still to be settled; then the outbound area fixes the amount",
        ),
        Side.OUT,
        0,
        clocks=_REMIT,
        here=True,
    ),
    MoneyState.SETTLE_HELD: MoneyInfo(
        "年末清算暂停，待结算锁定",
        "Held by the year-end settlement, to be settled and fixed",
        Named(
            "有医疗费用尚未结算；转出地年末清算，划款暂停，结束后继续",
            "Medical costs are still to be settled; the outbound area's year-end settlement: sent when it is over",
        ),
        Side.OUT,
        0,
        clocks=_HELD,
        here=True,
    ),
    MoneyState.FROZEN: MoneyInfo(
        "已锁定待划转", "Fixed, to be remitted", _FIXED, Side.OUT, 1, clocks=_REMIT, here=True
    ),
    MoneyState.YEAR_END: MoneyInfo(
        "年末清算暂停划款",
        "Held by the year-end settlement",
        _SETTLING,
        Side.OUT,
        1,
        clocks=_HELD,
        here=True,
    ),
    MoneyState.REMIT_REVIEW: MoneyInfo(
        "划转待复核", "Remittance waiting for review", _FIXED, Side.OUT, 1, clocks=_REMIT, here=True
    ),
    MoneyState.REVIEW_HELD: MoneyInfo(
        "年末清算暂停，划转待复核",
        "Held by the year-end settlement, waiting for review",
        _SETTLING,
        Side.OUT,
        1,
        clocks=_HELD,
        here=True,
    ),
    MoneyState.REMIT_FAILED: MoneyInfo(
        "银行退回待重新划转",
        "Returned by the bank, to be sent again",
        Named("银行退回，转出地将更正后重新划转", "Returned by the bank; the outbound area sends it again"),
        Side.OUT,
        1,
        clocks=_REMIT,
        here=True,
    ),
    MoneyState.IN_TRANSIT: MoneyInfo(
        "已划出在途",
        "Sent, on its way",
        Named("转出地已划出，资金在途", "Sent by the outbound area, on its way"),
        Side.IN,
        2,
    ),
    MoneyState.PAYING: MoneyInfo(
        "银行支付中",
        "Being paid by the bank",
        Named("转出地已提交银行支付", "The outbound area has told the bank to pay"),
        Side.OUT,
        2,
    ),
    MoneyState.TO_WALLET: MoneyInfo(
        "分次转入医保钱包",
        "Going to the wallet in parts",
        Named("正在分次转入医保钱包", "Going to the medical-insurance wallet in parts"),
        Side.OUT,
        2,
    ),
    MoneyState.RECEIVED: MoneyInfo("已到账待匹配", "Received, to be matched", _CHECKED, Side.IN, 3, clocks=_CREDIT),
    MoneyState.MISMATCH: MoneyInfo(
        "到账金额不符",
        "The amount differs",
        Named("到账金额与锁定金额不符，两地核对中", "The amount that arrived differs; both areas are clearing it up"),
        Side.OUT,
        3,
        clocks={ClockKind.CREDIT: Running.PAUSED},
    ),
    MoneyState.MATCHED: MoneyInfo("已匹配待入账", "Matched, to be credited", _CHECKED, Side.IN, 3, clocks=_CREDIT),
    # Of parts as well: then the money stands where those on their way do, and so do its clocks (`clocks_of`).
    MoneyState.UNMATCH_REVIEW: MoneyInfo(
        "撤销匹配待复核", "Undoing the match waits for review", _CHECKED, Side.IN, 2, clocks=_CREDIT
    ),
    MoneyState.RECLAIM: MoneyInfo(
        "转出地申请追回",
        "Reclaimed by the outbound area",
        Named("转出地发现误汇，申请追回，转入地核对中", "Sent by mistake: the outbound area asks for it back"),
        Side.IN,
        2,
    ),
    MoneyState.RETURNING: MoneyInfo(
        "退回途中",
        "On its way back",
        Named("资金退回转出地途中", "On its way back to the outbound area"),
        Side.OUT,
        2,
    ),
    MoneyState.CREDITED: MoneyInfo(
        "已入账",
        "Credited",
        Named("余额已记入您的个人账户", "The balance is in your personal account"),
        Side.SYSTEM,
        4,
        settled=True,
    ),
    MoneyState.PAID_TO_PERSON: MoneyInfo(
        "已支付本人或继承人",
        "Paid to the person or the heirs",
        Named("余额已由银行支付", "The balance has been paid by the bank"),
        Side.SYSTEM,
        4,
        settled=True,
    ),
    MoneyState.IN_WALLET: MoneyInfo(
        "已转入医保钱包",
        "In the wallet",
        Named("余额已转入医保钱包", "The balance is in the medical-insurance wallet"),
        Side.SYSTEM,
        4,
        settled=True,
    ),
    MoneyState.KEPT: MoneyInfo(
        "余额保留原账户",
        "Kept where it is",
        Named("余额按规定保留在原账户，可继续使用", "By the area's rule the balance stays where it is and can be used"),
        Side.SYSTEM,
        4,
        settled=True,
        here=True,
    ),
    MoneyState.RELEASED: MoneyInfo(
        "已解除锁定",
        "Released",
        Named("业务未办成，余额已退回原账户", "The case did not go through; the balance is back in its account"),
        Side.SYSTEM,
        4,
        settled=True,
    ),
}
MONEY_CLOCKS = frozenset({ClockKind.REMIT, ClockKind.CREDIT})


def clocks_of(state: MoneyState, held: str) -> dict[ClockKind, Running]:
    """What the money's own clocks do. While undoing a match is reviewed: as where the money was (`held`)."""
    return (MoneyState(held) if state is MoneyState.UNMATCH_REVIEW and held else state).info.clocks


def money_clock_effects(
    was: dict[ClockKind, Running],
    will: dict[ClockKind, Running],
    *,
    limited: frozenset[ClockKind],
    running: frozenset[ClockKind],
) -> list[tuple[ClockKind, str]]:
    """What the money's own clocks do from one state (`was`) to another (`will`, of `clocks_of`), stops first.

    `limited`: the clocks for which the policies have a limit at all; `running`: those that are open now.
    """
    effects: list[tuple[ClockKind, str]] = []
    for kind in sorted(MONEY_CLOCKS):
        goal = will.get(kind)
        if kind in running:
            if goal is None:
                effects.append((kind, "stop"))
            elif goal is not was.get(kind):
                effects.append((kind, "pause" if goal is Running.PAUSED else "resume"))
        elif goal is Running.RUNS and kind in limited:
            effects.append((kind, "start"))
    return sorted(effects, key=lambda effect: effect[1] != "stop")
