"""The money under random hands: three areas, their finance people, a bank that errs, and processes that end midway.

Some people take the steps that are declared, some have an aim, some make batches, the bank answers and sends
statements, lines are matched by the system and by hand, funds settle, time goes by; any of it may end between two
writes and is then tried again. After each step the books are asked by questions of this module's own, and by those of
the product.
`HYPOTHESIS_PROFILE=long` searches for as long as `EXAMPLES` says, and tells what it came to and what it never did.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from accounts.models import User
from tests.properties.faults import Crash, crash_at, picture
from tests.properties.hands import filled
from tests.world import IN, OUT, application, person, put_in_force, user
from transfers import memory
from transfers.access import Actor, actor_for, person_actor
from transfers.actions import door, lines, results, settling, statements, wallet, yearend
from transfers.actions import money as posting
from transfers.actions.batches import approve_batch, cancel_batch, file_of, make_batch
from transfers.actions.effects import EFFECTS, Effect
from transfers.actions.intake import apply
from transfers.actions.results import apply_results, set_aside, take_results
from transfers.actions.statements import match_new, take_statement
from transfers.actions.sweep import sweep
from transfers.models import (
    MOVES,
    Agency,
    BankFile,
    CaseEvent,
    Enrolment,
    Payment,
    PaymentBatch,
    PaymentResult,
    Remittance,
    Settlement,
    StatementLine,
    TransferCase,
)
from transfers.models.moves import Declared
from transfers.registry import OwnTables
from transfers.rules.bankfiles import Line, Result, write_results, write_statement
from transfers.rules.codes import MONEY
from transfers.rules.errors import Refusal
from transfers.rules.money import Destination
from transfers.rules.parties import Channel, Role, Side
from transfers.rules.workdays import ZONE, local_date
from transfers.selectors.console import offer_for
from transfers.selectors.reconciliation import reconcile
from transfers.selectors.settlements import outstanding, owed_fen
from transfers.selectors.verify import problems
from transfers.sla.ageing import remind

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES = int(os.environ.get("EXAMPLES", "100" if LONG else "2"))
# Liuzhou: in the province of the first area.
NEAR = "450200"
AREAS = (OUT, NEAR, IN)
WAYS = {1: (OUT, IN), 2: (OUT, IN), 3: (OUT, NEAR), 4: (NEAR, IN), 5: (IN, OUT), 6: (OUT, IN)}
# Three of one amount; one that takes a wallet two days.
BALANCES = {1: 345_678, 2: 345_678, 3: 100_001, 4: 70_007, 5: 1_450_000, 6: 345_678}
SERIALS = tuple(WAYS) if LONG else (1, 2, 3, 5)
PAYOUTS = ["retired_resettled", "enlisted", "death", "emigrated"]
START = datetime(2026, 6, 1, 10, 0, tzinfo=ZONE)
TO_SEAL = ("claim_out", "prepare_sheet", "approve_out")
TO_TAKE_OVER = ("claim_in", "check_sheet", "approve_in")

# Every way of the money that people take or the system does: (step, from, to).
WAYS_OF_MONEY = [(name, *way) for name, one in MOVES.items() if one.machine == "money" for way in one.ways]
# What chance seldom comes to: (step, the state from which it is taken). No step: to be there.
AIMS = [
    *(("propose_unmatch", source) for source in MOVES["propose_unmatch"].sources),
    *(("request_reclaim", source) for source in MOVES["request_reclaim"].sources),
    *(("open_supplement", source) for source in MOVES["open_supplement"].sources),
    *(("return_remittance", source) for source in ("PAYING", "PAID_TO_PERSON")),
    *(("approve_unmatch", "UNMATCH_REVIEW"), ("keep_match", "UNMATCH_REVIEW"), ("answer_difference", "MISMATCH")),
    *(("refuse_reclaim", "RECLAIM"), ("grant_reclaim", "RECLAIM"), ("confirm_return", "RETURNING")),
    *(("undo_receipt", "RECEIVED"), ("settle", "PENDING_SETTLE"), ("", "IN_WALLET"), ("", "TO_WALLET")),
]

STAFF: dict[str, list[User]] = {}  # by area; under "" those who are nobody's, or everybody's
PEOPLE: dict[int, int] = {}
BROUGHT: dict[int, int] = {}  # person -> what was in their account at first
TAKEN: Counter[str] = Counter()
REACHED: Counter[str] = Counter()
DONE: Counter[str] = Counter()
WHY: Counter[str] = Counter()
ENDED: Counter[str] = Counter()  # what was ended between two writes
WENT: Counter[tuple[str, str, str]] = Counter()  # the ways that the money went
SEEN: Counter[str] = Counter()  # of lines and settlements


@dataclass(frozen=True, slots=True)
class Carried:
    """Something the bank has carried and not told the inbound agency yet."""

    payment: int
    reference: str
    amount_fen: int
    out: str
    into: str
    name: str


def remind_all(*, now: datetime) -> None:
    """Rung by rung, as many as were missed."""
    while remind(now=now):
        continue


def fill_wallets(*, now: datetime) -> None:
    """Part by part, as many as the limits allow on this day."""
    while wallet.move_due(now=now):
        continue


class Money(RuleBasedStateMachine):
    """Several cases from their sealed sheet to wherever their money goes."""

    def __init__(self) -> None:
        super().__init__()
        memory.forget()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.now = self.swept_at = START
        self.told: set[int] = set()  # payments that a statement has told
        self.references = 0
        self.thorough = True  # whether a course is ended at each of its writes
        self.asks = True  # whether the books are asked after each step of a course
        self.handled = sys.exception()

    # --- the world ------------------------------------------------------------------------------------

    @initialize(
        inside=st.sampled_from(["move", "keep", "payout", "instant"]),
        across=st.sampled_from(["move", "move", "payout_else"]),
        wallets=st.booleans(),
        freeze=st.sampled_from([None, {"from": "06-03", "to": "06-12"}]),
        limits=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    def begin(self, inside: str, across: str, wallets: bool, freeze: Any, limits: bool, seed: int) -> None:
        rng = Random(seed)
        put_in_force(
            "450000",
            in_province_fund=inside,
            cross_province_fund=across,
            wallet_enabled=wallets,
            year_end_freeze=freeze,
            fund_remit_days=5 if limits else None,
            payout_cases=PAYOUTS,
            open_claims_rule="warn",
        )
        put_in_force("330000", wallet_enabled=wallets, fund_credit_days=2 if limits else None, payout_cases=PAYOUTS)
        for serial in SERIALS:
            out, into = WAYS[serial]
            Enrolment.objects.filter(person=PEOPLE[serial], area=out).update(
                open_claims=out != IN and rng.random() < 0.2
            )
            case = apply(
                application(serial, out=out, into=into),
                actor_for(STAFF[into][0]),
                channel=Channel.WINDOW_IN,
                now=self.now,
            )
            assert case.state == "ACCEPTED", case.failures
            for name, who in zip(TO_SEAL, (0, 0, 1), strict=True):
                self.perform(case.pk, name, actor_for(STAFF[out][who]))
        self.all_is_well()

    def perform(self, case: int, name: str, actor: Actor, **more: Any) -> None:
        version = TransferCase.objects.values_list("version", flat=True).get(pk=case)
        door.perform(case, name, actor, version=version, now=self.now, **more)

    def attempt(self, what: str, action: Callable[[], Any], crash: int | None, *, whole: bool = True) -> Any:
        """Try something; ended before its `crash`-th write, it is tried once more.

        `whole`: it is one transaction, so nothing has happened when it was ended or refused.
        """
        before, refused = picture() if whole and (crash or LONG) else None, None
        try:
            with crash_at(crash):
                done = action()
        except Crash:
            DONE["crashed"] += 1
            ENDED[what] += 1
            assert before is None or picture() == before, f"{what} left something behind, ended at write {crash}"
            self.all_is_well()
            return self.attempt(what, action, None, whole=whole)
        except Refusal as error:
            refused = error
        if refused is not None:
            DONE["refused"] += 1
            WHY[refused.code] += 1
            assert before is None or picture() == before, f"{what} was refused ({refused.code}) and left something"
            return None
        DONE[what] += 1
        self.all_is_well()
        return done

    # --- people take steps ------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), steps=st.integers(1, 6), crash=st.sampled_from([None, None, *range(1, 9)]))
    def work_goes_on(self, seed: int, steps: int, crash: int | None) -> None:
        """Steps of one case after another, mostly those that lead on."""
        self.work_on(Random(seed), steps, crash)

    def work_on(self, rng: Random, steps: int, crash: int | None) -> None:
        if LONG and rng.random() < 0.4:
            self.pursue(*rng.choice(AIMS), rng, crash)
            return
        pk = rng.choice(list(TransferCase.objects.order_by("pk").values_list("pk", flat=True)))
        for _ in range(steps):
            case = self.case(pk)
            names = self.fitting(case)
            # Those that end a case are taken seldom, or no money would come far.
            weights = [self.weight(name) for name in names]
            if sum(weights):
                self.step(case, rng.choices(names, weights)[0], rng, crash)
                crash = None
            self.now += timedelta(hours=rng.choice([0, 0, 1, 20]))
            if rng.random() < 0.5:
                pk = rng.choice(list(TransferCase.objects.order_by("pk").values_list("pk", flat=True)))

    def weight(self, name: str) -> int:
        if MOVES[name].machine == "money":
            return 6 if MOVES[name].move.tone == "primary" else 1 if name == "pay_out_instead" else 2
        return 12 if name in ("claim_in", "check_sheet", "approve_in") else 1 if "withdraw" in name else 0

    def case(self, pk: int) -> TransferCase:
        parts = ("outbound_area", "inbound_area", "outbound_agency", "inbound_agency", "remittance")
        return TransferCase.objects.select_related(*parts).get(pk=pk)

    def money(self, case: TransferCase) -> Remittance | None:
        return Remittance.objects.filter(case=case).first()

    def fitting(self, case: TransferCase) -> list[str]:
        """The steps of people that are declared for where the case and its money stand."""
        money = self.money(case)

        def fits(declared: Declared) -> bool:
            if declared.machine == "case":
                return case.state in declared.sources and declared.name not in ("reopen", "forward")
            return money is not None and not case.info.holds and money.state in declared.sources

        return [name for name, one in MOVES.items() if one.move.side is not Side.SYSTEM and fits(one)]

    def step(
        self, case: TransferCase, name: str, rng: Random, crash: int | None, *, aim: Destination | None = None
    ) -> bool:
        """One step by somebody, mostly one who may; with an `aim` as somebody would take it who has one."""
        money, declared, sure = self.money(case), MOVES[name], aim is not None
        everybody = [actor_for(who) for people in STAFF.values() for who in people]
        able = [actor for actor in everybody if offer_for(actor, case, money, name).allowed]
        if declared.move.side is Side.APPLICANT:
            able += [person_actor(case)] * 3
        actor = rng.choice(able if able and (sure or rng.random() < 0.9) else everybody)
        members = [who.username for people in STAFF.values() for who in people]
        more = filled(declared.move, case, money, rng, areas=list(AREAS), members=members)
        if money is not None and (sure or rng.random() < 0.8):
            self.sensibly(name, case, money, more, rng)
        if name == "choose_destination" and money is not None and aim in money.options:
            more["data"]["destination"] = aim
        version = case.version - (not sure and rng.random() < 0.03)
        done = self.attempt(
            name, lambda: door.perform(case.pk, name, actor, version=version, now=self.now, **more), crash
        )
        return done is not None

    def sensibly(self, name: str, case: TransferCase, money: Remittance, more: dict[str, Any], rng: Random) -> None:
        """What somebody would write who looks at the case."""
        if name == "choose_destination" and money.options:
            more["data"]["destination"] = rng.choice(money.options)
        elif name == "pay_out_instead":
            more["reason"] = rng.choice(["P-01", "P-02", "P-03", "P-04"])
        elif name == "record_receipt":
            more["data"]["received_yuan"] = yuan(money.amount_fen - rng.choice([0, 0, 0, 1]) or 1)
        elif name == "open_supplement":
            more["data"]["amount_yuan"] = yuan(rng.randrange(1, 5000))
        elif name == "match_line":
            line = StatementLine.objects.filter(pk=int(more["data"]["line"])).first()
            left = money.amount_fen - (money.received_fen or 0)
            if line is not None:
                more["data"]["amount_yuan"] = yuan(max(1, min(left, lines.open_fen(line))))

    # --- people who want to come somewhere ---------------------------------------------------------------

    @rule(
        aim=st.sampled_from(AIMS),
        seed=st.integers(0, 2**32),
        crash=st.sampled_from([None, None, *range(1, 9)]),
    )
    def somebody_has_an_aim(self, aim: tuple[str, str], seed: int, crash: int | None) -> None:
        """The steps that lead to it from wherever a case is nearest; the last may be ended at a write."""
        self.pursue(*aim, Random(seed), crash)

    def pursue(self, goal: str, source: str, rng: Random, crash: int | None = None) -> TransferCase | None:
        """The case of which the step `goal` was taken from the state `source`; None where it did not come to that."""
        cases = list(TransferCase.objects.select_related("remittance").order_by("pk"))
        rng.shuffle(cases)
        ways = [(self.way(case, source, rng), case.pk) for case in cases]
        near = sorted((len(way), at) for at, (way, _pk) in enumerate(ways) if way or (goal and way is not None))
        if not near:
            return None
        pk, refused = ways[near[0][1]][1], 0
        for _ in range(10):
            case = self.case(pk)
            money, way = case.remittance, self.way(case, source, rng)
            if way is None:
                return None
            if not way and not goal:
                return case
            # What was matched is to be undone: something must have been.
            partly = goal == "propose_unmatch" and source != "MATCHED" and not money.received_fen
            if partly and money.state == "IN_TRANSIT":
                self.a_part_comes(case, money, rng)
                continue
            if partly and money.state == "MISMATCH":
                way = [("answer_difference", Destination(money.destination))]
            name, where = way[0] if way else (goal, Destination(money.destination))
            last = name == goal and money.state == source
            if name == "move_to_wallet":
                self.parts_go_to_wallets(crash)
            elif not self.step(case, name, rng, crash if last else None, aim=where):
                refused += 1
            elif last:
                return self.case(pk)
            if refused == 3:
                return None
            self.now += timedelta(hours=rng.choice([0, 0, 1]))
        return None

    def way(self, case: TransferCase, source: str, rng: Random) -> list[tuple[str, Destination]] | None:
        """The shortest way of the money to a state, step by step and where the money goes then; None where none is.

        What holds a case up comes first: a withdrawal that was asked for, a choice, or what is credited at once.
        """
        money = case.remittance
        here = money.state, Destination(money.destination)
        if case.info.holds:
            return [("refuse_withdrawal", here[1])] if case.state == "WITHDRAW_REQUESTED" else None
        if money.state == "FROZEN" and here[1] is Destination.INSTANT and money.round == 1:
            left = [name for name in TO_TAKE_OVER if case.state in MOVES[name].sources]
            return [(name, here[1]) for name in left] or None
        if money.state == "PENDING_SETTLE":
            Enrolment.objects.filter(person=case.person_id).update(open_claims=False)
        open_choice = money.chosen_at is None and money.choose_by is not None and self.now < money.choose_by
        by_line = (
            rng.random() < 0.5
            and StatementLine.objects.filter(agency=case.inbound_agency_id, state__in=lines.OPEN).exists()
        )
        found: dict[tuple[str, Destination], list[tuple[str, Destination]]] = {here: []}
        waiting = [here]
        while waiting:
            state, where = at = waiting.pop(0)
            if state == source:
                return found[at]
            for name, start, end in rng.sample(WAYS_OF_MONEY, len(WAYS_OF_MONEY)):
                if start != state or (open_choice and name == "propose_remittance" and not found[at]):
                    continue
                goals = [where]
                if name == "choose_destination":
                    goals = [Destination(one) for one in money.options]
                elif name == "pay_out_instead":
                    goals = [Destination.ACCOUNT]
                elif name == "propose_remittance" and where is Destination.INSTANT:
                    goals = [Destination.INBOUND]
                elif not self.may_go(name, where, end, money, by_line=by_line):
                    continue
                for one in goals:
                    if (end, one) not in found:
                        found[end, one] = [*found[at], (name, one)]
                        waiting.append((end, one))
        return None

    def may_go(self, name: str, where: Destination, end: str, money: Remittance, *, by_line: bool) -> bool:
        """Whether somebody who wants money to go `where` would take this step to come to that state."""
        match name:
            case "approve_remittance":
                return end == ("PAYING" if where.to_person else "TO_WALLET" if where == "wallet" else "IN_TRANSIT")
            case "match_line":
                return by_line
            case "record_receipt":
                return not money.received_fen
            case "match_receipt":
                return money.state != "RECEIVED" or money.received_fen == money.amount_fen
            case "refuse_reclaim" | "keep_match":  # back to where it was
                return money.state in MOVES[name].sources and end == money.held_state
        return MOVES[name].move.side is not Side.SYSTEM or name == "move_to_wallet"

    def a_part_comes(self, case: TransferCase, money: Remittance, rng: Random) -> None:
        """A line with a part of what a case awaits: with its number it is matched by the system, else by somebody."""
        awaited = money.amount_fen - (money.received_fen or 0)
        sent = Payment.objects.filter(case=case, kind="remit", state__in=("sent", "paid")).order_by("-pk").first()
        if sent is None or awaited < 2 or case.inbound_area_id not in AREAS:
            return
        numbered = rng.random() < 0.6
        one = Carried(sent.pk, sent.reference, awaited, case.outbound_area_id, case.inbound_area_id, case.name)
        row = self.line(one, rng.randrange(1, awaited), sent.reference if numbered else "第一笔")
        self.told.add(sent.pk)
        if self.the_bank_tells(case.inbound_area_id, [row], rng, None) and not numbered:
            self.step(self.case(case.pk), "match_line", rng, None, aim=Destination.INBOUND)

    def parts_go_to_wallets(self, crash: int | None) -> None:
        """Whatever the wallets take today, and on the two days that follow."""
        for _day in range(3):
            self.attempt("wallet", lambda: wallet.move_due(now=self.now), crash, whole=False)
            self.now += timedelta(hours=25)
            crash = None

    # --- funds that settle ----------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, None, *range(1, 5)]))
    def funds_settle(self, seed: int, crash: int | None) -> None:
        """What was credited at once is paid by the fund that owes it: all, a part, too much; by two people."""
        rng = Random(seed)
        owing = outstanding(AREAS)
        if not owing and Remittance.objects.filter(destination="instant", round=1, state="FROZEN").exists():
            self.pursue("", "CREDITED", rng)
            owing = outstanding(AREAS)
        if not owing:
            self.work_on(rng, 2, crash)
            return
        pair = rng.choice(owing)
        if pair.proposed is None:
            owed = owed_fen(pair.outbound, pair.inbound)
            self.references += 1
            ask = {
                "amount_fen": rng.choice([owed, owed, rng.randrange(1, owed + 1), owed + 1]),
                "bank_reference": rng.choice([f"S{self.references}"] * 9 + ["S0"]),
                "now": self.now,
            }
            who = actor_for(rng.choice(STAFF[rng.choice([pair.outbound] * 4 + [pair.inbound])]))
            self.attempt("propose", lambda: settling.propose(who, pair.outbound, pair.inbound, **ask), crash)
            return
        who = actor_for(rng.choice(STAFF[pair.outbound]))
        number = pair.proposed.pk
        if rng.random() < 0.25:
            self.attempt("refuse", lambda: settling.refuse(who, number, note="流水不符", now=self.now), crash)
        else:
            self.attempt("approve", lambda: settling.approve(who, number, now=self.now), crash)

    # --- batches ------------------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, None, *range(1, 13)]))
    def somebody_makes_payments(self, seed: int, crash: int | None) -> None:
        """A batch is made, approved with or without some of it, fetched, or dissolved."""
        self.somebody_makes_payments_for(Random(seed), crash)

    def somebody_makes_payments_for(self, rng: Random, crash: int | None) -> None:
        area = rng.choice((OUT, OUT, *AREAS))
        agency, who = self.agency(area), actor_for(rng.choice(STAFF[area]))
        drafts = list(PaymentBatch.objects.filter(agency=agency, state="draft").order_by("pk"))
        if drafts and rng.random() < 0.8:
            batch = rng.choice(drafts)
            if rng.random() < 0.7:
                who = actor_for(next(one for one in STAFF[area] if one.pk != batch.made_by_id))
            if rng.random() < 0.15:
                self.attempt("cancel_batch", lambda: cancel_batch(who, batch.pk, now=self.now), crash)
                return
            inside = list(batch.payments.values_list("pk", flat=True))
            without = rng.sample(inside, 1) if inside and rng.random() < 0.2 else []
            done = self.attempt(
                "approve_batch", lambda: approve_batch(who, batch.pk, without=without, now=self.now), crash
            )
            if done is not None:
                self.attempt("file_of", lambda: file_of(who, batch.pk, now=self.now), None)
            return
        mine = TransferCase.objects.filter(outbound_agency=agency).order_by("pk")
        if rng.random() < 0.85:
            mine = mine.filter(remittance__state__in=("FROZEN", "REMIT_FAILED", "REMIT_REVIEW"))
        cases = list(mine.values_list("pk", flat=True))
        payments = list(Payment.objects.filter(agency=agency, state="ready", batch=None).values_list("pk", flat=True))
        if cases or payments:
            wanted = rng.sample(cases, rng.randint(min(1, len(cases)), len(cases)))
            made = self.attempt(
                "make_batch", lambda: make_batch(who, agency, cases=wanted, payments=payments, now=self.now), crash
            )
            if made is None:
                self.work_on(rng, 3, None)

    def agency(self, area: str) -> int:
        return Agency.objects.values_list("pk", flat=True).get(area_id=area, valid_to__isnull=True)

    # --- the bank ------------------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, None, *range(1, 11)]))
    def the_bank_answers(self, seed: int, crash: int | None) -> None:
        """Results of payments: paid, returned; at times spoiled, doubled, out of order or of payments never sent."""
        rng = Random(seed)
        area = rng.choice((OUT, OUT, *AREAS))
        agency, who = self.agency(area), actor_for(rng.choice(STAFF[area]))
        known = list(Payment.objects.filter(agency=agency, state__in=("sent", "paid", "returned")).order_by("pk"))
        rows = rng.sample(known, min(len(known), rng.choice([1, 2, 3])))
        told = [self.result(payment, rng) for payment in rows]
        if rng.random() < 0.1:
            told.append(Result(0, "JX0000000000000-1", True, "", "B-0", 100, self.now, ""))
        if not told:
            self.work_on(rng, 3, crash)
            return
        data = self.spoiled(
            write_results(told, area=area, sequence=self.sequence(agency, "result", rng), day=local_date(self.now)), rng
        )
        taken = self.attempt("take_results", lambda: take_results(who, agency, data, now=self.now), crash)
        if taken is None:
            return
        before = picture()
        assert take_results(who, agency, data, now=self.now).again
        assert picture() == before, "a file that was taken in twice"
        self.attempt("apply_results", lambda: apply_results(who, taken.file, now=self.now), crash, whole=False)
        for row in PaymentResult.objects.filter(file=taken.file, problem__isnull=False, applied_at=None):
            if rng.random() < 0.5:
                self.attempt("set_aside", lambda row=row: set_aside(who, row.pk, note="已核实", now=self.now), None)

    def result(self, payment: Payment, rng: Random) -> Result:
        paid = rng.random() < 0.6
        reason = "" if paid else rng.choice(sorted(MONEY))
        amount = payment.amount_fen + (rng.random() < 0.03)
        return Result(0, payment.reference, paid, reason, f"B-{payment.reference}", amount, self.now, "")

    def sequence(self, agency: int, kind: str, rng: Random) -> int:
        last = BankFile.objects.filter(agency=agency, kind=kind).order_by("-sequence").first()
        return (last.sequence if last else 0) + (1 if rng.random() < 0.93 else rng.choice([0, 2]))

    def spoiled(self, data: bytes, rng: Random) -> bytes:
        return data.replace(b"CNY", b"USD") if rng.random() < 0.04 else data

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, None, *range(1, 13)]))
    def money_comes_in(self, seed: int, crash: int | None) -> None:
        """A statement tells what the bank carried, in the ways that banks tell it; the system matches what it can."""
        rng = Random(seed)
        area = rng.choice([IN, IN, *AREAS])
        agency = self.agency(area)
        arrivals = self.arrivals(agency)
        arrivals = rng.sample(arrivals, min(len(arrivals), rng.choice([1, 2, 3])))
        rows = list(self.lines_for(arrivals, rng))
        old = StatementLine.objects.filter(agency=agency, file__isnull=False).order_by("pk").first()
        if old is not None and rng.random() < 0.2:  # once more, in another file
            account = old.payer_account
            rows.append(Line(0, old.bank_reference, old.booked_at, old.payer_name, account, old.amount_fen, old.remark))
        if not rows:
            self.somebody_makes_payments_for(rng, crash)
            return
        if self.the_bank_tells(area, rows, rng, crash):
            self.told |= {one.payment for one in arrivals}

    def the_bank_tells(self, area: str, rows: Sequence[Line], rng: Random, crash: int | None) -> bool:
        """A statement is taken in and worked through, once and not again; whether it was."""
        agency, who = self.agency(area), actor_for(rng.choice(STAFF[area]))
        data = self.spoiled(
            write_statement(
                rows, area=area, sequence=self.sequence(agency, "statement", rng), day=local_date(self.now)
            ),
            rng,
        )
        taken = self.attempt("take_statement", lambda: take_statement(who, agency, data, now=self.now), crash)
        if taken is None:
            return False
        for one in taken.adopted:
            SEEN["adopted " + ("short" if one.short_fen else "more" if one.told_fen > one.written_fen else "")] += 1
        before = picture()
        assert take_statement(who, agency, data, now=self.now).again
        assert picture() == before, "a file that was taken in twice"
        self.attempt("match_new", lambda: match_new(agency, now=self.now), crash, whole=False)
        before = picture()
        match_new(agency, now=self.now)
        assert picture() == before, "matched once more, nothing changes"
        return True

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, None, *range(1, 13)]))
    def the_bank_tells_what_was_written_down(self, seed: int, crash: int | None) -> None:
        """The line of what somebody had written down: as it was written, with more, or with less."""
        rng = Random(seed)
        written = self.written_down()
        if not written:
            self.pursue(*rng.choice([("match_receipt", "RECEIVED")] * 3 + [("", "RECEIVED")]), rng)
            written = self.written_down()
        if not written:
            return
        area, reference, name, amount = rng.choice(written)
        told = max(1, amount + rng.choice([0, 0, 1, 1_000, -1, -1_000]))
        remark = rng.choice(["", "医保转移", *TransferCase.objects.values_list("number", flat=True)[:2]])
        row = Line(0, reference, self.now, name, "6200003301000000009", told, remark)
        if self.the_bank_tells(area, [row], rng, crash) and rng.random() < 0.5:
            self.pursue(*rng.choice([("approve_unmatch", "UNMATCH_REVIEW"), ("credit_account", "MATCHED")]), rng)

    def written_down(self) -> list[tuple[str, str, str, int]]:
        """What people wrote down and the bank has not told: the area, the reference, the payer, the amount in fen."""
        hand = StatementLine.objects.filter(file=None).select_related("agency").order_by("pk")
        found = [(one.agency.area_id, one.bank_reference, one.payer_name, one.amount_fen) for one in hand]
        receipts = Remittance.objects.filter(state="RECEIVED").select_related("case__outbound_agency").order_by("pk")
        return found + [
            (one.case.inbound_area_id, one.bank_reference, one.case.outbound_agency.name[:80], one.received_fen or 1)
            for one in receipts
        ]

    def arrivals(self, agency: int) -> list[Carried]:
        """What the bank may have carried: it does not always say so to the outbound side first."""
        sent = Payment.objects.filter(
            payee_agency=agency, kind__in=("remit", "rest"), state__in=("sent", "paid"), case__isnull=False
        )
        return [
            Carried(p.pk, p.reference, p.amount_fen, p.case.outbound_area_id, p.case.inbound_area_id, p.case.name)
            for p in sent.exclude(pk__in=self.told).select_related("case").order_by("pk")
        ]

    def lines_for(self, arrivals: Sequence[Carried], rng: Random) -> Iterator[Line]:
        if len(arrivals) > 1 and rng.random() < 0.3:  # merged
            together = " ".join(one.reference for one in arrivals) if rng.random() < 0.5 else ""
            yield self.line(arrivals[0], sum(one.amount_fen for one in arrivals), together)
            return
        for one in arrivals:
            remark = rng.choice([one.reference] * 4 + ["", one.name, f"{one.name[0]}**", "医保转移"])
            match rng.randrange(8):
                case 0 if one.amount_fen > 1:  # split
                    part = rng.randrange(1, one.amount_fen)
                    yield self.line(one, part, remark)
                    yield self.line(one, one.amount_fen - part, remark)
                case 1:  # doubled
                    yield self.line(one, one.amount_fen, remark)
                    yield self.line(one, one.amount_fen, remark)
                case 2:  # wrong
                    yield self.line(one, max(1, one.amount_fen + rng.choice([-1000, -1, 1, 1000])), remark)
                case _:
                    yield self.line(one, one.amount_fen, remark)
        if rng.random() < 0.15:
            self.references += 1
            yield Line(0, f"X{self.references}", self.now, "某某公司", rng.choice(["", "12345678"]), 5_000, "货款")

    def line(self, one: Carried, amount: int, remark: str) -> Line:
        self.references += 1
        name = Agency.objects.values_list("name", flat=True).get(area_id=one.out, valid_to__isnull=True)
        return Line(0, f"R{self.references}", self.now, name[:80], "6200003301000000009", amount, remark)

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, *range(1, 6)]))
    def somebody_looks_at_a_line(self, seed: int, crash: int | None) -> None:
        """What nobody can place goes back to whoever paid it, by two people."""
        rng = Random(seed)
        line = rng.choice([*StatementLine.objects.exclude(state="done").order_by("pk"), None])
        if line is None:
            self.work_on(rng, 3, crash)
            return
        area = rng.choice(AREAS)
        who = actor_for(rng.choice([*STAFF[area], *STAFF[line.agency.area_id] * 3]))
        if line.file_id is None and rng.random() < 0.5:
            self.attempt("strike", lambda: lines.strike(who, line.pk, note="银行没有这笔款项"), crash)
        elif line.state != "returning":
            self.attempt(
                "propose_return", lambda: lines.propose_return(who, line.pk, note="不是我们的", now=self.now), crash
            )
        elif rng.random() < 0.3:
            self.attempt("refuse_return", lambda: lines.refuse_return(who, line.pk, note="再查"), crash)
        else:
            self.attempt("approve_return", lambda: lines.approve_return(who, line.pk, now=self.now), crash)

    # --- time ---------------------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), crash=st.sampled_from([None, None, *range(1, 9)]))
    def time_passes(self, seed: int, crash: int | None) -> None:
        """With all that it brings about: alarms, the year-end freeze, parts to wallets."""
        rng = Random(seed)
        self.now += timedelta(hours=rng.choice([1, 25, 24 * 4, 24 * 8]))
        if rng.random() < 0.6:
            Enrolment.objects.filter(open_claims=True).update(open_claims=False)
        for name, action in self.DUE.items():
            self.attempt(name, lambda action=action: action(now=self.now), crash, whole=False)
            before = picture()
            action(now=self.now)
            assert picture() == before, f"{name} does the same twice"
        swept = sweep(now=self.now)
        assert swept.failed == swept.fired.failed == 0
        self.swept_at = self.now

    DUE: ClassVar[dict[str, Callable[..., Any]]] = {
        "yearend": yearend.turn,
        "wallet": fill_wallets,
        "remind": remind_all,
    }

    # --- what must hold -------------------------------------------------------------------------------------

    def all_is_well(self) -> None:
        DONE["asked"] += 1
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        books_hold()
        # More was matched than the bank told: said by both until people have undone it, and nothing else is.
        differ = reconcile(local_date(self.now), now=self.now).differences
        assert {one.check for one in differ} <= {"lines"}, "the product's own books"
        assert sum(one.count for one in differ) == len(rows(_SHORT)), "the product's own books of lines"

    @invariant()
    def verified(self) -> None:
        """Everything that `verify` asks: of the whole house, and so once after each rule only."""
        late = self.swept_at < self.now  # what came due since is for the next sweep
        found = [p for p in problems(now=self.now) if not (late and p.invariant == "swept")]
        short = {("lines", f"{area} {reference}") for area, reference in rows(_SHORT)}
        assert {(p.invariant, p.subject) for p in found} == short, found

    def teardown(self) -> None:
        """A walk that was broken off is not judged: what broke it must be told, and nothing that follows from it."""
        try:
            if sys.exception() is self.handled:
                DONE["examples"] += 1
                events = CaseEvent.objects.filter(version__isnull=False)
                for name, start, to in events.values_list("name", "from_money", "to_money"):
                    TAKEN[name] += 1
                    REACHED[to] += 1
                    WENT[name, start, to] += 1
                for state, reason in StatementLine.objects.values_list("state", "reason"):
                    SEEN[f"line {state} {reason}".strip()] += 1
                for state in Settlement.objects.values_list("state", flat=True):
                    SEEN[f"settlement {state}"] += 1
        finally:
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)
            memory.forget()


# --- the books, asked without the product's own questions ---------------------------------------------------


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall()


def books_hold() -> None:
    """Postings balance; pairs of areas conserve; every fen of a person is somewhere, once; nothing ends on its way.

    The pairs are told twice: by the cases, and by the areas that stand in the entries. The accounts of the persons are
    no part of the ledger.
    """
    assert rows(_UNBALANCED) == [], "a posting that does not balance"
    assert pairs_that_lose() == [], "a pair of areas between which money was lost or made"
    assert rows(_ADVANCED) == [], "what was advanced and what is owed differ, or one is below nothing"
    for who, accounts, elsewhere, interest in rows(_BY_PERSON):
        assert accounts + elsewhere == BROUGHT[who] + interest, f"fen of person {who} were lost or doubled"
    assert rows(_ENDED_ON_ITS_WAY) == [], "a case has ended and its money is on its way"
    assert rows(_LINES) == [], "a bank line and its parts differ"
    assert rows(_TOO_MUCH) == [], "more of a bank line was given away than came, and it does not say so"


_UNBALANCED = """
    SELECT t.id FROM transfers_ledgertransaction t LEFT JOIN transfers_ledgerentry e ON e.transaction_id = t.id
    GROUP BY t.id HAVING coalesce(sum(e.amount_fen), 0) <> 0 OR count(e.id) < 2
"""
_ADVANCED = """
    SELECT CASE book WHEN 'owed' THEN area_id ELSE counter_area_id END,
        CASE book WHEN 'owed' THEN counter_area_id ELSE area_id END FROM transfers_ledgerentry
    WHERE book IN ('owed', 'advanced')
    GROUP BY 1, 2 HAVING sum(amount_fen) <> 0 OR sum(amount_fen) FILTER (WHERE book = 'owed') < 0
"""
_BY_PERSON = """
    SELECT p.id, coalesce(a.fen, 0), coalesce(l.elsewhere, 0), coalesce(l.interest, 0) FROM transfers_person p
    LEFT JOIN (SELECT person_id, sum(balance_fen) AS fen FROM transfers_personalaccount GROUP BY 1) a
        ON a.person_id = p.id
    LEFT JOIN (SELECT c.person_id, sum(e.amount_fen) FILTER (WHERE e.book NOT IN ('personal', 'interest')) AS elsewhere,
            -sum(e.amount_fen) FILTER (WHERE e.book = 'interest') AS interest
        FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
        JOIN transfers_transfercase c ON c.id = t.case_id GROUP BY 1) l ON l.person_id = p.id
"""
_ENDED_ON_ITS_WAY = """
    SELECT c.number, e.book, sum(e.amount_fen) FROM transfers_transfercase c
    JOIN transfers_ledgertransaction t ON t.case_id = c.id JOIN transfers_ledgerentry e ON e.transaction_id = t.id
    WHERE c.closed_at IS NOT NULL AND e.book IN ('fixed', 'transit', 'received')
    GROUP BY 1, 2, e.area_id, e.counter_area_id HAVING sum(e.amount_fen) <> 0
"""
_LINES = """
    SELECT l.id FROM transfers_statementline l LEFT JOIN transfers_allocation a ON a.line_id = l.id
        AND a.undone_at IS NULL
    GROUP BY l.id HAVING coalesce(sum(a.amount_fen), 0) <> l.allocated_fen
    UNION ALL
    SELECT l.id FROM transfers_statementline l JOIN transfers_payment p ON p.line_id = l.id
    WHERE p.state IN ('ready', 'sent', 'paid') GROUP BY l.id HAVING sum(p.amount_fen) <> l.returned_fen
"""
_TOO_MUCH = """
    SELECT id FROM transfers_statementline
    WHERE (allocated_fen + returned_fen > amount_fen) <> (state = 'short') OR (state = 'short' AND file_id IS NULL)
"""
_SHORT = """
    SELECT a.area_id, l.bank_reference FROM transfers_statementline l JOIN transfers_agency a ON a.id = l.agency_id
    WHERE l.state = 'short'
"""
_SENT_BY_CASES = """
    SELECT c.outbound_area_id, c.inbound_area_id,
        -coalesce(sum(e.amount_fen) FILTER (WHERE t.kind = '207' AND e.book = 'fixed'), 0),
        coalesce(sum(e.amount_fen) FILTER (WHERE t.kind IN ('107', 'reclaim') AND e.book = 'personal'), 0)
            + coalesce(sum(e.amount_fen) FILTER (WHERE t.kind = 'back' AND e.book = 'fixed'), 0)
            + coalesce(sum(e.amount_fen) FILTER (WHERE e.book IN ('paid', 'heirs', 'wallet')), 0)
            + coalesce(sum(e.amount_fen) FILTER (WHERE e.book = 'transit' AND e.counter_area_id IS NULL), 0)
    FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
    JOIN transfers_transfercase c ON c.id = t.case_id GROUP BY 1, 2
"""
# A pair by its entries: from the area that sends, or sends back, to the other; both ways are one pair here.
_ON_THE_WAY_BY_ENTRIES = """
    SELECT least(area_id, counter_area_id), greatest(area_id, counter_area_id), sum(amount_fen)
    FROM transfers_ledgerentry WHERE book IN ('transit', 'received') AND counter_area_id IS NOT NULL GROUP BY 1, 2
"""


def pairs_that_lose() -> list[tuple[Any, ...]]:
    """Σ 207 = Σ 107 + on its way + returned + paid, for every two areas between which anything stands."""
    sent: Counter[tuple[str, str]] = Counter()
    for out, into, left, ended in rows(_SENT_BY_CASES):
        sent[min(out, into), max(out, into)] += left - ended
    moving = {(a, b): fen for a, b, fen in rows(_ON_THE_WAY_BY_ENTRIES)}
    return [(pair, sent[pair], moving.get(pair)) for pair in sent.keys() | moving if sent[pair] != moving.get(pair, 0)]


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


# --- the tests --------------------------------------------------------------------------------------------------


def populate() -> None:
    """Everybody, once for all examples: each example is rolled back to here."""
    for made_before in (STAFF, PEOPLE, BROUGHT):
        made_before.clear()
    works = (Role.OUT_HANDLER, Role.IN_HANDLER, Role.FINANCE)
    judges = (Role.OUT_REVIEWER, Role.IN_REVIEWER, Role.FINANCE)
    for area in AREAS:
        STAFF[area] = [
            user(f"works_{area}", area, works),
            user(f"judges_{area}", area, judges),
            user(f"finance_{area}", area, (Role.FINANCE,)),
        ]
        user(f"lead_{area}", area, (Role.SUPERVISOR,))
    STAFF[""] = [user("stranger", "510100", tuple(Role))]
    for serial, (out, into) in WAYS.items():
        who = person(serial, balance_fen=BALANCES[serial], out=out, into=into)
        PEOPLE[serial], BROUGHT[who.pk] = who.pk, BALANCES[serial]


@pytest.fixture
def ready(db: None) -> None:
    populate()


# Without the making of the database, which the first test of a process waits for.
@pytest.mark.timeout(0 if LONG else 120, func_only=True)
def test_the_money_under_random_hands(ready: None, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small ones, so that a file is worked on in several transactions.
    monkeypatch.setattr(results, "CHUNK", 2)
    monkeypatch.setattr(statements, "CHUNK", 2)
    DONE.clear()
    machine = Money.TestCase()
    machine.settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=40 if LONG else 8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Making a failing example shorter takes long: each has its seed.
        phases=[Phase.explicit, Phase.generate],
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
                told = {"done": DONE, "steps": TAKEN, "states": REACHED, "seen": SEEN, "refused": WHY, "ended": ENDED}
                for what, tally in told.items():
                    sys.stdout.write(f"\n{what}: {dict(tally.most_common())}")
                never = [" ".join(way) for way in WAYS_OF_MONEY if way not in WENT]
                sys.stdout.write(f"\n{len(WAYS_OF_MONEY) - len(never)} of {len(WAYS_OF_MONEY)} ways of the money")
                sys.stdout.write(f"; never went: {never}\n")


# --- one course, ended at every write ------------------------------------------------------------------------------


def each_write(machine: Money, what: str, action: Callable[[], Any], *, whole: bool = True) -> Any:
    """Do something, after it was ended before each of its writes in turn."""
    before = picture()
    for write in count(1) if machine.thorough else (10_000,):
        try:
            with crash_at(write):
                done = action()
        except Crash:
            DONE["crashed"] += 1
            if whole:
                assert picture() == before, f"{what} left something behind, ended at write {write}"
            else:
                machine.all_is_well()
            continue
        assert write > 1, f"{what} wrote nothing"
        break
    if machine.asks:
        machine.all_is_well()
    return done


def course(machine: Money) -> None:
    """Two cases: sent and returned, sent in a batch, paid and returned, matched, credited, asked back."""
    machine.begin(inside="move", across="move", wallets=False, freeze=None, limits=True, seed=7)
    one, two = TransferCase.objects.filter(person__in=[PEOPLE[1], PEOPLE[2]]).order_by("pk")
    Enrolment.objects.update(open_claims=False)
    out, into = ([actor_for(who) for who in STAFF[area]] for area in (OUT, IN))
    for case in (one, two):
        if machine.money(case).state == "PENDING_SETTLE":
            machine.perform(case.pk, "settle", out[0], note="已结算")

    def takes(case: TransferCase, name: str, who: Actor, **more: Any) -> None:
        each_write(machine, name, lambda: machine.perform(case.pk, name, who, **more))

    for name, who in (("claim_in", 0), ("check_sheet", 0), ("approve_in", 1)):
        machine.perform(one.pk, name, into[who])
    takes(one, "propose_remittance", out[0])
    takes(one, "approve_remittance", out[1])
    takes(one, "return_remittance", out[2], reason="F-01", note="户名不符")
    ours, theirs = machine.agency(OUT), machine.agency(IN)
    cases = [one.pk, two.pk]
    made = each_write(machine, "make_batch", lambda: make_batch(out[0], ours, cases=cases, now=machine.now))
    each_write(machine, "approve_batch", lambda: approve_batch(out[1], made.batch.pk, now=machine.now))
    sent = list(made.batch.payments.order_by("pk"))
    told = [Result(0, p.reference, p.case_id == one.pk, "" if p.case_id == one.pk else "F-03", "B1", p.amount_fen,
                   machine.now, "") for p in sent]  # fmt: skip
    data = write_results(told, area=OUT, sequence=1, day=local_date(machine.now))
    taken = each_write(machine, "take_results", lambda: take_results(out[2], ours, data, now=machine.now))
    each_write(machine, "apply_results", lambda: apply_results(out[2], taken.file, now=machine.now), whole=False)
    carried = machine.arrivals(theirs)
    assert [one.reference for one in carried] == [p.reference for p in sent if p.case_id == one.pk]
    lines_of = [machine.line(carried[0], carried[0].amount_fen, carried[0].reference)]
    statement = write_statement(lines_of, area=IN, sequence=1, day=local_date(machine.now))
    each_write(machine, "take_statement", lambda: take_statement(into[0], theirs, statement, now=machine.now))
    each_write(machine, "match_new", lambda: match_new(theirs, now=machine.now), whole=False)
    takes(one, "credit_account", into[0])
    takes(one, "request_reclaim", out[0], reason="F-07", note="误汇")
    takes(one, "grant_reclaim", into[1], note="退回", data={"bank_reference": "T1"})
    takes(one, "confirm_return", out[0], reason="F-07", note="已收到")
    assert {machine.money(case).state for case in (one, two)} == {"REMIT_FAILED"}
    machine.verified()


def another_course(machine: Money) -> None:
    """What was credited at once is settled; a wallet is filled; the heirs' money comes back; parts are undone; what was
    written down was less; late interest follows, and is asked back."""
    machine.begin(inside="instant", across="move", wallets=True, freeze=None, limits=True, seed=7)
    Enrolment.objects.update(open_claims=False)
    by_person = {case.person_id: case for case in TransferCase.objects.order_by("pk")}
    sent, heirs, near, wallets = (by_person[PEOPLE[serial]] for serial in (1, 2, 3, 5))
    people = {area: [actor_for(who) for who in STAFF[area]] for area in AREAS}

    def takes(case: TransferCase, name: str, area: str, who: int, **more: Any) -> None:
        each_write(machine, name, lambda: machine.perform(case.pk, name, people[area][who], **more))

    for case in by_person.values():
        out, into = case.outbound_area_id, case.inbound_area_id
        if machine.money(case).state == "PENDING_SETTLE":
            machine.perform(case.pk, "settle", people[out][0], note="已结算")
        if machine.money(case).options and case != near:
            wanted = {"destination": "wallet" if case == wallets else "inbound"}
            machine.perform(case.pk, "choose_destination", person_actor(case), data=wanted)
        for name, who in zip(TO_TAKE_OVER, (0, 0, 1), strict=True):
            if case == near and name == "approve_in":
                takes(case, name, into, who)
            else:
                machine.perform(case.pk, name, people[into][who])
        if case == heirs:
            data = {"payee_name": "测试乙", "payee_bank": "演示银行", "payee_account": "87654321"}
            takes(case, "pay_out_instead", out, 0, reason="P-03", note="材料齐全", data=data)
        if case != near:
            takes(case, "propose_remittance", out, 0)
            takes(case, "approve_remittance", out, 1)
    assert [machine.money(case).state for case in (sent, heirs, near, wallets)] == [
        *("IN_TRANSIT", "PAYING", "CREDITED", "TO_WALLET")
    ]
    # Two funds, part by part.
    for number, fen in enumerate((100_000, 1), 1):
        ask = {"amount_fen": fen, "bank_reference": f"S{number}", "now": machine.now}
        made = each_write(machine, "propose", lambda ask=ask: settling.propose(people[OUT][0], OUT, NEAR, **ask))
        each_write(machine, "approve", lambda made=made: settling.approve(people[OUT][1], made.pk, now=machine.now))
    assert owed_fen(OUT, NEAR) == 0
    # A wallet takes three parts of 2,000 yuan a day: 14,500 in three days.
    for _part in range(3):
        each_write(machine, "wallet", lambda: wallet.move_due(now=machine.now), whole=False)
    # What the bank has paid to the heirs comes back.
    takes(heirs, "confirm_paid", OUT, 0, data={"bank_reference": "B1"})
    takes(heirs, "return_remittance", OUT, 1, reason="F-02", note="账户已注销")
    # A part is matched by the system, and undone by two; less than was written down is found until it is undone.
    payment = Payment.objects.get(case=sent)
    one = Carried(payment.pk, payment.reference, payment.amount_fen, OUT, IN, sent.name)
    theirs, why = machine.agency(IN), {"reason": "F-04", "note": "不是本业务的款项"}

    def told(row: Line, sequence: int) -> None:
        data = write_statement([row], area=IN, sequence=sequence, day=local_date(machine.now))
        each_write(machine, "take_statement", lambda: take_statement(people[IN][0], theirs, data, now=machine.now))

    told(machine.line(one, 300_000, payment.reference), 1)
    each_write(machine, "match_new", lambda: match_new(theirs, now=machine.now), whole=False)
    assert (machine.money(sent).state, machine.money(sent).received_fen) == ("IN_TRANSIT", 300_000)
    takes(sent, "propose_unmatch", IN, 0, **why)
    takes(sent, "approve_unmatch", IN, 1, **why)
    receipt = {"received_yuan": yuan(payment.amount_fen), "bank_reference": "HAND"}
    takes(sent, "record_receipt", IN, 0, data=receipt)
    takes(sent, "match_receipt", IN, 0)
    told(machine.line(one, 300_000, "")._replace(bank_reference="HAND"), 2)
    assert rows(_SHORT) == [(IN, "HAND")]
    machine.verified()
    takes(sent, "propose_unmatch", IN, 0, **why)
    takes(sent, "approve_unmatch", IN, 1, **why)
    assert rows(_SHORT) == []
    told(machine.line(one, payment.amount_fen, payment.reference), 3)
    match_new(theirs, now=machine.now)
    takes(sent, "credit_account", IN, 0)
    # More follows, and is asked back.
    late = {"reason": "L-01", "note": "补息", "data": {"amount_yuan": "1.23"}}
    takes(sent, "open_supplement", OUT, 0, **late)
    takes(sent, "propose_remittance", OUT, 0)
    takes(sent, "approve_remittance", OUT, 1)
    takes(sent, "request_reclaim", OUT, 0, reason="F-07", note="误汇")
    takes(sent, "grant_reclaim", IN, 1, note="退回", data={"bank_reference": "T1"})
    takes(sent, "confirm_return", OUT, 0, reason="F-07", note="已收到")
    assert [machine.money(case).state for case in (sent, heirs, near, wallets)] == [
        *("REMIT_FAILED", "REMIT_FAILED", "CREDITED", "TO_WALLET")
    ]
    machine.all_is_well()
    machine.verified()


def one_fen_elsewhere(money: Remittance, kind: str, made: Any, *, at: datetime) -> Any:
    """Balanced, and wrong: one fen of what is sent is on its way to somebody else."""
    if kind == "207":
        (first, (book, area, counter, fen)) = made
        made = [first, (book, area, counter, fen - 1), (book, area, NEAR, 1)]
    return _POSTING(money, kind, made, at=at)


_POSTING = posting.posting


# What is taken away, and the question that notices it.
GONE = {
    "nothing": "",
    "a fen": "a pair of areas between which money was lost or made",
    "the posting of a return": "the product's own books",
    "one of two credits": "were lost or doubled",
    "the transaction": "left something behind, ended at write 2",
}


@pytest.mark.parametrize("gone", GONE)
def test_a_course_ended_at_every_write(ready: None, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    """Sound; and as the control of the questions, with a posting that is wrong, one that is missing, a credit that is
    made twice, and a step that is no transaction."""
    match gone:
        case "a fen":
            monkeypatch.setattr(posting, "posting", one_fen_elsewhere)
        case "the posting of a return":
            back = EFFECTS["return_remittance"]
            monkeypatch.setitem(
                EFFECTS,
                "return_remittance",
                lambda context: Effect(
                    writes=tuple(one for one in back(context).writes if one[0] is not posting.post_all)
                ),
            )
        case "one of two credits":
            credit = OwnTables.credit_account

            def twice(*args: Any) -> None:
                credit(*args)
                credit(*args)

            monkeypatch.setattr(OwnTables, "credit_account", twice)
        case "the transaction":
            monkeypatch.setattr(door, "perform", door.perform.__wrapped__)
    machine = Money()
    try:
        if gone == "nothing":
            course(machine)
            return
        machine.thorough = gone == "the transaction"
        with pytest.raises(AssertionError, match=GONE[gone]):
            course(machine)
    finally:
        machine.teardown()


@pytest.mark.timeout(0 if LONG else 120, func_only=True)
def test_another_course(ready: None) -> None:
    """As people go it; in the long search ended at every write, and the books are asked after each."""
    machine = Money()
    machine.thorough = machine.asks = LONG
    try:
        another_course(machine)
    finally:
        machine.teardown()
