"""How a letter leaves. One module a channel, all behind one port."""

from __future__ import annotations

from notifications.channels.email import EmailChannel
from notifications.channels.port import Channel, Message
from notifications.channels.sms import sms_channel
from notifications.channels.webhook import WebhookChannel

__all__ = ["Channel", "Message", "open_channels"]


def open_channels() -> dict[str, Channel]:
    """The channels of this installation by name. Close each when done."""
    return {"email": EmailChannel(), "sms": sms_channel(), "webhook": WebhookChannel()}
