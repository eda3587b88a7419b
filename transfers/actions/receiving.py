"""The directory of receiving accounts: to which account balances for an agency are sent, from which day on.

A change of account is how money is stolen: one person proposes it, another confirms it, after calling the agency on a
number known before, where it takes the place of another account. A confirmed account is in force from the next day at
the earliest, so that what letters and payments of a day said stays so, and is never changed: another follows it. The
rows, with who made and who checked them and when, are the log of changes. `transfers.places.account_of` reads them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from transfers.access import Actor
from transfers.models import Agency, BankAccount
from transfers.places import account_of
from transfers.rules.bank import AccountState, account_number
from transfers.rules.bankfiles import BANK_MAX, NAME_MAX, plain
from transfers.rules.errors import refusal
from transfers.rules.parties import Named, Role
from transfers.rules.text import written
from transfers.rules.workdays import local_date

KEEPERS = (Role.FINANCE, Role.SUPERVISOR)
_BANK, _NAME = Named("开户银行", "Bank"), Named("户名", "Account name")


def may_keep(actor: Actor, agency: int) -> bool:
    """Whether the actor keeps the accounts of this agency: its finance staff and supervisors, nobody else's."""
    return actor.has(agency, *KEEPERS)


@transaction.atomic
def propose(
    actor: Actor,
    agency: int,
    *,
    bank: str,
    name: str,
    number: str,
    valid_from: date,
    note: str = "",
    now: datetime | None = None,
) -> BankAccount:
    """Propose the account that receives from `valid_from` on; nothing changes before somebody else confirms it.

    Refused: J-NOT-YOURS, J-FIELD (bank, name, day), J-ACCOUNT (number), J-ACCOUNT-OPEN (another one waits),
    J-ACCOUNT-SAME (nothing would change).
    """
    now = now or timezone.now()
    _require_keeper(actor, agency)
    bank, name = plain(bank, field=_BANK, limit=BANK_MAX), plain(name, field=_NAME, limit=NAME_MAX)
    number, note = account_number(number), written(note)
    _hold(agency)
    if BankAccount.objects.filter(agency=agency, state=AccountState.PROPOSED.value).exists():
        raise refusal("J-ACCOUNT-OPEN")
    if valid_from <= local_date(now):
        raise refusal("J-FIELD", field="启用日期", problem="最早为明天", problem_en="tomorrow at the earliest")
    before = account_of(agency, valid_from)
    if before is not None and (before.bank, before.name, before.number) == (bank, name, number):
        raise refusal("J-ACCOUNT-SAME")
    return BankAccount.objects.create(
        agency_id=agency,
        bank=bank,
        name=name,
        number=number,
        valid_from=valid_from,
        note=note,
        made_by_id=actor.user_id,
        made_at=now,
    )


@transaction.atomic
def confirm(actor: Actor, account: int, *, callback_note: str = "", now: datetime | None = None) -> BankAccount:
    """Put a proposed account in force, and end the one before it on the day before.

    Where one was in force, `callback_note` tells whom the checker called on which known number and what was said.
    Refused: J-NOT-FOUND, J-NOT-YOURS, J-FOUR-EYES, J-ACCOUNT-DONE, J-CALLBACK, J-ACCOUNT-LATER (one is in force only
    from then on).
    """
    now = now or timezone.now()
    row = _open(actor, account)
    callback_note = written(callback_note, field="回电核实记录")
    account_number(row.number)  # one carried over from before the directory has never been checked
    first = max(row.valid_from, local_date(now) + timedelta(days=1))
    confirmed = BankAccount.objects.filter(agency=row.agency_id, state=AccountState.CONFIRMED.value)
    if confirmed.filter(valid_from__gte=first).exists():
        raise refusal("J-ACCOUNT-LATER")
    if confirmed.exists() and not callback_note:
        raise refusal("J-CALLBACK")
    before = account_of(row.agency_id, first)
    if before is not None:
        before.valid_to = first - timedelta(days=1)
        before.save(update_fields=["valid_to"])
    row.state, row.valid_from, row.callback_note = AccountState.CONFIRMED.value, first, callback_note
    row.checked_by_id, row.checked_at = actor.user_id, now
    row.save(update_fields=["state", "valid_from", "callback_note", "checked_by", "checked_at"])
    return row


@transaction.atomic
def refuse(actor: Actor, account: int, *, note: str, now: datetime | None = None) -> BankAccount:
    """Refuse a proposed account, saying why. J-NOT-FOUND, J-NOT-YOURS, J-FOUR-EYES, J-ACCOUNT-DONE, J-NOTE."""
    row = _open(actor, account)
    note = written(note, required=True)
    row.state, row.callback_note = AccountState.REFUSED.value, note
    row.checked_by_id, row.checked_at = actor.user_id, now or timezone.now()
    row.save(update_fields=["state", "callback_note", "checked_by", "checked_at"])
    return row


def _require_keeper(actor: Actor, agency: int) -> None:
    if not may_keep(actor, agency):
        raise refusal(
            "J-NOT-YOURS",
            what="维护收款账户",
            what_en="Keep the receiving accounts",
            who="该机构的财务或主管",
            who_en="finance staff or a supervisor of that agency",
        )


def _hold(agency: int) -> None:
    """One change of an agency's accounts at a time."""
    Agency.objects.select_for_update(no_key=True).get(pk=agency)


def _open(actor: Actor, account: int) -> BankAccount:
    """The proposal, ours until the transaction ends, for somebody other than whoever made it."""
    found = BankAccount.objects.filter(pk=account).first()
    if found is None:
        raise refusal("J-NOT-FOUND")
    _require_keeper(actor, found.agency_id)
    _hold(found.agency_id)
    found.refresh_from_db()
    if found.state != AccountState.PROPOSED:
        said = AccountState(found.state).named
        raise refusal("J-ACCOUNT-DONE", state=said.zh, state_en=said.en)
    if found.made_by_id is not None and found.made_by_id == actor.user_id:
        raise refusal("J-FOUR-EYES")
    return found
