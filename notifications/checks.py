"""What must be right about the channels before the system starts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register
def sms_gateway(**_kwargs: Any) -> list[CheckMessage]:
    """The gateway's address and key fit together, and messages do not cross a network in the clear."""
    if not settings.SMS_GATEWAY_URL:
        return []
    found: list[CheckMessage] = []
    parts = urlsplit(settings.SMS_GATEWAY_URL)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        found.append(Error("SMS_GATEWAY_URL is not a web address.", id="notifications.E001"))
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        found.append(
            Error("SMS_GATEWAY_URL must start with https:// unless it is on this machine.", id="notifications.E002")
        )
    if len(settings.SMS_GATEWAY_KEY) < 16:
        found.append(
            Error("SMS_GATEWAY_KEY needs 16 characters or more, as agreed with the gateway.", id="notifications.E003")
        )
    return found


@register(Tags.security, deploy=True)
def sms_file(**_kwargs: Any) -> list[CheckMessage]:
    """A file of telephone numbers and codes is for development."""
    if settings.SMS_GATEWAY_URL or settings.DEBUG or settings.DEMO:
        return []
    return [Warning("SMS are written to a file: set SMS_GATEWAY_URL and SMS_GATEWAY_KEY.", id="notifications.W001")]


@register(Tags.security, deploy=True)
def webhooks(**_kwargs: Any) -> list[CheckMessage]:
    """The guard is for production."""
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        return []
    return [Warning("WEBHOOK_ALLOW_PRIVATE lets partners aim webhooks at your own network.", id="notifications.W002")]
