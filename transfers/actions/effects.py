"""What a step does beside moving the state: registered by the name of the transition.

An effect runs inside the transaction of `perform`, after everything has been checked and before the state changes. It
may refuse; it returns what to write into the event, and the system's own steps that follow at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import prefetch_related_objects

from transfers.access import Actor
from transfers.models import Remittance, TransferCase
from transfers.models.moves import Step
from transfers.registry import answering, is_ours, own_facts, registry_for
from transfers.rules.facts import AreaFacts
from transfers.rules.parties import Side

T = TypeVar("T")


class Together:
    """The cases that take the same step at once, and what has been read for all of them."""

    def __init__(self) -> None:
        self.cases: list[TransferCase] = []
        self._read: dict[Any, Mapping[int, Any]] = {}
        self._attached: set[str] = set()

    def read(self, what: Callable[..., Mapping[int, T]], *arguments: Any) -> Mapping[int, T]:
        """What `what(cases, *arguments)` finds, by the key of the case: asked once."""
        key = what, arguments
        if key not in self._read:
            self._read[key] = what(self.cases, *arguments)
        return self._read[key]

    def attach(self, name: str) -> None:
        """Load a relation of all cases."""
        if name not in self._attached:
            prefetch_related_objects(self.cases, name)
            self._attached.add(name)


@dataclass(slots=True)
class Context:
    """What an effect works on. `remittance` is None until the sheet is sealed."""

    case: TransferCase
    actor: Actor
    step: Step
    remittance: Remittance | None
    together: Together

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

    def found(self, what: Callable[..., Mapping[int, T]], *arguments: Any) -> T | None:
        """What `what(cases, *arguments)` finds for this case, asked once for all that take the step together."""
        return self.together.read(what, *arguments).get(self.case.pk)

    def record(self, side: Side) -> AreaFacts:
        """What the area on that side knows of the person now. J-REGISTRY-DOWN."""
        self.together.attach("person")
        area = self.case.outbound_area if side is Side.OUT else self.case.inbound_area
        if is_ours(area.code):
            return self.together.read(_own_records, side)[self.case.pk]
        with answering(area):
            return registry_for(area.code).facts(self.case.person, area.code)


def _own_records(cases: Sequence[TransferCase], side: Side) -> dict[int, AreaFacts]:
    areas = {case.pk: case.outbound_area_id if side is Side.OUT else case.inbound_area_id for case in cases}
    ours = {case.pk: (case.person_id, areas[case.pk]) for case in cases if is_ours(areas[case.pk])}
    facts = own_facts(list(ours.values()))
    return {case: facts[pair] for case, pair in ours.items()}


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
