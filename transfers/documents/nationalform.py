"""A case as the national platform (医保信息平台) knows it: the form of its export.

The published schema (docs/schemas/national.schema.json) is made from `Process`. What the platform has a name for bears
that name, in small letters; the code lists are in transfers/rules/national.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from transfers.documents.sheetform import FEN_MAX, AreaCode, Content, Row
from transfers.rules import national
from transfers.rules.codes import CLARIFY
from transfers.rules.parties import Applicant, Channel, Scheme
from transfers.rules.workdays import ZONE

FORM = "jiexu-national-1"


def _code(table: national.Table) -> Any:
    words = " · ".join(f"{code} {named.zh}" for code, named in table.codes.items())
    return Field(description=f"{table.zh}: {words}", json_schema_extra={"enum": list(table.codes)})


Instant = Annotated[
    datetime,
    PlainSerializer(lambda at: at.astimezone(ZONE).isoformat(timespec="seconds"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "China's time, with its offset"}),
]
SideName = Annotated[str, Field(json_schema_extra={"enum": ["out", "in"]})]
Fen = Annotated[int, Field(ge=0, le=FEN_MAX)]
Text = Annotated[str, Field(max_length=500)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Agency(_Form):
    """The agency of one side (医保经办机构)."""

    area: AreaCode
    name: Text
    phone: Text


class Notice(_Form):
    """T2101 转移申请通知单: what was applied for. Masked, unless `masked` of the process is false."""

    number: str
    name: Text
    sex: Annotated[str, Field(description="1 male, 2 female, empty where it is not known")]
    psn_cert_type: Annotated[str, Field(pattern="^[0-9]{2}$", description="证件类型")]
    certno: Annotated[str, Field(description="证件号码")]
    phone: Text
    outbound: Agency
    inbound: Agency
    outbound_insutype: Annotated[Scheme, Field(description="险种: 310 职工 · 390 城乡居民")]
    inbound_insutype: Scheme
    channel: Channel
    applied_at: Instant
    applicant: Applicant
    applicant_name: Text
    employer_code: Annotated[str, Field(description="统一社会信用代码")]
    agent_relation: Text
    agent_phone: Text
    certificate_number: Annotated[str, Field(description="参保凭证编号, of the paper route")]
    remarks: Text


class Months(Content):
    """T2102 缴费年限和缴费时段: the first sealed information sheet. `balance_fen` is null where it is not told."""

    balance_fen: Annotated[Fen | None, Field(description="个人账户余额, in fen")]  # type: ignore[assignment]


class FieldChange(_Form):
    """One place of the sheet that says something else now; a row that only one version has is null in the other."""

    field: Annotated[str, Field(description="A place such as name or periods[2]")]
    old: Row | str | int | None
    new: Row | str | int | None


class SheetCorrection(_Form):
    """纠错: a later version of the sheet, what it changed, and why the inbound side asked."""

    version: Annotated[int, Field(ge=2)]
    reason: Annotated[str, Field(description="C-* of the closed list", json_schema_extra={"enum": ["", *CLARIFY]})]
    changes: list[FieldChange]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Completion(_Form):
    """T2103 办结反馈: the record has been taken over and the money is settled."""

    months_total: Annotated[int, Field(ge=0, description="Months taken over, by the sheet that counts")]
    version: Annotated[int, Field(ge=1, description="Of that sheet")]
    outbound_psn_insu_stas: Annotated[Literal["4"], Field(description="参保状态 outbound, from now on: 4 终止")]


class _Node(_Form):
    biz_node_stas: Annotated[str, _code(national.NODE_STATE)]
    at: Instant
    sender: SideName
    receiver: SideName


class NoticeNode(_Node):
    biz_node_codg: Literal["T2101"] = "T2101"
    content: Notice


class MonthsNode(_Node):
    biz_node_codg: Literal["T2102"] = "T2102"
    content: Months


class CompletionNode(_Node):
    biz_node_codg: Literal["T2103"] = "T2103"
    content: Completion


class CorrectionNode(_Node):
    biz_node_codg: Annotated[
        Literal["CORRECTION"], Field(description="纠错; our own name, the platform's code is not known")
    ] = "CORRECTION"
    content: SheetCorrection


Node = Annotated[NoticeNode | MonthsNode | CompletionNode | CorrectionNode, Field(discriminator="biz_node_codg")]


class SideReviews(_Form):
    """What the reviews of one side have come to."""

    chk_flag: Annotated[str, _code(national.REVIEW)]
    rchk_flag: Annotated[str, _code(national.SECOND_REVIEW)]


class BothReviews(_Form):
    """By side."""

    out: SideReviews
    in_: Annotated[SideReviews, Field(alias="in")]


class AccountEntry(_Form):
    """One entry in a personal account. `amount_fen` is null where it is not told."""

    acct_incexpd_type: Annotated[str, _code(national.ACCOUNT_ENTRY)]
    at: Instant
    amount_fen: Fen | None


class Process(_Form):
    """One case as a process of the national platform, with its nodes in the order in which they were uploaded."""

    form: Literal["jiexu-national-1"] = "jiexu-national-1"
    number: Annotated[str, Field(pattern="^JX[0-9]{13}$", description="转移接续业务编号")]
    version: Annotated[int, Field(ge=0, description="Of the case: it grows with every step")]
    masked: Annotated[bool, Field(description="Whether name, numbers and phones are masked")]
    biz_prcs_codg: Annotated[str, _code(national.PROCESS)]
    biz_prcs_stas: Annotated[str, _code(national.PROCESS_STATE)]
    trans_mode: Annotated[str, _code(national.MODE)]
    outbound_area: AreaCode
    inbound_area: AreaCode
    accepted_at: Instant
    closed_at: Instant | None
    reviews: BothReviews
    fin_dspo_flag: Annotated[
        str | None, Field(description=f"{national.FINANCE.zh}; null where there is no money to handle")
    ]
    account_entries: list[AccountEntry]
    nodes: Annotated[list[Node], Field(min_length=1)]

    def data(self) -> dict[str, Any]:
        """As JSON data, under the names of the schema."""
        return self.model_dump(mode="json", by_alias=True)


def schema() -> dict[str, Any]:
    """The schema as docs/schemas/national.schema.json holds it."""
    made = Process.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:jiexu:national:1", **made}
