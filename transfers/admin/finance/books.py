"""The books of a day by area pair, down to the entries; as a file too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers.actions.disclosure import record_export
from transfers.admin.finance.frame import Here, here_of, show
from transfers.admin.finance.payments import as_file
from transfers.models import Reconciliation
from transfers.places import has_area
from transfers.rules.money import Book
from transfers.rules.parties import Named
from transfers.rules.workdays import local_date
from transfers.selectors import reconciliation
from transfers.selectors.console import area_names
from transfers.selectors.reconciliation import PairDay

MAIN = 9
"""The columns that make up the equation; the others stand in a table of their own."""
SHOWN = 500
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


def books_view(request: HttpRequest) -> HttpResponse:
    """Every pair in which the agency's area has part."""
    here = here_of(request)
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
        "run": run,
        "differences": [one for one in run.differences if _ours(here, one)] if run else [],
    }
    title = _("Reconciliation of %(day)s") % {"day": day.isoformat()}
    return show(request, here, "books", context, title=title, tab="books")


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
    return [reconciliation.figure(row, name) for name, _named in part]


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
