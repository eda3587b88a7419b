"""The bank's files at the command line: judged as in the console, every problem named by line."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from tests.world import MONDAY, OUT, World
from transfers.models import Payment
from transfers.rules.bankfiles import Line, Result, write_results, write_statement


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("bank", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
        code = error.returncode
    return code, out.getvalue().strip(), err.getvalue()


def test_payments_go_out_and_results_come_in(world: World, tmp_path: Path, time_machine: Any, capfdbinary: Any) -> None:
    time_machine.move_to(MONDAY)
    case = world.carry(world.accepted(), "approve_remittance")
    path = tmp_path / "payments.csv"
    ours = ("--user", "out_handler")
    digest = Payment.objects.get().batch.digest  # type: ignore[union-attr]
    told = f"JXPAY-450100-000001.csv payments=1 yuan=3456.78 sha256={digest}"
    assert run("payments", OUT, "1", *ours, "--out", str(path)) == (0, told, "")
    assert run("payments", OUT, "1", *ours)[0] == 0
    assert capfdbinary.readouterr().out == path.read_bytes()
    assert f",{case.number}-1,".encode() in path.read_bytes()
    assert run("payments", OUT, "2", *ours)[0] == 2
    assert run("payments", OUT, "1", *ours, "--out", str(tmp_path / "none" / "x"))[0] == 2
    assert run("payments", "999999", "1", *ours)[0] == 2
    assert run("payments", OUT, "1", "--user", "nobody")[0] == 2
    assert "J-NOT-YOURS" in run("payments", OUT, "1", "--user", world.in_handler.username)[2]

    row = Result(1, f"{case.number}-1", False, "F-02", "", 345_678, MONDAY, "")
    good = write_results([row], area=OUT, sequence=1, day=MONDAY.date())
    answer = tmp_path / "results.csv"
    answer.write_bytes(good.replace(b"F-02", b"F-20"))
    code, out, err = run("results", OUT, str(answer), *ours)
    assert (code, out) == (2, "")
    assert "line 0: checksum: " in err
    assert "line 2: reason: " in err
    assert "J-FILE" in err
    answer.write_bytes(good)
    seen = run("results", OUT, str(answer), *ours, "--preview")
    assert seen == (0, "results 1: paid=0 (0.00 yuan) returned=1 (3456.78 yuan)", "")
    assert world.money(case).state == "IN_TRANSIT"
    assert run("results", OUT, str(answer), *ours) == (0, "results 1: paid=0 returned=1 problems=0", "1 of 1\n")
    assert world.money(case).state == "REMIT_FAILED"
    again = run("results", OUT, str(answer), *ours)
    assert again == (0, "results 1 taken in before: paid=0 returned=0 problems=0", "")

    answer.write_bytes(write_results([row], area=OUT, sequence=2, day=MONDAY.date()))
    code, out, err = run("results", OUT, str(answer), *ours)
    assert (code, out) == (1, "results 2: paid=0 returned=0 problems=1")
    assert "could not be acted upon" in err
    assert run("results", OUT, str(tmp_path / "none"), *ours)[0] == 2


def test_statements_come_in_and_are_matched(world: World, tmp_path: Path, capfdbinary: Any) -> None:
    case = world.carry(world.accepted(), "approve_remittance")
    payer, came = "南宁市医疗保障经办机构", MONDAY + timedelta(days=1)
    rows = [Line(1, "B1", came, payer, "62220000", 345_678, case.number), Line(2, "B2", came, "某单位", "", 5, "")]
    file = tmp_path / "lines.csv"
    file.write_bytes(write_statement(rows, area="330100", sequence=1, day=came.date()))
    ours = ("--user", world.in_handler.username)
    seen = run("statement", "330100", str(file), *ours, "--preview")
    assert seen == (0, "statement 1: lines=2 (3456.83 yuan) known=0", "")
    code, out, err = run("statement", "330100", str(file), *ours)
    assert (code, out) == (0, "statement 1: stored=2 known=0 matched=1 none=1")
    assert err.splitlines() == ["store 2 of 2", "match 2 of 2"]
    again = run("statement", "330100", str(file), *ours)
    assert again == (0, "statement 1 taken in before: stored=0 known=0 matched=0", "")
    file.write_bytes(write_statement(rows[:1], area="330100", sequence=2, day=came.date()))
    code, out, err = run("statement", "330100", str(file), *ours)
    assert (code, out, err) == (
        0,
        "statement 2: stored=0 known=1 matched=0",
        "line 1: B1 was there before\n",
    )
