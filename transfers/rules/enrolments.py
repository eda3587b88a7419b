"""What an enrolment in a new area is answered with (免申即享)."""

from __future__ import annotations

from enum import StrEnum

from transfers.rules.parties import Named


class Answer(StrEnum):
    """What came of the news that somebody has enrolled. All but the first two leave nothing behind."""

    STARTED = "started"
    KNOWN = "known"
    NOT_AUTOMATIC = "not_automatic"
    OTHER_PROVINCE = "other_province"
    NONE_FOUND = "none_found"
    SEVERAL_FOUND = "several_found"
    UNDER_WAY = "under_way"

    @property
    def named(self) -> Named:
        return _ANSWERS[self]

    @property
    def has_case(self) -> bool:
        """Whether there is a case: started now, or by the same event before."""
        return self in (Answer.STARTED, Answer.KNOWN)


_ANSWERS = {
    Answer.STARTED: Named("已自动发起转移", "A transfer has been started"),
    Answer.KNOWN: Named("这条参保信息已处理过", "This event was dealt with before"),
    Answer.NOT_AUTOMATIC: Named(
        "当地尚未实行免申即享，需本人、单位或代办人提出申请。",
        "Transfers do not start by themselves there: the person, employer or an agent has to apply.",
    ),
    Answer.OTHER_PROVINCE: Named(
        "转出地在外省，跨省转移需提出申请。",
        "The outbound area is in another province: a transfer across provinces has to be applied for.",
    ),
    Answer.NONE_FOUND: Named(
        "省内没有查到可转出的暂停参保记录；如曾在省内其他统筹区参保，请指明转出地，或者提出申请。",
        "No suspended enrolment that could be transferred was found in the province. If there is one, name its area, "
        "or apply.",
    ),
    Answer.SEVERAL_FOUND: Named(
        "省内有多处可转出的参保记录，请指明转出地和险种，或者提出申请。",
        "Several suspended enrolments were found in the province: name the area and the scheme, or apply.",
    ),
    Answer.UNDER_WAY: Named("参保人已有在办的转移接续业务。", "A transfer of this person is already under way."),
}
