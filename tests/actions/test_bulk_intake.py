"""Applications taken in together are what each would be by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.models import Letter
from tests.world import IN, MONDAY, OUT, application, identity_number, person, put_in_force
from transfers.access import actor_for
from transfers.actions.intake import apply, clean, decide_many, submit_many
from transfers.models import AccessEvent, CaseEvent, Clock, Enrolment, Paper, Person, TransferCase
from transfers.registry import OwnTables
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db
# What must differ from one case to the next, or says which one it is.
PASSING = {
    *("id", "pk", "number", "person_id", "case_id", "name", "subject_ref", "key", "dedupe_key", "code", "leader_id"),
    *("phone", "address", "actor_name"),
}


def traces(case: TransferCase) -> list[Any]:
    """Everything that a case has left behind, without what must differ."""
    rows: list[Any] = []
    for found in (
        TransferCase.objects.filter(pk=case.pk),
        CaseEvent.objects.filter(case=case).order_by("version"),
        Clock.objects.filter(case=case).order_by("kind"),
        Paper.objects.filter(case=case).order_by("kind"),
        AccessEvent.objects.filter(case=case).order_by("id"),
        Letter.objects.filter(subject_ref=case.number).order_by("template", "channel", "recipient_id"),
    ):
        fields = [f.attname for f in found.model._meta.concrete_fields if f.attname not in PASSING]
        for row in found:
            values = {name: getattr(row, name) for name in fields}
            rows.append((found.model.__name__, str(values).replace(case.number, "N").replace(f"/{case.pk}/", "/C/")))
    return rows


def many(world: Any, *raws: dict[str, str]) -> list[TransferCase | Refusal]:
    taken = submit_many(
        [(clean(raw, now=MONDAY), Channel.WINDOW_IN) for raw in raws], actor_for(world.in_handler), now=MONDAY
    )
    decided = iter(decide_many([one.pk for one in taken if isinstance(one, TransferCase)], now=MONDAY))
    return [next(decided) if isinstance(one, TransferCase) else one for one in taken]


def test_every_kind_of_case_is_what_it_would_be_alone(world):
    """Accepted, refused by either side, with a warning, with an open case: one by one and together leave the same."""
    world.in_lead, world.out_lead  # noqa: B018 - letters go to them
    put_in_force(OUT, arrears_rule="warn")

    def prepare(serial: int) -> None:
        kind, made = serial % 10, person(serial)
        if kind == 2:
            Enrolment.objects.filter(person=made, area=OUT).update(status="1")
        if kind == 3:
            Enrolment.objects.filter(person=made, area=IN).delete()
        if kind == 4:
            Enrolment.objects.filter(person=made, area=OUT).update(arrears=True)
        if kind == 5:
            apply(application(serial), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)

    kinds = range(1, 7)  # 6: nobody that the areas know
    for serial in (*(10 + kind for kind in kinds if kind != 6), *(20 + kind for kind in kinds if kind != 6)):
        prepare(serial)
    alone = [
        apply(application(10 + kind, email="a@example.com"), actor_for(world.in_handler), channel=Channel.WINDOW_IN,
              now=MONDAY)
        for kind in kinds
    ]  # fmt: skip
    together = many(world, *(application(20 + kind, email="a@example.com") for kind in kinds))
    assert [case.state for case in alone] == ["ACCEPTED", *["NOT_ACCEPTED"] * 2, "ACCEPTED", *["NOT_ACCEPTED"] * 2]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(other, TransferCase)
        expected = traces(one)
        assert {name for name, _row in expected} >= {"TransferCase", "CaseEvent", "Letter"}
        assert traces(other) == expected
    assert Person.objects.filter(cases__in=together).distinct().count() == len(together)
    assert problems(now=MONDAY) == []


def test_the_statements_do_not_grow_with_the_applications(world):
    """Persons, registries and open cases are asked once for all, and what follows is written together."""

    def asked(*serials: int) -> list[str]:
        for serial in serials:
            person(serial)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            many(world, *(application(serial) for serial in serials))
        return [query["sql"] for query in queries]

    asked(1, 2)  # what is remembered from here on
    few, most = asked(3, 4), asked(*range(10, 30))
    for table in (
        "transfers_person",
        "transfers_enrolment",
        "transfers_contributionperiod",
        "transfers_personalaccount",
    ):
        assert sum(f'FROM "{table}"' in sql for sql in few) == sum(f'FROM "{table}"' in sql for sql in most), table
    assert sum("nextval" in sql for sql in few) == sum("nextval" in sql for sql in most)


def test_what_one_may_not_file_leaves_nothing_and_the_others_go_on(world):
    for serial in (1, 2):
        person(serial)
    foreign = application(2, out="430100", into="440100")
    first, second = many(world, application(1), foreign)
    assert isinstance(second, Refusal)
    assert second.code == "J-NOT-FOUND"
    assert isinstance(first, TransferCase)
    assert first.state == "ACCEPTED"
    assert TransferCase.objects.count() == 1


def test_one_person_twice_together(world):
    person(1)
    first, second = many(world, application(1), application(1))
    assert [case.state for case in (first, second)] == ["ACCEPTED", "NOT_ACCEPTED"]
    assert [failure["code"] for failure in second.failures] == ["V-P-03"]
    assert Person.objects.count() == 1


def test_an_area_with_a_registry_of_its_own_is_asked_for_each(world, settings):
    """One of two areas is away: its cases wait, as each would alone, and it is asked once in a pass."""
    settings.ENROLMENT_REGISTRIES = {OUT: "tests.actions.test_bulk_intake.Away"}
    Away.asked = 0
    for serial in (1, 2, 3):
        person(serial)
    done = many(world, *(application(serial) for serial in (1, 2, 3)))
    assert [case.state for case in done] == ["SUBMITTED"] * 3
    assert {case.precheck_at for case in done} == {MONDAY + timedelta(minutes=1)}
    assert Away.asked == 1


class Away(OwnTables):
    """A registry that does not answer."""

    asked = 0

    def facts(self, person: Any, area: str) -> Any:
        from transfers.registry import RegistryUnavailable

        Away.asked += 1
        raise RegistryUnavailable


def test_identities_are_one_person_whatever_their_order(world):
    """Known and new people in one chunk, each row its own."""
    known = person(5)
    done = many(world, application(7), application(5), application(6))
    assert [bytes(case.person.identity_hash) for case in done] == [
        bytes(Person.objects.get(pk=case.person_id).identity_hash) for case in done
    ]
    assert [case.person.identity_number for case in done] == [identity_number(serial) for serial in (7, 5, 6)]
    assert done[1].person_id == known.pk
