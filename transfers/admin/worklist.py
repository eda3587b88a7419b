"""The worklist: shelves, filters, search, pages; and the list as a file."""

from __future__ import annotations

import base64
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from io import StringIO
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.crypto import CryptoError, decrypt, encrypt
from accounts.mask import mask_id
from transfers.access import Actor, visible_cases
from transfers.actions.disclosure import record_export
from transfers.actions.many import bulk_moves
from transfers.admin.pages import actor_of, missing, page
from transfers.admin.rows import rows_as_html
from transfers.models.labels import said
from transfers.rules.parties import Named, Role
from transfers.rules.routes import State
from transfers.selectors import console
from transfers.selectors.console import Cases, Row, Shelf

PER_PAGE = 100
EXPORTED = 1000
TEXT_MAX, Q_MAX = 60, 400
SEALED, SEARCH = "~", "console.search"
STATES = {code: named for code, named in console.STATE_NAMES.items() if code != State.DRAFT}
SIDES = {"out": Named("转出业务", "Outbound"), "in": Named("转入业务", "Inbound")}


class CappedPaginator(Paginator):
    """Counts to 1,001 and no further: a list of millions costs what a list of a thousand does."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by().values("pk")[: console.COUNTED].count()  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the worklist was asked for, from the query string; what cannot be is dropped."""

    shelf: Shelf
    q: str
    state: str
    side: str

    @property
    def text(self) -> str:
        """What is searched for."""
        return unsealed(self.q)

    @property
    def shown(self) -> str:
        """The search in words, with a number masked."""
        return mask_id(self.text) if console.is_identity(self.text) else self.text

    @property
    def typed(self) -> str:
        """What the search field shows: a number that was sealed does not come back onto the screen."""
        return "" if self.q.startswith(SEALED) else self.q

    @classmethod
    def of(cls, given: Mapping[str, str], shelves: list[Shelf]) -> Asked:
        by_code = {shelf.code: shelf for shelf in shelves}
        state, side = given.get("state", ""), given.get("side", "")
        return cls(
            shelf=by_code.get(given.get("shelf", ""), console.OURS),
            q=given.get("q", "").strip()[:Q_MAX],
            state=state if state in STATES else "",
            side=side if side in SIDES else "",
        )

    def query(self, **changes: str) -> str:
        """The query string for this list with something changed."""
        values = {"shelf": self.shelf.code, "q": self.q, "state": self.state, "side": self.side, **changes}
        return urlencode({key: value for key, value in values.items() if value})

    def cases(self, actor: Actor, now: datetime) -> Cases:
        """The cases asked for. A search looks on every shelf, closed cases included."""
        if self.q:
            cases = console.search(visible_cases(actor), self.text).order_by("-closed_at", *console.ORDER)
        else:
            cases = console.on_shelf(self.shelf, actor, now)
        if self.state:
            cases = cases.filter(state=self.state)
        if self.side and not actor.everything:
            column = "outbound_agency__in" if self.side == "out" else "inbound_agency__in"
            cases = cases.filter(Q(**{column: [*actor.roles, *actor.below]}))
        return cases


def sealed(text: str) -> str:
    """What stands in the address for a search: an identity number never does, it would stay in logs and histories."""
    if not console.is_identity(text):
        return text
    return SEALED + base64.urlsafe_b64encode(encrypt(text, context=SEARCH)).decode()


def unsealed(q: str) -> str:
    """The text behind `q`; what cannot be opened is nothing."""
    if not q.startswith(SEALED):
        return q[:TEXT_MAX]
    try:
        return decrypt(base64.urlsafe_b64decode(q.removeprefix(SEALED)), context=SEARCH)
    except (ValueError, CryptoError):
        return ""


def worklist_view(request: HttpRequest) -> HttpResponse:
    """One page of the worklist, by due date. A whole case number leads straight to its case.

    The search field is posted and leads here by a redirect, so that what was typed is in no address.
    """
    actor, now = actor_of(request), timezone.now()
    if not actor.roles:
        return missing(request)
    if request.method == "POST":
        query = urlencode({"q": sealed(request.POST.get("q", "").strip()[:TEXT_MAX])})
        return HttpResponseRedirect(f"{reverse('admin:transfers_transfercase_changelist')}?{query}")
    shelves = console.shelves_for(actor)
    asked = Asked.of(request.GET.dict(), shelves)
    cases = asked.cases(actor, now)
    if asked.text and console.number_of(asked.text) and (only := cases.values_list("pk", flat=True).first()):
        return HttpResponseRedirect(reverse("admin:transfers_transfercase_change", args=[only]))
    paginator = CappedPaginator(cases, PER_PAGE)
    shown = paginator.get_page(request.GET.get("page"))
    rows = console.rows_of(console.slim(shown.object_list), actor, now)  # type: ignore[arg-type] # as it was given
    # Rows are ticked for a step of many cases, or to be given to a colleague.
    steps_many = any(actor.holds(*declared.move.roles) for declared in bulk_moves())
    reassigns = actor.holds(Role.SUPERVISOR)
    context = {
        "shelves": [(shelf, asked.query(shelf=shelf.code, q="", state="")) for shelf in shelves],
        "asked": asked,
        "query": asked.query(),
        "rows": rows,
        "lines": rows_as_html(rows, ticks=steps_many or reassigns),
        "shown": shown,
        "capped": paginator.count >= console.COUNTED,
        "states": list(STATES.items()),
        "sides": [] if actor.everything else list(SIDES.items()),
        "exported": EXPORTED,
        "steps_many": steps_many,
        "reassigns": reassigns,
    }
    return page(request, "worklist", context, title=_("Worklist"))


def export(request: HttpRequest) -> HttpResponse:
    """The list as CSV, masked as on the screen; with `pk`, only those rows. Every export is an access event."""
    actor, now = actor_of(request), timezone.now()
    if not actor.roles:
        return missing(request)
    asked = Asked.of(request.POST.dict(), console.shelves_for(actor))
    cases = asked.cases(actor, now)
    if chosen := [int(pk) for pk in request.POST.getlist("pk") if pk.isascii() and pk.isdigit() and len(pk) < 19]:
        cases = cases.filter(pk__in=chosen)
    rows = console.rows_of(console.slim(cases)[:EXPORTED], actor, now)
    record_export(actor, what=asked.query(q="…" if asked.text else ""), rows=len(rows), now=now)
    name = f"jiexu-{timezone.localtime(now):%Y%m%d-%H%M}.csv"
    return HttpResponse(
        _csv(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )


def _csv(rows: list[Row]) -> bytes:
    """The rows for a spreadsheet: with a byte-order mark, and no cell that it would take for a formula."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            *(_("Case number"), _("Name (masked)"), _("State"), _("Who must act"), _("Last day"), _("Days left")),
            *(_("Handled by"), _("Outbound area"), _("Inbound area"), _("Money"), _("Closed")),
        ]
    )
    for row in rows:
        cells = [
            *(row.number, row.name, said(row.state), said(row.acts)),
            row.due_on.isoformat() if row.due_on else "",
            said(row.left.named) if row.due_on else "",
            *(row.owner, row.from_area, row.to_area, said(row.money) if row.money else ""),
            row.closed_on.isoformat() if row.closed_on else "",
        ]
        writer.writerow([harmless(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """Text that a spreadsheet shows instead of running it."""
    return f"'{cell}" if cell.lstrip().startswith(("=", "+", "-", "@")) or cell.startswith(("\t", "\r", "\n")) else cell
