"""Who signs in."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField


class User(AbstractUser):
    """A person who signs in. What they may do in an agency is a membership in `transfers`, not a permission here."""

    display_name = models.CharField(_("Name"), max_length=50, blank=True)
    phone = EncryptedTextField(_("Phone"), context="accounts_user.phone", max_length=32, blank=True)
    language = models.CharField(_("Language"), max_length=10, choices=settings.LANGUAGES, default="zh-hans")

    class Meta:
        verbose_name = _("User")
        verbose_name_plural = _("Users")

    def __str__(self) -> str:
        return self.display_name or self.username


class OneTimeCode(models.Model):
    """The newest code of one subject for one purpose, and how often it was tried. Written only by `accounts.codes`."""

    purpose = models.CharField(max_length=40)
    subject_hash = models.BinaryField(max_length=32)
    code_hash = models.BinaryField(max_length=32)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0, help_text="checks of this code")
    used = models.BooleanField(default=False)
    accepted = models.BooleanField(default=False, help_text="outcome of the newest check")
    guesses = models.IntegerField(default=0, help_text="checks of all codes since window_started_at")
    window_started_at = models.DateTimeField()

    class Meta:
        verbose_name = _("One-time code")
        verbose_name_plural = _("One-time codes")
        constraints = [models.UniqueConstraint(fields=["purpose", "subject_hash"], name="one_code_per_subject")]

    def __str__(self) -> str:
        return self.purpose


class TokenBucket(models.Model):
    """How many tokens one key has left. Written only by `accounts.buckets`."""

    key_hash = models.BinaryField(max_length=32, primary_key=True)
    tokens = models.FloatField()
    allowed = models.BooleanField(help_text="outcome of the newest take")
    updated_at = models.DateTimeField()
    full_at = models.DateTimeField(help_text="from here on the row says nothing that its absence does not")

    class Meta:
        verbose_name = _("Token bucket")
        verbose_name_plural = _("Token buckets")

    def __str__(self) -> str:
        return bytes(self.key_hash).hex()[:8]
