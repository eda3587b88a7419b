"""A sheet that the outbound agency made in its own system: read, held against the record, prepared here."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from transfers.access import Actor, find_case
from transfers.actions.door import Done, perform
from transfers.documents.sheet import COMPARED, content_for, read_sheet, sheet_refusal
from transfers.models import CaseEvent
from transfers.registry import RegistryUnavailable, registry_for
from transfers.rules.errors import refusal
from transfers.rules.parties import Named, Side


@transaction.atomic
def prepare_from(actor: Actor, case_pk: int, data: bytes, *, version: int, now: datetime | None = None) -> Done:
    """Take the step `prepare_sheet` with a sealed sheet from outside; its digest and seal are kept in the history.

    The file must pass `read_sheet` and say what the outbound record says, which is what will be sealed, frozen and
    remitted. J-SHEET-FIELDS lists everything else by its place (`content.months_total`).
    """
    now = now or timezone.now()
    case = find_case(actor, pk=case_pk)
    read = read_sheet(data, case=case, now=now)
    try:
        facts = registry_for(case.outbound_area_id).facts(case.person, case.outbound_area_id)
    except RegistryUnavailable as error:
        raise refusal("J-REGISTRY-DOWN", area=case.outbound_area.name) from error
    stands = content_for(case, facts, handler="", now=now)
    if differing := [name for name in COMPARED if read.content[name] != stands[name]]:
        words = Named("与转出地登记系统的记录不一致", "it is not what the outbound record says")
        raise sheet_refusal({f"content.{name}": words for name in differing})
    done = perform(case.pk, "prepare_sheet", actor, version=version, now=now)
    CaseEvent.objects.create(
        case=done.case,
        at=now,
        kind="paper",
        name="sheet_file",
        actor_kind=actor.kind.value,
        actor_id=actor.user_id,
        actor_name=actor.name,
        side=Side.OUT.value,
        agency_id=case.outbound_agency_id,
        data={
            "zh": "收到转出地外部系统的签章信息表，校验通过",
            "en": "A sealed sheet from the outbound agency's own system was received and verified",
            "seal": read.seal,
        },
    )
    return done
