"""What the commands over a case as JSON share: reading it, and answering in JSON whatever happens."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from transfers.documents.caseform import read_json
from transfers.rules.dryrun import DryRun
from transfers.rules.errors import Refusal, refusal
from transfers.rules.workdays import local_date
from transfers.selectors.asking import dry_run_of


class CaseFileCommand(BaseCommand):
    """Reads a case and prints one JSON object. Bad input prints a typed error with every problem, and exits with 2."""

    missing_args_message = "Give a JSON file, or - for standard input (docs/case-json.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a case as JSON (docs/case-json.md); - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = read_json(_text(options["file"]))
            run = dry_run_of(data, today=local_date(timezone.now()))
        except Refusal as error:
            self.stdout.write(_shown({"error": _told(error)}))
            sys.exit(2)
        self.stdout.write(_shown(self.answer(run)))

    def answer(self, run: DryRun) -> dict[str, Any]:
        """What this command says of the case."""
        raise NotImplementedError


def _text(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        why = error.strerror or "unreadable"
        raise refusal("J-FILE", name=name, problem="无法读取", problem_en=why) from None
    except UnicodeDecodeError:
        raise refusal("J-FILE", name=name, problem="不是 UTF-8 文本", problem_en="it is not UTF-8 text") from None


def _told(error: Refusal) -> dict[str, Any]:
    return {**error.told, **error.details}


def _shown(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)
