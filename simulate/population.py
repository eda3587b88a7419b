"""Who applies on which day, and what will happen to their cases: drawn from a seed before anything is done.

The shares are those of the national figures where there are any, and assumed where there are none (docs/simulate.md).
What a case is fated to is drawn with its application and does not depend on what happens meanwhile, so that the same
seed under other policies has the same people doing the same things.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from simulate.offices import Office, a_balance, a_name, birth_date, identity_number
from transfers.actions.intake import person_hashes
from transfers.models import ContributionPeriod, Enrolment, Person, PersonalAccount
from transfers.models.guards import keys_for, stored, write_new, write_rows
from transfers.rules.workdays import Calendar

# Shares of the applications, from 0 to 1.
FAILED = 0.25
RESIDENTS = 0.1
# Shares of the accepted cases.
SUPPLEMENTS, RETURNS, QUERIES, WITHDRAWALS = 0.08, 0.03, 0.04, 0.015
HARD_RETURNS, LEFT_UNDONE, WITHDRAWALS_GRANTED = 0.2, 0.1, 0.7
# What fails where a precheck does: code -> share of the failures.
FAILURES = {
    "V-O-01": 0.4,
    "V-I-01": 0.15,
    "V-O-03": 0.12,
    "V-P-01": 0.1,
    "V-O-06": 0.09,
    "V-I-02": 0.06,
    "V-O-02": 0.04,
    "V-O-04": 0.04,
}
# The ten largest areas have this much of the applications, on either side.
TOP, TOP_SHARE = 10, 0.4
# How much is applied for, against an ordinary working day.
REST_DAY, BUSY_MONTH, AFTER_FESTIVAL = 0.15, 2.0, 3.0
BUSY_MONTHS, FESTIVAL_DAYS = (1, 7), 28
# The last day off of each Spring Festival.
FESTIVALS = (date(2024, 2, 17), date(2025, 2, 4), date(2026, 2, 23), date(2027, 2, 12))


@dataclass(frozen=True, slots=True)
class Fate:
    """What will happen to one case. Days are working days; `None` stands for never.

    `slow_out` and `slow_in` come on top of what the agencies take. `supplement`: the person answers after so many days.
    `returned` is the reason, `repaired` after how many days it is resubmitted. `query`: the outbound side answers after
    so many days. `withdrawn`: after how many days that is asked for.
    """

    slow_out: int
    slow_in: int
    asked: bool
    supplement: int | None
    returned: str
    repaired: int | None
    query: int | None
    withdrawn: int | None
    granted: bool


@dataclass(frozen=True, slots=True)
class Applicant:
    """One application: who, between which offices, with what. `failure`: the precheck that it will fail, if any."""

    serial: int
    name: str
    out: Office
    into: Office
    scheme: str
    balance_fen: int
    failure: str
    fate: Fate

    @property
    def raw(self) -> Mapping[str, str]:
        """The application as a platform sends it."""
        return {
            "name": self.name,
            "identity_number": identity_number(self.serial),
            "phone": f"138{self.serial:08d}",
            "outbound_area": self.out.area,
            "inbound_area": self.into.area,
            "outbound_scheme": self.scheme,
            "inbound_scheme": "310",
        }


def demand(day: date, calendar: Calendar) -> float:
    """How much is applied for on a day, against an ordinary working day."""
    since = min((day - last for last in FESTIVALS if day > last), default=timedelta.max)
    season = AFTER_FESTIVAL if since.days <= FESTIVAL_DAYS else BUSY_MONTH if day.month in BUSY_MONTHS else 1.0
    return season * (1.0 if calendar.is_working(day) else REST_DAY)


def by_day(days: Sequence[date], per_day: int, calendar: Calendar) -> dict[date, int]:
    """So many applications a day on average, spread as the seasons and the working days say."""
    weights = [demand(day, calendar) for day in days]
    whole, count = sum(weights), per_day * len(days)
    until = [round(count * part / whole) for part in accumulate(weights)]
    return {day: n - before for day, n, before in zip(days, until, [0, *until], strict=False)}


def shares(offices: Sequence[Office], rng: Random) -> dict[int, float]:
    """How much of the applications falls to each office, by its key: the ten largest, and many small ones."""
    drawn = list(offices)
    rng.shuffle(drawn)
    large, small = drawn[:TOP], drawn[TOP:]
    part = TOP_SHARE if small else 1.0
    weights = {office.pk: 1 / (n + 4) for n, office in enumerate(large)}
    found = {pk: part * weight / sum(weights.values()) for pk, weight in weights.items()}
    sizes = {office.pk: rng.uniform(0.4, 1.6) for office in small}
    return found | {pk: (1 - part) * size / sum(sizes.values()) for pk, size in sizes.items()}


class Population:
    """Draws the applications of a day, and registers these people in their areas."""

    def __init__(self, offices: Sequence[Office], share: Mapping[int, float], seed: int) -> None:
        self.seed, self.offices = seed, offices
        self._steps = list(accumulate(share[office.pk] for office in offices))
        self._drawn = 0

    def draw(self, day: date, count: int) -> list[Applicant]:
        """The applications of that day."""
        rng = Random(f"{self.seed}:{day}")
        return [self._one(rng) for _ in range(count)]

    def _office(self, rng: Random) -> Office:
        at = bisect(self._steps, rng.random() * self._steps[-1])
        return self.offices[min(at, len(self.offices) - 1)]

    def _one(self, rng: Random) -> Applicant:
        self._drawn += 1
        out = into = self._office(rng)
        while into is out:
            into = self._office(rng)
        failure = rng.choices(list(FAILURES), list(FAILURES.values()))[0] if rng.random() < FAILED else ""
        resident = rng.random() < RESIDENTS
        return Applicant(
            serial=self._drawn,
            name=a_name(rng),
            out=out,
            into=into,
            scheme="390" if resident else "310",
            balance_fen=0 if resident else a_balance(rng),
            # The resident scheme knows neither arrears of this kind nor retirement.
            failure="V-O-02" if resident and failure in ("V-O-01", "V-O-03", "V-O-04") else failure,
            fate=_fate(rng),
        )


def _fate(rng: Random) -> Fate:
    luck = rng.random()
    undone = rng.random() < LEFT_UNDONE
    asked = luck < SUPPLEMENTS
    returned = ""
    if SUPPLEMENTS <= luck < SUPPLEMENTS + RETURNS:
        returned = rng.choice(["R-03", "R-04", "R-07"] if rng.random() < HARD_RETURNS else ["R-01", "R-05", "R-06"])
    luck -= SUPPLEMENTS + RETURNS
    return Fate(
        slow_out=rng.choice([0, 0, 0, 1, 1, 2]),
        slow_in=rng.choice([0, 0, 0, 1]),
        asked=asked,
        supplement=None if undone else rng.randrange(1, 5),
        returned=returned,
        repaired=None if undone else rng.randrange(2, 15),
        query=rng.choice([1, 1, 2, 2, 3, 5]) if 0 <= luck < QUERIES else None,
        withdrawn=rng.randrange(3) if 0 <= luck - QUERIES < WITHDRAWALS else None,
        granted=rng.random() < WITHDRAWALS_GRANTED,
    )


def register(applicants: Sequence[Applicant], today: date) -> None:
    """Write these people into the tables of their areas, as they stand on the day they apply."""
    fields = Person._meta.concrete_fields
    keys = keys_for(Person, len(applicants))
    write_new(Person, [f.attname for f in fields], (stored(p, fields) for p in _persons(applicants, keys)))
    write_rows(
        Enrolment, [row for one, key in zip(applicants, keys, strict=True) for row in _enrolments(one, key, today)]
    )
    month = today.year * 12 + today.month - 1
    write_rows(
        ContributionPeriod,
        [
            ContributionPeriod(
                person_id=key,
                area_id=one.out.area,
                scheme=one.scheme,
                first_month=month - 2 - (12 + one.serial * 7 % 170),
                last_month=month - 2,
            )
            for one, key in zip(applicants, keys, strict=True)
        ],
    )
    write_rows(
        PersonalAccount,
        [
            PersonalAccount(person_id=key, area_id=one.out.area, balance_fen=one.balance_fen)
            for one, key in zip(applicants, keys, strict=True)
            if one.scheme == "310"
        ],
    )


def _persons(applicants: Sequence[Applicant], keys: Sequence[int]) -> Iterator[Person]:
    for one, key in zip(applicants, keys, strict=True):
        identity = identity_number(one.serial)
        found, tail = person_hashes("01", identity)
        yield Person(
            pk=key,
            identity_number=identity,
            identity_hash=found,
            tail_hash=tail,
            name=one.name,
            birth_date=birth_date(one.serial),
            sex="1" if int(identity[16]) % 2 else "2",
        )


def _enrolments(one: Applicant, key: int, today: date) -> Iterator[Enrolment]:
    failure = one.failure
    if failure != "V-O-02":
        yield Enrolment(
            person_id=key,
            area_id=one.out.area,
            scheme=one.scheme,
            status="1" if failure == "V-O-01" else "2",
            name=f"{one.name}某" if failure == "V-P-01" else one.name,
            valid_from=date(2011, 1, 1),
            arrears=failure == "V-O-03",
            open_claims=failure == "V-O-06",
            retired=failure == "V-O-04",
        )
    if failure != "V-I-01":
        yield Enrolment(
            person_id=key,
            area_id=one.into.area,
            scheme="310",
            status="2" if failure == "V-I-02" else "1",
            name=one.name,
            valid_from=today - timedelta(days=20),
        )
