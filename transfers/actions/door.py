"""The one door: every change of a case or of its money goes through `perform`."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from notifications import outbox
from transfers import letters
from transfers.access import SYSTEM, Actor, acting_agency, check_four_eyes
from transfers.actions.effects import EFFECTS, Context, Effect
from transfers.documents.papers.ordering import order
from transfers.models import MOVES, CaseEvent, Remittance, TransferCase
from transfers.models.moves import Declared, Field, Move, Step
from transfers.places import furnish
from transfers.rules.codes import LISTS
from transfers.rules.errors import refusal
from transfers.rules.parties import Side
from transfers.rules.routes import ClockKind, MoneyState, State, clock_effects
from transfers.rules.text import has_control
from transfers.rules.workdays import ZONE
from transfers.sla import clocks

NOTE_MAX, TEXT_MAX = 500, 60
MONEY_MAX_FEN = 10_000_000_00
_YUAN = re.compile(r"(?:[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Done:
    """What `perform` did: the case as it is now, and the event of each step (the system's own that followed, too)."""

    case: TransferCase
    events: list[CaseEvent]


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
    now = now or timezone.now()
    declared = MOVES.get(transition)
    if declared is None:
        raise refusal("J-UNKNOWN-STEP", name=transition[:40])
    move = declared.move
    locked = _lock(case if isinstance(case, int) else case.pk)
    agency = acting_agency(actor, locked, move)
    if version != locked.version:
        raise _stale(locked, version)
    remittance = Remittance.objects.select_for_update().filter(case=locked).first() if _may_have_money(locked) else None
    _check_state(locked, remittance, declared)
    check_four_eyes(actor, locked, remittance, move)
    if move.owned and locked.owner_id != actor.user_id:
        raise refusal("J-NOT-OWNER", owner=str(locked.owner or "—"))
    step = Step(
        user_id=actor.user_id,
        now=now,
        reason=_clean_reason(move, reason),
        note=_clean_note(move, note),
        data=_clean_data(move, data or {}),
    )
    with bound_contextvars(case=locked.number):
        return _Course(locked, remittance, now).run(declared, step, actor, agency)


def _lock(pk: int) -> TransferCase:
    """The case as it is now, ours until the transaction ends. Its places come from memory, the rest when asked for."""
    # Not FOR UPDATE: a sweeper that writes an alarm of this case needs its key while it holds a clock we need.
    locked = TransferCase.objects.select_for_update(of=("self",), no_key=True).select_related("owner").filter(pk=pk)
    for case in locked[:1]:
        return furnish(case)
    raise refusal("J-NOT-FOUND")


class _Course:
    """One passage through the door: the step asked for, then the system's own steps that follow from it."""

    def __init__(self, case: TransferCase, remittance: Remittance | None, now: datetime) -> None:
        self.case, self.remittance, self.now = case, remittance, now
        self.stored = _columns(case)
        self.clocks_stand_for, self.acted, self.outbound_area = State(case.state), case.acts, case.outbound_area_id
        self.events: list[CaseEvent] = []
        self.taken: list[tuple[Declared, Step, CaseEvent]] = []

    def run(self, declared: Declared, step: Step, actor: Actor, agency: int | None) -> Done:
        queue = deque([(declared, step, actor, agency)])
        while queue:
            declared, step, actor, agency = queue.popleft()
            effect = self._effect(declared, step, actor)
            for own in effect.then:
                queue.append((MOVES[own.name], Step(None, self.now, own.reason, data=own.data), SYSTEM, None))
            # The clocks move once, when the case itself has come to rest; money steps that follow leave it there.
            rests = all(following.machine == "money" for following, *_rest in queue)
            self._take(declared, step, actor, agency, effect, rests=rests)
        # Written last, so that they tell where the case has come to, with the promise that holds now.
        outbox.post(letters.for_moves(self.case, self.taken), now=self.now)
        order(self.case, self.events, self.remittance, now=self.now)
        return Done(self.case, self.events)

    def _effect(self, declared: Declared, step: Step, actor: Actor) -> Effect:
        function = EFFECTS.get(declared.name)
        if function is None:
            return Effect()
        context = Context(self.case, actor, step, self.remittance)
        effect = function(context)
        self.remittance = context.remittance
        return effect

    def _take(
        self, declared: Declared, step: Step, actor: Actor, agency: int | None, effect: Effect, *, rests: bool
    ) -> None:
        """Run the transition and write what it means, so that the row, its clocks and its event agree."""
        case, money = self.case, self.remittance
        from_state, from_money = case.state, money.state if money else ""
        subject = case if declared.machine == "case" else money
        getattr(subject, declared.name)(step)
        case.version += 1
        if case.state != from_state:
            case.state_since = self.now
        case.closed_at = self.now if case.info.terminal else None
        if money is not None and declared.machine == "money":
            money.holder_id, money.version = self._agency(money.info.acts), case.version
            money.save()
        self._hand_over()
        told = self._move_clocks() if rests else []
        self._save()
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
        event.save(force_insert=True)
        self.events.append(event)
        self.taken.append((declared, step, event))

    def _save(self) -> None:
        """Write the columns that changed, and only those: encrypting the others again would be for nothing."""
        columns = _columns(self.case)
        self.case.save(update_fields=[name for name, value in columns.items() if value != self.stored[name]])
        self.stored = columns

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
        told = clocks.apply(case, effects, side=side, now=self.now)
        if told:
            case.due_at = clocks.main_due_at(case)
        self.clocks_stand_for, self.acted, self.outbound_area = state, case.acts, case.outbound_area_id
        return told


def _columns(case: TransferCase) -> dict[str, Any]:
    return {field.attname: getattr(case, field.attname) for field in case._meta.concrete_fields}


def _may_have_money(case: TransferCase) -> bool:
    """The money line opens with the sealed sheet; a case that is held may have been there."""
    return case.info.stage >= 4 or case.info.holds


def _unanswered(case: TransferCase) -> set[str]:
    """The areas that were asked by hand and have not answered."""
    return {area for area, answer in case.by_hand.items() if answer is None}


def _check_state(case: TransferCase, remittance: Remittance | None, declared: Declared) -> None:
    """The transition must be declared for where the case, or its money, stands now; money rests in a held case."""
    of_case = declared.machine == "case" or case.info.holds
    subject = case if declared.machine == "case" else None if case.info.holds else remittance
    if subject is None or subject.state not in declared.sources:
        info = case.info if of_case else MoneyState(remittance.state if remittance else "NONE").info
        raise refusal("J-NOT-NOW", state=info.zh, state_en=info.en, what=declared.move.zh, what_en=declared.move.en)


def _stale(case: TransferCase, shown: int) -> Exception:
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


def _clean_note(move: Move, note: str) -> str:
    note = note.strip()
    if move.note and not note:
        raise refusal("J-NOTE")
    if len(note) > NOTE_MAX or has_control(note):
        raise refusal(
            "J-FIELD",
            field="说明",
            problem=f"不能超过{NOTE_MAX}字，也不能含控制字符",
            problem_en=f"at most {NOTE_MAX} characters, no control characters",
        )
    return note


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


def _wrong(field: Field, zh: str, en: str) -> Exception:
    return refusal("J-FIELD", field=field.zh, problem=zh, problem_en=en, name=field.name)
