"""The codes of the national platform (医保信息平台) for a transfer, and how ours become theirs. Pure tables.

The codes come from the platform's published data dictionary and interface notes, as far as they could be found: H is
an official text or several independent sources that agree, M one decent source, P our own name where the platform's is
not known. What a case is over there follows from its state, its channel and its events alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from transfers.rules.money import MoneyState
from transfers.rules.parties import Channel, Named, Side
from transfers.rules.routes import State


@dataclass(frozen=True, slots=True)
class Table:
    """One code list. `name` is the platform's field, `mark` how well it is known."""

    name: str
    zh: str
    en: str
    mark: str
    codes: dict[str, Named]


PROCESS = Table(
    "biz_prcs_codg",
    "业务流程编码",
    "Process",
    "M",
    {
        "T21": Named("转入地发起", "Started by the inbound side"),
        "T22": Named("转出地发起", "Started by the outbound side"),
    },
)
PROCESS_STATE = Table(
    "biz_prcs_stas",
    "业务流程状态",
    "State of the process",
    "M",
    {
        "0": Named("未处理", "Not taken up"),
        "1": Named("处理中", "Being worked on"),
        "2": Named("已办结", "Completed"),
        "3": Named("已撤销", "Withdrawn"),
        "4": Named("申请撤销", "Withdrawal asked for"),
    },
)
CORRECTION: Final = "CORRECTION"
NODE = Table(
    "biz_node_codg",
    "业务节点编码",
    "Node",
    "M",
    {
        "T2101": Named("转移申请通知单", "Transfer notice"),
        "T2102": Named("缴费年限和缴费时段", "Months and periods"),
        "T2103": Named("办结反馈", "Completion feedback"),
        # The platform takes corrections, too; its code for them is not known.
        CORRECTION: Named("纠错", "Correction"),
    },
)
NODE_STATE = Table(
    "biz_node_stas",
    "业务节点状态",
    "State of the node",
    "M",
    {
        "0": Named("已上传", "Uploaded"),
        "1": Named("已下载", "Downloaded"),
        "2": Named("申请撤销", "Withdrawal asked for"),
        "3": Named("已撤销", "Withdrawn"),
    },
)
MODE = Table(
    "trans_mode",
    "转移方式",
    "Mode of transfer",
    "M",
    {
        "1": Named("联系函方式", "By contact letter, the old way"),
        "2": Named("转出地发起", "Started by the outbound side"),
        "3": Named("转入地发起", "Started by the inbound side"),
    },
)
REVIEW = Table(
    "chk_flag",
    "审核标志",
    "Review",
    "M",
    {"0": Named("未审核", "Not yet"), "1": Named("审核通过", "Passed"), "2": Named("审核不通过", "Not passed")},
)
SECOND_REVIEW = Table(
    "rchk_flag",
    "复核标志",
    "Second review",
    "M",
    {
        "0": Named("未复核", "Not yet"),
        "1": Named("复核通过", "Passed"),
        "2": Named("复核不通过", "Not passed"),
        "3": Named("撤销", "Withdrawn"),
        "4": Named("退回", "Sent back"),
    },
)
FINANCE = Table(
    "fin_dspo_flag",
    "财务处理标志",
    "Finance",
    "M",
    {
        "1": Named("未处理", "Not taken up"),
        "2": Named("在途", "On its way"),
        "211": Named("财务审核通过", "Finance review passed"),
        "212": Named("财务审核不通过", "Finance review not passed"),
        "221": Named("财务复核通过", "Second finance review passed"),
        "222": Named("财务复核不通过", "Second finance review not passed"),
        "3": Named("未收妥", "Not yet secured"),
        "4": Named("已实收付", "Paid and received"),
        "9": Named("支付失败", "Payment failed"),
    },
)
ACCOUNT_ENTRY = Table(
    "acct_incexpd_type",
    "账户收支类型",
    "Account entry",
    "M",
    {
        "102": Named("结算利息", "Interest on settlement"),
        "103": Named("补划利息或缴费", "Late interest or contributions"),
        "107": Named("账户转入", "Account, transferred in"),
        "203": Named("清退本人", "Paid to the person"),
        "207": Named("账户转出", "Account, transferred out"),
        "208": Named("支付继承人", "Paid to the heirs"),
    },
)
TABLES = (PROCESS, PROCESS_STATE, NODE, NODE_STATE, MODE, REVIEW, SECOND_REVIEW, FINANCE, ACCOUNT_ENTRY)

_PROCESS_STATES: dict[State, str | None] = {
    # Before acceptance there is no process: the other side has not been told of anything.
    State.DRAFT: None,
    State.SUBMITTED: None,
    State.MANUAL_CHECK: None,
    State.NOT_ACCEPTED: None,
    State.ACCEPTED: "0",
    State.OUT_PROCESSING: "1",
    State.OUT_SUPPLEMENT: "1",
    State.OUT_REVIEW: "1",
    State.RETURNED: "1",
    State.INFO_SENT: "1",
    State.IN_PROCESSING: "1",
    State.IN_QUERY: "1",
    State.QUERY_REVIEW: "1",
    State.IN_REVIEW: "1",
    State.RELATION_DONE: "1",
    State.COMPLETED: "2",
    State.WITHDRAW_REQUESTED: "4",
    State.WITHDRAWN: "3",
    State.REOPENED: "1",
    State.RECTIFY_REVIEW: "1",
    State.TERMINATED: "3",
}
# None: there is no money whose handling could be told.
_FINANCE: dict[MoneyState, str | None] = {
    MoneyState.NONE: None,
    MoneyState.PENDING_SETTLE: "1",
    MoneyState.SETTLE_HELD: "1",
    MoneyState.FROZEN: "1",
    MoneyState.YEAR_END: "1",
    MoneyState.REMIT_REVIEW: "211",
    MoneyState.REVIEW_HELD: "211",
    MoneyState.REMIT_FAILED: "9",
    MoneyState.IN_TRANSIT: "2",
    MoneyState.PAYING: "2",
    MoneyState.TO_WALLET: "2",
    MoneyState.RETURNING: "2",
    MoneyState.RECEIVED: "3",
    MoneyState.MISMATCH: "3",
    MoneyState.MATCHED: "3",
    MoneyState.UNMATCH_REVIEW: "3",
    MoneyState.RECLAIM: "3",
    MoneyState.CREDITED: "4",
    MoneyState.PAID_TO_PERSON: "4",
    MoneyState.IN_WALLET: "4",
    MoneyState.KEPT: None,
    MoneyState.RELEASED: None,
}


def started_by(channel: Channel) -> Side:
    """The side that starts the process: the outbound one at its own window, else the inbound one."""
    return Side.OUT if channel is Channel.WINDOW_OUT else Side.IN


def process(channel: Channel) -> str:
    """T22 when the outbound side starts it, else T21."""
    return "T22" if started_by(channel) is Side.OUT else "T21"


def process_state(state: State) -> str | None:
    """The state of the process, None before acceptance."""
    return _PROCESS_STATES[state]


def mode(channel: Channel, *, certificate: bool) -> str:
    """1 by the paper route, with an enrolment certificate (参保凭证) and a contact letter; else by who starts it."""
    if certificate:
        return "1"
    return "2" if started_by(channel) is Side.OUT else "3"


def finance(money: MoneyState | None, *, sent_back: bool = False) -> str | None:
    """How far finance is. `sent_back`: the second review has just sent the remittance back.

    212 and 221 are never told: whoever proposes a remittance has checked it, and what is approved is on its way.
    """
    if money is None:
        return None
    return "222" if sent_back and money is MoneyState.FROZEN else _FINANCE[money]


def node_state(state: State, *, taken: bool, replaced: bool = False) -> str:
    """The state of a node. `taken`: the other side has taken it up. `replaced`: another upload stands in its place."""
    if replaced or process_state(state) == "3":
        return "3"
    if process_state(state) == "4":
        return "2"
    return "1" if taken else "0"


@dataclass(frozen=True, slots=True)
class Reviews:
    """CHK_FLAG and RCHK_FLAG of one side."""

    chk_flag: str = "0"
    rchk_flag: str = "0"


_NOTHING, _CHECKED, _PASSED = Reviews(), Reviews("1", "0"), Reviews("1", "1")
_SENT_BACK, _DOUBTED = Reviews("0", "4"), Reviews("2", "0")
# What a step makes of the reviews of a side. What no second person reviewed, no flag says was reviewed.
REVIEWS: dict[str, dict[Side, Reviews]] = {
    "prepare_sheet": {Side.OUT: _CHECKED},
    "auto_out": {Side.OUT: _CHECKED},
    "approve_out": {Side.OUT: _PASSED},
    "send_back_out": {Side.OUT: _SENT_BACK},
    "return_soft": {Side.OUT: _DOUBTED},
    "return_hard": {Side.OUT: _DOUBTED},
    "resubmit": {Side.OUT: _NOTHING},
    "forward": {Side.OUT: _NOTHING},
    "check_sheet": {Side.IN: _CHECKED},
    "auto_in": {Side.IN: _CHECKED},
    "approve_in": {Side.IN: _PASSED},
    "send_back_in": {Side.IN: _SENT_BACK},
    "raise_query": {Side.IN: _DOUBTED},
    "prepare_correction": {Side.OUT: _CHECKED},
    "send_back_correction": {Side.OUT: _SENT_BACK},
    "approve_correction": {Side.OUT: _PASSED, Side.IN: _NOTHING},
    "confirm_correct": {Side.OUT: _PASSED, Side.IN: _NOTHING},
    "reopen": {Side.OUT: _NOTHING, Side.IN: _NOTHING},
}
WITHDRAWN: Final = "grant_withdrawal"


def reviews(steps: Iterable[str]) -> dict[Side, Reviews]:
    """The reviews of both sides after these steps, in the order in which they were taken."""
    found = {Side.OUT: Reviews(), Side.IN: Reviews()}
    for step in steps:
        found |= REVIEWS.get(step, {})
        if step == WITHDRAWN:
            found = {side: replace(flags, rchk_flag="3") for side, flags in found.items()}
    return found
