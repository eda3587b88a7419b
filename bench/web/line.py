"""The stage line of a case, as the limit and the peers answer it: the same facts as ours, from the same rules."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Any

from accounts.mask import mask_name
from transfers.reference.files import read
from transfers.rules.parties import Side
from transfers.rules.routes import State
from transfers.rules.workdays import Calendar, local_date


@cache
def calendar() -> Calendar:
    """The nation's calendar, once a process."""
    return Calendar.from_notices(read().notices)


def line(
    *,
    number: str,
    name: str,
    state: str,
    acts: str,
    agency: str,
    phone: str,
    budget: int,
    used: int,
    counted_until: date,
    due_on: date,
    due_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """What number and tail open."""
    info = State(state).info
    gone = used + max(0, calendar().count(counted_until, local_date(now)) - 1)
    return {
        "number": number,
        "name": mask_name(name),
        "stage": info.public.zh,
        "acts": Side(acts).named.zh,
        "agency": agency,
        "agency_phone": phone,
        "budget": budget,
        "used": gone,
        "left": max(0, budget - gone),
        "promised_on": due_on.isoformat(),
        "overdue": now >= due_at,
        "next_step": info.next_step.zh,
    }
