"""The content of the information sheet (《信息表》, T2102): one form, one canonical text, one digest."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from accounts.mask import mask_id
from transfers.models import TransferCase
from transfers.rules.facts import AreaFacts
from transfers.rules.months import Period, month_from_text, month_text, tally
from transfers.rules.parties import Scheme
from transfers.rules.workdays import local_date


def content_for(case: TransferCase, facts: AreaFacts, *, handler: str, now: datetime) -> dict[str, Any]:
    """The sheet as the outbound record stands. Months are `YYYY-MM`, amounts in fen, the identity number masked.

    A balance goes with the employee scheme and an account that exists (hi_type 1); otherwise it is 0.
    """
    periods = [p for p in facts.periods if p.scheme == case.outbound_scheme and not p.reversed]
    months = tally(periods)
    enrolment = facts.enrolled(case.outbound_scheme)
    carries_account = (
        case.outbound_scheme == Scheme.EMPLOYEE and enrolment is not None and enrolment.account_kind == "1"
    )
    return {
        "case_number": case.number,
        "name": case.name,
        "identity_type": case.person.identity_type,
        "identity_number": mask_id(case.person.identity_number),
        "outbound_area": case.outbound_area_id,
        "inbound_area": case.inbound_area_id,
        "outbound_scheme": case.outbound_scheme,
        "inbound_scheme": case.inbound_scheme,
        "account_kind": enrolment.account_kind if enrolment else "",
        "first_month": month_text(months.ranges[0][0]) if months.ranges else "",
        "last_month": month_text(months.ranges[-1][1]) if months.ranges else "",
        "months_actual": months.actual,
        "months_deemed": months.deemed,
        "months_total": months.total,
        "balance_fen": facts.account.balance_fen if carries_account and facts.account else 0,
        "balance_date": local_date(now).isoformat(),
        "agency": case.outbound_agency.name,
        "agency_phone": case.outbound_agency.phone,
        "handler": handler,
        "periods": [
            {
                "no": number,
                "from": month_text(period.first),
                "to": month_text(period.last),
                "months": period.last - period.first + 1,
                "kind": period.kind,
                "area": period.area,
            }
            for number, period in enumerate(periods, start=1)
        ],
    }


def periods_of(content: dict[str, Any]) -> list[Period]:
    """The contribution periods that a sheet lists."""
    return [
        Period(
            month_from_text(row["from"]),
            month_from_text(row["to"]),
            row["kind"],
            row["area"],
            content["outbound_scheme"],
        )
        for row in content["periods"]
    ]


# What must still be true of the record when a sheet is approved; the rest is fixed by its preparation.
COMPARED = ("name", "account_kind", "months_actual", "months_deemed", "months_total", "balance_fen", "periods")


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
