"""The one door: every change of a case or of its money goes through `perform`."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from notifications import outbox
from transfers import letters
from transfers.access import SYSTEM, Actor, acting_agency, check_four_eyes
from transfers.actions.effects import EFFECTS, Context, Effect, Together
from transfers.documents.papers.ordering import order
from transfers.models import MOVES, CaseEvent, Remittance, TransferCase, rows
from transfers.models.guards import write_changes, write_rows
from transfers.models.moves import Declared, Field, Move, Step
from transfers.places import furnish
from transfers.rules.bank import account_number
from transfers.rules.codes import LISTS
from transfers.rules.errors import Refusal, refusal
from transfers.rules.money import MONEY_CLOCKS, MoneyState, clocks_of, money_clock_effects
from transfers.rules.parties import Side
from transfers.rules.routes import ClockKind, State, clock_effects
from transfers.rules.text import has_control, written
from transfers.rules.workdays import ZONE, local_date
from transfers.selectors.partitions import archived_at
from transfers.sla import clocks

TEXT_MAX = 60
MONEY_MAX_FEN = 10_000_000_00
_YUAN = re.compile(r"(?:[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.[0-9]{1,2})?")


_Queued = tuple[Declared, Step, Actor, int | None]


@dataclass(frozen=True, slots=True)
class Done:
    """What `perform` did: the case as it is now, and the event of each step (the system's own that followed, too)."""

    case: TransferCase
    events: list[CaseEvent]


Item = tuple[int, int, Mapping[str, Any]]  # case, the version that was shown, data of the step


@transaction.atomic
def perform(
    case: TransferCase | int,
    transition: str,
    actor: Actor,
    *,
    version: int,
    reason: str = "",
    note: str = "",
    data: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Done:
    """Take one step of a case, whole or not at all.

    Locks the case and reads it again; refuses (`Refusal` with a code) when the actor may not see it, may not take this
    step, acts on an older `version`, handled the step that they now review, or when the state, reason, note or data do
    not fit. Then: the effect of the step, the django-fsm transition, the clocks, one event, the letters.
    """
    items = [(case if isinstance(case, int) else case.pk, version, data or {})]
    (done,) = _Passage(items, transition, actor, reason, note, now or timezone.now()).go()
    if isinstance(done, Refusal):
        raise done
    return done


@transaction.atomic
def perform_many(
    items: Sequence[Item],
    transition: str,
    actor: Actor,
    *,
    reason: str = "",
    note: str = "",
    now: datetime | None = None,
) -> list[Done | Refusal]:
    """Take the same step of many cases in one transaction, by the rules of `perform`, written set-based.

    The answers are in the order of `items`. A refused one leaves no trace, and the others go on.
    """
    now = now or timezone.now()
    refused: dict[int, Refusal] = {}
    while True:
        left = [item for item in items if item[0] not in refused]
        with transaction.atomic(savepoint=bool(items)):
            passage = _Passage(left, transition, actor, reason, note, now)
            answers = passage.go(keep_going=True)
            late = {item[0]: a for item, a in zip(left, answers, strict=True) if isinstance(a, Refusal)}
            refused |= late
            if not passage.spoilt:
                done = dict(zip((item[0] for item in left), answers, strict=True))
                return [refused.get(case) or done[case] for case, *_rest in items]
            transaction.set_rollback(True)  # and once more without those whose effect refused


class _Passage:
    """One passage through the door, of one case or of many that take the same step.

    Goes in waves: the step that was asked for, then whatever steps of the system's own follow from it. In each wave
    the effects and transitions run case by case, and what they change is written together.
    """

    def __init__(
        self, items: Sequence[Item], transition: str, actor: Actor, reason: str, note: str, now: datetime
    ) -> None:
        declared = MOVES.get(transition)
        if declared is None:
            raise refusal("J-UNKNOWN-STEP", name=transition[:40])
        self.items, self.declared, self.actor = items, declared, actor
        self.reason, self.note, self.now = reason, note, now
        self.clocks = clocks.Held([case for case, *_rest in items])
        self.spoilt = False  # an effect refused, after it or others had written

    def go(self, *, keep_going: bool = False) -> list[Done | Refusal]:
        """Take the step; with `keep_going` a refusal is an answer, else it is raised."""
        answers: dict[int, Done | Refusal] = {}
        courses = self._open(answers, keep_going=keep_going)
        moving = courses
        while moving:
            wave = _Wave(moving)
            for course in moving:
                try:
                    course.step(wave)
                except Refusal as error:
                    if not keep_going:
                        raise
                    answers[course.case.pk], self.spoilt = error, True
            if self.spoilt:
                break
            wave.write()
            moving = [course for course in courses if course.queue]
        else:
            self.clocks.write()
            self._tell(courses)
        answers |= {c.case.pk: Done(c.case, c.events) for c in courses if c.case.pk not in answers}
        return [answers[case] for case, *_rest in self.items]

    def _open(self, answers: dict[int, Done | Refusal], *, keep_going: bool) -> list[_Course]:
        """Lock the cases and their money in order, and judge who may take the step."""
        cases = _lock([case for case, *_rest in self.items])
        with_money = [pk for pk, case in cases.items() if _may_have_money(case)]
        money = _lock_money(with_money)
        courses = []
        for pk, version, data in self.items:
            try:
                if pk not in cases:
                    raise refusal("J-NOT-FOUND")
                course = _Course(cases[pk], money.get(pk), self.now, self.clocks)
                course.queue.append(self._judged(course, version, data))
                courses.append(course)
            except Refusal as error:
                if not keep_going:
                    raise
                answers[pk] = error
        return courses

    def _judged(self, course: _Course, version: int, data: Mapping[str, Any]) -> _Queued:
        case, declared, actor = course.case, self.declared, self.actor
        agency = acting_agency(actor, case, declared.move)
        if case.closed_at is not None and (at := archived_at(case)):
            raise refusal("J-ARCHIVED", at=local_date(at).isoformat())
        if version != case.version:
            raise _stale(case, version)
        _check_state(case, course.remittance, declared)
        check_four_eyes(actor, case, course.remittance, declared.move)
        if declared.move.owned and case.owner_id != actor.user_id:
            raise refusal("J-NOT-OWNER", owner=str(case.owner or "—"))
        step = Step(
            user_id=actor.user_id,
            now=self.now,
            reason=_clean_reason(declared.move, self.reason),
            note=written(self.note, required=declared.move.note),
            data=_clean_data(declared.move, data),
        )
        return declared, step, actor, agency

    def _tell(self, courses: Sequence[_Course]) -> None:
        """Written last, so that they tell where each case has come to, with the promise that holds now."""
        outbox.post(letters.for_moves([(course.case, course.taken) for course in courses]), now=self.now)
        order([(course.case, course.events, course.remittance) for course in courses], now=self.now)


# Not FOR UPDATE: a sweeper that writes an alarm of this case needs its key while it holds a clock we need.
CASES = "WHERE t.id = ANY(%s) ORDER BY t.id FOR NO KEY UPDATE"
MONEY = "WHERE t.case_id = ANY(%s) ORDER BY t.case_id FOR UPDATE"


def _lock(pks: Sequence[int]) -> dict[int, TransferCase]:
    """The cases as they are now, ours until the transaction ends. Places come from memory, the rest when asked for."""
    return {case.pk: furnish(case) for case in rows.read(TransferCase, CASES, [list(pks)])}


def _lock_money(cases: Sequence[int]) -> dict[int, Remittance]:
    """The money lines of these cases, after the cases themselves."""
    return {row.pk: row for row in rows.read(Remittance, MONEY, [list(cases)])} if cases else {}


class _Wave:
    """What one wave reads together, and what it writes: cases and money, events, and what the effects ask for."""

    def __init__(self, moving: Iterable[_Course]) -> None:
        self.together: dict[str, Together] = defaultdict(Together)
        for course in moving:
            if course.queue:
                self.together[course.queue[0][0].name].cases.append(course.case)
        self.rows: list[tuple[TransferCase | Remittance, tuple[str, ...]]] = []
        self.opened: list[Remittance] = []
        self.events: list[CaseEvent] = []
        self.writes: dict[Callable[[list[Any]], None], list[Any]] = defaultdict(list)

    def write(self) -> None:
        """Write them: one statement for all rows that change in the same columns, one for the events."""
        write_changes(self.rows)
        write_rows(Remittance, self.opened)
        write_rows(CaseEvent, self.events)
        for function, arguments in self.writes.items():
            function(arguments)


class _Course:
    """What one case goes through in a passage."""

    def __init__(self, case: TransferCase, remittance: Remittance | None, now: datetime, held: clocks.Held) -> None:
        self.case, self.remittance, self.now, self.clocks = case, remittance, now, held
        self.stored, self.stored_money = _columns(case), _columns(remittance) if remittance else {}
        self.clocks_stand_for, self.acted, self.outbound_area = State(case.state), case.acts, case.outbound_area_id
        self.queue: deque[_Queued] = deque()
        self.events: list[CaseEvent] = []
        self.taken: list[tuple[Declared, Step, CaseEvent]] = []

    def step(self, wave: _Wave) -> None:
        """Take the next step that waits, if any."""
        if not self.queue:
            return
        declared, step, actor, agency = self.queue.popleft()
        with bound_contextvars(case=self.case.number):
            effect = self._effect(declared, step, actor, wave.together[declared.name])
            if effect.fill:
                step = replace(step, data={**step.data, **effect.fill})
            for own in effect.then:
                self.queue.append((MOVES[own.name], Step(None, self.now, own.reason, data=own.data), SYSTEM, None))
            for function, argument in effect.writes:
                wave.writes[function].append(argument)
            self._take(declared, step, actor, agency, effect, wave)

    def _effect(self, declared: Declared, step: Step, actor: Actor, together: Together) -> Effect:
        function = EFFECTS.get(declared.name)
        if function is None:
            return Effect()
        context = Context(self.case, actor, step, self.remittance, together)
        effect = function(context)
        if context.remittance is not self.remittance:
            self.remittance, self.stored_money = context.remittance, _columns(context.remittance)
        return effect

    def _take(
        self, declared: Declared, step: Step, actor: Actor, agency: int | None, effect: Effect, wave: _Wave
    ) -> None:
        """Run the transition and say what it means, so that the row, its clocks and its event agree."""
        case, money = self.case, self.remittance
        from_state, from_money = case.state, money.state if money else ""
        subject = case if declared.machine == "case" else money
        getattr(subject, declared.name)(step)
        case.version += 1
        if case.state != from_state:
            case.state_since = self.now
        case.closed_at = (case.closed_at or self.now) if case.info.terminal else None
        if money is not None and declared.machine == "money":
            money.holder_id, money.version = self._agency(money.info.acts), case.version
        self._hand_over()
        # The clocks move once, when the case itself has come to rest; money steps that follow leave it there.
        rests = all(following.machine == "money" for following, *_rest in self.queue)
        told = self._move_clocks() if rests else []
        if money is not None and declared.machine == "money":
            told += self._move_money_clocks(MoneyState(from_money), MoneyState(money.state))
        if told:
            case.due_at = self.clocks.main_due_at(case)
        self._note_changes(wave)
        event = CaseEvent(
            case=case,
            version=case.version,
            at=self.now,
            name=declared.name,
            actor_kind=actor.kind.value,
            actor_id=actor.user_id,
            actor_name=actor.name if actor.user_id or actor.partner_id else "",
            side=self._side(declared, agency).value,
            agency_id=agency,
            from_state=from_state,
            to_state=case.state,
            from_money=from_money,
            to_money=money.state if money else "",
            reason=step.reason,
            note=step.note,
            clocks=told,
            data=effect.data,
        )
        wave.events.append(event)
        self.events.append(event)
        self.taken.append((declared, step, event))

    def _note_changes(self, wave: _Wave) -> None:
        """The columns that changed, and only those: encrypting the others again would be for nothing."""
        columns = _columns(self.case)
        wave.rows.append((self.case, tuple(name for name, value in columns.items() if value != self.stored[name])))
        self.stored = columns
        if self.remittance is not None:
            columns = _columns(self.remittance)
            if self.remittance._state.adding:
                wave.opened.append(self.remittance)
                self.stored_money = columns
                return
            changed = tuple(name for name, value in columns.items() if value != self.stored_money[name])
            self.stored_money = columns
            if changed:
                wave.rows.append((self.remittance, changed))

    def _hand_over(self) -> None:
        """Who must act now, and on whose desk the case lies."""
        case, info = self.case, self.case.info
        acts = self._turn()
        case.acts = acts.value
        # An applicant's turn stays on the desk of the agency that waits for it.
        case.holder_id = None if info.terminal else self._agency(info.desk if acts is Side.APPLICANT else acts)

    def _turn(self) -> Side:
        case, info = self.case, self.case.info
        if case.state == State.RELATION_DONE and self.remittance is not None:
            return self.remittance.info.acts  # only money is outstanding: the side on which it stands
        if info.acts is not None:
            return info.acts
        if case.state == State.MANUAL_CHECK:
            return Side.OUT if case.outbound_area_id in _unanswered(case) else Side.IN
        return Side.IN if case.holder_id == case.inbound_agency_id else Side.OUT  # whoever had the case

    def _agency(self, side: Side) -> int | None:
        return {Side.OUT: self.case.outbound_agency_id, Side.IN: self.case.inbound_agency_id}.get(side)

    def _side(self, declared: Declared, agency: int | None) -> Side:
        """The side that took the step: of either, the one in whose agency's name it was taken."""
        move, case = declared.move, self.case
        if not move.either:
            return move.side
        return Side.IN if agency == case.inbound_agency_id else Side.OUT

    def _move_clocks(self) -> list[dict[str, Any]]:
        """Start, pause, resume and stop what the states say; where only the turn passes, the clock starts anew."""
        case, state = self.case, State(self.case.state)
        effects = clock_effects(self.clocks_stand_for, state, State(case.held_state) if case.held_state else None)
        if self.clocks_stand_for == state and case.info.anew and case.acts != self.acted:
            effects = [(kind, verb) for kind in case.info.clocks for verb in ("stop", "start")]
        if case.outbound_area_id != self.outbound_area:
            effects = [(ClockKind.OUT, "redirect")]
        side = Side.IN if case.acts == Side.IN or case.holder_id == case.inbound_agency_id else Side.OUT
        told = self.clocks.apply(case, effects, side=side, now=self.now)
        self.clocks_stand_for, self.acted, self.outbound_area = state, case.acts, case.outbound_area_id
        return told

    def _move_money_clocks(self, before: MoneyState, after: MoneyState) -> list[dict[str, Any]]:
        """The limits of the money itself, where the policies have them: each by its own side's calendar."""
        limits = {ClockKind.REMIT: Side.OUT, ClockKind.CREDIT: Side.IN}
        limited = frozenset(k for k, side in limits.items() if clocks.policy_of(self.case, side).days_or_none(k))
        held = self.remittance.held_state if self.remittance else ""
        was, will = clocks_of(before, held), clocks_of(after, held)
        running = self.clocks.kinds(self.case) & MONEY_CLOCKS if limited and (was or will) else frozenset()
        effects = money_clock_effects(was, will, limited=limited, running=running)
        told = []
        for kind, verb in effects:
            told += self.clocks.apply(self.case, [(kind, verb)], side=limits[kind], now=self.now)
        return told


def _columns(row: Any) -> dict[str, Any]:
    values = vars(row)
    return {name: values[name] for name in _names(row._meta.label)}


@cache
def _names(label: str) -> tuple[str, ...]:
    return tuple(field.attname for field in apps.get_model(label)._meta.concrete_fields)


def _may_have_money(case: TransferCase) -> bool:
    """The money line opens with the sealed sheet; a case that is held may have been there."""
    return case.info.stage >= 4 or case.info.holds


def _unanswered(case: TransferCase) -> set[str]:
    """The areas that were asked by hand and have not answered."""
    return {area for area, answer in case.by_hand.items() if answer is None}


def _check_state(case: TransferCase, remittance: Remittance | None, declared: Declared) -> None:
    """The transition must be declared for where the case, or its money, stands now, and find what it needs; money rests
    in a held case."""
    of_case = declared.machine == "case" or case.info.holds
    subject = case if declared.machine == "case" else None if case.info.holds else remittance
    if subject is None or subject.state not in declared.sources:
        info = case.info if of_case else MoneyState(remittance.state if remittance else "NONE").info
        raise refusal("J-NOT-NOW", state=info.zh, state_en=info.en, what=declared.move.zh, what_en=declared.move.en)
    if code := declared.lacking(subject):
        raise refusal(code)


def _stale(case: TransferCase, shown: int) -> Refusal:
    """Somebody else acted meanwhile: say who, what and when. A person's step before the system's own that followed."""
    events = CaseEvent.objects.filter(case=case, version__isnull=False).order_by("-version")
    event = events.filter(version__gt=shown).exclude(actor_kind="system").first() or events.first()
    move = MOVES[event.name].move if event else None
    nameless = Side.APPLICANT if event and event.actor_kind == "person" else Side.SYSTEM
    return refusal(
        "J-STALE",
        who=(event.actor_name if event else "") or nameless.named.zh,
        who_en=(event.actor_name if event else "") or f"The {nameless.named.en.lower()}",
        at=event.at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") if event else "",
        what=move.zh if move else "",
        what_en=move.en if move else "",
        version=case.version,
    )


def _clean_reason(move: Move, reason: str) -> str:
    if not move.reasons:
        return ""
    if reason not in LISTS[move.reasons]:
        raise refusal("J-REASON", allowed=sorted(LISTS[move.reasons]))
    return reason


def _clean_data(move: Move, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Data as the step declares it. The system's own steps carry values that were made here and are passed on."""
    if move.side is Side.SYSTEM:
        return data
    if unknown := sorted(data.keys() - {field.name for field in move.fields}):
        raise refusal("J-FIELDS", fields=", ".join(name[:40] for name in unknown))
    return {field.name: _clean_field(field, data.get(field.name)) for field in move.fields}


def _clean_field(field: Field, value: Any) -> Any:
    if field.kind in ("changes", "items"):
        if not isinstance(value, dict if field.kind == "changes" else list) or not value:
            raise _wrong(field, "必须填写", "it is required")
        return value  # its content is judged against the sheet
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | None):
        raise _wrong(field, "应为文字", "it must be text")
    text = "" if value is None else str(value).strip()
    if not text:
        if field.required:
            raise _wrong(field, "必须填写", "it is required")
        return None
    match field.kind:
        case "money":
            if not _YUAN.fullmatch(text):
                raise _wrong(field, "请填写金额，如 1234.56，最多两位小数", "write an amount like 1234.56")
            fen = int(Decimal(text.replace(",", "")) * 100)
            if not 0 < fen <= MONEY_MAX_FEN:
                raise _wrong(field, "金额须大于零、不超过一千万元", "it must be above zero and at most ten million")
            return fen
        case "account":
            return account_number(text)
        case "line":
            if not text.isascii() or not text.isdecimal() or len(text) > 18:
                raise _wrong(field, "请选择一条银行流水", "choose a bank line")
            return int(text)
        case "choice":
            if text not in dict(field.options):
                raise _wrong(field, "请从所列选项中选择", "choose one of the options")
            return text
        case "date":
            try:
                return date.fromisoformat(text).isoformat()
            except ValueError:
                raise _wrong(field, "请填写日期，如 2026-05-06", "write a date like 2026-05-06") from None
        case _:
            if len(text) > TEXT_MAX or has_control(text):
                raise _wrong(field, f"不能超过{TEXT_MAX}字", f"at most {TEXT_MAX} characters")
            return text


def _wrong(field: Field, zh: str, en: str) -> Refusal:
    return refusal("J-FIELD", field=field.zh, problem=zh, problem_en=en, name=field.name)
