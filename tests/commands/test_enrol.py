"""Enrolment events from a file: every line is counted, wrong ones are named and left out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.world import MONDAY, identity_number, person
from transfers.models import TransferCase

pytestmark = pytest.mark.django_db


def line(serial: int, **more: object) -> str:
    event = {"event": f"e{serial}", "name": "测试甲", "identity_number": identity_number(serial)}
    return json.dumps({**event, "inbound_area": "430200", "first_month": "2026-05", **more}, ensure_ascii=False)


def run(path: Path) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("enrol", str(path), stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue().strip(), err.getvalue()


def test_lines_right_and_wrong(tmp_path, time_machine):
    time_machine.move_to(MONDAY)
    for serial in (1, 2):
        person(serial, out="430100", into="430200", balance_fen=serial - 1)
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([line(1), "", line(2), line(3), line(4, phone="1"), "{", "[]"]))
    out, err = run(path)
    assert out == "read=6 none_found=1 started=2 wrong=3 cases: COMPLETED=2"
    assert "line 5: J-INPUT (phone)" in err
    assert "line 6: J-JSON" in err
    assert "line 7: J-JSON" in err
    assert identity_number(4) not in err
    assert "3 line(s) were wrong" in err
    path.write_text("\n".join([line(1), line(2)]))
    assert run(path) == ("read=2 known=2 wrong=0 cases: COMPLETED=2", "")
    assert TransferCase.objects.count() == 2
    assert "No such file" in run(tmp_path / "none")[1]
