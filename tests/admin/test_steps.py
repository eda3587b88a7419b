"""Taking steps in the console: what is offered is what the door allows, and the door has the last word."""

from __future__ import annotations

import re

import pytest
from django.db import transaction

from tests.actions.test_statements import LATER, agency, only_line, row, sent, take
from tests.admin.conftest import address, again, post_step
from tests.world import MONDAY, user
from transfers.access import Actor, actor_for
from transfers.actions import perform
from transfers.actions.statements import match_new
from transfers.models import MOVES, CaseEvent, Remittance, TransferCase
from transfers.models.labels import said
from transfers.rules.codes import LISTS
from transfers.rules.errors import Refusal
from transfers.rules.parties import Role, Side
from transfers.selectors.console import allowed_moves

pytestmark = pytest.mark.django_db

ROUTE = (
    *("", "claim_out", "prepare_sheet", "approve_out", "claim_in", "check_sheet", "approve_in"),
    *("propose_remittance", "approve_remittance", "record_receipt", "match_receipt", "credit_account"),
)
# What the door says when a step is not for this person or not for now. Anything else means that it is theirs to take.
NOT_THEIRS = {"J-NOT-YOURS", "J-FOUR-EYES", "J-NOT-OWNER", "J-NOT-NOW", "J-NOT-FOUND", "J-NONE-MATCHED"}


class Undo(Exception):
    pass


def door_allows(case: TransferCase, name: str, actor: Actor) -> bool:
    """Ask the door itself, and take everything back."""
    move = MOVES[name].move
    given = {
        "reason": next(iter(LISTS[move.reasons])) if move.reasons else "",
        "note": "x" if move.note else "",
        "data": {field.name: "3456.78" if field.kind == "money" else "x" for field in move.fields},
    }
    try:
        with transaction.atomic():
            perform(case.pk, name, actor, version=case.version, now=MONDAY, **given)
            raise Undo
    except Undo:
        return True
    except Refusal as error:
        return error.code not in NOT_THEIRS


DOUBT = {"items": [{"field": "name", "note": "x"}]}
# A step aside: after which one, by whom, with what.
ASIDE: dict[str, tuple[str, str, dict[str, object]]] = {
    "request_supplement": ("claim_out", "out_handler", {"reason": "Q-01", "note": "x"}),
    "raise_query": ("claim_in", "in_handler", {"reason": "C-06", "note": "x", "data": DOUBT}),
    "request_withdrawal": ("approve_out", "in_handler", {"reason": "W-01", "note": "x"}),
}


@pytest.mark.parametrize("until", [*ROUTE, *ASIDE])
def test_offered_is_exactly_what_the_door_allows(world, until):
    """For every state of the standard route, some beside it, and every kind of person."""
    all_roles = user("all_roles", world.out, tuple(Role))
    case = world.accepted()
    if until in ASIDE:
        after, who, given = ASIDE[until]
        case = world.take(world.carry(case, after), until, getattr(world, who), **given)
    elif until:
        case = world.carry(case, until)
    auditor = user("auditor", world.into, (Role.AUDITOR,))
    people = [*world.everyone(), all_roles, world.stranger, world.superuser, auditor]
    case = TransferCase.objects.select_related("owner").get(pk=case.pk)
    money = Remittance.objects.filter(case=case).first()
    states = {case.state, f"money {money.state}" if money else ""}
    for who in people:
        actor = actor_for(who)
        offered = {offer.name for offer in allowed_moves(actor, case, money) if offer.allowed}
        # Steps from other states are asked for by the one with most roles only: for everybody else it says the same.
        asked = [
            name
            for name, declared in MOVES.items()
            if who is all_roles
            or states & {f"money {s}" if declared.machine == "money" else s for s in declared.sources}
        ]
        assert offered == {name for name in asked if door_allows(case, name, actor)}, who


@pytest.mark.parametrize("who", ["out_handler", "out_reviewer", "in_handler", "in_reviewer", "out_lead"])
def test_the_page_shows_those_buttons(world, signed_in, who):
    case = world.carry(world.accepted(), "prepare_sheet")
    member = getattr(world, who)
    page = signed_in(member).get(address("change", case.pk)).content.decode()
    offers = allowed_moves(actor_for(member), case, None)
    assert set(re.findall(r'data-step="(\w+)"', page)) == {offer.name for offer in offers if offer.allowed}
    assert set(re.findall(r'data-not-step="(\w+)"', page)) == {offer.name for offer in offers if not offer.allowed}


def test_a_match_is_offered_to_be_undone_where_there_is_one(world, signed_in):
    case, client = sent(world), signed_in(world.in_handler)

    def offered() -> bool:
        page = client.get(address("change", case.pk)).content.decode()
        assert 'data-step="match_line"' in page
        return "propose_unmatch" in page

    assert not offered()
    forged = post_step(client, case, "propose_unmatch", reason="F-04", note="x")
    assert forged.status_code == 409
    assert "没有已匹配的到账" in forged.content.decode()
    take(world, row(1, "无", fen=300_000, payer="某单位"))
    match_new(agency(), now=LATER)
    world.take(case, "match_line", world.in_handler, now=LATER, data={"line": str(only_line().pk)})
    assert (world.money(case).state, offered()) == ("IN_TRANSIT", True)


def test_a_case_is_carried_through_its_pages(world, signed_in):
    case = world.accepted()
    for name, who, more in world.route(case):
        client = signed_in(who)
        page = client.get(address("change", case.pk)).content.decode()
        assert f'data-step="{name}"' in page
        asked = client.get(address("step", case.pk, name))
        assert asked.status_code == 200
        fields = {f"field_{key}": value for key, value in more.get("data", {}).items()}
        response = post_step(client, case, name, **fields)
        assert response.status_code == 302, (name, response.content.decode())
        assert said(MOVES[name].move.named) in client.get(response.headers["Location"]).content.decode()
    case = again(case)
    assert case.state == "COMPLETED"


@pytest.mark.parametrize(
    ("who", "name", "status"),
    [
        ("out_handler", "claim_out", 302),
        ("out_reviewer", "claim_out", 403),
        ("in_handler", "claim_out", 403),
        ("out_handler", "prepare_sheet", 409),
        ("out_handler", "accept", 403),
        ("out_handler", "finish", 403),
        ("out_handler", "freeze", 403),
        ("out_handler", "no_such_step", 404),
        ("out_handler", "__init__", 404),
    ],
)
def test_a_forged_post_leaves_nothing_changed(world, signed_in, who, name, status):
    case = world.accepted()
    events = CaseEvent.objects.count()
    response = post_step(signed_in(getattr(world, who)), case, name)
    assert response.status_code == status
    case = again(case)
    changed = (case.version, CaseEvent.objects.count()) != (2, events)
    assert changed is (status == 302)


def test_looking_at_a_step_changes_nothing(world, signed_in):
    case = world.accepted()
    client = signed_in(world.out_handler)
    assert client.get(address("step", case.pk, "claim_out"), {"version": case.version}).status_code == 200
    case = again(case)
    assert case.state == "ACCEPTED"
    for name in ("unmask", "papers"):
        assert client.get(address(name, case.pk)).status_code == 405
    assert client.get(address("export")).status_code == 405


def test_a_post_from_elsewhere_is_refused(world, signed_in):
    case = world.accepted()
    strict = signed_in(world.out_handler, strict=True)
    assert post_step(strict, case, "claim_out").status_code == 403
    case = again(case)
    assert case.state == "ACCEPTED"
    token = re.search(
        r'csrfmiddlewaretoken" value="([^"]+)"', strict.get(address("step", case.pk, "claim_out")).content.decode()
    )[1]
    assert post_step(strict, case, "claim_out", csrfmiddlewaretoken=token).status_code == 302


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_reviews_their_own_work(world, signed_in, superuser):
    """One person with every role, a superuser too: prepared by them, so reviewed by somebody else."""
    everything = user("everything", world.out, tuple(Role), is_superuser=superuser)
    case = world.accepted()
    client = signed_in(everything)
    assert post_step(client, case, "claim_out").status_code == 302
    assert post_step(client, case, "prepare_sheet").status_code == 302
    page = client.get(address("change", case.pk)).content.decode()
    assert 'data-not-step="approve_out"' in page
    assert 'data-step="approve_out"' not in page
    response = post_step(client, case, "approve_out")
    assert response.status_code == 403
    assert 'data-code="J-FOUR-EYES"' in response.content.decode()
    assert post_step(signed_in(world.out_reviewer), case, "approve_out").status_code == 302


def test_a_stale_version_says_who_and_when_and_keeps_what_was_typed(world, signed_in):
    world.out_handler.display_name = "测试经办"
    world.out_handler.save()
    case = world.carry(world.accepted(), "claim_out")
    client = signed_in(world.out_handler)
    typed = {"reason": "Q-02", "note": "请补充委托书"}
    late = post_step(client, case, "request_supplement", version=case.version - 1, **typed)
    page = late.content.decode()
    assert late.status_code == 409
    assert 'data-code="J-STALE"' in page
    assert "测试经办" in page
    assert "2026-06-01 10:00:00" in page
    assert "请补充委托书" in page
    assert 'data-testid="reload"' in page
    assert post_step(client, case, "request_supplement", **typed).status_code == 302


@pytest.mark.parametrize("version", ["", "abc", "-1", "99999999999999999999", "1.0", "２"])
def test_a_version_that_never_was_is_stale(world, signed_in, version):
    case = world.accepted()
    assert post_step(signed_in(world.out_handler), case, "claim_out", version=version).status_code == 409


def test_a_double_click_acts_once(world, signed_in):
    case = world.accepted()
    client = signed_in(world.out_handler)
    first, second = (post_step(client, case, "claim_out", version=case.version) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 409)
    assert CaseEvent.objects.filter(case=case, name="claim_out").count() == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"note": "有说明"}, "J-REASON"),
        ({"reason": "F-01", "note": "有说明"}, "J-REASON"),
        ({"reason": "Q-01"}, "J-NOTE"),
        ({"reason": "Q-01", "note": "长" * 501}, "J-FIELD"),
        ({"reason": "Q-01", "note": "a\x07b"}, "J-FIELD"),
        ({"reason": "Q-01", "note": "有说明", "field_extra": "1"}, "J-FIELDS"),
        ({"reason": "Q-01", "note": "有说明"}, ""),
    ],
)
def test_a_bad_answer_is_said_with_its_code(world, signed_in, fields, code):
    case = world.carry(world.accepted(), "claim_out")
    response = post_step(signed_in(world.out_handler), case, "request_supplement", **fields)
    if not code:
        assert response.status_code == 302
        return
    page = response.content.decode()
    assert response.status_code == 400
    assert f'data-code="{code}"' in page
    assert fields.get("note", "").strip() in page or code == "J-FIELD"
    case = again(case)
    assert case.state == "OUT_PROCESSING"


@pytest.mark.parametrize(("amount", "status"), [("3456.78", 302), ("-1", 400), ("abc", 400), ("1.234", 400), ("", 400)])
def test_an_amount_is_asked_for_and_checked(world, signed_in, amount, status):
    case = world.carry(world.accepted(), "approve_remittance")
    fields = {"field_received_yuan": amount, "field_bank_reference": "TEST-1"}
    response = post_step(signed_in(world.in_handler), case, "record_receipt", **fields)
    assert response.status_code == status
    if status == 400:
        page = response.content.decode()
        assert 'aria-invalid="true"' in page
        assert "TEST-1" in page


def test_script_in_a_note_is_shown_as_text(world, signed_in):
    case = world.carry(world.accepted(), "claim_out")
    client = signed_in(world.out_handler)
    note = "<script>alert(1)</script>"
    assert post_step(client, case, "request_supplement", reason="Q-09", note=note).status_code == 302
    page = client.get(address("change", case.pk)).content.decode()
    assert note not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_applicants_step_at_the_window_is_the_handlers_on_their_own_side(world, signed_in):
    case = world.carry(world.accepted(), "claim_out")
    world.take(case, "request_supplement", world.out_handler, reason="Q-01", note="x")
    assert MOVES["provide_supplement"].move.side is Side.APPLICANT
    assert post_step(signed_in(world.in_handler), case, "provide_supplement", note="x").status_code == 403
    assert post_step(signed_in(world.out_handler), case, "provide_supplement", note="x").status_code == 302
