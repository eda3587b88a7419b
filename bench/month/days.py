"""The working days of the month: everybody does what is on the desk, the banks answer, and each night the books close.

People who match by hand ask the other side on the phone: only here is the truth looked at, and only for lines that the
system has queued.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from bench.month.bank import Bank
from bench.month.cast import Cast, Office
from transfers.access import Actor
from transfers.actions import lines
from transfers.actions.batches import PAYMENTS_MAX, approve_batch, file_of, make_batch
from transfers.actions.door import Done, perform, perform_many
from transfers.actions.reconciling import reconcile_nights
from transfers.actions.results import apply_results, take_results
from transfers.actions.statements import match_new, take_statement
from transfers.actions.sweep import sweep
from transfers.models import Payment, PaymentBatch, Remittance, StatementLine, TransferCase
from transfers.rules.errors import Refusal
from transfers.rules.money import MoneyState
from transfers.rules.workdays import NATION, ZONE
from transfers.selectors import finance
from transfers.sla.ageing import remind
from transfers.sla.calendars import calendar_for

AT_ONCE = 500
RECORDS_OUT = (("claim_out", "handler"), ("prepare_sheet", "handler"), ("approve_out", "reviewer"))
RECORDS_IN = (("claim_in", "handler"), ("check_sheet", "handler"), ("approve_in", "reviewer"))
Tell = Callable[[str], None]


@dataclass(slots=True)
class Month:
    """What happens, and what was counted on the way. `seconds` are spent by kind of work."""

    cast: Cast
    bank: Bank
    tell: Tell = lambda _text: None
    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    books: list[tuple[date, bool, int]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def run(self, days: Sequence[date]) -> datetime:
        """Live through these days, weekends included; the instant at which all ends."""
        for day in days:
            if calendar_for(NATION).is_working(day):
                self.tell(f"{day}  {self.taken['credit_account']:,} credited")
                self.work(day)
            with self.timed("nights"):
                night = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=ZONE) + timedelta(hours=3)
                self.sweep(night)
                self.books += [(one.date, one.ok, len(one.rows)) for one in reconcile_nights(now=night)]
        return night

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - began

    def sweep(self, now: datetime) -> None:
        with self.timed("sweeps"):
            while True:
                swept = sweep(now=now)
                assert swept.failed == swept.fired.failed == 0
                if not (swept.truncated or swept.fired.clocks):
                    break
            while remind(now=now):
                continue

    # --- one day

    def work(self, day: date) -> None:
        at = datetime.combine(day, datetime.min.time(), tzinfo=ZONE)
        self.sweep(at + timedelta(hours=9))
        offices = self.cast.offices
        for office in offices:
            with self.timed("results"):
                self.answers(office, at + timedelta(hours=9, minutes=10))
        for office in offices:
            with self.timed("statements"):
                self.arrivals(office, at + timedelta(hours=9, minutes=30))
        for office in offices:
            with self.timed("records"):
                self.records(office, at + timedelta(hours=10))
        for office in offices:
            with self.timed("hand work"):
                self.queue(office, at + timedelta(hours=11))
                self.parts(office, at + timedelta(hours=12))
        for office in offices:
            with self.timed("hand work"):
                self.differences(office, at + timedelta(hours=13))
        for office in offices:
            with self.timed("credits"):
                self.credit(office, at + timedelta(hours=14))
        for office in offices:
            with self.timed("payments"):
                self.pay(office, at + timedelta(hours=15))

    def records(self, office: Office, now: datetime) -> None:
        """What was accepted before today leaves; what has come is taken over."""
        for steps, side, state in ((RECORDS_OUT, "outbound", "ACCEPTED"), (RECORDS_IN, "inbound", "INFO_SENT")):
            cases = TransferCase.objects.filter(**{f"{side}_agency": office.pk}, state=state)
            waiting = cases.filter(state_since__lt=now - timedelta(hours=2)).order_by("pk")
            mine = list(waiting.values_list("pk", flat=True))
            for step, who in steps:
                self.all_of(mine, step, getattr(office, who), now)

    def all_of(self, cases: Sequence[int], step: str, actor: Actor, now: datetime, **more: Any) -> None:
        for start in range(0, len(cases), AT_ONCE):
            chunk = cases[start : start + AT_ONCE]
            versions = TransferCase.objects.filter(pk__in=chunk).order_by("pk").values_list("pk", "version")
            answers = perform_many([(pk, version, {}) for pk, version in versions], step, actor, now=now, **more)
            self.count(step, answers)

    def count(self, step: str, answers: Iterable[Done | Refusal]) -> None:
        for answer in answers:
            if isinstance(answer, Refusal):
                self.refused[f"{step} {answer.code}"] += 1
            else:
                self.taken[step] += 1

    def one(self, case: int, step: str, actor: Actor, now: datetime, **more: Any) -> bool:
        version = TransferCase.objects.values_list("version", flat=True).get(pk=case)
        try:
            perform(case, step, actor, version=version, now=now, **more)
        except Refusal as error:
            self.refused[f"{step} {error.code}"] += 1
            return False
        self.taken[step] += 1
        return True

    # --- money out

    def pay(self, office: Office, now: datetime) -> None:
        """All that can be sent, in batches, by the maker and the checker; the bank gets the files."""
        waiting = Remittance.objects.filter(case__outbound_agency=office.pk, state__in=("FROZEN", "REMIT_FAILED"))
        cases = list(waiting.order_by("pk").values_list("pk", flat=True))
        loose = Payment.objects.filter(agency=office.pk, state="ready", batch=None).order_by("pk")
        follows = list(loose.values_list("pk", flat=True))
        size = PAYMENTS_MAX // 2
        wanted = [("case", pk) for pk in cases] + [("payment", pk) for pk in follows]
        for start in range(0, len(wanted), size):
            chunk = wanted[start : start + size]
            try:
                make_batch(
                    office.maker,
                    office.pk,
                    cases=[pk for kind, pk in chunk if kind == "case"],
                    payments=[pk for kind, pk in chunk if kind == "payment"],
                    now=now,
                )
            except Refusal as error:
                self.refused[f"batch {error.code}"] += 1
        # Those of earlier days, too, that could not be approved then.
        for batch in PaymentBatch.objects.filter(agency=office.pk, state="draft").order_by("pk"):
            try:
                approve_batch(office.checker, batch.pk, now=now + timedelta(minutes=20))
            except Refusal as error:
                self.refused[f"batch {error.code}"] += 1
                continue
            _name, data = file_of(office.maker, batch.pk, now=now + timedelta(minutes=25))
            self.taken["batches"] += 1
            self.bank.take(data, now=now + timedelta(minutes=30))

    def answers(self, office: Office, now: datetime) -> None:
        data = self.bank.results(office.area, now=now)
        if data is None:
            return
        taken = take_results(office.maker, office.pk, data, now=now)
        done = apply_results(office.maker, taken.file, now=now)
        self.taken["result files"] += 1
        self.taken["payments answered"] += done.paid + done.returned
        self.refused["results"] += done.problems

    # --- money in

    def arrivals(self, office: Office, now: datetime) -> None:
        data = self.bank.statement(office.area, now=now)
        if data is not None:
            taken = take_statement(office.maker, office.pk, data, now=now)
            assert take_statement(office.maker, office.pk, data, now=now).again
            self.taken["statement files"] += 1
            self.taken["lines"] += taken.stored
        match_new(office.pk, now=now)

    def queue(self, office: Office, now: datetime) -> None:
        """What the system left: matched by somebody who asks, or sent back by two."""
        for line in StatementLine.objects.filter(agency=office.pk, state="queued").order_by("pk"):
            truth = self.bank.truth[line.bank_reference]
            self.taken["lines by hand"] += 1
            for number, fen in truth.parts:
                case = TransferCase.objects.select_related("remittance").get(number=number)
                money = case.remittance
                left = min(fen, money.amount_fen - (money.received_fen or 0), lines.open_fen(line))
                if money.state != MoneyState.IN_TRANSIT or left <= 0:
                    continue
                data = {"line": str(line.pk), "amount_yuan": f"{left // 100}.{left % 100:02d}"}
                self.one(case.pk, "match_line", office.maker, now, data=data)
                line.refresh_from_db()
            if line.state != "done":
                lines.propose_return(office.maker, line.pk, note="与转出地核实，不应收", now=now)
                lines.approve_return(office.checker, line.pk, now=now)
                self.taken["lines sent back"] += 1

    def parts(self, office: Office, now: datetime) -> None:
        """Of some only a part has arrived, and no line is left that brings more: the other side is told."""
        shelf = finance.BY_CODE["part"]
        for case in finance.on_shelf(shelf, office.pk, office.maker.user_id, now).values_list("pk", flat=True):
            self.one(case, "raise_difference", office.maker, now, reason="D-01", note="电话核实")

    def differences(self, office: Office, now: datetime) -> None:
        """The other side has asked: the rest is sent."""
        asked = Remittance.objects.filter(case__outbound_agency=office.pk, state="MISMATCH").order_by("pk")
        for case in asked.values_list("pk", flat=True):
            self.one(case, "answer_difference", office.maker, now, reason="D-11", note="差额补汇")

    def credit(self, office: Office, now: datetime) -> None:
        matched = Remittance.objects.filter(case__inbound_agency=office.pk, state="MATCHED").order_by("pk")
        self.all_of(list(matched.values_list("pk", flat=True)), "credit_account", office.checker, now)
