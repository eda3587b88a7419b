"""Papers that agencies issue: ordered by the step that calls for them, made afterwards, then never changed."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from transfers.models.guards import GuardedQuerySet
from transfers.models.labels import said_later
from transfers.rules.papers import AT_ONCE, PaperKind


class Paper(models.Model):
    """One paper of a case, in the name of `agency`.

    `version` is that of the case when the paper was ordered, `facts` what could change later on (form of
    transfers/documents/papers/ordering.py). `digest` is the SHA-256 of what the paper says, `sha256` that of the
    sealed PDF, which lies under the upload directory by that name. `missing` lists characters that the font lacks:
    such a paper is never made with a wrong glyph, it waits for somebody to issue it by hand.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Ordered")
        READY = "ready", _("Issued")
        MANUAL = "manual", _("To be printed by hand")
        PRINTED = "printed", _("Issued by hand")

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="papers")
    kind = models.CharField(
        _("Kind"), max_length=20, choices=[(kind.value, said_later(kind.info)) for kind in PaperKind]
    )
    version = models.PositiveIntegerField()
    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="+", verbose_name=_("Agency"))
    facts = models.JSONField(default=dict)
    code = models.CharField(_("Verification code"), max_length=16, unique=True)
    status = models.CharField(_("Status"), max_length=8, choices=Status.choices, default=Status.PENDING)
    ordered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(_("Ordered"))
    issued_at = models.DateTimeField(_("Issued"), null=True)
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveIntegerField(default=0)
    missing = models.CharField(max_length=100, blank=True)

    objects = GuardedQuerySet.as_manager()

    class Meta:
        verbose_name = _("Paper")
        verbose_name_plural = _("Papers")
        constraints = [
            models.UniqueConstraint(fields=["case", "version", "kind"], name="paper_ordered_once"),
            models.CheckConstraint(
                name="paper_whole",
                condition=Q(status="pending", issued_at__isnull=True, sha256="")
                | (Q(status="ready", issued_at__isnull=False, size__gt=0) & ~Q(sha256="") & ~Q(digest=""))
                | (Q(status="manual", issued_at__isnull=True, sha256="") & ~Q(missing=""))
                | (Q(status="printed", issued_at__isnull=False, issued_by__isnull=False, sha256="") & ~Q(missing="")),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="paper_at_once", condition=Q(status="pending", kind__in=AT_ONCE)),
            models.Index(fields=["agency", "id"], name="paper_manual", condition=Q(status="manual")),
            models.Index(fields=["sha256"], name="paper_sha256", condition=Q(status="ready")),
        ]
        triggers = [
            pgtrigger.Protect(
                name="issued_paper_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.status IN ('ready', 'printed')"),
            ),
            pgtrigger.Protect(name="paper_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def printed_code(self) -> str:
        """The code in groups of four, as it stands on the paper."""
        return "-".join(self.code[start : start + 4] for start in range(0, 16, 4))

    @property
    def missing_points(self) -> list[str]:
        """The characters that the font lacks, by their code points."""
        return [f"U+{ord(character):04X}" for character in self.missing]
