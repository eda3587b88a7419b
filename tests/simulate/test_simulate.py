"""A country of three areas for a few days: the same seed says the same, and what is wrong is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from simulate.__main__ import main
from simulate.checks import Books
from simulate.figures import figures
from simulate.report import difference, markdown, page
from simulate.scenario import Scenario, live
from tests.world import MONDAY
from transfers import memory
from transfers.actions.sweep import sweep
from transfers.models import Alarm, Clock

FEW = Scenario(areas=3, days=4, per_day=7, seed=1, first=date(2026, 1, 12))
SHORT = replace(FEW, shortened={"100000": {"out_days": 1}})
LIMITS = "every limit has exactly its reminders and escalations"
LETTERS = "no letter is there twice, and none was handed over twice"
FAULTS = {
    "DELETE FROM transfers_alarm WHERE id = (SELECT max(id) FROM transfers_alarm WHERE rung = 'T+0')": LIMITS,
    """
    INSERT INTO transfers_alarm (clock_id, case_id, generation, rung, planned_at, fired_at)
    SELECT clock_id, case_id, 9, rung, planned_at, fired_at FROM transfers_alarm WHERE rung = 'T+0' LIMIT 1
    """: LIMITS,
    """
    INSERT INTO notifications_letter (month, key, created_at, channel, template, language, recipient_id, address,
        subject_ref, context, digest_key, dedupe_key, status, due_at, next_attempt_at, attempts, leased_by,
        last_error_code, last_error, sent_at)
    SELECT month, gen_random_uuid(), created_at, channel, template, language, recipient_id, address, subject_ref,
        context, digest_key, dedupe_key || ' again', status, due_at, next_attempt_at, attempts, leased_by,
        last_error_code, last_error, sent_at
    FROM notifications_letter WHERE status = 'sent' ORDER BY id LIMIT 1
    """: LETTERS,
}


@pytest.fixture(autouse=True)
def _done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a commit would wait for ever: do it at once, and it is forgotten with the transaction."""
    monkeypatch.setattr(transaction, "on_commit", lambda do, **_kwargs: do())
    monkeypatch.setattr("notifications.waking.nudge", lambda: None)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back, as after a test: letters are handed over outside any other transaction."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
    memory.forget()


KNOWN: dict[str, dict[str, Any]] = {}
"""What scenarios came to that a test has lived through already: it is the same each time, as the first test shows."""


def known(scenario: Scenario) -> dict[str, Any]:
    if repr(scenario) not in KNOWN:
        KNOWN[repr(scenario)] = lived(scenario)
    return KNOWN[repr(scenario)]


def lived(scenario: Scenario) -> dict[str, Any]:
    with undone():
        country, end = live(scenario)
        return figures(country, end, scenario)


def faults(data: dict[str, Any]) -> dict[str, Any]:
    """What does not hold, and what was found wrong."""
    return {} if data["ok"] else {**{k: v for k, v in data["holds"].items() if not v}, **data["wrong"]}


def told(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, ensure_ascii=False) + markdown(data, []) + page(data, [])).encode()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(db):
    first, again = known(FEW), lived(FEW)
    assert faults(first) == {}
    assert told(first) == told(again)
    other = lived(replace(FEW, seed=2))
    assert other["cases"] != first["cases"] or other["by_area"] != first["by_area"]
    assert sum(first["cases"].values()) == sum(row["applied"] for row in first["by_day"]) == 28


def test_what_is_wrong_is_found(db):
    """Limits of a day each, of which many pass; then an alarm is taken away, and a letter doubled."""
    with undone():
        country, end = live(SHORT)
        data = KNOWN[repr(SHORT)] = figures(country, end, SHORT)
        assert faults(data) == {}
        assert data["breaches"]["OUT"]["breached"] > 2
        assert sum(row["fired"] for row in data["alarms"] if row["kind"] == "escalation") > 0
        for fault, what in FAULTS.items():
            with undone(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
                cursor.execute(fault)
                assert cursor.rowcount == 1
                broken = figures(country, end, SHORT)
                assert [name for name, so in broken["holds"].items() if not so] == [what]
                assert not broken["ok"]


def test_other_limits_change_the_breaches_and_nothing_else(db):
    before, after = known(FEW), known(SHORT)
    change = difference(before, after)
    assert change["breaches"]["OUT"]["before"] == before["breaches"]["OUT"]["breached"]
    assert change["breaches"]["OUT"]["more"] > 0
    assert change["breaches"]["IN"]["more"] == 0
    assert (before["cases"], before["money"]) == (after["cases"], after["money"])
    assert "100000: out_days = 1" in markdown(before, [change])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--areas", "1"], "--areas: from 2 to 400"),
        (["--what-if", "350000:days=11"], "out_days is from 1 to 10"),
        (["--what-if", "Fujian:days=8"], "write it as 350000:days=8"),
        (["--out", "/proc/none"], "name another folder with --out"),
    ],
)
def test_a_wrong_argument_is_one_sentence(words, said, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert said in capsys.readouterr().err


def test_a_rung_on_the_morning_of_a_pause_is_right_even_if_the_case_ends_in_it(world):
    """Half of the limit is used up on the morning on which the person is asked; they never answer, and the case ends in
    the night of a working day, before that day has begun.
    """
    case = world.carry(world.accepted(), "claim_out")
    asked = MONDAY + timedelta(days=8)  # Tuesday of the next week, when the rung of half of it has fired at nine
    sweep(now=asked)
    world.take(case, "request_supplement", world.out_handler, reason="Q-01", note="影像不清", now=asked)
    ended = MONDAY.replace(hour=3) + timedelta(days=45)
    sweep(now=ended)
    clock = Clock.objects.get(case=case, kind="OUT")
    assert (clock.stopped_at, clock.used) == (ended, 5)
    assert "half" in Alarm.objects.filter(clock=clock).values_list("rung", flat=True)
    assert list(Books(ended).wrong()) == []
    with connection.cursor() as cursor:  # what it had not come to by then is noticed
        cursor.execute(
            "INSERT INTO transfers_alarm (clock_id, case_id, generation, rung, planned_at, fired_at)"
            " SELECT clock_id, case_id, generation, 'T-2', planned_at, fired_at FROM transfers_alarm"
            " WHERE rung = 'half'"
        )
    assert [text.partition(" OUT: ")[2] for text in Books(ended).wrong()] == ["missing [], too many ['T-2']"]
