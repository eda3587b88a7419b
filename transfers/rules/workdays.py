"""Working days: known only by enumeration, counted once, looked up ever after.

| rule | text |
|---|---|
| A limit of days means working days, statutory holidays excluded | 行政许可法 Art. 82 |
| The starting day is not counted; counting begins with the next day | 民法典 Art. 201 |
| The last day runs to 24:00, or to the close of business where there are business hours | 民法典 Art. 203 |
| Which Saturdays and Sundays are worked is said each year by the State Council's notice | 国办发明电, one a year |

So the due day is the n-th working day strictly after the starting day. A `Calendar` is built once from versions of
notices: every day from its first to its last is enumerated, with a running count of working days beside it, and
`add` is then two look-ups. Days after the last official notice are *provisional* (暂定): Monday to Friday less the
statutory days; so are the days that a region's provisional notice names. The calendar says so day by day. Outside its
days a calendar refuses instead of guessing.

Pure: no Django, no I/O, no clock. Dates are `datetime.date`, instants are aware.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from transfers.rules.errors import Refusal
from transfers.rules.parties import Named

ZONE = ZoneInfo("Asia/Shanghai")
NATION = "100000"
# What a start on a rest day means: `next_is_day_1` counts from the next working day; `deemed_next` takes it as received
# on the next working day, which then is the starting day and not counted itself.
REST_DAY_STARTS = ("next_is_day_1", "deemed_next")
_ONE_DAY = timedelta(days=1)
_WEEKDAYS = (
    Named("星期一", "Monday"),
    Named("星期二", "Tuesday"),
    Named("星期三", "Wednesday"),
    Named("星期四", "Thursday"),
    Named("星期五", "Friday"),
    Named("星期六", "Saturday"),
    Named("星期日", "Sunday"),
)


class Flaw(str):
    """What is wrong with a notice: an English sentence that knows its Chinese one."""

    zh: str

    def __new__(cls, en: str, zh: str) -> Flaw:
        flaw = super().__new__(cls, en)
        flaw.zh = zh
        return flaw

    @property
    def en(self) -> str:
        return str(self)


class CalendarError(Refusal):
    """The notices do not make a calendar. `problems` lists every fault found, not only the first."""

    def __init__(self, problems: Sequence[Flaw]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "J-CALENDAR",
            f"工作日历数据有误，未予采用：{'；'.join(flaw.zh for flaw in problems)}",
            f"The calendar data is not valid and was not used: {'; '.join(self.problems)}",
            details={"problems": list(self.problems)},
        )


class CalendarRangeError(Refusal):
    """The answer would lie outside the days that the calendar enumerates."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__("J-CALENDAR-RANGE", zh, en, http_status=409)


@dataclass(frozen=True, slots=True)
class Day:
    """An exceptional day: a holiday on a weekday, a worked Saturday, a named day of rest."""

    working: bool
    zh: str
    en: str
    document_number: str = ""
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One notice that a calendar was made from."""

    region: str
    year: int
    version: int
    document_number: str
    provisional: bool


@dataclass(frozen=True, slots=True)
class NoticeDay:
    """One day that a notice enumerates."""

    date: date
    working: bool
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of one region's exceptional days of one year, complete: a later version replaces an earlier one.

    `region` is an area code, `100000` for the nation. `provisional` marks days that follow from the statute alone,
    before the yearly notice is out; a provisional notice of a region may name a working day as well, to say that it may
    yet become a day off.
    """

    region: str
    year: int
    version: int
    document_number: str
    covered_from: date
    covered_until: date
    days: tuple[NoticeDay, ...]
    provisional: bool = False
    issued_on: date | None = None
    source: str = ""

    @property
    def tag(self) -> str:
        """Short name of this version, such as `2026.1` or, for a region, `540100/2026.1`."""
        return f"{'' if self.region == NATION else self.region + '/'}{self.year}.{self.version}"

    def problems(self) -> list[Flaw]:
        """Everything that is wrong inside this notice; empty when it can be used."""
        found: list[Flaw] = []
        tag = f"{self.region}/{self.year}.{self.version}"
        if not self.document_number.strip():
            found.append(Flaw(f"{tag}: no document number", f"{tag}：没有文号"))
        if self.covered_from > self.covered_until:
            span = f"{self.covered_from} – {self.covered_until}"
            found.append(
                Flaw(
                    f"{tag}: covered from {self.covered_from} until {self.covered_until}", f"{tag}：覆盖期间{span}颠倒"
                )
            )
        if self.covered_from.year != self.year or self.covered_until.year != self.year:
            found.append(Flaw(f"{tag}: covered days leave the year {self.year}", f"{tag}：覆盖期间超出{self.year}年"))
        seen: dict[date, bool] = {}
        for day in self.days:
            if day.date.year != self.year:
                found.append(
                    Flaw(f"{tag}: {day.date} is outside the year {self.year}", f"{tag}：{day.date}不在{self.year}年")
                )
            elif not self.covered_from <= day.date <= self.covered_until:
                found.append(Flaw(f"{tag}: {day.date} is outside the covered days", f"{tag}：{day.date}不在覆盖期间内"))
            if not day.zh.strip() or not day.en.strip():
                found.append(Flaw(f"{tag}: {day.date} has no name", f"{tag}：{day.date}没有名称"))
            if day.date not in seen:
                seen[day.date] = day.working
            elif seen[day.date] == day.working:
                found.append(Flaw(f"{tag}: {day.date} is listed twice", f"{tag}：{day.date}列了两次"))
            else:
                found.append(
                    Flaw(
                        f"{tag}: {day.date} is listed both as a day off and as a working day",
                        f"{tag}：{day.date}既列为放假又列为上班",
                    )
                )
        return found


@dataclass(frozen=True, slots=True)
class DayNote:
    """One line of an explanation. `counted` is the ordinal of a counted day, None for the start and for rest days."""

    date: date
    working: bool
    counted: int | None
    zh: str
    en: str
    provisional: bool


class Calendar:
    """Every day from `covered_from` to `last`, each working or not, with the reason.

    `days` holds the exceptional days; any other is a working day from Monday to Friday. `covered_until` is the last
    day that an official notice covers; days after it, up to `provisional_until`, are provisional. Instances are
    immutable and safe to share between threads.
    """

    __slots__ = (
        "_before",
        "_days",
        "_unsure",
        "_working",
        "covered_from",
        "covered_until",
        "digest",
        "last",
        "provisional_until",
        "region",
        "sources",
        "version",
    )

    def __init__(
        self,
        days: Mapping[date, Day],
        *,
        covered_from: date,
        covered_until: date,
        provisional_until: date | None = None,
        region: str = NATION,
        version: str = "",
        sources: Sequence[Source] = (),
    ) -> None:
        last = max(covered_until, provisional_until or covered_until)
        outside = sorted(day for day in days if not covered_from <= day <= last)
        if outside or covered_until < covered_from - _ONE_DAY:
            raise CalendarError(
                [
                    Flaw(f"{day} is outside {covered_from} to {last}", f"{day}不在{covered_from}至{last}之内")
                    for day in outside
                ]
                or [Flaw(f"covered from {covered_from} until {covered_until}", f"{covered_from} – {covered_until}颠倒")]
            )
        self._days: dict[date, Day] = dict(days)
        self.covered_from = covered_from
        self.covered_until = covered_until
        self.provisional_until = provisional_until if provisional_until and provisional_until > covered_until else None
        self.last = last
        self.region = region
        self.version = version
        self.sources = tuple(sources)
        # _working[i] is the i-th working day; _before[d] is the index of the last working day on or before d (-1 for
        # none), so the n-th working day strictly after d is _working[_before[d] + n].
        # _unsure[d] counts the provisional days up to d.
        self._working: list[date] = []
        self._before: dict[date, int] = {}
        self._unsure: dict[date, int] = {}
        unsure = 0
        for ordinal in range(covered_from.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            special = days.get(day)
            if special.working if special else day.weekday() < 5:
                self._working.append(day)
            self._before[day] = len(self._working) - 1
            unsure += self.is_provisional(day)
            self._unsure[day] = unsure
        content = json.dumps(self.as_data(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self.digest = hashlib.sha256(content.encode()).digest()

    # --- building -----------------------------------------------------------------------------------------------

    @classmethod
    def from_notices(cls, notices: Iterable[Notice], *, regions: Sequence[str] = ()) -> Calendar:
        """The calendar of the nation, overlaid by `regions`, the farthest ancestor first and the area itself last.

        Of several versions for one region and year the highest wins; an official notice beats a provisional one
        whatever their numbers. Notices of regions that are not asked for are ignored. Raises CalendarError with every
        problem: faults inside a notice, one version given twice, years missing between the first and the last, an
        official year after a provisional one, no national notice.
        """
        wanted = [NATION, *(region for region in regions if region != NATION)]
        notices = [notice for notice in notices if notice.region in wanted]
        problems = [problem for notice in notices for problem in notice.problems()]
        chosen: dict[tuple[str, int], Notice] = {}
        keys: set[tuple[str, int, int]] = set()
        for notice in notices:
            key = (notice.region, notice.year, notice.version)
            if key in keys:
                tag = f"{notice.region}/{notice.year}.{notice.version}"
                problems.append(Flaw(f"{tag}: this version is given twice", f"{tag}：同一版本出现两次"))
            keys.add(key)
            known = chosen.get((notice.region, notice.year))
            rank = (not notice.provisional, notice.version)
            if known is None or rank > (not known.provisional, known.version):
                chosen[notice.region, notice.year] = notice
        national = sorted((n for n in chosen.values() if n.region == NATION), key=lambda notice: notice.covered_from)
        if not national:
            problems.append(Flaw("there is no national notice", "没有全国的放假通知"))
        for earlier, later in pairwise(national):
            if later.covered_from != earlier.covered_until + _ONE_DAY:
                ends, begins = earlier.covered_until, later.covered_from
                problems.append(
                    Flaw(f"covered days do not join: {ends}, then {begins}", f"覆盖期间不衔接：{ends}之后是{begins}")
                )
            if earlier.provisional and not later.provisional:
                problems.append(
                    Flaw(
                        f"{earlier.year} is provisional although {later.year} is official",
                        f"{later.year}年已有正式通知，{earlier.year}年却仍为暂定",
                    )
                )
        if problems:
            raise CalendarError(problems)
        official = [notice for notice in national if not notice.provisional]
        base = cls(
            _days_of(national),
            covered_from=national[0].covered_from,
            covered_until=official[-1].covered_until if official else national[0].covered_from - _ONE_DAY,
            provisional_until=national[-1].covered_until,
            version="+".join(notice.tag for notice in national),
            sources=_sources(national),
        )
        for region in wanted[1:]:
            mine = sorted((n for n in chosen.values() if n.region == region), key=lambda notice: notice.year)
            base = base.overlay(mine) if mine else base
        return base

    def overlay(self, notices: Sequence[Notice]) -> Calendar:
        """This calendar with the days of regional notices put over it: where both name a day, the region's wins.

        Days that the region does not name stay as they are. Raises CalendarError when a notice is faulty or names
        days outside this calendar.
        """
        problems = [problem for notice in notices for problem in notice.problems()]
        problems += [
            Flaw(
                f"{notice.tag}: {day.date} is outside {self.covered_from} to {self.last}",
                f"{notice.tag}：{day.date}不在{self.covered_from}至{self.last}之内",
            )
            for notice in notices
            for day in notice.days
            if not self.covered_from <= day.date <= self.last
        ]
        if problems:
            raise CalendarError(problems)
        return Calendar(
            self._days | _days_of(notices),
            covered_from=self.covered_from,
            covered_until=self.covered_until,
            provisional_until=self.provisional_until,
            region=notices[-1].region if notices else self.region,
            version="+".join([self.version, *(notice.tag for notice in notices)]),
            sources=[*self.sources, *_sources(notices)],
        )

    # --- keeping ------------------------------------------------------------------------------------------------

    def as_data(self) -> dict[str, Any]:
        """Everything that makes this calendar, as JSON values: what is kept so that a date can be explained later."""
        return {
            "covered_from": self.covered_from.isoformat(),
            "covered_until": self.covered_until.isoformat(),
            "provisional_until": self.provisional_until.isoformat() if self.provisional_until else None,
            "region": self.region,
            "version": self.version,
            "sources": [asdict(source) for source in self.sources],
            "days": {day.isoformat(): asdict(special) for day, special in sorted(self._days.items())},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Calendar:
        """The calendar that `as_data` described; it has the same digest."""
        until = data["provisional_until"]
        return cls(
            {date.fromisoformat(day): Day(**special) for day, special in data["days"].items()},
            covered_from=date.fromisoformat(data["covered_from"]),
            covered_until=date.fromisoformat(data["covered_until"]),
            provisional_until=date.fromisoformat(until) if until else None,
            region=data["region"],
            version=data["version"],
            sources=[Source(**source) for source in data["sources"]],
        )

    @property
    def document_numbers(self) -> tuple[str, ...]:
        """The documents behind this calendar, the nation's first."""
        return tuple(source.document_number for source in self.sources)

    def changes(self, newer: Calendar) -> dict[date, tuple[str, ...]]:
        """Day by day what `newer` counts otherwise than this calendar, with the documents that say so.

        Only days that both enumerate. The documents are those of the day's year that this calendar did not rest on.
        """
        known = set(self.sources)
        first, last = max(self.covered_from, newer.covered_from), min(self.last, newer.last)
        found: dict[date, tuple[str, ...]] = {}
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if self.is_working(day) == newer.is_working(day):
                continue
            of_year = [source for source in newer.sources if source.year == day.year]
            fresh = [source for source in of_year if source not in known] or of_year
            found[day] = tuple(source.document_number for source in fresh)
        return found

    # --- counting -----------------------------------------------------------------------------------------------

    def add(self, start: date, n: int) -> date:
        """The n-th working day strictly after `start` (民法典 Art. 201: the starting day is not counted).

        `add(start, 0)` is `start` itself, a working day or not. Raises CalendarRangeError when `start` or the
        answer is outside the calendar or n is negative.
        """
        try:
            if n > 0:
                return self._working[self._before[start] + n]
            if n == 0 and start in self._before:
                return start
        except (KeyError, IndexError):
            pass
        raise self._out_of_range(start, n)

    def count(self, after: date, until: date) -> int:
        """Working days in (after, until]; 0 when `until` is not later. `count(s, add(s, n)) == n` for every n ≥ 1."""
        try:
            return max(0, self._before[until] - self._before[after])
        except KeyError:
            raise self._out_of_range(after if after not in self._before else until, 0) from None

    def is_working(self, day: date) -> bool:
        """Whether `day` is a working day. Raises CalendarRangeError outside the calendar."""
        index = self._before.get(day)
        if index is None:
            raise self._out_of_range(day, 0)
        return index >= 0 and self._working[index] == day

    def is_provisional(self, day: date) -> bool:
        """Whether `day` may still change (暂定): beyond the last official notice, or named by a provisional one."""
        special = self._days.get(day)
        return day > self.covered_until or (special is not None and special.provisional)

    def depends_on_provisional(self, after: date, until: date) -> bool:
        """Whether any day in (after, until] may still change, so that a limit counted over them may too."""
        if until <= after:
            return False
        try:
            return self._unsure[until] > self._unsure[after]
        except KeyError:
            raise self._out_of_range(after if after not in self._unsure else until, 0) from None

    def received_on(self, day: date, mode: str = "next_is_day_1") -> date:
        """The starting day of a limit for what came in on `day`; it is not counted itself (民法典 Art. 201).

        `next_is_day_1`: that very day, at rest or not, so the next working day is day 1. `deemed_next`: what comes in
        on a rest day counts as received on the next working day. ValueError for another mode.
        """
        if mode not in REST_DAY_STARTS:
            raise ValueError(f"a start on a rest day is one of {', '.join(REST_DAY_STARTS)}, not {mode!r}")
        return day if mode == "next_is_day_1" or self.is_working(day) else self.add(day, 1)

    def official_days_after(self, day: date) -> int:
        """The horizon: how many working days after `day` are covered by official notices, provisional ones not counted.

        0 when `day` is past the last covered day.
        """
        first = self._before.get(max(day, self.covered_from), None)
        if first is None or day >= self.covered_until:
            return 0
        ahead = self._working[first + 1 : self._before[self.covered_until] + 1]
        return sum(not self.is_provisional(working) for working in ahead)

    # --- saying why ---------------------------------------------------------------------------------------------

    def why(self, day: date) -> Named:
        """Why `day` is or is not a working day, with the document that says so."""
        working = self.is_working(day)
        weekday = _WEEKDAYS[day.weekday()]
        special = self._days.get(day)
        if special is None:
            zh, en = ("工作日", "working day") if working else ("休息日", "day of rest")
            zh, en = f"{weekday.zh}，{zh}", f"{weekday.en}, {en}"
        else:
            zh = f"{weekday.zh}，{special.zh}{'' if working else '放假'}"
            en = f"{weekday.en}, {special.en}{'' if working else ' holiday'}"
            if special.document_number:
                zh, en = f"{zh}（{special.document_number}）", f"{en} ({special.document_number})"
        if self.is_provisional(day):
            zh, en = f"{zh} [暂定]", f"{en} [provisional]"
        return Named(zh, en)

    def explain(self, start: date, n: int) -> list[DayNote]:
        """Each day from `start` to `add(start, n)`, with its ordinal where it was counted and the reason."""
        due = self.add(start, n)
        first = self.why(start)
        notes = [
            DayNote(
                start,
                self.is_working(start),
                None,
                f"{first.zh}；起算当日不计入（民法典第二百零一条）",
                f"{first.en}; the starting day is not counted (Civil Code Art. 201)",
                self.is_provisional(start),
            )
        ]
        counted = 0
        for ordinal in range(start.toordinal() + 1, due.toordinal() + 1):
            day = date.fromordinal(ordinal)
            working = self.is_working(day)
            counted += working
            reason = self.why(day)
            notes.append(
                DayNote(day, working, counted if working else None, reason.zh, reason.en, self.is_provisional(day))
            )
        return notes

    # --- instants -----------------------------------------------------------------------------------------------

    def next_working_moment(self, instant: datetime, opens: time, closes: time) -> datetime:
        """The first instant not before `instant` that lies in [opens, closes) of a working day, in Asia/Shanghai."""
        if opens >= closes:
            raise ValueError(f"business hours {opens} to {closes} are empty")
        local = _aware(instant).astimezone(ZONE)
        today = local.date()
        if self.is_working(today):
            if local.time() < opens:
                return opening(today, opens)
            if local.time() < closes:
                return local
        return opening(self.add(today, 1), opens)

    def _out_of_range(self, day: date, n: int) -> CalendarRangeError | TypeError:
        if type(day) is not date:
            return TypeError(f"a date is wanted, not {day!r}")
        if n < 0:
            return CalendarRangeError(f"工作日数不能是负数：{n}", f"A number of working days cannot be negative: {n}")
        which, which_en = (f"{day}起第{n}个工作日", f"Working day {n} after {day}") if n else (f"{day}", f"{day}")
        span = f"{self.covered_from} – {self.last}"
        return CalendarRangeError(
            f"{which}超出工作日历范围（{span}），请先载入相应年度的日历。",
            f"{which_en} is outside the calendar ({span}). Load that year's calendar first.",
        )


def due_instant(day: date, close_of_business: time | None = None) -> datetime:
    """The instant at which a limit whose last day is `day` runs out (民法典 Art. 203), in Asia/Shanghai.

    Without business hours that is 24:00 of the day, written as 00:00 of the next: at this instant the limit is over.
    """
    if close_of_business is None:
        return datetime.combine(day + _ONE_DAY, time(), tzinfo=ZONE)
    return datetime.combine(day, close_of_business, tzinfo=ZONE)


def last_day_of(due_at: datetime) -> date:
    """The last day of a limit that runs out at `due_at`: 24:00 belongs to the day that it ends."""
    return local_date(due_at - timedelta(microseconds=1))


def opening(day: date, opens_at: time) -> datetime:
    """The instant at which business opens on `day`, in Asia/Shanghai."""
    return datetime.combine(day, opens_at, tzinfo=ZONE)


def local_date(instant: datetime) -> date:
    """The date in Asia/Shanghai at `instant`: the day on which something happened, for counting."""
    return _aware(instant).astimezone(ZONE).date()


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"an aware instant is wanted, not {instant!r}")
    return instant


def _days_of(notices: Iterable[Notice]) -> dict[date, Day]:
    return {
        day.date: Day(day.working, day.zh, day.en, notice.document_number, notice.provisional)
        for notice in notices
        for day in notice.days
    }


def _sources(notices: Iterable[Notice]) -> list[Source]:
    return [
        Source(notice.region, notice.year, notice.version, notice.document_number, notice.provisional)
        for notice in notices
    ]
