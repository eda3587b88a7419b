"""The odd routes: return, forwarding, reassignment, withdrawal, an early end, and reopening after the end."""

from __future__ import annotations

from transfers.access import claimers
from transfers.actions.effects import Context, Effect, Next, effect
from transfers.actions.intake import agency_at, failures_of, hold_person, open_case_of
from transfers.models import MOVES, CaseEvent, TransferCase
from transfers.places import furnish
from transfers.policies import applying
from transfers.registry import ask
from transfers.rules.errors import refusal
from transfers.rules.parties import Side
from transfers.rules.workdays import local_date


@effect("resubmit")
def resubmit(context: Context) -> Effect:
    """Both sides' rules again (Art. 8): a return that is not repaired is not accepted, and the case stays returned."""
    _require_sound(context)
    return Effect({"returned_for": context.case.return_reason})


@effect("forward")
def forward(context: Context) -> Effect:
    """Hand the case to the area where the record really is; both sides' rules must hold there, too."""
    case = context.case
    agency = agency_at(context.step.data["area"])
    before = case.outbound_area_id
    if agency.area_id in (before, case.inbound_area_id):
        raise refusal("J-FORWARD-AREA", area=agency.area.full_name)
    case.outbound_area_id, case.outbound_agency_id = agency.area_id, agency.pk
    furnish(case)
    _require_sound(context)
    case.outbound_policy_id = applying(agency.area_id, local_date(context.step.now)).id
    return Effect({"from": before, "to": agency.area_id})


def _require_sound(context: Context) -> None:
    """Refuse when a rule of either side stands against the case as it is now; every reason is listed."""
    case, now = context.case, context.step.now
    areas = {area.code: area.name for area in (case.outbound_area, case.inbound_area)}
    said, silent = ask(case.person, areas)
    if silent:
        raise refusal("J-REGISTRY-DOWN", area="、".join(areas[code] for code in silent))
    outbound, inbound = (said[code] for code in areas)
    other = open_case_of(case.person, beside=case)
    found = failures_of(case, outbound, inbound, now=now, open_case=other)
    failures = [failure for failure in found if failure.blocking]
    if failures:
        raise refusal(
            "J-STILL-FAILS",
            reasons="；".join(f"{failure.code} {failure.reason.zh}" for failure in failures),
            reasons_en="; ".join(f"{failure.code} {failure.reason.en}" for failure in failures),
            codes=[failure.code for failure in failures],
        )


@effect("reassign")
def reassign(context: Context) -> Effect:
    """To a colleague of the same agency who could have claimed the case."""
    case = context.case
    found = claimers(case.holder_id, Side(case.acts)).filter(user__username=context.step.data["to"])
    member = found.first()
    if member is None:
        raise refusal("J-MEMBER", name=context.step.data["to"][:30])
    if member.user_id == case.owner_id:
        raise refusal("J-MEMBER-SAME", name=str(member.user))
    before = str(case.owner or "")
    case.owner = member.user
    return Effect({"from": before, "to": str(member.user)})


@effect("request_withdrawal")
def request_withdrawal(context: Context) -> Effect:
    """Possible until the money has left; not in a case that was reopened after its end."""
    _require_not_taken_over(context.case)
    _require_money_here(context)
    return Effect()


@effect("grant_withdrawal")
@effect("terminate")
def end_early(context: Context) -> Effect:
    """End a case whose money has not left; a balance that was fixed goes back."""
    _require_not_taken_over(context.case)
    _require_money_here(context)
    money = context.remittance
    if money is None or money.state not in MOVES["release"].sources:
        return Effect()
    return Effect(then=(Next("release", reason=context.step.reason or context.case.end_reason),))


def _require_not_taken_over(case: TransferCase) -> None:
    """Refuse once the record has been taken over: what both areas hold then is put right, not undone."""
    if CaseEvent.objects.filter(case=case, name__in=("approve_in", "auto_in")).exists():
        raise refusal("J-TAKEN-OVER")


def _require_money_here(context: Context) -> None:
    money = context.remittance
    if money is not None and not money.info.here:
        raise refusal("J-MONEY-SENT", state=money.info.zh, state_en=money.info.en)


@effect("reopen")
def reopen(context: Context) -> Effect:
    """An error found after the end; not while the person has another transfer under way."""
    hold_person(context.case)
    other = open_case_of(context.case.person)
    if other:
        raise refusal("J-OTHER-OPEN", number=other)
    return Effect()
