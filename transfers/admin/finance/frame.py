"""What every finance page needs: the agency whose finance it shows, the tabs, and ticked rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from transfers.access import Actor
from transfers.admin.pages import actor_of, page
from transfers.models import Agency
from transfers.rules.parties import Role
from transfers.selectors import finance

PER_PAGE = 50
AT_ONCE = 1000
"""So many rows of a list can be acted upon at once."""


@dataclass(frozen=True, slots=True)
class Here:
    """At which agency the finance is looked at. `does`: the actor does it and does not only look on."""

    actor: Actor
    agency: Agency
    agencies: list[Agency]

    @property
    def does(self) -> bool:
        return self.actor.has(self.agency.pk, Role.FINANCE)

    @property
    def keeps(self) -> bool:
        """Whether the actor keeps the agency's receiving accounts."""
        return self.actor.has(self.agency.pk, Role.FINANCE, Role.SUPERVISOR)

    def address(self, name: str, *args: Any, **query: str) -> str:
        """The address of a finance page at this agency."""
        return f"{reverse(f'admin:finance_{name}', args=args)}?{urlencode({'agency': self.agency.pk, **query})}"


def here_of(request: HttpRequest) -> Here:
    """The agency that was asked for, or the actor's first; 404 where there is none, or it is not theirs."""
    given = request.POST.get("agency") or request.GET.get("agency") or ""
    return _here(request, int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None, bool(given))


def here_at(request: HttpRequest, agency: int) -> Here:
    """The agency of something; 404 where the actor does not see its finance."""
    return _here(request, agency, asked=True)


def _here(request: HttpRequest, wanted: int | None, asked: bool) -> Here:
    actor = actor_of(request)
    agencies = finance.finance_of(actor)
    found = [agency for agency in agencies if not asked or agency.pk == wanted]
    if not found:
        raise Http404
    return Here(actor, found[0], agencies)


def show(
    request: HttpRequest, here: Here, name: str, context: Mapping[str, Any], *, title: str, tab: str, status: int = 200
) -> HttpResponse:
    """A finance page with its tabs."""
    tabs = [
        ("home", here.address("home"), _("Overview")),
        ("money", here.address("money"), _("Remittances")),
        ("batches", here.address("batches"), _("Batches")),
        ("payments", here.address("payments"), _("Payments")),
        ("files", here.address("files"), _("Bank files")),
        ("lines", here.address("lines"), _("Bank lines")),
        ("accounts", here.address("accounts"), _("Receiving accounts")),
        ("books", here.address("books"), _("Reconciliation")),
    ]
    framed = {"here": here, "tabs": tabs, "tab": tab, **context}
    return page(request, f"finance/{name}", framed, title=title, status=status)


def numbers(texts: list[str]) -> list[int]:
    """Keys as they were posted; what is none is dropped."""
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
