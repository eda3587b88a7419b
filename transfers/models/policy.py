"""Policies as data: what applies in an area, since when, by which document."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from transfers.models.guards import AppendOnlyQuerySet, append_only


class Policy(models.Model):
    """One area's own switches for a span of dates. Published editions of one area never overlap.

    `values` holds only what differs from the area above (see transfers/rules/policy.py for the switches).
    """

    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="policies", verbose_name=_("Area"))
    version = models.PositiveIntegerField(_("Version"))
    valid_from = models.DateField(_("Valid from"))
    valid_to = models.DateField(_("Valid to"), null=True, blank=True)
    document_number = models.CharField(_("Document number"), max_length=80)
    values = models.JSONField(_("Values"))
    drafted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(_("Published at"), null=True)

    class Meta:
        verbose_name = _("Policy")
        verbose_name_plural = _("Policies")
        ordering = ["area_id", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["area", "version"], name="policy_version_once"),
            models.CheckConstraint(
                name="policy_dates", condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from"))
            ),
            models.CheckConstraint(
                name="policy_four_eyes",
                condition=Q(drafted_by__isnull=True) | Q(published_by__isnull=True) | ~Q(drafted_by=F("published_by")),
            ),
            ExclusionConstraint(
                name="policy_no_overlap",
                expressions=[
                    ("area", RangeOperators.EQUAL),
                    (
                        Func(
                            F("valid_from"),
                            F("valid_to"),
                            models.Value("[]"),
                            function="DATERANGE",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area_id} v{self.version} {self.document_number}"


class ResolvedPolicy(models.Model):
    """The outcome of inheritance, kept once per distinct content: a case pins the row that it was accepted under."""

    digest = models.BinaryField(max_length=32, unique=True)
    values = models.JSONField()
    # ["100000 v1 医保办发〔2021〕43号", …], the widest area first.
    sources = models.JSONField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        triggers = [append_only("resolved_policy")]
