"""How the planner would read among a million cases: by the indexes that are made for it.

A few thousand cases are analysed, and the planner is told that there are a million of them: plans hang on numbers of
rows and on shares, not on what is in the files. `./dev bench W4` looks at the same plans among as many real ones.
"""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench.worklist import Place, fill, people, working
from tests.explain import believed
from tests.web.conftest import TAIL
from transfers.access import actor_for
from transfers.actions import lookup
from transfers.models import Clock, Person, TransferCase
from transfers.rules import casenumber
from transfers.rules.errors import Refusal
from transfers.selectors import console

pytestmark = pytest.mark.django_db
NUMBER = casenumber.number(1, 2026, b"another key, of tests")


@pytest.fixture
def place(world) -> Place:
    """3,000 open cases of 100 agencies, thirty each, that pass for a million."""
    found = people()
    fill(found, 1_000_001, 1_003_000, agencies=[agency.pk for agency in working()[:100]])
    for model in (TransferCase, Person, Clock):
        believed(model)
    return found


def first_page(user) -> str:
    cases = console.on_shelf(console.OURS, actor_for(user), timezone.now())
    return console.slim(cases)[:100].explain()


def explained(statement: str, given: list[object] | None) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", given)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_the_worklist_is_read_from_the_front_of_its_partial_index(place):
    for user, index in ((place.handler, "case_worklist"), (place.nation, "case_open")):
        plan = first_page(user)
        assert f"Index Scan using {index} on transfers_transfercase" in plan
        assert "Sort" not in plan
        assert "Seq Scan on transfers_transfercase" not in plan
        assert "Index Scan using clock_case on transfers_clock" in plan


def test_without_its_index_more_is_read_than_is_shown(place):
    """The control: the same questions, the two indexes taken away one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX case_worklist")
        assert re.search(r"Filter: .*holder_id", first_page(place.handler))
        cursor.execute("DROP INDEX case_open")
        assert "Sort" in first_page(place.nation)


def test_counting_the_worklist_reads_the_partial_index(place):
    cases = console.on_shelf(console.OURS, actor_for(place.handler), timezone.now())
    plan = cases.order_by().values("pk")[: console.COUNTED].explain()
    assert re.search(r"case_(worklist|open)", plan)
    assert "Seq Scan on transfers_transfercase" not in plan


def test_a_look_up_finds_its_case_by_the_unique_number(place):
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'transfers_look_up'")
        (body,) = cursor.fetchone()
    (found,) = re.findall(r"SELECT c\.id, p\.tail_hash = tail INTO case_id, matched(.*?);", body, re.S)
    plan = explained(f"SELECT c.id, p.tail_hash {found.replace('asked', '%s')}", [NUMBER])
    assert re.search(r"Index Scan using transfers_transfercase_number\w+ on transfers_transfercase c", plan)
    assert "Index Scan using transfers_person_pkey on transfers_person p" in plan
    assert "Seq Scan" not in plan


def test_the_opened_case_is_read_by_its_key(place):
    with CaptureQueriesContext(connection) as queries, pytest.raises(Refusal, match="J-LOOKUP"):
        lookup.find(NUMBER, TAIL, origin="198.51.100.1", now=timezone.now())
    plan = explained(queries[0]["sql"], None)
    assert "Index Scan using transfers_transfercase_pkey on transfers_transfercase c" in plan
    assert "Index Scan using clock_case on transfers_clock" in plan
    assert "Seq Scan" not in plan
