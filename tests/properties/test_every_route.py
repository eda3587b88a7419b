"""Every route under random hands: three agencies, four people who move, registries that come and go, simulated time.

What may be done is read from the moves as they are declared, so a new move is tried from the day it is there. After
each step everything that must hold is asked. `HYPOTHESIS_PROFILE=long` searches for as long as `EXAMPLES` says.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, ClassVar

import pytest
from django.conf import settings as configured
from django.db import DatabaseError, DataError, connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from accounts.models import User
from notifications.models import Letter
from tests.properties.hands import filled, spoiled
from tests.sla.days import gone_by
from tests.world import IN, OUT, application, person, user
from transfers import memory, registry
from transfers.access import Actor, ActorKind, actor_for, person_actor
from transfers.actions import automatic, door, perform
from transfers.actions import sweep as sweeping
from transfers.actions.effects import EFFECTS, Effect
from transfers.actions.intake import apply
from transfers.actions.sweep import sweep
from transfers.models import (
    MOVES,
    Agency,
    Alarm,
    CaseEvent,
    Clock,
    ContributionPeriod,
    Enrolment,
    LedgerEntry,
    Membership,
    Person,
    PersonalAccount,
    Policy,
    Remittance,
    Sheet,
    TransferCase,
)
from transfers.models.moves import Declared
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.errors import Refusal
from transfers.rules.money import MoneyState
from transfers.rules.parties import Channel, Role, Side
from transfers.rules.routes import State
from transfers.rules.workdays import ZONE
from transfers.selectors.console import allowed_moves, offer_for, takes_part
from transfers.selectors.progress import promised_clock, public_status
from transfers.selectors.verify import problems
from transfers.sla import clocks
from transfers.sla import sweep as alarms
from transfers.sla.ageing import remind

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES = int(os.environ.get("EXAMPLES", "300" if LONG else "3"))
# Liuzhou: in the province of the outbound area.
NEAR = "450200"
AREAS = (OUT, IN, NEAR)
STARTS = [datetime(2026, month, day, 10, 0, tzinfo=ZONE) for month, day in ((5, 25), (6, 17), (9, 21))]
SPAN = timedelta(days=200)
# With these a step may not be refused to somebody to whom it is offered, and who filled it in rightly.
NOT_BUSINESS = {
    *("J-NOT-FOUND", "J-NOT-YOURS", "J-NOT-NOW", "J-NOT-OWNER", "J-FOUR-EYES", "J-STALE", "J-UNKNOWN-STEP"),
    *("J-REASON", "J-NOTE", "J-FIELD", "J-FIELDS", "J-ITEMS", "J-SHEET-FIELDS", "J-AREA"),
}
# Where each of the four moves to.
HOMES = {1: IN, 2: IN, 3: NEAR, 4: IN}
SERIALS = sorted(HOMES)

# Every (move, from, to) that is declared.
WAYS = [(name, *way) for name, declared in MOVES.items() for way in declared.ways]

STAFF: list[User] = []
ROLES: dict[int | None, set[tuple[int, str]]] = {}
# What all examples together have gone through: moves, states, states of the money; and how much was done.
TAKEN: Counter[str] = Counter()
REACHED: Counter[str] = Counter()
DONE: Counter[str] = Counter()


class Registries(OwnTables):
    """The areas' own registries, that are sometimes away: at once, or after a few more answers."""

    away: ClassVar[set[str]] = set()
    answers: ClassVar[int | None] = None

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name.startswith("_") or not callable(method):
            return method

        def asked(who: Person, area: str, *rest: Any) -> Any:
            if Registries.answers is not None:
                Registries.answers -= 1
            if area in Registries.away or (Registries.answers is not None and Registries.answers < 0):
                raise RegistryUnavailable
            return method(who, area, *rest)

        return asked

    @classmethod
    def come_back(cls) -> None:
        cls.away, cls.answers = set(), None


class EveryRoute(RuleBasedStateMachine):
    """Several cases of several people, from their applications to wherever the hands take them."""

    def __init__(self) -> None:
        super().__init__()
        memory.forget()
        Registries.come_back()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.now = self.swept_at = STARTS[0]
        self.brought = 0  # fen that came into accounts during the example
        self.stood: dict[int, tuple[int, int]] = {}  # case -> (version, stage of the public line)
        self.asked: tuple[int, ...] = ()
        self.handled = sys.exception()

    # --- the world ------------------------------------------------------------------------------------

    @initialize(
        start=st.sampled_from(STARTS),
        mode=st.sampled_from(["normal", "no_review", "automatic"]),
        fund=st.sampled_from(["move", "keep"]),
        near=st.sampled_from([{}, {"rest_day_start": "deemed_next", "close_of_business": "17:30", "out_days": 6}]),
        seed=st.integers(0, 2**32),
    )
    def begin(self, start: datetime, mode: str, fund: str, near: dict[str, Any], seed: int) -> None:
        self.now = self.swept_at = start
        for area, values in (("450000", {"in_province_mode": mode, "in_province_fund": fund}), (NEAR, near)):
            Policy.objects.create(
                area_id=area,
                version=90,
                valid_from=date(2026, 1, 1),
                document_number="测试",
                values=values,
                published_at=start,
            )
        memory.forget()
        self.apply_for(Random(seed))

    def people(self) -> dict[int, Person]:
        return {int(p.identity_number[14:17]): p for p in Person.objects.all()}

    @rule(seed=st.integers(0, 2**32))
    def something_happens(self, seed: int) -> None:
        """What nobody at a desk does."""
        rng = Random(seed)
        happens = [self.apply_for, self.the_record_changes, self.the_registries_come_and_go, self.time_passes]
        rng.choice([*happens, self.something_falls_due])(rng)

    def apply_for(self, rng: Random) -> None:
        """An application at a window or from home; mostly a sensible one."""
        serial = rng.choice(SERIALS)
        out, into = OUT, HOMES[serial]
        if rng.random() < 0.15:
            out, into = rng.sample(AREAS, 2)
        self.submit(serial, out, into, online=rng.random() < 0.4)

    def submit(self, serial: int, out: str, into: str, *, online: bool = False) -> TransferCase:
        by = Actor(ActorKind.PERSON, name="测试甲") if online else actor_for(self.member(into, Role.IN_HANDLER))
        case = apply(
            application(serial, out=out, into=into),
            by,
            channel=Channel.ONLINE if online else Channel.WINDOW_IN,
            now=self.now,
        )
        if not Registries.away and Registries.answers is None:
            assert case.state not in (State.SUBMITTED, State.MANUAL_CHECK)
        return case

    def member(self, area: str, role: Role) -> User:
        agency = Agency.objects.get(area_id=area).pk
        return next(who for who in STAFF if (agency, role.value) in ROLES[who.pk])

    def the_record_changes(self, rng: Random) -> None:
        """In an area's own system: an enrolment is resumed or suspended, or money comes into an account."""
        who = self.people()[rng.choice(SERIALS)]
        what = rng.random()
        if what < 0.4:
            Enrolment.objects.filter(person=who, area=rng.choice([OUT, OUT, *AREAS])).exclude(status="4").update(
                status=rng.choice(["1", "2"])
            )
        elif what < 0.7:
            account = PersonalAccount.objects.filter(person=who, status="normal").first()
            if account is not None:
                account.balance_fen += 100
                account.save()
                self.brought += 100
        else:
            self.moves_back(who)

    def moves_back(self, who: Person) -> None:
        """Somebody whose transfer is complete enrols again where they came from."""
        for ended in Enrolment.objects.filter(person=who, status="4"):
            home = HOMES[int(who.identity_number[14:17])]
            Enrolment.objects.filter(person=who, area=home).exclude(status="4").update(status="2")
            if not Enrolment.objects.filter(person=who, area=ended.area_id).exclude(status="4").exists():
                Enrolment.objects.create(
                    person=who,
                    area_id=ended.area_id,
                    scheme="310",
                    status="1",
                    name=who.name,
                    valid_from=self.now.date(),
                )

    def the_registries_come_and_go(self, rng: Random) -> None:
        Registries.come_back()
        if rng.random() < 0.5:
            Registries.away = set(rng.sample(AREAS, rng.choice([1, 1, 2])))
        elif rng.random() < 0.4:
            Registries.answers = rng.randrange(1, 6)

    # --- time -----------------------------------------------------------------------------------------

    def time_passes(self, rng: Random) -> None:
        self.until(self.now + timedelta(minutes=rng.choice([1, 45, 60 * 5, 60 * 25, 60 * 24 * 4, 60 * 24 * 9])))
        if rng.random() < 0.6:
            self.sweep()

    def until(self, later: datetime) -> None:
        if self.now < later < STARTS[0] + SPAN:
            self.now = later

    def sweep(self) -> None:
        swept = sweep(now=self.now)
        assert swept.failed == swept.fired.failed == 0
        self.swept_at = self.now
        again = sweep(now=self.now)
        assert again.fired.alarms == again.lapsed == again.failed == 0, "what was due was done the first time"
        while remind(now=self.now):
            pass

    def something_falls_due(self, rng: Random) -> None:
        """Straight to the end of a limit, or to a little before it."""
        due = list(Clock.objects.filter(status="running").order_by("pk").values_list("due_at", flat=True))
        if due:
            self.until(rng.choice(due) + timedelta(minutes=rng.choice([-1, 0, 0, 700])))
            self.sweep()

    # --- what people do -------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), steps=st.integers(1, 8))
    def work_goes_on(self, seed: int, steps: int) -> None:
        """Steps that are offered, each filled in rightly by somebody to whom it is."""
        rng = Random(seed)
        for _ in range(steps):
            case = self.some_case(rng, open_only=rng.random() < 0.9)
            if case is None:
                return
            names = self.open_to_somebody(case)
            # Those that end a case are taken less often, or none would come far.
            names = [n for n in names if MOVES[n].move.tone == "primary"] * 4 + names
            if names:
                self.take(case, rng.choice(names), rng)
            self.until(self.now + timedelta(hours=rng.choice([0, 0, 1, 26])))

    @rule(seed=st.integers(0, 2**32), goal=st.sampled_from(WAYS))
    def somebody_has_a_goal(self, seed: int, goal: tuple[str, str, str]) -> None:
        """The shortest declared way to where a move may be taken, and that move."""
        if seed % 4:
            Registries.come_back()
        name, source, _target = goal
        self.pursue(name, Random(seed), source)

    @rule(seed=st.integers(0, 2**32), tries=st.integers(1, 5))
    def anybody_tries_anything(self, seed: int, tries: int = 2) -> None:
        """Mostly wrong: who may is what the declaration says, and nothing changes when it is refused."""
        rng = Random(seed)
        for _ in range(tries):
            case = self.some_case(rng, open_only=rng.random() < 0.7)
            if case is None:
                return
            here = [name for name, declared in MOVES.items() if self.fits(case, self.money(case), declared)]
            name = rng.choice(here) if here and rng.random() < 0.8 else rng.choice(list(MOVES))
            spoil = rng.random() < 0.4
            self.attempt(case, name, self.anybody(case, rng), rng, spoil=spoil, behind=rng.random() < 0.1)

    def some_case(self, rng: Random, *, open_only: bool = True) -> TransferCase | None:
        cases = TransferCase.objects.order_by("pk")
        found = list((cases.filter(closed_at__isnull=True) if open_only else cases).values_list("pk", flat=True))
        return self.case(rng.choice(found)) if found else None

    def case(self, pk: int) -> TransferCase:
        parts = ("outbound_area", "inbound_area", "outbound_agency", "inbound_agency")
        return TransferCase.objects.select_related(*parts).get(pk=pk)

    def money(self, case: TransferCase) -> Remittance | None:
        return Remittance.objects.filter(case=case).first()

    def anybody(self, case: TransferCase, rng: Random) -> Actor:
        if rng.random() < 0.2:
            return person_actor(rng.choice([case, case, TransferCase.objects.order_by("pk")[0]]))
        return actor_for(rng.choice(STAFF))

    def fits(self, case: TransferCase, money: Remittance | None, declared: Declared) -> bool:
        if declared.machine == "case":
            return case.state in declared.sources
        if money is None or money.state not in declared.sources or case.state == State.WITHDRAW_REQUESTED:
            return False
        return declared.name != "propose_unmatch" or bool(money.received_fen)

    def may(self, actor: Actor, case: TransferCase, money: Remittance | None, declared: Declared) -> bool:
        """Who may take a step, told once more from its declaration and the rows of memberships."""
        move = declared.move
        if move.side is Side.SYSTEM:
            return False
        if actor.kind is ActorKind.PERSON:
            return move.side is Side.APPLICANT and actor.case_id == case.pk
        sides = {"out": case.outbound_agency_id, "in": case.inbound_agency_id}
        if not move.either and move.side is not Side.APPLICANT:
            sides = {move.side.value: sides[move.side.value]}
        mine = any(
            (agency, role.value) in ROLES[actor.user_id] and role.value.partition("_")[0] not in {"out", "in"} - {side}
            for side, agency in sides.items()
            if not move.holding or agency == case.holder_id
            for role in move.roles
        )
        made = {getattr(case if hasattr(case, column) else money, column, None) for column in move.four_eyes}
        return mine and actor.user_id not in made and (not move.owned or case.owner_id == actor.user_id)

    def open_to_somebody(self, case: TransferCase) -> list[str]:
        money = self.money(case)
        return [
            name
            for name, declared in MOVES.items()
            if declared.move.side is not Side.SYSTEM
            and self.fits(case, money, declared)
            and any(self.may(actor, case, money, declared) for actor in self.everybody(case))
        ]

    def everybody(self, case: TransferCase) -> Iterator[Actor]:
        yield person_actor(case)
        yield from (actor_for(who) for who in STAFF)

    def take(self, case: TransferCase, name: str, rng: Random) -> bool:
        """The step by one of those who may; whether it was done."""
        declared, money = MOVES[name], self.money(case)
        able = [actor for actor in self.everybody(case) if self.may(actor, case, money, declared)]
        if not able or not self.fits(case, money, declared):
            return False
        # Of people who hold every role, rarely: they may not judge their own work afterwards.
        able = able[:-2] * 6 + able if len(able) > 2 else able
        return self.attempt(case, name, rng.choice(able), rng)

    def attempt(
        self, case: TransferCase, name: str, actor: Actor, rng: Random, *, spoil: bool = False, behind: bool = False
    ) -> bool:
        """One try by anybody; whether it was done. It is done or refused exactly as declared, or the machine fails."""
        declared, money = MOVES[name], self.money(case)
        offered = self.fits(case, money, declared) and self.may(actor, case, money, declared)
        assert offer_for(actor, case, money, name).allowed == offered, (name, actor)
        if takes_part(actor, case):
            shown = {offer.name for offer in allowed_moves(actor, case, money) if offer.allowed}
            assert (name in shown) == offered, (name, actor)
        more = self.fill(case, money, declared, rng)
        if spoil:
            more = spoiled(declared.move, more, rng)
        doubtful = LONG or not offered or spoil or behind
        before, refused = self.picture() if doubtful else None, None
        try:
            # A savepoint, as each request of a face is a transaction of its own.
            with transaction.atomic():
                perform(case.pk, name, actor, version=case.version - behind, now=self.now, **more)
        except Refusal as error:
            refused = error
        if refused is None:
            assert (offered, behind, spoil) == (True, False, False), (name, actor, more)
            DONE["taken"] += 1
            if LONG:
                self.all_is_well()
            return True
        DONE["refused"] += 1
        assert "" not in (refused.zh, refused.en)
        assert not doubtful or self.picture() == before, (name, refused)
        rightly = offered and not spoil and not behind
        assert not rightly or refused.code not in NOT_BUSINESS, (name, refused)
        return False

    def fill(self, case: TransferCase, money: Remittance | None, declared: Declared, rng: Random) -> dict[str, Any]:
        members = [who.username for who in STAFF]
        try:
            return filled(declared.move, case, money, rng, areas=[NEAR, NEAR, *AREAS], members=members)
        except Sheet.DoesNotExist:
            return {"data": {}}  # nothing to correct yet, and so not offered

    def picture(self) -> list[Any]:
        """Everything that a refused step must leave as it was."""
        return [
            *(list(model.objects.order_by("pk").values()) for model in (TransferCase, Remittance, Clock)),
            list(PersonalAccount.objects.order_by("pk").values()),
            list(Sheet.objects.order_by("pk").values_list("digest", "sealed_at")),
            *(model.objects.count() for model in (CaseEvent, LedgerEntry, Letter, ContributionPeriod)),
        ]

    # --- goals ----------------------------------------------------------------------------------------

    def pursue(self, goal: str, rng: Random, source: str = "") -> bool:
        """Whether the move was taken (from the state `source`): on a case that is there, or else on a new one."""
        if goal in self.BROUGHT_ABOUT:
            self.BROUGHT_ABOUT[goal](self, rng)
            return True
        early = set(MOVES[goal].sources) <= {State.SUBMITTED, State.MANUAL_CHECK}
        cases = [self.case(pk) for pk in TransferCase.objects.order_by("pk").values_list("pk", flat=True)]
        rng.shuffle(cases)
        able = [case for case in cases if self.toward(case, goal, source) is not None][:2]
        return any(self.bring(case, goal, rng, source) for case in able) or any(
            self.bring(case, goal, rng, source) for _ in range(2) if (case := self.fresh(rng, silent=early)) is not None
        )

    def bring(self, case: TransferCase, goal: str, rng: Random, source: str) -> bool:
        """Whether the move was taken on this case, within so many steps; what is refused is tried again otherwise."""
        for _ in range(25):
            case = self.case(case.pk)
            step = self.toward(case, goal, source)
            if step is None:
                return False
            if step == "finish":  # it follows by itself when the money is there
                done = self.money(case) is not None and self.next_of_money(case, {MoneyState.CREDITED.value}, rng)
            else:
                done = self.take(case, step, rng) or self.take(case, step, rng)
            if step == goal or not done:
                return done
        return False

    def next_of_money(self, case: TransferCase, targets: set[str], rng: Random) -> bool:
        step = _first_step("money", self.money(case).state, targets)
        return step is not None and self.take(case, step, rng)

    def toward(self, case: TransferCase, goal: str, source: str) -> str | None:
        """The next step on the shortest declared way to where `goal` may be taken; `goal` itself when that is here."""
        declared, money = MOVES[goal], self.money(case)
        targets = {source} if source else set(declared.sources)
        if self.fits(case, money, declared) and {case.state, money.state if money else ""} & targets:
            return goal
        if declared.machine == "case":
            return _first_step("case", case.state, targets)
        if money is None:
            return _first_step("case", case.state, {State.INFO_SENT.value})
        return _first_step("money", money.state, targets)

    def fresh(self, rng: Random, *, silent: bool = False) -> TransferCase | None:
        """A new case of somebody who has none open; with a `silent` registry it waits to be checked."""
        Registries.come_back()
        people = self.people()
        busy = set(TransferCase.objects.filter(closed_at__isnull=True).values_list("person_id", flat=True))
        gone = set(Enrolment.objects.filter(area=OUT, status="4").values_list("person_id", flat=True))
        free = [serial for serial in SERIALS if people[serial].pk not in busy | gone]
        if not free:
            return None
        serial = rng.choice(free)
        Enrolment.objects.filter(person=people[serial], area=OUT).update(status="2")
        Enrolment.objects.filter(person=people[serial], area=HOMES[serial]).update(status="1")
        if silent:
            Registries.away = {rng.choice([OUT, HOMES[serial]])}
        return self.submit(serial, OUT, HOMES[serial])

    def nobody_answers(self, rng: Random) -> None:
        """Long enough for staff to be asked."""
        case = self.fresh(rng, silent=True)
        for _ in range(8):
            if case is None or case.state != State.SUBMITTED:
                return
            self.until(case.precheck_at)
            self.sweep()
            case = self.case(case.pk)

    def answered_by_hand(self, rng: Random) -> None:
        self.nobody_answers(rng)
        waiting = TransferCase.objects.filter(state=State.MANUAL_CHECK).order_by("pk").first()
        if waiting is not None:
            self.take(self.case(waiting.pk), "answer_by_hand", rng)
            self.sweep()

    def is_refused(self, rng: Random) -> None:
        case = self.fresh(rng)
        if case is not None:
            self.submit(int(case.person.identity_number[14:17]), OUT, IN)  # beside their own: V-P-03

    def by_itself(self, rng: Random) -> None:
        """Inside the province; the registries may fall silent on the way, and come back."""
        Registries.come_back()
        Registries.answers = rng.choice([None, 2, 3, 5])
        self.submit(3, OUT, NEAR)
        Registries.come_back()
        self.until(self.now + timedelta(minutes=rng.choice([5, 31])))
        self.sweep()

    def time_runs_out(self, rng: Random) -> None:
        self.pursue(rng.choice(["request_supplement", "return_soft"]), rng)
        clock = Clock.objects.filter(kind__in=["SUPPLEMENT", "RETURN"], status="running").order_by("pk").first()
        if clock is not None:
            self.until(clock.due_at)
            self.sweep()

    def it_ends_early(self, rng: Random) -> None:
        self.pursue(rng.choice(["propose_remittance", "claim_in"]), rng)
        fixed = TransferCase.objects.filter(remittance__state__in=MOVES["release"].sources)
        case = fixed.filter(state__in=MOVES["request_withdrawal"].sources).order_by("pk").first()
        if case is not None and self.take(self.case(case.pk), "request_withdrawal", rng):
            self.take(self.case(case.pk), "grant_withdrawal", rng)

    # What the system does, and how it comes about.
    BROUGHT_ABOUT: ClassVar[dict[str, Callable[[EveryRoute, Random], Any]]] = {
        "submit": lambda self, rng: self.fresh(rng),
        "accept": answered_by_hand,
        "refuse": is_refused,
        "defer": lambda self, rng: self.fresh(rng, silent=True),
        "ask_by_hand": nobody_answers,
        "answer_by_hand": answered_by_hand,
        "lapse": time_runs_out,
        "auto_out": by_itself,
        "auto_in": by_itself,
        "auto_defer": by_itself,
        "freeze": lambda self, rng: self.pursue("approve_out", rng),
        "keep": lambda self, rng: self.pursue("approve_out", rng),
        "release": it_ends_early,
        "finish": lambda self, rng: self.pursue("reopen", rng),
    }

    # --- what must always hold ------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        """Everything, unless nothing was written since it was asked last."""
        written = (CaseEvent.objects.count(), Alarm.objects.count(), self.brought, self.swept_at == self.now)
        if written == self.asked:
            return
        self.asked = written
        DONE["asked"] += 1
        self.verified()
        self.money_is_conserved()
        self.the_public_line_stands()
        self.the_clocks_add_up()

    def verified(self) -> None:
        own, configured.ENROLMENT_REGISTRIES = configured.ENROLMENT_REGISTRIES, {}  # our tables stand behind them
        try:
            found = problems(now=self.now)
        finally:
            configured.ENROLMENT_REGISTRIES = own
        due = self.swept_at < self.now  # what came due since is for the next sweep
        assert [p for p in found if not (due and p.invariant == "swept")] == []
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    def money_is_conserved(self) -> None:
        held = sum(PersonalAccount.objects.values_list("balance_fen", flat=True))
        under_way = sum(LedgerEntry.objects.exclude(book="personal").values_list("amount_fen", flat=True))
        assert held + under_way == sum(BALANCES.values()) + self.brought
        closed = Remittance.objects.filter(case__closed_at__isnull=False).values_list("state", flat=True)
        assert all(MoneyState(state).info.settled for state in closed)

    def the_public_line_stands(self) -> None:
        """It does not go back without a reason among the events since."""
        parts = ("outbound_area", "inbound_area", "outbound_agency", "inbound_agency")
        for case in TransferCase.objects.select_related(*parts):
            version, stood = self.stood.get(case.pk, (-1, 0))
            if version == case.version:
                continue
            status = public_status(case, promised_clock(case), self.now)
            stage = sum(stage.status != "ahead" for stage in status.stages)
            early = status.closed and case.state != State.COMPLETED
            if early:
                assert status.ended is not None or status.failures, "nobody is told why it ended"
            elif stage < stood:
                events = CaseEvent.objects.filter(case=case, version__gt=version).exclude(reason="")
                assert events.exists(), (case.state, stood, stage)
            self.stood[case.pk] = (case.version, stage)

    def the_clocks_add_up(self) -> None:
        """Counted with an independent package, for the areas whose limit starts on the day itself."""
        for clock in Clock.objects.exclude(area=NEAR).exclude(case__outbound_area=NEAR):
            begun = clock.started_at.astimezone(ZONE).date()
            assert clock.used + clock.paused_days == gone_by(begun, clock.counted_until), (clock.kind, clock.status)

    def teardown(self) -> None:
        """A walk that was broken off is not judged: what broke it must be told, and nothing that follows from it."""
        try:
            Registries.come_back()
            if sys.exception() is self.handled:
                self.come_to_its_end()
        finally:
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)
            Registries.come_back()
            memory.forget()

    def come_to_its_end(self) -> None:
        DONE["examples"] += 1
        self.sweep()
        self.all_is_well()
        moved = CaseEvent.objects.filter(version__isnull=False)
        for name, *states in moved.values_list("name", "to_state", "to_money"):
            TAKEN[name] += 1
            REACHED.update(states)


def _first_step(machine: str, here: str, targets: set[str]) -> str | None:
    """The first step of a shortest way through the declared moves of people (and `finish`) to one of `targets`."""
    queue = deque([(here, "")])
    seen = {here}
    while queue:
        state, first = queue.popleft()
        if state in targets:
            return first or None
        for name, declared in MOVES.items():
            if declared.machine != machine or (declared.move.side is Side.SYSTEM and name != "finish"):
                continue
            ends = [target for source, target in declared.ways if source == state]
            # Where the row itself chooses, nobody can plan; but most balances go to the inbound area.
            if ends and (len(ends) == 1 or name == "approve_remittance") and ends[0] not in seen:
                seen.add(ends[0])
                queue.append((ends[0], first or name))
    return None


BALANCES = {1: 345_678, 2: 100_001, 3: 70_007, 4: 0}


def populate() -> None:
    """Everybody, once for all examples: each example is rolled back to here."""
    STAFF.clear()
    each = {
        "handler": (Role.OUT_HANDLER, Role.IN_HANDLER),
        "reviewer": (Role.OUT_REVIEWER, Role.IN_REVIEWER),
        "finance_one": (Role.FINANCE,),
        "finance_two": (Role.FINANCE,),
        "lead": (Role.SUPERVISOR,),
    }
    STAFF.extend(user(f"{name}_{area}", area, roles) for area in AREAS for name, roles in each.items())
    STAFF.append(user("stranger", "510100", tuple(Role)))
    STAFF.append(User.objects.create(username="root", is_staff=True, is_superuser=True))
    # Two people who hold every role everywhere: the hard case for four-eyes.
    for name in ("busy_one", "busy_two"):
        busy = user(name)
        Membership.objects.bulk_create(
            Membership(user=busy, agency=Agency.objects.get(area_id=area), role=role.value)
            for area in AREAS
            for role in Role
        )
        STAFF.append(busy)
    ROLES.clear()
    ROLES.update({who.pk: set(who.memberships.values_list("agency_id", "role")) for who in STAFF})
    for serial, balance in BALANCES.items():
        person(serial, balance_fen=balance, into=HOMES[serial])
    # The record of the second is in the area near by as well: there the case can be forwarded.
    second = Person.objects.get(name="测试甲", accounts__balance_fen=BALANCES[2])
    Enrolment.objects.create(
        person=second, area_id=NEAR, scheme="310", status="2", name=second.name, valid_from=date(2019, 1, 1)
    )
    months = [year * 12 for year in (2018, 2019)]
    ContributionPeriod.objects.create(
        person=second, area_id=NEAR, scheme="310", first_month=months[0], last_month=months[1] - 1
    )


class Heard:
    """In the place of a logger: what is caught and logged to go on is no way out here."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def hear(event: str, **_more: Any) -> None:
            assert name != "exception", event

        return hear


@pytest.fixture
def ready(db, settings, monkeypatch):
    settings.ENROLMENT_REGISTRIES = dict.fromkeys(AREAS, f"{__name__}.Registries")
    for module in (automatic, registry, sweeping, alarms):
        monkeypatch.setattr(module, "log", Heard())
    populate()
    yield
    Registries.come_back()


def drive(number: int, goals: list[tuple[str, str, str]]) -> None:
    """One example without Hypothesis: the goals one after another, and anything between them."""
    rng = Random(number)
    machine = EveryRoute()
    near = {"rest_day_start": "deemed_next", "close_of_business": "17:30"} if number % 2 else {}
    try:
        machine.begin(
            start=STARTS[number % 3],
            mode=["no_review", "normal", "automatic"][number % 3],
            fund=["keep", "move"][number % 2],
            near=near,
            seed=number,
        )
        for goal in goals:
            machine.somebody_has_a_goal(rng.getrandbits(32), goal)
            if rng.random() < 0.2:
                rng.choice([machine.something_happens, machine.anybody_tries_anything])(rng.getrandbits(32))
                machine.all_is_well()
    finally:
        machine.teardown()


BY_HAND_MONEY = {
    *("keep", "freeze", "propose_remittance", "reject_remittance", "approve_remittance", "release"),
    *("record_receipt", "undo_receipt", "match_receipt", "credit_account"),
}
MONEY_BY_HAND = {
    state.value
    for state in (
        *(MoneyState.NONE, MoneyState.KEPT, MoneyState.FROZEN, MoneyState.REMIT_REVIEW, MoneyState.IN_TRANSIT),
        *(MoneyState.RECEIVED, MoneyState.MATCHED, MoneyState.CREDITED, MoneyState.RELEASED),
    )
}


def test_every_move_is_taken_and_every_state_reached(ready):
    """The same each time; a move of a case that is declared anew must be reached as well, or be given a way in
    BROUGHT_ABOUT. Of the money, the way of a balance by hand: the rest is driven in test_money_machine.py.
    """
    TAKEN.clear()
    REACHED.clear()
    moves = {name for name, one in MOVES.items() if one.machine == "case"} - {"reopen_money"} | BY_HAND_MONEY
    ways = [way for way in WAYS if way[0] in moves and (way[1] in set(State) or {*way[1:]} <= MONEY_BY_HAND)]
    states = {state.value for state in State} - {State.DRAFT.value} | MONEY_BY_HAND
    for number in range(9):
        # Of each move that was not taken, and of each state that was not reached, one way.
        Random(number).shuffle(ways)
        wanted = {name: (name, source, target) for name, source, target in ways if name not in TAKEN}
        if number:
            left = states - set(REACHED)
            wanted |= {target: (name, source, target) for name, source, target in ways if target in left}
        goals = sorted(set(wanted.values()))
        drive(number, goals[::2] if number == 0 else goals)
    assert moves - set(TAKEN) == set()
    assert states - set(REACHED) == set()


def stride(machine: EveryRoute) -> None:
    """A short walk past each of the guards below."""
    rng = Random(1)
    machine.begin(start=STARTS[0], mode="normal", fund="move", near={}, seed=1)
    case = machine.fresh(rng)
    stranger, busy = actor_for(STAFF[-4]), actor_for(STAFF[-1])
    for name, who in [("claim_out", stranger), ("claim_out", busy), ("prepare_sheet", busy), ("approve_out", busy)]:
        machine.attempt(machine.case(case.pk), name, who, rng)
    for goal in ("request_supplement", "release"):
        machine.pursue(goal, rng)
        machine.all_is_well()


@pytest.mark.parametrize("gone", ["nothing", "four eyes", "roles", "pauses", "reasons", "ledger"])
def test_a_guard_that_is_gone_is_noticed(ready, monkeypatch, gone):
    """The control of the machine itself: the same walk, sound, and with one guard taken away."""
    match gone:
        case "four eyes":
            monkeypatch.setattr(door, "check_four_eyes", lambda *_all: None)
        case "roles":
            monkeypatch.setattr(door, "acting_agency", lambda _actor, case, _move: case.outbound_agency_id)
        case "pauses":
            monkeypatch.setitem(clocks._CHANGES, "pause", lambda *_all: None)
        case "reasons":
            monkeypatch.setattr(door, "_clean_reason", lambda _move, _reason: "")
        case "ledger":
            monkeypatch.setitem(EFFECTS, "release", lambda _context: Effect())
    machine = EveryRoute()
    try:
        if gone == "nothing":
            stride(machine)
            return
        with pytest.raises((AssertionError, DatabaseError)):
            stride(machine)
    finally:
        with suppress(AssertionError, DatabaseError):
            machine.teardown()


def test_what_breaks_a_walk_off_is_what_is_told(ready):
    """After a failed query nothing can be asked any more; that must not be told in the place of the failure."""

    def walk() -> None:
        machine = EveryRoute()
        try:
            connection.cursor().execute("SELECT 1 / 0")
        finally:
            machine.teardown()

    with pytest.raises(DataError, match="division by zero"):
        walk()
    assert Person.objects.count() == len(SERIALS)


@pytest.mark.timeout(0 if LONG else 180)
def test_every_route_under_random_hands(ready, capsys):
    DONE.clear()
    machine = EveryRoute.TestCase()
    machine.settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=30 if LONG else 10,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Making a failing example shorter takes longer than a test of the suite may.
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if LONG else [])],
        derandomize=not LONG,
        database=None,
        print_blob=LONG,
        report_multiple_bugs=False,
    )
    try:
        machine.runTest()
    finally:
        if LONG:
            with capsys.disabled():
                sys.stdout.write(f"\n{dict(DONE)}\n{ {name: TAKEN[name] for name in MOVES} }\n")
