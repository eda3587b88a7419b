"""How long balances take, measured: said as a count of transfers, never as a promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from transfers.rules.parties import Named

ENOUGH = 5
"""Fewer transfers say nothing about the next one."""
LAST = 60
"""So many of the newest are measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the last `count` transfers since `since` took, in working days: half of them at most `half`, nine of ten at
    most `nine`. `anywhere`: to any area, as too few went to the one in question."""

    count: int
    since: date
    half: int
    nine: int
    anywhere: bool = False

    @property
    def brief(self) -> Named:
        """The same in one line, for those who work with it."""
        usual = f"通常{self.half}个工作日入账" if self.half else "通常当日入账"
        days = f"usually {_days(self.half)}" if self.half else "usually the same day"
        return Named(f"{usual}（按{self.count}笔实际划转测算）", f"{days}, measured from {self.count} transfers")

    @property
    def said(self) -> Named:
        """How it was measured."""
        where = (
            Named("从转出地划往各地", "from the outbound area to anywhere")
            if self.anywhere
            else Named("两地之间", "between these two areas")
        )
        return Named(
            f"根据{where.zh}自{self.since}以来最近{self.count}笔划转的实际用时：半数在划出后{self.half}个工作日内入账，"
            f"九成在{self.nine}个工作日内入账。这是实际情况，不是承诺。",
            f"By the last {self.count} transfers {where.en} since {self.since}: half were credited within "
            f"{_days(self.half)} of being sent, nine of ten within {_days(self.nine)}. "
            "This is what was measured, not a promise.",
        )


def _days(number: int) -> str:
    return f"{number} working day{'' if number == 1 else 's'}"


def measure(days: Sequence[int], *, since: date, anywhere: bool = False) -> Measured | None:
    """The measure of these transfers, None when they are too few. By nearest rank, so that each figure really occurred.

    >>> measured = measure([1, 2, 3, 4, 5, 6, 7, 8, 9, 30], since=date(2026, 1, 5))
    >>> (measured.half, measured.nine)
    (5, 9)
    """
    if len(days) < ENOUGH:
        return None
    ranked = sorted(days)
    return Measured(len(ranked), since, _rank(ranked, 5), _rank(ranked, 9), anywhere)


def _rank(ranked: Sequence[int], tenths: int) -> int:
    """The smallest value that so many tenths of all do not exceed."""
    return ranked[-(-len(ranked) * tenths // 10) - 1]
