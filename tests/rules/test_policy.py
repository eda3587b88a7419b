"""Policies inherit and overrule, and what cannot apply is refused with every problem at once."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from transfers.reference import files
from transfers.rules.policy import (
    CLOCK_SWITCH,
    GROUPS,
    SWITCHES,
    Freeze,
    Policy,
    PolicyError,
    check,
    plain,
    read_value,
    resolve,
    worded,
)
from transfers.rules.routes import ClockKind

NATION = files.read().policies[0].values


def test_the_national_limits() -> None:
    policy = resolve([NATION])
    assert (policy.days("OUT"), policy.days("IN"), policy.days("SUPPLEMENT")) == (10, 5, 5)
    assert policy.suspended_status == ("2", "4")
    assert policy.close_of_business is None


def test_the_nearer_area_overrules_the_wider_one_and_the_rest_stays() -> None:
    policy = resolve([NATION, {"out_days": 9, "arrears_rule": "warn"}, {"out_days": 8, "close_of_business": "17:00"}])
    assert (policy.out_days, policy.in_days, policy.arrears_rule) == (8, 5, "warn")
    assert policy.close_of_business == time(17)
    assert policy.ladder == resolve([NATION]).ladder


def test_nothing_at_all_is_the_national_default() -> None:
    assert resolve([]) == Policy()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"out_days": 11}, {"out_days"}),
        ({"in_days": 6}, {"in_days"}),
        ({"out_days": 0}, {"out_days"}),
        ({"out_days": -1}, {"out_days"}),
        ({"out_days": "10"}, {"out_days"}),
        ({"out_days": 7.5}, {"out_days"}),
        ({"in_days": True}, {"in_days"}),
        ({"in_days": None}, {"in_days"}),
        ({"supplement_max": 0}, {"supplement_max"}),
        ({"arrears_rule": "ignore"}, {"arrears_rule"}),
        ({"open_claims_rule": None}, {"open_claims_rule"}),
        ({"opens_at": "nine"}, {"opens_at"}),
        ({"opens_at": None}, {"opens_at"}),
        ({"closes_at": 17}, {"closes_at"}),
        ({"opens_at": "17:00", "closes_at": "09:00"}, {"closes_at"}),
        ({"suspended_status": "2"}, {"suspended_status"}),
        ({"suspended_status": ["1"]}, {"suspended_status"}),
        ({"suspended_status": []}, {"suspended_status"}),
        ({"ladder": [{"code": "x"}]}, {"ladder"}),
        ({"ladder": None}, {"ladder"}),
        ({"colour": "red"}, {"colour"}),
        ({"out_days": 99, "arrears_rule": "x", "colour": "red"}, {"out_days", "arrears_rule", "colour"}),
        ({"fund_remit_days": 0}, {"fund_remit_days"}),
        ({"fund_watch_days": None}, {"fund_watch_days"}),
        ({"return_window_days": 61}, {"return_window_days"}),
        ({"in_province_mode": "manual"}, {"in_province_mode"}),
        ({"in_province_fund": "payout_else"}, {"in_province_fund"}),
        ({"cross_province_fund": "keep"}, {"cross_province_fund"}),
        ({"payout_cases": ["moved"]}, {"payout_cases"}),
        ({"payout_cases": ["death", "death"]}, {"payout_cases"}),
        ({"payout_cases": "death"}, {"payout_cases"}),
        ({"payout_channel": "cash"}, {"payout_channel"}),
        ({"waiting_max_months": 7}, {"waiting_max_months"}),
        ({"waiting_max_months": -1}, {"waiting_max_months"}),
        ({"waiting_benefit_rate": "1.01"}, {"waiting_benefit_rate"}),
        ({"waiting_benefit_rate": "-0.1"}, {"waiting_benefit_rate"}),
        ({"waiting_benefit_rate": "half"}, {"waiting_benefit_rate"}),
        ({"waiting_benefit_rate": "NaN"}, {"waiting_benefit_rate"}),
        ({"waiting_benefit_rate": 0.5}, {"waiting_benefit_rate"}),
        ({"transferred_years_kind": "virtual"}, {"transferred_years_kind"}),
        ({"resident_year_conversion": 13}, {"resident_year_conversion"}),
        ({"retire_years_male": 46, "retire_years_female": 25}, {"retire_years_male"}),
        ({"certificate_required": "always"}, {"certificate_required"}),
        ({"rest_day_start": "monday"}, {"rest_day_start"}),
        ({"wallet_enabled": "yes"}, {"wallet_enabled"}),
        ({"family_sharing": 1}, {"family_sharing"}),
        ({"year_end_freeze": {"from": "12-25"}}, {"year_end_freeze"}),
        ({"year_end_freeze": {"from": "12-32", "to": "01-05"}}, {"year_end_freeze"}),
        ({"year_end_freeze": {"from": "02-29", "to": "03-05"}}, {"year_end_freeze"}),
        ({"year_end_freeze": "12-25"}, {"year_end_freeze"}),
        ({"medical_costs_zh": " ", "medical_costs_en": "x"}, {"medical_costs_zh"}),
        ({"medical_costs_zh": "只有中文"}, {"medical_costs_en"}),
        ({"ladder": [{"code": "x", "to": ["owner"], "zh": "", "en": "", "used": 1, "clocks": ["LUNCH"]}]}, {"ladder"}),
        # Each value is possible; together they contradict.
        ({"payout_cases": [], "payout_channel": "citizen_card"}, {"payout_channel"}),
        ({"payout_cases": [], "payout_expected_days": 30}, {"payout_expected_days"}),
        ({"in_province_mode": "automatic", "certificate_required": "window"}, {"certificate_required"}),
        ({"waiting_max_months": 0, "waiting_benefit_rate": "0.5"}, {"waiting_benefit_rate"}),
        ({"wallet_enabled": True, "family_sharing": False}, {"wallet_enabled"}),
        ({"retire_years_male": 30}, {"retire_years_female"}),
        ({"retire_years_male": 30, "retire_years_female": 25, "min_local_years": 26}, {"min_local_years"}),
        ({"close_of_business": "08:00"}, {"close_of_business"}),
    ],
)
def test_what_cannot_apply_is_named(values: dict[str, Any], named: set[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        resolve([NATION, values])
    assert set(caught.value.details["problems"]) == named
    for text in caught.value.details["problems"].values():
        assert text["zh"]
        assert text["en"]
        assert text["zh"] in caught.value.zh


@pytest.mark.parametrize(
    "values",
    [
        {"payout_cases": [], "payout_channel": "citizen_card", "in_province_fund": "payout"},
        {"payout_cases": [], "payout_channel": "citizen_card", "cross_province_fund": "payout_else"},
        {"payout_cases": None, "payout_channel": "account"},
        {"in_province_mode": "automatic", "certificate_required": "never"},
        {"waiting_max_months": 0, "waiting_benefit_rate": "0"},
        {"waiting_max_months": 6, "waiting_benefit_rate": "1"},
        {"wallet_enabled": True, "family_sharing": True},
        {"retire_years_male": 30, "retire_years_female": 25, "min_local_years": 25},
        {"year_end_freeze": {"from": "12-25", "to": "01-05"}},
        {"fund_remit_days": None, "fund_credit_days": None, "payout_expected_days": None, "min_local_years": None},
        {"out_days": 1, "in_days": 1},
    ],
)
def test_what_stands_beside_it_is_allowed(values: dict[str, Any]) -> None:
    resolve([NATION, values])


def test_each_nearer_area_may_only_shorten_the_limits_of_the_article() -> None:
    for name, nation in (("out_days", 10), ("in_days", 5)):
        assert getattr(resolve([NATION, {name: nation - 2}, {name: nation - 2}]), name) == nation - 2
        with pytest.raises(PolicyError) as caught:
            resolve([NATION, {name: nation - 2}, {name: nation - 1}])
        assert caught.value.details["problems"].keys() == {name}
        assert "第九条" in caught.value.zh
    # What Art. 9 does not limit may be longer than above.
    assert resolve([NATION, {"correction_days": 2}, {"correction_days": 5}]).correction_days == 5


def test_values_alone_are_checked_without_what_they_rest_on() -> None:
    check({"payout_channel": "citizen_card"})
    with pytest.raises(PolicyError):
        resolve([{"payout_channel": "citizen_card"}])
    with pytest.raises(PolicyError) as caught:
        check({"out_days": 11, "colour": "red"})
    assert caught.value.problems.keys() == {"out_days", "colour"}


def test_every_field_of_a_policy_is_a_switch_that_says_what_it_is() -> None:
    assert list(SWITCHES) == [switch.code for switch in SWITCHES.values()]
    assert SWITCHES.keys() == {field.name for field in fields(Policy)}
    assert {switch.group for switch in SWITCHES.values()} == GROUPS.keys()
    for switch in SWITCHES.values():
        for named in (switch.named, switch.explained, switch.basis):
            assert named.zh, switch.code
            assert named.en, switch.code
        # What applies by default is a value that an area could lay down itself, and can be said.
        default = switch.default
        assert read_value(switch, plain(switch, default)) == default
        assert worded(switch, default).zh, switch.code
        assert worded(switch, default).en, switch.code


def test_every_clock_has_its_days_and_somebody_who_hears_of_it() -> None:
    policy = resolve([NATION])
    assert {kind.value for kind in ClockKind} == CLOCK_SWITCH.keys()
    assert {kind: policy.days(kind) for kind in ("RETURN", "CORRECTION", "WITHDRAWAL", "RECTIFY", "MANUAL")} == {
        "RETURN": 20,
        "CORRECTION": 3,
        "WITHDRAWAL": 3,
        "RECTIFY": 5,
        "MANUAL": 2,
    }
    for kind in ClockKind:
        days = policy.days_or_none(kind) or 5  # the nation has no limit for the money
        over = [rung for rung in policy.rungs(kind) if rung.days_used(days) >= days]
        assert over, kind
    with pytest.raises(KeyError):
        policy.days("LUNCH")


def test_a_policy_pinned_before_a_switch_existed_resolves_with_what_applied_then() -> None:
    pinned = {"out_days": 9, "in_days": 5, "supplement_days": 5, "arrears_rule": "warn", "opens_at": "09:00"}
    policy = resolve([pinned])
    assert (policy.out_days, policy.in_province_mode, policy.in_province_fund) == (9, "normal", "move")
    assert (policy.wallet_enabled, policy.payout_cases, policy.year_end_freeze) == (False, (), None)


def test_values_as_people_read_them() -> None:
    def said(name: str, value: Any) -> tuple[str, str]:
        named = worded(SWITCHES[name], value)
        return named.zh, named.en

    assert said("out_days", 8) == ("8个工作日", "8 working days")
    assert said("out_days", 1) == ("1个工作日", "1 working day")
    assert said("fund_remit_days", None) == ("没有规定", "Not laid down")
    assert said("payout_cases", ()) == ("没有这样的情形", "None")
    assert said("payout_cases", ("death", "enlisted")) == ("死亡、应征入伍", "Death, Enlisted in the armed forces")
    assert said("wallet_enabled", True) == ("是", "Yes")
    assert said("close_of_business", None) == ("24时", "Midnight")
    assert said("close_of_business", time(17)) == ("17:00", "17:00")
    assert said("waiting_benefit_rate", Decimal("0.5")) == ("0.5", "0.5")
    assert said("year_end_freeze", Freeze("12-25", "01-05"))[0] == "每年12-25至01-05"


@pytest.mark.parametrize(
    ("starts", "ends", "inside", "outside"),
    [
        ("12-25", "01-05", [(12, 25), (12, 31), (1, 1), (1, 5)], [(12, 24), (1, 6), (7, 1)]),
        ("12-20", "12-31", [(12, 20), (12, 31)], [(12, 19), (1, 1)]),
        ("12-31", "12-31", [(12, 31)], [(12, 30), (1, 1)]),
    ],
)
def test_the_freeze_covers_both_ends(
    starts: str, ends: str, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    freeze = Freeze(starts, ends)
    assert [day for day in inside if not freeze.covers(date(2026, *day))] == []
    assert [day for day in outside if freeze.covers(date(2026, *day))] == []
