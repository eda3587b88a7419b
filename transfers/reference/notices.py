"""Reads one notice from JSON or CSV text and says everything that is wrong with it, by place.

JSON is one object as in `calendars/`. CSV has the columns date,working,name_zh,name_en (working: yes or no); what a
JSON file says in its head (region, year, version, document number …) comes beside it. Pure: no Django, no files.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from transfers.rules.workdays import CalendarError, Flaw, Notice, NoticeDay

DAY_FIELDS = ("date", "name_en", "name_zh", "working")
CSV_COLUMNS = ("date", "working", "name_zh", "name_en")
HEAD_FIELDS = (
    "region",
    "year",
    "version",
    "document_number",
    "issued_on",
    "covered_from",
    "covered_until",
    "provisional",
    "source",
)
FIELDS = frozenset({*HEAD_FIELDS, "days"})
MAX_CHARACTERS = 500_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def from_text(text: str, *, head: Mapping[str, Any] | None = None) -> Notice:
    """The notice in a file's text: JSON when it begins with a brace, CSV otherwise. CalendarError lists every fault."""
    if len(text) > MAX_CHARACTERS:
        raise CalendarError(
            [Flaw(f"the file is longer than {MAX_CHARACTERS} characters", f"文件超过{MAX_CHARACTERS}个字符")]
        )
    text = text.removeprefix("\ufeff")
    data = _json(text) if text.lstrip().startswith("{") else _csv(text, head or {})
    return from_data(data)


def from_data(data: Mapping[str, Any]) -> Notice:
    """The notice that an object describes; dates are ISO text or dates. CalendarError lists every fault by place."""
    problems = [Flaw(f"{name} is missing", f"缺少{name}") for name in sorted(FIELDS - data.keys())]
    problems += [
        Flaw(f"{name} is not known", f"不认识{name}") for name in sorted(str(name) for name in data.keys() - FIELDS)
    ]
    reader = _Reader(data, problems)
    year, version = reader.number("year", 2000, 2200), reader.number("version", 0, 9999)
    region = reader.text("region", 6)
    document, source = reader.text("document_number", 80), reader.text("source", 300)
    first, last, issued = reader.day("covered_from"), reader.day("covered_until"), reader.day("issued_on", empty=True)
    provisional = data.get("provisional")
    if not isinstance(provisional, bool):
        problems.append(Flaw("provisional must be true or false", "provisional应为true或false"))
    days = _days(data.get("days"), problems)
    if year is None or version is None or first is None or last is None or problems:
        raise CalendarError(problems)
    notice = Notice(
        region=region,
        year=year,
        version=version,
        document_number=document,
        issued_on=issued,
        covered_from=first,
        covered_until=last,
        provisional=bool(provisional),
        days=tuple(days),
        source=source,
    )
    if faults := notice.problems():
        raise CalendarError(faults)
    return notice


def as_data(notice: Notice) -> dict[str, Any]:
    """The object that `from_data` reads."""
    return {
        "region": notice.region,
        "year": notice.year,
        "version": notice.version,
        "document_number": notice.document_number,
        "issued_on": notice.issued_on.isoformat() if notice.issued_on else None,
        "covered_from": notice.covered_from.isoformat(),
        "covered_until": notice.covered_until.isoformat(),
        "provisional": notice.provisional,
        "days": [
            {"date": day.date.isoformat(), "working": day.working, "name_zh": day.zh, "name_en": day.en}
            for day in notice.days
        ],
        "source": notice.source,
    }


class _Reader:
    """Takes values out of the head and notes what is wrong with them."""

    def __init__(self, data: Mapping[str, Any], problems: list[Flaw]) -> None:
        self.data, self.problems = data, problems

    def number(self, name: str, least: int, most: int) -> int | None:
        value = self.data.get(name)
        if type(value) is not int:
            if name in self.data:
                self.problems.append(Flaw(f"{name}: year and version must be whole numbers", f"{name}应为整数"))
            return None
        if not least <= value <= most:
            self.problems.append(Flaw(f"{name} must lie between {least} and {most}", f"{name}应在{least}与{most}之间"))
        return value

    def text(self, name: str, longest: int) -> str:
        value = self.data.get(name, "")
        if not isinstance(value, str):
            self.problems.append(Flaw(f"{name} must be text", f"{name}应为文字"))
            return ""
        if len(value) > longest or _CONTROL.search(value):
            self.problems.append(
                Flaw(
                    f"{name}: at most {longest} characters, no control characters",
                    f"{name}不能超过{longest}字，也不能含控制字符",
                )
            )
        return value

    def day(self, name: str, *, empty: bool = False) -> date | None:
        value = self.data.get(name)
        if value in (None, "") and (empty or name not in self.data):
            return None
        return _day(value, name, self.problems)


def _days(listed: Any, problems: list[Flaw]) -> list[NoticeDay]:
    if not isinstance(listed, Iterable) or isinstance(listed, str | Mapping):
        problems.append(Flaw("days must be a list", "days应为列表"))
        return []
    days = []
    for number, entry in enumerate(listed, start=1):
        where = f"days {number}"
        if not isinstance(entry, Mapping) or set(entry) != set(DAY_FIELDS):
            fields = ", ".join(DAY_FIELDS)
            problems.append(Flaw(f"{where}: a day must have exactly {fields}", f"{where}：每一日应恰有{fields}"))
            continue
        on = _day(entry["date"], where, problems)
        if not isinstance(entry["working"], bool):
            what = f"{where} ({entry['date']})"
            problems.append(Flaw(f"{what}: working must be true or false", f"{what}：working应为true或false"))
        names = entry["name_zh"], entry["name_en"]
        if not all(isinstance(name, str) and len(name) <= 60 and not _CONTROL.search(name) for name in names):
            what = f"{where} ({entry['date']})"
            problems.append(
                Flaw(f"{what}: a name is text of at most 60 characters", f"{what}：名称应为不超过60字的文字")
            )
        if on is not None:
            days.append(NoticeDay(on, entry["working"] is True, str(names[0]), str(names[1])))
    return days


def _day(value: Any, where: str, problems: list[Flaw]) -> date | None:
    if type(value) is date:
        return value
    try:
        found = date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        problems.append(
            Flaw(
                f"{where}: {value!r} is not a date like 2026-01-31 ({error})",
                f"{where}：{value!r}不是2026-01-31这样的日期",
            )
        )
        return None
    if found.isoformat() != value:
        problems.append(
            Flaw(f"{where}: {value!r} is not a date like 2026-01-31", f"{where}：{value!r}不是2026-01-31这样的日期")
        )
    return found


def _json(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise CalendarError([Flaw(f"not JSON ({error})", f"不是有效的JSON（{error}）")]) from error
    if not isinstance(data, dict):
        raise CalendarError([Flaw("must be one JSON object", "应为一个JSON对象")])
    return data


def _csv(text: str, head: Mapping[str, Any]) -> Mapping[str, Any]:
    """The days of a CSV with the head beside it; it covers the whole year unless the head says otherwise."""
    problems: list[Flaw] = []
    days: list[dict[str, Any]] = []
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != CSV_COLUMNS:
            columns = ",".join(CSV_COLUMNS)
            raise CalendarError(
                [
                    Flaw(
                        f"neither a JSON object nor CSV with the columns {columns}",
                        f"既不是JSON对象，也不是列为{columns}的CSV",
                    )
                ]
            )
        for row in reader:
            if None in row or None in row.values():
                line = reader.line_num
                problems.append(Flaw(f"line {line}: wrong number of columns", f"第{line}行：列数不对"))
            elif row["working"] not in ("yes", "no"):
                line = reader.line_num
                problems.append(Flaw(f"line {line}: working must be yes or no", f"第{line}行：working应为yes或no"))
            else:
                days.append({**row, "working": row["working"] == "yes"})
    except csv.Error as error:
        raise CalendarError([Flaw(f"not CSV ({error})", f"不是有效的CSV（{error}）")]) from error
    if problems:
        raise CalendarError(problems)
    year = head.get("year")
    filled = {"issued_on": None, "provisional": False, "source": ""}
    if type(year) is int and 2000 <= year <= 2200:
        filled |= {"covered_from": f"{year}-01-01", "covered_until": f"{year}-12-31"}
    return {**filled, **{name: value for name, value in head.items() if value is not None}, "days": days}
