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

from transfers.rules.workdays import CalendarError, Notice, NoticeDay

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
        raise CalendarError([f"the file is longer than {MAX_CHARACTERS} characters"])
    text = text.removeprefix("\ufeff")
    data = _json(text) if text.lstrip().startswith("{") else _csv(text, head or {})
    return from_data(data)


def from_data(data: Mapping[str, Any]) -> Notice:
    """The notice that an object describes; dates are ISO text or dates. CalendarError lists every fault by place."""
    problems = [f"{name} is missing" for name in sorted(FIELDS - data.keys())]
    problems += [f"{name} is not known" for name in sorted(str(name) for name in data.keys() - FIELDS)]
    reader = _Reader(data, problems)
    year, version = reader.number("year", 2000, 2200), reader.number("version", 0, 9999)
    region = reader.text("region", 6)
    document, source = reader.text("document_number", 80), reader.text("source", 300)
    first, last, issued = reader.day("covered_from"), reader.day("covered_until"), reader.day("issued_on", empty=True)
    provisional = data.get("provisional")
    if not isinstance(provisional, bool):
        problems.append("provisional must be true or false")
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

    def __init__(self, data: Mapping[str, Any], problems: list[str]) -> None:
        self.data, self.problems = data, problems

    def number(self, name: str, least: int, most: int) -> int | None:
        value = self.data.get(name)
        if type(value) is not int:
            if name in self.data:
                self.problems.append(f"{name}: year and version must be whole numbers")
            return None
        if not least <= value <= most:
            self.problems.append(f"{name} must lie between {least} and {most}")
        return value

    def text(self, name: str, longest: int) -> str:
        value = self.data.get(name, "")
        if not isinstance(value, str):
            self.problems.append(f"{name} must be text")
            return ""
        if len(value) > longest or _CONTROL.search(value):
            self.problems.append(f"{name}: at most {longest} characters, no control characters")
        return value

    def day(self, name: str, *, empty: bool = False) -> date | None:
        value = self.data.get(name)
        if value in (None, "") and (empty or name not in self.data):
            return None
        return _day(value, name, self.problems)


def _days(listed: Any, problems: list[str]) -> list[NoticeDay]:
    if not isinstance(listed, Iterable) or isinstance(listed, str | Mapping):
        problems.append("days must be a list")
        return []
    days = []
    for number, entry in enumerate(listed, start=1):
        where = f"days {number}"
        if not isinstance(entry, Mapping) or set(entry) != set(DAY_FIELDS):
            problems.append(f"{where}: a day must have exactly {', '.join(DAY_FIELDS)}")
            continue
        on = _day(entry["date"], where, problems)
        if not isinstance(entry["working"], bool):
            problems.append(f"{where} ({entry['date']}): working must be true or false")
        names = entry["name_zh"], entry["name_en"]
        if not all(isinstance(name, str) and len(name) <= 60 and not _CONTROL.search(name) for name in names):
            problems.append(f"{where} ({entry['date']}): a name is text of at most 60 characters")
        if on is not None:
            days.append(NoticeDay(on, entry["working"] is True, str(names[0]), str(names[1])))
    return days


def _day(value: Any, where: str, problems: list[str]) -> date | None:
    if type(value) is date:
        return value
    try:
        found = date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        problems.append(f"{where}: {value!r} is not a date like 2026-01-31 ({error})")
        return None
    if found.isoformat() != value:
        problems.append(f"{where}: {value!r} is not a date like 2026-01-31")
    return found


def _json(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise CalendarError([f"not JSON ({error})"]) from error
    if not isinstance(data, dict):
        raise CalendarError(["must be one JSON object"])
    return data


def _csv(text: str, head: Mapping[str, Any]) -> Mapping[str, Any]:
    """The days of a CSV with the head beside it; it covers the whole year unless the head says otherwise."""
    problems: list[str] = []
    days: list[dict[str, Any]] = []
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != CSV_COLUMNS:
            raise CalendarError([f"neither a JSON object nor CSV with the columns {','.join(CSV_COLUMNS)}"])
        for row in reader:
            if None in row or None in row.values():
                problems.append(f"line {reader.line_num}: wrong number of columns")
            elif row["working"] not in ("yes", "no"):
                problems.append(f"line {reader.line_num}: working must be yes or no")
            else:
                days.append({**row, "working": row["working"] == "yes"})
    except csv.Error as error:
        raise CalendarError([f"not CSV ({error})"]) from error
    if problems:
        raise CalendarError(problems)
    year = head.get("year")
    filled = {"issued_on": None, "provisional": False, "source": ""}
    if type(year) is int and 2000 <= year <= 2200:
        filled |= {"covered_from": f"{year}-01-01", "covered_until": f"{year}-12-31"}
    return {**filled, **{name: value for name, value in head.items() if value is not None}, "days": days}
