"""What applies in an area: the nation's values, overruled by the province's, overruled by the area's own.

A region's difference is a row of data with validity and document number, never a condition in code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import time
from typing import Any

from transfers.rules.errors import Refusal
from transfers.rules.ladder import Rung


@dataclass(frozen=True, slots=True)
class Policy:
    """The resolved switches of one area. Days are working days.

    `out_days`, `in_days`: Art. 9, only ever shortened. `fund_watch_days`: how long money may be under way before the
    hub asks after it; nobody is promised it (the national rule sets no limit). `suspended_status`: which enrolment
    states count as suspended outbound. `close_of_business`: when the last day ends, empty for 24:00 (民法典 203).
    """

    out_days: int = 10
    in_days: int = 5
    supplement_days: int = 5
    supplement_max: int = 1
    fund_watch_days: int = 15
    arrears_rule: str = "block"
    open_claims_rule: str = "block"
    suspended_status: tuple[str, ...] = ("2", "4")
    close_of_business: time | None = None
    opens_at: time = time(9)
    closes_at: time = time(17)
    ladder: tuple[Rung, ...] = field(default_factory=tuple)

    def days(self, kind: str) -> int:
        """The limit of a clock of this kind, in working days."""
        return {
            "OUT": self.out_days,
            "IN": self.in_days,
            "SUPPLEMENT": self.supplement_days,
            "FUND": self.fund_watch_days,
        }[kind]

    def rungs(self, kind: str) -> tuple[Rung, ...]:
        """The rungs of a clock of this kind."""
        return tuple(rung for rung in self.ladder if kind in rung.clocks)


_CHOICES = {"arrears_rule": ("block", "warn"), "open_claims_rule": ("block", "warn")}
_SHORTEN_ONLY = {"out_days": 10, "in_days": 5}
_TIMES = ("close_of_business", "opens_at", "closes_at")
_DEFAULT = Policy()
_NAMES = {f.name for f in fields(Policy)}


class PolicyError(Refusal):
    """Policy values that cannot apply; `details["problems"]` lists every one by its name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        listed = "；".join(f"{name}: {text}" for name, text in problems.items())
        super().__init__(
            "J-POLICY",
            f"政策参数有误：{listed}",
            f"Policy values are wrong: {listed}",
            details={"problems": dict(problems)},
        )


def resolve(layers: Sequence[Mapping[str, Any]]) -> Policy:
    """The policy that results from `layers`, the widest area first. Raises PolicyError with all problems."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(layer)
    problems: dict[str, str] = dict.fromkeys(merged.keys() - _NAMES, "unknown switch")
    for name in merged.keys() & {"out_days", "in_days", "supplement_days", "supplement_max", "fund_watch_days"}:
        if not isinstance(merged[name], int) or isinstance(merged[name], bool) or merged[name] < 1:
            problems[name] = "must be a whole number of at least 1"
        elif name in _SHORTEN_ONLY and merged[name] > _SHORTEN_ONLY[name]:
            problems[name] = f"may only be shortened: at most {_SHORTEN_ONLY[name]} (医保办发〔2021〕43号 第九条)"
    for name, allowed in _CHOICES.items():
        if merged.get(name, allowed[0]) not in allowed:
            problems[name] = f"must be one of {', '.join(allowed)}"
    for name in merged.keys() & set(_TIMES):
        if isinstance(merged[name], str):
            try:
                merged[name] = time.fromisoformat(merged[name])
            except ValueError:
                problems[name] = "must be a time like 17:00"
        elif not isinstance(merged[name], time) and (merged[name] is not None or name != "close_of_business"):
            problems[name] = "must be a time like 17:00"
    if not problems.keys() & set(_TIMES):
        opens, closes = merged.get("opens_at", _DEFAULT.opens_at), merged.get("closes_at", _DEFAULT.closes_at)
        if opens >= closes:
            problems["closes_at"] = "business must close after it opens"
    if "suspended_status" in merged:
        states = merged["suspended_status"]
        if not isinstance(states, list | tuple) or not states or not set(map(str, states)) <= {"2", "4"}:
            problems["suspended_status"] = "must list 2 (suspended), 4 (ended) or both"
        else:
            merged["suspended_status"] = tuple(map(str, states))
    if "ladder" in merged:
        try:
            merged["ladder"] = tuple(Rung.from_data(rung) for rung in merged["ladder"])
        except (KeyError, TypeError, ValueError) as error:
            problems["ladder"] = str(error)
    if problems:
        raise PolicyError(problems)
    return Policy(**merged)
