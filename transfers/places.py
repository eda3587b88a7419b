"""Areas and agencies, from memory: they are on every page and in every letter, and change a few times a year."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db.models import Q

from transfers.memory import remembered
from transfers.models import Agency, Area, BankAccount, TransferCase
from transfers.rules.bank import AccountState


@remembered
def _areas() -> dict[str, Area]:
    """Every area by its code, each with the one above it attached."""
    areas = {area.code: area for area in Area.objects.all()}
    for area in areas.values():
        area.parent = areas.get(area.parent_id or "")
    return areas


@remembered
def _agencies() -> dict[int, Agency]:
    """Every agency by its key, with its area attached."""
    agencies = {agency.pk: agency for agency in Agency.objects.all()}
    for agency in agencies.values():
        agency.area = _areas()[agency.area_id]
    return agencies


def lineage(area_code: str) -> tuple[str, ...]:
    """The codes from the nation down to the area itself; KeyError when there is no such area."""
    codes: list[str] = []
    area: Area | None = _areas()[area_code]
    while area is not None:
        codes.append(area.code)
        area = area.parent
    return tuple(reversed(codes))


def same_province(one: str, other: str) -> bool:
    """Whether two areas lie in the same province (or are one municipality)."""
    return lineage(one)[:2] == lineage(other)[:2]


def area_of(area_code: str) -> Area:
    """The area with the one above it attached; KeyError when there is no such area."""
    return _areas()[area_code]


def has_area(area_code: str) -> bool:
    """Whether there is, or was, such an area."""
    return area_code in _areas()


def agency_of(area_code: str) -> Agency | None:
    """The agency of an area, None where it has none."""
    return _by_area().get(area_code)


def agency_with(key: int) -> Agency:
    """The agency with this key, its area attached; KeyError when there is none."""
    return _agencies()[key]


def agencies() -> list[Agency]:
    """Every agency, its area attached."""
    return list(_agencies().values())


@remembered
def _by_area() -> dict[str, Agency]:
    return {agency.area_id: agency for agency in _agencies().values()}


def takes_cases(area_code: str) -> bool:
    """Whether applications can name the area: it runs a fund, and its agency is at work."""
    area, agency = _areas().get(area_code), agency_of(area_code)
    if area is None or agency is None:
        return False
    return area.pooling and area.valid_to is None and agency.valid_to is None


@remembered
def areas_by_province() -> list[tuple[str, list[tuple[str, str]]]]:
    """The pooling areas that take cases, for choosing one: (province, [(code, name), …]), by code."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for code, area in sorted(_areas().items()):
        if takes_cases(code):
            above = area.parent
            direct = above is None or above.level == Area.Level.NATION
            province = area.name if direct else above.name  # type: ignore[union-attr]
            groups.setdefault(province, []).append((code, area.name))
    return list(groups.items())


def accounts_of(agencies: Iterable[int], on: date) -> dict[int, BankAccount]:
    """The account to which balances for each of these agencies are sent on that day, as far as they have one.

    Asked anew each time: one may just have changed. The directory itself is kept by `transfers.actions.receiving`.
    """
    in_force = BankAccount.objects.filter(
        agency__in=list(agencies), state=AccountState.CONFIRMED.value, valid_from__lte=on
    )
    return {row.agency_id: row for row in in_force.filter(Q(valid_to__isnull=True) | Q(valid_to__gte=on))}


def account_of(agency: int, on: date) -> BankAccount | None:
    """The account of one agency; None where it has none."""
    return accounts_of([agency], on).get(agency)


def furnish(case: TransferCase) -> TransferCase:
    """Attach the areas and agencies of a case, so that nobody asks the database for them."""
    areas, agencies, attached = _areas(), _agencies(), case._state.fields_cache
    # What assigning them does in the end; the way there costs more than all the rest.
    attached["outbound_area"] = areas[case.outbound_area_id]
    attached["inbound_area"] = areas[case.inbound_area_id]
    attached["outbound_agency"] = agencies[case.outbound_agency_id]
    attached["inbound_agency"] = agencies[case.inbound_agency_id]
    return case
