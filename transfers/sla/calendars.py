"""The working-day calendar of an area, from the notices in the database; and the edition that a clock counts by.

`calendar_for` is what holds now. An edition is such a calendar kept for good (`CalendarEdition`): a clock is stamped
with one when it starts and counts by it until it is recomputed, so that what a day was when it was counted can always
be said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from django.db import transaction
from django.utils import timezone

from transfers.memory import remembered, shelf
from transfers.models import CalendarEdition, CalendarNotice, Clock
from transfers.places import lineage
from transfers.rules.workdays import NATION, Calendar, Notice, NoticeDay

HORIZON_DAYS = 60
"""Below so many working days under official notices the horizon alarm sounds."""
_editions: dict[bytes, int] = shelf()


def calendar_for(area_code: str) -> Calendar:
    """The nation's calendar with the overlays of the area's ancestors, the nearest one last."""
    return _built(_overlays(area_code))


def edition_for(area_code: str) -> int:
    """The key of the edition that holds now in an area; stored when it is new."""
    calendar = calendar_for(area_code)
    found = _editions.get(calendar.digest)
    if found is None:
        row, _created = CalendarEdition.objects.get_or_create(
            digest=calendar.digest, defaults={"content": calendar.as_data(), "made_at": timezone.now()}
        )
        found = row.pk
        # Remembered only once it is there for everybody: this transaction may yet be rolled back.
        transaction.on_commit(lambda: _editions.setdefault(calendar.digest, row.pk))
    return found


@lru_cache(maxsize=256)
def edition(edition_id: int) -> Calendar:
    """A calendar as it was kept. Rows never change, so this is remembered for good."""
    return Calendar.from_data(CalendarEdition.objects.values_list("content", flat=True).get(pk=edition_id))


def calendar_of(clock: Clock) -> Calendar:
    """The calendar that a clock counts by; what holds now for one that was never stamped."""
    return edition(clock.calendar_id) if clock.calendar_id else calendar_for(clock.area_id)


def calendars_with(notices: Iterable[Notice], areas: Iterable[str]) -> dict[str, Calendar]:
    """What the calendars of these areas would be if `notices` were all that there is. Raises CalendarError."""
    by_region = by_area(notices)
    built: dict[tuple[str, ...], Calendar] = {}
    found: dict[str, Calendar] = {}
    for area in areas:
        codes = tuple(code for code in lineage(area) if code in by_region)
        if codes not in built:
            built[codes] = _build(codes, by_region)
        found[area] = built[codes]
    return found


def horizons(today: date) -> dict[str, int]:
    """Region with notices -> working days after `today` that official notices cover, the nation's first."""
    regions = sorted(_notices(), key=lambda code: (code != NATION, code))
    return {region: calendar_for(region).official_days_after(today) for region in regions}


def short_horizons(today: date) -> dict[str, int]:
    """The regions whose horizon is below the limit, with the working days that are left."""
    return {region: days for region, days in horizons(today).items() if days < HORIZON_DAYS}


def stored_notices() -> list[Notice]:
    """Every notice in the database as it is now, remembered by nobody."""
    return [notice_of(row) for row in CalendarNotice.objects.all()]


def by_area(notices: Iterable[Notice]) -> dict[str, list[Notice]]:
    """Notices by the area that they are for."""
    found: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        found[notice.region].append(notice)
    return found


@remembered
def _overlays(area_code: str) -> tuple[str, ...]:
    """The regions whose notices make an area's calendar, the nation first."""
    overlaid = _notices()
    return tuple(code for code in lineage(area_code) if code in overlaid)


@remembered
def _notices() -> dict[str, list[Notice]]:
    """Every notice, by the area that it is for."""
    return by_area(stored_notices())


@remembered
def _built(codes: tuple[str, ...]) -> Calendar:
    """One calendar for all areas that share their overlays; `codes` begins with the nation."""
    return _build(codes, _notices())


def _build(codes: tuple[str, ...], notices: Mapping[str, list[Notice]]) -> Calendar:
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
