"""Drawings as numbers for SVG attributes: no inline style, no script."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 100.0
_GAP = 1.2
_MOST_CELLS = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """One working day of a limit. `kind`: used, left or over."""

    x: str
    width: str
    kind: str


@dataclass(frozen=True, slots=True)
class DayBar:
    """A limit drawn day by day, `WIDTH` units wide."""

    cells: tuple[Cell, ...]


def day_bar(budget: int, used: int, *, overdue: bool) -> DayBar:
    """A cell a working day. A limit of very many days is drawn in `_MOST_CELLS` parts."""
    count = min(budget, _MOST_CELLS)
    filled = count if overdue else used * count // budget
    width = (WIDTH - _GAP * (count - 1)) / count
    return DayBar(
        tuple(
            Cell(
                x=f"{n * (width + _GAP):.2f}",
                width=f"{width:.2f}",
                kind="over" if overdue else "used" if n < filled else "left",
            )
            for n in range(count)
        )
    )
