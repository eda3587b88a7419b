"""What the tests of the public pages share."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from notifications.models import Letter
from tests.world import MONDAY, identity_number

TAIL = identity_number(1)[-6:]
WRONG_TAIL = identity_number(2)[-6:]


def sent_code(number: str) -> str:
    """The newest code that went to the phone on file."""
    letter = Letter.objects.filter(subject_ref=number, template="code").latest("id")
    return json.loads(letter.secret)["code"]


def look_up(client: Client, number: str, tail: str = TAIL):
    return client.post("/track/", {"number": number, "tail": tail})


def verified(client: Client, number: str, tail: str = TAIL) -> Client:
    """The client, with both proofs given."""
    assert look_up(client, number, tail).status_code == 303
    assert client.post("/track/code/").status_code == 303
    assert client.post("/track/verify/", {"code": sent_code(number)}).status_code == 303
    return client


@pytest.fixture
def browser() -> Client:
    return Client()


@pytest.fixture(autouse=True)
def _on_a_monday(time_machine) -> None:
    """A day that the calendars cover, whenever the tests run."""
    time_machine.move_to(MONDAY)
