"""The health page tells which part stands still, and only that one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.utils import timezone

from config import health, heartbeat
from config.models import Heartbeat
from tests.world import MONDAY, World
from transfers.models import Clock, Reconciliation

pytestmark = pytest.mark.django_db(transaction=True)  # the page asks over a connection of its own


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: pytest.FixtureRequest) -> None:
    settings.HEALTH_BACKLOGS = {}
    monkeypatch.setattr(health, "_kept", None)
    monkeypatch.setattr(heartbeat, "_written", {})


def alive(**ages: float) -> None:
    """Write heartbeats of these ages in seconds."""
    for name, age in ages.items():
        Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now() - timedelta(seconds=age)})


def test_all_well(client: Client) -> None:
    alive(worker=1, beat=2)
    response = client.get("/healthz")
    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "ok"
    assert {name: body[name]["status"] for name in ("database", "redis", "worker", "beat")} == dict.fromkeys(
        ("database", "redis", "worker", "beat"), "ok"
    )
    assert 1 <= body["worker"]["age"] < 5
    assert 2 <= body["beat"]["age"] < 6


def test_a_month_without_partitions_is_a_warning(client: Client) -> None:
    alive(worker=1, beat=1)
    assert client.get("/healthz").json()["partitions"] == {"status": "ok", "age": None, "ahead": 3}
    health._kept = None
    with time_machine.travel(timezone.now() + timedelta(days=100)):
        response = client.get("/healthz")
    assert response.json()["partitions"] == {"status": "warning", "age": None, "ahead": 0}


@pytest.mark.parametrize("stopped", ["worker", "beat"])
@pytest.mark.parametrize(("age", "status"), [(44, "ok"), (60, "late"), (100, "down")])
def test_one_that_stands_still_does_not_drag_the_other_along(
    client: Client, stopped: str, age: float, status: str
) -> None:
    other = {"worker": "beat", "beat": "worker"}[stopped]
    alive(**{stopped: age, other: 1})
    response = client.get("/healthz")
    assert response.json()[stopped]["status"] == status
    assert response.json()[other]["status"] == "ok"
    assert response.status_code == (200 if status == "ok" else 503)


def test_one_that_never_ran_is_down(client: Client) -> None:
    alive(beat=1)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["worker"] == {"status": "down", "age": None}


def test_redis_away(client: Client, settings: pytest.FixtureRequest) -> None:
    alive(worker=1, beat=1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/healthz")
    assert response.status_code == 503
    assert {part: sign["status"] for part, sign in response.json().items() if part != "status"} == {
        "database": "ok",
        "redis": "down",
        "worker": "ok",
        "beat": "ok",
        "calendar": response.json()["calendar"]["status"],
        "reconciliation": "ok",
        "partitions": "ok",
    }


@pytest.mark.parametrize(("day", "status"), [("2026-10-09", "ok"), ("2026-10-10", "warning")])
def test_a_calendar_that_runs_out_warns_and_fails_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, day: str, status: str
) -> None:
    """Sixty working days are covered after 9 October 2026, and 59 after the 10th, a worked Saturday."""
    alive(worker=1, beat=1)
    monkeypatch.setattr(health, "ask_backlogs", lambda *, over: {})
    monkeypatch.setattr("transfers.rules.workdays.local_date", lambda _instant: date.fromisoformat(day))
    response = client.get("/healthz")
    calendar = response.json()["calendar"]
    assert (response.status_code, calendar["status"]) == (200, status)
    assert calendar["days"]["100000"] == calendar["days"]["450000"] == (60 if status == "ok" else 59)
    told = client.get("/metrics").content.decode()
    assert f'jiexu_calendar_working_days{{region="100000"}} {calendar["days"]["100000"]}.0' in told
    assert 'jiexu_up{part="calendar"} 1.0' in told


def test_books_that_differ_warn_and_fail_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    alive(worker=1, beat=1)
    monkeypatch.setattr(health, "ask_backlogs", lambda *, over: {})
    for run, differences in ((1, []), (2, [{"check": "flow"}])):
        monkeypatch.setattr(health, "_kept", None)
        night = {"date": date(2026, 6, 1), "run": run, "made_at": timezone.now(), "rows": []}
        Reconciliation.objects.create(ok=not differences, differences=differences, **night)
        response = client.get("/healthz")
        told = response.json()["reconciliation"]
        expected = (200, "warning" if differences else "ok", len(differences))
        assert (response.status_code, told["status"], told["differences"]) == expected
        assert f"jiexu_reconciliation_differences {len(differences)}.0" in client.get("/metrics").content.decode()


def test_database_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    alive(worker=1, beat=1)
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["database"]["status"] == "down"
    assert response.json()["redis"]["status"] == "ok"


def waited_long(*, now: datetime) -> float:
    return 500.0


def waited_not(*, now: datetime) -> None:
    return None


def test_backlog_over_its_limit(client: Client, settings: pytest.FixtureRequest) -> None:
    alive(worker=1, beat=1)
    settings.HEALTH_BACKLOGS = {
        "alarms": ("tests.config.test_health.waited_long", 300.0),
        "letters": ("tests.config.test_health.waited_not", 300.0),
    }
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["alarms"] == {"status": "late", "age": 500.0}
    assert response.json()["letters"] == {"status": "ok", "age": 0.0}


SLEEP_SECONDS = 0.0


def asked_slowly(*, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [SLEEP_SECONDS])


def test_a_backlog_that_cannot_be_counted_in_time(
    settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database gives up the question when the page's patience ends; requests keep the connection they had."""
    alive(worker=1, beat=1)
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 1)
    settings.HEALTH_BACKLOGS = {"letters": ("tests.config.test_health.asked_slowly", 300.0)}
    usual = connections["default"]
    quick = health.signs()
    assert quick["letters"] == health.Sign("ok", 0.0)
    assert connections["default"] is usual
    monkeypatch.setattr("tests.config.test_health.SLEEP_SECONDS", 4.0)
    slow = health.signs()
    assert slow["letters"] == health.DOWN
    assert (slow["database"].status, slow["worker"].status, slow["beat"].status) == ("ok", "ok", "ok")
    assert connections["default"] is usual
    assert Heartbeat.objects.count() == 2


def test_the_backlogs_of_the_settings_can_be_asked() -> None:
    from config import settings as written

    for path, limit in written.HEALTH_BACKLOGS.values():
        age = health.import_string(path)(now=timezone.now())
        assert age is None or age >= 0
        assert limit > 0


@pytest.mark.django_db(transaction=False)
def test_alarms_that_nobody_fires(world: World) -> None:
    """Nothing is due at first; what waits is counted from the moment it was due."""
    world.accepted(now=MONDAY)
    clock = Clock.objects.get()
    assert clock.next_at is not None
    assert health.oldest_due_alarm(now=clock.next_at - timedelta(seconds=1)) is None
    assert health.oldest_due_alarm(now=clock.next_at + timedelta(seconds=200)) == 200.0


def test_asked_at_most_once_a_second(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(health, "signs", lambda: asked.append(1) or {"database": health.DOWN})
    for _ in range(5):
        assert client.get("/healthz").status_code == 503
    assert len(asked) == 1


def test_worker_and_beat_write_their_own_sign() -> None:
    heartbeat.beat_of_worker(sender=None)
    assert list(Heartbeat.objects.values_list("name", flat=True)) == ["worker"]
    from config.celery import app

    scheduler = heartbeat.BeatingScheduler(app=app, lazy=True)
    scheduler._heap = []
    scheduler.old_schedulers = scheduler.schedule
    scheduler.tick()
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"worker", "beat"}


def test_signs_are_written_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: clock[0])
    heartbeat.beat("worker")
    first = Heartbeat.objects.get().at
    clock[0] += heartbeat.EVERY_SECONDS - 1
    heartbeat.beat("worker")
    assert Heartbeat.objects.get().at == first
    clock[0] += 2
    heartbeat.beat("worker")
    assert Heartbeat.objects.get().at > first


def test_signs_for_a_container(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    settings.HEARTBEAT_FILE = str(tmp_path / "heartbeat")
    heartbeat.beat("beat")
    assert (tmp_path / "heartbeat").exists()


def test_scheduler_starts_with_everything_due() -> None:
    from config.celery import app

    scheduler = heartbeat.BeatingScheduler(app=app)
    assert scheduler.schedule
    assert all(entry.is_due().is_due for entry in scheduler.schedule.values())


def test_livez_asks_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    assert client.get("/livez").content == b"ok\n"


def test_metrics_are_for_this_machine_or_a_token(settings: pytest.FixtureRequest) -> None:
    alive(worker=1, beat=1)
    settings.METRICS_TOKEN = "measure-me"
    make = RequestFactory()

    def status(**extra: str) -> int:
        return health.metrics(make.get("/metrics", **extra)).status_code

    assert status(REMOTE_ADDR="127.0.0.1") == 200
    assert status(REMOTE_ADDR="10.1.2.3") == 404
    assert status(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="10.1.2.3") == 404
    assert status(REMOTE_ADDR="10.1.2.3", HTTP_AUTHORIZATION="Bearer measure-me") == 200
    assert status(REMOTE_ADDR="10.1.2.3", HTTP_AUTHORIZATION="Bearer wrong") == 404
    settings.METRICS_TOKEN = ""
    assert status(REMOTE_ADDR="10.1.2.3", HTTP_AUTHORIZATION="Bearer ") == 404


def test_metrics_name_each_part(client: Client) -> None:
    alive(worker=1, beat=100)
    text = client.get("/metrics").content.decode()
    assert 'jiexu_up{part="worker"} 1.0' in text
    assert 'jiexu_up{part="beat"} 0.0' in text
