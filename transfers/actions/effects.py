"""What a step does beside moving the state: registered by the name of the transition.

An effect runs inside the transaction of `perform`, after everything has been checked and before the state changes. It
may refuse; it returns what to write into the event, and the system's own steps that follow at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from transfers.access import Actor
from transfers.models import Remittance, TransferCase
from transfers.models.moves import Step


@dataclass(slots=True)
class Context:
    """What an effect works on. `remittance` is None until the sheet is sealed."""

    case: TransferCase
    actor: Actor
    step: Step
    remittance: Remittance | None = None

    @property
    def staff_id(self) -> int:
        """The user behind a step that only staff can take."""
        if self.step.user_id is None:
            raise TypeError("this step is taken by staff only")
        return self.step.user_id

    @property
    def money(self) -> Remittance:
        """The money line, of a step that is only taken where there is one."""
        if self.remittance is None:
            raise TypeError("this case has no money line")
        return self.remittance


@dataclass(frozen=True, slots=True)
class Next:
    """A step of the system's own that follows at once."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """`data` goes into the event; `then` holds the system's steps that follow.

    `fill` is added to the step's data before the transition reads it. `writes` are (function, argument): each function
    is called once with the arguments of all cases that take the step together, after their rows have been written.
    """

    data: dict[str, Any] = field(default_factory=dict)
    then: tuple[Next, ...] = ()
    fill: Mapping[str, Any] = field(default_factory=dict)
    writes: tuple[tuple[Callable[[list[Any]], None], Any], ...] = ()


Function = Callable[[Context], Effect]
EFFECTS: dict[str, Function] = {}


def effect(name: str) -> Callable[[Function], Function]:
    """Register the effect of the transition called `name`."""

    def register(function: Function) -> Function:
        EFFECTS[name] = function
        return function

    return register
