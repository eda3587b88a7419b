"""The states of a case and of its money: names, the public line, who must act, which clocks run.

The moves between them are declared on the models with django-fsm; everything that depends only on *where* a case
stands is here, once: a clock is started, paused, resumed or stopped because the table below says what it does in
the state a case comes from and in the one it goes to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from transfers.rules.parties import Named, Side


class ClockKind(StrEnum):
    """OUT and IN are the national limits (Art. 9); SUPPLEMENT is the applicant's; FUND watches the money."""

    OUT = "OUT"
    IN = "IN"
    SUPPLEMENT = "SUPPLEMENT"
    FUND = "FUND"

    @property
    def named(self) -> Named:
        return _CLOCKS[self]


_CLOCKS = {
    ClockKind.OUT: Named("转出时限", "Outbound limit"),
    ClockKind.IN: Named("转入时限", "Inbound limit"),
    ClockKind.SUPPLEMENT: Named("补正期限", "Supplement limit"),
    ClockKind.FUND: Named("资金跟踪", "Money watch"),
}


class Running(StrEnum):
    """What a clock does in a state."""

    RUNS = "runs"
    PAUSED = "paused"


class State(StrEnum):
    """Where the relationship stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    ACCEPTED = "ACCEPTED"
    OUT_PROCESSING = "OUT_PROCESSING"
    OUT_SUPPLEMENT = "OUT_SUPPLEMENT"
    OUT_REVIEW = "OUT_REVIEW"
    INFO_SENT = "INFO_SENT"
    IN_PROCESSING = "IN_PROCESSING"
    IN_REVIEW = "IN_REVIEW"
    RELATION_DONE = "RELATION_DONE"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"

    @property
    def info(self) -> StateInfo:
        return STATES[self]


@dataclass(frozen=True, slots=True)
class StateInfo:
    """One state. `stage` orders the public line: it never falls without a reason being recorded."""

    zh: str
    en: str
    public: Named
    next_step: Named
    acts: Side
    stage: int
    clocks: dict[ClockKind, Running] = field(default_factory=dict)
    terminal: bool = False


_OUT = {ClockKind.OUT: Running.RUNS}
_IN = {ClockKind.IN: Running.RUNS}
_WAIT = Named("您不需要做什么，请等候办理。", "You need not do anything; please wait.")
_NONE = Named("本业务已结束。", "This case is closed.")

# Return, clarification, withdrawal and reopening add their states here and their moves in models/case.py.
STATES: dict[State, StateInfo] = {
    State.DRAFT: StateInfo("草稿", "Draft", Named("草稿", "Draft"), _WAIT, Side.APPLICANT, 0),
    State.SUBMITTED: StateInfo(
        "已提交待校验",
        "Submitted, being checked",
        Named("已提交", "Submitted"),
        Named("系统正在向两地核对，通常很快有结果。", "Both areas are being asked; this usually takes a moment."),
        Side.SYSTEM,
        1,
    ),
    State.NOT_ACCEPTED: StateInfo(
        "不予受理",
        "Not accepted",
        Named("未受理", "Not accepted"),
        Named(
            "请按下列原因逐项处理后重新申请。",
            "Deal with each of the reasons below, then apply again.",
        ),
        Side.SYSTEM,
        1,
        terminal=True,
    ),
    State.ACCEPTED: StateInfo(
        "已受理待转出",
        "Accepted, waiting for the outbound side",
        Named("转出地待办理", "Waiting for the outbound area"),
        _WAIT,
        Side.OUT,
        2,
        _OUT,
    ),
    State.OUT_PROCESSING: StateInfo(
        "转出办理中",
        "Outbound side at work",
        Named("转出地办理中", "Outbound area at work"),
        _WAIT,
        Side.OUT,
        3,
        _OUT,
    ),
    State.OUT_SUPPLEMENT: StateInfo(
        "待补正",
        "Waiting for a supplement",
        Named("待您补充材料", "Waiting for your papers"),
        Named(
            "请在期限内按通知补充材料；逾期未补正，本次申请将终止。",
            "Send what the notice asks for before the date shown; otherwise this application ends.",
        ),
        Side.APPLICANT,
        3,
        {ClockKind.OUT: Running.PAUSED, ClockKind.SUPPLEMENT: Running.RUNS},
    ),
    State.OUT_REVIEW: StateInfo(
        "转出待复核",
        "Waiting for the outbound review",
        Named("转出地办理中", "Outbound area at work"),
        _WAIT,
        Side.OUT,
        3,
        _OUT,
    ),
    State.INFO_SENT: StateInfo(
        "信息表已传送",
        "Information sheet sent",
        Named("转入地待办理", "Waiting for the inbound area"),
        _WAIT,
        Side.IN,
        4,
        _IN,
    ),
    State.IN_PROCESSING: StateInfo(
        "转入办理中",
        "Inbound side at work",
        Named("转入地办理中", "Inbound area at work"),
        _WAIT,
        Side.IN,
        5,
        _IN,
    ),
    State.IN_REVIEW: StateInfo(
        "转入待复核",
        "Waiting for the inbound review",
        Named("转入地办理中", "Inbound area at work"),
        _WAIT,
        Side.IN,
        5,
        _IN,
    ),
    State.RELATION_DONE: StateInfo(
        "关系已接续，资金在途",
        "Relationship continued, money on its way",
        Named("关系已转入，余额待到账", "Relationship transferred, balance still to come"),
        Named(
            "缴费年限已接续；个人账户余额到账后会通知您。",
            "Your months are taken over; you will be told when the balance arrives.",
        ),
        Side.OUT,
        6,
        {ClockKind.FUND: Running.RUNS},
    ),
    State.COMPLETED: StateInfo(
        "已办结", "Completed", Named("已办结", "Completed"), _NONE, Side.SYSTEM, 7, terminal=True
    ),
    State.TERMINATED: StateInfo(
        "终止办理", "Terminated", Named("已终止", "Terminated"), _NONE, Side.SYSTEM, 7, terminal=True
    ),
}


class MoneyState(StrEnum):
    """Where the balance of the personal account stands."""

    NONE = "NONE"
    FROZEN = "FROZEN"
    REMIT_REVIEW = "REMIT_REVIEW"
    IN_TRANSIT = "IN_TRANSIT"
    RECEIVED = "RECEIVED"
    MATCHED = "MATCHED"
    CREDITED = "CREDITED"

    @property
    def info(self) -> MoneyInfo:
        return MONEY_STATES[self]


@dataclass(frozen=True, slots=True)
class MoneyInfo:
    """One state of the money line. `acts` is who must act next; `settled` means nothing is owed any more."""

    zh: str
    en: str
    public: Named
    acts: Side
    stage: int
    settled: bool = False


# Failure, mismatch, payment to the person and supplementary pairs add their states here.
MONEY_STATES: dict[MoneyState, MoneyInfo] = {
    MoneyState.NONE: MoneyInfo(
        "无资金划转",
        "No money to move",
        Named("没有需要划转的余额", "There is no balance to move"),
        Side.SYSTEM,
        0,
        settled=True,
    ),
    MoneyState.FROZEN: MoneyInfo(
        "已锁定待划转",
        "Fixed, to be remitted",
        Named("金额已锁定，待转出地划转", "Amount fixed; the outbound area is to send it"),
        Side.OUT,
        1,
    ),
    MoneyState.REMIT_REVIEW: MoneyInfo(
        "划转待复核",
        "Remittance waiting for review",
        Named("金额已锁定，待转出地划转", "Amount fixed; the outbound area is to send it"),
        Side.OUT,
        1,
    ),
    MoneyState.IN_TRANSIT: MoneyInfo(
        "已划出在途",
        "Sent, on its way",
        Named("转出地已划出，资金在途", "Sent by the outbound area, on its way"),
        Side.IN,
        2,
    ),
    MoneyState.RECEIVED: MoneyInfo(
        "已到账待匹配",
        "Received, to be matched",
        Named("资金已到转入地，核对中", "Arrived in the inbound area, being checked"),
        Side.IN,
        3,
    ),
    MoneyState.MATCHED: MoneyInfo(
        "已匹配待入账",
        "Matched, to be credited",
        Named("资金已到转入地，核对中", "Arrived in the inbound area, being checked"),
        Side.IN,
        3,
    ),
    MoneyState.CREDITED: MoneyInfo(
        "已入账",
        "Credited",
        Named("余额已记入您的个人账户", "The balance is in your personal account"),
        Side.SYSTEM,
        4,
        settled=True,
    ),
}


def clock_effects(before: State, after: State) -> list[tuple[ClockKind, str]]:
    """What each clock does when a case goes from `before` to `after`: start, pause, resume or stop, stops first."""
    was, will = STATES[before].clocks, STATES[after].clocks
    effects: list[tuple[ClockKind, str]] = []
    for kind in ClockKind:
        match was.get(kind), will.get(kind):
            case (None, Running.RUNS):
                effects.append((kind, "start"))
            case (Running.RUNS, Running.PAUSED):
                effects.append((kind, "pause"))
            case (Running.PAUSED, Running.RUNS):
                effects.append((kind, "resume"))
            case (Running(), None):
                effects.append((kind, "stop"))
            case (None, Running.PAUSED):
                raise ValueError(f"{kind} cannot enter {after} paused: it has not run")
    return sorted(effects, key=lambda effect: effect[1] != "stop")
