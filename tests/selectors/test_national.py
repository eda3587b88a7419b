"""Cases under the national codes: the nodes of every route, the published schema, the command."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.world import IN, MONDAY, OUT, World, application, identity_number, person
from transfers.access import SYSTEM, Actor, ActorKind, actor_for
from transfers.actions.enrolments import enrolled
from transfers.actions.intake import apply
from transfers.documents.nationalform import schema
from transfers.models import MOVES, AccessEvent, TransferCase
from transfers.rules import national
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel
from transfers.selectors.national import process_of

pytestmark = pytest.mark.django_db
JUDGE = jsonschema_rs.Draft202012Validator(schema())


def told(case: TransferCase, **how: Any) -> dict[str, Any]:
    """The process of the case as it is now; always as the published schema says."""
    data = process_of(TransferCase.objects.get(pk=case.pk), **how).data()
    assert [error.message for error in JUDGE.iter_errors(data)] == []
    return data


def nodes(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(node["biz_node_codg"], node["biz_node_stas"]) for node in data["nodes"]]


def test_the_published_schema_is_the_one_that_is_written_by() -> None:
    published = json.loads((Path(settings.BASE_DIR) / "docs/schemas/national.schema.json").read_text())
    assert published == schema()
    assert jsonschema_rs.meta.is_valid(published)


def test_every_step_of_the_tables_exists():
    assert national.REVIEWS.keys() | {national.WITHDRAWN} <= MOVES.keys()


def test_the_standard_route(world):
    case = world.accepted()
    data = told(case)
    assert (data["biz_prcs_codg"], data["biz_prcs_stas"], data["trans_mode"]) == ("T21", "0", "3")
    assert nodes(data) == [("T2101", "0")]
    assert data["fin_dspo_flag"] is None
    notice = data["nodes"][0]
    assert (notice["sender"], notice["receiver"]) == ("in", "out")
    assert notice["at"] == case.accepted_at.isoformat()
    content = notice["content"]
    assert (content["outbound"]["area"], content["inbound"]["area"]) == (OUT, IN)
    assert (content["outbound_insutype"], content["sex"], content["psn_cert_type"]) == ("310", "1", "01")

    world.carry_from(case, "claim_out", "prepare_sheet")
    assert nodes(told(case)) == [("T2101", "1")]
    assert told(case)["reviews"]["out"] == {"chk_flag": "1", "rchk_flag": "0"}
    world.carry_from(case, "approve_out", "approve_out")
    assert nodes(told(case)) == [("T2101", "1"), ("T2102", "0")]
    assert told(case)["fin_dspo_flag"] == "1"
    world.carry_from(case, "claim_in", "approve_in")
    assert nodes(told(case)) == [("T2101", "1"), ("T2102", "1")]
    world.carry_from(case, "propose_remittance", "propose_remittance")
    assert told(case)["fin_dspo_flag"] == "211"
    world.take(case, "reject_remittance", world.out_reviewer, reason="F-02", note="账号有误")
    assert told(case)["fin_dspo_flag"] == "222"
    world.carry_from(case, "propose_remittance", "credit_account")
    data = told(case)
    assert (data["biz_prcs_stas"], data["fin_dspo_flag"]) == ("2", "4")
    assert nodes(data) == [("T2101", "1"), ("T2102", "1"), ("T2103", "0")]
    assert [(e["acct_incexpd_type"], e["amount_fen"]) for e in data["account_entries"]] == [
        ("207", 345_678),
        ("107", 345_678),
    ]
    assert data["nodes"][1]["content"]["months_total"] == data["nodes"][2]["content"]["months_total"] == 72


def test_what_is_masked_and_what_is_not(world):
    case = world.carry(world.accepted(), "approve_out")
    number = identity_number(1)
    hidden = json.dumps(told(case), ensure_ascii=False)
    assert not [secret for secret in (number, "测试甲", "13800000001") if secret in hidden]
    data = told(case, masked=False)
    assert (data["nodes"][0]["content"]["certno"], data["nodes"][0]["content"]["phone"]) == (number, "13800000001")
    assert data["nodes"][1]["content"]["identity_number"] == number
    assert data["nodes"][1]["content"]["balance_fen"] == 345_678
    assert told(case, amounts=False)["nodes"][1]["content"]["balance_fen"] is None


def corrected(world: World, case: TransferCase, name: str) -> TransferCase:
    world.take(case, "prepare_correction", world.out_handler, note="笔误", data={"changes": {"name": name}})
    return world.take(case, "approve_correction", world.out_reviewer)


def test_corrections_before_and_after_the_end(world):
    case = world.carry(world.accepted(balance_fen=0), "claim_in")
    item = {"field": "name", "note": "与证件不符"}
    world.take(case, "raise_query", world.in_handler, reason="C-06", note="请核对", data={"items": [item]})
    assert told(case)["reviews"]["in"] == {"chk_flag": "2", "rchk_flag": "0"}
    corrected(world, case, "测试申")
    data = told(case)
    assert nodes(data) == [("T2101", "1"), ("T2102", "3"), ("CORRECTION", "0")]
    assert data["nodes"][2]["content"] | {"digest": ""} == {
        "version": 2,
        "reason": "C-06",
        "changes": [{"field": "name", "old": "测**", "new": "测**"}],
        "digest": "",
    }
    assert told(case, masked=False)["nodes"][2]["content"]["changes"][0]["new"] == "测试申"
    world.carry_from(case, "check_sheet", "approve_in")
    assert nodes(told(case)) == [("T2101", "1"), ("T2102", "3"), ("CORRECTION", "1"), ("T2103", "0")]
    world.take(case, "reopen", world.in_lead, reason="C-01", note="少算")
    assert told(case)["biz_prcs_stas"] == "1"
    assert nodes(told(case))[-1] == ("T2103", "3"), "the feedback has been taken back"
    periods = [{"from": "2020-05", "to": "2026-03", "kind": "actual", "area": OUT}]
    world.take(case, "prepare_correction", world.out_handler, note="多一月", data={"changes": {"periods": periods}})
    world.take(case, "approve_correction", world.out_reviewer)
    world.carry_from(case, "claim_in", "approve_in")
    data = told(case)
    assert [code for code, _state in nodes(data)].count("T2103") == 2
    last = [node for node in data["nodes"] if node["biz_node_codg"] == "CORRECTION"][-1]
    assert (last["biz_node_stas"], last["content"]["reason"], last["content"]["version"]) == ("1", "C-01", 3)
    assert {"field": "months_total", "old": 72, "new": 71} in last["content"]["changes"]
    ends = [node["content"] for node in data["nodes"] if node["biz_node_codg"] == "T2103"]
    assert [(end["months_total"], end["version"]) for end in ends] == [(72, 2), (71, 3)]


def test_returned_forwarded_and_withdrawn(world):
    case = world.accepted()
    world.take(case, "return_soft", world.out_lead, reason="R-05", note="冻结")
    world.take(case, "resubmit", world.in_handler, note="已解除")
    assert nodes(told(case)) == [("T2101", "3"), ("T2101", "0")]
    world.take(case, "request_withdrawal", world.in_handler, reason="W-01", note="不转了")
    data = told(case)
    assert (data["biz_prcs_stas"], nodes(data)) == ("4", [("T2101", "3"), ("T2101", "2")])
    world.take(case, "grant_withdrawal", world.out_handler)
    data = told(case)
    assert (data["biz_prcs_stas"], nodes(data)) == ("3", [("T2101", "3"), ("T2101", "3")])
    assert data["reviews"]["out"]["rchk_flag"] == "3"

    mover = person(2, out="450300")  # Guilin has the record; the application named Nanning
    mover.enrolments.create(area_id=OUT, scheme="310", status="2", name=mover.name, valid_from="2019-01-01")
    actor = actor_for(world.in_handler)
    case = apply(application(2), actor, channel=Channel.WINDOW_IN, now=MONDAY)
    assert case.state == "ACCEPTED", case.failures
    world.take(case, "forward", world.out_lead, reason="R-02", note="在桂林", data={"area": "450300"})
    data = told(case)
    assert nodes(data) == [("T2101", "3"), ("T2101", "0")]
    assert [node["content"]["outbound"]["area"] for node in data["nodes"]] == [OUT, "450300"]


def test_either_side_starts_and_every_channel(world):
    person(1)
    actor = actor_for(world.out_handler)
    raw = application(1, certificate_number="450100202600001")
    case = apply(raw, actor, channel=Channel.WINDOW_OUT, now=MONDAY)
    data = told(case)
    assert (data["biz_prcs_codg"], data["trans_mode"]) == ("T22", "1")
    assert (data["nodes"][0]["sender"], data["nodes"][0]["receiver"]) == ("out", "in")
    world.carry_from(case, "claim_out", "approve_out")
    assert nodes(told(case))[0] == ("T2101", "0"), "the inbound side has not seen it"
    world.carry_from(case, "claim_in", "claim_in")
    assert nodes(told(case))[0] == ("T2101", "1")

    person(2, out="430100", into="430200", balance_fen=0)
    event = {"event": "e", "name": "测试甲", "identity_number": identity_number(2), "inbound_area": "430200"}
    automatic = enrolled({**event, "first_month": "2026-05"}, SYSTEM, now=MONDAY).case
    data = told(automatic)
    assert (data["biz_prcs_codg"], data["biz_prcs_stas"], data["trans_mode"]) == ("T21", "2", "3")
    assert nodes(data) == [("T2101", "1"), ("T2102", "1"), ("T2103", "0")]
    assert data["reviews"] == {side: {"chk_flag": "1", "rchk_flag": "0"} for side in ("out", "in")}

    refused = apply(application(3), Actor(ActorKind.PERSON, "测试甲"), channel=Channel.ONLINE, now=MONDAY)
    assert refused.state == "NOT_ACCEPTED"
    with pytest.raises(Refusal, match="J-NO-PROCESS"):
        process_of(refused)


def run(*words: str) -> tuple[list[dict[str, Any]], str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("national", *words, stdout=out, stderr=err)
    return [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def test_the_command(world):
    first, second = world.accepted(1), world.carry(world.accepted(2), "approve_out")
    assert run(first.number) == ([told(first)], "")
    rows, progress = run("--since", "2026-06-01")
    assert [row["number"] for row in rows] == [first.number, second.number]
    assert "2 of 2 cases" in progress
    assert identity_number(1) not in json.dumps(rows)
    assert run("--since", "2026-06-02")[0] == []
    assert AccessEvent.objects.filter(kind="export").count() == 2
    for words in (["--since", "soon"], ["JX0"], ["JX2600000000000"], []):
        with pytest.raises(CommandError):
            run(*words)
