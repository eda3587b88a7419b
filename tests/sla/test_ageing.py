"""Money that nobody has explained: its ladder climbs once a rung, in working hours, and stops when it is explained."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from notifications.models import Letter
from tests.world import put_in_force, user
from transfers.access import actor_for
from transfers.actions import lines
from transfers.actions.batches import drop_payment
from transfers.models import BankFile, Payment, Remittance, StatementLine
from transfers.places import agency_of
from transfers.rules.parties import Role
from transfers.rules.workdays import ZONE
from transfers.sla.ageing import PART_ARRIVED, first_reminder, remind

CAME = datetime(2026, 6, 1, 15, 0, tzinfo=ZONE)  # a Monday; 19 June is a holiday


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def told_by_the_bank() -> dict[str, Any]:
    """The agency and the file of a line that came in a statement."""
    agency = agency_of("330100")
    known = {"count": 9, "total_fen": 900, "taken_at": CAME, "digest": "0" * 64}
    file, _created = BankFile.objects.get_or_create(agency=agency, kind="statement", sequence=1, defaults=known)
    rows = StatementLine.objects.filter(file=file).count()
    return {"agency": agency, "file": file, "row": rows + 1}


def line(reference: str, came: datetime = CAME) -> StatementLine:
    return StatementLine.objects.create(
        **told_by_the_bank(),
        bank_reference=reference,
        booked_at=came,
        payer_name="某单位",
        amount_fen=100,
        state="queued",
        reason="none",
        remind_at=first_reminder("330100", came.date(), today=came.date()),
    )


def told(since: datetime, template: str = "unmatched") -> dict[str, set[str]]:
    """rung -> who heard of it."""
    found: dict[str, set[str]] = {}
    for letter in Letter.objects.filter(template=template, channel="inbox", created_at__gte=since):
        found.setdefault(letter.context["rung"], set()).add(letter.recipient.username)
    return found


def test_the_ladder_climbs_to_the_province_once_a_rung_and_stops(world):
    world.everyone()
    user("in_province", "330000", (Role.HEAD,))
    one, other = line("A"), line("B")
    # Five working days from 1 June: due on 8 June. Two are left on the 5th, and it is over on the 9th.
    assert one.remind_at == at("2026-06-05T09:00:00")
    assert remind(now=at("2026-06-05T08:59:59")) == 0
    climbed = {}
    for moment in ("2026-06-05T10:00:00", "2026-06-09T10:00:00", "2026-06-12T10:00:00", "2026-06-16T10:00:00"):
        now = at(moment)
        assert remind(now=now) == 2
        assert remind(now=now + timedelta(minutes=1)) == 0, "each rung once"
        (heard,) = told(now).values()
        climbed[moment[5:10]] = heard
        assert Letter.objects.filter(template="unmatched", created_at=now, context__lines=2).exists()
    assert climbed == {
        "06-05": {"in_handler", "in_reviewer"},
        "06-09": {"in_handler", "in_reviewer", "in_lead"},
        "06-12": {"in_head"},
        "06-16": {"in_province"},
    }
    other.refresh_from_db()
    assert (other.remind_at, other.reminded) == (None, 4)


def test_what_was_missed_fires_in_order_and_letters_wait_for_working_hours(world):
    world.everyone()
    line("A")
    night = at("2026-06-13T02:00:00")  # a Saturday
    assert [remind(now=night) for _ in range(4)] == [1, 1, 1, 0]
    letters = Letter.objects.filter(template="unmatched", channel="email").order_by("pk")
    assert {letter.due_at for letter in letters} == {at("2026-06-15T09:00:00")}
    assert list(dict.fromkeys(letter.context["rung"] for letter in letters)) == [
        "到账款项尚未核对清楚",
        "到账款项逾期未核对清楚",
        "到账款项逾期3个工作日未核对清楚",
    ]


def test_an_explained_line_is_silent_and_a_local_limit_counts(world):
    world.everyone()
    put_in_force("330000", unmatched_days=10)
    assert first_reminder("330100", date(2026, 6, 1), today=date(2026, 6, 1)) == at("2026-06-12T09:00:00")
    case = world.carry(world.accepted(balance_fen=100), "approve_remittance")
    explained = line("A")
    world.take(case, "match_line", world.in_handler, data={"line": str(explained.pk)})
    assert remind(now=at("2026-07-15T10:00:00")) == 0
    assert lines.open_fen(StatementLine.objects.get()) == 0


def test_a_part_climbs_the_same_ladder_until_the_rest_is_on_its_way(world):
    world.everyone()
    user("in_province", "330000", (Role.HEAD,))
    parted = [world.carry(world.accepted(serial, balance_fen=300), "approve_remittance") for serial in (1, 2, 3)]
    for number, case in enumerate(parted):
        came = line(f"P{number}")
        world.take(case, "match_line", world.in_handler, now=CAME, data={"line": str(came.pk)})
    one, two, three = parted
    # Of the third the rest has come, of the second it is sent.
    rest = StatementLine.objects.create(
        **told_by_the_bank(), bank_reference="R", booked_at=CAME, payer_name="某单位", amount_fen=200
    )
    world.take(three, "match_line", world.in_handler, now=CAME, data={"line": str(rest.pk)})
    assert remind(now=at("2026-06-05T08:59:59")) == 0
    assert remind(now=at("2026-06-05T10:00:00")) == 2
    assert remind(now=at("2026-06-05T10:05:00")) == 0, "each rung once"
    assert set(told(CAME, "part_arrived")) == {"到账款项尚未核对清楚"}
    world.take(two, "raise_difference", world.in_handler, reason="D-01", note="少到")
    world.take(two, "answer_difference", world.out_handler, reason="D-11", note="另汇")
    climbed = {}
    for moment in ("2026-06-09T10:00:00", "2026-06-12T10:00:00", "2026-06-16T10:00:00"):
        assert remind(now=at(moment)) == 1
        (climbed[moment[5:10]],) = told(at(moment), "part_arrived").values()
    assert climbed == {
        "06-09": {"in_handler", "in_reviewer", "in_lead"},
        "06-12": {"in_head"},
        "06-16": {"in_province"},
    }
    # The rest is not sent after all: it waits for somebody again.
    lines_waiting = Remittance.objects.filter(PART_ARRIVED).values_list("pk", flat=True)
    assert set(lines_waiting) == {one.pk}
    drop_payment(actor_for(world.out_handler), Payment.objects.get(kind="rest").pk, note="重复")
    assert set(lines_waiting.all()) == {one.pk, two.pk}
