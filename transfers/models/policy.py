"""Policies as data: what applies in an area, since when, by which document."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from transfers.models.guards import AppendOnlyQuerySet, append_only
from transfers.rules.editions import Edition

_FIXED = (
    "area_id",
    "version",
    "valid_from",
    "document_number",
    "values",
    "drafted_by_id",
    "published_by_id",
    "published_at",
)


def _columns(row: str) -> str:
    return ", ".join(f'{row}."{name}"' for name in _FIXED)


class Policy(models.Model):
    """One area's own switches for a span of dates. Published editions of one area never overlap.

    `values` holds only what differs from the area above (see transfers/rules/policy.py for the switches). Editions that
    came with the reference data have no `drafted_by`; the others were drafted by one person and published by another,
    and once published only their end can be set (`closed_by`). A draft that was given up keeps its row, `withdrawn_at`.
    """

    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="policies", verbose_name=_("Area"))
    version = models.PositiveIntegerField(_("Version"))
    valid_from = models.DateField(_("Valid from"))
    valid_to = models.DateField(_("Valid to"), null=True, blank=True)
    document_number = models.CharField(_("Document number"), max_length=80)
    values = models.JSONField(_("Values"))
    # What the values rest on, in words: the document, or how far it could be checked.
    source = models.TextField(_("Source"), blank=True, default="")
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Drafted by")
    )
    drafted_at = models.DateTimeField(_("Drafted at"), null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Published by")
    )
    published_at = models.DateTimeField(_("Published at"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Ended by")
    )
    closed_at = models.DateTimeField(_("Ended at"), null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Withdrawn by")
    )
    withdrawn_at = models.DateTimeField(_("Withdrawn at"), null=True)

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
            models.CheckConstraint(
                name="policy_withdrawn_or_published",
                condition=Q(withdrawn_at__isnull=True) | Q(published_at__isnull=True),
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
        triggers = [
            # What people have published is what cases were accepted under: only its end may still be set.
            pgtrigger.Trigger(
                name="policy_published_stays",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.published_at IS NOT NULL AND OLD.drafted_by_id IS NOT NULL AND "
                    f"({_columns('OLD')}) IS DISTINCT FROM "
                    f"({_columns('NEW')})"
                ),
                func="RAISE EXCEPTION 'a published policy does not change' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area_id} v{self.version} {self.document_number}"

    @property
    def edition(self) -> Edition:
        """The row as the rules know it."""
        return Edition(
            self.area_id, self.version, self.valid_from, self.valid_to, self.document_number, dict(self.values)
        )

    @property
    def stage(self) -> str:
        """draft, published or withdrawn."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "published" if self.published_at is not None else "draft"


class ResolvedPolicy(models.Model):
    """The outcome of inheritance, kept once per distinct content: a case pins the row that it was accepted under."""

    digest = models.BinaryField(max_length=32, unique=True)
    values = models.JSONField()
    # ["100000 v1 医保办发〔2021〕43号", …], the widest area first.
    sources = models.JSONField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        triggers = [append_only("resolved_policy")]
