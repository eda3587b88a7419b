"""Webhooks: a signed POST to an address that somebody else chose, and therefore guarded. See docs/notifications.md."""

from __future__ import annotations

import ipaddress
import json
import re
import socket

import httpx
from django.conf import settings

from notifications.channels import http
from notifications.channels.port import Message
from notifications.errors import PermanentFailure, TemporaryFailure

# Ranges of IPv6 that carry an IPv4 address to wherever a gateway leads: NAT64, 6to4, Teredo.
_TUNNELS = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


def is_public(address: str) -> bool:
    """True for an address out on the internet; false for loopback, private, link-local, multicast and tunnels."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif any(ip in net for net in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def guarded(address: str) -> tuple[httpx.URL, str]:
    """The address with its host replaced by a resolved and permitted IP, and the host.

    The connection is made to the very address that was checked, so a name that resolves differently a moment later
    leads nowhere else. Raises `PermanentFailure` or, when the name cannot be resolved now, `TemporaryFailure`.
    """
    try:
        url = httpx.URL(address)
        host = url.raw_host.decode("ascii").strip("[]")
        port = url.port or {"https": 443, "http": 80}[url.scheme]
    except (httpx.InvalidURL, UnicodeError, KeyError, TypeError):
        raise PermanentFailure("L-ADDRESS", "the address is not a web address") from None
    if not _HOST.fullmatch(host) or url.userinfo:
        raise PermanentFailure("L-ADDRESS", "the address is not a plain web address")
    if url.scheme != "https" and not settings.WEBHOOK_ALLOW_PRIVATE:
        raise PermanentFailure("L-ADDRESS", "the address does not start with https")
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise TemporaryFailure("L-UNREACHABLE", "the host has no address", service_down=True) from None
    # All of them, not only the one we would take: a name with one foot inside is not an honest one.
    if not settings.WEBHOOK_ALLOW_PRIVATE and not all(is_public(ip) for ip in found):
        raise PermanentFailure("L-PRIVATE", "the host is on a private network")
    return url.copy_with(host=found[0]), host


def event_of(message: Message) -> dict[str, object]:
    """The JSON that a receiver gets."""
    return {
        "id": message.key,
        "type": message.template,
        "created_at": message.created_at.isoformat(),
        "subject": message.subject_ref,
        "data": message.data,
    }


class WebhookChannel:
    """POSTs each message to its own address, signed with the receiver's own key."""

    concurrency = 8

    def __init__(self) -> None:
        self._http = http.client()

    def service(self, message: Message) -> str:
        try:
            return f"webhook:{httpx.URL(message.address).host}"
        except httpx.InvalidURL:
            return "webhook:"

    def send(self, message: Message) -> None:
        url, host = guarded(message.address)
        body = json.dumps(event_of(message), ensure_ascii=False).encode()
        headers = http.signed_headers(key=message.signing_key, body=body, idempotency_key=message.key)
        headers["Host"] = httpx.URL(message.address).netloc.decode("ascii")
        answer = http.post(self._http, url, body=body, headers=headers, extensions={"sni_hostname": host})
        if answer.status == 410:
            raise PermanentFailure("L-REFUSED", "the receiver is gone (410)")
        http.judge(answer)

    def close(self) -> None:
        self._http.close()
