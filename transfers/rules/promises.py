"""What two areas' policies mean for a person who moves from one to the other, in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass

from transfers.rules.destinations import ACROSS, INSIDE, choice_said, offered
from transfers.rules.money import Destination
from transfers.rules.parties import Named
from transfers.rules.policy import SWITCHES, Policy, mode_inside, worded
from transfers.rules.wallet import LIMITS as LIMITS_OF_WALLET


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence under a topic. `switches` name the values that it rests on, with the side (out or in) of each."""

    topic: Named
    text: Named
    switches: tuple[tuple[str, str], ...]


LIMITS = Named("办理时限", "Time limits")
MONEY = Named("个人账户余额", "Balance of the personal account")
CHECKS = Named("申请前要具备的条件", "What must be in order before applying")
WAITING = Named("待遇衔接", "Benefits")
YEARS = Named("缴费年限", "Years of contributions")
COSTS = Named("转移期间的医疗费用", "Medical costs during the transfer")


def promises(*, outbound: Policy, inbound: Policy, same_province: bool) -> list[Promise]:
    """The sentences for a move under these policies. The money follows the outbound area's rules, the rest who acts."""
    return [
        *_limits(outbound, inbound, same_province),
        *_money(outbound, inbound, same_province),
        *_checks(outbound, inbound),
        *_waiting(inbound),
        *_years(inbound),
        _costs(outbound, inbound),
    ]


def _limits(outbound: Policy, inbound: Policy, same_province: bool) -> list[Promise]:
    found = []
    mode = mode_inside(outbound, inbound) if same_province else "normal"
    if mode != "normal":
        text = (
            Named(
                "省内转移免申即享：在转入地参保后自动转移，不用申请。",
                "Inside the province the transfer starts by itself once you are enrolled in the new area; "
                "you need not apply.",
            )
            if mode == "automatic"
            else Named(
                "省内转移提出申请后免审核办理。", "Inside the province the transfer needs no review once applied for."
            )
        )
        found.append(Promise(LIMITS, text, (("out", "in_province_mode"), ("in", "in_province_mode"))))
    out_days, in_days = _days(outbound.out_days), _days(inbound.in_days)
    found.append(
        Promise(
            LIMITS,
            Named(
                f"转出地自受理之日起{out_days.zh}内完成转出，转入地收到信息表之日起{in_days.zh}内完成转入；当日不计。",
                f"The outbound area has {out_days.en} from acceptance, the inbound area {in_days.en} from receipt of "
                "the information sheet; the day itself is not counted.",
            ),
            (("out", "out_days"), ("in", "in_days")),
        )
    )
    if outbound.close_of_business or inbound.close_of_business:
        found.append(
            Promise(
                LIMITS,
                Named(
                    f"期限最后一日截止时间：转出地{_value('close_of_business', outbound).zh}，"
                    f"转入地{_value('close_of_business', inbound).zh}。",
                    f"The last day ends at {_value('close_of_business', outbound).en} in the outbound area and at "
                    f"{_value('close_of_business', inbound).en} in the inbound area.",
                ),
                (("out", "close_of_business"), ("in", "close_of_business")),
            )
        )
    return found


def _money(outbound: Policy, inbound: Policy, same_province: bool) -> list[Promise]:
    switch = "in_province_fund" if same_province else "cross_province_fund"
    way = getattr(outbound, switch)
    found = [Promise(MONEY, (INSIDE if same_province else ACROSS)[way], (("out", switch),))]
    options = offered(outbound, inbound, same_province=same_province)
    if options:
        found.append(Promise(MONEY, choice_said(options, outbound), (("out", switch), ("out", "choice_days"))))
    if way in ("move", "payout_else"):
        found.append(_time(outbound, inbound))
    if way not in ("keep", "instant"):  # there, no bank pays anything
        found += _paying(outbound, same_province)
    found.append(_sharing(outbound, inbound, way, Destination.WALLET in options))
    return found


def _time(outbound: Policy, inbound: Policy) -> Promise:
    parts_zh, parts_en = [], []
    if outbound.fund_remit_days:
        days = _days(outbound.fund_remit_days)
        parts_zh.append(f"转出地{days.zh}内划出")
        parts_en.append(f"the outbound area remits it within {days.en}")
    if inbound.fund_credit_days:
        days = _days(inbound.fund_credit_days)
        parts_zh.append(f"转入地收款后{days.zh}内计入")
        parts_en.append(f"the inbound area credits it within {days.en} of receipt")
    if parts_zh:
        en = " and ".join(parts_en)
        text = Named(f"余额由{'，'.join(parts_zh)}。", f"{en[0].upper()}{en[1:]}.")
    else:
        text = Named(
            "余额到账没有全国统一的期限，可能晚于关系转移；关系办结不等余额。",
            "There is no national limit for the money: it may arrive after the record, which does not wait for it.",
        )
    return Promise(MONEY, text, (("out", "fund_remit_days"), ("in", "fund_credit_days")))


def _paying(outbound: Policy, same_province: bool) -> list[Promise]:
    """What to expect where a bank pays: how long, to whom instead, and when not."""
    found = []
    if outbound.payout_expected_days:
        days, channel = _days(outbound.payout_expected_days), _value("payout_channel", outbound)
        if outbound.payout_channel == "account":
            text = Named(
                f"当地经验：余额一般需{days.zh}左右到账，不是承诺。",
                f"Local experience: the balance usually takes about {days.en}; this is no promise.",
            )
        else:
            text = Named(
                f"当地经验：余额一般在{days.zh}左右支付到{channel.zh}，不是承诺。",
                f"Local experience: the balance is usually paid to {_lower(channel.en)} in about {days.en}; "
                "this is no promise.",
            )
        found.append(Promise(MONEY, text, (("out", "payout_expected_days"), ("out", "payout_channel"))))
    # Nobody settles in another province by a move inside one.
    codes = tuple(one for one in outbound.payout_cases if not (same_province and one == "retired_resettled"))
    if codes:
        cases = worded(SWITCHES["payout_cases"], codes)
        found.append(
            Promise(
                MONEY,
                Named(
                    f"下列情形余额支付给本人或者其继承人：{cases.zh}。",
                    f"The balance is paid to you or your heirs in these cases: {_lower(cases.en)}.",
                ),
                (("out", "payout_cases"),),
            )
        )
    if outbound.year_end_freeze:
        freeze = _value("year_end_freeze", outbound)
        found.append(
            Promise(
                MONEY,
                Named(
                    f"{freeze.zh}因年末清算不划款，结束后继续。",
                    f"No money leaves from {freeze.en}, for the year-end settlement; it goes on afterwards.",
                ),
                (("out", "year_end_freeze"),),
            )
        )
    return found


def _sharing(outbound: Policy, inbound: Policy, way: str, offers_wallet: bool) -> Promise:
    """What the balance can do for close relatives: through the wallet where both areas have it, else where it lies."""
    switches = (("out", "wallet_enabled"), ("out", "family_sharing"))
    if offers_wallet:
        text = Named(
            f"两地均已开通医保钱包，余额可以跨省给近亲属使用。选择转入医保钱包的，由系统分次转入：{LIMITS_OF_WALLET.zh}。",
            "Both areas have the medical-insurance wallet, through which the balance can help close relatives in other "
            f"provinces. If you choose it, the money goes there in parts: {LIMITS_OF_WALLET.en}.",
        )
        return Promise(MONEY, text, (*switches, ("in", "wallet_enabled")))
    if outbound.wallet_enabled and way == "keep":
        text = Named(
            "转出地已开通医保钱包：余额可以跨省给近亲属使用。",
            "The outbound area has the medical-insurance wallet: the balance can help close relatives in other "
            "provinces.",
        )
    elif outbound.wallet_enabled and not inbound.wallet_enabled:
        text = Named(
            "转出地已开通医保钱包，转入地未开通：余额不能转入医保钱包。",
            "The outbound area has the medical-insurance wallet, the inbound area has not: the balance cannot go "
            "there.",
        )
        return Promise(MONEY, text, (*switches, ("in", "wallet_enabled")))
    elif outbound.wallet_enabled:
        text = Named(
            "转出地已开通医保钱包；余额即时到账后，按转入地规定使用。",
            "The outbound area has the medical-insurance wallet; once credited, the balance is used under the inbound "
            "area's rules.",
        )
    elif outbound.family_sharing:
        text = Named(
            "转出地未开通医保钱包；余额可以按当地规定由近亲属共济使用。",
            "The outbound area has no medical-insurance wallet; close relatives may use the balance under its own "
            "rules.",
        )
    else:
        text = Named("转出地的余额仅供本人使用。", "In the outbound area the balance is for you alone.")
    return Promise(MONEY, text, switches)


def _checks(outbound: Policy, inbound: Policy) -> list[Promise]:
    states = _value("suspended_status", outbound)
    found = [
        Promise(
            CHECKS,
            Named(
                f"转出地参保状态须为：{states.zh}；转入地须已正常参保。",
                f"Your enrolment in the outbound area must be: {_lower(states.en)}; in the inbound area you must be "
                "enrolled.",
            ),
            (("out", "suspended_status"),),
        ),
        Promise(
            CHECKS,
            Named("在转出地欠费的，补缴后才能受理。", "Arrears in the outbound area must be paid first.")
            if outbound.arrears_rule == "block"
            else Named(
                "在转出地欠费的，可以受理，同时提示欠费。",
                "Arrears in the outbound area do not stop the transfer; you are told of them.",
            ),
            (("out", "arrears_rule"),),
        ),
        Promise(
            CHECKS,
            Named(
                "有未结算医疗费用或者正在住院的，先结清再转移。",
                "Medical costs still open in the outbound area, or a stay in hospital, must be settled first.",
            )
            if outbound.open_claims_rule == "block"
            else Named(
                "有未结算医疗费用的，可以受理，余额待费用结算后再锁定划转，请尽快结清。",
                "Medical costs still open do not stop the transfer; the balance waits until they are settled, so "
                "settle them soon.",
            ),
            (("out", "open_claims_rule"),),
        ),
    ]
    window = [side for side, policy in (("out", outbound), ("in", inbound)) if policy.certificate_required == "window"]
    if window:
        where = {
            ("out",): Named("转出地", "the outbound area"),
            ("in",): Named("转入地", "the inbound area"),
            ("out", "in"): Named("两地", "both areas"),
        }[tuple(window)]
        text = Named(
            f"在{where.zh}窗口办理时需要参保凭证；线上办理不需要。",
            f"At a window of {where.en} you need the enrolment certificate; online you do not.",
        )
    else:
        text = Named("两地都不要求参保凭证。", "Neither area asks for an enrolment certificate.")
    found.append(Promise(CHECKS, text, (("out", "certificate_required"), ("in", "certificate_required"))))
    return found


def _waiting(inbound: Policy) -> list[Promise]:
    found = [
        Promise(
            WAITING,
            Named(
                "职工医保之间转移，中断缴费不超过3个月的，可以按转入地规定补缴，没有等待期，缴费当月起享受待遇。",
                "Between employee schemes: after a gap of at most three months you may pay it back under the inbound "
                "area's rules, without waiting, with benefits from the month of payment.",
            ),
            (),
        )
    ]
    months = _value("waiting_max_months", inbound)
    rate = inbound.waiting_benefit_rate
    if inbound.waiting_max_months == 0:
        text = Named(
            "中断超过3个月的，转入地也没有等待期。", "After a longer gap the inbound area has no waiting period either."
        )
    else:
        meanwhile = (
            Named("", "")
            if rate == 0
            else Named(f"，期间按正常待遇的{rate:.0%}享受", f"; {rate:.0%} of the normal benefits are paid meanwhile")
        )
        text = Named(
            f"中断超过3个月的，转入地的待遇享受等待期不超过{months.zh}{meanwhile.zh}。",
            f"After a longer gap the inbound area's waiting period is at most {months.en}{meanwhile.en}.",
        )
    found.append(Promise(WAITING, text, (("in", "waiting_max_months"), ("in", "waiting_benefit_rate"))))
    return found


def _years(inbound: Policy) -> list[Promise]:
    kind = _value("transferred_years_kind", inbound)
    found = [
        Promise(
            YEARS,
            Named(
                f"转入的职工医保年限在转入地计为{kind.zh}，重叠的月份只计一次。",
                f"Years of the employee scheme that you bring count in the inbound area as {_lower(kind.en)}; "
                "overlapping months count once.",
            ),
            (("in", "transferred_years_kind"),),
        )
    ]
    if inbound.resident_year_conversion:
        months = _value("resident_year_conversion", inbound)
        found.append(
            Promise(
                YEARS,
                Named(
                    f"居民医保缴费一年折算为职工医保{months.zh}。",
                    f"One paid year of the resident scheme counts as {months.en} of the employee scheme.",
                ),
                (("in", "resident_year_conversion"),),
            )
        )
    if inbound.retire_years_male and inbound.retire_years_female:
        found.append(
            Promise(
                YEARS,
                Named(
                    f"退休后享受医保待遇，转入地要求累计缴费男{inbound.retire_years_male}年、"
                    f"女{inbound.retire_years_female}年。",
                    f"For benefits in retirement the inbound area asks for {inbound.retire_years_male} years from men "
                    f"and {inbound.retire_years_female} from women.",
                ),
                (("in", "retire_years_male"), ("in", "retire_years_female")),
            )
        )
    if inbound.min_local_years:
        found.append(
            Promise(
                YEARS,
                Named(
                    f"在转入地实际缴费至少{inbound.min_local_years}年。",
                    f"At least {_value('min_local_years', inbound).en} must be paid in the inbound area itself.",
                ),
                (("in", "min_local_years"),),
            )
        )
    return found


def _costs(outbound: Policy, inbound: Policy) -> Promise:
    out, into = (Named(policy.medical_costs_zh, policy.medical_costs_en) for policy in (outbound, inbound))
    text = out
    if out != into:
        text = Named(f"转出地：{out.zh}转入地：{into.zh}", f"Outbound area: {out.en} Inbound area: {into.en}")
    return Promise(COSTS, text, (("out", "medical_costs_zh"), ("in", "medical_costs_zh")))


def _value(switch: str, policy: Policy) -> Named:
    return worded(SWITCHES[switch], getattr(policy, switch))


def _days(days: int) -> Named:
    return Named(f"{days}个工作日", "1 working day" if days == 1 else f"{days} working days")


def _lower(text: str) -> str:
    return ", ".join(part[:1].lower() + part[1:] for part in text.split(", "))
