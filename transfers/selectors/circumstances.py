"""What is out of the ordinary with a case: returned, doubted, to be withdrawn, checked by hand, reopened, forwarded.

Everything here is read from the case's events, so that the console and the papers say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from transfers.documents.sheet import LABELS
from transfers.models import MOVES, CaseEvent, TransferCase
from transfers.places import area_of
from transfers.rules.codes import ALL, Reason
from transfers.rules.parties import Named, Side
from transfers.rules.routes import State
from transfers.rules.workdays import ZONE, last_day_of


@dataclass(frozen=True, slots=True)
class Fact:
    """One line about it: what, and what it is."""

    named: Named
    value: Named


@dataclass(frozen=True, slots=True)
class Doubt:
    """One place of the sheet that the inbound side doubts, and why."""

    place: str
    named: Named
    note: str


@dataclass(frozen=True, slots=True)
class Circumstance:
    """One thing out of the ordinary. `current`: it still decides what is to be done; the others are history."""

    code: str
    title: Named
    at: datetime
    by: Named
    reason: Reason | None
    note: str
    facts: tuple[Fact, ...]
    doubts: tuple[Doubt, ...]
    current: bool


_PART = re.compile(r"periods\[(\d+)\](?:\.(\w+))?")
PARTS = {
    "from": Named("起始月份", "first month"),
    "to": Named("截止月份", "last month"),
    "months": Named("月数", "months"),
    "kind": Named("缴费类别", "kind"),
    "area": Named("参保地", "area"),
}
_WHOLE = Named("整份信息表", "The sheet as a whole")


def place_named(place: str) -> Named:
    """A place of the sheet in words: `periods[2].to` is “第3条缴费时段的截止月份”."""
    if place in LABELS:
        return LABELS[place]
    found = _PART.fullmatch(place)
    if found is None:
        return _WHOLE
    number, part = int(found[1]) + 1, PARTS.get(found[2] or "")
    row = Named(f"第{number}条缴费时段", f"Contribution period {number}")
    return Named(f"{row.zh}的{part.zh}", f"{row.en}, {part.en}") if part else row


_IN_WORK = {State.IN_QUERY, State.QUERY_REVIEW, State.IN_PROCESSING, State.IN_REVIEW}
_RECTIFIED = {State.REOPENED, State.RECTIFY_REVIEW, State.INFO_SENT, *_IN_WORK}
# The steps that make a case an odd one, each with the states in which it is what matters now.
_SHOWN: dict[str, set[State]] = {
    "ask_by_hand": {State.MANUAL_CHECK},
    "return_soft": {State.RETURNED},
    "return_hard": {State.TERMINATED},
    "terminate": {State.TERMINATED},
    "lapse": {State.TERMINATED},
    "raise_query": _IN_WORK,
    "request_withdrawal": {State.WITHDRAW_REQUESTED},
    "withdraw_application": {State.WITHDRAWN},
    "reopen": _RECTIFIED,
    "forward": set(),
    "reassign": set(),
    "auto_defer": {State.ACCEPTED, State.INFO_SENT},
}
_ANSWERS = ("confirm_correct", "approve_correction")
_READ = (*_SHOWN, *_ANSWERS, "defer")
_EACH = ("forward", "reassign")  # every time counts, not only the last


def circumstances(case: TransferCase) -> list[Circumstance]:
    """What is out of the ordinary, what matters now first, then the newest. One statement."""
    events = list(
        CaseEvent.objects.filter(case=case, kind="move", name__in=_READ).select_related("agency").order_by("id")
    )
    last = {event.name: event for event in events}
    told = [event for event in events if event.name in _SHOWN and (event.name in _EACH or last[event.name] is event)]
    found = [_circumstance(case, event, events) for event in reversed(told)]
    return sorted(found, key=lambda one: not one.current)


def _circumstance(case: TransferCase, event: CaseEvent, events: list[CaseEvent]) -> Circumstance:
    facts = _FACTS.get(event.name)
    return Circumstance(
        code=event.name,
        title=MOVES[event.name].move.public or MOVES[event.name].move.named,
        at=event.at,
        by=_by(event),
        reason=ALL.get(event.reason),
        note=event.note,
        facts=tuple(facts(case, event, events)) if facts else (),
        doubts=tuple(
            Doubt(item["field"], place_named(item["field"]), item["note"]) for item in event.data.get("items", ())
        ),
        current=State(case.state) in _SHOWN[event.name],
    )


def _by(event: CaseEvent) -> Named:
    """Who took the step: staff with their agency, everybody else by their side."""
    if event.actor_name:
        words = " · ".join(part for part in (event.agency.name if event.agency else "", event.actor_name) if part)
        return Named(words, words)
    return Side(event.side).named


def _of_return(case: TransferCase, event: CaseEvent, _events: list[CaseEvent]) -> Iterable[Fact]:
    reason = ALL.get(event.reason)
    if reason and reason.remedy_zh:
        yield Fact(Named("处理办法", "What to do"), Named(reason.remedy_zh, reason.remedy_en))
    if reason and reason.basis:
        yield Fact(Named("依据", "Basis"), Named(reason.basis, reason.basis))
    if case.state == State.RETURNED and case.due_at:
        day = last_day_of(case.due_at).isoformat()
        yield Fact(Named("最迟重新提交", "To be resubmitted by"), Named(day, day))


def _of_query(_case: TransferCase, event: CaseEvent, events: list[CaseEvent]) -> Iterable[Fact]:
    version = event.data.get("sheet")
    yield Fact(Named("信息表版本", "Version of the sheet"), Named(f"第{version}版", f"v{version}"))
    for answer in events:
        if answer.id < event.id or answer.name not in _ANSWERS:
            continue
        if answer.name == "confirm_correct":
            said = Named(f"确认无误：{answer.note}", f"Confirmed as right: {answer.note}")
        else:
            newer = answer.data.get("sheet")
            said = Named(f"已签发更正后的第{newer}版", f"Corrected: v{newer} has been issued")
        yield Fact(Named("转出地答复", "Answer of the outbound side"), said)


def _of_withdrawal(case: TransferCase, _event: CaseEvent, _events: list[CaseEvent]) -> Iterable[Fact]:
    if case.state != State.WITHDRAW_REQUESTED:
        return
    held = State(case.held_state).info
    yield Fact(Named("申请前状态", "State before"), Named(held.zh, held.en))
    agency = case.inbound_agency if case.acts == Side.IN else case.outbound_agency
    words = f"{agency.name} {agency.phone}"
    yield Fact(Named("应由谁答复", "To be answered by"), Named(words, words))


def _of_hand(case: TransferCase, event: CaseEvent, events: list[CaseEvent]) -> Iterable[Fact]:
    silent = next((e.at for e in events if e.name == "defer"), event.at)
    since = silent.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
    yield Fact(Named("首次未应答", "Silent since"), Named(since, since))
    for code, answer in case.by_hand.items():
        area = area_of(code).full_name
        yield Fact(Named(area, area), _entered(answer) if answer else Named("待人工录入", "Still to be entered"))


def _entered(answer: dict[str, str]) -> Named:
    """What was entered by hand, as the form calls it."""
    parts = []
    for field in MOVES["answer_by_hand"].move.fields:
        chosen = dict(field.options).get(answer.get(field.name, ""))
        if chosen:
            parts.append((f"{field.zh}：{chosen.zh}", f"{field.en}: {chosen.en}"))
    return Named("；".join(zh for zh, _en in parts), "; ".join(en for _zh, en in parts))


def _of_forwarding(_case: TransferCase, event: CaseEvent, _events: list[CaseEvent]) -> Iterable[Fact]:
    before, after = (area_of(event.data[end]).full_name for end in ("from", "to"))
    yield Fact(Named("转出地", "Outbound area"), Named(f"{before} → {after}", f"{before} → {after}"))


def _of_reassignment(_case: TransferCase, event: CaseEvent, _events: list[CaseEvent]) -> Iterable[Fact]:
    words = f"{event.data['from'] or '—'} → {event.data['to']}"
    yield Fact(Named("经办人", "Handled by"), Named(words, words))


_FACTS: dict[str, Callable[[TransferCase, CaseEvent, list[CaseEvent]], Iterable[Fact]]] = {
    "ask_by_hand": _of_hand,
    "return_soft": _of_return,
    "return_hard": _of_return,
    "raise_query": _of_query,
    "request_withdrawal": _of_withdrawal,
    "forward": _of_forwarding,
    "reassign": _of_reassignment,
}
