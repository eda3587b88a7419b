"""Automatic transfers: an enrolment starts one, the system carries it, and people take over where it cannot.

Changsha (430100) and Zhuzhou (430200) lie in Hunan, which carries transfers inside the province by itself since
2025-07-10; Nanning (450100) and Guilin (450300) in Guangxi, which does not.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

import transfers.actions.automatic as automatic
from notifications.models import Letter
from notifications.rendering import render
from tests.sla.days import at
from tests.world import MONDAY, OUT, World, application, identity_number, person
from transfers import memory
from transfers.access import SYSTEM, Actor, ActorKind, actor_for
from transfers.actions.automatic import AGAIN, mode_between
from transfers.actions.enrolments import Outcome, enrolled, enrolled_many
from transfers.actions.idempotency import Promise, digest_of
from transfers.actions.intake import apply
from transfers.actions.sweep import sweep
from transfers.models import (
    CaseEvent,
    Clock,
    ContributionPeriod,
    Enrolment,
    IdempotencyKey,
    LedgerEntry,
    Partner,
    Person,
    PersonalAccount,
    Policy,
    Sheet,
    TransferCase,
)
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.enrolments import Answer
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db
CHANGSHA, ZHUZHOU, XIANGTAN = "430100", "430200", "430300"
GUILIN = "450300"


def event(serial: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "event": f"enrol-{serial}",
        "name": "测试甲",
        "identity_number": identity_number(serial),
        "inbound_area": ZHUZHOU,
        "first_month": "2026-05",
        **more,
    }


def mover(serial: int = 1, *, balance_fen: int = 0) -> Person:
    return person(serial, out=CHANGSHA, into=ZHUZHOU, balance_fen=balance_fen)


def told(**more: Any) -> tuple[Answer, TransferCase | None]:
    outcome = enrolled(event(**more), SYSTEM, now=MONDAY)
    return outcome.answer, outcome.case


def steps(case: TransferCase) -> list[str]:
    return list(CaseEvent.objects.filter(case=case, kind="move").order_by("id").values_list("name", flat=True))


def words(letter: Letter) -> str:
    return render(letter.template, language=letter.language, values=letter.context, sms=True).body.strip()


def put_in_force(area: str, **values: Any) -> None:
    """A policy of that area, as reference data brings it."""
    Policy.objects.create(
        area_id=area,
        version=90,
        valid_from=date(2026, 1, 1),
        document_number="测试",
        values=values,
        published_at=MONDAY,
    )
    memory.forget()


def test_an_enrolment_is_carried_to_its_end_without_anybody(db):
    who = mover()
    answer, case = told(phone="13800000001")
    assert answer is Answer.STARTED
    assert steps(case) == ["submit", "accept", "auto_out", "auto_in", "finish"]
    assert (case.state, case.channel, case.applicant, case.auto_at) == ("COMPLETED", "automatic", "self", None)
    assert (case.outbound_area_id, case.inbound_area_id, case.outbound_scheme) == (CHANGSHA, ZHUZHOU, "310")
    sheet = Sheet.objects.get(case=case)
    assert (sheet.prepared_by, sheet.approved_by, sheet.content["months_total"]) == (None, None, 72)
    assert Enrolment.objects.get(person=who, area=CHANGSHA).status == "4"
    assert ContributionPeriod.objects.get(person=who, area=ZHUZHOU).origin_id == CHANGSHA
    sent = {letter.template: words(letter) for letter in Letter.objects.filter(subject_ref=case.number, channel="sms")}
    assert sent.keys() == {"accepted", "completed"}, "one when it begins, one when it is done"
    assert "无需申请" in sent["accepted"]
    assert all(len(text) <= 140 for text in sent.values())
    assert problems(now=MONDAY) == []


def test_without_a_phone_nobody_is_written_to(db):
    mover()
    _answer, case = told()
    assert (case.state, case.phone) == ("COMPLETED", "")
    assert not Letter.objects.filter(subject_ref=case.number, channel__in=["sms", "email"]).exists()
    with pytest.raises(Refusal) as caught:
        apply(application(2, phone=""), SYSTEM, channel=Channel.ONLINE, now=MONDAY)
    assert caught.value.details["fields"].keys() == {"phone"}, "who applies is written to"


def test_hunan_credits_the_balance_at_once_and_settles_later(db):
    who = mover(balance_fen=12_345)
    _answer, case = told()
    assert (case.state, case.remittance.state, case.remittance.destination) == ("COMPLETED", "CREDITED", "instant")
    assert PersonalAccount.objects.get(person=who, area=ZHUZHOU).balance_fen == 12_345
    books = LedgerEntry.objects.filter(transaction__case=case).values_list("book").annotate(fen=Sum("amount_fen"))
    assert dict(books) == {"personal": 0, "fixed": 0, "owed": 12_345, "advanced": -12_345}
    assert problems(now=MONDAY) == []


def test_the_balance_waits_for_the_finance_people(db):
    mover(balance_fen=12_345)
    put_in_force(CHANGSHA, in_province_fund="move")
    _answer, case = told()
    assert (case.state, case.remittance.state, case.remittance.amount_fen) == ("RELATION_DONE", "FROZEN", 12_345)
    assert problems(now=MONDAY) == []


def test_the_same_event_is_the_same_case(db):
    mover()
    _answer, case = told()
    answer, again = told()
    assert (answer, again.pk, again.version) == (Answer.KNOWN, case.pk, case.version)
    with pytest.raises(Refusal, match="J-IDEMPOTENCY"):
        told(first_month="2026-04")
    assert TransferCase.objects.count() == IdempotencyKey.objects.count() == 1


def test_of_two_at_once_the_second_finds_the_first_ones_case(db):
    """The row is the promise, for our own command (no partner) too: looking first only spares the work."""
    mover()
    _answer, case = told()
    late = Promise(None, Partner.ENROL, "enrol-1", digest_of(event()))
    filed = late.keep(lambda: pytest.fail("a second case was taken in"), now=MONDAY)
    assert (filed.case.pk, filed.replayed) == (case.pk, True)


def test_what_does_not_start_leaves_nothing_and_says_why(db):
    who = mover()
    assert told(inbound_area=GUILIN) == (Answer.NOT_AUTOMATIC, None)
    assert told(outbound_area=OUT) == (Answer.OTHER_PROVINCE, None)
    assert told(identity_number=identity_number(7)) == (Answer.NONE_FOUND, None)
    assert told(outbound_scheme="390") == (Answer.NONE_FOUND, None)
    Enrolment.objects.create(
        person=who, area_id=XIANGTAN, scheme="310", status="2", name="测试甲", valid_from=date(2018, 1, 1)
    )
    assert told() == (Answer.SEVERAL_FOUND, None)
    assert TransferCase.objects.count() == IdempotencyKey.objects.count() == 0
    # Named, it is no question any more; and the same event, sent again, starts it now.
    answer, case = told(outbound_area=CHANGSHA)
    assert (answer, case.state) == (Answer.STARTED, "COMPLETED")


def test_a_transfer_under_way_is_not_begun_twice(db):
    mover(balance_fen=1)
    put_in_force(CHANGSHA, in_province_fund="move")
    told()
    assert told(event="another", outbound_area=CHANGSHA) == (Answer.UNDER_WAY, None)


def test_both_areas_must_be_automatic(db):
    mover()
    on = MONDAY.date()
    assert mode_between(CHANGSHA, ZHUZHOU, on) == "automatic"
    put_in_force(CHANGSHA, in_province_mode="no_review")
    assert mode_between(CHANGSHA, ZHUZHOU, on) == mode_between(ZHUZHOU, CHANGSHA, on) == "no_review"
    assert mode_between(CHANGSHA, OUT, on) == "normal"
    assert told() == (Answer.NONE_FOUND, None)
    assert told(outbound_area=CHANGSHA) == (Answer.NOT_AUTOMATIC, None)


def test_a_rule_that_fails_is_told_with_its_reason(db):
    who = mover()
    Enrolment.objects.filter(person=who, area=ZHUZHOU).delete()
    _answer, case = told(phone="13800000001")
    assert (case.state, [f["code"] for f in case.failures]) == ("NOT_ACCEPTED", ["V-I-01"])
    assert "自动发起的医保转移" in words(Letter.objects.get(template="refused", channel="sms"))


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"event": "", "first_month": "2026-13"}, {"event", "first_month"}),
        ({"event": "有空 格", "name": ""}, {"event", "name"}),
        ({"event": 7, "identity_number": "1"}, {"event", "identity_number"}),
        ({"first_month": "2036-01", "inbound_area": "999999"}, {"first_month", "inbound_area"}),
        ({"outbound_area": "999999", "phone": "1"}, {"outbound_area", "phone"}),
        ({"outbound_area": ZHUZHOU}, {"outbound_area"}),
        ({"applicant": "employer", "remarks": "x"}, {"applicant", "remarks"}),
    ],
)
def test_a_wrong_event_is_refused_with_every_field(db, more, wrong):
    with pytest.raises(Refusal) as caught:
        told(**more)
    assert (caught.value.code, set(caught.value.details["fields"])) == ("J-INPUT", wrong)
    assert not TransferCase.objects.exists()


def test_no_review_is_carried_after_an_application(world):
    person(1, into=GUILIN, balance_fen=0)
    world = World(into=GUILIN)
    actor = actor_for(world.in_handler)
    put_in_force("450000", in_province_mode="no_review")
    assert told(inbound_area=GUILIN) == (Answer.NOT_AUTOMATIC, None)
    case = apply(application(1, into=GUILIN), actor, channel=Channel.WINDOW_IN, now=MONDAY)
    assert (case.state, steps(case)[1:4]) == ("COMPLETED", ["accept", "auto_out", "auto_in"])
    # Across provinces, and where the province says nothing, people do the work.
    person(2)
    case = apply(application(2), Actor(ActorKind.PERSON, "测试甲"), channel=Channel.ONLINE, now=MONDAY)
    assert (case.state, case.auto_at) == ("ACCEPTED", None)


# --- where the system cannot go on ------------------------------------------------------------------------


class Moody(OwnTables):
    """An area's own registry; `mood` is what becomes of a question for the sheet."""

    mood: ClassVar[str] = ""
    asked: ClassVar[int] = 0

    def facts(self, who: Person, area: str) -> Any:
        Moody.asked += 1
        if Moody.asked > 1 and Moody.mood == "away":
            raise RegistryUnavailable
        if Moody.asked > 1 and Moody.mood == "broken":
            raise ValueError("nonsense")
        return super().facts(who, area)


@pytest.fixture
def moody(settings, monkeypatch) -> type[Moody]:
    settings.ENROLMENT_REGISTRIES = {CHANGSHA: f"{__name__}.Moody"}
    monkeypatch.setattr(Moody, "asked", 0)
    monkeypatch.setattr(Moody, "mood", "")
    return Moody


@pytest.mark.parametrize("mood", ["away", "broken"])
def test_a_registry_that_fails_is_tried_again(db, moody, mood):
    mover()
    moody.mood = mood
    _answer, case = told()
    assert (case.state, case.auto_at) == ("ACCEPTED", MONDAY + AGAIN)
    assert Clock.objects.get(case=case).status == Clock.Status.RUNNING
    assert sweep(now=MONDAY + AGAIN - timedelta(seconds=1)).carried == 0
    assert sweep(now=MONDAY + AGAIN).carried == 0
    assert TransferCase.objects.get().auto_at == MONDAY + 2 * AGAIN
    moody.mood = ""
    assert sweep(now=MONDAY + 2 * AGAIN).carried == 1
    assert TransferCase.objects.get().state == "COMPLETED"


def test_what_needs_people_falls_to_people(db):
    who = mover()
    ContributionPeriod.objects.filter(person=who).delete()
    _answer, case = told()
    assert (case.state, case.auto_at, steps(case)[-1]) == ("ACCEPTED", None, "auto_defer")
    assert case.due_at == at("06-16", "00:00"), "ten working days after 2026-06-01, to 24:00"
    assert case.holder == case.outbound_agency
    assert sweep(now=MONDAY + timedelta(hours=9)).carried == 0
    world = World(out=CHANGSHA, into=ZHUZHOU)
    assert world.take(case, "claim_out", world.out_handler).state == "OUT_PROCESSING"
    assert problems(now=MONDAY) == []


@pytest.mark.parametrize("claimed", [True, False])
def test_who_claims_it_meanwhile_keeps_it(db, moody, monkeypatch, claimed):
    """The system has read the case; somebody claims it before the system's step. Without them, the step is taken."""
    mover()
    moody.mood = "away"
    _answer, case = told()
    moody.mood = ""
    world, real = World(out=CHANGSHA, into=ZHUZHOU), automatic.perform

    def late(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(automatic, "perform", real)
        if claimed:
            world.take(case, "claim_out", world.out_handler)
        return real(*args, **more)

    monkeypatch.setattr(automatic, "perform", late)
    assert sweep(now=MONDAY + AGAIN).carried == (0 if claimed else 1)
    case = TransferCase.objects.get()
    assert (case.state, case.auto_at) == ("OUT_PROCESSING" if claimed else "COMPLETED", None)
    assert sweep(now=MONDAY + 2 * AGAIN).carried == 0


# --- many in one go --------------------------------------------------------------------------------


def test_many_events_become_what_each_would_be_alone(db):
    """Carried to the end, left out for a reason, wrong, known, of one person twice: as one after another."""
    elsewhere = {"inbound_area": GUILIN}

    def events(base: int) -> list[dict[str, Any]]:
        for serial in (1, 2, 4):
            mover(base + serial, balance_fen=serial * 100)
        return [
            event(base + 1, phone="13800000001"),
            event(base + 2),
            event(base + 3),  # nobody that the areas know
            event(base + 4, first_month="1900-01"),
            event(base + 1, phone="13800000001"),  # again
            event(base + 1, phone="13800000002"),  # the id with another content
            event(base + 2, event=f"enrol-{base}-other"),  # the person has been moved by then
            event(base + 5, **elsewhere),
        ]

    def said(outcome: Outcome | Refusal) -> Any:
        if isinstance(outcome, Refusal):
            return outcome.code
        case = outcome.case
        return outcome.answer, *((case.state, steps(case)) if case else ())

    alone = []
    for one in events(10):
        try:
            alone.append(said(enrolled(one, SYSTEM, now=MONDAY)))
        except Refusal as error:
            alone.append(said(error))
    together = [said(outcome) for outcome in enrolled_many(events(20), SYSTEM, now=MONDAY)]
    assert together == alone
    way = ["submit", "accept", "auto_out", "freeze", "auto_in", "credit_at_once", "finish"]  # Hunan credits at once
    assert together[0] == (Answer.STARTED, "COMPLETED", way)
    assert together[3] == "J-INPUT"
    assert together[4][0] is Answer.KNOWN
    assert together[5] == "J-IDEMPOTENCY"
    assert problems(now=MONDAY) == []


def test_the_statements_for_many_events_do_not_grow_with_them(db):
    def asked(*serials: int) -> int:
        for serial in serials:
            mover(serial)
        with CaptureQueriesContext(connection) as queries:
            outcomes = enrolled_many([event(serial) for serial in serials], SYSTEM, now=MONDAY)
        assert {one.case.state for one in outcomes if isinstance(one, Outcome) and one.case} == {"COMPLETED"}
        tables = ("transfers_idempotencykey", "transfers_enrolment", "transfers_person")
        return sum(any(f'FROM "{table}"' in query["sql"] for table in tables) for query in queries)

    asked(1, 2)
    assert asked(3, 4) == asked(*range(5, 15))
