"""What was found, for people and for programs."""

from __future__ import annotations

import sys
from typing import Any

from bench.harness import Contender, Result, Spread

ROLES = {"limit": "limit", "peer": "peer", "ours": "ours", "beside": "beside"}


class Progress:
    """One line that says what is being measured, on standard error; line by line where that is no terminal."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.terminal = rounds, sys.stderr.isatty()
        self.told = ""

    def say(self, text: str) -> None:
        """Show a stage of the work."""
        if self.terminal:
            sys.stderr.write(f"\r\033[K{text}")
        else:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def round(self, benchmark: str, number: int, contender: Contender) -> None:
        """Show which contender is measured in which round; without a terminal once a round."""
        what = f"round {number} of {self.rounds}" if number else "warming up"
        text = f"{benchmark}  {what}"
        if self.terminal:
            self.say(f"{text}  {contender.title}")
        elif text != self.told:
            self.told = text
            self.say(text)

    def end(self) -> None:
        """Leave the line."""
        if self.terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def table(result: Result) -> str:
    """One benchmark as a table: each contender's median and range, and how many times as fast ours is."""
    benchmark = result.benchmark
    rows = [("", "", benchmark.unit, "lowest – highest", "ours is … × as fast")]
    for name, outcome in result.outcomes.items():
        spread, ratio = outcome.spread, result.ratio(name)
        compared = outcome.contender.role in ("limit", "peer") and ratio is not None
        rows.append(
            (
                ROLES[outcome.contender.role],
                outcome.contender.title,
                number(spread.median) if spread else "failed",
                f"{number(spread.low)} – {number(spread.high)}" if spread else "",
                f"{times(ratio)}  ({times_range(ratio)})" if compared and ratio else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [f"{benchmark.name}  {benchmark.title}"]
    for row in rows:
        left = f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}"
        lines.append(f"{left}  {row[4]}".rstrip())
    lines += [f"  {title} failed: {why}" for title, why in _failed(result)]
    for name, outcome in result.outcomes.items():
        keys = sorted({key for sample in outcome.samples for key in sample.more})
        shown = [f"{key} {number(spread.median)}" for key in keys if (spread := outcome.figure(key))]
        if shown:
            lines.append(f"  {name}: {', '.join(shown)}")
    for check in result.checks:
        lines.append(f"  {'right' if check.ok else 'WRONG'}: {check.text} ({check.found})")
    words = {True: "met", False: "not met", None: "not measured"}
    for target in benchmark.targets:
        lines.append(f"  {target.level} target, {target.text}: {words[result.met(target)]}")
    return "\n".join(lines)


def _failed(result: Result) -> list[tuple[str, str]]:
    return [(result.outcomes[name].contender.title, why) for name, why in result.failures.items()]


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def times(spread: Spread) -> str:
    """A ratio, by its median."""
    return number(spread.median)


def times_range(spread: Spread) -> str:
    """The range of a ratio."""
    return f"{number(spread.low)} – {number(spread.high)}"


def as_data(result: Result) -> dict[str, Any]:
    """One benchmark as JSON values, with every round's figures."""
    benchmark = result.benchmark
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "unit": benchmark.unit,
        "better": benchmark.better,
        "sizes": dict(benchmark.sizes),
        "contenders": [
            {
                "name": name,
                "role": outcome.contender.role,
                "title": outcome.contender.title,
                "failure": outcome.failure or None,
                **_spread(outcome.spread),
                "rounds": [{"value": sample.value, **sample.more} for sample in outcome.samples],
            }
            for name, outcome in result.outcomes.items()
        ],
        "ratios": {name: _spread(spread) for name, spread in result.ratios().items()},
        "checks": [{"text": check.text, "ok": check.ok, "found": check.found} for check in result.checks],
        "targets": [
            {
                "level": target.level,
                "text": target.text,
                "against": target.against,
                "at_least": target.at_least,
                "met": result.met(target),
            }
            for target in benchmark.targets
        ],
        "notes": list(benchmark.notes),
    }


def _spread(spread: Spread | None) -> dict[str, float | None]:
    if spread is None:
        return {"median": None, "low": None, "high": None}
    return {"median": spread.median, "low": spread.low, "high": spread.high}
