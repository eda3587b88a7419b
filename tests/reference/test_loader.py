"""Loading the data files: complete, repeatable, following the files, and leaving people's own entries alone."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from transfers.memory import forget
from transfers.models import Agency, Area, BankAccount, CalendarNotice, Policy
from transfers.reference import files, loader
from transfers.sla.calendars import calendar_for

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
LATER = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("first_day")


def empty_tables() -> None:
    """As on the first day; the run's own reference data comes back with the rollback."""
    with connection.cursor() as cursor:
        for model in (Policy, CalendarNotice, BankAccount, Agency, Area):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    forget()


@pytest.fixture
def first_day(db: None) -> None:
    empty_tables()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "reference"
    shutil.copytree(files.FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def counts(loaded: loader.Loaded) -> dict[str, tuple[int, int, int]]:
    return {tally.what: (tally.created, tally.changed, tally.expired) for tally in loaded.tallies}


def load(folder: Path = files.FOLDER, now: datetime = NOW) -> dict[str, tuple[int, int, int]]:
    return counts(loader.load(files.read(folder), now=now))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_row_of_the_files_is_in_the_tables() -> None:
    load()
    data = files.read()
    assert Area.objects.count() == len(data.areas)
    assert CalendarNotice.objects.count() == len(data.notices)
    assert Policy.objects.get(area="100000").values["out_days"] == 10
    assert Policy.objects.get(area="100000").published_at == NOW
    nanjing = Area.objects.get(pk="320100")
    assert (nanjing.name, nanjing.parent_id, nanjing.pooling) == ("南京市", "320000", True)
    laiwu = Area.objects.get(pk="371200")
    assert laiwu.valid_to == date(2019, 1, 8)
    assert "由370100接续" in laiwu.source


def test_the_nation_each_province_and_each_pooling_area_has_an_agency_that_answers_to_the_next() -> None:
    load()
    served = Area.objects.filter(valid_to=None).exclude(level="area", pooling=False)
    assert set(Agency.objects.values_list("area_id", flat=True)) == set(served.values_list("code", flat=True))
    assert set(Agency.objects.filter(parent=None).values_list("area_id", flat=True)) == {"100000"}
    for agency in Agency.objects.select_related("parent", "area"):
        if agency.parent is not None:
            assert agency.parent.area_id == agency.area.parent_id
    assert Agency.objects.get(area="320100").phone == "025-12393"
    assert Agency.objects.get(area="659012").phone == "12393"
    assert Agency.objects.get(area="320100").name == "南京市医疗保障经办机构"


def test_loading_twice_changes_nothing() -> None:
    first = load()
    assert first["areas"][0] > 700
    loaded_at = set(CalendarNotice.objects.values_list("loaded_at", flat=True))
    assert load(now=LATER) == dict.fromkeys(first, (0, 0, 0))
    assert set(CalendarNotice.objects.values_list("loaded_at", flat=True)) == loaded_at


def test_it_takes_few_statements_however_many_rows(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(45):
        load()
    with django_assert_max_num_queries(25):
        load(now=LATER)


def test_a_changed_file_updates_its_rows_only(folder: Path) -> None:
    load(folder)
    replace(folder / "areas.csv", "320100,南京市,南京,", "320100,新南京市,新南京,")
    replace(folder / "calendars" / "100000-2026.1.json", '"元旦"', '"新年"')
    replace(folder / "policies" / "national.json", '"supplement_days": 5', '"supplement_days": 4')
    loaded = loader.load(files.read(folder), now=LATER)
    assert counts(loaded) == {
        "areas": (0, 1, 0),
        "agencies": (0, 1, 0),
        "calendar notices": (0, 1, 0),
        "policies": (0, 1, 0),
    }
    assert loaded.regions == ["100000"]
    assert Agency.objects.get(area="320100").name == "新南京市医疗保障经办机构"
    assert Policy.objects.get(area="100000").values["supplement_days"] == 4
    assert Policy.objects.get(area="100000").published_at == NOW
    assert CalendarNotice.objects.get(area="100000", year=2026).loaded_at == LATER


def test_a_new_version_of_a_year_is_added_beside_the_old_one_and_rules(
    folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    load(folder)
    assert calendar_for("320100").add(date(2026, 9, 29), 1) == date(2026, 9, 30)
    official = json.loads((folder / "calendars" / "100000-2026.1.json").read_text(encoding="utf-8"))
    official["version"] = 2
    official["document_number"] = "测试〔2026〕1号"
    official["days"].append({"date": "2026-09-30", "working": False, "name_zh": "测试", "name_en": "Test"})
    (folder / "calendars" / "100000-2026.2.json").write_text(json.dumps(official), encoding="utf-8")
    with django_capture_on_commit_callbacks(execute=True):
        assert load(folder)["calendar notices"] == (1, 0, 0)
    assert CalendarNotice.objects.filter(area="100000", year=2026).count() == 2
    assert calendar_for("320100").add(date(2026, 9, 29), 1) == date(2026, 10, 8)


def test_an_area_that_left_the_list_ends_today_with_its_agency_and_is_kept(folder: Path) -> None:
    load(folder)
    text = (folder / "areas.csv").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith("460300,")]
    kept = [line for line in kept if not line.startswith("460399,")]
    (folder / "areas.csv").write_text("".join(kept), encoding="utf-8")
    assert load(folder, LATER)["areas"] == (0, 0, 2)
    assert Area.objects.get(pk="460300").valid_to == date(2026, 7, 1)
    assert Agency.objects.get(area="460300").valid_to == date(2026, 7, 1)
    # Once is enough, and the way back is open.
    assert load(folder, datetime(2026, 8, 1, tzinfo=UTC))["areas"] == (0, 0, 0)
    assert Area.objects.get(pk="460300").valid_to == date(2026, 7, 1)
    load(files.FOLDER, LATER)
    assert Area.objects.get(pk="460300").valid_to is None
    assert Agency.objects.get(area="460300").valid_to is None


def test_what_people_entered_is_left_alone() -> None:
    load()
    Agency.objects.filter(area="320100").update(name="南京市医保中心", phone="025-00000000", address="测试路 1 号")
    Area.objects.create(
        code="320197", name="测试区", short_name="测试", level="area", parent_id="320000", source="本地"
    )
    Policy.objects.filter(area="430000").update(valid_to=date(2026, 12, 31))
    assert load(now=LATER) == dict.fromkeys(["areas", "agencies", "calendar notices", "policies"], (0, 0, 0))
    agency = Agency.objects.get(area="320100")
    assert (agency.name, agency.phone, agency.address) == ("南京市医保中心", "025-00000000", "测试路 1 号")
    assert Area.objects.get(pk="320197").valid_to is None
    assert Policy.objects.get(area="430000").valid_to == date(2026, 12, 31)


def test_the_command_says_what_it_did() -> None:
    out = StringIO()
    call_command("load_reference", stdout=out)
    assert "areas" in out.getvalue()
    assert "778 created" in out.getvalue()
    again = StringIO()
    call_command("load_reference", stdout=again)
    assert again.getvalue().count("   0 created    0 changed    0 expired") == 4
    quiet = StringIO()
    call_command("load_reference", stdout=quiet, verbosity=0)
    assert quiet.getvalue() == ""


def test_faulty_files_change_nothing_and_are_explained(folder: Path) -> None:
    call_command("load_reference", folder=folder, stdout=StringIO())
    replace(folder / "areas.csv", "320100,南京市,南京,", "320100,新南京市,新南京,")
    replace(folder / "calendars" / "100000-2026.1.json", '"working": false', '"working": "off"')
    with pytest.raises(CommandError, match="working must be true or false") as caught:
        call_command("load_reference", folder=folder, stdout=StringIO())
    assert "Nothing was loaded" in str(caught.value)
    assert Area.objects.get(pk="320100").name == "南京市"


def test_files_that_contradict_stored_notices_change_nothing(folder: Path) -> None:
    load(folder)
    # Somebody has loaded the official notice of 2028, but 2027 is still provisional here.
    CalendarNotice.objects.create(
        area_id="100000",
        year=2028,
        version=1,
        document_number="测试〔2027〕1号",
        covered_from=date(2028, 1, 1),
        covered_until=date(2028, 12, 31),
        days=[],
        loaded_at=NOW,
    )
    replace(folder / "areas.csv", "320100,南京市,南京,", "320100,新南京市,新南京,")
    with pytest.raises(CommandError, match="2027 is provisional although 2028 is official"):
        call_command("load_reference", folder=folder, stdout=StringIO())
    assert Area.objects.get(pk="320100").name == "南京市"
    CalendarNotice.objects.filter(year=2028).delete()
    call_command("load_reference", folder=folder, stdout=StringIO())
    assert Area.objects.get(pk="320100").name == "新南京市"
