"""What somebody wrote down before the bank told it becomes the bank's own line when that comes in a statement.

The bank is right: the line says what it tells. More than was written down is open like any other money; less than was
matched changes no case by itself, but stands as SHORT until people have undone what was matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from transfers.actions.lines import open_fen
from transfers.models import BankFile, StatementLine
from transfers.places import agency_with
from transfers.rules.bank import LineState
from transfers.rules.bankfiles import Line
from transfers.rules.matching import Waits
from transfers.rules.workdays import local_date
from transfers.sla.ageing import first_reminder


@dataclass(frozen=True, slots=True)
class Adopted:
    """A line of the file that somebody had written down. `short_fen`: what was matched of it beyond what came."""

    row: int
    bank_reference: str
    written_fen: int
    told_fen: int
    short_fen: int


def would_adopt(agency: int, rows: Sequence[Line]) -> tuple[Adopted, ...]:
    """The lines of a file that had been written down by hand, in the order of the file; nothing is changed."""
    found = {line.bank_reference: line for line in _written(agency, rows)}
    return tuple(_told(found[row.bank_reference], row) for row in rows if row.bank_reference in found)


def adopt(file: BankFile, rows: Sequence[Line], *, now: datetime) -> tuple[Adopted, ...]:
    """Let the lines that had been written down be the bank's: its row, its words and its amount."""
    by_reference = {row.bank_reference: row for row in rows}
    told = []
    for line in _written(file.agency_id, rows).select_for_update():
        row = by_reference[line.bank_reference]
        told.append(_told(line, row))
        line.file, line.row, line.booked_at, line.amount_fen = file, row.number, row.at, row.amount_fen
        line.payer_name, line.payer_account, line.remark = row.payer, row.account, row.remark
        _stand(line, now)
        line.save()
    return tuple(sorted(told, key=lambda one: one.row))


def _written(agency: int, rows: Sequence[Line]) -> QuerySet[StatementLine]:
    by_hand = StatementLine.objects.filter(agency=agency, file=None)  # few; a file has many
    references = {row.bank_reference for row in rows}
    known = [pk for pk, reference in by_hand.values_list("pk", "bank_reference") if reference in references]
    return by_hand.filter(pk__in=known).order_by("pk")


def _told(line: StatementLine, row: Line) -> Adopted:
    short = max(line.allocated_fen + line.returned_fen - row.amount_fen, 0)
    return Adopted(row.number, row.bank_reference, line.amount_fen, row.amount_fen, short)


def _stand(line: StatementLine, now: datetime) -> None:
    """Where the line stands with the bank's amount. What people have undone is not matched again by the system."""
    left, undone = open_fen(line), line.reason == Waits.UNDONE
    state = LineState.DONE if not left else LineState.SHORT if left < 0 else LineState.NEW
    line.state = (LineState.QUEUED if undone and left > 0 else state).value
    line.reason, line.candidates = line.reason if undone and left > 0 else "", []
    area, day = agency_with(line.agency_id).area_id, local_date(line.booked_at)
    line.remind_at, line.reminded = first_reminder(area, day, today=local_date(now)) if left else None, 0
