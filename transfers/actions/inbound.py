"""The inbound side's work: checking the sheet and taking the record over (医保办发〔2021〕43号 Art. 9)."""

from __future__ import annotations

from transfers.actions.effects import Context, Effect, Next, effect
from transfers.documents.seal import intact
from transfers.documents.sheet import digest_of, periods_of
from transfers.models import Sheet, TransferCase
from transfers.registry import RegistryUnavailable, registry_for
from transfers.rules.errors import refusal
from transfers.rules.workdays import local_date


def sealed_sheet(case: TransferCase) -> Sheet:
    """The newest sealed sheet, its seal checked against its content; J-SEAL when it does not verify."""
    sheet = Sheet.objects.filter(case=case, sealed_at__isnull=False).order_by("-version").first()
    if sheet is None or not intact(sheet.seal, digest=digest_of(sheet.content), agency_code=case.outbound_area_id):
        raise refusal("J-SEAL")
    return sheet


@effect("check_sheet")
def check_sheet(context: Context) -> Effect:
    """Only a sheet with an intact seal can go to review."""
    return Effect({"sheet": sealed_sheet(context.case).version})


@effect("auto_in")
@effect("approve_in")
def approve_in(context: Context) -> Effect:
    """Add the months to the inbound record and end the outbound relationship (status 2 → 4)."""
    case = context.case
    sheet = sealed_sheet(case)
    area = case.inbound_area
    try:
        registry_for(case.inbound_area_id).take_over(
            case.person, case.inbound_area_id, periods_of(sheet.content), case.pk
        )
        area = case.outbound_area
        registry_for(case.outbound_area_id).end_relationship(
            case.person, case.outbound_area_id, case.outbound_scheme, local_date(context.step.now), case.pk
        )
    except RegistryUnavailable as error:
        raise refusal("J-REGISTRY-DOWN", area=area.name) from error
    settled = context.remittance is not None and context.remittance.info.settled
    return Effect({"months_total": sheet.content["months_total"]}, then=(Next("finish"),) if settled else ())
