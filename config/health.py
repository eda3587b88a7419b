"""Is everything alive? Judged by rows and round trips, not by the presence of processes.

`GET /healthz` answers JSON: `status`, and for `database`, `redis`, `worker`, `beat` and each backlog of
`settings.HEALTH_BACKLOGS` a `status` (`ok`, `late`, `down`) and an `age` in seconds: since the last sign of life, or
how long the oldest due piece of work has been waiting; for the `calendar` a `warning` and the covered working days
ahead by region when these run short; for the `reconciliation` a `warning` and the number of differences when the
newest night's books did not agree; for the `partitions` a `warning` when next month has none yet, or rows lie outside
theirs. 200 when all are `ok` or a warning, else 503. `GET /livez` says only that the
web process answers. `GET /metrics` gives the same figures to Prometheus.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

logger = logging.getLogger(__name__)
LATE_SECONDS = 45.0  # heartbeats are written every 10 to 20 seconds
DOWN_SECONDS = 90.0
PATIENCE_SECONDS = 2
KEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sign:
    """One line of the health page. `age` is in seconds; None when nothing is known.

    A `warning` wants somebody's attention and is no failure of this service. `days` is for the calendar alone:
    region -> working days ahead that official notices cover; `differences` for the reconciliation; `ahead` for the
    partitions: months that are there beyond the present one.
    """

    status: str
    age: float | None
    days: Mapping[str, int] | None = None
    differences: int | None = None
    ahead: int | None = None

    @property
    def well(self) -> bool:
        return self.status in ("ok", "warning")

    def as_data(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name in ("status", "age") or value is not None}


DOWN = Sign("down", None)


def judge(age: float | None) -> Sign:
    """Judge a heartbeat by its age in seconds; one never written is down."""
    if age is None:
        return DOWN
    status = "ok" if age <= LATE_SECONDS else "late" if age <= DOWN_SECONDS else "down"
    return Sign(status, round(max(age, 0.0), 1))


def signs() -> dict[str, Sign]:
    """Ask everything afresh. Takes at most a few seconds, also when a server hangs."""
    found = {"database": DOWN, "redis": ask_redis(), "worker": DOWN, "beat": DOWN}
    found |= dict.fromkeys([*settings.HEALTH_BACKLOGS, "calendar", "reconciliation", "partitions"], DOWN)
    fresh: BaseDatabaseWrapper = connection.copy()
    options = fresh.settings_dict["OPTIONS"]
    fresh.settings_dict["OPTIONS"] = options | {
        "connect_timeout": PATIENCE_SECONDS,
        "options": f"-c statement_timeout={PATIENCE_SECONDS}s",
    }
    try:
        with fresh.cursor() as cursor:
            cursor.execute("SELECT name, extract(epoch FROM now() - at)::float8 FROM config_heartbeat")
            ages = dict(cursor.fetchall())
        found["database"] = Sign("ok", 0.0)
        found["worker"], found["beat"] = judge(ages.get("worker")), judge(ages.get("beat"))
        found |= ask_backlogs(over=fresh)
        found["calendar"] = ask_calendar(over=fresh)
        found["reconciliation"] = ask_reconciliation(over=fresh)
        found["partitions"] = ask_partitions(over=fresh)
    except DatabaseError as error:
        logger.warning("The health page cannot reach the database: %s", error)
    finally:
        fresh.close()
    return found


def ask_redis() -> Sign:
    """One round trip to the broker."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
    )
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        logger.warning("The health page cannot reach Redis: %s", error)
        return DOWN
    finally:
        client.close()
    return Sign("ok", 0.0)


def ask_backlogs(*, over: BaseDatabaseWrapper) -> dict[str, Sign]:
    """How long the oldest due piece of each kind of work has been waiting, against its limit, asked `over` this one."""
    found = {}
    # Those that are asked know nothing of health pages and ask the default connection. Each thread has its own.
    usual = connections[over.alias]
    connections[over.alias] = over
    try:
        for name, (path, limit) in settings.HEALTH_BACKLOGS.items():
            oldest: Callable[..., float | None] = import_string(path)
            age = oldest(now=timezone.now()) or 0.0
            found[name] = Sign("ok" if age <= limit else "late", round(age, 1))
    finally:
        connections[over.alias] = usual
    return found


def ask_calendar(*, over: BaseDatabaseWrapper) -> Sign:
    """How many working days ahead official notices cover, asked `over` this connection."""
    from transfers.rules.workdays import local_date
    from transfers.sla.calendars import HORIZON_DAYS, horizons

    usual = connections[over.alias]
    connections[over.alias] = over
    try:
        days = horizons(local_date(timezone.now()))
    finally:
        connections[over.alias] = usual
    short = not days or min(days.values()) < HORIZON_DAYS
    return Sign("warning" if short else "ok", None, days)


def ask_reconciliation(*, over: BaseDatabaseWrapper) -> Sign:
    """Whether the books of the newest night agreed, asked `over` this connection; how long ago they were looked at."""
    from transfers.models import Reconciliation

    usual = connections[over.alias]
    connections[over.alias] = over
    try:
        row = Reconciliation.objects.order_by("-date", "-run").values_list("made_at", "differences").first()
    finally:
        connections[over.alias] = usual
    if row is None:
        return Sign("ok", None)
    made_at, differences = row
    age = (timezone.now() - made_at).total_seconds()
    return Sign("warning" if differences else "ok", round(max(age, 0.0), 1), differences=len(differences))


def ask_partitions(*, over: BaseDatabaseWrapper) -> Sign:
    """Whether next month has its partitions and no row lies astray, asked `over` this connection."""
    from transfers.selectors.partitions import standing

    usual = connections[over.alias]
    connections[over.alias] = over
    try:
        found = standing(now=timezone.now())
    finally:
        connections[over.alias] = usual
    return Sign("ok" if found.well else "warning", None, ahead=found.ahead)


def oldest_due_alarm(*, now: datetime) -> float | None:
    """Seconds since the alarm that has been due longest should have been fired; None when nothing is due."""
    from transfers.models import Clock

    oldest = Clock.objects.filter(next_at__lte=now).order_by("next_at").values_list("next_at", flat=True).first()
    return None if oldest is None else (now - oldest).total_seconds()


_lock = threading.Lock()
_kept: tuple[float, dict[str, Sign]] | None = None


def recent_signs() -> dict[str, Sign]:
    """The signs, asked at most once a second however many ask for the page."""
    global _kept
    with _lock:
        if _kept is None or time.monotonic() - _kept[0] > KEEP_SECONDS:
            found = signs()
            _kept = (time.monotonic(), found)
        return _kept[1]


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The state of every part; 503 unless all are well, a warning being well enough."""
    found = recent_signs()
    well = all(sign.well for sign in found.values())
    body = {"status": "ok" if well else "unwell"} | {name: sign.as_data() for name, sign in found.items()}
    response = JsonResponse(body, status=200 if well else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # probes ask every few seconds: no line each
    return response


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """This web process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def may_measure(request: HttpRequest) -> bool:
    """Figures are for this machine and for whoever has METRICS_TOKEN, which one that came through a proxy needs."""
    sent = request.headers.get("Authorization", "")
    if settings.METRICS_TOKEN and hmac.compare_digest(sent.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return True
    direct = "X-Forwarded-For" not in request.headers and "Forwarded" not in request.headers
    return direct and request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of the health page for Prometheus."""
    if not may_measure(request):
        return HttpResponse(status=404)
    registry = CollectorRegistry()
    up = Gauge("jiexu_up", "1 when the part is well", ["part"], registry=registry)
    age = Gauge(
        "jiexu_age_seconds", "Since the last sign of life, or the wait of the oldest work", ["part"], registry=registry
    )
    days = Gauge(
        "jiexu_calendar_working_days", "Working days ahead that official notices cover", ["region"], registry=registry
    )
    differences = Gauge(
        "jiexu_reconciliation_differences", "What did not agree in the newest night's books", registry=registry
    )
    ahead = Gauge("jiexu_partitions_ahead_months", "Months whose partitions are there", registry=registry)
    for name, sign in recent_signs().items():
        up.labels(name).set(sign.well)
        if sign.age is not None:
            age.labels(name).set(sign.age)
        for region, covered in (sign.days or {}).items():
            days.labels(region).set(covered)
        if sign.differences is not None:
            differences.set(sign.differences)
        if sign.ahead is not None:
            ahead.set(sign.ahead)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
