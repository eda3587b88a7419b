"""Agencies (医保经办机构), their members, and the platforms that connect to the hub."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from transfers.models.labels import said_later
from transfers.rules.parties import Role


class Agency(models.Model):
    """The office that handles cases for one area, province or the nation. `parent` is the one that it answers to."""

    area = models.OneToOneField("transfers.Area", models.PROTECT, related_name="agency", verbose_name=_("Area"))
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children", verbose_name=_("Above"))
    name = models.CharField(_("Name"), max_length=80)
    phone = models.CharField(_("Telephone"), max_length=30)
    address = models.CharField(_("Address"), max_length=120, blank=True)
    postcode = models.CharField(_("Postcode"), max_length=6, blank=True, default="")
    contact = models.CharField(_("Contact"), max_length=30, blank=True, default="")
    valid_to = models.DateField(_("Valid to"), null=True)

    class Meta:
        verbose_name = _("Agency")
        verbose_name_plural = _("Agencies")
        ordering = ["area_id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role of a user in an agency. Authority comes from here and nowhere else, for superusers too."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("User")
    )
    agency = models.ForeignKey(Agency, models.CASCADE, related_name="memberships", verbose_name=_("Agency"))
    role = models.CharField(_("Role"), max_length=20, choices=[(role.value, said_later(role.named)) for role in Role])

    class Meta:
        verbose_name = _("Membership")
        verbose_name_plural = _("Memberships")
        ordering = ["agency_id", "user_id", "role"]
        constraints = [
            models.UniqueConstraint(fields=["user", "agency", "role"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.agency} · {Role(self.role).named.zh}"


class Partner(models.Model):
    """A platform that files applications through the API. Only the hash of its key is kept.

    `scopes`: `apply` files applications, `status` reads those it filed, `enrol` reports enrolments, which may start a
    transfer that nobody applied for. The webhook, when set, hears each change of the public line of its own cases.
    """

    APPLY = "apply"
    STATUS = "status"
    ENROL = "enrol"
    SCOPES = (APPLY, STATUS, ENROL)

    name = models.CharField(_("Name"), max_length=80, unique=True)
    key_hash = models.BinaryField(_("Key"), max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20), verbose_name=_("Scopes"))
    active = models.BooleanField(_("Active"), default=True)
    webhook_url = models.URLField(_("Webhook address"), blank=True)
    webhook_secret = EncryptedTextField(context="partner.webhook_secret", blank=True, default="")

    class Meta:
        verbose_name = _("Partner platform")
        verbose_name_plural = _("Partner platforms")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def hash_key(key: str) -> bytes:
        """The stored form of an API key (keys are long and random, so one round is enough)."""
        return hashlib.sha256(key.encode()).digest()

    def new_key(self) -> str:
        """Set a new random key and return it; it is shown this once."""
        key = f"jx_{secrets.token_urlsafe(32)}"
        self.key_hash = self.hash_key(key)
        return key


class IdempotencyKey(models.Model):
    """The promise that what is sent again is the same thing: the same key gives the same case.

    `kind`: an application (`apply`), or an enrolment event (`enrol`), whose id is the key. No partner: the
    installation's own command.
    """

    partner = models.ForeignKey(Partner, models.CASCADE, null=True)
    kind = models.CharField(max_length=10, default=Partner.APPLY)
    key = models.CharField(max_length=100)
    request_digest = models.BinaryField(max_length=32)
    case = models.ForeignKey("transfers.TransferCase", models.CASCADE, null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "kind", "key"], name="idempotency_once", nulls_distinct=False)
        ]
