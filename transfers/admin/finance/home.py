"""The finance home page: what waits, what is on its way, and how old unexplained money is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers.admin.finance.frame import here_of, show
from transfers.selectors import finance


def home_view(request: HttpRequest) -> HttpResponse:
    """Tiles, and two drawings with their figures beside them."""
    here = here_of(request)
    day = finance.day_of(here.agency, here.actor.user_id, timezone.now())
    tiles = [(tile, here.address(tile.link, **tile.query)) for tile in day.tiles]
    return show(request, here, "home", {"day": day, "tiles": tiles}, title=_("Finance"), tab="home")
