"""Working-day calendars as notices: versions of enumerated days with their document numbers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class CalendarNotice(models.Model):
    """One notice for one year and region (100000 is national, others are overlays). The highest version counts.

    `days`: [{"date": "2026-02-15", "working": false, "name_zh": "春节", "name_en": "Spring Festival"}, …]; days that
    it does not name follow the week. `provisional` means that the official notice is not out yet (暂定).
    """

    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+", verbose_name=_("Area"))
    year = models.PositiveSmallIntegerField(_("Year"))
    version = models.PositiveIntegerField(_("Version"), default=1)
    document_number = models.CharField(_("Document number"), max_length=80)
    issued_on = models.DateField(_("Issued on"), null=True)
    covered_from = models.DateField(_("Covered from"))
    covered_until = models.DateField(_("Covered until"))
    provisional = models.BooleanField(_("Provisional"), default=False)
    days = models.JSONField(_("Days"))
    source = models.CharField(_("Source"), max_length=300, blank=True)
    loaded_at = models.DateTimeField(_("Loaded at"))
    # Empty for what came with the reference data or by command.
    loaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Loaded by")
    )

    class Meta:
        verbose_name = _("Calendar notice")
        verbose_name_plural = _("Calendar notices")
        ordering = ["area_id", "year", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["area", "year", "version"], name="calendar_version_once"),
            models.CheckConstraint(name="calendar_span", condition=Q(covered_until__gte=F("covered_from"))),
        ]

    def __str__(self) -> str:
        return f"{self.area_id} {self.year} v{self.version}"


class CalendarEdition(models.Model):
    """A whole calendar as it was on some day, kept once per distinct content: clocks say by which one they count.

    `content` is `Calendar.as_data()`. When notices change, open clocks move to the new edition and stopped ones keep
    theirs, so that what was decided stays explainable. `told_at` is empty until staff have been told of the dates that
    moved with it.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    content = models.JSONField()
    made_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["made_at"], name="edition_untold", condition=Q(told_at__isnull=True))]
