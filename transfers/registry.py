"""The records of each area, behind one narrow interface.

An area keeps its own system of who is enrolled, what was paid and what is in the accounts. The hub asks it through an
`EnrolmentRegistry`; areas that plug in none of their own (`settings.ENROLMENT_REGISTRIES`) live in our tables. A
registry that does not answer raises `RegistryUnavailable`: that leads to a retry, never to a refusal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Protocol

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils.module_loading import import_string

from transfers.models import Area, ContributionPeriod, Enrolment, Person, PersonalAccount, rows
from transfers.rules.errors import Refusal, refusal
from transfers.rules.facts import AccountFact, AreaFacts, EnrolmentFact
from transfers.rules.months import Period
from transfers.rules.parties import EnrolmentStatus, Survival

log = structlog.get_logger(__name__)


class RegistryUnavailable(Exception):
    """The area's registry does not answer now."""


@contextmanager
def answering(area: Area) -> Iterator[None]:
    """Where somebody waits for the answer: a registry that is down is said as J-REGISTRY-DOWN, with the area's name."""
    try:
        yield
    except RegistryUnavailable as error:
        raise refusal("J-REGISTRY-DOWN", area=area.name) from error


class EnrolmentRegistry(Protocol):
    """What the hub needs of an area's own system. Amounts in fen.

    Writes of the record name the case, writes of money the `write` itself (case number, dash, number of the posting; a
    case has several): an outside system takes the same one once, however often it hears it.
    """

    def facts(self, person: Person, area: str) -> AreaFacts:
        """What the area knows of the person."""

    def fix_account(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        """Fix the balance at `amount_fen` and empty the account; it cannot be spent from then on."""

    def restore_account(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        """The transfer did not go through: put the balance that was fixed back; the account can be spent again."""

    def end_relationship(self, person: Person, area: str, scheme: str, on: date, case_id: int) -> None:
        """The relationship has left: enrolment status 2 (suspended) becomes 4 (ended)."""

    def take_over(self, person: Person, area: str, periods: list[Period], case_id: int) -> None:
        """Add the months that came from another area to the record, instead of those that this case brought before."""

    def credit_account(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        """Add money that arrived to the personal account (entry kind 107)."""

    def take_back(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        """Take money out of the personal account again that had been credited by mistake. J-ACCOUNT-SPENT."""


class AccountChanged(Refusal):
    """The account is not what the sheet says any more."""

    def __init__(self) -> None:
        super().__init__(
            "J-SHEET-CHANGED",
            "个人账户余额已有变化，请退回经办重新生成信息表。",
            "The balance of the account has changed. Send the sheet back to be prepared again.",
            http_status=409,
        )


class OwnTables:
    """The built-in registry: our own tables. Writes join the caller's transaction."""

    def facts(self, person: Person, area: str) -> AreaFacts:
        if person.pk is None:  # nobody that the hub has met: a question before any application
            return AreaFacts(area)
        return own_facts([(person.pk, area)])[person.pk, area]

    def fix_account(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        accounts = PersonalAccount.objects.filter(person=person, area=area, status="normal", balance_fen=amount_fen)
        if not accounts.update(balance_fen=0, status="zeroed"):
            raise AccountChanged

    def end_relationship(self, person: Person, area: str, scheme: str, on: date, case_id: int) -> None:
        # A resident may apply once enrolled elsewhere for the next year (Art. 5): cover here runs to the year's end.
        ended, until = EnrolmentStatus.ENDED.value, date(on.year, 12, 31)
        with connection.cursor() as cursor:
            cursor.execute(_END, [ended, on, until, case_id, person.pk, area, scheme, on, case_id])

    def restore_account(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        self.credit_account(person, area, amount_fen, write)

    def take_over(self, person: Person, area: str, periods: list[Period], case_id: int) -> None:
        columns = zip(
            *((p.area, p.scheme, p.first, p.last, p.kind, p.collection, p.ground) for p in periods), strict=True
        )
        lists = [list(column) for column in columns] or [[]] * 7
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_OVER, [case_id, person.pk, area, case_id, *lists])

    def credit_account(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_CREDIT, [person.pk, area, amount_fen])

    def take_back(self, person: Person, area: str, amount_fen: int, write: str) -> None:
        accounts = PersonalAccount.objects.filter(person=person, area=area, balance_fen__gte=amount_fen)
        if not accounts.update(balance_fen=F("balance_fen") - amount_fen):
            raise refusal("J-ACCOUNT-SPENT")


# A case that was reopened finds what it ended before: what the person has had there since is another relationship.
_END = """
UPDATE transfers_enrolment e SET status = CASE e.status WHEN '2' THEN %s ELSE e.status END,
    valid_to = CASE e.status WHEN '2' THEN %s::date ELSE %s::date END, ended_by_id = %s
WHERE e.person_id = %s AND e.area_id = %s AND e.scheme = %s AND e.valid_from <= %s
    AND (e.status = '2' OR (e.status = '1' AND e.scheme = '390' AND e.valid_to IS NULL))
    AND NOT EXISTS (SELECT FROM transfers_enrolment o
        WHERE o.ended_by_id = %s AND (o.person_id, o.area_id, o.scheme) = (e.person_id, e.area_id, e.scheme))
"""
_TAKE_OVER = """
WITH before AS (DELETE FROM transfers_contributionperiod WHERE case_id = %s)
INSERT INTO transfers_contributionperiod (person_id, area_id, case_id, origin_id, scheme, first_month, last_month, kind,
    collection, ground, reversed)
SELECT %s, %s, %s, v.*, false
FROM unnest(%s::text[], %s::text[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[]) AS v
"""
_CREDIT = """
INSERT INTO transfers_personalaccount AS a (person_id, area_id, balance_fen, status) VALUES (%s, %s, %s, 'normal')
ON CONFLICT (person_id, area_id) DO UPDATE SET balance_fen = a.balance_fen + excluded.balance_fen, status = 'normal'
"""
_ASKED = "JOIN unnest(%s::bigint[], %s::text[]) AS v(person, area) ON v.person = t.person_id AND v.area = t.area_id"


def own_facts(asked: Collection[tuple[int, str]]) -> dict[tuple[int, str], AreaFacts]:
    """What our own tables say, for pairs of person and area: three statements however many."""
    pairs = [[person for person, _area in asked], [area for _person, area in asked]]
    enrolments: dict[tuple[int, str], list[Enrolment]] = defaultdict(list)
    for e in rows.read(Enrolment, f"{_ASKED} ORDER BY t.id", pairs):
        enrolments[e.person_id, e.area_id].append(e)
    periods: dict[tuple[int, str], list[ContributionPeriod]] = defaultdict(list)
    for p in rows.read(ContributionPeriod, f"{_ASKED} ORDER BY t.first_month, t.id", pairs):
        periods[p.person_id, p.area_id].append(p)
    accounts = {(a.person_id, a.area_id): a for a in rows.read(PersonalAccount, _ASKED, pairs)}
    return {pair: _facts(pair[1], enrolments[pair], periods[pair], accounts.get(pair)) for pair in asked}


def _facts(
    area: str,
    enrolments: Sequence[Enrolment],
    periods: Sequence[ContributionPeriod],
    account: PersonalAccount | None,
) -> AreaFacts:
    return AreaFacts(
        area=area,
        enrolments=tuple(
            EnrolmentFact(
                e.scheme,
                e.status,
                e.name,
                retired=e.retired,
                account_kind=e.account_kind,
                valid_from=e.valid_from,
                valid_to=e.valid_to,
                transferred=e.ended_by_id is not None,
            )
            for e in enrolments
        ),
        periods=tuple(
            Period(
                p.first_month, p.last_month, p.kind, p.origin_id or area, p.scheme, p.reversed, p.collection, p.ground
            )
            for p in periods
        ),
        account=AccountFact(account.balance_fen, account.status) if account else None,
        arrears=any(e.arrears for e in enrolments),
        open_claims=any(e.open_claims for e in enrolments),
        numbers=max(1, len({e.person_number for e in enrolments} - {""})),
        survival=Survival.DEAD if any(e.survival == Survival.DEAD for e in enrolments) else Survival.ALIVE,
    )


def registry_for(area: str) -> EnrolmentRegistry:
    """The registry of that area: its own when one is plugged in, else our tables."""
    path = settings.ENROLMENT_REGISTRIES.get(area)
    registry: EnrolmentRegistry = import_string(path)() if path else OwnTables()
    return registry


def is_ours(area: str) -> bool:
    """Whether an area lives in our own tables, which can be asked for many persons at once."""
    return type(registry_for(area)) is OwnTables


def ask(
    person: Person, areas: Iterable[str], *, away: set[str] | None = None
) -> tuple[dict[str, AreaFacts], list[str]]:
    """What each area says of the person, and the areas that did not answer. Slow where an area's own system is asked.

    A registry that is away, and one that answers nonsense, are both silent: neither is the applicant's fault. Areas in
    `away` are taken as silent without being asked; those that turn out to be are added to it.
    """
    said: dict[str, AreaFacts] = {}
    silent: list[str] = []
    away = set() if away is None else away
    for area in areas:
        if area in away:
            silent.append(area)
            continue
        try:
            said[area] = registry_for(area).facts(person, area)
        except RegistryUnavailable:
            away.add(area)
            silent.append(area)
        except SoftTimeLimitExceeded:
            raise  # the worker is about to end this task: the area may well have answered
        except Exception:
            log.exception("registry_failed", area=area)
            silent.append(area)
    return said, silent


def ask_many(
    wanted: Sequence[tuple[Person, Sequence[str]]], *, away: set[str] | None = None
) -> list[tuple[dict[str, AreaFacts], list[str]]]:
    """`ask` for many persons, each of their areas; our own tables are asked once for all of them."""
    away = set() if away is None else away
    ours = [(person.pk, area) for person, areas in wanted for area in areas if is_ours(area) and area not in away]
    known: dict[tuple[int, str], AreaFacts] = own_facts(set(ours)) if len(wanted) > 1 else {}
    answers = []
    for person, areas in wanted:
        said, silent = ask(person, [area for area in areas if (person.pk, area) not in known], away=away)
        for area in areas:
            if (person.pk, area) in known:
                said[area] = known[person.pk, area]
        answers.append((said, silent))
    return answers
