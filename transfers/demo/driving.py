"""`./dev demo`: one case through the real surfaces, and one that goes overdue until the nation is told."""

from __future__ import annotations

import re
import time
import unicodedata
import uuid
from collections.abc import Callable
from datetime import datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any, TypeVar

import httpx
import redis
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.mask import mask_phone
from accounts.models import User
from notifications.models import Letter
from transfers.access import actor_for
from transfers.actions.intake import apply, person_hashes
from transfers.demo import PARTNER_NAME, SIGNINS, people
from transfers.demo.loading import past_working_days
from transfers.demo.people import HANGZHOU, NANNING, Mover
from transfers.demo.surfaces import Answer, Browser, Enrollee, Partner, Phone, Staff, Unanswered
from transfers.models import MOVES, Alarm, CaseEvent, Clock, Person, Remittance, TransferCase
from transfers.rules.parties import Channel
from transfers.rules.workdays import ZONE, local_date
from transfers.sla.calendars import calendar_for
from transfers.sla.clocks import policy_for

T = TypeVar("T")
LETTER_SECONDS, HEALTH_SECONDS = 45.0, 90.0
FIRST_SERIAL, LAST_SERIAL = 901, 999
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
_PLATFORM = f"{PARTNER_NAME} partner API"
_WHO = {username: (zh.split(" · ")[0], username) for username, _password, zh, _en in SIGNINS}


class Teller:
    """Prints what happens when it happens. `write(line)` puts out one line; `show(text)` one that is overwritten."""

    def __init__(self, write: Callable[[str], None], show: Callable[[str], None]) -> None:
        self.write, self.show = write, show
        self.began = time.monotonic()

    def head(self, text: str) -> None:
        self.write(f"\n{text}")

    def tell(self, who: str, what: str, *, at: datetime | None = None) -> None:
        """One line: when, who, what. `at` is a simulated instant; without one it is now, and how long it has taken."""
        if at is None:
            moment = f"{timezone.now().astimezone(ZONE):%H:%M:%S} {time.monotonic() - self.began:5.1f} s"
        else:
            moment = f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"
        self.write(f"  {moment:<16}  {padded(who, 34)}  {what}")

    def wait(self, seconds: float, question: Callable[[], T | None], for_what: str, blame: str) -> T:
        """The answer to `question` as soon as there is one; `Unanswered` when there is none in time."""
        began, shown = time.monotonic(), False
        while not (answer := question()):
            waited = time.monotonic() - began
            if waited > seconds:
                raise Unanswered(f"{for_what} did not come within {seconds:.0f} s: {blame}")
            if waited > 1:
                self.show(f"  … waiting for {for_what} ({waited:.0f} s)")
                shown = True
            time.sleep(0.1)
        if shown:
            self.show("")
        return answer


def padded(text: str, width: int) -> str:
    """As wide as `width` columns on a terminal, where Chinese takes two a character."""
    wide = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(width - wide, 0)


class Drive:
    """One demonstration against one running stack."""

    def __init__(self, base: str, teller: Teller) -> None:
        self.base, self.teller = base, teller
        self.staff: dict[str, Staff] = {}

    # --- the pieces ------------------------------------------------------------------------------

    def ready(self, seconds: float = HEALTH_SECONDS) -> None:
        """Web, database, Redis, worker and beat all answer."""
        said: dict[str, Any] = {}

        def well() -> bool:
            nonlocal said
            try:
                response = httpx.get(f"{self.base}/healthz", timeout=10, trust_env=False)
                said = response.json()
            except (httpx.HTTPError, ValueError) as error:
                said = {"web": {"status": f"does not answer, {type(error).__name__}"}}
                return False
            return response.status_code == 200

        try:
            self.teller.wait(seconds, well, "a healthy stack", "")
        except Unanswered:
            parts = {name: part["status"] for name, part in said.items() if isinstance(part, dict)}
            ill = ", ".join(f"{name} ({status})" for name, status in parts.items() if status != "ok")
            raise Unanswered(f"{self.base}/healthz is not well after {seconds:.0f} s: {ill or said}.") from None
        self.teller.tell("health page", "web, database, redis, worker and beat answer")

    def person(self) -> Mover:
        """Somebody new, known to the registries of both areas."""
        for serial in range(FIRST_SERIAL, LAST_SERIAL + 1):
            mover = Mover(serial, out=NANNING, into=HANGZHOU, balance_fen=345_678, months=72)
            if not Person.objects.filter(identity_hash=person_hashes("01", mover.identity_number)[0]).exists():
                people.persons([mover], today=local_date(timezone.now()))
                return mover
        raise Unanswered("This database has seen the demonstration too often: start a new one with ./dev demo.")

    def at_console(self, username: str) -> Staff:
        if username not in self.staff:
            staff = self.staff[username] = Staff(self.base, username)
            staff.sign_in()
            self.teller.tell(_who(username), "signs in at the console")
        return self.staff[username]

    def step(self, username: str, pk: int, name: str, **fields: str) -> None:
        """Somebody takes a step; anything but its success ends the demonstration."""
        answer = self.at_console(username).take(pk, name, **fields)
        if answer.status != 302:
            raise Unanswered(
                f"{username} could not do “{name}”: the console answered {answer.status} {answer.refused}."
            )
        case = TransferCase.objects.get(pk=pk)
        money = Remittance.objects.filter(case=pk).first()
        where = money.info if money and MOVES[name].machine == "money" else case.info
        self.teller.tell(_who(username), f"{MOVES[name].move.zh} {name} → {where.zh} ({where.en})")

    def refused(self, username: str, pk: int, name: str) -> None:
        """Somebody tries what is not theirs; it must be refused, and nothing may have changed."""
        before = TransferCase.objects.values_list("version", flat=True).get(pk=pk)
        staff = self.at_console(username)
        # The step page of one who may not take it has no form: take the token from another page and forge the rest.
        address = f"/console/transfers/transfercase/{pk}/step/{name}/"
        answer = staff.post(address, {"version": str(before)}, form_at=f"/console/transfers/transfercase/{pk}/change/")
        if answer.status in (200, 302) or TransferCase.objects.values_list("version", flat=True).get(pk=pk) != before:
            raise Unanswered(f"{username} may not do “{name}”, but the console answered {answer.status}.")
        self.teller.tell(_who(username), f"tries {name} → refused, {answer.status} {answer.refused}")

    def letter(self, phone: Phone, template: str) -> str:
        """The text of an SMS that the worker has delivered."""
        began = time.monotonic()
        message = self.teller.wait(
            LETTER_SECONDS,
            phone.has(template),
            f"the SMS “{template}”",
            "is the worker running, and does it write to the same SMS_FILE?",
        )
        waited = time.monotonic() - began
        self.teller.tell(f"worker → SMS {mask_phone(phone.number)}", f"{message['text']} ({waited:.1f} s)")
        return message["text"]

    def all_delivered(self, number: str) -> None:
        """Every letter about the case has left."""

        def done() -> bool:
            return not Letter.objects.filter(subject_ref=number, status="pending").exists()

        self.teller.wait(LETTER_SECONDS, done, f"the last letters about {number}", "is the worker running?")
        letters = Letter.objects.filter(subject_ref=number)
        lost = letters.exclude(status__in=["sent", "folded"]).count()
        if lost:
            raise Unanswered(f"{lost} letter(s) about {number} could not be delivered: see ./dev manage dead_letters.")
        kinds = {channel: letters.filter(channel=channel).count() for channel in ("sms", "email", "inbox")}
        counts = ", ".join(f"{count} {channel}" for channel, count in kinds.items())
        self.teller.tell("worker", f"every letter about the case is delivered: {counts}")

    # --- the first case --------------------------------------------------------------------------

    def standard_route(self) -> str:
        """From the application to the credited balance; returns the case number."""
        self.teller.head("Case 1: from the application to the credited balance, through API, console and look-up")
        mover = self.person()
        phone = Phone(mover.phone, Path(settings.SMS_FILE))
        partner, number = self._file(mover)
        pk = self.at_console("nanning.handler").find(number)
        self.letter(phone, "accepted")
        self.refused("hangzhou.handler", pk, "claim_out")
        self.step("nanning.handler", pk, "claim_out")
        self.step("nanning.handler", pk, "prepare_sheet")
        self.refused("nanning.handler", pk, "approve_out")
        self.step("nanning.reviewer", pk, "approve_out")
        self._empty_redis(number)
        self.letter(phone, "sheet_sent")
        self.step("hangzhou.handler", pk, "claim_in")
        self.step("hangzhou.handler", pk, "check_sheet")
        self.step("hangzhou.reviewer", pk, "approve_in")
        self.letter(phone, "taken_over")
        self.step("nanning.handler", pk, "propose_remittance")
        self.refused("nanning.handler", pk, "approve_remittance")
        self.step("nanning.reviewer", pk, "approve_remittance")
        self.letter(phone, "remitted")
        self._look_up(number, mover, phone, must_show=("测**",))
        amount = f"{mover.balance_fen // 100}.{mover.balance_fen % 100:02d}"
        receipt = {"field_received_yuan": amount, "field_bank_reference": f"DEMO-{mover.serial}"}
        self.step("hangzhou.handler", pk, "record_receipt", **receipt)
        self.step("hangzhou.handler", pk, "match_receipt")
        self.refused("hangzhou.handler", pk, "credit_account")
        self.step("hangzhou.reviewer", pk, "credit_account")
        self.letter(phone, "completed")
        answer, said = partner.status(number)
        if said.get("state") != "COMPLETED" or said.get("money", {}).get("state") != "CREDITED":
            raise Unanswered(f"The API does not say that {number} is complete: {answer.status} {said.get('state')}.")
        stage = said["stage"]
        self.teller.tell(
            "接入平台 partner API", f"GET status → {stage['zh']} ({stage['en']}), {said['money']['words']['zh']}"
        )
        self._look_up(number, mover, phone, must_show=("已办结",))
        self.all_delivered(number)
        events = CaseEvent.objects.filter(case=pk, kind="move").count()
        version = TransferCase.objects.values_list("version", flat=True).get(pk=pk)
        if events != version:
            raise Unanswered(f"Case {number} is at version {version} but has {events} events.")
        self.teller.tell("timeline", f"{events} steps, {events} events, nothing lost")
        return number

    def _file(self, mover: Mover) -> tuple[Partner, str]:
        """The partner files the application, twice with one key as networks do, and one case results."""
        partner, key = Partner(self.base), uuid.uuid4().hex
        application = {
            "name": mover.name,
            "identity_number": mover.identity_number,
            "phone": mover.phone,
            "email": f"person{mover.serial}@example.com",
            "outbound_area": mover.out,
            "inbound_area": mover.into,
        }
        answer, said = partner.apply(application, key)
        if answer.status != 201 or said.get("state") != "ACCEPTED":
            raise Unanswered(f"The API did not accept the application: {answer.status} {said.get('code', said)}.")
        number = str(said["number"])
        due = said["limit"]["promised_on"]
        self.teller.tell(_PLATFORM, f"POST application → {said['state_words']['zh']} {number}, 转出 promised for {due}")
        again, repeated = partner.apply(application, key)
        if again.status != 200 or repeated.get("number") != number:
            raise Unanswered(f"The repeated application made something new: {again.status} {repeated.get('number')}.")
        self.teller.tell(_PLATFORM, "POST again with the same Idempotency-Key → the same case")
        return partner, number

    def _empty_redis(self, number: str) -> None:
        """Empty our Redis database, queue and all, right after a step."""
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10, socket_connect_timeout=5)
        try:
            keys = client.dbsize()
            client.flushdb()
        except (redis.RedisError, OSError) as error:
            raise Unanswered(f"Redis does not answer ({type(error).__name__}): is it running at REDIS_URL?") from error
        finally:
            client.close()
        waiting = Letter.objects.filter(subject_ref=number, status="pending").count()
        self.teller.tell("Redis", f"emptied ({keys} keys); {waiting} letter(s) wait as rows in PostgreSQL")

    def _look_up(self, number: str, mover: Mover, phone: Phone, *, must_show: tuple[str, ...]) -> None:
        """The person looks the case up, and opens the rest with the code that comes by SMS."""
        before = len([m for m in phone.messages() if m["template"] == "code"])
        enrollee = Enrollee(self.base)
        page = enrollee.look_up(number, mover.identity_number[-6:])
        self._shows(page, number, *must_show)
        if mover.name in page.text or mover.identity_number in page.text:
            raise Unanswered("The look-up page shows a full name or identity number.")
        enrollee.ask_for_code()

        def newest() -> str | None:
            codes = [m["text"] for m in phone.messages() if m["template"] == "code"]
            return codes[-1] if len(codes) > before else None

        text = self.teller.wait(LETTER_SECONDS, newest, "the SMS with the code", "is the worker running?")
        code = _CODE.search(text)
        if code is None:
            raise Unanswered("The SMS with the code has no six digits in it.")
        opened = enrollee.enter_code(code[0])
        self._shows(opened, "3,456.78", "南宁市", "杭州市")
        self.teller.tell(
            "参保人 look-up page", f"{', '.join(must_show)}; with the code by SMS: amount, history, both areas"
        )

    @staticmethod
    def _shows(page: Answer, *words: str) -> None:
        missing = [word for word in words if word not in page.text]
        if page.status != 200 or missing:
            raise Unanswered(f"The look-up page answered {page.status} and does not show {', '.join(missing)}.")

    # --- the second case -------------------------------------------------------------------------

    def overdue(self) -> str:
        """Filed long ago and never claimed: each rung fires once, up to the nation. Returns the case number."""
        self.teller.head(
            "Case 2: nobody claims it; time is simulated with `sweep --now`, and each rung of the ladder fires once"
        )
        mover = self.person()
        phone = Phone(mover.phone, Path(settings.SMS_FILE))
        now = timezone.now()
        # Ten days of the limit, ten overdue, and the morning after.
        day = past_working_days(calendar_for(NANNING), local_date(now))[-22]
        filed = datetime.combine(day, time_of_day(10), tzinfo=ZONE)
        window = actor_for(User.objects.get(username="hangzhou.handler"))
        application = {
            "name": mover.name,
            "identity_number": mover.identity_number,
            "phone": mover.phone,
            "outbound_area": mover.out,
            "inbound_area": mover.into,
        }
        case = apply(application, window, channel=Channel.WINDOW_IN, now=filed)
        clock = Clock.objects.get(case=case, kind="OUT")
        self.teller.tell(
            _who("hangzhou.handler"), f"files {case.number} at the window, 转出 promised for {clock.due_on}", at=filed
        )
        rungs = {rung.code: rung for rung in policy_for(clock).rungs(clock.kind)}
        for entry in clock.plan:
            at = datetime.fromisoformat(entry["at"])
            for _twice in range(2):  # the second sweep of an instant finds nothing to do
                call_command("sweep", f"--now={at.isoformat()}", stdout=_Nowhere())
            self._rung(clock, rungs[entry["code"]].named.zh, rungs[entry["code"]].named.en, entry["code"], at)
        fired = list(Alarm.objects.filter(clock=clock).values_list("rung", flat=True))
        if sorted(fired) != sorted(entry["code"] for entry in clock.plan):
            raise Unanswered(f"Of the ladder of {case.number}, these fired: {', '.join(fired)}.")
        self.letter(phone, "overdue")
        for username in ("guangxi", "nation"):
            if case.number not in self.at_console(username).get("/console/inbox/").text:
                raise Unanswered(f"The inbox of {username} does not show {case.number}.")
            self.teller.tell(_who(username), "finds it in the inbox of the console")
        _answer, said = Partner(self.base).track(case.number, mover.identity_number[-6:])
        limit = said.get("limit") or {}
        if not limit.get("overdue"):
            raise Unanswered("The public look-up does not say that the case is overdue.")
        self.teller.tell(
            "参保人 look-up API", f"{limit['words']['zh']} ({limit['words']['en']}), {said['agency']['phone']}"
        )
        self.all_delivered(case.number)
        return case.number

    def _rung(self, clock: Clock, zh: str, en: str, code: str, at: datetime) -> None:
        """Tell who heard this rung; it must have fired exactly once."""
        alarms = list(Alarm.objects.filter(clock=clock, rung=code))
        if len(alarms) != 1:
            raise Unanswered(f"The rung {code} fired {len(alarms)} times instead of once.")
        told = Letter.objects.filter(dedupe_key__startswith=f"alarm:{clock.pk}:{alarms[0].generation}:{code}:")
        heard = [str(user) for user in User.objects.filter(letters__in=told.filter(channel="inbox")).order_by("pk")]
        if told.filter(channel="sms").exists():
            heard.append("参保人 (SMS)")
        late = "" if alarms[0].fired_at == at else " [beat was faster than the simulation]"
        self.teller.tell(f"{code} {zh}", f"{en} → {'、'.join(heard) or 'nobody'}{late}", at=at)


class _Nowhere:
    """Takes what a command would print."""

    def write(self, _text: str) -> None: ...
    def flush(self) -> None: ...
    def isatty(self) -> bool:
        return False


def _who(username: str) -> str:
    place, name = _WHO[username]
    return f"{place} {name}"


def answers(base: str) -> Answer:
    """Whether anything serves at `base`. Raises Unanswered."""
    return Browser(base).get("/livez")
