"""Reads the data files of this folder into plain values, and says everything that is wrong with them at once.

Pure but for reading the files: no Django, no database (that is `loader.py`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from transfers.reference import notices
from transfers.rules.editions import Edition, clashing, layers, troubles
from transfers.rules.errors import Refusal
from transfers.rules.policy import Policy, PolicyError, check, resolve
from transfers.rules.workdays import NATION, Calendar, CalendarError, Notice

FOLDER = Path(__file__).resolve().parent
LEVELS = ("nation", "province", "area")
AREA_COLUMNS = (
    "code",
    "name",
    "short_name",
    "level",
    "parent",
    "pooling",
    "pseudo",
    "dialling_code",
    "valid_from",
    "valid_to",
    "successor",
    "source",
)
POLICY_FIELDS = frozenset({"area", "version", "valid_from", "valid_to", "document_number", "values", "source"})


class ReferenceDataError(Refusal):
    """The data files cannot be used. `problems` lists every fault with its file and line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        said = "; ".join(self.problems)
        super().__init__(
            "J-REFERENCE",
            f"基础数据有误，未载入：{said}",
            f"The reference data is not valid and was not loaded: {said}",
            details={"problems": list(self.problems)},
        )


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One line of areas.csv. `successor` is the area that took over when `valid_to` passed."""

    code: str
    name: str
    short_name: str
    level: str
    parent: str
    pooling: bool
    pseudo: bool
    dialling_code: str
    valid_from: date | None
    valid_to: date | None
    successor: str
    source: str


@dataclass(frozen=True, slots=True)
class PolicyFile(Edition):
    """One edition of one area's policy: `values` holds only what differs from the area above.

    `source` says what the values rest on, and what could not be checked.
    """

    source: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything that the folder holds, checked."""

    areas: tuple[AreaRow, ...]
    notices: tuple[Notice, ...]
    policies: tuple[PolicyFile, ...]


def read(folder: Path = FOLDER) -> Reference:
    """Read and check the whole folder. Raises ReferenceDataError with every problem of every file."""
    problems: list[str] = []
    areas = _collect(problems, read_areas, folder / "areas.csv")
    found = [n for p in sorted((folder / "calendars").glob("*.json")) for n in _collect(problems, read_notice, p)]
    policies = [p for f in sorted((folder / "policies").glob("*.json")) for p in _collect(problems, read_policy, f)]
    policies.sort(key=lambda policy: (policy.area, policy.version))
    codes = {area.code for area in areas}
    if codes:
        problems += [f"{n.tag}: there is no area {n.region}" for n in found if n.region not in codes]
        problems += [f"policy {p.area} v{p.version}: there is no such area" for p in policies if p.area not in codes]
    if found:
        by_code = {area.code: area for area in areas}
        for region in sorted({notice.region for notice in found if notice.region in codes}):
            try:
                Calendar.from_notices(found, regions=ancestry(region, by_code))
            except CalendarError as error:
                problems += [f"calendar of {region}: {problem}" for problem in error.problems]
    if codes and not problems:
        problems += policy_problems(policies, {area.code: area for area in areas})
    if problems:
        raise ReferenceDataError(list(dict.fromkeys(problems)))
    return Reference(tuple(areas), tuple(found), tuple(policies))


def ancestry(code: str, areas: Mapping[str, AreaRow]) -> list[str]:
    """The codes from the nation down to `code`, itself included."""
    chain: list[str] = []
    while code and code not in chain:
        chain.append(code)
        code = areas[code].parent if code in areas else ""
    return chain[::-1]


def policy_problems(policies: Sequence[Edition], areas: Mapping[str, AreaRow]) -> list[str]:
    """What is wrong with editions side by side: two of one area on one day, or values that contradict those above."""
    problems: list[str] = []
    sound: list[Edition] = []
    for policy in policies:
        clashes = clashing(policy, sound)
        problems += [f"policy {policy.area} v{policy.version}: overlaps v{other.version}" for other in clashes]
        if not clashes:
            sound.append(policy)
    first = min((policy.valid_from for policy in sound), default=date.max)
    for trouble in troubles(NATION, first, None, sound, lambda code: ancestry(code, areas)):
        nearest = trouble.editions[-1]
        problems += [
            f"policy {nearest.area} v{nearest.version} in {trouble.area} on {trouble.on}: {name}: {text.en}"
            for name, text in trouble.error.problems.items()
        ]
    return problems


def resolved(policies: Sequence[Edition], code: str, areas: Mapping[str, AreaRow], on: date) -> Policy:
    """What the files say for an area on a day."""
    return resolve([edition.values for edition in layers(policies, ancestry(code, areas), on)])


def read_areas(path: Path) -> list[AreaRow]:
    """The rows of areas.csv. Raises ReferenceDataError with every fault: codes, parents, levels, dates, names."""
    problems: list[str] = []
    rows: list[AreaRow] = []
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            if tuple(reader.fieldnames or ()) != AREA_COLUMNS:
                raise ReferenceDataError([f"{path.name}: the columns must be {','.join(AREA_COLUMNS)}"])
            for line in reader:
                row = _area(line, f"{path.name} line {reader.line_num}", problems)
                if row is not None:
                    rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ReferenceDataError([f"{path.name}: not CSV in UTF-8 ({error})"]) from error
    by_code: dict[str, AreaRow] = {}
    for row in rows:
        if row.code in by_code:
            problems.append(f"{path.name}: {row.code} is listed twice")
        by_code[row.code] = row
    if NATION not in by_code:
        problems.append(f"{path.name}: the nation {NATION} is missing")
    for row in rows:
        if row.level == "nation":
            if row.code != NATION or row.parent:
                problems.append(f"{path.name}: {row.code} cannot be the nation")
            continue
        parent = by_code.get(row.parent)
        if parent is None:
            problems.append(f"{path.name}: {row.code} has no parent {row.parent or '(empty)'}")
        elif row.level == "province" and parent.level != "nation":
            problems.append(f"{path.name}: {row.code} is a province, so its parent must be the nation")
        elif row.level == "area" and parent.level == "nation":
            problems.append(f"{path.name}: {row.code} must lie below a province")
        if len(ancestry(row.code, by_code)) > 4 or ancestry(row.code, by_code)[0] != NATION:
            problems.append(f"{path.name}: {row.code} does not lead up to the nation")
        if row.pooling and row.level != "area":
            problems.append(f"{path.name}: {row.code} is a {row.level}, so it cannot be a pooling area")
        if row.successor and (row.valid_to is None or row.successor not in by_code):
            problems.append(f"{path.name}: {row.code} names the successor {row.successor} wrongly")
    if problems:
        raise ReferenceDataError(problems)
    return rows


def _area(line: dict[str | None, Any], where: str, problems: list[str]) -> AreaRow | None:
    """One row, or None with the reasons added to `problems`."""
    before = len(problems)
    if None in line or None in line.values():
        problems.append(f"{where}: wrong number of columns")
        return None
    text = {str(name): str(value) for name, value in line.items()}
    for name, value in text.items():
        if value != value.strip() or "  " in value:
            problems.append(f"{where}: {name} has stray spaces")
    code = text["code"]
    if not (len(code) == 6 and code.isascii() and code.isdigit()):
        problems.append(f"{where}: {code!r} is not a code of six digits")
    if not text["name"] or not text["short_name"] or not text["source"]:
        problems.append(f"{where}: name, short_name and source must not be empty")
    if text["level"] not in LEVELS:
        problems.append(f"{where}: level must be one of {', '.join(LEVELS)}")
    flags = {}
    for name in ("pooling", "pseudo"):
        if text[name] not in ("yes", "no"):
            problems.append(f"{where}: {name} must be yes or no")
        flags[name] = text[name] == "yes"
    dates: dict[str, date | None] = {}
    for name in ("valid_from", "valid_to"):
        dates[name] = None
        if text[name]:
            try:
                dates[name] = date.fromisoformat(text[name])
            except ValueError:
                problems.append(f"{where}: {name} must be a date like 2026-01-31")
    if dates["valid_from"] and dates["valid_to"] and dates["valid_to"] < dates["valid_from"]:
        problems.append(f"{where}: valid_to lies before valid_from")
    if len(problems) > before:
        return None
    return AreaRow(
        code=code,
        name=text["name"],
        short_name=text["short_name"],
        level=text["level"],
        parent=text["parent"],
        pooling=flags["pooling"],
        pseudo=flags["pseudo"],
        dialling_code=text["dialling_code"],
        valid_from=dates["valid_from"],
        valid_to=dates["valid_to"],
        successor=text["successor"],
        source=text["source"],
    )


def read_notice(path: Path) -> list[Notice]:
    """The notice of one calendar file (a list of one, for `read`). Raises ReferenceDataError with every fault."""
    try:
        return [notices.from_data(_object(path, notices.FIELDS))]
    except CalendarError as error:
        raise ReferenceDataError([f"{path.name}: {problem}" for problem in error.problems]) from error


def read_policy(path: Path) -> list[PolicyFile]:
    """The edition of one policy file (a list of one, for `read`). Raises ReferenceDataError with every fault."""
    data = _object(path, POLICY_FIELDS)
    try:
        if not isinstance(data["values"], dict):
            raise ValueError("values must be an object")
        check(data["values"])
        read = [
            PolicyFile(
                area=str(data["area"]),
                version=int(data["version"]),
                valid_from=_date(data["valid_from"]),
                valid_to=_date(data["valid_to"]) if data["valid_to"] else None,
                document_number=str(data["document_number"]),
                values=data["values"],
                source=str(data["source"]),
            )
        ]
        if read[0].valid_to is not None and read[0].valid_to < read[0].valid_from:
            raise ValueError("valid_to lies before valid_from")
        return read
    except PolicyError as error:
        raise ReferenceDataError(
            [f"{path.name}: {name}: {text.en}" for name, text in error.problems.items()]
        ) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ReferenceDataError([f"{path.name}: {error}"]) from error


def _object(path: Path, names: frozenset[str]) -> dict[str, Any]:
    """The JSON object in a file, which must have exactly these members."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ReferenceDataError([f"{path.name}: not JSON ({error})"]) from error
    if not isinstance(data, dict):
        raise ReferenceDataError([f"{path.name}: must be one JSON object"])
    problems = [f"{path.name}: {name} is missing" for name in sorted(names - data.keys())]
    problems += [f"{path.name}: {name} is not known" for name in sorted(data.keys() - names)]
    if problems:
        raise ReferenceDataError(problems)
    return data


def _date(value: str | date) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _collect(problems: list[str], reader: Any, path: Path) -> list[Any]:
    """What `reader` gives for `path`; its problems are added to the list instead of raised."""
    try:
        result: list[Any] = reader(path)
    except ReferenceDataError as error:
        problems += error.problems
        return []
    except OSError as error:
        problems.append(f"{path.name}: cannot be read ({error.strerror})")
        return []
    return result
