"""The nudge, the task, the commands, the checks."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from notifications import breaker, checks, outbox, tasks, waking
from notifications.errors import PermanentFailure
from tests.notifications.conftest import NOW, Recorder, draft, drained, letter, posted


@pytest.fixture
def waker(monkeypatch) -> waking.Waker:
    monkeypatch.setattr(waking, "PAUSE_SECONDS", 0.01)
    return waking.Waker()


def wait_for(condition) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_nudge_asks_for_a_drain(waker, monkeypatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr(waking, "send_task", asked.set)
    waker.nudge()
    assert asked.wait(5)


def test_many_nudges_are_few_messages(waker, monkeypatch) -> None:
    asked = []
    first = threading.Event()

    def send() -> None:
        asked.append(1)
        first.wait(5)

    monkeypatch.setattr(waking, "send_task", send)
    waker.nudge()
    assert wait_for(lambda: asked)
    for _ in range(1000):
        waker.nudge()
    first.set()
    assert wait_for(lambda: len(asked) == 2)
    time.sleep(0.05)
    assert len(asked) == 2


def test_a_broken_broker_is_left_alone_and_mentioned_once(monkeypatch, caplog) -> None:
    asked = []

    def send() -> None:
        asked.append(1)
        raise ConnectionRefusedError("redis://:password@host")

    monkeypatch.setattr(waking, "send_task", send)
    waker = waking.Waker()
    for _ in range(100):
        waker.speak()
    assert len(asked) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "password" not in caplog.text
    # Half a minute later it is asked again.
    now = time.monotonic()
    monkeypatch.setattr(breaker.time, "monotonic", lambda: now + 31)
    waker.speak()
    assert len(asked) == 2


@pytest.mark.django_db(transaction=True)
def test_posting_does_not_wait_for_a_broker_that_is_silent(monkeypatch) -> None:
    """A broker that takes connections and says nothing: the transaction commits while the waker still hangs."""
    stop = threading.Event()
    hanging = threading.Event()

    def send() -> None:
        hanging.set()
        stop.wait(10)

    waker = waking.Waker()
    monkeypatch.setattr(waking, "send_task", send)
    monkeypatch.setattr(waking, "nudge", waker.nudge)
    try:
        with transaction.atomic():
            (first,) = outbox.post([draft()], now=NOW)
        assert hanging.wait(5)
        with transaction.atomic():
            (second,) = outbox.post([draft()], now=NOW)
        assert not stop.is_set()
        assert {letter(first).status, letter(second).status} == {"pending"}
    finally:
        stop.set()


@pytest.mark.django_db
def test_the_task_drains_until_nothing_is_due(monkeypatch) -> None:
    posted(*[draft(context={"n": n}) for n in range(7)])
    recorder = Recorder()
    reports = []

    def by_two(**options):
        reports.append(drained(recorder, limit=2))
        return reports[-1]

    monkeypatch.setattr(tasks.outbox, "drain", by_two)
    tasks.drain()
    assert len(recorder.messages) == 7
    assert len(reports) == 4


@pytest.mark.django_db
def test_the_drain_command(mailoutbox, capsys) -> None:
    posted(*[draft(context={"n": n}) for n in range(3)])
    call_command("drain", "--limit", "2", "--now", "2026-03-02T09:59+08:00")
    assert capsys.readouterr().out == "claimed=0 messages=0 sent=0 retried=0 dead=0 released=0\n"
    call_command("drain", "--limit", "2", "--now", "2026-03-02T10:00+08:00")
    assert capsys.readouterr().out == "claimed=3 messages=3 sent=3 retried=0 dead=0 released=0\n"
    assert len(mailoutbox) == 3


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--now", "yesterday"], ["--now", "2026-02-30T10:00"]])
def test_the_drain_command_refuses_nonsense(arguments) -> None:
    with pytest.raises(CommandError):
        call_command("drain", *arguments)


@pytest.mark.django_db
def test_the_dead_letters_command(capsys) -> None:
    def refuse(_message) -> None:
        raise PermanentFailure("L-REFUSED", "answered 400")

    one, two, three = posted(draft(subject_ref="C1"), draft(), draft())
    drained(Recorder(refuse))
    call_command("dead_letters")
    out = capsys.readouterr().out
    assert "L-REFUSED answered 400" in out
    assert "C1" in out
    assert "dead=3" in out
    assert "a@example.com" not in out

    call_command("dead_letters", "--replay", str(one))
    assert capsys.readouterr().out == "replayed=1\n"
    with pytest.raises(CommandError, match=rf"{one}"):
        call_command("dead_letters", "--replay", str(one), str(two))
    call_command("dead_letters", "--all")
    assert letter(three).status == "pending"
    capsys.readouterr()
    call_command("dead_letters")
    assert capsys.readouterr().out == "dead=0\n"


@pytest.mark.django_db
def test_tidy_runs() -> None:
    tasks.tidy()


def test_the_breaker() -> None:
    door = breaker.Breaker(threshold=2, rest=1000)
    assert door.allows("a")
    assert door.failed("a") is False
    door.worked("a")
    assert door.failed("a") is False
    assert door.allows("a")
    assert door.failed("a") is True
    assert not door.allows("a")
    assert door.allows("b")


def test_one_tries_after_the_rest() -> None:
    door = breaker.Breaker(threshold=1, rest=0.05)
    door.failed("a")
    time.sleep(0.06)
    assert [door.allows("a"), door.allows("a")] == [True, False]
    door.worked("a")
    assert door.allows("a")


@pytest.mark.parametrize(
    ("url", "key", "found"),
    [
        ("", "", []),
        ("https://sms.example/send", "k" * 16, []),
        ("http://127.0.0.1:9/send", "k" * 16, []),
        ("http://sms.example/send", "k" * 16, ["notifications.E002"]),
        ("sms.example", "k" * 16, ["notifications.E001"]),
        ("https://sms.example/send", "short", ["notifications.E003"]),
    ],
)
def test_checks_of_the_gateway(settings, url, key, found) -> None:
    settings.SMS_GATEWAY_URL, settings.SMS_GATEWAY_KEY = url, key
    assert [message.id for message in checks.sms_gateway()] == found


def test_checks_of_a_deployment(settings) -> None:
    settings.DEBUG = settings.DEMO = False
    settings.SMS_GATEWAY_URL, settings.WEBHOOK_ALLOW_PRIVATE = "https://sms.example/send", False
    assert checks.sms_file() + checks.webhooks() == []
    settings.SMS_GATEWAY_URL, settings.WEBHOOK_ALLOW_PRIVATE = "", True
    assert [message.id for message in checks.sms_file() + checks.webhooks()] == [
        "notifications.W001",
        "notifications.W002",
    ]
