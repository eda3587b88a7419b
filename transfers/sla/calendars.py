"""The working-day calendar of an area, from the notices in the database."""

from __future__ import annotations

from datetime import date

from transfers.memory import remembered
from transfers.models import CalendarNotice
from transfers.policies import lineage
from transfers.rules.workdays import Calendar, Notice, NoticeDay


@remembered
def calendar_for(area_code: str) -> Calendar:
    """The nation's calendar with the overlays of the area's ancestors, the nearest one last."""
    return _calendar(lineage(area_code))


@remembered
def _calendar(codes: tuple[str, ...]) -> Calendar:
    rows = CalendarNotice.objects.filter(area__in=codes)
    overlaid = {row.area_id for row in rows}
    return _built(tuple(code for code in codes if code in overlaid))


@remembered
def _built(codes: tuple[str, ...]) -> Calendar:
    """One calendar for all areas that share their overlays."""
    return Calendar.from_notices(
        [notice_of(row) for row in CalendarNotice.objects.filter(area__in=codes)], regions=codes[1:]
    )


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
