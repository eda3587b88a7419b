"""One world from beginning to end: set up, lived through, looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from simulate.country import Country, paces
from simulate.offices import LIMITED, agencies, bank_of, overlook, publish, staffed
from simulate.population import Population, by_day, shares
from transfers.models import Partner, TransferCase
from transfers.places import has_area, lineage
from transfers.rules.workdays import NATION
from transfers.sla.calendars import calendar_for

START = date(2026, 1, 12)
BEFORE = timedelta(days=30)
"""For how long the policies have been in force when the first day begins."""
PLATFORM = "模拟平台"
Shortened = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked for. `shortened`: code of an area or a province -> the switches that differ there."""

    areas: int
    days: int
    per_day: int
    seed: int
    first: date = START
    shortened: Shortened = field(default_factory=dict)


def values_for(code: str, n: int, shortened: Shortened) -> dict[str, Any]:
    """What the policy of an area says beside what all have: every other one has limits for the money."""
    values: dict[str, Any] = dict(LIMITED) if n % 2 else {}
    for above in lineage(code):
        values |= shortened.get(above, {})
    return values


def live(scenario: Scenario, *, tell: Callable[[str], None] = lambda _text: None) -> tuple[Country, datetime]:
    """Live through it on the database that Django is set up on, which must hold no case; and the instant of its end.

    ValueError where it holds some, and where there is no such area.
    """
    if TransferCase.objects.exists():
        raise ValueError("this database holds cases already")
    if unknown := [code for code in scenario.shortened if not has_area(code)]:
        raise ValueError(f"there is no area {unknown[0]}")
    chosen = agencies(scenario.areas)
    days = [scenario.first + timedelta(days=n) for n in range(scenario.days)]
    values = {agency.area_id: values_for(agency.area_id, n, scenario.shortened) for n, agency in enumerate(chosen)}
    publish(chosen, values, since=scenario.first - BEFORE)
    offices = list(staffed(chosen, shared=True))
    offices.sort(key=lambda office: office.area)
    overlook(chosen)
    calendar = calendar_for(NATION)
    arrivals = by_day(days, scenario.per_day, calendar)
    rng = Random(f"{scenario.seed}:agencies")
    share = shares(offices, rng)
    load = sum(arrivals.values()) / max(1, sum(calendar.is_working(day) for day in days))
    platform = Partner.objects.create(name=PLATFORM, key_hash=bytes(32), scopes=[Partner.APPLY])
    country: Country = Country(
        offices,
        bank_of(offices, {}, Random(f"{scenario.seed}:bank"), on=scenario.first),
        population=Population(offices, share, scenario.seed),
        pace=paces(offices, share, load, rng),
        platform=platform,
        tell=tell,
    )
    return country, country.run(arrivals)
