"""What the SMS gateway and webhooks share: a signed POST with hard limits, and what its answer means."""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import ssl
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpcore
import httpx

from notifications.errors import PermanentFailure, TemporaryFailure

CONNECT_SECONDS = 3.0
READ_SECONDS = 8.0
TOTAL_SECONDS = 15.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_RETRY_AFTER = 6 * 3600.0


@dataclass(frozen=True)
class Answer:
    status: int
    retry_after: float | None
    body: bytes


_give_up: ContextVar[float | None] = ContextVar("give_up", default=None)


def _patience(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    """`timeout`, or what is left until the `post` under way gives up, if less. Raises `error` when nothing is left."""
    give_up = _give_up.get()
    if give_up is None:
        return timeout
    left = give_up - time.monotonic()
    if left <= 0:
        raise error("out of time")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection that outwaits nobody: timeouts alone begin anew with every byte that the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _patience(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _patience(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        patience = _patience(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, patience))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        patience = _patience(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, patience, local_address, socket_options))


class _Transport(httpx.HTTPTransport):
    def __init__(self) -> None:
        # Not the parent's, which takes no network of ours; all that it does is to make the pool.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Network(),
        )


def client() -> httpx.Client:
    """No redirects and no proxy from the environment: a letter goes where it is addressed, or nowhere."""
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    return httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False, transport=_Transport())


def signature(key: str, timestamp: str, body: bytes) -> str:
    """`v1=` and the hex HMAC-SHA256, under `key`, of the timestamp, a full stop and the body as sent."""
    return "v1=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed_headers(*, key: str, body: bytes, idempotency_key: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "User-Agent": "Jiexu",
        "Idempotency-Key": idempotency_key,
        "Jiexu-Timestamp": timestamp,
        "Jiexu-Signature": signature(key, timestamp, body),
    }


def post(http: httpx.Client, url: str | httpx.URL, *, body: bytes, headers: dict[str, str], **options: Any) -> Answer:
    """POST and read the answer within the limits above. Raises `TemporaryFailure` when there is none."""
    limit = _give_up.set(time.monotonic() + TOTAL_SECONDS)
    try:
        with http.stream("POST", url, content=body, headers=headers, **options) as response:
            got = bytearray()
            for chunk in response.iter_raw():
                got += chunk
                if len(got) > MAX_ANSWER_BYTES:
                    raise TemporaryFailure("L-ANSWER", "the answer is too long")
            return Answer(response.status_code, _seconds(response.headers.get("Retry-After")), bytes(got))
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise TemporaryFailure("L-UNREACHABLE", "no connection", service_down=True) from None
    except httpx.TimeoutException:
        raise TemporaryFailure("L-TIMEOUT", "no answer in time", service_down=True) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise PermanentFailure("L-ADDRESS", "the address is not a web address") from None
    except httpx.HTTPError as error:
        raise TemporaryFailure("L-ANSWER", f"the connection broke off ({type(error).__name__})") from None
    finally:
        _give_up.reset(limit)


def judge(answer: Answer) -> None:
    """Return when the status means that the message was taken over; raise what it means otherwise."""
    status = answer.status
    # 409: this idempotency key was taken over before; the answer to it was lost on the way.
    if 200 <= status < 300 or status == 409:
        return
    text = f"answered {status}"
    if status in (429, 503):
        raise TemporaryFailure("L-BUSY", text, retry_after=answer.retry_after, service_down=True)
    if status in (401, 403, 404, 407):
        raise TemporaryFailure("L-CONFIG", text, service_down=True)
    if status in (408, 421, 423, 425) or status >= 500 or status < 400:
        raise TemporaryFailure("L-ANSWER", text, retry_after=answer.retry_after)
    raise PermanentFailure("L-REFUSED", text)


def _seconds(header: str | None) -> float | None:
    """`Retry-After`, which is a number of seconds or a date; None when it is neither."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None
