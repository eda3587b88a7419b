"""`python -m simulate`: what `./dev simulate` runs. Needs a PostgreSQL in DATABASE_URL where it may make databases."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from functools import partial
from pathlib import Path

from simulate.database import NoDatabase
from simulate.report import difference, markdown, page, title
from simulate.worlds import lived

ROOT = Path(__file__).resolve().parent.parent
START = "2026-01-12"
# What --what-if may shorten, as it is written -> the switch of the policy. `days` is what the law counts first.
SHORTENED = {
    "days": "out_days",
    "out_days": "out_days",
    "in_days": "in_days",
    "fund_remit_days": "fund_remit_days",
    "fund_credit_days": "fund_credit_days",
}
MOST = {"out_days": 10, "in_days": 5}


def main(words: Sequence[str]) -> int:
    """Run what was asked for; 0 when all that must hold did, everywhere."""
    asked = _arguments(words)
    began = time.monotonic()
    worlds: list[dict[str, dict[str, int]]] = [{}, *asked.what_if]
    try:
        found = lived(worlds, vars(asked))
    except (NoDatabase, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenProcessPool:
        sys.stderr.write("A simulation was ended from outside; nothing was written.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; nothing was written.\n")
        return 130
    first, *others = found
    changes = [difference(first, other) for other in others]
    data = {
        "simulation": first,
        "what_if": [{"difference": c, "simulation": o} for c, o in zip(changes, others, strict=True)],
    }
    (asked.out / "report.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    (asked.out / "report.md").write_text(markdown(first, changes))
    (asked.out / "report.html").write_text(page(first, changes))
    sys.stdout.write(f"{title(first)}\n")
    for what, so in first["holds"].items():
        sys.stdout.write(f"  {'holds' if so else 'DOES NOT HOLD'}: {what}\n")
    for other in others:
        if not other["ok"]:
            sys.stdout.write(f"  DOES NOT HOLD with {other['asked']['shortened']}: see report.json\n")
    sys.stdout.write(f"Written to {asked.out}: report.html, report.md, report.json\n")
    sys.stderr.write(f"Took {time.monotonic() - began:.0f} s\n")
    return 0 if all(one["ok"] for one in found) else 1


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev simulate", description="Live through some days of a country, and report what came of it."
    )
    number = partial(_number, parser)
    parser.add_argument("--areas", type=int, default=40, help="pooling areas, the most there are: 400 (default: 40)")
    parser.add_argument("--days", type=int, default=60, help="days, rest days included (default: 60)")
    parser.add_argument("--per-day", type=int, default=100, help="applications a day on average (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same report (default: 1)")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date.fromisoformat(START))
    parser.add_argument(
        "--what-if",
        action="append",
        type=_what_if,
        default=[],
        metavar="AREA:days=N[,in_days=N]",
        help="again with shorter limits in an area or province (its code), and what that changes; may be repeated",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: .run/simulate)")
    asked = parser.parse_args(words)
    number("--areas", asked.areas, 2, 400)
    number("--days", asked.days, 1, 400)
    number("--per-day", asked.per_day, 1, 50_000)
    if asked.out is None:
        asked.out = Path(os.environ.get("JIEXU_HOME") or ROOT / ".run") / "simulate"
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"cannot write to {asked.out} ({error.strerror}): name another folder with --out")
    return asked


def _number(parser: argparse.ArgumentParser, name: str, given: int, least: int, most: int) -> None:
    if not least <= given <= most:
        parser.error(f"{name}: from {least} to {most:,}")


def _what_if(text: str) -> Mapping[str, Mapping[str, int]]:
    """`350000:days=8,in_days=4` as data."""
    found = re.fullmatch(r"(\d{6}):(.+)", text)
    pairs = [pair.partition("=") for pair in found[2].split(",")] if found else []
    if not found or any(name not in SHORTENED or not n.isdecimal() for name, _is, n in pairs):
        raise argparse.ArgumentTypeError(f"write it as 350000:days=8 or 350000:days=8,in_days=4, not {text}")
    values = {SHORTENED[name]: int(n) for name, _is, n in pairs}
    if wrong := [name for name, n in values.items() if not 1 <= n <= MOST.get(name, 60)]:
        raise argparse.ArgumentTypeError(f"{wrong[0]} is from 1 to {MOST.get(wrong[0], 60)}")
    return {found[1]: values}


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:]))
