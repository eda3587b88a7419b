"""A case under random hands: both agencies, the person, the clock on the wall, a registry that comes and goes.

What may happen is predicted by a small model written from the table of states (domain rules 4.1 and 4.2), with working
days counted by an independent package. Whatever the model does not allow must be refused and change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accounts.models import User
from tests.sla.days import gone_by, nth
from tests.world import IN, OUT, World, application, person, user
from transfers import memory
from transfers.access import SYSTEM, actor_for, person_actor
from transfers.actions import perform
from transfers.actions.intake import apply
from transfers.actions.sweep import sweep
from transfers.models import (
    Agency,
    Alarm,
    CaseEvent,
    Clock,
    LedgerEntry,
    Membership,
    PersonalAccount,
    Remittance,
    TransferCase,
)
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.rules.workdays import ZONE
from transfers.selectors.verify import problems

START = datetime(2026, 5, 25, 10, 0, tzinfo=ZONE)
LAST = datetime(2026, 12, 1, tzinfo=ZONE)
BALANCE = 345_678
RECEIPT = {"received_yuan": "3456.78", "bank_reference": "T1"}

# --- the model, from the table of states --------------------------------------------------------------

# step: (states it leaves, state it leads to, side and role that may take it, who must not have taken the other part)
MODEL: dict[str, tuple[set[str], str, tuple[str, Role] | str]] = {
    "claim_out": ({"ACCEPTED"}, "OUT_PROCESSING", ("out", Role.OUT_HANDLER)),
    "prepare_sheet": ({"OUT_PROCESSING"}, "OUT_REVIEW", ("out", Role.OUT_HANDLER)),
    "send_back_out": ({"OUT_REVIEW"}, "OUT_PROCESSING", ("out", Role.OUT_REVIEWER)),
    "approve_out": ({"OUT_REVIEW"}, "INFO_SENT", ("out", Role.OUT_REVIEWER)),
    "request_supplement": ({"OUT_PROCESSING"}, "OUT_SUPPLEMENT", ("out", Role.OUT_HANDLER)),
    "provide_supplement": ({"OUT_SUPPLEMENT"}, "OUT_PROCESSING", "applicant"),
    "claim_in": ({"INFO_SENT"}, "IN_PROCESSING", ("in", Role.IN_HANDLER)),
    "check_sheet": ({"IN_PROCESSING"}, "IN_REVIEW", ("in", Role.IN_HANDLER)),
    "send_back_in": ({"IN_REVIEW"}, "IN_PROCESSING", ("in", Role.IN_REVIEWER)),
    "approve_in": ({"IN_REVIEW"}, "RELATION_DONE", ("in", Role.IN_REVIEWER)),
}
MONEY_MODEL: dict[str, tuple[set[str], str, str]] = {
    "propose_remittance": ({"FROZEN"}, "REMIT_REVIEW", "out"),
    "reject_remittance": ({"REMIT_REVIEW"}, "FROZEN", "out"),
    "approve_remittance": ({"REMIT_REVIEW"}, "IN_TRANSIT", "out"),
    "record_receipt": ({"IN_TRANSIT"}, "RECEIVED", "in"),
    "undo_receipt": ({"RECEIVED"}, "IN_TRANSIT", "in"),
    "match_receipt": ({"RECEIVED"}, "MATCHED", "in"),
    "credit_account": ({"MATCHED"}, "CREDITED", "in"),
}
EYES = {
    "send_back_out": "prepare_sheet",
    "approve_out": "prepare_sheet",
    "send_back_in": "check_sheet",
    "approve_in": "check_sheet",
    "reject_remittance": "propose_remittance",
    "approve_remittance": "propose_remittance",
    "credit_account": "match_receipt",
}
BACKWARDS = {"send_back_out", "send_back_in", "reject_remittance", "undo_receipt", "request_supplement"}
OWNED = {"prepare_sheet", "request_supplement", "check_sheet"}
MORE: dict[str, dict[str, Any]] = {
    "send_back_out": {"reason": "B-01", "note": "月数不符"},
    "send_back_in": {"reason": "B-03", "note": "信息有误"},
    "request_supplement": {"reason": "Q-01", "note": "照片不清楚"},
    "provide_supplement": {"note": "已补"},
    "reject_remittance": {"reason": "F-02", "note": "账号有误"},
    "undo_receipt": {"reason": "F-05", "note": "登记有误"},
    "record_receipt": {"data": RECEIPT},
}
STEPS = sorted(MODEL | MONEY_MODEL)
MAIN = {"ACCEPTED": "OUT", "OUT_PROCESSING": "OUT", "OUT_REVIEW": "OUT"} | dict.fromkeys(
    ("INFO_SENT", "IN_PROCESSING", "IN_REVIEW"), "IN"
)
LIMIT = {"OUT": 10, "IN": 5, "SUPPLEMENT": 5}
ENDED = {"COMPLETED", "TERMINATED", "NOT_ACCEPTED"}
# Working days used after which each rung of OUT may ring, on the next morning.
OUT_RUNGS = {"unclaimed": 1, "half": 5, "T-2": 8, "due-day": 9, "T+0": 10, "T+1": 11, "T+3": 13, "T+5": 15, "T+10": 20}


PEOPLE: list[User] = []
ROLES: dict[int, set[tuple[str, str]]] = {}


@dataclass
class Model:
    """What should be true of the case."""

    state: str = "SUBMITTED"
    money: str = ""
    owner: int | None = None
    supplements: int = 0
    did: dict[str, int | None] = field(default_factory=dict)
    out_since: date | None = None
    out_used: int = 0
    out_paused: int = 0
    counted: date | None = None
    supplement_due: date | None = None
    in_since: date | None = None


class Flaky(OwnTables):
    """A registry of an area's own that is sometimes away."""

    up: ClassVar[bool] = True

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name != "up" and not Flaky.up:
            raise RegistryUnavailable
        return super().__getattribute__(name)


# Which of the fitting steps, by whom of those who may, how many hours later.
PICKS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(-3, -1), st.sampled_from([0, 1, 25, 49])), min_size=4, max_size=18
)


class CaseMachine(RuleBasedStateMachine):
    """One case from its application to its end, or to wherever the hands take it."""

    def __init__(self) -> None:
        super().__init__()
        memory.forget()
        Flaky.up = True
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.case: TransferCase | None = None

    @initialize(up=st.sampled_from([True, True, True, False]), picks=PICKS)
    def begin(self, up: bool, picks: list[tuple[int, int, int]]) -> None:
        self.now = START
        self.people, self.roles = PEOPLE, ROLES
        person(1, balance_fen=BALANCE)
        self.model = Model()
        Flaky.up = up
        self.case = apply(application(1), actor_for(PEOPLE[2]), channel=Channel.WINDOW_IN, now=self.now)
        if up:
            self.accepted()
            self.work(picks)

    # --- what time brings ------------------------------------------------------------------------------

    @rule(days=st.integers(0, 6), hours=st.integers(0, 23), swept=st.booleans())
    def time_passes(self, days: int, hours: int, swept: bool) -> None:
        later = self.now + timedelta(days=days, hours=hours)
        if later < LAST:
            self.now = later
        if swept:
            self.sweep()

    @rule(up=st.sampled_from([True, True, False]))
    def the_registry_comes_and_goes(self, up: bool) -> None:
        Flaky.up = up

    @rule()
    def sweep(self) -> None:
        waiting = self.model.state == "SUBMITTED" and TransferCase.objects.get().precheck_at <= self.now
        sweep(now=self.now)
        if waiting and Flaky.up:
            self.accepted()
        if self.model.state == "OUT_SUPPLEMENT" and self.now.date() > self.model.supplement_due:
            self.model.state, self.model.owner = "TERMINATED", None
        assert sweep(now=self.now).fired.alarms == 0, "what is due was fired the first time"

    def accepted(self) -> None:
        self.model.state = "ACCEPTED"
        self.model.out_since = self.model.counted = self.now.date()

    # --- what people try --------------------------------------------------------------------------------

    @rule(step=st.sampled_from(STEPS), who=st.integers(0, 20))
    def anybody_tries_anything(self, step: str, who: int) -> None:
        """Mostly wrong: the model says whether it may be done."""
        self.attempt(step, who % (len(self.people) + 2))

    @precondition(lambda self: self.model.state not in ENDED)
    @rule(picks=PICKS)
    def work_goes_on(self, picks: list[tuple[int, int, int]]) -> None:
        self.work(picks)

    def work(self, picks: list[tuple[int, int, int]]) -> None:
        """Steps that are declared here, each by somebody who may take it, after the one whom the law forbids tried."""
        for pick, whom, hours in picks:
            self.now += timedelta(hours=hours)
            fitting = [step for step in STEPS if self.fits(step)]
            # Backwards only sometimes, or no case would ever come to its end.
            fitting = [s for s in fitting if s not in BACKWARDS] * 2 + [s for s in fitting if s in BACKWARDS]
            if not fitting:
                return
            step = fitting[pick % len(fitting)]
            able = [who for who in range(len(self.people) + 2) if self.predicted(step, who) is None]
            maker = self.model.did.get(EYES.get(step, ""))
            makers = [n for n, who in enumerate(self.people) if who.pk == maker]
            for who in (*makers, *([able[whom % len(able)]] if able else [])):
                self.attempt(step, who)

    @rule(step=st.sampled_from(STEPS), behind=st.integers(1, 3))
    def somebody_acts_on_an_old_picture(self, step: str, behind: int) -> None:
        busy = self.people[-3]
        with self.nothing_changes("J-STALE"):
            version = TransferCase.objects.get().version - behind
            perform(self.case, step, actor_for(busy), version=version, now=self.now, **MORE.get(step, {}))

    def fits(self, step: str) -> bool:
        if step in MODEL:
            return self.model.state in MODEL[step][0]
        return self.model.money in MONEY_MODEL[step][0]

    def actor(self, who: int) -> Any:
        if who < len(self.people):
            return actor_for(self.people[who])
        return SYSTEM if who > len(self.people) else person_actor(self.case)

    def predicted(self, step: str, who: int) -> str | None:
        """The code with which this must be refused, or None when it must be done."""
        model, user_id = self.model, self.people[who].pk if who < len(self.people) else None
        roles = self.roles.get(user_id, set())
        if user_id is not None and not {code for code, _role in roles} & {OUT, IN, "450000", "330000", "100000"}:
            return "J-NOT-FOUND"
        if step in MODEL:
            may = MODEL[step][2]
            if may == "applicant":
                allowed = user_id is None or (OUT, Role.OUT_HANDLER) in roles
            else:
                allowed = ({"out": OUT, "in": IN}[may[0]], may[1]) in roles
        else:
            allowed = ({"out": OUT, "in": IN}[MONEY_MODEL[step][2]], Role.FINANCE) in roles
        if not allowed:
            return "J-NOT-YOURS"
        if not self.fits(step):
            return "J-NOT-NOW"
        if step in EYES and model.did.get(EYES[step]) == user_id:
            return "J-FOUR-EYES"
        if step in OWNED and model.owner != user_id:
            return "J-NOT-OWNER"
        if step == "request_supplement" and model.supplements:
            return "J-SUPPLEMENT-LIMIT"
        if step in ("prepare_sheet", "approve_out", "approve_in", "credit_account") and not Flaky.up:
            return "J-REGISTRY-DOWN"
        return None

    def attempt(self, step: str, who: int) -> None:
        code, actor = self.predicted(step, who), self.actor(who)
        version = TransferCase.objects.get().version
        if code is not None:
            with self.nothing_changes(code):
                perform(self.case, step, actor, version=version, now=self.now, **MORE.get(step, {}))
            return
        perform(self.case, step, actor, version=version, now=self.now, **MORE.get(step, {}))
        self.follow(step, actor.user_id)

    def follow(self, step: str, user_id: int | None) -> None:
        """The model takes the same step."""
        model, today = self.model, self.now.date()
        model.did[step] = user_id
        if step in MONEY_MODEL:
            model.money = MONEY_MODEL[step][1]
        else:
            model.state = MODEL[step][1]
        if step in ("claim_out", "claim_in"):
            model.owner = user_id
        elif step in EYES and step.startswith("send_back"):
            model.owner = model.did[EYES[step]]
        elif step in MODEL and step not in ("request_supplement", "provide_supplement"):
            model.owner = None
        if step == "request_supplement":
            model.supplements += 1
            used_until = max(model.counted, today - timedelta(days=1))
            model.out_used += gone_by(model.counted, used_until)
            model.counted = used_until
            model.supplement_due = nth(today, 5)
        if step == "provide_supplement":
            model.out_paused += gone_by(model.counted, today)
            model.counted = max(model.counted, today)
        if step == "approve_out":
            model.out_used += gone_by(model.counted, today)
            model.in_since, model.money = today, "FROZEN"
        if model.state == "RELATION_DONE" and model.money == "CREDITED":
            model.state = "COMPLETED"

    def nothing_changes(self, code: str) -> Any:
        machine = self

        class Unchanged:
            def __enter__(self) -> None:
                self.before = machine.picture()

            def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
                assert isinstance(error, Refusal), error
                assert error.code == code, error
                assert machine.picture() == self.before
                return True

        return Unchanged()

    def picture(self) -> tuple[Any, ...]:
        return (
            TransferCase.objects.values().get(),
            list(Remittance.objects.values()),
            list(Clock.objects.order_by("id").values()),
            CaseEvent.objects.count(),
            LedgerEntry.objects.count(),
        )

    # --- what must always hold ----------------------------------------------------------------------------

    @invariant()
    def the_case_is_where_the_model_is(self) -> None:
        if self.case is None:
            return
        case, model = TransferCase.objects.get(), self.model
        money = Remittance.objects.filter(case=case).first()
        assert (case.state, money.state if money else "") == (model.state, model.money)
        assert case.owner_id == model.owner
        assert (case.closed_at is not None) == (case.state in ENDED)
        open_clocks = {c.kind: c for c in Clock.objects.filter(case=case).exclude(status="stopped")}
        if case.state in MAIN:
            assert set(open_clocks) == {MAIN[case.state]}
            assert open_clocks[MAIN[case.state]].status == "running"
        elif case.state == "OUT_SUPPLEMENT":
            assert {k: c.status for k, c in open_clocks.items()} == {"OUT": "paused", "SUPPLEMENT": "running"}
            assert open_clocks["SUPPLEMENT"].due_on == model.supplement_due
        elif case.state == "RELATION_DONE":
            assert set(open_clocks) == {"FUND"}
        else:
            assert not open_clocks

    @invariant()
    def the_limits_are_counted_right(self) -> None:
        if self.case is None or self.model.out_since is None:
            return
        model, clock = self.model, Clock.objects.get(kind="OUT")
        if clock.status != "stopped":
            assert (clock.used, clock.paused_days) == (model.out_used, model.out_paused)
        elif model.in_since:
            assert clock.used == model.out_used
            assert clock.used + clock.paused_days == gone_by(model.out_since, model.in_since)
        if clock.status == "running" and model.out_used < LIMIT["OUT"]:
            assert clock.due_on == nth(model.counted, LIMIT["OUT"] - model.out_used)
        inbound = Clock.objects.filter(kind="IN").first()
        if inbound is not None:
            assert inbound.due_on == nth(model.in_since, LIMIT["IN"])

    @invariant()
    def no_alarm_comes_early_or_twice(self) -> None:
        if self.case is None or self.model.out_since is None:
            return
        rungs = list(Alarm.objects.filter(clock__kind="OUT").values_list("rung", "planned_at"))
        assert len({rung for rung, _at in rungs}) == len(rungs)
        for rung, planned in rungs:
            at = planned.astimezone(ZONE)
            assert (at.hour, at.minute) == (9, 0)
            assert gone_by(self.model.out_since, at.date()) >= OUT_RUNGS[rung] + 1

    @invariant()
    def no_money_is_lost_or_made(self) -> None:
        if self.case is None:
            return
        held = sum(PersonalAccount.objects.values_list("balance_fen", flat=True))
        under_way = sum(LedgerEntry.objects.exclude(book="personal").values_list("amount_fen", flat=True))
        assert held + under_way == BALANCE

    @invariant()
    def one_event_for_each_move(self) -> None:
        if self.case is None:
            return
        versions = list(CaseEvent.objects.filter(kind="move").order_by("id").values_list("version", flat=True))
        assert versions == list(range(1, TransferCase.objects.get().version + 1))
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    def teardown(self) -> None:
        try:
            if self.case is not None:
                Flaky.up = True
                self.sweep()
                assert problems(now=self.now) == []
        finally:
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)
            Flaky.up = True
            memory.forget()


def populate() -> None:
    """Everybody, once for all examples: each example is rolled back to here."""
    world = World()
    PEOPLE[:] = world.everyone()
    # Two people who hold every role on both sides: the hard case for four-eyes.
    for name in ("busy_one", "busy_two"):
        busy = user(name)
        Membership.objects.bulk_create(
            Membership(user=busy, agency=Agency.objects.get(area_id=code), role=role.value)
            for code in (OUT, IN)
            for role in Role
        )
        PEOPLE.append(busy)
    PEOPLE.extend([world.stranger, world.superuser])
    ROLES.update(
        {who.pk: {(m.agency.area_id, m.role) for m in who.memberships.select_related("agency")} for who in PEOPLE}
    )


@pytest.mark.django_db
def test_a_case_under_random_hands(settings):
    settings.ENROLMENT_REGISTRIES = dict.fromkeys((OUT, IN), f"{__name__}.Flaky")
    populate()
    machine = CaseMachine.TestCase()
    machine.settings = _BRIEF
    machine.runTest()


_BRIEF = settings(
    max_examples=6,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Sequences are short; making them shorter still would take longer than a test may.
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
)
