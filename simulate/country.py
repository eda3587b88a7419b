"""The days of a country: people apply, agencies work as far as they come, banks answer, and time does the rest.

Everything is chosen set-based: one question a step for all cases that wait for it, and the step taken together for all
agencies. Agencies take what has waited longest first, however near its limit is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random

from simulate.gateway import Gateway
from simulate.offices import Office
from simulate.population import Applicant, Fate, Population, register
from simulate.work import AT_ONCE, Row, Work
from transfers.access import Actor, partner_actor
from transfers.actions.digests import digests
from transfers.actions.intake import clean, decide_many, submit_many
from transfers.models import Partner, TransferCase
from transfers.rules.codes import LISTS
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel
from transfers.rules.workdays import NATION, ZONE, local_date
from transfers.sla.calendars import calendar_for

# How the agencies differ. Working days from the arrival of a case on a desk to its being taken up.
SLOW = 0.1
OUT_DAYS, OUT_DAYS_SLOW = (1, 1, 2, 2, 3, 4, 5, 6), (9, 10, 11, 12, 15)
IN_DAYS, IN_DAYS_SLOW = (0, 1, 1, 2, 3), (4, 5, 6)
# How much an agency can do in a day, against its mean load.
CAPACITY, CAPACITY_SLOW = 1.3, 0.95
# An agency goes to its bank once so many payments are to be expected, at the latest after so many working days.
BANK_VISIT, BANK_DAYS_MOST = 12, 4
LETTERS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Pace:
    """How one agency works: the days until it takes a case up, and how many a day it can."""

    slow: bool
    out_days: int
    in_days: int
    a_day: int
    bank_every: int


def paces(offices: Sequence[Office], share: Mapping[int, float], load: float, rng: Random) -> dict[int, Pace]:
    """Drawn for each office; `load` is what all of them together are to do on a working day, on either side."""
    found = {}
    for office in offices:
        slow = rng.random() < SLOW
        mine = share[office.pk] * load
        found[office.pk] = Pace(
            slow=slow,
            out_days=rng.choice(OUT_DAYS_SLOW if slow else OUT_DAYS),
            in_days=rng.choice(IN_DAYS_SLOW if slow else IN_DAYS),
            a_day=max(2, round(mine * (CAPACITY_SLOW if slow else CAPACITY))),
            bank_every=max(1, min(BANK_DAYS_MOST, round(BANK_VISIT / mine))) if mine else BANK_DAYS_MOST,
        )
    return found


@dataclass(slots=True)
class Country(Work):
    """All of it. `fates` by case, `befallen` what of them has happened; `arrived`: applications by day."""

    population: Population = field(kw_only=True)
    pace: Mapping[int, Pace] = field(kw_only=True)
    platform: Partner = field(kw_only=True)
    tell: Callable[[str], None] = lambda _text: None
    gateway: Gateway = field(default_factory=Gateway)
    fates: dict[int, Fate] = field(default_factory=dict)
    arrived: dict[date, int] = field(default_factory=dict)
    letters: Counter[str] = field(default_factory=Counter)
    befallen: set[tuple[str, int]] = field(default_factory=set)
    _platform: Actor = field(init=False)
    _number: dict[date, int] = field(init=False)  # of each day: how many working days there were until then

    def __post_init__(self) -> None:
        Work.__post_init__(self)
        self._platform = partner_actor(self.platform)
        self._number = {}

    def run(self, arrivals: Mapping[date, int]) -> datetime:
        """Live through these days; the instant at which all ends."""
        days = sorted(arrivals)
        calendar, first = calendar_for(NATION), days[0] - timedelta(days=1)
        self._number = {first: 0} | {day: calendar.count(first, day) for day in days}
        for n, day in enumerate(days):
            self.tell(
                f"day {n + 1} of {len(days)}  {day}  {len(self.fates):,} accepted, "
                f"{self.taken['approve_in']:,} taken over, {self.taken['credit_account']:,} credited"
            )
            at = datetime.combine(day, time(), tzinfo=ZONE)
            working = calendar.is_working(day)
            self.sweep(at + timedelta(hours=9))
            if working:
                with self.timed("digests"):
                    self.letters["morning"] += digests(now=at + timedelta(hours=9))
            self.deliver(at + timedelta(hours=9, minutes=5))
            self.apply(day, arrivals[day], at + timedelta(hours=9, minutes=30))
            if working:
                self.work(day, at)
            self.deliver(at + timedelta(hours=18))
            self.night(at + timedelta(hours=27))
        last = at + timedelta(hours=27)
        self.deliver(last)
        return last

    def deliver(self, now: datetime) -> None:
        """Hand over what is due."""
        with self.timed("letters"):
            self.gateway.empty_outbox(now=now, at_once=LETTERS_AT_ONCE)

    # --- applications

    def apply(self, day: date, count: int, now: datetime) -> None:
        """The applications of a day: people are registered, apply through a platform, and hear the answer."""
        applicants = self.population.draw(day, count)
        self.arrived[day] = len(applicants)
        for start in range(0, len(applicants), AT_ONCE):
            chunk = applicants[start : start + AT_ONCE]
            with self.timed("registering"):
                register(chunk, day)
            with self.timed("applications"):
                self._file(chunk, now)

    def _file(self, chunk: Sequence[Applicant], now: datetime) -> None:
        channel = Channel.ONLINE
        wanted = [(clean(one.raw, now=now, channel=channel), channel) for one in chunk]
        filed = submit_many(wanted, self._platform, now=now)
        cases = []
        for one, case in zip(chunk, filed, strict=True):
            if isinstance(case, Refusal):
                self.refused[f"submit {case.code}"] += 1
                continue
            cases.append(case.pk)
            self.fates[case.pk] = one.fate
            self.bank.people[case.number] = one.name
        for case in decide_many(cases, now=now):
            self.taken[case.state] += 1
            if case.accepted_at is None:
                del self.fates[case.pk]

    # --- a working day

    def work(self, day: date, at: datetime) -> None:
        """What people do on a working day."""
        visits = [office for n, office in enumerate(self.offices) if self._goes_to_bank(office, n, day)]
        with self.timed("results"):
            for office in visits:
                self.answers(office, at + timedelta(hours=9, minutes=40))
        with self.timed("statements"):
            for office in visits:
                self.arrivals(office, at + timedelta(hours=9, minutes=50))
        with self.timed("applicants"):
            self.applicants(day, at + timedelta(hours=10))
        with self.timed("records"):
            self.records_out(day, at + timedelta(hours=10, minutes=30))
            self.records_in(day, at + timedelta(hours=11))
        with self.timed("hand work"):
            self.queue(visits, at + timedelta(hours=11, minutes=30))
            for office in visits:
                self.parts(office, at + timedelta(hours=12))
            self.differences(self.offices, at + timedelta(hours=13))
        with self.timed("credits"):
            self.credit(self.offices, at + timedelta(hours=14))
        with self.timed("payments"):
            for office in visits:
                self.pay(office, at + timedelta(hours=15))

    def _goes_to_bank(self, office: Office, n: int, day: date) -> bool:
        return (self._number[day] + n) % self.pace[office.pk].bank_every == 0

    def _waiting(self, state: str, desk: str) -> list[tuple[int, int, int, date]]:
        """(case, version, agency, day since which) in that state, those that wait longest first."""
        rows = TransferCase.objects.filter(state=state).order_by("state_since", "pk")
        found = rows.values_list("pk", "version", f"{desk}_agency" if desk != "holder" else "holder", "state_since")
        return [(case, version, agency, local_date(since)) for case, version, agency, since in found]

    def _after(self, state: str, desk: str, today: date, days: Callable[[int, int], int | None]) -> list[Row]:
        """Those that have been in that state for as many working days as `days(case, agency)` says."""
        number = self._number[today]
        found = []
        for case, version, agency, since in self._waiting(state, desk):
            wanted = days(case, agency)
            if wanted is not None and number - self._number[since] >= wanted:
                found.append((case, version, agency))
        return found

    def applicants(self, day: date, now: datetime) -> None:
        """What the persons do: supplement, repair, ask to withdraw."""
        supplied = self._after("OUT_SUPPLEMENT", "outbound", day, lambda case, _a: self.fates[case].supplement)
        self.together("provide_supplement", self._platform, _pairs(supplied), now, note="已补齐")
        repaired = self._after("RETURNED", "outbound", day, lambda case, _a: self.fates[case].repaired)
        self.together("resubmit", self._platform, _pairs(repaired), now, note="已处理")
        asking = self._after(
            "ACCEPTED",
            "outbound",
            day,
            lambda case, _a: None if ("withdrawn", case) in self.befallen else self.fates[case].withdrawn,
        )
        self.befallen.update(("withdrawn", case) for case, *_rest in asking)
        self.together("request_withdrawal", self._platform, _pairs(asking), now, reason="W-01", note="不再转移")

    def records_out(self, day: date, now: datetime) -> None:
        """The outbound side: claims as much as it can, and sends what it has claimed."""
        fates, pace = self.fates, self.pace
        answered = self._after("WITHDRAW_REQUESTED", "holder", day, lambda case, _a: 1 + fates[case].slow_out)
        self.each("grant_withdrawal", "handler", [row for row in answered if fates[row[0]].granted], now)
        refused = [row for row in answered if not fates[row[0]].granted]
        self.each("refuse_withdrawal", "handler", refused, now, reason="N-01", note="已进入办理")
        ready = self._after(
            "ACCEPTED", "outbound", day, lambda case, agency: pace[agency].out_days + fates[case].slow_out
        )
        ready = self._within(ready)
        back: dict[str, list[Row]] = defaultdict(list)
        onwards = []
        for row in ready:
            reason = fates[row[0]].returned
            (back[reason] if self._once("returned", row[0], reason) else onwards).append(row)
        for reason, rows in sorted(back.items()):
            step = "return_hard" if reason in LISTS["return_hard"] else "return_soft"
            self.each(step, "lead", rows, now, reason=reason, note="核对后退回")
        self.each("claim_out", "handler", onwards, now)
        asked, onwards = self._split("asked", "OUT_PROCESSING", "outbound", day, lambda fate: fate.asked)
        self.each("request_supplement", "handler", asked, now, reason="Q-01", note="影像不清")
        self.each("prepare_sheet", "handler", onwards, now)
        review = self._after("OUT_REVIEW", "outbound", day, lambda _case, _a: 0)
        self.each("approve_out", "reviewer", review, now + timedelta(minutes=10))

    def records_in(self, day: date, now: datetime) -> None:
        """The inbound side: claims, queries or checks, and takes over."""
        fates, pace = self.fates, self.pace
        answered = self._after("IN_QUERY", "outbound", day, lambda case, _a: fates[case].query)
        self.each("confirm_correct", "reviewer", answered, now, note="经核对无误")
        ready = self._after(
            "INFO_SENT", "inbound", day, lambda case, agency: pace[agency].in_days + fates[case].slow_in
        )
        self.each("claim_in", "handler", self._within(ready), now)
        doubted, onwards = self._split("queried", "IN_PROCESSING", "inbound", day, lambda fate: fate.query is not None)
        items = {"items": [{"field": "sheet", "note": "月数待核对"}]}
        self.each("raise_query", "handler", doubted, now, reason="C-01", note="请核对", data=items)
        self.each("check_sheet", "handler", onwards, now)
        review = self._after("IN_REVIEW", "inbound", day, lambda _case, _a: 0)
        self.each("approve_in", "reviewer", review, now + timedelta(minutes=10))

    def _split(
        self, what: str, state: str, desk: str, day: date, strikes: Callable[[Fate], bool]
    ) -> tuple[list[Row], list[Row]]:
        """Those in a state to which this happens now, once, and the others."""
        struck, spared = [], []
        for row in self._after(state, desk, day, lambda _case, _agency: 0):
            (struck if self._once(what, row[0], strikes(self.fates[row[0]])) else spared).append(row)
        return struck, spared

    def _once(self, what: str, case: int, fated: object) -> bool:
        """Whether this happens to the case now: it does to those that are fated to it, once."""
        if not fated or (what, case) in self.befallen:
            return False
        self.befallen.add((what, case))
        return True

    def _within(self, ready: Iterable[Row]) -> list[Row]:
        """As many of each agency as it can do in a day."""
        done: dict[int, int] = defaultdict(int)
        found = []
        for row in ready:
            done[row[2]] += 1
            if done[row[2]] <= self.pace[row[2]].a_day:
                found.append(row)
        return found


def _pairs(rows: Iterable[Row]) -> list[tuple[int, int]]:
    return [(case, version) for case, version, _agency in rows]
