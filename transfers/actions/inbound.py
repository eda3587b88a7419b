"""The inbound side's work: checking the sheet and taking the record over (医保办发〔2021〕43号 Art. 9–12)."""

from __future__ import annotations

from transfers.actions.effects import Context, Effect, Next, effect
from transfers.actions.outbound import sheets_of
from transfers.documents.seal import intact
from transfers.documents.sheet import digest_of, periods_of
from transfers.models import Remittance, Sheet
from transfers.policies import pinned_policy
from transfers.registry import answering, registry_for
from transfers.rules.benefits import advise_on
from transfers.rules.dryrun import advice_data
from transfers.rules.errors import refusal
from transfers.rules.facts import AreaFacts
from transfers.rules.money import Destination, MoneyState
from transfers.rules.months import common, count, taken_over, union
from transfers.rules.parties import Side
from transfers.rules.workdays import local_date


def sealed_sheet(context: Context) -> Sheet:
    """The newest sealed sheet, its seal checked against its content; J-SEAL when it does not verify."""
    sealed = [sheet for sheet in context.found(sheets_of) or () if sheet.sealed_at is not None]
    agency = context.case.outbound_area_id
    if not sealed or not intact(sealed[-1].seal, digest=digest_of(sealed[-1].content), agency_code=agency):
        raise refusal("J-SEAL")
    return sealed[-1]


@effect("check_sheet")
def check_sheet(context: Context) -> Effect:
    """Only a sheet with an intact seal can go to review."""
    return Effect({"sheet": sealed_sheet(context).version})


@effect("auto_in")
@effect("approve_in")
def approve_in(context: Context) -> Effect:
    """Add the months to the inbound record, end the outbound relationship (status 2 → 4), and say what it means."""
    case, on = context.case, local_date(context.step.now)
    sheet = sealed_sheet(context)
    brought = periods_of(sheet.content)
    pinned = pinned_policy(case.inbound_policy_id or 0)
    facts = context.record(Side.IN)
    with answering(case.inbound_area):
        registry_for(case.inbound_area_id).take_over(
            case.person, case.inbound_area_id, taken_over(brought, pinned.policy), case.pk
        )
    with answering(case.outbound_area):
        registry_for(case.outbound_area_id).end_relationship(
            case.person, case.outbound_area_id, case.outbound_scheme, on, case.pk
        )
    own = [period for period in facts.periods if period.area in ("", case.inbound_area_id)]
    advice = advise_on(
        outbound=AreaFacts(case.outbound_area_id, periods=tuple(brought)),
        inbound=facts,
        outbound_scheme=case.outbound_scheme,
        inbound_scheme=case.inbound_scheme,
        policy=pinned.policy,
        outbound_policy=pinned_policy(case.outbound_policy_id or 0).policy,
        today=on,
        sources=pinned.sources,
    )
    data = {
        "months_total": sheet.content["months_total"],
        "overlap_months": count(common(union(own), union(brought))),
        "advice": advice_data(advice),
    }
    return Effect(data, then=_with_money(context.remittance))


def _with_money(money: Remittance | None) -> tuple[Next, ...]:
    """What follows a take-over: the end where no money is outstanding, or a balance that is credited at once."""
    if money is None:
        return ()
    if money.state == MoneyState.FROZEN and money.destination == Destination.INSTANT:
        return (Next("credit_at_once"),)
    return (Next("finish"),) if money.info.settled else ()
