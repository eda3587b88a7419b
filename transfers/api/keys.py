"""Who calls: a partner platform with its key, the scope it needs, and how often it may."""

from __future__ import annotations

import math
from typing import cast

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from accounts import buckets
from transfers.models import Partner
from transfers.rules.errors import refusal

CAPACITY, PER_SECOND = 200.0, 20.0


class PartnerKey(HttpBearer):
    """`Authorization: Bearer jx_…`, with this scope. J-KEY, J-SCOPE or J-TOO-MANY otherwise."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Partner | None:
        partner = Partner.objects.filter(key_hash=Partner.hash_key(token), active=True).first()
        if partner is None:
            return None
        taken = buckets.take(f"api.partner:{partner.pk}", capacity=CAPACITY, per_second=PER_SECOND, now=timezone.now())
        if not taken.allowed:
            raise refusal("J-TOO-MANY", seconds=math.ceil(taken.retry_after) or 1)
        if self.scope not in partner.scopes:
            raise refusal("J-SCOPE", scope=self.scope)
        return partner


def caller(request: HttpRequest) -> Partner:
    """The partner that was authenticated."""
    return cast("Partner", request.auth)  # type: ignore[attr-defined]
