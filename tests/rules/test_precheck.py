"""Each rule fails by itself on the smallest change to a question that passes; all that fail are told together."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.codes import ALL, PRECHECK
from transfers.rules.facts import AccountFact, Application, AreaFacts, EnrolmentFact
from transfers.rules.months import Period, month_from_text
from transfers.rules.parties import Side
from transfers.rules.policy import Policy
from transfers.rules.precheck import RULES, Outcome, Question, outcome, precheck

TODAY = date(2026, 6, 1)
OUT = AreaFacts("450100", (EnrolmentFact("310", "2", "测试甲"),), account=AccountFact(100, "normal"))
IN = AreaFacts("330100", (EnrolmentFact("310", "1", "测试甲"),))
PASSES = Question(
    application=Application("测试甲", True, "450100", "330100", "310", "310", TODAY),
    outbound=OUT,
    inbound=IN,
    outbound_policy=Policy(),
    inbound_policy=Policy(),
    outbound_sources=("100000 v1 甲号", "450100 v2 乙号"),
    inbound_sources=("100000 v1 甲号", "330100 v3 丙号"),
)


def out(**fields: Any) -> Question:
    return replace(PASSES, outbound=replace(OUT, **fields))


def into(**fields: Any) -> Question:
    return replace(PASSES, inbound=replace(IN, **fields))


def enrolled(status: str = "2", *, scheme: str = "310", name: str = "测试甲", **more: Any) -> EnrolmentFact:
    return EnrolmentFact(scheme, status, name, **more)


def asked(**fields: Any) -> Question:
    return replace(PASSES, application=replace(PASSES.application, **fields))


def direction(
    there: str, here: str, out_status: str = "2", in_status: str = "1", *, today: date = TODAY, **policy: Any
) -> Question:
    """A move between these schemes, with the outbound area's switches; nothing but the states is known."""
    return replace(
        PASSES,
        application=replace(PASSES.application, outbound_scheme=there, inbound_scheme=here, today=today),
        outbound=replace(OUT, enrolments=(enrolled(out_status, scheme=there),), account=None),
        inbound=replace(IN, enrolments=(enrolled(in_status, scheme=here),)),
        outbound_policy=Policy(**policy),
    )


def codes(question: Question) -> list[str]:
    return [failure.code for failure in precheck(question)]


def test_a_question_with_nothing_wrong_passes() -> None:
    assert precheck(PASSES) == []
    assert outcome(precheck(PASSES)) is Outcome.ACCEPTED


HEBEI = Policy(suspended_status=("2",))
PAID_2026 = (Period(month_from_text("2026-01"), month_from_text("2026-12"), scheme="390"),)
ALONE = {
    "V-O-01": replace(out(enrolments=(enrolled("4"),)), outbound_policy=HEBEI),
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
    "V-I-05": replace(
        direction("390", "390"), outbound=replace(OUT, enrolments=(enrolled(scheme="390"),), periods=PAID_2026)
    ),
    "V-I-06": asked(inbound_area="450100"),
    "V-I-07": into(enrolments=(enrolled("1", retired=True),)),
    "V-P-01": asked(name="测试乙"),
    "V-P-02": asked(identity_valid=False),
    "V-P-03": replace(PASSES, open_case="JX2648319052719"),
    "V-P-04": out(numbers=2),
    "V-P-05": out(survival="2"),
}


@pytest.mark.parametrize("code", PRECHECK)
def test_each_rule_fails_alone(code: str) -> None:
    (failure,) = precheck(ALONE[code])
    assert failure.code == code
    assert failure.blocking
    side = {"O": Side.OUT, "I": Side.IN, "P": Side.APPLICANT}[code[2]]
    assert failure.side is side
    assert failure.reason is PRECHECK[code]
    assert outcome([failure]) is Outcome.REFUSED


# domain §5: S soft (repairable), H hard (another way altogether).
HARD = {"V-O-02", "V-O-04", "V-O-07", "V-I-05", "V-I-06", "V-I-07", "V-P-03", "V-P-05"}


@pytest.mark.parametrize("code", PRECHECK)
def test_each_failure_explains_itself(code: str) -> None:
    """Because of what, by which article or text, under which edition of which policy; and what to do."""
    (failure,) = precheck(ALONE[code])
    assert failure.hard is (code in HARD)
    assert failure.basis
    assert failure.remedy.zh
    assert failure.remedy.en
    editions = {
        Side.OUT: ("100000 v1 甲号", "450100 v2 乙号"),
        Side.IN: ("100000 v1 甲号", "330100 v3 丙号"),
        Side.APPLICANT: ("100000 v1 甲号", "450100 v2 乙号", "330100 v3 丙号"),
    }[failure.side]
    assert failure.sources == editions
    for text in (failure.reason.zh, failure.basis, *editions):
        assert text in failure.because.zh
    assert failure.reason.en in failure.because.en
    switch = {"V-O-01": "suspended_status", "V-O-03": "arrears_rule", "V-O-06": "open_claims_rule"}.get(code, "")
    assert failure.switch == switch
    assert failure.value == {"V-O-01": "2", "V-O-03": "block", "V-O-06": "block"}.get(code, "")


def test_every_code_of_the_list_has_a_rule_and_the_other_way_round() -> None:
    assert RULES.keys() == PRECHECK.keys()
    assert all(rule.check.__doc__ for rule in RULES.values())


# --- Art. 5: direction × state × which states count as suspended --------------------------------------------
STATES = ("0", "1", "2", "3", "4")
SUSPENDED = (("2",), ("2", "4"))


def by_article_5(there: str, here: str, out_status: str, in_status: str, suspended: tuple[str, ...]) -> set[str]:
    """What Art. 5 and 6 say of these states, written from the articles."""
    said = set()
    if out_status in ("0", "3"):
        said.add("V-O-02")  # no record, or a void one
    elif (there, here) != ("390", "390") and out_status not in suspended:
        said.add("V-O-01")  # 转出地已中止参保, asked wherever the employee scheme takes part
    if in_status in ("0", "3", "4"):
        said.add("V-I-01")
    elif in_status == "2":
        said.add("V-I-02")
    if (out_status, in_status) == ("1", "1"):
        said.add("V-I-04")  # active in both
        if (there, here) == ("390", "390"):
            said.add("V-I-05")  # and both for this year
    return said


@pytest.mark.parametrize(("there", "here"), list(product(("310", "390"), repeat=2)))
@pytest.mark.parametrize("suspended", SUSPENDED)
def test_every_direction_and_state(there: str, here: str, suspended: tuple[str, ...]) -> None:
    for out_status, in_status in product(STATES, repeat=2):
        question = direction(there, here, out_status, in_status, suspended_status=suspended)
        expected = by_article_5(there, here, out_status, in_status, suspended)
        assert set(codes(question)) == expected, (out_status, in_status)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (out(enrolments=(enrolled("3"),)), ["V-O-02"]),
        (out(enrolments=(enrolled("0"),)), ["V-O-02"]),
        (out(enrolments=(enrolled(scheme="390"),)), ["V-O-02"]),
        (out(enrolments=(enrolled("4"),)), []),
        (out(enrolments=(enrolled("4"), enrolled("1"))), ["V-O-01", "V-I-04"]),
        (out(enrolments=(enrolled("4"), enrolled("2"))), []),
        (out(account=AccountFact(100, "abnormal")), ["V-O-05"]),
        (out(account=None), []),
        # Taken away by an earlier transfer: told once, whatever the area calls suspended.
        (replace(out(enrolments=(enrolled("4", transferred=True),)), outbound_policy=HEBEI), ["V-O-07"]),
        # Enrolled there again since: the new enrolment counts.
        (out(enrolments=(enrolled("4", transferred=True), enrolled("2"))), []),
        (into(enrolments=(enrolled("4"),)), ["V-I-01"]),
        (into(enrolments=(enrolled("3"),)), ["V-I-01"]),
        (into(enrolments=(enrolled("2"), enrolled("1"))), []),
        (into(enrolments=(enrolled("2", retired=True), enrolled("1"))), []),
        (into(enrolments=(enrolled("1", name="测试丙"),)), ["V-P-01"]),
        (into(numbers=3), ["V-P-04"]),
        # A supplement (大额补助) beside the basic scheme is no second enrolment, and alone no enrolment.
        (into(enrolments=(enrolled("1"), enrolled("1", scheme="330"))), []),
        (into(enrolments=(enrolled("1", scheme="330"),)), ["V-I-01"]),
        (into(survival="2"), ["V-P-05"]),
        # No text stops the transfer of somebody imprisoned, missing or of unknown survival.
        (out(survival="3"), []),
        (out(survival="4"), []),
        (into(survival="9"), []),
    ],
)
def test_the_edges(question: Question, expected: list[str]) -> None:
    assert codes(question) == expected


def test_the_resident_scheme_asks_no_account() -> None:
    question = direction("390", "390")
    assert codes(replace(question, outbound=replace(question.outbound, account=AccountFact(0, "frozen")))) == []
    emptied = direction("390", "310", "4")
    assert codes(replace(emptied, outbound=replace(emptied.outbound, account=AccountFact(0, "zeroed")))) == []


@pytest.mark.parametrize(("there", "here"), list(product(("310", "390"), repeat=2)))
def test_only_the_employee_scheme_has_retirees(there: str, here: str) -> None:
    """Art. 2: 职工医保参保人员（不含退休人员）; a resident is never one."""
    question = direction(there, here)
    leaving = replace(question, outbound=replace(OUT, enrolments=(enrolled(scheme=there, retired=True),)))
    assert codes(leaving) == (["V-O-04"] if there == "310" else [])
    arriving = replace(question, inbound=replace(IN, enrolments=(enrolled("1", scheme=here, retired=True),)))
    assert codes(arriving) == (["V-I-07"] if here == "310" else [])


# --- Art. 5: residents and the year -----------------------------------------------------------------------
def residents(
    covered: str | None, begins: date | None, today: date, *, out_status: str = "2", ends: date | None = None
) -> Question:
    """Resident to resident: paid outbound for the year `covered`, enrolled inbound from `begins`."""
    paid = ()
    if covered:
        paid = (Period(month_from_text(f"{covered}-01"), month_from_text(f"{covered}-12"), scheme="390"),)
    question = direction("390", "390", out_status, today=today)
    return replace(
        question,
        outbound=replace(
            question.outbound, enrolments=(enrolled(out_status, scheme="390", valid_to=ends),), periods=paid
        ),
        inbound=replace(IN, enrolments=(enrolled("1", scheme="390", valid_from=begins),)),
    )


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        # Moved inside the year: not this year.
        (residents("2026", date(2026, 7, 1), date(2026, 9, 1)), ["V-I-05"]),
        (residents("2026", None, date(2026, 9, 1)), ["V-I-05"]),
        # Enrolled in autumn for the next year: may apply at once, though still covered here till the end of this one.
        (residents("2026", date(2027, 1, 1), date(2026, 11, 20)), []),
        (residents("2026", date(2027, 1, 1), date(2026, 11, 20), out_status="1"), []),
        # In the next year the enrolment of the year before goes on.
        (residents("2026", date(2026, 7, 1), date(2027, 2, 1)), []),
        (residents("2026", date(2027, 1, 1), date(2027, 2, 1)), []),
        # After a break.
        (residents("2023", date(2026, 3, 1), date(2026, 3, 1)), []),
        # Still enrolled there in the year in which it is here, too: two enrolments, and the same year.
        (residents("2026", date(2027, 1, 1), date(2027, 2, 1), out_status="1"), ["V-I-04", "V-I-05"]),
        # Only the end of the enrolment is known.
        (residents(None, date(2026, 7, 1), date(2026, 9, 1), ends=date(2026, 6, 30)), ["V-I-05"]),
        (residents(None, date(2026, 7, 1), date(2026, 9, 1), ends=date(2025, 12, 31)), []),
        # Nothing is known of the year: nothing stands against it.
        (residents(None, date(2026, 7, 1), date(2026, 9, 1)), []),
    ],
)
def test_residents_move_with_the_year(question: Question, expected: list[str]) -> None:
    assert codes(question) == expected


@pytest.mark.parametrize(("there", "here"), [("310", "310"), ("310", "390"), ("390", "310")])
def test_the_year_binds_nobody_else(there: str, here: str) -> None:
    question = direction(there, here)
    assert codes(replace(question, outbound=replace(question.outbound, periods=PAID_2026))) == []


# --- Art. 6: duplicates ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("there", "here", "keep"),
    [("310", "310", "工作地"), ("390", "390", "常住地"), ("310", "390", "满一年"), ("390", "310", "满一年")],
)
def test_active_in_both_areas_says_which_one_to_keep(there: str, here: str, keep: str) -> None:
    failure = next(f for f in precheck(direction(there, here, "1")) if f.code == "V-I-04")
    assert keep in failure.remedy.zh
    assert not failure.hard


def test_another_enrolment_left_behind_is_a_duplicate_too() -> None:
    """The employee one there is suspended, a resident one there is not."""
    question = out(enrolments=(enrolled("2"), enrolled("1", scheme="390")))
    assert codes(question) == ["V-I-04"]
    assert codes(out(enrolments=(enrolled("2"), enrolled("2", scheme="390")))) == []


def test_what_begins_later_is_no_duplicate_yet() -> None:
    tomorrow = replace(IN, enrolments=(enrolled("1"), enrolled("1", scheme="390", valid_from=date(2026, 6, 2))))
    assert codes(replace(PASSES, inbound=tomorrow)) == []
    assert codes(replace(asked(today=date(2026, 6, 2)), inbound=tomorrow)) == ["V-I-04"]


def test_one_area_is_not_two() -> None:
    question = asked(inbound_area="450100")
    same = replace(question, outbound=replace(OUT, enrolments=(enrolled("1"),)), inbound=replace(IN, area="450100"))
    assert codes(same) == ["V-O-01", "V-I-06"]


# --- §8: what the outbound area's policy decides -----------------------------------------------------------
def test_which_states_count_as_suspended_is_the_area_s_own() -> None:
    """Hebei: only 2 (suspended). Elsewhere also 4 (ended)."""
    ended = out(enrolments=(enrolled("4"),))
    assert codes(ended) == []
    assert codes(replace(ended, outbound_policy=HEBEI)) == ["V-O-01"]
    assert codes(replace(ended, inbound_policy=HEBEI)) == [], "the outbound area's, not ours"


@pytest.mark.parametrize(("code", "switch"), [("V-O-03", "arrears_rule"), ("V-O-06", "open_claims_rule")])
@pytest.mark.parametrize(("there", "here"), list(product(("310", "390"), repeat=2)))
def test_some_rules_block_or_warn_as_the_outbound_policy_says(code: str, switch: str, there: str, here: str) -> None:
    question = direction(there, here)
    fact = {"V-O-03": {"arrears": True}, "V-O-06": {"open_claims": True}}[code]
    failing = replace(question, outbound=replace(question.outbound, **fact))
    (failure,) = precheck(replace(failing, outbound_policy=Policy(**{switch: "warn"})))
    assert (failure.code, failure.blocking, failure.value) == (code, False, "warn")
    assert outcome([failure]) is Outcome.ACCEPTED
    (failure,) = precheck(replace(failing, inbound_policy=Policy(**{switch: "warn"})))
    assert failure.blocking, "the outbound area's, not ours"
    inbound = replace(question, inbound=replace(question.inbound, **fact))
    assert codes(inbound) == [], "arrears and costs over there are not asked of the inbound area"


# --- Art. 8: a registry that is away -----------------------------------------------------------------------
AWAY = AreaFacts("450100", answered=False)


def test_a_registry_that_is_away_is_no_refusal_and_hides_nothing_of_the_other_side() -> None:
    failures = precheck(replace(into(enrolments=()), outbound=AWAY))
    assert [(f.code, f.side, f.blocking) for f in failures] == [
        ("V-I-01", Side.IN, True),
        ("V-S-01", Side.OUT, False),
    ]
    assert outcome(failures) is Outcome.DEFERRED
    assert failures[-1].reason is ALL["V-S-01"]
    both = precheck(replace(PASSES, outbound=AWAY, inbound=replace(AWAY, area="330100")))
    assert [(f.code, f.side) for f in both] == [("V-S-01", Side.OUT), ("V-S-01", Side.IN)]
    assert outcome(both) is Outcome.DEFERRED


def test_what_needs_both_areas_waits_for_both() -> None:
    question = residents("2026", date(2026, 7, 1), date(2026, 9, 1))
    assert codes(question) == ["V-I-05"]
    assert codes(replace(question, outbound=AWAY)) == ["V-S-01"]


# --- all together -----------------------------------------------------------------------------------------
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


@given(st.sets(st.sampled_from(["V-O-03", "V-O-06", "V-I-01", "V-P-02", "V-P-03", "V-P-05"])))
def test_no_failure_hides_another(failing: set[str]) -> None:
    question = replace(
        PASSES,
        application=replace(PASSES.application, identity_valid="V-P-02" not in failing),
        outbound=replace(
            OUT,
            arrears="V-O-03" in failing,
            open_claims="V-O-06" in failing,
            survival="2" if "V-P-05" in failing else "1",
        ),
        inbound=replace(IN, enrolments=() if "V-I-01" in failing else IN.enrolments),
        open_case="JX2648319052719" if "V-P-03" in failing else "",
    )
    assert set(codes(question)) == failing
