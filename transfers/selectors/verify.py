"""The standing invariants, proved over everything that the database holds.

Each invariant is a question to the database that returns what breaks it. All are asked in one snapshot, so that work
going on meanwhile cannot look like a fault. `problems` is empty when all holds; nothing is repaired here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from transfers.documents.seal import intact
from transfers.documents.sheet import digest_of
from transfers.models import MOVES, Clock, Sheet, TransferCase
from transfers.models.case import OPEN_WORK
from transfers.models.partition import retired
from transfers.policies import pinned_policy
from transfers.rules import casenumber
from transfers.rules.casemonth import CASES
from transfers.rules.money import MONEY_CLOCKS, MONEY_STATES
from transfers.rules.parties import Named, Side
from transfers.rules.policy import CLOCK_SWITCH
from transfers.rules.routes import STATES, State, clocks_in
from transfers.rules.workdays import CalendarRangeError, due_instant, local_date
from transfers.selectors.books import arrival_breaches, breaches, line_breaches, payment_breaches
from transfers.selectors.partitions import HISTORY, KEPT, astray
from transfers.sla.calendars import calendar_of
from transfers.sla.clocks import begun_on, policy_for
from transfers.sla.recompute import overtaken

# Of a case whose history has left, nothing is known here of who did what.
_HERE = f"NOT {retired(HISTORY, f'c.id / {CASES}')}"
# A sweep comes each minute: what was due before the last two and is not done will not be done by itself.
PATIENCE = timedelta(minutes=2)
AT_ONCE = 2000
# The scheduled recomputing comes every ten minutes.
OVERTAKEN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Problem:
    """One breach of one invariant. `subject` names the row: a case number, a clock, a posting; never a person."""

    invariant: str
    subject: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must always hold, in both languages, and the question that finds what breaks it."""

    name: str
    zh: str
    en: str
    check: Callable[[datetime], Iterable[tuple[str, Named]]]

    def problems(self, now: datetime) -> list[Problem]:
        return [Problem(self.name, str(subject), said.zh, said.en) for subject, said in self.check(now)]


INVARIANTS: dict[str, Invariant] = {}
_Check = Callable[[datetime], Iterable[tuple[str, Named]]]


def _invariant(name: str, zh: str, en: str) -> Callable[[_Check], _Check]:
    def register(check: _Check) -> _Check:
        INVARIANTS[name] = Invariant(name, zh, en, check)
        return check

    return register


def problems(*, now: datetime, tell: Callable[[Invariant, list[Problem]], None] | None = None) -> list[Problem]:
    """Everything that is wrong at `now`, invariant by invariant; `tell` hears of each when it has been asked."""
    found: list[Problem] = []
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            _run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for invariant in INVARIANTS.values():
            wrong = invariant.problems(now)
            found += wrong
            if tell is not None:
                tell(invariant, wrong)
    return found


# --- who must act ---------------------------------------------------------------------------------


@_invariant("holder", "在办业务都有人负责", "Every open case is somebody's")
def _holder(now: datetime) -> Iterator[tuple[str, Named]]:
    """The agency of the side that must act, or the system with an instant at which it tries again."""
    rows = _rows(
        """
        SELECT number, state FROM transfers_transfercase c
        WHERE closed_at IS NULL AND state <> 'DRAFT' AND CASE
            WHEN state = 'SUBMITTED' THEN precheck_at IS NULL
            ELSE holder_id IS DISTINCT FROM
                CASE WHEN acts = 'in' OR acts = 'applicant' AND state = ANY(%s) THEN inbound_agency_id
                    WHEN acts = 'system' THEN NULL ELSE outbound_agency_id END
                OR holder_id IS NULL OR (precheck_at IS NULL) = (state = 'MANUAL_CHECK')
        END ORDER BY id
        """,
        [state.value for state, info in STATES.items() if info.desk is Side.IN],
    )
    for number, state in rows:
        yield number, Named(f"业务处于{state}，却没有应办的一方", f"in {state} and nobody has it")


@_invariant("owner", "办理中的业务都有经办人", "Every case at work has its handler")
def _owner(now: datetime) -> Iterator[tuple[str, Named]]:
    rows = _rows(
        """
        SELECT number, state FROM transfers_transfercase
        WHERE (owner_id IS NULL) = (coalesce(nullif(held_state, ''), state) IN
                ('OUT_PROCESSING', 'OUT_SUPPLEMENT', 'IN_PROCESSING'))
            AND state = 'WITHDRAW_REQUESTED'
            OR (owner_id IS NULL) = (state IN ('OUT_PROCESSING', 'OUT_SUPPLEMENT', 'IN_PROCESSING'))
            AND state <> 'WITHDRAW_REQUESTED' ORDER BY id
        """
    )
    for number, state in rows:
        yield number, Named(f"{state}的经办人不符", f"in {state} the handler is missing or left over")


@_invariant("closed", "已结束的业务不再挂在任何一方", "A case that has ended is with nobody")
def _closed(now: datetime) -> Iterator[tuple[str, Named]]:
    terminal = [state.value for state, info in STATES.items() if info.terminal]
    rows = _rows(
        """
        SELECT number FROM transfers_transfercase
        WHERE state = ANY(%s) AND (closed_at IS NULL OR holder_id IS NOT NULL OR due_at IS NOT NULL
            OR precheck_at IS NOT NULL OR auto_at IS NOT NULL) OR state <> ALL(%s) AND closed_at IS NOT NULL ORDER BY id
        """,
        terminal,
        terminal,
    )
    for (number,) in rows:
        yield (
            number,
            Named("已结束，但仍有承办方、期限或没有办结时间", "ended, but still with somebody, due, or not dated"),
        )


@_invariant("one_open", "一人同时只有一项在办转移", "One person has one open transfer")
def _one_open(now: datetime) -> Iterator[tuple[str, Named]]:
    rows = _rows(
        """
        SELECT min(number), count(*) FROM transfers_transfercase
        WHERE accepted_at IS NOT NULL AND closed_at IS NULL GROUP BY person_id HAVING count(*) > 1
        """
    )
    for number, count in rows:
        yield number, Named(f"同一人有{count}项在办转移", f"the same person has {count} open transfers")


# --- clocks -----------------------------------------------------------------------------------------


@_invariant(
    "clocks", "每项在办业务恰有应有的时限在走或暂停", "Exactly the clocks that a state asks for run or are paused"
)
def _clocks(now: datetime) -> Iterator[tuple[str, Named]]:
    expected = [
        (state.value, held.value if held else None, kind.value, "running" if does == "runs" else "paused")
        for state, info in STATES.items()
        for held in (OPEN_WORK if info.holds else [None])
        for kind, does in clocks_in(state, held).items()
    ]
    states, helds, kinds, statuses = (list(column) for column in zip(*expected, strict=True))
    rows = _rows(
        """
        WITH wanted AS (
            SELECT c.id AS case_id, e.kind, e.status FROM transfers_transfercase c
            JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS e(state, held, kind, status)
                ON e.state = c.state AND (e.held IS NULL OR e.held = c.held_state)
        ), found AS (
            SELECT case_id, kind, status FROM transfers_clock WHERE status <> 'stopped' AND kind <> ALL(%s)
        )
        SELECT c.number, c.state, coalesce(w.kind, f.kind), w.status, f.status
        FROM wanted w FULL JOIN found f USING (case_id, kind) JOIN transfers_transfercase c ON c.id = case_id
        WHERE w.status IS DISTINCT FROM f.status ORDER BY c.id
        """,
        states,
        helds,
        kinds,
        statuses,
        _MONEY_CLOCKS,
    )
    for number, state, kind, wanted, found in rows:
        yield number, _clock_said(state, kind, wanted, found)


_MONEY_CLOCKS = sorted(kind.value for kind in MONEY_CLOCKS)


def _clock_said(state: str, kind: str, wanted: str | None, found: str | None) -> Named:
    return Named(
        f"{state}时{kind}应为{wanted or '无'}，实为{found or '无'}",
        f"in {state} the clock {kind} should be {wanted or 'absent'} and is {found or 'absent'}",
    )


@_invariant(
    "money_clocks", "资金时限在政策规定时才有，且随资金状态走停", "The money's clocks are those of its state and policy"
)
def _money_clocks(now: datetime) -> Iterator[tuple[str, Named]]:
    """REMIT by the outbound policy that the case pins, CREDIT by the inbound one; none where it lays down no limit."""
    expected = [
        (state.value, kind.value, "running" if does == "runs" else "paused", CLOCK_SWITCH[kind])
        for state, info in MONEY_STATES.items()
        for kind, does in info.clocks.items()
    ]
    rows = _rows(
        """
        WITH wanted AS (
            SELECT c.id AS case_id, e.kind, e.status FROM transfers_remittance r
            JOIN transfers_transfercase c ON c.id = r.case_id
            JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS e(state, kind, status, switch)
                -- While undoing a match is reviewed, as where the money was.
                ON e.state = CASE r.state WHEN 'UNMATCH_REVIEW' THEN r.held_state ELSE r.state END
            JOIN transfers_resolvedpolicy p
                ON p.id = CASE e.kind WHEN 'REMIT' THEN c.outbound_policy_id ELSE c.inbound_policy_id END
            WHERE p.values ->> e.switch IS NOT NULL
        ), found AS (
            SELECT case_id, kind, status FROM transfers_clock WHERE status <> 'stopped' AND kind = ANY(%s)
        )
        SELECT c.number, coalesce(r.state, 'NONE'), coalesce(w.kind, f.kind), w.status, f.status
        FROM wanted w FULL JOIN found f USING (case_id, kind) JOIN transfers_transfercase c ON c.id = case_id
        LEFT JOIN transfers_remittance r ON r.case_id = c.id
        WHERE w.status IS DISTINCT FROM f.status
            -- The amount may be in doubt before all has arrived: a limit that has not begun is not paused.
            AND (r.state IN ('MISMATCH', 'UNMATCH_REVIEW') AND w.status = 'paused' AND f.status IS NULL) IS NOT TRUE
        ORDER BY c.id
        """,
        *(list(column) for column in zip(*expected, strict=True)),
        _MONEY_CLOCKS,
    )
    for number, state, kind, wanted, found in rows:
        yield number, _clock_said(state, kind, wanted, found)


@_invariant(
    "elapsed", "每个时限的已用与暂停等于日历上的工作日", "Used and paused days equal the working days of the calendar"
)
def _elapsed(now: datetime) -> Iterator[tuple[str, Named]]:
    """Clock by clock; and the clocks join, so that elapsed = OUT used + IN used + paused."""
    for clock in Clock.objects.select_related("case").order_by("id").iterator(AT_ONCE):
        try:
            for zh, en in _miscounted(clock):
                yield f"{clock.case.number} {clock.kind}", Named(zh, en)
        except (CalendarRangeError, ValueError) as error:
            yield f"{clock.case.number} {clock.kind}", Named("无法按日历核对", f"cannot be checked: {error}")
    rows = _rows(
        """
        SELECT c.number FROM transfers_transfercase c
        WHERE c.accepted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transfers_clock k
            WHERE k.case_id = c.id AND k.kind = 'OUT' AND k.started_at = c.accepted_at)
        UNION ALL
        SELECT c.number FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id
        WHERE k.kind = 'IN' AND NOT EXISTS (SELECT 1 FROM transfers_clock o
            WHERE o.case_id = k.case_id AND o.kind IN ('OUT', 'RECTIFY') AND o.stopped_at = k.started_at)
        """
    )
    for (number,) in rows:
        yield number, Named("时限之间有空档", "the clocks do not join")


def _miscounted(clock: Clock) -> Iterator[tuple[str, str]]:
    """By the edition of the calendar that the clock counts by: a later one does not judge what was decided then."""
    calendar, policy = calendar_of(clock), policy_for(clock)
    start = begun_on(clock, policy, calendar)
    days = calendar.count(start, clock.counted_until)
    if clock.used + clock.paused_days != days:
        counted = f"{clock.used}+{clock.paused_days}"
        yield f"已用加暂停为{counted}，日历为{days}个工作日", f"used and paused are {counted}, the calendar says {days}"
    if clock.stopped_at is not None and clock.counted_until != max(start, local_date(clock.stopped_at)):
        yield "没有计到停止之日", "is not counted up to the day on which it stopped"
    if clock.status == Clock.Status.RUNNING:
        due_on = clock.tally.due_on(calendar, missed=clock.due_on)
        if due_on != clock.due_on:
            yield f"到期日应为{due_on}，实为{clock.due_on}", f"is due on {clock.due_on} and should be on {due_on}"
    if clock.due_at != due_instant(clock.due_on, policy.close_of_business):
        yield "到期时刻与到期日不符", "the due instant is not that of the last day"
    if clock.outcome and (clock.used > clock.budget if clock.outcome == "met" else clock.used < clock.budget):
        yield f"结果{clock.outcome}与已用天数不符", f"ended as {clock.outcome} against the days used"


@_invariant("calendars", "在办时限都按现行日历计算", "Open clocks count by the calendar that holds now")
def _calendars(now: datetime) -> Iterator[tuple[str, Named]]:
    """Recomputing takes a while, and is taken up again by the sweep: only what was left behind for long is a fault."""
    for area, clocks in overtaken(before=timezone.now() - OVERTAKEN).items():
        yield area, Named(f"{clocks}个在办时限仍按旧日历计算", f"{clocks} open clocks still count by an older calendar")


@_invariant("due", "业务的期限就是在走时限的期限", "A case is due when its running clock is")
def _due(now: datetime) -> Iterator[tuple[str, Named]]:
    """While only money is left, when the first of the clocks is; else the money's own do not count."""
    rows = _rows(
        """
        SELECT c.number FROM transfers_transfercase c
        LEFT JOIN (SELECT case_id, min(due_at) FILTER (WHERE kind <> ALL(%s)) AS own, min(due_at) AS any_of_them
            FROM transfers_clock WHERE status = 'running' GROUP BY case_id) k ON k.case_id = c.id
        WHERE c.due_at IS DISTINCT FROM CASE c.state WHEN 'RELATION_DONE' THEN k.any_of_them ELSE k.own END
        ORDER BY c.id
        """,
        _MONEY_CLOCKS,
    )
    for (number,) in rows:
        yield number, Named("业务期限与在走时限不符", "the case and its running clock are due at different instants")


@_invariant("alarms", "每一级提醒只响一次", "Each rung rings once")
def _alarms(now: datetime) -> Iterator[tuple[str, Named]]:
    rows = _rows(
        """
        SELECT c.number, a.rung, count(*) FROM transfers_alarm a JOIN transfers_transfercase c ON c.id = a.case_id
        GROUP BY c.number, a.clock_id, a.generation, a.rung HAVING count(*) > 1
        """
    )
    for number, rung, count in rows:
        yield f"{number} {rung}", Named(f"响了{count}次", f"rang {count} times")


@_invariant("swept", "到点的事都已办", "Nothing is due and left undone")
def _swept(now: datetime) -> Iterator[tuple[str, Named]]:
    """Alarms, supplements that ran out, prechecks to be tried again: none older than two sweeps."""
    late = now - PATIENCE
    rows = _rows(
        """
        SELECT c.number, k.kind || ' ' || (k.plan -> k.done::int ->> 'code')
        FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id
        WHERE k.status = 'running' AND (k.next_at IS NULL AND k.done < jsonb_array_length(k.plan)
            OR k.next_at < %s OR (k.plan -> k.done::int ->> 'at')::timestamptz < %s)
        UNION ALL
        SELECT c.number, 'lapse' FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id
        WHERE k.kind IN ('SUPPLEMENT', 'RETURN') AND k.status = 'running' AND k.due_at < %s
        UNION ALL
        SELECT number, 'precheck' FROM transfers_transfercase WHERE precheck_at < %s
        UNION ALL
        SELECT number, 'automatic' FROM transfers_transfercase WHERE auto_at < %s
        UNION ALL
        SELECT g.area_id || ' ' || l.bank_reference, 'line' FROM transfers_statementline l
        JOIN transfers_agency g ON g.id = l.agency_id WHERE l.remind_at < %s
        """,
        late,
        late,
        late,
        late,
        late,
        late,
    )
    waiting = _rows(
        """
        SELECT c.number, c.outbound_policy_id FROM transfers_remittance r
        JOIN transfers_transfercase c ON c.id = r.case_id WHERE r.state = 'TO_WALLET' AND r.wallet_at < %s
        """,
        late,
    )
    for number, pinned in waiting:
        freeze = pinned_policy(pinned).policy.year_end_freeze
        if not (freeze and freeze.covers(local_date(now))):  # what was late for its part waits for the freeze's end
            rows.append((number, "wallet"))
    for number, what in rows:
        yield f"{number} {what}", Named("已到点，两轮巡查仍未办", "was due more than two sweeps ago and is not done")


# --- history ----------------------------------------------------------------------------------------


@_invariant("events", "每一步恰有一条事件，首尾相接", "Each move left one event, and the events join up")
def _events(now: datetime) -> Iterator[tuple[str, Named]]:
    counted = _rows(
        """
        SELECT c.number, c.version, count(e.id) FROM transfers_transfercase c
        LEFT JOIN transfers_caseevent e ON e.case_id = c.id AND e.version IS NOT NULL
        WHERE __HERE__ GROUP BY c.id HAVING count(e.id) <> c.version OR count(DISTINCT e.version) <> c.version
            OR max(e.version) > c.version ORDER BY c.id
        """.replace("__HERE__", _HERE)  # nosec B608 - our own names
    )
    for number, version, count in counted:
        yield number, Named(f"版本{version}却有{count}条事件", f"version {version} has {count} events")
    broken = _rows(
        """
        WITH chain AS (
            SELECT case_id, version, from_state, to_state, coalesce(nullif(from_money, ''), 'NONE') AS from_money,
                coalesce(nullif(to_money, ''), 'NONE') AS to_money,
                lag(to_state, 1, 'DRAFT') OVER w AS was, lead(version) OVER w AS next,
                coalesce(nullif(lag(to_money) OVER w, ''), 'NONE') AS money_was
            FROM transfers_caseevent WHERE version IS NOT NULL WINDOW w AS (PARTITION BY case_id ORDER BY version)
        )
        SELECT c.number, x.version FROM chain x JOIN transfers_transfercase c ON c.id = x.case_id
        LEFT JOIN transfers_remittance r ON r.case_id = c.id
        WHERE x.from_state <> x.was OR x.from_money <> x.money_was
            OR x.next IS NULL AND (x.to_state <> c.state OR x.to_money <> coalesce(r.state, 'NONE'))
        ORDER BY c.id, x.version
        """
    )
    for number, version in broken:
        yield f"{number} v{version}", Named("与前后不衔接", "does not join what was before, or the case as it is")
    steps = [
        (name, declared.machine, source, target) for name, declared in MOVES.items() for source, target in declared.ways
    ]
    columns = [list(column) for column in zip(*steps, strict=True)]
    undeclared = _rows(
        """
        SELECT c.number, e.version, e.name FROM transfers_caseevent e JOIN transfers_transfercase c ON c.id = e.case_id
        LEFT JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS m(name, machine, source, target)
            ON m.name = e.name AND CASE m.machine
                WHEN 'case' THEN m.source = e.from_state AND m.target = e.to_state
                ELSE m.source = e.from_money AND m.target = e.to_money AND e.from_state = e.to_state END
        WHERE e.version IS NOT NULL AND m.name IS NULL ORDER BY e.id
        """,
        *columns,
    )
    for number, version, name in undeclared:
        yield f"{number} v{version}", Named(f"流转表里没有{name}的这一步", f"no such step of {name} is declared")


@_invariant("public_line", "公开进度没有无因倒退", "The public line never falls without a reason")
def _public_line(now: datetime) -> Iterator[tuple[str, Named]]:
    rows = _rows(
        """
        SELECT c.number, e.version FROM transfers_caseevent e JOIN transfers_transfercase c ON c.id = e.case_id
        JOIN unnest(%s::text[], %s::int[]) AS f(state, stage) ON f.state = e.from_state
        JOIN unnest(%s::text[], %s::int[]) AS t(state, stage) ON t.state = e.to_state
        LEFT JOIN unnest(%s::text[], %s::int[]) AS mf(state, stage) ON mf.state = e.from_money
        LEFT JOIN unnest(%s::text[], %s::int[]) AS mt(state, stage) ON mt.state = e.to_money
        WHERE e.reason = '' AND (t.stage < f.stage OR mt.stage < mf.stage) ORDER BY e.id
        """,
        *(_stages(STATES) * 2),
        *(_stages(MONEY_STATES) * 2),
    )
    for number, version in rows:
        yield f"{number} v{version}", Named("公开进度倒退而没有原因", "the public line fell and no reason is recorded")


def _stages(states: Any) -> list[list[Any]]:
    return [[state.value for state in states], [info.stage for info in states.values()]]


# Which step writes each column of makers and reviewers.
_MAKES = {
    "out_handler": ["prepare_sheet", "prepare_correction"],
    "in_handler": ["check_sheet", "raise_query"],
    "withdrawal_by": ["request_withdrawal"],
    "maker": ["propose_remittance"],
    "matcher": ["match_receipt", "match_line", "auto_match"],
    "unmatcher": ["propose_unmatch"],
}
_REVIEWS = {
    "out_reviewer": ["approve_out", "approve_correction"],
    "in_reviewer": ["approve_in"],
    "checker": ["approve_remittance"],
    "crediter": ["credit_account"],
}


@_invariant("four_eyes", "经办与复核都不是同一人", "Handler and reviewer are different people on every step")
def _four_eyes(now: datetime) -> Iterator[tuple[str, Named]]:
    """In the columns, on the sheets, and in who really acted according to the events."""
    same = _rows(
        """
        SELECT number, 'case' FROM transfers_transfercase WHERE out_handler_id = out_reviewer_id
            OR in_handler_id = in_reviewer_id
        UNION ALL
        SELECT c.number, 'sheet' FROM transfers_sheet s JOIN transfers_transfercase c ON c.id = s.case_id
        WHERE s.prepared_by_id = s.approved_by_id
        UNION ALL
        SELECT c.number, 'remittance' FROM transfers_remittance r JOIN transfers_transfercase c ON c.id = r.case_id
        WHERE r.maker_id = r.checker_id OR r.matcher_id = r.crediter_id
        UNION ALL
        SELECT a.area_id, 'account' FROM transfers_bankaccount b JOIN transfers_agency a ON a.id = b.agency_id
        WHERE b.made_by_id = b.checked_by_id
        UNION ALL
        SELECT a.area_id || ' ' || coalesce(b.sequence, 0), 'batch' FROM transfers_paymentbatch b
        JOIN transfers_agency a ON a.id = b.agency_id WHERE b.made_by_id = b.approved_by_id
        UNION ALL
        SELECT p.reference, 'payment' FROM transfers_payment p JOIN transfers_paymentbatch b ON b.id = p.batch_id
        WHERE p.made_by_id = b.approved_by_id
        """
    )
    for number, where in same:
        yield f"{number} {where}", Named("经办与复核是同一人", "handler and reviewer are the same person")
    pairs = [
        (name, make)
        for name, declared in MOVES.items()
        for column in declared.move.four_eyes
        for make in _MAKES[column.removesuffix("_id")]
    ]
    reviews, makes = (list(column) for column in zip(*pairs, strict=True))
    acted = _rows(
        """
        SELECT c.number, r.version FROM transfers_caseevent r
        JOIN (SELECT review, array_agg(make) AS makes FROM unnest(%s::text[], %s::text[]) AS p(review, make)
            GROUP BY review) p ON p.review = r.name
        JOIN transfers_transfercase c ON c.id = r.case_id
        LEFT JOIN LATERAL (SELECT m.actor_id, m.name FROM transfers_caseevent m WHERE m.case_id = r.case_id
            AND m.name = ANY(p.makes) AND m.version < r.version ORDER BY m.version DESC LIMIT 1) m ON true
        WHERE r.actor_id IS NULL OR m.actor_id IS NULL
                AND coalesce(m.name, '') NOT IN ('request_withdrawal', 'auto_match')
            OR r.actor_id = m.actor_id ORDER BY r.id
        """,
        reviews,
        makes,
    )
    for number, version in acted:
        yield (
            f"{number} v{version}",
            Named("复核人就是经办人，或无法认定", "reviewed by its own handler, or by nobody known"),
        )
    for column, names in (_MAKES | _REVIEWS).items():
        table, key = (
            ("transfers_transfercase", "id")
            if column.startswith(("out_", "in_", "withdrawal_"))
            else ("transfers_remittance", "case_id")
        )
        # A column may be cleared by a step that undoes the work; what it holds must be who did it last.
        rows = _rows(
            f"""
            SELECT c.number FROM {table} t JOIN transfers_transfercase c ON c.id = t.{key}
            LEFT JOIN LATERAL (SELECT actor_id FROM transfers_caseevent e WHERE e.case_id = t.{key} AND e.name = ANY(%s)
                ORDER BY e.version DESC LIMIT 1) e ON true
            WHERE t.{column}_id IS NOT NULL AND t.{column}_id IS DISTINCT FROM e.actor_id AND {_HERE}
            """,  # nosec B608 - names of our own tables and columns
            names,
        )
        for (number,) in rows:
            yield f"{number} {column}", Named("记录的人与事件不符", "holds somebody else than the event says")


# --- documents --------------------------------------------------------------------------------------


@_invariant("sheets", "已签章的信息表完好无缺", "Sealed sheets are whole and unaltered")
def _sheets(now: datetime) -> Iterator[tuple[str, Named]]:
    sealed = Sheet.objects.filter(sealed_at__isnull=False).select_related("case").order_by("id")
    for sheet in sealed.iterator(AT_ONCE):
        subject = f"{sheet.case.number} v{sheet.version}"
        if digest_of(sheet.content) != sheet.digest:
            yield subject, Named("内容与摘要不符", "the content does not have this digest")
        if not intact(sheet.seal, digest=sheet.digest, agency_code=sheet.case.outbound_area_id):
            yield subject, Named("签章校验不通过", "the seal does not verify")
    wanting = [
        state.value
        for state, info in STATES.items()
        if state not in (State.TERMINATED, State.WITHDRAWN) and info.stage >= STATES[State.INFO_SENT].stage
    ]
    rows = _rows(
        """
        SELECT c.number FROM transfers_transfercase c WHERE c.state = ANY(%s) AND NOT EXISTS (
            SELECT 1 FROM transfers_sheet s WHERE s.case_id = c.id AND s.sealed_at IS NOT NULL)
        UNION ALL
        SELECT c.number FROM transfers_sheet s JOIN transfers_transfercase c ON c.id = s.case_id
        GROUP BY c.id HAVING count(*) <> max(s.version) OR min(s.version) <> 1
        """,
        wanting,
    )
    for (number,) in rows:
        yield number, Named("缺少已签章的信息表，或版本不连续", "a sealed sheet is missing, or versions have gaps")


@_invariant("numbers", "业务编号的校验位都正确", "Case numbers check")
def _numbers(now: datetime) -> Iterator[tuple[str, Named]]:
    for number in TransferCase.objects.order_by("id").values_list("number", flat=True).iterator(AT_ONCE):
        try:
            casenumber.parse(number)
        except casenumber.CaseNumberError:
            yield number, Named("校验位不正确", "the check digit is wrong")


@_invariant("letters", "同一封信只写一次", "No letter is written twice")
def _letters(now: datetime) -> Iterator[tuple[str, Named]]:
    rows = _rows(
        """
        SELECT min(subject_ref), dedupe_key, count(*) FROM notifications_letter WHERE dedupe_key IS NOT NULL
        GROUP BY dedupe_key HAVING count(*) > 1
        """
    )
    for reference, _key, count in rows:
        yield reference, Named(f"同一封信写了{count}次", f"one letter was written {count} times")


@_invariant("months", "每一行都在其月份的分区里", "Every row lies in the partition of its month")
def _months(now: datetime) -> Iterator[tuple[str, Named]]:
    for kept in KEPT:
        for month in astray(kept):
            yield f"{kept.name} {month}", Named("没有该月的分区", "there is no partition of this month")


# --- money ------------------------------------------------------------------------------------------


@_invariant("settled", "业务结束时没有未结的资金", "No case ends with money on its way")
def _settled(now: datetime) -> Iterator[tuple[str, Named]]:
    settled = [state.value for state, info in MONEY_STATES.items() if info.settled]
    rows = _rows(
        """
        SELECT c.number FROM transfers_transfercase c LEFT JOIN transfers_remittance r ON r.case_id = c.id
        WHERE c.closed_at IS NOT NULL AND (r.state <> ALL(%s) OR c.state = 'COMPLETED' AND r.case_id IS NULL)
        ORDER BY c.id
        """,
        settled,
    )
    for (number,) in rows:
        yield number, Named("已结束，资金未结清", "has ended with money unsettled")


@_invariant("ledger", "每笔分录借贷相等", "Each posting sums to zero")
def _ledger(now: datetime) -> Iterator[tuple[str, Named]]:
    rows = _rows(
        """
        SELECT coalesce(c.number, ''), t.kind, coalesce(sum(e.amount_fen), 0), count(e.id)
        FROM transfers_ledgertransaction t LEFT JOIN transfers_transfercase c ON c.id = t.case_id
        LEFT JOIN transfers_ledgerentry e ON e.transaction_id = t.id
        GROUP BY c.number, t.id HAVING coalesce(sum(e.amount_fen), 0) <> 0 OR count(e.id) < 2 ORDER BY t.id
        """
    )
    for number, kind, total, count in rows:
        yield f"{number} {kind}", Named(f"{count}条分录差{total}分", f"{count} lines are {total} fen apart")


@_invariant("books", "账簿与资金状态相符", "The books of each case are those of its money's state")
def _books(now: datetime) -> Iterator[tuple[str, Named]]:
    for breach in breaches():
        yield breach.number, breach.said


@_invariant("conservation", "两地之间资金守恒", "Money between two areas is conserved")
def _conservation(now: datetime) -> Iterator[tuple[str, Named]]:
    """Σ 207 = Σ 107 + on the way + returned + paid, for each pair of areas; what was taken back from an account is on
    its way again. And what lies between two areas, or in any end of it, was never less than nothing."""
    rows = _rows(
        """
        SELECT c.outbound_area_id || ' → ' || c.inbound_area_id,
            -sum(e.amount_fen) FILTER (WHERE e.book = 'fixed' AND t.kind = '207') AS sent
        FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
        JOIN transfers_transfercase c ON c.id = t.case_id GROUP BY c.outbound_area_id, c.inbound_area_id
        HAVING coalesce(-sum(e.amount_fen) FILTER (WHERE e.book = 'fixed' AND t.kind = '207'), 0)
            <> coalesce(sum(e.amount_fen) FILTER (WHERE e.book = 'personal' AND t.kind IN ('107', 'reclaim')), 0)
            + coalesce(sum(e.amount_fen) FILTER (WHERE e.book IN ('transit', 'received')), 0)
            + coalesce(sum(e.amount_fen) FILTER (WHERE e.book = 'fixed' AND t.kind = 'back'), 0)
            + coalesce(sum(e.amount_fen) FILTER (WHERE e.book IN ('paid', 'heirs', 'wallet')), 0)
        """
    )
    for pair, _sent in rows:
        yield (
            pair,
            Named(
                "转出不等于转入、在途、退回与支付之和", "what was sent is not what arrived, is on its way or went back"
            ),
        )
    below = _rows(
        """
        SELECT DISTINCT number, book FROM (
            SELECT c.number, e.book, sum(e.amount_fen) OVER (PARTITION BY t.case_id, e.book, e.area_id,
                e.counter_area_id ORDER BY t.number, t.id) AS balance
            FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
            JOIN transfers_transfercase c ON c.id = t.case_id
            WHERE e.book IN ('fixed', 'transit', 'received', 'paid', 'heirs', 'wallet', 'owed')
        ) found WHERE balance < 0 ORDER BY number, book
        """
    )
    for number, book in below:
        yield number, Named(f"{book}曾为负数", f"the book {book} has been below zero")


@_invariant(
    "payments", "付款与资金状态相符，已发送的付款恰在一个已复核批次", "Payments agree with the money; sent in one batch"
)
def _payments(now: datetime) -> Iterator[tuple[str, Named]]:
    for number, _out, _into, said in payment_breaches():
        yield number, said
    rows = _rows(
        """
        SELECT p.reference, 'batch' FROM transfers_payment p LEFT JOIN transfers_paymentbatch b ON b.id = p.batch_id
        WHERE p.state IN ('sent', 'paid', 'returned') AND p.sent_at IS NOT NULL AND b.state IS DISTINCT FROM 'approved'
            OR p.state = 'sent' AND p.sent_at IS NULL OR p.state = 'ready' AND b.state = 'approved'
        UNION ALL
        SELECT a.area_id || ' ' || b.sequence, 'total' FROM transfers_paymentbatch b
        JOIN transfers_agency a ON a.id = b.agency_id LEFT JOIN transfers_payment p ON p.batch_id = b.id
        WHERE b.state = 'approved' GROUP BY a.area_id, b.id
        HAVING count(p.id) <> b.count OR coalesce(sum(p.amount_fen), 0) <> b.total_fen
        UNION ALL
        SELECT a.area_id, 'sequence' FROM transfers_paymentbatch b JOIN transfers_agency a ON a.id = b.agency_id
        WHERE b.sequence IS NOT NULL GROUP BY a.area_id, a.id HAVING count(*) <> max(b.sequence)
        """
    )
    wrong = {
        "batch": Named("未在已复核的批次中发送", "was not sent in an approved batch"),
        "total": Named("批次的笔数或金额与付款不符", "the batch does not have this many payments, or another sum"),
        "sequence": Named("批次序号不连续", "the sequence of its batches has a gap"),
    }
    for subject, what in rows:
        yield subject, wrong[what]


@_invariant("lines", "流水分配不多不少，与到账分录一致", "Bank lines are allocated to the fen, as the ledger has it")
def _lines(now: datetime) -> Iterator[tuple[str, Named]]:
    for number, _out, _into, said in arrival_breaches():
        yield number, said
    for area, reference, said in line_breaches():
        yield f"{area} {reference}", said


@_invariant("zeroed", "余额锁定后账户已清零", "An account whose balance was fixed is empty")
def _zeroed(now: datetime) -> Iterator[tuple[str, Named]]:
    """Only accounts in our own tables, and until money is credited to them again by a later transfer."""
    rows = _rows(
        """
        SELECT c.number FROM transfers_remittance r JOIN transfers_transfercase c ON c.id = r.case_id
        LEFT JOIN transfers_personalaccount a ON a.person_id = c.person_id AND a.area_id = c.outbound_area_id
        WHERE r.state NOT IN ('NONE', 'KEPT', 'PENDING_SETTLE', 'SETTLE_HELD', 'RELEASED')
            AND c.outbound_area_id <> ALL(%s)
            AND (a.id IS NULL OR a.status <> 'zeroed' OR a.balance_fen <> 0)
            AND NOT EXISTS (SELECT 1 FROM transfers_remittance l JOIN transfers_transfercase lc ON lc.id = l.case_id
                WHERE lc.person_id = c.person_id AND lc.inbound_area_id = c.outbound_area_id
                AND l.credited_at >= (SELECT min(t.at) FROM transfers_ledgertransaction t
                    WHERE t.case_id = r.case_id AND t.kind = 'fix'))
        ORDER BY c.id
        """,
        list(settings.ENROLMENT_REGISTRIES),
    )
    for (number,) in rows:
        yield number, Named("余额已锁定，账户未清零", "the balance was fixed and the account is not empty")


def _rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
