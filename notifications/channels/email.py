"""E-mail through whatever backend Django is set to."""

from __future__ import annotations

import smtplib
import threading

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from notifications.channels.port import Message
from notifications.errors import PermanentFailure, TemporaryFailure


class EmailChannel:
    """One connection kept open through a batch."""

    concurrency = 1

    def __init__(self) -> None:
        self._connection = get_connection()
        self._lock = threading.Lock()

    def service(self, message: Message) -> str:
        return "email"

    def send(self, message: Message) -> None:
        try:
            validate_email(message.address)
        except ValidationError:
            raise PermanentFailure("L-ADDRESS", "the address is not an e-mail address") from None
        domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
        mail = EmailMessage(
            message.subject,
            message.body,
            to=[message.address],
            headers={
                # The same for each retry, so that servers and readers can tell a repetition.
                "Message-ID": f"<{message.key}@{domain}>",
                "Auto-Submitted": "auto-generated",
                "Content-Language": message.language,
            },
        )
        with self._lock:
            try:
                self._connection.open()
                self._connection.send_messages([mail])
            except Exception as error:
                self._drop()
                raise failure_of(error) from error

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        """Close; a connection that is already broken may complain about that too."""
        try:
            self._connection.close()
        except (smtplib.SMTPException, OSError):
            self._connection = get_connection()


def failure_of(error: Exception) -> Exception:
    """What an error of the mail machinery means for the letter; the error itself when it is none of these."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _text in error.recipients.values()]
            return _by_code(max(codes, default=550), "the recipient was refused")
        case smtplib.SMTPAuthenticationError():
            return TemporaryFailure("L-CONFIG", "the mail server refuses our sign-in", service_down=True)
        case smtplib.SMTPSenderRefused():
            return TemporaryFailure("L-CONFIG", f"the sender was refused with {error.smtp_code}", service_down=True)
        case smtplib.SMTPConnectError() | smtplib.SMTPHeloError():
            return TemporaryFailure("L-UNREACHABLE", f"the mail server says {error.smtp_code}", service_down=True)
        case smtplib.SMTPResponseException():
            return _by_code(error.smtp_code, "the mail server refused the letter")
        case TimeoutError():
            return TemporaryFailure("L-TIMEOUT", "the mail server did not answer in time", service_down=True)
        case smtplib.SMTPServerDisconnected() | OSError():
            return TemporaryFailure("L-UNREACHABLE", "no connection to the mail server", service_down=True)
        case _:
            return error


def _by_code(code: int, text: str) -> Exception:
    if code == 421:
        return TemporaryFailure("L-BUSY", f"{text} with {code}", service_down=True)
    if 400 <= code < 500:
        return TemporaryFailure("L-BUSY", f"{text} with {code}")
    return PermanentFailure("L-REFUSED", f"{text} with {code}")
