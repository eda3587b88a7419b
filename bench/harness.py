"""Rounds, medians and ratios. Nothing here knows what is measured.

A machine that does other work as well is fast in one minute and slow in the next, so a figure by itself says little.
In each round every contender is measured once, in an order that shifts from round to round; a ratio is computed inside
its round, and the median of those ratios is what counts. A contender that fails is reported with its reason and takes
part in no ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

Role = Literal["limit", "peer", "ours", "beside"]


class Unfit(Exception):
    """A contender did not do what it was to do, so its time means nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: `value` in the benchmark's unit; `more` holds figures beside it, such as `p99_ms`."""

    value: float
    more: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work. `measure` is given the round (0 is the warm-up) and raises when the work was not done.

    `beside` is measured and shown, and no ratio is formed with it.
    """

    name: str
    role: Role
    title: str
    measure: Callable[[int], Sample]


@dataclass(frozen=True, slots=True)
class Target:
    """What was set as the aim, for the ratio of ours to `against`, or for one `figure` of ours (a key of `more`, or
    `value`). `level`: first or far.
    """

    level: Literal["first", "far"]
    text: str
    against: str = ""
    figure: str = ""
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the work was done right, seen afterwards. A check that failed fails the contender `of`."""

    text: str
    ok: bool
    found: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is measured. `better`: whether more or less of `unit` is better. `sizes` and `notes` go into the report."""

    name: str
    title: str
    unit: str
    better: Literal["more", "less"]
    contenders: Sequence[Contender]
    sizes: Mapping[str, Any] = field(default_factory=dict)
    targets: Sequence[Target] = ()
    notes: Sequence[str] = ()
    checks: Callable[[], Sequence[Check]] = tuple


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(slots=True)
class Outcome:
    """What one contender did: a sample a round, or why there is none."""

    contender: Contender
    samples: list[Sample] = field(default_factory=list)
    failure: str = ""

    @property
    def spread(self) -> Spread | None:
        """None when the contender failed, whatever it did before."""
        return Spread.of([sample.value for sample in self.samples]) if self.samples and not self.failure else None

    def figure(self, name: str) -> Spread | None:
        """The spread of one figure beside the value; None when it failed or has no such figure."""
        values = [sample.more[name] for sample in self.samples if name in sample.more]
        return Spread.of(values) if values and not self.failure else None


@dataclass(frozen=True, slots=True)
class Result:
    """A benchmark that was run."""

    benchmark: Benchmark
    outcomes: Mapping[str, Outcome]
    checks: Sequence[Check]

    @property
    def ours(self) -> Outcome | None:
        return next((o for o in self.outcomes.values() if o.contender.role == "ours"), None)

    @property
    def failures(self) -> dict[str, str]:
        """Contender -> why it failed."""
        return {name: outcome.failure for name, outcome in self.outcomes.items() if outcome.failure}

    def ratio(self, other: str) -> Spread | None:
        """How many times as fast as `other` ours is, round by round; None when either failed or was not measured.

        Of rates it is ours ÷ theirs, of durations theirs ÷ ours: more is better for us in both.
        """
        ours, theirs = self.ours, self.outcomes.get(other)
        if ours is None or theirs is None or ours is theirs or ours.spread is None or theirs.spread is None:
            return None
        pairs = [(a.value, b.value) for a, b in zip(ours.samples, theirs.samples, strict=True)]
        if any(a <= 0 or b <= 0 for a, b in pairs):
            return None
        return Spread.of([a / b if self.benchmark.better == "more" else b / a for a, b in pairs])

    def ratios(self) -> dict[str, Spread]:
        """The ratio to the limit and to each peer that there is one for."""
        found = {name: self.ratio(name) for name, o in self.outcomes.items() if o.contender.role in ("limit", "peer")}
        return {name: spread for name, spread in found.items() if spread is not None}

    def met(self, target: Target) -> bool | None:
        """Whether the median reached the target; None when there is no figure to judge by."""
        if target.against:
            spread = self.ratio(target.against)
        else:
            ours = self.ours
            spread = None
            if ours is not None:
                spread = ours.spread if target.figure == "value" else ours.figure(target.figure)
        if spread is None:
            return None
        return (target.at_least is None or spread.median >= target.at_least) and (
            target.at_most is None or spread.median <= target.at_most
        )


def run(benchmark: Benchmark, *, rounds: int, tell: Callable[[int, Contender], None] | None = None) -> Result:
    """Measure every contender once a round, after one round to warm up that does not count.

    `tell` hears of each measurement before it begins. Whatever a contender raises becomes its failure.
    """
    outcomes = {contender.name: Outcome(contender) for contender in benchmark.contenders}
    for number in range(rounds + 1):
        shift = number % len(benchmark.contenders)
        for contender in (*benchmark.contenders[shift:], *benchmark.contenders[:shift]):
            outcome = outcomes[contender.name]
            if outcome.failure:
                continue
            if tell is not None:
                tell(number, contender)
            try:
                sample = contender.measure(number)
            except Exception as error:
                outcome.failure = _said(error)
            else:
                if number:
                    outcome.samples.append(sample)
    checks = list(benchmark.checks())
    for check in checks:
        if not check.ok and check.of in outcomes and not outcomes[check.of].failure:
            outcomes[check.of].failure = f"{check.text}: {check.found}"
    return Result(benchmark, outcomes, checks)


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0][:300] if lines else ""
    return text if isinstance(error, Unfit) and text else f"{type(error).__name__}: {text}"
