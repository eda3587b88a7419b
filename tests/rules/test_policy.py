"""Policies inherit and overrule, and what cannot apply is refused with every problem at once."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from transfers.reference import files
from transfers.rules.policy import Policy, PolicyError, resolve

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
    ],
)
def test_what_cannot_apply_is_named(values: dict[str, Any], named: set[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        resolve([NATION, values])
    assert set(caught.value.details["problems"]) == named
