"""The outbound side's work: the information sheet, its seal, and the supplement (医保办发〔2021〕43号 Art. 9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from transfers.actions.effects import Context, Effect, Next, effect
from transfers.actions.money import choose_by
from transfers.documents.seal import seal
from transfers.documents.sheet import COMPARED, content_for, digest_of
from transfers.models import Remittance, Sheet, TransferCase, rows
from transfers.models.guards import write_changes, write_rows
from transfers.places import same_province
from transfers.registry import answering, registry_for
from transfers.rules.destinations import Intent, decide
from transfers.rules.errors import refusal
from transfers.rules.parties import Scheme, Side
from transfers.rules.policy import Policy
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


def stands(case: TransferCase, *, handler: str, now: datetime) -> dict[str, Any]:
    """The sheet as the outbound record stands now (transfers/documents/sheet.py). J-REGISTRY-DOWN."""
    with answering(case.outbound_area):
        facts = registry_for(case.outbound_area_id).facts(case.person, case.outbound_area_id)
    return content_for(case, facts, handler=handler, now=now)


def to_transfer(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a sheet that has something to transfer: J-SHEET-EMPTY."""
    if not content["periods"]:
        raise refusal("J-SHEET-EMPTY")
    return content


def _content(context: Context, *, handler: str) -> dict[str, Any]:
    return content_for(context.case, context.record(Side.OUT), handler=handler, now=context.step.now)


@effect("prepare_sheet")
def prepare_sheet(context: Context) -> Effect:
    """Make the sheet from the outbound record as it stands now; a draft that was sent back is replaced."""
    content = to_transfer(_content(context, handler=context.actor.name))
    sheet = draft_sheet(context, content)
    return Effect({"sheet": sheet.version, "months_total": content["months_total"]}, writes=((write_sheets, sheet),))


@effect("approve_out")
def approve_out(context: Context) -> Effect:
    """Seal the sheet, if the record is still what it says, and open the money line (Art. 9)."""
    sheet = drafted(context)
    now_stands = _content(context, handler="")
    changed = [name for name in COMPARED if now_stands[name] != sheet.content[name]]
    if changed:
        raise refusal(
            "J-SHEET-CHANGED",
            what="、".join(_WORDS[name][0] for name in changed),
            what_en=", ".join(_WORDS[name][1] for name in changed),
        )
    seal_sheet(context, sheet)
    return open_money(context, sheet)


@effect("auto_out")
def auto_out(context: Context) -> Effect:
    """Prepare, seal and send without people, where the province's `in_province_mode` says so."""
    sheet = draft_sheet(context, to_transfer(_content(context, handler=context.actor.name)))
    seal_sheet(context, sheet)
    return open_money(context, sheet)


def sheets_of(cases: Sequence[TransferCase]) -> dict[int, list[Sheet]]:
    """All versions of the sheets of these cases, the oldest first."""
    found: dict[int, list[Sheet]] = defaultdict(list)
    for sheet in rows.read(Sheet, "WHERE t.case_id = ANY(%s) ORDER BY t.version", [[case.pk for case in cases]]):
        found[sheet.case_id].append(sheet)
    return found


def drafted(context: Context) -> Sheet:
    """The version that waits to be sealed."""
    return next(sheet for sheet in context.found(sheets_of) or () if sheet.sealed_at is None)


def draft_sheet(context: Context, content: dict[str, Any]) -> Sheet:
    """The next version of the sheet, not sealed yet, to be written; a draft that was sent back is replaced."""
    versions = context.found(sheets_of) or []
    if versions and versions[-1].sealed_at is None:
        sheet = versions[-1]
    else:
        sheet = Sheet(case_id=context.case.pk, version=len(versions) + 1)
    sheet.content, sheet.digest = content, digest_of(content)
    sheet.prepared_by_id, sheet.prepared_at = context.step.user_id, context.step.now
    return sheet


def seal_sheet(context: Context, sheet: Sheet) -> None:
    """Seal it in the outbound agency's name, to be written; from then on it never changes."""
    step = context.step
    sheet.approved_by_id, sheet.sealed_at = step.user_id, step.now
    sheet.seal = seal(digest=sheet.digest, agency_code=context.case.outbound_area_id, now=step.now)


_WRITTEN = ("content", "digest", "prepared_by_id", "prepared_at", "approved_by_id", "sealed_at", "seal")


def write_sheets(sheets: list[Sheet]) -> None:
    """Write sheets that were drafted or sealed."""
    write_rows(Sheet, [sheet for sheet in sheets if sheet.pk is None])
    write_changes((sheet, _WRITTEN) for sheet in sheets if sheet.pk is not None)


_OPENINGS = {Intent.KEEP: "keep", Intent.SETTLE: "await_settlement", Intent.FIX: "freeze"}


def open_money(context: Context, sheet: Sheet) -> Effect:
    """Open the money line, by what the two areas' policies say of such a balance."""
    case, now = context.case, context.step.now
    context.remittance = Remittance(case=case)
    outbound = policy_of(case, Side.OUT)
    decision = decide(
        outbound=outbound,
        inbound=policy_of(case, Side.IN),
        same_province=same_province(case.outbound_area_id, case.inbound_area_id),
        scheme=case.outbound_scheme,
        account_kind=sheet.content["account_kind"],
        balance_fen=sheet.content["balance_fen"],
        open_claims=bool(sheet.content["balance_fen"]) and _open_claims(context, outbound),
        inbound_takes=case.inbound_scheme == Scheme.EMPLOYEE,
    )
    why = {"zh": decision.why.zh, "en": decision.why.en, "basis": [list(one) for one in decision.basis]}
    if decision.intent is Intent.NONE:
        return Effect({"sheet": sheet.version, "why": why}, writes=((write_sheets, sheet),))
    data: dict[str, Any] = {
        "amount_fen": sheet.content["balance_fen"],
        "destination": decision.destination.value,
        "options": [one.value for one in decision.options],
        "why": why,
    }
    if decision.options:
        data["choose_by"] = choose_by(case, now=now)
    return Effect(
        {"sheet": sheet.version}, then=(Next(_OPENINGS[decision.intent], data),), writes=((write_sheets, sheet),)
    )


def _open_claims(context: Context, policy: Policy) -> bool:
    """Whether costs are still to be settled, where the area accepts a case with such costs."""
    return policy.open_claims_rule == "warn" and context.record(Side.OUT).open_claims


@effect("request_supplement")
def request_supplement(context: Context) -> Effect:
    """A supplement may be asked for only as often as the policy allows."""
    case = context.case
    if case.supplement_count >= policy_of(case, "out").supplement_max:
        raise refusal("J-SUPPLEMENT-LIMIT", count=case.supplement_count)
    return Effect()
