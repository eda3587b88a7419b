"""The arithmetic of a benchmark, and that a failure never becomes a ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.harness import Benchmark, Check, Contender, Result, Sample, Spread, Target, Unfit, run
from bench.report import as_data, table

RATES = {"limit": [1000.0, 500.0, 800.0], "peer": [50.0, 100.0, 20.0], "ours": [200.0, 250.0, 100.0]}


def contender(name: str, values: Sequence[float], *, role: Any = None) -> Contender:
    """One that gives 1e9 while warming up, and then these values."""
    return Contender(name, role or name, f"the {name}", lambda number: Sample(values[number - 1] if number else 1e9))


def failing(name: str, *, at: int) -> Contender:
    """One that does not do its work in the round `at`."""

    def measure(number: int) -> Sample:
        if number == at:
            raise Unfit("it answered 500")
        return Sample(10.0)

    return Contender(name, name, f"the {name}", measure)  # type: ignore[arg-type]


def result(
    *contenders: Contender, better: Any = "more", targets: Sequence[Target] = (), checks: Callable[[], Any] = tuple
) -> Result:
    return run(Benchmark("B", "a test", "1/s", better, contenders, targets=targets, checks=checks), rounds=3)


def by_rates(**more: Any) -> Result:
    return result(*(contender(name, values) for name, values in RATES.items()), **more)


def test_ratios_are_formed_inside_each_round_and_then_the_median_is_taken():
    # By round 0.2, 0.5, 0.125; the ratio of the medians would be 0.25.
    assert by_rates().ratio("limit") == Spread(0.2, 0.125, 0.5)
    assert by_rates().ratio("peer") == Spread(4.0, 2.5, 5.0)


def test_of_durations_the_ratio_is_turned_round():
    assert by_rates(better="less").ratio("peer") == Spread(0.25, 0.2, 0.4)


def test_the_warm_up_does_not_count():
    found = by_rates()
    assert found.ours is not None
    assert found.ours.spread == Spread(200.0, 100.0, 250.0)


def test_each_contender_is_measured_once_a_round_in_an_order_that_shifts():
    order: list[tuple[int, str]] = []
    benchmark = Benchmark("B", "a test", "1/s", "more", [contender(name, values) for name, values in RATES.items()])
    run(benchmark, rounds=2, tell=lambda number, who: order.append((number, who.name)))
    assert order == [
        *((0, "limit"), (0, "peer"), (0, "ours")),
        *((1, "peer"), (1, "ours"), (1, "limit")),
        *((2, "ours"), (2, "limit"), (2, "peer")),
    ]


@pytest.mark.parametrize("role", ["limit", "peer"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_limit_or_peer_that_failed_is_reported_and_gets_no_ratio(role, at):
    others = [contender(name, values) for name, values in RATES.items() if name != role]
    target = Target("first", "fast", against=role, at_least=0)
    found = result(failing(role, at=at), *others, targets=[target])
    assert found.failures == {role: "it answered 500"}
    assert found.ratio(role) is None
    assert role not in found.ratios()
    assert len(found.ratios()) == 1
    assert found.met(target) is None
    written = as_data(found)
    assert role not in written["ratios"]
    failed = next(entry for entry in written["contenders"] if entry["name"] == role)
    assert (failed["failure"], failed["median"]) == ("it answered 500", None)
    shown = table(found)
    assert f"the {role} failed: it answered 500" in shown
    assert "fast: not measured" in shown


def test_when_ours_failed_there_is_no_ratio_at_all():
    found = result(failing("ours", at=3), contender("limit", RATES["limit"]), contender("peer", RATES["peer"]))
    assert found.ratios() == {}
    assert found.outcomes["limit"].spread is not None


def test_work_that_was_done_wrong_counts_as_failed():
    assert by_rates(checks=lambda: [Check("each once", True, "all", "ours")]).ratio("limit") is not None
    found = by_rates(checks=lambda: [Check("each once", False, "2 twice", "ours")])
    assert found.failures == {"ours": "each once: 2 twice"}
    assert found.ratios() == {}


def test_what_stands_beside_gets_no_ratio():
    found = result(contender("ours", [1.0] * 3), contender("more", [1.0] * 3, role="beside"))
    assert found.ratios() == {}


def test_a_target_is_judged_by_the_median():
    found = by_rates()
    assert found.met(Target("first", "", against="peer", at_least=4)) is True
    assert found.met(Target("first", "", against="peer", at_least=4.1)) is False
    assert found.met(Target("first", "", figure="value", at_most=200)) is True
    assert found.met(Target("first", "", figure="p99_ms", at_most=200)) is None
