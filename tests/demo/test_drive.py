"""What `./dev demo` drives, against a live web server and a real worker; and what it says when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from notifications import waking
from notifications.tasks import drain
from tests.faults.broker import Broker, worker
from transfers.demo import PARTNER_NAME, people
from transfers.demo.driving import Drive, Teller, padded
from transfers.demo.surfaces import Phone, Unanswered
from transfers.models import Alarm, CaseEvent, TransferCase
from transfers.selectors.verify import problems


def quiet() -> tuple[Teller, list[str]]:
    lines: list[str] = []
    return Teller(lines.append, lambda _text: None), lines


@pytest.mark.django_db(transaction=True)
def test_both_cases_go_their_way(live_server, settings, tmp_path, monkeypatch):
    settings.DEMO, settings.SMS_FILE = True, tmp_path / "sms.jsonl"
    broker = Broker(database=8)
    settings.REDIS_URL = broker.url
    monkeypatch.setattr(waking, "nudge", lambda: broker.send(drain))
    people.staff()
    people.partner()
    teller, lines = quiet()
    try:
        with worker(broker, tmp_path):
            drive = Drive(live_server.url, teller)
            first, second = drive.standard_route(), drive.overdue()
    finally:
        broker.close()
    assert TransferCase.objects.get(number=first).state == "COMPLETED"
    assert problems(now=timezone.now()) == []
    told = "\n".join(lines)
    for words in ("Idempotency-Key → the same case", "J-FOUR-EYES", "J-NOT-YOURS", "emptied", "nothing lost", "国家"):
        assert words in told
    overdue = TransferCase.objects.get(number=second)
    assert list(Alarm.objects.filter(case=overdue).order_by("planned_at").values_list("rung", flat=True)) == [
        *("unclaimed", "half", "T-2", "due-day", "T+0", "T+1", "T+3", "T+5", "T+10"),
    ]
    assert CaseEvent.objects.filter(case=overdue, kind="alarm").count() == 9
    assert PARTNER_NAME in told


@pytest.mark.django_db
def test_a_stack_that_does_not_answer_is_one_sentence(settings):
    settings.DEMO = True
    people.partner()
    with pytest.raises(CommandError, match=r"/livez does not answer \(ConnectError\): is the web process running\?"):
        call_command("demo", "--base-url=http://127.0.0.1:1")
    settings.DEMO = False
    with pytest.raises(CommandError, match="only where DEMO=true"):
        call_command("demo", "--base-url=http://127.0.0.1:1")


@pytest.mark.django_db
def test_without_demonstration_data_it_says_what_to_do(settings):
    settings.DEMO = True
    with pytest.raises(CommandError, match="run load_demo first"):
        call_command("demo", "--base-url=http://127.0.0.1:1")


@pytest.mark.django_db
def test_verify_only_drives_nothing(settings, capsys):
    settings.DEMO = True
    call_command("demo", "--base-url=http://127.0.0.1:1", "--verify-only")
    assert "All holds." in capsys.readouterr().out


def test_a_wait_ends_with_a_sentence():
    teller, _lines = quiet()
    assert teller.wait(1, lambda: "there", "a letter", "is the worker running?") == "there"
    with pytest.raises(Unanswered, match=r"a letter did not come within 0 s: is the worker running\?"):
        teller.wait(0, lambda: None, "a letter", "is the worker running?")


def test_a_phone_reads_its_own_new_messages(tmp_path: Path):
    file = tmp_path / "sms.jsonl"
    line = '{"to": "%s", "template": "code", "text": "%s"}\n'
    file.write_text(line % ("13800000901", "old"))
    phone = Phone("13800000901", file)
    assert phone.has("code")() is None
    with file.open("a") as handle:
        handle.write(line % ("13800000902", "another's") + line % ("13800000901", "new"))
    found = phone.has("code")()
    assert found is not None
    assert found["text"] == "new"


def test_columns_count_chinese_twice():
    assert padded("国家 nation", 14) == "国家 nation   "
