"""What happened: append-only, one event a move, and every look at somebody's data."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from transfers.models.guards import AppendOnlyQuerySet, append_only, no_truncate


class CaseEvent(models.Model):
    """One thing that happened to a case. A move carries the version it led to; an alarm, and a date that moved with
    the calendar, carry none.

    `data` holds particulars that are safe to show to both sides: no identity number, no phone number.

    Partitioned by the month of the case (docs/adr/0023-partitions-by-month.md): ask by `case`, which the key in the
    database begins with (case_id, id). There is no way to an event by its `id` alone but through every partition.
    """

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="events", db_index=False)
    version = models.PositiveIntegerField(null=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=8, default="move")
    name = models.CharField(max_length=30)
    actor_kind = models.CharField(max_length=8)
    # Nobody asks by whom, and most events are the system's.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    actor_name = models.CharField(max_length=80, blank=True)
    side = models.CharField(max_length=10)
    agency = models.ForeignKey("transfers.Agency", models.PROTECT, null=True, related_name="+", db_index=False)
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20, blank=True)
    from_money = models.CharField(max_length=20, blank=True)
    to_money = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=8, blank=True)
    note = models.CharField(max_length=500, blank=True)
    clocks = models.JSONField(default=list)
    data = models.JSONField(default=dict)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("Event")
        constraints = [
            models.UniqueConstraint(
                fields=["case", "version"], name="event_one_per_move", condition=Q(version__isnull=False)
            ),
            models.CheckConstraint(
                name="event_kind",
                condition=Q(kind="move", version__isnull=False) | (~Q(kind="move") & Q(version__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["at"], name="event_calendar", condition=Q(kind="calendar")),
        ]
        triggers = [append_only("case_event"), no_truncate("case_event")]


class AccessEvent(models.Model):
    """Somebody looked: a public look-up, an unmasking, an export, an attempt that was refused.

    `origin_hash` is a keyed hash of the network address.
    """

    at = models.DateTimeField()
    kind = models.CharField(max_length=12)
    # One is written for each look-up, so no index but those that are read.
    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, null=True, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    origin_hash = models.BinaryField(max_length=32, null=True)
    outcome = models.CharField(max_length=12)
    detail = models.CharField(max_length=100, blank=True)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["case", "id"], name="access_case"),
            models.Index(fields=["user"], name="access_user", condition=Q(user__isnull=False)),
        ]
        triggers = [append_only("access_event"), no_truncate("access_event")]
