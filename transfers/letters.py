"""Who is told what when a case moves: drafts for the outbox, written in the move's own transaction.

Letters carry no identity number and no amount; names are masked. Texts are in templates/letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.utils import translation

from accounts.mask import mask_name
from accounts.models import User
from notifications.outbox import Draft
from transfers.models import Agency, CaseEvent, Clock, Membership, TransferCase
from transfers.models.labels import Bilingual, said, said_in
from transfers.models.moves import Declared, Step
from transfers.rules.casemonth import month_of, month_on
from transfers.rules.codes import ALL, Reason
from transfers.rules.ladder import Rung
from transfers.rules.money import MoneyState
from transfers.rules.parties import Channel, Named, Role, Side
from transfers.rules.precheck import reason_told
from transfers.rules.routes import ClockKind, State
from transfers.rules.workdays import last_day_of, local_date
from transfers.sla.calendars import calendar_for

# Which step tells the person what.
TO_PERSON = {
    "accept": "accepted",
    "refuse": "refused",
    "request_supplement": "supplement",
    "lapse": "lapsed",
    "ask_by_hand": "by_hand",
    "withdraw_application": "withdrawn",
    "return_soft": "returned",
    "return_hard": "ended",
    "resubmit": "accepted",
    "forward": "forwarded",
    "request_withdrawal": "withdrawal_asked",
    "grant_withdrawal": "withdrawn",
    "refuse_withdrawal": "withdrawal_refused",
    "terminate": "ended",
    "reopen": "reopened",
    "auto_in": "taken_over",
    "approve_out": "sheet_sent",
    "approve_in": "taken_over",
    "freeze": "choose",
    "settle": "choose",
    "approve_remittance": "remitted",
    "return_remittance": "money_back",
    "credit_account": "credited",
    "credit_at_once": "credited",
    "confirm_paid": "paid",
    "move_to_wallet": "in_wallet",
    "grant_reclaim": "taken_back",
    "open_supplement": "more_money",
    "finish": "completed",
}
# Letters that give the reason and the note of the step itself; the case does not keep them.
SAYS_WHY = {"withdrawal_refused", "reopened", "money_back", "more_money"}
# What `to_person` reads of a case, beside its areas and agencies: enough to load when many are written.
READ_OF_CASE = (
    *("number", "name", "phone", "email", "language", "channel", "state", "acts", "accepted_at", "due_at"),
    *("outbound_area", "inbound_area", "outbound_agency", "inbound_agency", "failures"),
    *("supplement_reason", "supplement_note", "return_reason", "return_note", "end_reason"),
)
# The limits that are the person's own, with what is written on their last day.
YOURS = {ClockKind.SUPPLEMENT: "supplement_due", ClockKind.RETURN: "return_due"}


@dataclass(frozen=True, slots=True)
class NewWork:
    """Which step brings new work to whom: the holders of `roles` in the agency of the case's `column`.

    `holder_id` is the agency on whose desk the case has come to lie.
    """

    column: str
    roles: tuple[Role, ...]
    template: str = "new_work"


# Money is worked on by the hundred: what waits is a figure of the morning digest, not a letter each. But where the
# other side asks, its finance is told.
TO_STAFF = {
    "accept": NewWork("outbound_agency_id", (Role.SUPERVISOR,)),
    "ask_by_hand": NewWork("holder_id", (Role.SUPERVISOR,)),
    "provide_supplement": NewWork("outbound_agency_id", (Role.SUPERVISOR,)),
    "return_soft": NewWork("inbound_agency_id", (Role.SUPERVISOR,)),
    "resubmit": NewWork("outbound_agency_id", (Role.SUPERVISOR,)),
    "forward": NewWork("outbound_agency_id", (Role.SUPERVISOR,)),
    "raise_query": NewWork("outbound_agency_id", (Role.SUPERVISOR,)),
    "request_withdrawal": NewWork("holder_id", (Role.SUPERVISOR,)),
    "reopen": NewWork("outbound_agency_id", (Role.SUPERVISOR,)),
    "approve_out": NewWork("inbound_agency_id", (Role.SUPERVISOR,)),
    "raise_difference": NewWork("outbound_agency_id", (Role.FINANCE,), "difference"),
    "request_reclaim": NewWork("inbound_agency_id", (Role.FINANCE,), "reclaim"),
}
# What brings a case back to somebody, or to somebody else: they hear of it themselves.
TO_OWNER = {
    "send_back_out": "sent_back",
    "send_back_in": "sent_back",
    "approve_correction": "come_back",
    "confirm_correct": "come_back",
    "refuse_withdrawal": "come_back",
    "reassign": "come_back",
}


Taken = Sequence[tuple[Declared, Step, CaseEvent]]


def for_moves(moved: Sequence[tuple[TransferCase, Taken]]) -> list[Draft]:
    """The letters of one passage through the door, of one case or of many: to the person, to staff with new work, to
    the partner who filed it.
    """
    steps = [(case, declared) for case, taken in moved for declared, *_rest in taken]
    if owned := [case for case, declared in steps if declared.name in TO_OWNER]:
        prefetch_related_objects(owned, "owner")
    if filed := [case for case, _taken in moved if case.partner_id]:
        prefetch_related_objects(filed, "partner")
    work = {TO_STAFF[declared.name] for _case, declared in steps if declared.name in TO_STAFF}
    agencies = {getattr(case, TO_STAFF[declared.name].column) for case, declared in steps if declared.name in TO_STAFF}
    colleagues: dict[int, list[tuple[Role, User]]] = defaultdict(list)
    for agency, role, user in members(agencies, {role for one in work for role in one.roles}) if work else ():
        colleagues[agency].append((role, user))
    return [draft for case, taken in moved for draft in _of_one(case, taken, colleagues)]


def _of_one(case: TransferCase, taken: Taken, colleagues: Mapping[int, Sequence[tuple[Role, User]]]) -> list[Draft]:
    """The person gets one letter, that of the last step that concerns them; it says what the earlier ones did
    (`also`).
    """
    drafts: list[Draft] = []
    told = [
        (TO_PERSON[declared.name], declared, step, event)
        for declared, step, event in taken
        if declared.name in TO_PERSON and _concerns(declared, step, event)
    ]
    if told:
        template, declared, step, event = told[-1]
        extra: dict[str, Any] = _work(declared, step) if template in SAYS_WHY else {}
        if declared.machine == "money":
            extra |= _of_money(step, event)
        extra["also"] = [earlier for earlier, *_rest in told[:-1]]
        if advice := next((event.data["advice"] for *_rest, event in told if event.data.get("advice")), None):
            extra["advice"] = Named(advice["zh"], advice["en"])
        drafts += to_person(case, template, dedupe=f"{case.number}:{event.version}:{template}", extra=extra)
    for declared, step, event in taken:
        drafts += _to_colleagues(case, declared, step, event, colleagues, key=f"{case.number}:{event.version}")
    return drafts


def _concerns(declared: Declared, step: Step, event: CaseEvent) -> bool:
    """Whether the person hears of this step: of a fixed amount when there is something to choose, of the wallet when
    all of it is there."""
    if declared.name in ("freeze", "settle"):
        waits = (MoneyState.FROZEN, MoneyState.YEAR_END)
        return event.to_money in waits and step.data.get("choose_by") is not None
    return declared.name != "move_to_wallet" or event.to_money == MoneyState.IN_WALLET


def _of_money(step: Step, event: CaseEvent) -> dict[str, Any]:
    """What letters about money say beside the case: the state it came to and left, and until when one may choose."""
    until = step.data.get("choose_by")
    was_paid = event.from_money == MoneyState.PAID_TO_PERSON
    payout = was_paid or event.from_money == MoneyState.PAYING
    return {"way": event.to_money, "payout": payout, "was_paid": was_paid, "choose_by": due_text(until)}


def _to_colleagues(
    case: TransferCase,
    declared: Declared,
    step: Step,
    event: CaseEvent,
    colleagues: Mapping[int, Sequence[tuple[Role, User]]],
    *,
    key: str,
) -> list[Draft]:
    """To those whose work it becomes, and to the platform that filed the case."""
    drafts: list[Draft] = []
    if work := TO_STAFF.get(declared.name):
        there = colleagues.get(getattr(case, work.column), ())
        users = (user for role, user in there if role in work.roles)
        drafts += to_staff(users, case, work.template, dedupe=key, extra=_work(declared, step))
    if (back := TO_OWNER.get(declared.name)) and case.owner is not None:
        drafts += to_staff([case.owner], case, back, dedupe=key, extra=_work(declared, step))
    told = declared.move.told(event.to_money)
    if told and case.partner is not None and case.partner.active and case.partner.webhook_url:
        drafts.append(_webhook(case, told, step, dedupe=f"{key}:webhook"))
    return drafts


def to_person(
    case: TransferCase,
    template: str,
    *,
    dedupe: str,
    extra: Mapping[str, Any] | None = None,
    not_before: datetime | None = None,
) -> list[Draft]:
    """A letter to the person of the case: SMS to the phone on file, and e-mail, each where there is an address.

    Of an automatic transfer there may be neither: nobody applied.
    """
    context = _context(case, extra or {}, case.language, case_context)
    drafts = []
    if case.phone:
        drafts.append(
            Draft(
                channel="sms",
                template=template,
                language=case.language,
                address=case.phone,
                subject_ref=case.number,
                context=context,
                dedupe_key=f"{dedupe}:sms",
                month=month_of(case.pk),
                not_before=not_before,
            )
        )
    if case.email:
        drafts.append(
            Draft(
                channel="email",
                template=template,
                language=case.language,
                address=case.email,
                subject_ref=case.number,
                context=context,
                dedupe_key=f"{dedupe}:email",
                month=month_of(case.pk),
                not_before=not_before,
            )
        )
    return drafts


def to_staff(
    users: Iterable[User],
    case: TransferCase,
    template: str,
    *,
    dedupe: str,
    extra: Mapping[str, Any],
    not_before: datetime | None = None,
) -> list[Draft]:
    """To colleagues: at once in their inbox; by e-mail folded into one digest a person."""
    drafts = []
    contexts: dict[str, dict[str, Any]] = {}
    for key, user in {user.id: user for user in users}.items():
        if user.language not in contexts:
            contexts[user.language] = _context(case, extra, user.language, staff_context)
        common: dict[str, Any] = {
            "template": template,
            "language": user.language,
            "recipient_id": key,
            "subject_ref": case.number,
            "context": contexts[user.language],
            "month": month_of(case.pk),
        }
        once = f"{dedupe}:{template}:{key}"
        drafts.append(Draft(channel="inbox", dedupe_key=f"{once}:inbox", **common))
        if user.email:
            drafts.append(
                Draft(
                    channel="email",
                    address=user.email,
                    digest_key=f"user:{key}",
                    dedupe_key=f"{once}:email",
                    not_before=not_before,
                    **common,
                )
            )
    return drafts


def _context(
    case: TransferCase, extra: Mapping[str, Any], language: str, known: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    """What is `known` of a case in letters of one sort, and what this one says beside it."""
    say = said_in(language)
    more = {name: say(words) if hasattr(words, "zh") else words for name, words in extra.items()}
    return known(case, say, due_on=more.get("due_on"), provisional=more.get("provisional")) | more


def members(agencies: Iterable[int], roles: Iterable[Role]) -> list[tuple[int, Role, User]]:
    """(agency, role, user) of the active holders of `roles` in these agencies; one statement."""
    rows = Membership.objects.filter(
        agency_id__in=list(agencies), role__in=[role.value for role in roles], user__is_active=True
    ).select_related("user")
    rows = rows.only("agency", "role", "user__email", "user__language", "user__username", "user__display_name")
    return [(row.agency_id, Role(row.role), row.user) for row in rows.order_by("agency_id", "user_id", "role")]


def staff_context(
    case: TransferCase,
    say: Callable[[Bilingual], str] = said,
    *,
    due_on: str | None = None,
    provisional: bool | None = None,
) -> dict[str, Any]:
    """What every letter to staff about a case may say, in the language of `say`: the rest is behind the link.

    `due_on`, `provisional`: the last day, and whether it may still change, where they are known already.
    """
    return {
        **_relation(case, say, due_on, provisional),
        "console_link": f"{settings.PUBLIC_URL}/console/transfers/transfercase/{case.pk}/change/",
    }


def case_context(
    case: TransferCase,
    say: Callable[[Bilingual], str] = said,
    *,
    due_on: str | None = None,
    provisional: bool | None = None,
) -> dict[str, Any]:
    """What every letter to the person of a case may say; the arguments are those of `staff_context`."""
    # A completed relationship is with the inbound side.
    inbound = case.acts == Side.IN or case.state == State.COMPLETED
    out_agency, in_agency = case.outbound_agency, case.inbound_agency
    acting = in_agency if inbound else out_agency
    return {
        **_relation(case, say, due_on, provisional),
        # Nobody applied: the person's new enrolment started it.
        "automatic": case.channel == Channel.AUTOMATIC,
        "next_step": say(case.info.next_step),
        "agency": acting.name,
        "agency_phone": acting.phone,
        "outbound_agency": out_agency.name,
        "outbound_phone": out_agency.phone,
        "inbound_agency": in_agency.name,
        "inbound_phone": in_agency.phone,
        "reasons": [_told(reason_told(failure), say) for failure in case.failures],
        "supplement": say(ALL[case.supplement_reason]) if case.supplement_reason else "",
        "supplement_note": case.supplement_note,
        "returned": _reason(case.return_reason, say),
        "returned_note": case.return_note,
        "ended": _reason(case.end_reason, say),
        "link": f"{settings.PUBLIC_URL}/track/",
    }


def _relation(
    case: TransferCase, say: Callable[[Bilingual], str], due_on: str | None, provisional: bool | None
) -> dict[str, Any]:
    """What all letters about a case say. Nothing sensitive."""
    return {
        "number": case.number,
        "name": mask_name(case.name),
        "from_area": case.outbound_area.full_name,
        "to_area": case.inbound_area.full_name,
        "stage": say(case.info.public),
        "due_on": due_text(case.due_at) if due_on is None else due_on,
        # 暂定: the notice for that year is not out yet.
        "provisional": _provisional(case) if provisional is None else provisional,
    }


def _provisional(case: TransferCase) -> bool:
    """Whether the promise that holds now rests on a day that may still change. Asks the clock only when it might."""
    if case.due_at is None or case.accepted_at is None:
        return False
    first, last = local_date(case.accepted_at), last_day_of(case.due_at)
    areas = {case.outbound_area_id, case.inbound_area_id}
    if not any(calendar_for(area).depends_on_provisional(first, last) for area in areas):
        return False
    return Clock.objects.filter(case=case, status=Clock.Status.RUNNING, provisional=True).exists()


def due_text(due_at: datetime | None) -> str:
    """The last day of a limit, for people: the instant 24:00 belongs to the day that it ends."""
    return last_day_of(due_at).isoformat() if due_at else ""


def _reason(code: str, say: Callable[[Bilingual], str]) -> dict[str, str]:
    """A reason, with what to do about it; empty where none was given."""
    return _told(ALL[code], say) if code else {}


def _told(reason: Reason, say: Callable[[Bilingual], str]) -> dict[str, str]:
    return {"code": reason.code, "text": say(reason), "remedy": say(Named(reason.remedy_zh, reason.remedy_en))}


def _work(declared: Declared, step: Step) -> dict[str, Any]:
    extra: dict[str, Any] = {"did": declared.move.named, "note": step.note}
    if step.reason:
        extra["reason"] = ALL[step.reason]
    return extra


def _webhook(case: TransferCase, told: Named, step: Step, *, dedupe: str) -> Draft:
    partner = case.partner
    assert partner is not None
    return Draft(
        channel="webhook",
        template="case.moved",
        language=case.language,
        address=partner.webhook_url,
        subject_ref=case.number,
        context={
            "number": case.number,
            "version": case.version,
            "state": case.state,
            "stage": case.info.public.zh,
            "what": told.zh,
            "what_en": told.en,
            "at": step.now.isoformat(),
        },
        secret={"signing_key": partner.webhook_secret},
        dedupe_key=dedupe,
        month=month_of(case.pk),
    )


def for_alarm(
    case: TransferCase,
    clock: Clock,
    rung: Rung,
    users: Iterable[User],
    *,
    tell_person: bool,
    not_before: datetime,
) -> list[Draft]:
    """The letters of one rung of the ladder."""
    key = f"alarm:{clock.pk}:{clock.generation}:{rung.code}"
    due = {"due_on": clock.due_on.isoformat(), "provisional": clock.provisional}
    extra = {"rung": rung.named, "clock": ClockKind(clock.kind).named, **due}
    drafts = to_staff(users, case, "alarm", dedupe=key, extra=extra, not_before=not_before)
    if tell_person:
        template = YOURS.get(ClockKind(clock.kind), "overdue")
        drafts += to_person(case, template, dedupe=f"{key}:{template}", extra=due, not_before=not_before)
    return drafts


def for_calendar(
    case: TransferCase, clock: Clock, *, was: date, documents: Sequence[str], not_before: datetime
) -> list[Draft]:
    """To the person whose promise, or whose own limit, moved with the working-day calendar."""
    extra = {
        "was": was.isoformat(),
        "due_on": clock.due_on.isoformat(),
        "provisional": clock.provisional,
        "documents": "、".join(documents),
        "yours": ClockKind(clock.kind) in YOURS,
    }
    dedupe = f"calendar:{clock.pk}:{clock.calendar_id}"
    return to_person(case, "calendar_moved", dedupe=dedupe, extra=extra, not_before=not_before)


def for_calendar_staff(
    user: User, *, count: int, mine: int, soonest: str, documents: Sequence[str], dedupe: str, since: date
) -> list[Draft]:
    """To a member of staff, once for all the dates that moved: `count` of the agency's cases, `mine` of their own;
    `since` is the day of the calendar that moved them."""
    context = {
        "count": count,
        "mine": mine,
        "soonest": soonest,
        "documents": "、".join(documents),
        "console_link": f"{settings.PUBLIC_URL}/console/",
    }
    return both(user, "calendar_work", context, dedupe, since)


def both(user: User, template: str, context: Mapping[str, Any], key: str, day: date) -> list[Draft]:
    """The same letter in the inbox and, where there is an address, by e-mail with whatever else waits for them.

    `day` is the one that `key` is about: it must be the same whenever the key is.
    """
    inbox = Draft(
        channel="inbox",
        template=template,
        language=user.language,
        recipient_id=user.pk,
        context=context,
        dedupe_key=f"{key}:inbox",
        month=month_on(day),
    )
    if not user.email:
        return [inbox]
    email = replace(inbox, channel="email", address=user.email, digest_key=f"user:{user.pk}", dedupe_key=f"{key}:email")
    return [inbox, email]


def for_unmatched(
    agency: Agency,
    rung: Rung,
    users: Iterable[User],
    *,
    template: str,
    count: int,
    since: date,
    dedupe: str,
    day: date,
    not_before: datetime,
) -> list[Draft]:
    """One rung of the ladder of money that came in and is not explained, or only a part of it: of how many lines
    (`unmatched`) or cases (`part_arrived`), the oldest of which day. `day` is the one that `dedupe` names."""
    drafts = []
    for user in users:
        with translation.override(user.language):
            context = {
                "agency": agency.name,
                "lines": count,
                "since": since.isoformat(),
                "rung": said(rung.named),
                "console_link": f"{settings.PUBLIC_URL}/console/",
            }
        told = both(user, template, context, f"{dedupe}:{user.pk}", day)
        drafts += [replace(draft, not_before=not_before) for draft in told]
    return drafts
