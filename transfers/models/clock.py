"""A clock carries its plan; an alarm is fired once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from transfers.models.guards import AppendOnlyQuerySet, append_only, no_truncate
from transfers.models.labels import said_later
from transfers.rules.clockwork import Tally
from transfers.rules.parties import Side
from transfers.rules.routes import ClockKind


class Clock(models.Model):
    """One limit of one case, in working days of `area`'s calendar.

    Every working day up to `counted_until` is in `used` or `paused_days`; what comes after belongs to the `status`.
    `plan` holds the instants of the alarms ahead, [{"code": "T-2", "at": "2026-05-06T09:00:00+08:00"}, …], `done` how
    many of them are behind, and `next_at` the next one (empty while paused or stopped): the only column a sweep looks
    at. Resuming plans anew as the next `generation`. Overdue is a question (`due_at` against now), never a flag.
    `policy` is what was pinned when it started: budget, close of business, ladder. `calendar` is the edition of the
    calendar that all this was counted by; a newer one recomputes open clocks.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        STOPPED = "stopped", _("Stopped")

    class Outcome(models.TextChoices):
        MET = "met", _("Met")
        LATE = "late", _("Late")

    # Keys whose own index would only be written: another begins with them, or nobody asks by them.
    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="clocks", db_index=False)
    kind = models.CharField(_("Kind"), max_length=12, choices=[(k.value, said_later(k.named)) for k in ClockKind])
    side = models.CharField(_("Side"), max_length=10, choices=[(s.value, said_later(s.named)) for s in Side])
    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+", db_index=False)
    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="+", db_index=False)
    generation = models.PositiveSmallIntegerField(default=1)
    # Empty on rows older than the column: those follow the policy that their case pins.
    policy = models.ForeignKey("transfers.ResolvedPolicy", models.PROTECT, null=True, related_name="+", db_index=False)
    calendar = models.ForeignKey(
        "transfers.CalendarEdition", models.PROTECT, null=True, related_name="+", db_index=False
    )
    budget = models.PositiveSmallIntegerField(_("Limit (working days)"))
    used = models.PositiveSmallIntegerField(_("Working days used"), default=0)
    paused_days = models.PositiveSmallIntegerField(_("Working days paused"), default=0)
    started_at = models.DateTimeField(_("Started at"))
    status = models.CharField(_("Status"), max_length=8, choices=Status.choices, default=Status.RUNNING)
    counted_until = models.DateField()
    due_on = models.DateField(_("Last day"))
    due_at = models.DateTimeField(_("Due"))
    provisional = models.BooleanField(_("Provisional"), default=False)
    stopped_at = models.DateTimeField(_("Stopped at"), null=True)
    outcome = models.CharField(_("Outcome"), max_length=4, choices=Outcome.choices, blank=True)
    plan = models.JSONField(default=list)
    done = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("Clock")
        constraints = [
            models.UniqueConstraint(
                fields=["case", "kind"], name="clock_one_open_of_a_kind", condition=~Q(status="stopped")
            ),
            models.CheckConstraint(
                name="clock_stopped_has_outcome",
                condition=Q(status="stopped", stopped_at__isnull=False, outcome__in=["met", "late"])
                | Q(status__in=["running", "paused"], stopped_at__isnull=True, outcome=""),
            ),
            models.CheckConstraint(
                name="clock_alarms_only_when_running", condition=Q(next_at__isnull=True) | Q(status="running")
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], name="clock_next", condition=Q(next_at__isnull=False)),
            models.Index(
                fields=["due_at"],
                name="clock_lapses",
                condition=Q(kind__in=["SUPPLEMENT", "RETURN"], status="running"),
            ),
            models.Index(fields=["case"], name="clock_case"),
            # Of an area, and of those in it that count by one edition.
            models.Index(fields=["area", "calendar", "case"], name="clock_calendar", condition=~Q(status="stopped")),
        ]

    @property
    def tally(self) -> Tally:
        """The account of this clock, as the rules know it."""
        return Tally(budget=self.budget, until=self.counted_until, used=self.used, paused=self.paused_days)


class Alarm(models.Model):
    """A rung that has fired. The unique key is the claim: however many sweepers run, each fires once.

    Partitioned by the month of the case, as its events are: ask by `case`, even where the clock is known.
    """

    clock = models.ForeignKey(Clock, models.PROTECT, related_name="alarms", db_index=False)
    # The case of the clock, by which it is held already.
    case = models.ForeignKey(
        "transfers.TransferCase", models.PROTECT, related_name="alarms", db_index=False, db_constraint=False
    )
    generation = models.PositiveSmallIntegerField()
    rung = models.CharField(max_length=30)
    planned_at = models.DateTimeField()
    fired_at = models.DateTimeField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            # A clock is of one case, which stands here because it says in which partition to look. In the database
            # this is the primary key: nobody asks for an alarm by its number.
            models.UniqueConstraint(fields=["case", "clock", "generation", "rung"], name="alarm_once"),
        ]
        triggers = [append_only("alarm"), no_truncate("alarm")]
