"""Every refusal has a code, a sentence a person understands in both languages, and what to do next."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Bad input or a forbidden act, answered. Nothing has been changed when this is raised out of an action.

    `details` holds machine-readable particulars (field names, the newer version, a list of failures); never an
    identity number, a phone number or an amount.
    """

    def __init__(
        self, code: str, zh: str, en: str, *, http_status: int = 400, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en
        self.http_status = http_status
        self.details = details or {}

    @property
    def told(self) -> dict[str, str]:
        """The problem of one field, as a list of problems holds it."""
        return {"code": self.code, "zh": self.zh, "en": self.en}


# code -> (HTTP status, Chinese, English). `{…}` is filled from the details.
_SENTENCES: dict[str, tuple[int, str, str]] = {
    "J-NOT-FOUND": (404, "没有这项业务，或您无权查看。", "There is no such case, or you may not see it."),
    "J-STALE": (
        409,
        "{who}已于{at}办理了“{what}”，请刷新后按最新状态办理。",
        "{who_en} already did “{what_en}” at {at}. Reload and act on the newest state.",
    ),
    "J-NOT-NOW": (
        409,
        "业务现为“{state}”，不能办理“{what}”。",
        "The case is now “{state_en}”; “{what_en}” cannot be done.",
    ),
    "J-UNKNOWN-STEP": (404, "没有“{name}”这项操作。", "There is no step called “{name}”."),
    "J-NOT-YOURS": (
        403,
        "“{what}”应由{who}办理，您没有这项权限。",
        "“{what_en}” is for {who_en}; you may not do it.",
    ),
    "J-FOUR-EYES": (
        403,
        "经办与复核须由不同的人办理：您已经办过本环节，请由其他复核人员办理。",
        "Handler and reviewer must be different people: you handled this step, so somebody else must review it.",
    ),
    "J-NOT-OWNER": (
        409,
        "本业务由{owner}经办，请由其办理。",
        "{owner} is handling this case; it is theirs to go on with.",
    ),
    "J-REASON": (400, "请从所列原因中选择一项。", "Choose one of the listed reasons."),
    "J-NOTE": (400, "请填写说明。", "Write a note."),
    "J-FIELD": (400, "“{field}”填写有误：{problem}", "“{field}” is not valid: {problem_en}"),
    "J-FIELDS": (400, "有不认识的字段：{fields}。", "Unknown fields: {fields}."),
    "J-SUPPLEMENT-LIMIT": (
        409,
        "本业务已要求补正{count}次，不能再次要求。",
        "This case has already been sent for a supplement {count} time(s); it cannot be sent again.",
    ),
    "J-SHEET-EMPTY": (
        409,
        "转出地没有可转移的缴费记录，不能生成信息表。",
        "The outbound area has no contribution record to transfer, so no sheet can be made.",
    ),
    "J-SHEET-CHANGED": (
        409,
        "信息表生成后转出地记录有变化（{what}），请退回经办重新生成。",
        "The outbound record changed after the sheet was prepared ({what_en}). Send it back to be prepared again.",
    ),
    "J-SEAL": (
        409,
        "信息表的电子签章校验不通过，不能接收。",
        "The electronic seal of the sheet does not verify, so it cannot be taken over.",
    ),
    "J-REGISTRY-DOWN": (
        503,
        "{area}的参保登记系统暂时没有应答，请稍后再试；业务不受影响。",
        "The enrolment registry of {area} does not answer. Try again later; the case is unaffected.",
    ),
    "J-AMOUNT": (
        409,
        "到账金额与信息表金额不一致，请先核实。",
        "The amount received differs from the sheet. Clear it up first.",
    ),
    "J-AREA": (400, "没有“{code}”这个统筹区，请重新选择。", "There is no pooling area “{code}”. Choose another."),
    "J-IDEMPOTENCY": (
        409,
        "这个幂等键已用于另一份内容不同的申请。",
        "This idempotency key was already used for a different application.",
    ),
    "J-TOO-MANY": (429, "操作过于频繁，请{seconds}秒后再试。", "Too many requests. Try again in {seconds} seconds."),
    "J-LOOKUP": (
        404,
        "业务编号与证件号码后六位不匹配，请核对后再试。",
        "The case number and the last six characters of the identity number do not match. Check them.",
    ),
    "J-CODE": (400, "验证码不正确或已失效，请重新获取。", "The code is wrong or has expired. Ask for a new one."),
    "J-FILE": (400, "文件“{name}”不能上传：{problem}", "The file “{name}” cannot be uploaded: {problem_en}"),
    "J-FORWARD-AREA": (
        400,
        "不能转办至{area}：它是本业务现在的转出地或转入地。",
        "The case cannot be forwarded to {area}: it is already one of its two areas.",
    ),
    "J-STILL-FAILS": (
        409,
        "两地校验仍未通过：{reasons}。",
        "The rules of the two areas are still not met: {reasons_en}.",
    ),
    "J-MEMBER": (
        400,
        "“{name}”不是本机构可以办理此环节的在岗人员。",
        "“{name}” is not somebody of this agency who can do this work.",
    ),
    "J-MEMBER-SAME": (409, "本业务已由{name}经办。", "{name} is handling this case already."),
    "J-MONEY-SENT": (
        409,
        "资金现为“{state}”，不能再撤销或终止；请待资金办结。",
        "The money is now “{state_en}”, so the case can no longer be withdrawn or ended; let the money arrive.",
    ),
    "J-TAKEN-OVER": (
        409,
        "转入地已接续缴费年限、转出地关系已终止，不能再撤销或终止；有差错的，请更正后办结。",
        "The months have been taken over and the outbound relationship has ended, so the case can no longer be "
        "withdrawn or ended; what is wrong is put right, and the case completed again.",
    ),
    "J-OTHER-OPEN": (
        409,
        "参保人另有在办业务 {number}，办结后才能重新打开本业务。",
        "The person has another transfer under way ({number}); this one can be reopened when that has ended.",
    ),
    "J-ITEMS": (
        422,
        "有疑问的栏目填写有误，请按提示修改。",
        "The places in doubt are not valid. Correct what is listed.",
    ),
    "J-KEY": (401, "接口密钥无效。", "The API key is not valid."),
    "J-SCOPE": (403, "该接口密钥没有“{scope}”权限。", "This API key lacks the scope “{scope}”."),
    "J-JSON": (400, "请求内容不是有效的 JSON。", "The request body is not valid JSON."),
    "J-INPUT": (422, "提交的内容有误，请按提示修改。", "The input is not valid. Correct what is listed."),
    "J-SHEET-FIELDS": (
        400,
        "信息表内容有误，未作任何改动。{listed}。",
        "The sheet is not right and nothing was changed. {listed_en}.",
    ),
    "J-SHEET-SAME": (
        409,
        "更正内容与原信息表相同，没有需要更正的地方。",
        "The correction says the same as the sheet; there is nothing to correct.",
    ),
    "J-POLICY-AREA": (
        400,
        "没有“{area}”这个地区，不能为其制定政策。",
        "There is no area “{area}” to make a policy for.",
    ),
    "J-POLICY-NOT-YOURS": (
        403,
        "{area}的政策由本级或上级医保经办机构的主管、负责人起草和发布，您没有这项权限。",
        "Policies of {area} are drafted and published by a supervisor or head of its agency or of one above; "
        "you may not do it.",
    ),
    "J-POLICY-EMPTY": (400, "没有填写任何政策参数。", "No switch is set, so there is nothing to lay down."),
    "J-POLICY-DOCUMENT": (
        400,
        "请填写文件名称或文号（最多80字）。",
        "Give the document or its number (at most 80 characters).",
    ),
    "J-POLICY-SOURCE": (400, "依据说明最多2000字。", "The source may have at most 2000 characters."),
    "J-POLICY-DATES": (400, "有效期有误：{problem}", "The validity is not right: {problem_en}"),
    "J-POLICY-STAGE": (
        409,
        "{edition}现为“{stage}”，不能办理“{what}”。",
        "{edition} is {stage_en}; it cannot be {what_en}.",
    ),
    "J-POLICY-FOUR-EYES": (
        403,
        "起草与发布须由不同的人办理：这份政策由您起草，请由其他主管或负责人发布。",
        "Drafting and publishing are for different people: you drafted this one, so somebody else must publish it.",
    ),
    "J-POLICY-OVERLAP": (
        409,
        "有效期与已发布的{clash}（{dates}）重叠，请先为其设定截止日，或者调整本政策的有效期。",
        "Its validity overlaps the published {clash} ({dates}). End that one first, or change these dates.",
    ),
    "J-POLICY-GAP": (
        409,
        "全国政策不能没有接续：请起草并发布新的全国政策，由其接替。",
        "The nation's policy cannot end without another: draft and publish the one that follows it.",
    ),
    "J-POLICY-CONTRADICTS": (
        409,
        "与上级或下级政策相抵触：{problems}",
        "It contradicts the policies above or below: {problems_en}",
    ),
    "J-SAME-AREA": (
        400,
        "转出地与转入地相同，不需要转移接续。",
        "Both areas are the same; no transfer is needed.",
    ),
    "J-PAPER-CODE": (
        400,
        "核验码应为16位字母或数字，请按文书上所印填写。",
        "A verification code has 16 letters and digits. Enter it as it is printed on the paper.",
    ),
    "J-NOT-PDF": (
        400,
        "这不是 PDF 文件，或者超过 5 MB，无法核验。请上传原始的 PDF 文件，不要上传照片或扫描件。",
        "This is no PDF, or larger than 5 MB. Upload the original PDF file, not a photograph or a scan.",
    ),
    "J-PAPER-BY-HAND": (
        409,
        "本文书含字库暂缺的汉字，由{agency}手工开具，请电话联系：{phone}。",
        "This paper has characters that the font lacks. {agency} issues it by hand; telephone {phone}.",
    ),
    "J-PAPER-DAMAGED": (
        503,
        "文书文件暂时无法读取，已通知管理人员，请稍后再试。",
        "The file of this paper cannot be read just now. The administrators have been told; try again later.",
    ),
    "J-PAPER-NOT-NOW": (
        409,
        "现在不能开具这种文书。",
        "This kind of paper cannot be issued now.",
    ),
    "J-NO-PROCESS": (
        409,
        "业务现为“{state}”，尚未受理，没有国家平台业务可以导出。",
        "The case is “{state_en}” and has not been accepted: there is no process of the national platform to export.",
    ),
    "J-YEAR-END": (
        409,
        "转出地年末清算期间不划款，{day}起恢复，请届时办理。",
        "No money leaves the outbound area during its year-end settlement; sending goes on from {day}.",
    ),
    "J-NO-CHOICE": (
        409,
        "按两地政策，余额不能选择“{what}”。",
        "The two areas' policies do not leave “{what_en}” to choose.",
    ),
    "J-PAYEE": (
        400,
        "请填写收款的开户银行和银行账号。",
        "Give the bank and the number of the account to be paid.",
    ),
    "J-CHOICE-OPEN": (
        409,
        "参保人可以选择余额去向，尚未选择，请在其选择后或者选择期满后办理。",
        "The person may choose where the balance goes and has not done so yet. Wait for that, or until the time is up.",
    ),
    "J-CLAIMS-OPEN": (
        409,
        "转出地仍有医疗费用未结算，结算后才能锁定余额。",
        "Medical costs are still open in the outbound area; the balance is fixed once they are settled.",
    ),
    "J-NO-PAYOUT": (
        409,
        "转出地政策没有规定“{reason}”时可以支付给本人或者继承人。",
        "The outbound area's policy does not let the balance be paid out for “{reason_en}”.",
    ),
    "J-ACCOUNT": (
        400,
        "银行账号有误：应为8至30位数字，并且校验位相符，请逐位核对。",
        "The account number is not right: 8 to 30 digits with a right check digit. Compare it digit by digit.",
    ),
    "J-NO-ACCOUNT": (
        409,
        "{agency}没有启用的收款账户，暂时不能划转，请其财务人员登记并复核收款账户。",
        "{agency} has no receiving account in force, so nothing can be sent. Its finance staff have to enter one.",
    ),
    "J-ACCOUNT-OPEN": (
        409,
        "已有一个收款账户等待复核，请先复核。",
        "A receiving account waits for review already. Decide on that first.",
    ),
    "J-ACCOUNT-SAME": (
        409,
        "与届时启用的收款账户相同，没有需要变更的地方。",
        "This is the account that is in force then; nothing would change.",
    ),
    "J-ACCOUNT-DONE": (
        409,
        "该收款账户现为“{state}”，不再等待复核。",
        "This receiving account is “{state_en}”; it no longer waits for review.",
    ),
    "J-ACCOUNT-LATER": (
        409,
        "已有启用日期相同或更晚的收款账户，请退回后按新的启用日期重新提出。",
        "An account with the same or a later first day is confirmed already. Refuse this one and propose it anew.",
    ),
    "J-CALLBACK": (
        400,
        "变更收款账户须先按原先登记的电话回电核实，请填写回电时间、对方姓名和核实结果。",
        "Before an account is changed, call back on a number known before. Write down when, whom, and what was said.",
    ),
    "J-IN-BATCH": (
        409,
        "这笔付款已列入待复核的付款批次，请随批次复核，或先撤销该批次。",
        "This payment lies in a batch that waits for review. Approve it with the batch, or cancel the batch first.",
    ),
    "J-NO-PAYMENT": (
        409,
        "这项业务没有可以列入批次的付款。",
        "There is no payment of this case that could go into a batch.",
    ),
    "J-BATCH-SIZE": (
        400,
        "每批付款应为1至{limit}笔。",
        "A batch has 1 to {limit} payments.",
    ),
    "J-BATCH-EMPTY": (
        409,
        "批次中没有可以办理的付款：{reasons}",
        "Nothing in the batch can be paid: {reasons_en}",
    ),
    "J-BATCH-DONE": (
        409,
        "该付款批次现为“{state}”，不能办理。",
        "This batch is “{state_en}”; that cannot be done.",
    ),
    "J-BATCH-CHANGED": (
        409,
        "付款文件与复核时的校验和不符，请勿发送银行，并通知管理人员。",
        "The payment file is not what was approved. Do not send it to the bank, and tell the administrators.",
    ),
    "J-FILE-GAP": (
        409,
        "文件序号应为{expected}，实为{found}：请先取得中间的文件。",
        "The file should be number {expected} and is {found}: fetch those in between first.",
    ),
    "J-FILE-SEQUENCE": (
        409,
        "第{found}号文件已经收过，而内容不同，请向银行核实。",
        "File {found} has been taken in before, with another content. Ask the bank.",
    ),
    "J-RESULT-ANSWERED": (
        409,
        "这笔付款现为“{state}”，银行的这条结果没有办理，请人工核实。",
        "This payment is “{state_en}”, so the bank's answer was not acted upon. Look into it.",
    ),
    "J-LINE-NONE": (404, "没有这条银行流水，或您无权查看。", "There is no such bank line, or you may not see it."),
    "J-LINE-TAKEN": (
        409,
        "这条银行流水现为“{state}”，余下的金额不足，请刷新后按最新情况办理。",
        "This bank line is “{state_en}” and has not that much left. Reload and act on what is shown then.",
    ),
    "J-LINE-KNOWN": (
        409,
        "这个银行流水号已经登记，余下的金额不足，请从到账流水中匹配。",
        "A bank line with this reference is there already and has not that much left. Match it from the list.",
    ),
    "J-MATCH-MORE": (
        409,
        "匹配金额超过本业务尚未到账的金额，请填写属于本业务的部分，其余退回付款人或匹配其他业务。",
        "That is more than this case still awaits. Give the part that is its; match or send back the rest.",
    ),
    "J-REST-OPEN": (
        409,
        "差额已有一笔付款待发送或已发送银行，不能再次汇出；如有误，请先撤销该笔付款。",
        "A payment of the rest is ready or on its way already. Drop it first if it is wrong.",
    ),
    "J-REST-GONE": (
        409,
        "所欠差额已经到账或业务情况已变化，这笔补汇不再需要，请撤销该笔付款。",
        "What was missing has arrived, or the case has moved on: this payment is not needed. Drop it.",
    ),
    "J-ACCOUNT-CHANGED": (
        409,
        "收款机构的账户在申请划转后已变更，请退回后按现行账户重新申请。",
        "The receiving account has changed since the proposal. Send it back and propose it again.",
    ),
    "J-PART-ARRIVED": (
        409,
        "本业务已有部分款项匹配到账，不能这样办理。",
        "A part of this case's money has been matched already, so this cannot be done.",
    ),
    "J-PART-FIRST": (
        409,
        "请先匹配已经到账的部分，再提出少到的差额。",
        "First match the part that has arrived; then say that the rest is missing.",
    ),
    "J-NO-REST": (
        409,
        "没有已到账的部分，或者已经足额到账，不能另行汇出差额。",
        "Nothing of it has arrived, or all has; there is no rest to send.",
    ),
    "J-AMOUNT-DIFFERS": (
        409,
        "到账金额与应到金额不一致，请提出金额不符，由转出地答复。",
        "The amount that arrived differs. Say so, and the outbound side answers.",
    ),
    "J-RETURN-ACCOUNT": (
        409,
        "银行流水没有付款账号，不能自动退回，请与付款银行联系。",
        "The bank line does not tell the payer's account, so it cannot be sent back. Contact the paying bank.",
    ),
    "J-SETTLE-NONE": (
        409,
        "{out}对{into}没有待清算的金额。",
        "{out} owes {into} nothing for balances that were credited at once.",
    ),
    "J-SETTLE-MORE": (
        409,
        "清算金额超过{out}对{into}的待清算金额，请核对。",
        "This is more than {out} owes {into}. Check the amount.",
    ),
    "J-SETTLE-OPEN": (
        409,
        "{out}对{into}已有一笔清算等待复核，请先复核。",
        "A settlement of {out} with {into} waits for review already. Decide on that first.",
    ),
    "J-SETTLE-TWICE": (
        409,
        "该银行流水号已用于另一笔清算，请核对。",
        "This bank reference belongs to another settlement. Check it.",
    ),
    "J-SETTLE-DONE": (
        409,
        "该笔清算现为“{state}”，不再等待复核。",
        "This settlement is “{state_en}”; it no longer waits for review.",
    ),
    "J-OWN-AREA": (
        403,
        "转出地或转入地须为您所在机构的统筹区。",
        "The outbound or the inbound area must be your own.",
    ),
    "J-LINE-FAILED": (
        500,
        "这一行未能受理，请在窗口单独录入；如仍不成功，请联系管理人员。",
        "This line could not be filed. File it by itself at the window; if that fails too, tell the administrators.",
    ),
    "J-STEP-FAILED": (
        500,
        "这一步未能办理，请在业务页单独办理；如仍不成功，请联系管理人员。",
        "This step could not be taken. Take it on the case's own page; if that fails too, tell the administrators.",
    ),
    "J-BULK-EMPTY": (400, "请先选择业务。", "Choose cases first."),
    "J-BULK-SIZE": (
        400,
        "一次最多办理{limit}件，请缩小筛选范围。",
        "At most {limit} cases at once: narrow the filter.",
    ),
    "J-BULK-STEP": (
        409,
        "所选业务都不能批量办理这一步。",
        "None of the chosen cases can take this step in bulk.",
    ),
    "J-NONE-MATCHED": (
        409,
        "本业务没有已匹配的到账，没有可以撤销的匹配。",
        "Nothing has been matched to this case: there is no match to undo.",
    ),
    "J-LINE-BANK": (
        409,
        "只有人工登记、银行没有告知且没有匹配业务的流水可以作废。",
        "Only a line that was written down by hand, that the bank has not told and no case has, can be struck out.",
    ),
    "J-MONTH-NONE": (
        404,
        "没有{month}这个月份的分区，可能已经移出。",
        "There is no partition of the month {month}; it may have left already.",
    ),
    "J-MONTH-YOUNG": (
        409,
        "{month}的数据须在库内保留{keep}个月，尚未到期。",
        "The month {month} is to be kept at hand for {keep} months, which are not over.",
    ),
    "J-MONTH-OPEN": (
        409,
        "{month}的业务中有{count}件在办、资金未结清，或办结不满{keep}个月，不能移出。",
        "Of the cases of {month}, {count} are open, have money on its way, or ended less than {keep} months ago.",
    ),
    "J-MONTH-LETTERS": (
        409,
        "{month}有{count}封信件待发送，不能移出。",
        "{count} letters of {month} are still to be sent.",
    ),
    "J-MONTH-BUSY": (
        503,
        "相关数据表正在使用，请稍后再试。",
        "The tables are in use. Try again in a moment.",
    ),
    "J-ARCHIVED": (
        410,
        "本业务的办理记录已于{at}归档，须向档案部门查询。",
        "The history of this case was archived on {at}. Ask those who keep the archive.",
    ),
}


def refusal(code: str, /, **details: Any) -> Refusal:
    """The refusal with this code, its sentences filled from `details`."""
    status, zh, en = _SENTENCES[code]
    return Refusal(code, zh.format(**details), en.format(**details), http_status=status, details=details)
