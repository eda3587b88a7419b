"""A file of applications at the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from tests.actions.test_applications import as_csv, table
from tests.world import MONDAY, World, application, person
from transfers.models import ApplicationFile, TransferCase


def run(*arguments: str) -> tuple[int, str, str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("intake", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
        code = error.returncode
    return code, out.getvalue().strip(), err.getvalue()


def test_looked_at_then_filed_then_nothing_new(world: World, tmp_path: Path, time_machine: Any) -> None:
    time_machine.move_to(MONDAY)
    person(1)
    path, user = tmp_path / "applications.csv", ("--user", world.in_handler.username)
    path.write_bytes(as_csv(table([application(1), application(2, phone="1"), application(1), application(3)])))
    wrong = "row 3: wrong: J-PHONE A mobile number has 11 digits and begins with 1."
    twice = "row 4: twice: the same person as row 2"
    assert run(str(path), *user, "--preview")[:2] == (1, f"{wrong}\n{twice}\nlines=4 new=2 twice=1 wrong=1")
    assert not ApplicationFile.objects.exists()
    assert not TransferCase.objects.exists()
    code, out, err = run(str(path), *user)
    assert (code, out) == (1, f"{wrong}\n{twice}\nlines=4 ACCEPTED=1 NOT_ACCEPTED=1 filed=2 twice=1 wrong=1")
    assert "file 4 of 4" in err
    code, out, _err = run(str(path), *user, "--json")
    report = json.loads(out)
    assert (report["lines"], report["outcomes"]) == (4, {"filed": 2, "twice": 1, "wrong": 1})
    assert [(line["row"], line["outcome"]) for line in report["left_out"]] == [(3, "wrong"), (4, "twice")]
    assert TransferCase.objects.count() == 2
    assert application(2)["identity_number"] not in out


def test_a_file_that_is_right_ends_well(world: World, tmp_path: Path, time_machine: Any) -> None:
    time_machine.move_to(MONDAY)
    person(1)
    path = tmp_path / "applications.csv"
    path.write_bytes(as_csv(table([application(1)])))
    assert run(str(path), "--user", world.in_handler.username)[:2] == (0, "lines=1 ACCEPTED=1 filed=1")


def test_what_is_refused_whole(world: World, tmp_path: Path) -> None:
    path = tmp_path / "applications.csv"
    path.write_bytes(b"nothing")
    assert run(str(path), "--user", "nobody")[0] == 2
    assert run(str(tmp_path / "none"), "--user", world.in_handler.username)[0] == 2
    code, _out, err = run(str(path), "--user", world.in_handler.username)
    assert (code, "J-FILE" in err) == (2, True)
    assert "J-NOT-YOURS" in run(str(path), "--user", world.in_reviewer.username)[2]
