"""The outbox: one row for each letter, written in the transaction of what it tells."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField

ADDRESS_CONTEXT = "notifications_letter.address"
SECRET_CONTEXT = "notifications_letter.secret"  # nosec B105


class Letter(models.Model):
    """One thing to be told to one person by one channel. Written only by `notifications.outbox` and `.inbox`.

    Partitioned by `month` (202611; 0 for what is older than the partitions), which follows from what is told and not
    from the clock: whatever bears one `dedupe_key` bears one month, so the unique key below holds over all of them.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("SMS")
        INBOX = "inbox", _("In-app inbox")
        WEBHOOK = "webhook", _("Webhook")

    class Status(models.TextChoices):
        PENDING = "pending", _("To be sent")
        SENT = "sent", _("Sent")
        DEAD = "dead", _("Undeliverable")
        FOLDED = "folded", _("Part of a digest")

    month = models.PositiveIntegerField(_("Month"))
    key = models.UUIDField(_("Idempotency key"), default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("Created"))
    channel = models.CharField(_("Channel"), max_length=10, choices=Channel)
    template = models.CharField(_("Template"), max_length=50)
    language = models.CharField(_("Language"), max_length=10, choices=settings.LANGUAGES)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("Recipient"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="letters",
        db_index=False,
    )
    address = EncryptedTextField(_("Address"), context=ADDRESS_CONTEXT, blank=True)
    subject_ref = models.CharField(_("About"), max_length=64, blank=True, default="")
    context = models.JSONField(_("Content"), default=dict, blank=True)
    secret = EncryptedTextField(_("Sensitive content"), context=SECRET_CONTEXT, null=True, blank=True)
    digest_key = models.CharField(_("Digest"), max_length=100, blank=True, default="")
    leader = models.ForeignKey(
        "self",
        verbose_name=_("Sent with"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="followers",
        db_index=False,
        db_constraint=False,  # months leave one by one, and a digest may hold letters of several
    )
    dedupe_key = models.CharField(_("Once-only key"), max_length=200, null=True, blank=True)
    status = models.CharField(_("Status"), max_length=10, choices=Status, default=Status.PENDING)
    due_at = models.DateTimeField(_("Due"))
    not_after = models.DateTimeField(_("Pointless after"), null=True, blank=True)
    attempts = models.SmallIntegerField(_("Attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("Next attempt"))
    leased_until = models.DateTimeField(null=True, blank=True)
    leased_by = models.CharField(max_length=100, blank=True, default="")
    sent_at = models.DateTimeField(_("Sent at"), null=True, blank=True)
    read_at = models.DateTimeField(_("Read at"), null=True, blank=True)
    last_error_code = models.CharField(_("Error code"), max_length=32, blank=True, default="")
    last_error = models.CharField(_("Error"), max_length=200, blank=True, default="")
    replayed_at = models.DateTimeField(_("Replayed at"), null=True, blank=True)
    replayed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("Replayed by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    class Meta:
        verbose_name = _("Letter")
        verbose_name_plural = _("Letters")
        indexes = [
            # The drain: small whatever the table's size, because only unsent rows are in it.
            models.Index(fields=["next_attempt_at", "id"], name="letter_pending", condition=Q(status="pending")),
            # The rest of a digest whose first letter was claimed.
            models.Index(
                fields=["digest_key"],
                name="letter_digest",
                condition=Q(status="pending", leader__isnull=True) & ~Q(digest_key=""),
            ),
            models.Index(fields=["leader"], name="letter_leader", condition=Q(leader__isnull=False)),
            models.Index(fields=["id"], name="letter_dead", condition=Q(status="dead")),
            models.Index(fields=["subject_ref", "id"], name="letter_subject", condition=~Q(subject_ref="")),
            models.Index(fields=["recipient", "-id"], name="letter_inbox", condition=Q(channel="inbox")),
            models.Index(
                fields=["recipient"], name="letter_unread", condition=Q(channel="inbox", read_at__isnull=True)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["dedupe_key", "month"], name="letter_once"),
            models.CheckConstraint(
                name="letter_inbox_has_recipient", condition=~Q(channel="inbox") | Q(recipient__isnull=False)
            ),
            models.CheckConstraint(name="letter_inbox_is_sent", condition=~Q(channel="inbox") | Q(status="sent")),
            models.CheckConstraint(
                name="letter_sent_has_time_and_no_secret",
                condition=~Q(status="sent") | Q(sent_at__isnull=False, secret__isnull=True),
            ),
            models.CheckConstraint(
                name="letter_folded_has_leader",
                condition=~Q(status="folded") | (Q(leader__isnull=False) & ~Q(leader=F("id"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.subject_ref}".strip()
