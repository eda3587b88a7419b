"""The limits of the medical-insurance wallet: at most 2,000 yuan a transfer, three a day, none from 22:00 to 06:00."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from transfers.rules.parties import Named
from transfers.rules.policy import Freeze
from transfers.rules.workdays import ZONE, opening

PART_FEN = 2_000_00
PARTS_A_DAY = 3
OPENS, CLOSES = time(6), time(22)
LIMITS = Named(
    f"每次不超过{PART_FEN // 100}元，每天不超过{PARTS_A_DAY}次，{CLOSES.hour}时至次日{OPENS.hour}时不办理",
    f"at most {PART_FEN // 100:,} yuan each, {PARTS_A_DAY} a day, none from {CLOSES:%H:%M} to {OPENS:%H:%M}",
)


@dataclass(frozen=True, slots=True)
class Part:
    """One transfer to the wallet, and the first instant at which it may be made."""

    amount_fen: int
    at: datetime


def next_part(*, moved_today: int, left_fen: int, now: datetime, freeze: Freeze | None = None) -> Part:
    """The next part of what is left, at `now` or as soon after as the limits allow.

    `moved_today` counts the parts already moved on the day in Asia/Shanghai that `now` is in; `freeze` is the outbound
    area's year-end freeze.

    >>> next_part(moved_today=3, left_fen=350000, now=datetime(2026, 5, 6, 9, tzinfo=ZONE))
    Part(amount_fen=200000, at=datetime.datetime(2026, 5, 7, 6, 0, tzinfo=zoneinfo.ZoneInfo(key='Asia/Shanghai')))
    """
    if left_fen <= 0:
        raise ValueError("nothing is left to move")
    at = now.astimezone(ZONE)
    day = at.date()
    if moved_today >= PARTS_A_DAY or at.time() >= CLOSES:
        day += timedelta(days=1)
    if freeze is not None:
        day = freeze.goes_on(day)
    return Part(min(left_fen, PART_FEN), max(at, opening(day, OPENS)))
