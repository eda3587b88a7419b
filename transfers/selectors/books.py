"""Where each fen of a case lies in each state of its money, and which cases' books say otherwise.

The table is the whole truth about a state; `verify` proves it over everything, the reconciliation tells it by areas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection

from transfers.rules.bank import PaymentState
from transfers.rules.money import Destination, MoneyState
from transfers.rules.parties import Named

M = MoneyState


class Place(StrEnum):
    """A book of the ledger by its part in one case: what lies between the two areas has a direction."""

    FIXED = "fixed"
    OUTWARD = "outward"
    PAYOUT = "payout"
    BACK = "back"
    RECEIVED = "received"
    CREDITED = "credited"
    PAID = "paid"
    HEIRS = "heirs"
    WALLET = "wallet"


# What lies there: all of this round's amount, what has arrived of it, what is in the wallet, or the rest of either.
WHOLE, ARRIVED, TO_ARRIVE, MOVED, TO_MOVE = "whole", "arrived", "to_arrive", "moved", "to_move"
# State -> (place, how much). What is not named is empty; in KEPT, NONE, PENDING_SETTLE and SETTLE_HELD nothing has been
# posted, and after RELEASED all is back where it came from. RECLAIM stands where the money was when it was asked back.
STANDING: dict[MoneyState, tuple[tuple[Place, str], ...]] = {
    **dict.fromkeys((M.NONE, M.KEPT, M.PENDING_SETTLE, M.SETTLE_HELD, M.RELEASED), ()),
    **dict.fromkeys((M.FROZEN, M.YEAR_END, M.REMIT_REVIEW, M.REVIEW_HELD, M.REMIT_FAILED), ((Place.FIXED, WHOLE),)),
    **dict.fromkeys(
        (M.IN_TRANSIT, M.MISMATCH, M.UNMATCH_REVIEW), ((Place.OUTWARD, TO_ARRIVE), (Place.RECEIVED, ARRIVED))
    ),
    M.RECEIVED: ((Place.OUTWARD, WHOLE),),  # written down by hand; it arrives when it is matched
    M.MATCHED: ((Place.RECEIVED, WHOLE),),
    M.RETURNING: ((Place.BACK, WHOLE),),
    M.PAYING: ((Place.PAYOUT, WHOLE),),
    M.TO_WALLET: ((Place.PAYOUT, TO_MOVE), (Place.WALLET, MOVED)),
    M.CREDITED: ((Place.CREDITED, WHOLE),),
    M.PAID_TO_PERSON: ((Place.PAID, WHOLE),),
    M.IN_WALLET: ((Place.WALLET, WHOLE),),
}
# Where an earlier round of the same case may have brought its amount to an end.
ENDS = (Place.CREDITED, Place.PAID, Place.HEIRS, Place.WALLET)
# A posted amount by its place: the case's areas say which part an area plays. Anything else is astray.
PLACE_SQL = """
    CASE WHEN e.book IN ('fixed', 'paid', 'heirs', 'wallet') AND e.area_id = c.outbound_area_id THEN e.book
        WHEN e.book = 'transit' AND e.area_id = c.outbound_area_id AND e.counter_area_id IS NULL THEN 'payout'
        WHEN e.book = 'transit' AND (e.area_id, e.counter_area_id) = (c.outbound_area_id, c.inbound_area_id)
            THEN 'outward'
        WHEN e.book = 'transit' AND (e.area_id, e.counter_area_id) = (c.inbound_area_id, c.outbound_area_id) THEN 'back'
        WHEN e.book = 'received' AND (e.area_id, e.counter_area_id) = (c.inbound_area_id, c.outbound_area_id)
            THEN 'received'
        WHEN e.book = 'personal' AND e.area_id = c.inbound_area_id THEN 'credited'
        WHEN e.book IN ('personal', 'interest') AND e.area_id = c.outbound_area_id THEN 'source'
        WHEN e.book = 'owed' AND (e.area_id, e.counter_area_id) = (c.outbound_area_id, c.inbound_area_id) THEN 'owed'
        WHEN e.book = 'advanced' AND (e.area_id, e.counter_area_id) = (c.inbound_area_id, c.outbound_area_id)
            THEN 'advanced'
        ELSE 'astray' END
"""


@dataclass(frozen=True, slots=True)
class Breach:
    """A case whose books do not agree with its money line: `wanted_fen` should lie at `place`, `held_fen` does."""

    number: str
    state: str
    out: str
    into: str
    place: str
    wanted_fen: int
    held_fen: int

    @property
    def said(self) -> Named:
        return Named(
            f"资金处于{self.state}，账簿{self.place}应有{yuan(self.wanted_fen)}元，实有{yuan(self.held_fen)}元",
            f"in {self.state} the books should hold {yuan(self.wanted_fen)} in {self.place} and hold "
            f"{yuan(self.held_fen)}",
        )


def yuan(fen: int) -> str:
    """An amount in yuan with two decimals.

    >>> yuan(-345678)
    '-3456.78'
    """
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def breaches() -> Iterator[Breach]:
    """Every case whose books are not as `STANDING` says, place by place."""
    rows = [(state.value, place.value, amount) for state, held in STANDING.items() for place, amount in held]
    states, places, amounts = (list(column) for column in zip(*rows, strict=True))
    found = run(
        f"""
        WITH held AS (
            SELECT t.case_id, {PLACE_SQL} AS place, sum(e.amount_fen) AS fen
            FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
            JOIN transfers_transfercase c ON c.id = t.case_id GROUP BY 1, 2
        ), lines AS (
            SELECT r.*, coalesce(nullif(CASE WHEN r.state = 'RECLAIM' THEN r.held_state END, ''), r.state) AS stands
            FROM transfers_remittance r
        ), wanted AS (
            SELECT l.case_id,
                CASE WHEN s.place = 'paid' AND l.destination = '{Destination.HEIRS.value}' THEN 'heirs' ELSE s.place END
                    AS place,
                CASE s.amount WHEN '{WHOLE}' THEN l.amount_fen WHEN '{ARRIVED}' THEN coalesce(l.received_fen, 0)
                    WHEN '{TO_ARRIVE}' THEN l.amount_fen - coalesce(l.received_fen, 0)
                    WHEN '{MOVED}' THEN l.wallet_fen ELSE l.amount_fen - l.wallet_fen END AS fen
            FROM lines l JOIN unnest(%s::text[], %s::text[], %s::text[]) AS s(state, place, amount)
                ON s.state = l.stands
        ), compared AS (
            SELECT case_id, place, coalesce(w.fen, 0) AS wanted, coalesce(h.fen, 0) AS held
            FROM wanted w FULL JOIN (SELECT * FROM held WHERE place NOT IN ('source', 'owed', 'advanced')) h
                USING (case_id, place)
            -- An amount that went astray is wrong even where it was brought back.
            UNION ALL SELECT case_id, 'astray', 0, 1 FROM held WHERE place = 'astray' AND fen = 0
            -- What the inbound fund advanced is what the outbound one owes.
            UNION ALL SELECT case_id, 'owed', -coalesce(sum(fen) FILTER (WHERE place = 'advanced'), 0),
                coalesce(sum(fen) FILTER (WHERE place = 'owed'), 0)
            FROM held WHERE place IN ('owed', 'advanced') GROUP BY case_id
        ), rounds AS (
            -- Of a line with earlier rounds only their sum is known, whatever ends they came to.
            SELECT x.case_id, 'ended' AS place, sum(x.wanted) + max(l.settled_fen) AS wanted, sum(x.held) AS held
            FROM compared x JOIN lines l USING (case_id) WHERE x.place = ANY(%s) AND l.settled_fen > 0 GROUP BY 1
            UNION ALL
            SELECT l.case_id, 'ended', l.settled_fen, 0 FROM lines l WHERE l.settled_fen > 0 AND NOT EXISTS
                (SELECT 1 FROM compared x WHERE x.case_id = l.case_id AND x.place = ANY(%s))
        )
        SELECT c.number, coalesce(l.state, 'NONE'), c.outbound_area_id, c.inbound_area_id, x.place, x.wanted, x.held
        FROM (SELECT * FROM compared UNION ALL SELECT * FROM rounds) x
        JOIN transfers_transfercase c ON c.id = x.case_id LEFT JOIN lines l ON l.case_id = x.case_id
        WHERE CASE WHEN x.place = ANY(%s) AND coalesce(l.settled_fen, 0) > 0 THEN x.held < x.wanted
            ELSE x.held <> x.wanted END ORDER BY c.id, x.place
        """,  # nosec B608 - our own expressions and codes
        states,
        places,
        amounts,
        *([[place.value for place in ENDS]] * 3),
    )
    for number, state, out, into, place, wanted, held in found:
        yield Breach(number, state, out, into, place, int(wanted), int(held))


# --- the bank's side --------------------------------------------------------------------------------

_GONE = (PaymentState.SENT.value, PaymentState.PAID.value)
# State -> what the newest payment of the line may be. Nothing is under way in the states that are not named.
PAYMENT_IN: dict[MoneyState, tuple[str, ...]] = {
    **dict.fromkeys((M.REMIT_REVIEW, M.REVIEW_HELD), (PaymentState.READY.value,)),
    **dict.fromkeys((M.IN_TRANSIT, M.RECEIVED, M.MISMATCH, M.MATCHED, M.UNMATCH_REVIEW, M.RETURNING), _GONE),
    M.PAYING: (PaymentState.SENT.value,),
    **dict.fromkeys((M.CREDITED, M.PAID_TO_PERSON), (PaymentState.PAID.value,)),
}


def payment_breaches() -> Iterator[tuple[str, str, str, Named]]:
    """(case number, outbound area, inbound area, what is wrong) where the payments do not agree with the money line.

    What is paid to the wallet, or credited at once, needs no bank.
    """
    known = [(state.value, one) for state, states in PAYMENT_IN.items() for one in states]
    states, allowed = (list(column) for column in zip(*known, strict=True))
    rows = run(
        """
        WITH lines AS (
            SELECT r.case_id, r.state, r.amount_fen, r.destination,
                CASE WHEN r.state = 'RECLAIM' THEN r.held_state ELSE r.state END AS stands
            FROM transfers_remittance r
        ), newest AS (
            SELECT DISTINCT ON (case_id) case_id, state, amount_fen FROM transfers_payment
            WHERE kind IN ('remit', 'payout') ORDER BY case_id, number DESC
        ), live AS (
            SELECT case_id, count(*) AS n FROM transfers_payment
            WHERE kind IN ('remit', 'payout') AND state IN ('ready', 'sent') GROUP BY case_id
        )
        SELECT c.number, c.outbound_area_id, c.inbound_area_id, l.state, coalesce(p.state, '-'),
            p.amount_fen IS DISTINCT FROM l.amount_fen, coalesce(v.n, 0)
        FROM lines l JOIN transfers_transfercase c ON c.id = l.case_id
        LEFT JOIN newest p ON p.case_id = l.case_id LEFT JOIN live v ON v.case_id = l.case_id
        WHERE v.n > 1 OR CASE
            WHEN l.destination IN ('wallet', 'instant') OR l.stands <> ALL(%s) THEN coalesce(v.n, 0) > 0
            ELSE p.amount_fen IS DISTINCT FROM l.amount_fen OR NOT EXISTS (
                SELECT 1 FROM unnest(%s::text[], %s::text[]) AS s(state, allowed)
                WHERE s.state = l.stands AND s.allowed = p.state) END
        ORDER BY c.id
        """,
        sorted({state.value for state in PAYMENT_IN}),
        states,
        allowed,
    )
    for number, out, into, state, payment, other_amount, under_way in rows:
        zh, en = f"资金处于{state}，付款为{payment}", f"in {state} its payment is {payment}"
        if under_way > 1:
            zh, en = f"{zh}，同时有{under_way}笔在办", f"{en}, and {under_way} are under way at once"
        if other_amount and payment != "-":
            zh, en = f"{zh}，金额不一致", f"{en}, of another amount"
        yield number, out, into, Named(zh, en)


def line_breaches() -> Iterator[tuple[str, str, Named]]:
    """(agency's area, bank reference, what is wrong): a line holds what was allocated of it, to its agency's cases."""
    rows = run(
        """
        SELECT g.area_id, l.bank_reference, l.allocated_fen, coalesce(sum(a.amount_fen), 0),
            coalesce(bool_or(c.inbound_agency_id <> l.agency_id), false),
            l.allocated_fen + l.returned_fen - l.amount_fen
        FROM transfers_statementline l JOIN transfers_agency g ON g.id = l.agency_id
        LEFT JOIN transfers_allocation a ON a.line_id = l.id AND a.undone_at IS NULL
        LEFT JOIN transfers_transfercase c ON c.id = a.case_id GROUP BY g.area_id, l.id
        HAVING coalesce(sum(a.amount_fen), 0) <> l.allocated_fen
            OR coalesce(bool_or(c.inbound_agency_id <> l.agency_id), false)
            OR l.allocated_fen + l.returned_fen > l.amount_fen ORDER BY l.id
        """
    )
    for area, reference, told, allocated, elsewhere, over in rows:
        if elsewhere:
            yield area, reference, Named("流水分给了别处的业务", "belongs to a case of another agency")
        elif told == allocated:
            yield (
                area,
                reference,
                Named(
                    f"银行告知的金额比已匹配金额少{yuan(int(over))}元，应撤销匹配",
                    f"the bank tells {yuan(int(over))} less than was matched of it: the match is to be undone",
                ),
            )
        else:
            yield (
                area,
                reference,
                Named(
                    f"流水记为已分配{yuan(told)}元，分配合计{yuan(int(allocated))}元",
                    f"the line says {yuan(told)} are allocated, its allocations say {yuan(int(allocated))}",
                ),
            )


def arrival_breaches() -> Iterator[tuple[str, str, str, Named]]:
    """(case number, outbound area, inbound area, what is wrong): what has arrived in the ledger was allocated to the
    case from bank lines, to the fen."""
    rows = run(
        """
        WITH posted AS (
            SELECT t.case_id, sum(e.amount_fen) AS fen
            FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
            WHERE t.kind IN ('arrive', 'unmatch') AND e.book = 'received' GROUP BY t.case_id
        ), allocated AS (
            SELECT case_id, sum(amount_fen) AS fen FROM transfers_allocation WHERE undone_at IS NULL GROUP BY case_id
        )
        SELECT c.number, c.outbound_area_id, c.inbound_area_id, coalesce(p.fen, 0), coalesce(a.fen, 0)
        FROM posted p FULL JOIN allocated a USING (case_id) JOIN transfers_transfercase c ON c.id = case_id
        WHERE coalesce(a.fen, 0) <> coalesce(p.fen, 0) ORDER BY c.id
        """
    )
    for number, out, into, posted, allocated in rows:
        zh = f"账簿记到账{yuan(int(posted))}元，流水分配{yuan(int(allocated))}元"
        en = f"the ledger says {yuan(int(posted))} have arrived, the bank lines say {yuan(int(allocated))}"
        yield number, out, into, Named(zh, en)


def run(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """The rows of one question."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
