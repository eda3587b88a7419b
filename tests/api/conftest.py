"""Partners and their calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from tests.world import MONDAY
from transfers.models import Partner

JSON = "application/json"


@dataclass
class Caller:
    """A partner with its key."""

    partner: Partner
    key: str
    client: Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def file(self, content: Any, key: str = "key-1", **more: Any):
        return self.client.post(
            "/api/v1/applications", content, content_type=JSON, headers={**self.headers, "Idempotency-Key": key}, **more
        )

    def get(self, path: str):
        return self.client.get(f"/api/v1{path}", headers=self.headers)

    def post(self, path: str, content: Any):
        return self.client.post(f"/api/v1{path}", content, content_type=JSON, headers=self.headers)


def make_caller(name: str = "测试平台", scopes: tuple[str, ...] = Partner.SCOPES) -> Caller:
    partner = Partner(name=name, scopes=list(scopes))
    key = partner.new_key()
    partner.save()
    return Caller(partner, key, Client(raise_request_exception=False))


@pytest.fixture
def caller(db) -> Caller:
    return make_caller()


@pytest.fixture(autouse=True)
def _on_a_monday(time_machine) -> None:
    """A day that the calendars cover, whenever the tests run."""
    time_machine.move_to(MONDAY)
