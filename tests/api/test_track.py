"""The public look-up as JSON: the same levels as the page."""

from __future__ import annotations

import pytest

from tests.api.conftest import JSON
from tests.web.conftest import TAIL, WRONG_TAIL, sent_code
from tests.world import identity_number
from transfers.models import AccessEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def track(client):
    return lambda path="", **content: client.post(f"/api/v1/track{path}", content, content_type=JSON)


def test_the_line_without_and_the_rest_with_a_code(world, track):
    world.everyone()
    case = world.carry(world.accepted(), "approve_remittance")
    line = track(number=case.number.lower(), tail=TAIL.lower())
    body = line.json()
    assert line.status_code == 200
    assert (body["name_masked"], body["stage"]["zh"], body["detail"]) == ("测**", case.info.public.zh, None)
    assert [s["status"] for s in body["stages"]].count("now") == 1
    assert "345678" not in line.content.decode()
    assert track("/code", number=case.number, tail=TAIL).status_code == 202
    full = track(number=case.number, tail=TAIL, code=sent_code(case.number))
    detail = full.json()["detail"]
    assert detail["money"]["amount_fen"] == 345_678
    assert detail["to_area"] == "浙江省杭州市"
    assert [entry["zh"] for entry in detail["history"]][:2] == ["申请已提交", "经两地校验，申请已受理"]
    for hidden in ("测试甲", identity_number(1), "13800000001", "out_handler"):
        assert hidden not in full.content.decode()
    assert full["Cache-Control"] == "no-store"
    kinds = list(AccessEvent.objects.filter(kind="lookup").order_by("id").values_list("outcome", flat=True))
    assert kinds == ["ok", "code_sent", "ok", "code_ok"]


def test_a_wrong_code_gives_not_even_the_line(world, track):
    case = world.accepted()
    track("/code", number=case.number, tail=TAIL)
    right = sent_code(case.number)
    wrong = track(number=case.number, tail=TAIL, code="000000" if right != "000000" else "000001")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "J-CODE")
    assert track(number=case.number, tail=TAIL, code=right).status_code == 200
    assert track(number=case.number, tail=TAIL, code=right).status_code == 400


def test_a_right_code_with_a_wrong_tail_opens_nothing(world, track):
    case = world.accepted()
    track("/code", number=case.number, tail=TAIL)
    refused = track(number=case.number, tail=WRONG_TAIL, code=sent_code(case.number))
    assert (refused.status_code, refused.json()["code"]) == (404, "J-LOOKUP")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({}, "J-INPUT"),
        ({"number": 5, "tail": []}, "J-INPUT"),
        ({"number": "JX2600000000001", "tail": TAIL}, "J-CASE-NUMBER"),
        ({"number": "x", "tail": TAIL, "more": 1}, "J-INPUT"),
        ({"number": "x" * 9999, "tail": TAIL}, "J-CASE-NUMBER"),
    ],
)
def test_bad_input_is_told(track, content, code):
    response = track(**content)
    assert response.json()["code"] == code
    assert response.status_code in (400, 422)
    assert not AccessEvent.objects.exists()


def test_limits_hold_here_too(world, track):
    case = world.accepted()
    answers = [track(number=case.number, tail=WRONG_TAIL) for _ in range(5)]
    assert [a.status_code for a in answers] == [404, 404, 404, 404, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert answers[-1].json()["details"]["seconds"] == int(answers[-1]["Retry-After"])
