"""The cases of the demonstration: when each was filed, and how far it has come. Days are working days."""

from __future__ import annotations

from dataclasses import dataclass, field

from transfers.demo.people import HANGZHOU, NANNING, Mover

# The standard route after acceptance: step, side, and who of that side's agency takes it.
ROUTE: tuple[tuple[str, str, str], ...] = (
    ("claim_out", "out", "handler"),
    ("prepare_sheet", "out", "handler"),
    ("approve_out", "out", "reviewer"),
    ("claim_in", "in", "handler"),
    ("check_sheet", "in", "handler"),
    ("approve_in", "in", "reviewer"),
    ("propose_remittance", "out", "finance"),
    ("approve_remittance", "out", "reviewer"),
    ("record_receipt", "in", "finance"),
    ("match_receipt", "in", "finance"),
    ("credit_account", "in", "reviewer"),
)
ASIDE: tuple[tuple[str, str, str], ...] = (
    ("request_supplement", "out", "handler"),
    ("provide_supplement", "out", "handler"),
    ("send_back_out", "out", "reviewer"),
    ("send_back_in", "in", "reviewer"),
    ("return_soft", "out", "lead"),
    ("return_hard", "out", "lead"),
    ("resubmit", "in", "handler"),
    ("raise_query", "in", "handler"),
    ("prepare_correction", "out", "colleague"),
    ("approve_correction", "out", "reviewer"),
    ("request_withdrawal", "in", "handler"),
    ("grant_withdrawal", "out", "handler"),
    ("refuse_withdrawal", "out", "handler"),
    ("terminate", "out", "lead"),
    ("reopen", "in", "lead"),
)
WHO = {name: (side, part) for name, side, part in (*ROUTE, *ASIDE)}
WORDS = {
    "request_supplement": {"reason": "Q-02", "note": "请补交本人签字的委托书原件，可到窗口递交或邮寄。"},
    "provide_supplement": {"note": "委托书原件已在窗口收到并核对。"},
    "send_back_out": {"reason": "B-01", "note": "中断的两个月请再核对一次后重新提交。"},
    "send_back_in": {"reason": "B-04", "note": "请补充核对电子签章后重新提交。"},
    "return_soft": {"reason": "R-01", "note": "原单位补报了上月参保，请先停保。"},
    "return_hard": {"reason": "R-04", "note": "申请后已办理退休手续。"},
    "resubmit": {"note": "原单位已办理停保。"},
    "raise_query": {"reason": "C-06", "note": "姓名与转入地登记不一致，请核对。"},
    "prepare_correction": {"note": "登记时姓名误录，已按身份证更正。"},
    "request_withdrawal": {"reason": "W-02", "note": "工作变动，改到其他城市参保。"},
    "refuse_withdrawal": {"reason": "N-02", "note": "电话核实，并非本人意愿。"},
    "terminate": {"reason": "W-06", "note": "与本省系统中的业务重复。"},
    "reopen": {"reason": "C-06", "note": "办结后发现姓名有误。"},
}
# What a step says beside reason and note. The name is corrected by one character that marks it as corrected.
DATA: dict[str, dict[str, object]] = {
    "raise_query": {"items": [{"field": "name", "note": "转入地登记的姓名多一个字"}]},
    "prepare_correction": {"changes": {"name": "演示更正"}},
}
MONEY = (345_678, 128_050, 1_520_000, 86_420, 412_345, 230_199, 97_600, 655_321)


@dataclass(frozen=True, slots=True)
class Story:
    """One case: filed `filed` working days before the last one that is over, then `steps` of (days later, step).

    `shown`: it is one of those that a newcomer is told to look up.
    """

    filed: int
    steps: tuple[tuple[int, str], ...] = ()
    back: bool = False
    channel: str = "window_in"
    language: str = "zh-hans"
    email: bool = False
    shown: bool = False
    facts: dict[str, object] = field(default_factory=dict)

    def mover(self, serial: int) -> Mover:
        """The person of this case; they move the other way when it goes `back`."""
        out, into = (HANGZHOU, NANNING) if self.back else (NANNING, HANGZHOU)
        given = {"balance_fen": MONEY[serial % len(MONEY)], "months": 36 + serial % 7 * 12, **self.facts}
        return Mover(serial, out=out, into=into, **given)  # type: ignore[arg-type]


def on(*days: int) -> tuple[tuple[int, str], ...]:
    """The standard route, one step for each of `days`."""
    return tuple((day, name) for day, (name, _side, _part) in zip(days, ROUTE, strict=False))


STORIES: list[Story] = [
    # Accepted and not claimed: fresh, due next, overdue until the team lead, the head, the province, the nation hears.
    Story(0, channel="partner", email=True, shown=True),
    Story(0, back=True),
    Story(1, channel="online"),
    Story(2, back=True, channel="window_out"),
    Story(9, channel="partner"),
    Story(11, back=True),
    Story(16),
    Story(21, channel="partner"),
    # At work outbound, one of them sent back by the reviewer.
    Story(3, on(1), email=True),
    Story(9, on(2), channel="partner"),
    Story(4, (*on(1, 2), (3, "send_back_out"))),
    Story(12, on(3), back=True),
    # To be reviewed outbound.
    Story(2, on(0, 1)),
    Story(9, on(2, 8)),
    # Waiting for papers: just asked, due next, lapsed, and supplemented.
    Story(3, (*on(1), (2, "request_supplement")), email=True, shown=True),
    Story(6, (*on(1), (2, "request_supplement")), channel="window_out", back=True),
    Story(14, (*on(1), (2, "request_supplement"))),
    Story(9, (*on(1), (2, "request_supplement"), (5, "provide_supplement"))),
    # Arrived inbound: fresh, due next, overdue; at work; to be reviewed; sent back.
    Story(4, on(1, 2, 4), channel="partner"),
    Story(7, on(1, 2, 3), back=True),
    Story(12, on(1, 3, 5), shown=True),
    Story(6, on(1, 2, 3, 4), email=True, language="en"),
    Story(8, on(1, 2, 3, 5, 7), back=True),
    Story(7, (*on(1, 2, 3, 4, 5), (6, "send_back_in"))),
    # Taken over, with the balance at each station of its way; one has been waiting for too long.
    Story(9, on(1, 2, 3, 5, 6, 8)),
    Story(10, on(1, 2, 3, 4, 6, 7, 8), back=True),
    Story(28, on(1, 2, 4, 5, 6, 8, 9, 10), email=True, shown=True),
    Story(12, on(1, 2, 3, 5, 6, 7, 8, 9, 12), back=True),
    Story(13, on(1, 2, 3, 5, 6, 7, 8, 9, 12, 13)),
    # Completed: with a balance, with none, of the resident scheme.
    Story(20, on(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10), channel="partner", email=True, shown=True),
    Story(15, on(1, 2, 2, 3, 4, 5), facts={"balance_fen": 0}),
    Story(18, on(1, 3, 4, 5, 6, 7), channel="online", facts={"out_scheme": "390", "months": 24}),
    # Not accepted, for one reason and for several at once.
    Story(1, channel="online", facts={"out_status": "1"}),
    Story(3, channel="partner", facts={"arrears": True, "open_claims": True, "in_status": ""}, email=True, shown=True),
    Story(5, back=True, facts={"retired": True}),
    Story(6, channel="online", facts={"name_in": "另名者"}),
    # The odd routes: returned, repaired and returned for good; doubted, answered; withdrawal asked for, refused and
    # granted; ended; reopened after the end.
    Story(5, (*on(1), (3, "return_soft")), email=True, shown=True),
    Story(9, (*on(1), (3, "return_soft"), (6, "resubmit")), back=True),
    Story(8, (*on(1, 2), (4, "return_hard"))),
    Story(8, (*on(1, 2, 3, 5), (6, "raise_query")), shown=True),
    Story(9, (*on(1, 2, 3, 5), (6, "raise_query"), (7, "prepare_correction")), back=True),
    Story(11, (*on(1, 2, 3, 5), (6, "raise_query"), (7, "prepare_correction"), (8, "approve_correction"))),
    Story(4, (*on(1), (3, "request_withdrawal")), email=True, shown=True),
    Story(8, (*on(1), (3, "request_withdrawal"), (5, "refuse_withdrawal")), back=True),
    Story(10, (*on(1), (3, "request_withdrawal"), (4, "grant_withdrawal"))),
    Story(12, (*on(2), (5, "terminate"))),
    Story(24, (*on(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10), (20, "reopen")), shown=True),
]
