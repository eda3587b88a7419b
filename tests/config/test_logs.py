"""Logs tell what happened without telling on a person."""

from __future__ import annotations

import logging

import pytest

from config.logs import OnlyTelling, scrub


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("event", "looked up 11010519491231002X today", "looked up [identity number] today"),
        ("event", "call 13812345678", "call [phone]"),
        ("request", "GET /status?number=1&tail=1002X", "GET /status"),
        ("one_time_code", "123456", "[hidden]"),
        ("password", "secret", "[hidden]"),
        ("case", "2026001234567", "2026001234567"),
        ("request_id", "4f1c13812345678aa", "4f1c13812345678aa"),
    ],
)
def test_scrub(name: str, value: str, shown: str) -> None:
    assert scrub(None, "info", {name: value}) == {name: shown}


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        ({"event": "request_finished", "request": "GET /console/"}, True),
        ({"event": "request_finished", "request": "GET /healthz"}, False),
        ({"event": "request_finished", "request": "GET /static/a.css"}, False),
        ("a plain line", True),
    ],
)
def test_only_telling_lines(event: object, kept: bool) -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, event, None, None)
    assert OnlyTelling().filter(record) is kept
