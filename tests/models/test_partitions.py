"""Events, alarms and letters by month: each row in its own, each question to one, and what was unique stays so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, connections, transaction
from django.db.migrations.operations import RunSQL
from django.urls import reverse

from notifications import leases, outbox
from notifications.models import Letter
from tests.world import MONDAY, World
from transfers import tasks
from transfers.access import actor_for
from transfers.actions import partitions as acting
from transfers.actions import perform
from transfers.actions.partitions import make_months, retire
from transfers.actions.sweep import sweep
from transfers.models import Alarm, CaseEvent, RetiredMonth, TransferCase
from transfers.models.guards import keys_for, write_new
from transfers.rules.casemonth import CASES, following, month_of, month_on
from transfers.rules.errors import Refusal
from transfers.rules.workdays import ZONE
from transfers.selectors import partitions as selecting
from transfers.selectors.partitions import HISTORY, KEPT, LETTERS, standing
from transfers.selectors.progress import timeline
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db
EVENT = ("case_id", "version", "at", "kind", "name", "actor_kind", "actor_name", "side", "from_state", "to_state",
         "from_money", "to_money", "reason", "note", "clocks", "data")  # fmt: skip


def sql(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values) or None)
        return cursor.fetchall() if cursor.description else None


def unchecked(statement: str, *values: Any) -> None:
    """With no trigger and no foreign key at work."""
    sql("SET LOCAL session_replication_role = replica")
    sql(statement, *values)
    sql("SET LOCAL session_replication_role = origin")


def checked() -> None:
    """No table is altered while a check of its rows waits for the commit."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET CONSTRAINTS ALL DEFERRED")


def today() -> date:
    """As the database has it."""
    return sql("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")[0][0]


def at_noon(month: int) -> datetime:
    """The fifteenth of a month."""
    return datetime(month // 100, month % 100, 15, 12, tzinfo=ZONE)


def event(case: int, version: int) -> None:
    unchecked(
        "INSERT INTO transfers_caseevent (case_id, version, at, kind, name, actor_kind, actor_name, side, from_state,"
        " to_state, from_money, to_money, reason, note, clocks, data)"
        " VALUES (%s, %s, now(), 'move', 'submit', 'system', '', 'system', '', '', '', '', '', '', '[]', '{}')",
        case,
        version,
    )


def where(model: Any, **of: Any) -> list[str]:
    """The partitions in which these rows lie."""
    return [name for (name,) in sql(
        f"SELECT DISTINCT tableoid::regclass::text FROM {model._meta.db_table} WHERE "
        + " AND ".join(f"{column} = %s" for column in of), *of.values())]  # fmt: skip


def moved_to(case: TransferCase, month: int) -> int:
    """Let the case have been opened in that month, with all that belongs to it. Its new id."""
    new = month * CASES + case.pk % CASES
    sql("SET LOCAL session_replication_role = replica")
    for (table, column) in sql(
        "SELECT conrelid::regclass::text, a.attname FROM pg_constraint c JOIN pg_attribute a"
        " ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] WHERE c.contype = 'f' AND c.conparentid = 0"
        " AND c.confrelid = 'transfers_transfercase'::regclass"
    ):  # fmt: skip
        sql(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", new, case.pk)
    sql("UPDATE transfers_transfercase SET id = %s WHERE id = %s", new, case.pk)
    sql("UPDATE notifications_letter SET month = %s WHERE subject_ref = %s", month, case.number)
    sql("SET LOCAL session_replication_role = origin")
    return new


# --- where rows lie ---


def test_a_case_lies_in_the_month_in_which_it_was_opened(world: World) -> None:
    month = month_on(today())
    case = world.accepted()
    assert month_of(case.pk) == month
    assert where(CaseEvent, case_id=case.pk) == [f"transfers_caseevent_{month}"]
    assert where(Letter, subject_ref=case.number) == [f"notifications_letter_{month}"]
    assert {month_of(key) for key in keys_for(TransferCase, 3)} == {month}
    assert len(set(keys_for(TransferCase, 3))) == 3


def test_cases_from_before_the_months_and_of_two_months_beside_each_other(world: World) -> None:
    month = month_on(today())
    for case, name in ((17, "before"), (month * CASES + 1, month), (following(month) * CASES + 1, following(month))):
        event(case, 1)
        event(case, 2)
        assert where(CaseEvent, case_id=case) == [f"transfers_caseevent_{name}"]
        assert CaseEvent.objects.filter(case=case).count() == 2


def test_the_turn_of_the_year() -> None:
    assert following(202611) == 202612
    assert following(202612) == 202701
    assert following(202701, -1) == 202612
    assert following(202611, 14) == 202801
    assert month_on(date(2026, 12, 31)) == 202612
    assert month_of(202612 * CASES + CASES - 1) == 202612


def test_the_numbers_of_a_month_begin_again_when_they_have_run_out() -> None:
    sql("SELECT setval('transfers_transfercase_id_seq', %s)", CASES - 1)
    (key,) = keys_for(TransferCase, 1)
    assert key == month_on(today()) * CASES + 1


# --- what is unique ---


@pytest.mark.parametrize("apart", [False, True])
def test_a_version_is_of_one_event_whatever_partition(apart: bool) -> None:
    """The control: another case may have the same version."""
    month = month_on(today())
    event(17, 1)
    event(month * CASES + 1, 1)
    if apart:
        event(month * CASES + 2, 1)
    else:
        with pytest.raises(IntegrityError), transaction.atomic():
            event(month * CASES + 1, 1)
        with pytest.raises(IntegrityError), transaction.atomic():
            event(17, 1)


@pytest.mark.parametrize("again", ["T+0", "T+1"])
def test_an_alarm_is_one(again: str) -> None:
    write = "INSERT INTO transfers_alarm (clock_id, case_id, generation, rung, planned_at, fired_at) VALUES"
    case = month_on(today()) * CASES + 5
    unchecked(f"{write} (3, %s, 1, 'T+0', now(), now())", case)
    if again != "T+0":
        unchecked(f"{write} (3, %s, 1, %s, now(), now())", case, again)
        return
    with pytest.raises(IntegrityError), transaction.atomic():
        unchecked(f"{write} (3, %s, 1, %s, now(), now())", case, again)


def letter(month: int | None, key: str | None = "told") -> outbox.Draft:
    return outbox.Draft(
        channel="email", template="note", language="zh-hans", address="a@example.com", month=month, dedupe_key=key
    )


@pytest.mark.parametrize("post", [outbox.post, outbox.post_many])
def test_no_letter_twice_across_the_turn_of_a_month(post: Any) -> None:
    """What is told decides the month, so the clock may have moved on when it is told again."""
    month = month_on(today())
    end = at_noon(month) + timedelta(days=20)
    for now in (at_noon(month), end):
        with transaction.atomic():
            post([letter(month)], now=now)
    assert Letter.objects.filter(dedupe_key="told").count() == 1
    with transaction.atomic():
        post([letter(None, None), letter(None, None)], now=end)
    assert sorted(Letter.objects.values_list("month", flat=True)) == sorted([month, *[month_on(end.date())] * 2])


def test_a_letter_that_is_told_once_must_say_its_month() -> None:
    with transaction.atomic():
        with pytest.raises(outbox.DraftError, match="month"):
            outbox.post([letter(None)], now=MONDAY)
        assert len(outbox.post([letter(202606)], now=MONDAY)) == 1


# --- what may not be changed ---


@pytest.mark.parametrize("kept", [kept for kept in KEPT if kept.what == HISTORY], ids=lambda kept: kept.name)
def test_no_partition_lets_its_rows_be_changed(kept: Any, world: World) -> None:
    event(month_on(today()) * CASES + 1, 1)
    unchecked(
        "INSERT INTO transfers_alarm (clock_id, case_id, generation, rung, planned_at, fired_at)"
        " VALUES (3, %s, 1, 'T+0', now(), now())",
        month_on(today()) * CASES + 1,
    )
    make_months(now=at_noon(following(month_on(today()), 4)))
    names = [name for (name,) in sql(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", kept.name)]  # fmt: skip
    assert len(names) >= 9
    for name in (kept.name, *names):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            sql(f"TRUNCATE {name}")
    for name in (kept.name, f"{kept.name}_{month_on(today())}"):
        for change in (f"UPDATE {name} SET case_id = case_id", f"DELETE FROM {name}"):
            with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
                sql(change)


# --- one question, one partition ---


def read(statement: str, *values: Any) -> set[str]:
    """The tables that a statement reads."""
    (answer,) = sql(f"EXPLAIN (FORMAT JSON) {statement}", *values)[0]
    tree = json.loads(answer) if isinstance(answer, str) else answer
    found, waiting = set(), [tree[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        found |= {node["Relation Name"]} if "Relation Name" in node else set()
    return found


@pytest.mark.parametrize("table", ["transfers_caseevent", "transfers_alarm"])
def test_what_is_asked_by_case_is_read_in_one_partition(table: str) -> None:
    month = month_on(today())
    assert read(f"SELECT * FROM {table} WHERE case_id = {month * CASES + 7}") == {f"{table}_{month}"}
    assert read(f"SELECT * FROM {table} WHERE case_id = 7") == {f"{table}_before"}
    both = [month * CASES + 7, following(month) * CASES + 7]
    assert read(f"SELECT * FROM {table} WHERE case_id IN ({both[0]}, {both[1]})") == {
        f"{table}_{month}", f"{table}_{following(month)}"
    }  # fmt: skip
    assert len(read(f"SELECT * FROM {table} WHERE id = 7")) > 4, "the control"


def test_a_claimed_letter_is_marked_in_its_own_partition() -> None:
    """The drain knows the month of each: only those partitions are opened that hold one."""
    month = month_on(today())
    unchecked(
        "INSERT INTO notifications_letter (month, key, created_at, channel, template, language, address, subject_ref,"
        " context, digest_key, status, due_at, next_attempt_at, attempts, leased_by, last_error_code, last_error)"
        " SELECT CASE WHEN n %% 2 = 0 THEN %s ELSE %s END, gen_random_uuid(), now(), 'sms', 'note', 'zh-hans', '', '',"
        " '{}', '', 'pending', now(), now(), 0, 'x', '', '' FROM generate_series(1, 2000) n",
        month,
        following(month),
    )
    sql("ANALYZE notifications_letter")
    (one,) = Letter.objects.filter(month=month).values_list("pk", flat=True)[:1]
    for values, expected in (([month], 1), ([7], 0)):
        done = executed(leases._FOLD, [one], values, [one], "x")
        assert done.get(f"notifications_letter_{month}", 0) == expected
        assert not any(count for name, count in done.items() if name != f"notifications_letter_{month}")


def executed(statement: str, *values: Any) -> dict[str, int]:
    """Which partitions a statement searched, and how many rows it found in each."""
    (answer,) = sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)[0]
    tree = json.loads(answer) if isinstance(answer, str) else answer
    found: dict[str, int] = {}
    waiting = [tree[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if "Scan" in node["Node Type"] and "Relation Name" in node and node["Actual Loops"]:
            found[node["Relation Name"]] = found.get(node["Relation Name"], 0) + int(node["Actual Rows"])
    return found


# --- the net ---


def test_months_are_made_ahead_and_only_once(world: World) -> None:
    now = at_noon(month_on(today()))
    assert make_months(now=now) == []
    later = at_noon(following(month_on(today()), 1))
    new = following(month_on(today()), 4)
    assert make_months(now=later) == [f"{kept.name}_{new}" for kept in KEPT]
    assert make_months(now=later) == []
    assert standing(now=later).ahead == 3
    assert standing(now=at_noon(following(month_on(today()), 4))) == selecting.Standing(0, ())
    assert not standing(now=at_noon(following(month_on(today()), 4))).well


def test_what_came_before_its_month_was_made_is_told_and_put_in_its_place(world: World) -> None:
    month = month_on(today())
    for kept in KEPT:
        sql(f"DROP TABLE {kept.name}_{month}")
    first, second = world.accepted(), world.accepted(2)
    checked()
    events = CaseEvent.objects.filter(case=first).count()
    ahead = moved_to(second, following(month, 6))
    assert where(CaseEvent, case_id=first.pk) == where(CaseEvent, case_id=ahead) == ["transfers_caseevent_rest"]
    lost = [f"transfers_caseevent {month}", f"notifications_letter {month}"]
    assert standing(now=at_noon(month)) == selecting.Standing(0, tuple(lost))
    assert [p.subject for p in problems(now=MONDAY) if p.invariant == "months"] == lost
    assert make_months(now=at_noon(month)) == [f"{kept.name}_{month}" for kept in KEPT]
    assert where(CaseEvent, case_id=first.pk) == [f"transfers_caseevent_{month}"]
    assert CaseEvent.objects.filter(case=first).count() == events
    assert standing(now=at_noon(month)).well, "a month that has not come is nobody's fault"
    assert where(CaseEvent, case_id=ahead) == ["transfers_caseevent_rest"]
    assert f"transfers_caseevent_{following(month, 6)}" in make_months(now=at_noon(following(month, 5)))
    assert where(CaseEvent, case_id=ahead) == [f"transfers_caseevent_{following(month, 6)}"]
    for table in (f"transfers_caseevent_{month}", "transfers_caseevent_rest"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            sql(f"TRUNCATE {table}")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        sql(f"DELETE FROM transfers_caseevent_{month}")


def test_beat_makes_them(world: World) -> None:
    with time_machine.travel(at_noon(following(month_on(today()), 2)), tick=False):
        tasks.partitions()
    assert standing(now=at_noon(following(month_on(today()), 2))).ahead == 3


@pytest.mark.django_db(transaction=True)
def test_nobody_is_held_up_while_the_tables_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives way before the database would have to choose between the two. The control: once they are free it
    works.
    """
    monkeypatch.setattr(acting, "TRIES", 2)
    monkeypatch.setattr(acting, "PAUSE", 0.0)
    later = at_noon(following(month_on(today()), 9))
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM transfers_caseevent")
            with pytest.raises(Refusal) as caught:
                make_months(now=later)
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert caught.value.code == "J-MONTH-BUSY"
    with transaction.atomic():
        assert len(make_months(now=later)) == 3 * 4
        transaction.set_rollback(True)


# --- the command ---


def told(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command("partitions", *words, stdout=out, **options)
    return out.getvalue()


def test_the_command_shows_and_makes(world: World) -> None:
    month, text = month_on(today()), told()
    for kept in KEPT:
        for name in ("before", month, "rest"):
            assert f"{kept.name}_{name} " in text
    data = json.loads(told(json=True))
    assert data["standing"] == {"ahead": 3, "astray": []}
    assert {one["table"] for one in data["partitions"]} == {kept.name for kept in KEPT}
    with time_machine.travel(at_noon(following(month, 5)), tick=False):
        with pytest.raises(CommandError, match="0 months ahead"):
            told()
        assert "12 partitions made; 3 months ahead" in told("--make")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("events", "202401"), "neither history nor letters"),
        (("history", "2024-01"), "is not a month"),
        (("history", "199901"), "J-MONTH-NONE"),
        (("history", "before"), "J-MONTH-YOUNG"),
    ],
)
def test_the_command_says_what_is_wrong(words: tuple[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        told("--retire", *words)


# --- what leaves ---

OLD = 202401
LONG_AFTER = datetime(2029, 8, 15, 12, tzinfo=ZONE)


@pytest.fixture
def old(world: World, settings: Any) -> TransferCase:
    """A completed case whose rows lie in a month of long ago; it ended in June 2026."""
    settings.KEEP_HISTORY_MONTHS, settings.KEEP_LETTERS_MONTHS = 36, 12
    case = world.carry(world.accepted(), "credit_account")
    assert problems(now=MONDAY) == []
    checked()
    for kept in KEPT:
        low = OLD * kept.a_month
        sql(f"ALTER TABLE {kept.name} DETACH PARTITION {kept.name}_before")
        sql(f"ALTER TABLE {kept.name} ATTACH PARTITION {kept.name}_before FOR VALUES FROM (MINVALUE) TO ({low})")
        acting._make(kept, OLD)
    return TransferCase.objects.get(pk=moved_to(case, OLD))


def refused(what: Any, *, now: datetime = LONG_AFTER) -> str:
    with pytest.raises(Refusal) as caught, transaction.atomic():
        retire(what, OLD, now=now)
    return caught.value.code


def test_a_month_leaves_whole_and_stays_readable(old: TransferCase) -> None:
    events, letters = CaseEvent.objects.filter(case=old).count(), Letter.objects.filter(month=OLD).count()
    alarms = Alarm.objects.filter(case=old).count()
    Letter.objects.filter(status="pending").update(status="sent", sent_at=MONDAY, secret=None)
    gone = retire(HISTORY, OLD, now=LONG_AFTER)
    assert gone.tables == (f"archive.transfers_caseevent_{OLD}", f"archive.transfers_alarm_{OLD}")
    assert (gone.cases, gone.rows) == (1, events + alarms)
    assert not CaseEvent.objects.filter(case=old).exists()
    assert sql(f"SELECT count(*) FROM archive.transfers_caseevent_{OLD}") == [(events,)]
    for change in ("TRUNCATE", "DELETE FROM"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            sql(f"{change} archive.transfers_caseevent_{OLD}")
    assert sql("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
               f"archive.transfers_caseevent_{OLD}") == [(0,)]  # fmt: skip
    with time_machine.travel(LONG_AFTER, tick=False):
        make_months(now=LONG_AFTER)
        assert f"archive.notifications_letter_{OLD}: {letters} rows of 1 cases." in told(
            "--retire", "letters", str(OLD)
        )
    assert list(RetiredMonth.objects.order_by("what").values_list("what", "month", "until", "cases")) == [
        ("history", OLD, following(OLD), 1), ("letters", OLD, following(OLD), 1)
    ]  # fmt: skip
    assert refused(HISTORY) == refused(LETTERS) == "J-MONTH-NONE"


def test_a_case_whose_history_has_left(old: TransferCase, world: World, client: Any) -> None:
    """Its page says so, nothing breaks, nothing is found missing, and it cannot be opened again."""
    before = {p.invariant for p in problems(now=MONDAY)}
    Letter.objects.filter(status="pending").update(status="sent", sent_at=MONDAY, secret=None)
    retire(HISTORY, OLD, now=LONG_AFTER)
    retire(LETTERS, OLD, now=LONG_AFTER)
    assert {p.invariant for p in problems(now=MONDAY)} == before
    for public in (True, False):
        (entry,) = timeline(old, public=public)
        assert (entry.title.en, entry.at) == ("The history up to here was archived", LONG_AFTER)
    client.force_login(world.in_lead)
    page = client.get(reverse("admin:transfers_transfercase_change", args=[old.pk]))
    assert page.status_code == 200
    assert "此前的办理记录已归档" in page.content.decode()
    found = client.get(reverse("admin:transfers_transfercase_changelist"), {"q": old.number})
    assert found.url == reverse("admin:transfers_transfercase_change", args=[old.pk])
    with pytest.raises(Refusal) as caught:
        perform(
            old, "reopen", actor_for(world.in_lead), version=old.version, reason="C-01", note="有误", now=LONG_AFTER
        )
    assert caught.value.code == "J-ARCHIVED"


def test_what_is_not_over_does_not_leave(old: TransferCase, world: World) -> None:
    """Each reason by itself; without it the month goes."""
    ended = old.closed_at
    assert ended is not None
    Letter.objects.filter(status="pending").update(status="sent", sent_at=MONDAY, secret=None)
    assert refused(HISTORY, now=datetime(2027, 1, 31, 12, tzinfo=ZONE)) == "J-MONTH-YOUNG"
    assert refused(LETTERS, now=datetime(2025, 1, 31, 12, tzinfo=ZONE)) == "J-MONTH-YOUNG"
    assert refused(HISTORY, now=ended + timedelta(days=3 * 365)) == "J-MONTH-OPEN"
    assert refused(LETTERS, now=ended + timedelta(days=364)) == "J-MONTH-OPEN"
    for broken in (
        "UPDATE transfers_transfercase SET closed_at = NULL, state = 'IN_REVIEW' WHERE id = %s",
        "UPDATE transfers_remittance SET state = 'IN_TRANSIT' WHERE case_id = %s",
    ):
        point = transaction.savepoint()
        unchecked(broken, old.pk)
        assert refused(HISTORY) == refused(LETTERS) == "J-MONTH-OPEN"
        transaction.savepoint_rollback(point)
    Letter.objects.filter(pk=Letter.objects.filter(month=OLD, channel="sms").first().pk).update(status="pending")
    assert refused(LETTERS) == "J-MONTH-LETTERS"
    assert retire(HISTORY, OLD, now=LONG_AFTER).cases == 1


def test_what_comes_late_for_a_month_that_has_left_lies_in_the_net(old: TransferCase) -> None:
    Letter.objects.filter(status="pending").update(status="sent", sent_at=MONDAY, secret=None)
    retire(LETTERS, OLD, now=LONG_AFTER)
    with transaction.atomic():
        outbox.post([letter(OLD)], now=LONG_AFTER)
        outbox.post([letter(OLD)], now=LONG_AFTER)
    assert where(Letter, dedupe_key="told") == ["notifications_letter_rest"]
    assert Letter.objects.filter(dedupe_key="told").count() == 1
    assert standing(now=LONG_AFTER).astray == ()


def test_many_rows_of_several_months_by_copy() -> None:
    month = month_on(today())
    sql("SET LOCAL session_replication_role = replica")
    write_new(
        CaseEvent,
        EVENT,
        [
            (m * CASES + n, 1, MONDAY, "move", "submit", "system", "", "system", *[""] * 6, "[]", "{}")
            for n in range(3)
            for m in (0, month, following(month))
        ],
    )
    sql("SET LOCAL session_replication_role = origin")
    found = dict(sql("SELECT tableoid::regclass::text, count(*) FROM transfers_caseevent GROUP BY 1"))
    assert found == {f"transfers_caseevent_{name}": 3 for name in ("before", month, following(month))}


# --- from plain tables, and back to them ---


def held() -> dict[str, Any]:
    """Every row of the three tables, but for the month of letters, which only one of the forms has."""
    return {
        table: sql(f"SELECT to_jsonb(t) - 'month' FROM {table} t ORDER BY id")
        for table in ("transfers_caseevent", "transfers_alarm", "notifications_letter", "transfers_transfercase")
    }


def statements(module: str, way: str) -> list[str]:
    """The SQL of a migration. Run as it is: to work out the models of every migration would take a minute."""
    operations = list(import_module(module).Migration.operations)
    found = [one for op in operations for one in getattr(op, "database_operations", [op]) if isinstance(one, RunSQL)]
    return [getattr(one, way) for one in (found if way == "sql" else reversed(found)) if getattr(one, way)]


def migrated(way: str) -> None:
    for module in ("notifications.migrations.0002_partitions", "transfers.migrations.0014_partitions"):
        for statement in statements(module, way):
            with connection.cursor() as cursor:
                cursor.execute(statement)


def test_an_installation_with_cases_goes_there_and_back(world: World) -> None:
    world.carry(world.accepted(), "credit_account")
    world.accepted(2)
    sweep(now=MONDAY + timedelta(days=30))
    with transaction.atomic():
        outbox.post([replace(letter(month_on(today()), f"morning:{n}"), not_before=None) for n in range(2)], now=MONDAY)
    checked()
    rows, newest = held(), sql("SELECT max(id) FROM transfers_caseevent")
    assert all(rows.values())
    migrated("reverse_sql")
    assert held() == rows
    assert sql("SELECT count(*) FROM pg_partitioned_table") == [(0,)]
    assert sql("SELECT is_identity FROM information_schema.columns WHERE column_name = 'id' AND table_name IN"
               " ('transfers_caseevent', 'transfers_alarm', 'notifications_letter', 'transfers_transfercase')"
               ) == [("YES",)] * 4  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        unchecked("INSERT INTO transfers_alarm SELECT * FROM transfers_alarm LIMIT 1")
    for change in ("TRUNCATE", "DELETE FROM"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            sql(f"{change} transfers_caseevent")
    checked()
    migrated("sql")
    assert held() == rows
    assert sql("SELECT count(*) FROM pg_partitioned_table") == [(3,)]
    case = TransferCase.objects.order_by("pk").last()
    assert case is not None
    assert where(CaseEvent, case_id=case.pk) == ["transfers_caseevent_before"]
    third = world.accepted(3)
    assert third.pk > case.pk
    assert where(CaseEvent, case_id=third.pk) == ["transfers_caseevent_before"], "its month lies there already"
    assert [p for p in problems(now=MONDAY) if p.invariant not in ("swept", "due")] == []
    assert sql("SELECT max(id) FROM transfers_caseevent") > newest
