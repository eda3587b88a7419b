"""Automatic transfers (免申即享): an enrolment in a new area starts the transfer by itself.

Only inside one province, and only where both areas' `in_province_mode` is `automatic`. The event is news, not proof:
both areas' rules run on it as on any application, and the inbound registry must know the enrolment (V-I-01).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from transfers.access import Actor
from transfers.actions import intake
from transfers.actions.automatic import mode_between
from transfers.actions.idempotency import Filed, Promise, digest_of, keep_many, kept_of
from transfers.models import Agency, Enrolment, Partner, TransferCase
from transfers.places import same_province
from transfers.policies import applying
from transfers.rules.enrolments import Answer
from transfers.rules.errors import Refusal, refusal
from transfers.rules.months import month_from_text
from transfers.rules.parties import Applicant, Channel, Scheme
from transfers.rules.workdays import local_date

EVENT_MAX = 64
REQUIRED = ("event", "name", "identity_number", "inbound_area", "first_month")
OPTIONAL = ("identity_type", "phone", "email", "inbound_scheme", "outbound_area", "outbound_scheme", "language")
_EVENT = re.compile(rf"[\x21-\x7e]{{1,{EVENT_MAX}}}")
_MONTHS_BACK, _MONTHS_AHEAD = 240, 13


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an event: `case` only where there is one."""

    answer: Answer
    case: TransferCase | None = None


@dataclass(frozen=True, slots=True)
class _Event:
    """An event that has been checked. Where no outbound area was named, that of `application` means nothing.

    `person`: the hash that finds them.
    """

    key: str
    application: intake.CleanApplication
    outbound: Agency | None
    outbound_scheme: str
    person: bytes


def enrolled(event: Mapping[str, Any], actor: Actor, *, now: datetime) -> Outcome:
    """Start the transfer that an enrolment in a new area calls for, and carry it as far as it goes.

    `event`: the fields of `REQUIRED` and `OPTIONAL`, all text; `event` is the sender's own id of it, `first_month` the
    first month of the new enrolment (`YYYY-MM`). The same event again gives the same case; the same id with another
    content is `J-IDEMPOTENCY`, wrong fields are `J-INPUT`. Where no transfer starts, nothing is stored and the answer
    says why; the event may then be sent again.
    """
    (outcome,) = enrolled_many([event], actor, now=now)
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def enrolled_many(events: Sequence[Mapping[str, Any]], actor: Actor, *, now: datetime) -> list[Outcome | Refusal]:
    """`enrolled` for many events, in their order: read by line, looked up, taken in, decided and carried together.

    An event whose id or person has come before in the same list is taken after that one, as it would be alone.
    """
    outcomes: dict[int, Outcome | Refusal] = {}
    waiting: list[tuple[int, _Event, Promise]] = []
    for n, event in enumerate(events):
        try:
            read = _read(event, now=now)
        except Refusal as error:
            outcomes[n] = error
        else:
            waiting.append((n, read, Promise(actor.partner_id, Partner.ENROL, read.key, digest_of(event))))
    while waiting:
        turn: list[tuple[int, _Event, Promise]] = []
        later: list[tuple[int, _Event, Promise]] = []
        seen: set[object] = set()
        for one in waiting:
            marks = {one[1].key, one[1].person}
            (later if marks & seen else turn).append(one)
            seen |= marks
        outcomes |= _take(turn, actor, now)
        waiting = later
    return [outcomes[n] for n in range(len(events))]


def _take(turn: Sequence[tuple[int, _Event, Promise]], actor: Actor, now: datetime) -> dict[int, Outcome | Refusal]:
    """The outcomes of events of different ids and people."""
    outcomes: dict[int, Outcome | Refusal] = {}
    filed: dict[int, Filed] = {}
    fresh = []
    for one, kept in zip(turn, kept_of([promise for _n, _read, promise in turn]), strict=True):
        if isinstance(kept, Refusal):
            outcomes[one[0]] = kept
        elif kept is not None:
            filed[one[0]] = kept
        else:
            fresh.append(one)
    starting = []
    for one, found in zip(fresh, _outbound([read for _n, read, _promise in fresh], now), strict=True):
        n, read, promise = one
        if isinstance(found, Answer):
            outcomes[n] = Outcome(found)
        else:
            starting.append((n, replace(read.application, outbound=found[0], outbound_scheme=found[1]), promise))
    if starting:

        def take_in(new: Sequence[int]) -> list[TransferCase]:
            applications = [(starting[at][1], Channel.AUTOMATIC) for at in new]
            return [_taken(one) for one in intake.submit_many(applications, actor, now=now)]

        kept_now = keep_many([promise for _n, _application, promise in starting], take_in, now=now)
        for (n, _application, _promise), answer in zip(starting, kept_now, strict=True):
            if isinstance(answer, Refusal):
                outcomes[n] = answer
            else:
                filed[n] = answer
    decided = intake.decide_if_due_many([one.case for one in filed.values()], now=now)
    for (n, was), case in zip(filed.items(), decided, strict=True):
        outcomes[n] = Outcome(Answer.KNOWN if was.replayed else Answer.STARTED, case)
    return outcomes


def _taken(answer: TransferCase | Refusal) -> TransferCase:
    if isinstance(answer, Refusal):
        raise answer
    return answer


def _read(event: Mapping[str, Any], *, now: datetime) -> _Event:
    """Check the event as an application is checked, with what is its own; all problems together as J-INPUT."""
    problems: dict[str, Any] = {}
    for name in sorted(event.keys() - {*REQUIRED, *OPTIONAL}):
        problems[str(name)[:40]] = refusal("J-FIELDS", fields=str(name)[:40]).told
    named = event.get("outbound_area") is not None
    raw = {name: value for name, value in event.items() if name in {*REQUIRED, *OPTIONAL}}
    key, month = raw.pop("event", None), raw.pop("first_month", None)
    if not isinstance(key, str) or not _EVENT.fullmatch(key):
        problems["event"] = _wrong(
            "event", f"应为 1 至 {EVENT_MAX} 个可见 ASCII 字符", f"1 to {EVENT_MAX} visible ASCII characters"
        )
    if not _plausible(month, now):
        problems["first_month"] = _wrong("first_month", "应为年月，如 2026-05", "a month like 2026-05")
    if not named:
        raw["outbound_area"] = raw.get("inbound_area", "")  # until it is found; judged as the inbound one
    raw.update(applicant=Applicant.SELF.value, remarks=f"免申即享：自 {month} 起在转入地参保" if not problems else "")
    application = None
    try:
        application = intake.clean(raw, now=now, channel=Channel.AUTOMATIC)
    except Refusal as error:
        if error.code != "J-INPUT":
            raise
        problems |= error.details["fields"]
        if not named:
            problems.pop("outbound_area", None)
    if application is not None and named and application.outbound == application.inbound:
        problems["outbound_area"] = refusal("J-SAME-AREA").told
    if problems or application is None:
        raise refusal("J-INPUT", fields=problems)
    return _Event(
        key=str(key),
        application=application,
        outbound=application.outbound if named else None,
        outbound_scheme=application.outbound_scheme if event.get("outbound_scheme") is not None else "",
        person=intake.person_hashes(application.identity_type, application.identity_number)[0],
    )


def _plausible(month: Any, now: datetime) -> bool:
    """A month that an enrolment made now can begin with: next year's resident enrolment is made in autumn."""
    try:
        number = month_from_text(month) if isinstance(month, str) else None
    except ValueError:
        return False
    today = local_date(now)
    this = today.year * 12 + today.month - 1
    return number is not None and this - _MONTHS_BACK <= number <= this + _MONTHS_AHEAD


def _outbound(reads: Sequence[_Event], now: datetime) -> list[Answer | tuple[Agency, str]]:
    """Of each event the outbound agency and scheme, named or found; or why no transfer starts."""
    if not reads:
        return []
    people = [read.person for read in reads]
    under_way = TransferCase.objects.filter(
        person__identity_hash__in=people, accepted_at__isnull=False, closed_at__isnull=True
    )
    busy = {bytes(found) for found in under_way.values_list("person__identity_hash", flat=True)}
    # Our own tables; an area that keeps its own registry has to be named.
    held: dict[bytes, list[tuple[str, str, str]]] = {}
    rows = Enrolment.objects.filter(person__identity_hash__in=people, ended_by__isnull=True, retired=False)
    for found, *row in rows.values_list("person__identity_hash", "area_id", "scheme", "status"):
        held.setdefault(bytes(found), []).append((row[0], row[1], row[2]))
    return [_outbound_of(read, held.get(read.person, []), now, busy=read.person in busy) for read in reads]


def _outbound_of(
    read: _Event, held: Sequence[tuple[str, str, str]], now: datetime, *, busy: bool
) -> Answer | tuple[Agency, str]:
    """`held`: area, scheme and status of each enrolment that we know of; `busy`: another transfer is under way."""
    today, inbound = local_date(now), read.application.inbound.area_id
    if applying(inbound, today).policy.in_province_mode != "automatic":
        return Answer.NOT_AUTOMATIC
    named = read.outbound.area_id if read.outbound else None
    if named and not same_province(named, inbound):
        return Answer.OTHER_PROVINCE
    if named and mode_between(named, inbound, today) != "automatic":
        return Answer.NOT_AUTOMATIC
    if busy:
        return Answer.UNDER_WAY
    found = {
        (area, scheme)
        for area, scheme, status in held
        if area != inbound
        and (not named or area == named)
        and (not read.outbound_scheme or scheme == read.outbound_scheme)
        and mode_between(area, inbound, today) == "automatic"
        and status in applying(area, today).policy.suspended_status
    }
    if len(found) > 1:
        return Answer.SEVERAL_FOUND
    if found:
        area, scheme = found.pop()
        return intake.agency_at(area), scheme
    if read.outbound is None:
        return Answer.NONE_FOUND
    return read.outbound, read.outbound_scheme or Scheme(read.application.inbound_scheme)


def _wrong(field: str, zh: str, en: str) -> dict[str, str]:
    return refusal("J-FIELD", field=field, problem=zh, problem_en=en).told
