"""Ordering papers: one row each, written in the transaction of the step that calls for it. Made a moment later.

A row keeps what could be different by then: `due_on` (the promise that held), `reason` and `note` of the step,
`failures` (codes with their side), `amount_fen`, `sheet` (the version), `outbound` and `inbound` (area codes).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from transfers.documents.papers.code import draw
from transfers.models import CaseEvent, Paper, Remittance, TransferCase
from transfers.rules.papers import ORDERED, PaperKind
from transfers.rules.parties import Side
from transfers.rules.workdays import last_day_of


def order(moved: Iterable[tuple[TransferCase, Iterable[CaseEvent], Remittance | None]], *, now: datetime) -> None:
    """Order the papers of these steps: at most one statement, none where a step calls for no paper."""
    papers = [
        drafted(
            case,
            kind,
            version=event.version or 0,
            facts=_facts(case, event, remittance),
            now=now,
            agency_id=event.agency_id if kind is PaperKind.ENDED else None,
        )
        for case, events, remittance in moved
        for event in events
        for kind in ORDERED.get(event.name, ())
    ]
    if papers:
        Paper.objects.bulk_create(papers)


def drafted(
    case: TransferCase,
    kind: PaperKind,
    *,
    version: int,
    facts: dict[str, Any],
    now: datetime,
    agency_id: int | None = None,
    ordered_by: int | None = None,
) -> Paper:
    """A paper that waits to be made, not saved. Its agency is `agency_id`, else that of the side that issues its kind.

    An ending is told by the agency that ended the case, a delay by the one that must act.
    """
    side = case.acts if kind is PaperKind.OVERDUE else kind.info.side
    agency_id = agency_id or (case.inbound_agency_id if side == Side.IN else case.outbound_agency_id)
    return Paper(
        case=case,
        kind=kind.value,
        version=version,
        agency_id=agency_id,
        facts={"outbound": case.outbound_area_id, "inbound": case.inbound_area_id, **facts},
        code=draw(),
        ordered_by_id=ordered_by,
        created_at=now,
    )


def _facts(case: TransferCase, event: CaseEvent, remittance: Remittance | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "due_on": last_day_of(case.due_at).isoformat() if case.due_at else "",
        "reason": event.reason,
        "note": event.note,
        "sheet": event.data.get("sheet"),
        "amount_fen": remittance.amount_fen if remittance else 0,
    }
    if event.name == "refuse":
        facts["failures"] = case.failures
    return facts
