"""`manage.py workdays`: the due day of an area, marked when provisional, explained, and refused in one sentence."""

from __future__ import annotations

import json
from datetime import date, timedelta
from io import StringIO

import chinese_calendar
import pytest
from django.core.management import CommandError, call_command

from transfers.memory import forget
from transfers.models import CalendarNotice

pytestmark = pytest.mark.django_db


def said(area: str, start: str, days: int, **options: object) -> str:
    out = StringIO()
    call_command("workdays", f"--area={area}", f"--start={start}", f"--days={days}", stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("area", "start", "days", "due"),
    [
        ("320100", "2026-02-12", 3, "2026-02-24"),
        ("540100", "2026-02-12", 3, "2026-02-27"),
        ("540200", "2025-02-26", 1, "2025-03-05"),
        ("320100", "2025-02-26", 1, "2025-02-27"),
        ("100000", "2026-09-24", 1, "2026-09-28"),
        ("139900", "2026-09-19", 1, "2026-09-20"),
    ],
)
def test_the_due_day_stands_alone_on_its_line(area: str, start: str, days: int, due: str) -> None:
    assert said(area, start, days) == f"{due}\n"


def test_a_sample_of_starts_agrees_with_chinesecalendar() -> None:
    for number in range(0, 700, 37):
        start = date(2025, 1, 1) + timedelta(number)
        day, left = start, 10
        while left:
            day += timedelta(1)
            left -= chinese_calendar.is_workday(day)
        assert said("320100", str(start), 10) == f"{day}\n"


def test_a_day_beyond_the_notices_is_marked_provisional_in_both_languages() -> None:
    assert said("320100", "2026-12-25", 10).startswith("2027-01-11  [暂定]\n")
    english = said("320100", "2026-12-25", 10, language="en")
    assert english.startswith("2027-01-11  [provisional]\n")
    assert "2026-12-31" in english
    assert "[" not in said("320100", "2026-12-15", 10)


def test_each_day_is_shown_with_its_number_and_reason() -> None:
    lines = said("540100", "2026-02-12", 3, explain=True).splitlines()
    assert lines[0].startswith("2026-02-12    -  星期四，工作日；起算当日不计入")
    assert lines[2].startswith("2026-02-14    2  星期六，春节、藏历新年调休上班")
    assert lines[13].startswith("2026-02-25    -  星期三，春节、藏历新年放假")
    assert lines[-1] == "2026-02-27"
    assert len(lines) == 17
    assert "Saturday" in said("540100", "2026-02-12", 3, explain=True, language="en")


def test_the_answer_for_programs() -> None:
    data = json.loads(said("540100", "2026-02-12", 3, json=True, explain=True))
    assert (data["due"], data["provisional"], data["calendar"]["region"]) == ("2026-02-27", False, "540100")
    assert "国办发明电〔2025〕7号" in data["calendar"]["documents"]
    assert [day["date"] for day in data["explanation"] if day["counted"]] == ["2026-02-13", "2026-02-14", "2026-02-27"]
    assert "explanation" not in json.loads(said("540100", "2026-02-12", 3, json=True))


@pytest.mark.parametrize(
    ("area", "start", "days", "problem"),
    [
        ("999999", "2026-02-12", "3", "There is no area '999999'"),
        ("南京", "2026-02-12", "3", "There is no area"),
        ("320100", "2026-02-30", "3", "not a date like"),
        ("320100", "20260212", "3", "not a date like"),
        ("320100", "2026-02-12", "0", "not a whole number from 1 to 1000"),
        ("320100", "2026-02-12", "-3", "not a whole number from 1 to 1000"),
        ("320100", "2026-02-12", "三", "not a whole number from 1 to 1000"),
        ("320100", "2026-02-12", "1000000000000", "not a whole number from 1 to 1000"),
        ("320100", "2023-12-29", "3", "outside the calendar"),
        ("320100", "2027-12-29", "3", "outside the calendar"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_sentence(area: str, start: str, days: str, problem: str) -> None:
    assert said("320100", "2026-02-12", 3)
    with pytest.raises(CommandError, match=problem):
        call_command("workdays", f"--area={area}", f"--start={start}", f"--days={days}", stdout=StringIO())


def test_an_empty_installation_says_what_to_do_first() -> None:
    CalendarNotice.objects.all().delete()
    forget()
    with pytest.raises(CommandError, match="there is no national notice"):
        said("320100", "2026-02-12", 3)
