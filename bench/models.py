"""Twins of our tables for the limit and for the peers: same columns, keys, indexes and checks.

They differ where a plain project would: no triggers, no guarded querysets, and bytes where we encrypt, so that neither
the limit nor a peer is slowed by what only we do.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django_fsm import transition

from accounts.crypto import EncryptedTextField
from notifications.models import Letter
from transfers.models import Alarm, CaseEvent, Clock, TransferCase


def twin(
    original: type[models.Model], prefix: str, others: dict[type[models.Model], type[models.Model]], **more: Any
) -> Any:
    """A model like `original` called `prefix` + its name; keys to the originals of `others` go to the twins instead."""
    attributes: dict[str, Any] = {"__module__": __name__, **more}
    for field in original._meta.local_fields:
        if isinstance(field, EncryptedTextField):
            attributes[field.name] = models.BinaryField(null=field.null, default=None if field.null else b"")
        elif isinstance(field, models.ForeignKey):
            target = field.remote_field.model
            to = "self" if target is original else others.get(target, target)
            attributes[field.name] = models.ForeignKey(
                to, models.PROTECT, null=field.null, db_index=field.db_index, related_name="+"
            )
        else:
            attributes[field.name] = field.clone()
    constraints = [constraint.clone() for constraint in original._meta.constraints]
    indexes = [index.clone() for index in original._meta.indexes]
    for part in (*constraints, *indexes):
        part.name = f"{prefix[0].lower()}_{part.name}"[:30]
    attributes["Meta"] = type("Meta", (), {"app_label": "bench", "constraints": constraints, "indexes": indexes})
    made = type(f"{prefix}{original.__name__}", (models.Model,), attributes)
    others[original] = made
    return made


_limit: dict[type[models.Model], type[models.Model]] = {}
LimitCase: Any = twin(TransferCase, "Limit", _limit)
LimitEvent: Any = twin(CaseEvent, "Limit", _limit)
LimitClock: Any = twin(Clock, "Limit", _limit)
LimitAlarm: Any = twin(Alarm, "Limit", _limit)
LimitLetter: Any = twin(Letter, "Limit", _limit)


@transition(field="state", source="ACCEPTED", target="OUT_PROCESSING")
def claim(self: Any, user_id: int) -> None:
    """django-fsm as its documentation shows it."""
    self.owner_id = user_id
    self.version += 1


_plain: dict[type[models.Model], type[models.Model]] = {}
PlainCase: Any = twin(TransferCase, "Plain", _plain, claim=claim)
PlainEvent: Any = twin(CaseEvent, "Plain", _plain)
PlainClock: Any = twin(Clock, "Plain", _plain)
PlainAlarm: Any = twin(Alarm, "Plain", _plain)
PlainLetter: Any = twin(Letter, "Plain", _plain)

LIMIT = dict(_limit)
PLAIN = dict(_plain)
