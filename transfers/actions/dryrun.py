"""A dry run against the registries of both areas: the answer that an application would get, and nothing stored.

It tells who is enrolled where, so it is for those who could file the application: a partner platform with that scope,
and handlers of one of the two areas. Each question leaves an access event. Anybody else answers for themselves
(transfers/web/checking.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from transfers.access import Actor, ActorKind
from transfers.actions.intake import CleanApplication, clean, open_case_of, person_hashes
from transfers.models import AccessEvent, Person
from transfers.registry import ask
from transfers.rules.dryrun import DryRun
from transfers.rules.errors import refusal
from transfers.rules.facts import Application, AreaFacts
from transfers.rules.parties import Role
from transfers.rules.workdays import local_date
from transfers.selectors.asking import question_of

FIELDS = (
    "name",
    "identity_type",
    "identity_number",
    "outbound_area",
    "inbound_area",
    "outbound_scheme",
    "inbound_scheme",
)


def dry_run(raw: Mapping[str, Any], actor: Actor, *, now: datetime | None = None) -> DryRun:
    """Ask both areas what they would say to this application now.

    Raises J-INPUT with all problems by field, and J-NOT-YOURS for staff of neither area. A registry that does not
    answer makes the outcome `deferred`.
    """
    now = now or timezone.now()
    today = local_date(now)
    asked = clean(raw, now=now, fields=FIELDS)
    _authorise(actor, asked)
    person = _person(asked)
    areas = (asked.outbound.area_id, asked.inbound.area_id)
    said, _silent = ask(person, areas)
    outbound, inbound = (said.get(area) or AreaFacts(area, answered=False) for area in areas)
    run = DryRun(
        question_of(
            Application(
                name=asked.name,
                identity_valid=True,  # `clean` refuses any other
                outbound_area=outbound.area,
                inbound_area=inbound.area,
                outbound_scheme=asked.outbound_scheme,
                inbound_scheme=asked.inbound_scheme,
                today=today,
            ),
            outbound,
            inbound,
            open_case=open_case_of(person) if person.pk else "",
        ),
        sex=asked.sex,
    )
    AccessEvent.objects.create(
        at=now,
        kind="precheck",
        user_id=actor.user_id,
        outcome=run.outcome.value,
        detail=f"{outbound.area} {inbound.area}" + (f" partner={actor.partner_id}" if actor.partner_id else ""),
    )
    return run


def _authorise(actor: Actor, asked: CleanApplication) -> None:
    if actor.kind is ActorKind.PARTNER:
        return
    handlers = (Role.OUT_HANDLER, Role.IN_HANDLER)
    if not any(actor.has(agency.pk, *handlers) for agency in (asked.outbound, asked.inbound)):
        raise refusal(
            "J-NOT-YOURS",
            what="预先校验",
            what_en="Check before applying",
            who="转出地或转入地经办人员",
            who_en="handlers of one of the two areas",
        )


def _person(asked: CleanApplication) -> Person:
    """The person as the hub knows them; else one who is not kept, for registries that look up by number."""
    found, tail = person_hashes(asked.identity_type, asked.identity_number)
    return Person.objects.filter(identity_hash=found).first() or Person(
        identity_type=asked.identity_type,
        identity_number=asked.identity_number,
        identity_hash=found,
        tail_hash=tail,
        name=asked.name,
        birth_date=asked.birth_date,
        sex=asked.sex,
    )
