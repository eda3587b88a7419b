"""Filing and following applications as a partner."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import OperationalError

from tests.api.conftest import JSON, make_caller
from tests.world import application, identity_number, person, put_in_force
from transfers.actions import intake
from transfers.api import bodies, keys
from transfers.models import Area, Enrolment, IdempotencyKey, Partner, Person, TransferCase
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules import casenumber

pytestmark = pytest.mark.django_db


def code_of(response) -> str:
    assert response["Content-Type"] == "application/problem+json; charset=utf-8"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["zh"]
    assert body["en"]
    assert body["type"] == f"urn:jiexu:problem:{body['code']}"
    return body["code"]


def nothing_stored() -> bool:
    return not TransferCase.objects.exists() and not IdempotencyKey.objects.exists()


def test_an_application_is_accepted(caller):
    person()
    response = caller.file(application())
    body = response.json()
    assert response.status_code == 201
    case = TransferCase.objects.get()
    assert (case.partner_id, case.channel) == (caller.partner.pk, "partner")
    assert response["Location"] == f"/api/v1/applications/{case.number}"
    assert (body["number"], body["state"], body["version"]) == (case.number, "ACCEPTED", case.version)
    assert body["name_masked"] == "测**"
    assert (body["limit"]["left"], body["limit"]["promised_on"]) == (10, "2026-06-15")
    assert body["agency"]["phone"] == case.outbound_agency.phone
    assert body["failures"] == []
    for hidden in ("测试甲", identity_number(1), "13800000001", "345678", "3456.78"):
        assert hidden not in response.content.decode()
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-ID"]


def test_a_refusal_gives_every_reason_with_its_remedy(caller):
    made = person()
    Enrolment.objects.filter(person=made, area="450100").update(status="1", arrears=True)
    response = caller.file(application())
    body = response.json()
    assert (response.status_code, body["state"]) == (201, "NOT_ACCEPTED")
    assert [f["code"] for f in body["failures"]] == ["V-O-01", "V-O-03", "V-I-04"]
    assert all(f["remedy"]["zh"] and f["remedy"]["en"] for f in body["failures"])
    assert body["limit"] is None


def test_a_registry_that_does_not_answer_is_no_refusal(caller, monkeypatch, time_machine):
    person()
    asked = []

    def silent(self, person, area):
        asked.append(area)
        raise RegistryUnavailable(area)

    with monkeypatch.context() as patch:
        patch.setattr(OwnTables, "facts", silent)
        response = caller.file(application())
        assert (response.status_code, response.json()["state"]) == (201, "SUBMITTED")
        # A repetition before the next try asks nobody, and does not put that try off.
        first = TransferCase.objects.get()
        early = caller.file(application())
        assert (early.status_code, early.json()["state"]) == (200, "SUBMITTED")
        waiting = TransferCase.objects.get()
        assert asked == ["450100", "330100"], "each area once"
        assert (waiting.version, waiting.precheck_at) == (first.version, first.precheck_at)
    # One when it is due finishes it.
    time_machine.shift(timedelta(minutes=intake.RETRY_MINUTES[0], seconds=1))
    again = caller.file(application())
    assert (again.status_code, again.json()["state"]) == (200, "ACCEPTED")


# --- idempotency --------------------------------------------------------------------------------
def test_the_same_request_gives_the_same_case(caller):
    person()
    first = caller.file(application())
    second = caller.file(json.dumps(dict(reversed(application().items())), indent=3))
    assert (first.status_code, second.status_code) == (201, 200)
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert TransferCase.objects.count() == 1


def test_the_same_key_for_another_application_is_refused(caller):
    person()
    assert caller.file(application()).status_code == 201
    response = caller.file({**application(), "remarks": "另一份"})
    assert (response.status_code, code_of(response)) == (409, "J-IDEMPOTENCY")
    assert TransferCase.objects.count() == 1
    assert caller.file({**application(), "remarks": "另一份"}, key="key-2").status_code == 201


def test_keys_belong_to_their_partner(caller):
    person()
    other = make_caller("另一平台")
    assert caller.file(application()).status_code == 201
    response = other.file(application())
    assert (response.status_code, response.json()["state"]) == (201, "NOT_ACCEPTED")
    assert [f["code"] for f in response.json()["failures"]] == ["V-P-03"]


def test_an_invalid_application_leaves_the_key_free(caller):
    person()
    assert caller.file({**application(), "phone": "1"}).status_code == 422
    assert nothing_stored()
    assert caller.file(application()).status_code == 201


@pytest.mark.parametrize("key", ["", "a" * 101, "with space", "é", "tab\t"])
def test_a_key_of_another_form_is_refused(caller, key):
    person()
    response = caller.file(application(), key=key)
    assert (response.status_code, code_of(response)) == (400, "J-IDEMPOTENCY-KEY")
    assert nothing_stored()
    assert caller.file(application(), key="a" * 100).status_code == 201


def test_a_stored_digest_is_keyed(caller, settings):
    person()
    caller.file(application())
    kept = bytes(IdempotencyKey.objects.get().request_digest)
    settings.LOOKUP_KEY = b"k" * 32
    assert caller.file(application()).status_code == 409
    assert len(kept) == 32


# --- who may ------------------------------------------------------------------------------------
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer jx_wrong", "Basic eDp5", "Bearer \x00"])
def test_without_a_valid_key_nothing(caller, header):
    response = caller.client.get("/api/v1/applications", headers={"Authorization": header} if header else {})
    assert (response.status_code, code_of(response)) == (401, "J-KEY")
    assert response["WWW-Authenticate"] == "Bearer"
    assert caller.get("/applications").status_code == 200


def test_a_disabled_partner_is_refused(caller):
    assert caller.get("/applications").status_code == 200
    Partner.objects.update(active=False)
    assert caller.get("/applications").status_code == 401


def test_scopes_are_kept(db):
    reader, filer = make_caller("读", (Partner.STATUS,)), make_caller("写", (Partner.APPLY,))
    person()
    refused = reader.file(application())
    assert (refused.status_code, code_of(refused)) == (403, "J-SCOPE")
    assert nothing_stored()
    number = filer.file(application()).json()["number"]
    assert code_of(filer.get(f"/applications/{number}")) == "J-SCOPE"
    assert code_of(filer.get("/applications")) == "J-SCOPE"
    assert code_of(reader.post(f"/applications/{number}/supplement", {"version": 1, "note": "x"})) == "J-SCOPE"


def test_another_partners_case_is_like_none(caller, world):
    person()
    other = make_caller("另一平台")
    number = caller.file(application()).json()["number"]
    window = world.accepted(2)
    unknown = casenumber.number(1, 2026, b"another key, of tests")
    assert caller.get(f"/applications/{number}").status_code == 200
    answers = []
    for asked in (number, window.number, unknown):
        for response in (
            other.get(f"/applications/{asked}"),
            other.post(f"/applications/{asked}/supplement", {"version": 1, "note": "x"}),
            other.get(f"/applications?after={asked}"),
        ):
            assert response.status_code == 404
            answers.append({k: v for k, v in response.json().items() if k != "request_id"})
    assert all(answer == answers[0] for answer in answers)
    assert other.get("/applications").json() == {"items": [], "next": None}


def test_calls_are_limited(caller, monkeypatch):
    monkeypatch.setattr(keys, "CAPACITY", 3.0)
    monkeypatch.setattr(keys, "PER_SECOND", 0.01)
    answers = [caller.get("/applications") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert code_of(answers[-1]) == "J-TOO-MANY"


# --- following ----------------------------------------------------------------------------------
def test_a_list_is_paged_newest_first(caller):
    numbers = []
    for serial in range(1, 6):
        person(serial)
        numbers.append(caller.file(application(serial), key=f"k{serial}").json()["number"])
    seen, after = [], ""
    for _ in range(3):
        page = caller.get(f"/applications?limit=2&after={after}").json()
        seen += [item["number"] for item in page["items"]]
        after = page["next"] or ""
    assert seen == numbers[::-1]
    assert after == ""


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1e3", "limt=5", f"after={'x' * 41}"])
def test_a_bad_page_is_refused(caller, query):
    response = caller.get(f"/applications?{query}")
    assert (response.status_code, code_of(response)) == (422, "J-INPUT")
    assert response.json()["details"]["fields"]


def test_a_supplement_is_answered(caller, world):
    person()
    number = caller.file(application()).json()["number"]
    case = world.carry(TransferCase.objects.get(number=number), "claim_out")
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-02", note="缺委托书")
    shown = caller.get(f"/applications/{number}").json()
    assert (shown["supplement"]["code"], shown["supplement"]["note"]) == ("Q-02", "缺委托书")
    stale = caller.post(f"/applications/{number}/supplement", {"version": 1, "note": "已补"})
    assert (stale.status_code, code_of(stale)) == (409, "J-STALE")
    assert stale.json()["details"] == {"version": case.version}
    assert world.out_handler.username not in stale.content.decode()
    done = caller.post(f"/applications/{number}/supplement", {"version": shown["version"], "note": "已补"})
    assert (done.status_code, done.json()["state"]) == (200, "OUT_PROCESSING")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({}, {"version", "note"}),
        ({"version": True, "note": 5}, {"version", "note"}),
        ({"version": 1.0, "note": "x"}, {"version"}),
        ({"version": -1, "note": " "}, {"version", "note"}),
        ({"version": 1, "note": "x", "more": 1}, {"more"}),
    ],
)
def test_a_bad_supplement_names_its_fields(caller, content, wrong):
    person()
    number = caller.file(application()).json()["number"]
    response = caller.post(f"/applications/{number}/supplement", content)
    assert code_of(response) == "J-INPUT"
    assert set(response.json()["details"]["fields"]) == wrong


def test_a_return_is_repaired_and_an_application_withdrawn(caller, world):
    person()
    number = caller.file(application()).json()["number"]
    case = world.carry(TransferCase.objects.get(number=number), "claim_out")
    world.take(case, "return_soft", world.out_lead, reason="R-01", note="五月补报了参保")
    shown = caller.get(f"/applications/{number}").json()
    assert (shown["returned"]["code"], shown["returned"]["note"]) == ("R-01", "五月补报了参保")
    Enrolment.objects.filter(person=case.person, area="450100").update(status="1")
    repaired = {"version": shown["version"], "note": "已停保"}
    refused = caller.post(f"/applications/{number}/resubmission", repaired)
    assert (refused.status_code, code_of(refused)) == (409, "J-STILL-FAILS")
    Enrolment.objects.filter(person=case.person, area="450100").update(status="2")
    again = caller.post(f"/applications/{number}/resubmission", repaired).json()
    assert (again["state"], again["returned"]) == ("ACCEPTED", None)
    leaving = {"version": again["version"], "reason": "W-09", "note": "暂不转移"}
    assert code_of(caller.post(f"/applications/{number}/withdrawal", leaving)) == "J-REASON"
    left = caller.post(f"/applications/{number}/withdrawal", {**leaving, "reason": "W-01"}).json()
    assert left["state"] == "WITHDRAW_REQUESTED"
    world.take(case, "grant_withdrawal", world.out_handler)
    assert caller.get(f"/applications/{number}").json()["ended"]["code"] == "W-01"


def test_a_partner_passes_on_where_the_balance_is_to_go(caller, world):
    put_in_force("450100", cross_province_fund="payout_else")
    person()
    number = caller.file(application()).json()["number"]
    world.carry(TransferCase.objects.get(number=number), "approve_in")
    shown = caller.get(f"/applications/{number}").json()
    assert shown["money"]["choice"]["options"] == ["inbound", "account"]
    assert shown["money"]["why"]["zh"]
    there = {"version": shown["version"], "destination": "account", "payee_bank": "测试银行"}
    for change, code in (
        ({"payee_account": "6222000000000000005"}, "J-ACCOUNT"),
        ({}, "J-PAYEE"),
        ({"destination": "wallet"}, "J-NO-CHOICE"),
        ({"destination": 5}, "J-INPUT"),
    ):
        assert code_of(caller.post(f"/applications/{number}/destination", there | change)) == code
    done = caller.post(f"/applications/{number}/destination", there | {"payee_account": "6222000000000000004"}).json()
    assert done["money"]["choice"]["chosen"] == "account"
    assert "•••• 0004" in done["money"]["to"]["zh"]
    assert "6222" not in repr(done)


# --- bad input ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"name": "<script>alert(1)</script>"}, "name", "J-NAME"),
        ({"name": "测\u0000试"}, "name", "J-NAME"),
        ({"name": "\u202e甲"}, "name", "J-NAME"),
        ({"name": "甲" * 51}, "name", "J-NAME"),
        ({"name": "甲" * 60_000}, None, "J-TOO-LARGE"),
        ({"name": 5}, "name", "J-FIELD"),
        ({"name": ["测试甲"]}, "name", "J-FIELD"),
        ({"name": {"$ne": ""}}, "name", "J-FIELD"),
        ({"name": None}, "name", "J-NAME"),
        ({"identity_number": identity_number(1)[:-1] + "5"}, "identity_number", "V-P-02"),
        ({"identity_number": "110101199002300011"}, "identity_number", "V-P-02"),
        ({"identity_number": "110101209003070019"}, "identity_number", "V-P-02"),
        ({"identity_number": 110101199003070011}, "identity_number", "J-FIELD"),
        ({"identity_type": "42"}, "identity_type", "J-FIELD"),
        ({"phone": "12345"}, "phone", "J-PHONE"),
        ({"phone": "1380000000a"}, "phone", "J-PHONE"),
        ({"email": "not an address"}, "email", "J-FIELD"),
        ({"outbound_area": "999999"}, "outbound_area", "J-AREA"),
        ({"outbound_area": "450000"}, "outbound_area", "J-AREA"),
        ({"outbound_area": "٤٥٠١٠٠"}, "outbound_area", "J-AREA"),
        ({"inbound_area": ""}, "inbound_area", "J-AREA"),
        ({"outbound_scheme": "311"}, "outbound_scheme", "J-FIELD"),
        ({"applicant": "employer"}, "employer_code", "J-FIELD"),
        ({"applicant": "employer", "employer_code": "91110000000000000X"}, "employer_code", "J-USCC"),
        ({"remarks": "x\u0007"}, "remarks", "J-FIELD"),
        ({"remarks": "字" * 501}, "remarks", "J-FIELD"),
        ({"language": "fr"}, "language", "J-FIELD"),
        ({"status": "ACCEPTED"}, "status", "J-FIELDS"),
        ({"partner_id": 1}, "partner_id", "J-FIELDS"),
    ],
)
def test_bad_input_is_named_and_nothing_is_stored(caller, change, field, code):
    made = person()
    response = caller.file({**application(), **change})
    if field is None:
        assert (response.status_code, code_of(response)) == (413, code)
    else:
        assert (response.status_code, code_of(response)) == (422, "J-INPUT")
        assert response.json()["details"]["fields"][field]["code"] == code
    assert nothing_stored()
    assert list(Person.objects.all()) == [made]
    assert caller.file(application()).status_code == 201


def test_null_is_left_out(caller):
    person()
    assert caller.file({**application(), "remarks": None, "email": None}).status_code == 201


def test_all_problems_are_told_together(caller):
    response = caller.file({"name": "", "phone": 3, "outbound_area": "000000", "extra": 1})
    fields = response.json()["details"]["fields"]
    assert set(fields) >= {"name", "identity_number", "phone", "outbound_area", "inbound_area", "extra"}
    assert all(f["code"] and f["zh"] and f["en"] for f in fields.values())


def test_the_same_area_twice_is_a_reason(caller):
    person()
    body = caller.file({**application(), "inbound_area": "450100"}).json()
    assert "V-I-06" in [f["code"] for f in body["failures"]]


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        ("{", JSON, 400, "J-JSON"),
        (" ", JSON, 400, "J-JSON"),
        ("[]", JSON, 400, "J-JSON"),
        ("null", JSON, 400, "J-JSON"),
        ('"text"', JSON, 400, "J-JSON"),
        ('{"name": NaN}', JSON, 400, "J-JSON"),
        ('{"name": "a", "name": "b"}', JSON, 400, "J-JSON"),
        ('{"name": "\\ud800"}', JSON, 400, "J-JSON"),
        ('{"name": ' + "9" * 5000 + "}", JSON, 400, "J-JSON"),
        ("[" * 30_000 + "]" * 30_000, JSON, 400, "J-JSON"),
        (b"\xff\xfe{}", JSON, 400, "J-JSON"),
        ("{}", "text/plain", 415, "J-MEDIA"),
        ("{}", "application/json; charset=gbk", 415, "J-MEDIA"),
        ("name=a", "application/x-www-form-urlencoded", 415, "J-MEDIA"),
        ('{"name": "' + "a" * bodies.MAX_BYTES + '"}', JSON, 413, "J-TOO-LARGE"),
        ("x" * (3 * 1024 * 1024), JSON, 413, "J-TOO-LARGE"),
    ],
)
def test_a_body_that_is_none_is_refused(caller, content, content_type, status, code):
    response = caller.client.post(
        "/api/v1/applications",
        content,
        content_type=content_type,
        headers={**caller.headers, "Idempotency-Key": "k"},
    )
    assert (response.status_code, code_of(response)) == (status, code)
    assert nothing_stored()


# --- the rest of the surface --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/nothing", 404, "J-ADDRESS"),
        ("get", "/applications/", 404, "J-ADDRESS"),
        ("post", "/track/", 404, "J-ADDRESS"),
        ("get", "/docs", 404, "J-ADDRESS"),
        ("delete", "/applications", 405, "J-METHOD"),
        ("get", "/track", 405, "J-METHOD"),
        ("put", "/areas", 405, "J-METHOD"),
    ],
)
def test_a_wrong_address_or_method_is_a_problem_too(caller, method, path, status, code):
    response = getattr(caller.client, method)(f"/api/v1{path}", headers=caller.headers)
    assert (response.status_code, code_of(response)) == (status, code)
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-ID"]
    assert status != 405 or response["Allow"]


def test_a_malformed_number_is_told_so(caller):
    assert code_of(caller.get("/applications/JX123")) == "J-CASE-NUMBER"


def test_areas_are_public(client, db):
    areas = client.get("/api/v1/areas").json()
    assert len(areas) == Area.objects.filter(pooling=True, valid_to=None).count() > 300
    nanning = next(area for area in areas if area["code"] == "450100")
    assert (nanning["full_name"], nanning["province"]) == ("广西壮族自治区南宁市", "广西壮族自治区")


def test_an_error_inside_tells_nothing(caller, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("secret 110101199003070011")

    monkeypatch.setattr("transfers.api.operations.visible_cases", broken)
    response = caller.get("/applications")
    assert (response.status_code, code_of(response)) == (500, "J-INTERNAL")
    assert "110101" not in response.content.decode()


def test_a_database_that_does_not_answer_is_told_as_such(caller, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr("transfers.api.operations.visible_cases", away)
    response = caller.get("/applications")
    assert (response.status_code, code_of(response)) == (503, "J-UNAVAILABLE")
    assert response["Retry-After"]
