"""Brings the reference tables in line with the data files: adds, updates, expires; never deletes.

What people keep in the console stays theirs: an agency's name, address and telephone once edited, policies and
notices that no file has, areas whose source is not ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

from django.db import connection, models, transaction

from transfers.memory import forget
from transfers.models import Agency, Area, CalendarNotice
from transfers.models import Policy as PolicyRow
from transfers.policies import hold_policies
from transfers.reference.files import AreaRow, PolicyFile, Reference, ReferenceDataError, policy_problems
from transfers.reference.notices import as_data
from transfers.rules.workdays import Calendar, Notice, local_date
from transfers.sla.calendars import notice_of

HOTLINE = "12393"  # the national medical-insurance hotline
_OWN_SOURCES = ("GB/T 2260", "医保区划")
_OWN_PHONE = re.compile(rf"(0[0-9]{{2,3}}-)?{HOTLINE}")
_LOCK = 0x4A58_5245  # "JXRE": one loading at a time

M = TypeVar("M", bound=models.Model)


@dataclass(slots=True)
class Tally:
    """What happened to the rows of one table."""

    what: str
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    expired: int = 0

    @property
    def touched(self) -> int:
        return self.created + self.changed + self.expired


@dataclass(slots=True)
class Loaded:
    """The outcome of a loading. `regions` are the areas whose calendar is not what it was before."""

    tallies: list[Tally] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)


def load(reference: Reference, *, now: datetime, tell: Callable[[Tally], None] | None = None) -> Loaded:
    """Load everything in one transaction; `tell` hears of each table as it is done.

    Running it again with the same files changes nothing. Two at once wait for each other.
    """
    loaded = Loaded()
    today = local_date(now)
    with transaction.atomic():
        hold()
        names = {area.code: agency_name(area.name, area.level) for area in Area.objects.all()}
        for tally in (
            _areas(reference.areas, today),
            _agencies(reference.areas, names, today),
            _calendars(reference.notices, now, loaded.regions),
            _policies(reference.policies, reference.areas, now),
        ):
            loaded.tallies.append(tally)
            if tell is not None:
                tell(tally)
        transaction.on_commit(forget)
    return loaded


def hold() -> None:
    """Wait for another loading to end, and let the next wait for ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def agency_name(area_name: str, level: str) -> str:
    """What an agency is called until somebody gives its proper name."""
    return "国家医疗保障经办机构" if level == "nation" else f"{area_name}医疗保障经办机构"


def agency_phone(dialling_code: str) -> str:
    """The hotline, as dialled from elsewhere when the area's dialling code is known."""
    return f"{dialling_code}-{HOTLINE}" if dialling_code else HOTLINE


def _areas(rows: Iterable[AreaRow], today: date) -> Tally:
    """Areas that our sources no longer have end today; those that people added under a source of their own stay."""
    wanted = {
        row.code: {
            "name": row.name,
            "short_name": row.short_name,
            "level": row.level,
            "parent_id": row.parent or None,
            "pooling": row.pooling,
            "pseudo": row.pseudo,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "source": row.source + (f"；由{row.successor}接续" if row.successor else ""),
        }
        for row in rows
    }
    tally = Tally("areas")
    known = {(area.code,): area for area in Area.objects.all()}
    gone = [
        area.code
        for area in known.values()
        if area.code not in wanted and area.valid_to is None and area.source.startswith(_OWN_SOURCES)
    ]
    _upsert(Area, ["code"], {(code,): values for code, values in wanted.items()}, known, tally)
    tally.expired = Area.objects.filter(code__in=gone).update(valid_to=today)
    return tally


def _agencies(rows: Iterable[AreaRow], names: Mapping[str, str], today: date) -> Tally:
    """One agency for the nation, each province and each pooling area; expired with its area.

    `names` are the names that we would have given before this loading: an agency that bears another keeps it.
    """
    tally = Tally("agencies")
    by_code = {row.code: row for row in rows}
    served = [row for row in by_code.values() if (row.pooling or row.level != "area") and not _over(row, today)]
    known = {agency.area_id: agency for agency in Agency.objects.all()}
    ids = {code: agency.pk for code, agency in known.items()}

    def above(row: AreaRow) -> int | None:
        code = row.parent
        while code and code not in ids:
            code = by_code[code].parent
        return ids.get(code)

    changed: list[Agency] = []
    for level in ("nation", "province", "area"):
        fresh = [
            Agency(
                area_id=row.code,
                parent_id=above(row),
                name=agency_name(row.name, row.level),
                phone=agency_phone(row.dialling_code),
            )
            for row in served
            if row.level == level and row.code not in known
        ]
        ids |= {agency.area_id: agency.pk for agency in Agency.objects.bulk_create(fresh)}
        tally.created += len(fresh)
    for row in served:
        agency = known.get(row.code)
        if agency is None:
            continue
        values: dict[str, Any] = {"parent_id": above(row), "valid_to": None}
        if agency.name == names.get(row.code):
            values["name"] = agency_name(row.name, row.level)
        if _OWN_PHONE.fullmatch(agency.phone):
            values["phone"] = agency_phone(row.dialling_code)
        if _set(agency, values):
            changed.append(agency)
            tally.changed += 1
        else:
            tally.unchanged += 1
    ended = {area.code: area.valid_to for area in Area.objects.filter(valid_to__isnull=False)}
    for code, agency in known.items():
        if code in ended and agency.valid_to is None:
            agency.valid_to = ended[code] or today
            changed.append(agency)
            tally.expired += 1
    if changed:
        Agency.objects.bulk_update(changed, ["parent", "name", "phone", "valid_to"], batch_size=500)
    return tally


def _calendars(notices: Iterable[Notice], now: datetime, regions: list[str]) -> Tally:
    tally = Tally("calendar notices")
    wanted: dict[tuple[Any, ...], dict[str, Any]] = {}
    known = {(row.area_id, row.year, row.version): row for row in CalendarNotice.objects.all()}
    for notice in notices:
        key = (notice.region, notice.year, notice.version)
        if key in known and known[key].loaded_by_id is not None:
            tally.unchanged += 1  # what people loaded stays theirs
        else:
            wanted[key] = row_values(notice)
    touched = _upsert(CalendarNotice, ["area_id", "year", "version"], wanted, known, tally, stamp={"loaded_at": now})
    regions += sorted({str(key[0]) for key in touched})
    # Together with what others have loaded they must still make calendars; CalendarError undoes the whole loading.
    stored = [notice_of(row) for row in CalendarNotice.objects.all()]
    for region in sorted({notice.region for notice in stored}):
        Calendar.from_notices(stored, regions=[region])
    return tally


def row_values(notice: Notice) -> dict[str, Any]:
    """The columns of a stored notice beside its region, year and version."""
    return {
        "document_number": notice.document_number,
        "issued_on": notice.issued_on,
        "covered_from": notice.covered_from,
        "covered_until": notice.covered_until,
        "provisional": notice.provisional,
        "days": as_data(notice)["days"],
        "source": notice.source,
    }


def _policies(policies: Iterable[PolicyFile], areas: Iterable[AreaRow], now: datetime) -> Tally:
    """Editions of the files, published as they are loaded.

    What people drafted stays theirs, under whatever version; so does the end of an edition that they have set.
    """
    hold_policies()
    tally = Tally("policies")
    known = {(row.area_id, row.version): row for row in PolicyRow.objects.all()}
    wanted: dict[tuple[Any, ...], dict[str, Any]] = {}
    result = {key: row.edition for key, row in known.items() if row.published_at is not None}
    for policy in policies:
        key = (policy.area, policy.version)
        row = known.get(key)
        if row is not None and row.drafted_by_id is not None:
            tally.unchanged += 1
            continue
        wanted[key] = {
            "valid_from": policy.valid_from,
            "valid_to": row.valid_to if row is not None and row.closed_by_id else _end(policy, row),
            "document_number": policy.document_number,
            "values": dict(policy.values),
            "source": policy.source,
            "published_at": row.published_at if row and row.published_at else now,
        }
        result[key] = replace(policy, valid_to=wanted[key]["valid_to"])
    # Together with what people have published they must still make sense; nothing at all is loaded otherwise.
    if problems := policy_problems(list(result.values()), {area.code: area for area in areas}):
        raise ReferenceDataError(problems)
    _upsert(PolicyRow, ["area_id", "version"], wanted, known, tally)
    return tally


def _end(policy: PolicyFile, row: PolicyRow | None) -> date | None:
    return policy.valid_to or (row.valid_to if row else None)


def _over(row: AreaRow, today: date) -> bool:
    return row.valid_to is not None and row.valid_to < today


def _upsert(
    model: type[M],
    key_names: list[str],
    wanted: Mapping[tuple[Any, ...], dict[str, Any]],
    known: Mapping[tuple[Any, ...], M],
    tally: Tally,
    *,
    stamp: Mapping[str, Any] | None = None,
) -> list[tuple[Any, ...]]:
    """Insert what is missing and update what differs, each in one statement; `stamp` is set on touched rows only.

    Returns the keys of the rows that were touched and adds to `tally`.
    """
    fresh: list[M] = []
    changed: list[M] = []
    touched: list[tuple[Any, ...]] = []
    for key, values in wanted.items():
        row = known.get(key)
        if row is None:
            fresh.append(model(**dict(zip(key_names, key, strict=True)), **values, **(stamp or {})))
        elif _set(row, values):
            _set(row, stamp or {})
            changed.append(row)
        else:
            tally.unchanged += 1
            continue
        touched.append(key)
    manager = model._default_manager
    if fresh:
        manager.bulk_create(fresh, batch_size=1000)
    if changed:
        names = [*next(iter(wanted.values())), *(stamp or {})]
        manager.bulk_update(changed, [name.removesuffix("_id") for name in names], batch_size=200)
    tally.created += len(fresh)
    tally.changed += len(changed)
    return touched


def _set(row: models.Model, values: Mapping[str, Any]) -> bool:
    """Set the attributes that differ; tell whether any did."""
    differing = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)
