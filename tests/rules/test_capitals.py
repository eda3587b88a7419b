"""Amounts in capitals: the examples of the rules for filling in bills, and a reader that turns them back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.capitals import LARGEST_FEN, capitals


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (15, "壹角伍分"),
        (100, "壹元整"),
        (105, "壹元零伍分"),
        (1_000, "壹拾元整"),
        # The four examples of 《正确填写票据和结算凭证的基本规定》.
        (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (32_504, "叁佰贰拾伍元零肆分"),
        # Zeros inside and between the groups of four.
        (10_000_00, "壹万元整"),
        (10_001_00, "壹万零壹元整"),
        (10_100_00, "壹万零壹佰元整"),
        (100_500_00, "壹拾万零伍佰元整"),
        (1_000_010_00, "壹佰万零壹拾元整"),
        (100_000_000_00, "壹亿元整"),
        (100_000_001_00, "壹亿零壹元整"),
        (100_010_000_00, "壹亿零壹万元整"),
        (1_234_567_890_12, "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分"),
        (1_000_000_000_000_00, "壹万亿元整"),
        (1_000_100_000_000_00, "壹万零壹亿元整"),
    ],
)
def test_the_amount_in_capitals(fen: int, words: str) -> None:
    assert capitals(fen) == words


@pytest.mark.parametrize("fen", [-1, LARGEST_FEN + 1])
def test_what_cannot_be_written_is_refused(fen: int) -> None:
    with pytest.raises(ValueError, match="capitals"):
        capitals(fen)


def _read(words: str) -> int:
    """What a person reads: the inverse, written from the meaning of the characters."""
    found = re.fullmatch(r"(?:(.+)元)?零?(?:(.)角)?(?:(.)分)?整?", words)
    assert found is not None
    digits = "零壹贰叁肆伍陆柒捌玖"
    total = part = digit = 0
    for character in found[1] or "":
        if character in digits:
            digit = digits.index(character)
        elif character in "拾佰仟":
            part, digit = part + digit * 10 ** ("拾佰仟".index(character) + 1), 0
        elif character == "万":
            total, part, digit = total + (part + digit) * 10**4, 0, 0
        else:
            total, part, digit = (total + part + digit) * 10**8, 0, 0
    yuan = total + part + digit
    return yuan * 100 + digits.index(found[2] or "零") * 10 + digits.index(found[3] or "零")


@given(st.integers(0, 10**14 - 1))
def test_what_is_written_reads_back_as_the_same_amount(fen: int) -> None:
    words = capitals(fen)
    assert _read(words) == fen
    assert "零零" not in words
    assert words.endswith("整") == (fen % 10 == 0)
