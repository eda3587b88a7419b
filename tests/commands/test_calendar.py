"""`manage.py calendar`: a notice from a file, looked at and loaded."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from notifications.models import Letter
from tests.sla.days import at
from tests.sla.test_recompute import DOCUMENT, amended
from transfers import memory
from transfers.actions.digests import warn_of_horizon
from transfers.models import CalendarNotice, CaseEvent
from transfers.reference.notices import as_data
from transfers.sla.recompute import waiting

pytestmark = pytest.mark.django_db
CSV = "date,working,name_zh,name_en\n2026-06-10,no,测试假,Test holiday\n"


def run(*words: str, **options: object) -> str:
    out = StringIO()
    call_command("calendar", *words, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "2026.json"
    path.write_text(json.dumps(as_data(amended(("06-10", False))), ensure_ascii=False), encoding="utf-8")
    return path


def test_preview_then_load(world, file):
    case = world.accepted()
    seen = run("preview", str(file))
    assert "2026.2  测试〔2026〕9号  (in place of 2026.1)" in seen
    assert "1 days are counted otherwise" in seen
    assert "1 of 1 open limits would end on another day" in seen
    assert f"{case.number}  转出时限  2026-06-15  →  2026-06-16" in seen
    assert CalendarNotice.objects.filter(document_number=DOCUMENT).count() == 0
    said = run("load", str(file), "--by", world.nation.username)
    assert "Loaded 2026.2" in said
    assert "1 open limits counted anew, 1 changed" in said
    assert CalendarNotice.objects.get(document_number=DOCUMENT).loaded_by == world.nation
    assert CaseEvent.objects.filter(case=case, kind="calendar").count() == 1
    with pytest.raises(CommandError, match=r"2026.2 is not higher than 2"):
        run("load", str(file))


def test_the_counting_can_be_left_to_the_beat(world, file):
    world.accepted()
    assert "counted anew" not in run("load", str(file), "--later")
    memory.forget()
    assert waiting() == 1
    call_command("load_reference", verbosity=0)  # which finishes what was left
    assert waiting() == 0
    assert CalendarNotice.objects.filter(document_number=DOCUMENT).count() == 1, "and leaves what people loaded"


def test_csv(world, tmp_path):
    path = tmp_path / "days.csv"
    path.write_text(CSV, encoding="utf-8")
    head = ["--region", "330000", "--year", "2026", "--number", "1", "--document", DOCUMENT]
    assert "2026-06-10  off" in run("preview", str(path), *head)
    with pytest.raises(CommandError) as refused:
        run("preview", str(path), "--region", "330000")
    for words in ("year is missing", "version is missing", "document_number is missing"):
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "neither a JSON object nor CSV"),
        ('{"region": 1}', "days is missing"),
        ("date,working,name_zh,name_en\n2026-06-10,maybe,a,b\n2026-06-11,yes\n", "line 2: working must be yes or no"),
        ("date,working,name_zh,name_en\n2026-06-10,no,a\n", "line 2: wrong number of columns"),
    ],
)
def test_faults_are_said_by_place(tmp_path, text, words):
    path = tmp_path / "notice"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=words):
        run("load", str(path))
    with pytest.raises(CommandError, match="cannot be read"):
        run("load", str(tmp_path / "none"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="not text in UTF-8"):
        run("preview", str(path))


def test_an_unknown_user_loads_nothing(world, file):
    with pytest.raises(CommandError, match="no active user 'nobody'"):
        run("load", str(file), "--by", "nobody")
    assert CalendarNotice.objects.filter(document_number=DOCUMENT).count() == 0


def test_the_horizon_is_told_once_a_day_to_those_who_can_load(world):
    world.everyone()
    assert warn_of_horizon(now=at("2026-10-09")) == 0
    written = warn_of_horizon(now=at("2026-10-10"))
    told = Letter.objects.filter(template="horizon")
    assert {letter.recipient_id for letter in told} == {world.nation.pk}
    assert written == told.count() == 2
    assert told.first().context["days"] == 59
    assert warn_of_horizon(now=at("2026-10-10", "15:00")) == 0
    assert warn_of_horizon(now=at("2026-10-12")) == 2
