"""A case as a process of the national platform: its nodes, told from the events and the sealed sheets.

Nothing of this is stored: events are append-only and sealed sheets never change, so what was once told stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Q, Sum

from accounts.mask import mask_id, mask_name, mask_phone
from transfers.documents.nationalform import (
    AccountEntry,
    Agency,
    BothReviews,
    Completion,
    CompletionNode,
    CorrectionNode,
    FieldChange,
    Months,
    MonthsNode,
    Node,
    Notice,
    NoticeNode,
    Process,
    SheetCorrection,
    SideReviews,
)
from transfers.documents.sheet import difference
from transfers.models import CaseEvent, LedgerTransaction, Remittance, Sheet, TransferCase
from transfers.places import agency_of
from transfers.rules import national
from transfers.rules.errors import refusal
from transfers.rules.money import MoneyState
from transfers.rules.parties import Applicant, Channel, Scheme, Side
from transfers.rules.routes import State
from transfers.rules.workdays import local_date
from transfers.selectors.partitions import archived_at

# The steps that send the notice: at first, after a return, and to the area to which the case was forwarded.
_NOTICES = ("accept", "resubmit", "forward")
# The steps that seal a version of the sheet.
_SENDS = ("approve_out", "auto_out", "approve_correction")
# The steps by which a side shows that it has taken up what the other one sent.
_TAKES = {
    Side.OUT: {"claim_out", "auto_out", "return_soft", "return_hard"},
    Side.IN: {"claim_in", "auto_in", "check_sheet", "raise_query"},
}
# A node with the place, in the order of events, of the step that uploaded it.
Placed = tuple[int, Node]


def process_of(case: TransferCase, *, masked: bool = True, amounts: bool = True) -> Process:
    """The case as the national platform knows it. `J-NO-PROCESS` before it has been accepted,
    `J-ARCHIVED` when its events have left.

    `masked`: identity, name and phones with their middle hidden; in full only for somebody who was allowed to see them
    (actions/disclosure.py). `amounts`: whether balance and account entries are told.
    """
    if case.accepted_at is None:
        raise refusal("J-NO-PROCESS", state=case.info.zh, state_en=case.info.en)
    events = list(CaseEvent.objects.filter(case=case, kind="move").order_by("id"))
    if not events and (at := archived_at(case)):
        raise refusal("J-ARCHIVED", at=local_date(at).isoformat())
    sheets = list(Sheet.objects.filter(case=case, sealed_at__isnull=False).order_by("version"))
    money = Remittance.objects.filter(case=case).first()
    steps = [event.name for event in events]
    flags = {
        side: SideReviews(chk_flag=found.chk_flag, rchk_flag=found.rchk_flag)
        for side, found in national.reviews(steps).items()
    }
    of_money = [event.name for event in events if event.to_money != event.from_money]
    nodes: list[Placed] = [
        *_notices(case, events, masked=masked),
        *_months(case, events, sheets, masked=masked, amounts=amounts),
        *_completions(case, events, sheets),
    ]
    return Process(
        number=case.number,
        version=case.version,
        masked=masked,
        biz_prcs_codg=national.process(Channel(case.channel)),
        biz_prcs_stas=national.process_state(State(case.state)) or "",
        trans_mode=national.mode(Channel(case.channel), certificate=bool(case.certificate_number)),
        outbound_area=case.outbound_area_id,
        inbound_area=case.inbound_area_id,
        accepted_at=case.accepted_at,
        closed_at=case.closed_at,
        reviews=BothReviews(**{side.value: flags[side] for side in (Side.OUT, Side.IN)}),
        fin_dspo_flag=national.finance(
            MoneyState(money.state) if money else None, sent_back=of_money[-1:] == ["reject_remittance"]
        ),
        account_entries=_entries(case, amounts=amounts),
        nodes=[node for _place, node in sorted(nodes, key=lambda placed: placed[0])],
    )


def _notices(case: TransferCase, events: Sequence[CaseEvent], *, masked: bool) -> Iterator[Placed]:
    """T2101, once for each time that it was sent; all but the newest have been replaced."""
    sent = [event for event in events if event.name in _NOTICES]
    sender = national.started_by(Channel(case.channel))
    receiver = Side.IN if sender is Side.OUT else Side.OUT
    forwarded = [event for event in sent if event.name == "forward"]
    outbound = forwarded[0].data["from"] if forwarded else case.outbound_area_id
    for number, event in enumerate(sent):
        if event.name == "forward":
            outbound = event.data["to"]
        until = sent[number + 1] if number + 1 < len(sent) else None
        yield (
            event.pk,
            NoticeNode(
                biz_node_stas=national.node_state(
                    State(case.state), taken=_taken(events, receiver, event, until), replaced=until is not None
                ),
                at=event.at,
                sender=sender.value,
                receiver=receiver.value,
                content=_notice(case, outbound, masked=masked),
            ),
        )


def _notice(case: TransferCase, outbound: str, *, masked: bool) -> Notice:
    person = case.person
    return Notice(
        number=case.number,
        name=mask_name(case.name) if masked else case.name,
        sex=person.sex,
        psn_cert_type=person.identity_type,
        certno=mask_id(person.identity_number) if masked else person.identity_number,
        phone=mask_phone(case.phone) if masked else case.phone,
        outbound=_agency(outbound),
        inbound=_agency(case.inbound_area_id),
        outbound_insutype=Scheme(case.outbound_scheme),
        inbound_insutype=Scheme(case.inbound_scheme),
        channel=Channel(case.channel),
        applied_at=case.applied_at,
        applicant=Applicant(case.applicant),
        # An employer's name is nobody's secret.
        applicant_name=mask_name(case.applicant_name) if masked and not case.employer_code else case.applicant_name,
        employer_code=case.employer_code,
        agent_relation=case.agent_relation,
        agent_phone=mask_phone(case.agent_phone) if masked else case.agent_phone,
        certificate_number=case.certificate_number,
        remarks="" if masked else case.remarks,
    )


def _agency(area: str) -> Agency:
    found = agency_of(area)
    return Agency(area=area, name=found.name if found else "", phone=found.phone if found else "")


def _months(
    case: TransferCase, events: Sequence[CaseEvent], sheets: Sequence[Sheet], *, masked: bool, amounts: bool
) -> Iterator[Placed]:
    """T2102 for the first sealed sheet, and a correction for each that took another's place."""
    before: Sheet | None = None
    for number, sheet in enumerate(sheets):
        assert sheet.sealed_at is not None
        replaced = number + 1 < len(sheets)
        sent = next(event for event in events if event.data.get("sheet") == sheet.version and event.name in _SENDS)
        common: dict[str, Any] = {
            "biz_node_stas": national.node_state(
                State(case.state), taken=_taken(events, Side.IN, sent), replaced=replaced
            ),
            "at": sheet.sealed_at,
            "sender": "out",
            "receiver": "in",
        }
        if before is None:
            yield sent.pk, MonthsNode(**common, content=_sheet(case, sheet, masked=masked, amounts=amounts))
        else:
            content = _correction(events, before, sheet, sent, masked=masked)
            yield sent.pk, CorrectionNode(**common, content=content)
        before = sheet


def _sheet(case: TransferCase, sheet: Sheet, *, masked: bool, amounts: bool) -> Months:
    content = dict(sheet.content)
    if masked:
        content["name"] = mask_name(content["name"])
    else:
        content["identity_number"] = case.person.identity_number
    if not amounts:
        content["balance_fen"] = None
    return Months(**content)


def _correction(
    events: Sequence[CaseEvent], before: Sheet, sheet: Sheet, sent: CaseEvent, *, masked: bool
) -> SheetCorrection:
    asked = [event for event in events if event.name in ("raise_query", "reopen") and event.pk < sent.pk]
    changes = []
    for change in difference(before.content, sheet.content):
        hide = masked and change.path == "name"
        old, new = (mask_name(value) if hide else value for value in (change.old, change.new))
        changes.append(FieldChange(field=change.path, old=old, new=new))
    return SheetCorrection(
        version=sheet.version, reason=asked[-1].reason if asked else "", changes=changes, digest=sheet.digest
    )


def _completions(case: TransferCase, events: Sequence[CaseEvent], sheets: Sequence[Sheet]) -> Iterator[Placed]:
    """T2103 at each end; a reopened case has taken the one before back."""
    ends = [event for event in events if event.name == "finish"]
    for end in ends:
        again = any(event.name in ("reopen", "reopen_money") and event.pk > end.pk for event in events)
        version = [event.data["sheet"] for event in events if event.name in _SENDS and event.pk < end.pk][-1]
        sheet = next(sheet for sheet in sheets if sheet.version == version)
        content = Completion(
            months_total=sheet.content["months_total"], version=sheet.version, outbound_psn_insu_stas="4"
        )
        yield (
            end.pk,
            CompletionNode(
                biz_node_stas=national.node_state(State(case.state), taken=False, replaced=again),
                at=end.at,
                sender="in",
                receiver="out",
                content=content,
            ),
        )


def _taken(events: Sequence[CaseEvent], receiver: Side, sent: CaseEvent, until: CaseEvent | None = None) -> bool:
    """Whether the receiving side did something with what was sent before it was sent anew."""
    after = (event for event in events if event.pk > sent.pk and (until is None or event.pk < until.pk))
    return any(event.name in _TAKES[receiver] for event in after)


def _entries(case: TransferCase, *, amounts: bool) -> list[AccountEntry]:
    """The entries of the accounts, by the postings of the ledger; a supplementary amount has entries of its own."""
    kinds = list(national.ACCOUNT_ENTRY.codes)
    posted = LedgerTransaction.objects.filter(case=case, kind__in=kinds).order_by("id")
    rows = posted.annotate(fen=Sum("entries__amount_fen", filter=Q(entries__amount_fen__gt=0)))
    return [
        AccountEntry(acct_incexpd_type=kind, at=at, amount_fen=fen if amounts else None)
        for kind, at, fen in rows.values_list("kind", "at", "fen")
    ]
