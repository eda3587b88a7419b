"""《参保人员基本医疗保险信息表》: the sealed record that the outbound side issues."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from transfers.models.guards import GuardedQuerySet


class Sheet(models.Model):
    """One version of a case's information sheet. Once sealed it never changes; a correction is a new version.

    `content` is the form of transfers/documents/sheet.py; `digest` is the SHA-256 of its canonical JSON, in hex.
    """

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="sheets")
    version = models.PositiveSmallIntegerField(_("Version"), default=1)
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    # Empty on both where the province has no review: the system prepared and sealed it.
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    prepared_at = models.DateTimeField()
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    sealed_at = models.DateTimeField(null=True)
    seal = models.JSONField(null=True)

    objects = GuardedQuerySet.as_manager()

    class Meta:
        verbose_name = _("Information sheet")
        constraints = [
            models.UniqueConstraint(fields=["case", "version"], name="sheet_version_once"),
            models.CheckConstraint(
                name="sheet_four_eyes",
                condition=Q(approved_by__isnull=True)
                | (Q(prepared_by__isnull=False) & ~Q(approved_by=F("prepared_by"))),
            ),
            models.CheckConstraint(
                name="sheet_sealed_whole",
                condition=Q(sealed_at__isnull=True, seal__isnull=True, approved_by__isnull=True)
                | Q(sealed_at__isnull=False, seal__isnull=False, approved_by__isnull=False)
                | Q(sealed_at__isnull=False, seal__isnull=False, prepared_by__isnull=True),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="sealed_sheet_never_changes",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__sealed_at__isnull=False),
            ),
        ]
