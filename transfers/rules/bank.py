"""Words of the bank's side: states of accounts, payments, batches and lines; account numbers and their check digit."""

from __future__ import annotations

from enum import StrEnum

from stdnum import luhn

from transfers.rules.errors import refusal
from transfers.rules.parties import Named


class _Said(StrEnum):
    """A code with its words."""

    @property
    def named(self) -> Named:
        return _NAMES[self]


class AccountState(_Said):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class BatchState(_Said):
    DRAFT = "draft"
    APPROVED = "approved"
    CANCELLED = "cancelled"


class PaymentKind(_Said):
    REMIT = "remit"
    PAYOUT = "payout"
    REST = "rest"
    REFUND = "refund"


class PaymentState(_Said):
    READY = "ready"
    SENT = "sent"
    PAID = "paid"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class FileKind(_Said):
    RESULT = "result"
    STATEMENT = "statement"


class SettlementState(_Said):
    """A settlement of two funds, of what was credited at once."""

    PROPOSED = "proposed"
    POSTED = "posted"
    REFUSED = "refused"


class LineState(_Said):
    """NEW lines have not been looked at; QUEUED ones wait for a person; RETURNING ones for a second person.

    SHORT: somebody wrote it down and matched more of it than the bank tells. STRUCK: written down, and it never came.
    """

    NEW = "new"
    QUEUED = "queued"
    RETURNING = "returning"
    DONE = "done"
    SHORT = "short"
    STRUCK = "struck"


_NAMES: dict[StrEnum, Named] = {
    AccountState.PROPOSED: Named("待复核", "Proposed"),
    AccountState.CONFIRMED: Named("已启用", "Confirmed"),
    AccountState.REFUSED: Named("已退回", "Refused"),
    BatchState.DRAFT: Named("待复核", "Waiting for review"),
    BatchState.APPROVED: Named("已复核", "Approved"),
    BatchState.CANCELLED: Named("已撤销", "Cancelled"),
    PaymentKind.REMIT: Named("划转转入地", "To the inbound agency"),
    PaymentKind.PAYOUT: Named("支付个人", "To a person"),
    PaymentKind.REST: Named("补汇差额", "The rest"),
    PaymentKind.REFUND: Named("退回多汇款", "Sent back"),
    PaymentState.READY: Named("待发送", "Ready"),
    PaymentState.SENT: Named("已发送银行", "Sent to the bank"),
    PaymentState.PAID: Named("已支付", "Paid"),
    PaymentState.RETURNED: Named("已退回", "Returned"),
    PaymentState.CANCELLED: Named("已撤销", "Cancelled"),
    FileKind.RESULT: Named("支付结果", "Payment results"),
    FileKind.STATEMENT: Named("到账流水", "Statement"),
    SettlementState.PROPOSED: Named("待复核", "Waiting for review"),
    SettlementState.POSTED: Named("已清算", "Settled"),
    SettlementState.REFUSED: Named("已退回", "Refused"),
    LineState.NEW: Named("待匹配", "To be matched"),
    LineState.QUEUED: Named("待人工处理", "Waits for a person"),
    LineState.RETURNING: Named("退款待复核", "Return waits for review"),
    LineState.DONE: Named("已处理", "Explained"),
    LineState.SHORT: Named("银行金额少于已匹配金额", "Less came than was matched"),
    LineState.STRUCK: Named("已作废", "Struck out"),
}


def account_number(text: str) -> str:
    """A bank account number without blanks: 8 to 30 digits; one of 16 to 19 that begins like a card (62, 4, 5) must
    pass the Luhn check (ISO/IEC 7812-1), as a slip of one digit does not. J-ACCOUNT.

    >>> account_number("6222 0000 0000 0000 4")
    '62220000000000004'
    """
    digits = "".join(text.split()).replace("-", "")
    card = 16 <= len(digits) <= 19 and digits.startswith(("62", "4", "5"))
    if (
        not digits.isascii()
        or not digits.isdigit()
        or not 8 <= len(digits) <= 30
        or (card and not luhn.is_valid(digits))
    ):
        raise refusal("J-ACCOUNT")
    return digits
