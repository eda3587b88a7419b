"""A case as JSON: what is wrong is told by its place, all of it at once; what is right is read as it stands."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from transfers.documents.caseform import CaseFile, parse, read_json, schema
from transfers.rules.errors import Refusal
from transfers.rules.months import MILITARY, month_from_text

TODAY = date(2026, 6, 1)
EXAMPLE = Path(settings.BASE_DIR) / "docs/examples/case.json"


def example() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(EXAMPLE.read_text())
    return data


def refused(data: Any) -> set[str]:
    with pytest.raises(Refusal) as caught:
        parse(data, today=TODAY)
    assert caught.value.code == "J-INPUT"
    fields = caught.value.details["fields"]
    assert all(text["zh"] and text["en"] for text in fields.values())
    return set(fields)


def test_the_example_reads_as_it_stands() -> None:
    content = parse(example(), today=date(2030, 1, 1))
    assert content.application.today == TODAY, "the case's own day, not the current one"
    assert content.sex == "1", "read off the identity number"
    served, paid, undone = content.outbound.facts.periods
    assert (served.ground, served.kind, served.area) == (MILITARY, "deemed", "450100")
    assert (paid.first, paid.last, paid.counts) == (month_from_text("2018-05"), month_from_text("2026-02"), True)
    assert not undone.counts
    assert content.outbound.policy is None


def test_the_published_schema_is_the_one_that_is_read_by() -> None:
    published = json.loads((Path(settings.BASE_DIR) / "docs/schemas/case.schema.json").read_text())
    assert published == schema()
    assert jsonschema_rs.meta.is_valid(published)
    judge = jsonschema_rs.Draft202012Validator(published)
    assert judge.is_valid(example())
    assert CaseFile.model_validate(example())
    for spoil in ("form", "person", "outbound", "inbound"):
        broken = example()
        del broken[spoil]
        assert not judge.is_valid(broken)
        assert refused(broken) == {spoil}


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("today", "2026-02-30", "today"),
        ("today", 20260601, "today"),
        ("today", "9999-12-31", "today"),
        ("inbound.enrolments.0.valid_from", "9999-12-01", "inbound.enrolments[0].valid_from"),
        ("outbound.enrolments.0.valid_to", "9999-12-31", "outbound.enrolments[0].valid_to"),
        ("person.name", "", "person.name"),
        ("person.name", "测试\u202e甲", "person.name"),
        ("person.sex", "男", "person.sex"),
        ("application.outbound_scheme", "330", "application.outbound_scheme"),
        ("application.nothing", 1, "application.nothing"),
        ("outbound.area", "45010", "outbound.area"),
        ("outbound.arrears", "yes", "outbound.arrears"),
        ("outbound.person_numbers", 0, "outbound.person_numbers"),
        ("outbound.survival", "5", "outbound.survival"),
        ("outbound.account.balance_fen", -1, "outbound.account.balance_fen"),
        ("outbound.account.balance_fen", 12.5, "outbound.account.balance_fen"),
        ("outbound.account.status", "open", "outbound.account.status"),
        ("outbound.enrolments.0.status", "7", "outbound.enrolments[0].status"),
        ("outbound.enrolments.0.valid_to", "2018-04-30", "outbound.enrolments[0].valid_to"),
        ("outbound.periods.1.from", "2018-13", "outbound.periods[1].from"),
        ("outbound.periods.1.from", "2026-03", "outbound.periods[1].from"),
        ("outbound.periods.1.to", "2026-07", "outbound.periods[1].to"),
        ("outbound.periods.1.months", 93, "outbound.periods[1].months"),
        ("outbound.periods.0.kind", "actual", "outbound.periods[0].military"),
        ("outbound.periods.2.reversal", "Z", "outbound.periods[2]"),
        ("outbound.totals", {"actual": 94, "deemed": 24, "total": 119}, "outbound.totals.total"),
        ("inbound.policy", {"document_number": "丙号", "values": {"out_days": 11}}, "inbound.policy.values.out_days"),
        ("inbound.policy", {"document_number": "丙号", "values": {"out": 1}}, "inbound.policy.values.out"),
        ("inbound.policy", {"values": {}}, "inbound.policy.document_number"),
        ("repaired_years", -1, "repaired_years"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(path: str, value: Any, place: str) -> None:
    data = example()
    *parents, last = path.split(".")
    target: Any = data
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    target[last] = value
    assert place in refused(data)


def test_right_totals_pass() -> None:
    data = example()
    data["outbound"]["totals"] = {"actual": 94, "deemed": 24, "total": 118}
    assert parse(data, today=TODAY)


def test_everything_is_told_at_once() -> None:
    """Faults of the form do not hide what cannot be true elsewhere."""
    data = copy.deepcopy(example())
    data["person"]["name"] = " 测试甲"
    data["extra"] = 1
    data["outbound"]["periods"][1]["to"] = "2018-01"
    data["inbound"]["periods"][0]["from"] = "nineteen"
    data["inbound"]["policy"] = {"document_number": "丙号", "values": {"waiting_max_months": 7}}
    assert refused(data) == {
        "person.name",
        "extra",
        "outbound.periods[1].from",
        "inbound.periods[0].from",
        "inbound.policy.values.waiting_max_months",
    }


@pytest.mark.parametrize("data", [None, [], 1, "x", {}, {"form": "jiexu-case-2"}])
def test_what_is_no_case_at_all(data: Any) -> None:
    assert refused(data)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(Refusal, match="J-JSON"):
        read_json(text)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    *("today", "person", "person.name", "person.identity_number", "application", "outbound", "outbound.enrolments"),
    *("outbound.enrolments.0", "outbound.enrolments.0.valid_from", "outbound.periods", "outbound.periods.0"),
    *("outbound.periods.0.from", "outbound.periods.0.months", "outbound.totals", "outbound.account", "inbound.policy"),
    *("inbound.policy.values", "inbound.policy.values.ladder", "inbound.policy.values.year_end_freeze", "in_window"),
]


@given(st.sampled_from(PLACES), PLAIN)
def test_anything_at_any_place_gets_an_answer(path: str, value: Any) -> None:
    data = example()
    data["inbound"]["policy"] = {"document_number": "丙号", "values": {"out_days": 5}}
    *parents, last = path.split(".")
    target: Any = data
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    target[int(last) if last.isdigit() else last] = value
    told = None
    try:
        parse(data, today=TODAY)
    except Refusal as error:
        told = error
    assert told is None or (told.code == "J-INPUT" and told.details["fields"])
