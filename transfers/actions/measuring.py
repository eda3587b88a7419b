"""Every night: how long balances have taken between areas, for people who ask when theirs comes."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from transfers.models import MeasuredPair
from transfers.rules.measured import LAST, Measured, measure
from transfers.rules.workdays import CalendarRangeError
from transfers.sla.calendars import calendar_for

BACK = timedelta(days=365)


@transaction.atomic
def measure_pairs(*, now: datetime) -> int:
    """Measure the newest transfers of each pair, and of each outbound area to anywhere; returns how many rows result.

    What was credited at once, or paid to a person, took no way between two areas and is left out. So is a later round.
    """
    taken: dict[tuple[str, str | None], list[tuple[date, int]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [now - BACK, LAST])
        for out, into, sent, credited, number in cursor.fetchall():
            days = _days(into, sent, credited)
            if days is not None:
                taken[out, into] += [(sent, days)] * number
    for (out, _into), found in list(taken.items()):
        taken[out, None] += found
    rows = []
    for (out, anywhere), found in taken.items():
        newest = sorted(found, reverse=True)[:LAST]
        measured = measure([days for _sent, days in newest], since=min(sent for sent, _days in newest))
        if measured is not None:
            rows.append(_row(out, anywhere, measured, now))
    MeasuredPair.objects.all().delete()
    MeasuredPair.objects.bulk_create(rows, batch_size=2000)
    return len(rows)


_NEWEST = """
    SELECT out, into_area, sent, credited, count(*) FROM (
        SELECT c.outbound_area_id AS out, c.inbound_area_id AS into_area,
            (r.remitted_at AT TIME ZONE 'Asia/Shanghai')::date AS sent,
            (r.credited_at AT TIME ZONE 'Asia/Shanghai')::date AS credited,
            row_number() OVER (PARTITION BY c.outbound_area_id, c.inbound_area_id ORDER BY r.credited_at DESC) AS n
        FROM transfers_remittance r JOIN transfers_transfercase c ON c.id = r.case_id
        WHERE r.state = 'CREDITED' AND r.destination = 'inbound' AND r.round = 1 AND r.credited_at >= %s
    ) found WHERE n <= %s GROUP BY 1, 2, 3, 4
"""


def _days(area: str, sent: date, credited: date) -> int | None:
    try:
        return calendar_for(area).count(sent, credited)
    except CalendarRangeError:
        return None


def _row(out: str, into: str | None, measured: Measured, now: datetime) -> MeasuredPair:
    return MeasuredPair(
        out_id=out,
        into_id=into,
        count=measured.count,
        since=measured.since,
        half_days=measured.half,
        nine_days=measured.nine,
        measured_at=now,
    )
