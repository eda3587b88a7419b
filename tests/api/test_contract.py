"""The published contract against the running API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import TokenBucket
from tests.api.conftest import Caller
from tests.world import application, person
from transfers.api.service import api
from transfers.models import Person

EXAMPLES = 15
CONTRACT = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def document(client, db) -> dict:
    response = client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    return response.json()


def test_it_is_complete(document):
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/api/v1/applications",
        "/api/v1/applications/{number}",
        "/api/v1/applications/{number}/destination",
        "/api/v1/applications/{number}/national",
        "/api/v1/applications/{number}/resubmission",
        "/api/v1/applications/{number}/supplement",
        "/api/v1/applications/{number}/withdrawal",
        "/api/v1/areas",
        "/api/v1/precheck",
        "/api/v1/enrolments",
        "/api/v1/rules",
        "/api/v1/track",
        "/api/v1/track/code",
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            for status, response in operation["responses"].items():
                assert "X-Request-ID" in response["headers"]
                kinds = set(response["content"])
                assert kinds == ({"application/problem+json"} if int(status) >= 400 else {"application/json"})
            if body := operation.get("requestBody"):
                schema = body["content"]["application/json"]["schema"]
                assert schema["additionalProperties"] is False
                assert schema["example"]
    filing = document["paths"]["/api/v1/applications"]["post"]
    assert [(p["name"], p["required"]) for p in filing["parameters"]] == [("Idempotency-Key", True)]
    assert filing["security"]


def test_no_page_of_it_needs_anything_from_elsewhere(client, db):
    assert client.get("/api/v1/", follow=True)["Content-Type"].startswith("application/json")
    assert api.docs_url is None


def test_the_example_is_accepted(caller, document):
    person()
    body = document["paths"]["/api/v1/applications"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert caller.file(body["example"]).json()["state"] == "ACCEPTED"


@contextmanager
def one_connection() -> Iterator[None]:
    """A request over WSGI that shares this test's connection. Django's own test client connects the signals again."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    try:
        yield
    finally:
        request_started.connect(close_old_connections)
        request_finished.connect(close_old_connections)


@CONTRACT.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.django_db
def test_what_it_says_is_what_happens(case, caller):
    """Made-up requests, right and wrong: no crash, what is wrong is refused, each answer is one the contract names."""
    TokenBucket.objects.all().delete()
    if "number" in (case.path_parameters or {}) and len(case.path_parameters["number"]) % 2:
        case.path_parameters["number"] = filed_once(caller)
    with one_connection():
        response = case.call_and_validate(headers=caller.headers, checks=CHECKS)
    assert response.headers["cache-control"] == ["no-store"]


def filed_once(caller: Caller) -> str:
    """The number of an application of this caller, so that some requests meet a real one."""
    if not Person.objects.exists():
        person()
    return caller.file(application(), key="filed").json()["number"]
