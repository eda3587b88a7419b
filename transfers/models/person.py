"""Persons, and the records of areas that plug in no registry of their own (see transfers/registry.py)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField


class Person(models.Model):
    """A person, known by type and number of an identity document.

    The number is encrypted; `identity_hash` (keyed) finds it, and `tail_hash` (keyed, of the last six characters)
    confirms a look-up.
    """

    identity_type = models.CharField(_("Identity document"), max_length=2, default="01")
    identity_number = EncryptedTextField(context="person.identity_number")
    identity_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    tail_hash = models.BinaryField(max_length=32, editable=False)
    name = models.CharField(_("Name"), max_length=50)
    birth_date = models.DateField(_("Date of birth"), null=True)
    sex = models.CharField(_("Sex"), max_length=1, blank=True)

    class Meta:
        verbose_name = _("Person")
        verbose_name_plural = _("Persons")
        indexes = [models.Index(fields=["name"], name="person_name")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Enrolment(models.Model):
    """One enrolment in one area. `status`, `scheme` and `account_kind` hold the national platform's codes."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="enrolments")
    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=3)
    status = models.CharField(max_length=1)
    name = models.CharField(max_length=50)
    retired = models.BooleanField(default=False)
    account_kind = models.CharField(max_length=1, default="1")
    arrears = models.BooleanField(default=False)
    open_claims = models.BooleanField(default=False)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    # 个人编号 of the area's own system: several for one person have to be merged there before a transfer.
    person_number = models.CharField(max_length=30, blank=True)
    survival = models.CharField(max_length=1, default="1")
    # The transfer that took it away.
    ended_by = models.ForeignKey("transfers.TransferCase", models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["person", "area"], name="enrolment_person_area")]
        constraints = [
            models.CheckConstraint(name="enrolment_survival", condition=Q(survival__in=["1", "2", "3", "4", "9"])),
            models.CheckConstraint(name="enrolment_scheme", condition=Q(scheme__in=["310", "390"])),
            models.CheckConstraint(name="enrolment_status", condition=Q(status__in=["0", "1", "2", "3", "4"])),
            models.CheckConstraint(
                name="enrolment_dates", condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from"))
            ),
        ]


class ContributionPeriod(models.Model):
    """Months paid or recognised in one area. Months are whole numbers, `year * 12 + month - 1`, both ends included."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="periods")
    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=3)
    first_month = models.IntegerField()
    last_month = models.IntegerField()
    kind = models.CharField(max_length=6, default="actual")
    reversed = models.BooleanField(default=False)
    # 缴费类型 clct_type of the national platform, and why deemed months are recognised.
    collection = models.CharField(max_length=2, default="10")
    ground = models.CharField(max_length=10, blank=True)
    # Written when the months were taken over from another area by this case.
    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, null=True, related_name="+")
    origin = models.ForeignKey("transfers.Area", models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["person", "area"], name="period_person_area")]
        constraints = [
            models.CheckConstraint(name="period_forward", condition=Q(last_month__gte=F("first_month"))),
            models.CheckConstraint(name="period_kind", condition=Q(kind__in=["actual", "deemed"])),
            models.CheckConstraint(
                name="period_collection", condition=Q(collection__in=["10", "20", "30", "32", "33", "40"])
            ),
            models.CheckConstraint(
                name="period_ground",
                condition=Q(ground="") | Q(ground="military", kind="deemed", scheme="310"),
            ),
        ]


class PersonalAccount(models.Model):
    """个人账户 of the employee scheme, in fen. `zeroed` means fixed and emptied by a transfer: it cannot be spent."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="accounts")
    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    balance_fen = models.BigIntegerField(default=0)
    status = models.CharField(max_length=10, default="normal")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "area"], name="account_once"),
            models.CheckConstraint(name="account_balance", condition=Q(balance_fen__gte=0)),
            models.CheckConstraint(
                name="account_status", condition=Q(status__in=["normal", "frozen", "abnormal", "zeroed"])
            ),
            models.CheckConstraint(name="account_zeroed", condition=~Q(status="zeroed") | Q(balance_fen=0)),
        ]
