"""Showing what is otherwise masked: every time is written down before anything is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from transfers.access import Actor, find_case
from transfers.models import AccessEvent, BankAccount
from transfers.rules.errors import refusal
from transfers.rules.parties import Role


@dataclass(frozen=True, slots=True)
class Unmasked:
    """A person's particulars in full. Shown once, never logged, never cached."""

    name: str
    identity_number: str
    phone: str
    email: str


def unmask(actor: Actor, case_pk: int, *, now: datetime | None = None) -> Unmasked:
    """The particulars of a case's person, for somebody of one of its two agencies. Leaves an access event.

    Those who only watch are refused (J-NOT-YOURS), which is written down too; others find no case at all.
    """
    case = find_case(actor, pk=case_pk)
    ours = not {case.outbound_agency_id, case.inbound_agency_id}.isdisjoint(actor.roles)
    with transaction.atomic():
        AccessEvent.objects.create(
            at=now or timezone.now(),
            kind="unmask",
            case=case,
            user_id=actor.user_id,
            outcome="shown" if ours else "refused",
        )
    if not ours:
        raise refusal(
            "J-NOT-YOURS",
            what="显示完整信息",
            what_en="Show particulars in full",
            who="转出地或转入地经办机构人员",
            who_en="staff of the two agencies",
        )
    return Unmasked(case.name, case.person.identity_number, case.phone, case.email)


def record_export(actor: Actor, *, what: str, rows: int, now: datetime | None = None) -> None:
    """Write down that somebody took a list of cases out of the house."""
    AccessEvent.objects.create(
        at=now or timezone.now(),
        kind="export",
        user_id=actor.user_id,
        outcome="shown",
        detail=f"{what[:60]} rows={rows}",
    )


def unmask_account(actor: Actor, account_pk: int, *, now: datetime | None = None) -> BankAccount:
    """A receiving account with its whole number, for the finance staff and supervisors of its agency: whoever confirms
    it compares the number on the telephone. Leaves an access event. J-NOT-FOUND.
    """
    account = BankAccount.objects.select_related("agency").filter(pk=account_pk).first()
    if account is None or not actor.has(account.agency_id, Role.FINANCE, Role.SUPERVISOR):
        raise refusal("J-NOT-FOUND")
    AccessEvent.objects.create(
        at=now or timezone.now(),
        kind="unmask",
        user_id=actor.user_id,
        outcome="shown",
        detail=f"account {account.pk} of {account.agency.area_id}",
    )
    return account
