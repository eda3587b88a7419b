"""Two equal requests at the same moment file one application; without the promise they would file two."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.utils import timezone

from tests.api.conftest import Caller, make_caller
from tests.world import application, person
from transfers.access import partner_actor
from transfers.actions import intake
from transfers.actions.idempotency import file_once
from transfers.models import IdempotencyKey, TransferCase
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel

AT_ONCE = 6


def together(*jobs: Callable[[], object]) -> list[object]:
    """Run them at the same moment, each on its own connection."""
    barrier, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(index: int, job: Callable[[], object]) -> None:
        try:
            barrier.wait(30)
            results[index] = job()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n, job)) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_at_once_with_one_key_there_is_one_case():
    caller = make_caller()
    person()
    callers = [Caller(caller.partner, caller.key, type(caller.client)()) for _ in range(AT_ONCE)]
    answers = together(*(lambda c=c: c.file(application()) for c in callers))
    assert sorted(a.status_code for a in answers) == [200] * (AT_ONCE - 1) + [201]
    assert {a.json()["number"] for a in answers} == {TransferCase.objects.get().number}
    assert {a.json()["state"] for a in answers} == {"ACCEPTED"}
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_at_once_with_one_key_and_two_contents_one_is_refused():
    caller = make_caller()
    person()
    jobs = [
        lambda n=n: file_once(application(remarks=str(n)), caller.partner, key="k", now=timezone.now())
        for n in range(2)
    ]
    results = together(*jobs)
    refused = [r for r in results if isinstance(r, Refusal)]
    assert [r.code for r in refused] == ["J-IDEMPOTENCY"]
    assert TransferCase.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_control_that_asks_first_files_twice():
    """What looks the same but checks whether the key exists and writes it afterwards."""
    caller = make_caller()
    person()
    gate = threading.Barrier(2)

    def check_then_file() -> TransferCase | None:
        if IdempotencyKey.objects.filter(partner=caller.partner, key="k").exists():
            return None
        gate.wait(30)
        case = intake.submit(
            intake.clean(application(), now=timezone.now()), partner_actor(caller.partner), channel=Channel.PARTNER
        )
        IdempotencyKey.objects.get_or_create(
            partner=caller.partner,
            key="k",
            defaults={"request_digest": b"0" * 32, "case": case, "created_at": timezone.now()},
        )
        return case

    together(check_then_file, check_then_file)
    assert TransferCase.objects.count() == 2
