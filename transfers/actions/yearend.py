"""The year-end settlement: what is to be sent waits while its outbound area sends none, and goes on as what it was.

Fixed or still to be settled, proposed or returned by the bank: none of it can leave, so no limit runs for sending it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from transfers.access import SYSTEM
from transfers.actions.door import Done, perform_many
from transfers.models import MOVES, Remittance, ResolvedPolicy
from transfers.policies import pinned_policy
from transfers.rules.money import Destination, MoneyState
from transfers.rules.workdays import local_date

BATCH = 500
_FIRST = (MoneyState.PENDING_SETTLE.value, MoneyState.FROZEN.value)


@dataclass(frozen=True, slots=True)
class Turned:
    """How many balances were held, and how many go on."""

    held: int = 0
    released: int = 0


def turn(*, now: datetime, batch: int = BATCH) -> Turned:
    """Hold what may not be sent today by the policy that its case pinned, and let go on what may be again.

    Safe to run any number of times, at once, and late: the state of the money decides. A case that is held itself
    (a withdrawal was asked for) follows when it goes on.
    """
    return Turned(
        held=_take("hold_for_year_end", now=now, covered=True, batch=batch),
        released=_take("go_on_after_year_end", now=now, covered=False, batch=batch),
    )


def _take(step: str, *, now: datetime, covered: bool, batch: int) -> int:
    """Take the step for all that stands where it is taken, whose policy's freeze does, or does not, cover today."""
    # What is credited at once is not sent by anybody; what of it came back, or follows, is.
    lying = Remittance.objects.filter(state__in=MOVES[step].sources).exclude(
        destination=Destination.INSTANT.value, round=1, state__in=_FIRST
    )
    due = _policies(now, covered=covered)
    if not due:
        return 0
    taken, last = 0, 0
    while True:
        cases = list(
            lying.filter(case__outbound_policy_id__in=due, pk__gt=last)
            .order_by("pk")
            .values_list("pk", "case__version")[:batch]
        )
        if not cases:
            return taken
        answers = perform_many([(pk, version, {}) for pk, version in cases], step, SYSTEM, now=now)
        taken += sum(isinstance(answer, Done) for answer in answers)
        last = cases[-1][0]


def _policies(now: datetime, *, covered: bool) -> list[int]:
    """The pinned policies with a freeze that covers, or does not cover, today: most areas have none."""
    today = local_date(now)
    frozen = {}
    for pinned in ResolvedPolicy.objects.filter(values__year_end_freeze__isnull=False).values_list("pk", flat=True):
        freeze = pinned_policy(pinned).policy.year_end_freeze
        frozen[pinned] = freeze is not None and freeze.covers(today)
    return [pinned for pinned, covers in frozen.items() if covers is covered]
