"""A malformed setting stops the start with one sentence that names it and tells no secret."""

from __future__ import annotations

import base64
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

SETTINGS = Path(__file__).parents[2] / "config" / "settings.py"
KEY = base64.b64encode(bytes(range(32))).decode()
GOOD = {
    "DATABASE_URL": "postgres://jiexu:pass-word@db:5432/jiexu",
    "REDIS_URL": "redis://:pass-word@redis:6379/0",
    "SECRET_KEY": "s" * 60,
    "FIELD_KEYS": f"k1:{KEY}",
    "LOOKUP_KEY": KEY,
    "CASE_NUMBER_KEY": KEY,
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read the settings from exactly these variables."""

    def read(**changes: str | None) -> dict[str, Any]:
        for name in (*GOOD, *CASES, "HTTPS", "DEMO"):
            monkeypatch.delenv(name, raising=False)
        for name, value in (GOOD | changes).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return read


CASES = {
    "DATABASE_URL": ["mysql://root@db/jiexu", "nonsense", "postgres://jiexu:pass-word@db:port/jiexu"],
    "REDIS_URL": ["amqp://pass-word@host", "redis.local"],
    "SECRET_KEY": ["", "pass-word"],
    "FIELD_KEYS": ["", KEY, "k1:pass-word", f"k1:{KEY},k2:", f":{KEY}", f"k1:{KEY},k1:{KEY}"],
    "LOOKUP_KEY": ["", "pass-word", base64.b64encode(b"short").decode()],
    "CASE_NUMBER_KEY": ["", "pass-word"],
    "DEBUG": ["maybe"],
    "TRUSTED_PROXIES": ["one", "-1"],
    "EMAIL_URL": ["pigeon://user:pass-word@loft"],
    "LOG_LEVEL": ["loud"],
}


def test_good_values_are_read(load: Any) -> None:
    settings = load(ALLOWED_HOSTS="a.example,b.example", TRUSTED_PROXIES="1", LOG_LEVEL="warning")
    assert settings["DATABASES"]["default"]["HOST"] == "db"
    assert settings["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert settings["FIELD_KEYS"] == {"k1": bytes(range(32))}
    assert settings["LOG_LEVEL"] == "WARNING"
    assert settings["HTTPS"] is True
    assert settings["SESSION_COOKIE_SECURE"] is True


def test_what_the_address_of_the_database_asks_for_stands(load: Any) -> None:
    options = load(DATABASE_URL=f"{GOOD['DATABASE_URL']}?sslmode=verify-full")["DATABASES"]["default"]["OPTIONS"]
    assert options["sslmode"] == "verify-full"
    assert options["server_side_binding"] is True
    assert "sslmode" not in load()["DATABASES"]["default"]["OPTIONS"]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in CASES.items() for value in values])
def test_malformed_values_are_refused(load: Any, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        load(**{name: value})
    sentence = str(refused.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "pass-word" not in sentence


@pytest.mark.parametrize("name", list(GOOD))
def test_missing_values_are_refused(load: Any, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"Set {name}"):
        load(**{name: None})
