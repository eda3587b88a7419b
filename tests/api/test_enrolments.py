"""Enrolment events over the API, and a partner's applications under the national codes."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from tests.api.conftest import Caller, make_caller
from tests.world import World, application, identity_number, person
from transfers.documents.nationalform import schema
from transfers.models import Partner, TransferCase

pytestmark = pytest.mark.django_db
CHANGSHA, ZHUZHOU = "430100", "430200"


def event(**more: Any) -> dict[str, Any]:
    return {
        "event": "enrol-1",
        "name": "测试甲",
        "identity_number": identity_number(1),
        "inbound_area": ZHUZHOU,
        "first_month": "2026-05",
        **more,
    }


def test_an_event_is_answered_once(caller: Caller):
    assert caller.post("/enrolments", event(phone=None)).json() == {
        "answer": "none_found",
        "words": caller.post("/enrolments", event()).json()["words"],
        "application": None,
    }
    person(1, out=CHANGSHA, into=ZHUZHOU, balance_fen=0)
    first = caller.post("/enrolments", event())
    assert (first.status_code, first.json()["answer"]) == (201, "started")
    filed = first.json()["application"]
    assert (filed["state"], filed["outbound_area"], filed["money"]["settled"]) == ("COMPLETED", CHANGSHA, True)
    assert caller.client.get(first["Location"], headers=caller.headers).json() == filed
    again = caller.post("/enrolments", event())
    assert (again.status_code, again.json()["answer"], again.json()["application"]) == (200, "known", filed)
    other = caller.post("/enrolments", event(first_month="2026-04"))
    assert (other.status_code, other.json()["code"]) == (409, "J-IDEMPOTENCY")
    # Another partner's event of the same id is another event.
    second = make_caller("另一平台").post("/enrolments", event())
    assert (second.status_code, second.json()["answer"]) == (200, "none_found")
    # And an application may have the same key as an event.
    assert caller.file(application(2), key="enrol-1").status_code == 201


def test_it_needs_its_own_scope_and_right_fields(caller: Caller):
    plain = make_caller("普通平台", (Partner.APPLY, Partner.STATUS))
    refused = plain.post("/enrolments", event())
    assert (refused.status_code, refused.json()["code"]) == (403, "J-SCOPE")
    wrong = caller.post("/enrolments", event(first_month="05/2026", remarks="x"))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "J-INPUT")
    assert wrong.json()["details"]["fields"].keys() == {"first_month", "remarks"}
    assert not TransferCase.objects.exists()


def test_the_national_codes_of_ones_own_applications(caller: Caller):
    world = World()
    person()
    number = caller.file(application()).json()["number"]
    world.carry(TransferCase.objects.get(), "approve_out")
    shown = caller.get(f"/applications/{number}/national")
    assert shown.status_code == 200
    data = shown.json()
    assert [e.message for e in jsonschema_rs.Draft202012Validator(schema()).iter_errors(data)] == []
    assert (data["biz_prcs_codg"], data["masked"]) == ("T21", True)
    assert [node["biz_node_codg"] for node in data["nodes"]] == ["T2101", "T2102"]
    assert data["nodes"][1]["content"]["balance_fen"] is None, "no amounts for a partner"
    assert identity_number(1) not in shown.content.decode()
    stranger = make_caller("另一平台").get(f"/applications/{number}/national")
    assert (stranger.status_code, stranger.json()["code"]) == (404, "J-NOT-FOUND")
    refused = caller.file(application(2), key="key-2").json()["number"]
    early = caller.get(f"/applications/{refused}/national")
    assert (early.status_code, early.json()["code"]) == (409, "J-NO-PROCESS")
