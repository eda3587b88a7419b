"""The states of a case: names, the public line, who must act, which clocks run. The money's are in rules/money.py.

The moves between them are declared on the models with django-fsm; everything that depends only on *where* a case
stands is here, once: a clock is started, paused, resumed or stopped because the table below says what it does in
the state a case comes from and in the one it goes to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from transfers.rules.parties import Named, Side


class ClockKind(StrEnum):
    """OUT and IN are the national limits (Art. 9); the others are limits of the areas' own policies.

    SUPPLEMENT and RETURN are the applicant's; CORRECTION and RECTIFY the outbound side's, to put a sheet right;
    WITHDRAWAL and MANUAL the side's that must answer; FUND watches the money. REMIT and CREDIT are limits of the money
    where an area has them (rules/money.py): until the balance has been sent, and until it has been credited.
    """

    OUT = "OUT"
    IN = "IN"
    SUPPLEMENT = "SUPPLEMENT"
    RETURN = "RETURN"
    CORRECTION = "CORRECTION"
    WITHDRAWAL = "WITHDRAWAL"
    RECTIFY = "RECTIFY"
    MANUAL = "MANUAL"
    FUND = "FUND"
    REMIT = "REMIT"
    CREDIT = "CREDIT"

    @property
    def named(self) -> Named:
        return _CLOCKS[self]


_CLOCKS = {
    ClockKind.OUT: Named("转出时限", "Outbound limit"),
    ClockKind.IN: Named("转入时限", "Inbound limit"),
    ClockKind.SUPPLEMENT: Named("补正期限", "Supplement limit"),
    ClockKind.RETURN: Named("退回处理期限", "Limit to repair a return"),
    ClockKind.CORRECTION: Named("核对答复期限", "Limit to answer a query"),
    ClockKind.WITHDRAWAL: Named("撤销答复期限", "Limit to answer a withdrawal"),
    ClockKind.RECTIFY: Named("更正期限", "Limit to rectify"),
    ClockKind.MANUAL: Named("人工核验期限", "Limit to check by hand"),
    ClockKind.FUND: Named("资金跟踪", "Money watch"),
    ClockKind.REMIT: Named("资金划出期限", "Remittance limit"),
    ClockKind.CREDIT: Named("资金入账期限", "Crediting limit"),
}


class Running(StrEnum):
    """What a clock does in a state."""

    RUNS = "runs"
    PAUSED = "paused"


class State(StrEnum):
    """Where the relationship stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    MANUAL_CHECK = "MANUAL_CHECK"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    ACCEPTED = "ACCEPTED"
    OUT_PROCESSING = "OUT_PROCESSING"
    OUT_SUPPLEMENT = "OUT_SUPPLEMENT"
    OUT_REVIEW = "OUT_REVIEW"
    RETURNED = "RETURNED"
    INFO_SENT = "INFO_SENT"
    IN_PROCESSING = "IN_PROCESSING"
    IN_QUERY = "IN_QUERY"
    QUERY_REVIEW = "QUERY_REVIEW"
    IN_REVIEW = "IN_REVIEW"
    RELATION_DONE = "RELATION_DONE"
    COMPLETED = "COMPLETED"
    WITHDRAW_REQUESTED = "WITHDRAW_REQUESTED"
    WITHDRAWN = "WITHDRAWN"
    REOPENED = "REOPENED"
    RECTIFY_REVIEW = "RECTIFY_REVIEW"
    TERMINATED = "TERMINATED"

    @property
    def info(self) -> StateInfo:
        return STATES[self]


@dataclass(frozen=True, slots=True)
class StateInfo:
    """One state. `stage` orders the public line: it never falls without a reason being recorded.

    `acts` is None where the case itself says which side must act. `desk`: the side on whose desk the case lies while
    the applicant must act. `holds`: whatever clock ran before is paused here, and the case can go back to where it was.
    `anew`: the clock of this state starts anew when the turn passes to the other side.
    """

    zh: str
    en: str
    public: Named
    next_step: Named
    acts: Side | None
    stage: int
    clocks: dict[ClockKind, Running] = field(default_factory=dict)
    terminal: bool = False
    desk: Side = Side.OUT
    holds: bool = False
    anew: bool = False


_OUT = {ClockKind.OUT: Running.RUNS}
_IN = {ClockKind.IN: Running.RUNS}
_WAIT = Named("您不需要做什么，请等候办理。", "You need not do anything; please wait.")
_NONE = Named("本业务已结束。", "This case is closed.")

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
    State.MANUAL_CHECK: StateInfo(
        "待人工核验",
        "To be checked by hand",
        Named("已提交，人工核验中", "Submitted, being checked by hand"),
        Named(
            "有一地的系统长时间没有应答，已转由该地经办人员人工核验。您不需要做什么。",
            "One area's system has not answered for long; its staff now check by hand. You need not do anything.",
        ),
        None,
        1,
        {ClockKind.MANUAL: Running.RUNS},
        anew=True,
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
    State.RETURNED: StateInfo(
        "转出地退回",
        "Returned by the outbound side",
        Named("已退回，待处理", "Returned, to be repaired"),
        Named(
            "请在期限内按退回原因处理后重新提交；转入地可以协助您。逾期未处理，本次申请将终止。",
            "Deal with the reason given and resubmit before the date shown; the inbound area helps you. "
            "Otherwise this application ends.",
        ),
        Side.APPLICANT,
        2,
        {ClockKind.RETURN: Running.RUNS},
        desk=Side.IN,
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
    State.IN_QUERY: StateInfo(
        "核对存疑",
        "Queried with the outbound side",
        Named("两地核对中", "Being cleared up between the two areas"),
        Named(
            "转入地对信息表有疑问，转出地正在核对；您不需要做什么。",
            "The inbound area has asked about the sheet and the outbound area is checking; you need not do anything.",
        ),
        Side.OUT,
        5,
        {ClockKind.IN: Running.PAUSED, ClockKind.CORRECTION: Running.RUNS},
    ),
    State.QUERY_REVIEW: StateInfo(
        "更正待复核",
        "Correction waiting for review",
        Named("两地核对中", "Being cleared up between the two areas"),
        _WAIT,
        Side.OUT,
        5,
        {ClockKind.IN: Running.PAUSED, ClockKind.CORRECTION: Running.RUNS},
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
        anew=True,
    ),
    State.COMPLETED: StateInfo(
        "已办结", "Completed", Named("已办结", "Completed"), _NONE, Side.SYSTEM, 7, terminal=True
    ),
    State.WITHDRAW_REQUESTED: StateInfo(
        "申请撤销",
        "Withdrawal requested",
        Named("撤销处理中", "Withdrawal being handled"),
        Named(
            "已收到您的撤销申请，经办机构答复前办理时限暂停计算。",
            "Your request to withdraw has been received; the time limit is paused until the agency answers.",
        ),
        None,
        2,
        {ClockKind.WITHDRAWAL: Running.RUNS},
        holds=True,
    ),
    State.WITHDRAWN: StateInfo(
        "已撤销", "Withdrawn", Named("已撤销", "Withdrawn"), _NONE, Side.SYSTEM, 7, terminal=True
    ),
    State.REOPENED: StateInfo(
        "办结后更正",
        "Reopened",
        Named("更正中", "Being rectified"),
        Named(
            "办结后发现差错，两地正在更正；您不需要做什么。",
            "A fault was found after completion and is being put right; you need not do anything.",
        ),
        Side.OUT,
        4,
        {ClockKind.RECTIFY: Running.RUNS},
    ),
    State.RECTIFY_REVIEW: StateInfo(
        "办结后更正待复核",
        "Rectification waiting for review",
        Named("更正中", "Being rectified"),
        _WAIT,
        Side.OUT,
        4,
        {ClockKind.RECTIFY: Running.RUNS},
    ),
    State.TERMINATED: StateInfo(
        "终止办理", "Terminated", Named("已终止", "Terminated"), _NONE, Side.SYSTEM, 7, terminal=True
    ),
}


def clocks_in(state: State, held: State | None = None) -> dict[ClockKind, Running]:
    """Which clocks are open in a state. A state that holds pauses what ran in `held`, where the case came from."""
    info = STATES[state]
    if not info.holds:
        return info.clocks
    if held is None:
        raise ValueError(f"{state} holds another state: say which")
    return dict.fromkeys(STATES[held].clocks, Running.PAUSED) | info.clocks


def clock_effects(before: State, after: State, held: State | None = None) -> list[tuple[ClockKind, str]]:
    """What each clock does when a case goes from `before` to `after`: start, pause, resume or stop, stops first.

    `held`: where the case was (or will be again) when one of the two is a state that holds.
    """
    was, will = clocks_in(before, held), clocks_in(after, held)
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
