"""The inputs of a step's page: one widget a field of the move, and what was typed as `perform` takes it.

Answers about a sheet have many inputs. What is wrong with them comes back by place (`periods[2].to`) and is shown
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from accounts.mask import mask_name
from transfers.access import claimers
from transfers.documents.sheet import KINDS, LABELS
from transfers.models import Sheet, TransferCase
from transfers.models.labels import said
from transfers.models.moves import Field, Move
from transfers.places import area_of, areas_by_province, has_area
from transfers.rules.errors import Refusal
from transfers.rules.identity import Document
from transfers.rules.parties import Named, Scheme, Side
from transfers.selectors.circumstances import PARTS, place_named
from transfers.selectors.finance import lines_for

FIELD, NOTE = "field_", "doubt:"
MORE = "more"
"""The button that asks for more empty rows instead of taking the step."""
BLANK_ROWS = 3
ACCOUNT_KINDS = (
    ("1", Named("统账结合", "pooled, with a personal account")),
    ("2", Named("单建统筹", "pooled only, no personal account")),
    ("3", Named("住院统筹", "hospital only, no personal account")),
)
_COLUMNS = ("from", "to", "kind", "area")
_BLANK = dict.fromkeys(_COLUMNS, "")
# Kinds of fields that have a widget of their own.
_OWN = ("choice", "area", "member", "items", "changes", "line")
# Refusals that are about the only field of a kind.
_ABOUT = {
    "J-AREA": "area",
    "J-FORWARD-AREA": "area",
    "J-MEMBER": "member",
    "J-MEMBER-SAME": "member",
    "J-ACCOUNT": "account",
    "J-LINE-NONE": "line",
    "J-LINE-TAKEN": "line",
}


@dataclass(frozen=True, slots=True)
class Widget:
    """One field with its choices, what is in it, and what is wrong with it."""

    field: Field
    value: Any
    problem: Named | None = None
    options: Any = ()

    @property
    def template(self) -> str:
        kind = self.field.kind if self.field.kind in _OWN else "text"
        return f"console/fields/{kind}.html"


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the sheet that may be doubted, with what it says."""

    code: str
    named: Named
    shown: str
    picked: bool
    note: str
    problems: list[Named] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """One contribution period as it is typed. `dropped`: it shall not stand in the corrected sheet."""

    number: int
    values: Mapping[str, str]
    dropped: bool
    problems: list[Named] = field(default_factory=list)


def newest(case: TransferCase, *, sealed: bool) -> Sheet | None:
    """The newest version of the sheet, or the newest that is sealed."""
    sheets = Sheet.objects.filter(case=case)
    return (sheets.filter(sealed_at__isnull=False) if sealed else sheets).order_by("-version").first()


def answers(posted: QueryDict, move: Move) -> dict[str, Any]:
    """What was typed, as `perform` takes it."""
    data: dict[str, Any] = {key.removeprefix(FIELD): str(posted[key]) for key in posted if key.startswith(FIELD)}
    for asked in move.fields:
        if asked.kind == "items":
            data[asked.name] = _doubts(posted)
        elif asked.kind == "changes":
            data[asked.name] = _changes(posted)
    return data


def widgets(case: TransferCase, move: Move, posted: QueryDict, error: Refusal | None) -> list[Widget]:
    """The inputs of a step, with what was typed and what is wrong with it."""
    found = []
    for asked in move.fields:
        value = _text(posted, f"{FIELD}{asked.name}")
        problem = _problem(asked, error)
        match asked.kind:
            case "choice":
                found.append(Widget(asked, value, problem, asked.options))
            case "area":
                found.append(Widget(asked, value, problem, areas_by_province()))
            case "member":
                colleagues = {row.user.username: str(row.user) for row in claimers(case.holder_id, Side(case.acts))}
                others = [(name, named) for name, named in colleagues.items() if name != _owner(case)]
                found.append(Widget(asked, value, problem, others))
            case "line":
                found.append(Widget(asked, value, problem, lines_for(case)))
            case "items":
                found.append(Widget(asked, _places(case, posted, error), problem))
            case "changes":
                found.append(Widget(asked, _form(case, posted, error), problem, areas_by_province()))
            case _:
                found.append(Widget(asked, value, problem))
    return found


def _text(posted: QueryDict, name: str) -> str:
    return str(posted.get(name, ""))


def _owner(case: TransferCase) -> str:
    return case.owner.username if case.owner else ""


def _problem(asked: Field, error: Refusal | None) -> Named | None:
    if error is None:
        return None
    if error.code == "J-FIELD" and error.details.get("name") == asked.name:
        return Named(error.details["problem"], error.details["problem_en"])
    return Named(error.zh, error.en) if _ABOUT.get(error.code) == asked.kind else None


def _listed(error: Refusal | None) -> dict[str, Named]:
    """What is wrong, by place."""
    problems = error.details.get("problems", {}) if error else {}
    return {place: Named(words["zh"], words["en"]) for place, words in problems.items()}


# --- places of the sheet that are in doubt -------------------------------------------------------------


def _doubts(posted: QueryDict) -> list[dict[str, str]]:
    """Every place that was ticked, or that has a note."""
    noted = [key.removeprefix(NOTE) for key in posted if key.startswith(NOTE) and str(posted[key]).strip()]
    places = dict.fromkeys([*posted.getlist("doubt"), *noted])
    return [{"field": place, "note": _text(posted, f"{NOTE}{place}")} for place in places]


def _places(case: TransferCase, posted: QueryDict, error: Refusal | None) -> list[Place]:
    """The sheet as a whole, its fields, its periods."""
    sheet = newest(case, sealed=True)
    content: dict[str, Any] = sheet.content if sheet else {"periods": []}
    given = {item["field"]: item["note"] for item in _doubts(posted)}
    problems: dict[str, list[Named]] = {}
    for place, words in _listed(error).items():
        index = place.partition("[")[2].partition("]")[0]
        sent = list(given)[int(index)] if index.isdigit() and int(index) < len(given) else ""
        problems.setdefault(sent, []).append(words)
    shown = {"sheet": "", "name": mask_name(str(content.get("name", ""))), "account_kind": ""}
    for number, row in enumerate(content["periods"]):
        area = _area(row["area"])
        shown[f"periods[{number}]"] = f"{row['from']} – {row['to']} · {said(KINDS[row['kind']])} · {area}"
    shown |= {name: _words(name, content.get(name, "")) for name in LABELS if name != "name"}
    return [
        Place(place, place_named(place), text, place in given, given.get(place, ""), problems.get(place, []))
        for place, text in shown.items()
    ]


def _area(code: str) -> str:
    """An area by name; a code of old that nobody knows any more stays a code."""
    return area_of(code).full_name if has_area(code) else code


def _words(name: str, value: Any) -> str:
    """A value of the sheet as people read it."""
    match name:
        case "outbound_area" | "inbound_area":
            return _area(value)
        case "outbound_scheme" | "inbound_scheme":
            return said(Scheme(value).named) if value else ""
        case "identity_type":
            return said(Document(value).named) if value else ""
        case "account_kind":
            return said(dict(ACCOUNT_KINDS)[value]) if value else ""
        case "balance_fen":
            return f"{(value or 0) / 100:,.2f}"
    return str(value)


# --- what a corrected sheet shall say ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Correcting:
    """The form of a correction: the fields that may be corrected, and every period with empty rows behind."""

    name: str
    masked: str
    account_kind: str
    rows: list[Row]
    kinds: list[tuple[str, Named]]
    account_kinds: list[tuple[str, Named]]
    problems: Mapping[str, Named]
    rest: list[tuple[Named, Named]]


def _changes(posted: QueryDict) -> dict[str, Any]:
    """Name, kind of account and the whole list of periods, as typed; nothing when the form was not there.

    A name left empty stays as it is: the form does not show it in full.
    """
    if "change_name" not in posted:
        return {}
    changes: dict[str, Any] = {}
    if name := _text(posted, "change_name").strip():
        changes["name"] = name
    if kind := _text(posted, "change_account_kind"):
        changes["account_kind"] = kind
    changes["periods"] = [dict(row.values) for row in _typed(posted) if _kept(row)]
    return changes


def _typed(posted: QueryDict) -> list[Row]:
    columns = [[text.strip() for text in posted.getlist(f"period_{name}")] for name in _COLUMNS]
    dropped = set(posted.getlist("period_drop"))
    return [
        Row(number, dict(zip(_COLUMNS, values, strict=True)), str(number) in dropped)
        for number, values in enumerate(zip(*columns, strict=False), start=1)
    ]


def _kept(row: Row) -> bool:
    """Whether the row shall stand: not dropped, and not left empty."""
    return not row.dropped and any(row.values[name] for name in ("from", "to", "area"))


def _form(case: TransferCase, posted: QueryDict, error: Refusal | None) -> Correcting:
    """What was typed; at first, what the newest version says: a correction that was sent back is gone on with."""
    sheet = newest(case, sealed=False)
    content: dict[str, Any] = sheet.content if sheet else {"name": case.name, "account_kind": "", "periods": []}
    typed = "change_name" in posted
    rows = _typed(posted) if typed else _standing(content)
    problems = _listed(error)
    kept = [row for row in rows if _kept(row)]
    for place, words in problems.items():
        index = place.removeprefix("periods[").partition("]")[0]
        if place.startswith("periods[") and index.isdigit() and int(index) < len(kept):
            part = PARTS.get(place.rpartition(".")[2])
            told = Named(f"{part.zh}：{words.zh}", f"{part.en}: {words.en}") if part else words
            kept[int(index)].problems.append(told)
    filled = [row for row in rows if row.dropped or _kept(row)]
    blank = BLANK_ROWS + (len(rows) - len(filled) if MORE in posted else 0)
    filled += [Row(len(filled) + n, dict(_BLANK), dropped=False) for n in range(1, blank + 1)]
    return Correcting(
        name=_text(posted, "change_name"),
        masked=mask_name(content["name"]),
        account_kind=_text(posted, "change_account_kind") if typed else content["account_kind"],
        rows=[Row(number, row.values, row.dropped, row.problems) for number, row in enumerate(filled, start=1)],
        kinds=list(KINDS.items()),
        account_kinds=list(ACCOUNT_KINDS),
        problems={place: words for place, words in problems.items() if not place.startswith("periods[")},
        rest=[
            (place_named(place), words)
            for place, words in problems.items()
            if place not in ("name", "account_kind") and not place.startswith("periods[")
        ],
    )


def _standing(content: Mapping[str, Any]) -> list[Row]:
    return [
        Row(number, {name: row[name] for name in _COLUMNS}, dropped=False)
        for number, row in enumerate(content["periods"], start=1)
    ]
