"""What a caseworker is shown: shelves of work, rows of the worklist, the steps of a case and why one is not theirs.

Every case comes through `visible_cases`. Who may take which step is read from the transition table, so that a new
transition appears here, on its shelf and as a button, without a line being changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Protocol

from django.db.models import F, OrderBy, OuterRef, Q, QuerySet, Subquery, Value

from accounts.crypto import lookup_hash
from accounts.mask import mask_name
from notifications.models import Letter
from transfers.access import Actor, acting_agency, belongs, check_four_eyes, held_cases, visible_cases
from transfers.memory import remembered
from transfers.models import MOVES, Area, Clock, Membership, Remittance, TransferCase
from transfers.models.moves import Declared
from transfers.rules import casenumber
from transfers.rules.casemonth import month_of
from transfers.rules.errors import Refusal, refusal
from transfers.rules.identity import Document, normalise
from transfers.rules.money import MoneyState
from transfers.rules.parties import Named, Role, Side
from transfers.rules.routes import State
from transfers.rules.text import narrow
from transfers.rules.workdays import CalendarRangeError, due_instant, last_day_of, local_date
from transfers.selectors.progress import overdue_words
from transfers.sla.calendars import calendar_for

COUNTED = 1001
"""Lists are counted up to here and no further: "more than 1,000" is all that anybody needs to know."""
ORDER = (OrderBy(F("due_at")), OrderBy(F("id")))
_SIDE_COLUMN = {Side.OUT: "outbound_agency", Side.IN: "inbound_agency"}
_LEFT_COLUMNS = ("acts", "due_at", "outbound_area_id", "inbound_area_id")
_ROW_COLUMNS = (
    *("pk", "number", "state", "name", "holder_id", "closed_at", *_LEFT_COLUMNS),
    *("owner_id", "owner__display_name", "owner__username", "remittance__state"),
)
STATE_NAMES = {state.value: Named(state.info.zh, state.info.en) for state in State}
_MONEY_NAMES = {state.value: Named(state.info.zh, state.info.en) for state in MoneyState if state != MoneyState.NONE}


# --- the steps of a case -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """A step that the state of a case admits. Not `allowed`: `why` says whose it is."""

    declared: Declared
    why: Refusal | None = None

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def named(self) -> Named:
        return self.declared.move.named

    @property
    def tone(self) -> str:
        return self.declared.move.tone

    @property
    def allowed(self) -> bool:
        return self.why is None


def takes_part(actor: Actor, case: TransferCase) -> bool:
    """Whether the actor belongs to one of the two agencies; those above them only watch."""
    return not {case.outbound_agency_id, case.inbound_agency_id}.isdisjoint(actor.roles)


def allowed_moves(actor: Actor, case: TransferCase, remittance: Remittance | None) -> list[Offer]:
    """The steps that the case admits now and that find what they need, those that this actor may take first.

    The same checks as in `actions.perform`, which has the last word. Empty for those who only watch.
    """
    if not takes_part(actor, case):
        return []
    offers = []
    for declared in MOVES.values():
        if declared.move.side is Side.SYSTEM or not _for_now(case, remittance, declared):
            continue
        if _lacking(case, remittance, declared):
            continue
        offers.append(Offer(declared, _objection(actor, case, remittance, declared)))
    return sorted(offers, key=lambda offer: (not offer.allowed, offer.tone != "primary"))


def offer_for(actor: Actor, case: TransferCase, remittance: Remittance | None, name: str) -> Offer:
    """The named step as `allowed_moves` would offer it; a step that is not for now says so. J-UNKNOWN-STEP."""
    declared = MOVES.get(name)
    if declared is None:
        raise refusal("J-UNKNOWN-STEP", name=name[:40])
    why = _objection(actor, case, remittance, declared)
    if why is None and not _for_now(case, remittance, declared):
        info = case.info if declared.machine == "case" else MoneyState(remittance.state if remittance else "NONE").info
        move = declared.move
        why = refusal("J-NOT-NOW", state=info.zh, state_en=info.en, what=move.zh, what_en=move.en)
    elif why is None and (code := _lacking(case, remittance, declared)):
        why = refusal(code)
    return Offer(declared, why)


def _lacking(case: TransferCase, remittance: Remittance | None, declared: Declared) -> str:
    return declared.lacking(case if declared.machine == "case" else remittance)


def _for_now(case: TransferCase, remittance: Remittance | None, declared: Declared) -> bool:
    """Whether the step is declared for where the case, or its money, stands. Money rests while a case is held."""
    if declared.machine == "case":
        return case.state in declared.sources
    return remittance is not None and not case.info.holds and remittance.state in declared.sources


def _objection(actor: Actor, case: TransferCase, remittance: Remittance | None, declared: Declared) -> Refusal | None:
    move = declared.move
    try:
        acting_agency(actor, case, move)
        check_four_eyes(actor, case, remittance, move)
    except Refusal as error:
        return error
    if move.owned and case.owner_id != actor.user_id:
        return refusal("J-NOT-OWNER", owner=str(case.owner or "—"))
    return None


# --- how long there is ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """Working days left of the limit that runs; below zero once passed. `tone`: over, today, soon, calm, none."""

    days: int | None
    named: Named
    tone: str


NO_LIMIT = Left(None, Named("不计时", "No limit runs"), "none")


class Limited(Protocol):
    """What is read of a case to say how long there is: a case, or a row of these columns."""

    @property
    def acts(self) -> str: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def outbound_area_id(self) -> str: ...
    @property
    def inbound_area_id(self) -> str: ...


def left_of(case: Limited, now: datetime, *, counted_until: date | None) -> Left:
    """Days left on the acting side's calendar, exactly as the clock that runs counts them.

    `counted_until` is that clock's: working days up to it are behind. The day that runs is still there to be used.
    """
    if case.due_at is None:
        return NO_LIMIT
    calendar = calendar_for(case.inbound_area_id if case.acts == Side.IN else case.outbound_area_id)
    today, due_on = local_date(now), last_day_of(case.due_at)
    yesterday = today - timedelta(days=1)
    try:
        if now >= case.due_at:
            over = calendar.count(due_on, yesterday)
            return Left(-max(over, 1), overdue_words(over), "over")
        days = calendar.count(max(yesterday, counted_until or yesterday), due_on)
    except CalendarRangeError:
        return NO_LIMIT
    if due_on == today:
        return Left(days, Named("今日到期", "Due today"), "today")
    return Left(days, Named(f"剩余{days}个工作日", f"{days} working day(s) left"), "soon" if days <= 2 else "calm")


def left_now(case: TransferCase, now: datetime) -> Left:
    """The same for a case by itself."""
    running = Clock.objects.filter(case=case, status=Clock.Status.RUNNING)
    return left_of(case, now, counted_until=running.values_list("counted_until", flat=True).first())


# --- shelves -------------------------------------------------------------------------------------

Cases = QuerySet[TransferCase]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A named part of the worklist. `pick` narrows the open cases that the actor sees; of `held` ones those that lie
    with the actor's agencies or with those below them.
    """

    code: str
    named: Named
    empty: Named
    pick: Callable[[Cases, Actor, datetime], Cases]
    tone: str = "plain"
    closed: bool = False
    held: bool = False


def _takes(actor: Actor, declared: Declared) -> Q:
    """The cases on which the actor could take this step now; nothing when they hold none of its roles."""
    move, money = declared.move, declared.machine == "money"
    if move.side not in _SIDE_COLUMN:
        return Q(pk__in=())
    subject = "remittance__" if money else ""
    found = Q(pk__in=())
    for side in move.sides:
        roles = {role for role in move.roles if belongs(role, side)}
        if agencies := [agency for agency, held in actor.roles.items() if not held.isdisjoint(roles)]:
            found |= Q(**{f"{_SIDE_COLUMN[side]}__in": agencies, f"{subject}holder__in": agencies})
    found &= Q(**{f"{subject}state__in": declared.sources})
    if move.owned:
        found &= Q(owner=actor.user_id)
    for column in move.four_eyes:
        found &= ~Q(**{f"{subject}{column}": actor.user_id})
    return found


def _any(actor: Actor, wanted: Callable[[Declared], bool]) -> Q:
    found = [_takes(actor, declared) for declared in MOVES.values() if wanted(declared)]
    return reduce(or_, found, Q(pk__in=()))


def _is_claim(declared: Declared) -> bool:
    return declared.move.claims


def _is_answer(declared: Declared) -> bool:
    """A question waits for anybody of the side: a doubt, a withdrawal, a check by hand, a rectification."""
    move = declared.move
    asked = declared.machine == "case" and move.side in _SIDE_COLUMN and move.tone == "primary"
    return asked and not (move.claims or move.owned or declared.reviews)


def _is_review(declared: Declared) -> bool:
    return declared.machine == "case" and declared.reviews


def _is_money(declared: Declared) -> bool:
    return declared.machine == "money" and declared.move.side in _SIDE_COLUMN


def _ours(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.exclude(acts=Side.APPLICANT.value)


def _mine(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(owner=actor.user_id)


def _claim(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(_any(actor, _is_claim))


def _answer(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(_any(actor, _is_answer))


def _unclaimed(cases: Cases, actor: Actor, now: datetime) -> Cases:
    sources = sorted({s for declared in MOVES.values() if _is_claim(declared) for s in declared.sources})
    return cases.filter(state__in=sources)


def _review(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(_any(actor, _is_review))


def _money(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(_any(actor, _is_money))


def _today(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(due_at__gt=now, due_at__lte=due_instant(local_date(now)))


def _overdue(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases.filter(due_at__lte=now)


def _waiting(cases: Cases, actor: Actor, now: datetime) -> Cases:
    elsewhere = Q(acts__in=[Side.APPLICANT.value, Side.SYSTEM.value])
    if not actor.everything:
        elsewhere |= ~Q(holder__in=[*actor.roles, *actor.below])
    return cases.filter(elsewhere)


def _every(cases: Cases, actor: Actor, now: datetime) -> Cases:
    return cases


OURS = Shelf(
    "ours",
    Named("待我方办理", "Our turn"),
    Named("目前没有待我方办理的业务。", "Nothing is our turn."),
    _ours,
    held=True,
)
MINE = Shelf("mine", Named("我的在办", "My work"), Named("您手上没有在办业务。", "You hold no case."), _mine, "work")
CLAIM = Shelf("claim", Named("待领取", "To claim"), Named("没有待领取的业务。", "Nothing to claim."), _claim, "work")
UNCLAIMED = Shelf(
    "unclaimed",
    Named("无人领取", "Unclaimed"),
    Named("业务均已领取。", "Every case is claimed."),
    _unclaimed,
    "warn",
    held=True,
)
REVIEW = Shelf(
    "review", Named("待复核", "To review"), Named("没有待您复核的业务。", "Nothing to review."), _review, "work"
)
ANSWER = Shelf(
    "answer", Named("待答复", "To answer"), Named("没有待答复的事项。", "No question waits."), _answer, "work"
)
MONEY = Shelf(
    "money",
    Named("资金待办", "Money to act on"),
    Named("没有待您办理的资金。", "No money waits for you."),
    _money,
    "work",
)
TODAY = Shelf(
    "today",
    Named("今日到期", "Due today"),
    Named("今天没有到期的业务。", "Nothing is due today."),
    _today,
    "warn",
    held=True,
)
OVERDUE = Shelf(
    "overdue", Named("已逾期", "Overdue"), Named("没有逾期业务。", "Nothing is overdue."), _overdue, "alarm", held=True
)
WAITING = Shelf(
    "waiting",
    Named("等待他方", "Waiting for others"),
    Named("没有等待他方的业务。", "Nothing waits for others."),
    _waiting,
)
OPEN = Shelf("open", Named("全部在办", "All open"), Named("没有在办业务。", "No case is open."), _every)
CLOSED = Shelf(
    "closed", Named("已结束", "Closed"), Named("还没有结束的业务。", "No case is closed yet."), _every, closed=True
)

_MAKERS = {Role.OUT_HANDLER, Role.IN_HANDLER}
_CHECKERS = {Role.OUT_REVIEWER, Role.IN_REVIEWER}
_LEADS = (Role.SUPERVISOR, Role.HEAD, Role.AUDITOR)


def shelves_for(actor: Actor) -> list[Shelf]:
    """The shelves that mean something to somebody with these roles, in the order of the day's work."""
    shelves = []
    if actor.holds(*_MAKERS):
        shelves += [MINE, CLAIM]
    if actor.holds(*_CHECKERS):
        shelves.append(REVIEW)
    if actor.holds(Role.FINANCE):
        shelves.append(MONEY)
    if actor.holds(*_MAKERS, *_CHECKERS, Role.SUPERVISOR):
        shelves.append(ANSWER)
    if actor.holds(*_LEADS):
        shelves.append(UNCLAIMED)
    return [*shelves, TODAY, OVERDUE, OURS, WAITING, OPEN, CLOSED]


def on_shelf(shelf: Shelf, actor: Actor, now: datetime) -> Cases:
    """The cases on a shelf in the order of the worklist: by due date; those without a limit, and closed ones, last."""
    cases = (held_cases if shelf.held else visible_cases)(actor).filter(closed_at__isnull=not shelf.closed)
    picked = shelf.pick(cases, actor, now)
    return picked.order_by("-closed_at", "-id") if shelf.closed else picked.order_by(*ORDER)


# --- search --------------------------------------------------------------------------------------

_NUMBER_LIKE = "JX"


def search(cases: Cases, text: str) -> Cases:
    """Cases by number (whole or its beginning), identity number (exact) or name (whole or its beginning)."""
    text = text.strip()[:60]
    if not text or "\x00" in text:
        return cases.none()
    number = number_of(text)
    if number:
        return cases.filter(number=number)
    if is_identity(text):
        return cases.filter(person__identity_hash__in=_identity_hashes(text))
    compact = _compact(text)
    if compact.startswith(_NUMBER_LIKE):
        return cases.filter(number__startswith=compact)
    return cases.filter(name__startswith=text)


def is_identity(text: str) -> bool:
    """Whether a search is for an identity number: it has digits and is no case number."""
    compact = _compact(text)
    return any(character.isdigit() for character in compact) and not compact.startswith(_NUMBER_LIKE)


def _compact(text: str) -> str:
    return narrow(text).replace(" ", "").replace("-", "").upper()


def number_of(text: str) -> str:
    """The case number that somebody typed, or nothing when it is not one."""
    try:
        return casenumber.parse(text)
    except Refusal:
        return ""


def _identity_hashes(text: str) -> list[bytes]:
    """Under each kind of document: who searches need not know which one was filed."""
    number = normalise(text)
    return [lookup_hash(f"{kind.value}:{number}", context="person.identity") for kind in Document]


# --- rows ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the worklist. Names are masked."""

    pk: int
    number: str
    name: str
    state: Named
    state_code: str
    acts: Named
    acts_code: str
    ours: bool
    owner: str
    mine: bool
    from_area: str
    to_area: str
    due_on: date | None
    closed_on: date | None
    left: Left
    money: Named | None


@remembered
def area_names() -> dict[str, str]:
    """Every area's name with its province in front, by code."""
    return {area.code: area.full_name for area in Area.objects.select_related("parent")}


def rows_of(cases: Iterable[Any], actor: Actor, now: datetime) -> list[Row]:
    """The lines for these cases, as `slim` reads them, in their order."""
    names = area_names()
    return [
        Row(
            pk=case.pk,
            number=case.number,
            name=mask_name(case.name),
            state=STATE_NAMES[case.state],
            state_code=case.state,
            acts=Side(case.acts).named,
            acts_code=case.acts,
            ours=case.holder_id in actor.roles and case.acts != Side.APPLICANT,
            owner=case.owner__display_name or case.owner__username or "",
            mine=actor.user_id is not None and case.owner_id == actor.user_id,
            from_area=names.get(case.outbound_area_id, case.outbound_area_id),
            to_area=names.get(case.inbound_area_id, case.inbound_area_id),
            due_on=last_day_of(case.due_at) if case.due_at else None,
            closed_on=local_date(case.closed_at) if case.closed_at else None,
            left=left_of(case, now, counted_until=case.counted_until),
            money=_MONEY_NAMES.get(case.remittance__state),
        )
        for case in cases
    ]


def slim(cases: Cases) -> QuerySet[TransferCase, Any]:
    """Of each case the columns that a row shows and how far its running clock has been counted, and no case around
    them: making one costs more than reading it.
    """
    return _counted(cases).values_list(*_ROW_COLUMNS, "counted_until", named=True)


def _counted(cases: Cases) -> Cases:
    running = Clock.objects.filter(case=OuterRef("pk"), status=Clock.Status.RUNNING)
    return cases.annotate(counted_until=Subquery(running.values("counted_until")[:1]))


# --- the desk ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A shelf on the home page: how many (up to COUNTED) and the first few."""

    shelf: Shelf
    count: int
    rows: Sequence[Row] = ()

    @property
    def capped(self) -> bool:
        return self.count >= COUNTED


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the drawing: how many open cases of ours have so many days left. `width` is 0 to 100."""

    named: Named
    tone: str
    count: int
    width: int


@dataclass(frozen=True, slots=True)
class Desk:
    """The home page of one actor."""

    tiles: Sequence[Tile]
    bars: Sequence[Bar] = field(default_factory=tuple)

    def tile(self, code: str) -> Tile | None:
        return next((tile for tile in self.tiles if tile.shelf.code == code), None)


_SPANS = (
    ("over", Named("已逾期", "Overdue"), lambda days: days < 0),
    ("today", Named("1 天内", "Within 1 day"), lambda days: 0 <= days <= 1),
    ("soon", Named("2 天", "2 days"), lambda days: days == 2),
    ("calm", Named("3–5 天", "3–5 days"), lambda days: 3 <= days <= 5),
    ("calm", Named("6 天以上", "6 days or more"), lambda days: days > 5),
)


def desk(actor: Actor, now: datetime, *, first: int = 5) -> Desk:
    """Counts and first rows of every shelf in three statements: one finds, one loads, one draws."""
    shelves = [shelf for shelf in shelves_for(actor) if not shelf.closed]
    found = _ids(shelves, actor, now, COUNTED)
    wanted = {pk for ids in found.values() for pk in ids[:first]}
    loaded = {case.pk: case for case in slim(visible_cases(actor).filter(pk__in=wanted))} if wanted else {}
    tiles = [
        Tile(
            shelf,
            len(found[shelf.code]),
            rows_of([loaded[pk] for pk in found[shelf.code][:first] if pk in loaded], actor, now),
        )
        for shelf in shelves
    ]
    return Desk(tiles, _bars(actor, now))


def _ids(shelves: Sequence[Shelf], actor: Actor, now: datetime, limit: int) -> dict[str, list[int]]:
    """The first ids of several shelves with one statement."""
    found: dict[str, list[int]] = {shelf.code: [] for shelf in shelves}
    parts = [
        on_shelf(shelf, actor, now).annotate(shelf=Value(shelf.code)).values_list("shelf", "pk", "due_at")[:limit]
        for shelf in shelves
    ]
    # The rows of each part come in its order, but the union as a whole promises none: sort again.
    rows = sorted(parts[0].union(*parts[1:], all=True), key=lambda row: (row[2] is None, row[2] or now, row[1]))
    for code, pk, _due in rows:
        found[code].append(pk)
    return found


def _bars(actor: Actor, now: datetime) -> tuple[Bar, ...]:
    timed = _counted(on_shelf(OURS, actor, now).filter(due_at__isnull=False))
    spans: Counter[int] = Counter()
    for case in timed.values_list(*_LEFT_COLUMNS, "counted_until", named=True)[:COUNTED]:
        days = left_of(case, now, counted_until=case.counted_until).days
        if days is not None:
            spans[next(index for index, (_tone, _named, holds) in enumerate(_SPANS) if holds(days))] += 1
    most = max(spans.values(), default=0)
    return tuple(
        Bar(named, tone, spans[index], round(spans[index] * 100 / most) if most else 0)
        for index, (tone, named, _holds) in enumerate(_SPANS)
    )


def next_case(actor: Actor, now: datetime, *, after: int) -> Row | None:
    """The most urgent other case on which the actor can act themselves."""
    mine = [shelf for shelf in shelves_for(actor) if shelf in (MINE, CLAIM, REVIEW, ANSWER, MONEY)]
    if not mine:
        return None
    found = _ids(mine, actor, now, 2)
    best = {pk for ids in found.values() for pk in ids if pk != after}
    case = slim(visible_cases(actor).filter(pk__in=best)).order_by(*ORDER).first() if best else None
    return rows_of([case], actor, now)[0] if case else None


# --- letters -------------------------------------------------------------------------------------

# What each template is called where people read lists of letters.
LETTERS = {
    "accepted": Named("受理告知书", "Accepted"),
    "refused": Named("不予受理告知书", "Not accepted, with reasons"),
    "supplement": Named("补正通知", "Supplement wanted"),
    "supplement_due": Named("补正到期提醒", "Supplement due"),
    "lapsed": Named("逾期终止通知", "Ended: a limit was let pass"),
    "by_hand": Named("人工核验通知", "Checked by hand"),
    "returned": Named("退回通知", "Returned, to be repaired"),
    "return_due": Named("退回处理到期提醒", "Repair of the return due"),
    "forwarded": Named("转办通知", "Forwarded"),
    "ended": Named("终止办理通知", "Ended"),
    "withdrawal_asked": Named("撤销申请收到通知", "Withdrawal asked for"),
    "withdrawn": Named("撤销通知", "Withdrawn"),
    "withdrawal_refused": Named("撤销申请答复", "Withdrawal refused"),
    "reopened": Named("办结后更正通知", "Reopened to rectify"),
    "sheet_sent": Named("转出办结通知", "Sheet sent"),
    "taken_over": Named("关系接续通知", "Record taken over"),
    "remitted": Named("余额划出通知", "Balance sent"),
    "credited": Named("余额到账通知", "Balance credited"),
    "choose": Named("余额去向选择通知", "To choose where the balance goes"),
    "money_back": Named("余额划转退回通知", "Balance returned by the bank"),
    "paid": Named("余额支付通知", "Balance paid"),
    "in_wallet": Named("余额转入医保钱包通知", "Balance in the wallet"),
    "more_money": Named("补划款项通知", "More money follows"),
    "taken_back": Named("余额退回转出地通知", "Balance taken back"),
    "completed": Named("办结通知", "Completed"),
    "overdue": Named("超期说明", "Limit passed"),
    "new_work": Named("新业务提醒", "New work"),
    "sent_back": Named("退回提醒", "Sent back"),
    "come_back": Named("继续办理提醒", "In your hands"),
    "alarm": Named("时限提醒", "Deadline alarm"),
    "morning": Named("今日待办", "Today's work"),
    "calendar_moved": Named("办理期限调整通知", "Date moved with the calendar"),
    "calendar_work": Named("日历变动汇总", "Dates that moved with the calendar"),
    "horizon": Named("工作日历将尽", "The calendar runs out"),
    "invariants": Named("数据核验告警", "Invariants broken"),
    "unmatched": Named("未匹配到账提醒", "Money not explained"),
    "difference": Named("金额不符待答复", "Difference to answer"),
    "reclaim": Named("追回款项待答复", "Reclaim to answer"),
    "part_arrived": Named("部分到账提醒", "Only a part arrived"),
    "reconciliation": Named("资金对账告警", "Reconciliation differs"),
    "digest": Named("通知汇总", "Digest"),
    "code": Named("一次性验证码", "One-time code"),
    "case.moved": Named("接入平台回调", "Partner callback"),
}
PERSON, PLATFORM = Named("申请人", "Applicant"), Named("接入平台", "Partner platform")


def letter_named(template: str) -> Named:
    """A letter's name in words; an unknown template keeps its own."""
    return LETTERS.get(template, Named(template, template))


@dataclass(frozen=True, slots=True)
class LetterRow:
    """One letter about a case. Addresses are never shown."""

    created_at: datetime
    named: Named
    channel: str
    to: Named
    status: str
    status_code: str
    sent_at: datetime | None
    error: str


def letters_of(case: TransferCase, actor: Actor, *, limit: int = 60) -> list[LetterRow]:
    """The newest letters about a case: to the person and the partner, and to the actor's own colleagues."""
    colleagues = Membership.objects.filter(agency__in=list(actor.roles)).values("user")
    letters = (
        Letter.objects.filter(
            Q(recipient__isnull=True) | Q(recipient__in=colleagues),
            subject_ref=case.number,
            month=month_of(case.pk),  # whatever is about a case lies there
        )
        .select_related("recipient")
        .defer("address", "secret", "context")
        .order_by("-id")[:limit]
    )
    return [
        LetterRow(
            created_at=letter.created_at,
            named=letter_named(letter.template),
            channel=letter.get_channel_display(),
            to=_addressee(letter),
            status=letter.get_status_display(),
            status_code=letter.status,
            sent_at=letter.sent_at,
            error=letter.last_error_code,
        )
        for letter in letters
    ]


def _addressee(letter: Letter) -> Named:
    if letter.recipient is not None:
        return Named(str(letter.recipient), str(letter.recipient))
    return PLATFORM if letter.channel == Letter.Channel.WEBHOOK else PERSON


# --- words ---------------------------------------------------------------------------------------

AUDIENCES = {
    "owner": Named("经办人", "handler"),
    "lead": Named("业务主管", "supervisor"),
    "head": Named("机构负责人", "agency head"),
    "province": Named("省级机构", "province"),
    "nation": Named("国家级机构", "nation"),
    "person": Named("申请人", "applicant"),
}


# --- what is asked of whom -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Who must do what now. `steps` are the forward steps of the state, `roles` who may take them."""

    acts: Named
    agency: str
    phone: str
    steps: tuple[Named, ...]
    roles: tuple[Named, ...]
    owner: str


def asked_of(case: TransferCase, remittance: Remittance | None) -> Asked | None:
    """What the case waits for, from the transition table; None when it is closed or waits for the system."""
    if case.info.terminal:
        return None
    machine = "money" if case.state == State.RELATION_DONE else "case"
    subject = remittance if machine == "money" else case
    waited = [
        declared.move
        for declared in MOVES.values()
        if subject is not None
        and declared.machine == machine
        and subject.state in declared.sources
        and Side(case.acts) in (declared.move.sides if declared.move.side in _SIDE_COLUMN else (declared.move.side,))
        and (declared.move.tone == "primary" or (case.info.holds and declared.move.holding))
    ]
    if not waited:
        return None
    agency = {Side.OUT.value: case.outbound_agency, Side.IN.value: case.inbound_agency}.get(case.acts)
    return Asked(
        acts=Side(case.acts).named,
        agency=agency.name if agency else "",
        phone=agency.phone if agency else "",
        steps=tuple(move.named for move in waited),
        roles=tuple(
            {role: role.named for move in waited for role in move.roles if belongs(role, Side(case.acts))}.values()
        )
        if agency
        else (),
        owner=str(case.owner) if case.owner else "",
    )
