"""What two policies mean for a person: the money by the outbound area, benefits by the inbound."""

from __future__ import annotations

from typing import Any

import pytest

from transfers.rules.policy import SWITCHES, Policy, resolve
from transfers.rules.promises import promises


def said(*, same: bool = False, out: dict[str, Any] | None = None, into: dict[str, Any] | None = None) -> str:
    found = promises(outbound=resolve([out or {}]), inbound=resolve([into or {}]), same_province=same)
    for promise in found:
        assert promise.text.zh.endswith("。")
        assert promise.text.en.endswith(".")
        assert all(side in ("out", "in") and code in SWITCHES for side, code in promise.switches)
    return "\n".join(promise.text.zh for promise in found)


WALLET = {"wallet_enabled": True, "family_sharing": True}
CARD = {"cross_province_fund": "payout_else", "payout_channel": "citizen_card", "payout_expected_days": 30}


@pytest.mark.parametrize(
    ("same", "out", "into", "sentence"),
    [
        (False, {"out_days": 8}, {"in_days": 4}, "受理之日起8个工作日内完成转出，转入地收到信息表之日起4个工作日内"),
        (True, {"in_province_mode": "automatic"}, {"in_province_mode": "automatic"}, "免申即享"),
        (True, {"in_province_mode": "no_review"}, {"in_province_mode": "no_review"}, "免审核办理"),
        (False, {"close_of_business": "17:00"}, {}, "转出地17:00，转入地24时"),
        (True, {"in_province_fund": "keep"}, {}, "不划转、不提现"),
        (True, {"in_province_fund": "payout"}, {}, "余额支付给本人。"),
        (True, {"in_province_fund": "instant"}, {}, "即时到账"),
        (False, {"cross_province_fund": "payout_else"}, {}, "支付到本人银行账户"),
        (
            False,
            {"fund_remit_days": 5},
            {"fund_credit_days": 2},
            "余额由转出地5个工作日内划出，转入地收款后2个工作日内计入。",
        ),
        (False, {}, {}, "没有全国统一的期限"),
        (False, CARD, {}, "一般在30个工作日左右支付到市民卡关联的银行账户，不是承诺"),
        (False, {"payout_cases": ["death", "emigrated"]}, {}, "死亡、出国（境）定居"),
        (False, {"year_end_freeze": {"from": "12-25", "to": "01-05"}}, {}, "每年12-25至01-05因年末清算不划款"),
        (False, {"wallet_enabled": True, "family_sharing": True}, {}, "转出地已开通医保钱包，转入地未开通"),
        (False, WALLET, WALLET, "每次不超过2000元，每天不超过3次，22时至次日6时不办理。"),
        (False, WALLET, WALLET, "5个工作日内，您可以选择“划入转入地个人账户”、“转入医保钱包”"),
        (True, WALLET | {"in_province_fund": "keep"}, {}, "转出地已开通医保钱包：余额可以跨省给近亲属使用"),
        (True, WALLET | {"in_province_fund": "instant"}, WALLET, "余额即时到账后，按转入地规定使用"),
        (False, {"cross_province_fund": "payout_else"}, {}, "您可以选择“划入转入地个人账户”、“划入本人银行账户”"),
        (True, {"in_province_fund": "payout", "choice_days": 3}, {}, "余额锁定后3个工作日内提供本人银行账户的账号"),
        (False, {"open_claims_rule": "warn"}, {}, "余额待费用结算后再锁定划转"),
        (False, {"family_sharing": True}, {}, "未开通医保钱包"),
        (False, {"suspended_status": ["2"]}, {}, "转出地参保状态须为：暂停；"),
        (False, {"arrears_rule": "warn"}, {}, "可以受理，同时提示欠费"),
        (False, {"arrears_rule": "block"}, {}, "欠费的，补缴后才能受理"),
        (False, {"open_claims_rule": "block"}, {}, "先结清再转移"),
        (False, {}, {"certificate_required": "window"}, "在转入地窗口办理时需要参保凭证"),
        (False, {"certificate_required": "window"}, {"certificate_required": "window"}, "在两地窗口办理时"),
        (False, {}, {"waiting_max_months": 3}, "等待期不超过3个月。"),
        (False, {}, {"waiting_max_months": 0}, "转入地也没有等待期"),
        (False, {}, {"waiting_benefit_rate": "0.5"}, "期间按正常待遇的50%享受"),
        (False, {}, {"transferred_years_kind": "deemed"}, "计为视同缴费年限"),
        (False, {}, {"resident_year_conversion": 3}, "一年折算为职工医保3个月"),
        (False, {}, {"retire_years_male": 30, "retire_years_female": 25}, "男30年、女25年"),
        (False, {}, {"min_local_years": 10}, "实际缴费至少10年"),
        (False, {"medical_costs_zh": "先结清。", "medical_costs_en": "Settle first."}, {}, "转出地：先结清。转入地："),
    ],
)
def test_the_sentence_for_a_switch(same: bool, out: dict[str, Any], into: dict[str, Any], sentence: str) -> None:
    assert sentence in said(same=same, out=out, into=into)
    if out != into and resolve([out | into]) != Policy():
        # Said of the side that lays it down, and only of it.
        assert sentence not in said(same=same, out=into, into=out)


def test_the_money_line_follows_the_way_the_balance_goes() -> None:
    kept = said(same=True, out={"in_province_fund": "keep", "fund_remit_days": 5})
    assert "划出" not in kept
    assert "没有全国统一的期限" not in kept
    across = said(out={"in_province_fund": "keep"})
    assert "跨省转移时，余额随关系划转到转入地。" in across
    assert "不划转、不提现" not in across


def test_only_what_a_bank_pays_waits_for_the_year_end_or_goes_to_the_person() -> None:
    rules = {
        "year_end_freeze": {"from": "12-25", "to": "01-05"},
        "payout_cases": ["retired_resettled", "enlisted"],
        "payout_expected_days": 30,
    }
    for way in ("keep", "instant"):
        stays = said(same=True, out=rules | {"in_province_fund": way})
        assert not any(word in stays for word in ("年末清算", "应征入伍", "当地经验"))
    for way in ("move", "payout"):
        sent = said(same=True, out=rules | {"in_province_fund": way})
        assert "每年12-25至01-05因年末清算不划款" in sent
        assert "情形余额支付给本人或者其继承人：应征入伍。" in sent  # nobody resettles in the same province
    assert "退休后跨省异地安置、应征入伍。" in said(out=rules)
