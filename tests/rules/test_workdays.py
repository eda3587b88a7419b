"""Working days against two independent packages, the figures of the notices, and their own algebra."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import chinese_calendar
import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.reference import files
from transfers.rules.workdays import (
    ZONE,
    Calendar,
    CalendarError,
    CalendarRangeError,
    Notice,
    NoticeDay,
    due_instant,
    local_date,
    opening,
)

NOTICES = files.read().notices
NATIONAL = Calendar.from_notices(NOTICES)
LHASA = Calendar.from_notices(NOTICES, regions=["540000", "540100"])
SHIGATSE = Calendar.from_notices(NOTICES, regions=["540000", "540200"])
LAST_OFFICIAL = date(2026, 12, 31)

covered = st.dates(date(2024, 1, 1), date(2027, 6, 30))
small = st.integers(0, 60)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def d(text: str) -> date:
    return date.fromisoformat(text)


def test_every_due_day_of_2025_and_2026_agrees_with_chinesecalendar() -> None:
    working = [day for day in days(d("2025-01-01"), LAST_OFFICIAL) if chinese_calendar.is_workday(day)]
    checked = 0
    for start in days(d("2025-01-01"), LAST_OFFICIAL):
        later = [day for day in working if day > start][:20]
        for n, expected in enumerate(later, 1):
            assert NATIONAL.add(start, n) == expected, (start, n)
            checked += 1
    assert checked > 730 * 20 - 400


def test_every_day_of_2024_to_2026_agrees_with_chinesecalendar_and_holidays() -> None:
    chinese = holidays.country_holidays("CN", years=[2024, 2025, 2026])
    for day in days(d("2024-01-01"), LAST_OFFICIAL):
        assert NATIONAL.is_working(day) is chinese_calendar.is_workday(day), day
        assert NATIONAL.is_working(day) is chinese.is_working_day(day), day


def test_the_provisional_year_has_the_statutory_days_that_holidays_computes() -> None:
    computed = holidays.country_holidays("CN", years=2027)
    # The package also guesses days in lieu (补假) for statutory days at the weekend; nobody has announced them yet.
    statutory = {day for day, name in computed.items() if "observed" not in name.lower() and "补假" not in name}
    ours = {day.date for notice in NOTICES if notice.year == 2027 for day in notice.days}
    assert ours == statutory
    assert len(ours) == 13


def test_2026_has_248_working_days() -> None:
    assert NATIONAL.count(d("2025-12-31"), d("2026-12-31")) == 248


@pytest.mark.parametrize(
    ("year", "off", "made_up"),
    [
        (
            2025,
            "1/1-1/1 1/28-2/4 4/4-4/6 5/1-5/5 5/31-6/2 10/1-10/8",
            "1/26 2/8 4/27 9/28 10/11",
        ),
        (
            2026,
            "1/1-1/3 2/15-2/23 4/4-4/6 5/1-5/5 6/19-6/21 9/25-9/27 10/1-10/7",
            "1/4 2/14 2/28 5/9 9/20 10/10",
        ),
    ],
)
def test_the_notices_enumerate_these_days(year: int, off: str, made_up: str) -> None:
    def day(text: str) -> date:
        month, number = text.split("/")
        return date(year, int(month), int(number))

    expected = {one: False for span in off.split() for one in days(*(day(end) for end in span.split("-")))}
    expected |= {day(text): True for text in made_up.split()}
    notice = next(n for n in NOTICES if n.year == year and n.region == "100000")
    assert {one.date: one.working for one in notice.days} == expected


def test_weekday_arithmetic_is_wrong_for_about_a_third_of_the_start_dates() -> None:
    def by_week(start: date, n: int) -> date:
        while n:
            start += timedelta(1)
            n -= start.weekday() < 5
        return start

    starts = days(d("2025-01-01"), d("2026-11-30"))
    wrong = [abs((NATIONAL.add(s, 10) - by_week(s, 10)).days) for s in starts]
    assert 0.25 < sum(1 for gap in wrong if gap) / len(starts) < 0.45
    assert max(wrong) >= 7


def test_lhasa_follows_its_own_notice_and_shigatse_the_region_above_it() -> None:
    assert [day for day in days(d("2026-02-10"), d("2026-03-01")) if LHASA.is_working(day)] == [
        *days(d("2026-02-10"), d("2026-02-14")),
        d("2026-02-27"),
        d("2026-02-28"),
    ]
    assert NATIONAL.add(d("2026-02-14"), 1) == d("2026-02-24")
    assert SHIGATSE.add(d("2026-02-14"), 1) == d("2026-02-24")
    assert LHASA.add(d("2026-02-14"), 1) == d("2026-02-27")
    # 2025: both follow the notices for the Tibetan New Year; the rest of the country worked.
    assert NATIONAL.add(d("2025-02-26"), 1) == d("2025-02-27")
    assert LHASA.add(d("2025-02-26"), 1) == SHIGATSE.add(d("2025-02-26"), 1) == d("2025-03-05")
    assert (LHASA.region, SHIGATSE.region, NATIONAL.region) == ("540100", "540000", "100000")
    assert LHASA.version.endswith("540000/2025.1+540100/2026.1")


def test_2027_is_provisional_and_says_so() -> None:
    assert NATIONAL.covered_until == LAST_OFFICIAL
    assert NATIONAL.provisional_until == d("2027-12-31")
    assert not NATIONAL.is_provisional(LAST_OFFICIAL)
    assert NATIONAL.is_provisional(d("2027-01-01"))
    due = NATIONAL.add(d("2026-12-25"), 10)
    assert due == d("2027-01-11")
    assert NATIONAL.is_provisional(due)
    assert "暂定" in NATIONAL.why(due).zh
    assert "provisional" in NATIONAL.why(due).en


def test_the_reasons_name_the_day_and_the_document() -> None:
    assert NATIONAL.why(d("2026-02-16")).zh == "星期一，春节放假（国办发明电〔2025〕7号）"
    assert NATIONAL.why(d("2026-02-28")).zh == "星期六，春节调休上班（国办发明电〔2025〕7号）"
    assert NATIONAL.why(d("2026-03-01")).en == "Sunday, day of rest"
    assert NATIONAL.why(d("2026-03-02")).zh == "星期一，工作日"
    assert LHASA.why(d("2026-02-25")).en.startswith("Wednesday, Spring Festival and Tibetan New Year holiday")


def test_an_explanation_shows_each_day_and_does_not_count_the_first() -> None:
    notes = NATIONAL.explain(d("2026-02-12"), 3)
    assert [(str(note.date), note.counted) for note in notes if note.counted is not None] == [
        ("2026-02-13", 1),
        ("2026-02-14", 2),
        ("2026-02-24", 3),
    ]
    assert [note.date for note in notes] == days(d("2026-02-12"), d("2026-02-24"))
    assert notes[0].working
    assert "民法典第二百零一条" in notes[0].zh
    assert not any(note.provisional for note in notes)


def test_a_start_on_a_rest_day_counts_from_the_next_day() -> None:
    saturday = d("2026-03-07")
    assert NATIONAL.add(saturday, 1) == d("2026-03-09")
    assert NATIONAL.add(d("2026-03-09"), 1) == d("2026-03-10")


@pytest.mark.parametrize(
    ("received", "next_is_day_1", "deemed_next"),
    [
        # Saturday: Monday is day 1, or Monday is the day of receipt and Tuesday is day 1.
        ("2026-03-07", "2026-03-09", "2026-03-10"),
        ("2026-03-09", "2026-03-10", "2026-03-10"),
        # A Saturday that is worked is no rest day; a Monday off after 清明 is.
        ("2026-02-14", "2026-02-24", "2026-02-24"),
        ("2026-04-06", "2026-04-07", "2026-04-08"),
    ],
)
def test_what_comes_in_on_a_rest_day_is_received_as_the_area_says(
    received: str, next_is_day_1: str, deemed_next: str
) -> None:
    for mode, first in (("next_is_day_1", next_is_day_1), ("deemed_next", deemed_next)):
        assert NATIONAL.add(NATIONAL.received_on(d(received), mode), 1) == d(first)
    with pytest.raises(ValueError, match="not 'other'"):
        NATIONAL.received_on(d(received), "other")


@given(start=covered, n=small)
def test_counting_undoes_adding(start: date, n: int) -> None:
    due = NATIONAL.add(start, n)
    assert NATIONAL.count(start, due) == n
    assert n == 0 or NATIONAL.is_working(due)


@given(start=covered, a=small, b=small)
def test_adding_in_two_steps_is_adding_once(start: date, a: int, b: int) -> None:
    assert NATIONAL.add(NATIONAL.add(start, a), b) == NATIONAL.add(start, a + b)


@given(start=covered, later=st.integers(0, 40), a=small, b=small)
def test_later_starts_and_more_days_never_end_earlier(start: date, later: int, a: int, b: int) -> None:
    assert NATIONAL.add(start, min(a, b)) <= NATIONAL.add(start, max(a, b))
    assert a == 0 or NATIONAL.add(start, a) <= NATIONAL.add(start + timedelta(later), a)


@given(points=st.lists(covered, min_size=2, max_size=8).map(sorted))
def test_a_span_cut_anywhere_weekends_included_is_counted_once(points: list[date]) -> None:
    pieces = sum(NATIONAL.count(a, b) for a, b in pairwise(points))
    assert pieces == NATIONAL.count(points[0], points[-1])
    assert NATIONAL.count(points[-1], points[0]) == 0


@given(start=covered, paused=st.integers(0, 10), pause=st.integers(0, 30))
def test_a_pause_moves_the_due_day_by_exactly_the_working_days_of_the_pause(
    start: date, paused: int, pause: int
) -> None:
    """Ten days, paused on some calendar day and resumed some days later: nothing is lost or counted twice."""
    stop = start + timedelta(paused)
    resume = stop + timedelta(pause)
    used = min(NATIONAL.count(start, stop), 10)
    due = NATIONAL.add(resume, 10 - used)
    if used < 10:
        assert NATIONAL.count(start, due) == 10 + NATIONAL.count(stop, resume)


def test_outside_its_days_the_calendar_refuses_instead_of_guessing() -> None:
    assert NATIONAL.add(d("2027-12-30"), 1) == d("2027-12-31")
    for refused in (
        lambda: NATIONAL.add(d("2027-12-30"), 2),
        lambda: NATIONAL.add(d("2023-12-31"), 1),
        lambda: NATIONAL.add(d("2023-12-31"), 0),
        lambda: NATIONAL.add(d("2026-01-05"), -1),
        lambda: NATIONAL.is_working(d("2028-01-01")),
        lambda: NATIONAL.count(d("2026-01-01"), d("2028-01-01")),
        lambda: NATIONAL.count(d("2023-01-01"), d("2026-01-01")),
        lambda: NATIONAL.why(d("2030-01-01")),
    ):
        with pytest.raises(CalendarRangeError) as caught:
            refused()
        assert caught.value.code == "J-CALENDAR-RANGE"
        assert caught.value.zh
        assert caught.value.en


def test_an_instant_is_not_taken_for_a_date() -> None:
    with pytest.raises(TypeError):
        NATIONAL.add(datetime(2026, 3, 2, tzinfo=ZONE), 1)
    assert NATIONAL.add(date(2026, 3, 2), 1) == d("2026-03-03")


def day_of(text: str, *, working: bool = False) -> NoticeDay:
    return NoticeDay(d(text), working, "节日", "Holiday")


def notice(year: int = 2030, *listed: NoticeDay, **changes: object) -> Notice:
    values: dict[str, object] = {
        "region": "100000",
        "year": year,
        "version": 1,
        "document_number": "测试〔2029〕1号",
        "covered_from": date(year, 1, 1),
        "covered_until": date(year, 12, 31),
        "days": listed,
    }
    return Notice(**(values | changes))  # type: ignore[arg-type]


def test_a_later_version_of_a_year_overrules_the_earlier_one() -> None:
    first = notice(2030, day_of("2030-05-01"))
    amended = notice(2030, day_of("2030-05-02"), version=2, document_number="测试〔2030〕2号")
    for order in ([first, amended], [amended, first]):
        calendar = Calendar.from_notices(order)
        assert calendar.is_working(d("2030-05-01"))
        assert not calendar.is_working(d("2030-05-02"))
        assert calendar.version == "2030.2"
        assert calendar.document_numbers == ("测试〔2030〕2号",)


def test_an_official_notice_beats_a_provisional_one() -> None:
    guess = notice(2030, day_of("2030-05-01"), version=0, provisional=True)
    official = notice(2030, day_of("2030-05-02"))
    assert Calendar.from_notices([guess]).is_provisional(d("2030-06-03"))
    both = Calendar.from_notices([official, guess])
    assert not both.is_provisional(d("2030-06-03"))
    assert both.is_working(d("2030-05-01"))


def test_a_faulty_notice_is_refused_with_every_fault() -> None:
    fine = [day_of("2030-05-01"), day_of("2030-05-11", working=True)]
    assert Calendar.from_notices([notice(2030, *fine)]).count(d("2030-04-30"), d("2030-05-11")) == 8
    with pytest.raises(CalendarError) as caught:
        Calendar.from_notices(
            [
                notice(
                    2030,
                    *fine,
                    day_of("2030-05-01", working=True),
                    day_of("2030-05-11", working=True),
                    day_of("2031-01-01"),
                    document_number=" ",
                )
            ]
        )
    said = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    assert "2030-05-01 is listed both as a day off and as a working day" in said
    assert "2030-05-11 is listed twice" in said
    assert "2031-01-01 is outside the year 2030" in said
    assert "no document number" in said


@pytest.mark.parametrize(
    ("notices", "problem"),
    [
        ([], "there is no national notice"),
        ([notice(2030), notice(2032)], "covered days do not join: 2030-12-31, then 2032-01-01"),
        ([notice(2030), notice(2030)], "this version is given twice"),
        ([notice(2030, provisional=True), notice(2031)], "2030 is provisional although 2031 is official"),
        ([notice(2030, covered_until=date(2031, 1, 31))], "covered days leave the year 2030"),
        ([notice(2030, day_of("2030-05-01"), covered_from=date(2030, 6, 1))], "is outside the covered days"),
    ],
)
def test_notices_that_make_no_calendar_are_refused(notices: list[Notice], problem: str) -> None:
    with pytest.raises(CalendarError) as caught:
        Calendar.from_notices(notices)
    assert any(problem in said for said in caught.value.problems)


def test_an_overlay_leaves_the_base_alone_and_must_lie_inside_it() -> None:
    base = Calendar.from_notices([notice(2030)])
    regional = notice(2030, day_of("2030-08-01"), region="540000")
    assert not base.overlay([regional]).is_working(d("2030-08-01"))
    assert base.is_working(d("2030-08-01"))
    with pytest.raises(CalendarError):
        base.overlay([notice(2031, day_of("2031-08-01"), region="540000")])


def test_a_limit_ends_at_midnight_or_at_the_close_of_business() -> None:
    day = d("2026-03-02")
    assert due_instant(day) == datetime(2026, 3, 3, 0, 0, tzinfo=ZONE)
    assert due_instant(day).astimezone(UTC) == datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    assert due_instant(day, time(17)) == datetime(2026, 3, 2, 17, 0, tzinfo=ZONE)
    assert opening(day, time(9)) == datetime(2026, 3, 2, 9, 0, tzinfo=ZONE)


def test_the_date_of_an_instant_is_the_one_in_china() -> None:
    assert local_date(datetime(2026, 3, 2, 15, 59, tzinfo=UTC)) == d("2026-03-02")
    assert local_date(datetime(2026, 3, 2, 16, 0, tzinfo=UTC)) == d("2026-03-03")
    with pytest.raises(ValueError, match="aware"):
        local_date(datetime(2026, 3, 2, 16, 0))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("given_at", "expected"),
    [
        ("2026-02-13T10:30", "2026-02-13T10:30"),  # in hours
        ("2026-02-13T07:00", "2026-02-13T09:00"),  # before they open
        ("2026-02-13T17:00", "2026-02-14T09:00"),  # closed: next day is a worked Saturday
        ("2026-02-14T18:00", "2026-02-24T09:00"),  # Spring Festival in between
        ("2026-02-18T11:00", "2026-02-24T09:00"),  # on a holiday
    ],
)
def test_the_next_working_moment(given_at: str, expected: str) -> None:
    instant = datetime.fromisoformat(given_at).replace(tzinfo=ZONE)
    moment = NATIONAL.next_working_moment(instant.astimezone(UTC), time(9), time(17))
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=ZONE)


def test_working_moments_need_hours_and_a_zone() -> None:
    instant = datetime(2026, 2, 13, 10, tzinfo=ZONE)
    assert NATIONAL.next_working_moment(instant, time(9), time(17)) == instant
    with pytest.raises(ValueError, match="empty"):
        NATIONAL.next_working_moment(instant, time(17), time(9))
    with pytest.raises(ValueError, match="aware"):
        NATIONAL.next_working_moment(instant.replace(tzinfo=None), time(9), time(17))


# --- regions, and days that may still change ------------------------------------------------------------------

GUANGXI, NINGXIA, XINJIANG = (
    Calendar.from_notices(NOTICES, regions=[region]) for region in ("450000", "640000", "650000")
)


@pytest.mark.parametrize(
    ("calendar", "first", "last", "off"),
    [
        # The notice of Xinjiang for 2025: 肉孜节 29 to 31 March, 古尔邦节 6 to 10 June, nothing worked in exchange.
        (XINJIANG, "2025-01-01", "2025-12-31", ["2025-03-31", "2025-06-06", "2025-06-09", "2025-06-10"]),
        # NewLife.Holiday, Guangxi/2025.csv: 三月三 from 2025-03-31, two days.
        (GUANGXI, "2025-01-01", "2025-12-31", ["2025-03-31", "2025-04-01"]),
        (GUANGXI, "2026-01-01", "2026-12-31", ["2026-04-20", "2026-04-21"]),
        (NINGXIA, "2026-01-01", "2026-12-31", ["2026-03-20", "2026-05-26", "2026-05-27"]),
        (XINJIANG, "2026-01-01", "2026-12-31", ["2026-03-20", "2026-05-27", "2026-05-28", "2026-05-29"]),
    ],
)
def test_what_a_region_has_off_beside_the_nation(calendar: Calendar, first: str, last: str, off: list[str]) -> None:
    differing = {day for day in days(d(first), d(last)) if calendar.is_working(day) != chinese_calendar.is_workday(day)}
    assert sorted(differing) == [d(day) for day in off]
    assert set(NATIONAL.changes(calendar)) >= differing


def test_the_festivals_of_the_moon_fall_where_holidays_computes_them() -> None:
    """The dates of the Islamic calendar, as another country of the `holidays` package has them."""
    abroad = holidays.country_holidays("AE", years=[2025, 2026], language="en_US")
    for calendar, region in ((NINGXIA, "640000"), (XINJIANG, "650000")):
        named = {n.date: n.en for x in NOTICES if x.region == region for n in x.days if not n.working}
        for name in ("Eid al-Fitr", "Eid al-Adha"):
            for year in (2025, 2026):
                ours = [day for day, said in named.items() if said == name and day.year == year]
                theirs = [day for day, said in abroad.items() if name in said and day.year == year]
                assert any(abs((day - theirs[0]).days) <= 1 for day in ours), (calendar.region, name, year)


def test_days_that_a_provisional_regional_notice_names_may_still_change() -> None:
    assert [day for day in days(d("2026-04-01"), d("2026-04-30")) if GUANGXI.is_provisional(day)] == [
        d("2026-04-17"),
        d("2026-04-20"),
        d("2026-04-21"),
    ]
    assert GUANGXI.is_working(d("2026-04-17"))
    assert GUANGXI.why(d("2026-04-17")).zh.endswith("[暂定]")
    assert not any(GUANGXI.is_provisional(day) for day in days(d("2025-01-01"), d("2025-12-31")))
    assert not NATIONAL.is_provisional(d("2026-04-20"))


@pytest.mark.parametrize(
    ("calendar", "after", "until", "depends"),
    [
        (GUANGXI, "2026-04-10", "2026-04-16", False),
        (GUANGXI, "2026-04-10", "2026-04-17", True),
        (GUANGXI, "2026-04-10", "2026-04-24", True),  # the last day is sure, what lies before it is not
        (GUANGXI, "2026-04-21", "2026-04-30", False),  # the starting day is not counted
        (NATIONAL, "2026-12-20", "2026-12-31", False),
        (NATIONAL, "2026-12-20", "2027-01-04", True),
        (NATIONAL, "2026-06-05", "2026-06-01", False),
    ],
)
def test_a_date_rests_on_every_day_up_to_it(calendar: Calendar, after: str, until: str, depends: bool) -> None:
    assert calendar.depends_on_provisional(d(after), d(until)) is depends
    unsure = any(calendar.is_provisional(day) for day in days(d(after), d(until))[1:])
    assert unsure is depends


@pytest.mark.parametrize(
    ("day", "next_is_day_1", "deemed_next"),
    [
        ("2026-03-02", "2026-03-02", "2026-03-02"),  # a Monday
        ("2026-03-07", "2026-03-07", "2026-03-09"),  # a Saturday
        ("2026-02-28", "2026-02-28", "2026-02-28"),  # a worked Saturday
        ("2026-02-17", "2026-02-17", "2026-02-24"),  # Spring Festival
    ],
)
def test_what_a_start_on_a_rest_day_means(day: str, next_is_day_1: str, deemed_next: str) -> None:
    assert NATIONAL.received_on(d(day)) == d(next_is_day_1)
    assert NATIONAL.received_on(d(day), "deemed_next") == d(deemed_next)
    with pytest.raises(ValueError, match="next_is_day_1, deemed_next"):
        NATIONAL.received_on(d(day), "whenever")


def test_how_far_official_notices_reach() -> None:
    last = [day for day in days(d("2025-01-01"), LAST_OFFICIAL) if chinese_calendar.is_workday(day)]
    for day in ("2024-12-31", "2026-06-30", "2026-10-09", "2026-12-30", "2026-12-31"):
        assert NATIONAL.official_days_after(d(day)) == sum(one > d(day) for one in last)
    assert NATIONAL.official_days_after(d("2027-03-01")) == 0
    # Days that a region's provisional notice names are not covered: the 17th of April is one that is worked.
    assert GUANGXI.count(d("2026-04-16"), d("2026-04-30")) == 8
    assert GUANGXI.official_days_after(d("2026-04-16")) == GUANGXI.official_days_after(d("2026-04-30")) + 7


def test_a_calendar_is_kept_whole() -> None:
    for calendar in (NATIONAL, GUANGXI, LHASA):
        kept = Calendar.from_data(json.loads(json.dumps(calendar.as_data())))
        assert (kept.digest, kept.region, kept.version) == (calendar.digest, calendar.region, calendar.version)
        for day in days(d("2026-01-01"), d("2026-12-31")):
            assert (kept.why(day), kept.is_provisional(day)) == (calendar.why(day), calendar.is_provisional(day))
    assert len({calendar.digest for calendar in (NATIONAL, GUANGXI, LHASA, SHIGATSE)}) == 4


def test_what_a_newer_calendar_counts_otherwise_and_by_which_document() -> None:
    first = Calendar.from_notices([notice(2030, day_of("2030-05-01"))])
    amended = notice(2030, day_of("2030-05-02"), day_of("2030-05-04"), version=2, document_number="测试〔2030〕2号")
    newer = Calendar.from_notices([notice(2030, day_of("2030-05-01")), amended])
    # The 4th is a Saturday: a name alone changes nothing.
    assert first.changes(newer) == dict.fromkeys([d("2030-05-01"), d("2030-05-02")], ("测试〔2030〕2号",))
    assert first.changes(first) == {}
