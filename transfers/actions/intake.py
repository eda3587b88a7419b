"""Applications: taking one in, and asking both areas before it is accepted (医保办发〔2021〕43号 Art. 6–8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.crypto import lookup_hash, seal_value
from transfers.access import SYSTEM, Actor, ActorKind, acting_agency, find_case
from transfers.actions.automatic import carries_itself, carry_many
from transfers.actions.door import Done, perform_many
from transfers.actions.effects import Context, Effect, effect
from transfers.models import MOVES, Agency, Person, TransferCase
from transfers.models.guards import keys_for, stored, write_new
from transfers.places import agency_of, area_of, furnish, has_area
from transfers.policies import applying
from transfers.registry import ask_many
from transfers.rules import casenumber, identity
from transfers.rules.benefits import advise_on
from transfers.rules.dryrun import advice_data
from transfers.rules.errors import Refusal, refusal
from transfers.rules.facts import AccountFact, Application, AreaFacts, EnrolmentFact
from transfers.rules.parties import Applicant, Channel, Scheme, Side, Survival
from transfers.rules.precheck import Failure, precheck
from transfers.rules.routes import State
from transfers.rules.text import has_control, written
from transfers.rules.workdays import local_date
from transfers.selectors.asking import question_of

# How long to wait after a registry did not answer: minutes, by attempt.
RETRY_MINUTES = (1, 2, 5, 10, 30, 60)
# After so many tries in vain (about two hours) the silent area's staff are asked to check by hand.
TRIES = len(RETRY_MINUTES)
NUMBER_ONCE = "transfers_transfercase_number_key"


@dataclass(frozen=True, slots=True)
class CleanApplication:
    """An application whose every field has been checked by itself."""

    name: str
    identity_type: str
    identity_number: str
    birth_date: date | None
    sex: str
    phone: str
    email: str
    outbound: Agency
    inbound: Agency
    outbound_scheme: str
    inbound_scheme: str
    applicant: str
    applicant_name: str
    employer_code: str
    agent_relation: str
    agent_phone: str
    certificate_number: str
    remarks: str
    language: str


FIELDS = (
    "name",
    "identity_type",
    "identity_number",
    "phone",
    "email",
    "outbound_area",
    "inbound_area",
    "outbound_scheme",
    "inbound_scheme",
    "applicant",
    "applicant_name",
    "employer_code",
    "agent_relation",
    "agent_phone",
    "certificate_number",
    "remarks",
    "language",
)


def clean(
    raw: Mapping[str, Any],
    *,
    now: datetime,
    channel: Channel = Channel.ONLINE,
    fields: Sequence[str] = FIELDS,
) -> CleanApplication:
    """Check every field of an application; `J-INPUT` lists all problems by field, none is hidden by another.

    `channel`: at a window, an area that still asks for the enrolment certificate gets its number; nobody asked the
    person of an automatic transfer for a phone, so it may be missing there. `fields`: those that are asked for; any
    other is unknown, and stays blank.
    """
    problems: dict[str, dict[str, str]] = {}

    def attempt(name: str, check: Callable[[str], Any], *, default: str = "") -> Any:
        if name not in fields:
            return default
        value = raw.get(name, default)
        if value is None:
            value = default
        try:
            if not isinstance(value, str):
                raise refusal("J-FIELD", field=name, problem="应为文字", problem_en="must be text")
            return check(value)
        except Refusal as error:
            problems[name] = error.told
            return None

    for name in sorted(raw.keys() - set(fields)):
        problems[str(name)[:40]] = refusal("J-FIELDS", fields=str(name)[:40]).told
    today = local_date(now)
    document = attempt("identity_type", _choice("identity_type", [d.value for d in identity.Document]), default="01")
    checked = attempt("identity_number", lambda text: identity.require(document or "01", text, today=today))
    applicant = attempt("applicant", _choice("applicant", list(Applicant)), default=Applicant.SELF.value)
    cleaned = CleanApplication(
        name=attempt("name", identity.clean_name),
        identity_type=document,
        identity_number=checked.number if checked else "",
        birth_date=checked.birth_date if checked else None,
        sex=checked.sex.value if checked and checked.sex else "",
        phone=attempt("phone", lambda text: _phone(text, needed=channel is not Channel.AUTOMATIC)),
        email=attempt("email", _email),
        outbound=attempt("outbound_area", agency_at),
        inbound=attempt("inbound_area", agency_at),
        outbound_scheme=attempt("outbound_scheme", _choice("outbound_scheme", list(Scheme)), default="310"),
        inbound_scheme=attempt("inbound_scheme", _choice("inbound_scheme", list(Scheme)), default="310"),
        applicant=applicant,
        applicant_name=attempt("applicant_name", lambda text: written(text, field="applicant_name", limit=80)),
        employer_code=attempt("employer_code", lambda text: identity.clean_uscc(text) if text.strip() else ""),
        agent_relation=attempt("agent_relation", lambda text: written(text, field="agent_relation", limit=20)),
        agent_phone=attempt("agent_phone", lambda text: _phone(text, needed=False)),
        certificate_number=attempt(
            "certificate_number", lambda text: written(text, field="certificate_number", limit=40)
        ),
        remarks=attempt("remarks", lambda text: written(text, field="remarks", limit=500)),
        language=attempt("language", _choice("language", ["zh-hans", "en"]), default="zh-hans"),
    )
    for name, field, zh, en in _wanting(cleaned, channel, today):
        if name not in problems:
            problems[name] = refusal("J-FIELD", field=field, problem=zh, problem_en=en).told
    if problems:
        raise Refusal(
            "J-INPUT",
            "提交的内容有误，请按提示修改。",
            "The input is not valid. Correct what is listed.",
            http_status=422,
            details={"fields": problems},
        )
    return cleaned


def _wanting(application: CleanApplication, channel: Channel, today: date) -> Iterator[tuple[str, str, str, str]]:
    """What this applicant at this channel must give and did not: (name, field, problem, problem in English)."""
    if application.applicant == Applicant.EMPLOYER and not application.employer_code:
        yield "employer_code", "统一社会信用代码", "单位申请时必填", "required of an employer"
    if application.applicant == Applicant.AGENT:
        wanted = {
            "applicant_name": ("代办人姓名", application.applicant_name),
            "agent_relation": ("与本人关系", application.agent_relation),
            "agent_phone": ("代办人电话", application.agent_phone),
        }
        for name, (field, value) in wanted.items():
            if not value:
                yield name, field, "代办时必填", "required of an agent"
    sides = [agency for agency in (application.outbound, application.inbound) if agency]
    asked = [a for a in sides if applying(a.area_id, today).policy.certificate_required == "window"]
    if channel.at_window and asked and not application.certificate_number:
        zh = f"{'、'.join(agency.name for agency in asked)}要求窗口申请提供参保凭证"
        yield "certificate_number", "参保凭证编号", zh, "the window of one of the areas asks for the certificate"


def draw_number(*, now: datetime) -> str:
    """A case number that nobody else is given. One that is never used leaves a gap, which means nothing."""
    (number,) = _draw_numbers(1, now=now)
    return number


def _draw_numbers(count: int, *, now: datetime) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('transfers_case_number_seq') FROM generate_series(1, %s)", [count])
        drawn = [sequence for (sequence,) in cursor.fetchall()]
    year = local_date(now).year
    return [casenumber.number(sequence, year, settings.CASE_NUMBER_KEY) for sequence in drawn]


def submit(
    application: CleanApplication, actor: Actor, *, channel: Channel, number: str = "", now: datetime | None = None
) -> TransferCase:
    """Take an application in: the person, the case with its number, and the step `submit`. Prechecks come after.

    `number`: one drawn before; a second case with it is an IntegrityError that names `NUMBER_ONCE`.
    """
    (taken,) = submit_many([(application, channel)], actor, numbers=[number] if number else (), now=now)
    if isinstance(taken, Refusal):
        raise taken
    return taken


@transaction.atomic
def submit_many(
    applications: Sequence[tuple[CleanApplication, Channel]],
    actor: Actor,
    *,
    numbers: Sequence[str] = (),
    now: datetime | None = None,
) -> list[TransferCase | Refusal]:
    """Take applications in, each through the channel that stands with it, together or not at all.

    The answers are in their order; of what the actor may not file nothing is kept. `numbers`: drawn before, one each.
    """
    now = now or timezone.now()
    fresh = _drafts(applications, actor, numbers or _draw_numbers(len(applications), now=now), now)
    answers = [_objection(case, actor) for case in fresh]
    filed = [n for n, answer in enumerate(answers) if answer is None]
    for n, person in zip(filed, _people([applications[n][0] for n in filed]), strict=True):
        fresh[n].person_id = person
    fields = TransferCase._meta.concrete_fields
    write_new(TransferCase, [f.attname for f in fields], (stored(fresh[n], fields) for n in filed))
    done = perform_many([(fresh[n].pk, 0, {}) for n in filed], "submit", _filing(fresh, actor), now=now)
    for n, one in zip(filed, done, strict=True):
        if isinstance(one, Refusal):
            raise one  # what was asked before has changed since: nothing is kept
        answers[n] = one.case
    return [answer for answer in answers if answer is not None]


def _drafts(
    applications: Sequence[tuple[CleanApplication, Channel]], actor: Actor, numbers: Sequence[str], now: datetime
) -> list[TransferCase]:
    """The cases as they will be written, without their persons."""
    return [
        TransferCase(
            **_content(application),
            pk=key,
            number=number,
            channel=channel.value,
            partner_id=actor.partner_id,
            applied_at=now,
            state_since=now,
        )
        for (application, channel), number, key in zip(
            applications, numbers, keys_for(TransferCase, len(applications)), strict=True
        )
    ]


def _filing(cases: Sequence[TransferCase], actor: Actor) -> Actor:
    """Who files them: the case did not exist a moment ago, so an enrollee's own application acts on it from here on."""
    if actor.kind is not ActorKind.PERSON:
        return actor
    (case,) = cases
    return Actor(ActorKind.PERSON, actor.name, case_id=case.pk)


def _objection(case: TransferCase, actor: Actor) -> TransferCase | Refusal | None:
    """Why the actor may not file this application, asked before anything is written; None when they may."""
    try:
        acting_agency(_filing([case], actor), case, MOVES["submit"].move)
    except Refusal as error:
        return error
    return None


def apply(
    raw: Mapping[str, Any], actor: Actor, *, channel: Channel, number: str = "", now: datetime | None = None
) -> TransferCase:
    """Check, take in and precheck at once: the applicant hears the answer, all reasons together, right away.

    A registry that does not answer leaves the case SUBMITTED; the sweep tries again.

    `number`: one drawn before for this one form. Sent again, even at the same moment, the form gives the case that it
    has become; with another content it is refused (`J-FILED`), so that nothing new is taken for a repetition.
    """
    now = now or timezone.now()
    application = clean(raw, now=now, channel=channel)
    try:
        case = submit(application, actor, channel=channel, number=number, now=now)
    except IntegrityError as error:
        if not number or NUMBER_ONCE not in str(error):
            raise
        case = find_case(actor, number=number)
        if not _made_of(case, application):
            raise Refusal(
                "J-FILED",
                f"这份表单已受理为 {number}。如为另一项申请，请核对后再次提交。",
                f"This form was already filed as {number}. For another application, check it and file it again.",
                http_status=409,
            ) from None
    return decide_if_due(case, now=now)


def decide_if_due(case: TransferCase, *, now: datetime) -> TransferCase:
    """`decide`, unless the case waits for its next try: a repeated request does not hurry a registry that is away."""
    (decided,) = decide_if_due_many([case], now=now)
    return decided


def decide_if_due_many(cases: Sequence[TransferCase], *, now: datetime) -> list[TransferCase]:
    """The same for many cases, in their order."""
    # Only after a try: of two requests at once, one may have begun before the application that it finds.
    deferred = {
        case.pk
        for case in cases
        if case.state == State.SUBMITTED and case.precheck_attempts > 0 and case.precheck_at and case.precheck_at > now
    }
    decided = iter(decide_many([case.pk for case in cases if case.pk not in deferred], now=now))
    return [case if case.pk in deferred else next(decided) for case in cases]


def decide(case_id: int, *, now: datetime | None = None, away: set[str] | None = None) -> TransferCase:
    """Ask both areas about a case that waits for them, and accept or refuse it. Safe to run twice, at once and late.

    An area that stays silent is asked again; after `TRIES` its staff are asked to check by hand, and what they entered
    stands in for the registry's answer. The registry is asked all the same: whoever answers first decides. `away` is
    what one pass over many cases knows of silent areas (`registry.ask`).
    """
    (case,) = decide_many([case_id], now=now, away=away)
    return case


def decide_many(
    case_ids: Sequence[int], *, now: datetime | None = None, away: set[str] | None = None
) -> list[TransferCase]:
    """`decide` for many cases, in the order of `case_ids`: asked, judged and written together."""
    now = now or timezone.now()
    rows = TransferCase.objects.select_related("person").filter(pk__in=case_ids)
    cases = {case.pk: furnish(case) for case in rows}
    waiting = [cases[pk] for pk in dict.fromkeys(case_ids) if cases[pk].state in (State.SUBMITTED, State.MANUAL_CHECK)]
    # Outside the transaction: another area's system may be slow.
    asked = ask_many([(case.person, (case.outbound_area_id, case.inbound_area_id)) for case in waiting], away=away)
    under_way = open_cases_of([case.person_id for case in waiting])
    steps: dict[str, list[tuple[TransferCase, dict[str, Any]]]] = {}
    for case, (said, silent) in zip(waiting, asked, strict=True):
        name, data = _judge(case, said, silent, under_way.get(case.person_id, ""), now)
        steps.setdefault(name, []).append((case, data))
    by_themselves = []
    for name, group in steps.items():
        settled = _accept(group, now) if name == "accept" else _settle(group, name, now)
        cases |= {case.pk: case for case in settled}
        by_themselves += [case.pk for case in settled if name == "accept" and case.auto_at is not None]
    cases |= {case.pk: case for case in carry_many(by_themselves, now=now)}
    return [cases[pk] for pk in case_ids]


def _judge(
    case: TransferCase, said: dict[str, AreaFacts], silent: list[str], open_case: str, now: datetime
) -> tuple[str, dict[str, Any]]:
    """Which step follows from what both areas say, with its data."""
    for area in list(silent):
        if answer := case.by_hand.get(area):
            said[area] = _found_by_hand(case, area, answer)
            silent.remove(area)
    if silent:
        return _wait_for(case, silent, now)
    outbound, inbound = said[case.outbound_area_id], said[case.inbound_area_id]
    failures = failures_of(case, outbound, inbound, now=now, open_case=open_case)
    if any(failure.blocking for failure in failures):
        return "refuse", {"failures": _told(failures)}
    return "accept", {
        "failures": _told(failures),
        "auto_at": now if carries_itself(case, local_date(now)) else None,
        "advice": _advice(case, outbound, inbound, now),
        **_pins(case, now),
    }


def _wait_for(case: TransferCase, silent: list[str], now: datetime) -> tuple[str, dict[str, Any]]:
    """Try again later; when that has been in vain for long, have the silent areas check by hand."""
    minutes = RETRY_MINUTES[min(case.precheck_attempts, TRIES - 1)]
    data: dict[str, Any] = {"again_at": now + timedelta(minutes=minutes), "silent": silent}
    if case.state == State.SUBMITTED and case.precheck_attempts >= TRIES:
        return "ask_by_hand", {**data, **_pins(case, now)}
    return "defer", data


def _accept(group: Sequence[tuple[TransferCase, dict[str, Any]]], now: datetime) -> list[TransferCase]:
    """Accept, unless another application of the same person was accepted between the question and the answer."""
    with transaction.atomic():
        # The cases before their persons, as whoever acts on one of them does.
        hold_cases([case.pk for case, _data in group])
        hold_persons([case.person_id for case, _data in group])
        taken = set(open_cases_of([case.person_id for case, _data in group]))
        late, free = [], []
        for case, data in group:
            if case.person_id in taken:
                late.append((case, {"failures": _told([Failure("V-P-03", Side.APPLICANT)])}))
            else:
                free.append((case, data))
                taken.add(case.person_id)
        return [*_settle(free, "accept", now), *_settle(late, "refuse", now)]


def hold_cases(cases: Sequence[int]) -> None:
    """Wait until nobody else acts on these cases; held until the transaction ends."""
    held = TransferCase.objects.select_for_update(no_key=True).filter(pk__in=cases)
    list(held.order_by("pk").values_list("pk"))


def hold_person(case: TransferCase) -> None:
    """Wait until nobody else decides whether the person has a transfer under way; held until the transaction ends."""
    hold_persons([case.person_id])


def hold_persons(persons: Sequence[int]) -> None:
    """The same for many persons."""
    list(Person.objects.select_for_update(no_key=True).filter(pk__in=persons).order_by("pk").values_list("pk"))


@effect("accept")
def accept(context: Context) -> Effect:
    """What the move means for benefits as things stand now stays with the acceptance."""
    return Effect({"advice": context.step.data["advice"]})


def _advice(case: TransferCase, outbound: AreaFacts, inbound: AreaFacts, now: datetime) -> dict[str, Any]:
    here = applying(case.inbound_area_id, local_date(now))
    return advice_data(
        advise_on(
            outbound=outbound,
            inbound=inbound,
            outbound_scheme=case.outbound_scheme,
            inbound_scheme=case.inbound_scheme,
            policy=here.policy,
            outbound_policy=applying(case.outbound_area_id, local_date(now)).policy,
            today=local_date(now),
            sources=here.sources,
        )
    )


def _pins(case: TransferCase, now: datetime) -> dict[str, int]:
    """The policies that the case is carried under from now on."""
    today = local_date(now)
    return {
        "outbound_policy_id": applying(case.outbound_area_id, today).id,
        "inbound_policy_id": applying(case.inbound_area_id, today).id,
    }


def _found_by_hand(case: TransferCase, area: str, answer: Mapping[str, str]) -> AreaFacts:
    """What staff of a silent area found, as the rules see it. They looked the person up by name and number."""
    scheme = case.outbound_scheme if area == case.outbound_area_id else case.inbound_scheme

    def yes(name: str) -> bool:
        return answer[name] == "yes"

    enrolment = EnrolmentFact(
        scheme,
        answer["status"],
        case.name if yes("name_agrees") else "",
        retired=yes("retired"),
        transferred=yes("transferred"),
    )
    return AreaFacts(
        area=area,
        enrolments=(enrolment,),
        account=None if answer["account"] == "none" else AccountFact(0, answer["account"]),
        arrears=yes("arrears"),
        open_claims=yes("open_claims"),
        numbers=2 if yes("several_numbers") else 1,
        survival=Survival(answer["survival"]),
    )


def failures_of(
    case: TransferCase, outbound: AreaFacts, inbound: AreaFacts, *, now: datetime, open_case: str
) -> list[Failure]:
    """The rules of both sides, on the facts of both areas. `open_case`: of the person's, beside this one."""
    today = local_date(now)
    return precheck(
        question_of(
            Application(
                name=case.name,
                identity_valid=identity.check(case.person.identity_type, case.person.identity_number, today=today).ok,
                outbound_area=case.outbound_area_id,
                inbound_area=case.inbound_area_id,
                outbound_scheme=case.outbound_scheme,
                inbound_scheme=case.inbound_scheme,
                today=today,
            ),
            outbound,
            inbound,
            open_case=open_case,
        )
    )


def open_case_of(person: Person, *, beside: TransferCase | None = None) -> str:
    """The number of the person's transfer under way, blank without one; `beside` is the case that asks."""
    under_way = _under_way().filter(person=person)
    if beside is not None:
        under_way = under_way.exclude(pk=beside.pk)
    return under_way.values_list("number", flat=True).first() or ""


def open_cases_of(persons: Sequence[int]) -> dict[int, str]:
    """Person -> the number of their transfer under way, of those who have one."""
    return dict(_under_way().filter(person__in=persons).values_list("person_id", "number"))


def _under_way() -> QuerySet[TransferCase]:
    return TransferCase.objects.filter(accepted_at__isnull=False, closed_at__isnull=True)


def person_hashes(identity_type: str, identity_number: str) -> tuple[bytes, bytes]:
    """The keyed hashes that find a person and confirm the last six characters."""
    return (
        lookup_hash(f"{identity_type}:{identity_number}", context="person.identity"),
        lookup_hash(identity_number[-6:], context="person.tail"),
    )


def _settle(
    group: Sequence[tuple[TransferCase, Mapping[str, Any]]], transition: str, now: datetime
) -> list[TransferCase]:
    """Take a system step of each case; where another worker was faster, its outcome stands."""
    items = [(case.pk, case.version, data) for case, data in group]
    settled, outrun = [], []
    for (case, _data), done in zip(group, perform_many(items, transition, SYSTEM, now=now), strict=True):
        if isinstance(done, Done):
            settled.append(done.case)
        elif done.code in ("J-STALE", "J-NOT-NOW"):
            outrun.append(case.pk)
        else:
            raise done
    return [*settled, *(TransferCase.objects.filter(pk__in=outrun) if outrun else ())]


def _told(failures: list[Failure]) -> list[dict[str, Any]]:
    """As they stay with the case: enough to explain each one later, whatever the policies say by then."""
    return [
        {
            "code": f.code,
            "side": f.side.value,
            "blocking": f.blocking,
            "switch": f.switch,
            "value": f.value,
            "sources": list(f.sources),
            **({"remedy": {"zh": f.advice.zh, "en": f.advice.en}} if f.advice else {}),
        }
        for f in failures
    ]


def _content(application: CleanApplication) -> dict[str, Any]:
    """The columns of a case that hold what was applied for; who applied for it is the person's row."""
    return {
        "name": application.name,
        "phone": application.phone,
        "email": application.email,
        "language": application.language,
        "outbound_area_id": application.outbound.area_id,
        "inbound_area_id": application.inbound.area_id,
        "outbound_agency": application.outbound,
        "inbound_agency": application.inbound,
        "outbound_scheme": application.outbound_scheme,
        "inbound_scheme": application.inbound_scheme,
        "applicant": application.applicant,
        "applicant_name": application.applicant_name,
        "employer_code": application.employer_code,
        "agent_relation": application.agent_relation,
        "agent_phone": application.agent_phone,
        "certificate_number": application.certificate_number,
        "remarks": application.remarks,
    }


def _made_of(case: TransferCase, application: CleanApplication) -> bool:
    found, _tail = person_hashes(application.identity_type, application.identity_number)
    same_person = bytes(case.person.identity_hash) == found
    return same_person and all(getattr(case, name) == value for name, value in _content(application).items())


_NEW_PEOPLE = """
INSERT INTO transfers_person (identity_type, identity_number, identity_hash, tail_hash, name, birth_date, sex)
SELECT * FROM unnest(%s::text[], %s::bytea[], %s::bytea[], %s::bytea[], %s::text[], %s::date[], %s::text[])
ON CONFLICT (identity_hash) DO NOTHING
"""


def _people(applications: Sequence[CleanApplication]) -> list[int]:
    """The persons with these identities; created when the hub has not met them. Safe when two applications race."""
    hashes = [person_hashes(one.identity_type, one.identity_number) for one in applications]
    known = _known_people(found for found, _tail in hashes)
    # In one order for everybody: of two that bring the same new people, neither waits for the other's.
    new = {found: (one, tail) for one, (found, tail) in zip(applications, hashes, strict=True) if found not in known}
    if new:
        rows = [
            (
                one.identity_type,
                seal_value(one.identity_number, context="person.identity_number"),
                found,
                tail,
                one.name,
                one.birth_date,
                one.sex,
            )
            for found, (one, tail) in sorted(new.items(), key=lambda item: item[0])
        ]
        with connection.cursor() as cursor:
            cursor.execute(_NEW_PEOPLE, [list(column) for column in zip(*rows, strict=True)])
        known |= _known_people(new)
    return [known[found] for found, _tail in hashes]


def _known_people(hashes: Iterable[bytes]) -> dict[bytes, int]:
    rows = Person.objects.filter(identity_hash__in=list(hashes)).values_list("identity_hash", "pk")
    return {bytes(found): pk for found, pk in rows}


def _choice(name: str, allowed: list[Any]) -> Callable[[str], str]:
    values = [str(getattr(item, "value", item)) for item in allowed]

    def check(text: str) -> str:
        if text not in values:
            raise refusal(
                "J-FIELD",
                field=name,
                problem=f"应为 {'、'.join(values)} 之一",
                problem_en=f"one of {', '.join(values)}",
            )
        return text

    return check


def agency_at(code: str) -> Agency:
    """The agency of a pooling area valid today. A pseudo-code that runs no fund itself stands for its parent."""
    area = area_of(code) if has_area(code) else None
    if area is not None and area.valid_to is None:
        if area.pseudo and not area.pooling:
            area = area.parent
        agency = agency_of(area.code) if area is not None and area.pooling else None
        if agency is not None and agency.valid_to is None:
            return agency
    # What is no code may be whatever stood in the next column of a file: it is not repeated.
    digits = code[:6].isascii() and code[:6].isdigit()
    raise refusal("J-AREA", code=code[:6] if digits else "…")


def _phone(text: str, *, needed: bool) -> str:
    return identity.clean_phone(text) if needed or text.strip() else ""


def _email(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    try:
        validate_email(text)
        if has_control(text):
            raise ValidationError("")
    except ValidationError:
        raise refusal("J-FIELD", field="电子邮箱", problem="格式不正确", problem_en="not an e-mail address") from None
    return text
