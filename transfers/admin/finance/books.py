"""The books of a day by area pair, down to the entries; as a file too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers.actions import settling
from transfers.actions.disclosure import record_export
from transfers.admin.finance.frame import Here, here_at, here_of, show
from transfers.admin.finance.payments import as_file
from transfers.models import Reconciliation, Settlement
from transfers.places import agency_of, has_area
from transfers.rules.errors import Refusal, refusal
from transfers.rules.money import Book
from transfers.rules.parties import Named
from transfers.rules.workdays import local_date
from transfers.selectors import reconciliation
from transfers.selectors.console import area_names
from transfers.selectors.reconciliation import PairDay
from transfers.selectors.settlements import Owing, outstanding
from transfers.templatetags.said import yuan

MAIN = 9
"""The columns that make up the equation; the others stand in a table of their own."""
SHOWN = 500
_YUAN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
BOOKS = {
    Book.PERSONAL: Named("个人账户", "personal account"),
    Book.FIXED: Named("锁定", "fixed"),
    Book.TRANSIT: Named("在途", "in transit"),
    Book.RECEIVED: Named("已到账待入账", "arrived"),
    Book.PAID: Named("支付本人", "paid to the person"),
    Book.HEIRS: Named("支付继承人", "paid to the heirs"),
    Book.WALLET: Named("医保钱包", "wallet"),
    Book.INTEREST: Named("利息", "interest"),
    Book.OWED: Named("应付清算", "owed"),
    Book.ADVANCED: Named("垫付", "advanced"),
}


@dataclass(frozen=True, slots=True)
class Settled:
    """What one fund owes another, and what the actor may do about it."""

    owing: Owing
    way: str
    may_propose: bool
    may_decide: bool


def books_view(request: HttpRequest) -> HttpResponse:
    """Every pair in which the agency's area has part."""
    return _show(request, here_of(request))


def _show(request: HttpRequest, here: Here, error: Refusal | None = None) -> HttpResponse:
    day = _day(request)
    rows = _table(here, day)
    names = area_names()
    columns = list(reconciliation.COLUMNS.items())
    run = Reconciliation.objects.filter(date=day).order_by("-run").first()
    context = {
        "day": day,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "today": local_date(timezone.now()),
        "tables": [
            ([named for _name, named in part], [(row, _way(row, names), _cells(row, part)) for row in rows])
            for part in (columns[:MAIN], columns[MAIN:])
        ],
        "totals": [_cells(reconciliation.total(rows), part) for part in (columns[:MAIN], columns[MAIN:])],
        "gaps": [(row, _way(row, names)) for row in rows if row.gap_fen],
        "rows": rows,
        "refusal": error,
        "run": run,
        "settlements": _settlements(here),
        "differences": [one for one in run.differences if _ours(here, one)] if run else [],
    }
    title = _("Reconciliation of %(day)s") % {"day": day.isoformat()}
    status = error.http_status if error else 200
    return show(request, here, "books", context, title=title, tab="books", status=status)


def settle_view(request: HttpRequest) -> HttpResponse:
    """Record that the fund has paid another for what was credited at once; or decide on what a colleague recorded."""
    given = request.POST.get("settlement", "")
    known = given.isascii() and given.isdigit() and len(given) < 19
    here = _paid_by(request, int(given)) if known else here_of(request)
    try:
        if known:
            if "refuse" in request.POST:
                settling.refuse(here.actor, int(given), note=request.POST.get("note", ""))
                messages.success(request, _("The settlement was refused."))
            else:
                settling.approve(here.actor, int(given))
                messages.success(request, _("The settlement is posted."))
        else:
            settling.propose(
                here.actor,
                here.agency.area_id,
                request.POST.get("in", ""),
                amount_fen=_fen(request.POST.get("amount", "")),
                bank_reference=request.POST.get("bank_reference", ""),
                note=request.POST.get("note", ""),
            )
            messages.success(request, _("Recorded. Somebody else must approve it."))
    except Refusal as error:
        return _show(request, here, error)
    return HttpResponseRedirect(here.address("books"))


def _paid_by(request: HttpRequest, settlement: int) -> Here:
    """The agency whose fund pays a settlement; 404 where the actor does not see its finance."""
    area = Settlement.objects.filter(pk=settlement).values_list("out_area_id", flat=True).first()
    agency = agency_of(area) if area else None
    if agency is None:
        raise Http404
    return here_at(request, agency.pk)


def _settlements(here: Here) -> list[Settled]:
    """What is owed between the agency's area and others for what was credited at once."""
    names = area_names()
    area, user = here.agency.area_id, here.actor.user_id
    return [
        Settled(
            owing=one,
            way=f"{names.get(one.outbound, one.outbound)} → {names.get(one.inbound, one.inbound)}",
            may_propose=here.does and one.outbound == area and one.proposed is None,
            may_decide=here.does
            and one.outbound == area
            and one.proposed is not None
            and one.proposed.made_by_id != user,
        )
        for one in outstanding([area])
    ]


def _fen(text: str) -> int:
    """Yuan as they were typed, in fen."""
    plain = text.strip().replace(",", "")
    if not _YUAN.fullmatch(plain):
        raise refusal("J-FIELD", field="清算金额", problem="请填写金额，如 1234.56", problem_en="write it like 1234.56")
    return int(Decimal(plain) * 100)


def entries_view(request: HttpRequest) -> HttpResponse:
    """The entries of one pair on one day."""
    here, day, out, into = _pair(request)
    lines = reconciliation.entries(day, out, into)
    names = area_names()
    context = {
        "day": day,
        "out": out,
        "into": into,
        "way": f"{names[out]} → {names[into]}",
        "lines": [
            (
                line,
                reconciliation.KINDS.get(line.kind),
                BOOKS.get(Book(line.book)),
                names.get(line.area, ""),
                names.get(line.counter_area, ""),
            )
            for line in lines[:SHOWN]
        ],
        "count": len(lines),
        "cut": len(lines) > SHOWN,
    }
    title = _("Entries of %(day)s") % {"day": day.isoformat()}
    return show(request, here, "entries", context, title=title, tab="books")


def export_view(request: HttpRequest) -> HttpResponse:
    """The table, or the entries of one pair, as CSV. Every export is an access event."""
    if "out" in request.POST:
        here, day, out, into = _pair(request)
        lines = reconciliation.entries(day, out, into)
        record_export(here.actor, what=f"entries {day} {out}-{into}", rows=len(lines))
        return as_file(reconciliation.entries_csv(lines).encode(), f"entries-{day}-{out}-{into}.csv")
    here, day = here_of(request), _day(request)
    rows = _table(here, day)
    record_export(here.actor, what=f"reconciliation {day} {here.agency.area_id}", rows=len(rows))
    name = f"reconciliation-{day}-{here.agency.area_id}.csv"
    return as_file(reconciliation.as_csv(rows, area_names()).encode(), name)


def _table(here: Here, day: date) -> list[PairDay]:
    """The pairs with the agency's area at either end."""
    area = here.agency.area_id
    found = {(row.out, row.into): row for row in reconciliation.table(day, out=[area])}
    found |= {(row.out, row.into): row for row in reconciliation.table(day, into=[area])}
    return [found[pair] for pair in sorted(found)]


def _ours(here: Here, difference: dict[str, str]) -> bool:
    return here.agency.area_id in (difference["out"], difference["into"])


def _way(row: PairDay, names: dict[str, str]) -> str:
    return f"{names.get(row.out, row.out)} → {names.get(row.into, row.into)}"


def _cells(row: PairDay, part: Sequence[tuple[str, Named]]) -> list[str]:
    """The figures of a row as people read them: yuan, or a number."""
    return [yuan(getattr(row, name)) if name.endswith("_fen") else f"{getattr(row, name):,}" for name, _named in part]


def _pair(request: HttpRequest) -> tuple[Here, date, str, str]:
    """A pair of areas, one of which is the agency's."""
    here = here_of(request)
    given = request.POST if request.method == "POST" else request.GET
    out, into = given.get("out", ""), given.get("in", "")
    if here.agency.area_id not in (out, into) or not has_area(out) or not has_area(into):
        raise Http404
    return here, _day(request), out, into


def _day(request: HttpRequest) -> date:
    given = request.POST if request.method == "POST" else request.GET
    try:
        return date.fromisoformat(given.get("date", "").strip())
    except ValueError:
        return local_date(timezone.now())
