"""What happens to the papers of a case beside its moves: lines of the history that carry no version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from transfers.access import Actor
from transfers.models import CaseEvent
from transfers.rules.parties import Named, Side


def tell_paper(
    case_id: int,
    actor: Actor,
    name: str,
    what: Named,
    *,
    side: Side,
    agency_id: int | None,
    now: datetime,
    **data: Any,
) -> None:
    """Write that a paper was added, issued or received; `data` says which."""
    CaseEvent.objects.create(
        case_id=case_id,
        at=now,
        kind="paper",
        name=name,
        actor_kind=actor.kind.value,
        actor_id=actor.user_id,
        actor_name=actor.name if actor.user_id else "",
        side=side.value,
        agency_id=agency_id,
        data={"zh": what.zh, "en": what.en, **data},
    )
