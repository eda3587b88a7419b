"""A balance goes to the wallet in parts: at most 2,000 yuan each, three a day, none from 22:00 to 06:00."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules.policy import Freeze
from transfers.rules.wallet import Part, next_part
from transfers.rules.workdays import ZONE


def plan(amount: int, start: datetime, freeze: Freeze | None = None, delays: list[int] | None = None) -> list[Part]:
    """Every part of an amount; each is made `delays` minutes after it could have been, as a sweep may be late."""
    parts: list[Part] = []
    now, waits = start, iter(delays or [])
    while left := amount - sum(part.amount_fen for part in parts):
        today = now.astimezone(ZONE).date()
        moved = sum(part.at.date() == today for part in parts)
        part = next_part(moved_today=moved, left_fen=left, now=now, freeze=freeze)
        if part.at <= now:
            parts.append(part)
            now += timedelta(minutes=next(waits, 0))
        else:
            assert part.at.date() >= today
            now = part.at
    return parts


FREEZES = st.sampled_from([None, Freeze("12-25", "01-05"), Freeze("03-01", "03-03"), Freeze("12-20", "12-31")])
# Any minute of two years.
INSTANTS = st.integers(0, 2 * 365 * 1440).map(
    lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)


@given(st.integers(1, 60_000_00), INSTANTS, FREEZES, st.lists(st.integers(0, 1500), max_size=8))
def test_the_parts_make_up_the_amount_within_the_limits(
    amount: int, start: datetime, freeze: Freeze | None, delays: list[int]
) -> None:
    parts = plan(amount, start, freeze, delays)
    assert sum(part.amount_fen for part in parts) == amount
    assert all(0 < part.amount_fen <= 200000 for part in parts)
    assert len(parts) == -(-amount // 200000)
    assert all(6 <= part.at.hour < 22 for part in parts)
    assert max(Counter(part.at.date() for part in parts).values()) <= 3
    assert [part.at for part in parts] == sorted(part.at for part in parts)
    assert parts[0].at >= start
    assert freeze is None or not any(freeze.covers(part.at.date()) for part in parts)


def test_an_amount_over_two_days() -> None:
    parts = plan(9_000_00, datetime(2026, 5, 6, 21, 59, tzinfo=ZONE), delays=[0, 1])
    assert [(part.amount_fen, f"{part.at:%m-%d %H:%M}") for part in parts] == [
        (200000, "05-06 21:59"),
        (200000, "05-06 21:59"),
        (200000, "05-07 06:00"),
        (200000, "05-07 06:00"),
        (100000, "05-07 06:00"),
    ]


@pytest.mark.parametrize(
    ("now", "at"),
    [
        (datetime(2026, 5, 6, 22, tzinfo=ZONE), datetime(2026, 5, 7, 6, tzinfo=ZONE)),
        (datetime(2026, 5, 6, 5, 59, 59, tzinfo=ZONE), datetime(2026, 5, 6, 6, tzinfo=ZONE)),
        (datetime(2026, 5, 6, 6, tzinfo=ZONE), datetime(2026, 5, 6, 6, tzinfo=ZONE)),
        # 22:30 in Shanghai is 14:30 UTC of the same day; 00:30 there is 16:30 UTC of the day before.
        (datetime(2026, 5, 6, 14, 30, tzinfo=UTC), datetime(2026, 5, 7, 6, tzinfo=ZONE)),
        (datetime(2026, 5, 6, 16, 30, tzinfo=UTC), datetime(2026, 5, 7, 6, tzinfo=ZONE)),
    ],
)
def test_the_night_is_that_of_shanghai(now: datetime, at: datetime) -> None:
    assert next_part(moved_today=0, left_fen=100, now=now).at == at


def test_nothing_left_is_no_part() -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        next_part(moved_today=0, left_fen=0, now=datetime.combine(date(2026, 5, 6), datetime.min.time(), ZONE))
