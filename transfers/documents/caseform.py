"""A case as JSON, for dry runs: what each field holds, and what cannot be true.

The published schema (docs/schemas/case.schema.json) is made from `CaseFile`, with docs/case-json.md to read beside it.
`parse` refuses whatever is wrong with everything by its place (`outbound.periods[2].to`), nothing half-read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from transfers.documents.sheetform import FEN_MAX, ROWS_MAX, AreaCode, Date, Month, Name, Text, structure
from transfers.rules import identity
from transfers.rules.errors import refusal
from transfers.rules.facts import AccountFact, Application, AreaFacts, EnrolmentFact
from transfers.rules.months import MILITARY, Period, impossible_rows, month_from_text, tally
from transfers.rules.parties import Named, Scheme, Survival
from transfers.rules.policy import Policy, PolicyError, resolve

SchemeCode = Annotated[Literal["310", "390"], Field(description="险种 insutype: 310 职工, 390 城乡居民")]
Problems = dict[str, Named]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PersonForm(_Form):
    """The person. The number is checked (V-P-02) when it is given, and says the sex when that is not."""

    name: Name
    identity_type: Annotated[str, Field(pattern="^[0-9]{2}$", description="psn_cert_type, 01 居民身份证")] = "01"
    identity_number: Annotated[str, Field(max_length=30)] | None = None
    sex: Annotated[Literal["1", "2"], Field(description="GB/T 2261.1: 1 male, 2 female")] | None = None


class ApplicationForm(_Form):
    """What is applied for."""

    outbound_scheme: SchemeCode = "310"
    inbound_scheme: SchemeCode = "310"
    open_case: Annotated[str, Field(max_length=40, description="Number of a transfer already under way")] = ""


class EnrolmentForm(_Form):
    """One enrolment (参保登记)."""

    scheme: Annotated[str, Field(pattern="^[0-9]{3}$", description="insutype; 320–399 other than 390 are supplements")]
    status: Annotated[
        Literal["0", "1", "2", "3", "4"],
        Field(description="psn_insu_stas: 0 未参保, 1 正常, 2 暂停, 3 无效, 4 终止"),
    ]
    name: Annotated[Name, Field(description="As the registry holds it; by default the person's")] | None = None
    retired: bool = False
    account_kind: Annotated[Literal["1", "2", "3"], Field(description="hi_type; 2 and 3 have no account")] = "1"
    valid_from: Date | None = None
    valid_to: Date | None = None
    transferred: Annotated[bool, Field(description="An earlier transfer took it away")] = False


class PeriodForm(_Form):
    """Months `from` to `to`, both included (缴费时段)."""

    from_: Annotated[Month, Field(alias="from")]
    to: Month
    months: Annotated[int, Field(ge=1, le=1500, description="Checked when given")] | None = None
    kind: Annotated[Literal["actual", "deemed"], Field(description="实际缴费 or 视同缴费")] = "actual"
    scheme: SchemeCode = "310"
    area: Annotated[AreaCode, Field(description="Where it was paid; by default the area that tells it")] | None = None
    reversal: Annotated[Literal["Z", "+", "-"], Field(description="revs_flag; + and - do not count")] = "Z"
    collection: Annotated[
        Literal["10", "20", "30", "32", "33", "40"],
        Field(description="clct_type; 20 退收 and 40 账户注入 are no months"),
    ] = "10"
    military: Annotated[bool, Field(description="军龄; deemed months of the employee scheme")] = False


class AccountForm(_Form):
    """The personal account (个人账户)."""

    balance_fen: Annotated[int, Field(ge=0, le=FEN_MAX, description="In fen (0.01 元)")]
    status: Literal["normal", "frozen", "abnormal", "zeroed"] = "normal"


class TotalsForm(_Form):
    """The area's own totals over its periods, checked when given: each month once, reversed rows left out."""

    actual: Annotated[int, Field(ge=0, le=1500)]
    deemed: Annotated[int, Field(ge=0, le=1500)]
    total: Annotated[int, Field(ge=0, le=1500)]


class PolicyForm(_Form):
    """Policy values in place of those that the hub holds for the area."""

    document_number: Text
    values: dict[str, Any]


class AreaForm(_Form):
    """What one area's registry knows of the person."""

    area: AreaCode
    answered: Annotated[bool, Field(description="false: the registry does not answer (V-S-01)")] = True
    enrolments: Annotated[list[EnrolmentForm], Field(max_length=50)] = []
    periods: Annotated[list[PeriodForm], Field(max_length=ROWS_MAX)] = []
    totals: TotalsForm | None = None
    account: AccountForm | None = None
    arrears: bool = False
    open_claims: bool = False
    person_numbers: Annotated[int, Field(ge=1, le=99, description="个人编号 held for this identity")] = 1
    survival: Annotated[
        Literal["1", "2", "3", "4", "9"],
        Field(description="surv_stas: 1 正常, 2 死亡, 3 收监, 4 失踪, 9 不明"),
    ] = "1"
    policy: PolicyForm | None = None


class CaseFile(_Form):
    """A case for a dry run: the person, what is applied for, and what both areas know."""

    form: Literal["jiexu-case-1"]
    today: Annotated[Date, Field(description="Day of the application; by default the current one")] | None = None
    person: PersonForm
    application: ApplicationForm = ApplicationForm()
    outbound: AreaForm
    inbound: AreaForm
    in_window: Annotated[bool, Field(description="Residents: enrolled in the yearly enrolment period")] | None = None
    repaired_years: Annotated[int, Field(ge=0, le=50, description="Residents: missed years paid for since")] = 0


@dataclass(frozen=True, slots=True)
class Side:
    """One area as it was given. `policy` is None when the hub's own is meant."""

    facts: AreaFacts
    policy: Policy | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseContent:
    """A case file that has been checked."""

    application: Application
    outbound: Side
    inbound: Side
    open_case: str
    sex: str
    in_window: bool | None
    repaired_years: int


def schema() -> dict[str, Any]:
    """The schema as docs/schemas/case.schema.json holds it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:jiexu:case:1",
        **CaseFile.model_json_schema(by_alias=True),
    }


def read_json(text: str) -> Any:
    """JSON as it is meant: J-JSON for what is none, for a name that appears twice, and for NaN."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError
        return found

    def constant(name: str) -> None:
        raise ValueError(name)

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=constant)
    except (ValueError, RecursionError):
        raise refusal("J-JSON") from None


def parse(data: Any, *, today: date) -> CaseContent:
    """Check a case and read it. Raises J-INPUT whose `details["fields"]` has every problem by its place."""
    problems = structure(CaseFile, data)
    if problems:
        # What fits the form is looked at all the same, so that everything is told at once.
        problems |= {place: text for place, text in _impossible(data, today).items() if not _below(place, problems)}
    else:
        problems = _impossible(data, today)
    if problems:
        raise refusal(
            "J-INPUT",
            fields={place: {"code": "J-FIELD", "zh": text.zh, "en": text.en} for place, text in problems.items()},
        )
    return _read(CaseFile.model_validate(data), today)


def _below(place: str, problems: Problems) -> bool:
    return any(place == wrong or place.startswith((f"{wrong}.", f"{wrong}[")) for wrong in problems)


def _impossible(data: Any, today: date) -> Problems:
    """What fits the form and cannot be true. Parts that do not fit it are passed over."""
    problems: Problems = {}
    until = _date(data.get("today")) if isinstance(data, Mapping) else None
    for side in ("outbound", "inbound"):
        area = data.get(side) if isinstance(data, Mapping) else None
        if not isinstance(area, Mapping):
            continue
        problems |= _of_enrolments(area.get("enrolments"), f"{side}.enrolments")
        rows = area.get("periods", [])
        if _fits(AreaForm, {"area": "000000", "periods": rows}):
            problems |= _of_periods(rows, area, side, until or today)
        given = area.get("policy")
        if isinstance(given, Mapping) and isinstance(given.get("values"), Mapping):
            try:
                resolve([given["values"]])
            except PolicyError as error:
                problems |= {f"{side}.policy.values.{name}"[:120]: text for name, text in error.problems.items()}
    return problems


def _of_enrolments(rows: Any, at: str) -> Problems:
    problems: Problems = {}
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, Mapping):
            continue
        begins, ends = _date(row.get("valid_from")), _date(row.get("valid_to"))
        if begins and ends and ends < begins:
            problems[f"{at}[{index}].valid_to"] = Named("早于起始日期", "it is before the first day")
    return problems


def _of_periods(rows: list[Mapping[str, Any]], area: Mapping[str, Any], side: str, until: date) -> Problems:
    plain = [{**row, "reversed": row.get("reversal", "Z") != "Z", "scheme": row.get("scheme", "310")} for row in rows]
    problems = impossible_rows(plain, until=until, at=f"{side}.periods")
    for index, row in enumerate(rows):
        if row.get("military") and (row.get("kind") != "deemed" or row.get("scheme", "310") != Scheme.EMPLOYEE):
            problems[f"{side}.periods[{index}].military"] = Named(
                "军龄须为职工医保的视同缴费", "military service is deemed months of the employee scheme"
            )
    totals = area.get("totals")
    if problems or not _fits(TotalsForm, totals):
        return problems
    months = tally(_periods([PeriodForm.model_validate(row) for row in rows], ""))
    for name in ("actual", "deemed", "total"):
        if totals[name] != (value := getattr(months, name)):  # type: ignore[index]
            problems[f"{side}.totals.{name}"] = Named(
                f"与缴费时段不符，应为{value}", f"it does not agree with the periods, which give {value}"
            )
    return problems


def _fits(form: type[BaseModel], data: Any) -> bool:
    return not structure(form, data)


def _date(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _read(case: CaseFile, today: date) -> CaseContent:
    day = date.fromisoformat(case.today) if case.today else today
    person, number = case.person, case.person.identity_number
    found = identity.check(person.identity_type, number, today=day) if number is not None else None
    return CaseContent(
        application=Application(
            name=person.name,
            identity_valid=found is None or found.ok,
            outbound_area=case.outbound.area,
            inbound_area=case.inbound.area,
            outbound_scheme=case.application.outbound_scheme,
            inbound_scheme=case.application.inbound_scheme,
            today=day,
        ),
        outbound=_side(case.outbound, person.name),
        inbound=_side(case.inbound, person.name),
        open_case=case.application.open_case,
        sex=person.sex or (found.sex.value if found and found.sex else ""),
        in_window=case.in_window,
        repaired_years=case.repaired_years,
    )


def _side(form: AreaForm, name: str) -> Side:
    facts = AreaFacts(
        area=form.area,
        enrolments=tuple(
            EnrolmentFact(
                row.scheme,
                row.status,
                row.name or name,
                retired=row.retired,
                account_kind=row.account_kind,
                valid_from=_date(row.valid_from),
                valid_to=_date(row.valid_to),
                transferred=row.transferred,
            )
            for row in form.enrolments
        ),
        periods=tuple(_periods(form.periods, form.area)),
        account=AccountFact(form.account.balance_fen, form.account.status) if form.account else None,
        arrears=form.arrears,
        open_claims=form.open_claims,
        numbers=form.person_numbers,
        survival=Survival(form.survival),
        answered=form.answered,
    )
    if form.policy is None:
        return Side(facts, None, ())
    return Side(facts, resolve([form.policy.values]), (form.policy.document_number,))


def _periods(rows: list[PeriodForm], area: str) -> list[Period]:
    return [
        Period(
            month_from_text(row.from_),
            month_from_text(row.to),
            row.kind,
            row.area or area,
            row.scheme,
            row.reversal != "Z",
            row.collection,
            MILITARY if row.military else "",
        )
        for row in rows
    ]
