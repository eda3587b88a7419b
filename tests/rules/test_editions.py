"""Editions side by side: overlaps by the day, and contradictions on the days and in the areas where they occur."""

from __future__ import annotations

from datetime import date
from typing import Any

from transfers.rules.editions import Edition, among, clashing, ended, followed, troubles

NATION, PROVINCE, CITY = "100000", "450000", "450100"
LINEAGE = {NATION: (NATION,), PROVINCE: (NATION, PROVINCE), CITY: (NATION, PROVINCE, CITY)}.__getitem__
Y2026, Y2027, Y2028 = date(2026, 1, 1), date(2027, 1, 1), date(2028, 1, 1)


def edition(area: str, since: date, until: date | None = None, version: int = 1, **values: Any) -> Edition:
    return Edition(area, version, since, until, "测试", values)


def found(area: str, *editions: Edition, since: date = Y2026) -> list[tuple[str, date, set[str]]]:
    return [(t.area, t.on, set(t.error.problems)) for t in troubles(area, since, None, editions, LINEAGE)]


def test_two_editions_share_a_day_or_not() -> None:
    first = edition(CITY, Y2026, date(2026, 12, 31))
    assert not first.overlaps(edition(CITY, Y2027))
    assert first.overlaps(edition(CITY, date(2026, 12, 31)))
    assert first.overlaps(edition(CITY, date(2025, 1, 1), Y2026))
    assert not first.overlaps(edition(CITY, date(2025, 1, 1), date(2025, 12, 31)))
    assert edition(CITY, Y2026).overlaps(edition(CITY, Y2028))
    assert clashing(first, [edition(PROVINCE, Y2026), edition(CITY, Y2027)]) == []
    later = edition(CITY, Y2027)
    assert clashing(edition(CITY, Y2026), [later]) == [later]


def test_what_an_edition_takes_over_from() -> None:
    open_ended = edition(CITY, Y2026)
    assert followed(edition(CITY, Y2027), [open_ended]) == open_ended
    assert followed(edition(CITY, Y2026), [open_ended]) is None
    assert followed(edition(CITY, Y2027), [ended(open_ended, date(2026, 6, 30)), edition(PROVINCE, Y2026)]) is None
    assert among(edition(CITY, Y2027, version=2), [open_ended]) == [edition(CITY, Y2027, version=2)]


def test_a_contradiction_is_found_on_the_day_and_in_the_area_where_it_begins() -> None:
    nation = edition(NATION, Y2026, out_days=10)
    city = edition(CITY, Y2026, out_days=8)
    assert found(NATION, nation, city) == []
    # The province shortens from 2027: from that day the city's eight are too many.
    province = edition(PROVINCE, Y2027, out_days=7)
    assert found(PROVINCE, nation, province, city, since=Y2027) == [(CITY, Y2027, {"out_days"})]
    assert found(NATION, nation, province, city) == [(CITY, Y2027, {"out_days"})]
    # If the city's ends before, nothing contradicts.
    assert found(NATION, nation, province, ended(city, date(2026, 12, 31))) == []


def test_an_end_above_can_contradict_what_lies_below() -> None:
    nation = edition(NATION, Y2026)
    province = edition(PROVINCE, Y2026, date(2026, 12, 31), family_sharing=True)
    city = edition(CITY, Y2026, wallet_enabled=True)
    assert found(NATION, nation, province, city) == [(CITY, Y2027, {"wallet_enabled"})]
    # Each problem is told once, on its first day; a second one of the same area later is told as well.
    second = edition(PROVINCE, Y2028, version=2, payout_cases=[], payout_channel="account")
    card = edition(CITY, Y2026, wallet_enabled=True, payout_channel="citizen_card", payout_expected_days=30)
    cases = edition(NATION, Y2026, payout_cases=["death"])
    assert found(NATION, cases, province, second, card) == [
        (CITY, Y2027, {"wallet_enabled"}),
        (CITY, Y2028, {"payout_channel", "payout_expected_days"}),
    ]


def test_areas_beside_are_left_alone() -> None:
    nation = edition(NATION, Y2026)
    wrong = edition(PROVINCE, Y2026, wallet_enabled=True)
    assert found(CITY, nation, wrong) == [(CITY, Y2026, {"wallet_enabled"})]
    assert found(NATION, nation, wrong) == [(PROVINCE, Y2026, {"wallet_enabled"})]
    lineage = {**{code: LINEAGE(code) for code in (NATION, PROVINCE, CITY)}, "330000": (NATION, "330000")}.__getitem__
    assert troubles("330000", Y2026, None, [nation, wrong], lineage) == []
