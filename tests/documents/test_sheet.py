"""Sheets as content: differences, corrections, and the file that the other side sends."""

from __future__ import annotations

import copy
import json
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings

from transfers.documents.seal import seal
from transfers.documents.sheet import corrected, difference, digest_of, periods_of, read_sheet
from transfers.documents.sheetform import SheetFile, impossible, rows_of
from transfers.documents.sheetschema import schema
from transfers.rules.errors import Refusal
from transfers.rules.workdays import ZONE

NOW = datetime(2026, 6, 3, 9, 30, tzinfo=ZONE)
CASE: Any = SimpleNamespace(
    number="JX2648319052719",
    name="测试甲",
    person=SimpleNamespace(identity_type="01", identity_number="110101199003071234"),
    outbound_area_id="450100",
    inbound_area_id="330100",
    outbound_scheme="310",
    inbound_scheme="310",
)


def row(first: str, last: str, kind: str = "actual", area: str = "450100") -> dict[str, Any]:
    return {"from": first, "to": last, "kind": kind, "area": area}


def content(**other: Any) -> dict[str, Any]:
    """72 months paid in Nanning, May 2020 to April 2026, in two rows."""
    return {
        "case_number": CASE.number,
        "name": CASE.name,
        "identity_type": "01",
        "identity_number": "110***********1234",
        "outbound_area": "450100",
        "inbound_area": "330100",
        "outbound_scheme": "310",
        "inbound_scheme": "310",
        "account_kind": "1",
        "first_month": "2020-05",
        "last_month": "2026-04",
        "months_actual": 72,
        "months_deemed": 0,
        "months_total": 72,
        "balance_fen": 345_678,
        "balance_date": "2026-06-02",
        "agency": "南宁市医疗保障经办中心",
        "agency_phone": "0771-0000000",
        "handler": "经办甲",
        "periods": [
            {"no": 1, **row("2020-05", "2023-12"), "months": 44},
            {"no": 2, **row("2024-01", "2026-04"), "months": 28},
        ],
        **other,
    }


def sheet_file(said: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    said = said or content()
    digest = digest_of(said)
    return {
        "form": "jiexu-sheet-1",
        "version": 1,
        "content": said,
        "digest": digest,
        "seal": seal(digest=digest, agency_code="450100", now=NOW),
        **other,
    }


def places(error: Refusal) -> set[str]:
    assert error.code == "J-SHEET-FIELDS"
    assert all({"zh", "en"} == set(words) for words in error.details["problems"].values())
    return set(error.details["problems"])


def refused(data: Any) -> set[str]:
    with pytest.raises(Refusal) as caught:
        read_sheet(data, case=CASE, now=NOW)
    return places(caught.value)


# --- corrections ---------------------------------------------------------------------------------


def test_a_correction_counts_the_months_anew_and_shows_field_by_field() -> None:
    before = content()
    after = corrected(before, {"name": "测试乙", "periods": [row("2020-05", "2023-12"), row("2024-01", "2026-03")]})
    assert before == content(), "the old version is left as it was"
    assert (after["months_actual"], after["months_total"], after["last_month"]) == (71, 71, "2026-03")
    assert after["periods"][1] == {"no": 2, **row("2024-01", "2026-03"), "months": 27}
    changes = {change.path: change for change in difference(before, after)}
    assert list(changes) == ["name", "last_month", "months_actual", "months_total", "periods[1]"]
    assert (changes["name"].old, changes["name"].new, changes["name"].label.zh) == ("测试甲", "测试乙", "姓名")
    assert changes["periods[1]"].new_said.zh == "2024-01 – 2026-03，实际缴费，450100"


def test_added_and_removed_periods_show_as_such() -> None:
    after = corrected(content(), {"periods": [row("2024-01", "2026-04"), row("2019-01", "2019-12", "deemed")]})
    assert (after["months_actual"], after["months_deemed"], after["first_month"]) == (28, 12, "2019-01")
    rows = [change for change in difference(content(), after) if change.path.startswith("periods")]
    assert [(change.path, change.old_said.zh, change.new_said.zh) for change in rows] == [
        ("periods[1]", "（无）", "2019-01 – 2019-12，视同缴费，450100"),
        ("periods[0]", "2020-05 – 2023-12，实际缴费，450100", "（无）"),
    ]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"balance_fen": 1}, {"balance_fen"}),
        ({"colour": "red", "name": ""}, {"colour", "name"}),
        ({"name": "甲\u202e乙"}, {"name"}),
        ({"name": None}, {"name"}),
        ({"account_kind": "4"}, {"account_kind"}),
        ({"account_kind": "2"}, {"account_kind"}),  # there is a balance
        ({"periods": []}, {"periods"}),
        ({"periods": [{**row("2020-05", "2026-04"), "note": "x"}]}, {"periods[0].note"}),
        ({"periods": [row("2020-13", "2026-04", "guessed")]}, {"periods[0].from", "periods[0].kind"}),
        (
            {"periods": [row("2022-05", "2020-04"), row("2026-01", "2026-07"), row("2026-02", "2026-03")]},
            {"periods[0].from", "periods[1].to", "periods[2]"},
        ),
    ],
)
def test_what_a_correction_cannot_say_is_refused_with_every_place(changes: dict[str, Any], where: set[str]) -> None:
    with pytest.raises(Refusal) as caught:
        corrected(content(), changes)
    assert places(caught.value) == where


def test_a_correction_of_nothing_is_refused() -> None:
    for changes in ({}, {"name": "测试甲"}, {"periods": [row("2020-05", "2023-12"), row("2024-01", "2026-04")]}):
        with pytest.raises(Refusal) as caught:
            corrected(content(), changes)
        assert caught.value.code == "J-SHEET-SAME"


def test_months_paid_in_two_areas_or_also_deemed_count_once_and_are_no_overlap() -> None:
    rows = [row("2020-05", "2026-04"), row("2026-01", "2026-05", area="110000"), row("2020-01", "2020-06", "deemed")]
    after = corrected(content(), {"periods": rows})
    assert (after["months_actual"], after["months_deemed"], after["months_total"]) == (73, 4, 77)


# --- the file ------------------------------------------------------------------------------------


def test_a_sealed_file_of_this_case_is_taken() -> None:
    data = sheet_file()
    assert read_sheet(json.dumps(data, ensure_ascii=False).encode(), case=CASE, now=NOW).content == content()
    assert read_sheet(data, case=CASE, now=NOW).content == content()


def test_every_problem_is_listed_by_its_place() -> None:
    rows = [
        {"no": 1, **row("2023-12", "2020-05"), "months": 44},
        {"no": 3, **row("2024-01", "2026-07"), "months": 28},
        {"no": 3, **row("2026-03", "2026-04"), "months": 2},
    ]
    wrong = content(periods=rows, outbound_area="450200", case_number="JX2648319052727", balance_date="2026-06-04")
    assert refused(sheet_file(wrong)) == {
        "content.periods[0].from",
        "content.periods[1].no",
        "content.periods[1].to",
        "content.periods[1].months",
        "content.periods[2]",
        "content.outbound_area",
        "content.case_number",
        "content.balance_date",
    }


@pytest.mark.parametrize(
    ("other", "where"),
    [
        ({"months_total": 73}, {"content.months_total"}),
        ({"months_actual": 71, "months_deemed": 1}, {"content.months_actual", "content.months_deemed"}),
        ({"first_month": "2020-06"}, {"content.first_month"}),
        ({"balance_fen": -1}, {"content.balance_fen"}),
        ({"balance_fen": 1.0}, {"content.balance_fen"}),
        ({"balance_fen": True}, {"content.balance_fen"}),
        ({"account_kind": "3"}, {"content.account_kind"}),
        ({"outbound_scheme": "390"}, {"content.outbound_scheme", "content.balance_fen"}),
        ({"name": "测试乙"}, {"content.name"}),
        ({"identity_number": "110***********1235"}, {"content.identity_number"}),
        ({"extra": 1, "handler": "甲\u0000"}, {"content.extra", "content.handler"}),
        # What is wrong in one place hides nothing of another.
        (
            {"name": 5, "months_total": 73, "inbound_area": "330200"},
            {"content.name", "content.months_total", "content.inbound_area"},
        ),
    ],
)
def test_a_content_that_cannot_be_is_refused(other: dict[str, Any], where: set[str]) -> None:
    assert refused(sheet_file(content(**other))) == where


def test_a_broken_seal_is_refused() -> None:
    data = sheet_file()
    assert refused({**data, "content": content(balance_fen=345_679)}) == {"digest"}
    altered = content(balance_fen=345_679)
    assert refused({**data, "content": altered, "digest": digest_of(altered)}) == {"seal"}
    elsewhere = seal(digest=data["digest"], agency_code="330100", now=NOW)
    assert refused({**data, "seal": elsewhere}) == {"seal"}
    forged = {**data["seal"], "signature": "00" * 64}
    assert refused({**data, "seal": forged}) == {"seal"}
    assert refused({**data, "seal": {**data["seal"], "signature": "zz"}}) == {"seal.signature"}


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7", b"\xff\xfe", b"[]", b"5", b'{"form": NaN', b"[" * 100_000, b"9" * 10_000, b" " * 600_000],
)
def test_what_is_no_sheet_file_at_all_is_refused(data: bytes) -> None:
    assert refused(data) == {""}


def test_a_field_that_is_there_twice_is_refused() -> None:
    text = json.dumps(sheet_file(), ensure_ascii=False).replace('"version": 1', '"version": 1, "version": 1')
    assert refused(text) == {"version"}


def test_the_published_schema_is_the_one_that_is_read_by() -> None:
    published = json.loads((Path(settings.BASE_DIR) / "docs/schemas/sheet.schema.json").read_text())
    assert published == schema()
    assert jsonschema_rs.meta.is_valid(published)
    judge = jsonschema_rs.Draft202012Validator(published)
    good = sheet_file()
    assert judge.is_valid(good)
    assert SheetFile.model_validate(good)
    for spoil in ("form", "version", "content", "digest", "seal"):
        broken = copy.deepcopy(good)
        del broken[spoil]
        assert not judge.is_valid(broken)
    for other in ({"balance_fen": -1}, {"extra": 1}, {"months_total": "72"}, {"account_kind": "4"}, {"name": ""}):
        assert not judge.is_valid({**good, "content": content(**other)})


def test_service_keeps_its_ground_through_a_correction() -> None:
    rows = [
        {"from": "2010-12", "to": "2012-11", "kind": "deemed", "area": "450100", "ground": "military"},
        {"from": "2013-01", "to": "2020-12", "kind": "actual", "area": "450100"},
    ]
    before = {**sheet_file()["content"], "periods": rows_of(rows)}
    plain = [{name: value for name, value in row.items() if name != "ground"} for row in rows]
    after = corrected(before, {"periods": [plain[0], {**plain[1], "to": "2020-11"}]})
    assert [row.get("ground") for row in after["periods"]] == ["military", None]
    assert [period.ground for period in periods_of(after)] == ["military", ""]
    wrong = {**before, "periods": rows_of([{**rows[0], "kind": "actual"}, rows[1]])}
    assert "periods[0].ground" in impossible(wrong, until=date(2026, 6, 1))
