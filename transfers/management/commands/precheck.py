"""Runs the rules of both areas over a case as JSON and prints every one that fails."""

from __future__ import annotations

from typing import Any

from transfers.management.commands._casefile import CaseFileCommand
from transfers.rules.dryrun import DryRun, failures_data


class Command(CaseFileCommand):
    help = (
        "Run the rules of both areas over a case as JSON and print every one that fails, with its side, remedy, "
        "article and policy (医保办发〔2021〕43号 Art. 8)."
    )

    def answer(self, run: DryRun) -> dict[str, Any]:
        return failures_data(run)
