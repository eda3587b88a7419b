"""The port that each channel fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Message:
    """One delivery. The same `key` comes again with each retry; the receiver may use it to tell a repetition."""

    key: str
    template: str
    language: str
    address: str = field(repr=False)
    subject: str = ""
    body: str = field(default="", repr=False)
    subject_ref: str = ""
    created_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    signing_key: str = field(default="", repr=False)


class Channel(Protocol):
    """`send` returns when the other side took the message over, or raises `TemporaryFailure` or `PermanentFailure`.

    It is called from `concurrency` threads at once, uses no database, and gives up by itself within `leases.GRACE`.
    """

    concurrency: int

    def service(self, message: Message) -> str:
        """What would be down for all if it is down for this message: a gateway, a mail server, a host."""

    def send(self, message: Message) -> None: ...

    def close(self) -> None: ...
