"""The books of a day against ledgers made by hand, and each difference by its own breach."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from notifications.models import Letter
from tests.sla.days import at
from tests.world import IN, OUT, World
from transfers.actions.reconciling import reconcile_nights, tell_supervisors
from transfers.models import LedgerEntry, LedgerTransaction, Reconciliation, TransferCase
from transfers.selectors.reconciliation import (
    CASES_TOLD,
    COLUMNS,
    PairDay,
    as_csv,
    entries,
    entries_csv,
    entries_of,
    reconcile,
    table,
    total,
)

pytestmark = pytest.mark.django_db
LATER = at("06-30", "12:00")


def post(case: TransferCase | None, kind: str, day: str, *lines: tuple[str, str, str | None, int]) -> None:
    """A posting written by hand: (book, area, counter area, fen)."""
    number = LedgerTransaction.objects.filter(case=case).count() + 1
    made = LedgerTransaction.objects.create(case=case, number=number, kind=kind, at=at(day, "23:59"))
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=made, book=book, area_id=area, counter_area_id=counter, amount_fen=fen)
        for book, area, counter, fen in lines
    )


def by_hand(world: World) -> tuple[TransferCase, TransferCase]:
    """Four days: one case credited and taken back, one returned with interest and then paid out; and one settlement."""
    first, second = world.accepted(1), world.accepted(2)
    post(first, "fix", "06-01", ("personal", OUT, None, -1000), ("fixed", OUT, None, 1000))
    post(first, "207", "06-01", ("fixed", OUT, None, -1000), ("transit", OUT, IN, 1000))
    post(second, "fix", "06-01", ("personal", OUT, None, -500), ("fixed", OUT, None, 500))
    post(second, "102", "06-01", ("interest", OUT, None, -20), ("fixed", OUT, None, 20))
    post(second, "207", "06-01", ("fixed", OUT, None, -520), ("transit", OUT, IN, 520))
    post(first, "arrive", "06-02", ("transit", OUT, IN, -400), ("received", IN, OUT, 400))
    post(second, "back", "06-02", ("transit", OUT, IN, -520), ("fixed", OUT, None, 520))
    post(first, "arrive", "06-03", ("transit", OUT, IN, -600), ("received", IN, OUT, 600))
    post(first, "107", "06-03", ("received", IN, OUT, -1000), ("personal", IN, None, 1000))
    post(second, "207", "06-03", ("fixed", OUT, None, -520), ("transit", OUT, None, 520))
    post(first, "reclaim", "06-04", ("personal", IN, None, -1000), ("transit", IN, OUT, 1000))
    post(second, "wallet", "06-04", ("transit", OUT, None, -20), ("wallet", OUT, None, 20))
    post(second, "203", "06-04", ("transit", OUT, None, -500), ("paid", OUT, None, 500))
    post(None, "settle", "06-04", ("owed", OUT, IN, -70), ("advanced", IN, OUT, 70))
    post(first, "back", "06-05", ("transit", IN, OUT, -1000), ("fixed", OUT, None, 1000))
    post(first, "release", "06-05", ("fixed", OUT, None, -1000), ("personal", OUT, None, 1000))
    post(second, "103", "06-05", ("interest", OUT, None, -3), ("fixed", OUT, None, 3))
    return first, second


EXPECTED = {
    "06-01": PairDay(
        OUT, IN, out_fen=1520, transit_fen=1520, closing_fen=1520, fixed_fen=1500, interest_fen=20
    ),
    "06-02": PairDay(
        OUT, IN, opening_fen=1520, returned_fen=520, transit_fen=600, arrived_fen=400, closing_fen=1000,
        received_fen=400,
    ),
    "06-03": PairDay(
        OUT, IN, opening_fen=1000, out_fen=520, in_fen=1000, transit_fen=520, closing_fen=520, received_fen=600
    ),
    "06-04": PairDay(
        OUT, IN, opening_fen=520, taken_back_fen=1000, paid_fen=520, transit_fen=1000, closing_fen=1000, owed_fen=-70
    ),
    "06-05": PairDay(
        OUT, IN, opening_fen=1000, returned_fen=1000, released_fen=1000, supplement_fen=3, owed_fen=-70
    ),
    "06-06": PairDay(OUT, IN, owed_fen=-70),
}  # fmt: skip


def test_each_day_of_a_ledger_made_by_hand(world):
    first, second = by_hand(world)
    for day, expected in EXPECTED.items():
        (row,) = table(at(day).date())
        assert row == expected, day
        assert row.gap_fen == 0
    assert table(date(2026, 5, 31)) == []
    day = date(2026, 6, 4)
    assert table(day, out=[OUT], into=[IN]) == [EXPECTED["06-04"]]
    assert table(day, out=[IN]) == table(day, into=[OUT]) == []
    lines = entries(day, OUT, IN)
    assert [(line.kind, line.book, line.fen) for line in lines] == [
        ("reclaim", "personal", -1000), ("reclaim", "transit", 1000),
        ("wallet", "transit", -20), ("wallet", "wallet", 20), ("203", "transit", -500), ("203", "paid", 500),
        ("settle", "owed", -70), ("settle", "advanced", 70),
    ]  # fmt: skip
    assert [line.case for line in lines] == [first.pk] * 2 + [second.pk] * 4 + [None] * 2
    assert {line.number for line in entries(day, OUT, IN, number=first.number)} == {first.number}
    assert entries(day, IN, OUT) == []
    kinds = [line.kind for line in entries_of(second.number)[::2]]
    assert kinds == ["fix", "102", "207", "back", "207", "wallet", "203", "103"]
    told = list(csv.reader(io.StringIO(entries_csv(lines).removeprefix("\ufeff"))))
    assert told[1][:6] == ["2026-06-04T23:59:00+08:00", str(lines[0].posting), first.number, "reclaim", "personal", IN]
    assert told[-1][-1] == "0.70"


def test_the_table_as_a_file():
    rows = [EXPECTED["06-01"], PairDay(IN, OUT, opening_fen=-5, sent=2, sent_fen=12_345_678)]
    head, first, second, end = csv.reader(io.StringIO(as_csv(rows, {OUT: "广西南宁市"}).removeprefix("\ufeff")))
    assert head[:9] == ["out", "out_name", "in", "in_name", "opening", "out", "taken_back", "in", "returned"]
    assert len(set(head[4:])) == len(COLUMNS) == len(head) - 4
    assert first[:6] == [OUT, "广西南宁市", IN, "", "0.00", "15.20"]
    assert (second[4], second[-2:]) == ("-0.05", ["2", "123456.78"])
    assert (end[0], end[4:6]) == ("Σ", ["-0.05", "15.20"])
    assert total(rows).sent == 2


def broken(sql: str, *params: object, day: str = "06-01") -> set[str]:
    """The checks that fail after `sql` was run behind everybody's back; undone afterwards."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(sql, params)
            assert cursor.rowcount, "the control changed nothing"
            cursor.execute("SET session_replication_role = DEFAULT")
        report = reconcile(at(day).date(), now=LATER)
        transaction.set_rollback(True)
    return {one.check for one in report.differences}


ENTRY, POSTING = "transfers_ledgerentry", "transfers_ledgertransaction"
OF_CASE = f"(SELECT id FROM {POSTING} WHERE case_id = %s AND kind = '{{}}')"
BREACHES = [
    ({"line", "payments"}, "UPDATE transfers_remittance SET amount_fen = amount_fen + 1 WHERE case_id = %s"),
    ({"line", "payments"}, "UPDATE transfers_remittance SET state = 'CREDITED' WHERE case_id = %s"),
    ({"flow", "line"}, f"DELETE FROM {ENTRY} WHERE book = 'transit' AND transaction_id = {OF_CASE.format('207')}"),
    ({"line"}, f"UPDATE {ENTRY} SET counter_area_id = '440100' WHERE book = 'transit' AND transaction_id = "
     f"{OF_CASE.format('207')}"),
    ({"flow"}, f"UPDATE {POSTING} SET kind = 'fix' WHERE case_id = %s AND kind = '207'"),
    ({"payments"}, "UPDATE transfers_payment SET state = 'ready' WHERE case_id = %s"),
    ({"payments"}, "UPDATE transfers_payment SET amount_fen = amount_fen - 1 WHERE case_id = %s"),
    ({"payments"}, "DELETE FROM transfers_payment WHERE case_id = %s"),
    ({"arrivals"}, f"UPDATE {POSTING} SET kind = 'fix' WHERE kind = 'arrive' AND case_id <> %s"),
    ({"arrivals", "lines"}, "DELETE FROM transfers_allocation WHERE case_id <> %s"),
    ({"lines"}, "UPDATE transfers_statementline SET state = 'queued', allocated_fen = allocated_fen - 1 "
     "WHERE id > 0 * %s"),
    ({"owed"}, f"WITH t AS (INSERT INTO {POSTING} (case_id, number, kind, at) SELECT NULL, 1, 'settle', now() "
     f"WHERE %s > 0 RETURNING id) INSERT INTO {ENTRY} (transaction_id, book, area_id, counter_area_id, amount_fen) "
     "SELECT id, 'owed', '450100', '330100', -5 FROM t"),
]  # fmt: skip


def test_honest_work_agrees_and_each_breach_is_told(world):
    """A case on its way, one credited, one that has come to rest before: nothing differs until somebody breaks it."""
    sent = world.carry(world.accepted(1), "approve_remittance")
    world.carry(world.accepted(2), "credit_account")
    world.carry(world.accepted(3), "propose_remittance")
    report = reconcile(date(2026, 6, 1), now=LATER)
    assert report.differences == ()
    (row,) = report.rows
    assert (row.out_fen, row.in_fen, row.closing_fen, row.transit_fen) == (691_356, 345_678, 345_678, 345_678)
    assert (row.sent, row.sent_fen, row.fixed_fen) == (1, 345_678, 1_037_034)
    assert [(sql, broken(sql, sent.pk)) for _checks, sql in BREACHES] == [(sql, checks) for checks, sql in BREACHES]
    # What was stored of the day before is not what the day opens with: something was posted afterwards.
    Reconciliation.objects.create(
        date=date(2026, 6, 1), made_at=LATER, ok=True, rows=report.as_data()["rows"], differences=[]
    )
    assert reconcile(date(2026, 6, 2), now=LATER).ok
    found = broken(
        f"UPDATE {POSTING} SET at = at + interval '1 day' WHERE case_id = %s AND kind = '207'", sent.pk, day="06-02"
    )
    assert found == {"carried"}


def test_a_difference_leads_to_its_cases_and_the_command_fails(world, capsys):
    case = world.carry(world.accepted(1), "approve_remittance")
    call_command("reconcile", date="2026-06-01")
    out = capsys.readouterr().out
    assert "450100 → 330100" in out
    assert "3456.78" in out
    assert out.count(": ok") == 7
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"DELETE FROM {ENTRY} WHERE book = 'transit'")
        cursor.execute("SET session_replication_role = DEFAULT")
    report = reconcile(date(2026, 6, 1), now=LATER)
    flow = next(one for one in report.differences if one.check == "flow")
    assert (flow.out, flow.into, flow.cases, flow.count) == (OUT, IN, (case.number,), 1)
    assert "3456.78" in flow.zh
    assert CASES_TOLD > 1
    with pytest.raises(CommandError, match="2 difference"):
        call_command("reconcile", date="2026-06-01")
    assert case.number in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("reconcile", date="2026-06-01", json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], [one["check"] for one in told["differences"]]) == (False, ["flow", "line"])
    with pytest.raises(CommandError):
        call_command("reconcile", date="2026-06-01", csv=True)
    assert capsys.readouterr().out.startswith("\ufeffout,")
    with pytest.raises(CommandError, match="not a day"):
        call_command("reconcile", date="tomorrow")


def test_each_night_once_and_the_supervisors_hear_of_a_difference(world):
    for user in [*world.everyone(), world.stranger, world.superuser]:
        assert user.pk
    case = world.carry(world.accepted(1), "approve_remittance")

    def nights(day: str, clock: str = "03:00") -> list[tuple[str, bool]]:
        return [(f"{kept.date:%m-%d}", kept.ok) for kept in reconcile_nights(now=at(day, clock))]

    assert nights("06-02", "01:59") == []
    assert nights("06-02", "02:00") == [("06-01", True)]
    assert nights("06-02") == []
    assert nights("06-05") == [("06-02", True), ("06-03", True), ("06-04", True)]
    assert Letter.objects.filter(template="reconciliation").count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE transfers_remittance SET amount_fen = amount_fen + 1 WHERE case_id = %s", [case.pk])
        cursor.execute("SET session_replication_role = DEFAULT")
    assert nights("06-06") == [("06-05", False)]
    assert nights("06-06", "04:00") == []
    letters = Letter.objects.filter(template="reconciliation", channel="inbox")
    told = {letter.recipient.username for letter in letters.select_related("recipient")}
    assert told == {"root", "nation", "in_lead", "out_lead"}
    assert "3456.7" not in repr([letter.context for letter in letters])
    assert tell_supervisors(reconcile(date(2026, 6, 5), now=LATER)) == 0, "the same finding is told once"
    kept = Reconciliation.objects.get(date=date(2026, 6, 5))
    assert [(one["check"], one["cases"]) for one in kept.differences] == [
        ("line", [case.number]),
        ("payments", [case.number]),
    ]
