"""SMS: a signed request to an HTTP gateway, or a line in a file for development. See docs/notifications.md."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import Any

from django.conf import settings

from notifications.channels import http
from notifications.channels.port import Channel, Message
from notifications.errors import PermanentFailure, TemporaryFailure, safe_word

_NUMBER = re.compile(r"\+?[0-9]{5,20}")
_PUNCTUATION = re.compile(r"[\s()-]")


def number_of(address: str) -> str:
    """The number without spaces and dashes. Raises `PermanentFailure` when it is none."""
    number = _PUNCTUATION.sub("", address)
    if not (number.isascii() and _NUMBER.fullmatch(number)):
        raise PermanentFailure("L-ADDRESS", "the address is not a telephone number")
    return number


def request_of(message: Message) -> dict[str, Any]:
    """The JSON that a gateway receives."""
    return {
        "id": message.key,
        "to": number_of(message.address),
        "text": message.body,
        "template": message.template,
        "language": message.language,
    }


class GatewayChannel:
    """POSTs each message to `SMS_GATEWAY_URL`, signed with `SMS_GATEWAY_KEY`."""

    concurrency = 8

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._http = http.client()

    def service(self, message: Message) -> str:
        return "sms"

    def send(self, message: Message) -> None:
        body = json.dumps(request_of(message), ensure_ascii=False).encode()
        headers = http.signed_headers(key=self._key, body=body, idempotency_key=message.key)
        answer = http.post(self._http, self._url, body=body, headers=headers)
        http.judge(answer)
        if answer.status != 409:
            self._believe(answer, message.key)

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _believe(answer: http.Answer, key: str) -> None:
        """A 2xx counts only with `{"accepted": true, "id": …}` in it: sign-in pages and proxies say 200 as well."""
        try:
            said = json.loads(answer.body)
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("accepted"), bool):
            raise TemporaryFailure("L-ANSWER", "said 2xx but not whether it accepted", service_down=True)
        if not said["accepted"]:
            text = f"not accepted, code {safe_word(said.get('code', ''))}"
            if said.get("permanent") is True:
                raise PermanentFailure("L-REFUSED", text)
            raise TemporaryFailure("L-BUSY", text)
        if said.get("id") != key:
            raise TemporaryFailure("L-ANSWER", "accepted something else than what was sent")


class FileChannel:
    """Appends each message as one JSON line to `SMS_FILE`. Whole lines also from several processes."""

    concurrency = 1

    def __init__(self, path: Path) -> None:
        self._path = path

    def service(self, message: Message) -> str:
        return "sms"

    def send(self, message: Message) -> None:
        line = json.dumps(request_of(message), ensure_ascii=False).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError as error:
            raise TemporaryFailure("L-CONFIG", f"SMS_FILE: {error.strerror}", service_down=True) from error

    def close(self) -> None:
        pass


def sms_channel() -> Channel:
    """The gateway when there is one, else the file."""
    if settings.SMS_GATEWAY_URL:
        return GatewayChannel(settings.SMS_GATEWAY_URL, settings.SMS_GATEWAY_KEY)
    return FileChannel(Path(settings.SMS_FILE))
