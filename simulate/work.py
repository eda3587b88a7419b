"""What the people of offices do, whoever they are: steps of many cases at once, money out and in, and the night.

People who match by hand ask the other side on the phone: only here is the truth of the banks looked at, and only for
lines that the system has queued.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from simulate.bank import Bank
from simulate.offices import Office
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
from transfers.selectors import finance
from transfers.sla.ageing import remind

AT_ONCE = 500
Row = tuple[int, int, int]  # case, version, the agency whose people act


@dataclass(slots=True)
class Work:
    """The offices and their banks, and what was counted on the way. `seconds` are spent by kind of work."""

    offices: Sequence[Office]
    bank: Bank
    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    books: list[tuple[date, bool, int]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    office: dict[int, Office] = field(init=False)

    def __post_init__(self) -> None:
        self.office = {office.pk: office for office in self.offices}

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - began

    # --- what time brings about

    def sweep(self, now: datetime) -> None:
        """Sweep until nothing is left that is due."""
        with self.timed("sweeps"):
            while True:
                swept = sweep(now=now)
                assert swept.failed == swept.fired.failed == 0
                if not (swept.truncated or swept.fired.clocks):
                    break
            while remind(now=now):
                continue

    def night(self, now: datetime) -> None:
        """The sweep of the night, and the books of the day before."""
        self.sweep(now)
        with self.timed("nights"):
            self.books += [(one.date, one.ok, len(one.rows)) for one in reconcile_nights(now=now)]

    # --- steps

    def each(self, step: str, who: str, rows: Iterable[Row], now: datetime, **more: Any) -> None:
        """One step of these cases, by those who are `who` in their agencies: together for each of these people."""
        teams: dict[int | None, tuple[Actor, list[Row]]] = {}
        for row in rows:
            actor = getattr(self.office[row[2]], who)
            teams.setdefault(actor.user_id, (actor, []))[1].append(row)
        for actor, mine in teams.values():
            self.together(step, actor, [row[:2] for row in mine], now, **more)

    def together(self, step: str, actor: Actor, rows: Sequence[tuple[int, int]], now: datetime, **more: Any) -> None:
        """One step of these (case, version) by one actor; `data` goes with each of them."""
        data = more.pop("data", {})
        for start in range(0, len(rows), AT_ONCE):
            items = [(case, version, data) for case, version in rows[start : start + AT_ONCE]]
            for answer in perform_many(items, step, actor, now=now, **more):
                if isinstance(answer, Done):
                    self.taken[step] += 1
                else:
                    self.refused[f"{step} {answer.code}"] += 1

    def one(self, case: int, step: str, actor: Actor, now: datetime, **more: Any) -> bool:
        """One step of one case."""
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
        """What the bank says of the payments that it was given."""
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
        """What the bank says has come in, taken twice as people do, and matched."""
        data = self.bank.statement(office.area, now=now)
        if data is not None:
            taken = take_statement(office.maker, office.pk, data, now=now)
            assert take_statement(office.maker, office.pk, data, now=now).again
            self.taken["statement files"] += 1
            self.taken["lines"] += taken.stored
        match_new(office.pk, now=now)

    def queue(self, offices: Sequence[Office], now: datetime) -> None:
        """What the system left: matched by somebody who asks, or sent back by two."""
        agencies = [office.pk for office in offices]
        for line in StatementLine.objects.filter(agency__in=agencies, state="queued").order_by("agency__area", "pk"):
            office, truth = self.office[line.agency_id], self.bank.truth[line.bank_reference]
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

    def differences(self, offices: Sequence[Office], now: datetime) -> None:
        """The other side has asked: the rest is sent."""
        agencies = [office.pk for office in offices]
        asked = Remittance.objects.filter(case__outbound_agency__in=agencies, state="MISMATCH")
        rows = asked.order_by("case__outbound_area", "pk").values_list("pk", "case__version", "case__outbound_agency")
        self.each("answer_difference", "maker", list(rows), now, reason="D-11", note="差额补汇")

    def credit(self, offices: Sequence[Office], now: datetime) -> None:
        """What has been matched is credited by another person."""
        agencies = [office.pk for office in offices]
        matched = Remittance.objects.filter(case__inbound_agency__in=agencies, state="MATCHED")
        rows = matched.order_by("case__inbound_area", "pk").values_list("pk", "case__version", "case__inbound_agency")
        self.each("credit_account", "checker", list(rows), now)
