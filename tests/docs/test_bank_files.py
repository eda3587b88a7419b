"""The examples of docs/bank-files.md are what the program reads and writes."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from pathlib import Path

from transfers.rules.bankfiles import _PROBLEMS, Payment, read_results, read_statement, write_payments
from transfers.rules.codes import MONEY
from transfers.rules.workdays import ZONE

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 6, 3, 9, 0, tzinfo=ZONE)


def test_the_examples_are_right() -> None:
    data = (DOCS / "examples/payments.csv").read_bytes()
    head, *records, _trailer = csv.reader(data.decode().splitlines())
    payments = [
        Payment(int(n), reference, payee, bank, account, int(amount.replace(".", "")), purpose)
        for _kind, n, reference, payee, bank, account, amount, purpose in records
    ]
    day = datetime.fromisoformat(head[5]).date()
    assert write_payments(payments, area=head[3], sequence=int(head[4]), day=day) == data

    results = read_results((DOCS / "examples/results.csv").read_bytes(), now=NOW)
    assert [(row.reference, row.amount_fen) for row in results.rows] == [(p.reference, p.amount_fen) for p in payments]
    statement = read_statement((DOCS / "examples/statement.csv").read_bytes(), now=NOW)
    assert statement.rows[0].remark == payments[0].reference


def test_every_problem_and_reason_is_told() -> None:
    text = (DOCS / "bank-files.md").read_text(encoding="utf-8")
    refused = text[text.index("## What is refused") : text.index("## At the command line")]
    listed = {code for row in re.findall(r"^\| (`.*?) \|", refused, re.M) for code in re.findall(r"`([a-z-]+)`", row)}
    assert listed == set(_PROBLEMS)
    assert all(f"{code} {reason.zh}" in " ".join(text.split()) for code, reason in MONEY.items())
