"""Prints what the move of a case as JSON means for benefits."""

from __future__ import annotations

from typing import Any

from transfers.management.commands._casefile import CaseFileCommand
from transfers.rules.dryrun import DryRun, advice_data


class Command(CaseFileCommand):
    help = (
        "Print what the move of a case as JSON means for benefits: gap, waiting months, deadlines "
        "(医保办发〔2021〕43号 Art. 10, 11)."
    )

    def answer(self, run: DryRun) -> dict[str, Any]:
        return advice_data(run.advice)
