"""Pooling areas (统筹区) and what lies above them."""

from __future__ import annotations

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _


class Area(models.Model):
    """An area by its six-digit code. Codes follow the national list and include pseudo-codes that it lacks.

    The area of a person is never derived from the identity number.
    """

    class Level(models.TextChoices):
        NATION = "nation", _("Nation")
        PROVINCE = "province", _("Province")
        AREA = "area", _("Pooling area")

    code = models.CharField(_("Area code"), max_length=6, primary_key=True)
    name = models.CharField(_("Name"), max_length=60)
    short_name = models.CharField(_("Short name"), max_length=30)
    level = models.CharField(_("Level"), max_length=10, choices=Level.choices)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children", verbose_name=_("Above"))
    pooling = models.BooleanField(_("Runs a fund"), default=False)
    pseudo = models.BooleanField(_("Pseudo-code"), default=False)
    valid_from = models.DateField(_("Valid from"), null=True)
    valid_to = models.DateField(_("Valid to"), null=True)
    source = models.CharField(_("Source"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("Area")
        verbose_name_plural = _("Areas")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="area_code_digits", condition=models.Q(code__regex=r"^[0-9]{6}$")),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def full_name(self) -> str:
        """With the province in front, as people say it."""
        if self.parent is None or self.parent.level == self.Level.NATION or self.name.startswith(self.parent.name):
            return self.name
        return f"{self.parent.name}{self.name}"
