"""The broker is emptied, and taken away: nothing is lost, nobody waits."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from notifications import waking
from notifications.models import Letter
from notifications.tasks import drain
from tests.faults.broker import Broker, send, until, worker
from transfers.models import TransferCase

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker(database=9)
    made.empty()
    yield made
    made.close()


def told(sms: Path) -> list[tuple[str, str]]:
    """(id, template) of every message handed over."""
    lines = sms.read_text().splitlines() if sms.exists() else []
    return [(line["id"], line["template"]) for line in map(json.loads, lines)]


def pending() -> int:
    return Letter.objects.filter(status="pending").count()


def test_what_an_emptied_and_a_broken_broker_forgot_is_delivered(world, broker, tmp_path, monkeypatch):
    world.everyone()
    monkeypatch.setattr(waking, "nudge", lambda: broker.send(drain))
    case = world.accepted(1)
    assert broker.waiting() > 0
    written = pending()
    assert written > 0
    broker.empty()
    assert broker.waiting() == 0
    with worker(broker, tmp_path) as sms:
        # The control: the message is lost indeed, and a worker that hears nothing does nothing.
        assert (pending(), told(sms)) == (written, [])
        broker.send(drain)  # beat's next
        until(lambda: pending() == 0, "the letters of the first step are delivered")
        assert [template for _id, template in told(sms)] == ["accepted"]

        # Emptied under a worker that listens: it goes on listening.
        broker.empty()
        world.carry(case, "approve_out")
        until(lambda: pending() == 0, "the letters after the emptying are delivered")
        assert [template for _id, template in told(sms)] == ["accepted", "sheet_sent"]

        # Taken away: the steps are taken all the same, and their letters wait as rows.
        monkeypatch.setattr(waking, "nudge", lambda: None)
        broker.relay.cut()
        with pytest.raises((OperationalError, OSError)):
            broker.send(drain)
        case = TransferCase.objects.get(pk=case.pk)
        for name, who, more in world.route(case)[3:]:
            case = world.take(case, name, who, **more)
        assert case.state == "COMPLETED"
        assert pending() > 0
        broker.relay.mend()
        broker.send(drain)
        until(lambda: pending() == 0, "the letters written without a broker are delivered")
    later = ["taken_over", "remitted", "completed"]
    assert sorted(template for _id, template in told(sms)) == sorted(["accepted", "sheet_sent", *later])
    assert len({key for key, _template in told(sms)}) == 5
    assert not Letter.objects.exclude(status__in=["sent", "folded"]).exists()


def test_a_step_does_not_wait_for_a_broker_that_never_answers(world, monkeypatch):
    """The broker takes connections and says nothing; whoever speaks to it is stuck, and that is not the step."""
    world.everyone()
    stuck, let_go = threading.Event(), threading.Event()

    def never_answered() -> None:
        stuck.set()
        let_go.wait(60)
        raise OSError("the broker never answered")

    waker = waking.Waker()
    monkeypatch.setattr(waking, "send_task", never_answered)
    monkeypatch.setattr(waking, "nudge", waker.nudge)
    case = world.carry(world.accepted(1), "approve_out")
    assert stuck.wait(60)
    assert not let_go.is_set()
    assert TransferCase.objects.get(pk=case.pk).state == "INFO_SENT"
    assert pending() > 0
    let_go.set()


def test_the_control_speaking_to_it_directly_does_fail():
    """With no such care a step would hang until the time-out, and fail."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises((OperationalError, OSError)):
            send(f"redis://127.0.0.1:{port}/9", drain, patience=0.3)
