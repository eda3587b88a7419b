"""What applies to a move between two areas today: public, about no person, so the areas stay in the address."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from transfers.places import areas_by_province
from transfers.rules.errors import Refusal
from transfers.rules.workdays import local_date
from transfers.selectors.applying import between


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """Two areas to choose; with both, the sentences that hold for them and the documents behind each area's rules."""
    out, into = request.GET.get("from", ""), request.GET.get("to", "")
    today = local_date(timezone.now())
    context: dict[str, Any] = {"areas": areas_by_province(), "out": out, "into": into, "today": today}
    status = 200
    if out or into:
        try:
            found = between(out, into, today)
        except Refusal as error:
            context["error"], status = error, error.http_status
        else:
            topics = groupby(found.promises, key=lambda promise: promise.topic)
            context |= {
                "found": found,
                "topics": [(topic, list(listed)) for topic, listed in topics],
                "sides": (found.outbound, found.inbound),
            }
    return render(request, "track/rules.html", context, status=status)
