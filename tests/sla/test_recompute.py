"""A notice is amended: open clocks are counted anew, each once, and nothing is lost when the run is cut short."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from notifications.models import Letter
from tests.sla.days import at
from tests.world import MONDAY, World
from transfers import memory
from transfers.access import person_actor
from transfers.actions.calendars import load, preview
from transfers.actions.sweep import sweep
from transfers.models import Alarm, CalendarEdition, CalendarNotice, CaseEvent, Clock, TransferCase
from transfers.reference import files
from transfers.rules.workdays import CalendarError, Notice, NoticeDay
from transfers.selectors.verify import problems
from transfers.sla import recompute as recomputing
from transfers.sla.recompute import Recomputed, outlook, recompute, stale

pytestmark = pytest.mark.django_db
OFFICIAL = next(n for n in files.read().notices if (n.region, n.year) == ("100000", 2026))
DOCUMENT = "测试〔2026〕9号"
ASK = {"reason": "Q-01", "note": "身份证照片不清楚"}


def amended(*changes: tuple[str, bool], version: int = 2, region: str = "100000") -> Notice:
    """The notice of 2026 with some days counted otherwise; of a region, those days alone."""
    days = {day.date: day for day in OFFICIAL.days} if region == "100000" else {}
    for text, working in changes:
        on = date.fromisoformat(f"2026-{text}")
        days[on] = NoticeDay(on, working, "测试假", "Test holiday")
    return Notice(
        region=region,
        year=2026,
        version=version,
        document_number=DOCUMENT,
        covered_from=date(2026, 1, 1),
        covered_until=date(2026, 12, 31),
        days=tuple(sorted(days.values(), key=lambda day: day.date)),
    )


def announce(notice: Notice, now: datetime = MONDAY) -> None:
    load(notice, user_id=None, now=now)
    memory.forget()


def out(case: TransferCase) -> Clock:
    return Clock.objects.get(case=case, kind="OUT", stopped_at=None)


def moves(case: TransferCase) -> list[tuple[str, str]]:
    rows = CaseEvent.objects.filter(case=case, kind="calendar").order_by("id")
    return [(event.data["old_due_on"], event.data["new_due_on"]) for event in rows]


def rungs(case: TransferCase) -> list[str]:
    return list(Alarm.objects.filter(case=case).order_by("id").values_list("rung", flat=True))


def test_a_new_holiday_moves_the_promise_and_says_so(world):
    """Monday 1 June plus ten days is Monday the 15th; with Wednesday the 10th off it is Tuesday the 16th."""
    world.everyone()
    case = world.carry(world.accepted(email="person@example.com"), "claim_out")
    before = out(case)
    announce(amended(("06-10", False)))
    assert [pair.area for pair in stale()] == ["450100"]
    done = recompute(now=at("06-02", "10:00"))
    assert done == Recomputed(clocks=1, moved=1, told=2, staff=2)
    clock = out(case)
    assert (clock.due_on.isoformat(), clock.due_at, clock.generation) == ("2026-06-16", at("06-17", "00:00"), 2)
    assert TransferCase.objects.get(pk=case.pk).due_at == clock.due_at
    assert clock.calendar_id != before.calendar_id
    assert moves(case) == [("2026-06-15", "2026-06-16")]
    event = CaseEvent.objects.get(case=case, kind="calendar")
    assert (event.version, event.data["documents"]) == (None, [DOCUMENT])
    # Five days used on Monday the 8th, so half rings on the 9th as before; then everything is a day later.
    planned = {entry["code"]: entry["at"][5:10] for entry in clock.plan}
    assert (planned["half"], planned["T-2"], planned["due-day"]) == ("06-09", "06-15", "06-16")
    letters = Letter.objects.filter(template="calendar_moved", subject_ref=case.number)
    assert {(letter.channel, letter.context["was"], letter.context["due_on"]) for letter in letters} == {
        ("sms", "2026-06-15", "2026-06-16"),
        ("email", "2026-06-15", "2026-06-16"),
    }
    told = Letter.objects.filter(template="calendar_work", channel="inbox")
    assert {(letter.recipient_id, letter.context["count"], letter.context["mine"]) for letter in told} == {
        (world.out_lead.pk, 1, 0),
        (world.out_handler.pk, 0, 1),
    }
    assert problems(now=at("06-02", "10:00")) == []
    # Nothing is left to do, and doing it again does nothing.
    assert stale() == []
    assert recompute(now=at("06-02", "11:00")) == Recomputed()
    assert len(moves(case)) == 1


def test_what_does_not_touch_a_clock_leaves_no_event(world):
    case = world.accepted()
    announce(amended(("09-16", False)))
    assert recompute(now=MONDAY) == Recomputed(clocks=1)
    assert (moves(case), out(case).generation) == ([], 1)
    assert Letter.objects.filter(template__startswith="calendar").count() == 0


def test_only_the_reminders_may_move(world):
    """A day off after the last day, before the rungs that come when it is passed."""
    case = world.accepted()
    announce(amended(("06-17", False)))
    assert recompute(now=MONDAY).moved == 1
    assert moves(case) == [("2026-06-15", "2026-06-15")]
    assert CaseEvent.objects.get(case=case, kind="calendar").name == "plan_moved"
    assert Letter.objects.filter(template__startswith="calendar").count() == 0


def test_a_region_s_notice_moves_its_own_clocks_and_no_others(world):
    here = world.accepted(1)
    there = World(out="320100").accepted(2)
    announce(amended(("06-10", False), region="450000"))
    assert recompute(now=MONDAY).clocks == 1
    assert (moves(here), moves(there)) == ([("2026-06-15", "2026-06-16")], [])


def test_days_that_were_counted_already_are_counted_anew(world):
    """Wednesday the 3rd turns out to have been a day off: a pause from Friday the 5th has used one day less."""
    case = world.carry(world.accepted(), "claim_out")
    case = world.take(case, "request_supplement", world.out_handler, now=at("06-05", "16:00"), **ASK)
    clock = out(case)
    assert (clock.used, clock.paused_days) == (3, 0)
    announce(amended(("06-03", False)), now=at("06-05", "17:00"))
    recompute(now=at("06-05", "17:00"))
    clock = out(case)
    assert (clock.status, clock.used, clock.next_at) == ("paused", 2, None)
    assert problems(now=at("06-05", "17:01")) == []
    case = world.take(case, "provide_supplement", person_actor(case), now=at("06-09", "10:00"), note="已重新上传")
    clock = out(case)
    # The 5th, 8th and 9th are the pause; eight days are left from the 10th on, over the Dragon Boat holiday.
    assert (clock.used, clock.paused_days, clock.due_on.isoformat()) == (2, 3, "2026-06-22")
    sweep(now=at("06-09", "10:00"))
    assert problems(now=at("06-09", "10:01")) == []
    announce(amended(version=3), now=at("06-09", "11:00"))
    recompute(now=at("06-09", "11:00"))
    clock = out(case)
    assert (clock.used, clock.paused_days, clock.due_on.isoformat()) == (3, 3, "2026-06-18")
    assert problems(now=at("06-09", "11:01")) == []


def test_a_stopped_clock_stays_as_it_was_decided(world):
    case = world.carry(world.accepted(), "prepare_sheet")
    world.take(case, "approve_out", world.out_reviewer, now=at("06-12", "10:00"))
    clock = Clock.objects.get(case=case, kind="OUT")
    assert (clock.used, clock.outcome) == (9, "met")
    announce(amended(("06-03", False)), now=at("06-12", "12:00"))
    recompute(now=at("06-12", "12:00"))
    after = Clock.objects.get(case=case, kind="OUT")
    assert (after.used, after.calendar_id) == (9, clock.calendar_id)
    assert problems(now=at("06-12", "12:01")) == []


def test_a_rung_that_rang_stays_silent_and_one_now_past_rings_at_once_in_order(world):
    world.everyone()
    case = world.carry(world.accepted(), "claim_out")
    sweep(now=at("06-09", "09:00"))
    assert rungs(case) == ["half"]
    # Saturday and Sunday before were worked after all: nine of ten days are used, T-2 and due-day are behind.
    announce(amended(("06-06", True), ("06-07", True)), now=at("06-12", "08:00"))
    recompute(now=at("06-12", "08:00"))
    clock = out(case)
    assert clock.due_on.isoformat() == "2026-06-11"
    assert moves(case) == [("2026-06-15", "2026-06-11")]
    sweep(now=at("06-12", "08:01"))
    assert rungs(case) == ["half", "T-2", "due-day"]
    sweep(now=at("06-12", "09:00"))
    assert rungs(case) == ["half", "T-2", "due-day", "T+0"]
    announce(amended(version=3), now=at("06-12", "10:00"))
    recompute(now=at("06-12", "10:00"))
    assert out(case).due_on.isoformat() == "2026-06-15"
    sweep(now=at("07-31"))
    assert all(rungs(case).count(rung) == 1 for rung in set(rungs(case)))
    assert problems(now=at("07-31", "00:01")) == []


def many(world: World, count: int) -> list[TransferCase]:
    return [world.accepted(serial) for serial in range(1, count + 1)]


def counted(cases: list[TransferCase]) -> tuple[int, int, int]:
    """Cases with exactly one event, with exactly one letter, and whose clock is on the new day."""
    events = [CaseEvent.objects.filter(case=case, kind="calendar").count() for case in cases]
    letters = [Letter.objects.filter(subject_ref=case.number, template="calendar_moved").count() for case in cases]
    days = [out(case).due_on == date(2026, 6, 16) for case in cases]
    return sum(n == 1 for n in events), sum(n == 1 for n in letters), sum(days)


class PowerCut(BaseException):
    """Nothing may catch this."""


def test_cut_short_between_and_inside_batches_it_goes_on_where_it_was(world, monkeypatch):
    cases = many(world, 7)
    announce(amended(("06-10", False)))
    store, calls = recomputing._store_due, []

    def dies(clocks: Any) -> None:
        calls.append(len(clocks))
        store(clocks)
        if len(calls) == 3:
            raise PowerCut  # the clocks of this batch are written, their events are not

    monkeypatch.setattr(recomputing, "_store_due", dies)
    with pytest.raises(PowerCut):
        recompute(now=MONDAY, batch=2)
    monkeypatch.undo()
    assert counted(cases) == (4, 4, 4)
    assert Letter.objects.filter(template="calendar_work").count() == 0, "staff are told when all is done"
    world.everyone()
    assert recompute(now=MONDAY, batch=2).clocks == 3
    assert counted(cases) == (7, 7, 7)
    sums = Letter.objects.filter(template="calendar_work", recipient=world.out_lead, channel="inbox")
    assert [letter.context["count"] for letter in sums] == [7]
    assert problems(now=MONDAY) == []


def test_many_cases_are_read_at_once(world):
    """What is loaded of them is all that is needed: none is asked for again."""
    many(world, 3)
    announce(amended(("06-10", False)))
    with CaptureQueriesContext(connection) as captured:
        assert recompute(now=MONDAY) == Recomputed(clocks=3, moved=3, told=3)
    reads = [query["sql"] for query in captured if 'FROM "transfers_transfercase"' in query["sql"]]
    assert len(reads) == 1, reads


def test_without_the_stamp_a_second_run_would_double_everything(world, monkeypatch):
    """The negative control: a run that does not mark its clocks leaves each of them to be done, and told, again."""
    case = world.accepted()
    announce(amended(("06-10", False)))
    store = recomputing._store_clocks

    def forgetful(clocks: Any) -> None:
        old = dict(Clock.objects.filter(pk__in=[c.pk for c in clocks]).values_list("pk", "calendar_id"))
        store(clocks)
        for pk, calendar in old.items():
            Clock.objects.filter(pk=pk).update(calendar=calendar, due_on="2026-06-15")

    monkeypatch.setattr(recomputing, "_store_clocks", forgetful)
    for _run in range(2):
        recomputing._batch(stale()[0], seen=recomputing._notices_as_they_are(), failed=set(), now=MONDAY, batch=9)
    assert len(moves(case)) == 2


def test_one_clock_that_cannot_be_counted_does_not_hold_up_the_others(world):
    cases = many(world, 3)
    Clock.objects.filter(case=cases[1]).update(plan=[{"code": "half"}])
    announce(amended(("06-10", False)))
    done = recompute(now=MONDAY, batch=2)
    assert (done.clocks, done.failed) == (2, 1)
    assert [pair.area for pair in stale()] == ["450100"]
    CalendarEdition.objects.update(made_at=at("05-01"))
    assert {p.invariant for p in problems(now=MONDAY)} >= {"calendars"}


def test_a_notice_loaded_meanwhile_is_not_undone_by_one_who_remembers_the_old(world):
    case = world.accepted()
    announce(amended(("06-10", False)))
    remembered = recomputing._notices_as_they_are()
    pair = stale()[0]
    load(amended(("06-10", False), ("06-11", False), version=3), user_id=None, now=MONDAY)
    # This process still remembers version 2; its batch sees that the notices are others now and leaves them alone.
    done, more = recomputing._batch(pair, seen=remembered, failed=set(), now=MONDAY, batch=9)
    assert (done.clocks, more) == (0, False)
    recompute(now=MONDAY)
    assert moves(case) == [("2026-06-15", "2026-06-17")]


def test_clocks_from_before_there_were_editions_are_stamped_and_nothing_else(world):
    case = world.accepted()
    again = world.carry(world.accepted(2), "claim_out")
    again = world.take(again, "request_supplement", world.out_handler, now=at("06-04", "16:00"), **ASK)
    again = world.take(again, "provide_supplement", person_actor(again), now=at("06-08", "10:00"), note="已重新上传")
    Clock.objects.update(calendar=None)
    assert recompute(now=at("06-08", "11:00")) == Recomputed(clocks=2)
    assert (moves(case), out(case).generation) == ([], 1)
    assert (moves(again), out(again).generation) == ([], 2), "counted from its events it is what it was"


# --- the preview ------------------------------------------------------------------------------------------


def test_the_preview_says_what_will_happen_and_then_it_does(world):
    many(world, 3)
    paused = world.carry(world.accepted(4), "claim_out")
    world.take(paused, "request_supplement", world.out_handler, now=at("06-04", "16:00"), **ASK)
    notice = amended(("06-10", False))
    seen = preview(notice)
    assert (seen.replaces, seen.notice.tag) == ("2026.1", "2026.2")
    assert [(day.date.isoformat(), day.working) for day in seen.days] == [("2026-06-10", False)]
    assert DOCUMENT in seen.days[0].after.zh
    (region,) = seen.regions
    # Three that run, the one that is paused, and the person's own limit.
    assert (region.code, region.clocks, region.later, region.earlier) == ("450000", 5, 5, 0)
    assert {(example.old.isoformat(), example.new.isoformat()) for example in region.examples} == {
        ("2026-06-15", "2026-06-16"),
        ("2026-06-11", "2026-06-12"),
    }
    assert CalendarNotice.objects.filter(year=2026, version=2).count() == 0
    assert stale() == []
    announce(notice)
    assert recompute(now=MONDAY).moved == seen.moving == 5


def test_the_outlook_of_what_holds_already_is_that_nothing_moves(world):
    many(world, 2)
    from transfers.sla.calendars import calendar_for

    (line,) = outlook({"450100": calendar_for("450100")})
    assert (line.clocks, line.moving, line.examples) == (2, 0, [])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 1}, "2026.1 is not higher than 1"),
        ({"document_number": " "}, "no document number"),
        ({"region": "999999"}, "there is no area 999999"),
        ({"provisional": True}, "the notice of 2026 is out already"),
        ({"covered_until": date(2026, 6, 30), "days": ()}, "covered days do not join"),
        (
            {"days": (*OFFICIAL.days, NoticeDay(date(2026, 1, 1), True, "元旦", "x"))},
            "both as a day off and as a working",
        ),
    ],
)
def test_what_cannot_be_loaded_is_said_and_nothing_is(world, change, problem):
    from dataclasses import replace

    case = world.accepted()
    sound = amended(("06-10", False))
    for do in (preview, lambda notice: load(notice, user_id=None, now=MONDAY)):
        with pytest.raises(CalendarError) as refused:
            do(replace(sound, **change))
        assert problem in json.dumps(refused.value.problems, ensure_ascii=False)
    assert CalendarNotice.objects.filter(document_number=DOCUMENT).count() == 0
    announce(sound)
    recompute(now=MONDAY)
    assert moves(case) == [("2026-06-15", "2026-06-16")]


def test_the_state_column_s_guard_lets_a_due_date_through_and_a_state_not(world):
    case = world.accepted()
    announce(amended(("06-10", False)))
    recompute(now=MONDAY)
    assert TransferCase.objects.get(pk=case.pk).version == case.version
    refused = pytest.raises(Exception, match="only through the one door")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE transfers_transfercase SET state = 'INFO_SENT' WHERE id = %s", [case.pk])
