"""The one access gate: who somebody is here, which cases they see, and whether they may take a step.

Authority is membership in an agency. A superuser without one sees no case; nobody is exempt from four-eyes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from transfers.models import MOVES, Agency, Area, Membership, Partner, Remittance, TransferCase
from transfers.models.moves import Move
from transfers.places import agency_with, furnish
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named, Role, Side


class ActorKind(StrEnum):
    STAFF = "staff"
    PERSON = "person"
    PARTNER = "partner"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `roles` by agency; `below` the agencies seen read-only; `everything` for the nation's staff."""

    kind: ActorKind
    name: str = ""
    user_id: int | None = None
    roles: Mapping[int, frozenset[Role]] = field(default_factory=dict)
    below: frozenset[int] = frozenset()
    everything: bool = False
    partner_id: int | None = None
    case_id: int | None = None

    def has(self, agency_id: int | None, *roles: Role) -> bool:
        """Whether the actor holds any of `roles` in that agency."""
        return agency_id is not None and not self.roles.get(agency_id, frozenset()).isdisjoint(roles)

    def holds(self, *roles: Role) -> bool:
        """Whether the actor holds any of `roles` anywhere."""
        return any(not held.isdisjoint(roles) for held in self.roles.values())


_KEPT = "_jiexu_actor"
SYSTEM = Actor(ActorKind.SYSTEM, name="系统")


def actor_for(user: AbstractBaseUser | AnonymousUser) -> Actor:
    """The actor that a signed-in user is. One who is not signed in, or not active, has no roles."""
    if not user.is_authenticated or not user.is_active or user.pk is None:
        return Actor(ActorKind.STAFF)
    kept: Actor | None = getattr(user, _KEPT, None)
    if kept is not None:
        return kept
    roles: dict[int, set[Role]] = {}
    above: list[int] = []
    everything = False
    memberships = Membership.objects.filter(user_id=user.pk).values_list("agency_id", "role", "agency__area__level")
    for agency, role, level in memberships:
        roles.setdefault(agency, set()).add(Role(role))
        if level == Area.Level.PROVINCE:
            above.append(agency)
        everything = everything or level == Area.Level.NATION
    below = frozenset(Agency.objects.filter(parent__in=above).values_list("id", flat=True)) if above else frozenset()
    actor = Actor(
        ActorKind.STAFF,
        name=str(user),
        user_id=user.pk,
        roles={agency: frozenset(held) for agency, held in roles.items()},
        below=below,
        everything=everything,
    )
    setattr(user, _KEPT, actor)  # for this request: users are loaded anew on each
    return actor


def partner_actor(partner: Partner) -> Actor:
    """The actor that a connected platform is."""
    return Actor(ActorKind.PARTNER, name=partner.name, partner_id=partner.pk)


def person_actor(case: TransferCase) -> Actor:
    """The person of one case, after the one-time code to the phone on file."""
    return Actor(ActorKind.PERSON, name=case.name, case_id=case.pk)


def visible_cases(actor: Actor) -> QuerySet[TransferCase]:
    """The cases that the actor may see: the only way to obtain any."""
    everyone = TransferCase.objects.all()
    match actor.kind:
        case ActorKind.SYSTEM:
            return everyone
        case ActorKind.PERSON:
            return everyone.filter(pk=actor.case_id or 0)
        case ActorKind.PARTNER:
            return everyone.filter(partner_id=actor.partner_id or 0)
    if actor.everything:
        return everyone
    agencies = [*actor.roles, *actor.below]
    if not agencies:
        return everyone.none()
    return everyone.filter(Q(outbound_agency__in=agencies) | Q(inbound_agency__in=agencies))


def held_cases(actor: Actor) -> QuerySet[TransferCase]:
    """Of the cases that the staff of an agency may see those that lie with it, or with the agencies below it.

    A case only ever lies with one of its two agencies. Asked for alone this reads the worklist's own index from the
    front; beside the two agencies' columns the planner would take it for next to nothing and sort what it finds.
    """
    if actor.kind is not ActorKind.STAFF or actor.everything:
        return visible_cases(actor)
    return TransferCase.objects.filter(holder__in=[*actor.roles, *actor.below])


def sees(actor: Actor, case: TransferCase) -> bool:
    """Whether `visible_cases` would hold this case, without asking the database."""
    match actor.kind:
        case ActorKind.SYSTEM:
            return True
        case ActorKind.PERSON:
            return actor.case_id == case.pk
        case ActorKind.PARTNER:
            return actor.partner_id is not None and actor.partner_id == case.partner_id
    if actor.everything:
        return True
    parties = {case.outbound_agency_id, case.inbound_agency_id}
    return not parties.isdisjoint(actor.roles) or not parties.isdisjoint(actor.below)


def find_case(actor: Actor, *, number: str = "", pk: int | None = None) -> TransferCase:
    """The case, or the one refusal that serves for "none" and "not yours" alike."""
    wanted = visible_cases(actor).filter(pk=pk) if pk is not None else visible_cases(actor).filter(number=number)
    for case in wanted.select_related("owner", "person")[:1]:
        return furnish(case)
    raise refusal("J-NOT-FOUND")


def agency_on(case: TransferCase, side: Side) -> int | None:
    """The agency that stands on that side of the case."""
    return {Side.OUT: case.outbound_agency_id, Side.IN: case.inbound_agency_id}.get(side)


def acting_agency(actor: Actor, case: TransferCase, move: Move) -> int | None:
    """In which agency's name the actor would take this step; J-NOT-FOUND or J-NOT-YOURS when they may not.

    An applicant's step is theirs, their platform's, or at a window the staff's whose role the move names.
    """
    if not sees(actor, case):
        raise refusal("J-NOT-FOUND")
    if move.side is Side.SYSTEM:
        if actor.kind is ActorKind.SYSTEM:
            return None
        raise not_yours(move)
    if move.side is Side.APPLICANT and actor.kind is not ActorKind.STAFF:
        return None
    for side in move.sides:
        agency = agency_on(case, side)
        if move.holding and case.holder_id is not None and agency != case.holder_id:
            continue
        if actor.has(agency, *(role for role in move.roles if belongs(role, side))):
            return agency
    raise not_yours(move)


def belongs(role: Role, side: Side) -> bool:
    """Handlers and reviewers act on their own side only; other roles on the side where their agency stands."""
    return not role.value.startswith(("out_", "in_")) or role.value.startswith(f"{side.value}_")


def claimers(agency_id: int | None, side: Side) -> QuerySet[Membership]:
    """The memberships of those who could claim a case that lies with this agency on this side."""
    roles = {role for declared in MOVES.values() if declared.move.claims for role in declared.move.roles}
    return Membership.objects.filter(
        agency=agency_id, role__in=[role.value for role in roles if belongs(role, side)], user__is_active=True
    ).select_related("user")


def check_four_eyes(actor: Actor, case: TransferCase, remittance: Remittance | None, move: Move) -> None:
    """Handler and reviewer of one step are different people. Nobody is exempt."""
    for column in move.four_eyes:
        row = case if hasattr(case, column) else remittance
        if actor.user_id is not None and getattr(row, column, None) == actor.user_id:
            raise refusal("J-FOUR-EYES")


def require_finance(actor: Actor, agency: int, what: Named) -> None:
    """J-NOT-YOURS for everybody but the finance staff of this agency; `what` is the work that is asked for."""
    if not actor.has(agency, Role.FINANCE):
        name = agency_with(agency).name
        raise refusal(
            "J-NOT-YOURS",
            what=what.zh,
            what_en=what.en,
            who=f"{name}的财务人员",
            who_en=f"the finance staff of {name}",
        )


def not_yours(move: Move) -> Refusal:
    who = [role.named for role in move.roles] or [Side(move.side).named]
    named = Named("、".join(w.zh for w in who), " / ".join(w.en for w in who))
    # 转出经办 says its side by itself; 财务 does not.
    sided = (
        move.side in (Side.OUT, Side.IN)
        and not move.either
        and not any(role.value.startswith(("out_", "in_")) for role in move.roles)
    )
    zh = f"{move.side.named.zh}{named.zh}" if sided else named.zh
    en = f"{named.en} ({move.side.named.en})" if sided else named.en
    return refusal("J-NOT-YOURS", what=move.zh, what_en=move.en, who=zh, who_en=en)
