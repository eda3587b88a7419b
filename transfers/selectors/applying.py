"""What applies between two areas on a day: every switch with the edition that it comes from, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from transfers.models import Area, Policy
from transfers.places import area_of, same_province, takes_cases
from transfers.policies import editions
from transfers.rules.errors import refusal
from transfers.rules.parties import Named
from transfers.rules.policy import SWITCHES, Switch, resolve, worded
from transfers.rules.policy import Policy as Resolved
from transfers.rules.promises import Promise, promises


@dataclass(frozen=True, slots=True)
class Origin:
    """The edition from which a value comes; `own` when it is the area's own."""

    area: Area
    version: int
    document_number: str
    valid_from: date
    valid_to: date | None
    source: str
    own: bool

    @property
    def tag(self) -> str:
        """`医保办发〔2021〕43号 v1`."""
        return f"{self.document_number} v{self.version}"


@dataclass(frozen=True, slots=True)
class Value:
    """One switch as it applies in an area. No `origin`: no area says anything, so the system's default holds."""

    switch: Switch
    value: Any
    words: Named
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Applies:
    """What applies in one area on a day; `origins` are the editions, the widest area first."""

    area: Area
    on: date
    policy: Resolved
    values: dict[str, Value]
    origins: list[Origin]

    def by_group(self) -> Iterator[tuple[str, list[Value]]]:
        """The values under the groups of the switches."""
        groups: dict[str, list[Value]] = {}
        for value in self.values.values():
            groups.setdefault(value.switch.group, []).append(value)
        yield from groups.items()


@dataclass(frozen=True, slots=True)
class Between:
    """What applies to a move from one area to another."""

    outbound: Applies
    inbound: Applies
    same_province: bool
    promises: list[Promise]

    def rows(self) -> list[tuple[Switch, Value, Value]]:
        """Each switch with its value on either side."""
        return [(switch, self.outbound.values[code], self.inbound.values[code]) for code, switch in SWITCHES.items()]


def applies_in(area_code: str, on: date, *, rows: Sequence[Policy] | None = None) -> Applies:
    """What applies in an area, each value with its origin; `rows` are other editions than the published ones."""
    held = editions(area_code, on) if rows is None else list(rows)
    policy = resolve([row.values for row in held])
    origins = [_origin(row, own=row.area_id == area_code) for row in held]
    values = {}
    for code, switch in SWITCHES.items():
        said = [origin for row, origin in zip(held, origins, strict=True) if code in row.values]
        value = getattr(policy, code)
        values[code] = Value(switch, value, worded(switch, value), said[-1] if said else None)
    return Applies(area_of(area_code), on, policy, values, origins)


def between(outbound: str, inbound: str, on: date) -> Between:
    """What applies to a move between two pooling areas on a day. Refusals: J-AREA, J-SAME-AREA."""
    for code in (outbound, inbound):
        if not takes_cases(code):
            raise refusal("J-AREA", code=code[:20])
    if outbound == inbound:
        raise refusal("J-SAME-AREA")
    out, into = applies_in(outbound, on), applies_in(inbound, on)
    same = same_province(outbound, inbound)
    return Between(out, into, same, promises(outbound=out.policy, inbound=into.policy, same_province=same))


def _origin(row: Policy, *, own: bool) -> Origin:
    return Origin(
        area_of(row.area_id),
        row.version,
        row.document_number,
        row.valid_from,
        row.valid_to,
        row.source,
        own,
    )
