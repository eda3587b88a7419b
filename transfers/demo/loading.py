"""Tells the stories through the real actions, in the order of time, and sweeps each morning as beat would have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection, transaction

from accounts.models import User
from notifications import inbox, leases
from notifications.models import Letter
from transfers.access import Actor, ActorKind, actor_for, partner_actor
from transfers.actions import perform
from transfers.actions.intake import apply
from transfers.actions.sweep import sweep
from transfers.demo import PARTNER_NAME, people
from transfers.demo.people import NANNING, Mover
from transfers.demo.receiving import give_accounts
from transfers.demo.stories import DATA, STORIES, WHO, WORDS, Story
from transfers.models import Partner, Remittance, TransferCase
from transfers.rules.parties import Channel
from transfers.rules.workdays import ZONE, Calendar, local_date
from transfers.sla.ageing import remind
from transfers.sla.calendars import calendar_for

_LOCK = 0x4A58_64656D6F  # "JXdemo": one loading at a time
# Working days of the oldest story, and some to spare.
SPAN = 40
_MORNING = time(9, 0, 30)
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens to one story's case; `step` is `apply` or a transition."""

    at: datetime
    serial: int
    step: str


def loaded() -> bool:
    """Whether the demonstration is there already."""
    return Partner.objects.filter(name=PARTNER_NAME).exists()


@transaction.atomic
def load(*, now: datetime, tell: Tell) -> bool:
    """Load everything, whole or not at all; False when it was there already.

    `tell(done, total, what)` hears how far it is. What the stories' letters said is history: they count as sent at
    their time, and nothing of them leaves now.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if loaded():
        return False
    calendar = calendar_for(NANNING)
    days = past_working_days(calendar, local_date(now))
    stage = _Stage(now)
    happenings = sorted(
        (happening for serial, story in enumerate(STORIES, start=1) for happening in plan(serial, story, days)),
        key=lambda happening: (happening.at, happening.serial),
    )
    today = days[0]
    for done, happening in enumerate(happenings, start=1):
        while (day := local_date(happening.at)) > today:
            today += timedelta(days=1)
            if calendar.is_working(today):
                stage.morning(datetime.combine(today, _MORNING, tzinfo=ZONE))
        stage.play(happening)
        tell(done, len(happenings), f"{day.isoformat()}")
    stage.morning(now)
    stage.close(read_before=datetime.combine(days[-2], time(), tzinfo=ZONE))
    return True


def past_working_days(calendar: Calendar, today: date) -> list[date]:
    """The last `SPAN` working days before `today`, the oldest first."""
    days: list[date] = []
    day = today
    while len(days) < SPAN:
        day -= timedelta(days=1)
        if calendar.is_working(day):
            days.append(day)
    return days[::-1]


def plan(serial: int, story: Story, days: list[date]) -> list[Happening]:
    """When each thing of a story happens: in working hours, one after another."""
    first = len(days) - 1 - story.filed
    happenings = [Happening(_moment(days[first], serial, 0), serial, "apply")]
    for number, (later, step) in enumerate(story.steps, start=1):
        happenings.append(Happening(_moment(days[first + later], serial, number), serial, step))
    return happenings


def _moment(day: date, serial: int, number: int) -> datetime:
    """Between 9:05 and 16:40, later for each step of a case, and not the same for all."""
    return datetime.combine(day, time(9, 5), tzinfo=ZONE) + timedelta(minutes=number * 35 + serial * 7 % 60)


class _Stage:
    """Who is there, and what has been put on the stage so far."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.users: dict[str, User] = people.staff()
        self.partner = people.partner()
        give_accounts()
        self.movers: list[Mover] = [story.mover(serial) for serial, story in enumerate(STORIES, start=1)]
        people.persons(self.movers, today=local_date(now))
        self.cases: dict[int, int] = {}
        self.letters_from = Letter.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def play(self, happening: Happening) -> None:
        """Let one thing happen at its instant."""
        story, mover = STORIES[happening.serial - 1], self.movers[happening.serial - 1]
        if happening.step == "apply":
            self.cases[happening.serial] = self._apply(story, mover, happening.at).pk
            return
        case = TransferCase.objects.get(pk=self.cases[happening.serial])
        actor = actor_for(self._who(case, happening))
        perform(
            case,
            happening.step,
            actor,
            version=case.version,
            now=happening.at,
            data=_receipt(case) if happening.step == "record_receipt" else DATA.get(happening.step),
            **WORDS.get(happening.step, {}),
        )

    def _apply(self, story: Story, mover: Mover, at: datetime) -> TransferCase:
        channel = Channel(story.channel)
        application = {
            "name": mover.name,
            "identity_number": mover.identity_number,
            "phone": mover.phone,
            "email": f"person{mover.serial:02d}@example.com" if story.email else "",
            "outbound_area": mover.out,
            "inbound_area": mover.into,
            "outbound_scheme": mover.out_scheme,
            "language": story.language,
        }
        actors = {
            Channel.PARTNER: lambda: partner_actor(self.partner),
            Channel.ONLINE: lambda: Actor(ActorKind.PERSON, name=mover.name),
            Channel.WINDOW_OUT: lambda: actor_for(self.users[f"{_place(mover.out)}.handler"]),
            Channel.WINDOW_IN: lambda: actor_for(self.users[f"{_place(mover.into)}.handler"]),
        }
        return apply(application, actors[channel](), channel=channel, now=at)

    def _who(self, case: TransferCase, happening: Happening) -> User:
        """The person who takes this step; every third case is a colleague's."""
        side, part = WHO[happening.step]
        place = _place(case.outbound_area_id if side == "out" else case.inbound_area_id)
        if part == "finance":
            part = "handler"
        elif part == "handler" and happening.serial % 3 == 0:
            part = "colleague"
        return self.users[f"{place}.{part}"]

    def morning(self, at: datetime) -> None:
        """What beat would have done by now: alarms, lapses and reminders since last time, and the letters due."""
        sweep(now=at)
        remind(now=at)
        self._letters_went_out(at)

    def _letters_went_out(self, at: datetime) -> None:
        due = Letter.objects.filter(pk__gt=self.letters_from, status=Letter.Status.PENDING, next_attempt_at__lte=at)
        leases.mark_sent(list(due.values_list("pk", "month")), now=at)

    def close(self, *, read_before: datetime) -> None:
        """The last letters, and inboxes as people keep them: all but the newest read."""
        self._letters_went_out(self.now)
        for user in self.users.values():
            old = Letter.objects.filter(recipient=user, channel="inbox", created_at__lt=read_before)
            inbox.mark_read(user, list(old.values_list("pk", flat=True)), now=read_before)


def _place(area: str) -> str:
    return "nanning" if area == NANNING else "hangzhou"


def _receipt(case: TransferCase) -> dict[str, str]:
    """What the bank's line says: the exact amount and a reference."""
    amount = Remittance.objects.values_list("amount_fen", flat=True).get(case=case)
    return {"received_yuan": f"{amount // 100}.{amount % 100:02d}", "bank_reference": f"DEMO-{case.pk:06d}"}
