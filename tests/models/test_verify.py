"""`verify` finds nothing in honest work, and exactly the one invariant that was broken behind everybody's back."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from tests.sla.days import at
from tests.world import MONDAY, World, application, person, user
from transfers import memory
from transfers.access import SYSTEM, actor_for, person_actor
from transfers.actions import intake
from transfers.actions.intake import apply, clean, submit
from transfers.actions.sweep import sweep
from transfers.models import Clock, ContributionPeriod, Enrolment, PersonalAccount, Policy, TransferCase
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import INVARIANTS, problems
from transfers.sla.ageing import remind

pytestmark = pytest.mark.django_db
LATER = at("06-01", "12:00")


# State -> the last step of the standard route that leads there.
STOPS = {
    "ACCEPTED": "",
    "OUT_PROCESSING": "claim_out",
    "OUT_REVIEW": "prepare_sheet",
    "INFO_SENT": "approve_out",
    "IN_PROCESSING": "claim_in",
    "IN_REVIEW": "check_sheet",
    "RELATION_DONE": "approve_in",
    "IN_TRANSIT": "approve_remittance",
    "MATCHED": "match_receipt",
    "COMPLETED": "credit_account",
}
ASK = {"reason": "Q-01", "note": "照片不清楚"}


def honest(world: World, state: str, serial: int = 1) -> TransferCase:
    """A case that came to rest in `state` through the one door."""
    case = world.accepted(serial)
    if state in STOPS:
        return world.carry(case, STOPS[state]) if STOPS[state] else case
    case = world.take(world.carry(case, "claim_out"), "request_supplement", world.out_handler, **ASK)
    return case if state == "OUT_SUPPLEMENT" else world.take(case, "lapse", SYSTEM, reason="W-05")


def broken(sql: str, *params: object, without: tuple[tuple[str, str], ...] = ()) -> set[str]:
    """The invariants that break when `sql` is run behind the door: triggers off, the named constraints gone."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, constraint in without:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{constraint}"')
            cursor.execute(f'DROP INDEX IF EXISTS "{constraint}"')
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, params)
        assert cursor.rowcount, "the control changed nothing"
        cursor.execute("SET session_replication_role = DEFAULT")
    return {problem.invariant for problem in problems(now=LATER)}


def test_honest_work_breaks_nothing_at_any_state(world):
    for serial, state in enumerate([*STOPS, "OUT_SUPPLEMENT", "TERMINATED"], 1):
        honest(world, state, serial)
    assert problems(now=LATER) == []
    sweep(now=at("06-25"))
    while remind(now=at("06-25")):  # of what was written down by hand and the bank has not told, rung by rung
        continue
    assert problems(now=at("06-25", "00:01")) == []


CASE, CLOCK, EVENT = "transfers_transfercase", "transfers_clock", "transfers_caseevent"
CONTROLS = [
    ("holder", "ACCEPTED", f"UPDATE {CASE} SET holder_id = NULL WHERE id = %s", ()),
    ("holder", "INFO_SENT", f"UPDATE {CASE} SET holder_id = outbound_agency_id WHERE id = %s", ()),
    ("owner", "IN_PROCESSING", f"UPDATE {CASE} SET owner_id = NULL WHERE id = %s", ()),
    ("closed", "COMPLETED", f"UPDATE {CASE} SET holder_id = outbound_agency_id WHERE id = %s", ()),
    ("clocks", "TERMINATED", f"UPDATE {CLOCK} SET status = 'paused', stopped_at = NULL, outcome = '', "
     "counted_until = started_at::date WHERE case_id = %s AND kind = 'OUT'", ()),
    ("elapsed", "IN_PROCESSING", f"UPDATE {CLOCK} SET used = used + 1 WHERE case_id = %s AND kind = 'OUT'", ()),
    ("elapsed", "INFO_SENT", f"UPDATE {CLOCK} SET started_at = started_at + interval '1 second' "
     "WHERE case_id = %s AND kind = 'IN'", ()),
    ("elapsed", "COMPLETED", f"UPDATE {CLOCK} SET outcome = 'late' WHERE case_id = %s AND kind = 'IN'", ()),
    ("calendars", "IN_PROCESSING", "WITH e AS (UPDATE transfers_calendaredition SET made_at = '2026-01-01') "
     f"UPDATE {CLOCK} SET calendar_id = NULL WHERE case_id = %s AND status <> 'stopped'", ()),
    ("due", "ACCEPTED", f"UPDATE {CASE} SET due_at = due_at + interval '1 day' WHERE id = %s", ()),
    ("swept", "ACCEPTED", f"UPDATE {CLOCK} SET next_at = '2026-06-01 11:57+08' WHERE case_id = %s", ()),
    ("swept", "ACCEPTED", f"UPDATE {CLOCK} SET next_at = NULL WHERE case_id = %s", ()),
    ("events", "OUT_REVIEW", f"DELETE FROM {EVENT} WHERE case_id = %s AND version = 3", ()),
    ("events", "OUT_PROCESSING", f"UPDATE {EVENT} SET name = 'claim_in' WHERE case_id = %s AND version = 3", ()),
    ("public_line", "RELATION_DONE", f"UPDATE {EVENT} SET from_money = 'IN_TRANSIT' "
     "WHERE case_id = %s AND name = 'freeze'", ("events",)),
    ("four_eyes", "INFO_SENT", f"UPDATE {EVENT} SET actor_id = (SELECT actor_id FROM {EVENT} WHERE case_id = %s "
     f"AND name = 'prepare_sheet') WHERE id = (SELECT max(id) FROM {EVENT} WHERE name = 'approve_out')", ()),
    ("four_eyes", "IN_REVIEW", f"UPDATE {CASE} SET in_handler_id = out_handler_id WHERE id = %s", ()),
    ("sheets", "INFO_SENT", "UPDATE transfers_sheet SET content = jsonb_set(content, '{balance_fen}', '1') "
     "WHERE case_id = %s", ()),
    ("sheets", "INFO_SENT", "UPDATE transfers_sheet SET seal = jsonb_set(seal, '{at}', '\"2026-06-02\"') "
     "WHERE case_id = %s", ()),
    ("sheets", "INFO_SENT", "DELETE FROM transfers_sheet WHERE case_id = %s", ()),
    ("numbers", "ACCEPTED", f"UPDATE {CASE} SET number = 'JX0000000000001' WHERE id = %s", ()),
    ("ledger", "MATCHED", "UPDATE transfers_ledgerentry SET amount_fen = amount_fen + 1 WHERE book = 'transit' AND "
     "transaction_id = (SELECT id FROM transfers_ledgertransaction WHERE case_id = %s AND kind = '207')",
     ("books", "conservation")),
    ("books", "MATCHED", "UPDATE transfers_remittance SET amount_fen = amount_fen + 1 WHERE case_id = %s",
     ("payments",)),
    ("books", "IN_TRANSIT", "DELETE FROM transfers_ledgerentry WHERE transaction_id = (SELECT id FROM "
     "transfers_ledgertransaction WHERE case_id = %s AND kind = '207')", ("ledger",)),
    ("books", "IN_TRANSIT", "UPDATE transfers_ledgerentry SET counter_area_id = '440100' WHERE book = 'transit' AND "
     "transaction_id = (SELECT id FROM transfers_ledgertransaction WHERE case_id = %s AND kind = '207')", ()),
    ("conservation", "IN_TRANSIT", "UPDATE transfers_ledgertransaction SET kind = 'fix' WHERE case_id = %s "
     "AND kind = '207'", ()),
    ("conservation", "MATCHED", "UPDATE transfers_ledgertransaction SET number = 9 WHERE case_id = %s AND kind = '207'",
     ()),
    ("payments", "IN_TRANSIT", "UPDATE transfers_payment SET state = 'ready' WHERE case_id = %s", ()),
    ("payments", "IN_TRANSIT", "UPDATE transfers_payment SET batch_id = NULL WHERE case_id = %s", ()),
    ("payments", "IN_TRANSIT", "UPDATE transfers_paymentbatch SET sequence = sequence + 1 WHERE id = (SELECT batch_id "
     "FROM transfers_payment WHERE case_id = %s)", ()),
    ("lines", "MATCHED", "DELETE FROM transfers_allocation WHERE case_id = %s", ()),
    ("lines", "MATCHED", "UPDATE transfers_statementline SET agency_id = c.outbound_agency_id FROM "
     f"{CASE} c WHERE c.id = %s", ()),
    ("money_clocks", "RELATION_DONE", "UPDATE transfers_resolvedpolicy SET values = "
     f"values || '{{\"fund_remit_days\": 5}}' WHERE id = (SELECT outbound_policy_id FROM {CASE} WHERE id = %s)", ()),
    ("settled", "COMPLETED", "UPDATE transfers_remittance SET state = 'MATCHED' WHERE case_id = %s",
     ("events", "books")),
    ("settled", "COMPLETED", "DELETE FROM transfers_remittance WHERE case_id = %s", ("events", "books")),
    ("zeroed", "INFO_SENT", "UPDATE transfers_personalaccount SET status = 'normal', balance_fen = 345678 WHERE "
     f"person_id = (SELECT person_id FROM {CASE} WHERE id = %s)", ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("invariant", "state", "sql", "also"), CONTROLS, ids=[f"{number}-{c[0]}" for number, c in enumerate(CONTROLS)]
)
def test_what_is_broken_behind_the_door_is_found(world, invariant, state, sql, also):
    case = honest(world, state)
    assert broken(sql, case.pk) == {invariant, *also}


RIGHT = {"periods": [{"from": "2020-05", "to": "2026-03", "kind": "actual", "area": "450100"}]}
DOUBT = {"reason": "C-01", "note": "月数不符", "data": {"items": [{"field": "sheet", "note": "请核对"}]}}


def odd_routes(world: World) -> dict[str, TransferCase]:
    """One case each at rest on an odd route, by the name of its state or of what is odd about it."""
    take = world.take
    asked = {"reason": "W-01", "note": "暂不转移"}
    case = world.carry(world.accepted(1), "claim_out")
    cases = {"RETURNED": take(case, "return_soft", world.out_lead, reason="R-01", note="又参保")}
    case = world.carry(world.accepted(2), "claim_out")
    cases["WITHDRAW_REQUESTED"] = take(case, "request_withdrawal", person_actor(case), **asked)
    case = world.carry(world.accepted(3), "approve_out")
    case = take(case, "request_withdrawal", person_actor(case), **asked)
    cases["RELEASED"] = take(case, "grant_withdrawal", world.in_handler)
    cases["IN_QUERY"] = take(world.carry(world.accepted(4), "claim_in"), "raise_query", world.in_handler, **DOUBT)
    case = take(world.carry(world.accepted(5), "claim_in"), "raise_query", world.in_handler, **DOUBT)
    case = take(case, "prepare_correction", world.out_handler, note="误录", data={"changes": RIGHT})
    cases["corrected"] = take(case, "approve_correction", world.out_reviewer)
    # Inside a province whose balances stay where they are.
    Policy.objects.create(
        area_id="450000",
        version=90,
        valid_from="2026-01-01",
        document_number="测试",
        values={"in_province_fund": "keep"},
        published_at=MONDAY,
    )
    memory.forget()
    person(6, into="450200")
    case = apply(application(6, into="450200"), SYSTEM, channel=Channel.ONLINE, now=MONDAY)
    cases["KEPT"] = world.carry(case, "approve_out")
    # Forwarded, after a limit of its own had run where it was.
    case = world.carry(world.accepted(7), "claim_out")
    case = take(case, "request_supplement", world.out_handler, **ASK)
    case = take(case, "provide_supplement", person_actor(case), note="已补")
    for model in (Enrolment, ContributionPeriod, PersonalAccount):
        model.objects.filter(person=case.person, area="450100").update(area="450200")
    cases["forwarded"] = take(case, "forward", world.out_lead, reason="R-02", note="在柳州", data={"area": "450200"})
    person(8)
    cleaned = clean(application(8), now=MONDAY)
    case = submit(cleaned, actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
    silent = {"again_at": LATER, "silent": ["450100"], **intake._pins(case, MONDAY)}
    cases["MANUAL_CHECK"] = take(case, "ask_by_hand", SYSTEM, data=silent)
    return cases


LATE = "'2026-06-01 11:50+08'"
ODD = [
    ("holder", "RETURNED", f"UPDATE {CASE} SET holder_id = outbound_agency_id WHERE id = %s", ()),
    ("holder", "MANUAL_CHECK", f"UPDATE {CASE} SET precheck_at = NULL WHERE id = %s", ()),
    ("owner", "WITHDRAW_REQUESTED", f"UPDATE {CASE} SET owner_id = NULL WHERE id = %s", ()),
    ("closed", "RELEASED", f"UPDATE {CASE} SET auto_at = '2026-07-01' WHERE id = %s", ()),
    ("clocks", "WITHDRAW_REQUESTED", f"UPDATE {CASE} SET held_state = 'RETURNED' WHERE id = %s", ("owner",)),
    ("clocks", "IN_QUERY", f"UPDATE {CLOCK} SET status = 'paused', next_at = NULL WHERE case_id = %s "
     "AND kind = 'CORRECTION'", ("due",)),
    ("elapsed", "RETURNED", f"UPDATE {CLOCK} SET used = used + 1 WHERE case_id = %s AND kind = 'OUT'", ()),
    ("elapsed", "forwarded", f"UPDATE {CLOCK} SET used = used + 1 WHERE case_id = %s AND kind = 'SUPPLEMENT'", ()),
    ("elapsed", "forwarded", f"UPDATE {CLOCK} SET due_at = due_at + interval '1 day' WHERE case_id = %s "
     "AND kind = 'SUPPLEMENT'", ()),
    ("swept", "KEPT", f"UPDATE {CASE} SET auto_at = {LATE} WHERE id = %s", ()),
    ("swept", "MANUAL_CHECK", f"UPDATE {CASE} SET precheck_at = {LATE} WHERE id = %s", ()),
    ("public_line", "RETURNED", f"UPDATE {EVENT} SET reason = '' WHERE case_id = %s AND name = 'return_soft'", ()),
    ("four_eyes", "corrected", f"UPDATE {EVENT} e SET actor_id = m.actor_id FROM {EVENT} m WHERE e.case_id = %s "
     "AND m.case_id = e.case_id AND e.name = 'approve_correction' AND m.name = 'prepare_correction'", ()),
    ("sheets", "corrected", "DELETE FROM transfers_sheet WHERE case_id = %s AND version = 1", ()),
    ("books", "RELEASED", "DELETE FROM transfers_ledgerentry WHERE transaction_id = (SELECT id FROM "
     "transfers_ledgertransaction WHERE case_id = %s AND kind = 'release')", ("ledger",)),
    ("books", "KEPT", "UPDATE transfers_remittance SET state = 'CREDITED' WHERE case_id = %s",
     ("events", "zeroed", "payments")),
    ("settled", "RELEASED", "UPDATE transfers_remittance SET state = 'FROZEN' WHERE case_id = %s",
     ("events", "books", "zeroed")),
]  # fmt: skip


def test_what_is_broken_on_the_odd_routes_is_found(world):
    """One world for all: each breach is undone before the next."""
    cases = odd_routes(world)
    assert problems(now=LATER) == []
    for invariant, at_rest, sql, also in ODD:
        with transaction.atomic():
            found = broken(sql, cases[at_rest].pk)
            transaction.set_rollback(True)
        assert found == {invariant, *also}, (invariant, at_rest)
    due = Clock.objects.get(case=cases["RETURNED"], kind="RETURN").due_at
    sweep(now=due - timedelta(minutes=1))
    assert problems(now=due - timedelta(minutes=1)) == []
    assert f"{cases['RETURNED'].number} lapse" in {p.subject for p in problems(now=due + timedelta(hours=1))}


def test_two_open_cases_of_one_person_are_found(world):
    cases = {"OUT_PROCESSING": honest(world, "OUT_PROCESSING", 1), "ACCEPTED": honest(world, "ACCEPTED", 2)}
    found = broken(
        f"UPDATE {CASE} SET person_id = %s WHERE id = %s",
        cases["OUT_PROCESSING"].person_id,
        cases["ACCEPTED"].pk,
        without=((CASE, "case_one_open_per_person"),),
    )
    assert found == {"one_open"}


def test_a_handler_in_the_place_of_the_reviewer_is_found(world):
    case = honest(world, "INFO_SENT")
    found = broken(
        f"UPDATE {CASE} SET out_reviewer_id = out_handler_id WHERE id = %s",
        case.pk,
        without=((CASE, "case_out_four_eyes"),),
    )
    assert found == {"four_eyes"}


def test_a_maker_who_approves_the_batch_is_found(world):
    case = honest(world, "IN_TRANSIT")
    found = broken(
        "UPDATE transfers_paymentbatch SET approved_by_id = made_by_id WHERE id = "
        "(SELECT batch_id FROM transfers_payment WHERE case_id = %s)",
        case.pk,
        without=(("transfers_paymentbatch", "paymentbatch_four_eyes"),),
    )
    assert found == {"four_eyes"}


def money_routes(world: World) -> dict[str, TransferCase]:
    """One case each at rest on an odd route of the money, by the state of its money; both areas have limits for it."""
    edition = {"version": 90, "valid_from": "2026-01-01", "document_number": "测试", "published_at": MONDAY}
    Policy.objects.create(area_id="450100", values={"fund_remit_days": 5, "payout_cases": ["enlisted"]}, **edition)
    hangzhou = Policy.objects.get(area="330100")
    hangzhou.values["fund_credit_days"] = 2
    hangzhou.save()
    memory.forget()
    take, out, out_two, into, in_two = (
        *(world.take, world.out_handler, world.out_reviewer),
        *(world.in_handler, world.in_reviewer),
    )
    because = {"reason": "F-03", "note": "请看通知"}

    def sent(serial: int) -> TransferCase:
        return world.carry(world.accepted(serial), "approve_remittance")

    def written(serial: int, yuan: str = "3456.78") -> TransferCase:
        receipt = {"received_yuan": yuan, "bank_reference": f"TEST-{serial:04d}"}
        return take(sent(serial), "record_receipt", into, data=receipt)

    cases = {"FROZEN": world.carry(world.accepted(1), "approve_in"), "IN_TRANSIT": sent(2), "RECEIVED": written(3)}
    cases["REMIT_FAILED"] = take(sent(4), "return_remittance", out, **because)
    cases["MISMATCH"] = take(written(5, "1000"), "raise_difference", into, reason="D-01", note="少了")
    matched = take(written(6), "match_receipt", into)
    cases["UNMATCH_REVIEW"] = take(matched, "propose_unmatch", into, **because)
    matched = take(take(written(7), "match_receipt", into), "propose_unmatch", into, **because)
    cases["unmatched"] = take(matched, "approve_unmatch", in_two, **because)
    cases["RECLAIM"] = take(sent(8), "request_reclaim", out, **because)
    credited = take(take(written(9), "match_receipt", into), "credit_account", in_two)
    again = take(credited, "request_reclaim", out, **because)
    back = {"note": "已退", "data": {"bank_reference": "BACK-1"}}
    cases["RETURNING"] = take(again, "grant_reclaim", into, **back)
    part = take(written(10, "1000"), "raise_difference", into, reason="D-01", note="少了")
    part = take(take(part, "request_reclaim", out, **because), "grant_reclaim", into, **back)
    failed = take(part, "confirm_return", out, **because)
    again = take(take(failed, "propose_remittance", out), "approve_remittance", out_two)
    cases["sent again"] = again
    credited = take(take(written(11), "match_receipt", into), "credit_account", in_two)
    late = take(credited, "open_supplement", out, reason="L-01", note="利息", data={"amount_yuan": "1.23"})
    assert (late.state, world.money(late).state) == ("RELATION_DONE", "FROZEN")
    cases["supplement"] = take(take(late, "propose_remittance", out), "approve_remittance", out_two)
    payee = {"payee_name": "测试甲", "payee_bank": "测试银行", "payee_account": "12345678"}
    paid = world.carry(world.accepted(12), "approve_in")
    paid = take(paid, "pay_out_instead", out, reason="P-02", note="入伍", data=payee)
    cases["PAYING"] = take(take(paid, "propose_remittance", out), "approve_remittance", out_two)
    return cases


def test_odd_routes_of_the_money_are_honest_work_and_their_breaches_are_found(world):
    cases = money_routes(world)
    assert problems(now=LATER) == []
    controls = [
        ("money_clocks", "FROZEN", f"UPDATE {CLOCK} SET status = 'paused', next_at = NULL WHERE case_id = %s "
         "AND kind = 'REMIT'", {"due"}),
        ("money_clocks", "RECEIVED", f"DELETE FROM {CLOCK} WHERE case_id = %s AND kind = 'CREDIT'", {"due"}),
        ("books", "MISMATCH", "UPDATE transfers_remittance SET received_fen = 1 WHERE case_id = %s", set()),
        ("books", "RETURNING", "UPDATE transfers_ledgerentry SET area_id = '450100', counter_area_id = '330100' WHERE "
         "transaction_id = (SELECT id FROM transfers_ledgertransaction WHERE case_id = %s AND kind = 'reclaim') "
         "AND book = 'transit'", set()),
        ("books", "supplement", "UPDATE transfers_remittance SET settled_fen = settled_fen + 1 WHERE case_id = %s",
         set()),
        ("books", "PAYING", "UPDATE transfers_remittance SET state = 'PAID_TO_PERSON' WHERE case_id = %s",
         {"events", "payments"}),
        ("lines", "unmatched", "UPDATE transfers_allocation SET undone_at = NULL WHERE case_id = %s", set()),
        ("payments", "sent again", "UPDATE transfers_payment SET amount_fen = amount_fen - 1 WHERE case_id = %s "
         "AND state = 'sent'", set()),
        ("four_eyes", "UNMATCH_REVIEW", f"UPDATE {EVENT} SET actor_id = NULL WHERE case_id = %s "
         "AND name = 'propose_unmatch'", set()),
    ]  # fmt: skip
    for invariant, at_rest, sql, also in controls:
        with transaction.atomic():
            found = broken(sql, cases[at_rest].pk)
            transaction.set_rollback(True)
        assert found == {invariant, *also}, (invariant, at_rest)


def test_an_alarm_that_rang_twice_is_found(world):
    case = world.accepted()
    sweep(now=at("06-03"))
    found = broken(
        "INSERT INTO transfers_alarm (clock_id, case_id, generation, rung, planned_at, fired_at) "
        "SELECT clock_id, case_id, generation, rung, planned_at, fired_at FROM transfers_alarm WHERE case_id = %s",
        case.pk,
        without=(("transfers_alarm", "alarm_once"),),
    )
    assert found == {"alarms"}


def test_a_letter_that_was_written_twice_is_found(world):
    case = world.accepted()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'notifications_letter'::regclass AND contype = 'u'"
        )
        unique = [("notifications_letter", name) for (name,) in cursor.fetchall()]
    assert unique
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
                       "WHERE table_name = 'notifications_letter' AND column_name NOT IN ('id', 'key')")  # fmt: skip
        columns = cursor.fetchone()[0]
    found = broken(
        f"INSERT INTO notifications_letter (key, {columns}) SELECT gen_random_uuid(), {columns} "
        "FROM notifications_letter WHERE subject_ref = %s",
        case.number,
        without=tuple(unique),
    )
    assert found == {"letters"}


def test_every_invariant_has_its_control():
    # That of the months is in test_partitions.py.
    tried = {control[0] for control in CONTROLS} | {"one_open", "alarms", "letters", "months"}
    assert tried == INVARIANTS.keys()


@pytest.mark.parametrize(("due", "what"), [("06-04", "unclaimed"), ("06-30", "T+5")])
def test_what_is_due_and_undone_for_more_than_two_sweeps_is_found(world, due, what):
    world.accepted()
    assert {p.invariant for p in problems(now=at(due))} == {"swept"}
    sweep(now=at(due))
    assert problems(now=at(due, "09:01")) == []


def test_a_precheck_and_a_supplement_that_nobody_followed_up_are_found(world):
    case = honest(world, "OUT_SUPPLEMENT")
    sweep(now=at("06-08", "09:00"))
    assert problems(now=at("06-08", "09:00")) == []
    subjects = {p.subject for p in problems(now=at("06-09", "08:00"))}
    assert f"{case.number} lapse" in subjects


def test_the_command_tells_each_invariant_and_fails_on_any_breach(world):
    case = world.accepted()
    said = StringIO()
    call_command("verify", now="2026-06-01T12:00", stdout=said)
    assert said.getvalue().count(": ok") == len(INVARIANTS)
    broken(f"UPDATE {CASE} SET due_at = NULL WHERE id = %s", case.pk)
    said = StringIO()
    with pytest.raises(CommandError, match="1 problem"):
        call_command("verify", now="2026-06-01T12:00", stdout=said)
    assert case.number in said.getvalue()
    told = StringIO()
    with pytest.raises(CommandError):
        call_command("verify", now="2026-06-01T12:00", json=True, stdout=told)
    report = json.loads(told.getvalue())
    assert report["ok"] is False
    assert [p["subject"] for p in report["invariants"]["due"]] == [case.number]
    assert report["invariants"].keys() == INVARIANTS.keys()
    with pytest.raises(CommandError, match="not an instant"):
        call_command("verify", now="tomorrow")


def test_a_person_who_moves_back_has_a_filled_account_again(world):
    """The account that the first transfer emptied may be used again once a later one credits it."""
    case = world.carry(world.accepted(), "credit_account")
    Enrolment.objects.filter(person=case.person, area="330100").update(status="2")
    Enrolment.objects.create(
        person=case.person, area_id="450100", scheme="310", status="1", name=case.name, valid_from="2026-07-01"
    )
    back = World(out="330100", into="450100")
    for side, old in (("out", "in"), ("in", "out")):
        for role in ("handler", "reviewer"):
            who = getattr(world, f"{old}_{role}")
            back.__dict__[f"{side}_{role}"] = _turned(who, side, role)
    later = at("07-06", "10:00")
    again = apply(
        application(1, out="330100", into="450100"), actor_for(back.in_handler), channel=Channel.WINDOW_IN, now=later
    )
    assert again.state == "ACCEPTED", again.failures
    again = back.carry(again, "credit_account", now=later)
    assert again.state == "COMPLETED"
    while remind(now=later):
        continue
    assert problems(now=later) == []


def _turned(who, side, role):
    roles = (Role(f"{side}_{role}"), Role.FINANCE)
    return user(f"back_{side}_{role}", who.memberships.first().agency.area_id, roles)


def test_the_person_s_own_supplement_is_honest_work(world):
    case = honest(world, "OUT_SUPPLEMENT")
    world.take(case, "provide_supplement", person_actor(case), now=LATER, note="已补")
    assert problems(now=LATER) == []
