"""The files that go to the bank and come from it (docs/bank-files.md): payments, their results, statements.

Each is CSV (RFC 4180) in UTF-8, with or without a byte order mark, lines ending in LF or CRLF; the first column names
the kind of record. One H record comes first, one T record last, with the SHA-256 of every byte before its own line:

    H,<layout>,<version>,<area code>,<sequence>,<date>,<records>,<total yuan>,CNY
    P,<number>,<reference>,<payee>,<bank>,<account>,<amount>,<purpose>                            in JXPAY
    R,<number>,<reference>,PAID|RETURNED,<reason>,<bank reference>,<amount>,<time>,<note>          in JXRES
    L,<number>,<bank reference>,<time>,<payer>,<account>,<amount>,<remark>                         in JXSTM
    T,<SHA-256 in lower-case hexadecimal>

Amounts are yuan with at most two decimals, times those of Beijing. What is read is right as a whole or refused as a
whole, with everything that is wrong (J-FILE). Sequence, known payments and amounts are judged where the data is.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from transfers.rules.codes import MONEY
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named
from transfers.rules.text import has_control
from transfers.rules.workdays import ZONE

PAYMENTS, RESULTS, STATEMENT = "JXPAY", "JXRES", "JXSTM"
VERSION = "1"
CURRENCY = "CNY"
PAID, RETURNED = "PAID", "RETURNED"
BYTES_MAX = 64 * 1024 * 1024
RECORDS_MAX = 200_000
PAYMENT_MAX_FEN = 10_000_000_00
LINE_MAX_FEN = 1_000_000_000_00  # one line may bring what belongs to many cases
SEQUENCE_MAX = 2**31 - 1
REFERENCE_MAX, NAME_MAX, BANK_MAX, ACCOUNT_MAX, TEXT_MAX, NOTE_MAX = 60, 80, 60, 40, 200, 500
TOLD_MAX = 200  # problems that are told one by one
SAID = 5  # of these in the sentence itself

_BOM = b"\xef\xbb\xbf"
_TRAILER = re.compile(rb"T,[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_AREA = re.compile(r"[0-9]{6}")
_YUAN = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_SIGNED = re.compile(r"[-\u2212\uff0d][0-9.,]+")
_FINER = re.compile(r"[0-9]{1,12}\.[0-9]{3,}")
_LONG = re.compile(r"[0-9]{13,}(?:\.[0-9]*)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_VISIBLE = re.compile(r"[!-~]+")
_FIRST_TIME = datetime(2000, 1, 1, tzinfo=ZONE)
# What a spreadsheet takes for a formula at the beginning of a cell; the wide ones too.
_FORMULA = tuple("=+-@＝＋－＠")


class Payment(NamedTuple):
    """A P record: what the bank is to pay. `amount_fen` is above zero."""

    number: int
    reference: str
    payee: str
    bank: str
    account: str
    amount_fen: int
    purpose: str


class Result(NamedTuple):
    """An R record: what became of a payment. `reason` (F-01 … F-08) where it was returned; `at` is aware."""

    number: int
    reference: str
    paid: bool
    reason: str
    bank_reference: str
    amount_fen: int
    at: datetime
    note: str


class Line(NamedTuple):
    """An L record: money that came in. `at` is aware; `account` and `remark` may be empty."""

    number: int
    bank_reference: str
    at: datetime
    payer: str
    account: str
    amount_fen: int
    remark: str


@dataclass(frozen=True, slots=True)
class Header:
    """The H record. `total_fen` is the sum of all records, whatever became of them."""

    area: str
    sequence: int
    day: date
    count: int
    total_fen: int


@dataclass(frozen=True, slots=True)
class Results:
    """A result file that is right in itself. `digest` is the SHA-256 of the whole file, in hexadecimal."""

    header: Header
    rows: list[Result]
    digest: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that is right in itself. `digest` is the SHA-256 of the whole file, in hexadecimal."""

    header: Header
    rows: list[Line]
    digest: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` counts from 1; 0 is the file as a whole."""

    line: int
    code: str
    named: Named

    @property
    def told(self) -> dict[str, str | int]:
        return {"line": self.line, "code": self.code, "zh": self.named.zh, "en": self.named.en}


# code -> what is wrong, in words
_PROBLEMS = {
    "empty": Named("文件是空的", "the file is empty"),
    "size": Named("文件过大", "the file is too large"),
    "encoding": Named("不是 UTF-8 文本", "it is not UTF-8 text"),
    "trailer": Named("缺少尾记录，或者尾记录不完整", "the trailer is missing or not whole"),
    "checksum": Named(
        "校验和不符，文件不完整或被改动过", "the checksum is wrong: the file is not whole, or was altered"
    ),
    "header": Named("第一行应为文件头记录（9列）", "the first line must be the header, of 9 columns"),
    "layout": Named("不是这种文件的格式", "it is another layout"),
    "version": Named("格式版本不符", "this version of the layout is not known"),
    "area": Named("统筹区代码应为六位数字", "the area code must have six digits"),
    "sequence": Named("文件序号有误", "the sequence is not right"),
    "date": Named("日期有误", "the date is not right"),
    "currency": Named("币种应为 CNY", "the currency must be CNY"),
    "count": Named("记录数与文件头不符", "the number of records is not what the header says"),
    "total": Named("合计金额与文件头不符", "the sum of the records is not what the header says"),
    "record": Named("记录类型有误", "it is no record of this layout"),
    "columns": Named("列数有误", "the number of columns is wrong"),
    "quotes": Named("引号有误", "the quotation marks are not right"),
    "number": Named("行号应从1起连续", "the numbers must count up from 1"),
    "reference": Named(
        "参考号应为不含空格的字母、数字和符号", "the reference must be letters, digits and signs, no blanks"
    ),
    "twice": Named("参考号在文件中重复", "the reference is in the file twice"),
    "status": Named("支付结果应为 PAID 或 RETURNED", "the result must be PAID or RETURNED"),
    "reason": Named(
        "退回原因应为 F-01 至 F-08；已支付的不填", "the reason must be F-01 to F-08; none where it was paid"
    ),
    "amount": Named("金额不是数字", "the amount is not a number"),
    "amount-negative": Named("金额为负数", "the amount is negative"),
    "amount-zero": Named("金额为零", "the amount is zero"),
    "amount-decimals": Named("金额最多两位小数", "the amount has more than two decimals"),
    "amount-size": Named("金额超过上限", "the amount is too large"),
    "time": Named("时间有误，应如 2026-05-06 14:30:00", "the time is not right; write 2026-05-06 14:30:00"),
    "time-future": Named("时间晚于当前时间", "the time has not come yet"),
    "control": Named("含有控制字符", "there are control characters"),
    "missing": Named("必填栏为空", "a column that must be filled is empty"),
    "long": Named("某一栏过长", "a column is too long"),
    "other-area": Named("不是本机构的文件", "it is another agency's file"),
    "unknown": Named("没有发送过这笔付款", "no payment with this reference was ever sent"),
    "differs": Named("金额与所发送的付款不同", "the amount is not that of the payment"),
}


# --- text that goes out ---------------------------------------------------------------------------------


def is_plain(text: str) -> bool:
    """Whether `text` can stand in a cell: one line of characters to be read, that a spreadsheet takes for no formula.

    What is not plain is refused, not altered: the bank compares the payee's name letter by letter, and a mark set
    before it would make it another name.

    >>> is_plain("杭州市医疗保险基金"), is_plain("=HYPERLINK(1)"), is_plain("甲\\n乙")
    (True, False, False)
    """
    return not text.lstrip().startswith(_FORMULA) and not _steers(text)


def plain(text: str, *, field: Named, limit: int) -> str:
    """`text` without blanks at its ends, when it can be written into a file for the bank. J-FIELD."""
    text = text.strip()
    if not text or len(text) > limit or not is_plain(text):
        raise refusal(
            "J-FIELD",
            field=field.zh,
            problem=f"须为1至{limit}字，不含换行和控制字符，不以 = + - @ 开头",
            problem_en=f"1 to {limit} characters on one line, not beginning with = + - @",
        )
    return text


def yuan(fen: int) -> str:
    """An amount as files have it.

    >>> yuan(530005)
    '5300.05'
    """
    return f"{fen // 100}.{fen % 100:02}"


def _steers(text: str) -> bool:
    """Whether there is a line end, tab or control character in it; the quick answer first."""
    return not text.isprintable() and (has_control(text) or any(sign in text for sign in "\r\n\t"))


# --- writing ------------------------------------------------------------------------------------------


def write_payments(rows: Sequence[Payment], *, area: str, sequence: int, day: date) -> bytes:
    """The file of outgoing payments: the same payments give the same bytes. Text that is not plain raises ValueError.

    The payments are numbered in the order given.
    """
    records = [
        ("P", number, row.reference, row.payee, row.bank, row.account, yuan(row.amount_fen), row.purpose)
        for number, row in enumerate(rows, 1)
    ]
    if not all(is_plain(str(cell)) for record in records for cell in record):
        raise ValueError("text that a spreadsheet would take for a formula, or with control characters")
    total = sum(row.amount_fen for row in rows)
    return _written(PAYMENTS, records, area=area, sequence=sequence, day=day, total_fen=total)


def write_results(rows: Sequence[Result], *, area: str, sequence: int, day: date) -> bytes:
    """A result file as a bank writes it: for a bank that is played (demo, simulation) and its interface tests."""
    records = [
        (
            "R",
            number,
            row.reference,
            PAID if row.paid else RETURNED,
            row.reason,
            row.bank_reference,
            yuan(row.amount_fen),
            _clock(row.at),
            row.note,
        )
        for number, row in enumerate(rows, 1)
    ]
    total = sum(row.amount_fen for row in rows)
    return _written(RESULTS, records, area=area, sequence=sequence, day=day, total_fen=total)


def write_statement(rows: Sequence[Line], *, area: str, sequence: int, day: date) -> bytes:
    """A statement as a bank writes it: for a bank that is played (demo, simulation) and its interface tests."""
    records = [
        ("L", number, row.bank_reference, _clock(row.at), row.payer, row.account, yuan(row.amount_fen), row.remark)
        for number, row in enumerate(rows, 1)
    ]
    total = sum(row.amount_fen for row in rows)
    return _written(STATEMENT, records, area=area, sequence=sequence, day=day, total_fen=total)


def _clock(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _written(
    layout: str, records: Sequence[Iterable[object]], *, area: str, sequence: int, day: date, total_fen: int
) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("H", layout, VERSION, area, sequence, day.isoformat(), len(records), yuan(total_fen), CURRENCY))
    writer.writerows(records)
    body = out.getvalue().encode()
    return body + f"T,{hashlib.sha256(body).hexdigest()}\n".encode()


# --- reading ------------------------------------------------------------------------------------------


def read_results(data: bytes, *, name: str = "", now: datetime) -> Results:
    """The results in a file from the bank, or J-FILE with all that is wrong with it (`details["problems"]`)."""
    reading = _Reading(data, RESULTS, now)
    rows = reading.rows("R", 9, _result)
    return Results(reading.finished(name), rows, hashlib.sha256(data).hexdigest())


def read_statement(data: bytes, *, name: str = "", now: datetime) -> Statement:
    """The lines of a statement, or J-FILE with all that is wrong with it (`details["problems"]`: line, code, zh, en).

    `now`: lines booked more than a day later are refused. 100,000 lines take about a second. Whether the sequence is
    the next one, and whether a line was there before, is for the caller.
    """
    reading = _Reading(data, STATEMENT, now)
    rows = reading.rows("L", 8, _line)
    return Statement(reading.finished(name), rows, hashlib.sha256(data).hexdigest())


def problem(line: int, code: str) -> Problem:
    """A problem by its code."""
    return Problem(line, code, _PROBLEMS[code])


def file_refusal(name: str, problems: Sequence[Problem]) -> Refusal:
    """J-FILE with every problem (the first 200 one by one); no value of the file is repeated."""
    first = problems[:SAID]
    more = len(problems) - len(first)
    return refusal(
        "J-FILE",
        name=name[:60] or "—",
        problem="；".join(_at(problem).zh for problem in first) + (f"；另有{more}处" if more else ""),
        problem_en="; ".join(_at(problem).en for problem in first) + (f"; and {more} more" if more else ""),
        problems=[problem.told for problem in problems[:TOLD_MAX]],
        count=len(problems),
    )


def _at(problem: Problem) -> Named:
    if not problem.line:
        return problem.named
    return Named(f"第{problem.line}行{problem.named.zh}", f"line {problem.line}: {problem.named.en}")


@dataclass(slots=True)
class _Reading:
    """One file on its way in. What is wrong is collected, so that all of it is told at once."""

    data: bytes
    layout: str
    now: datetime
    problems: list[Problem] = field(default_factory=list)
    header: Header | None = None
    references: set[str] = field(default_factory=set)
    total_fen: int = 0
    latest: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.latest = (self.now + timedelta(days=1)).astimezone(ZONE)

    def wrong(self, line: int, code: str) -> None:
        self.problems.append(problem(line, code))

    def finished(self, name: str) -> Header:
        if self.problems or self.header is None:
            raise file_refusal(name, sorted(self.problems, key=lambda problem: problem.line))
        return self.header

    def rows(self, kind: str, columns: int, parse: Callable[[_Reading, int, list[str]], Any]) -> list[Any]:
        """The records of the file, those that are right; the header and the sums are checked on the way."""
        lines = self._lines()
        if not lines or not self._head(lines[0]):
            return []
        found = []
        if len(lines) - 1 > RECORDS_MAX:
            self.wrong(0, "size")
            return []
        for at, text in enumerate(lines[1:], 2):
            cells = self._cells(at, text)
            if cells is None:
                continue
            if cells[0] != kind:
                self.wrong(at, "record")
            elif len(cells) != columns:
                self.wrong(at, "columns")
            else:
                if cells[1] != str(at - 1):
                    self.wrong(at, "number")
                row = parse(self, at, cells)
                self.total_fen += row.amount_fen
                found.append(row)
        if self.header is not None:
            if self.header.count != len(lines) - 1:
                self.wrong(1, "count")
            if self.header.total_fen != self.total_fen:
                self.wrong(1, "total")
        return found

    def _lines(self) -> list[str]:
        """The lines before the trailer, which must be right."""
        if not self.data.strip():
            self.wrong(0, "empty")
            return []
        if len(self.data) > BYTES_MAX:
            self.wrong(0, "size")
            return []
        end = self.data.removesuffix(b"\n")
        end = end.removesuffix(b"\r") if len(end) < len(self.data) else end
        start = end.rfind(b"\n") + 1
        trailer, body = end[start:], self.data[:start]
        if not _TRAILER.fullmatch(trailer):
            body = body if trailer.startswith(b"T") else self.data
            self.wrong(0, "trailer")
        elif hashlib.sha256(body).hexdigest() != trailer[2:].decode():
            self.wrong(0, "checksum")
        try:
            text = body.removeprefix(_BOM).decode()
        except UnicodeDecodeError as error:
            self.wrong(body.count(b"\n", 0, error.start) + 1, "encoding")
            return []
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        return [line.removesuffix("\r") for line in lines]

    def _cells(self, at: int, text: str) -> list[str] | None:
        """The columns of one line, or None when it says nothing that could be read on."""
        if _steers(text):
            self.wrong(at, "control")
            return None
        if '"' not in text:
            return text.split(",")
        try:
            return next(csv.reader([text], strict=True))
        except csv.Error:
            self.wrong(at, "quotes")
            return None

    def _head(self, text: str) -> bool:
        """Read the header; whether the records below can be read as this layout's."""
        cells = self._cells(1, text)
        if cells is None or len(cells) != 9 or cells[0] != "H":
            self.wrong(1, "header")
            return False
        _kind, layout, version, area, sequence, day, count, total, currency = cells
        before = len(self.problems)
        if layout != self.layout:
            self.wrong(1, "layout")
        if version != VERSION:
            self.wrong(1, "version")
        readable = len(self.problems) == before
        if not _AREA.fullmatch(area):
            self.wrong(1, "area")
        if not _NUMBER.fullmatch(sequence) or not 1 <= int(sequence) <= SEQUENCE_MAX:
            self.wrong(1, "sequence")
        when = _day(day)
        if when is None or when > self.latest.date():
            self.wrong(1, "date")
        if not _NUMBER.fullmatch(count):
            self.wrong(1, "count")
        if currency != CURRENCY:
            self.wrong(1, "currency")
        total_fen = self.amount(1, total, limit=LINE_MAX_FEN * 1000, zero=True)
        if len(self.problems) == before and when is not None:
            self.header = Header(area, int(sequence), when, int(count), total_fen)
        return readable

    # --- columns, each with what may be wrong with it

    def amount(self, at: int, text: str, *, limit: int, zero: bool = False) -> int:
        """Fen; 0 where it is not right."""
        found = _YUAN.fullmatch(text)
        if found is None:
            code = (
                "amount-negative"
                if _SIGNED.fullmatch(text)
                else "amount-decimals"
                if _FINER.fullmatch(text)
                else "amount-size"
                if _LONG.fullmatch(text)
                else "amount"
            )
            self.wrong(at, code)
            return 0
        whole, cents = found.groups()
        fen = int(whole) * 100 + (int(cents.ljust(2, "0")) if cents else 0)
        if fen > limit:
            self.wrong(at, "amount-size")
            return 0
        if not fen and not zero:
            self.wrong(at, "amount-zero")
        return fen

    def time(self, at: int, text: str) -> datetime:
        if _TIME.fullmatch(text):
            try:
                found = datetime.fromisoformat(text).replace(tzinfo=ZONE)
            except ValueError:
                found = _FIRST_TIME - timedelta(days=1)
            if found > self.latest:
                self.wrong(at, "time-future")
                return found
            if found >= _FIRST_TIME:
                return found
        self.wrong(at, "time")
        return _FIRST_TIME

    def reference(self, at: int, text: str, *, once: bool = False, required: bool = True) -> str:
        if not text and not required:
            return text
        if len(text) > REFERENCE_MAX or not _VISIBLE.fullmatch(text):
            self.wrong(at, "reference")
        elif once:
            if text in self.references:
                self.wrong(at, "twice")
            self.references.add(text)
        return text

    def text(self, at: int, text: str, limit: int, *, required: bool = False) -> str:
        if required and not text.strip():
            self.wrong(at, "missing")
        if len(text) > limit:
            self.wrong(at, "long")
        return text


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _result(reading: _Reading, at: int, cells: list[str]) -> Result:
    _kind, _number, reference, status, reason, bank_reference, amount, time, note = cells
    if status not in (PAID, RETURNED):
        reading.wrong(at, "status")
    elif (reason != "") if status == PAID else (reason not in MONEY):
        reading.wrong(at, "reason")
    return Result(
        at - 1,
        reading.reference(at, reference, once=True),
        status == PAID,
        reason,
        reading.reference(at, bank_reference, required=status == PAID),
        reading.amount(at, amount, limit=PAYMENT_MAX_FEN),
        reading.time(at, time),
        reading.text(at, note, NOTE_MAX),
    )


def _line(reading: _Reading, at: int, cells: list[str]) -> Line:
    _kind, _number, bank_reference, time, payer, account, amount, remark = cells
    return Line(
        at - 1,
        reading.reference(at, bank_reference, once=True),
        reading.time(at, time),
        reading.text(at, payer, NAME_MAX, required=True),
        reading.text(at, account, ACCOUNT_MAX),
        reading.amount(at, amount, limit=LINE_MAX_FEN),
        reading.text(at, remark, TEXT_MAX),
    )
