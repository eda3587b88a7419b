"""Case numbers: one for one, telling nothing, and catching slips of the pen."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from transfers.rules.casenumber import SEQUENCES, CaseNumberError, number, parse

KEY = b"k" * 32
OTHER = b"o" * 32
sequences = st.integers(0, SEQUENCES - 1)


@given(sequence=sequences, year=st.integers(2000, 2099))
def test_a_number_is_read_back_as_itself(sequence: int, year: int) -> None:
    text = number(sequence, year, KEY)
    assert len(text) == 15
    assert text[:4] == f"JX{year % 100:02d}"
    assert parse(text) == text


@given(a=sequences, b=sequences)
def test_different_cases_get_different_numbers(a: int, b: int) -> None:
    assume(a != b)
    assert number(a, 2026, KEY)[:-1] != number(b, 2026, KEY)[:-1]


def test_a_run_of_cases_has_no_two_equal_numbers_and_shows_no_order() -> None:
    run = [number(sequence, 2026, KEY) for sequence in range(20_000)]
    assert len(set(run)) == len(run)
    rising = sum(a < b for a, b in pairwise(run))
    assert 0.45 < rising / len(run) < 0.55
    # Another key gives another order: a number alone says nothing.
    assert sum(number(s, 2026, OTHER) == run[s] for s in range(1000)) == 0


@given(sequence=sequences, place=st.integers(2, 14), digit=st.integers(0, 9))
def test_every_single_wrong_digit_is_noticed(sequence: int, place: int, digit: int) -> None:
    text = number(sequence, 2026, KEY)
    assume(text[place] != str(digit))
    with pytest.raises(CaseNumberError):
        parse(text[:place] + str(digit) + text[place + 1 :])
    assert parse(text) == text


@given(sequence=sequences, place=st.integers(2, 13))
def test_every_swap_of_neighbours_is_noticed(sequence: int, place: int) -> None:
    text = number(sequence, 2026, KEY)
    assume(text[place] != text[place + 1])
    with pytest.raises(CaseNumberError):
        parse(text[:place] + text[place + 1] + text[place] + text[place + 2 :])
    assert parse(text) == text


@pytest.mark.parametrize(
    "dressed",
    ["{n}", " {n} ", "{lower}", "{a} {b} {c}", "{a}-{b}-{c}", "{a}—{b}—{c}", "{wide}", "\u3000{n}\u3000"],
)
def test_the_dress_does_not_matter(dressed: str) -> None:
    text = number(77, 2026, KEY)
    wide = "".join(chr(ord(c) + 0xFEE0) for c in text)
    typed = dressed.format(n=text, lower=text.lower(), a=text[:4], b=text[4:9], c=text[9:], wide=wide)
    assert parse(typed) == text


@pytest.mark.parametrize("typed", ["", "JX", "JX123", "AB2648319052719", "JX26483190527١9", "JX" + "9" * 5000, "\x00"])
def test_what_is_no_case_number_is_refused_with_a_sentence(typed: str) -> None:
    assert parse("JX2648319052719")
    with pytest.raises(CaseNumberError) as caught:
        parse(typed)
    assert caught.value.code == "J-CASE-NUMBER"
    assert "JX" in caught.value.zh


@pytest.mark.parametrize(
    ("sequence", "year", "key"),
    [
        (-1, 2026, KEY),
        (SEQUENCES, 2026, KEY),
        (0, 1999, KEY),
        (0, 2100, KEY),
        (0, 2026, b"short"),
        (0, 2026, b"k" * 65),
    ],
)
def test_what_would_not_be_unique_is_refused(sequence: int, year: int, key: bytes) -> None:
    assert number(0, 2026, KEY)
    with pytest.raises(ValueError, match=r"sequence|year|key"):
        number(sequence, year, key)
