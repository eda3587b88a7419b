"""The public page of what applies between two areas, and the same over the API."""

from __future__ import annotations

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from transfers.rules.policy import SWITCHES

pytestmark = pytest.mark.django_db
JUNE = "2026-06-01T10:00:00+08:00"


@time_machine.travel(JUNE, tick=False)
def test_the_page_says_what_holds_for_the_person(client: Client) -> None:
    empty = client.get("/track/rules/")
    assert empty.status_code == 200
    assert "泉州市" in empty.content.decode()
    page = client.get("/track/rules/", {"from": "350500", "to": "320100"}).content.decode()
    for sentence in (
        "转出地自受理之日起8个工作日内完成转出，转入地收到信息表之日起5个工作日内完成转入",
        "余额由转出地5个工作日内划出",
        "待遇享受等待期不超过3个月",
        "泉州市公开办事指南（文号待核）",
    ):
        assert sentence in page, sentence
    assert "<script" not in page
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    english = client.get("/track/rules/", {"from": "430100", "to": "430200"}).content.decode()
    assert "the transfer starts by itself" in english
    assert "credited at once" in english
    nonsense = client.get("/track/rules/", {"from": "x", "to": "320100"})
    assert (nonsense.status_code, "J-AREA" in nonsense.content.decode()) == (400, True)
    assert client.get("/track/rules/", {"from": "320100", "to": "320100"}).status_code == 400
    assert client.post("/track/rules/").status_code == 405


@time_machine.travel(JUNE, tick=False)
def test_the_same_over_the_api(client: Client) -> None:
    answer = client.get("/api/v1/rules", {"from": "440100", "to": "440300"})
    assert answer.status_code == 200
    said = answer.json()
    assert said["same_province"] is True
    side = said["outbound"]
    assert set(side["rules"]) == SWITCHES.keys() - {"ladder"}
    fund = side["rules"]["in_province_fund"]
    assert fund["value"] == "keep"
    assert side["editions"][fund["edition"]]["area"] == "440000"
    assert side["rules"]["retire_years_male"] == {
        "value": None,
        "words": {"zh": "没有规定", "en": "Not laid down"},
        "edition": None,
    }
    assert side["rules"]["waiting_benefit_rate"]["value"] == "0"
    assert side["rules"]["opens_at"]["value"] == "09:00"
    assert {"out.in_province_fund"} in [set(promise["switches"]) for promise in said["promises"]]
    for query, code in (
        ({"from": "440100", "to": "440100"}, "J-SAME-AREA"),
        ({"from": "440000", "to": "440100"}, "J-AREA"),
        ({"from": "4401", "to": "440100"}, "J-INPUT"),
        ({"from": "440100"}, "J-INPUT"),
        ({"from": "440100", "to": "440300", "on": "2030-01-01"}, "J-INPUT"),
    ):
        assert client.get("/api/v1/rules", query).json()["code"] == code
