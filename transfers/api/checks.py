"""The dry run for partners: what an application would be answered now, with nothing stored."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from transfers.access import partner_actor
from transfers.actions.dryrun import dry_run
from transfers.api import bodies, shapes
from transfers.api.contract import body, problems
from transfers.api.keys import PartnerKey, caller
from transfers.api.operations import answer
from transfers.models import Partner
from transfers.rules.dryrun import dry_run_data

router = Router()


class PrecheckIn(shapes.MoverIn):
    """Who would move from where to where. Optional fields may be left out or null; unknown ones are refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "测试甲",
                "identity_type": "01",
                "identity_number": "110101199003070011",
                "outbound_area": "450100",
                "inbound_area": "330100",
            }
        },
    )


class CheckFailureOut(shapes.FailureOut):
    """A rule that failed, with what it rests on."""

    side: Literal["out", "in", "applicant"]
    switch: str | None = Field(description="The policy switch that decided, where one did.")
    value: str | None
    policy: list[str] = Field(description="The editions that apply: area, version, document number.")
    because: shapes.Words


class CostsOut(Schema):
    """How either area words the settlement of medical costs in between."""

    inbound: shapes.Words
    outbound: shapes.Words | None


class AdviceOut(Schema):
    """What the move means for benefits (Art. 10, 11). Null where nothing is promised."""

    result: Literal["continuous", "back_pay", "waiting", "local_rule", "not_this_year", "unknown"]
    result_words: shapes.Words
    zh: str
    en: str
    gap_months: int | None
    missed_years: int | None
    consecutive_months: int | None
    waiting_months: int | None
    waiting_rate: str
    wait_ends_on: date | None
    benefits_from: date | None
    back_payment_by: date | None
    retroactive: bool
    assumed: bool
    medical_costs: CostsOut
    basis: list[str]
    switch: str | None
    policy: list[str]


class SpanOut(Schema):
    """Months `from` to `to`, both included."""

    model_config = ConfigDict(populate_by_name=True)
    from_: str = Field(alias="from")
    to: str
    months: int


class TallyOut(Schema):
    """Months by kind, each once; `deemed` are those not also paid."""

    actual: int
    deemed: int
    military: int
    total: int
    ranges: list[SpanOut]
    paid: list[SpanOut]
    recognised: list[SpanOut]


class OverlapOut(Schema):
    months: int
    ranges: list[SpanOut]


class RetirementOut(Schema):
    """Months towards benefits in retirement in the inbound area."""

    sex: Literal["1", "2"]
    required: int
    credited: int
    missing: int
    local_required: int
    local: int
    local_missing: int
    met: bool


class MonthsOut(Schema):
    """The record after the transfer, in months (Art. 12)."""

    employee: TallyOut
    resident: TallyOut
    own: TallyOut
    brought: TallyOut
    overlap: OverlapOut
    converted_from_resident: int
    credited: int
    local: int
    retirement: list[RetirementOut]
    basis: str
    policy: list[str]


class PrecheckOut(Schema):
    """The answer of a dry run."""

    outcome: Literal["accepted", "refused", "deferred"]
    failures: list[CheckFailureOut]
    advice: AdviceOut
    months: MonthsOut


@router.post(
    "/precheck",
    auth=PartnerKey(Partner.APPLY),
    tags=["Applications"],
    summary="Check before applying",
    operation_id="precheck",
    response={200: PrecheckOut, **problems(400, 401, 403, 413, 415, 422, 429)},
    openapi_extra=body(PrecheckIn),
)
def precheck(request: HttpRequest) -> HttpResponse:
    """Both areas are asked as for an application, and nothing is stored but that it was asked.

    `outcome` is what an application would come to now; `deferred` means that a registry does not answer.
    """
    sent: dict[str, Any] = bodies.read(request)
    return answer(dry_run_data(dry_run(sent, partner_actor(caller(request)))))
