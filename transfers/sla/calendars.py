"""The working-day calendar of an area, from the notices in the database."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from transfers.memory import remembered
from transfers.models import CalendarNotice
from transfers.places import lineage
from transfers.rules.workdays import Calendar, Notice, NoticeDay


def calendar_for(area_code: str) -> Calendar:
    """The nation's calendar with the overlays of the area's ancestors, the nearest one last."""
    overlaid = _notices()
    return _built(tuple(code for code in lineage(area_code) if code in overlaid))


@remembered
def _notices() -> dict[str, list[Notice]]:
    """Every notice, by the area that it is for."""
    notices: dict[str, list[Notice]] = defaultdict(list)
    for row in CalendarNotice.objects.all():
        notices[row.area_id].append(notice_of(row))
    return notices


@remembered
def _built(codes: tuple[str, ...]) -> Calendar:
    """One calendar for all areas that share their overlays; `codes` begins with the nation."""
    notices = _notices()
    return Calendar.from_notices([notice for code in codes for notice in notices[code]], regions=codes[1:])


def notice_of(row: CalendarNotice) -> Notice:
    """A stored notice as the rules know it."""
    return Notice(
        region=row.area_id,
        year=row.year,
        version=row.version,
        document_number=row.document_number,
        covered_from=row.covered_from,
        covered_until=row.covered_until,
        provisional=row.provisional,
        issued_on=row.issued_on,
        source=row.source,
        days=tuple(
            NoticeDay(
                date=date.fromisoformat(day["date"]), working=day["working"], zh=day["name_zh"], en=day["name_en"]
            )
            for day in row.days
        ),
    )
