"""Work that comes by the thousand: files of applications, and one step taken of many cases."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from transfers.models.labels import said_later
from transfers.rules.bulk import LineOutcome
from transfers.rules.parties import Channel

USER = settings.AUTH_USER_MODEL


class ApplicationFile(models.Model):
    """A file of applications (docs/bulk.md). Without `confirmed_at` it has only been looked at.

    `done` counts the lines that became something, so that a run that was interrupted goes on; the lines themselves are
    the resume mark. `finished_at`: no line is left.
    """

    name = models.CharField(_("Name"), max_length=120, blank=True, default="")
    # SHA-256 of the whole file, in hexadecimal.
    digest = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    taken_by = models.ForeignKey(USER, models.PROTECT, related_name="+", verbose_name=_("Taken in by"))
    taken_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("File of applications")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["taken_by", "digest"], name="applicationfile_once")]
        indexes = [
            models.Index(
                fields=["id"],
                name="applicationfile_under_way",
                condition=Q(confirmed_at__isnull=False, finished_at__isnull=True),
            )
        ]


class ApplicationLine(models.Model):
    """One line of such a file. `content` is the application that was checked; empty once it has become something.

    `person_hash` and `content_hash` are keyed: the same person, the same application. `problem`: why it was not taken,
    without anything that stood in it.
    """

    file = models.ForeignKey(ApplicationFile, models.CASCADE, related_name="lines", db_index=False)
    row = models.PositiveIntegerField()
    outcome = models.CharField(max_length=8, choices=[(one.value, said_later(one.named)) for one in LineOutcome])
    channel = models.CharField(max_length=12, blank=True, choices=[(c.value, said_later(c.named)) for c in Channel])
    content = EncryptedTextField(context="applicationline.content", blank=True, default="")
    person_hash = models.BinaryField(max_length=32, null=True)
    content_hash = models.BinaryField(max_length=32, null=True)
    problem = models.JSONField(null=True)
    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "row"], name="applicationline_row"),
            models.CheckConstraint(
                name="applicationline_outcome", condition=Q(outcome__in=[one.value for one in LineOutcome])
            ),
            models.CheckConstraint(
                name="applicationline_has_case", condition=~Q(outcome="filed") | Q(case__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["file", "row"], name="applicationline_new", condition=Q(outcome="new")),
            models.Index(fields=["content_hash"], name="applicationline_filed", condition=Q(outcome="filed")),
        ]


class BulkStep(models.Model):
    """One step to be taken of many cases by one person. Without `name` the cases have only been chosen.

    Each item keeps the version that was chosen, so that a case that has changed since is refused and not overrun.
    """

    name = models.CharField(max_length=30, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    count = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                name="bulkstep_under_way",
                condition=Q(started_at__isnull=False, finished_at__isnull=True),
            )
        ]


class BulkItem(models.Model):
    """One of the cases. `done`: the step was taken; `problem`: why not, as it was told."""

    step = models.ForeignKey(BulkStep, models.CASCADE, related_name="items", db_index=False)
    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField()
    done = models.BooleanField(default=False)
    problem = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "case"], name="bulkitem_once")]
        indexes = [
            models.Index(fields=["step", "id"], name="bulkitem_waits", condition=Q(done=False, problem__isnull=True))
        ]
