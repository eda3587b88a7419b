"""What can go wrong between a fact and its reader. Texts here are stored and logged: no names, numbers or addresses."""

from __future__ import annotations

import re


class DraftError(ValueError):
    """A letter that cannot be written: the caller's mistake, raised before anything is stored."""


class NotInTransaction(RuntimeError):
    """`post` was called outside a transaction, where a letter could be sent about something that was rolled back."""


class DeliveryError(Exception):
    """A letter was not delivered. `code` is one of the table in docs/notifications.md, `text` says it in a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


class TemporaryFailure(DeliveryError):
    """Worth another try. `retry_after` in seconds when the other side named it; `service_down` when it is not this
    letter but the whole service that does not answer, so that the others need not all find out by themselves."""

    def __init__(self, code: str, text: str, *, retry_after: float | None = None, service_down: bool = False) -> None:
        super().__init__(code, text)
        self.retry_after = retry_after
        self.service_down = service_down


class PermanentFailure(DeliveryError):
    """No other try will do better: the letter goes to the dead letters at once."""


class RenderError(TemporaryFailure):
    """The text cannot be made. Temporary: the next release may repair the template."""

    def __init__(self, text: str) -> None:
        super().__init__("L-TEMPLATE", text)


def safe_word(value: object) -> str:
    """A code from outside, cut down to what can be a code, so that nothing personal is stored with an error."""
    return re.sub(r"[^A-Za-z0-9_.-]", "", str(value))[:32]
