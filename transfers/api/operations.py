"""The operations: filing and following applications, the areas, and the public look-up."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from ninja import Query, Router

from transfers.access import find_case, partner_actor, visible_cases
from transfers.actions import lookup, perform
from transfers.actions.idempotency import KEY_MAX, file_once
from transfers.api import bodies, shapes
from transfers.api.contract import body, header, problems
from transfers.api.keys import PartnerKey, caller
from transfers.memory import remembered
from transfers.models import Area, Partner, TransferCase
from transfers.rules import casenumber
from transfers.rules.errors import Refusal, refusal
from transfers.rules.workdays import local_date
from transfers.selectors.applying import between
from transfers.selectors.progress import withdrawal_step
from transfers.web.levels import look, shown
from transfers.web.origin import origin_of

PAGE_MAX = 100
router = Router()
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_MAX}}}")
_SENT = {
    "zh": "如业务编号与证件号码后六位相符，验证码已发往登记手机，五分钟内有效。",
    "en": "If number and last six characters match, a code is on its way to the phone on file, valid for five minutes.",
}


def answer(payload: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """JSON, with Chinese as Chinese."""
    return JsonResponse(
        payload,
        status=status,
        headers=headers,
        safe=False,
        encoder=DjangoJSONEncoder,
        json_dumps_params={"ensure_ascii": False},
    )


# --- applications -------------------------------------------------------------------------------
@router.post(
    "/applications",
    auth=PartnerKey(Partner.APPLY),
    tags=["Applications"],
    summary="File an application",
    operation_id="file_application",
    response={
        201: shapes.ApplicationOut,
        200: shapes.ApplicationOut,
        **problems(400, 401, 403, 409, 413, 415, 422, 429),
    },
    openapi_extra={
        **body(shapes.ApplicationIn),
        **header("Idempotency-Key", f"1 to {KEY_MAX} visible ASCII characters; one key for one application.", KEY_MAX),
    },
)
def file_application(request: HttpRequest) -> HttpResponse:
    """Both areas are asked at once. 201 with `state` ACCEPTED starts the outbound limit; 201 with NOT_ACCEPTED gives
    every reason with its remedy; 201 with SUBMITTED means that an area's registry does not answer and is asked again.

    A repeated request (same key, same content) gets 200 with `Idempotency-Replayed: true` and the case as it is now.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise Refusal(
            "J-IDEMPOTENCY-KEY",
            f"请在请求头 Idempotency-Key 中给出 1 至 {KEY_MAX} 个可见 ASCII 字符。",
            f"Give 1 to {KEY_MAX} visible ASCII characters in the header Idempotency-Key.",
        )
    filed = file_once(bodies.read(request), caller(request), key=key, now=timezone.now())
    shown = application_of(caller(request), filed.case.number)
    if filed.replayed:
        return answer(shown, headers={"Idempotency-Replayed": "true"})
    return answer(shown, status=201, headers={"Location": f"{request.path.rstrip('/')}/{filed.case.number}"})


@router.get(
    "/applications",
    auth=PartnerKey(Partner.STATUS),
    tags=["Applications"],
    summary="List your applications",
    operation_id="list_applications",
    response={200: shapes.ListOut, **problems(400, 401, 403, 404, 422, 429)},
)
def list_applications(
    request: HttpRequest,
    limit: int = Query(20, ge=1, le=PAGE_MAX, description="How many at most."),
    after: str = Query("", max_length=40, description="`next` of the page before."),
) -> HttpResponse:
    """Newest first, by keyset: a page stays as fast however far back it lies."""
    bodies.known(request.GET, ("limit", "after"))
    mine = visible_cases(partner_actor(caller(request)))
    if after:
        last = mine.filter(number=casenumber.parse(after)).values_list("pk", flat=True).first()
        if last is None:
            raise refusal("J-NOT-FOUND")
        page = mine.filter(pk__lt=last)
    else:
        page = mine
    rows = list(page.order_by("-pk")[: limit + 1])
    more = rows[limit - 1].number if len(rows) > limit else None
    return answer({"items": [shapes.listed(case) for case in rows[:limit]], "next": more})


@router.get(
    "/applications/{number}",
    auth=PartnerKey(Partner.STATUS),
    tags=["Applications"],
    summary="Where an application stands",
    operation_id="get_application",
    response={200: shapes.ApplicationOut, **problems(400, 401, 403, 404, 429)},
)
def get_application(request: HttpRequest, number: str) -> HttpResponse:
    """One of your own; another's and one that does not exist are the same J-NOT-FOUND."""
    return answer(application_of(caller(request), casenumber.parse(number)))


@router.post(
    "/applications/{number}/supplement",
    auth=PartnerKey(Partner.APPLY),
    tags=["Applications"],
    summary="Answer a request for a supplement",
    operation_id="supplement_application",
    response={200: shapes.ApplicationOut, **problems(400, 401, 403, 404, 409, 413, 415, 422, 429)},
    openapi_extra=body(shapes.SupplementIn),
)
def supplement_application(request: HttpRequest, number: str) -> HttpResponse:
    """The applicant's step: the outbound limit runs on. `version` is the one last read."""
    return _applicant_s(request, number, lambda _case: "provide_supplement")


@router.post(
    "/applications/{number}/resubmission",
    auth=PartnerKey(Partner.APPLY),
    tags=["Applications"],
    summary="Resubmit an application that was returned",
    operation_id="resubmit_application",
    response={200: shapes.ApplicationOut, **problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)},
    openapi_extra=body(shapes.ResubmissionIn),
)
def resubmit_application(request: HttpRequest, number: str) -> HttpResponse:
    """Both areas' rules run again; what still fails is listed (J-STILL-FAILS) and the case stays returned."""
    return _applicant_s(request, number, lambda _case: "resubmit")


@router.post(
    "/applications/{number}/withdrawal",
    auth=PartnerKey(Partner.APPLY),
    tags=["Applications"],
    summary="Withdraw an application",
    operation_id="withdraw_application",
    response={200: shapes.ApplicationOut, **problems(400, 401, 403, 404, 409, 413, 415, 422, 429)},
    openapi_extra=body(shapes.WithdrawalIn),
)
def withdraw_application(request: HttpRequest, number: str) -> HttpResponse:
    """Before acceptance it ends at once; afterwards the agency that has the case answers. Not once money has left."""
    return _applicant_s(request, number, lambda case: withdrawal_step(case) or "request_withdrawal", reason=True)


@router.post(
    "/applications/{number}/destination",
    auth=PartnerKey(Partner.APPLY),
    tags=["Applications"],
    summary="Choose where the balance goes",
    operation_id="choose_destination",
    response={200: shapes.ApplicationOut, **problems(400, 401, 403, 404, 409, 413, 415, 422, 429)},
    openapi_extra=body(shapes.DestinationIn),
)
def choose_destination(request: HttpRequest, number: str) -> HttpResponse:
    """The person's own choice, where the area's policy leaves one (`money.choice`), until the balance is being sent."""
    actor = partner_actor(caller(request))
    case = find_case(actor, number=casenumber.parse(number))
    account = ("payee_bank", "payee_account")
    sent = bodies.fields(bodies.read(request), required=("destination",), optional=account, whole=("version",))
    data = {name: sent[name] for name in ("destination", *account) if sent[name]}
    perform(case, "choose_destination", actor, version=sent["version"], data=data)
    return answer(application_of(caller(request), case.number))


def _applicant_s(
    request: HttpRequest, number: str, step: Callable[[TransferCase], str], *, reason: bool = False
) -> HttpResponse:
    """A step of the applicant's, on one of the partner's own applications."""
    actor = partner_actor(caller(request))
    case = find_case(actor, number=casenumber.parse(number))
    sent = bodies.fields(bodies.read(request), required=("note", *(["reason"] if reason else [])), whole=("version",))
    perform(case, step(case), actor, version=sent["version"], reason=sent.get("reason", ""), note=sent["note"])
    return answer(application_of(caller(request), case.number))


def application_of(partner: Partner, number: str) -> dict[str, Any]:
    """One of a partner's own applications, as it is sent."""
    case = find_case(partner_actor(partner), number=number)
    line, detail = look(case, timezone.now(), verified=True)
    assert detail is not None
    return shapes.application(case, line, detail)


# --- reference ----------------------------------------------------------------------------------
@router.get(
    "/areas",
    tags=["Reference"],
    summary="Pooling areas",
    operation_id="list_areas",
    response={200: list[shapes.AreaOut], **problems()},
)
def list_areas(request: HttpRequest) -> HttpResponse:
    """Every pooling area (统筹区) that applications can name, by code."""
    return answer(_areas())


@remembered
def _areas() -> list[dict[str, Any]]:
    rows = Area.objects.filter(pooling=True, valid_to__isnull=True).select_related("parent").order_by("code")
    return [
        {
            "code": area.code,
            "name": area.name,
            "full_name": area.full_name,
            "province": area.parent.name if area.parent and area.parent.level == Area.Level.PROVINCE else area.name,
            "pseudo": area.pseudo,
        }
        for area in rows
    ]


@router.get(
    "/rules",
    tags=["Reference"],
    summary="What applies between two areas today",
    operation_id="get_rules",
    response={200: shapes.RulesOut, **problems(400, 422)},
)
def get_rules(
    request: HttpRequest,
    outbound: str = Query(..., alias="from", pattern="^[0-9]{6}$", description="Code of the outbound area."),
    inbound: str = Query(..., alias="to", pattern="^[0-9]{6}$", description="Code of the inbound area."),
) -> HttpResponse:
    """Public, no personal data. Each switch of either area with the edition that it comes from, and plain sentences.

    A case keeps what applied on the day of its acceptance, so an open case may rest on an earlier edition.
    """
    bodies.known(request.GET, ("from", "to"))
    return answer(shapes.rules(between(outbound, inbound, local_date(timezone.now()))))


# --- the public look-up -------------------------------------------------------------------------
@router.post(
    "/track",
    tags=["Look-up"],
    summary="Look a case up",
    operation_id="track",
    response={200: shapes.TrackOut, **problems(400, 404, 413, 415, 422, 429)},
    openapi_extra=body(shapes.LookupWithCodeIn),
)
def track(request: HttpRequest) -> HttpResponse:
    """Public. Number and last six characters give the stage line; a code from /track/code adds `detail`.

    An unknown number and a wrong tail are the same J-LOOKUP. Wrong attempts cost five times a right one.
    """
    sent = bodies.fields(bodies.read(request), required=("number", "tail"), optional=("code",))
    now, origin = timezone.now(), origin_of(request)
    found = lookup.find(sent["number"], sent["tail"], origin=origin, now=now)
    if sent["code"]:
        lookup.check_code(found.case, sent["code"], origin=origin, now=now)
    return answer(shapes.track(found.case, *shown(found.case, found.running, now, verified=bool(sent["code"]))))


@router.post(
    "/track/code",
    tags=["Look-up"],
    summary="Ask for a one-time code",
    operation_id="track_code",
    response={202: shapes.CodeSentOut, **problems(400, 413, 415, 422, 429)},
    openapi_extra=body(shapes.LookupIn),
)
def track_code(request: HttpRequest) -> HttpResponse:
    """Public. Sends a code to the phone on file if number and tail match; answers the same if they do not."""
    sent = bodies.fields(bodies.read(request), required=("number", "tail"))
    lookup.request_code(sent["number"], sent["tail"], origin=origin_of(request), now=timezone.now())
    return answer(_SENT, status=202)
