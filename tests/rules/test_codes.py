"""The closed lists: complete, in both languages, each with what to do."""

from __future__ import annotations

import string

import pytest

from transfers.rules import errors
from transfers.rules.codes import (
    ALL,
    ANSWER,
    CLARIFY,
    DIFFERENCE,
    END,
    LATE,
    LISTS,
    MONEY,
    PAYOUT,
    PRECHECK,
    RETURN,
    SEND_BACK,
    SUPPLEMENT,
    WITHDRAWAL_REFUSED,
)
from transfers.rules.errors import refusal

# Domain rules 5: soft and hard.
SOFT = "V-O-01 V-O-03 V-O-05 V-O-06 V-I-01 V-I-02 V-I-03 V-I-04 V-P-01 V-P-02 V-P-04"
HARD = "V-O-02 V-O-04 V-O-07 V-I-05 V-I-06 V-I-07 V-P-03"


def test_the_precheck_list_is_the_domain_s() -> None:
    # V-P-05, death, has no code in the domain's list, which only ends such a case after acceptance (R-03, W-04).
    assert PRECHECK.keys() == {*SOFT.split(), *HARD.split(), "V-P-05"}
    assert {code for code, reason in PRECHECK.items() if reason.hard} == {*HARD.split(), "V-P-05"}


def test_the_other_lists_are_the_domain_s() -> None:
    assert list(SUPPLEMENT) == ["Q-01", "Q-02", "Q-03", "Q-04", "Q-05", "Q-09"]
    assert list(MONEY) == [f"F-0{n}" for n in range(1, 9)]
    assert list(RETURN) == [f"R-0{n}" for n in range(1, 8)]
    assert [code for code, reason in RETURN.items() if reason.hard] == ["R-03", "R-04", "R-07"]
    assert list(CLARIFY) == [f"C-0{n}" for n in range(1, 9)]
    # The domain's own, and two that its list lacked a code for: retired, and a return that nobody repaired.
    assert list(END) == ["W-01", "W-02", "W-03", "W-04", "W-05", "W-06", "W-07", "W-08", "W-09"]


def test_every_reason_has_its_words_and_every_refusal_its_remedy_and_basis() -> None:
    for code, reason in ALL.items():
        assert reason.code == code
        assert reason.zh
        assert reason.en
    for reason in PRECHECK.values():
        assert reason.remedy_zh
        assert reason.remedy_en
        assert reason.basis
    lists = (PRECHECK, SUPPLEMENT, SEND_BACK, RETURN, CLARIFY, MONEY, PAYOUT, LATE, DIFFERENCE, ANSWER)
    lists += (WITHDRAWAL_REFUSED, END)
    assert sum(map(len, lists)) + 1 == len(ALL), "no code stands in two lists"
    assert all(reason is ALL[code] for reasons in LISTS.values() for code, reason in reasons.items())


@pytest.mark.parametrize("code", errors._SENTENCES)
def test_every_refusal_can_be_said_with_the_same_particulars_in_both_languages(code: str) -> None:
    status, zh, en = errors._SENTENCES[code]
    assert 400 <= status < 600
    names = {name for text in (zh, en) for _lit, name, _spec, _conv in string.Formatter().parse(text) if name}
    said = refusal(code, **dict.fromkeys(names, "某"))
    assert said.code == code
    assert "{" not in said.zh + said.en
    assert said.http_status == status
