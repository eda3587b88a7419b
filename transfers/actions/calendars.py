"""A notice of working days: what loading it would change, and loading it.

Loading stores the notice and nothing else: open clocks that count by an older calendar are then stale, and
`sla.recompute` moves them. So a notice is in force at once, however many clocks there are, and whatever happens next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction

from transfers.access import Actor
from transfers.memory import forget
from transfers.models import Area, CalendarNotice, Clock
from transfers.places import agency_of, lineage
from transfers.reference.loader import hold, row_values
from transfers.rules.errors import refusal
from transfers.rules.parties import Named, Role
from transfers.rules.workdays import NATION, Calendar, CalendarError, Flaw, Notice
from transfers.sla.calendars import calendars_with, stored_notices
from transfers.sla.recompute import Example, outlook

LEADS = (Role.SUPERVISOR, Role.HEAD)
EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class DayChange:
    """One day that would be counted otherwise."""

    date: date
    before: Named
    after: Named
    working: bool


@dataclass(slots=True)
class RegionOutlook:
    """What would become of the open clocks of one province's areas."""

    code: str
    name: str
    clocks: int = 0
    later: int = 0
    earlier: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Preview:
    """What loading `notice` would do. `replaces` is the tag of the notice in force for that region and year.

    `days` are counted otherwise than now; `firm` is how many days would no longer be provisional.
    """

    notice: Notice
    replaces: str
    days: list[DayChange]
    firm: int
    regions: list[RegionOutlook]

    @property
    def clocks(self) -> int:
        return sum(region.clocks for region in self.regions)

    @property
    def moving(self) -> int:
        return sum(region.later + region.earlier for region in self.regions)


def may_load(actor: Actor, region: str) -> bool:
    """Whether the actor leads the agency of the region or one above it."""
    agencies = [agency for code in lineage(region) if (agency := agency_of(code)) is not None]
    return any(actor.has(agency.pk, *LEADS) for agency in agencies)


def check_may_load(actor: Actor, region: str) -> None:
    """Refuse whoever may not load a notice for this region."""
    if not may_load(actor, region):
        raise refusal(
            "J-NOT-YOURS",
            what="载入工作日历",
            what_en="Load a calendar notice",
            who="该地区或其上级医保经办机构的主管或负责人",
            who_en="a supervisor or head of the agency of that region or one above it",
        )


def preview(notice: Notice) -> Preview:
    """What loading this notice would change; nothing is written. CalendarError lists every reason why it cannot be."""
    stored = stored_notices()
    _check(notice, stored)
    regional = _for_region(notice, [*stored, notice])
    current = _for_region(notice, stored) if _has_base(stored) else None
    areas = [code for code in _areas_with_clocks() if notice.region in lineage(code)]
    return Preview(
        notice=notice,
        replaces=next((s.tag for s in sorted(_same(notice, stored), key=_rank, reverse=True)), ""),
        days=_differences(current, regional, notice),
        firm=_firm(current, regional),
        regions=_by_province(calendars_with([*stored, notice], areas)),
    )


def load(notice: Notice, *, user_id: int | None, now: datetime) -> CalendarNotice:
    """Store a notice; from then on its days hold. CalendarError lists every reason why it cannot be."""
    with transaction.atomic():
        hold()
        _check(notice, stored_notices())
        row = CalendarNotice.objects.create(
            area_id=notice.region,
            year=notice.year,
            version=notice.version,
            loaded_at=now,
            loaded_by_id=user_id,
            **row_values(notice),
        )
        transaction.on_commit(forget)
    return row


# --- what speaks against it ---------------------------------------------------------------------------


def _check(notice: Notice, stored: Sequence[Notice]) -> None:
    """Everything that speaks against loading this notice, together."""
    problems = notice.problems()
    known = Area.objects.filter(pk=notice.region).exists()
    if not known:
        problems.append(Flaw(f"region: there is no area {notice.region}", f"没有{notice.region}这个地区"))
    same = _same(notice, stored)
    if same:
        highest = max(other.version for other in same)
        if notice.version <= highest:
            problems.append(
                Flaw(
                    f"version: {notice.tag} is not higher than {highest}, which has been loaded",
                    f"版本：{notice.tag}不高于已载入的第{highest}版",
                )
            )
        if notice.provisional and not all(other.provisional for other in same):
            problems.append(
                Flaw(
                    f"provisional: the notice of {notice.year} is out already",
                    f"{notice.year}年已有正式通知，不能再载入暂定的",
                )
            )
    if not problems:
        below = {other.region for other in stored if notice.region in lineage(other.region)}
        try:
            calendars_with([*stored, notice], {notice.region, *below})
        except CalendarError as error:
            problems += error.problems
    if problems:
        raise CalendarError(list(dict.fromkeys(problems)))


def _same(notice: Notice, stored: Sequence[Notice]) -> list[Notice]:
    return [other for other in stored if (other.region, other.year) == (notice.region, notice.year)]


def _rank(notice: Notice) -> tuple[bool, int]:
    return not notice.provisional, notice.version


def _has_base(stored: Sequence[Notice]) -> bool:
    return any(other.region == NATION for other in stored)


# --- what would change ----------------------------------------------------------------------------------


def _for_region(notice: Notice, notices: Sequence[Notice]) -> Calendar:
    return calendars_with(notices, [notice.region])[notice.region]


def _differences(current: Calendar | None, after: Calendar, notice: Notice) -> list[DayChange]:
    """Day by day; of a year that was not there at all, the days that the notice names."""
    nothing = Named("未收录", "not covered")
    known = current is not None and current.covered_from <= notice.covered_from and notice.covered_until <= current.last
    days = sorted(current.changes(after)) if known and current else [day.date for day in notice.days]
    return [
        DayChange(day, current.why(day) if known and current else nothing, after.why(day), after.is_working(day))
        for day in days
    ]


def _firm(current: Calendar | None, after: Calendar) -> int:
    if current is None:
        return 0
    first, last = max(current.covered_from, after.covered_from), min(current.last, after.last)
    days = (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))
    return sum(current.is_provisional(day) and not after.is_provisional(day) for day in days)


def _areas_with_clocks() -> list[str]:
    rows = Clock.objects.exclude(status=Clock.Status.STOPPED).values_list("area_id", flat=True)
    return list(rows.order_by("area_id").distinct())


def _by_province(calendars: dict[str, Calendar]) -> list[RegionOutlook]:
    """The outlook of the areas, by province, those that change most first."""
    provinces = {code: lineage(code)[1] if len(lineage(code)) > 1 else code for code in calendars}
    names = dict(Area.objects.filter(pk__in=set(provinces.values())).values_list("code", "name"))
    found: dict[str, RegionOutlook] = {}
    for line in outlook(calendars, examples=EXAMPLES):
        code = provinces[line.area]
        region = found.setdefault(code, RegionOutlook(code, names.get(code, code)))
        region.clocks += line.clocks
        region.later += line.later
        region.earlier += line.earlier
        region.examples += line.examples[: EXAMPLES - len(region.examples)]
    return sorted(found.values(), key=lambda region: (-(region.later + region.earlier), region.code))
