"""What each paper says: words and fields as data, in the form that forms/paper.typ sets. Papers are in Chinese.

The content holds masked identity numbers and the full name, because the paper is the person's or between agencies; it
is never shown on a page that somebody without access can open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.conf import settings

from accounts.mask import mask_id, mask_phone
from transfers.documents.papers.typesetting import qr_code
from transfers.documents.sheet import KINDS, difference
from transfers.models import Agency, CaseEvent, Paper, Remittance, Sheet, TransferCase
from transfers.places import account_of, area_of, furnish
from transfers.rules.capitals import capitals
from transfers.rules.codes import ALL
from transfers.rules.identity import Document
from transfers.rules.papers import PaperKind
from transfers.rules.parties import Applicant, Channel, Scheme
from transfers.rules.workdays import ZONE, local_date

Block = dict[str, Any]
_ART = "《基本医疗保险关系转移接续暂行办法》（医保办发〔2021〕43号）"
_SEXES = {"1": "男", "2": "女"}
_ACCOUNTS = {"1": "统账结合", "2": "单建统筹", "3": "住院统筹"}
_VALID_MONTHS = 3
_LETTERS = frozenset(PaperKind) - {
    PaperKind.APPLICATION,
    PaperKind.CERTIFICATE,
    PaperKind.SHEET,
    PaperKind.CHANGE,
    PaperKind.CORRECTION,
    PaperKind.COMPLETION,
    PaperKind.IN_CONFIRMED,
}


def said_by(paper: Paper) -> dict[str, Any]:
    """All that the paper says, without what belongs to the moment of its making: the digest is over this."""
    subject = _Subject(paper)
    kind = PaperKind(paper.kind)
    return {
        "title": kind.info.zh,
        "number": f"{paper.case.number}-{kind.info.node}-{paper.version:02d}",
        "agency": subject.agency.name,
        "day": [subject.on.year, subject.on.month, subject.on.day],
        "day-words": _day(subject.on),
        "code": paper.printed_code,
        "address": f"{settings.PUBLIC_URL}/verify/",
        "remark": "打印件与电子文件以核验结果为准。",
        "letter": kind in _LETTERS,
        "sign": kind.info.sealed,
        "blocks": _BLOCKS[kind](subject),
    }


def as_set(said: Mapping[str, Any], paper: Paper) -> dict[str, Any]:
    """What is said, with the picture of the code beside it."""
    return {**said, "qr": qr_code(f"{settings.PUBLIC_URL}/verify/?code={paper.code}")}


@dataclass
class _Subject:
    """What a paper is about. Everything that could have changed since is read from its facts."""

    paper: Paper

    @cached_property
    def case(self) -> TransferCase:
        return furnish(self.paper.case)

    @cached_property
    def agency(self) -> Agency:
        return self.paper.agency

    @property
    def facts(self) -> dict[str, Any]:
        return self.paper.facts

    @property
    def on(self) -> date:
        return local_date(self.paper.created_at)

    @property
    def from_area(self) -> str:
        return area_of(self.facts["outbound"]).full_name

    @property
    def to_area(self) -> str:
        return area_of(self.facts["inbound"]).full_name

    @cached_property
    def sheet(self) -> Sheet:
        """The sheet that this paper is made from: the version that its step sealed, else the newest by then."""
        sealed = Sheet.objects.filter(case=self.case, sealed_at__isnull=False).order_by("-version")
        version = self.facts.get("sheet")
        return sealed.get(version=version) if version else sealed.filter(sealed_at__lte=self.paper.created_at)[0]

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the sheet says; a certificate that comes before any sheet brings its own."""
        return self.facts.get("content") or self.sheet.content

    @cached_property
    def document(self) -> str:
        return Document(self.case.person.identity_type).named.zh

    @cached_property
    def identity(self) -> str:
        return mask_id(self.case.person.identity_number)

    @property
    def reason(self) -> str:
        code = self.facts.get("reason", "")
        return f"{ALL[code].zh}（{code}）" if code else ""

    def greeting(self) -> Block:
        return {"kind": "greeting", "words": f"{self.case.name}："}

    def opening(self) -> str:
        case = self.case
        return (
            f"您于{_day(local_date(case.applied_at))}提出的从{self.from_area}到{self.to_area}的"
            f"基本医疗保险关系转移接续申请（业务编号{case.number}）"
        )

    def contact(self) -> Block:
        """Whom to ask, of both sides."""
        return _cells(
            ("转出机构", f"{self.case.outbound_agency.name}　{self.case.outbound_agency.phone}", True),
            ("转入机构", f"{self.case.inbound_agency.name}　{self.case.inbound_agency.phone}", True),
        )

    def person(self) -> list[tuple[str, str, bool]]:
        return [
            ("姓名", self.case.name, False),
            ("性别", _SEXES.get(self.case.person.sex, "—"), False),
            ("证件类型", self.document, False),
            ("证件号码", self.identity, False),
        ]

    def route(self) -> list[tuple[str, str, bool]]:
        case = self.case
        return [
            ("转出地", f"{self.from_area}（{self.facts['outbound']}）", False),
            ("转入地", f"{self.to_area}（{self.facts['inbound']}）", False),
            ("转出险种", f"{Scheme(case.outbound_scheme).named.zh}（{case.outbound_scheme}）", False),
            ("转入险种", f"{Scheme(case.inbound_scheme).named.zh}（{case.inbound_scheme}）", False),
        ]


# --- the forms -----------------------------------------------------------------------------------


def _application(subject: _Subject) -> list[Block]:
    case = subject.case
    applicant = [("申请人", Applicant(case.applicant).named.zh, False)]
    if case.applicant == Applicant.EMPLOYER:
        applicant += [("单位名称", case.applicant_name, False), ("统一社会信用代码", case.employer_code, False)]
    elif case.applicant == Applicant.AGENT:
        applicant += [
            ("代办人姓名", case.applicant_name, False),
            ("与参保人关系", case.agent_relation or "—", False),
            ("代办人电话", mask_phone(case.agent_phone) or "—", False),
        ]
    attachments = f"共 {case.attachments.count()} 份"
    moves = "是" if case.outbound_scheme == Scheme.EMPLOYEE else "否（居民医保无个人账户）"
    return [
        _small(f"全国医保信息平台节点：T2101 转移申请通知单。依据：{_ART}。"),
        _heading("参保人员"),
        _cells(*subject.person(), ("手机号码", mask_phone(case.phone) or "—", False)),
        _heading("转移接续"),
        _cells(
            *subject.route(),
            ("办理渠道", Channel(case.channel).named.zh, False),
            ("申请日期", _day(local_date(case.applied_at)), False),
            ("个人账户随同转移", moves, False),
            ("参保凭证编号", case.certificate_number or "—", False),
        ),
        _heading("申请人"),
        _cells(*applicant, ("备注", case.remarks or "无", True), ("所附材料", attachments, True)),
        *_declaration(case),
    ]


def _declaration(case: TransferCase) -> list[Block]:
    if case.channel == Channel.AUTOMATIC:
        return [_words("本业务由转入地参保登记自动发起（免申即享），无需申请人填报和签名。")]
    return [
        _words(
            "本人（单位）承诺所填信息真实、准确，知晓转移接续期间的待遇规定，"
            "并同意两地经办机构为办理本业务核对参保信息。"
        ),
        _words("申请人（签名）：　　　　　　　　　　　　　　日期：　　　　年　　月　　日"),
    ]


def _contact_letter(subject: _Subject) -> list[Block]:
    case, agency = subject.case, subject.case.inbound_agency
    account = account_of(agency.pk, subject.on)
    return [
        {"kind": "greeting", "words": f"{case.outbound_agency.name}："},
        _words(
            f"原在你地参加{Scheme(case.outbound_scheme).named.zh}的{case.name}（{subject.document}{subject.identity}），"
            f"现已在我地参加{Scheme(case.inbound_scheme).named.zh}，申请将基本医疗保险关系转移至我地，业务编号{case.number}。"
        ),
        _words(
            f"根据{_ART}，请你机构在规定时限内办理转出手续，生成《参保人员基本医疗保险信息表》传送我机构，"
            "并将个人账户余额划转至下列账户。"
        ),
        _cells(
            ("收款户名", account.name if account else "—", True),
            ("开户银行", account.bank if account else "—", True),
            ("银行账号", account.number if account else "—", False),
            ("附言", case.number, False),
            ("机构名称", agency.name, True),
            ("行政区划", f"{subject.to_area}（{subject.facts['inbound']}）", False),
            ("邮政编码", agency.postcode or "—", False),
            ("地址", agency.address or "—", True),
            ("联系人", agency.contact or "—", False),
            ("联系电话", agency.phone, False),
        ),
        _words("请协助办理为盼。"),
    ]


def _certificate(subject: _Subject) -> list[Block]:
    content = subject.content
    until = _months_later(subject.on, _VALID_MONTHS)
    return [
        _cells(
            *subject.person(),
            ("参保地", f"{subject.from_area}（{subject.facts['outbound']}）", False),
            ("险种", Scheme(content["outbound_scheme"]).named.zh, False),
            ("统账类别", _ACCOUNTS.get(content["account_kind"], "—"), False),
            ("缴费起止", f"{content['first_month']} 至 {content['last_month']}", False),
            *_months(content),
            (
                "个人账户余额",
                f"{_yuan(content['balance_fen'])} 元（{_day(date.fromisoformat(content['balance_date']))}）",
                True,
            ),
            ("余额大写", f"人民币{capitals(content['balance_fen'])}", True),
        ),
        _words(
            f"兹证明上述人员曾在我地参加{Scheme(content['outbound_scheme']).named.zh}，缴费和个人账户情况如上。"
            "本凭证供办理基本医疗保险关系转移接续使用。"
        ),
        _cells(
            ("开具日期", _day(subject.on), False),
            ("有效期至", _day(until), False),
            ("经办机构", subject.agency.name, False),
            ("联系电话", subject.agency.phone, False),
        ),
        _small(f"本凭证自开具之日起{_VALID_MONTHS}个月内有效。余额以转出地清算后的实际金额为准。"),
    ]


def _sheet(subject: _Subject) -> list[Block]:
    sheet, content = subject.sheet, subject.content
    seal = sheet.seal or {}
    return [
        _small(f"全国医保信息平台节点：T2102。第 {sheet.version} 版。依据：{_ART} 第九条。"),
        _cells(
            ("姓名", content["name"], False),
            ("证件号码", content["identity_number"], False),
            *subject.route(),
            ("统账类别", _ACCOUNTS.get(content["account_kind"], "—"), False),
            ("缴费起止", f"{content['first_month']} 至 {content['last_month']}", False),
            *_months(content),
            ("个人账户余额", f"{_yuan(content['balance_fen'])} 元", False),
            ("余额日期", _day(date.fromisoformat(content["balance_date"])), False),
            ("余额大写", f"人民币{capitals(content['balance_fen'])}", True),
        ),
        _heading("缴费时段"),
        _rows(
            ("序号", "起始月份", "截止月份", "月数", "缴费类别", "参保地（区划代码）"),
            [
                (row["no"], row["from"], row["to"], row["months"], KINDS[row["kind"]].zh, _area(row["area"]))
                for row in content["periods"]
            ],
        ),
        _cells(
            ("经办机构", content["agency"], False),
            ("联系电话", content["agency_phone"] or "—", False),
            ("经办人", content["handler"] or "系统", False),
            ("签章时间", _instant(seal["at"]), False),
            ("签章标识", seal["key"], True),
        ),
        _small(f"内容摘要（SHA-256）：{sheet.digest}"),
        _small("两地同一月份均有缴费的，累计月数只计一次；视同缴费月数不含已实际缴费的月份。"),
    ]


def _correction(subject: _Subject) -> list[Block]:
    sheet = subject.sheet
    before = Sheet.objects.filter(case=subject.case, sealed_at__isnull=False, version__lt=sheet.version).last()
    changes = difference(before.content, sheet.content) if before else []
    reason = CaseEvent.objects.filter(
        case=subject.case, version__lt=subject.paper.version, name__in=("raise_query", "reopen")
    ).last()
    why = f"{ALL[reason.reason].zh}（{reason.reason}）" if reason and reason.reason in ALL else "—"
    return [
        _small("全国医保信息平台：纠错上传。"),
        _cells(
            ("业务编号", subject.case.number, False),
            ("姓名", sheet.content["name"], False),
            ("原信息表版本", f"第 {before.version} 版" if before else "—", False),
            ("更正后版本", f"第 {sheet.version} 版", False),
            ("更正原因", why, True),
        ),
        _heading("更正内容"),
        _rows(
            ("序号", "字段", "原内容", "更正后内容"),
            [
                (str(number), change.label.zh, change.old_said.zh, change.new_said.zh)
                for number, change in enumerate(changes, start=1)
            ],
        ),
        _cells(
            ("经办人", str(sheet.prepared_by or "系统"), False),
            ("复核人", str(sheet.approved_by or "系统"), False),
        ),
        _small(f"更正后信息表内容摘要（SHA-256）：{sheet.digest}"),
    ]


def _change(subject: _Subject) -> list[Block]:
    return [
        _cells(*subject.person()),
        _heading("变更内容"),
        _rows(
            ("项目", "变更前", "变更后"),
            [
                ("参保地", subject.from_area, subject.to_area),
                ("区划代码", subject.facts["outbound"], subject.facts["inbound"]),
                ("险种", Scheme(subject.case.outbound_scheme).named.zh, Scheme(subject.case.inbound_scheme).named.zh),
                ("转出地参保状态", "暂停参保", "终止参保"),
                ("经办机构", subject.case.outbound_agency.name, subject.case.inbound_agency.name),
            ],
        ),
        _cells(
            ("变更类别", "转移接续", False),
            ("变更日期", _day(subject.on), False),
            ("业务编号", subject.case.number, True),
        ),
    ]


def _in_confirmed(subject: _Subject) -> list[Block]:
    content = subject.content
    return [
        _cells(*subject.person(), *subject.route()),
        _heading("转入确认"),
        _cells(
            *_months(content),
            ("缴费起止", f"{content['first_month']} 至 {content['last_month']}", False),
            ("应转入余额", f"{_yuan(content['balance_fen'])} 元", False),
            ("接续日期", _day(subject.on), False),
            ("信息表版本", f"第 {subject.sheet.version} 版", False),
        ),
        _words("上述缴费年限已由我机构核对并接续，与本地缴费重叠的月份只计一次。个人账户余额到账后另行告知。"),
    ]


def _completion(subject: _Subject) -> list[Block]:
    content = subject.content
    remittance = Remittance.objects.filter(case=subject.case).first()
    credited = remittance.credited_at if remittance else None
    return [
        _small("全国医保信息平台节点：T2103 办结反馈。"),
        _cells(
            *subject.person(),
            *subject.route(),
            *_months(content),
            ("受理日期", _day(local_date(subject.case.accepted_at or subject.case.applied_at)), False),
            ("办结日期", _day(subject.on), False),
            ("余额入账日期", _day(local_date(credited)) if credited else "无资金划转", False),
            ("业务编号", subject.case.number, False),
        ),
        _words(f"{subject.case.outbound_agency.name}：上述人员的基本医疗保险关系已在我地接续办结，特此反馈。"),
    ]


# --- the notices to the person -------------------------------------------------------------------


def _acceptance(subject: _Subject) -> list[Block]:
    promise = f"转出地应于{_due(subject)}前完成转出并传送信息表，" if subject.facts.get("due_on") else ""
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，经转出地和转入地校验，符合受理条件，现予受理。"),
        _words(
            f"根据{_ART}第九条，{promise}转入地自收到信息表起5个工作日内接续（当地承诺时限更短的，从其规定）。"
            "办理时限自受理次日起按工作日计算。"
        ),
        _words(f"凭业务编号和证件号码后六位，可在 {settings.PUBLIC_URL}/track/ 查询进度。"),
        subject.contact(),
    ]


def _refusal(subject: _Subject) -> list[Block]:
    failures = [ALL[row["code"]] for row in subject.facts.get("failures", ()) if row.get("blocking", True)]
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，经两地校验，有下列情形，不予受理："),
        {
            "kind": "list",
            "items": [
                [f"{reason.zh}（{reason.code}）", f"处理办法：{reason.remedy_zh}", f"依据：{reason.basis}"]
                for reason in failures
            ],
        },
        _words("以上原因已一次列明。按处理办法办理后，可以重新申请。对本决定有异议的，可以向下列机构提出。"),
        subject.contact(),
    ]


def _supplement(subject: _Subject) -> list[Block]:
    note = subject.facts.get("note", "")
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，在办理中需要补正下列事项："),
        {"kind": "list", "items": [[subject.reason, *([f"说明：{note}"] if note else [])]]},
        _words(f"请于{_due(subject)}前补正。补正期间办理时限暂停计算；逾期未补正的，本次申请终止，可以重新申请。"),
        _words(f"可在 {settings.PUBLIC_URL}/track/ 上传材料，也可以到任一地的经办窗口提交。"),
        subject.contact(),
    ]


def _return(subject: _Subject) -> list[Block]:
    due = subject.facts.get("due_on")
    then = (
        f"请按处理办法办理，并于{_due(subject)}前重新提交；重新提交后办理时限重新计算。"
        if due
        else "本次申请就此终止；情况改变后，可以重新申请。"
    )
    reason = ALL.get(subject.facts.get("reason", ""))
    note = subject.facts.get("note", "")
    more = [f"说明：{note}"] if note else []
    more += [f"处理办法：{reason.remedy_zh}"] if reason and reason.remedy_zh else []
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，经转出地核查，因下列原因退回："),
        {"kind": "list", "items": [[subject.reason, *more]]},
        _words(then),
        subject.contact(),
    ]


def _out_done(subject: _Subject) -> list[Block]:
    content = subject.content
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，转出手续已办结，《参保人员基本医疗保险信息表》已加盖电子签章传送转入地。"),
        _cells(
            *_months(content),
            ("个人账户余额", f"{_yuan(content['balance_fen'])} 元", False),
            ("转出日期", _day(subject.on), False),
        ),
        _words(
            "转入地自收到信息表起5个工作日内接续（当地承诺时限更短的，从其规定）。余额由两地经办机构划转，无需您办理。"
        ),
        subject.contact(),
    ]


def _credited(subject: _Subject) -> list[Block]:
    fen = subject.facts.get("amount_fen", 0)
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，个人账户余额已到账并记入您在转入地的个人账户。"),
        _cells(
            ("入账金额", f"{_yuan(fen)} 元", False),
            ("入账日期", _day(subject.on), False),
            ("金额大写", f"人民币{capitals(fen)}", True),
        ),
        subject.contact(),
    ]


def _done(subject: _Subject) -> list[Block]:
    content = subject.content
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，已全部办结。"),
        _cells(*_months(content), ("办结日期", _day(subject.on), False), ("现参保地", subject.to_area, False)),
        _words("您的基本医疗保险关系今后由转入地管理，待遇按转入地规定执行。"),
        subject.contact(),
    ]


def _overdue(subject: _Subject) -> list[Block]:
    note = subject.facts.get("note", "")
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，应于{_due(subject)}前办理完毕，现已超过承诺时限。"),
        *([_words(f"原因说明：{note}")] if note else []),
        _words("本业务已按规定逐级督办，办理结果将及时告知。由此给您带来的不便，我们深表歉意。"),
        subject.contact(),
    ]


def _ended(subject: _Subject) -> list[Block]:
    return [
        subject.greeting(),
        _words(f"{subject.opening()}，因下列原因终止办理："),
        {"kind": "list", "items": [[subject.reason or "申请人撤回申请"]]},
        _words("终止前两地的参保记录和个人账户不受影响。情况改变后，可以重新申请。"),
        subject.contact(),
    ]


_BLOCKS: dict[PaperKind, Callable[[_Subject], list[Block]]] = {
    PaperKind.APPLICATION: _application,
    PaperKind.CONTACT_LETTER: _contact_letter,
    PaperKind.CERTIFICATE: _certificate,
    PaperKind.SHEET: _sheet,
    PaperKind.CHANGE: _change,
    PaperKind.COMPLETION: _completion,
    PaperKind.CORRECTION: _correction,
    PaperKind.ACCEPTANCE: _acceptance,
    PaperKind.REFUSAL: _refusal,
    PaperKind.SUPPLEMENT: _supplement,
    PaperKind.RETURN: _return,
    PaperKind.OUT_DONE: _out_done,
    PaperKind.IN_CONFIRMED: _in_confirmed,
    PaperKind.CREDITED: _credited,
    PaperKind.DONE: _done,
    PaperKind.OVERDUE: _overdue,
    PaperKind.ENDED: _ended,
}


# --- words ---------------------------------------------------------------------------------------


def _words(words: str) -> Block:
    return {"kind": "words", "words": words}


def _small(words: str) -> Block:
    return {"kind": "small", "words": words}


def _heading(words: str) -> Block:
    return {"kind": "heading", "words": words}


def _cells(*pairs: tuple[str, str, bool]) -> Block:
    return {"kind": "cells", "rows": [{"label": label, "value": value, "wide": wide} for label, value, wide in pairs]}


def _rows(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Block:
    return {"kind": "rows", "head": list(head), "rows": [[str(cell) for cell in row] for row in rows]}


def _months(content: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    total = content["months_total"]
    parts = f"（实际 {content['months_actual']}，视同 {content['months_deemed']}）"
    return [("累计月数", f"{total} 个月{parts}", True)]


def _area(code: str) -> str:
    return f"{area_of(code).full_name}（{code}）"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _due(subject: _Subject) -> str:
    due = subject.facts.get("due_on")
    return _day(date.fromisoformat(due)) if due else "规定期限"


def _instant(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{_day(local_date(at))} {at.astimezone(ZONE):%H:%M:%S}"


def _yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}"


def _months_later(day: date, months: int) -> date:
    """The same day so many months on, or the last of that month (民法典 Art. 202)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
