"""A sheet that the outbound agency made in its own system: read, held against the record, prepared here."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from transfers.access import Actor, find_case
from transfers.actions.door import Done, perform
from transfers.actions.history import tell_paper
from transfers.actions.outbound import stands
from transfers.documents.sheet import COMPARED, read_sheet, sheet_refusal
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
    here = stands(case, handler="", now=now)
    if differing := [name for name in COMPARED if read.content[name] != here[name]]:
        words = Named("与转出地登记系统的记录不一致", "it is not what the outbound record says")
        raise sheet_refusal({f"content.{name}": words for name in differing})
    done = perform(case.pk, "prepare_sheet", actor, version=version, now=now)
    tell_paper(
        done.case.pk,
        actor,
        "sheet_file",
        Named(
            "收到转出地外部系统的签章信息表，校验通过",
            "A sealed sheet from the outbound agency's own system was received and verified",
        ),
        side=Side.OUT,
        agency_id=case.outbound_agency_id,
        now=now,
        seal=read.seal,
    )
    return done
