"""Receiving accounts that plainly belong to nobody: for the demonstration, tests and measurements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time

from stdnum import luhn

from transfers.models import Agency, BankAccount
from transfers.rules.bank import AccountState
from transfers.rules.workdays import ZONE

SINCE = date(2021, 12, 1)


def account_number_for(area: str) -> str:
    """19 digits with a right check digit, beginning 620000, which no bank has: the area's code stands in it.

    >>> account_number_for("330100")
    '6200003301000000009'
    """
    body = f"620000{area}000000"
    return body + luhn.calc_check_digit(body)


def give_accounts(agencies: Iterable[Agency] | None = None) -> None:
    """Give these agencies, or every one that has none, an account in force since December 2021."""
    bare = Agency.objects.filter(bank_accounts__isnull=True) if agencies is None else agencies
    BankAccount.objects.bulk_create(
        BankAccount(
            agency=agency,
            bank="演示银行",
            name=f"{agency.name}（演示）",
            number=account_number_for(agency.area_id),
            valid_from=SINCE,
            state=AccountState.CONFIRMED.value,
            note="演示账户",
            made_at=datetime.combine(SINCE, time(), tzinfo=ZONE),
        )
        for agency in bare
    )
