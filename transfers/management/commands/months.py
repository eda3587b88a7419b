"""Prints the contribution months of a case as JSON."""

from __future__ import annotations

from typing import Any

from transfers.management.commands._casefile import CaseFileCommand
from transfers.rules.dryrun import DryRun, record_data


class Command(CaseFileCommand):
    help = (
        "Print the contribution months of a case as JSON: by kind, merged, what overlaps, what is missing for "
        "retirement (医保办发〔2021〕43号 Art. 12)."
    )

    def answer(self, run: DryRun) -> dict[str, Any]:
        return record_data(run)
