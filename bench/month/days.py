"""The working days of the month: everybody does what is on the desk, the banks answer, and the books close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bench.month.cast import Cast
from simulate.work import Row, Work
from transfers.models import TransferCase
from transfers.rules.workdays import NATION, ZONE
from transfers.sla.calendars import calendar_for

RECORDS_OUT = (("claim_out", "handler"), ("prepare_sheet", "handler"), ("approve_out", "reviewer"))
RECORDS_IN = (("claim_in", "handler"), ("check_sheet", "handler"), ("approve_in", "reviewer"))
Tell = Callable[[str], None]


@dataclass(slots=True)
class Month(Work):
    """What happens, and what was counted on the way."""

    cast: Cast = field(kw_only=True)
    tell: Tell = lambda _text: None

    def run(self, days: Sequence[date]) -> datetime:
        """Live through these days, weekends included; the instant at which all ends."""
        for day in days:
            if calendar_for(NATION).is_working(day):
                self.tell(f"{day}  {self.taken['credit_account']:,} credited")
                self.work(day)
            night = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=ZONE) + timedelta(hours=3)
            self.night(night)
        return night

    def work(self, day: date) -> None:
        """One working day."""
        at = datetime.combine(day, datetime.min.time(), tzinfo=ZONE)
        self.sweep(at + timedelta(hours=9))
        with self.timed("results"):
            for office in self.offices:
                self.answers(office, at + timedelta(hours=9, minutes=10))
        with self.timed("statements"):
            for office in self.offices:
                self.arrivals(office, at + timedelta(hours=9, minutes=30))
        with self.timed("records"):
            self.records(at + timedelta(hours=10))
        with self.timed("hand work"):
            self.queue(self.offices, at + timedelta(hours=11))
            for office in self.offices:
                self.parts(office, at + timedelta(hours=12))
            self.differences(self.offices, at + timedelta(hours=13))
        with self.timed("credits"):
            self.credit(self.offices, at + timedelta(hours=14))
        with self.timed("payments"):
            for office in self.offices:
                self.pay(office, at + timedelta(hours=15))

    def records(self, now: datetime) -> None:
        """What was accepted before today leaves; what has come is taken over."""
        for steps, side, state in ((RECORDS_OUT, "outbound", "ACCEPTED"), (RECORDS_IN, "inbound", "INFO_SENT")):
            waiting = TransferCase.objects.filter(state=state, state_since__lt=now - timedelta(hours=2))
            mine = list(waiting.values_list("pk", flat=True))
            for step, who in steps:
                self.each(step, who, _rows(mine, f"{side}_agency"), now)


def _rows(cases: Sequence[int], agency: str) -> list[Row]:
    return list(TransferCase.objects.filter(pk__in=cases).order_by("pk").values_list("pk", "version", agency))
