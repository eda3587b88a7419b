"""A sweep finds what is due by its partial index, however many clocks are open."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.explain import believed, insert, scans
from tests.world import MONDAY
from transfers.models import Alarm, Clock
from transfers.sla import sweep

pytestmark = pytest.mark.django_db
CLAIM = f'SELECT t.id FROM "{Clock._meta.db_table}" t {sweep._NEXT}'


@pytest.fixture
def many_clocks() -> None:
    """Of a hundred open clocks one is due; as many again have been stopped."""
    insert(
        Clock,
        {
            "case_id": "n", "kind": "'OUT'", "side": "'out'", "area_id": "'450100'", "agency_id": "1", "budget": "10",
            "started_at": f"'{MONDAY}'", "counted_until": f"'{MONDAY:%Y-%m-%d}'", "due_on": f"'{MONDAY:%Y-%m-%d}'",
            "due_at": f"'{MONDAY}'", "status": "CASE n %% 2 WHEN 0 THEN 'stopped' ELSE 'running' END",
            "stopped_at": f"CASE n %% 2 WHEN 0 THEN '{MONDAY}'::timestamptz END",
            "outcome": "CASE n %% 2 WHEN 0 THEN 'met' ELSE '' END",
            "next_at": f"CASE n %% 2 WHEN 1 THEN '{MONDAY}'::timestamptz + (n %% 200 - 1) * interval '1 hour' END",
        },
        4000,
    )  # fmt: skip
    believed(Clock)


def test_a_sweep_goes_by_what_is_due(many_clocks):
    for plan in scans(CLAIM, [MONDAY, sweep.BATCH]):
        assert plan == {("Index Scan", "transfers_clock", "clock_next")}


def test_an_idle_sweep_too(many_clocks):
    for plan in scans(CLAIM, [MONDAY.replace(year=MONDAY.year - 1), sweep.BATCH]):
        assert plan == {("Index Scan", "transfers_clock", "clock_next")}


def test_without_the_index_it_would_read_every_clock(many_clocks):
    """The control: the planner does believe in a large table."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX clock_next")
    for plan in scans(CLAIM, [MONDAY, sweep.BATCH]):
        assert plan == {("Seq Scan", "transfers_clock", "")}


def test_what_has_been_fired_is_found_by_the_clocks(many_clocks):
    insert(
        Alarm,
        {
            "clock_id": "n", "case_id": "n", "generation": "1", "rung": "'half'", "planned_at": f"'{MONDAY}'",
            "fired_at": f"'{MONDAY}'",
        },
        4000,
    )  # fmt: skip
    believed(Alarm)
    for plan in scans(sweep._FIRED, ["{1,2,3}"]):
        assert {index for _kind, _table, index in plan if index} == {"alarm_once"}
        assert "Seq Scan" not in {kind for kind, *_rest in plan}
