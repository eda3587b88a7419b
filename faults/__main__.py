"""`python -m faults`: what `./dev faults` runs. Starts servers of its own, whatever DATABASE_URL and REDIS_URL say."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.local.console import Problem, Progress, complain, paint, say
from config.local.processes import signals_raise
from faults.stack import Stack, own_stack

if TYPE_CHECKING:
    from faults.table import Fault, Outcome


def main(words: Sequence[str]) -> int:
    """Run the rows that were asked for; 0 when each of them found what it must."""
    asked = _arguments(words)
    try:
        with signals_raise(), own_stack() as stack:
            return _run(asked, stack)
    except Problem as problem:
        complain(str(problem))
    except KeyboardInterrupt:
        complain("\nStopped; all that was started has been ended.")
        return 130
    return 1


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev faults",
        description="Break what can break, on servers of its own, and count what is lost or doubled.",
    )
    parser.add_argument("--control", action="store_true", help="switch off the guard of each row: it must then fail")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this row, or those that begin so")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found as JSON as well")
    asked = parser.parse_args(words)
    if asked.json is not None:
        try:
            asked.json.parent.mkdir(parents=True, exist_ok=True)
            asked.json.touch()
        except OSError as error:
            parser.error(f"cannot write {asked.json} ({error.strerror}): name another file with --json")
    return asked


def _set_up(stack: Stack) -> None:
    """Django on our own servers."""
    os.environ.update(stack.home.environment())
    os.environ.update(
        DATABASE_URL=stack.postgres.url("faults"),
        REDIS_URL=stack.valkey.url,
        DJANGO_SETTINGS_MODULE="config.settings",
        UPLOAD_DIR=str(stack.home.path / "uploads"),
        SMS_FILE=str(stack.home.path / "sms.jsonl"),
        EMAIL_URL="dummymail://",
        DEBUG="false",
        DEMO="false",
        HTTPS="false",
        TRUSTED_PROXIES="0",
    )
    os.environ["LOG_LEVEL"] = "ERROR"
    import django

    django.setup()


def _run(asked: argparse.Namespace, stack: Stack) -> int:
    _set_up(stack)
    from faults.ground import Ground
    from faults.rows import FAULTS
    from faults.table import tried

    faults = _chosen(FAULTS, asked.only)
    began, ground = time.monotonic(), Ground(stack.databases, stack.home.path, servers=stack)
    say("Preparing schema, reference data and people …")
    ground.prepare()
    found: list[tuple[Fault, Outcome]] = []
    progress = Progress("Faults", len(faults))
    for fault in faults:
        progress.show(fault.name)
        found.append((fault, outcome := tried(fault, ground, guarded=not asked.control)))
        progress.step(fault.name)
        progress.close()
        say(_line(fault, outcome, control=asked.control))
    seconds = time.monotonic() - began
    wrong = [fault.name for fault, outcome in found if not _right(outcome, control=asked.control)]
    if asked.json is not None:
        asked.json.write_text(json.dumps(_as_data(found, asked.control, seconds), ensure_ascii=False, indent=1) + "\n")
    if wrong:
        what = "did not notice that the guard was off" if asked.control else "failed"
        say(paint(f"{len(wrong)} of {len(found)} rows {what} ({seconds:.0f} s): {', '.join(wrong)}.", "red"))
        return 1
    what = "found that its guard was off" if asked.control else "recovered: nothing lost, nothing doubled"
    say(paint(f"Each of {len(found)} rows {what} ({seconds:.0f} s).", "green"))
    return 0


def _chosen(faults: Sequence[Fault], only: Sequence[str]) -> list[Fault]:
    chosen = [fault for fault in faults if not only or any(fault.name.startswith(name) for name in only)]
    if not chosen:
        raise Problem(f"There is no row {', '.join(only)}: the names are {', '.join(fault.name for fault in faults)}.")
    return chosen


def _right(outcome: Outcome, *, control: bool) -> bool:
    return outcome.found and not outcome.unfit if control else outcome.well


def _line(fault: Fault, outcome: Outcome, *, control: bool) -> str:
    """What became of one row, for people."""
    right = _right(outcome, control=control)
    word = ("found" if control else "ok") if right else ("NOT FOUND" if control else "FAILED")
    verify = "clean" if not outcome.problems else f"{outcome.problems} problem(s)"
    figures = f"×{outcome.times}  lost {outcome.lost}  doubled {outcome.doubled}  verify {verify}"
    lines = [f"{paint(f'{word:<9}', 'green' if right else 'red')} {fault.name:<22} {figures}  {outcome.seconds:.0f} s"]
    if control:
        lines.append(f"          without {fault.guard}")
    else:
        lines.append(f"          broken: {fault.broken}")
        lines.append(f"          running: {fault.running}")
        lines.append(f"          recovered by: {fault.recovers}")
        lines.append(f"          guard: {fault.guard}")
    if outcome.note:
        lines.append(f"          {outcome.note}")
    if outcome.unfit:
        lines.append(f"          {outcome.unfit}")
    if outcome.examples and (control or not right):
        lines += [f"          e.g. {example}" for example in outcome.examples[: 1 if right else 12]]
    return "\n".join(lines)


def _as_data(found: Sequence[tuple[Fault, Outcome]], control: bool, seconds: float) -> dict[str, Any]:
    rows = []
    for fault, outcome in found:
        told = {name: getattr(fault, name) for name in ("name", "broken", "running", "recovers", "guard")}
        rows.append({**told, **asdict(outcome), "ok": _right(outcome, control=control)})
    return {"control": control, "ok": all(row["ok"] for row in rows), "seconds": round(seconds, 1), "rows": rows}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
