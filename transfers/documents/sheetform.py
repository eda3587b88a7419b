"""The form of the information sheet: what each field holds, and what must agree with what.

The published schema (docs/schemas/sheet.schema.json) is made from `SheetFile`; `structure` lists what does not fit the
form, `consistency` what fits and cannot be true all the same. Places are written like `periods[2].to`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from transfers.rules.months import DEEMED, Period, impossible_rows, month_from_text, month_text, tally
from transfers.rules.parties import Named, Scheme
from transfers.rules.text import has_control

Problems = dict[str, Named]
ROWS_MAX = 600
FEN_MAX = 10**12


def _readable(text: str) -> str:
    if has_control(text) or text != text.strip():
        raise PydanticCustomError("readable", "control characters or outer spaces")
    return text


def _day(text: str) -> str:
    try:
        year = date.fromisoformat(text).year
    except ValueError:
        raise PydanticCustomError("day", "not a date") from None
    if not 1900 <= year < 2200:  # months are counted on from here
        raise PydanticCustomError("year", "not a year of anybody's insurance")
    return text


def _instant(text: str) -> str:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise PydanticCustomError("instant", "not an instant with its offset")
    return text


Text = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_readable)]
OptionalText = Annotated[str, Field(max_length=80), AfterValidator(_readable)]
Name = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_readable)]
Month = Annotated[str, Field(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", description="A month, YYYY-MM")]
AreaCode = Annotated[str, Field(pattern="^[0-9]{6}$", description="Six-digit code of a pooling area (医保区划)")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"})]
Date = Annotated[Day, AfterValidator(_day)]
Count = Annotated[int, Field(ge=0, le=1500, description="Whole months")]
Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in hexadecimal")]
SchemeCode = Annotated[Literal["310", "390"], Field(description="险种 insutype: 310 职工, 390 城乡居民")]
Ground = Annotated[
    Literal["military", ""], Field(description="Why months are deemed: military service, or left out for any other")
]
AccountKind = Annotated[
    Literal["1", "2", "3", ""], Field(description="统账类别 hi_type: 1 has a personal account, 2 and 3 have none")
]
Kind = Annotated[Literal["actual", "deemed"], Field(description="实际缴费 or 视同缴费")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Row(_Form):
    """One contribution period (缴费时段): months `from` to `to`, both included."""

    no: Annotated[int, Field(ge=1, le=ROWS_MAX, description="Place in the list, from 1")]
    from_: Annotated[Month, Field(alias="from")]
    to: Month
    months: Annotated[int, Field(ge=1, le=1500, description="Months of this row, both ends included")]
    kind: Kind
    area: AreaCode
    ground: Ground = ""


class Content(_Form):
    """What the sheet says. Amounts are whole fen; the identity number is masked."""

    case_number: Annotated[str, Field(pattern="^JX[0-9]{13}$", description="转移接续业务编号")]
    name: Name
    identity_type: Annotated[str, Field(pattern="^[0-9]{2}$", description="psn_cert_type, 01 居民身份证")]
    identity_number: Annotated[Text, Field(description="Masked: the ends only")]
    outbound_area: AreaCode
    inbound_area: AreaCode
    outbound_scheme: SchemeCode
    inbound_scheme: SchemeCode
    account_kind: AccountKind
    first_month: Month
    last_month: Month
    months_actual: Annotated[Count, Field(description="实际缴费月数, each month once")]
    months_deemed: Annotated[Count, Field(description="视同缴费月数, those not also paid")]
    months_total: Annotated[Count, Field(description="months_actual + months_deemed")]
    balance_fen: Annotated[int, Field(ge=0, le=FEN_MAX, description="个人账户余额, in fen (0.01 元)")]
    balance_date: Date
    agency: Text
    agency_phone: OptionalText
    handler: OptionalText
    periods: Annotated[list[Row], Field(min_length=1, max_length=ROWS_MAX)]


class Seal(_Form):
    """The electronic seal: a signature over key, agency, digest and instant, joined by `|` behind `jiexu-seal-1`."""

    key: Annotated[str, Field(min_length=1, max_length=80)]
    agency: AreaCode
    digest: Hex
    at: Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_instant)]
    signature: Annotated[str, Field(pattern="^([0-9a-f]{2}){32,1024}$", description="In hexadecimal")]


class SheetFile(_Form):
    """An information sheet as a file: 《参保人员基本医疗保险信息表》 (T2102)."""

    form: Literal["jiexu-sheet-1"]
    version: Annotated[int, Field(ge=1, le=999, description="Version of the sheet; a correction is a new one")]
    content: Content
    digest: Annotated[Hex, Field(description="SHA-256 of the content as canonical JSON")]
    seal: Seal


class _CorrectedRow(_Form):
    from_: Annotated[Month, Field(alias="from")]
    to: Month
    kind: Kind
    area: AreaCode
    ground: Ground = ""


class Correction(_Form):
    """What a correction may set. Money is not among it: a difference of amounts goes through the money line."""

    name: Name | None = None
    account_kind: Literal["1", "2", "3"] | None = None
    periods: Annotated[list[_CorrectedRow], Field(min_length=1, max_length=ROWS_MAX)] | None = None


# pydantic's name of an error -> what to say, in both languages.
_WORDS = {
    "missing": Named("缺少这一项", "it is missing"),
    "extra_forbidden": Named("没有这个字段", "there is no such field"),
    "string_type": Named("应为文字", "it must be text"),
    "int_type": Named("应为整数", "it must be a whole number"),
    "list_type": Named("应为列表", "it must be a list"),
    "model_type": Named("应为一组字段", "it must be an object"),
    "string_too_short": Named("不能为空", "it must not be empty"),
    "string_too_long": Named("文字过长", "it is too long"),
    "too_short": Named("不能为空", "it must not be empty"),
    "too_long": Named("条目过多", "it has too many entries"),
    "greater_than_equal": Named("数值过小", "it is too small"),
    "less_than_equal": Named("数值过大", "it is too large"),
    "literal_error": Named("不在可选代码之内", "it is not one of the codes"),
    "string_pattern_mismatch": Named("格式不正确", "its form is wrong"),
    "readable": Named("含有控制字符或首尾空格", "it has control characters or outer spaces"),
    "day": Named("应为日期，如 2026-05-06", "it must be a date like 2026-05-06"),
    "year": Named("年份应在1900至2199之间；无截止日请留空", "its year must be 1900–2199; leave an open end out"),
    "instant": Named("应为带时区的时刻", "it must be an instant with its offset"),
}
_BELOW_ZERO = Named("不能小于零", "it must not be below zero")
_OTHER = Named("取值不正确", "its value is not valid")


def structure(form: type[BaseModel], data: Any) -> Problems:
    """All places where `data` does not fit the form."""
    try:
        form.model_validate(data)
    except ValidationError as error:
        return {place(e["loc"]): _words(e) for e in error.errors(include_url=False, include_input=False)}
    return {}


def place(loc: Sequence[str | int]) -> str:
    """Where in the data: `("periods", 2, "to")` is `periods[2].to`. Foreign names are cut short."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:40]}"
    return text.lstrip(".")


def consistency(content: Mapping[str, Any], *, until: date, bad: Collection[str] = ()) -> Problems:
    """What cannot be true of a content that fits the form: `impossible`, and totals that are not those of the rows.

    `bad` lists fields whose form is wrong: what needs those is left out.
    """
    problems = impossible(content, until=until, bad=bad)
    if "periods" in bad or any(name.startswith("periods[") for name in problems):
        return problems
    rows = [
        Period(month_from_text(row["from"]), month_from_text(row["to"]), row["kind"], row["area"])
        for row in content["periods"]
    ]
    for name, value in totals_of(rows).items():
        if name not in bad and content[name] != value:
            problems[name] = Named(
                f"与缴费时段不符，应为{value}", f"it does not agree with the periods, which give {value}"
            )
    return problems


def impossible(content: Mapping[str, Any], *, until: date, bad: Collection[str] = ()) -> Problems:
    """Periods and money that cannot be. Nothing can have been paid for a month after that of `until`.

    Periods that run backwards, into the future or over each other, rows whose months do not agree, money where there
    is no account. Months paid in two areas, or both paid and deemed, count once; they are no error.
    """
    problems = {} if "periods" in bad else _of_rows(content["periods"], until)
    if not {"balance_fen", "outbound_scheme", "account_kind"}.intersection(bad) and content["balance_fen"] > 0:
        if content["outbound_scheme"] != Scheme.EMPLOYEE:
            problems["balance_fen"] = Named("居民医保没有个人账户余额", "the resident scheme has no account balance")
        elif content["account_kind"] != "1":
            problems["account_kind"] = Named("有余额时统账类别须为 1", "with a balance it must be 1")
    return problems


def rows_of(periods: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Period rows as the sheet lists them: numbered, with their months counted."""
    return [
        {
            "no": number,
            "from": row["from"],
            "to": row["to"],
            "months": month_from_text(row["to"]) - month_from_text(row["from"]) + 1,
            "kind": row["kind"],
            "area": row["area"],
            **({"ground": row["ground"]} if row.get("ground") else {}),
        }
        for number, row in enumerate(periods, start=1)
    ]


def totals_of(periods: Sequence[Period]) -> dict[str, Any]:
    """The sheet's totals over its periods: each month once."""
    months = tally(periods)
    return {
        "first_month": month_text(months.ranges[0][0]) if months.ranges else "",
        "last_month": month_text(months.ranges[-1][1]) if months.ranges else "",
        "months_actual": months.actual,
        "months_deemed": months.deemed,
        "months_total": months.total,
    }


def _of_rows(rows: Sequence[Mapping[str, Any]], until: date) -> Problems:
    """What cannot be true of the rows; rows not numbered through, and service that is not deemed."""
    problems = impossible_rows(rows, until=until)
    for number, row in enumerate(rows, start=1):
        at = f"periods[{number - 1}]"
        if row.get("no", number) != number:
            problems[f"{at}.no"] = Named(f"序号应为{number}", f"it must be {number}")
        if row.get("ground") and row["kind"] != DEEMED:
            problems[f"{at}.ground"] = Named("军龄须为视同缴费", "service counts as deemed months")
    return problems


def _words(error: Any) -> Named:
    if error["type"] == "greater_than_equal" and error["ctx"]["ge"] == 0:
        return _BELOW_ZERO
    return _WORDS.get(error["type"], _OTHER)
