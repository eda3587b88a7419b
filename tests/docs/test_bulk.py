"""The example and the tables of docs/bulk.md are what the program reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.world import MONDAY
from transfers.actions.intake import FIELDS, clean
from transfers.documents.applications import read_applications
from transfers.rules.bulk import COLUMNS, REQUIRED, LineOutcome
from transfers.rules.parties import Channel

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "bulk.md").read_text(encoding="utf-8")


@pytest.mark.django_db
def test_the_example_is_right() -> None:
    rows = read_applications((DOCS / "examples/applications.csv").read_bytes(), name="applications.csv")
    assert [row.number for row in rows] == [2, 3]
    first, second = (clean(row.raw, now=MONDAY, channel=Channel.WINDOW_IN) for row in rows)
    assert (first.applicant, first.outbound_scheme, second.applicant) == ("employer", "310", "self")


def test_every_column_and_outcome_is_told() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `(\w+)` \| ([^|]*)\|$", TEXT, re.M)
    assert {field: (en, zh) for en, zh, field, _more in rows} == {field: (n.en, n.zh) for field, n in COLUMNS.items()}
    assert {field for _en, _zh, field, more in rows if more.startswith("required") and " of " not in more} == set(
        REQUIRED
    )
    assert set(COLUMNS) == set(FIELDS)
    told = dict(re.findall(r"^\| `(\w+)` ([^ |]+) \|", TEXT, re.M))
    assert told == {one.value: one.named.zh for one in LineOutcome}
