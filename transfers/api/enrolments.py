"""Enrolment events, which start transfers that nobody has to apply for, and cases under the national codes."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from transfers.access import find_case, partner_actor
from transfers.actions.enrolments import EVENT_MAX, enrolled
from transfers.api import bodies, shapes
from transfers.api.contract import body, problems
from transfers.api.keys import PartnerKey, caller
from transfers.api.operations import answer, application_of
from transfers.documents.nationalform import Process
from transfers.models import Partner
from transfers.rules import casenumber
from transfers.rules.enrolments import Answer
from transfers.selectors.national import process_of

router = Router()


class EnrolmentIn(Schema):
    """Somebody has enrolled in a new area. Optional fields may be left out or null; unknown ones are refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "event": "enrolment-20260501-0001",
                "name": "测试甲",
                "identity_number": "110101199003070011",
                "phone": "13800000001",
                "inbound_area": "430200",
                "first_month": "2026-05",
            }
        },
    )
    event: str = Field(
        min_length=1, max_length=EVENT_MAX, pattern=r"^[\x21-\x7e]+$", description="Your own id of this enrolment."
    )
    name: str = Field(max_length=50)
    identity_type: str | None = Field("01", description="证件类型: 01 resident identity card, 17 residence permit, …")
    identity_number: str = Field(max_length=30)
    phone: str | None = Field("", max_length=20, description="If known; without it nobody is written to.")
    email: str | None = Field("", max_length=254)
    inbound_area: str = Field(pattern=r"^[0-9]{6}$", description="统筹区 of the new enrolment, see /areas.")
    inbound_scheme: Literal["310", "390"] | None = Field("310", description="310 职工, 390 城乡居民.")
    first_month: str = Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="Of the new enrolment.")
    outbound_area: str | None = Field(None, pattern=r"^[0-9]{6}$", description="If known; else it is looked for.")
    outbound_scheme: Literal["310", "390"] | None = None
    language: Literal["zh-hans", "en"] | None = "zh-hans"


class EnrolmentOut(Schema):
    """What came of it. `application` is there when a transfer was started, now or by the same event before."""

    answer: Literal[tuple(item.value for item in Answer)]  # type: ignore[valid-type]
    words: shapes.Words
    application: shapes.ApplicationOut | None


@router.post(
    "/enrolments",
    auth=PartnerKey(Partner.ENROL),
    tags=["Enrolments"],
    summary="Report an enrolment in a new area",
    operation_id="report_enrolment",
    response={
        201: EnrolmentOut,
        200: EnrolmentOut,
        **problems(400, 401, 403, 409, 413, 415, 422, 429),
    },
    openapi_extra=body(EnrolmentIn),
)
def report_enrolment(request: HttpRequest) -> HttpResponse:
    """Where the province carries transfers by itself, this starts one and carries it: 201. 200 says why none was
    started, or that this event had started one before; sent again, an event starts nothing twice.
    """
    actor = partner_actor(caller(request))
    outcome = enrolled(bodies.read(request), actor, now=timezone.now())
    shown: dict[str, Any] = {
        "answer": outcome.answer.value,
        "words": shapes.words(outcome.answer.named),
        "application": application_of(caller(request), outcome.case.number) if outcome.case else None,
    }
    if outcome.answer is not Answer.STARTED or outcome.case is None:
        return answer(shown)
    address = reverse("api:get_application", args=[outcome.case.number])
    return answer(shown, status=201, headers={"Location": address})


@router.get(
    "/applications/{number}/national",
    auth=PartnerKey(Partner.STATUS),
    tags=["Applications"],
    summary="An application under the codes of the national platform",
    operation_id="get_national_process",
    response={200: Process, **problems(400, 401, 403, 404, 409, 429)},
    by_alias=True,
)
def get_national_process(request: HttpRequest, number: str) -> HttpResponse:
    """Process, nodes and flags (T21/T22, T2101–T2103, corrections), masked and without amounts. `J-NO-PROCESS` until
    the application has been accepted.
    """
    case = find_case(partner_actor(caller(request)), number=casenumber.parse(number))
    return answer(process_of(case, amounts=False).data())
