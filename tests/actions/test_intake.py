"""Applications: everything wrong is said at once, nothing wrong gets in, and a registry that is away refuses nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

import transfers.actions.sweep as sweeping
from notifications.models import Letter
from tests.sla.days import at
from tests.world import BY_HAND, IN, MONDAY, OUT, application, identity_number, person, user
from transfers.access import Actor, ActorKind, actor_for, person_actor
from transfers.actions.intake import apply, clean, decide
from transfers.actions.sweep import sweep
from transfers.models import CaseEvent, Clock, Enrolment, Person, TransferCase
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules import casenumber
from transfers.rules.codes import PRECHECK
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db
GOOD = identity_number(1)


def wrong(**fields: Any) -> dict[str, dict[str, str]]:
    """The problems of an application that is right but for these fields."""
    with pytest.raises(Refusal) as caught:
        clean({**application(1), **fields}, now=MONDAY)
    assert (caught.value.code, caught.value.http_status) == ("J-INPUT", 422)
    problems = caught.value.details["fields"]
    assert all(problem["zh"] and problem["en"] and problem["code"] for problem in problems.values())
    assert GOOD not in str(problems), "an identity number never comes back in an error"
    return problems


def test_an_application_as_people_type_it(db):
    typed = application(1) | {"identity_number": f" {GOOD} ", "phone": "+86 138-0000-0001", "name": " 测试甲 "}
    cleaned = clean(typed, now=MONDAY)
    assert (cleaned.identity_number, cleaned.phone, cleaned.name) == (GOOD, "13800000001", "测试甲")
    assert (cleaned.outbound.area_id, cleaned.inbound.area_id) == (OUT, IN)


def swapped_check(number: str) -> str:
    return number[:-1] + ("0" if number[-1] != "0" else "1")


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("identity_number", swapped_check(GOOD), "V-P-02"),
    ("identity_number", "110101199002300015", "V-P-02"),
    ("identity_number", "110101299001010010", "V-P-02"),
    ("identity_number", "", "V-P-02"),
    ("identity_number", "1" * 5000, "V-P-02"),
    ("identity_number", None, "V-P-02"),
    ("identity_number", 110101199003070017, "J-FIELD"),
    ("identity_type", "77", "J-FIELD"),
    ("name", "", "J-NAME"),
    ("name", "测" * 51, "J-NAME"),
    ("name", "<script>alert(1)</script>", "J-NAME"),
    ("name", "测试\x00甲", "J-NAME"),
    ("name", "测试\u202e甲", "J-NAME"),
    ("name", "\ud800", "J-NAME"),
    ("name", ["测试甲"], "J-FIELD"),
    ("name", {"$ne": ""}, "J-FIELD"),
    ("phone", "12345", "J-PHONE"),
    ("phone", "1380000000\x00", "J-PHONE"),
    ("phone", True, "J-FIELD"),
    ("email", "nobody", "J-FIELD"),
    ("email", "a@b.c\r\nBcc: all@example.com", "J-FIELD"),
    ("email", f"{'a' * 400}@example.com", "J-FIELD"),
    ("email", "a@\ud800.com", "J-FIELD"),
    ("outbound_area", "999999", "J-AREA"),
    ("outbound_area", "450000", "J-AREA"),
    ("outbound_area", "100000", "J-AREA"),
    ("outbound_area", "469003", "J-AREA"),
    ("outbound_area", "45010\x00", "J-AREA"),
    ("outbound_area", "４５０１００", "J-AREA"),
    ("outbound_area", "4501001", "J-AREA"),
    ("outbound_area", "", "J-AREA"),
    ("inbound_area", 330100, "J-FIELD"),
    ("inbound_area", "\ud80033010", "J-AREA"),
    ("outbound_scheme", "320", "J-FIELD"),
    ("inbound_scheme", "", "J-FIELD"),
    ("applicant", "spouse", "J-FIELD"),
    ("applicant", "employer", "J-FIELD"),
    ("applicant_name", "x" * 81, "J-FIELD"),
    ("applicant_name", "a\x7fb", "J-FIELD"),
    ("employer_code", "91330100MA27XXXXXX", "J-USCC"),
    ("remarks", "长" * 501, "J-FIELD"),
    ("remarks", "a\x08b", "J-FIELD"),
    ("remarks", "\ud800", "J-FIELD"),
    ("remarks", "\u202egnp.exe", "J-FIELD"),
    ("language", "fr", "J-FIELD"),
    ("state", "COMPLETED", "J-FIELDS"),
    ("x" * 3000, "y", "J-FIELDS"),
]


@pytest.mark.parametrize(
    ("name", "value", "code"), BAD_FIELDS, ids=[f"{n}-{f[0][:20]}" for n, f in enumerate(BAD_FIELDS)]
)
def test_one_wrong_field_is_the_one_that_is_named(name, value, code):
    problems = wrong(**{name: value})
    expected = "employer_code" if (name, value) == ("applicant", "employer") else name[:40]
    assert {field: problem["code"] for field, problem in problems.items()} == {expected: code}


def test_everything_wrong_is_said_together():
    problems = wrong(
        name="", identity_number=swapped_check(GOOD), phone="1", email="x", outbound_area="1", inbound_area="2", extra=1
    )
    assert problems.keys() == {
        "name",
        "identity_number",
        "phone",
        "email",
        "outbound_area",
        "inbound_area",
        "extra",
    }


def test_nothing_is_written_for_wrong_input(world):
    with pytest.raises(Refusal):
        apply(application(1, phone="1"), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
    assert not Person.objects.exists()
    assert not TransferCase.objects.exists()


def test_an_application_at_a_window_that_has_no_part_in_it(world):
    person(1)
    with pytest.raises(Refusal, match="J-NOT-FOUND"):
        apply(application(1), actor_for(world.stranger), channel=Channel.WINDOW_IN, now=MONDAY)
    reviewer = user("only_reviewer", IN, (Role.IN_REVIEWER,))
    with pytest.raises(Refusal, match="J-NOT-YOURS"):
        apply(application(1), actor_for(reviewer), channel=Channel.WINDOW_IN, now=MONDAY)
    assert not TransferCase.objects.exists()
    assert apply(application(1), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY).number


def taken(world: Any, serial: int = 1, **more: str) -> TransferCase:
    return apply(application(serial, **more), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)


def codes(case: TransferCase) -> set[str]:
    return {failure["code"] for failure in case.failures}


def test_the_same_area_twice_is_refused_with_its_reason(world):
    person(1)
    case = taken(world, out=IN)
    assert case.state == "NOT_ACCEPTED"
    assert "V-I-06" in codes(case)
    assert case.closed_at == MONDAY


def test_all_reasons_of_both_sides_come_together_with_their_remedies(world):
    mover = person(1)
    Enrolment.objects.filter(person=mover, area=OUT).update(status="1", retired=True, arrears=True)
    Enrolment.objects.filter(person=mover, area=IN).update(status="2", name="测试乙")
    case = taken(world)
    assert case.state == "NOT_ACCEPTED"
    assert codes(case) == {"V-O-01", "V-O-03", "V-O-04", "V-I-02", "V-P-01"}
    letter = Letter.objects.get(template="refused", channel="sms", subject_ref=case.number)
    assert {r["code"] for r in letter.context["reasons"]} == codes(case)
    assert all(r["remedy"] for r in letter.context["reasons"])
    assert all(PRECHECK[code].remedy_zh and PRECHECK[code].remedy_en for code in codes(case))


def test_a_second_application_is_led_to_the_open_case(world):
    first = world.accepted()
    second = taken(world)
    assert (second.state, codes(second)) == ("NOT_ACCEPTED", {"V-P-03"})
    assert TransferCase.objects.get(pk=first.pk).state == "ACCEPTED"


def test_an_enrollee_files_for_themselves(world):
    person(1)
    case = apply(application(1), Actor(ActorKind.PERSON, "测试甲"), channel=Channel.ONLINE, now=MONDAY)
    assert case.state == "ACCEPTED"
    event = CaseEvent.objects.get(case=case, name="submit")
    assert (event.actor_kind, event.actor_id) == ("person", None)


def test_numbers_check_and_tell_no_order(world):
    numbers = []
    for serial in range(1, 9):
        person(serial)
        numbers.append(taken(world, serial).number)
    assert [casenumber.parse(number) for number in numbers] == numbers
    assert len(set(numbers)) == 8
    assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))


# --- registries of other areas -----------------------------------------------------------------------------


class Away(OwnTables):
    """An area's own registry that does not answer while `away`."""

    away: ClassVar[bool] = True

    def facts(self, who: Person, area: str) -> Any:
        if Away.away:
            raise RegistryUnavailable
        return super().facts(who, area)


@pytest.fixture
def registry(settings):
    Away.away = True

    def plug(area: str) -> type[Away]:
        settings.ENROLMENT_REGISTRIES = {area: f"{__name__}.Away"}
        return Away

    return plug


@pytest.mark.parametrize("area", [OUT, IN])
def test_a_registry_that_is_away_is_asked_again_and_refuses_nobody(world, registry, area):
    plugged = registry(area)
    person(1)
    case = taken(world)
    assert (case.state, case.precheck_attempts, case.failures) == ("SUBMITTED", 1, [])
    assert case.precheck_at == MONDAY + timedelta(minutes=1)
    assert case.holder is None
    sweep(now=MONDAY + timedelta(seconds=59))
    assert TransferCase.objects.get().precheck_attempts == 1
    waits, now = [], MONDAY
    for _attempt in range(5):
        due = TransferCase.objects.get().precheck_at
        waits.append((due - now) // timedelta(minutes=1))
        now = due
        sweep(now=now)
    assert waits == [1, 2, 5, 10, 30]
    assert TransferCase.objects.get().state == "SUBMITTED"
    plugged.away = False
    now = TransferCase.objects.get().precheck_at
    assert sweep(now=now).decided == 1
    case = TransferCase.objects.get()
    assert (case.state, case.accepted_at, case.precheck_at) == ("ACCEPTED", now, None)
    assert CaseEvent.objects.filter(name="defer").count() == 6
    assert not Letter.objects.filter(template="refused").exists()


@pytest.mark.parametrize(("area", "side"), [(OUT, "out"), (IN, "in")])
def test_a_registry_that_stays_away_is_answered_for_by_its_own_staff(world, registry, area, side):
    registry(area)
    person(1)
    case = taken(world)
    while case.state == "SUBMITTED":
        now = case.precheck_at
        sweep(now=now)
        case = TransferCase.objects.get()
    # About two hours in: the silent area's staff have it, with a limit of its own and an owner-less desk to answer it.
    assert (case.state, case.acts, case.holder.area_id, case.by_hand) == ("MANUAL_CHECK", side, area, {area: None})
    assert [(c.kind, c.budget, c.area_id) for c in Clock.objects.all()] == [("MANUAL", 2, area)]
    assert Letter.objects.filter(template="by_hand").exists()
    assert problems(now=now) == []
    mine, other = (world.out_handler, world.in_handler) if side == "out" else (world.in_handler, world.out_handler)
    found = {**BY_HAND, "status": "2" if side == "out" else "1"}
    step = {"note": "查本地参保系统", "data": found, "now": now}
    with pytest.raises(Refusal, match="J-NOT-YOURS"):
        world.take(case, "answer_by_hand", other, **step)
    with pytest.raises(Refusal, match="J-FIELD"):
        world.take(case, "answer_by_hand", mine, **{**step, "data": {**found, "status": "7"}})
    case = world.take(case, "answer_by_hand", mine, **step)
    assert decide(case.pk, now=now).state == "ACCEPTED"
    assert problems(now=now) == []


def test_what_staff_found_by_hand_is_judged_by_the_same_rules(world, registry):
    registry(OUT)
    person(1)
    case = taken(world)
    while case.state == "SUBMITTED":
        now = case.precheck_at
        sweep(now=now)
        case = TransferCase.objects.get()
    found = {**BY_HAND, "status": "1", "retired": "yes", "name_agrees": "no", "account": "frozen", "survival": "2"}
    case = world.take(case, "answer_by_hand", world.out_handler, note="已退休", data=found, now=now)
    case = decide(case.pk, now=now)
    assert case.state == "NOT_ACCEPTED"
    assert [failure["code"] for failure in case.failures] == [
        "V-O-01",
        "V-O-04",
        "V-O-05",
        "V-I-04",
        "V-P-01",
        "V-P-05",
    ]


def test_a_case_can_be_taken_back_before_it_is_accepted(world, registry):
    registry(OUT)
    person(1)
    case = taken(world)
    case = world.take(case, "withdraw_application", person_actor(case), reason="W-02", note="改选转入地")
    assert (case.state, case.end_reason, case.precheck_at) == ("WITHDRAWN", "W-02", None)
    assert sweep(now=at("06-02", "10:00")).decided == 0
    assert problems(now=at("06-02", "10:00")) == []


def test_the_limit_starts_at_acceptance_not_at_application(world, registry):
    plugged = registry(OUT)
    person(1)
    case = taken(world)
    plugged.away = False
    sweep(now=at("06-05", "10:00"))
    assert TransferCase.objects.get(pk=case.pk).due_at == at("06-23", "00:00")


def test_a_case_that_cannot_be_decided_does_not_stop_the_others(world, monkeypatch, registry):
    plugged = registry(OUT)
    for serial in (1, 2):
        person(serial)
        taken(world, serial)
    plugged.away = False
    bad = TransferCase.objects.order_by("id").first()
    real = sweeping.decide

    def breaks_on_one(case_id: int, *, now: Any, away: Any) -> Any:
        if case_id == bad.pk:
            raise RuntimeError("poison")
        return real(case_id, now=now, away=away)

    monkeypatch.setattr(sweeping, "decide", breaks_on_one)
    swept = sweep(now=at("06-01", "10:05"))
    assert (swept.decided, swept.failed) == (1, 1)
    assert sorted(TransferCase.objects.values_list("state", flat=True)) == ["ACCEPTED", "SUBMITTED"]


def test_an_area_that_is_away_is_asked_once_a_pass(world, registry, monkeypatch):
    """Twenty waiting applications of one silent area must not take twenty times its time-out from everybody else."""
    plugged = registry(OUT)
    for serial in (1, 2, 3):
        person(serial)
        taken(world, serial)
    later = at("06-01", "10:05")
    asked, facts = [], plugged.facts
    monkeypatch.setattr(plugged, "facts", lambda self, who, area: asked.append(who) or facts(self, who, area))
    sweep(now=later)
    assert len(asked) == 1
    # Nor may they stand in the way: each of them waits on as if it had been asked for, and comes to its check by hand.
    assert sorted(TransferCase.objects.values_list("precheck_attempts", flat=True)) == [2, 2, 2]
    assert not TransferCase.objects.filter(precheck_at__lte=later).exists()
    while TransferCase.objects.filter(state="SUBMITTED").exists():
        later = TransferCase.objects.earliest("precheck_at").precheck_at
        sweep(now=later)
    assert later < at("06-01", "12:00")
    assert problems(now=later) == []
    plugged.away = False
    sweep(now=later + timedelta(hours=1))
    assert set(TransferCase.objects.values_list("state", flat=True)) == {"ACCEPTED"}


def test_a_registry_that_answers_nonsense_is_deferred_too(world, registry, monkeypatch):
    plugged = registry(OUT)
    person(1)
    with monkeypatch.context() as patch:
        patch.setattr(plugged, "facts", lambda *_args: 1 // 0)
        assert taken(world).state == "SUBMITTED"
    plugged.away = False
    assert sweep(now=at("06-01", "10:05")).decided == 1


def test_the_refusal_names_the_area_that_is_away(world, registry, monkeypatch):
    """Approving writes to both areas: the inbound one answers here, the outbound one does not."""
    case = world.carry(world.accepted(), "check_sheet")
    plugged = registry(OUT)
    plugged.away = False

    def gone(*_args: Any) -> None:
        raise RegistryUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(plugged, "end_relationship", gone)
        with pytest.raises(Refusal) as caught:
            world.take(case, "approve_in", world.in_reviewer)
    assert "南宁" in caught.value.zh
    assert world.take(case, "approve_in", world.in_reviewer).state == "RELATION_DONE"


def test_deciding_twice_finds_it_done(world):
    case = world.accepted()
    assert decide(case.pk, now=MONDAY).version == case.version


def test_a_registry_that_goes_away_in_the_middle_of_the_work(world, registry):
    plugged = registry(OUT)
    plugged.away = False
    case = world.carry(world.accepted(), "claim_out")
    plugged.away = True
    with pytest.raises(Refusal) as caught:
        world.take(case, "prepare_sheet", world.out_handler)
    assert (caught.value.code, caught.value.http_status) == ("J-REGISTRY-DOWN", 503)
    assert "南宁" in caught.value.zh
    plugged.away = False
    assert world.take(case, "prepare_sheet", world.out_handler).state == "OUT_REVIEW"


# --- supplements that run out -----------------------------------------------------------------------------


def test_a_supplement_that_does_not_come_ends_the_case(world):
    world.everyone()
    case = world.carry(world.accepted(), "claim_out")
    case = world.take(case, "request_supplement", world.out_handler, reason="Q-01", note="照片不清楚")
    assert case.due_at == at("06-09", "00:00")
    assert sweep(now=at("06-08", "23:59")).lapsed == 0
    assert sweep(now=at("06-09", "00:00")).lapsed == 1
    case = TransferCase.objects.get()
    assert (case.state, case.end_reason, case.closed_at) == ("TERMINATED", "W-05", at("06-09", "00:00"))
    assert Letter.objects.filter(template="lapsed", channel="sms").count() == 1
    assert sweep(now=at("06-09", "00:01")).lapsed == 0
    with pytest.raises(Refusal, match="J-NOT-NOW"):
        world.take(case, "provide_supplement", world.out_handler, note="晚了")
    assert taken(world).state == "ACCEPTED", "they may apply again"
