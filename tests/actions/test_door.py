"""Every refusal of the door beside what is allowed, and what a refusal leaves behind: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from notifications.models import Letter
from tests.sla.days import at
from tests.world import MONDAY, user
from transfers.access import SYSTEM, actor_for, partner_actor, person_actor
from transfers.actions import perform
from transfers.models import (
    MOVES,
    Agency,
    Alarm,
    CaseEvent,
    Clock,
    LedgerEntry,
    LedgerTransaction,
    Membership,
    Partner,
    Remittance,
    ResolvedPolicy,
    Sheet,
    TransferCase,
)
from transfers.rules.errors import Refusal
from transfers.rules.parties import Role, Side
from transfers.sla.sweep import fire_due

pytestmark = pytest.mark.django_db


def picture(case: TransferCase) -> tuple[Any, ...]:
    """Everything that a step may change."""
    return (
        TransferCase.objects.filter(pk=case.pk).values().get(),
        list(Remittance.objects.filter(case=case).values()),
        list(Clock.objects.filter(case=case).order_by("id").values()),
        list(CaseEvent.objects.filter(case=case).order_by("id").values_list("id", flat=True)),
        list(Sheet.objects.filter(case=case).values()),
        LedgerEntry.objects.count(),
        Letter.objects.count(),
    )


def refused(case: TransferCase, code: str, step: Callable[[], Any]) -> Refusal:
    """The step is refused with this code and nothing has changed."""
    before = picture(case)
    with pytest.raises(Refusal) as caught:
        step()
    assert caught.value.code == code, caught.value
    assert caught.value.zh
    assert caught.value.en
    assert picture(case) == before
    return caught.value


# --- who was first, and what can be done now --------------------------------------------------------


def test_an_old_picture_says_who_acted_when_and_what(world):
    case = world.carry(world.accepted(), "prepare_sheet")
    shown = case.version
    reviewer = user("second_reviewer", "450100", (Role.OUT_REVIEWER,))
    world.take(case, "approve_out", world.out_reviewer, now=at("06-02", "11:22"))
    error = refused(
        case, "J-STALE", lambda: perform(case, "approve_out", actor_for(reviewer), version=shown, now=MONDAY)
    )
    assert error.http_status == 409
    for text in (error.zh, error.en):
        assert "out_reviewer" in text
        assert "2026-06-02 11:22:00" in text
    assert "复核通过并签章传送" in error.zh
    assert "Approve, seal and send" in error.en


def test_an_old_picture_names_the_applicant_and_the_system(world):
    case = world.carry(world.accepted(), "claim_out")
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-01", note="照片不清楚")
    shown = case.version
    mine = {"reason": "", "note": "已补", "now": MONDAY}
    world.take(case, "provide_supplement", person_actor(case), note="已补")
    error = refused(
        case,
        "J-STALE",
        lambda: perform(case, "provide_supplement", actor_for(world.out_handler), version=shown, **mine),
    )
    assert error.zh.startswith("申请人")
    other = world.accepted(2)
    error = refused(other, "J-STALE", lambda: perform(other, "accept", SYSTEM, version=1, now=MONDAY))
    assert error.zh.startswith("系统")


OTHER_VERSIONS = [-1, 0, 1, 99]


def test_any_other_version_is_refused(world):
    case = world.accepted()
    for version in OTHER_VERSIONS:
        assert case.version not in (version,)
        refused(
            case,
            "J-STALE",
            lambda version=version: perform(
                case, "claim_out", actor_for(world.out_handler), version=version, now=MONDAY
            ),
        )
    assert world.take(case, "claim_out", world.out_handler).state == "OUT_PROCESSING"


def test_every_step_is_refused_wherever_it_is_not_declared(world):
    """All steps against all resting states: only what the table declares can happen at all."""
    everywhere = {}
    case = world.accepted()
    stops = ["", *(name for name, _who, _more in world.route(case))]
    world.everyone()
    allmighty = user("allmighty", world.out, tuple(Role))
    Membership.objects.bulk_create(
        Membership(user=allmighty, agency=Agency.objects.get(area_id=world.into), role=role.value) for role in Role
    )
    route = {name: (who, more) for name, who, more in world.route(case)}
    for stop in stops:
        if stop:
            who, more = route[stop]
            case = world.take(case, stop, who, **more)
        money = Remittance.objects.filter(case=case).first()
        for name, declared in MOVES.items():
            stands = case.state if declared.machine == "case" else (money.state if money else None)
            if stands in declared.sources:
                continue
            actor = SYSTEM if declared.move.side is Side.SYSTEM else actor_for(allmighty)
            with pytest.raises(Refusal) as caught, transaction.atomic():
                perform(case, name, actor, version=case.version, reason="", note="x", data={}, now=MONDAY)
            assert caught.value.code == "J-NOT-NOW", (stop, name, caught.value)
            everywhere.setdefault(name, set()).add(case.state)
    assert case.state == "COMPLETED"
    assert everywhere.keys() == MOVES.keys()


def test_an_unknown_step(world):
    case = world.accepted()
    refused(case, "J-UNKNOWN-STEP", lambda: world.take(case, "delete_everything", world.out_handler))
    refused(case, "J-UNKNOWN-STEP", lambda: world.take(case, "__init__", world.out_handler))
    refused(case, "J-UNKNOWN-STEP", lambda: world.take(case, "save", world.out_handler))


# --- who may ------------------------------------------------------------------------------------------


def test_a_step_belongs_to_its_side_and_role(world):
    case = world.accepted()
    for who in (world.in_handler, world.out_reviewer, world.out_lead, world.out_head, world.out_province, world.nation):
        refused(case, "J-NOT-YOURS", lambda who=who: world.take(case, "claim_out", who))
    both = user("in_with_out_roles", world.into, (Role.OUT_HANDLER, Role.OUT_REVIEWER))
    refused(case, "J-NOT-YOURS", lambda: world.take(case, "claim_out", both))
    assert world.take(case, "claim_out", world.out_handler).state == "OUT_PROCESSING"


def test_to_strangers_there_is_no_case(world):
    case = world.accepted()
    for who in (world.stranger, world.superuser):
        refused(case, "J-NOT-FOUND", lambda who=who: world.take(case, "claim_out", who))
    inactive = user("left", world.out, (Role.OUT_HANDLER,), is_active=False)
    refused(case, "J-NOT-FOUND", lambda: world.take(case, "claim_out", inactive))
    missing = TransferCase(pk=case.pk + 1000)
    with pytest.raises(Refusal, match="J-NOT-FOUND"):
        perform(missing, "claim_out", actor_for(world.out_handler), version=0)


def test_people_outside_the_agencies_take_only_the_applicant_s_steps(world):
    partner = Partner.objects.create(name="测试平台", key_hash=b"1" * 32, scopes=["apply"])
    case = world.carry(world.accepted(), "claim_out")
    for actor in (person_actor(case), SYSTEM):
        refused(case, "J-NOT-YOURS", lambda actor=actor: world.take(case, "prepare_sheet", actor))
    refused(case, "J-NOT-FOUND", lambda: world.take(case, "prepare_sheet", partner_actor(partner)))
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-02", note="缺授权书")
    elsewhere = world.accepted(2)
    refused(case, "J-NOT-FOUND", lambda: world.take(case, "provide_supplement", person_actor(elsewhere), note="x"))
    refused(case, "J-NOT-FOUND", lambda: world.take(case, "provide_supplement", partner_actor(partner), note="x"))
    refused(case, "J-NOT-YOURS", lambda: world.take(case, "provide_supplement", world.in_handler, note="x"))
    assert world.take(case, "provide_supplement", person_actor(case), note="已补").state == "OUT_PROCESSING"


def test_nobody_but_the_system_takes_the_system_s_steps(world):
    case = world.accepted()
    for name, declared in MOVES.items():
        if declared.move.side is Side.SYSTEM:
            for actor in (actor_for(world.out_handler), person_actor(case)):
                refused(case, "J-NOT-YOURS", lambda name=name, actor=actor: world.take(case, name, actor))


def test_only_the_one_who_claimed_goes_on(world):
    case = world.carry(world.accepted(), "claim_out")
    colleague = user("colleague", world.out, (Role.OUT_HANDLER,))
    error = refused(case, "J-NOT-OWNER", lambda: world.take(case, "prepare_sheet", colleague))
    assert "out_handler" in error.zh
    refused(case, "J-NOT-OWNER", lambda: world.take(case, "request_supplement", colleague, reason="Q-01", note="x"))
    assert world.take(case, "prepare_sheet", world.out_handler).state == "OUT_REVIEW"


# --- four eyes ------------------------------------------------------------------------------------------

REVIEWS = [
    ("prepare_sheet", "send_back_out", {"reason": "B-01", "note": "月数不符"}),
    ("prepare_sheet", "approve_out", {}),
    ("check_sheet", "send_back_in", {"reason": "B-02", "note": "余额不符"}),
    ("check_sheet", "approve_in", {}),
    ("propose_remittance", "reject_remittance", {"reason": "F-02", "note": "账号有误"}),
    ("propose_remittance", "approve_remittance", {}),
    ("match_receipt", "credit_account", {}),
    ("propose_unmatch", "approve_unmatch", {"reason": "F-04", "note": "匹配有误"}),
    ("propose_unmatch", "keep_match", {"note": "核对无误"}),
    ("prepare_correction", "send_back_correction", {"reason": "B-01", "note": "月数不符"}),
    ("prepare_correction", "approve_correction", {}),
    ("request_withdrawal", "grant_withdrawal", {}),
    ("request_withdrawal", "refuse_withdrawal", {"reason": "N-09", "note": "仍在办理"}),
]
ASKED = {"reason": "W-01", "note": "窗口代为提出"}
DOUBT = {"reason": "C-01", "note": "月数不符", "data": {"items": [{"field": "periods[0]", "note": "多计一月"}]}}
CORRECTED = {"note": "误录", "data": {"changes": {"name": "测试乙"}}}


@pytest.mark.parametrize(("made", "review", "more"), REVIEWS)
@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_reviews_their_own_work(world, made, review, more, superuser):
    """One person with every role on both sides, a superuser too: refused; a colleague with the same roles: allowed."""
    both = [Agency.objects.get(area_id=code) for code in (world.out, world.into)]

    def everything(name: str) -> Any:
        who = user(name, is_superuser=superuser)
        Membership.objects.bulk_create(
            Membership(user=who, agency=agency, role=role.value) for agency in both for role in Role
        )
        return who

    one, other = everything("one"), everything("other")
    case = world.accepted()
    route = world.route(case)
    if made == "prepare_correction":
        until = [name for name, _who, _given in route].index("claim_in") + 1
        route = [*route[:until], ("raise_query", one, DOUBT), ("prepare_correction", one, CORRECTED)]
    if made == "propose_unmatch":
        until = [name for name, _who, _given in route].index("match_receipt") + 1
        route = [*route[:until], ("propose_unmatch", one, {"reason": "F-04", "note": "不是本业务的款项"})]
    if made == "request_withdrawal":
        route = [*route[:1], ("request_withdrawal", one, ASKED)]
    for name, _who, given in route:
        reviewer = name in {review for _made, review, _more in REVIEWS}
        case = world.take(case, name, other if reviewer else one, **given)
        if name == made:
            break
    error = refused(case, "J-FOUR-EYES", lambda: world.take(case, review, one, **more))
    assert error.http_status == 403
    world.take(case, review, other, **more)


def test_every_reviewing_step_is_tried():
    assert {review for _made, review, _more in REVIEWS} == {
        name for name, declared in MOVES.items() if declared.move.four_eyes
    }


@pytest.mark.parametrize(
    ("table", "key", "made", "reviewed", "until"),
    [
        ("transfers_transfercase", "id", "out_handler_id", "out_reviewer_id", "approve_out"),
        ("transfers_transfercase", "id", "in_handler_id", "in_reviewer_id", "approve_in"),
        ("transfers_remittance", "case_id", "maker_id", "checker_id", "approve_remittance"),
        ("transfers_remittance", "case_id", "matcher_id", "crediter_id", "credit_account"),
    ],
)
def test_the_database_holds_four_eyes_by_itself(world, table, key, made, reviewed, until):
    case = world.carry(world.accepted(), until)
    forbidden(f"UPDATE {table} SET {reviewed} = {made} WHERE {key} = %s", case.pk)
    forbidden(f"UPDATE {table} SET {made} = {reviewed} WHERE {key} = %s", case.pk)


def test_the_database_holds_four_eyes_on_sheets(world):
    case = world.carry(world.accepted(), "prepare_sheet")
    forbidden(
        "UPDATE transfers_sheet SET approved_by_id = prepared_by_id, sealed_at = now(), seal = '{}' WHERE case_id = %s",
        case.pk,
    )


# --- reasons, notes and data ---------------------------------------------------------------------------


NO_REASONS = ["", "Q-99", "R-01", "B-01", "q-01", " Q-01"]


def test_a_reason_comes_from_the_list(world):
    case = world.carry(world.accepted(), "claim_out")
    for reason in NO_REASONS:
        error = refused(
            case,
            "J-REASON",
            lambda reason=reason: world.take(
                case, "request_supplement", world.out_handler, reason=reason, note="照片不清楚"
            ),
        )
        assert error.details["allowed"] == ["Q-01", "Q-02", "Q-03", "Q-04", "Q-05", "Q-09"]
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-01", note="照片不清楚")
    assert case.supplement_reason == "Q-01"


NO_NOTES = [
    ("", "J-NOTE"),
    ("  \n ", "J-NOTE"),
    ("长" * 501, "J-FIELD"),
    ("a\x00b", "J-FIELD"),
    ("a\x1b[31mb", "J-FIELD"),
    ("\u202egnp.exe", "J-FIELD"),
    ("\ud800", "J-FIELD"),
]


def test_a_note_is_plain_text(world):
    case = world.carry(world.accepted(), "claim_out")
    for note, code in NO_NOTES:
        refused(
            case,
            code,
            lambda note=note: world.take(case, "request_supplement", world.out_handler, reason="Q-01", note=note),
        )
    kept = "<script>alert(1)</script>\n" + "长" * 474
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-01", note=kept)
    assert case.supplement_note == kept


def test_a_second_supplement_is_more_than_the_policy_allows(world):
    case = world.carry(world.accepted(), "claim_out")
    ask = {"reason": "Q-01", "note": "照片不清楚"}
    case = world.take(case, "request_supplement", world.out_handler, **ask)
    case = world.take(case, "provide_supplement", person_actor(case), note="已补")
    refused(case, "J-SUPPLEMENT-LIMIT", lambda: world.take(case, "request_supplement", world.out_handler, **ask))


def test_unknown_fields_are_refused(world):
    case = world.accepted()
    data = {"received_yuan": "1", "state": "COMPLETED"}
    refused(case, "J-FIELDS", lambda: world.take(case, "claim_out", world.out_handler, data=data))


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [("3456.78", 345_678), ("3,456.78", 345_678), (" 3456.78 ", 345_678), ("1", 100), ("0.1", 10), (3456.78, 345_678)],
)
def test_amounts_people_write(world, yuan, fen):
    case = world.carry(world.accepted(), "approve_remittance")
    world.take(case, "record_receipt", world.in_handler, data={"received_yuan": yuan, "bank_reference": "T1"})
    assert world.money(case).received_fen == fen


NO_AMOUNTS = [
    *("", None, "0", "-1", "0.001", "1.234", "abc", "NaN", "Infinity", "sNaN", "1e3", "1e999999", "1_000", "3,4"),
    *("10000000.01", "9" * 400, "1.2.3", "٣", "\x00", True, ["1"], {"a": 1}, "0x10", "1 000", ".5"),
]


def test_what_is_no_amount(world):
    case = world.carry(world.accepted(), "approve_remittance")
    for yuan in NO_AMOUNTS:
        data = {"received_yuan": yuan, "bank_reference": "T1"}
        error = refused(
            case, "J-FIELD", lambda data=data: world.take(case, "record_receipt", world.in_handler, data=data)
        )
        assert error.details["name"] == "received_yuan"


NO_REFERENCES = ["", None, "x" * 61, "a\x07b", ["T1"], {"$ne": 1}, False]


def test_what_is_no_bank_reference(world):
    case = world.carry(world.accepted(), "approve_remittance")
    for reference in NO_REFERENCES:
        data = {"received_yuan": "3456.78", "bank_reference": reference}
        refused(case, "J-FIELD", lambda data=data: world.take(case, "record_receipt", world.in_handler, data=data))


def test_another_amount_than_the_sheet_s_does_not_match(world):
    case = world.carry(world.accepted(), "approve_remittance")
    wrong = {"received_yuan": "3456.77", "bank_reference": "T1"}
    case = world.take(case, "record_receipt", world.in_handler, data=wrong)
    refused(case, "J-AMOUNT-DIFFERS", lambda: world.take(case, "match_receipt", world.in_handler))
    case = world.take(case, "undo_receipt", world.in_handler, reason="F-05", note="登记有误")
    right = {"received_yuan": "3456.78", "bank_reference": "T1"}
    case = world.take(case, "record_receipt", world.in_handler, data=right)
    world.take(case, "match_receipt", world.in_handler)
    assert world.money(case).state == "MATCHED"


# --- the record behind the sheet -----------------------------------------------------------------------


def test_a_record_that_changed_since_is_not_sealed(world):
    case = world.carry(world.accepted(), "prepare_sheet")
    person_ = case.person
    person_.accounts.update(balance_fen=1)
    error = refused(case, "J-SHEET-CHANGED", lambda: world.take(case, "approve_out", world.out_reviewer))
    assert "个人账户余额" in error.zh
    person_.periods.update(last_month=person_.periods.first().last_month - 1)
    error = refused(case, "J-SHEET-CHANGED", lambda: world.take(case, "approve_out", world.out_reviewer))
    assert "累计月数" in error.zh
    back = {"reason": "B-01", "note": "记录有变化"}
    case = world.take(case, "send_back_out", world.out_reviewer, **back)
    case = world.take(case, "prepare_sheet", world.out_handler)
    assert world.take(case, "approve_out", world.out_reviewer).state == "INFO_SENT"
    assert world.money(case).amount_fen == 1


def test_no_record_no_sheet(world):
    case = world.carry(world.accepted(), "claim_out")
    case.person.periods.all().delete()
    refused(case, "J-SHEET-EMPTY", lambda: world.take(case, "prepare_sheet", world.out_handler))


def test_a_sheet_whose_seal_is_broken_is_not_taken_over(world):
    case = world.carry(world.accepted(), "claim_in")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE transfers_sheet SET content = jsonb_set(content, '{balance_fen}', '99999900') WHERE case_id = %s",
            [case.pk],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    refused(case, "J-SEAL", lambda: world.take(case, "check_sheet", world.in_handler))


def test_a_case_without_a_balance_ends_with_the_relationship(world):
    case = world.carry(world.accepted(balance_fen=0), "approve_in")
    assert (case.state, world.money(case).state) == ("COMPLETED", "NONE")
    assert not LedgerTransaction.objects.exists()
    assert not Clock.objects.filter(kind="FUND").exists()


def test_money_may_be_there_before_the_relationship(world):
    case = world.carry(world.accepted(), "approve_out")
    case = world.carry_from(case, "propose_remittance", "credit_account")
    assert (case.state, case.acts) == ("INFO_SENT", "in")
    case = world.carry_from(case, "claim_in", "approve_in")
    assert case.state == "COMPLETED"


# --- behind the door -------------------------------------------------------------------------------------


def forbidden(sql: str, *params: Any) -> str:
    """The database refuses this at once or at the end of the transaction."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:  # noqa: PT012
        cursor.execute(sql, params)
        assert cursor.rowcount != 0, "nothing was there to change"
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return str(caught.value)


CASE = "transfers_transfercase"


ROUND_THE_DOOR = [
    f"UPDATE {CASE} SET state = 'COMPLETED', closed_at = now() WHERE id = %s",
    f"UPDATE {CASE} SET state = 'OUT_REVIEW' WHERE id = %s",
    f"UPDATE {CASE} SET state = 'OUT_REVIEW', version = version + 1 WHERE id = %s",
    f"UPDATE {CASE} SET version = version + 1 WHERE id = %s",
    f"UPDATE {CASE} SET version = version + 2 WHERE id = %s",
    f"UPDATE {CASE} SET version = 0 WHERE id = %s",
    f"UPDATE {CASE} SET state = 'NOWHERE', version = version + 1 WHERE id = %s",
    f"UPDATE {CASE} SET closed_at = now() WHERE id = %s",
    f"UPDATE {CASE} SET inbound_area_id = outbound_area_id WHERE id = %s",
    f"DELETE FROM {CASE} WHERE id = %s",
    "DELETE FROM transfers_remittance WHERE case_id = %s",
    "UPDATE transfers_remittance SET amount_fen = -1 WHERE case_id = %s",
    "UPDATE transfers_remittance SET state = 'STOLEN' WHERE case_id = %s",
    "UPDATE transfers_remittance SET state = 'NONE' WHERE case_id = %s",
    "UPDATE transfers_caseevent SET note = 'x' WHERE case_id = %s",
    "DELETE FROM transfers_caseevent WHERE case_id = %s",
    "UPDATE transfers_ledgertransaction SET kind = 'x' WHERE case_id = %s",
    "DELETE FROM transfers_ledgertransaction WHERE case_id = %s",
    "UPDATE transfers_ledgerentry SET amount_fen = 1 WHERE transaction_id IN "
    "(SELECT id FROM transfers_ledgertransaction WHERE case_id = %s)",
    "DELETE FROM transfers_ledgerentry WHERE transaction_id IN "
    "(SELECT id FROM transfers_ledgertransaction WHERE case_id = %s)",
    "UPDATE transfers_sheet SET content = '{}' WHERE case_id = %s",
    "UPDATE transfers_sheet SET sealed_at = NULL, seal = NULL, approved_by_id = NULL WHERE case_id = %s",
    "DELETE FROM transfers_sheet WHERE case_id = %s",
    "UPDATE transfers_alarm SET rung = 'x' WHERE case_id = %s",
    "DELETE FROM transfers_alarm WHERE case_id = %s",
    "UPDATE transfers_clock SET kind = 'IN', status = 'running', outcome = '', stopped_at = NULL WHERE case_id = %s",
    "UPDATE transfers_clock SET status = 'paused' WHERE case_id = %s",
    "INSERT INTO transfers_ledgerentry (transaction_id, book, area_id, amount_fen) SELECT id, 'personal', '330100',"
    " 100 FROM transfers_ledgertransaction WHERE case_id = %s",
]


def test_the_database_refuses_what_goes_round_the_door(world):
    case = world.accepted()
    fire_due(now=at("06-03"))
    case = world.carry(case, "approve_out")
    for sql in ROUND_THE_DOOR:
        forbidden(sql, case.pk)


@pytest.mark.parametrize(
    "table",
    ["caseevent", "alarm", "ledgerentry", "ledgertransaction", "accessevent"],
)
def test_what_is_append_only_is_not_emptied_either(world, table):
    assert "append-only" in forbidden(f"TRUNCATE transfers_{table} CASCADE")


def test_a_posting_that_does_not_balance_is_refused_at_the_end(world):
    case = world.carry(world.accepted(), "approve_out")
    with transaction.atomic():
        posting = LedgerTransaction.objects.create(case=case, number=8, kind="207", at=MONDAY)
        LedgerEntry.objects.create(transaction=posting, book="fixed", area_id=world.out, amount_fen=-100)
        LedgerEntry.objects.create(transaction=posting, book="transit", area_id=world.out, amount_fen=100)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    with pytest.raises(DatabaseError, match="does not balance"), transaction.atomic():  # noqa: PT012
        posting = LedgerTransaction.objects.create(case=case, number=9, kind="107", at=MONDAY)
        LedgerEntry.objects.create(transaction=posting, book="transit", area_id=world.out, amount_fen=-100)
        LedgerEntry.objects.create(transaction=posting, book="personal", area_id=world.into, amount_fen=99)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    "model", [TransferCase, Remittance, Sheet, CaseEvent, Alarm, LedgerEntry, LedgerTransaction, ResolvedPolicy]
)
def test_querysets_refuse_bulk_changes(world, model):
    world.carry(world.accepted(), "approve_out")
    rows = model.objects.all()
    field = "version" if model in (TransferCase, Sheet, CaseEvent) else model._meta.pk.name
    with pytest.raises(TypeError):
        rows.update(**{field: 0})
    with pytest.raises(TypeError):
        rows.delete()
    with pytest.raises(TypeError):
        rows.bulk_update(list(rows[:1]), [field])


def test_a_state_is_not_assigned(world):
    case = world.accepted()
    with pytest.raises(AttributeError):
        case.state = "COMPLETED"
    with pytest.raises(DatabaseError), transaction.atomic():
        case.delete()


# --- rolling back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["transfers.actions.door.clocks.Held.write", "transfers.actions.door.outbox.post"])
def test_a_step_that_fails_half_way_leaves_nothing(world, monkeypatch, where):
    case = world.carry(world.accepted(), "prepare_sheet")
    before = picture(case)

    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(where, broken)
        with pytest.raises(RuntimeError):
            world.take(case, "approve_out", world.out_reviewer)
    assert picture(case) == before
    assert case.person.accounts.get(area="450100").balance_fen == 345_678
    assert world.take(case, "approve_out", world.out_reviewer).state == "INFO_SENT"


def test_a_letter_that_cannot_be_written_stops_the_step(world, monkeypatch):
    """The outbox is part of the step: no move without its letters."""
    case = world.carry(world.accepted(), "prepare_sheet")
    refusing = "transfers.actions.door.letters.for_moves"
    with monkeypatch.context() as patch:
        patch.setattr(refusing, lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.take(case, "approve_out", world.out_reviewer)
    assert TransferCase.objects.get(pk=case.pk).state == "OUT_REVIEW"
