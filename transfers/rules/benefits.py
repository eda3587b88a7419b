"""What a move means for benefits: no gap, back-payment, or a wait.

Texts: 医保办发〔2021〕43号 Art. 5, 10 and 11; 国办发〔2024〕38号 for the resident scheme.

The gap is the calendar months strictly between the last month paid outbound and the first month paid inbound. Advice is
what the rules say; the inbound agency decides.

| direction | consecutively insured | gap | result |
|---|---|---|---|
| employee → employee | any | 0 | continuous |
| employee → employee | any | 1–3 | may back-pay |
| employee → employee | any | > 3 | waits as the inbound area says, at most 6 months |
| employee ↔ resident | ≥ 24 months | 0, 1–3, > 3 | as above |
| employee ↔ resident | < 24 months | any | the inbound area's own rule; no national promise |
| resident → resident | – | same year | not this year (V-I-05) |
| resident → resident | – | next year, in time | continuous |
| resident → resident | – | next year late, or after a break of n years | waits 3 + n months, at least 6 from n = 4 |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from transfers.rules.codes import ART
from transfers.rules.facts import AreaFacts
from transfers.rules.months import last_counted, month_of, run_until
from transfers.rules.parties import EnrolmentStatus, Named, Scheme
from transfers.rules.policy import Policy

RESIDENT_TEXT = "国办发〔2024〕38号"
BACK_PAY_MONTHS = 3  # Art. 10, 11
CONSECUTIVE_MONTHS = 24  # Art. 11
FIXED_WAIT, LONG_BREAK_YEARS, LONG_BREAK_WAIT = 3, 4, 6  # 国办发〔2024〕38号
RESIDENT_RULE_SINCE = 2025
_ART_5, _ART_10, _ART_11 = f"{ART} 第五条", f"{ART} 第十条", f"{ART} 第十一条"


class Result(StrEnum):
    """What the rules come to. `LOCAL` promises nothing; `UNKNOWN` lacks the last paid month."""

    CONTINUOUS = "continuous"
    BACK_PAY = "back_pay"
    WAITING = "waiting"
    LOCAL = "local_rule"
    NOT_THIS_YEAR = "not_this_year"
    UNKNOWN = "unknown"

    @property
    def named(self) -> Named:
        return _RESULTS[self]


_RESULTS = {
    Result.CONTINUOUS: Named("待遇连续，没有等待期", "Benefits continue without a wait"),
    Result.BACK_PAY: Named("可以补缴，补缴后没有等待期", "You may back-pay; then there is no wait"),
    Result.WAITING: Named("有待遇等待期", "There is a waiting period"),
    Result.LOCAL: Named("按转入地规定执行", "The inbound area's own rule applies"),
    Result.NOT_THIS_YEAR: Named("当年度内不办理", "Not inside the same year"),
    Result.UNKNOWN: Named("缺少缴费月份，无法测算", "Cannot be worked out without the months paid"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice. Months are whole numbers (rules/months.py); None where a figure does not apply or is not promised.

    `gap_months` for residents are the months too, `missed_years` the whole years without cover. `waiting_months` is the
    longest wait that the rule allows; it begins with the first month paid inbound, ends on `wait_ends_on`, and
    `benefits_from` is the first day of full benefits; until then `waiting_rate` of them is paid. Art. 10 and 11 let
    somebody back-pay whose contributions were interrupted for at most three months, but set no day: by
    `back_payment_by`, the end of the fourth month after the last one paid, the interruption up to the month of payment
    is still three months. The inbound area may ask for it earlier. `assumed`: the first inbound month is not known and
    was taken to be the current one. `costs`: what the inbound area says of medical costs in between, `costs_there` what
    the outbound area says, where that was asked.
    """

    result: Result
    zh: str
    en: str
    basis: tuple[str, ...]
    costs: Named
    gap_months: int | None = None
    missed_years: int | None = None
    consecutive_months: int | None = None
    waiting_months: int | None = None
    waiting_rate: Decimal = Decimal(0)
    wait_ends_on: date | None = None
    benefits_from: date | None = None
    back_payment_by: date | None = None
    retroactive: bool = False
    assumed: bool = False
    costs_there: Named | None = None
    switch: str = ""
    sources: tuple[str, ...] = ()


def gap_between(last_paid: int, first_paid: int) -> int:
    """Calendar months strictly between the two; 0 when they meet or overlap."""
    return max(0, first_paid - last_paid - 1)


def first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def last_day(month: int) -> date:
    return first_day(month + 1) - timedelta(days=1)


def advise(
    *,
    outbound_scheme: str,
    inbound_scheme: str,
    last_paid: int | None,
    first_paid: int | None,
    consecutive_months: int,
    policy: Policy,
    today: date,
    in_window: bool | None = None,
    repaired_years: int = 0,
    outbound_policy: Policy | None = None,
    sources: Sequence[str] = (),
) -> Advice:
    """Advice under the inbound area's `policy`, by the table above.

    `last_paid`: last month paid outbound. `first_paid`: first month paid inbound; None when not enrolled there yet,
    which counts as enrolling this month. `consecutive_months`: months insured without a break, in any area and scheme,
    up to `last_paid`. For residents: `in_window`, whether the enrolment was made in the yearly enrolment period (by
    default, whether it begins in January), and `repaired_years`, missed years paid for since, each a month less.
    """
    costs = _costs(policy)
    there = _costs(outbound_policy) if outbound_policy else None
    if last_paid is None:
        return Advice(
            Result.UNKNOWN,
            "转出地没有可计算的缴费月份，无法测算中断时间；请向两地经办机构核对缴费记录。",
            "The outbound area shows no paid month, so the gap cannot be worked out. Check the record with both areas.",
            (_ART_10, _ART_11),
            costs,
            costs_there=there,
            sources=tuple(sources),
        )
    assumed = first_paid is None
    first = month_of(today) if first_paid is None else first_paid
    if outbound_scheme == inbound_scheme == Scheme.RESIDENT:
        advice = _resident(last_paid, first, policy, in_window=in_window, repaired=repaired_years, costs=costs)
    else:
        changes = outbound_scheme != inbound_scheme
        advice = _employee(last_paid, first, policy, changes=changes, consecutive=consecutive_months, costs=costs)
    return replace(
        advice,
        assumed=assumed,
        consecutive_months=consecutive_months,
        costs_there=there,
        sources=tuple(sources),
    )


def _costs(policy: Policy) -> Named:
    return Named(policy.medical_costs_zh, policy.medical_costs_en)


def _employee(last: int, first: int, policy: Policy, *, changes: bool, consecutive: int, costs: Named) -> Advice:
    """Where an employee scheme is on either side (Art. 10; Art. 11 when the scheme changes)."""
    gap = gap_between(last, first)
    article = _ART_11 if changes else _ART_10
    if changes and consecutive < CONSECUTIVE_MONTHS:
        return Advice(
            Result.LOCAL,
            f"变更险种前连续参保{consecutive}个月，不满2年，是否补缴、有无等待期由转入地规定，请咨询转入地经办机构。",
            f"Insured for {consecutive} consecutive months before the change of scheme, less than two years: "
            "back-payment and waiting are laid down by the inbound area. Ask its agency.",
            (_ART_11,),
            costs,
            gap_months=gap,
        )
    if gap == 0:
        return Advice(
            Result.CONTINUOUS,
            "缴费没有中断，待遇连续享受，没有等待期。",
            "Contributions are not interrupted: benefits continue without a wait.",
            (article,),
            costs,
            gap_months=0,
            waiting_months=0,
            benefits_from=first_day(first),
        )
    if gap <= BACK_PAY_MONTHS:
        by = last_day(last + BACK_PAY_MONTHS + 1)
        return Advice(
            Result.BACK_PAY,
            f"中断{gap}个月，未超过3个月：可按转入地规定补缴，没有等待期，缴费当月即享受待遇；补缴后中断期间的待遇可追溯。"
            f"全国没有规定补缴截止日；至缴费当月中断仍不超过3个月的最后一天是{by}，转入地另有规定的从其规定。",
            f"A gap of {gap} months, not more than three: you may back-pay under the inbound area's rules, there is no "
            "wait, benefits begin in the month of payment and cover the gap once it is paid. No national text sets a "
            f"day; {by} is the last on which the interruption is still three months. The inbound area may set another.",
            (article,),
            costs,
            gap_months=gap,
            waiting_months=0,
            benefits_from=first_day(first),
            back_payment_by=by,
            retroactive=True,
        )
    wait = policy.waiting_max_months
    if wait == 0:
        return Advice(
            Result.WAITING,
            f"中断{gap}个月，超过3个月；转入地不设等待期，自缴费当月起享受待遇，中断期间的待遇不追溯。",
            f"A gap of {gap} months, more than three. The inbound area has no waiting period: benefits begin in the "
            "month of payment, without the gap.",
            (_ART_11,),
            costs,
            gap_months=gap,
            waiting_months=0,
            benefits_from=first_day(first),
            switch="waiting_max_months",
        )
    return Advice(
        Result.WAITING,
        f"中断{gap}个月，超过3个月：按转入地规定设待遇等待期，最长{wait}个月，最迟{last_day(first + wait - 1)}届满。"
        + _meanwhile_zh(policy),
        f"A gap of {gap} months, more than three: the inbound area has a waiting period of at most {wait} months, over "
        f"by {last_day(first + wait - 1)}. " + _meanwhile_en(policy),
        (_ART_11,),
        costs,
        gap_months=gap,
        waiting_months=wait,
        waiting_rate=policy.waiting_benefit_rate,
        wait_ends_on=last_day(first + wait - 1),
        benefits_from=first_day(first + wait),
        switch="waiting_max_months",
    )


def _resident(last: int, first: int, policy: Policy, *, in_window: bool | None, repaired: int, costs: Named) -> Advice:
    """Between resident schemes: by calendar years (Art. 5; 国办发〔2024〕38号, from 2025)."""
    covered, year = last // 12, first // 12
    gap = gap_between(last, first)
    missed = max(0, year - covered - 1)
    if year <= covered:
        return Advice(
            Result.NOT_THIS_YEAR,
            f"{covered}年度已在转出地参加居民医保，当年度内原则上不办理转移，待遇仍在转出地享受；"
            f"参加转入地{covered + 1}年度居民医保后可申请。",
            f"Covered outbound for {covered}: in principle there is no transfer inside the year and benefits stay "
            f"there. Enrol in the inbound area for {covered + 1}, then apply.",
            (_ART_5,),
            costs,
            gap_months=gap,
            missed_years=0,
        )
    in_time = first % 12 == 0 if in_window is None else in_window
    if missed == 0 and in_time:
        return Advice(
            Result.CONTINUOUS,
            "在集中参保期内参加了转入地下一年度居民医保，待遇连续享受，没有等待期。",
            "Enrolled for the next year inside the enrolment period: benefits continue without a wait.",
            (_ART_5, RESIDENT_TEXT),
            costs,
            gap_months=gap,
            missed_years=0,
            waiting_months=0,
            benefits_from=first_day(first),
        )
    if year < RESIDENT_RULE_SINCE:
        return Advice(
            Result.LOCAL,
            "2025年以前的居民医保等待期由转入地规定，请咨询转入地经办机构。",
            "Before 2025 the inbound area laid the wait down itself. Ask its agency.",
            (RESIDENT_TEXT,),
            costs,
            gap_months=gap,
            missed_years=missed,
        )
    wait = FIXED_WAIT + max(0, missed - max(0, repaired))
    if missed >= LONG_BREAK_YEARS:
        wait = max(wait, LONG_BREAK_WAIT)
    return Advice(
        Result.WAITING,
        (f"断保{missed}年：" if missed else "未在集中参保期内参保：")
        + f"等待期为固定3个月，每断保1年原则上增加1个月（可缴费修复），共{wait}个月，{last_day(first + wait - 1)}届满。"
        + ("断保4年及以上的，修复后合计不少于6个月。" if missed >= LONG_BREAK_YEARS else ""),
        (f"{missed} missed year(s): " if missed else "Enrolled outside the enrolment period: ")
        + f"a fixed wait of 3 months and in principle one more for each missed year (which can be paid for), "
        f"{wait} months in all, over on {last_day(first + wait - 1)}."
        + (" After four years or more it is at least 6 months in all." if missed >= LONG_BREAK_YEARS else ""),
        (RESIDENT_TEXT,),
        costs,
        gap_months=gap,
        missed_years=missed,
        waiting_months=wait,
        wait_ends_on=last_day(first + wait - 1),
        benefits_from=first_day(first + wait),
    )


def _meanwhile_zh(policy: Policy) -> str:
    rate = policy.waiting_benefit_rate
    return f"等待期内按{rate:.0%}享受待遇。" if rate else "等待期内不享受待遇，期满后正常享受。"


def _meanwhile_en(policy: Policy) -> str:
    rate = policy.waiting_benefit_rate
    return f"Until then {rate:.0%} of the benefits are paid." if rate else "Until then there are no benefits."


def advise_on(
    *,
    outbound: AreaFacts,
    inbound: AreaFacts,
    outbound_scheme: str,
    inbound_scheme: str,
    policy: Policy,
    today: date,
    outbound_policy: Policy | None = None,
    sources: Sequence[str] = (),
    in_window: bool | None = None,
    repaired_years: int = 0,
) -> Advice:
    """`advise`, its months read off what both areas know.

    The first inbound month is the first one paid there after the last one outbound, else the month in which the inbound
    enrolment begins, or is to begin. A resident enrolment made in the year that is still covered outbound goes on with
    the next year.
    """
    there = [p for p in outbound.periods if p.scheme == outbound_scheme]
    last_paid = last_counted(there)
    own = [p for p in inbound.periods if p.scheme == inbound_scheme and p.area in ("", inbound.area)]
    first_paid = None
    if last_paid is not None:
        first_paid = min((max(p.first, last_paid + 1) for p in own if p.counts and p.last > last_paid), default=None)
    if first_paid is None:
        found = inbound.enrolled(inbound_scheme)
        if found is not None and found.valid_from is not None:
            planned = found.status == EnrolmentStatus.NONE and found.valid_from > today
            first_paid = month_of(found.valid_from) if found.active or planned else None
    if outbound_scheme == inbound_scheme == Scheme.RESIDENT:
        covered = outbound.resident_year(today)
        if covered is not None and (last_paid is None or last_paid // 12 < covered):
            last_paid = covered * 12 + 11
        if covered is not None and first_paid is not None and first_paid // 12 <= covered < today.year:
            first_paid = (covered + 1) * 12
    return advise(
        outbound_scheme=outbound_scheme,
        inbound_scheme=inbound_scheme,
        last_paid=last_paid,
        first_paid=first_paid,
        consecutive_months=0 if last_paid is None else run_until((*outbound.periods, *inbound.periods), last_paid),
        policy=policy,
        today=today,
        in_window=in_window,
        repaired_years=repaired_years,
        outbound_policy=outbound_policy,
        sources=sources,
    )
