"""The balance's own line: the remittance of a case, and the ledger in integer fen."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from transfers.models.case import CASE_MOVES
from transfers.models.guards import AppendOnlyQuerySet, GuardedQuerySet, append_only, no_truncate
from transfers.models.labels import said_later
from transfers.models.moves import Declared, Field, Step, declared, move
from transfers.rules.parties import Named, Role, Side
from transfers.rules.routes import MoneyInfo, MoneyState

M = MoneyState


class Remittance(models.Model):
    """What happens to the balance of one case. Opens when the sheet is sealed; NONE when there is nothing to move."""

    case = models.OneToOneField("transfers.TransferCase", models.PROTECT, primary_key=True, related_name="remittance")
    state = FSMField(
        _("Money"),
        default=M.NONE.value,
        protected=True,
        choices=[(state.value, said_later(state.info)) for state in MoneyState],
    )
    # The version of the case at which the money last moved.
    version = models.PositiveIntegerField(_("Version"), default=0)
    amount_fen = models.BigIntegerField(_("Amount (fen)"), default=0)
    holder = models.ForeignKey("transfers.Agency", models.PROTECT, null=True, related_name="+")
    frozen_at = models.DateTimeField(_("Fixed at"), null=True)
    remitted_at = models.DateTimeField(_("Sent at"), null=True)
    received_at = models.DateTimeField(_("Arrived at"), null=True)
    received_fen = models.BigIntegerField(null=True)
    bank_reference = models.CharField(_("Bank reference"), max_length=60, blank=True)
    matched_at = models.DateTimeField(_("Matched at"), null=True)
    credited_at = models.DateTimeField(_("Credited at"), null=True)
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    checker = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    matcher = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    crediter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = GuardedQuerySet.as_manager()

    class Meta:
        verbose_name = _("Remittance")
        constraints = [
            models.CheckConstraint(name="remittance_state", condition=Q(state__in=[s.value for s in MoneyState])),
            models.CheckConstraint(name="remittance_amount", condition=Q(amount_fen__gte=0)),
            models.CheckConstraint(
                name="remittance_none_is_zero", condition=~Q(state="NONE") | Q(amount_fen=0, frozen_at__isnull=True)
            ),
            models.CheckConstraint(
                name="remittance_four_eyes_out",
                condition=Q(maker__isnull=True) | Q(checker__isnull=True) | ~Q(maker=F("checker")),
            ),
            models.CheckConstraint(
                name="remittance_four_eyes_in",
                condition=Q(matcher__isnull=True) | Q(crediter__isnull=True) | ~Q(matcher=F("crediter")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["holder", "state"],
                name="remittance_open",
                condition=~Q(state__in=[s.value for s in MoneyState if s.info.settled]),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="money_moves_with_event",
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.state IS DISTINCT FROM NEW.state"),
                func=(
                    "IF NEW.version <= OLD.version OR NOT EXISTS (SELECT 1 FROM transfers_caseevent e "
                    "WHERE e.case_id = NEW.case_id AND e.version = NEW.version AND e.from_money = OLD.state "
                    "AND e.to_money = NEW.state) THEN RAISE EXCEPTION "
                    "'the money of case % moves only through the one door', NEW.case_id "
                    "USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL;"
                ),
            ),
            pgtrigger.Protect(name="money_never_deleted", operation=pgtrigger.Delete),
        ]

    @property
    def info(self) -> MoneyInfo:
        """What is true of the state that the money is in."""
        return MoneyState(self.state).info

    @move(
        state,
        source=[M.NONE],
        target=M.FROZEN,
        zh="锁定余额",
        en="Fix the balance",
        side=Side.SYSTEM,
        public=Named("个人账户余额已锁定", "The balance has been fixed"),
    )
    def freeze(self, step: Step) -> None:
        self.amount_fen = step.data["amount_fen"]
        self.frozen_at = step.now

    @move(
        state,
        source=[M.FROZEN],
        target=M.REMIT_REVIEW,
        zh="申请划转",
        en="Propose the remittance",
        side=Side.OUT,
        roles=(Role.FINANCE,),
    )
    def propose_remittance(self, step: Step) -> None:
        self.maker_id = step.user_id
        self.checker_id = None

    @move(
        state,
        source=[M.REMIT_REVIEW],
        target=M.FROZEN,
        zh="退回划转申请",
        en="Send the remittance back",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        four_eyes=("maker_id",),
        reasons="money",
        note=True,
        tone="warn",
    )
    def reject_remittance(self, step: Step) -> None:
        self.maker_id = None

    @move(
        state,
        source=[M.REMIT_REVIEW],
        target=M.IN_TRANSIT,
        zh="复核划出",
        en="Approve and send",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        four_eyes=("maker_id",),
        public=Named("转出地已划出余额", "The outbound area has sent the balance"),
    )
    def approve_remittance(self, step: Step) -> None:
        self.checker_id = step.user_id
        self.remitted_at = step.now

    @move(
        state,
        source=[M.IN_TRANSIT],
        target=M.RECEIVED,
        zh="登记到账",
        en="Record the receipt",
        side=Side.IN,
        roles=(Role.FINANCE,),
        fields=(
            Field("received_yuan", "money", "到账金额（元）", "Amount received (yuan)"),
            Field("bank_reference", "text", "银行流水号", "Bank reference"),
        ),
        public=Named("余额已到达转入地", "The balance has arrived in the inbound area"),
    )
    def record_receipt(self, step: Step) -> None:
        self.received_at = step.now
        self.received_fen = step.data["received_yuan"]
        self.bank_reference = step.data["bank_reference"]

    @move(
        state,
        source=[M.RECEIVED],
        target=M.IN_TRANSIT,
        zh="撤销到账登记",
        en="Undo the receipt",
        side=Side.IN,
        roles=(Role.FINANCE,),
        reasons="money",
        note=True,
        tone="warn",
    )
    def undo_receipt(self, step: Step) -> None:
        self.received_at = self.received_fen = None
        self.bank_reference = ""

    @move(
        state,
        source=[M.RECEIVED],
        target=M.MATCHED,
        zh="匹配核对",
        en="Match",
        side=Side.IN,
        roles=(Role.FINANCE,),
    )
    def match_receipt(self, step: Step) -> None:
        self.matcher_id = step.user_id
        self.crediter_id = None
        self.matched_at = step.now

    @move(
        state,
        source=[M.MATCHED],
        target=M.CREDITED,
        zh="复核入账",
        en="Approve and credit",
        side=Side.IN,
        roles=(Role.FINANCE,),
        four_eyes=("matcher_id",),
        public=Named("余额已记入您的个人账户", "The balance has been credited to your account"),
    )
    def credit_account(self, step: Step) -> None:
        self.crediter_id = step.user_id
        self.credited_at = step.now

    @move(
        state,
        source=[M.NONE],
        target=M.KEPT,
        zh="余额保留原账户",
        en="Keep the balance where it is",
        side=Side.SYSTEM,
        public=Named("余额按规定保留在原账户，可继续使用", "By the area's rule the balance stays where it is"),
    )
    def keep(self, step: Step) -> None:
        self.amount_fen = step.data["amount_fen"]

    @move(
        state,
        source=[M.FROZEN, M.REMIT_REVIEW],
        target=M.RELEASED,
        zh="解除锁定",
        en="Release the balance",
        side=Side.SYSTEM,
        public=Named("余额已退回原账户", "The balance is back in its account"),
    )
    def release(self, step: Step) -> None:
        pass


MOVES: dict[str, Declared] = {**CASE_MOVES, **declared(Remittance, "money")}


class LedgerTransaction(models.Model):
    """One posting. `kind` is the national entry kind (207 账户转出, 107 账户转入) or `fix` (balance fixed)."""

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="ledger")
    kind = models.CharField(max_length=10)
    at = models.DateTimeField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "kind"], name="ledger_kind_once")]
        triggers = [append_only("ledger_transaction"), no_truncate("ledger_transaction")]


class LedgerEntry(models.Model):
    """One line of a posting, in fen; the lines of a posting sum to zero (checked by the database at commit).

    `book`: `personal` (a personal account of `area`), `fixed` (held by `area` for a transfer), `transit` (from `area`
    to `counter_area`).
    """

    transaction = models.ForeignKey(LedgerTransaction, models.PROTECT, related_name="entries")
    book = models.CharField(max_length=10)
    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    counter_area = models.ForeignKey("transfers.Area", models.PROTECT, null=True, related_name="+")
    amount_fen = models.BigIntegerField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="ledger_not_zero", condition=~Q(amount_fen=0))]
        triggers = [
            append_only("ledger_entry"),
            no_truncate("ledger_entry"),
            pgtrigger.Trigger(
                name="ledger_balances",
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                operation=pgtrigger.Insert,
                func=(
                    "IF (SELECT sum(amount_fen) FROM transfers_ledgerentry WHERE transaction_id = NEW.transaction_id)"
                    " <> 0 THEN RAISE EXCEPTION 'ledger transaction % does not balance', NEW.transaction_id"
                    " USING ERRCODE = 'check_violation'; END IF; RETURN NULL;"
                ),
            ),
        ]
