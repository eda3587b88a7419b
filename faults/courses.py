"""Pieces of work that a fault may cut short: what is prepared, what is then done, and what takes it up again.

Each lives in June 2026, whatever the day is here. `again` is what beat asks for next, or, where a person waits for an
answer, what that person does when none came: the same once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import time_machine

from accounts.models import User
from faults.counting import Rows
from faults.gateways import recorded
from faults.ground import Ground, Unfit
from notifications import leases
from notifications import tasks as letters
from tests.world import IN, MONDAY, OUT, World
from transfers import memory, tasks
from transfers.access import actor_for
from transfers.actions import perform
from transfers.actions.calendars import load
from transfers.actions.statements import take_statement
from transfers.actions.sweep import sweep
from transfers.models import Reconciliation
from transfers.places import agency_of
from transfers.reference import files
from transfers.rules import bankfiles
from transfers.rules.errors import Refusal
from transfers.rules.workdays import NATION, NoticeDay

PAYER = "南宁市医疗保障经办机构"
TUESDAY, NEXT_TUESDAY, THURSDAY_NIGHT = (
    MONDAY + timedelta(days=1),
    MONDAY + timedelta(days=8),
    MONDAY + timedelta(days=2, hours=17),
)


@dataclass(frozen=True, slots=True)
class Course:
    """A piece of work. `rows` says by rule, not by what comes out, how many rows of some kinds there are at the end."""

    name: str
    what: str
    again_is: str
    seed: Callable[[World], Any]
    at: datetime
    act: Callable[[Any], None]
    later: timedelta
    again: Callable[[Any], None]
    rows: dict[str, int]

    @property
    def again_at(self) -> datetime:
        return self.at + self.later

    def whole(self, facts: Any) -> None:
        """The work and what comes after it, undisturbed."""
        self.act(facts)
        with time_machine.travel(self.again_at, tick=True):
            self.again(facts)

    def reference(self, ground: Ground) -> Rows:
        """What there is at the end of it, undisturbed. Raises Unfit when that is not what the rules say."""
        facts = ground.template(self.name, self.seed)
        found = ground.reference(self.name, lambda: self.whole(facts), at=self.at)
        counts: Counter[str] = Counter()
        for (what, _text), times in found.items():
            counts[what] += times
        if wrong := {what: counts[what] for what, count in self.rows.items() if counts[what] != count}:
            raise Unfit(f"undisturbed, {self.name} should end with {self.rows} and ends with {wrong}")
        return found


def agency(code: str) -> int:
    found = agency_of(code)
    assert found is not None
    return found.pk


# --- a move -------------------------------------------------------------------------------------------


def two_reviews(world: World) -> list[tuple[int, int, str, int]]:
    """A sheet to be approved (clocks, money line, papers, letters follow) and a remittance (ledger, payment)."""
    sheet = world.carry(world.accepted(1, email="person@example.com"), "prepare_sheet")
    money = world.carry(world.accepted(2), "propose_remittance")
    who = world.out_reviewer.pk
    return [(sheet.pk, sheet.version, "approve_out", who), (money.pk, money.version, "approve_remittance", who)]


def take(steps: list[tuple[int, int, str, int]]) -> None:
    for case, version, name, who in steps:
        perform(case, name, actor_for(User.objects.get(pk=who)), version=version)


def take_again(steps: list[tuple[int, int, str, int]]) -> None:
    """Press once more on the page as it was shown: what was taken is refused as such."""
    for step in steps:
        try:
            take([step])
        except Refusal as error:
            if error.code != "J-STALE":
                raise


# --- a sweep ------------------------------------------------------------------------------------------


def limits(world: World) -> None:
    """Three cases that nobody claims, and one at work."""
    for serial in (1, 2, 3):
        world.accepted(serial, email=f"person{serial}@example.com")
    world.carry(world.accepted(4), "claim_out")


def due_cases(world: World) -> None:
    """The same, and one whose applicant let a supplement pass."""
    limits(world)
    asked = world.carry(world.accepted(5), "claim_out")
    world.take(asked, "request_supplement", world.out_handler, reason="Q-01", note="照片不清楚")


def sweep_again(_facts: Any) -> None:
    tasks.sweep()


# --- a drain ------------------------------------------------------------------------------------------


def letters_waiting(world: World) -> None:
    """Letters to persons by SMS and e-mail, and alarms to staff that fold into digests."""
    due_cases(world)
    world.carry(world.accepted(6, email="person6@example.com"), "approve_out")
    sweep(now=NEXT_TUESDAY - timedelta(minutes=30))


def drain(_facts: Any) -> None:
    with recorded():
        letters.drain()


# --- statements ---------------------------------------------------------------------------------------


def statement_of(world: World, *, first: int = 1) -> tuple[int, bytes, int]:
    """Six cases on their way; a file with lines for four of them, one in two parts, and one that is nobody's."""
    serials = range(first, first + 6)
    cases = [
        world.carry(world.accepted(serial, balance_fen=300_000 + n), "approve_remittance")
        for n, serial in enumerate(serials, 1)
    ]
    lines = [(case.number, 300_000 + n) for n, case in enumerate(cases[:4], 1)]
    lines += [(cases[4].number, 100_000), (cases[4].number, 200_005), ("谁的款", 9)]
    rows = [
        bankfiles.Line(n, f"B{n:05d}", TUESDAY, PAYER, "6222000011112222", fen, remark)
        for n, (remark, fen) in enumerate(lines, 1)
    ]
    data = bankfiles.write_statement(rows, area=IN, sequence=1, day=date(2026, 6, 2))
    return agency(IN), data, world.in_handler.pk


def take_in(facts: tuple[int, bytes, int]) -> None:
    where, data, who = facts
    take_statement(actor_for(User.objects.get(pk=who)), where, data, name="流水.csv")


def statement_taken(world: World) -> None:
    where, data, _who = statement_of(world)
    take_statement(actor_for(world.in_handler), where, data, now=TUESDAY)


def bank(_facts: Any) -> None:
    tasks.bank()


# --- a night's books ----------------------------------------------------------------------------------


def books(world: World) -> None:
    """Money that moved on Monday; and a Sunday whose books were kept with another closing, so that there is to tell."""
    statement_taken(world)
    Reconciliation.objects.create(
        date=date(2026, 5, 31),
        made_at=MONDAY - timedelta(hours=8),
        ok=True,
        rows=[{"out": OUT, "into": IN, "closing_fen": 1}],
        differences=[],
    )


def reconcile(_facts: Any) -> None:
    tasks.reconcile()


# --- an amended calendar --------------------------------------------------------------------------------


def amended(world: World) -> None:
    """Three outbound limits and two inbound ones; then a notice makes Wednesday the 10th and Thursday the 4th free."""
    for serial in (1, 2, 3):
        world.accepted(serial, email=f"person{serial}@example.com")
    for serial in (4, 5):
        world.carry(world.accepted(serial), "approve_out")
    official = next(n for n in files.read().notices if (n.region, n.year) == (NATION, 2026))
    days = {day.date: day for day in official.days}
    days |= {on: NoticeDay(on, False, "测试假", "Test holiday") for on in (date(2026, 6, 4), date(2026, 6, 10))}
    ordered = tuple(sorted(days.values(), key=lambda day: day.date))
    load(replace(official, version=2, document_number="测试〔2026〕9号", days=ordered), user_id=None, now=MONDAY)
    memory.forget()


def recompute(_facts: Any) -> None:
    tasks.recompute()


COURSES = {
    course.name: course
    for course in (
        Course(
            "move",
            "two people approve a sheet and a remittance",
            "they press once more",
            two_reviews,
            MONDAY + timedelta(hours=1),
            take,
            timedelta(minutes=1),
            take_again,
            {"case": 2, "sheet": 2, "payment": 1},
        ),
        Course(
            "sweep",
            "a sweep of five cases",
            "beat asks for the next sweep",
            due_cases,
            NEXT_TUESDAY,
            sweep_again,
            timedelta(minutes=1),
            sweep_again,
            {"case": 5},
        ),
        Course(
            "drain",
            "a drain of the outbox",
            "the lease runs out and beat asks for the next drain",
            letters_waiting,
            NEXT_TUESDAY,
            drain,
            leases.LEASE + timedelta(seconds=5),
            drain,
            {"case": 6},
        ),
        Course(
            "import",
            "a bank statement is taken in",
            "whoever uploaded it uploads it again",
            statement_of,
            TUESDAY + timedelta(hours=1),
            take_in,
            timedelta(minutes=1),
            take_in,
            {"file": 1, "line": 7},
        ),
        Course(
            "match",
            "the lines of a statement are matched",
            "beat asks for the bank's files again",
            statement_taken,
            TUESDAY + timedelta(hours=1),
            bank,
            timedelta(minutes=5),
            bank,
            {"file": 1, "line": 7, "allocation": 6},
        ),
        Course(
            "reconcile",
            "three nights' books are reconciled",
            "beat asks again half an hour later",
            books,
            THURSDAY_NIGHT,
            reconcile,
            timedelta(minutes=30),
            reconcile,
            {"night": 4},
        ),
        Course(
            "recompute",
            "open limits are counted anew after an amended notice",
            "beat asks again ten minutes later",
            amended,
            MONDAY + timedelta(hours=1),
            recompute,
            timedelta(minutes=10),
            recompute,
            {"case": 5},
        ),
    )
}
