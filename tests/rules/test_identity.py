"""Identity numbers, names, phones and employer codes: the good ones pass, each bad one is told why."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.identity import (
    Document,
    FieldError,
    IdentityError,
    Sex,
    check,
    check_character,
    clean_name,
    clean_phone,
    clean_uscc,
    normalise,
    require,
    valid_uscc,
)

TODAY = date(2026, 6, 1)
# The specimen of GB 11643-1999 itself, Annex A.
SPECIMEN = "11010519491231002X"


def made(seventeen: str) -> str:
    return seventeen + check_character(seventeen)


def by_weights(seventeen: str) -> str:
    """The check character by the weights printed in GB 11643, independently of the library."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(c) * w for c, w in zip(seventeen, weights, strict=True)) % 11]


@given(st.text("0123456789", min_size=17, max_size=17))
def test_the_check_character_is_that_of_the_standard(seventeen: str) -> None:
    assert check_character(seventeen) == by_weights(seventeen)


def test_the_specimen_of_the_standard_passes_with_birth_date_and_sex() -> None:
    found = check("01", SPECIMEN, today=TODAY)
    assert found.ok
    assert found.birth_date == date(1949, 12, 31)
    assert found.sex is Sex.FEMALE
    assert check("01", made("11010519491231001"), today=TODAY).sex is Sex.MALE


@pytest.mark.parametrize("typed", [f" {SPECIMEN} ", SPECIMEN.lower(), "11010519491231002X", "11010519491231002ｘ"])
def test_width_case_and_spaces_do_not_matter(typed: str) -> None:
    assert normalise(typed) == SPECIMEN
    assert check("01", typed, today=TODAY).ok


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("110105194912310021", "校验位"),
        ("110105194912310", "15 位"),
        ("1101051949123100", "18 位"),
        ("11010519491231002XX", "18 位"),
        ("11010519491231O02X", "18 位"),
        ("", "18 位"),
        (made("11010519490230002"), "不存在"),
        (made("11010520261301002"), "不存在"),
        (made("11010520270101002"), "不可能"),
        (made("11010518000101002"), "不可能"),
        (made("99010519491231002"), "省份"),
        ("1101051949123100²X", "18 位"),
        ("11010519491231٠02X", "18 位"),
    ],
)
def test_a_wrong_identity_number_is_v_p_02_with_the_reason(number: str, said: str) -> None:
    assert check("01", SPECIMEN, today=TODAY).ok
    found = check("01", number, today=TODAY)
    assert [problem.code for problem in found.problems] == ["V-P-02"]
    assert said in found.problems[0].zh
    assert found.problems[0].en
    assert found.birth_date is None


def test_all_that_is_wrong_is_said_together() -> None:
    seventeen = "11010519490230002"
    wrong = seventeen + ("1" if check_character(seventeen) != "1" else "2")
    assert len(check("01", wrong, today=TODAY).problems) == 2


def test_born_today_is_possible_and_tomorrow_is_not() -> None:
    assert check("01", made("11010520260601002"), today=TODAY).ok
    assert not check("01", made("11010520260602002"), today=TODAY).ok


def test_a_district_younger_than_its_bearer_is_no_fault() -> None:
    """The lists of districts change; a number is not refused for the place where it was first issued."""
    assert check("01", made("44030919500101123"), today=TODAY).ok


@pytest.mark.parametrize("prefix", ["810000", "820000", "830000"])
def test_residence_permits_of_hong_kong_macao_and_taiwan_residents(prefix: str) -> None:
    number = made(f"{prefix}19900101123")
    assert check("17", number, today=TODAY).ok
    assert check("17", number, today=TODAY).sex is Sex.MALE
    assert not check("17", number[:-1] + ("0" if number[-1] != "0" else "1"), today=TODAY).ok
    assert not check("17", SPECIMEN, today=TODAY).ok


def test_permanent_residence_cards_of_both_kinds() -> None:
    number = made("91115619900101123")
    found = check("07", number, today=TODAY)
    assert found.ok
    assert found.birth_date == date(1990, 1, 1)
    assert check("07", "CAN110180010101", today=TODAY).ok
    assert not check("07", number[:-1] + ("0" if number[-1] != "0" else "1"), today=TODAY).ok
    assert not check("07", SPECIMEN, today=TODAY).ok


@pytest.mark.parametrize(
    ("document", "good", "bad"),
    [
        ("02", "军字第1234567号", "<b>"),
        ("03", "武字第123456号", "1"),
        ("04", "H12345678", "12345678"),
        ("05", "M1234567801", "M123"),
        ("06", "12345678", "1234567"),
        ("08", "AB1234567", "A B"),
        ("16", "E12345678", "12345678"),
        ("90", "A12345678", "A1"),
        ("99", "AB-123", "'; --"),
    ],
)
def test_other_documents_by_length_and_characters(document: str, good: str, bad: str) -> None:
    assert check(document, good, today=TODAY).ok
    found = check(document, bad, today=TODAY)
    assert [problem.code for problem in found.problems] == ["V-P-02"]


def test_every_document_of_the_list_has_a_rule_and_a_name() -> None:
    for document in Document:
        assert document.named.zh
        assert document.named.en
        assert not check(document, "<script>", today=TODAY).ok
    assert not check("42", SPECIMEN, today=TODAY).ok


def test_stated_birth_date_and_sex_must_agree() -> None:
    assert check("01", SPECIMEN, today=TODAY, birth_date=date(1949, 12, 31), sex="2").ok
    found = check("01", SPECIMEN, today=TODAY, birth_date=date(1949, 12, 30), sex="1")
    assert [problem.code for problem in found.problems] == ["V-P-01", "V-P-01"]


def test_a_refusal_lists_the_reasons_and_never_the_number() -> None:
    assert require("01", SPECIMEN, today=TODAY).number == SPECIMEN
    wrong = "110105194912310021"
    with pytest.raises(IdentityError) as caught:
        require("01", wrong, today=TODAY)
    assert caught.value.code == "V-P-02"
    assert wrong not in f"{caught.value} {caught.value.zh} {caught.value.details}"


@given(st.text(max_size=40), st.sampled_from([d.value for d in Document]))
def test_any_text_at_all_gets_an_answer(text: str, document: str) -> None:
    found = check(document, text, today=TODAY)
    assert found.ok is (not found.problems)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 测试甲 ", "测试甲"),
        ("测试•阿依", "测试·阿依"),
        ("测试・阿依", "测试·阿依"),
        ("𠮷𪚥", "𠮷𪚥"),
        ("〇一", "〇一"),
        ("TEST  PERSON", "TEST PERSON"),
        ("Te\u0301st O'Person-B.", "Tést O'Person-B."),
        ("测" * 50, "测" * 50),
    ],
)
def test_names_are_kept_as_people_write_them(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "·",
        "测试1",
        "<b>测试</b>",
        "测试\x00",
        "测试\n甲",
        "测试\u202e甲",
        "测\u200b试",
        "😀",
        "测试&amp;",
        "\ue000甲",
        "测" * 51,
    ],
)
def test_names_with_anything_else_are_refused(typed: str) -> None:
    assert clean_name("测试甲")
    with pytest.raises(FieldError) as caught:
        clean_name(typed)
    assert caught.value.code == "J-NAME"
    assert caught.value.details == {"field": "name"}


@pytest.mark.parametrize(
    "typed", ["13800138000", " 138 0013 8000 ", "+86 138-0013-8000", "8613800138000", "１３８００１３８０００"]
)
def test_phones_in_any_dress(typed: str) -> None:
    assert clean_phone(typed) == "13800138000"


@pytest.mark.parametrize(
    "typed", ["", "12800138000", "1380013800", "138001380000", "010-12345678", "+1 4155550100", "13800١38000"]
)
def test_what_is_no_mainland_mobile_number_is_refused(typed: str) -> None:
    assert clean_phone("13800138000")
    with pytest.raises(FieldError) as caught:
        clean_phone(typed)
    assert caught.value.code == "J-PHONE"


def test_employer_codes() -> None:
    # The specimen of GB 32100-2015.
    good = "91110000600037341L"
    assert valid_uscc(good)
    assert clean_uscc(f" {good.lower()} ") == good
    for wrong in ("91110000600037341M", "", "9111000060003734", "I1110000600037341L"):
        assert not valid_uscc(wrong)
        with pytest.raises(FieldError) as caught:
            clean_uscc(wrong)
        assert caught.value.code == "J-USCC"
