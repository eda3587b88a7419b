"""What applies in an area: the nation's values, overruled by the province's, overruled by the area's own.

A region's difference is a row of data with validity and document number, never a condition in code. `SWITCHES` names
and explains every switch; the console's form, the public page and the documentation are derived from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from transfers.rules.errors import Refusal
from transfers.rules.ladder import Rung
from transfers.rules.parties import Named

_LAW = "医保办发〔2021〕43号"


@dataclass(frozen=True, slots=True)
class Freeze:
    """A span of every year in which no money leaves, both days included; it may cross the turn of the year."""

    starts: str
    ends: str

    def covers(self, on: date) -> bool:
        """Whether `on` lies within.

        >>> Freeze("12-25", "01-05").covers(date(2027, 1, 5)), Freeze("12-25", "01-05").covers(date(2027, 1, 6))
        (True, False)
        """
        day = f"{on:%m-%d}"
        if self.starts <= self.ends:
            return self.starts <= day <= self.ends
        return day >= self.starts or day <= self.ends

    @property
    def whole_year(self) -> bool:
        """Whether no day is left outside."""
        after = date.fromisoformat(f"2023-{self.ends}") + timedelta(days=1)
        return f"{after:%m-%d}" == self.starts

    def goes_on(self, on: date) -> date:
        """The first day from `on` that does not lie within; `on` itself when it does not.

        >>> Freeze("12-25", "01-05").goes_on(date(2026, 12, 31))
        datetime.date(2027, 1, 6)
        """
        while self.covers(on):
            on += timedelta(days=1)
        return on


@dataclass(frozen=True, slots=True)
class Policy:
    """The resolved switches of one area; see `SWITCHES` for what each one means. Days are working days.

    A case pins its policy by content, so a switch added later must have a default here that changes nothing.
    """

    out_days: int = 10
    in_days: int = 5
    fund_remit_days: int | None = None
    fund_credit_days: int | None = None
    fund_watch_days: int = 15
    in_province_mode: str = "normal"
    in_province_fund: str = "move"
    cross_province_fund: str = "move"
    payout_cases: tuple[str, ...] = ()
    payout_channel: str = "account"
    payout_expected_days: int | None = None
    year_end_freeze: Freeze | None = None
    wallet_enabled: bool = False
    family_sharing: bool = False
    choice_days: int = 5
    match_threshold: int = 90
    unmatched_days: int = 5
    arrears_rule: str = "block"
    open_claims_rule: str = "block"
    suspended_status: tuple[str, ...] = ("2", "4")
    certificate_required: str = "never"
    waiting_max_months: int = 6
    waiting_benefit_rate: Decimal = Decimal(0)
    transferred_years_kind: str = "actual"
    resident_year_conversion: int | None = None
    retire_years_male: int | None = None
    retire_years_female: int | None = None
    min_local_years: int | None = None
    medical_costs_zh: str = (
        "转移接续期间发生的医疗费用，如何结算由两地医保经办机构按各自规定办理，请保留票据并咨询两地。"
    )
    medical_costs_en: str = (
        "Medical costs that arise during the transfer are settled by the two agencies under their own rules. "
        "Keep the receipts and ask both agencies."
    )
    supplement_days: int = 5
    supplement_max: int = 1
    return_window_days: int = 20
    correction_days: int = 3
    withdrawal_days: int = 3
    rectify_days: int = 5
    manual_check_days: int = 2
    rest_day_start: str = "next_is_day_1"
    close_of_business: time | None = None
    opens_at: time = time(9)
    closes_at: time = time(17)
    ladder: tuple[Rung, ...] = field(default_factory=tuple)

    def days(self, kind: str) -> int:
        """The limit of a clock of this kind, or of a ladder beside them, in working days; KeyError for another."""
        days: int = getattr(self, LADDER_SWITCH[kind])
        return days

    def days_or_none(self, kind: str) -> int | None:
        """The same, None where the area has no such limit."""
        days: int | None = getattr(self, CLOCK_SWITCH[kind])
        return days

    def rungs(self, kind: str) -> tuple[Rung, ...]:
        """The rungs of a clock of this kind."""
        return tuple(rung for rung in self.ladder if kind in rung.clocks)

    def pays_out(self) -> bool:
        """Whether any balance can go to the person instead of to the inbound area."""
        return bool(self.payout_cases) or self.in_province_fund == "payout" or self.cross_province_fund == "payout_else"


CLOCK_SWITCH = {
    "OUT": "out_days",
    "IN": "in_days",
    "SUPPLEMENT": "supplement_days",
    "FUND": "fund_watch_days",
    "RETURN": "return_window_days",
    "CORRECTION": "correction_days",
    "WITHDRAWAL": "withdrawal_days",
    "RECTIFY": "rectify_days",
    "MANUAL": "manual_check_days",
    "REMIT": "fund_remit_days",
    "CREDIT": "fund_credit_days",
}
# With the ladder of money that came in and belongs to nobody yet: it has no case, and so no clock.
LADDER_SWITCH = {**CLOCK_SWITCH, "UNMATCHED": "unmatched_days"}

_NOTHING = Named("没有规定", "Not laid down")


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch: how it is called and explained, which values it takes, what it rests on.

    `kind` is number, decimal, choice, choices, flag, time, span (of a year), text or ladder. `least` and `most` bound
    numbers; `optional` allows none (null), which means `none`. `basis` is the article or says that it is local.
    `shorten_only` marks the limits that a nearer area may only shorten.
    """

    code: str
    group: str
    named: Named
    explained: Named
    kind: str
    basis: Named
    unit: Named | None = None
    choices: Mapping[str, Named] = field(default_factory=dict)
    least: int | Decimal = 0
    most: int | Decimal = 0
    optional: bool = False
    none: Named = _NOTHING
    shorten_only: bool = False

    @property
    def default(self) -> Any:
        """What applies when no area says anything."""
        return getattr(_DEFAULT, self.code)


_DEFAULT = Policy()
_DAYS, _MONTHS, _YEARS = Named("个工作日", "working days"), Named("个月", "months"), Named("年", "years")
_TIMES, _POINTS = Named("次", "times"), Named("分", "points")
_LOCAL = Named("没有全国规定，由各地规定", "No national rule; laid down locally")
_OURS = Named("没有规定，本系统默认值，各地可改", "No rule; default of this system, which an area may change")


def _article(zh: str, en: str) -> Named:
    return Named(f"{_LAW}{zh}", f"{_LAW} {en}")


_ART_9, _ART_11 = _article("第九条", "Art. 9"), _article("第十一条", "Art. 11")

GROUPS: dict[str, Named] = {
    "limits": Named("办理时限", "Time limits"),
    "money": Named("个人账户资金", "Money of the personal account"),
    "checks": Named("受理校验", "Checks before acceptance"),
    "benefits": Named("年限与待遇", "Years and benefits"),
    "running": Named("办理过程", "Handling"),
}


def _days(code: str, zh: str, en: str, why_zh: str, why_en: str, basis: Named, **more: Any) -> Switch:
    values: dict[str, Any] = {"group": "limits", "kind": "number", "unit": _DAYS, "least": 1, "most": 60} | more
    return Switch(code, named=Named(zh, en), explained=Named(why_zh, why_en), basis=basis, **values)


def _switch(code: str, group: str, kind: str, named: Named, explained: Named, basis: Named, **more: Any) -> Switch:
    return Switch(code, group=group, named=named, explained=explained, kind=kind, basis=basis, **more)


SWITCHES: dict[str, Switch] = {
    switch.code: switch
    for switch in (
        _days(
            "out_days",
            "转出时限",
            "Outbound limit",
            "自受理之日起，转出地完成转出并传送信息表的期限，受理当日不计；只能缩短。",
            "From acceptance until the outbound side has sent the sealed sheet; the day itself is not counted. "
            "It may only be shortened.",
            _ART_9,
            most=10,
            shorten_only=True,
        ),
        _days(
            "in_days",
            "转入时限",
            "Inbound limit",
            "自收到信息表起，转入地核对并完成转入的期限，收到当日不计；只能缩短。",
            "From receipt of the sheet until the inbound side has taken the record over; the day itself is not "
            "counted. It may only be shortened.",
            _ART_9,
            most=5,
            shorten_only=True,
        ),
        _days(
            "fund_remit_days",
            "余额划出期限",
            "Remittance limit",
            "信息表传送后，转出地划出个人账户余额的期限；全国没有规定。",
            "After the sheet was sent, until the outbound side has remitted the balance; there is no national limit.",
            _LOCAL,
            optional=True,
        ),
        _days(
            "fund_credit_days",
            "余额计入期限",
            "Crediting limit",
            "收到款项后，转入地核对无误并计入个人账户的期限；全国没有规定。",
            "After the money arrived, until the inbound side has matched and credited it; there is no national limit.",
            _LOCAL,
            optional=True,
        ),
        _days(
            "fund_watch_days",
            "资金跟踪天数",
            "Money watch",
            "款项在途超过多少个工作日后，系统提醒两地查询；不是对参保人的承诺。",
            "After how many working days on the way the hub asks both sides about the money; nobody is promised it.",
            _OURS,
        ),
        _days(
            "supplement_days",
            "补正期限",
            "Supplement limit",
            "申请人补正材料的期限，期间转出时限暂停；逾期未补正的，终止办理。",
            "For the applicant to supply what is missing; the outbound limit is paused meanwhile. "
            "The case ends when nothing comes.",
            _OURS,
        ),
        _days(
            "return_window_days",
            "退回后的修复期限",
            "Window after a return",
            "转出地退回后，可以修复的事项在此期限内修复并重新提交的，业务继续，重新计算转出时限。",
            "After a return for a repairable reason: repaired within this window, the case goes on with a new limit.",
            _OURS,
        ),
        _days(
            "correction_days",
            "纠错答复期限",
            "Correction limit",
            "转入地对信息表提出疑问后，转出地更正或者确认无误的期限，期间转入时限暂停。",
            "For the outbound side to correct or confirm the sheet that the inbound side queried; "
            "the inbound limit is paused meanwhile.",
            _OURS,
        ),
        _days(
            "withdrawal_days",
            "撤销答复期限",
            "Withdrawal limit",
            "申请人申请撤销后，对方答复的期限。",
            "For the side that must answer the applicant's request to withdraw.",
            _OURS,
        ),
        _days(
            "rectify_days",
            "办结后更正期限",
            "Rectification limit",
            "办结后发现差错而重新打开的业务，完成更正的期限。",
            "For putting right an error that was found after the case was completed.",
            _OURS,
        ),
        _days(
            "manual_check_days",
            "人工校验期限",
            "Manual check limit",
            "参保登记系统一直没有应答时，由人工完成校验的期限。",
            "For checking by hand when an enrolment registry keeps silent.",
            _OURS,
        ),
        _switch(
            "in_province_mode",
            "running",
            "choice",
            Named("省内转移方式", "Transfers inside the province"),
            Named(
                "同一省内转移的办理方式：按申请办理；免审核；或者参保后自动转移（免申即享）。",
                "How a transfer inside one province runs: on application, without review, or started by the enrolment.",
            ),
            _LOCAL,
            choices={
                "normal": Named("按申请办理", "On application"),
                "no_review": Named("按申请办理，免审核", "On application, without review"),
                "automatic": Named("免申即享（自动转移）", "Automatic, no application needed"),
            },
        ),
        _switch(
            "in_province_fund",
            "money",
            "choice",
            Named("省内转移的账户余额", "Balance inside the province"),
            Named(
                "同一省内转移时，个人账户余额如何处理。",
                "What happens to the personal account's balance when the person moves inside the province.",
            ),
            _LOCAL,
            choices={
                "move": Named("随关系划转", "Moves with the record"),
                "keep": Named(
                    "不划转、不提现，留在原账户，省内可用", "Stays where it is and is usable across the province"
                ),
                "payout": Named("支付给本人", "Paid to the person"),
                "instant": Named("即时到账，事后清算", "Credited at once, settled between the funds later"),
            },
        ),
        _switch(
            "cross_province_fund",
            "money",
            "choice",
            Named("跨省转移的账户余额", "Balance across provinces"),
            Named(
                "跨省转移时，个人账户余额如何处理。",
                "What happens to the personal account's balance when the person moves to another province.",
            ),
            Named(f"{_LAW}第九条；无法划转时由各地规定", f"{_LAW} Art. 9; local where it cannot be moved"),
            choices={
                "move": Named("随关系划转", "Moves with the record"),
                "payout_else": Named(
                    "随关系划转；无法划转的，支付到本人银行账户",
                    "Moves with the record; else to the person's bank account",
                ),
            },
        ),
        _switch(
            "payout_cases",
            "money",
            "choices",
            Named("可以支付给本人的情形", "When the balance may be paid out"),
            Named(
                "列明的情形下，余额支付给本人（死亡的，给合法继承人），不再划转。",
                "In the cases listed the balance goes to the person (after death, to the heirs) instead of moving.",
            ),
            _LOCAL,
            choices={
                "retired_resettled": Named("退休后跨省异地安置", "Retired and resettled in another province"),
                "enlisted": Named("应征入伍", "Enlisted in the armed forces"),
                "death": Named("死亡", "Death"),
                "emigrated": Named("出国（境）定居", "Emigrated"),
            },
            optional=True,
            none=Named("没有这样的情形", "None"),
        ),
        _switch(
            "payout_channel",
            "money",
            "choice",
            Named("支付渠道", "How it is paid out"),
            Named("余额支付给本人时，打到哪里。", "Where the money goes when the balance is paid to the person."),
            _LOCAL,
            choices={
                "account": Named("本人银行账户", "The person's bank account"),
                "citizen_card": Named("市民卡关联的银行账户", "The bank account of the citizen card"),
            },
        ),
        _days(
            "payout_expected_days",
            "支付预计天数",
            "Expected time of a payment",
            "支付给本人或者余额到账一般需要多少个工作日；是当地经验，不是承诺。",
            "How many working days a payment usually takes there; local experience, not a promise.",
            _LOCAL,
            group="money",
            most=250,
            optional=True,
        ),
        _switch(
            "year_end_freeze",
            "money",
            "span",
            Named("年末停止划款", "Year-end freeze"),
            Named(
                "每年因年末清算不划款的日期，首尾两天都包括在内，可以跨年。",
                "Days of every year on which no money leaves because of the year-end settlement, both ends included.",
            ),
            _LOCAL,
            optional=True,
            none=Named("没有", "None"),
        ),
        _switch(
            "wallet_enabled",
            "money",
            "flag",
            Named("医保钱包", "Medical-insurance wallet"),
            Named(
                "是否开通医保钱包：余额可以跨省给近亲属使用。",
                "Whether the wallet is open here, through which a balance helps close relatives in other provinces.",
            ),
            _LOCAL,
        ),
        _switch(
            "family_sharing",
            "money",
            "flag",
            Named("家庭共济", "Family sharing"),
            Named(
                "个人账户余额是否可以给近亲属使用。",
                "Whether close relatives may use the balance of the personal account.",
            ),
            Named("国办发〔2021〕14号，各地实施", "国办发〔2021〕14号, put in force locally"),
        ),
        _days(
            "choice_days",
            "选择余额去向的期限",
            "Time to choose",
            "余额去向由本人选择时，自余额锁定起多少个工作日内选择；未选择的，按当地规定的去向办理。",
            "Where the person may choose where the balance goes: within how many working days of its being fixed. "
            "Whoever does not choose gets the area's own way.",
            _OURS,
            group="money",
        ),
        _switch(
            "match_threshold",
            "money",
            "number",
            Named("自动匹配最低分", "Score for automatic matching"),
            Named(
                "到账流水没有业务编号时，按付款人、转出地、姓名、金额、日期评分；达到此分、金额完全相等、没有相近的其他业务，"
                "才自动匹配。100分表示只凭业务编号。",
                "Bank lines without a case number are scored by payer, outbound area, name, amount and day. One is "
                "matched automatically from this score on, with the exact amount and no other case near. "
                "100: by the case number only.",
            ),
            _OURS,
            unit=_POINTS,
            least=70,
            most=100,
        ),
        _days(
            "unmatched_days",
            "未匹配款项核对期限",
            "Unmatched money",
            "到账款项多少个工作日内应当核对清楚；逾期逐级提醒。不是对参保人的承诺。",
            "Within how many working days money that came in is to be explained; after that the ladder climbs. "
            "Nobody is promised it.",
            _OURS,
            group="money",
        ),
        _switch(
            "arrears_rule",
            "checks",
            "choice",
            Named("欠费", "Arrears"),
            Named("转出地有欠费时是否受理。", "Whether an application is accepted while contributions are owed."),
            _LOCAL,
            choices={
                "block": Named("补缴后受理", "Accepted once they are paid"),
                "warn": Named("受理并提示", "Accepted, with a warning"),
            },
        ),
        _switch(
            "open_claims_rule",
            "checks",
            "choice",
            Named("未结算医疗费用", "Open medical costs"),
            Named(
                "有未结算的医疗费用或者正在住院时是否受理。",
                "Whether an application is accepted while medical costs are unsettled or the person is in hospital.",
            ),
            _LOCAL,
            choices={
                "block": Named("先结清费用再转移", "Settled first, then transferred"),
                "warn": Named("受理并提示", "Accepted, with a warning"),
            },
        ),
        _switch(
            "suspended_status",
            "checks",
            "choices",
            Named("视为中止参保的状态", "States that count as suspended"),
            Named(
                "转出地参保状态为所列之一时，可以申请转出。",
                "The outbound enrolment must be in one of these states.",
            ),
            _article("第五条；状态由各地规定", "Art. 5; the states are laid down locally"),
            choices={"2": Named("暂停", "Suspended"), "4": Named("终止", "Ended")},
        ),
        _switch(
            "certificate_required",
            "checks",
            "choice",
            Named("参保凭证", "Enrolment certificate"),
            Named("是否需要申请人提交参保凭证。", "Whether the applicant must bring the enrolment certificate."),
            _LOCAL,
            choices={
                "never": Named("不需要", "Never"),
                "window": Named("窗口办理时需要，线上不需要", "At the window only, never online"),
            },
        ),
        _switch(
            "waiting_max_months",
            "benefits",
            "number",
            Named("等待期上限", "Longest waiting period"),
            Named(
                "中断缴费超过3个月时，待遇享受等待期最长几个月；全国不超过6个月。",
                "After a gap of more than three months: how many months without benefits at most. Nationally six.",
            ),
            _ART_11,
            unit=_MONTHS,
            least=0,
            most=6,
        ),
        _switch(
            "waiting_benefit_rate",
            "benefits",
            "decimal",
            Named("等待期内待遇比例", "Share of benefits while waiting"),
            Named(
                "等待期内按正常待遇的多少比例享受，0为不享受，1为照常享受。",
                "Which share of the normal benefits is paid while waiting: 0 for none, 1 for all.",
            ),
            _LOCAL,
            least=Decimal(0),
            most=Decimal(1),
        ),
        _switch(
            "transferred_years_kind",
            "benefits",
            "choice",
            Named("转入年限的性质", "How transferred years count"),
            Named(
                "转入的缴费年限在本地算实际缴费年限，还是视同缴费年限。",
                "Whether years brought along count here as actual or as deemed years.",
            ),
            _article("第十二条；由转入地规定", "Art. 12; laid down by the inbound area"),
            choices={"actual": Named("实际缴费年限", "Actual years"), "deemed": Named("视同缴费年限", "Deemed years")},
        ),
        _switch(
            "resident_year_conversion",
            "benefits",
            "number",
            Named("居民医保年限折算", "Conversion of resident years"),
            Named(
                "居民医保缴费一年折算为职工医保几个月。",
                "How many months of the employee scheme one paid year of the resident scheme counts for.",
            ),
            _LOCAL,
            unit=_MONTHS,
            least=1,
            most=12,
            optional=True,
            none=Named("不折算", "Not converted"),
        ),
        _switch(
            "retire_years_male",
            "benefits",
            "number",
            Named("退休待遇缴费年限（男）", "Years for retiree benefits, men"),
            Named(
                "男职工退休后不再缴费、享受医保待遇所需的累计缴费年限。",
                "Years of contributions after which a man has benefits in retirement without paying on.",
            ),
            _article("第十二条；由各地规定", "Art. 12; laid down locally"),
            unit=_YEARS,
            least=1,
            most=45,
            optional=True,
        ),
        _switch(
            "retire_years_female",
            "benefits",
            "number",
            Named("退休待遇缴费年限（女）", "Years for retiree benefits, women"),
            Named(
                "女职工退休后不再缴费、享受医保待遇所需的累计缴费年限。",
                "Years of contributions after which a woman has benefits in retirement without paying on.",
            ),
            _article("第十二条；由各地规定", "Art. 12; laid down locally"),
            unit=_YEARS,
            least=1,
            most=45,
            optional=True,
        ),
        _switch(
            "min_local_years",
            "benefits",
            "number",
            Named("本地实际缴费年限", "Years paid locally"),
            Named(
                "享受退休待遇所需的年限中，至少有几年须在本地实际缴费。",
                "How many of those years must have been paid in this area.",
            ),
            _article("第十二条；由各地规定", "Art. 12; laid down locally"),
            unit=_YEARS,
            least=0,
            most=45,
            optional=True,
        ),
        _switch(
            "medical_costs_zh",
            "benefits",
            "text",
            Named("转移期间的医疗费用（中文）", "Medical costs in between (Chinese)"),
            Named(
                "转移接续期间发生的医疗费用如何结算，给参保人看的说明。",
                "How costs during the transfer are settled, in words for the person.",
            ),
            _LOCAL,
            least=1,
            most=500,
        ),
        _switch(
            "medical_costs_en",
            "benefits",
            "text",
            Named("转移期间的医疗费用（英文）", "Medical costs in between (English)"),
            Named("同一说明的英文。", "The same in English."),
            _LOCAL,
            least=1,
            most=1000,
        ),
        _switch(
            "supplement_max",
            "running",
            "number",
            Named("补正次数上限", "How often a supplement may be asked"),
            Named("同一业务最多可以要求补正几次。", "How many times one case may be sent for a supplement."),
            _OURS,
            unit=_TIMES,
            least=1,
            most=5,
        ),
        _switch(
            "rest_day_start",
            "running",
            "choice",
            Named("休息日起算", "A start on a rest day"),
            Named(
                "在休息日受理或者收到信息表时，从哪天起算。",
                "From when a limit counts that starts on a rest day.",
            ),
            Named("民法典第二百零一条；各地做法不同", "民法典 Art. 201; practice differs"),
            choices={
                "next_is_day_1": Named("次一工作日为第1日", "The next working day is day 1"),
                "deemed_next": Named(
                    "视为次一工作日收到，再次一工作日为第1日", "Deemed received on the next working day"
                ),
            },
        ),
        _switch(
            "close_of_business",
            "running",
            "time",
            Named("最后一日截止时间", "When the last day ends"),
            Named(
                "期限最后一日到几点为止；没有规定的，到24时。",
                "The hour at which the last day of a limit ends; midnight where none is laid down.",
            ),
            Named("民法典第二百零三条", "民法典 Art. 203"),
            optional=True,
            none=Named("24时", "Midnight"),
        ),
        _switch(
            "opens_at",
            "running",
            "time",
            Named("上班时间", "Opening of business"),
            Named("提醒从几点起发送。", "Alarms are sent from this hour."),
            _OURS,
        ),
        _switch(
            "closes_at",
            "running",
            "time",
            Named("下班时间", "Close of business"),
            Named("提醒到几点为止发送。", "Alarms are sent until this hour."),
            _OURS,
        ),
        _switch(
            "ladder",
            "running",
            "ladder",
            Named("提醒阶梯", "Ladder of alarms"),
            Named(
                "各时限在哪一天提醒谁：经办人、组长、负责人、省级、国家、参保人。",
                "On which day of a limit who is told: owner, lead, head, province, nation, the person.",
            ),
            _OURS,
        ),
    )
}


def plain(switch: Switch, value: Any) -> Any:
    """A resolved value in the JSON form that `resolve` reads; the ladder stays as it is."""
    match value:
        case time():
            return f"{value:%H:%M}"
        case Decimal():
            return str(value)
        case Freeze():
            return {"from": value.starts, "to": value.ends}
        case tuple() if switch.kind == "choices":
            return list(value)
    return value


def worded(switch: Switch, value: Any) -> Named:
    """A resolved value in words, with its unit: what a person reads."""
    if value is None or (value == () and switch.optional):
        return switch.none
    if switch.kind == "choice":
        return switch.choices[value]
    if switch.kind == "choices":
        named = [switch.choices[one] for one in value]
        return Named("、".join(one.zh for one in named), ", ".join(one.en for one in named))
    if switch.kind == "flag":
        return Named("是", "Yes") if value else Named("否", "No")
    if switch.kind == "time":
        return Named(f"{value:%H:%M}", f"{value:%H:%M}")
    if switch.kind == "span":
        return Named(f"每年{value.starts}至{value.ends}", f"{value.starts} to {value.ends} of every year")
    if switch.kind == "ladder":
        return Named(f"{len(value)}级提醒", f"{len(value)} rungs")
    if switch.unit is not None:
        unit = switch.unit.en.removesuffix("s") if value == 1 else switch.unit.en
        return Named(f"{value}{switch.unit.zh}", f"{value} {unit}")
    return Named(str(value), str(value))


class PolicyError(Refusal):
    """Policy values that cannot apply. `problems` has every one by the name of its switch, in both languages.

    `details["problems"]` holds the same for machines: {switch: {"zh": …, "en": …}}.
    """

    def __init__(self, problems: Mapping[str, Named]) -> None:
        self.problems = dict(problems)
        zh = "；".join(f"{_called(name).zh}（{name}）{text.zh}" for name, text in problems.items())
        en = "; ".join(f"{name}: {text.en}" for name, text in problems.items())
        super().__init__(
            "J-POLICY",
            f"政策参数有误：{zh}",
            f"Policy values are wrong: {en}",
            details={"problems": {name: {"zh": text.zh, "en": text.en} for name, text in problems.items()}},
        )


def _called(name: str) -> Named:
    return SWITCHES[name].named if name in SWITCHES else Named(name, name)


# From the slowest to the fastest.
_MODES = ("normal", "no_review", "automatic")


def mode_inside(outbound: Policy, inbound: Policy) -> str:
    """The `in_province_mode` of a move inside one province: the slower of the two, as both areas must allow it."""
    return min(outbound.in_province_mode, inbound.in_province_mode, key=_MODES.index)


def resolve(layers: Sequence[Mapping[str, Any]]) -> Policy:
    """The policy that results from `layers`, the widest area first. Raises PolicyError with all problems.

    Values are as in JSON (times as "17:00", rates as "0.5", a freeze as {"from": "12-25", "to": "01-05"}).
    """
    problems: dict[str, Named] = {}
    merged: dict[str, Any] = {}
    for layer in layers:
        problems |= _against_wider(merged, layer)
        merged.update(layer)
    values, wrong = _read(merged)
    problems |= wrong
    sound = Policy(**{name: value for name, value in values.items() if name not in problems})
    for name, text in _contradictions(sound).items():
        # What a faulty value would contradict is not known yet.
        if not problems.keys() & {name, *_COMPARED.get(name, ())}:
            problems[name] = text
    if problems:
        raise PolicyError(problems)
    return sound


def check(values: Mapping[str, Any]) -> None:
    """Raise PolicyError when one area's own values are wrong by themselves, whatever the areas above it say."""
    problems = _read(values)[1] | _against_wider({}, values)
    if problems:
        raise PolicyError(problems)


def _read(merged: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Named]]:
    """The values that can be read, and what is wrong with the others."""
    values: dict[str, Any] = {}
    problems: dict[str, Named] = {}
    for name, value in merged.items():
        switch = SWITCHES.get(name)
        if switch is None:
            problems[name] = Named("没有这个参数", "unknown switch")
            continue
        try:
            values[name] = read_value(switch, value)
        except _Wrong as wrong:
            problems[name] = wrong.named
    return values, problems


def _against_wider(merged: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Named]:
    """What one area's own values may not do to those of the areas above it."""
    problems: dict[str, Named] = {}
    for name, value in layer.items():
        above = merged.get(name)
        if name in SWITCHES and SWITCHES[name].shorten_only and _whole(value) and _whole(above) and value > above:
            problems[name] = Named(
                f"只能缩短：上级规定为{above}个工作日，不能定为{value}个（{_LAW}第九条）",
                f"may only be shortened: the area above lays down {above} working days, not {value} ({_LAW} Art. 9)",
            )
    told = {"medical_costs_zh", "medical_costs_en"} & layer.keys()
    if len(told) == 1:
        (given,) = told
        missing = "medical_costs_en" if given == "medical_costs_zh" else "medical_costs_zh"
        problems[missing] = Named("说明须中英文同时填写", "both languages must be given together")
    return problems


class _Wrong(Exception):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.named = Named(zh, en)


def read_value(switch: Switch, value: Any) -> Any:
    """A switch's value from its JSON form. Raises an error that `resolve` collects."""
    if value is None and switch.optional:
        return () if switch.kind == "choices" else None
    return _READERS[switch.kind](switch, value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(switch: Switch, value: Any) -> int:
    if not _whole(value) or value < switch.least:
        raise _Wrong(f"须为不小于{switch.least}的整数", f"must be a whole number of at least {switch.least}")
    if value > switch.most:
        if switch.shorten_only:
            raise _Wrong(
                f"只能缩短：最多{switch.most}个工作日（{_LAW}第九条）",
                f"may only be shortened: at most {switch.most} ({_LAW} 第九条)",
            )
        raise _Wrong(f"最大为{switch.most}", f"must be at most {switch.most}")
    number: int = value
    return number


def _decimal(switch: Switch, value: Any) -> Decimal:
    wrong = _Wrong(
        f"须为{switch.least}到{switch.most}之间的小数，写作文本，例如“0.5”",
        f'must be a decimal from {switch.least} to {switch.most} as text, like "0.5"',
    )
    if not isinstance(value, str | Decimal):
        raise wrong
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise wrong from None
    if not number.is_finite() or not switch.least <= number <= switch.most:
        raise wrong
    return number


def _choice(switch: Switch, value: Any) -> str:
    if not isinstance(value, str) or value not in switch.choices:
        raise _Wrong(f"须为{'、'.join(switch.choices)}之一", f"must be one of {', '.join(switch.choices)}")
    return value


def _choices(switch: Switch, value: Any) -> tuple[str, ...]:
    listed = f"{'、'.join(switch.choices)}"
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one in switch.choices for one in value):
        raise _Wrong(f"须从{listed}中选择", f"must list some of {', '.join(switch.choices)}")
    if not value and not switch.optional:
        raise _Wrong(f"至少选择一项：{listed}", f"must list at least one of {', '.join(switch.choices)}")
    if len(set(value)) != len(value):
        raise _Wrong("有重复的选项", "lists one of them twice")
    return tuple(value)


def _flag(_switch: Switch, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("须为是或否", "must be true or false")
    return value


def _time(_switch: Switch, value: Any) -> time:
    try:
        read = value if isinstance(value, time) else time.fromisoformat(value)
    except (TypeError, ValueError):
        read = None
    if read is None or read.tzinfo is not None:
        raise _Wrong("须为17:00这样的时间", "must be a time like 17:00")
    return read


def _span(_switch: Switch, value: Any) -> Freeze:
    wrong = _Wrong(
        "须有起止月日，例如12-25至01-05", 'must be the first and last day, like {"from": "12-25", "to": "01-05"}'
    )
    if isinstance(value, Freeze):
        return value
    if not isinstance(value, Mapping) or set(value) != {"from", "to"}:
        raise wrong
    for day in value.values():
        # A day that exists in every year, so not 29 February.
        try:
            if not isinstance(day, str) or f"{date.fromisoformat(f'2023-{day}'):%m-%d}" != day:
                raise wrong
        except ValueError:
            raise wrong from None
    freeze = Freeze(value["from"], value["to"])
    if freeze.whole_year:
        raise _Wrong("须留有可以划款的日子", "must leave days on which money can be sent")
    return freeze


def _text(switch: Switch, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > switch.most:
        raise _Wrong(f"须填写，最多{switch.most}字", f"must be a text of at most {switch.most} characters")
    return value.strip()


def _ladder(_switch: Switch, value: Any) -> tuple[Rung, ...]:
    try:
        rungs = tuple(rung if isinstance(rung, Rung) else Rung.from_data(rung) for rung in value)
    except (KeyError, TypeError, ValueError) as error:
        raise _Wrong(f"提醒阶梯有误：{error}", str(error)) from error
    if unknown := sorted({kind for rung in rungs for kind in rung.clocks} - LADDER_SWITCH.keys()):
        raise _Wrong(f"没有这样的时限：{'、'.join(unknown)}", f"no such clock: {', '.join(unknown)}")
    if len({rung.code for rung in rungs}) != len(rungs):
        raise _Wrong("有两级提醒代码相同", "two rungs have the same code")
    return rungs


_READERS: dict[str, Callable[[Switch, Any], Any]] = {
    "number": _number,
    "decimal": _decimal,
    "choice": _choice,
    "choices": _choices,
    "flag": _flag,
    "time": _time,
    "span": _span,
    "text": _text,
    "ladder": _ladder,
}

# With which other switches the one named in a contradiction was compared.
_COMPARED: dict[str, tuple[str, ...]] = {
    "closes_at": ("opens_at",),
    "close_of_business": ("opens_at",),
    "payout_channel": ("payout_cases", "in_province_fund", "cross_province_fund"),
    "payout_expected_days": ("payout_cases", "in_province_fund", "cross_province_fund"),
    "certificate_required": ("in_province_mode",),
    "waiting_benefit_rate": ("waiting_max_months",),
    "wallet_enabled": ("family_sharing",),
    "retire_years_male": ("retire_years_female",),
    "retire_years_female": ("retire_years_male",),
    "min_local_years": ("retire_years_male", "retire_years_female"),
}


def _contradictions(policy: Policy) -> dict[str, Named]:
    """What cannot apply together, by the switch to change."""
    found: dict[str, Named] = {}
    if policy.opens_at >= policy.closes_at:
        found["closes_at"] = Named("下班时间须晚于上班时间", "business must close after it opens")
    if policy.close_of_business is not None and policy.close_of_business <= policy.opens_at:
        found["close_of_business"] = Named(
            "最后一日的截止时间须晚于上班时间", "the last day cannot end before business opens"
        )
    if not policy.pays_out():
        nothing = Named(
            "没有任何情形把余额支付给本人，却规定了支付方式",
            "no balance is ever paid to the person here, so how it is paid cannot be laid down",
        )
        if policy.payout_channel != _DEFAULT.payout_channel:
            found["payout_channel"] = nothing
        if policy.payout_expected_days is not None:
            found["payout_expected_days"] = nothing
    if policy.in_province_mode == "automatic" and policy.certificate_required == "window":
        found["certificate_required"] = Named(
            "省内自动转移没有申请，不能要求参保凭证",
            "transfers inside the province start by themselves, so no certificate can be asked for",
        )
    if policy.waiting_max_months == 0 and policy.waiting_benefit_rate > 0:
        found["waiting_benefit_rate"] = Named(
            "没有等待期，不能规定等待期内的待遇比例", "there is no waiting period to which a share could apply"
        )
    if policy.wallet_enabled and not policy.family_sharing:
        found["wallet_enabled"] = Named(
            "医保钱包用于近亲属共济，须先开通家庭共济", "the wallet serves family sharing, which is not open here"
        )
    years = (policy.retire_years_male, policy.retire_years_female)
    if years.count(None) == 1:
        missing = "retire_years_male" if policy.retire_years_male is None else "retire_years_female"
        found[missing] = Named("男、女缴费年限须同时规定", "the years of men and women must be laid down together")
    shortest = min((number for number in years if number is not None), default=None)
    if policy.min_local_years is not None and shortest is not None and policy.min_local_years > shortest:
        found["min_local_years"] = Named(
            "本地年限不能超过退休待遇所需的累计年限", "more years paid locally than years needed in all"
        )
    return found
