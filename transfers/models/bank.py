"""The bank's side of the money: accounts that receive, payments that go out in files, lines that come in."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from transfers.models.guards import AppendOnlyQuerySet, GuardedQuerySet, append_only, no_truncate
from transfers.models.labels import said_later
from transfers.rules.bank import (
    AccountState,
    BatchState,
    FileKind,
    LineState,
    PaymentKind,
    PaymentState,
    SettlementState,
)

USER = settings.AUTH_USER_MODEL


def _within(field: str, values: type) -> Q:
    return Q(**{f"{field}__in": [value.value for value in values]})  # type: ignore[attr-defined]


class BankAccount(models.Model):
    """An account to which balances for an agency are sent. Proposed by one, confirmed by another after a call back.

    One that has been in force is never changed: a new one follows it, and no two are in force on one day.
    """

    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="bank_accounts")
    bank = models.CharField(_("Bank"), max_length=60)
    name = models.CharField(_("Account name"), max_length=80)
    number = EncryptedTextField(context="bankaccount.number", verbose_name=_("Account number"))
    valid_from = models.DateField(_("Valid from"))
    valid_to = models.DateField(_("Valid to"), null=True)
    state = models.CharField(
        _("State"), max_length=10, default="proposed", choices=[(s.value, said_later(s.named)) for s in AccountState]
    )
    note = models.CharField(_("Note"), max_length=500, blank=True)
    # Whom the checker called on a number that was known before, when, and what was said.
    callback_note = models.CharField(_("Call-back"), max_length=500, blank=True)
    made_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    checked_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("Receiving account")
        ordering = ["agency_id", "-valid_from", "-id"]
        constraints = [
            models.CheckConstraint(name="bankaccount_state", condition=_within("state", AccountState)),
            models.CheckConstraint(
                name="bankaccount_four_eyes",
                condition=Q(made_by__isnull=True) | Q(checked_by__isnull=True) | ~Q(made_by=F("checked_by")),
            ),
            models.CheckConstraint(
                name="bankaccount_dates", condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from"))
            ),
            ExclusionConstraint(
                name="bankaccount_one_at_a_time",
                expressions=[
                    ("agency", RangeOperators.EQUAL),
                    (Func("valid_from", "valid_to", models.Value("[]"), function="daterange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(state="confirmed"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.bank}"


class PaymentBatch(models.Model):
    """Payments of one agency that go to the bank in one file. `sequence` is given on approval, without a gap."""

    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=10, default="draft", choices=[(s.value, said_later(s.named)) for s in BatchState]
    )
    sequence = models.PositiveIntegerField(null=True)
    count = models.PositiveIntegerField(default=0)
    total_fen = models.BigIntegerField(default=0)
    # SHA-256 of the file, which is made anew from its payments, byte for byte, whenever it is fetched.
    digest = models.CharField(max_length=64, blank=True, default="")
    made_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    approved_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "sequence"], name="paymentbatch_sequence"),
            models.CheckConstraint(name="paymentbatch_state", condition=_within("state", BatchState)),
            models.CheckConstraint(
                name="paymentbatch_four_eyes",
                condition=Q(approved_by__isnull=True) | ~Q(made_by=F("approved_by")),
            ),
            models.CheckConstraint(
                name="paymentbatch_sequence_when_approved",
                condition=Q(state="approved", sequence__isnull=False) | ~Q(state="approved"),
            ),
        ]


class Payment(models.Model):
    """One payment that a bank makes for us. A remittance that is sent again is another payment.

    `reference` is what the bank carries in its remark: the case number, a dash, the number of the attempt. Of the
    kinds, remit and payout move the ledger; rest (what was missing) and refund (of what came in too much) do not.
    """

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, null=True, related_name="payments")
    number = models.PositiveSmallIntegerField(default=1)
    reference = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=10, choices=[(k.value, said_later(k.named)) for k in PaymentKind])
    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="+")
    payee_agency = models.ForeignKey("transfers.Agency", models.PROTECT, null=True, related_name="+")
    # What came in and is sent back by it, of a refund.
    line = models.ForeignKey("transfers.StatementLine", models.PROTECT, null=True, related_name="refunds")
    # With the whole name and number of whom the bank pays: encrypted, and kept as it was when it was sent.
    payee_name = EncryptedTextField(context="payment.payee_name")
    payee_bank = models.CharField(max_length=60)
    payee_account = EncryptedTextField(context="payment.payee_account")
    amount_fen = models.BigIntegerField()
    state = models.CharField(
        max_length=10, default="ready", choices=[(s.value, said_later(s.named)) for s in PaymentState]
    )
    batch = models.ForeignKey(PaymentBatch, models.PROTECT, null=True, related_name="payments")
    made_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    bank_reference = models.CharField(max_length=60, blank=True, default="")
    reason = models.CharField(max_length=4, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="payment_number"),
            models.CheckConstraint(name="payment_amount", condition=Q(amount_fen__gt=0)),
            models.CheckConstraint(name="payment_state", condition=_within("state", PaymentState)),
            models.CheckConstraint(name="payment_kind", condition=_within("kind", PaymentKind)),
            models.UniqueConstraint(
                fields=["case"], name="payment_one_under_way", condition=Q(state__in=["ready", "sent"], kind="remit")
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "id"], name="payment_ready", condition=Q(state="ready", batch=None)),
            models.Index(fields=["agency", "sent_at"], name="payment_sent", condition=Q(state="sent")),
        ]


class BankFile(models.Model):
    """A file from the bank that was taken in: results of payments, or lines of a statement. Each once, in sequence.

    `done` counts the rows that were worked on, so that a run that was interrupted goes on.
    """

    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=[(k.value, said_later(k.named)) for k in FileKind])
    sequence = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    name = models.CharField(max_length=120, blank=True, default="")
    count = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    total_fen = models.BigIntegerField()
    taken_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    taken_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "kind", "sequence"], name="bankfile_sequence"),
            models.UniqueConstraint(fields=["agency", "digest"], name="bankfile_digest"),
            models.CheckConstraint(name="bankfile_kind", condition=_within("kind", FileKind)),
        ]


class PaymentResult(models.Model):
    """A row of a result file: what the bank says of a payment. `applied_at` is empty until it has been acted upon."""

    file = models.ForeignKey(BankFile, models.PROTECT, related_name="results")
    row = models.PositiveIntegerField()
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="results")
    paid = models.BooleanField()
    reason = models.CharField(max_length=4, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    bank_reference = models.CharField(max_length=60, blank=True, default="")
    at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    # Why it could not be acted upon: a code and a sentence, for the finance staff to look into.
    problem = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "row"], name="paymentresult_row")]
        indexes = [models.Index(fields=["file", "row"], name="paymentresult_open", condition=Q(applied_at=None))]


class StatementLine(models.Model):
    """Money that came in on an agency's account, as the bank tells it. Never changed but for what became of it.

    Without `file` somebody wrote it down before the bank told it; the bank's own line then takes its place, once.
    `allocated_fen` + `returned_fen` never exceed `amount_fen` (the database sees to it); the rest is open. Only where
    the bank tells less than had been matched of what was written down, they do: SHORT, until people have undone it.
    `candidates`: [{"case": pk, "number": …, "score": 0–100, "why": [codes of rules/matching.py]}, …], best first.
    """

    agency = models.ForeignKey("transfers.Agency", models.PROTECT, related_name="+")
    file = models.ForeignKey(BankFile, models.PROTECT, null=True, related_name="lines")
    row = models.PositiveIntegerField(default=0)
    bank_reference = models.CharField(_("Bank reference"), max_length=60)
    booked_at = models.DateTimeField(_("Booked"))
    payer_name = models.CharField(_("Payer"), max_length=80)
    payer_account = EncryptedTextField(context="line.payer_account", blank=True, default="")
    remark = models.CharField(_("Remark"), max_length=200, blank=True)
    amount_fen = models.BigIntegerField()
    allocated_fen = models.BigIntegerField(default=0)
    returned_fen = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, default="new", choices=[(s.value, said_later(s.named)) for s in LineState])
    # Why it waits for a person (rules/matching.py), and what it may belong to.
    reason = models.CharField(max_length=12, blank=True, default="")
    candidates = models.JSONField(default=list)
    # Who proposed to send it back to the payer, and why; somebody else approves.
    return_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    return_note = models.CharField(max_length=500, blank=True, default="")
    # When its next reminder is due while it is not explained, and how many have been sent.
    remind_at = models.DateTimeField(null=True)
    reminded = models.PositiveSmallIntegerField(default=0)

    objects = GuardedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "bank_reference"], name="line_once"),
            models.CheckConstraint(name="line_state", condition=_within("state", LineState)),
            models.CheckConstraint(
                name="line_within",
                condition=Q(amount_fen__gt=0, allocated_fen__gte=0, returned_fen__gte=0)
                & (
                    Q(state="short", amount_fen__lt=F("allocated_fen") + F("returned_fen"))
                    | ~Q(state="short") & Q(amount_fen__gte=F("allocated_fen") + F("returned_fen"))
                ),
            ),
            models.CheckConstraint(
                name="line_struck",
                condition=~Q(state="struck") | Q(file__isnull=True, allocated_fen=0, returned_fen=0),
            ),
            models.CheckConstraint(
                name="line_explained",
                condition=Q(state="done", amount_fen=F("allocated_fen") + F("returned_fen")) | ~Q(state="done"),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "booked_at"], name="line_open", condition=~Q(state="done")),
            models.Index(fields=["file", "row"], name="line_new", condition=Q(state="new")),
            models.Index(fields=["remind_at"], name="line_remind", condition=Q(remind_at__isnull=False)),
        ]
        triggers = [
            # What was written down becomes the bank's, once; struck out, it may be written down anew.
            pgtrigger.Trigger(
                name="line_as_the_bank_told_it",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((OLD.agency_id, OLD.bank_reference) IS DISTINCT FROM (NEW.agency_id, NEW.bank_reference) OR "
                    '(OLD.file_id, OLD."row", OLD.booked_at, OLD.payer_name, OLD.remark, OLD.amount_fen) IS DISTINCT '
                    'FROM (NEW.file_id, NEW."row", NEW.booked_at, NEW.payer_name, NEW.remark, NEW.amount_fen) AND '
                    "(OLD.file_id IS NOT NULL OR NEW.file_id IS NULL AND OLD.state <> 'struck'))"
                ),
                func="RAISE EXCEPTION 'line % stays as the bank told it', OLD.id USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Protect(name="line_never_deleted", operation=pgtrigger.Delete),
        ]


class Allocation(models.Model):
    """So much of a line belongs to this case. Undone, it stays as history. `score` is None where a person chose."""

    line = models.ForeignKey(StatementLine, models.PROTECT, related_name="allocations")
    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="allocations")
    amount_fen = models.BigIntegerField()
    score = models.PositiveSmallIntegerField(null=True)
    made_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(name="allocation_amount", condition=Q(amount_fen__gt=0))]
        indexes = [models.Index(fields=["case"], name="allocation_live", condition=Q(undone_at=None))]
        triggers = [pgtrigger.Protect(name="allocation_never_deleted", operation=pgtrigger.Delete)]


class Reconciliation(models.Model):
    """The books of one day, area pair by area pair, as one run found them. `run` counts the runs of the day.

    `rows` and `differences` are in the form of selectors/reconciliation.py (`PairDay`, `Difference`).
    """

    date = models.DateField()
    run = models.PositiveSmallIntegerField(default=1)
    made_at = models.DateTimeField()
    ok = models.BooleanField()
    rows = models.JSONField()
    differences = models.JSONField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-date", "-run"]
        constraints = [models.UniqueConstraint(fields=["date", "run"], name="reconciliation_run")]
        triggers = [append_only("reconciliation"), no_truncate("reconciliation")]


class Settlement(models.Model):
    """The outbound fund has paid the inbound one for balances that were credited at once.

    Recorded by one of the outbound agency's finance staff and approved by another, which posts it to the ledger.
    """

    out_area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    in_area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    amount_fen = models.BigIntegerField()
    bank_reference = models.CharField(_("Bank reference"), max_length=60)
    state = models.CharField(
        _("State"), max_length=10, default="proposed", choices=[(s.value, said_later(s.named)) for s in SettlementState]
    )
    note = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    checked_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True)
    posting = models.OneToOneField("transfers.LedgerTransaction", models.PROTECT, null=True, related_name="settlement")

    class Meta:
        verbose_name = _("Settlement")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="settlement_state", condition=_within("state", SettlementState)),
            models.CheckConstraint(name="settlement_amount", condition=Q(amount_fen__gt=0)),
            models.CheckConstraint(name="settlement_pair", condition=~Q(out_area=F("in_area"))),
            models.CheckConstraint(
                name="settlement_four_eyes",
                condition=Q(checked_by__isnull=True) | ~Q(made_by=F("checked_by")),
            ),
            models.CheckConstraint(
                name="settlement_posted",
                condition=Q(state="posted", posting__isnull=False) | (~Q(state="posted") & Q(posting__isnull=True)),
            ),
            models.UniqueConstraint(
                fields=["out_area", "in_area"], name="settlement_one_open", condition=Q(state="proposed")
            ),
            models.UniqueConstraint(
                fields=["out_area", "bank_reference"], name="settlement_once", condition=~Q(state="refused")
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="settlement_as_recorded",
                fields=["out_area", "in_area", "amount_fen", "bank_reference", "made_by", "made_at"],
            ),
            pgtrigger.Protect(name="settlement_never_deleted", operation=pgtrigger.Delete),
        ]


class MeasuredPair(models.Model):
    """How long balances took between two areas, from sent to credited, as measured last night (rules/measured.py).

    Without `into`: from `out` to anywhere. Working days of the inbound area's calendar.
    """

    out = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+", db_index=False)
    into = models.ForeignKey("transfers.Area", models.PROTECT, null=True, related_name="+", db_index=False)
    count = models.PositiveSmallIntegerField()
    since = models.DateField()
    half_days = models.PositiveSmallIntegerField()
    nine_days = models.PositiveSmallIntegerField()
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["out", "into"], name="measuredpair_once", nulls_distinct=False),
        ]
