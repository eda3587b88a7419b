"""From which network address a request comes."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest


def origin_of(request: HttpRequest) -> str:
    """The address that limits and audit lines are kept by; of IPv6 the /64, which is one subscriber's.

    Each of `TRUSTED_PROXIES` appends the address it was asked from to `X-Forwarded-For`, so ours is that many entries
    from the right; whatever stands further left was written by the asker and is not believed.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        entries = [entry.strip() for entry in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if entry.strip()]
        if entries:
            address = entries[-min(settings.TRUSTED_PROXIES, len(entries))]
    return _subscriber(address) or str(request.META.get("REMOTE_ADDR", "")) or "unknown"


@lru_cache(maxsize=1024)
def _subscriber(address: str) -> str:
    """The address in its one spelling, of IPv6 the subscriber's network; empty for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
