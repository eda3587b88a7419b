"""The papers that agencies issue: which there are, who issues them, and what orders them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transfers.rules.parties import Named, Side


class PaperKind(StrEnum):
    """One kind of paper. The values are stored; T numbers are the national platform's nodes."""

    APPLICATION = "application"
    CONTACT_LETTER = "contact_letter"
    CERTIFICATE = "certificate"
    SHEET = "sheet"
    CHANGE = "change"
    COMPLETION = "completion"
    CORRECTION = "correction"
    ACCEPTANCE = "acceptance"
    REFUSAL = "refusal"
    SUPPLEMENT = "supplement"
    RETURN = "return"
    OUT_DONE = "out_done"
    IN_CONFIRMED = "in_confirmed"
    CREDITED = "credited"
    DONE = "done"
    OVERDUE = "overdue"
    ENDED = "ended"

    @property
    def info(self) -> PaperInfo:
        return PAPERS[self]


@dataclass(frozen=True, slots=True)
class PaperInfo:
    """What is true of a kind of paper.

    `side` issues it. `to_person`: the person of the case may fetch it. `sealed`: it carries the agency's electronic
    seal. `node`: its number on the national platform, or a short mark for the paper's own number. `at_once`: agencies
    wait for it, so it is made within the minute; the others are made when somebody first fetches them. `on_request`: a
    handler of `side` may issue it, when it is wanted; the others come with the steps of ORDERED.
    """

    zh: str
    en: str
    side: Side
    node: str
    to_person: bool = True
    sealed: bool = True
    at_once: bool = False
    on_request: bool = False

    @property
    def named(self) -> Named:
        return Named(self.zh, self.en)


K = PaperKind
PAPERS: dict[PaperKind, PaperInfo] = {
    K.APPLICATION: PaperInfo("基本医疗保险关系转移接续申请表", "Application form", Side.IN, "T2101", sealed=False),
    K.CONTACT_LETTER: PaperInfo(
        "基本医疗保险关系转移接续联系函",
        "Contact letter",
        Side.IN,
        "LXH",
        to_person=False,
        at_once=True,
        on_request=True,
    ),
    K.CERTIFICATE: PaperInfo(
        "基本医疗保险参保凭证", "Enrolment certificate", Side.OUT, "CBPZ", at_once=True, on_request=True
    ),
    K.SHEET: PaperInfo("参保人员基本医疗保险信息表", "Information sheet", Side.OUT, "T2102", at_once=True),
    K.CHANGE: PaperInfo("基本医疗保险关系变更表", "Change of relationship", Side.IN, "BGB"),
    K.COMPLETION: PaperInfo(
        "基本医疗保险关系转移接续办结反馈单", "Completion feedback", Side.IN, "T2103", to_person=False
    ),
    K.CORRECTION: PaperInfo(
        "信息表纠错单", "Correction of the information sheet", Side.OUT, "JC", to_person=False, at_once=True
    ),
    K.ACCEPTANCE: PaperInfo("受理告知书", "Notice of acceptance", Side.OUT, "SL"),
    K.REFUSAL: PaperInfo("不予受理告知书", "Notice of refusal", Side.IN, "BYSL"),
    K.SUPPLEMENT: PaperInfo("补正通知书", "Notice of a supplement", Side.OUT, "BZ"),
    K.RETURN: PaperInfo("退回通知书", "Notice of return", Side.OUT, "TH"),
    K.OUT_DONE: PaperInfo("转出办结告知书", "Notice: transferred out", Side.OUT, "ZC"),
    K.IN_CONFIRMED: PaperInfo("转入确认表", "Confirmation of transfer in", Side.IN, "ZR"),
    K.CREDITED: PaperInfo("个人账户余额到账告知书", "Notice: balance credited", Side.IN, "DZ"),
    K.DONE: PaperInfo("办结通知书", "Notice of completion", Side.IN, "BJ"),
    K.OVERDUE: PaperInfo("超期说明", "Statement of delay", Side.OUT, "CQ", on_request=True),
    K.ENDED: PaperInfo("终止办理告知书", "Notice of ending", Side.OUT, "ZZ"),
}
AT_ONCE = tuple(kind.value for kind in PaperKind if kind.info.at_once)

# Which step orders which papers.
ORDERED: dict[str, tuple[PaperKind, ...]] = {
    "accept": (K.APPLICATION, K.ACCEPTANCE),
    "resubmit": (K.ACCEPTANCE,),
    "refuse": (K.REFUSAL,),
    "request_supplement": (K.SUPPLEMENT,),
    "return_soft": (K.RETURN,),
    "return_hard": (K.RETURN,),
    "approve_out": (K.SHEET, K.OUT_DONE),
    "auto_out": (K.SHEET, K.OUT_DONE),
    "approve_correction": (K.SHEET, K.CORRECTION),
    "approve_in": (K.IN_CONFIRMED, K.CHANGE),
    "auto_in": (K.IN_CONFIRMED, K.CHANGE),
    "credit_account": (K.CREDITED,),
    "finish": (K.DONE, K.COMPLETION),
    "lapse": (K.ENDED,),
    "terminate": (K.ENDED,),
    "grant_withdrawal": (K.ENDED,),
}
