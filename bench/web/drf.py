"""The look-up as a Django REST framework project would write it: the middleware of startproject, a serializer, the ORM.

It has no rate limit and leaves no audit line, which favours it.
"""

from __future__ import annotations

import hmac
import os
from typing import Any

import django
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.web.drf_settings"
django.setup()

from django.http import Http404  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from accounts.crypto import lookup_hash  # noqa: E402
from bench.web.line import line  # noqa: E402
from transfers.models import Clock, TransferCase  # noqa: E402


class Asked(serializers.Serializer):
    number = serializers.RegexField(r"^JX\d{13}$")
    tail = serializers.CharField(min_length=3, max_length=6)


class Track(APIView):
    """Number and tail open the stage line."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        asked = Asked(data=request.data)
        asked.is_valid(raise_exception=True)
        case = (
            TransferCase.objects.select_related("person", "outbound_agency", "inbound_agency")
            .filter(number=asked.validated_data["number"])
            .exclude(state="DRAFT")
            .first()
        )
        tail = lookup_hash(asked.validated_data["tail"], context="person.tail")
        if case is None or not hmac.compare_digest(bytes(case.person.tail_hash), tail):
            raise Http404
        clock: Any = Clock.objects.filter(case=case, status="running").first()
        agency = case.inbound_agency if case.acts == "in" else case.outbound_agency
        return Response(
            line(
                number=case.number,
                name=case.name,
                state=case.state,
                acts=case.acts,
                agency=agency.name,
                phone=agency.phone,
                budget=clock.budget,
                used=clock.used,
                counted_until=clock.counted_until,
                due_on=clock.due_on,
                due_at=clock.due_at,
                now=timezone.now(),
            )
        )


urlpatterns = [path("track", Track.as_view())]
application = get_wsgi_application()
