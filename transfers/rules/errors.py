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
}


def refusal(code: str, /, **details: Any) -> Refusal:
    """The refusal with this code, its sentences filled from `details`."""
    status, zh, en = _SENTENCES[code]
    return Refusal(code, zh.format(**details), en.format(**details), http_status=status, details=details)
