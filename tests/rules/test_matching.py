"""Bank lines and the cases they may belong to: what is found in remarks, how it is scored, what is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules import casenumber
from transfers.rules.matching import (
    CERTAIN,
    Expected,
    Line,
    Office,
    Point,
    Stands,
    Waits,
    judge,
    names_in,
    one_slip,
    parts,
    plain,
    read,
    score,
)

KEY = b"0123456789abcdef"
NUMBERS = [casenumber.number(sequence, 2026, KEY) for sequence in range(40)]
NANNING = Office(
    "450100",
    frozenset({plain("南宁市医疗保障经办机构"), plain("南宁市医保基金支出户")}),
    ("南宁市", "南宁"),
    ("广西壮族自治区", "广西"),
)
GUILIN = Office("450300", frozenset({plain("桂林市医疗保障经办机构")}), ("桂林市", "桂林"), ("广西壮族自治区", "广西"))
SENT = date(2026, 6, 1)
HERE = ("杭州市", "杭州", "浙江省")


def case(
    serial: int = 1, *, fen: int = 345_678, name: str = "张三", office: Office = NANNING, **more: object
) -> Expected:
    return Expected(serial, NUMBERS[serial], name, office, fen, SENT, **more)  # type: ignore[arg-type]


def line(remark: str = "", *, fen: int = 345_678, payer: str = "南宁市医疗保障经办机构", key: int = 1) -> Line:
    return Line(key, payer, remark, fen, date(2026, 6, 3), HERE)


NUMBER = NUMBERS[1]
WIDE = NUMBER.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})


@pytest.mark.parametrize(
    "remark",
    [
        NUMBER,
        f"{NUMBER}-2",
        f"{NUMBER.lower()}",
        WIDE,
        f"医保转移{WIDE}张三",
        f"JX {NUMBER[2:6]} {NUMBER[6:10]} {NUMBER[10:]}",
        f"J X-{NUMBER[2:4]}-{NUMBER[4:]}",
        f"JX　{NUMBER[2:]}",
        f"摘要:{NUMBER}-1转移接续",
        f"20260603{NUMBER}",
    ],
)
def test_the_case_number_is_found_however_it_is_written(remark):
    assert read(remark).numbers == (NUMBER,)
    verdict = judge(line(remark, payer="某银行待清算户"), [case(), case(2)], threshold=CERTAIN)
    assert [one.expected.case for one in verdict.matched] == [1]
    assert verdict.matched[0].score == CERTAIN


@given(st.integers(2, 14), st.integers(1, 9))
def test_one_wrong_digit_is_never_a_case_number(at, more):
    wrong = NUMBER[:at] + str((int(NUMBER[at]) + more) % 10) + NUMBER[at + 1 :]
    assert read(wrong).numbers == ()
    scored = score(line(wrong), case())
    assert Point.NEARLY in scored.why
    assert scored.score < CERTAIN


@given(st.text(max_size=60))
def test_any_text_can_be_read(text):
    found = read(text)
    assert all(casenumber.parse(number) == number for number in found.numbers)
    assert 0 <= score(line(text), case()).score < CERTAIN or found.numbers


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("123", "123", True), ("123", "132", True), ("123", "13", True), ("13", "123", True), ("123", "143", True),
     ("123", "321", False), ("123", "1", False), ("", "1", True)],
)  # fmt: skip
def test_one_slip(one, other, same):
    assert one_slip(one, other) is same is one_slip(other, one)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("南宁市医疗保障（经办机构）", True),
        ("南宁市医保中心", True),
        ("南 宁 市 医 保 中 心", True),
        ("南宁市医保局", False),
        ("桂林市医保中心", False),
    ],
)
def test_payers_are_compared_in_one_form(name, same):
    assert (plain(name) in NANNING.payers) is same


# remark, payer, what counts beside the exact amount (25) and the day (10), score
POINTS = [
    ("", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA}, 90),
    ("张三医保个人账户余额转移", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.NAME}, 99),
    ("张*转移", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.MASKED}, 95),
    ("张某", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.MASKED}, 95),
    ("广西南宁转杭州", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA}, 90),
    ("李四医保转移", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.STRANGE}, 70),
    ("李*", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.STRANGE}, 70),
    ("张三丰", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.NAME, Point.STRANGE}, 80),
    ("王建设", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.STRANGE}, 70),
    ("", "南宁市医保局财务专户", {Point.ALIKE, Point.AREA}, 70),
    ("张三", "某银行待清算户", {Point.NAME}, 45),
    ("南宁", "财政局", {Point.AREA}, 50),
    ("", "桂林市医疗保障经办机构", set(), 35),
    ("JX1234567890124", "南宁市医疗保障经办机构", {Point.PAYER, Point.AREA, Point.STRANGE}, 70),
]


@pytest.mark.parametrize(("remark", "payer", "why", "points"), POINTS)
def test_the_points(remark, payer, why, points):
    scored = score(line(remark, payer=payer), case())
    assert set(scored.why) == {*why, Point.AMOUNT, Point.SOON}
    assert scored.score == points
    assert all(point.named.zh and point.named.en for point in scored.why)


@pytest.mark.parametrize(("remark", "payer", "why", "points"), POINTS)
def test_the_threshold_decides(remark, payer, why, points):
    strange = Point.STRANGE in why
    at, above = (judge(line(remark, payer=payer), [case()], threshold=limit) for limit in (points, points + 1))
    assert bool(at.matched) is not strange
    assert above.matched == ()
    assert above.reason is Waits.BELOW
    assert above.candidates[0].expected.case == 1


def reason(of: Line, *expected: Expected) -> tuple[Waits | None, list[int]]:
    verdict = judge(of, expected, threshold=90)
    assert (verdict.reason is None) is bool(verdict.matched)
    return verdict.reason, [one.expected.case for one in verdict.candidates]


def test_why_lines_wait():
    assert reason(line(), case(1), case(2))[0] is Waits.SEVERAL
    assert reason(line(), case(1, fen=1)) == (Waits.NONE, [1])
    assert reason(line("张三", fen=300_000), case()) == (Waits.LESS, [1])
    assert reason(line("张三", fen=400_000), case()) == (Waits.MORE, [1])
    assert reason(line(NUMBER, fen=300_000), case()) == (Waits.LESS, [1])
    assert reason(line(NUMBER, fen=400_000), case()) == (Waits.MORE, [1])
    assert reason(line(NUMBER), case(stands=Stands.ENDED)) == (Waits.ENDED, [1])
    assert reason(line(NUMBER), case(stands=Stands.NOT_SENT)) == (Waits.EARLY, [1])
    assert reason(line(NUMBER), case(stands=Stands.ELSEWHERE)) == (Waits.ELSEWHERE, [])
    assert reason(line(NUMBERS[5]), case(1)) == (Waits.UNKNOWN, [])
    assert reason(line("JX1234567890124", fen=5)) == (Waits.UNKNOWN, [])
    assert all(why.named.zh and len(why.value) <= 12 for why in Waits)


def test_a_name_decides_between_equal_amounts_and_a_masked_one_does_not():
    two = [case(1), case(2, name="李四")]
    assert [one.expected.case for one in judge(line("李四"), two, threshold=90).matched] == [2]
    assert judge(line("李*"), [*two, case(3, name="李五")], threshold=90).reason is Waits.SEVERAL
    both_named = [case(1), case(2)]
    assert judge(line("张三"), both_named, threshold=90).reason is Waits.SEVERAL


def test_another_person_s_line_is_not_credited_for_its_amount():
    """The amount of 李四 came in short, and is by chance what 张三 awaits."""
    short = case(2, name="李四", fen=400_000)
    assert reason(line("李四医保转移"), case(1), short)[0] is Waits.SEVERAL


def test_one_line_for_several_numbered_cases_is_split():
    two = [case(1), case(2, fen=100)]
    verdict = judge(line(f"{NUMBERS[1]}、{NUMBERS[2]}", fen=345_778), two, threshold=90)
    assert {one.expected.case: one.share_fen for one in verdict.matched} == {1: 345_678, 2: 100}
    assert reason(line(f"{NUMBERS[1]} {NUMBERS[2]}", fen=345_779), *two)[0] is Waits.MORE
    assert reason(line(f"{NUMBERS[1]} {NUMBERS[2]}", fen=345_779), case(1))[0] is Waits.UNKNOWN


def test_a_merged_payment_is_proposed_never_done():
    day = [case(1), case(2, fen=1_000), case(3, fen=10, office=GUILIN)]
    verdict = judge(line("南宁合并汇款", fen=346_678), day, threshold=0)
    assert verdict.reason is Waits.MERGED
    assert {one.expected.case: one.share_fen for one in verdict.candidates} == {1: 345_678, 2: 1_000}
    batches = [replace(case(serial, fen=100 * serial), batch=serial % 2) for serial in range(1, 6)]
    verdict = judge(line("一批", fen=600), batches, threshold=0)
    assert {one.expected.case for one in verdict.candidates} == {2, 4}
    assert judge(line("一批", fen=601), batches, threshold=0).reason is not Waits.MERGED


def test_parts_add_up_or_stay():
    lines = [line(NUMBER, fen=fen, key=key) for key, fen in enumerate((300_000, 45_000, 678))]
    assert parts(lines, [case()]) == dict.fromkeys(range(3), case())
    assert parts(lines[:2], [case()]) == {}
    assert parts(lines, [case(stands=Stands.ENDED)]) == {}
    assert parts([*lines[1:], line(f"{NUMBERS[1]} {NUMBERS[2]}", fen=300_000)], [case(), case(2)]) == {}


def test_words_that_may_be_names():
    assert names_in(line("张三医保个人账户转移")) == {"张三"}
    assert names_in(line("医保转移款")) == frozenset()


amounts = st.integers(1, 50)
offices = st.sampled_from([NANNING, GUILIN])
remarks = st.one_of(
    st.sampled_from(["", "医保转移", "张三", "李四", "王五", "张*", "南宁", "桂林", "JX1234567890124", *NUMBERS[:8]]),
    st.text("张三李四南宁JX0123456789* -", max_size=25),
)


@given(
    st.lists(
        st.builds(
            case,
            st.integers(0, 9),
            fen=amounts,
            name=st.sampled_from(["张三", "李四", "王五"]),
            office=offices,
            stands=st.sampled_from(Stands),
        ),
        max_size=6,
        unique_by=lambda one: one.case,
    ),
    st.builds(line, remarks, fen=amounts, payer=st.sampled_from(["南宁市医保中心", "桂林市医保中心", "财政局"])),
    st.integers(70, 100),
)
def test_what_is_matched_is_exact_awaited_and_alone(cases, of, threshold):
    verdict = judge(of, cases, threshold=threshold)
    assert (verdict.reason is None) is bool(verdict.matched)
    if not verdict.matched:
        return
    matched = [one.expected for one in verdict.matched]
    assert all(one.stands is Stands.AWAITED for one in matched)
    assert sum(one.share_fen for one in verdict.matched) == of.amount_fen
    assert all(one.share_fen == one.expected.outstanding_fen for one in verdict.matched)
    assert all(one.score >= threshold for one in verdict.matched)
    numbers = read(of.remark).numbers
    assert not numbers or {one.number for one in matched} == set(numbers)
    if not numbers:
        (only,) = matched
        others = [score(of, one).score for one in cases if one.stands is Stands.AWAITED and one.case != only.case]
        assert all(verdict.matched[0].score - other >= 10 for other in others)
