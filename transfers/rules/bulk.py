"""Applications by the thousand: the layout of their file (docs/bulk.md), and what can become of a line.

The first row names the columns, in any order, in Chinese or English; each further row is one application. Choices are
written as code or in words, areas as their six-digit codes. What an application must hold is judged where it is filed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from transfers.rules.errors import Refusal, refusal
from transfers.rules.identity import Document
from transfers.rules.parties import Applicant, Named, Scheme
from transfers.rules.text import narrow

BYTES_MAX = 64 * 1024 * 1024
ROWS_MAX = 200_000

# field of an application -> the heading of its column
COLUMNS = {
    "name": Named("姓名", "Name"),
    "identity_type": Named("证件类型", "Identity document"),
    "identity_number": Named("证件号码", "Identity number"),
    "phone": Named("手机号码", "Mobile phone"),
    "email": Named("电子邮箱", "E-mail"),
    "outbound_area": Named("转出统筹区", "Outbound area"),
    "inbound_area": Named("转入统筹区", "Inbound area"),
    "outbound_scheme": Named("转出险种", "Outbound scheme"),
    "inbound_scheme": Named("转入险种", "Inbound scheme"),
    "applicant": Named("申请人", "Applicant"),
    "applicant_name": Named("申请人名称", "Applicant's name"),
    "employer_code": Named("统一社会信用代码", "Employer code"),
    "agent_relation": Named("与本人关系", "Agent's relation"),
    "agent_phone": Named("代办人电话", "Agent's phone"),
    "certificate_number": Named("参保凭证编号", "Certificate number"),
    "remarks": Named("备注", "Remarks"),
    "language": Named("通知语言", "Language"),
}
REQUIRED = ("name", "identity_number", "phone", "outbound_area", "inbound_area")
_CHOICES: dict[str, Sequence[Any]] = {
    "identity_type": list(Document),
    "outbound_scheme": list(Scheme),
    "inbound_scheme": list(Scheme),
    "applicant": list(Applicant),
}
_LANGUAGES = {"中文": "zh-hans", "简体中文": "zh-hans", "英文": "en", "english": "en", "chinese": "zh-hans"}


class LineOutcome(StrEnum):
    """What became of a line."""

    NEW = "new"
    FILED = "filed"
    WRONG = "wrong"
    TWICE = "twice"
    KNOWN = "known"

    @property
    def named(self) -> Named:
        return _OUTCOMES[self]


_OUTCOMES = {
    LineOutcome.NEW: Named("待受理", "To be filed"),
    LineOutcome.FILED: Named("已提交", "Filed"),
    LineOutcome.WRONG: Named("有误", "Wrong"),
    LineOutcome.TWICE: Named("文件内重复", "Twice in the file"),
    LineOutcome.KNOWN: Named("此前已提交", "Filed before"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row that holds something, numbered as a spreadsheet shows it: the headings are row 1."""

    number: int
    raw: Mapping[str, str]


def headings(cells: Sequence[str], *, name: str) -> list[str]:
    """The fields that the columns hold, blank for a column without a heading. J-FILE: unknown, twice, or missing.

    Unknown ones are told by their place: without headings, the first row is somebody's application.
    """
    by_words = {word: field for field, named in COLUMNS.items() for word in (field, named.zh, named.en.lower())}
    found, unknown = [], []
    for place, cell in enumerate(cells, 1):
        words = narrow(cell).strip().rstrip("*").strip().lower()
        if words and words not in by_words:
            unknown.append(str(place))
        found.append(by_words.get(words, ""))
    while found and not found[-1]:
        found.pop()
    twice = sorted({COLUMNS[field].zh for field in found if field and found.count(field) > 1})
    missing = [COLUMNS[field] for field in REQUIRED if field not in found]
    if unknown:
        zh, en = f"第一行第{'、'.join(unknown[:5])}列的列名不认识", ", ".join(unknown[:5])
        raise not_read(name, zh, f"the first row has columns unknown here: {en}")
    if twice:
        raise not_read(name, f"第一行的列重复：{'、'.join(twice)}", "a column is there twice")
    if missing:
        zh, en = "、".join(one.zh for one in missing), ", ".join(one.en for one in missing)
        raise not_read(name, f"第一行缺少列：{zh}", f"the first row lacks: {en}")
    return found


def row_of(number: int, fields: Sequence[str], cells: Sequence[str]) -> Row | None:
    """The application in a row as a face would pass it on; None when nothing stands in it.

    A cell beyond the headings comes under its own number, and is refused where fields are judged.
    """
    raw: dict[str, str] = {}
    for at, cell in enumerate(cells):
        if text := cell.strip():
            field = fields[at] if at < len(fields) else ""
            raw[field or f"#{at + 1}"] = _coded(field, text)
    return Row(number, raw) if raw else None


def _coded(field: str, text: str) -> str:
    if field in _CHOICES:
        words = text.lower()
        for one in _CHOICES[field]:
            if words in (one.named.zh.lower(), one.named.en.lower()):
                return str(one.value)
    if field == "language":
        return _LANGUAGES.get(text.lower(), text)
    return text


def lost_digits(raw: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The fields in which a spreadsheet has made a number of a long text and dropped its last digits."""
    return {
        field: refusal(
            "J-FIELD",
            field=COLUMNS[field].zh,
            problem="单元格为数值格式，末几位已丢失，请设为文本格式后重新填写",
            problem_en="the cell is a number and its last digits are lost: format it as text and type it again",
        ).told
        for field in ("identity_number", "employer_code", "certificate_number")
        if (text := raw.get(field, "")) and "E+" in text.upper() and text[0].isdigit()
    }


def not_read(name: str, problem: str, problem_en: str) -> Refusal:
    """The file as a whole cannot be taken in: J-FILE."""
    return refusal("J-FILE", name=name, problem=problem, problem_en=problem_en)
