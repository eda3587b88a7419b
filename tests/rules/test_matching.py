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
    ("", "南宁市医保局", {Point.SHORT, Point.AREA}, 80),
    ("", "南宁医疗保障局", {Point.SHORT, Point.AREA}, 80),
    ("", "南宁市武鸣区医保局", {Point.ALIKE, Point.AREA}, 70),
    ("", "南宁市社保局", {Point.ALIKE, Point.AREA}, 70),
    ("", "广西南宁市医保局", {Point.ALIKE, Point.AREA}, 70),
    ("", "桂林市医疗保障经办机构", set(), 35),
    ("", "桂林市医保局", set(), 35),
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
    points = min(points + 10, 99)  # nobody else awaits that amount
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
    assert reason(line(NUMBER, fen=300_000, payer="某银行待清算户"), case()) == (Waits.LESS, [1])
    assert reason(line(NUMBER, fen=400_000), case()) == (Waits.MORE, [1])
    assert reason(line(NUMBER), case(stands=Stands.ENDED)) == (Waits.ENDED, [1])
    assert reason(line(NUMBER), case(stands=Stands.NOT_SENT)) == (Waits.EARLY, [1])
    assert reason(line(NUMBER), case(stands=Stands.DOUBTED)) == (Waits.DOUBTED, [1])
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


def test_an_amount_that_nobody_else_awaits_says_more():
    short = line(payer="南宁市医保局")
    assert [one.expected.case for one in judge(short, [case()], threshold=90).matched] == [1]
    assert Point.ONLY in judge(short, [case()], threshold=90).matched[0].why
    # Another area's case of the same amount, one sent long ago, one sent afterwards: a person looks.
    assert reason(short, case(1), case(2, office=GUILIN))[0] is Waits.BELOW
    assert reason(short, case(1), case(2))[0] is Waits.SEVERAL
    for sent in (date(2026, 5, 1), date(2026, 6, 4), None):
        verdict = judge(short, [replace(case(), sent=sent)], threshold=90)
        assert verdict.reason is Waits.BELOW
        assert Point.ONLY not in verdict.candidates[0].why
    assert reason(line("李四", payer="南宁市医保局"), case())[0] is Waits.BELOW
    assert reason(line(payer="南宁市武鸣区医保局"), case())[0] is Waits.BELOW


def test_less_that_names_its_case_is_a_part_of_it():
    for payer in ("南宁市医疗保障经办机构", "南宁市医保基金支出户", "南宁市医保局", "南宁市社保局"):
        (part,) = judge(line(f"{NUMBER}-1", fen=300_000, payer=payer), [case()], threshold=CERTAIN).matched
        assert (part.expected.case, part.share_fen, part.score) == (1, 300_000, CERTAIN)
        assert {Point.NUMBER, Point.REST} <= set(part.why)
    part = line(NUMBER, fen=300_000)
    for other in (
        replace(part, payer="桂林市医疗保障经办机构"),
        replace(part, payer=""),
        replace(part, remark=f"{NUMBER} 李四"),
        replace(part, remark=f"{NUMBER} 李*"),
        replace(part, booked=date(2026, 5, 31)),
    ):
        assert reason(other, case()) == (Waits.LESS, [1]), other
    assert reason(part, replace(case(), sent=None)) == (Waits.LESS, [1])
    assert reason(line(f"{NUMBERS[1]} {NUMBERS[2]}", fen=300_000), case(1), case(2))[0] is Waits.LESS
    assert reason(replace(part, amount_fen=345_679), case()) == (Waits.MORE, [1])


def test_the_same_amount_of_the_same_payer_again_waits():
    half = replace(case(fen=300_000), arrived=frozenset({(plain("南宁市医疗保障（经办机构）"), 300_000)}))
    for again in (line(NUMBER, fen=300_000), line(fen=300_000), line("张三", fen=300_000)):
        assert reason(again, half) == (Waits.TWICE, [1]), again
        assert judge(replace(again, payer="南宁市医保基金支出户"), [half], threshold=90).matched
    assert reason(line(NUMBER, fen=200_000), half)[0] is None
    few = replace(half, arrived=frozenset({(plain("南宁市医疗保障经办机构"), 200_000)}))
    assert reason(line(NUMBER, fen=200_000), few) == (Waits.TWICE, [1])
    assert reason(line(NUMBER, fen=300_000), few)[0] is None


def test_a_merged_payment_is_matched_where_all_of_a_day_or_batch_fits():
    day = [case(1), case(2, fen=1_000), case(3, fen=10, office=GUILIN)]
    verdict = judge(line("南宁合并汇款", fen=346_678), day, threshold=90)
    assert {one.expected.case: one.share_fen for one in verdict.matched} == {1: 345_678, 2: 1_000}
    batches = [replace(case(serial, fen=100 * serial), batch=serial % 2) for serial in range(1, 6)]
    verdict = judge(line("一批", fen=600), batches, threshold=90)
    assert {one.expected.case for one in verdict.matched} == {2, 4}
    assert judge(line("一批", fen=601), batches, threshold=0).reason is Waits.NONE


def test_a_merged_payment_that_anything_speaks_against_is_only_proposed():
    day = [case(1), case(2, fen=1_000, name="李四")]
    sum_of_both = line(fen=346_678)
    assert len(judge(sum_of_both, day, threshold=90).matched) == 2
    for other in (
        replace(sum_of_both, payer="南宁市医保局"),
        replace(sum_of_both, remark="张三"),
        replace(sum_of_both, remark="南宁供热费"),
        replace(sum_of_both, booked=date(2026, 5, 31)),
    ):
        assert reason(other, *day)[0] is Waits.MERGED, other
    # Two groups that fit are none.
    two = [replace(one, batch=n // 2) for n, one in enumerate([case(1, fen=10), case(2, fen=20), case(3, fen=10),
                                                              case(4, fen=20)])]  # fmt: skip
    assert reason(line(fen=30), *two)[0] is Waits.NONE


def test_words_that_may_be_names():
    assert names_in(line("张三医保个人账户转移")) == {"张三"}
    assert names_in(line("医保转移款")) == frozenset()


amounts = st.integers(1, 50)
offices = st.sampled_from([NANNING, GUILIN])
remarks = st.one_of(
    st.sampled_from(["", "医保转移", "张三", "李四", "王五", "张*", "南宁", "桂林", "JX1234567890124", *NUMBERS[:8]]),
    st.text("张三李四南宁JX0123456789* -", max_size=25),
)


cases_awaited = st.lists(
    st.builds(
        case,
        st.integers(0, 9),
        fen=amounts,
        name=st.sampled_from(["张三", "李四", "王五"]),
        office=offices,
        stands=st.sampled_from(Stands),
        batch=st.sampled_from([None, 1, 2]),
        arrived=st.frozensets(st.tuples(st.just(plain("南宁市医保中心")), amounts), max_size=2),
    ),
    max_size=6,
    unique_by=lambda one: one.case,
)
PAYERS = ["南宁市医保中心", "桂林市医保中心", "南宁市医保局", "桂林医保局", "财政局"]


@given(
    cases_awaited,
    st.builds(line, remarks, fen=st.integers(1, 120), payer=st.sampled_from(PAYERS)),
    st.integers(70, 100),
)
def test_what_is_matched_is_awaited_and_beyond_doubt(cases, of, threshold):
    verdict = judge(of, cases, threshold=threshold)
    assert (verdict.reason is None) is bool(verdict.matched)
    if not verdict.matched:
        return
    matched = [one.expected for one in verdict.matched]
    assert all(one.stands is Stands.AWAITED for one in matched)
    assert sum(one.share_fen for one in verdict.matched) == of.amount_fen
    assert all(0 < one.share_fen <= one.expected.outstanding_fen for one in verdict.matched)
    assert all(one.score >= threshold for one in verdict.matched)
    whole = all(one.share_fen == one.expected.outstanding_fen for one in verdict.matched)
    numbers = read(of.remark).numbers
    if numbers:
        assert {one.number for one in matched} == set(numbers)
        # A part is one case's, and paid by the agency of its area.
        assert whole or (len(matched) == 1 and "医保" in of.payer and matched[0].office.places[1] in of.payer)
    elif len(matched) > 1:
        # All that was awaited of one day or batch of one area, of which nobody is named.
        assert whole
        (area,) = {one.office.area for one in matched}
        near = [one for one in cases if one.office.area == area and one.stands is Stands.AWAITED]
        batches = {one.batch for one in matched}
        rest = [one for one in near if one not in matched]
        assert not rest or (len(batches) == 1 and None not in batches and not batches & {one.batch for one in rest})
        assert not any(one.name in of.remark for one in cases)
    else:
        (only,) = matched
        assert whole
        others = [score(of, one).score for one in cases if one.stands is Stands.AWAITED and one.case != only.case]
        assert all(verdict.matched[0].score - other >= 10 for other in others)
    assert not any((plain(of.payer), of.amount_fen) in one.arrived for one in matched)


@given(cases_awaited, st.builds(line, remarks, fen=amounts, payer=st.sampled_from(PAYERS)))
def test_words_that_fit_nobody_keep_a_line_from_being_matched(cases, of):
    """A negative control: whatever would be matched is not once its remark names somebody else."""
    stranger = replace(of, remark=f"{of.remark} 欧阳锋")
    verdict = judge(stranger, cases, threshold=70)
    wanted = sum(one.expected.outstanding_fen for one in verdict.matched)
    # But for the case numbers themselves with exactly what is outstanding.
    assert not verdict.matched or (read(of.remark).numbers and wanted == of.amount_fen)
