"""The transfer case and its transition table. The methods only change fields; `actions.perform` calls them."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import GET_STATE, FSMField

from accounts.crypto import EncryptedTextField
from transfers.models.guards import GuardedQuerySet
from transfers.models.labels import said_later
from transfers.models.moves import Field, Step, declared, move
from transfers.rules.parties import Applicant, Channel, EnrolmentStatus, Named, Role, Scheme, Side, Survival
from transfers.rules.routes import STATES, State, StateInfo

S = State
TERMINAL = [state.value for state in State if state.info.terminal]
# Where a case can still be taken back or ended: accepted, and the record not yet taken over.
OPEN_WORK = (
    *(S.ACCEPTED, S.OUT_PROCESSING, S.OUT_SUPPLEMENT, S.OUT_REVIEW, S.RETURNED),
    *(S.INFO_SENT, S.IN_PROCESSING, S.IN_QUERY, S.QUERY_REVIEW, S.IN_REVIEW),
)
_SURVIVAL = tuple((survival.value, survival.named) for survival in Survival)
_ACCOUNT = (
    ("normal", Named("正常", "Normal")),
    ("frozen", Named("冻结", "Frozen")),
    ("abnormal", Named("异常", "Abnormal")),
    ("none", Named("没有账户", "There is none")),
)
_YES_NO = (("no", Named("否", "No")), ("yes", Named("是", "Yes")))


class TransferCase(models.Model):
    """One person's move from one pooling area to another (转移接续业务).

    `version` counts the moves: every face sends back the one it showed, so nobody acts on an old picture. `holder`,
    `acts`, `owner` and `due_at` say who must act until when; `perform` keeps them true.
    """

    number = models.CharField(_("Case number"), max_length=20, unique=True)
    state = FSMField(
        _("State"),
        default=S.DRAFT.value,
        protected=True,
        choices=[(state.value, said_later(state.info)) for state in State],
    )
    version = models.PositiveIntegerField(_("Version"), default=0)

    person = models.ForeignKey("transfers.Person", models.PROTECT, related_name="cases", verbose_name=_("Person"))
    name = models.CharField(_("Name"), max_length=50)
    phone = EncryptedTextField(context="case.phone", verbose_name=_("Mobile phone"))
    email = EncryptedTextField(context="case.email", blank=True, default="", verbose_name=_("E-mail"))
    language = models.CharField(_("Language"), max_length=10, default="zh-hans")

    outbound_area = models.ForeignKey(
        "transfers.Area", models.PROTECT, related_name="+", verbose_name=_("Outbound area")
    )
    inbound_area = models.ForeignKey("transfers.Area", models.PROTECT, related_name="+", verbose_name=_("Inbound area"))
    # Here and at `holder` and `owner` the indexes below begin with the column: one of its own would only be written,
    # and tempt the planner into reading an agency's whole history for the first page of its worklist.
    outbound_agency = models.ForeignKey(
        "transfers.Agency", models.PROTECT, related_name="+", db_index=False, verbose_name=_("Outbound agency")
    )
    inbound_agency = models.ForeignKey(
        "transfers.Agency", models.PROTECT, related_name="+", db_index=False, verbose_name=_("Inbound agency")
    )
    outbound_scheme = models.CharField(
        _("Outbound scheme"), max_length=3, choices=[(s.value, said_later(s.named)) for s in Scheme]
    )
    inbound_scheme = models.CharField(
        _("Inbound scheme"), max_length=3, choices=[(s.value, said_later(s.named)) for s in Scheme]
    )
    applicant = models.CharField(
        _("Applicant"), max_length=10, choices=[(a.value, said_later(a.named)) for a in Applicant]
    )
    applicant_name = models.CharField(_("Applicant's name"), max_length=80, blank=True)
    employer_code = models.CharField(_("Employer code"), max_length=18, blank=True)
    agent_relation = models.CharField(_("Agent's relation to the person"), max_length=20, blank=True)
    agent_phone = EncryptedTextField(
        context="case.agent_phone", blank=True, default="", verbose_name=_("Agent's phone")
    )
    # Given at windows that still ask for it (certificate_required).
    certificate_number = models.CharField(_("Enrolment certificate"), max_length=40, blank=True)
    channel = models.CharField(_("Channel"), max_length=12, choices=[(c.value, said_later(c.named)) for c in Channel])
    partner = models.ForeignKey("transfers.Partner", models.PROTECT, null=True, related_name="+")
    remarks = models.CharField(_("Remarks"), max_length=500, blank=True)

    applied_at = models.DateTimeField(_("Applied at"))
    accepted_at = models.DateTimeField(_("Accepted at"), null=True)
    closed_at = models.DateTimeField(_("Closed at"), null=True)
    outbound_policy = models.ForeignKey("transfers.ResolvedPolicy", models.PROTECT, null=True, related_name="+")
    inbound_policy = models.ForeignKey("transfers.ResolvedPolicy", models.PROTECT, null=True, related_name="+")

    # [{"code": "V-O-01", "side": "out", "blocking": true}, …] from the last precheck.
    failures = models.JSONField(default=list)
    precheck_attempts = models.PositiveSmallIntegerField(default=0)
    precheck_at = models.DateTimeField(null=True)
    # {area code: null until that area has answered by hand, then what it said}.
    by_hand = models.JSONField(default=dict)
    # When the system next carries the case by itself, where the province has no review or asks for no application.
    auto_at = models.DateTimeField(null=True)

    acts = models.CharField(_("Side that must act"), max_length=10, default=Side.SYSTEM.value)
    holder = models.ForeignKey(
        "transfers.Agency", models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("With")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("Handled by"),
    )
    due_at = models.DateTimeField(_("Due"), null=True)
    state_since = models.DateTimeField(_("In this state since"))

    out_handler = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    out_reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    in_handler = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    in_reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    supplement_reason = models.CharField(max_length=4, blank=True)
    supplement_note = models.CharField(max_length=500, blank=True)
    supplement_count = models.PositiveSmallIntegerField(default=0)
    return_reason = models.CharField(max_length=4, blank=True)
    return_note = models.CharField(max_length=500, blank=True)
    # Where the case stood when its withdrawal was asked for: refused, it goes back there.
    held_state = models.CharField(max_length=20, blank=True)
    # Who of the staff asked for it at a window: they do not answer it. Empty when the person did.
    withdrawal_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    end_reason = models.CharField(max_length=4, blank=True)

    objects = GuardedQuerySet.as_manager()

    class Meta:
        verbose_name = _("Transfer case")
        verbose_name_plural = _("Transfer cases")
        constraints = [
            models.CheckConstraint(name="case_state", condition=Q(state__in=[s.value for s in State])),
            models.CheckConstraint(
                name="case_closed_iff_terminal",
                condition=Q(state__in=TERMINAL, closed_at__isnull=False)
                | (~Q(state__in=TERMINAL) & Q(closed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="case_two_areas", condition=Q(accepted_at__isnull=True) | ~Q(outbound_area=F("inbound_area"))
            ),
            # The worklist of an agency is read by holder alone.
            models.CheckConstraint(
                name="case_holder_is_a_party",
                condition=Q(holder__isnull=True) | Q(holder=F("outbound_agency")) | Q(holder=F("inbound_agency")),
            ),
            models.CheckConstraint(
                name="case_out_four_eyes",
                condition=Q(out_handler__isnull=True)
                | Q(out_reviewer__isnull=True)
                | ~Q(out_handler=F("out_reviewer")),
            ),
            models.CheckConstraint(
                name="case_in_four_eyes",
                condition=Q(in_handler__isnull=True) | Q(in_reviewer__isnull=True) | ~Q(in_handler=F("in_reviewer")),
            ),
            models.UniqueConstraint(
                name="case_one_open_per_person",
                fields=["person"],
                condition=Q(accepted_at__isnull=False, closed_at__isnull=True),
            ),
        ]
        indexes = [
            # The worklist, in exactly its order.
            models.Index(fields=["holder", "due_at", "id"], name="case_worklist", condition=Q(closed_at__isnull=True)),
            # The same for those who see many agencies, or all.
            models.Index(fields=["due_at", "id"], name="case_open", condition=Q(closed_at__isnull=True)),
            models.Index(fields=["outbound_agency", "due_at", "id"], name="case_outbound"),
            models.Index(fields=["inbound_agency", "due_at", "id"], name="case_inbound"),
            models.Index(fields=["owner", "due_at"], name="case_owner", condition=Q(closed_at__isnull=True)),
            models.Index(fields=["precheck_at"], name="case_precheck", condition=Q(precheck_at__isnull=False)),
            models.Index(fields=["auto_at"], name="case_auto", condition=Q(auto_at__isnull=False)),
            models.Index(fields=["name"], name="case_name", opclasses=["varchar_pattern_ops"]),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="begins_as_a_draft",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.state <> 'DRAFT' OR NEW.version <> 0"),
                func=(
                    "RAISE EXCEPTION 'case % must begin as a draft', NEW.number USING ERRCODE = 'restrict_violation';"
                ),
            ),
            pgtrigger.Trigger(
                name="state_moves_with_version",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.state IS DISTINCT FROM NEW.state OR OLD.version <> NEW.version"),
                func=(
                    "IF NEW.version <> OLD.version + 1 THEN RAISE EXCEPTION "
                    "'the state of case % moves only through the one door', OLD.number "
                    "USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="move_leaves_event",
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.version <> NEW.version"),
                func=(
                    "IF NOT EXISTS (SELECT 1 FROM transfers_caseevent e WHERE e.case_id = NEW.id "
                    "AND e.version = NEW.version AND e.to_state = NEW.state) THEN RAISE EXCEPTION "
                    "'case % reached version % without its event', NEW.number, NEW.version "
                    "USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL;"
                ),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def info(self) -> StateInfo:
        """What is true of the state that the case is in."""
        return STATES[State(self.state)]

    # --- application and precheck (Art. 6–8) -----------------------------------------------------

    @move(
        state,
        source=[S.DRAFT],
        target=S.SUBMITTED,
        zh="提交申请",
        en="Submit the application",
        side=Side.APPLICANT,
        roles=(Role.OUT_HANDLER, Role.IN_HANDLER),
        public=Named("申请已提交", "Application submitted"),
    )
    def submit(self, step: Step) -> None:
        self.precheck_at = step.now

    @move(
        state,
        ways={S.SUBMITTED: S.SUBMITTED, S.MANUAL_CHECK: S.MANUAL_CHECK},
        zh="登记系统未应答，稍后重试",
        en="A registry does not answer; try again later",
        side=Side.SYSTEM,
    )
    def defer(self, step: Step) -> None:
        self.precheck_attempts += 1
        self.precheck_at = step.data["again_at"]
        if self.state == S.MANUAL_CHECK:  # an area that has come back is not waited for
            answered = {area: answer for area, answer in self.by_hand.items() if answer is not None}
            self.by_hand = dict.fromkeys(step.data["silent"]) | answered

    @move(
        state,
        source=[S.SUBMITTED],
        target=S.MANUAL_CHECK,
        zh="长时间未应答，转人工核验",
        en="No answer for long; have it checked by hand",
        side=Side.SYSTEM,
        public=Named("一地系统长时间没有应答，转人工核验", "One area's system does not answer; its staff now check"),
    )
    def ask_by_hand(self, step: Step) -> None:
        self.by_hand = dict.fromkeys(step.data["silent"])
        self.precheck_attempts += 1
        self.precheck_at = step.data["again_at"]
        self.outbound_policy_id = step.data["outbound_policy_id"]
        self.inbound_policy_id = step.data["inbound_policy_id"]

    @move(
        state,
        source=[S.MANUAL_CHECK],
        target=S.MANUAL_CHECK,
        zh="录入人工核验结果",
        en="Enter what was found by hand",
        side=Side.OUT,
        either=True,
        holding=True,
        roles=(Role.OUT_HANDLER, Role.IN_HANDLER, Role.SUPERVISOR),
        fields=(
            Field(
                "status",
                "choice",
                "参保状态",
                "Enrolment status",
                options=tuple((status.value, status.named) for status in EnrolmentStatus),
            ),
            Field("name_agrees", "choice", "姓名与登记是否一致", "The name agrees", options=_YES_NO),
            Field("survival", "choice", "生存状态", "Survival", options=_SURVIVAL),
            Field("retired", "choice", "是否已退休", "Retired", options=_YES_NO),
            Field("several_numbers", "choice", "是否有多个编号未合并", "Several numbers", options=_YES_NO),
            Field("transferred", "choice", "关系是否已转出", "Transferred out already", options=_YES_NO),
            Field("account", "choice", "个人账户", "Personal account", options=_ACCOUNT),
            Field("arrears", "choice", "是否欠费", "In arrears", options=_YES_NO),
            Field("open_claims", "choice", "有无未结算费用", "Unsettled costs", options=_YES_NO),
        ),
        note=True,
    )
    def answer_by_hand(self, step: Step) -> None:
        area = self.inbound_area_id if self.acts == Side.IN else self.outbound_area_id
        self.by_hand = {**self.by_hand, area: dict(step.data)}
        self.precheck_at = step.now

    @move(
        state,
        source=[S.SUBMITTED, S.MANUAL_CHECK],
        target=S.WITHDRAWN,
        zh="撤回申请",
        en="Take the application back",
        side=Side.APPLICANT,
        roles=(Role.OUT_HANDLER, Role.IN_HANDLER),
        reasons="withdraw",
        tone="warn",
        note=True,
        public=Named("申请已撤回", "Application taken back"),
    )
    def withdraw_application(self, step: Step) -> None:
        self.end_reason = step.reason
        self.precheck_at = None

    @move(
        state,
        source=[S.SUBMITTED, S.MANUAL_CHECK],
        target=S.NOT_ACCEPTED,
        zh="不予受理",
        en="Refuse",
        side=Side.SYSTEM,
        public=Named("经两地校验，不予受理", "Checked by both areas; not accepted"),
    )
    def refuse(self, step: Step) -> None:
        self.failures = step.data["failures"]
        self.precheck_at = None

    @move(
        state,
        source=[S.SUBMITTED, S.MANUAL_CHECK],
        target=S.ACCEPTED,
        zh="受理",
        en="Accept",
        side=Side.SYSTEM,
        public=Named("经两地校验，申请已受理", "Checked by both areas; application accepted"),
    )
    def accept(self, step: Step) -> None:
        self.failures = step.data["failures"]
        self.precheck_at = None
        self.accepted_at = step.now
        self.outbound_policy_id = step.data["outbound_policy_id"]
        self.inbound_policy_id = step.data["inbound_policy_id"]
        self.auto_at = step.data["auto_at"]

    # --- outbound side (Art. 9, first sentence) --------------------------------------------------

    @move(
        state,
        source=[S.ACCEPTED],
        target=S.OUT_PROCESSING,
        zh="领取办理",
        en="Claim",
        side=Side.OUT,
        roles=(Role.OUT_HANDLER,),
        claims=True,
        public=Named("转出地开始办理", "The outbound area has begun"),
    )
    def claim_out(self, step: Step) -> None:
        self.owner_id = step.user_id
        self.auto_at = None

    @move(
        state,
        source=[S.OUT_PROCESSING],
        target=S.OUT_REVIEW,
        zh="生成信息表并提交复核",
        en="Prepare the sheet and send it to review",
        side=Side.OUT,
        roles=(Role.OUT_HANDLER,),
        owned=True,
        confirm=Named(
            "将按转出地当前记录生成信息表，提交后由另一名复核人员复核。",
            "The sheet is made from the outbound record as it stands now; another person then reviews it.",
        ),
    )
    def prepare_sheet(self, step: Step) -> None:
        self.out_handler_id = step.user_id
        self.out_reviewer_id = None
        self.owner_id = None

    @move(
        state,
        source=[S.OUT_REVIEW],
        target=S.OUT_PROCESSING,
        zh="退回经办",
        en="Send back to the handler",
        side=Side.OUT,
        roles=(Role.OUT_REVIEWER,),
        four_eyes=("out_handler_id",),
        reasons="send_back",
        note=True,
        tone="warn",
    )
    def send_back_out(self, step: Step) -> None:
        self.owner_id = self.out_handler_id

    @move(
        state,
        source=[S.OUT_REVIEW],
        target=S.INFO_SENT,
        zh="复核通过并签章传送",
        en="Approve, seal and send",
        side=Side.OUT,
        roles=(Role.OUT_REVIEWER,),
        four_eyes=("out_handler_id",),
        confirm=Named(
            "将加盖电子签章并传送转入地，个人账户余额同时锁定并清零。",
            "The sheet is sealed and sent to the inbound area; the account is fixed and emptied at the same time.",
        ),
        public=Named(
            "转出地已完成转出，信息表已传送转入地",
            "The outbound area is done; the information sheet has been sent",
        ),
    )
    def approve_out(self, step: Step) -> None:
        self.out_reviewer_id = step.user_id
        self.owner_id = None

    # --- supplement: the applicant owes something ------------------------------------------------

    @move(
        state,
        source=[S.OUT_PROCESSING],
        target=S.OUT_SUPPLEMENT,
        zh="要求补正",
        en="Ask for a supplement",
        side=Side.OUT,
        roles=(Role.OUT_HANDLER,),
        owned=True,
        reasons="supplement",
        note=True,
        tone="warn",
        public=Named("需要您补充材料，办理时限暂停计算", "A supplement is needed; the time limit is paused"),
    )
    def request_supplement(self, step: Step) -> None:
        self.supplement_reason = step.reason
        self.supplement_note = step.note
        self.supplement_count += 1

    @move(
        state,
        source=[S.OUT_SUPPLEMENT],
        target=S.OUT_PROCESSING,
        zh="已补正",
        en="Supplement received",
        side=Side.APPLICANT,
        roles=(Role.OUT_HANDLER,),
        note=True,
        public=Named("材料已补充，继续办理", "Supplement received; work goes on"),
    )
    def provide_supplement(self, step: Step) -> None:
        pass

    # --- return, forwarding, a limit that the applicant let pass -----------------------------------

    @move(
        state,
        source=[S.ACCEPTED, S.OUT_PROCESSING, S.OUT_REVIEW],
        target=S.RETURNED,
        zh="退回（可处理后重新提交）",
        en="Return, to be repaired",
        side=Side.OUT,
        roles=(Role.SUPERVISOR,),
        reasons="return_soft",
        note=True,
        tone="warn",
        public=Named("转出地已退回，请处理后重新提交", "Returned by the outbound area; repair it and resubmit"),
    )
    def return_soft(self, step: Step) -> None:
        self.return_reason, self.return_note = step.reason, step.note
        self.owner_id = self.auto_at = None

    @move(
        state,
        source=[S.ACCEPTED, S.OUT_PROCESSING, S.OUT_REVIEW],
        target=S.TERMINATED,
        zh="退回（不能继续办理）",
        en="Return for good",
        side=Side.OUT,
        roles=(Role.SUPERVISOR,),
        reasons="return_hard",
        note=True,
        tone="warn",
        public=Named("转出地已退回，本次申请终止", "Returned by the outbound area; this application has ended"),
    )
    def return_hard(self, step: Step) -> None:
        self.return_reason, self.return_note = step.reason, step.note
        self.end_reason = step.reason
        self.owner_id = self.auto_at = None

    @move(
        state,
        source=[S.RETURNED],
        target=S.ACCEPTED,
        zh="已处理，重新提交",
        en="Repaired; resubmit",
        side=Side.APPLICANT,
        roles=(Role.OUT_HANDLER, Role.IN_HANDLER),
        note=True,
        public=Named("退回事项已处理，重新受理", "Repaired and accepted again"),
    )
    def resubmit(self, step: Step) -> None:
        pass

    @move(
        state,
        source=[S.ACCEPTED, S.OUT_PROCESSING],
        target=S.ACCEPTED,
        zh="转办至正确的转出地",
        en="Forward to the right outbound area",
        side=Side.OUT,
        roles=(Role.SUPERVISOR,),
        reasons="forward",
        note=True,
        tone="warn",
        fields=(Field("area", "area", "正确的转出统筹区", "The right outbound area"),),
        public=Named("已转办至正确的转出地，时限继续计算", "Forwarded to the right outbound area; the limit runs on"),
    )
    def forward(self, step: Step) -> None:
        self.owner_id = self.auto_at = None

    @move(
        state,
        source=[S.OUT_SUPPLEMENT, S.RETURNED],
        target=S.TERMINATED,
        zh="超过期限未处理，终止办理",
        en="Not dealt with in time; end",
        side=Side.SYSTEM,
        reasons="lapse",
        public=Named("超过期限未处理，本次申请终止", "Not dealt with in time; this application has ended"),
    )
    def lapse(self, step: Step) -> None:
        self.end_reason = step.reason
        self.owner_id = None

    @move(
        state,
        ways={S.OUT_PROCESSING: S.OUT_PROCESSING, S.IN_PROCESSING: S.IN_PROCESSING},
        zh="改派经办人",
        en="Reassign",
        side=Side.OUT,
        either=True,
        holding=True,
        roles=(Role.SUPERVISOR,),
        fields=(Field("to", "member", "改派给", "Reassign to"),),
        tone="plain",
    )
    def reassign(self, step: Step) -> None:
        pass

    # --- inbound side (Art. 9, second sentence) --------------------------------------------------

    @move(
        state,
        source=[S.INFO_SENT],
        target=S.IN_PROCESSING,
        zh="领取办理",
        en="Claim",
        side=Side.IN,
        roles=(Role.IN_HANDLER,),
        claims=True,
        public=Named("转入地开始办理", "The inbound area has begun"),
    )
    def claim_in(self, step: Step) -> None:
        self.owner_id = step.user_id
        self.auto_at = None

    @move(
        state,
        source=[S.IN_PROCESSING],
        target=S.IN_REVIEW,
        zh="核对无误并提交复核",
        en="Checked; send to review",
        side=Side.IN,
        roles=(Role.IN_HANDLER,),
        owned=True,
        confirm=Named(
            "请确认已逐项核对信息表与签章。",
            "Confirm that you have checked the sheet, line by line, and its seal.",
        ),
    )
    def check_sheet(self, step: Step) -> None:
        self.in_handler_id = step.user_id
        self.in_reviewer_id = None
        self.owner_id = None

    @move(
        state,
        source=[S.IN_REVIEW],
        target=S.IN_PROCESSING,
        zh="退回经办",
        en="Send back to the handler",
        side=Side.IN,
        roles=(Role.IN_REVIEWER,),
        four_eyes=("in_handler_id",),
        reasons="send_back",
        note=True,
        tone="warn",
    )
    def send_back_in(self, step: Step) -> None:
        self.owner_id = self.in_handler_id

    @move(
        state,
        source=[S.IN_REVIEW],
        target=S.RELATION_DONE,
        zh="复核通过，接续关系",
        en="Approve and take over",
        side=Side.IN,
        roles=(Role.IN_REVIEWER,),
        four_eyes=("in_handler_id",),
        confirm=Named(
            "将把缴费年限并入转入地记录，转出地关系同时终止。",
            "The months are added to the inbound record and the outbound relationship ends.",
        ),
        public=Named("转入地已接续您的缴费年限", "The inbound area has taken over your months"),
    )
    def approve_in(self, step: Step) -> None:
        self.in_reviewer_id = step.user_id
        self.owner_id = None

    # --- clarification: the inbound side doubts the sheet -------------------------------------------

    @move(
        state,
        source=[S.IN_PROCESSING],
        target=S.IN_QUERY,
        zh="向转出地提出疑问",
        en="Query the sheet",
        side=Side.IN,
        roles=(Role.IN_HANDLER,),
        owned=True,
        reasons="clarify",
        note=True,
        tone="warn",
        fields=(Field("items", "items", "有疑问的栏目", "The places in doubt"),),
        public=Named("转入地对信息表有疑问，转出地核对中，转入时限暂停计算", "Queried with the outbound area; paused"),
    )
    def raise_query(self, step: Step) -> None:
        self.in_handler_id = step.user_id
        self.in_reviewer_id = None
        self.owner_id = None

    @move(
        state,
        ways={S.IN_QUERY: S.QUERY_REVIEW, S.REOPENED: S.RECTIFY_REVIEW},
        zh="更正信息表并提交复核",
        en="Correct the sheet and send it to review",
        side=Side.OUT,
        roles=(Role.OUT_HANDLER,),
        note=True,
        fields=(Field("changes", "changes", "更正内容", "What shall stand there"),),
    )
    def prepare_correction(self, step: Step) -> None:
        self.out_handler_id = step.user_id
        self.out_reviewer_id = None

    @move(
        state,
        ways={S.QUERY_REVIEW: S.IN_QUERY, S.RECTIFY_REVIEW: S.REOPENED},
        zh="退回更正",
        en="Send the correction back",
        side=Side.OUT,
        roles=(Role.OUT_REVIEWER,),
        four_eyes=("out_handler_id",),
        reasons="send_back",
        note=True,
        tone="warn",
    )
    def send_back_correction(self, step: Step) -> None:
        pass

    @move(
        state,
        ways={S.QUERY_REVIEW: S.IN_PROCESSING, S.RECTIFY_REVIEW: S.INFO_SENT},
        zh="复核通过，签发更正后的信息表",
        en="Approve and seal the corrected sheet",
        side=Side.OUT,
        roles=(Role.OUT_REVIEWER,),
        four_eyes=("out_handler_id",),
        public=Named("转出地已更正信息表", "The outbound area has issued a corrected sheet"),
    )
    def approve_correction(self, step: Step) -> None:
        self.out_reviewer_id = step.user_id
        self._back_to_inbound()

    @move(
        state,
        ways={S.IN_QUERY: S.IN_PROCESSING, S.REOPENED: S.INFO_SENT},
        zh="确认信息表无误",
        en="Confirm that the sheet is right",
        side=Side.OUT,
        roles=(Role.OUT_REVIEWER,),
        note=True,
        tone="plain",
        public=Named("转出地已确认信息表无误", "The outbound area has confirmed the sheet"),
    )
    def confirm_correct(self, step: Step) -> None:
        self._back_to_inbound()

    def _back_to_inbound(self) -> None:
        """Answered: back to whoever asked. After a reopening somebody of the inbound side takes it up anew."""
        self.owner_id = self.in_handler_id if self.state in (S.IN_QUERY, S.QUERY_REVIEW) else None

    # --- withdrawal: asked for by the applicant, answered by the side that has the case --------------

    @move(
        state,
        source=OPEN_WORK,
        target=S.WITHDRAW_REQUESTED,
        zh="申请撤销",
        en="Ask to withdraw",
        side=Side.APPLICANT,
        roles=(Role.OUT_HANDLER, Role.IN_HANDLER),
        reasons="withdraw",
        note=True,
        tone="warn",
        public=Named("已申请撤销，等待经办机构答复", "Withdrawal asked for; the agency is to answer"),
    )
    def request_withdrawal(self, step: Step) -> None:
        self.held_state = self.state
        self.withdrawal_by_id = step.user_id
        self.end_reason = step.reason
        self.auto_at = None

    @move(
        state,
        source=[S.WITHDRAW_REQUESTED],
        target=S.WITHDRAWN,
        zh="同意撤销",
        en="Grant the withdrawal",
        side=Side.OUT,
        either=True,
        holding=True,
        four_eyes=("withdrawal_by_id",),
        roles=(Role.OUT_HANDLER, Role.OUT_REVIEWER, Role.IN_HANDLER, Role.IN_REVIEWER),
        confirm=Named(
            "业务将终止；已锁定的余额退回原账户。",
            "The case ends; a balance that was fixed goes back to its account.",
        ),
        public=Named("已同意撤销", "Withdrawal granted"),
    )
    def grant_withdrawal(self, step: Step) -> None:
        self.owner_id = None

    @move(
        state,
        source=[S.WITHDRAW_REQUESTED],
        target=GET_STATE(lambda case, step: case.held_state, states=OPEN_WORK),
        zh="不同意撤销，继续办理",
        en="Refuse the withdrawal; go on",
        side=Side.OUT,
        either=True,
        holding=True,
        four_eyes=("withdrawal_by_id",),
        roles=(Role.OUT_HANDLER, Role.OUT_REVIEWER, Role.IN_HANDLER, Role.IN_REVIEWER),
        reasons="withdrawal_refused",
        note=True,
        tone="warn",
        public=Named("不同意撤销，继续办理", "Withdrawal refused; work goes on"),
    )
    def refuse_withdrawal(self, step: Step) -> None:
        self.end_reason = ""

    # --- ends before its time, and errors found after the end ----------------------------------------

    @move(
        state,
        source=OPEN_WORK,
        target=S.TERMINATED,
        zh="终止办理",
        en="End the case",
        side=Side.OUT,
        either=True,
        holding=True,
        roles=(Role.SUPERVISOR,),
        reasons="terminate",
        note=True,
        tone="warn",
        confirm=Named(
            "业务将终止，不能恢复；已锁定的余额退回原账户。",
            "The case ends for good; a balance that was fixed goes back to its account.",
        ),
        public=Named("业务已终止", "The case has been ended"),
    )
    def terminate(self, step: Step) -> None:
        self.end_reason = step.reason
        self.owner_id = self.auto_at = None

    @move(
        state,
        source=[S.COMPLETED],
        target=S.REOPENED,
        zh="办结后更正",
        en="Reopen to rectify",
        side=Side.OUT,
        either=True,
        roles=(Role.SUPERVISOR,),
        reasons="clarify",
        note=True,
        tone="warn",
        public=Named("办结后发现差错，重新打开更正", "A fault was found after completion; reopened to put it right"),
    )
    def reopen(self, step: Step) -> None:
        self.out_handler_id = self.out_reviewer_id = self.in_handler_id = self.in_reviewer_id = None

    # --- without review or application, where the province says so (in_province_mode) -----------------

    @move(
        state,
        source=[S.ACCEPTED],
        target=S.INFO_SENT,
        zh="自动转出",
        en="Carry the outbound part automatically",
        side=Side.SYSTEM,
        public=Named("转出地已自动办结转出", "The outbound part was carried automatically"),
    )
    def auto_out(self, step: Step) -> None:
        pass

    @move(
        state,
        source=[S.INFO_SENT],
        target=S.RELATION_DONE,
        zh="自动转入",
        en="Carry the inbound part automatically",
        side=Side.SYSTEM,
        public=Named("转入地已自动接续您的缴费年限", "The inbound area has taken over your months automatically"),
    )
    def auto_in(self, step: Step) -> None:
        self.auto_at = None

    @move(
        state,
        ways={S.ACCEPTED: S.ACCEPTED, S.INFO_SENT: S.INFO_SENT},
        zh="自动办理未成",
        en="Could not be carried automatically",
        side=Side.SYSTEM,
    )
    def auto_defer(self, step: Step) -> None:
        self.auto_at = step.data["again_at"]

    # --- the end ---------------------------------------------------------------------------------

    @move(
        state,
        source=[S.RELATION_DONE],
        target=S.COMPLETED,
        zh="办结",
        en="Complete",
        side=Side.SYSTEM,
        public=Named("业务已办结", "The case is complete"),
    )
    def finish(self, step: Step) -> None:
        self.owner_id = None

    @move(
        state,
        source=[S.COMPLETED],
        target=S.RELATION_DONE,
        zh="资金另有后续，重新打开",
        en="More money follows: open again",
        side=Side.SYSTEM,
        reasons="more_money",
        public=Named("资金另有后续，业务重新打开", "Open again: more about the money follows"),
    )
    def reopen_money(self, step: Step) -> None:
        pass


CASE_MOVES = declared(TransferCase, "case")
