"""Clarification (核对存疑、纠错): the inbound side doubts places of the sheet, the outbound side answers.

The answer is a new version of the sheet, prepared, reviewed and sealed like the first, or the word of a reviewer that
the sheet is right. A sealed version never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transfers.actions.effects import Context, Effect, effect
from transfers.actions.inbound import sealed_sheet
from transfers.actions.outbound import draft_sheet, drafted, seal_sheet, write_sheets
from transfers.documents.sheet import LABELS, corrected, difference, sheet_refusal
from transfers.models import Sheet
from transfers.places import has_area
from transfers.rules.errors import refusal
from transfers.rules.parties import Named
from transfers.rules.text import has_control

ITEMS_MAX, NOTE_MAX = 40, 200


@effect("raise_query")
def raise_query(context: Context) -> Effect:
    """Name the places of the sheet that are in doubt, each with what is wrong with it."""
    sheet = Sheet.objects.filter(case=context.case, sealed_at__isnull=False).latest("version")
    return Effect({"sheet": sheet.version, "items": _items(context.step.data["items"], sheet.content)})


def _items(raw: list[Any], content: dict[str, Any]) -> list[dict[str, str]]:
    """The doubts, or J-ITEMS with every one that does not stand, by its place in the list."""
    places = {"sheet", *LABELS, *_rows(content)}
    problems: dict[str, dict[str, str]] = {}
    items = []
    for index, item in enumerate(raw):
        place, note = (item.get("field"), item.get("note")) if isinstance(item, dict) else (None, None)
        if not isinstance(place, str) or place not in places:
            problems[f"items[{index}].field"] = {"zh": "信息表没有这一栏", "en": "the sheet has no such place"}
        if not isinstance(note, str) or not 0 < len(note.strip()) <= NOTE_MAX or has_control(note):
            problems[f"items[{index}].note"] = {
                "zh": f"请说明疑问，不超过{NOTE_MAX}字",
                "en": f"say what is in doubt, in at most {NOTE_MAX} characters",
            }
        if not problems:
            items.append({"field": str(place), "note": str(note).strip()})
    if len(raw) > ITEMS_MAX:
        problems["items"] = {"zh": f"最多{ITEMS_MAX}项", "en": f"at most {ITEMS_MAX} places"}
    if problems:
        raise refusal("J-ITEMS", problems=problems)
    return items


def _rows(content: dict[str, Any]) -> Iterator[str]:
    for index in range(len(content["periods"])):
        yield f"periods[{index}]"
        yield from (f"periods[{index}].{name}" for name in ("from", "to", "months", "kind", "area"))


@effect("prepare_correction")
def prepare_correction(context: Context) -> Effect:
    """Draft the next version of the sheet with what shall stand there; the difference goes into the event."""
    before = sealed_sheet(context).content
    content = corrected(before, context.step.data["changes"])
    _require_areas(before, content)
    sheet = draft_sheet(context, content)
    changes = [{"field": c.path, "old": c.old, "new": c.new} for c in difference(before, content)]
    return Effect({"sheet": sheet.version, "changes": changes}, writes=((write_sheets, sheet),))


def _require_areas(before: dict[str, Any], content: dict[str, Any]) -> None:
    """Refuse a period in an area that there is not; a code of old that stood in the sheet before may stay."""
    known = {row["area"] for row in before["periods"]}
    problems = {
        f"periods[{index}].area": Named("没有这个统筹区", "there is no such area")
        for index, row in enumerate(content["periods"])
        if row["area"] not in known and not has_area(row["area"])
    }
    if problems:
        raise sheet_refusal(problems)


@effect("approve_correction")
def approve_correction(context: Context) -> Effect:
    """Seal the corrected version; it takes the place of the one before."""
    sheet = drafted(context)
    seal_sheet(context, sheet)
    return Effect({"sheet": sheet.version}, writes=((write_sheets, sheet),))
