"""How a transition is declared: django-fsm's decorator with what the law and the house say about it.

The declarations on `TransferCase` and `Remittance` are the one transition table. Buttons, API actions, the state
diagram and the tests read it through `MOVES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_fsm import GET_STATE, transition

from transfers.rules.parties import Named, Role, Side


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a step asks for.

    `kind`: text, money (yuan with two decimals, kept in fen), date, choice (one of `options`), area (a code of six
    digits), member (the username of a colleague), changes (an object: what a corrected sheet shall say) or items (a
    list of {"field", "note"}: the places of a sheet that are in doubt).
    """

    name: str
    kind: str
    zh: str
    en: str
    required: bool = True
    options: tuple[tuple[str, Named], ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """What is declared with a transition, beside its source and target.

    `roles`: any one of them, in the agency of `side`. `either`: both agencies may take it; `holding`: only the one on
    whose desk the case lies. `four_eyes`: columns holding people who may not take this step. `owned`: only the person
    who claimed the case; `claims`: whoever takes it claims the case. `reasons`: the closed list to choose from.
    `needs`: a column of the row that must hold something, and the code of the refusal where it does not.
    `public`: a line for the person's history; `public_in`: only where the money has come to this state. Where the side
    is the applicant, `roles` may take the step at a window.
    """

    zh: str
    en: str
    side: Side
    roles: tuple[Role, ...] = ()
    either: bool = False
    holding: bool = False
    four_eyes: tuple[str, ...] = ()
    owned: bool = False
    claims: bool = False
    reasons: str = ""
    needs: tuple[str, str] = ("", "")
    note: bool = False
    fields: tuple[Field, ...] = ()
    tone: str = "primary"
    confirm: Named | None = None
    public: Named | None = None
    public_in: str = ""

    @property
    def named(self) -> Named:
        return Named(self.zh, self.en)

    def told(self, to_money: str) -> Named | None:
        """The line for the person's history of a step that left the money in this state; None where there is none."""
        return self.public if self.public_in in ("", to_money) else None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides whose agency may take this step."""
        return (Side.OUT, Side.IN) if self.either or self.side is Side.APPLICANT else (self.side,)


@dataclass(frozen=True, slots=True)
class Declared:
    """A transition as it was declared: `machine` is `case` or `money`, `ways` all its (source, target)."""

    name: str
    machine: str
    ways: tuple[tuple[str, str], ...]
    move: Move

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source for source, _target in self.ways))

    def lacking(self, row: Any) -> str:
        """The code of the refusal where the row does not hold what the step needs; else empty."""
        column, code = self.move.needs
        return code if column and not getattr(row, column) else ""

    @property
    def reviews(self) -> bool:
        """Whether this step judges what somebody else of the same side has done."""
        return bool(self.move.four_eyes) and not self.move.either


@dataclass(frozen=True, slots=True)
class Step:
    """One taking of a transition, as the methods on the models see it."""

    user_id: int | None
    now: datetime
    reason: str = ""
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def move(
    state_field: Any,
    *,
    ways: Mapping[str, str | GET_STATE] | None = None,
    source: Sequence[str] = (),
    target: str | GET_STATE = "",
    **said: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """django-fsm's `transition` with a `Move` beside it: from any `source` to one `target`, or by `ways`."""
    custom = {"move": Move(**said)}
    pairs: Iterable[tuple[str, str | GET_STATE]] = ways.items() if ways else ((start, target) for start in source)
    declared_ways = list(pairs)

    def declare(method: Callable[..., None]) -> Callable[..., None]:
        for start, end in declared_ways:
            method = transition(field=state_field, source=start, target=end, custom=custom)(method)
        return method

    return declare


def declared(model: type, machine: str) -> dict[str, Declared]:
    """The transitions declared on a model, in the order of the code."""
    table: dict[str, Declared] = {}
    for name, method in vars(model).items():
        meta = getattr(method, "_django_fsm", None)
        if meta is None:
            continue
        entries = meta.transitions
        table[name] = Declared(
            name=name,
            machine=machine,
            ways=tuple((str(start), end) for start, entry in entries.items() for end in _ends(entry.target)),
            move=next(iter(entries.values())).custom["move"],
        )
    return table


def _ends(target: Any) -> list[str]:
    """Every state that a transition may lead to: one, or those that the row itself chooses from."""
    return [str(end) for end in (target.allowed_states if isinstance(target, GET_STATE) else [target])]
