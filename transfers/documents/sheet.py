"""The content of the information sheet (《信息表》, T2102): one form, one canonical text, one digest.

Also what two versions differ in, a corrected content, and the sheet as a file that the other side can send.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from accounts.mask import mask_id
from transfers.documents.seal import intact
from transfers.documents.sheetform import (
    Correction,
    Problems,
    SheetFile,
    consistency,
    impossible,
    rows_of,
    structure,
    totals_of,
)
from transfers.models import Sheet, TransferCase
from transfers.rules.errors import Refusal, refusal
from transfers.rules.facts import AreaFacts
from transfers.rules.months import Period, month_from_text, month_text
from transfers.rules.parties import Named, Scheme
from transfers.rules.workdays import local_date

FORM = "jiexu-sheet-1"
FILE_MAX = 512 * 1024


def content_for(case: TransferCase, facts: AreaFacts, *, handler: str, now: datetime) -> dict[str, Any]:
    """The sheet as the outbound record stands. Months are `YYYY-MM`, amounts in fen, the identity number masked.

    A balance goes with the employee scheme and an account that exists (hi_type 1); otherwise it is 0.
    """
    periods = [p for p in facts.periods if p.scheme == case.outbound_scheme and p.counts]
    enrolment = facts.enrolled(case.outbound_scheme)
    carries_account = (
        case.outbound_scheme == Scheme.EMPLOYEE and enrolment is not None and enrolment.account_kind == "1"
    )
    return {
        **_whose(case),
        "account_kind": enrolment.account_kind if enrolment else "",
        **totals_of(periods),
        "balance_fen": facts.account.balance_fen if carries_account and facts.account else 0,
        "balance_date": local_date(now).isoformat(),
        "agency": case.outbound_agency.name,
        "agency_phone": case.outbound_agency.phone,
        "handler": handler,
        "periods": rows_of(
            [
                {
                    "from": month_text(p.first),
                    "to": month_text(p.last),
                    "kind": p.kind,
                    "area": p.area,
                    "ground": p.ground,
                }
                for p in periods
            ]
        ),
    }


def _whose(case: TransferCase) -> dict[str, str]:
    """The fields by which a sheet belongs to its case."""
    return {
        "case_number": case.number,
        "name": case.name,
        "identity_type": case.person.identity_type,
        "identity_number": mask_id(case.person.identity_number),
        "outbound_area": case.outbound_area_id,
        "inbound_area": case.inbound_area_id,
        "outbound_scheme": case.outbound_scheme,
        "inbound_scheme": case.inbound_scheme,
    }


def periods_of(content: Mapping[str, Any]) -> list[Period]:
    """The contribution periods that a sheet lists."""
    return [
        Period(
            month_from_text(row["from"]),
            month_from_text(row["to"]),
            row["kind"],
            row["area"],
            content["outbound_scheme"],
            ground=row.get("ground", ""),
        )
        for row in content["periods"]
    ]


# What must still be true of the record when a sheet is approved; the rest is fixed by its preparation.
COMPARED = ("name", "account_kind", "months_actual", "months_deemed", "months_total", "balance_fen", "periods")


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- versions ------------------------------------------------------------------------------------

LABELS = {
    "case_number": Named("业务编号", "Case number"),
    "name": Named("姓名", "Name"),
    "identity_type": Named("证件类型", "Identity document"),
    "identity_number": Named("证件号码", "Identity number"),
    "outbound_area": Named("转出地", "Outbound area"),
    "inbound_area": Named("转入地", "Inbound area"),
    "outbound_scheme": Named("转出险种", "Outbound scheme"),
    "inbound_scheme": Named("转入险种", "Inbound scheme"),
    "account_kind": Named("统账类别", "Kind of account"),
    "first_month": Named("缴费起始月份", "First month"),
    "last_month": Named("缴费截止月份", "Last month"),
    "months_actual": Named("实际缴费月数", "Months paid"),
    "months_deemed": Named("视同缴费月数", "Deemed months"),
    "months_total": Named("累计月数", "Total months"),
    "balance_fen": Named("个人账户余额", "Account balance"),
    "balance_date": Named("余额日期", "Date of the balance"),
    "agency": Named("经办机构", "Agency"),
    "agency_phone": Named("联系电话", "Telephone"),
    "handler": Named("经办人", "Handler"),
}
"""What each field of the content is called; the rows of `periods` are called by their number."""
KINDS = {"actual": Named("实际缴费", "paid"), "deemed": Named("视同缴费", "deemed")}
_NOTHING = Named("（无）", "(none)")
_NOT_NULL = Named("缺少内容", "it has no value")


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `path` is like `name` or `periods[2]`; a row that only one has is None on the other."""

    path: str
    label: Named
    old: Any
    new: Any

    @property
    def old_said(self) -> Named:
        """The former value, for people."""
        return _value(self.path, self.old)

    @property
    def new_said(self) -> Named:
        """The new value, for people."""
        return _value(self.path, self.new)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What a new version of a sheet says otherwise, field by field in the order of the form, then period by period.

    A period that begins the same, in the same area and of the same kind, is the same one with another end.
    """
    changes = [
        Change(name, label, old.get(name), new.get(name))
        for name, label in LABELS.items()
        if old.get(name) != new.get(name)
    ]
    before, after = _identified(old["periods"]), _identified(new["periods"])
    for key in sorted(before.keys() | after.keys()):
        was, will = before.get(key), after.get(key)
        if was is not None and will is not None and was["to"] == will["to"]:
            continue
        number = (will or was or {})["no"]
        changes.append(
            Change(
                f"periods[{number - 1}]",
                Named(f"第{number}条缴费时段", f"Contribution period {number}"),
                was,
                will,
            )
        )
    return changes


def corrected(content: Mapping[str, Any], changes: Mapping[str, Any], *, until: date | None = None) -> dict[str, Any]:
    """The content with `changes` made, and its totals counted anew.

    `changes` may set `name`, `account_kind` and `periods` (the whole list, each `{"from", "to", "kind", "area"}`; rows
    that stay as they are keep their `ground`).
    `until` is the last day that periods may reach, by default the day of the balance. Refuses with J-SHEET-FIELDS,
    which lists every problem by its place, and with J-SHEET-SAME when nothing would change.
    """
    problems = structure(Correction, dict(changes))
    problems |= {name: _NOT_NULL for name, value in changes.items() if value is None and name not in problems}
    if "balance_fen" in problems:
        problems["balance_fen"] = Named(
            "余额不能在信息表上更正，差额请走资金线", "money is fixed: a difference goes through the money line"
        )
    if problems:
        raise sheet_refusal(problems)
    after = {**content, **changes}
    if "periods" in changes:
        grounds = {_row(row): row["ground"] for row in content["periods"] if "ground" in row}
        after["periods"] = rows_of([{"ground": grounds.get(_row(row), ""), **row} for row in changes["periods"]])
    if problems := impossible(after, until=until or date.fromisoformat(content["balance_date"])):
        raise sheet_refusal(problems)
    after |= totals_of(periods_of(after))
    if not difference(content, after):
        raise refusal("J-SHEET-SAME")
    return after


def _row(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return row["from"], row["to"], row["kind"], row["area"]


def sheet_refusal(problems: Problems) -> Refusal:
    """All that is wrong with a sheet, by place. J-SHEET-FIELDS."""
    listed = "；".join(f"{place or '文件'}：{words.zh}" for place, words in problems.items())
    listed_en = "; ".join(f"{place or 'file'}: {words.en}" for place, words in problems.items())
    error = refusal("J-SHEET-FIELDS", listed=listed, listed_en=listed_en)
    error.details = {"problems": {place: {"zh": words.zh, "en": words.en} for place, words in problems.items()}}
    return error


# --- the file ------------------------------------------------------------------------------------


def write_sheet(sheet: Sheet) -> dict[str, Any]:
    """A sealed sheet as a file, in the form of docs/schemas/sheet.schema.json."""
    return {
        "form": FORM,
        "version": sheet.version,
        "content": sheet.content,
        "digest": sheet.digest,
        "seal": sheet.seal,
    }


@dataclass(frozen=True, slots=True)
class ReadSheet:
    """A sheet from outside that has been checked: its content, and the seal that verified."""

    content: dict[str, Any]
    seal: dict[str, Any]


def read_sheet(data: bytes | str | Mapping[str, Any], *, case: TransferCase, now: datetime) -> ReadSheet:
    """A sheet that the outbound side of `case` sent, after everything about it has been checked.

    Checked are the form, that periods and totals can be true and agree, that it is this case's (number, areas,
    schemes, person), digest and seal. Refuses with J-SHEET-FIELDS, which lists every problem by its place.
    """
    parsed = data if isinstance(data, Mapping) else _parse(data)
    problems = structure(SheetFile, parsed)
    content = parsed.get("content")
    if isinstance(content, Mapping) and "content" not in problems:
        bad = {place.split(".", 2)[1].partition("[")[0] for place in problems if place.startswith("content.")}
        found = consistency(content, until=local_date(now), bad=bad) | _of_case(content, case, bad)
        if "balance_date" not in bad and date.fromisoformat(content["balance_date"]) > local_date(now):
            found["balance_date"] = Named("晚于今天", "it lies in the future")
        problems |= {f"content.{place}": words for place, words in found.items()}
        problems |= _of_seal(parsed, content, case, problems)
    if problems:
        raise sheet_refusal(problems)
    return ReadSheet(dict(parsed["content"]), dict(parsed["seal"]))


def _parse(data: bytes | str) -> Mapping[str, Any]:
    if len(data) > FILE_MAX:
        raise sheet_refusal({"": Named("文件超过 512 KB", "it is larger than 512 KB")})
    try:
        parsed = json.loads(data, object_pairs_hook=_once)
    except _Doubled as error:
        raise sheet_refusal({str(error)[:40]: Named("同一字段出现两次", "the field is there twice")}) from None
    except (ValueError, RecursionError):
        raise sheet_refusal({"": Named("不是有效的 JSON", "it is not valid JSON")}) from None
    if not isinstance(parsed, dict):
        raise sheet_refusal({"": Named("应为一组字段", "it must be an object")})
    return parsed


class _Doubled(Exception):
    """A JSON object has a field twice: readers would disagree on which one counts."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Doubled(name)
        found[name] = value
    return found


def _of_case(content: Mapping[str, Any], case: TransferCase, bad: Collection[str]) -> Problems:
    words = Named("与本业务不一致", "it is not this case's")
    return {name: words for name, value in _whose(case).items() if name not in bad and content[name] != value}


def _of_seal(parsed: Mapping[str, Any], content: Mapping[str, Any], case: TransferCase, problems: Problems) -> Problems:
    if any(place == "digest" or place.startswith("seal") for place in problems):
        return {}
    try:
        digest = digest_of(content)
    except (TypeError, ValueError):
        return {}  # What cannot be put into words is listed already.
    if parsed["digest"] != digest:
        return {
            "digest": Named("与内容不符，内容可能被改动", "it is not that of the content, which may have been altered")
        }
    if not intact(parsed["seal"], digest=digest, agency_code=case.outbound_area_id):
        return {"seal": Named("电子签章校验不通过", "the electronic seal does not verify")}
    return {}


def _identified(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["from"], row["area"], row["kind"])
        found[(*key, sum(other[:3] == key for other in found))] = row
    return found


def _value(path: str, value: Any) -> Named:
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, Mapping):
        kind = KINDS[value["kind"]]
        span = f"{value['from']} – {value['to']}"
        return Named(f"{span}，{kind.zh}，{value['area']}", f"{span}, {kind.en}, {value['area']}")
    text = f"{value / 100:,.2f}" if path == "balance_fen" else str(value)
    return Named(text, text)
