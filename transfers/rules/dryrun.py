"""Could I apply now, and if not, what must be done where? One answer from facts, for the console, the API, the public
page and the commands; nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from transfers.rules.benefits import Advice, advise_on
from transfers.rules.months import Months, Record, Retirement, count, merge, month_text, towards_retirement
from transfers.rules.parties import Named
from transfers.rules.precheck import Failure, Outcome, Question, outcome, precheck


@dataclass(frozen=True)
class DryRun:
    """A question with what the advice needs beside it, and the answers.

    `sex` is 1 or 2, blank when not known; `in_window` and `repaired_years` concern residents (rules/benefits.py).
    """

    question: Question
    sex: str = ""
    in_window: bool | None = None
    repaired_years: int = 0

    @cached_property
    def failures(self) -> list[Failure]:
        """Everything that fails, of both sides."""
        return precheck(self.question)

    @property
    def outcome(self) -> Outcome:
        return outcome(self.failures)

    @cached_property
    def advice(self) -> Advice:
        """What the move means for benefits, under the inbound area's policy."""
        q = self.question
        return advise_on(
            outbound=q.outbound,
            inbound=q.inbound,
            outbound_scheme=q.application.outbound_scheme,
            inbound_scheme=q.application.inbound_scheme,
            policy=q.inbound_policy,
            today=q.application.today,
            outbound_policy=q.outbound_policy,
            sources=q.inbound_sources,
            in_window=self.in_window,
            repaired_years=self.repaired_years,
        )

    @cached_property
    def record(self) -> Record:
        """The months of both areas together, under the inbound area's policy. What is transferred is one scheme's."""
        q = self.question
        brought = [p for p in q.outbound.periods if p.scheme == q.application.outbound_scheme]
        return merge(q.inbound.periods, brought, area=q.application.inbound_area, policy=q.inbound_policy)

    @property
    def overlap_months(self) -> int:
        """How many months both areas hold; they count once."""
        return count(self.record.overlap)

    @cached_property
    def retirement(self) -> tuple[Retirement, ...]:
        """How far that goes towards benefits in retirement in the inbound area."""
        return towards_retirement(self.record, self.question.inbound_policy, sex=self.sex)


def words(of: Named | Any) -> dict[str, str]:
    return {"zh": of.zh, "en": of.en}


def failures_data(run: DryRun) -> dict[str, Any]:
    """The precheck's answer for programs."""
    return {"outcome": run.outcome.value, "failures": [failure_data(failure) for failure in run.failures]}


def dry_run_data(run: DryRun) -> dict[str, Any]:
    """Everything for programs: the rules, the advice, the months."""
    return {**failures_data(run), "advice": advice_data(run.advice), "months": record_data(run)}


def failure_data(failure: Failure) -> dict[str, Any]:
    """One failure with everything that explains it."""
    return {
        "code": failure.code,
        **words(failure.reason),
        "side": failure.side.value,
        "hard": failure.hard,
        "blocking": failure.blocking,
        "remedy": words(failure.remedy),
        "basis": failure.basis,
        "switch": failure.switch or None,
        "value": failure.value or None,
        "policy": list(failure.sources),
        "because": words(failure.because),
    }


def advice_data(advice: Advice) -> dict[str, Any]:
    """The benefit advice for programs. Dates as YYYY-MM-DD, the rate as decimal text."""
    return {
        "result": advice.result.value,
        "result_words": words(advice.result.named),
        **words(advice),
        "gap_months": advice.gap_months,
        "missed_years": advice.missed_years,
        "consecutive_months": advice.consecutive_months,
        "waiting_months": advice.waiting_months,
        "waiting_rate": str(advice.waiting_rate),
        "wait_ends_on": advice.wait_ends_on and advice.wait_ends_on.isoformat(),
        "benefits_from": advice.benefits_from and advice.benefits_from.isoformat(),
        "back_payment_by": advice.back_payment_by and advice.back_payment_by.isoformat(),
        "retroactive": advice.retroactive,
        "assumed": advice.assumed,
        "medical_costs": {
            "inbound": words(advice.costs),
            "outbound": advice.costs_there and words(advice.costs_there),
        },
        "basis": list(advice.basis),
        "switch": advice.switch or None,
        "policy": list(advice.sources),
    }


def record_data(run: DryRun) -> dict[str, Any]:
    """The months for programs: by kind, merged, what overlaps, and the way to benefits in retirement."""
    record = run.record
    return {
        "employee": months_data(record.employee),
        "resident": months_data(record.resident),
        "own": months_data(record.own),
        "brought": months_data(record.brought),
        "overlap": {
            "months": run.overlap_months,
            "ranges": _spans(record.overlap),
        },
        "converted_from_resident": record.converted,
        "credited": record.credited,
        "local": record.local,
        "retirement": [
            {
                "sex": found.sex,
                "required": found.required,
                "credited": found.credited,
                "missing": found.missing,
                "local_required": found.local_required,
                "local": found.local,
                "local_missing": found.local_missing,
                "met": found.met,
            }
            for found in run.retirement
        ],
        "basis": "医保办发〔2021〕43号 第十二条",
        "policy": list(run.question.inbound_sources),
    }


def months_data(months: Months) -> dict[str, Any]:
    """One tally: figures and merged ranges."""
    return {
        "actual": months.actual,
        "deemed": months.deemed,
        "military": months.military,
        "total": months.total,
        "ranges": _spans(months.ranges),
        "paid": _spans(months.paid),
        "recognised": _spans(months.recognised),
    }


def _spans(ranges: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"from": month_text(first), "to": month_text(last), "months": last - first + 1} for first, last in ranges]
