"""`manage.py state_diagram`: docs/states.md from the transition table, so that the picture cannot lie."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from transfers.letters import TO_PERSON
from transfers.models import MOVES
from transfers.models.moves import Declared
from transfers.rules.money import MONEY_STATES, MoneyState
from transfers.rules.parties import Role
from transfers.rules.routes import STATES, ClockKind, Running, State, clock_effects

FILE = Path("docs", "states.md")
_EYES = {
    "out_handler_id": "the outbound handler of this case",
    "in_handler_id": "the inbound handler of this case",
    "withdrawal_by_id": "whoever asked for the withdrawal",
    "maker_id": "whoever proposed the remittance",
    "matcher_id": "whoever matched the receipt",
    "unmatcher_id": "whoever proposed to undo the match",
}
_RUNS = {Running.RUNS: "runs", Running.PAUSED: "paused"}
HEAD = """\
# States and steps

Generated from the declarations on `TransferCase` and `Remittance` and from `rules/routes.py` by
`./dev manage state_diagram`; do not edit. Two machines stand on one case, because months and money end at different
times. Every step goes through `actions.perform`.
"""


class Command(BaseCommand):
    help = "Write docs/states.md from the declared states and transitions; --check only tells whether it is current."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / FILE
        text = document()
        if options["check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                raise CommandError(f"{FILE} is out of date: run ./dev manage state_diagram and commit the result.")
            self.stdout.write(f"{FILE} is current.")
            return
        path.write_text(text, encoding="utf-8")
        self.stdout.write(f"Wrote {FILE}.")


def document() -> str:
    """The whole file."""
    case = [declared for declared in MOVES.values() if declared.machine == "case"]
    money = [declared for declared in MOVES.values() if declared.machine == "money"]
    parts = [
        HEAD,
        "## The relationship (关系)",
        _diagram(case, State.DRAFT, [state for state in State if state.info.terminal]),
        _state_table(),
        "Steps of the relationship:",
        _steps(case),
        "## The money (资金)",
        "Opens when the sheet is sealed, in `NONE`. The states marked ■ owe nothing; `finish` waits for one of them. "
        "REMIT and CREDIT run only where an area's policy has these limits.",
        _diagram(money, MoneyState.NONE, [state for state in MoneyState if state.info.settled]),
        _money_table(),
        "Steps of the money:",
        _steps(money),
        "## What clocks do",
        "A clock is started, paused, resumed or stopped by where a case comes from and goes to. The money watch starts "
        "anew when the money passes to the other side. Limits are working days of the acting side's area.",
        _clock_table(case),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _diagram(moves: Iterable[Declared], first: State | MoneyState, last: Iterable[State | MoneyState]) -> str:
    lines = ["```mermaid", "stateDiagram-v2"]
    named: list[str] = []
    arrows: list[str] = []
    for declared in moves:
        for source, target in declared.ways:
            named += [source, target]
            arrows.append(f"    {source} --> {target}: {declared.move.zh}")
    kind = type(first)
    lines += [f'    state "{kind(name).info.zh} {name}" as {name}' for name in dict.fromkeys(named)]
    lines += [f"    [*] --> {first.value}", *arrows]
    lines += [f"    {state.value} --> [*]" for state in last if state.value in named]
    return "\n".join([*lines, "```"])


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines: Iterator[Iterable[str]] = iter([head, ["---"] * len(head), *rows])
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in row) + " |" for row in lines)


def _state_table() -> str:
    rows = []
    for state, info in STATES.items():
        clocks = ", ".join(f"{kind.value} {_RUNS[running]}" for kind, running in info.clocks.items())
        mark = " ■" if info.terminal else ""
        acts = "" if info.terminal else f"{info.acts.named.zh} {info.acts.value}" if info.acts else "*"
        public = f"{info.public.zh} · {info.public.en}"
        rows.append((f"`{state.value}`{mark}", info.zh, info.en, public, acts, clocks))
    return _table(("state", "中文", "English", "public line", "must act", "clocks"), rows) + (
        "\n\n■ ends the case. While only money is outstanding (`RELATION_DONE`), that is the money's side. "
        "\\* in `MANUAL_CHECK` the side whose registry is silent; in `WITHDRAW_REQUESTED` the side that had the case, "
        "whose other clocks rest meanwhile."
    )


def _money_table() -> str:
    rows = []
    for state, info in MONEY_STATES.items():
        acts = "" if info.settled else f"{info.acts.named.zh} {info.acts.value}"
        clocks = ", ".join(f"{kind.value} {_RUNS[running]}" for kind, running in info.clocks.items())
        mark = " ■" if info.settled else ""
        public = f"{info.public.zh} · {info.public.en}"
        rows.append((f"`{state.value}`{mark}", info.zh, info.en, public, acts, clocks))
    return _table(("state", "中文", "English", "public line", "must act", "clocks"), rows)


def _steps(moves: Iterable[Declared]) -> str:
    rows = []
    for declared in moves:
        move = declared.move
        demands = [
            *(["whoever claimed it"] if move.owned else []),
            *([f"a reason from `{move.reasons}`"] if move.reasons else []),
            *(["a note"] if move.note else []),
            *(f"{field.zh} {field.en}" for field in move.fields),
        ]
        rows.append(
            (
                f"`{declared.name}`",
                f"{move.zh} · {move.en}",
                "<br>".join(_ways(declared)),
                "、".join(f"{side.named.zh} {side.value}" for side in (move.sides if move.either else (move.side,)))
                + (", the one that has the case" if move.holding else ""),
                ", ".join(f"{Role(role).named.zh} `{role.value}`" for role in move.roles),
                ", ".join(_EYES[column] for column in move.four_eyes),
                "; ".join(demands),
                f"`{TO_PERSON[declared.name]}`" if declared.name in TO_PERSON else "",
            )
        )
    head = ("step", "what", "from → to", "side", "any of these roles", "never", "asks for", "letter to the person")
    return _table(head, rows)


def _held(source: str, target: str) -> str:
    """The state that is held across this way; where nothing shows it, one whose own clock runs."""
    if State(target).info.holds:
        return source
    return target if State(source).info.holds and not State(target).info.terminal else State.ACCEPTED


def _ways(declared: Declared) -> Iterator[str]:
    """From where to where, sources with one target together."""
    for target in dict.fromkeys(target for _source, target in declared.ways):
        yield ", ".join(f"`{source}`" for source, end in declared.ways if end == target) + f" → `{target}`"


def _clock_table(moves: Iterable[Declared]) -> str:
    rows = []
    for declared in moves:
        for source, target in declared.ways:
            effects = clock_effects(State(source), State(target), State(_held(source, target)))
            if effects:
                did = ", ".join(f"{kind.value} {verb}s" for kind, verb in effects)
                rows.append((f"`{source}` → `{target}`", f"`{declared.name}`", did))
    kinds = ", ".join(f"{kind.value} {kind.named.zh} ({kind.named.en})" for kind in ClockKind)
    return _table(("from → to", "step", "clocks"), rows) + f"\n\nClocks: {kinds}."
