"""The files of the bank: what is written can be read, what is altered or wrong is refused with everything wrong."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.bankfiles import (
    Line,
    Payment,
    Result,
    is_plain,
    plain,
    read_results,
    read_statement,
    write_payments,
    write_results,
    write_statement,
)
from transfers.rules.errors import Refusal
from transfers.rules.parties import Named
from transfers.rules.workdays import ZONE

DAY = date(2026, 5, 6)
NOON = datetime(2026, 5, 6, 12, 30, 5, tzinfo=ZONE)
NOW = NOON + timedelta(hours=2)
HEAD = "H,JXRES,1,330100,7,2026-05-06,2,5310.05,CNY"
PAID_ROW = "R,1,JX26-1,PAID,,B001,5300.05,2026-05-06 12:30:05,"
BACK_ROW = "R,2,JX27-1,RETURNED,F-01,,10,2026-05-06 12:30:05,户名不符"

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=40)
names = words.filter(lambda text: text.strip() and is_plain(text))
signs = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
fen = st.integers(1, 10_000_000_00)
times = st.datetimes(NOON.replace(year=2000, tzinfo=None), NOON.replace(tzinfo=None)).map(
    lambda at: at.replace(microsecond=0, tzinfo=ZONE)
)


def sealed(*lines: str, end: str = "\n", bom: bool = False) -> bytes:
    """Lines with the trailer that belongs to them: the layout by hand, not by the writer under test."""
    body = (b"\xef\xbb\xbf" if bom else b"") + "".join(line + end for line in lines).encode()
    return body + f"T,{hashlib.sha256(body).hexdigest()}{end}".encode()


def told(data: bytes) -> list[tuple[int, str]]:
    with pytest.raises(Refusal) as caught:
        read_results(data, name="r.csv", now=NOW)
    assert caught.value.code == "J-FILE"
    return [(problem["line"], problem["code"]) for problem in caught.value.details["problems"]]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [False, True])
def test_a_result_file_by_hand_is_read(end: str, bom: bool) -> None:
    data = sealed(HEAD, PAID_ROW, BACK_ROW, end=end, bom=bom)
    for whole in (data, data.removesuffix(end.encode())):
        found = read_results(whole, now=NOW)
        assert (found.header.area, found.header.sequence, found.header.day) == ("330100", 7, DAY)
        assert (found.header.count, found.header.total_fen) == (2, 531005)
        assert found.rows == [
            Result(1, "JX26-1", True, "", "B001", 530005, NOON, ""),
            Result(2, "JX27-1", False, "F-01", "", 1000, NOON, "户名不符"),
        ]
        assert found.digest == hashlib.sha256(whole).hexdigest()


@given(
    st.lists(
        st.builds(Result, st.just(0), signs, st.booleans(), st.just("F-03"), signs, fen, times, words),
        max_size=6,
        unique_by=lambda row: row.reference,
    )
)
def test_results_come_back_as_they_were_written(rows: list[Result]) -> None:
    rows = [row._replace(number=number, reason="" if row.paid else row.reason) for number, row in enumerate(rows, 1)]
    data = write_results(rows, area="330100", sequence=3, day=DAY)
    found = read_results(data, now=NOW)
    assert found.rows == rows
    assert (found.header.count, found.header.total_fen) == (len(rows), sum(row.amount_fen for row in rows))


@given(
    st.lists(
        st.builds(Line, st.just(0), signs, times, words.filter(str.strip), signs, fen, words),
        max_size=6,
        unique_by=lambda row: row.bank_reference,
    )
)
def test_statement_lines_come_back_as_they_were_written(rows: list[Line]) -> None:
    rows = [row._replace(number=number) for number, row in enumerate(rows, 1)]
    found = read_statement(write_statement(rows, area="330100", sequence=3, day=DAY), now=NOW)
    assert found.rows == rows


@given(st.lists(st.builds(Payment, st.just(0), names, names, names, st.just("12345678"), fen, names), max_size=6))
def test_payments_are_written_as_published_and_always_alike(rows: list[Payment]) -> None:
    data = write_payments(rows, area="330100", sequence=12, day=DAY)
    assert data == write_payments(rows, area="330100", sequence=12, day=DAY)
    head, *records, trailer = csv.reader(io.StringIO(data.decode(), newline=""))
    total = sum(row.amount_fen for row in rows)
    yuan = f"{total // 100}.{total % 100:02}"
    assert head == ["H", "JXPAY", "1", "330100", "12", "2026-05-06", str(len(rows)), yuan, "CNY"]
    assert [(r[0], r[1], *r[2:6], r[7]) for r in records] == [
        ("P", str(n), row.reference, row.payee, row.bank, row.account, row.purpose) for n, row in enumerate(rows, 1)
    ]
    assert [round(float(r[6]) * 100) for r in records] == [row.amount_fen for row in rows]
    assert trailer == ["T", hashlib.sha256(data[: data.rindex(b"T,")]).hexdigest()]


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_altered_byte_is_refused(at: int, byte: int) -> None:
    data = sealed(HEAD, PAID_ROW, BACK_ROW, end="\r\n", bom=True)
    at %= len(data)
    altered = data[:at] + bytes([byte]) + data[at + 1 :]
    if altered == data:
        assert read_results(altered, now=NOW).header.sequence == 7
    else:
        assert told(altered)


def test_every_byte_left_out_or_doubled_is_refused() -> None:
    data = sealed(HEAD, PAID_ROW, BACK_ROW)
    for at in range(len(data) - 1):
        assert told(data[:at] + data[at + 1 :])
        assert told(data[: at + 1] + data[at:])
    assert read_results(data[:-1], now=NOW).header.count == 2  # without the last line end it says the same


WRONG = [
    ([HEAD.replace("JXRES", "JXPAY"), PAID_ROW, BACK_ROW], [(1, "layout")]),
    ([HEAD.replace("JXRES,1", "JXRES,2"), PAID_ROW, BACK_ROW], [(1, "version")]),
    ([HEAD.replace("330100", "33010"), PAID_ROW, BACK_ROW], [(1, "area")]),
    ([HEAD.replace(",7,", ",0,"), PAID_ROW, BACK_ROW], [(1, "sequence")]),
    ([HEAD.replace("05-06", "02-30"), PAID_ROW, BACK_ROW], [(1, "date")]),
    ([HEAD.replace("05-06", "06-30"), PAID_ROW, BACK_ROW], [(1, "date")]),
    ([HEAD.replace("CNY", "USD"), PAID_ROW, BACK_ROW], [(1, "currency")]),
    ([HEAD.replace(",2,", ",3,"), PAID_ROW, BACK_ROW], [(1, "count")]),
    ([HEAD.replace("5310.05", "5310.06"), PAID_ROW, BACK_ROW], [(1, "total")]),
    ([HEAD.replace("5310.05", "5310.050"), PAID_ROW, BACK_ROW], [(1, "amount-decimals")]),
    ([HEAD + ",", PAID_ROW, BACK_ROW], [(1, "header")]),
    ([PAID_ROW, BACK_ROW], [(1, "header")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("R,2", "X,2")], [(1, "total"), (3, "record")]),
    ([HEAD, PAID_ROW, "", BACK_ROW], [(1, "count"), (3, "record"), (4, "number")]),
    ([HEAD, PAID_ROW, BACK_ROW + ",x"], [(1, "total"), (3, "columns")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("R,2", "R,02")], [(3, "number")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("JX27", "JX26")], [(3, "twice")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("JX27", "JX 7")], [(3, "reference")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("RETURNED", "OK")], [(3, "status")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("F-01", "F-99")], [(3, "reason")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("F-01", "")], [(3, "reason")]),
    ([HEAD, PAID_ROW.replace("PAID,", "PAID,F-01"), BACK_ROW], [(2, "reason")]),
    ([HEAD, PAID_ROW.replace("B001", ""), BACK_ROW], [(2, "reference")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace(",10,", ",-10,")], [(1, "total"), (3, "amount-negative")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace(",10,", ",0.00,")], [(1, "total"), (3, "amount-zero")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace(",10,", ",10.000,")], [(1, "total"), (3, "amount-decimals")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace(",10,", ",10000000.01,")], [(1, "total"), (3, "amount-size")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace(",10,", ",9999999999999,")], [(1, "total"), (3, "amount-size")]),
    *(
        ([HEAD, PAID_ROW, BACK_ROW.replace(",10,", f",{text},")], [(1, "total"), (3, "amount")])
        for text in ("", "1e3", "十元", "１０", "10.", ".5", "0x10", "+10", " 10", "NaN")
    ),
    ([HEAD, PAID_ROW, BACK_ROW.replace("12:30:05", "24:30:05")], [(3, "time")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace(" 12:30:05", "T12:30:05")], [(3, "time")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("2026-05-06 ", "1999-05-06 ")], [(3, "time")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("2026-05-06 ", "2026-05-08 ")], [(3, "time-future")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("户名", "户\x07名")], [(1, "total"), (3, "control")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("户名", "户\u202e名")], [(1, "total"), (3, "control")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("户名", "户\t名")], [(1, "total"), (3, "control")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("户名", '"户名')], [(1, "total"), (3, "quotes")]),
    ([HEAD, PAID_ROW, BACK_ROW.replace("户名", "户" * 501)], [(3, "long")]),
]


@pytest.mark.parametrize(("lines", "problems"), WRONG)
def test_what_is_wrong_is_told_by_line(lines: list[str], problems: list[tuple[int, str]]) -> None:
    assert told(sealed(*lines)) == problems


def test_all_that_is_wrong_is_told_at_once() -> None:
    data = sealed(HEAD.replace("CNY", "EUR"), PAID_ROW.replace("5300.05", "-1"), BACK_ROW.replace("F-01", "F-9"))
    assert told(data) == [(1, "currency"), (2, "amount-negative"), (3, "reason")]
    assert told(data.replace(b"JX26-1", b"JX26-9")) == [
        (0, "checksum"),
        (1, "currency"),
        (2, "amount-negative"),
        (3, "reason"),
    ]


def test_files_that_cannot_be_read_at_all() -> None:
    assert told(b"") == told(b"\r\n \n") == [(0, "empty")]
    assert (0, "trailer") in told(sealed(HEAD, PAID_ROW, BACK_ROW).splitlines()[0])
    assert told(sealed(HEAD, PAID_ROW, BACK_ROW).replace("户名".encode(), "户名".encode("gb18030"))) == [
        (0, "checksum"),
        (3, "encoding"),
    ]
    assert told(b"H" * (64 * 1024 * 1024 + 1)) == [(0, "size")]
    many = write_statement(
        [Line(0, f"B{n}", NOON, "甲", "", 1, "") for n in range(200_001)], area="330100", sequence=1, day=DAY
    )
    with pytest.raises(Refusal, match="J-FILE"):
        read_statement(many, now=NOW)


def test_a_refusal_repeats_no_value_and_is_not_endless() -> None:
    rows = [f"R,{n},JX{n}-1,PAID,,B{n},-{n}.77,2026-05-06 12:30:05,6222000000000000004" for n in range(1, 1001)]
    with pytest.raises(Refusal) as caught:
        read_results(sealed(HEAD.replace(",2,", ",1000,"), *rows), name="r.csv", now=NOW)
    refusal = caught.value
    assert refusal.details["count"] == 1001
    assert len(refusal.details["problems"]) == 200
    assert "另有996处" in refusal.zh
    assert "996 more" in refusal.en
    assert all(a["line"] <= b["line"] for a, b in pairwise(refusal.details["problems"]))
    assert "6222000000000000004" not in str((refusal.details, refusal.zh))
    assert ".77" not in str((refusal.details, refusal.zh))


def test_a_statement_without_lines_keeps_the_sequence() -> None:
    assert read_statement(write_statement([], area="330100", sequence=4, day=DAY), now=NOW).header.sequence == 4


@pytest.mark.parametrize(
    "text", ["=1+1", "+86", "-1", "@SUM(A1)", "＝1", " =1", "甲\n乙", "甲\t乙", "甲\u200b", "", "甲" * 61]
)
def test_text_that_a_spreadsheet_would_run_does_not_go_out(text: str) -> None:
    name = Named("户名", "Account name")
    assert plain(" 杭州市医保基金（演示）-1=1 ", field=name, limit=60) == "杭州市医保基金（演示）-1=1"
    with pytest.raises(Refusal, match="J-FIELD"):
        plain(text, field=name, limit=60)
    if text and len(text) < 60:
        with pytest.raises(ValueError, match="formula"):
            write_payments(
                [Payment(1, "JX26-1", text, "中国银行", "12345678", 1, "医保转移")], area="330100", sequence=1, day=DAY
            )
