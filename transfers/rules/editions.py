"""Editions of policies side by side: which overlap, and what would contradict in which area on which day.

An edition is one area's own switches for a span of dates. It must make sense together with what lies above it, and
every edition below it must still make sense on top of it, on each day that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from transfers.rules.policy import PolicyError, resolve

Lineage = Callable[[str], Sequence[str]]  # an area's code -> the codes from the nation down to it


@dataclass(frozen=True, slots=True)
class Edition:
    """One area's own values, valid on every day from `valid_from` to `valid_to` (both included; None for open)."""

    area: str
    version: int
    valid_from: date
    valid_to: date | None
    document_number: str
    values: Mapping[str, Any]

    def holds(self, on: date) -> bool:
        """Whether it is valid on that day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)

    def overlaps(self, other: Edition) -> bool:
        """Whether both are valid on some day."""
        return (other.valid_to is None or self.valid_from <= other.valid_to) and (
            self.valid_to is None or other.valid_from <= self.valid_to
        )

    @property
    def tag(self) -> str:
        """`350500 v1 《…》`."""
        return f"{self.area} v{self.version} {self.document_number}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """In `area`, from the day `on`, the values of `editions` (the widest first) cannot apply together."""

    area: str
    on: date
    editions: tuple[Edition, ...]
    error: PolicyError


def clashing(edition: Edition, others: Iterable[Edition]) -> list[Edition]:
    """The other editions of the same area that share a day with this one, the earliest first."""
    found = [other for other in others if other.area == edition.area and edition.overlaps(other)]
    return sorted(found, key=lambda other: other.valid_from)


def followed(edition: Edition, others: Iterable[Edition]) -> Edition | None:
    """The open-ended edition of the same area that began earlier and that this one can take over from."""
    for other in others:
        if other.area == edition.area and other.valid_to is None and other.valid_from < edition.valid_from:
            return other
    return None


def ended(edition: Edition, on: date) -> Edition:
    """The same edition with `on` as its last day."""
    return replace(edition, valid_to=on)


def among(edition: Edition, others: Iterable[Edition]) -> list[Edition]:
    """What would hold with this edition published: those of its own area that share a day with it left out."""
    return [*(other for other in others if not (other.area == edition.area and other.overlaps(edition))), edition]


def layers(editions: Iterable[Edition], codes: Sequence[str], on: date) -> list[Edition]:
    """The editions that hold on a day for the areas in `codes`, in the order of `codes`."""
    by_area = {edition.area: edition for edition in editions if edition.holds(on)}
    return [by_area[code] for code in codes if code in by_area]


def troubles(
    area: str, since: date, until: date | None, editions: Sequence[Edition], lineage: Lineage
) -> list[Trouble]:
    """What contradicts, in `area` and in the areas below it that have editions, on the days from `since` to `until`.

    `editions` is what would hold, no two of one area overlapping. Only days on which something begins or ends can bring
    something new, so only those are looked at. One trouble an area and problem: the first day that it occurs.
    """
    found: list[Trouble] = []
    for code in sorted({area} | {edition.area for edition in editions}):
        codes = lineage(code)
        if area not in codes:
            continue
        above = [edition for edition in editions if edition.area in codes]
        seen: set[str] = set()
        for day in _turns(above, since, until):
            held = layers(above, codes, day)
            try:
                resolve([edition.values for edition in held])
            except PolicyError as error:
                new = {name: text for name, text in error.problems.items() if name not in seen}
                if new:
                    seen |= new.keys()
                    found.append(Trouble(code, day, tuple(held), PolicyError(new)))
    return found


def _turns(editions: Iterable[Edition], since: date, until: date | None) -> list[date]:
    """The days within the span on which what holds may change, its first day included."""
    days = {since}
    for edition in editions:
        days.add(edition.valid_from)
        if edition.valid_to is not None and edition.valid_to < date.max:
            days.add(edition.valid_to + timedelta(days=1))
    return sorted(day for day in days if day >= since and (until is None or day <= until))
