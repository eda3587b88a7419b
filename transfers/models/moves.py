"""How a transition is declared: django-fsm's decorator with what the law and the house say about it.

The declarations on `TransferCase` and `Remittance` are the one transition table. Buttons, API actions, the state
diagram and the tests read it through `MOVES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_fsm import transition

from transfers.rules.parties import Named, Role, Side


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a step asks for. `kind`: text, money (yuan with two decimals, kept in fen), date."""

    name: str
    kind: str
    zh: str
    en: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """What is declared with a transition, beside its source and target.

    `roles`: any one of them, in the agency of `side`. `four_eyes`: columns holding people who may not take this step.
    `owned`: only the person who claimed the case. `reasons`: the closed list to choose from. `public`: a
    line for the person's history. Where the side is the applicant, `roles` may take the step at a window.
    """

    zh: str
    en: str
    side: Side
    roles: tuple[Role, ...] = ()
    four_eyes: tuple[str, ...] = ()
    owned: bool = False
    reasons: str = ""
    note: bool = False
    fields: tuple[Field, ...] = ()
    tone: str = "primary"
    confirm: Named | None = None
    public: Named | None = None

    @property
    def named(self) -> Named:
        return Named(self.zh, self.en)


@dataclass(frozen=True, slots=True)
class Declared:
    """A transition as it was declared: `machine` is `case` or `money`."""

    name: str
    machine: str
    sources: tuple[str, ...]
    target: str
    move: Move

    @property
    def claims(self) -> bool:
        """Whether somebody of a side takes up work by this step that nobody owns yet."""
        return (
            self.machine == "case" and self.move.side in (Side.OUT, Side.IN) and not (self.move.owned or self.reviews)
        )

    @property
    def reviews(self) -> bool:
        """Whether this step judges what somebody else has done."""
        return bool(self.move.four_eyes)


@dataclass(frozen=True, slots=True)
class Step:
    """One taking of a transition, as the methods on the models see it."""

    user_id: int | None
    now: datetime
    reason: str = ""
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def move(
    state_field: Any, *, source: Sequence[str], target: str, **said: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """django-fsm's `transition` with a `Move` beside it."""
    return transition(
        field=state_field,
        source=list(source),
        target=target,
        custom={"move": Move(**said)},
    )


def declared(model: type, machine: str) -> dict[str, Declared]:
    """The transitions declared on a model, in the order of the code."""
    table: dict[str, Declared] = {}
    for name, method in vars(model).items():
        meta = getattr(method, "_django_fsm", None)
        if meta is None:
            continue
        entries = meta.transitions
        first = next(iter(entries.values()))
        table[name] = Declared(
            name=name,
            machine=machine,
            sources=tuple(str(source) for source in entries),
            target=str(first.target),
            move=first.custom["move"],
        )
    return table
