"""The table of states against the domain's own, and what it makes of the clocks."""

from __future__ import annotations

from itertools import product

import pytest

from transfers.models import MOVES
from transfers.rules.money import MONEY_STATES, MoneyState
from transfers.rules.parties import Side
from transfers.rules.routes import STATES, ClockKind, State, clock_effects

# state: Chinese, public line, who must act, clocks (domain rules 4.1)
TABLE = {
    "ACCEPTED": ("已受理待转出", "转出地待办理", "out", {"OUT": "runs"}),
    "OUT_PROCESSING": ("转出办理中", "转出地办理中", "out", {"OUT": "runs"}),
    "OUT_SUPPLEMENT": ("待补正", "待您补充材料", "applicant", {"OUT": "paused", "SUPPLEMENT": "runs"}),
    "OUT_REVIEW": ("转出待复核", "转出地办理中", "out", {"OUT": "runs"}),
    "INFO_SENT": ("信息表已传送", "转入地待办理", "in", {"IN": "runs"}),
    "IN_PROCESSING": ("转入办理中", "转入地办理中", "in", {"IN": "runs"}),
    "IN_REVIEW": ("转入待复核", "转入地办理中", "in", {"IN": "runs"}),
    "RETURNED": ("转出地退回", "已退回，待处理", "applicant", {"RETURN": "runs"}),
    "IN_QUERY": ("核对存疑", "两地核对中", "out", {"IN": "paused", "CORRECTION": "runs"}),
    "WITHDRAW_REQUESTED": ("申请撤销", "撤销处理中", None, {"WITHDRAWAL": "runs"}),
    "WITHDRAWN": ("已撤销", "已撤销", "system", {}),
    "REOPENED": ("办结后更正", "更正中", "out", {"RECTIFY": "runs"}),
    "COMPLETED": ("已办结", "已办结", "system", {}),
    "TERMINATED": ("终止办理", "已终止", "system", {}),
    "NOT_ACCEPTED": ("不予受理", "未受理", "system", {}),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_state_is_what_the_domain_says(name: str) -> None:
    info = STATES[State(name)]
    zh, public, acts, clocks = TABLE[name]
    assert (info.zh, info.public.zh, info.acts and info.acts.value) == (zh, public, acts)
    assert {kind.value: does.value for kind, does in info.clocks.items()} == clocks
    assert info.terminal == (name in ("COMPLETED", "TERMINATED", "NOT_ACCEPTED", "WITHDRAWN"))


def test_every_state_and_move_speaks_both_languages() -> None:
    assert STATES.keys() == set(State)
    assert MONEY_STATES.keys() == set(MoneyState)
    for info in [*STATES.values(), *MONEY_STATES.values()]:
        assert info.zh
        assert info.en
        assert info.public.zh
        assert info.public.en
    for declared in MOVES.values():
        assert declared.move.zh
        assert declared.move.en


def test_terminal_states_lead_nowhere_but_to_a_reopening_and_every_other_somewhere() -> None:
    sources = {source for declared in MOVES.values() if declared.machine == "case" for source in declared.sources}
    reopened = {source for source, _target in MOVES["reopen"].ways}
    assert reopened == {"COMPLETED"}
    assert sources - reopened == {state.value for state, info in STATES.items() if not info.terminal}
    reached = {target for d in MOVES.values() if d.machine == "case" for _source, target in d.ways}
    assert reached | {"DRAFT"} == {state.value for state in State}


def test_reviewing_steps_forbid_the_handler() -> None:
    for name, declared in MOVES.items():
        if name.startswith(("approve", "send_back", "reject", "credit")) and declared.move.side is not Side.SYSTEM:
            assert declared.move.four_eyes, name
        if declared.move.tone == "warn":
            assert declared.move.reasons, name
            assert declared.move.note, name


def test_a_step_that_goes_back_asks_for_a_reason() -> None:
    for declared in MOVES.values():
        stages = STATES if declared.machine == "case" else MONEY_STATES
        kind = State if declared.machine == "case" else MoneyState
        for source, target in declared.ways:
            if stages[kind(target)].stage < stages[kind(source)].stage:
                assert declared.move.reasons, declared.name


def test_only_the_side_that_must_act_has_steps() -> None:
    """Where a side must act it has a step to take; where none is declared nobody is kept waiting for it."""
    for state, info in STATES.items():
        moves = [d.move for d in MOVES.values() if d.machine == "case" and state.value in d.sources]
        sides = {side for move in moves for side in (move.sides if move.either else (move.side,))}
        if not info.terminal and state is not State.RELATION_DONE:
            assert sides >= ({info.acts} if info.acts else {Side.OUT, Side.IN}), state


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        ("SUBMITTED", "ACCEPTED", [("OUT", "start")]),
        ("ACCEPTED", "OUT_PROCESSING", []),
        ("OUT_PROCESSING", "OUT_SUPPLEMENT", [("OUT", "pause"), ("SUPPLEMENT", "start")]),
        ("OUT_SUPPLEMENT", "OUT_PROCESSING", [("SUPPLEMENT", "stop"), ("OUT", "resume")]),
        ("OUT_SUPPLEMENT", "TERMINATED", [("OUT", "stop"), ("SUPPLEMENT", "stop")]),
        ("OUT_REVIEW", "INFO_SENT", [("OUT", "stop"), ("IN", "start")]),
        ("IN_REVIEW", "RELATION_DONE", [("IN", "stop"), ("FUND", "start")]),
        ("IN_REVIEW", "COMPLETED", [("IN", "stop")]),
        ("RELATION_DONE", "COMPLETED", [("FUND", "stop")]),
        ("OUT_PROCESSING", "RETURNED", [("OUT", "stop"), ("RETURN", "start")]),
        ("RETURNED", "ACCEPTED", [("RETURN", "stop"), ("OUT", "start")]),
        ("IN_PROCESSING", "IN_QUERY", [("IN", "pause"), ("CORRECTION", "start")]),
        ("QUERY_REVIEW", "IN_PROCESSING", [("CORRECTION", "stop"), ("IN", "resume")]),
        ("COMPLETED", "REOPENED", [("RECTIFY", "start")]),
        ("RECTIFY_REVIEW", "INFO_SENT", [("RECTIFY", "stop"), ("IN", "start")]),
    ],
)
def test_what_a_move_does_to_the_clocks(before: str, after: str, effects: list[tuple[str, str]]) -> None:
    got = [(kind.value, verb) for kind, verb in clock_effects(State(before), State(after))]
    assert got == effects


@pytest.mark.parametrize(
    ("held", "asked", "refused", "granted"),
    [
        (
            "OUT_PROCESSING",
            [("OUT", "pause"), ("WITHDRAWAL", "start")],
            [("WITHDRAWAL", "stop"), ("OUT", "resume")],
            [("OUT", "stop"), ("WITHDRAWAL", "stop")],
        ),
        (
            "OUT_SUPPLEMENT",
            [("SUPPLEMENT", "pause"), ("WITHDRAWAL", "start")],
            [("WITHDRAWAL", "stop"), ("SUPPLEMENT", "resume")],
            [("OUT", "stop"), ("SUPPLEMENT", "stop"), ("WITHDRAWAL", "stop")],
        ),
        (
            "IN_QUERY",
            [("CORRECTION", "pause"), ("WITHDRAWAL", "start")],
            [("WITHDRAWAL", "stop"), ("CORRECTION", "resume")],
            [("IN", "stop"), ("CORRECTION", "stop"), ("WITHDRAWAL", "stop")],
        ),
    ],
)
def test_a_withdrawal_holds_whatever_ran(held: str, asked: object, refused: object, granted: object) -> None:
    def effects(before: str, after: str) -> list[tuple[str, str]]:
        return [(kind.value, verb) for kind, verb in clock_effects(State(before), State(after), State(held))]

    assert effects(held, "WITHDRAW_REQUESTED") == asked
    assert effects("WITHDRAW_REQUESTED", held) == refused
    assert effects("WITHDRAW_REQUESTED", "WITHDRAWN") == granted


def test_stops_come_before_starts_for_every_pair() -> None:
    for before, after in product(State, State):
        try:
            verbs = [verb for _kind, verb in clock_effects(before, after, State.ACCEPTED)]
        except ValueError:
            assert {ClockKind.OUT, ClockKind.IN} & STATES[after].clocks.keys() or STATES[after].holds
            continue
        assert verbs == sorted(verbs, key=lambda verb: verb != "stop")


def test_the_system_s_steps_name_no_role() -> None:
    for declared in MOVES.values():
        assert bool(declared.move.roles) != (declared.move.side is Side.SYSTEM), declared.name
