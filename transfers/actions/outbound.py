"""The outbound side's work: the information sheet, its seal, and the supplement (医保办发〔2021〕43号 Art. 9)."""

from __future__ import annotations

from transfers.actions.effects import Context, Effect, effect
from transfers.documents.seal import seal
from transfers.documents.sheet import COMPARED, content_for, digest_of
from transfers.models import Remittance, Sheet
from transfers.registry import RegistryUnavailable, registry_for
from transfers.rules.errors import refusal
from transfers.rules.facts import AreaFacts
from transfers.sla.clocks import policy_of

_WORDS = {
    "name": ("姓名", "name"),
    "account_kind": ("统账类别", "kind of account"),
    "months_actual": ("实际缴费月数", "months paid"),
    "months_deemed": ("视同缴费月数", "deemed months"),
    "months_total": ("累计月数", "total months"),
    "balance_fen": ("个人账户余额", "account balance"),
    "periods": ("缴费时段", "contribution periods"),
}


def _facts(context: Context) -> AreaFacts:
    case = context.case
    try:
        return registry_for(case.outbound_area_id).facts(case.person, case.outbound_area_id)
    except RegistryUnavailable as error:
        raise refusal("J-REGISTRY-DOWN", area=case.outbound_area.name) from error


@effect("prepare_sheet")
def prepare_sheet(context: Context) -> Effect:
    """Make the sheet from the outbound record as it stands now; a draft that was sent back is replaced."""
    case, step = context.case, context.step
    content = content_for(case, _facts(context), handler=context.actor.name, now=step.now)
    if not content["periods"]:
        raise refusal("J-SHEET-EMPTY")
    sheet = Sheet.objects.filter(case=case, sealed_at__isnull=True).first()
    if sheet is None:
        sheet = Sheet(case=case, version=Sheet.objects.filter(case=case).count() + 1)
    sheet.content, sheet.digest = content, digest_of(content)
    sheet.prepared_by_id, sheet.prepared_at = context.staff_id, step.now
    sheet.save()
    return Effect({"sheet": sheet.version, "months_total": content["months_total"]})


@effect("approve_out")
def approve_out(context: Context) -> Effect:
    """Seal the sheet, if the record is still what it says, and open the money line (Art. 9)."""
    case, step = context.case, context.step
    sheet = Sheet.objects.get(case=case, sealed_at__isnull=True)
    now_stands = content_for(case, _facts(context), handler="", now=step.now)
    changed = [name for name in COMPARED if now_stands[name] != sheet.content[name]]
    if changed:
        raise refusal(
            "J-SHEET-CHANGED",
            what="、".join(_WORDS[name][0] for name in changed),
            what_en=", ".join(_WORDS[name][1] for name in changed),
        )
    sheet.approved_by_id, sheet.sealed_at = context.staff_id, step.now
    sheet.seal = seal(digest=sheet.digest, agency_code=case.outbound_area_id, now=step.now)
    sheet.save()
    context.remittance = Remittance.objects.create(case=case)
    balance = sheet.content["balance_fen"]
    return Effect({"sheet": sheet.version}, then=(("freeze", {"amount_fen": balance}),) if balance else ())


@effect("request_supplement")
def request_supplement(context: Context) -> Effect:
    """A supplement may be asked for only as often as the policy allows."""
    case = context.case
    if case.supplement_count >= policy_of(case, "out").supplement_max:
        raise refusal("J-SUPPLEMENT-LIMIT", count=case.supplement_count)
    return Effect()
