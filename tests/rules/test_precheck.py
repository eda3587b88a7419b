"""Each rule fails by itself on the smallest change to a question that passes; all that fail are told together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.codes import PRECHECK
from transfers.rules.facts import AccountFact, Application, AreaFacts, EnrolmentFact
from transfers.rules.parties import Side
from transfers.rules.policy import Policy
from transfers.rules.precheck import Question, precheck

OUT = AreaFacts("450100", (EnrolmentFact("310", "2", "测试甲"),), account=AccountFact(100, "normal"))
IN = AreaFacts("330100", (EnrolmentFact("310", "1", "测试甲"),))
PASSES = Question(
    application=Application("测试甲", True, "450100", "330100", "310", "310"),
    outbound=OUT,
    inbound=IN,
    outbound_policy=Policy(),
    inbound_policy=Policy(),
)


def out(**fields: Any) -> Question:
    return replace(PASSES, outbound=replace(OUT, **fields))


def into(**fields: Any) -> Question:
    return replace(PASSES, inbound=replace(IN, **fields))


def enrolled(status: str = "2", *, scheme: str = "310", name: str = "测试甲", retired: bool = False) -> EnrolmentFact:
    return EnrolmentFact(scheme, status, name, retired=retired)


def asked(**fields: Any) -> Question:
    return replace(PASSES, application=replace(PASSES.application, **fields))


def codes(question: Question) -> list[str]:
    return [failure.code for failure in precheck(question)]


def test_a_question_with_nothing_wrong_passes() -> None:
    assert precheck(PASSES) == []


ALONE = {
    "V-O-01": out(enrolments=(enrolled("1"),)),
    "V-O-02": out(enrolments=()),
    "V-O-03": out(arrears=True),
    "V-O-04": out(enrolments=(enrolled(retired=True),)),
    "V-O-05": out(account=AccountFact(100, "frozen")),
    "V-O-06": out(open_claims=True),
    "V-O-07": out(enrolments=(enrolled("4"),), account=AccountFact(0, "zeroed")),
    "V-I-01": into(enrolments=()),
    "V-I-02": into(enrolments=(enrolled("2"),)),
    "V-I-03": into(enrolments=(enrolled("1", scheme="390"),)),
    "V-I-04": into(enrolments=(enrolled("1"), enrolled("1", scheme="390"))),
    "V-I-06": asked(inbound_area="450100"),
    "V-I-07": into(enrolments=(enrolled("1", retired=True),)),
    "V-P-01": asked(name="测试乙"),
    "V-P-02": asked(identity_valid=False),
    "V-P-03": replace(PASSES, open_case="JX2648319052719"),
    "V-P-04": out(numbers=2),
}


@pytest.mark.parametrize("code", ALONE)
def test_each_rule_fails_alone(code: str) -> None:
    (failure,) = precheck(ALONE[code])
    assert failure.code == code
    assert failure.blocking
    side = {"O": Side.OUT, "I": Side.IN, "P": Side.APPLICANT}[code[2]]
    assert failure.side is side
    assert failure.reason is PRECHECK[code]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (out(enrolments=(enrolled("3"),)), ["V-O-02"]),
        (out(enrolments=(enrolled("0"),)), ["V-O-02"]),
        (out(enrolments=(enrolled(scheme="390"),)), ["V-O-02"]),
        (out(enrolments=(enrolled("4"),)), []),
        (out(enrolments=(enrolled("4"), enrolled("1"))), ["V-O-01"]),
        (out(enrolments=(enrolled("4"), enrolled("2"))), []),
        (out(account=AccountFact(100, "abnormal")), ["V-O-05"]),
        (out(account=None), []),
        (into(enrolments=(enrolled("4"),)), ["V-I-01"]),
        (into(enrolments=(enrolled("3"),)), ["V-I-01"]),
        (into(enrolments=(enrolled("2"), enrolled("1"))), []),
        (into(enrolments=(enrolled("2", retired=True), enrolled("1"))), []),
        (into(enrolments=(enrolled("1", name="测试丙"),)), ["V-P-01"]),
        (into(numbers=3), ["V-P-04"]),
    ],
)
def test_the_edges(question: Question, expected: list[str]) -> None:
    assert codes(question) == expected


def test_the_resident_scheme_asks_no_account() -> None:
    question = replace(
        PASSES,
        application=replace(PASSES.application, outbound_scheme="390", inbound_scheme="390"),
        outbound=replace(OUT, enrolments=(enrolled(scheme="390"),), account=AccountFact(0, "frozen")),
        inbound=replace(IN, enrolments=(enrolled("1", scheme="390"),)),
    )
    assert codes(question) == []


def test_which_states_count_as_suspended_is_the_area_s_own() -> None:
    """Hebei: only 2 (suspended). Elsewhere also 4 (ended)."""
    ended = out(enrolments=(enrolled("4"),))
    assert codes(ended) == []
    assert codes(replace(ended, outbound_policy=Policy(suspended_status=("2",)))) == ["V-O-01"]
    assert codes(replace(ended, inbound_policy=Policy(suspended_status=("2",)))) == [], "the outbound area's, not ours"


@pytest.mark.parametrize(("code", "switch"), [("V-O-03", "arrears_rule"), ("V-O-06", "open_claims_rule")])
def test_some_rules_block_or_warn_as_the_outbound_policy_says(code: str, switch: str) -> None:
    question = replace(ALONE[code], outbound_policy=Policy(**{switch: "warn"}))
    (failure,) = precheck(question)
    assert (failure.code, failure.blocking) == (code, False)
    (failure,) = precheck(replace(ALONE[code], inbound_policy=Policy(**{switch: "warn"})))
    assert failure.blocking


def test_everything_that_fails_is_told_in_the_order_of_the_list() -> None:
    question = replace(
        PASSES,
        application=replace(PASSES.application, name="测试乙", identity_valid=False),
        outbound=replace(OUT, enrolments=(enrolled("1", retired=True),), arrears=True, open_claims=True, numbers=2),
        inbound=replace(IN, enrolments=()),
        open_case="JX2648319052719",
    )
    expected = ["V-O-01", "V-O-03", "V-O-04", "V-O-06", "V-I-01", "V-P-01", "V-P-02", "V-P-03", "V-P-04"]
    assert codes(question) == expected


@given(st.sets(st.sampled_from(["V-O-03", "V-O-06", "V-I-01", "V-P-02", "V-P-03"])))
def test_no_failure_hides_another(failing: set[str]) -> None:
    question = replace(
        PASSES,
        application=replace(PASSES.application, identity_valid="V-P-02" not in failing),
        outbound=replace(OUT, arrears="V-O-03" in failing, open_claims="V-O-06" in failing),
        inbound=replace(IN, enrolments=() if "V-I-01" in failing else IN.enrolments),
        open_case="JX2648319052719" if "V-P-03" in failing else "",
    )
    assert set(codes(question)) == failing
