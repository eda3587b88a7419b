"""The balance's own line: the remittance of a case, and the ledger in integer fen."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django_fsm import GET_STATE, FSMField

from accounts.crypto import EncryptedTextField
from transfers.models.case import CASE_MOVES
from transfers.models.guards import AppendOnlyQuerySet, GuardedQuerySet, append_only, no_truncate
from transfers.models.labels import said_later
from transfers.models.moves import Declared, Field, Step, declared, move
from transfers.rules.money import Book, Destination, MoneyInfo, MoneyState
from transfers.rules.parties import Named, Role, Side

M = MoneyState
DEATH = "P-03"  # the payout reason by which the heirs are paid
_CHOICES = tuple((where.value, where.named) for where in (Destination.INBOUND, Destination.ACCOUNT, Destination.WALLET))
_SENT_TO = {
    Destination.ACCOUNT: M.PAYING.value,
    Destination.HEIRS: M.PAYING.value,
    Destination.WALLET: M.TO_WALLET.value,
}


class Remittance(models.Model):
    """What happens to the balance of one case. Opens when the sheet is sealed; NONE when there is nothing to move.

    A line goes on in rounds (`round`): the first for the balance, one more for each supplementary amount. `amount_fen`
    is this round's; `settled_fen` what earlier rounds brought to their end.
    """

    case = models.OneToOneField("transfers.TransferCase", models.PROTECT, primary_key=True, related_name="remittance")
    state = FSMField(
        _("Money"),
        default=M.NONE.value,
        protected=True,
        choices=[(state.value, said_later(state.info)) for state in MoneyState],
    )
    # The version of the case at which the money last moved.
    version = models.PositiveIntegerField(_("Version"), default=0)
    round = models.PositiveSmallIntegerField(default=1)
    amount_fen = models.BigIntegerField(_("Amount (fen)"), default=0)
    settled_fen = models.BigIntegerField(default=0)
    # How many payments, and how many postings, this case has had: their numbers are counted up here.
    payments = models.PositiveSmallIntegerField(default=0)
    postings = models.PositiveIntegerField(default=0)
    holder = models.ForeignKey("transfers.Agency", models.PROTECT, null=True, related_name="+")
    destination = models.CharField(
        _("Destination"),
        max_length=10,
        default=Destination.INBOUND.value,
        choices=[(where.value, said_later(where.named)) for where in Destination],
    )
    # Where the policy leaves a choice: what may be chosen, until when, and when the person chose.
    options = ArrayField(models.CharField(max_length=10), default=list)
    choose_by = models.DateTimeField(null=True)
    chosen_at = models.DateTimeField(null=True)
    # Whom a bank pays, when it is not the inbound agency.
    payee_name = EncryptedTextField(context="remittance.payee_name", blank=True, default="")
    payee_bank = models.CharField(max_length=60, blank=True, default="")
    payee_account = EncryptedTextField(context="remittance.payee_account", blank=True, default="")
    payee_relation = models.CharField(max_length=20, blank=True, default="")

    frozen_at = models.DateTimeField(_("Fixed at"), null=True)
    remitted_at = models.DateTimeField(_("Sent at"), null=True)
    received_at = models.DateTimeField(_("Arrived at"), null=True)
    received_fen = models.BigIntegerField(null=True)
    bank_reference = models.CharField(_("Bank reference"), max_length=60, blank=True)
    matched_at = models.DateTimeField(_("Matched at"), null=True)
    credited_at = models.DateTimeField(_("Credited at"), null=True)
    # When the next part goes to the wallet, and what is there already.
    wallet_at = models.DateTimeField(null=True)
    wallet_fen = models.BigIntegerField(default=0)
    # Why the bank sent it back or the amount is in doubt, in the words of whoever said so.
    trouble_reason = models.CharField(max_length=4, blank=True, default="")
    trouble_note = models.CharField(max_length=500, blank=True, default="")
    # Where the money was when it was asked back, when its match was to be undone, or when the year-end settlement held
    # it: refused, or over, it goes on from there.
    held_state = models.CharField(max_length=20, blank=True, default="")
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    checker = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    matcher = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    crediter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    unmatcher = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = GuardedQuerySet.as_manager()

    class Meta:
        verbose_name = _("Remittance")
        constraints = [
            models.CheckConstraint(name="remittance_state", condition=Q(state__in=[s.value for s in MoneyState])),
            models.CheckConstraint(name="remittance_amount", condition=Q(amount_fen__gte=0, settled_fen__gte=0)),
            models.CheckConstraint(
                name="remittance_none_is_zero", condition=~Q(state="NONE") | Q(amount_fen=0, frozen_at__isnull=True)
            ),
            models.CheckConstraint(
                name="remittance_wallet_within", condition=Q(wallet_fen__gte=0, wallet_fen__lte=F("amount_fen"))
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
            models.Index(fields=["wallet_at"], name="remittance_wallet", condition=Q(wallet_at__isnull=False)),
            # By what has not arrived yet: how lines of bank statements find their cases.
            models.Index(
                F("holder"),
                F("amount_fen") - Coalesce("received_fen", 0),
                name="remittance_arriving",
                condition=Q(state="IN_TRANSIT"),
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

    # --- where it goes, and fixing it (Art. 9) -----------------------------------------------------------

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
        source=[M.NONE],
        target=M.PENDING_SETTLE,
        zh="等待费用结算",
        en="Wait for costs to be settled",
        side=Side.SYSTEM,
        public=Named("有医疗费用未结算，余额待结算后锁定", "The balance is fixed when open costs have been settled"),
    )
    def await_settlement(self, step: Step) -> None:
        self._goes(step)

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
        self._goes(step)
        self.frozen_at = step.now

    def _goes(self, step: Step) -> None:
        self.amount_fen = step.data["amount_fen"]
        self.destination = step.data.get("destination", Destination.INBOUND.value)
        self.options = list(step.data.get("options", ()))
        self.choose_by = step.data.get("choose_by")

    @move(
        state,
        ways={
            M.PENDING_SETTLE: GET_STATE(
                lambda money, step: (M.FROZEN if money.amount_fen else M.NONE).value, states=[M.FROZEN, M.NONE]
            ),
            M.SETTLE_HELD: GET_STATE(
                lambda money, step: (M.YEAR_END if money.amount_fen else M.NONE).value, states=[M.YEAR_END, M.NONE]
            ),
        },
        zh="结算完毕，锁定余额",
        en="Settled; fix the balance",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        fields=(Field("interest_yuan", "money", "结算利息（元）", "Interest (yuan)", required=False),),
        note=True,
        public=Named("费用已结算，余额已锁定", "Costs settled; the balance has been fixed"),
    )
    def settle(self, step: Step) -> None:
        self.amount_fen = step.data["amount_fen"]
        self.frozen_at = step.now if self.amount_fen else None
        self.choose_by = step.data["choose_by"]
        self.held_state = M.FROZEN.value if self.state == M.SETTLE_HELD else ""

    @move(
        state,
        ways={M.FROZEN: M.FROZEN, M.YEAR_END: M.YEAR_END},
        zh="选择余额去向",
        en="Choose where the balance goes",
        side=Side.APPLICANT,
        roles=(Role.OUT_HANDLER, Role.IN_HANDLER, Role.FINANCE),
        fields=(
            Field("destination", "choice", "余额去向", "Destination", options=_CHOICES),
            Field("payee_bank", "text", "开户银行", "Bank", required=False),
            Field("payee_account", "account", "银行账号", "Account number", required=False),
        ),
        tone="plain",
        public=Named("您已选择余额去向", "You have chosen where the balance goes"),
    )
    def choose_destination(self, step: Step) -> None:
        self.destination = step.data["destination"]
        self.chosen_at = step.now
        self._pays(step)

    @move(
        state,
        ways={M.FROZEN: M.FROZEN, M.YEAR_END: M.YEAR_END, M.REMIT_FAILED: M.FROZEN},
        zh="改为支付给本人或继承人",
        en="Pay the person or the heirs instead",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        reasons="payout",
        note=True,
        fields=(
            Field("payee_name", "text", "收款人姓名", "Payee's name"),
            Field("payee_relation", "text", "与参保人关系", "Relation to the person", required=False),
            Field("payee_bank", "text", "开户银行", "Bank"),
            Field("payee_account", "account", "银行账号", "Account number"),
        ),
        tone="plain",
        public=Named("余额改为支付到银行账户", "The balance will be paid to a bank account"),
    )
    def pay_out_instead(self, step: Step) -> None:
        self.destination = (Destination.HEIRS if step.reason == DEATH else Destination.ACCOUNT).value
        self.options = []
        if self.state == M.YEAR_END:
            self.held_state = M.FROZEN.value
        self._pays(step)

    def _pays(self, step: Step) -> None:
        self.payee_name = step.data.get("payee_name") or ""
        self.payee_bank = step.data.get("payee_bank") or ""
        self.payee_account = step.data.get("payee_account") or ""
        self.payee_relation = step.data.get("payee_relation") or ""

    @move(
        state,
        ways={
            M.PENDING_SETTLE: M.SETTLE_HELD,
            M.FROZEN: M.YEAR_END,
            M.REMIT_FAILED: M.YEAR_END,
            M.REMIT_REVIEW: M.REVIEW_HELD,
        },
        zh="年末清算，暂停划款",
        en="Held for the year-end settlement",
        side=Side.SYSTEM,
        public=Named("转出地年末清算，划款暂停", "Held for the outbound area's year-end settlement"),
    )
    def hold_for_year_end(self, step: Step) -> None:
        self.held_state = self.state

    @move(
        state,
        ways={
            M.SETTLE_HELD: M.PENDING_SETTLE,
            M.YEAR_END: GET_STATE(lambda money, step: money.held_state, states=[M.FROZEN, M.REMIT_FAILED]),
            M.REVIEW_HELD: M.REMIT_REVIEW,
        },
        zh="年末清算结束，恢复划款",
        en="The year-end settlement is over",
        side=Side.SYSTEM,
        public=Named("年末清算结束，恢复划款", "The year-end settlement is over; sending goes on"),
    )
    def go_on_after_year_end(self, step: Step) -> None:
        pass

    @move(
        state,
        source=[s for s in MoneyState if s.info.here and not s.info.settled],
        target=M.RELEASED,
        zh="解除锁定",
        en="Release the balance",
        side=Side.SYSTEM,
        public=Named("余额已退回原账户", "The balance is back in its account"),
    )
    def release(self, step: Step) -> None:
        pass

    # --- sending -------------------------------------------------------------------------------------

    @move(
        state,
        source=[M.FROZEN, M.REMIT_FAILED],
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
        target=GET_STATE(
            lambda money, step: _SENT_TO.get(Destination(money.destination), M.IN_TRANSIT.value),
            states=[M.IN_TRANSIT, M.PAYING, M.TO_WALLET],
        ),
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
        self.received_at = self.received_fen = self.matched_at = None
        self.matcher_id = self.crediter_id = None
        self.trouble_reason = self.trouble_note = self.bank_reference = ""
        if self.destination == Destination.WALLET:
            self.wallet_at = step.now

    @move(
        state,
        source=[M.IN_TRANSIT, M.PAYING, M.PAID_TO_PERSON],
        target=M.REMIT_FAILED,
        zh="银行退回",
        en="Returned by the bank",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        reasons="money",
        note=True,
        tone="warn",
        public=Named("银行退回，转出地将更正后重新划转", "Returned by the bank; to be sent again"),
    )
    def return_remittance(self, step: Step) -> None:
        self.credited_at = None
        self.trouble_reason, self.trouble_note = step.reason, step.note

    @move(
        state,
        source=[M.PAYING],
        target=M.PAID_TO_PERSON,
        zh="确认银行已支付",
        en="The bank has paid",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        fields=(Field("bank_reference", "text", "银行流水号", "Bank reference"),),
        public=Named("余额已由银行支付", "The balance has been paid by the bank"),
    )
    def confirm_paid(self, step: Step) -> None:
        self.credited_at = step.now
        self.bank_reference = step.data["bank_reference"]

    @move(
        state,
        source=[M.TO_WALLET],
        target=GET_STATE(
            lambda money, step: M.IN_WALLET.value if money.wallet_fen == money.amount_fen else M.TO_WALLET.value,
            states=[M.TO_WALLET, M.IN_WALLET],
        ),
        zh="转入医保钱包",
        en="Move a part to the wallet",
        side=Side.SYSTEM,
        public=Named("余额转入医保钱包", "Moved to the medical-insurance wallet"),
    )
    def move_to_wallet(self, step: Step) -> None:
        self.wallet_fen += step.data["amount_fen"]
        self.wallet_at = step.data["next_at"]
        if self.wallet_fen == self.amount_fen:
            self.credited_at = step.now

    @move(
        state,
        source=[M.FROZEN],
        target=M.CREDITED,
        zh="即时入账",
        en="Credit at once",
        side=Side.SYSTEM,
        public=Named("余额已即时记入您的个人账户", "The balance has been credited to your account at once"),
    )
    def credit_at_once(self, step: Step) -> None:
        self.remitted_at = self.received_at = self.credited_at = step.now
        self.received_fen = self.amount_fen

    # --- arriving ------------------------------------------------------------------------------------

    @move(
        state,
        source=[M.IN_TRANSIT],
        target=GET_STATE(
            lambda money, step: (M.MATCHED if money.received_fen == money.amount_fen else M.IN_TRANSIT).value,
            states=[M.MATCHED, M.IN_TRANSIT],
        ),
        zh="自动匹配到账",
        en="Match automatically",
        side=Side.SYSTEM,
        public=Named("余额已到达转入地", "The balance has arrived in the inbound area"),
        public_in=M.MATCHED.value,
    )
    def auto_match(self, step: Step) -> None:
        self._arrives(step, None)

    @move(
        state,
        source=[M.IN_TRANSIT],
        target=GET_STATE(
            lambda money, step: (M.MATCHED if money.received_fen == money.amount_fen else M.IN_TRANSIT).value,
            states=[M.MATCHED, M.IN_TRANSIT],
        ),
        zh="匹配到账流水",
        en="Match a bank line",
        side=Side.IN,
        roles=(Role.FINANCE,),
        fields=(
            Field("line", "line", "银行流水", "Bank line"),
            Field("amount_yuan", "money", "本业务金额（元）", "Amount for this case (yuan)", required=False),
        ),
        public=Named("余额已到达转入地", "The balance has arrived in the inbound area"),
        public_in=M.MATCHED.value,
    )
    def match_line(self, step: Step) -> None:
        self._arrives(step, step.user_id)

    def _arrives(self, step: Step, matcher_id: int | None) -> None:
        """A line, or a part of one, is this case's; matched when all that was sent has arrived."""
        self.received_fen = (self.received_fen or 0) + step.data["amount_fen"]
        self.received_at = self.received_at or step.now
        self.bank_reference = step.data["bank_reference"]
        self.matcher_id, self.crediter_id = matcher_id, None
        self.matched_at = step.now if self.received_fen == self.amount_fen else None

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
        source=[M.IN_TRANSIT, M.RECEIVED],
        target=M.MISMATCH,
        zh="提出金额不符",
        en="Say that the amount differs",
        side=Side.IN,
        roles=(Role.FINANCE,),
        reasons="difference",
        note=True,
        tone="warn",
        public=Named("到账金额与锁定金额不符，两地核对中", "The amount that arrived differs; being cleared up"),
    )
    def raise_difference(self, step: Step) -> None:
        self.trouble_reason, self.trouble_note = step.reason, step.note

    @move(
        state,
        source=[M.MISMATCH],
        target=M.IN_TRANSIT,
        zh="答复金额不符",
        en="Answer the difference",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        reasons="answer",
        note=True,
        public=Named("转出地已答复金额差异", "The outbound area has answered about the difference"),
    )
    def answer_difference(self, step: Step) -> None:
        self.trouble_reason, self.trouble_note = step.reason, step.note

    @move(
        state,
        source=[M.IN_TRANSIT, M.MISMATCH, M.MATCHED],
        target=M.UNMATCH_REVIEW,
        zh="申请撤销匹配",
        en="Propose to undo the match",
        side=Side.IN,
        roles=(Role.FINANCE,),
        reasons="money",
        needs=("received_fen", "J-NONE-MATCHED"),
        note=True,
        tone="warn",
    )
    def propose_unmatch(self, step: Step) -> None:
        self.held_state = self.state
        self.unmatcher_id = step.user_id
        self.trouble_reason, self.trouble_note = step.reason, step.note

    @move(
        state,
        source=[M.UNMATCH_REVIEW],
        target=GET_STATE(lambda money, step: money.held_state, states=[M.IN_TRANSIT, M.MISMATCH, M.MATCHED]),
        zh="不同意撤销匹配",
        en="Keep the match",
        side=Side.IN,
        roles=(Role.FINANCE,),
        four_eyes=("unmatcher_id",),
        note=True,
    )
    def keep_match(self, step: Step) -> None:
        self.unmatcher_id = None
        self.trouble_reason, self.trouble_note = step.data["doubt"]

    @move(
        state,
        source=[M.UNMATCH_REVIEW],
        target=M.IN_TRANSIT,
        zh="同意撤销匹配",
        en="Undo the match",
        side=Side.IN,
        roles=(Role.FINANCE,),
        four_eyes=("unmatcher_id",),
        reasons="money",
        note=True,
        tone="warn",
        public=Named("到账匹配有误，已撤销，重新核对", "The match was wrong and has been undone"),
    )
    def approve_unmatch(self, step: Step) -> None:
        self.received_at = self.received_fen = self.matched_at = self.matcher_id = self.unmatcher_id = None
        self.bank_reference = ""

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

    # --- asked back, and more that follows -------------------------------------------------------------

    @move(
        state,
        source=[M.IN_TRANSIT, M.MISMATCH, M.MATCHED, M.CREDITED],
        target=M.RECLAIM,
        zh="申请追回误汇款项",
        en="Ask for the money back",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        reasons="money",
        note=True,
        tone="warn",
        public=Named("转出地发现误汇，申请追回", "Sent by mistake; the outbound area asks for it back"),
    )
    def request_reclaim(self, step: Step) -> None:
        self.held_state = self.state
        self.trouble_reason, self.trouble_note = step.reason, step.note

    @move(
        state,
        source=[M.RECLAIM],
        target=GET_STATE(
            lambda money, step: money.held_state, states=[M.IN_TRANSIT, M.MISMATCH, M.MATCHED, M.CREDITED]
        ),
        zh="不同意退回",
        en="Refuse to send it back",
        side=Side.IN,
        roles=(Role.FINANCE,),
        note=True,
        tone="plain",
        public=Named("转入地核对无误，不予退回", "The inbound area has checked it and keeps it"),
    )
    def refuse_reclaim(self, step: Step) -> None:
        pass

    @move(
        state,
        source=[M.RECLAIM],
        target=M.RETURNING,
        zh="同意退回款项",
        en="Send it back",
        side=Side.IN,
        roles=(Role.FINANCE,),
        fields=(Field("bank_reference", "text", "退款银行流水号", "Bank reference of the return"),),
        note=True,
        public=Named("转入地已退回款项", "The inbound area has sent the money back"),
    )
    def grant_reclaim(self, step: Step) -> None:
        self.bank_reference = step.data["bank_reference"]

    @move(
        state,
        source=[M.RETURNING],
        target=M.REMIT_FAILED,
        zh="确认退回款到账",
        en="The money is back",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        reasons="money",
        note=True,
        public=Named("退回款项已到转出地，将重新划转", "The money is back in the outbound area, to be sent again"),
    )
    def confirm_return(self, step: Step) -> None:
        self.received_at = self.received_fen = self.matched_at = self.credited_at = None
        self.matcher_id = self.crediter_id = None
        self.held_state = ""

    @move(
        state,
        source=[M.CREDITED, M.PAID_TO_PERSON, M.IN_WALLET],
        target=M.FROZEN,
        zh="补划利息或迟到款项",
        en="Supplement: late interest or contributions",
        side=Side.OUT,
        roles=(Role.FINANCE,),
        reasons="late",
        note=True,
        fields=(Field("amount_yuan", "money", "补划金额（元）", "Amount (yuan)"),),
        public=Named("转出地有补划款项，将另行划转", "The outbound area has more to send; it follows separately"),
    )
    def open_supplement(self, step: Step) -> None:
        self.settled_fen += self.amount_fen
        self.round += 1
        self.amount_fen = step.data["amount_yuan"]
        self.wallet_fen = 0
        self.frozen_at = step.now
        self.remitted_at = self.received_at = self.received_fen = self.matched_at = self.credited_at = None
        self.maker_id = self.checker_id = self.matcher_id = self.crediter_id = None
        self.bank_reference = self.held_state = ""


MOVES: dict[str, Declared] = {**CASE_MOVES, **declared(Remittance, "money")}


class LedgerTransaction(models.Model):
    """One posting. `kind`: fix, release, 102/103 (interest), 207 (account out), 107 (account in), 203 (paid to the
    person), 208 (to the heirs), wallet, arrive (a bank line was matched), unmatch, back (the bank or the other side
    returned it), settle (two funds settled what was credited at once; then without a case).

    `number` counts the postings of a case, so that none is made twice.
    """

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, null=True, related_name="ledger")
    number = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=10)
    at = models.DateTimeField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="ledger_number_once"),
            models.CheckConstraint(name="ledger_case_or_settle", condition=Q(case__isnull=False) | Q(kind="settle")),
        ]
        indexes = [models.Index(fields=["at"], name="ledger_at")]
        triggers = [append_only("ledger_transaction"), no_truncate("ledger_transaction")]


class LedgerEntry(models.Model):
    """One line of a posting, in fen; the lines of a posting sum to zero (checked by the database at commit).

    `book` is a `rules.money.Book` of `area`; what lies between two areas names the other as `counter_area`.
    """

    transaction = models.ForeignKey(LedgerTransaction, models.PROTECT, related_name="entries")
    book = models.CharField(max_length=10)
    area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+")
    counter_area = models.ForeignKey("transfers.Area", models.PROTECT, null=True, related_name="+")
    amount_fen = models.BigIntegerField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="ledger_not_zero", condition=~Q(amount_fen=0)),
            models.CheckConstraint(name="ledger_book", condition=Q(book__in=[book.value for book in Book])),
        ]
        indexes = [
            models.Index(fields=["area", "counter_area"], name="ledger_owed", condition=Q(book=Book.OWED.value)),
        ]
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
