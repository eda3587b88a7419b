"""Two people at once, on two real connections, made to meet at the same point instead of being lucky."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError, local
from typing import Any

from django.db import connection
from django.db.models import Model

from tests.world import MONDAY
from transfers.actions import perform
from transfers.models import TransferCase, rows
from transfers.rules.errors import Refusal

WAIT = 20
SHORT = 0.7


def at_once(*attempts: Callable[[], Any]) -> list[Any]:
    """Run each attempt in its own thread and connection; what each returned or raised, in order."""

    def one(attempt: Callable[[], Any]) -> Any:
        try:
            return attempt()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(one, attempts))


class Meeting:
    """A point at which both must have arrived before either goes on; each thread stops there once.

    With `SHORT` it ends by itself: where a lock keeps one of the two out, waiting for both would be for ever.
    """

    def __init__(self, parties: int = 2, *, timeout: float = WAIT) -> None:
        self.barrier = Barrier(parties, timeout=timeout)
        self.been = local()
        self.met = False

    def here(self) -> None:
        if getattr(self.been, "yes", False):
            return
        self.been.yes = True
        try:
            self.barrier.wait()
            self.met = True
        except BrokenBarrierError:
            pass


def locking(*, instead: str, of: type[Model] | None = None) -> Callable[..., Any]:
    """`rows.read` with another clause in the place of its lock, for one table or for all: for controls."""
    read = rows.read

    def other(model: type[Model], where: str, arguments: Any) -> Any:
        changed = where.replace("FOR NO KEY UPDATE", instead).replace("FOR UPDATE", instead)
        return read(model, changed if of in (None, model) else where, arguments)

    return other


@contextmanager
def after_reading_the_case(monkeypatch: Any, meeting: Meeting, *, guarded: bool) -> Iterator[None]:
    """Both meet between reading the case and writing it. Unguarded: the case is read without its lock."""
    from transfers.actions import door

    authorise = door.acting_agency

    def pausing(*args: Any) -> Any:
        meeting.here()
        return authorise(*args)

    with monkeypatch.context() as patch:
        patch.setattr(door, "acting_agency", pausing)
        if not guarded:
            queryset = type(TransferCase.objects.all())
            patch.setattr(queryset, "select_for_update", lambda self, **options: self)
            patch.setattr(rows, "read", locking(instead=""))
        yield


def race(
    monkeypatch: Any, case: TransferCase, *steps: tuple[str, Any, dict[str, Any]], guarded: bool = True
) -> list[Any]:
    """Both take their step on the version that both were shown."""
    meeting = Meeting(timeout=SHORT if guarded else WAIT)

    def attempt(name: str, actor: Any, more: dict[str, Any]) -> Any:
        return lambda: perform(case.pk, name, actor, version=case.version, now=MONDAY, **more)

    with after_reading_the_case(monkeypatch, meeting, guarded=guarded):
        outcomes = at_once(*(attempt(*step) for step in steps))
    assert meeting.met is not guarded, "the lock must keep the second out, and nothing else may"
    return outcomes


def one_won(outcomes: list[Any], *, code: str = "J-STALE") -> Refusal:
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(refused) == len(outcomes) - 1, outcomes
    assert all(isinstance(error, Refusal) and error.code == code for error in refused), refused
    return refused[0]
