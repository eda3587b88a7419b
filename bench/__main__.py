"""`python -m bench`: what `./dev bench` runs. Needs a PostgreSQL in DATABASE_URL where it may make a database."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.chart import draw
from bench.database import NoDatabase, fill_schema, own_database
from bench.harness import Result, run
from bench.report import Progress, as_data, table

if TYPE_CHECKING:
    from bench.dataset import Dataset
    from bench.harness import Benchmark

ROOT = Path(__file__).resolve().parent.parent
NAMES = {
    "W1": "one move of a case",
    "W1B": "fifty moves in one transaction",
    "W2": "the sweep",
    "W2G": "the sweep as its table grows",
    "W3": "the public look-up over HTTP",
    "W4": "the worklist",
    "W5": "the drain of the outbox",
    "W6": "n working days from a date",
    "W7": "applications from a file",
    "W8": "an amended calendar; by name only",
    "W9": "a statement of the bank; by name only",
}
ALSO = {"RECOMPUTE": "W8", "STATEMENTS": "W9"}
BY_NAME_ONLY = {"W8", "W9"}
WITHOUT_CASES = {"W4", "W6"}
# Of the cases, W1 takes two portions a round, W1B one, and W2 has `due` for each round and for its race.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "small": {
        "cases": {"cases": 50_000, "due": 2_000},
        "W1": {"seconds": 1.2, "cases_a_round": 2_500},
        "W1B": {"seconds": 1.2, "cases_a_round": 1_000},
        "W2": {"due": 2_000, "due_of_slow_peer": 200},
        "W2G": {"few": 10_000, "many": 100_000, "due": 1_000},
        "W3": {"seconds": 1.2, "questions": 8_000},
        "W4": {"few": 10_000, "many": 100_000, "of_agency": 400},
        "W5": {"letters": 6_000, "letters_of_slow_peer": 300},
        "W6": {"calls": 50_000, "calls_of_slow_peers": 400},
        "W7": {"lines": 500, "lines_of_slow_peer": 100},
        "W8": {"clocks_of_slow_peer": 400},
        "W9": {},
    },
    "full": {
        "cases": {"cases": 220_000, "due": 10_000},
        "W1": {"seconds": 2.5, "cases_a_round": 10_000},
        "W1B": {"seconds": 2.5, "cases_a_round": 5_000},
        "W2": {"due": 10_000, "due_of_slow_peer": 400},
        "W2G": {"few": 10_000, "many": 10_000_000, "due": 1_000},
        "W3": {"seconds": 2.5, "questions": 20_000},
        "W4": {"few": 10_000, "many": 1_000_000, "of_agency": 400},
        "W5": {"letters": 60_000, "letters_of_slow_peer": 600},
        "W6": {"calls": 200_000, "calls_of_slow_peers": 2_000},
        "W7": {"lines": 5_000, "lines_of_slow_peer": 200},
        "W8": {"clocks_of_slow_peer": 400},
        "W9": {},
    },
}
EXAMPLES = "With no name, all but the last two are run. Names: " + ", ".join(
    f"{name} ({what})" for name, what in NAMES.items()
)


def main(words: Sequence[str]) -> int:
    """Run what was asked for; 0 when every contender could be measured, 1 otherwise."""
    if words[:1] == ["month"]:
        from bench.month.command import main as month

        return month(words[1:])
    asked = _arguments(words)
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    os.environ.update(DEBUG="false", DEMO="false", HTTPS="false", TRUSTED_PROXIES="1")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    try:
        return _run(asked)
    except NoDatabase as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; nothing was written.\n")
        return 130
    return 1


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Measure ours beside the limit and the peers.", epilog=EXAMPLES
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks (default: all)")
    parser.add_argument("--size", choices=sorted(SIZES), default="small", help="how much (default: small)")
    parser.add_argument("--rounds", type=_rounds, default=5, help="rounds that count, from 5 (default: 5)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the JSON file (default: .run/bench/<time>.json)")
    asked = parser.parse_args(words)
    asked.names = [ALSO.get(name.upper(), name.upper()) for name in asked.names]
    asked.names = asked.names or [name for name in NAMES if name not in BY_NAME_ONLY]
    if unknown := [name for name in asked.names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]}: choose from {', '.join(NAMES)}")
    if asked.out is None:
        home = Path(os.environ.get("JIEXU_HOME") or ROOT / ".run")
        asked.out = home / "bench" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    try:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.touch()
    except OSError as error:
        parser.error(f"cannot write {asked.out} ({error.strerror}): name another file with --out")
    return asked


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 5 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("give a number from 5 to 100: fewer rounds have no range worth showing")
    return int(text)


def _run(asked: argparse.Namespace) -> int:
    began, progress = time.monotonic(), Progress(asked.rounds)
    names = list(dict.fromkeys(asked.names))
    sizes = {name: {**size, "rounds": asked.rounds} for name, size in SIZES[asked.size].items()}
    results: list[Result] = []
    with _cases(sizes["cases"], progress) if set(names) - WITHOUT_CASES else _no_cases() as cases:
        from bench import drain, growth, intake, lookup, moves, recompute, statements, sweep, workdays, worklist
        from bench.machine import machine, server, versions

        benchmarks: dict[str, Callable[..., AbstractContextManager[Benchmark]]] = {
            "W1": moves.benchmark,
            "W1B": moves.bulk,
            "W2": sweep.benchmark,
            "W2G": growth.benchmark,
            "W3": lookup.benchmark,
            "W4": worklist.benchmark,
            "W5": drain.benchmark,
            "W6": workdays.benchmark,
            "W7": intake.benchmark,
            "W8": recompute.benchmark,
            "W9": statements.benchmark,
        }
        report: dict[str, Any] = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": f"./dev bench {' '.join([*names, '--size', asked.size, '--rounds', str(asked.rounds)])}",
            "machine": machine(),
            "versions": versions(),
            "postgresql": server() if cases else {},
        }
        for name in names:
            with benchmarks[name](cases, sizes[name]) as benchmark:
                results.append(run(benchmark, rounds=asked.rounds, tell=partial(progress.round, name)))
            progress.end()
            sys.stdout.write(f"{table(results[-1])}\n\n")
            sys.stdout.flush()
        report["machine"]["load_average_after"] = machine()["load_average"]
    report["seconds"] = round(time.monotonic() - began, 1)
    report["benchmarks"] = [as_data(result) for result in results]
    asked.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    chart = asked.out.with_suffix(".svg")
    chart.write_text(draw(report))
    sys.stdout.write(
        f"Measured in {report['seconds']:.0f} s; the figures of every round are in {asked.out}, drawn in {chart}\n"
    )
    failed = [f"{result.benchmark.name} {name}" for result in results for name in result.failures]
    if failed:
        sys.stdout.write(f"Not everything could be measured: {', '.join(failed)}.\n")
    return 1 if failed else 0


@contextmanager
def _cases(size: dict[str, Any], progress: Progress) -> Iterator[Dataset]:
    """A database of our own with schema, reference data and cases, and Django set up on it."""
    with own_database():
        import django

        django.setup()
        from django.db import connections

        from bench import dataset

        try:
            progress.say("Making the schema and loading the reference data …")
            fill_schema()
            progress.say(f"Making {size['cases']:,} cases …")
            yield dataset.make(cases=size["cases"], due=size["due"], groups=size["rounds"] + 2)
        finally:
            connections.close_all()


@contextmanager
def _no_cases() -> Iterator[None]:
    """Django set up, and no database asked."""
    import django

    django.setup()
    yield None


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:]))
