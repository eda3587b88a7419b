"""`manage.py precheck`, `advise` and `months`: one JSON object, whatever is in the file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from transfers.models import Person, TransferCase

pytestmark = pytest.mark.django_db
EXAMPLE = Path(settings.BASE_DIR) / "docs/examples/case.json"


def run(command: str, file: str) -> Any:
    out = io.StringIO()
    call_command(command, file, stdout=out)
    return json.loads(out.getvalue())


def refused(command: str, file: str) -> Any:
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(command, file, stdout=out)
    assert ended.value.code == 2
    return json.loads(out.getvalue())["error"]


def test_the_rules_by_the_policies_of_the_hub():
    said = run("precheck", str(EXAMPLE))
    assert said["outcome"] == "refused"
    (failure,) = said["failures"]
    assert (failure["code"], failure["side"], failure["hard"], failure["blocking"]) == ("V-O-03", "out", False, True)
    assert (failure["switch"], failure["value"]) == ("arrears_rule", "block")
    assert failure["policy"] == ["100000 v1 医保办发〔2021〕43号"]
    assert failure["remedy"]["zh"]
    assert failure["basis"]
    assert not TransferCase.objects.exists()
    assert not Person.objects.exists()


def test_the_advice_and_the_months_of_the_example_by_hand():
    """Paid 2018-05 to 2026-02 and again from 2026-05; 24 months of service; two months in both areas."""
    advice = run("advise", str(EXAMPLE))
    assert (advice["result"], advice["gap_months"], advice["consecutive_months"]) == ("back_pay", 2, 94)
    assert (advice["waiting_months"], advice["back_payment_by"]) == (0, "2026-06-30")
    months = run("months", str(EXAMPLE))
    assert months["overlap"] == {"months": 2, "ranges": [{"from": "2019-11", "to": "2019-12", "months": 2}]}
    employee = months["employee"]
    assert (employee["actual"], employee["deemed"], employee["military"], employee["total"]) == (96, 24, 24, 120)
    assert [(r["from"], r["to"], r["months"]) for r in employee["ranges"]] == [
        ("2012-09", "2014-08", 24),
        ("2018-05", "2026-02", 94),
        ("2026-05", "2026-06", 2),
    ]
    assert (months["credited"], months["local"]) == (120, 4)


def test_policies_given_with_the_case_take_the_place_of_the_hub_s(tmp_path):
    data = json.loads(EXAMPLE.read_text())
    data["outbound"]["policy"] = {"document_number": "试字1号", "values": {"arrears_rule": "warn"}}
    years = {"retire_years_male": 30, "retire_years_female": 25, "min_local_years": 10}
    data["inbound"]["policy"] = {
        "document_number": "试字2号",
        "values": {"transferred_years_kind": "deemed", "waiting_max_months": 3, **years},
    }
    data["inbound"]["periods"][1] |= {"from": "2026-07", "to": "2026-07"}
    data["today"] = "2026-07-15"
    file = tmp_path / "case.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    said = run("precheck", str(file))
    assert said["outcome"] == "accepted"
    assert [(f["code"], f["blocking"], f["policy"]) for f in said["failures"]] == [("V-O-03", False, ["试字1号"])]
    advice = run("advise", str(file))
    assert (advice["gap_months"], advice["waiting_months"], advice["wait_ends_on"]) == (4, 3, "2026-09-30")
    assert advice["policy"] == ["试字2号"]
    months = run("months", str(file))
    # Own: 2019-11, 2019-12 and 2026-07. Brought: 118 months, deemed here, two of which are paid here, too.
    assert (months["employee"]["actual"], months["employee"]["deemed"], months["credited"]) == (3, 116, 119)
    (man,) = months["retirement"]
    assert (man["sex"], man["missing"], man["local"], man["local_missing"]) == ("1", 360 - 119, 3, 117)


def test_it_reads_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EXAMPLE.read_bytes())))
    assert run("advise", "-")["result"] == "back_pay"


@pytest.mark.parametrize("command", ["precheck", "advise", "months"])
def test_bad_input_is_told_whole_by_place(command, tmp_path):
    data = json.loads(EXAMPLE.read_text())
    data["outbound"]["area"] = "999999"
    data["inbound"]["area"] = "000000"
    file = tmp_path / "case.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    error = refused(command, str(file))
    assert error["code"] == "J-INPUT"
    assert error["fields"].keys() == {"outbound.area", "inbound.area"}
    data["outbound"]["periods"][1]["to"] = "2031-01"
    data["person"]["name"] = ""
    file.write_text(json.dumps(data), encoding="utf-8")
    assert refused(command, str(file))["fields"].keys() == {"person.name", "outbound.periods[1].to"} | (
        {"outbound.periods[1].months"}
    )


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "J-JSON"), (b'{"a": 1, "a": 1}', "J-JSON"), (b"\xff", "J-FILE"), (b"[]", "J-INPUT")]
)
def test_what_is_no_case_file(tmp_path, content, code):
    file = tmp_path / "case.json"
    file.write_bytes(content)
    assert refused("precheck", str(file))["code"] == code
    assert refused("precheck", str(tmp_path / "none.json"))["code"] == "J-FILE"
