"""The closed lists of reasons. A code is never reused; its words may be improved.

`soft` reasons can be repaired by the person or an agency; `hard` ones need another way altogether.
"""

from __future__ import annotations

from dataclasses import dataclass

ART = "医保办发〔2021〕43号"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its words, what to do about it, and the text it rests on."""

    code: str
    zh: str
    en: str
    hard: bool = False
    remedy_zh: str = ""
    remedy_en: str = ""
    basis: str = ""


def _list(*reasons: Reason) -> dict[str, Reason]:
    return {reason.code: reason for reason in reasons}


PRECHECK = _list(
    Reason(
        "V-O-01",
        "转出地未中止参保",
        "Enrolment in the outbound area has not been suspended",
        remedy_zh="请先由原单位或本人在转出地办理停保（暂停参保），次日起可重新申请。",
        remedy_en="Have the outbound enrolment suspended, by the former employer or yourself, then apply again.",
        basis=f"{ART} 第五条",
    ),
    Reason(
        "V-O-02",
        "转出地查无参保记录",
        "No enrolment record in the outbound area",
        hard=True,
        remedy_zh="请核对转出地是否选对；如确曾在该地参保，请联系转出地经办机构核查。",
        remedy_en="Check that the outbound area is right; if you were enrolled there, ask its agency to look into it.",
        basis=f"{ART} 第二条",
    ),
    Reason(
        "V-O-03",
        "转出地有欠费",
        "Contributions are in arrears in the outbound area",
        remedy_zh="请联系原单位或转出地税务、医保部门缴清欠费后再申请。",
        remedy_en="Have the arrears paid in the outbound area, then apply again.",
        basis="转出地规定",
    ),
    Reason(
        "V-O-04",
        "已办理退休，不属于转移接续对象",
        "Already retired, so outside the scope of transfers",
        hard=True,
        remedy_zh="退休人员不转移医保关系；异地居住可办理异地就医备案。",
        remedy_en="Retired people are not transferred; register for care in another area instead.",
        basis=f"{ART} 第二条",
    ),
    Reason(
        "V-O-05",
        "转出地个人账户被冻结或状态异常",
        "The personal account in the outbound area is frozen or in an abnormal state",
        remedy_zh="请联系转出地经办机构了解原因，解除冻结后再申请。",
        remedy_en="Ask the outbound agency for the cause; apply again once the account is released.",
        basis="转出地规定",
    ),
    Reason(
        "V-O-06",
        "转出地有未结算的医疗费用或正在住院",
        "Unsettled medical costs, or in hospital, in the outbound area",
        remedy_zh="请先在转出地结清医疗费用或办理出院结算后再申请。",
        remedy_en="Settle the medical costs, or leave hospital, in the outbound area, then apply again.",
        basis="转出地规定",
    ),
    Reason(
        "V-O-07",
        "转出地关系已经转出",
        "The relationship has already been transferred out",
        hard=True,
        remedy_zh="该地医保关系已转出，无需再次申请；可查询原转移业务的进度。",
        remedy_en="It has been transferred out already; look up the earlier case instead of applying again.",
        basis=f"{ART} 第九条",
    ),
    Reason(
        "V-I-01",
        "转入地未参保",
        "Not enrolled in the inbound area",
        remedy_zh="请先在转入地参保登记（由新单位或本人办理），参保成功后再申请。",
        remedy_en="Enrol in the inbound area first, through the new employer or yourself, then apply.",
        basis=f"{ART} 第五条",
    ),
    Reason(
        "V-I-02",
        "转入地参保状态不正常",
        "Enrolment in the inbound area is not active",
        remedy_zh="请联系转入地经办机构或单位恢复正常参保后再申请。",
        remedy_en="Have the enrolment in the inbound area made active, then apply again.",
        basis=f"{ART} 第五条",
    ),
    Reason(
        "V-I-03",
        "转入地险种与申请不一致",
        "The scheme in the inbound area is not the one applied for",
        remedy_zh="请按转入地实际参加的险种重新填写申请。",
        remedy_en="Apply with the scheme in which you are really enrolled in the inbound area.",
        basis=f"{ART} 第五条",
    ),
    Reason(
        "V-I-04",
        "重复参保",
        "Enrolled in more than one place",
        remedy_zh="请先按规定保留一处参保关系、终止其余参保关系后再申请。",
        remedy_en="Keep one enrolment, end the others, then apply again.",
        basis=f"{ART} 第六条",
    ),
    Reason(
        "V-I-05",
        "居民医保当年度内原则上不办理转移",
        "Resident scheme: no transfer inside the same year",
        hard=True,
        remedy_zh="请在转入地参加下一年度居民医保后再申请。",
        remedy_en="Enrol in the inbound area for the next year, then apply.",
        basis=f"{ART} 第五条",
    ),
    Reason(
        "V-I-06",
        "转出地与转入地为同一统筹区",
        "Outbound and inbound are the same pooling area",
        hard=True,
        remedy_zh="同一统筹区内不需要转移接续；请核对两地是否选对。",
        remedy_en="Nothing is transferred inside one pooling area; check the two areas.",
        basis=f"{ART} 第二条",
    ),
    Reason(
        "V-I-07",
        "转入地登记为退休人员",
        "Registered as retired in the inbound area",
        hard=True,
        remedy_zh="退休人员不属于转移接续对象；如登记有误，请联系转入地经办机构更正。",
        remedy_en="Retired people are not transferred; if the entry is wrong, have the inbound agency correct it.",
        basis=f"{ART} 第二条",
    ),
    Reason(
        "V-P-01",
        "姓名与证件号码不一致",
        "Name and identity number do not agree",
        remedy_zh="请核对姓名和证件号码；如参保登记有误，请联系登记有误的一方更正。",
        remedy_en="Check name and identity number; if a registry holds a wrong name, have that agency correct it.",
        basis=f"{ART} 第八条",
    ),
    Reason(
        "V-P-02",
        "证件号码校验不通过",
        "The identity number is not valid",
        remedy_zh="请按证件重新填写号码。",
        remedy_en="Enter the number again as it stands on the document.",
        basis="GB 11643",
    ),
    Reason(
        "V-P-03",
        "已有正在办理的转移接续业务",
        "A transfer is already under way",
        hard=True,
        remedy_zh="请查询在办业务的进度，不必重复申请。",
        remedy_en="Look up the case under way; there is no need to apply again.",
        basis=f"{ART} 第六条",
    ),
    Reason(
        "V-P-04",
        "一人多个编号尚未合并",
        "Several person numbers have not been merged",
        remedy_zh="请联系经办机构合并个人编号后再申请。",
        remedy_en="Ask the agency to merge the person numbers, then apply again.",
        basis=f"{ART} 第八条",
    ),
    Reason(
        "V-P-05",
        "登记为死亡",
        "Registered as dead",
        hard=True,
        remedy_zh="不再办理转移；个人账户余额可由继承人向转出地经办机构申请继承。如登记有误，请联系登记有误的一方更正。",
        remedy_en="There is no transfer; heirs can claim the balance from the outbound agency. "
        "If the entry is wrong, have that agency correct it.",
        basis=f"{ART} 第二条；国发〔1998〕44号",
    ),
)
UNAVAILABLE = Reason(
    "V-S-01",
    "对方平台暂不可用，系统将自动重试",
    "The other side does not answer; the system tries again by itself",
    remedy_zh="无需操作。",
    remedy_en="Nothing to do.",
    basis=f"{ART} 第八条",
)
SUPPLEMENT = _list(
    Reason("Q-01", "上传的影像不清楚", "An uploaded picture is not legible"),
    Reason("Q-02", "缺少委托代办材料", "The authorisation of the agent is missing"),
    Reason("Q-03", "原单位尚未申报停保", "The former employer has not reported the suspension"),
    Reason("Q-04", "有需要补缴的费用", "Contributions have to be paid"),
    Reason("Q-05", "银行账户信息不全", "Bank account details are incomplete"),
    Reason("Q-09", "其他需要补正的事项", "Something else"),
)
SEND_BACK = _list(
    Reason("B-01", "缴费月数与记录不符", "The months do not agree with the record"),
    Reason("B-02", "余额与账户不符", "The balance does not agree with the account"),
    Reason("B-03", "个人信息有误", "Personal details are wrong"),
    Reason("B-04", "材料未核对完整", "Papers have not been fully checked"),
    Reason("B-09", "其他", "Other"),
)
MONEY = _list(
    Reason("F-01", "收款户名不符", "The account name does not agree"),
    Reason("F-02", "收款账号错误", "The account number is wrong"),
    Reason("F-03", "银行处理失败", "The bank could not process it"),
    Reason("F-04", "来款无法匹配", "The payment cannot be matched"),
    Reason("F-05", "到账金额不符", "The amount differs"),
    Reason("F-06", "年底清算未拨付", "Not funded during year-end closing"),
    Reason("F-07", "重复汇款", "Paid twice"),
    Reason("F-08", "收款账户已变更", "The receiving account has changed"),
)
PAYOUT = _list(
    Reason("P-01", "退休异地安置", "Retired and settled elsewhere"),
    Reason("P-02", "参军入伍", "Enlisted"),
    Reason("P-03", "参保人死亡，支付给继承人", "Died; to the heirs"),
    Reason("P-04", "出国（境）定居", "Emigrated"),
    Reason("P-05", "转入地不能接收", "The inbound area cannot take it"),
)
LATE = _list(
    Reason("L-01", "补划利息", "Late interest"),
    Reason("L-02", "迟到的缴费划入", "Late contributions"),
)
DIFFERENCE = _list(
    Reason("D-01", "到账少于锁定金额", "Less has arrived than was fixed"),
    Reason("D-02", "到账多于锁定金额", "More has arrived than was fixed"),
    Reason("D-03", "重复到账", "It has arrived twice"),
)
ANSWER = _list(
    Reason("D-11", "差额另行汇出", "The rest is sent separately"),
    Reason("D-12", "多汇部分请退回", "Send back what is too much"),
    Reason("D-13", "金额无误，请再次核对", "The amount is right; please check again"),
)
RETURN = _list(
    Reason(
        "R-01",
        "转出地参保状态已恢复",
        "The outbound enrolment has become active again",
        remedy_zh="请先在转出地重新办理停保，再在期限内重新提交。",
        remedy_en="Have the outbound enrolment suspended again, then resubmit before the date shown.",
        basis=f"{ART} 第五条",
    ),
    Reason(
        "R-02",
        "选错统筹区",
        "The wrong pooling area was chosen",
        remedy_zh="请与转入地核对正确的转出统筹区；由转出地转办的，您无需操作。",
        remedy_en="Settle the right outbound area with the inbound side; if the case is forwarded, do nothing.",
        basis=f"{ART} 第三条",
    ),
    Reason(
        "R-03",
        "参保人已死亡",
        "The person has died",
        hard=True,
        remedy_zh="个人账户余额由继承人按转出地规定办理。",
        remedy_en="Heirs claim the balance of the account under the outbound area's rules.",
        basis=f"{ART} 第二条",
    ),
    Reason(
        "R-04",
        "已达到或办理退休",
        "Retired, or past retirement",
        hard=True,
        remedy_zh="退休人员不转移医保关系；异地居住可办理异地就医备案。",
        remedy_en="Retired people are not transferred; register for care in another area instead.",
        basis=f"{ART} 第二条",
    ),
    Reason(
        "R-05",
        "账户被司法或稽核冻结",
        "The account is frozen by a court or an audit",
        remedy_zh="请在期限内解除冻结后重新提交；原因可向转出地经办机构查询。",
        remedy_en="Have the account released before the date shown, then resubmit; the outbound agency knows why.",
        basis="转出地规定",
    ),
    Reason(
        "R-06",
        "历史缴费数据缺失",
        "Earlier contribution records are missing",
        remedy_zh="请与转出地经办机构补齐历史缴费记录后重新提交。",
        remedy_en="Have the earlier records completed by the outbound agency, then resubmit.",
        basis=f"{ART} 第九条",
    ),
    Reason(
        "R-07",
        "重复的转移申请通知",
        "A repeated transfer notice",
        hard=True,
        remedy_zh="请查询原转移业务的进度，无需另行申请。",
        remedy_en="Look up the earlier case; there is no need for another.",
        basis=f"{ART} 第六条",
    ),
)
CLARIFY = _list(
    Reason("C-01", "月数与缴费时段不符", "The months do not agree with the periods"),
    Reason("C-02", "缴费时段相互重叠", "Contribution periods overlap"),
    Reason("C-03", "与转入地本地缴费重叠", "Overlaps with months paid in the inbound area"),
    Reason("C-04", "余额与到账金额不符", "The balance differs from the money received"),
    Reason("C-05", "电子签章无效", "The electronic seal is not valid"),
    Reason("C-06", "基本信息不符", "Personal details do not agree"),
    Reason("C-07", "险种或统账类别错误", "Scheme or kind of account is wrong"),
    Reason("C-08", "缺页或缺字段", "A page or a field is missing"),
)
WITHDRAWAL_REFUSED = _list(
    Reason("N-01", "余额已经划出或正在划转", "The balance has been sent, or is being sent"),
    Reason("N-02", "无法确认撤回是本人意愿", "It cannot be confirmed that the person wants this"),
    Reason("N-09", "其他", "Other"),
)
END = _list(
    Reason("W-01", "本人撤回", "Withdrawn by the person"),
    Reason("W-02", "改选转入地", "Another inbound area chosen"),
    Reason("W-03", "单位误申请", "Filed by the employer by mistake"),
    Reason("W-04", "死亡", "Death"),
    Reason("W-05", "超过期限未补正", "Not supplemented in time"),
    Reason("W-06", "系统重复", "Duplicate"),
    Reason("W-07", "已办理退休", "Retired"),
    Reason("W-08", "退回后超过期限未处理", "Returned and not repaired in time"),
    Reason("W-09", "其他", "Other"),
)


def _some(reasons: dict[str, Reason], *codes: str) -> dict[str, Reason]:
    return {code: reasons[code] for code in codes}


# The closed list that a step names -> what may be chosen there.
LISTS = {
    "supplement": SUPPLEMENT,
    "send_back": SEND_BACK,
    "money": MONEY,
    "payout": PAYOUT,
    "late": LATE,
    "difference": DIFFERENCE,
    "answer": ANSWER,
    "more_money": {**MONEY, **LATE},
    "clarify": CLARIFY,
    "return_soft": {code: reason for code, reason in RETURN.items() if not reason.hard},
    "return_hard": {code: reason for code, reason in RETURN.items() if reason.hard},
    "forward": _some(RETURN, "R-02"),
    "withdraw": _some(END, "W-01", "W-02", "W-03"),
    "withdrawal_refused": WITHDRAWAL_REFUSED,
    "terminate": _some(END, "W-03", "W-04", "W-06", "W-07", "W-09"),
    "lapse": _some(END, "W-05", "W-08"),
}
ALL: dict[str, Reason] = {
    **PRECHECK,
    UNAVAILABLE.code: UNAVAILABLE,
    **SUPPLEMENT,
    **SEND_BACK,
    **RETURN,
    **CLARIFY,
    **MONEY,
    **PAYOUT,
    **LATE,
    **DIFFERENCE,
    **ANSWER,
    **WITHDRAWAL_REFUSED,
    **END,
}
