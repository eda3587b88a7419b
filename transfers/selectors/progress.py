"""Where a case stands, for people: its clocks day by day, the ladder, the history, the money, the public status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from accounts.mask import mask_name
from transfers.models import MOVES, Alarm, CaseEvent, Clock, Remittance, TransferCase
from transfers.policies import pinned_policy
from transfers.rules.codes import ALL, Reason
from transfers.rules.money import Destination, MoneyState
from transfers.rules.parties import Named, Side
from transfers.rules.policy import CLOCK_SWITCH, SWITCHES
from transfers.rules.precheck import reason_told
from transfers.rules.routes import ClockKind, State
from transfers.rules.workdays import local_date
from transfers.selectors.expectations import Expected, expected
from transfers.selectors.partitions import archived_at
from transfers.sla.calendars import calendar_of
from transfers.sla.clocks import policy_for


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock at an instant. `used`, `left` and `days_over` are working days; `left` is never below zero."""

    kind: str
    named: Named
    side: Named
    budget: int
    used: int
    left: int
    due_on: date
    due_at: datetime
    overdue: bool
    days_over: int
    status: str
    provisional: bool
    outcome: str
    generation: int
    paused_days: int
    started_at: datetime
    stopped_at: datetime | None


def clock_view(clock: Clock, now: datetime) -> ClockView:
    """How much of the limit is used at `now`. The day that runs counts as left until it is over."""
    calendar, tally = calendar_of(clock), clock.tally
    over = clock.outcome == Clock.Outcome.LATE
    if clock.status == Clock.Status.RUNNING:
        tally = tally.pause(calendar, local_date(now))  # whole days only: today is still there to be used
        over = now >= clock.due_at
    elif clock.status == Clock.Status.PAUSED:
        over = clock.used >= clock.budget  # it had passed before the pause
    days_over = 0
    if over:
        days_over = max(0, tally.used - tally.budget)  # whole days, as the ladder counts them
    return ClockView(
        kind=clock.kind,
        named=ClockKind(clock.kind).named,
        side=Side(clock.side).named,
        budget=clock.budget,
        used=tally.used,
        left=max(0, clock.budget - tally.used),
        due_on=clock.due_on,
        due_at=clock.due_at,
        overdue=over,
        days_over=days_over,
        status=clock.status,
        provisional=clock.provisional,
        outcome=clock.outcome,
        generation=clock.generation,
        paused_days=clock.paused_days,
        started_at=clock.started_at,
        stopped_at=clock.stopped_at,
    )


def overdue_words(days_over: int) -> Named:
    """How far past its limit something is, in whole working days; on the first of them none is over yet."""
    if days_over < 1:
        return Named("已逾期", "Past its limit")
    return Named(f"已逾期{days_over}个工作日", f"{days_over} working day(s) overdue")


def days_words(view: ClockView, now: datetime) -> Named:
    """The state of a limit in a few words."""
    if view.status == Clock.Status.STOPPED:
        return Named("逾期完成", "Done late") if view.overdue else Named("按时完成", "Done in time")
    if view.overdue:
        return overdue_words(view.days_over)
    if view.status == Clock.Status.PAUSED:
        return Named("已暂停计时", "Paused")
    if local_date(now) == view.due_on:
        return Named("今日到期", "Due today")
    return Named(f"剩余{view.left}个工作日", f"{view.left} working day(s) left")


@dataclass(frozen=True, slots=True)
class DayLine:
    """One day of a clock. `kind`: start, used, paused, rest, today, ahead or due; `n` numbers the days of the limit."""

    day: date
    kind: str
    n: int | None
    zh: str
    en: str
    provisional: bool


def working(clock: Clock, now: datetime) -> list[DayLine]:
    """A clock day by day, from its start to its end or its last day, with the reason for every day."""
    calendar = calendar_of(clock)
    start, today = local_date(clock.started_at), local_date(now)
    end = local_date(clock.stopped_at) if clock.stopped_at else max(today, clock.due_on)
    paused = _paused_days(clock, today)
    lines, n, day = [], 0, start
    while day <= end:
        why = calendar.why(day)
        if day == start:
            kind, number = "start", None
        elif not calendar.is_working(day):
            kind, number = "rest", None
        elif day in paused:
            kind, number = "paused", None
        else:
            n += 1
            number = n
            kind = "used" if day < today or clock.stopped_at else "today" if day == today else "ahead"
            if day == clock.due_on and not clock.stopped_at:
                kind = "due"
        lines.append(DayLine(day, kind, number, why.zh, why.en, calendar.is_provisional(day)))
        day += timedelta(days=1)
    return lines


def because_due(case: TransferCase, clock: Clock) -> Named:
    """Why the last day is the last day: the limit and its basis, the policy's editions, the calendar's documents."""
    switch = SWITCHES[CLOCK_SWITCH[clock.kind]]
    pinned = case.inbound_policy_id if clock.side == Side.IN else case.outbound_policy_id
    editions = pinned_policy(pinned).sources if pinned is not None else ()
    start, last, n = local_date(clock.started_at), clock.due_on, clock.budget
    sources = [source for source in calendar_of(clock).sources if start.year <= source.year <= last.year]
    documents = list(dict.fromkeys(source.document_number for source in sources))
    zh = [f"自{start}起（当日不计）{n}个工作日，最后一日为{last}"]
    en = [f"{n} working days from {start}, that day not counted: the last one is {last}"]
    if clock.paused_days:
        zh.append(f"其中暂停的{clock.paused_days}个工作日不计")
        en.append(f"{clock.paused_days} working day(s) of pauses left out")
    zh.append(f"依据：{switch.basis.zh}")
    en.append(f"basis: {switch.basis.en}")
    if editions:
        zh.append(f"政策版本：{'、'.join(editions)}")
        en.append(f"policy editions: {', '.join(editions)}")
    if documents:
        zh.append(f"工作日历：{'、'.join(documents)}")
        en.append(f"calendar: {', '.join(documents)}")
    return Named(f"{'；'.join(zh)}。", f"{'; '.join(en)}.")


@dataclass(frozen=True, slots=True)
class AdviceView:
    """What the move means for benefits, as it was worked out when the case was accepted or, later, taken over.

    `because`: the articles, the switch that decided and the policy's editions. `costs`: the words of either area on
    medical costs in between, each once. `overlap`: months that both areas hold, known from the taking over on.
    """

    at: datetime
    result: Named
    words: Named
    because: Named
    costs: tuple[Named, ...]
    overlap: int | None


def advice_of(case: TransferCase) -> AdviceView | None:
    """The newest advice that the case keeps; None before it has been accepted."""
    events = CaseEvent.objects.filter(case=case, kind="move", name__in=("accept", "approve_in", "auto_in"))
    event = events.filter(data__has_key="advice").order_by("-id").first()
    if event is None:
        return None
    kept = event.data["advice"]
    zh, en = [f"依据：{'、'.join(kept['basis'])}"], [f"Basis: {', '.join(kept['basis'])}"]
    if kept["switch"]:
        switch = SWITCHES[kept["switch"]].named
        zh.append(f"政策参数：{switch.zh}")
        en.append(f"policy switch: {switch.en}")
    if kept["policy"]:
        zh.append(f"政策版本：{'、'.join(kept['policy'])}")
        en.append(f"policy editions: {', '.join(kept['policy'])}")
    costs = (Named(words["zh"], words["en"]) for words in kept["medical_costs"].values() if words)
    return AdviceView(
        at=event.at,
        result=Named(kept["result_words"]["zh"], kept["result_words"]["en"]),
        words=Named(kept["zh"], kept["en"]),
        because=Named(f"{'；'.join(zh)}。", f"{'; '.join(en)}."),
        costs=tuple(dict.fromkeys(costs)),
        overlap=event.data.get("overlap_months"),
    )


def _paused_days(clock: Clock, today: date) -> set[date]:
    """The days that belong to pauses, from the events: the day of the pause to the day of the resumption, both in."""
    days: set[date] = set()
    since: date | None = None
    for event in CaseEvent.objects.filter(case_id=clock.case_id, at__gte=clock.started_at).order_by("id"):
        for entry in event.clocks:
            if entry["kind"] != clock.kind:
                continue
            if entry["did"] == "pause":
                since = local_date(event.at)
            elif entry["did"] in ("resume", "stop") and since is not None:
                days |= _span(since, local_date(event.at))
                since = None
        if clock.stopped_at and event.at > clock.stopped_at:
            break
    if since is not None:
        days |= _span(since, today)
    return days


def _span(first: date, last: date) -> set[date]:
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}


@dataclass(frozen=True, slots=True)
class RungView:
    """One rung of one clock. `status`: fired, ahead, or dropped (the clock stopped or paused before it was reached)."""

    clock: Named
    code: str
    named: Named
    at: datetime
    fired_at: datetime | None
    status: str
    to: tuple[str, ...]


def ladder_of(case: TransferCase, now: datetime) -> list[RungView]:
    """The alarms of a case, past and to come, by instant."""
    if case.outbound_policy_id is None:
        return []
    views: list[RungView] = []
    fired: dict[tuple[int, str], Alarm] = {(a.clock_id, a.rung): a for a in Alarm.objects.filter(case=case)}
    for clock in Clock.objects.filter(case=case):
        rungs = {rung.code: rung for rung in policy_for(clock).rungs(clock.kind)}
        named = ClockKind(clock.kind).named
        for (clock_id, code), alarm in fired.items():
            if clock_id == clock.pk and (rung := rungs.get(code)):
                views.append(RungView(named, code, rung.named, alarm.planned_at, alarm.fired_at, "fired", rung.to))
        for entry in clock.plan[clock.done :]:
            if (rung := rungs.get(entry["code"])) and (clock.pk, rung.code) not in fired:
                status = "ahead" if clock.status == Clock.Status.RUNNING else "dropped"
                at = datetime.fromisoformat(entry["at"])
                views.append(RungView(named, rung.code, rung.named, at, None, status, rung.to))
    return sorted(views, key=lambda view: view.at)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history."""

    at: datetime
    title: Named
    kind: str
    side: Named | None = None
    who: str = ""
    agency: str = ""
    reason: Reason | None = None
    note: str = ""
    from_state: Named | None = None
    to_state: Named | None = None


# Steps whose note is written to the person; the others' are between colleagues.
NOTE_TO_PERSON = ("request_supplement", "return_soft", "return_hard", "refuse_withdrawal")


def timeline(case: TransferCase, *, public: bool) -> list[Entry]:
    """What happened, oldest first. The public one holds the steps that concern the person, without names of staff."""
    rows = CaseEvent.objects.filter(case=case).select_related("agency").order_by("id")
    events = list(rows.filter(kind="move") if public else rows)
    entries = [] if events and events[0].version == 1 else _archived(case)
    for event in events:
        declared = MOVES.get(event.name)
        if declared is None:
            if not public:
                title = Named(event.data.get("zh", event.name), event.data.get("en", event.name))
                entries.append(Entry(at=event.at, title=title, kind=event.kind, side=Side(event.side).named))
            continue
        told = declared.move.told(event.to_money) if public else None
        if public and told is None:
            continue
        reason = ALL.get(event.reason)
        entries.append(
            Entry(
                at=event.at,
                title=told or declared.move.named,
                kind=event.kind,
                side=Side(event.side).named,
                who="" if public else event.actor_name,
                agency=event.agency.name if event.agency else "",
                reason=reason,
                note="" if public and event.name not in NOTE_TO_PERSON else event.note,
                from_state=_state(event.from_state, event.from_money, declared.machine),
                to_state=_state(event.to_state, event.to_money, declared.machine),
            )
        )
    return entries


def _archived(case: TransferCase) -> list[Entry]:
    """What stands where a history began that has left."""
    at = archived_at(case)
    return (
        [Entry(at, Named("此前的办理记录已归档", "The history up to here was archived"), "archive", Side.SYSTEM.named)]
        if at
        else []
    )


def _state(state: str, money: str, machine: str) -> Named | None:
    if machine == "money":
        info = MoneyState(money).info if money else None
        return Named(info.zh, info.en) if info else None
    return Named(State(state).info.zh, State(state).info.en) if state else None


@dataclass(frozen=True, slots=True)
class MoneyStep:
    """One step of the money line, with its instant when it has been reached."""

    named: Named
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person may choose: the area's own way first. `chosen` is what holds now, None until they have chosen."""

    options: tuple[Destination, ...]
    until: datetime
    chosen: Destination | None


@dataclass(frozen=True, slots=True)
class MoneyView:
    """The money line. `amount_fen` is None until it is fixed; `known` is false before the sheet is sealed.

    `why` it goes where it goes; `to` is the destination, with the last digits of a bank account; `trouble` why the bank
    returned it or the amount is in doubt. `settled_fen`: what earlier rounds of the same line brought to their end.
    `choice` is there while the person may choose.
    """

    state: str
    internal: Named
    public: Named
    steps: tuple[MoneyStep, ...]
    amount_fen: int | None
    settled: bool
    known: bool = True
    to: Named | None = None
    why: Named | None = None
    expected: Expected | None = None
    trouble: Reason | None = None
    choice: Choice | None = None
    round: int = 1
    settled_fen: int = 0
    moved_fen: int = 0


def money_view(case: TransferCase, now: datetime | None = None) -> MoneyView:
    """Where the balance stands: its own line, beside the relationship's."""
    money = Remittance.objects.filter(case=case).first()
    if money is None:
        waiting = Named("余额将在转出地复核后确定", "The balance is fixed when the outbound area has reviewed")
        return MoneyView("", waiting, waiting, (), None, False, known=False)
    info, state, now = money.info, MoneyState(money.state), now or timezone.now()
    nothing = state is MoneyState.NONE
    moves = state not in (MoneyState.NONE, MoneyState.KEPT)
    return MoneyView(
        state=money.state,
        internal=Named(info.zh, info.en),
        public=info.public,
        steps=_money_steps(money) if moves else (),
        amount_fen=0 if nothing else None if state in _UNSETTLED else money.amount_fen,
        settled=info.settled,
        to=_destination_said(money) if moves and state is not MoneyState.RELEASED else None,
        why=_why_there(case),
        expected=None if info.settled else expected(case, money, now),
        trouble=ALL.get(money.trouble_reason) if state in _TROUBLED else None,
        choice=_choice(money, now),
        round=money.round,
        settled_fen=money.settled_fen,
        moved_fen=money.wallet_fen,
    )


_UNSETTLED = (MoneyState.PENDING_SETTLE, MoneyState.SETTLE_HELD)
_TROUBLED = (MoneyState.REMIT_FAILED, MoneyState.MISMATCH, MoneyState.RECLAIM, MoneyState.RETURNING)
_OPENED_BY = ("approve_out", "auto_out", "keep", "await_settlement", "freeze")


def _money_steps(money: Remittance) -> tuple[MoneyStep, ...]:
    """The steps of the way that this balance takes."""
    fixed = MoneyStep(Named("金额锁定", "Fixed"), money.frozen_at)
    match Destination(money.destination):
        case Destination.INSTANT:
            return (fixed, MoneyStep(Named("即时入账", "Credited at once"), money.credited_at))
        case Destination.ACCOUNT | Destination.HEIRS:
            paid = MoneyStep(Named("银行已支付", "Paid by the bank"), money.credited_at)
            return (fixed, MoneyStep(Named("提交银行", "Sent to the bank"), money.remitted_at), paid)
        case Destination.WALLET:
            moved = MoneyStep(Named("全部转入医保钱包", "All in the wallet"), money.credited_at)
            return (fixed, MoneyStep(Named("开始分次转入", "First part"), money.remitted_at), moved)
    return (
        fixed,
        MoneyStep(Named("转出地划出", "Sent"), money.remitted_at),
        MoneyStep(Named("到达转入地", "Arrived"), money.received_at),
        MoneyStep(Named("匹配核对", "Matched"), money.matched_at),
        MoneyStep(Named("记入账户", "Credited"), money.credited_at),
    )


def _destination_said(money: Remittance) -> Named:
    named = Destination(money.destination).named
    if not money.payee_account:
        return named
    tail = f"•••• {money.payee_account[-4:]}"
    return Named(f"{named.zh}（{money.payee_bank} {tail}）", f"{named.en} ({money.payee_bank} {tail})")


def _why_there(case: TransferCase) -> Named | None:
    """Why the balance goes where it goes, as it was decided when the sheet was sealed."""
    events = CaseEvent.objects.filter(case=case, name__in=_OPENED_BY, data__has_key="why").order_by("-id")
    why = events.values_list("data__why", flat=True).first()
    return Named(why["zh"], why["en"]) if why else None


def _choice(money: Remittance, now: datetime) -> Choice | None:
    if money.state not in MOVES["choose_destination"].sources or money.choose_by is None or now >= money.choose_by:
        return None
    chosen = Destination(money.destination) if money.chosen_at else None
    return Choice(tuple(Destination(one) for one in money.options), money.choose_by, chosen) if money.options else None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the public line. `status`: done, now or ahead."""

    named: Named
    status: str


# The public line from start to end; each state belongs to the stage of its number (rules/routes.py).
STAGES: tuple[tuple[int, Named], ...] = (
    (1, Named("已提交", "Submitted")),
    (2, Named("已受理", "Accepted")),
    (3, Named("转出地办理", "Outbound area")),
    (4, Named("信息表传送", "Sheet sent")),
    (5, Named("转入地办理", "Inbound area")),
    (6, Named("关系接续", "Relationship continued")),
    (7, Named("办结", "Completed")),
)


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """What an enrollee may be told; faces decide how much of it they show at which level of proof."""

    number: str
    name_masked: str
    from_area: str
    to_area: str
    applied_on: date
    stage: Named
    stages: tuple[Stage, ...]
    acts: Named
    agency: str
    agency_phone: str
    clock: ClockView | None
    days: Named | None
    promised_on: date | None
    overdue: bool
    next_step: Named
    failures: tuple[Reason, ...]
    supplement: Reason | None
    supplement_note: str
    returned: Reason | None
    returned_note: str
    ended: Reason | None
    closed: bool


# What the person is told as a date: the limits of the two sides, and their own. Nobody is promised when money comes.
PROMISED = (ClockKind.OUT, ClockKind.IN, ClockKind.SUPPLEMENT, ClockKind.RETURN)


def promised_clock(case: TransferCase) -> Clock | None:
    """The running limit that the person is told of."""
    return Clock.objects.filter(case=case, status=Clock.Status.RUNNING, kind__in=PROMISED).first()


def public_status(case: TransferCase, running: Clock | None, now: datetime) -> PublicStatus:
    """The public status of a case at `now`; `running` is its `promised_clock`. Asks nothing of the database when areas
    and agencies are attached.
    """
    info = case.info
    view = clock_view(running, now) if running else None
    # Once completed, the relationship is with the inbound side.
    with_inbound = case.acts == Side.IN or case.state == State.COMPLETED
    agency = case.inbound_agency if with_inbound else case.outbound_agency
    return PublicStatus(
        number=case.number,
        name_masked=mask_name(case.name),
        from_area=case.outbound_area.full_name,
        to_area=case.inbound_area.full_name,
        applied_on=local_date(case.applied_at),
        stage=info.public,
        stages=_stages(case),
        acts=Side(case.acts).named,
        agency=agency.name,
        agency_phone=agency.phone,
        clock=view,
        days=days_words(view, now) if view else None,
        promised_on=view.due_on if view else None,
        overdue=bool(view and view.overdue),
        next_step=info.next_step,
        failures=tuple(reason_told(f) for f in _blocking(case)),
        supplement=ALL.get(case.supplement_reason) if case.state == State.OUT_SUPPLEMENT else None,
        supplement_note=case.supplement_note if case.state == State.OUT_SUPPLEMENT else "",
        returned=ALL.get(case.return_reason) if case.state == State.RETURNED else None,
        returned_note=case.return_note if case.state == State.RETURNED else "",
        ended=ALL.get(case.end_reason) if info.terminal else None,
        closed=info.terminal,
    )


def _blocking(case: TransferCase) -> Iterable[dict[str, str]]:
    return (f for f in case.failures if f["blocking"]) if case.state == State.NOT_ACCEPTED else ()


def _stages(case: TransferCase) -> tuple[Stage, ...]:
    """The line with the stage reached; a case that ended early shows the stages it passed and its end."""
    info = State(case.held_state).info if case.info.holds else case.info
    if info.terminal and case.state != State.COMPLETED:
        # As far as it came: not accepted; outbound; the sheet sent; taken up inbound.
        reached = 1 if case.accepted_at is None else 5 if case.in_handler_id else 4 if case.out_reviewer_id else 3
        passed = tuple(Stage(named, "done") for number, named in STAGES if number <= reached)
        return (*passed, Stage(info.public, "now"))
    return tuple(
        Stage(
            named,
            "done"
            if number < info.stage or case.state == State.COMPLETED
            else "now"
            if number == info.stage
            else "ahead",
        )
        for number, named in STAGES
    )


def withdrawal_step(case: TransferCase) -> str:
    """The step by which the person can get out of the case now: before acceptance at once, later by asking."""
    names = ("withdraw_application", "request_withdrawal")
    return next((name for name in names if case.state in MOVES[name].sources), "")
