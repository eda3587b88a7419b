"""Drafted by one, published by another; days only ever shorter; nothing that contradicts or overlaps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

from accounts.models import User
from tests.world import MONDAY, OUT, World
from transfers.access import actor_for
from transfers.actions import policymaking
from transfers.models import Policy
from transfers.policies import applying, pinned_policy
from transfers.rules.errors import Refusal
from transfers.rules.workdays import ZONE

pytestmark = pytest.mark.django_db
TODAY, JULY = date(2026, 6, 1), date(2026, 7, 1)
GUANGXI = "450000"


@pytest.fixture
def world() -> World:
    return World()


def draft(world: World, area: str = OUT, who: User | None = None, **more: Any) -> Policy:
    given = {"values": {"out_days": 8}, "valid_from": TODAY, "document_number": "测试〔2026〕1号"} | more
    return policymaking.draft(area, actor_for(who or world.out_lead), now=MONDAY, **given)


def publish(world: World, policy: Policy, who: User | None = None, **more: Any) -> Policy:
    return policymaking.publish(policy, actor_for(who or world.out_head), now=MONDAY, **more)


def code_of(verb: Any, *args: Any, **kwargs: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        verb(*args, **kwargs)
    return caught.value


def test_from_draft_to_what_applies_at_once(world: World, django_capture_on_commit_callbacks: Any) -> None:
    before = applying(OUT, TODAY)
    assert before.policy.out_days == 10
    drafted = draft(world)
    assert (drafted.version, drafted.stage) == (1, "draft")
    assert applying(OUT, TODAY).policy.out_days == 10
    # The drafter cannot publish, whatever their roles; the head can.
    assert code_of(publish, world, drafted, world.out_lead).code == "J-POLICY-FOUR-EYES"
    with django_capture_on_commit_callbacks(execute=True):
        published = publish(world, drafted)
    assert (published.stage, published.published_by_id) == ("published", world.out_head.pk)
    after = applying(OUT, TODAY)
    assert after.policy.out_days == 8
    assert after.sources[-1] == "450100 v1 测试〔2026〕1号"
    # What was pinned before stays what it was.
    assert pinned_policy(before.id).policy.out_days == 10
    assert code_of(publish, world, drafted).code == "J-POLICY-STAGE"
    # Nothing but the end of a published edition can be changed, in the database either.
    with pytest.raises(IntegrityError, match="does not change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE transfers_policy SET values = '{}' WHERE id = %s", [published.pk])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE transfers_policy SET valid_to = '2026-12-31' WHERE id = %s", [published.pk])


def test_only_leads_of_the_area_or_above_make_policies(world: World) -> None:
    assert draft(world).pk
    assert draft(world, who=world.out_province).version == 2
    assert draft(world, who=world.nation).version == 3
    for who in (world.out_handler, world.in_lead, world.stranger, world.superuser):
        assert code_of(draft, world, who=who).code == "J-POLICY-NOT-YOURS"
    # A city's head does not make the province's policy.
    assert code_of(draft, world, GUANGXI, who=world.out_head).code == "J-POLICY-NOT-YOURS"
    assert draft(world, GUANGXI, who=world.out_province).area_id == GUANGXI
    assert code_of(draft, world, "999999", who=world.nation).code == "J-POLICY-AREA"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"values": {"out_days": 11}}, "J-POLICY"),
        ({"values": {"out_days": 8, "colour": "red"}}, "J-POLICY"),
        ({"values": {"waiting_max_months": 7}}, "J-POLICY"),
        ({"values": {}}, "J-POLICY-EMPTY"),
        ({"document_number": "  "}, "J-POLICY-DOCUMENT"),
        ({"document_number": "文" * 81}, "J-POLICY-DOCUMENT"),
        ({"valid_to": date(2026, 5, 31)}, "J-POLICY-DATES"),
        ({"values": {"payout_cases": [], "payout_channel": "citizen_card"}}, "J-POLICY-CONTRADICTS"),
        ({"values": {"in_province_mode": "automatic", "certificate_required": "window"}}, "J-POLICY-CONTRADICTS"),
        ({"values": {"wallet_enabled": True, "family_sharing": False}}, "J-POLICY-CONTRADICTS"),
    ],
)
def test_a_draft_that_cannot_apply_is_refused_and_nothing_is_kept(
    world: World, more: dict[str, Any], code: str
) -> None:
    count = Policy.objects.count()
    error = code_of(draft, world, **more)
    assert error.code == code
    assert error.zh
    assert error.en
    assert Policy.objects.count() == count


def test_editions_above_and_below_must_fit(world: World) -> None:
    publish(world, draft(world, values={"out_days": 8}))
    # The province promises seven days: its city's eight would break that.
    error = code_of(draft, world, GUANGXI, who=world.out_province, values={"out_days": 7})
    assert error.code == "J-POLICY-CONTRADICTS"
    assert error.details["problems"][0]["area"] == OUT
    assert "450100 v1" in error.zh
    # Nine is fine, and then the city cannot go back to ten by a new edition.
    province = draft(world, GUANGXI, who=world.out_province, values={"out_days": 9})
    publish(world, province, world.nation)
    assert code_of(draft, world, values={"out_days": 10}, valid_from=JULY).code == "J-POLICY-CONTRADICTS"
    assert draft(world, values={"out_days": 9}, valid_from=JULY).pk


def test_what_editions_below_rest_on_cannot_go(world: World) -> None:
    wallet = draft(world, values={"wallet_enabled": True})
    publish(world, wallet)
    # The shipped provinces with the wallet rest on the nation's family sharing, and now this city does, too.
    error = code_of(draft, world, "100000", who=world.nation, values=_national(family_sharing=False), valid_from=JULY)
    assert {(p["area"], p["switch"]) for p in error.details["problems"]} == {
        (area, "wallet_enabled") for area in ("130000", "150000", OUT)
    }
    province = draft(world, GUANGXI, who=world.out_province, values={"family_sharing": True})
    publish(world, province, world.nation)
    error = code_of(draft, world, "100000", who=world.nation, values=_national(family_sharing=False), valid_from=JULY)
    assert OUT not in {p["area"] for p in error.details["problems"]}


def _national(**changed: Any) -> dict[str, Any]:
    return Policy.objects.get(area_id="100000").values | changed


def test_overlapping_validity_names_the_edition_in_the_way(world: World) -> None:
    first = publish(world, draft(world))
    second = draft(world, values={"out_days": 7}, valid_from=JULY)
    error = code_of(publish, world, second)
    assert (error.code, error.details["clash"]) == ("J-POLICY-OVERLAP", "450100 v1 测试〔2026〕1号")
    publish(world, second, replace=True)
    first = Policy.objects.get(pk=first.pk)
    assert (first.valid_to, first.closed_by_id) == (date(2026, 6, 30), world.out_head.pk)
    assert applying(OUT, date(2026, 6, 30)).policy.out_days == 8
    assert applying(OUT, JULY).policy.out_days == 7
    # One that begins before an open-ended one takes over from nothing: it clashes.
    third = draft(world, valid_from=date(2026, 6, 15))
    assert code_of(publish, world, third, replace=True).code == "J-POLICY-OVERLAP"
    policymaking.withdraw(third, actor_for(world.out_lead), now=MONDAY)
    assert Policy.objects.get(pk=third.pk).stage == "withdrawn"
    assert code_of(publish, world, third).code == "J-POLICY-STAGE"


def test_ending_an_edition(world: World) -> None:
    lead = actor_for(world.out_lead)
    row = publish(world, draft(world))

    def close(policy: Policy, on: date, who: Any = lead) -> Policy:
        return policymaking.close(policy, who, valid_to=on, now=MONDAY)

    assert code_of(close, row, date(2026, 5, 31)).code == "J-POLICY-DATES"
    assert code_of(close, row, JULY, actor_for(world.in_lead)).code == "J-POLICY-NOT-YOURS"
    assert close(row, JULY).valid_to == JULY
    assert code_of(close, row, date(2026, 7, 2)).code == "J-POLICY-DATES"
    assert applying(OUT, date(2026, 7, 2)).policy.out_days == 10
    nation = Policy.objects.get(area_id="100000")
    assert code_of(close, nation, JULY, actor_for(world.nation)).code == "J-POLICY-GAP"
    assert code_of(close, draft(world, valid_from=date(2027, 1, 1)), JULY).code == "J-POLICY-STAGE"


def test_a_case_keeps_the_policy_of_its_acceptance(world: World) -> None:
    case = world.accepted()
    clock = case.clocks.get(kind="OUT")
    publish(world, draft(world, values={"out_days": 3}))
    assert pinned_policy(case.outbound_policy_id).policy.out_days == 10
    assert case.clocks.get(kind="OUT").due_on == clock.due_on
    later = World().accepted(2, now=datetime(2026, 6, 2, 10, tzinfo=ZONE))
    assert later.clocks.get(kind="OUT").budget == 3
