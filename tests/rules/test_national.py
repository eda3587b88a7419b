"""The national codes against the reference (the platform's data dictionary as docs/national.md gives it)."""

from __future__ import annotations

from pathlib import Path

import pytest

from transfers.rules.enrolments import Answer
from transfers.rules.money import MoneyState
from transfers.rules.national import (
    FINANCE,
    NODE_STATE,
    PROCESS_STATE,
    REVIEWS,
    TABLES,
    Reviews,
    finance,
    mode,
    node_state,
    process,
    process_state,
    reviews,
)
from transfers.rules.parties import Channel, Side
from transfers.rules.routes import State

# Field -> its codes, with the Chinese words where the reference gives them.
REFERENCE: dict[str, dict[str, str]] = {
    "biz_prcs_codg": {"T21": "转入地发起", "T22": "转出地发起"},
    "biz_prcs_stas": {"0": "未处理", "1": "处理中", "2": "已办结", "3": "已撤销", "4": "申请撤销"},
    "biz_node_codg": {
        "T2101": "转移申请通知单",
        "T2102": "缴费年限和缴费时段",
        "T2103": "办结反馈",
        "CORRECTION": "纠错",
    },
    "biz_node_stas": {"0": "已上传", "1": "已下载", "2": "申请撤销", "3": "已撤销"},
    "trans_mode": dict.fromkeys("123", ""),
    "chk_flag": dict.fromkeys("012", ""),
    "rchk_flag": {"0": "", "1": "", "2": "", "3": "撤销", "4": "退回"},
    "fin_dspo_flag": dict.fromkeys(["211", "212", "221", "222"], "")
    | {"1": "未处理", "2": "在途", "3": "未收妥", "4": "已实收付", "9": "支付失败"},
    "acct_incexpd_type": dict.fromkeys(["102", "103", "203", "208"], "") | {"107": "账户转入", "207": "账户转出"},
}


def test_the_tables_are_those_of_the_platform():
    assert {table.name: set(table.codes) for table in TABLES} == {n: set(codes) for n, codes in REFERENCE.items()}
    for table in TABLES:
        assert table.zh
        assert table.en
        assert table.mark in ("H", "M", "L", "R", "P")
        for code, named in table.codes.items():
            assert named.zh
            assert named.en
            assert REFERENCE[table.name][code] in ("", named.zh)


@pytest.mark.parametrize(
    ("channel", "started", "plain"),
    [
        (Channel.WINDOW_OUT, "T22", "2"),
        (Channel.WINDOW_IN, "T21", "3"),
        (Channel.ONLINE, "T21", "3"),
        (Channel.PARTNER, "T21", "3"),
        (Channel.AUTOMATIC, "T21", "3"),
    ],
)
def test_who_starts_it_and_how(channel, started, plain):
    assert process(channel) == started
    assert mode(channel, certificate=False) == plain
    assert mode(channel, certificate=True) == "1", "by contact letter, whoever starts it"


def test_the_process_follows_the_state():
    known = {state: process_state(state) for state in State}
    assert set(known.values()) == {None, *PROCESS_STATE.codes}
    assert {state for state, code in known.items() if code is None} == {
        *(State.DRAFT, State.SUBMITTED, State.MANUAL_CHECK, State.NOT_ACCEPTED)
    }
    assert {state for state, code in known.items() if code in ("2", "3")} == {
        state for state in State if state.info.terminal and state is not State.NOT_ACCEPTED
    }
    assert known[State.WITHDRAW_REQUESTED] == "4"


def test_the_money_flag():
    assert {state: finance(state) for state in MoneyState}.keys() == set(MoneyState)
    assert {code for state in MoneyState if (code := finance(state))} <= FINANCE.codes.keys()
    assert finance(None) is None
    told = {"1": {"PENDING_SETTLE", "SETTLE_HELD", "FROZEN", "YEAR_END"}}
    told |= {"211": {"REMIT_REVIEW", "REVIEW_HELD"}, "9": {"REMIT_FAILED"}}
    told |= {"2": {"IN_TRANSIT", "PAYING", "TO_WALLET", "RETURNING"}}
    told |= {"3": {"RECEIVED", "MISMATCH", "MATCHED", "UNMATCH_REVIEW", "RECLAIM"}}
    told |= {"4": {"CREDITED", "PAID_TO_PERSON", "IN_WALLET"}}
    assert {code: {s.value for s in MoneyState if finance(s) == code} for code in told} == told
    assert finance(MoneyState.FROZEN) == "1"
    assert finance(MoneyState.FROZEN, sent_back=True) == "222"
    assert [finance(state) for state in (MoneyState.IN_TRANSIT, MoneyState.CREDITED)] == ["2", "4"]


def test_nodes():
    said = {
        (state, taken, replaced): node_state(state, taken=taken, replaced=replaced)
        for state in (State.IN_PROCESSING, State.WITHDRAW_REQUESTED, State.WITHDRAWN)
        for taken in (False, True)
        for replaced in (False, True)
    }
    assert set(said.values()) == set(NODE_STATE.codes)
    assert said[State.IN_PROCESSING, False, False] == "0"
    assert said[State.IN_PROCESSING, True, False] == "1"
    assert said[State.IN_PROCESSING, True, True] == "3"
    assert said[State.WITHDRAW_REQUESTED, True, False] == "2"
    assert said[State.WITHDRAWN, True, False] == "3"


@pytest.mark.parametrize(
    ("steps", "out", "into"),
    [
        ([], "00", "00"),
        (["claim_out", "prepare_sheet"], "10", "00"),
        (["prepare_sheet", "send_back_out"], "04", "00"),
        (["prepare_sheet", "approve_out"], "11", "00"),
        (["prepare_sheet", "approve_out", "check_sheet"], "11", "10"),
        (["approve_out", "raise_query"], "11", "20"),
        (["approve_out", "raise_query", "prepare_correction"], "10", "20"),
        (["approve_out", "raise_query", "prepare_correction", "approve_correction"], "11", "00"),
        (["approve_out", "raise_query", "confirm_correct", "check_sheet", "approve_in"], "11", "11"),
        (["approve_out", "approve_in", "finish", "reopen"], "00", "00"),
        (["prepare_sheet", "request_withdrawal", "grant_withdrawal"], "13", "03"),
        (["return_soft"], "20", "00"),
        (["return_soft", "resubmit"], "00", "00"),
        (["auto_out", "auto_in"], "10", "10"),
    ],
)
def test_reviews(steps, out, into):
    assert reviews(steps) == {Side.OUT: Reviews(*out), Side.IN: Reviews(*into)}


def test_every_flag_is_one_of_the_table():
    flags = [flags for sides in REVIEWS.values() for flags in sides.values()]
    assert {f.chk_flag for f in flags} <= set("012")
    assert {f.rchk_flag for f in flags} <= set("01234")


def test_the_page_explains_every_code():
    page = (Path(__file__).parents[2] / "docs/national.md").read_text()
    missing = [
        (t.name, code) for t in TABLES for code in t.codes if f"`{t.name}`" not in page or f"`{code}`" not in page
    ]
    assert missing == []
    assert [answer.value for answer in Answer if f"`{answer.value}`" not in page] == []
