"""The data files as they are, and files that are not as they should be."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from stdnum import numdb

from transfers.reference import files
from transfers.reference.files import FOLDER, ReferenceDataError
from transfers.rules.policy import SWITCHES, resolve, worded

DATA = files.read()
AREAS = {area.code: area for area in DATA.areas}
LIVE = [area for area in DATA.areas if area.valid_to is None]
POOLING = [area for area in LIVE if area.pooling]
MUNICIPALITIES = ["11", "12", "31", "50"]


def test_there_are_about_four_hundred_pooling_areas_under_32_provinces() -> None:
    assert 380 <= len(POOLING) <= 420
    provinces = [area for area in LIVE if area.level == "province"]
    assert len([area for area in provinces if not area.pseudo]) == 31
    assert [area.code for area in provinces if area.pseudo] == ["660000"]
    assert [area.code for area in LIVE if area.level == "nation"] == ["100000"]


def test_codes_are_unique_and_lead_up_to_the_nation_through_their_province() -> None:
    assert max(Counter(area.code for area in DATA.areas).values()) == 1
    for area in DATA.areas:
        assert re.fullmatch(r"[1-6][0-9]{5}", area.code)
        chain = files.ancestry(area.code, AREAS)
        assert chain[0] == "100000"
        if area.level == "area":
            assert chain[1] == area.code[:2] + "0000", area


def test_pooling_areas_can_be_told_apart_by_their_names() -> None:
    assert max(Counter(area.short_name for area in POOLING).values()) == 1
    assert max(Counter((area.parent, area.name) for area in POOLING).values()) == 1
    for area in DATA.areas:
        assert not re.search(r"\s", area.name + area.short_name), area
        assert area.name not in ("市辖区", "县")
        assert "直辖县级" not in area.name


def test_the_codes_that_are_no_pseudo_codes_are_in_an_independent_list() -> None:
    """python-stdnum carries its own list of division codes, taken from another place than ours."""
    known = numdb.get("cn/loc")
    checked = 0
    for area in DATA.areas:
        if area.pseudo or area.level == "nation" or (area.level == "area" and area.code[:2] in MUNICIPALITIES):
            continue
        found = {name: text for _part, names in known.info(area.code) for name, text in names.items()}
        assert area.name in found["province" if area.level == "province" else "county"], area
        checked += 1
    assert checked > 400


def test_every_province_has_its_own_fund_but_the_municipalities() -> None:
    for area in LIVE:
        if area.level != "province":
            continue
        own, city = AREAS.get(area.code[:2] + "9900"), AREAS.get(area.code[:2] + "0100")
        if area.code[:2] in MUNICIPALITIES:
            assert own is None
            assert city is not None
            assert city.pooling
            assert [one.code for one in POOLING if one.code[:2] == area.code[:2]] == [city.code]
        else:
            assert own is not None
            assert own.pooling
            assert own.pseudo


@pytest.mark.parametrize(
    ("code", "name", "parent", "pooling"),
    [
        ("110100", "北京市", "110000", True),
        ("320100", "南京市", "320000", True),
        ("419001", "济源市", "410000", True),
        ("429004", "仙桃市", "420000", True),
        ("659001", "石河子市", "650000", True),
        ("139900", "河北省省本级", "130000", True),
        ("130181", "辛集市", "130000", True),
        ("669900", "新疆生产建设兵团本级", "660000", True),
        ("320199", "南京市市本级", "320100", False),
        ("440342", "深圳市(医保区划440342)", "440300", False),
    ],
)
def test_the_awkward_ones(code: str, name: str, parent: str, pooling: bool) -> None:
    area = AREAS[code]
    assert (area.name, area.parent, area.pooling) == (name, parent, pooling)


def test_former_areas_have_ended_and_say_who_took_over() -> None:
    ended = [area for area in DATA.areas if area.valid_to is not None]
    assert AREAS["371200"].successor == "370100"
    assert len(ended) >= 10
    for area in ended:
        successor = AREAS[area.successor]
        assert successor.valid_to is None
        assert successor.pooling
        assert successor.code[:2] == area.code[:2]
        assert successor.valid_from is None or successor.valid_from > area.valid_to  # type: ignore[operator]


def test_dialling_codes_are_dialling_codes() -> None:
    known = [area for area in POOLING if area.dialling_code]
    assert len(known) > 300
    assert all(re.fullmatch(r"010|02[0-9]|0[3-9][0-9]{2}", area.dialling_code) for area in known)
    assert AREAS["320100"].dialling_code == "025"
    assert AREAS["110100"].dialling_code == "010"


def test_the_national_policy_says_ten_and_five_days_and_climbs_to_the_nation() -> None:
    (policy,) = [policy for policy in DATA.policies if policy.area == "100000"]
    assert policy.document_number == "医保办发〔2021〕43号"
    assert str(policy.valid_from) == "2021-12-01"
    resolved = resolve([policy.values])
    assert (resolved.out_days, resolved.in_days, resolved.supplement_days) == (10, 5, 5)
    fired = {rung.code: rung.days_used(10) for rung in resolved.rungs("OUT")}
    assert fired == {
        "unclaimed": 1,
        "half": 5,
        "T-2": 8,
        "due-day": 9,
        "T+0": 10,
        "T+1": 11,
        "T+3": 13,
        "T+5": 15,
        "T+10": 20,
    }
    told = {rung.code: rung.to for rung in resolved.rungs("IN")}
    assert (told["T+3"], told["T+5"], told["T+10"]) == (("head",), ("province",), ("nation",))
    assert resolved.rungs("SUPPLEMENT")
    assert resolved.rungs("FUND")
    assert len({rung.code for rung in resolved.ladder}) == len(resolved.ladder)


def test_every_file_names_its_source_and_no_address() -> None:
    for path in [*FOLDER.rglob("*.csv"), *FOLDER.rglob("*.json"), *FOLDER.rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|www\.", text), path
    assert all(area.source for area in DATA.areas)
    assert all(notice.source and notice.document_number for notice in DATA.notices)
    # Days that nobody could check against the notice itself are provisional, and say so.
    unchecked = {notice.tag for notice in DATA.notices if notice.provisional}
    assert unchecked == {"2027.0", "450000/2026.0", "640000/2025.0", "640000/2026.0", "650000/2026.0"}
    assert all("暂定" in notice.source for notice in DATA.notices if notice.provisional)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the data to spoil; as it is, it can be read."""
    copy = tmp_path / "reference"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    files.read(copy)
    return copy


def problems_of(folder: Path) -> str:
    with pytest.raises(ReferenceDataError) as caught:
        files.read(folder)
    return "\n".join(caught.value.problems)


def edit(path: Path, **values: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | values, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("320100,南京市,", "32010O,南京市,", "is not a code of six digits"),
        ("320100,南京市,", "320200,南京市,", "320200 is listed twice"),
        ("320100,南京市,", "320100, 南京市,", "name has stray spaces"),
        ("320100,南京市,南京,area,320000,", "320100,南京市,南京,area,329999,", "320100 has no parent 329999"),
        ("320100,南京市,南京,area,320000,", "320100,南京市,南京,area,100000,", "320100 must lie below a province"),
        ("320100,南京市,南京,area,320000,", "320100,南京市,南京,city,320000,", "level must be one of"),
        ("320100,南京市,南京,area,320000,", "320100,南京市,南京,area,320100,", "320100 does not lead up"),
        ("320100,南京市,南京,area,320000,yes", "320100,南京市,南京,area,320000,ja", "pooling must be yes or no"),
        ("2019-01-08", "2019-02-30", "valid_to must be a date"),
        ("2019-01-08,370100", "2019-01-08,370199999", "names the successor 370199999 wrongly"),
        ("100000,全国", "100001,全国", "the nation 100000 is missing"),
        ("code,name", "code,title", "the columns must be"),
        ("110000,北京市,北京", '110000,"北京市"x,北京', "not CSV"),
        ("110000,北京市,北京", "110000,北京,市,北京", "wrong number of columns"),
    ],
)
def test_faults_in_the_list_of_areas_are_said(folder: Path, old: str, new: str, problem: str) -> None:
    path = folder / "areas.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert problem in problems_of(folder)


def test_all_faults_of_all_files_are_said_together(folder: Path) -> None:
    text = (folder / "areas.csv").read_text(encoding="utf-8")
    (folder / "areas.csv").write_text(text.replace("110000,北京市", "110000,北京市 ", 1), encoding="utf-8")
    edit(folder / "calendars" / "100000-2026.1.json", year=2025)
    edit(folder / "calendars" / "100000-2025.1.json", colour="red")
    edit(folder / "policies" / "national.json", values={"out_days": 11, "in_days": 0})
    (folder / "calendars" / "100000-2024.1.json").write_text("{", encoding="utf-8")
    said = problems_of(folder)
    assert "stray spaces" in said
    assert "is outside the year 2025" in said
    assert "colour is not known" in said
    assert "out_days: may only be shortened" in said
    assert "in_days: must be a whole number" in said
    assert "not JSON" in said


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"region": "999999"}, "there is no area 999999"),
        ({"covered_from": "2026-13-01"}, "month must be in 1..12"),
        ({"days": [{"date": "2026-01-01", "working": "no", "name_zh": "元旦", "name_en": "x"}]}, "working must be"),
        ({"days": [{"date": "2026-01-01", "working": False}]}, "a day must have exactly"),
        ({"provisional": "no"}, "provisional must be true or false"),
        ({"version": 1.5}, "whole numbers"),
        ({"document_number": ""}, "no document number"),
        ({"year": 2026, "covered_until": "2026-06-30", "days": []}, "covered days do not join"),
    ],
)
def test_faults_in_a_notice_are_said(folder: Path, values: dict[str, Any], problem: str) -> None:
    edit(folder / "calendars" / "100000-2026.1.json", **values)
    assert problem in problems_of(folder)


def test_a_missing_list_of_areas_is_said(folder: Path) -> None:
    (folder / "areas.csv").unlink()
    assert "areas.csv: cannot be read" in problems_of(folder)


# What each area is known for, beside what it inherits: (area, day, switch, value as people read it).
KNOWN = [
    ("440100", "2026-06-01", "in_province_fund", "不划转、不提现，留在原账户，省内可用"),
    ("440100", "2026-06-01", "cross_province_fund", "随关系划转；无法划转的，支付到本人银行账户"),
    ("440100", "2026-06-01", "retire_years_male", "没有规定"),
    ("440100", "2030-01-01", "retire_years_male", "30年"),
    ("440100", "2030-01-01", "retire_years_female", "25年"),
    ("440300", "2026-06-01", "min_local_years", "10年"),
    ("430100", "2025-07-09", "in_province_mode", "按申请办理"),
    ("430100", "2025-07-10", "in_province_mode", "免申即享（自动转移）"),
    ("430100", "2025-07-10", "in_province_fund", "即时到账，事后清算"),
    ("130100", "2023-10-31", "in_province_mode", "按申请办理"),
    ("130100", "2023-11-01", "in_province_mode", "免申即享（自动转移）"),
    ("130100", "2026-06-01", "suspended_status", "暂停"),
    ("130100", "2026-06-01", "wallet_enabled", "是"),
    ("150100", "2026-06-01", "wallet_enabled", "是"),
    ("450100", "2026-06-01", "wallet_enabled", "否"),
    ("350500", "2026-06-01", "out_days", "8个工作日"),
    ("350500", "2026-06-01", "in_days", "5个工作日"),
    ("350500", "2026-06-01", "fund_remit_days", "5个工作日"),
    ("350500", "2026-06-01", "fund_credit_days", "2个工作日"),
    ("350100", "2026-06-01", "out_days", "10个工作日"),
    ("350100", "2026-06-01", "certificate_required", "不需要"),
    ("320100", "2026-06-01", "payout_channel", "市民卡关联的银行账户"),
    ("320100", "2026-06-01", "payout_expected_days", "30个工作日"),
    ("320500", "2026-06-01", "payout_channel", "本人银行账户"),
    ("320500", "2026-06-01", "waiting_max_months", "3个月"),
    ("330100", "2026-06-01", "waiting_max_months", "6个月"),
    ("330100", "2026-06-01", "open_claims_rule", "先结清费用再转移"),
    ("410100", "2026-06-01", "payout_expected_days", "63个工作日"),
    ("120100", "2026-06-01", "transferred_years_kind", "视同缴费年限"),
    ("110100", "2026-06-01", "transferred_years_kind", "实际缴费年限"),
]


@pytest.mark.parametrize(("area", "day", "switch", "words"), KNOWN)
def test_what_areas_are_known_for(area: str, day: str, switch: str, words: str) -> None:
    areas = {row.code: row for row in DATA.areas}
    policy = files.resolved(DATA.policies, area, areas, date.fromisoformat(day))
    assert worded(SWITCHES[switch], getattr(policy, switch)).zh == words


def test_every_edition_says_what_it_rests_on_and_what_was_not_checked() -> None:
    for policy in DATA.policies:
        assert len(policy.source) > 20, policy.tag
        assert len(policy.document_number) <= 80
        # A document number is given where it was seen; everywhere else the reader is told to check.
        seen = "〔" in policy.document_number
        assert seen == ("文号待核" not in policy.document_number), policy.tag
        assert seen or "待核" in policy.source, policy.tag


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("350500-1.json", {"valid_to": "2021-11-30"}, "valid_to lies before valid_from"),
        ("350500-1.json", {"values": {"out_days": 10, "in_days": 6}}, "in_days: may only be shortened"),
        ("350000-1.json", {"values": {"out_days": 7}}, "350500 v1 in 350500 on 2021-12-01: out_days: may only be"),
        ("440000-2.json", {"valid_from": "2029-12-31"}, "policy 440000 v2: overlaps v1"),
        (
            "430000-1.json",
            {"values": {"certificate_required": "window", "in_province_mode": "automatic"}},
            "certificate",
        ),
        ("430000-1.json", {"area": "999999"}, "there is no such area"),
        ("430000-1.json", {"values": []}, "values must be an object"),
    ],
)
def test_faults_between_editions_are_said(folder: Path, name: str, change: dict[str, Any], problem: str) -> None:
    edit(folder / "policies" / name, **change)
    assert problem in problems_of(folder)
