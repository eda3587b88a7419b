"""What is lost and what is there twice, by questions of this module's own: rows as people would name them, without the
keys and instants that differ from run to run, against those of the same work undisturbed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

# What -> the rows that it consists of, each as one text.
QUESTIONS = {
    "case": "SELECT concat_ws(' ', number, state, version, acts, holder_id, owner_id) FROM transfers_transfercase",
    "event": """
        SELECT concat_ws(' ', c.number, e.version, e.kind, e.name, e.actor_kind, e.from_state, e.to_state, e.from_money,
            e.to_money, e.reason, e.data ->> 'clock', e.data ->> 'new_due_on')
        FROM transfers_caseevent e JOIN transfers_transfercase c ON c.id = e.case_id""",
    "clock": """
        SELECT concat_ws(' ', c.number, k.kind, k.generation, k.status, k.due_on, k.used, k.done, k.next_at)
        FROM transfers_clock k JOIN transfers_transfercase c ON c.id = k.case_id""",
    "alarm": """
        SELECT concat_ws(' ', c.number, k.kind, a.generation, a.rung) FROM transfers_alarm a
        JOIN transfers_clock k ON k.id = a.clock_id JOIN transfers_transfercase c ON c.id = a.case_id""",
    # What the morning's letter sums up depends on the minute in which it is written.
    "letter": """
        SELECT concat_ws(' ', l.subject_ref, l.template, l.channel, l.language, l.recipient_id,
            CASE l.template WHEN 'morning' THEN l.context ->> 'date' ELSE l.context::text END,
            CASE l.status WHEN 'folded' THEN d.status ELSE l.status END)
        FROM notifications_letter l LEFT JOIN notifications_letter d ON d.id = l.leader_id""",
    "sheet": """
        SELECT concat_ws(' ', c.number, s.version, s.digest, s.sealed_at IS NOT NULL)
        FROM transfers_sheet s JOIN transfers_transfercase c ON c.id = s.case_id""",
    "paper": """
        SELECT concat_ws(' ', c.number, p.kind, p.version, p.status)
        FROM transfers_paper p JOIN transfers_transfercase c ON c.id = p.case_id""",
    "money": """
        SELECT concat_ws(' ', c.number, r.state, r.amount_fen, r.received_fen, r.bank_reference)
        FROM transfers_remittance r JOIN transfers_transfercase c ON c.id = r.case_id""",
    "posting": """
        SELECT concat_ws(' ', c.number, t.kind, e.book, e.area_id, e.counter_area_id, e.amount_fen)
        FROM transfers_ledgerentry e JOIN transfers_ledgertransaction t ON t.id = e.transaction_id
        LEFT JOIN transfers_transfercase c ON c.id = t.case_id""",
    "payment": "SELECT concat_ws(' ', reference, kind, state, amount_fen) FROM transfers_payment",
    "file": """
        SELECT concat_ws(' ', agency_id, kind, sequence, digest, count, done, finished_at IS NULL)
        FROM transfers_bankfile""",
    "line": """
        SELECT concat_ws(' ', agency_id, bank_reference, amount_fen, allocated_fen, returned_fen, state, reason)
        FROM transfers_statementline""",
    "allocation": """
        SELECT concat_ws(' ', l.bank_reference, c.number, a.amount_fen, a.undone_at IS NULL)
        FROM transfers_allocation a JOIN transfers_statementline l ON l.id = a.line_id
        JOIN transfers_transfercase c ON c.id = a.case_id""",
    "night": "SELECT concat_ws(' ', date, run, ok, md5(rows::text)) FROM transfers_reconciliation",
    "edition": "SELECT concat_ws(' ', encode(digest, 'hex'), told_at IS NULL) FROM transfers_calendaredition",
    "key": "SELECT concat_ws(' ', partner_id, kind, key) FROM transfers_idempotencykey",
}
SHOWN = 3

Rows = Counter[tuple[str, str]]


def rows(address: str) -> Rows:
    """Everything in the database at this address."""
    sql = " UNION ALL ".join(
        f"SELECT '{what}', found.* FROM ({question}) AS found" for what, question in QUESTIONS.items()
    )
    with psycopg.connect(address) as reader:
        return Counter(reader.execute(sql).fetchall())


@dataclass(frozen=True, slots=True)
class Count:
    """Rows that are missing, and rows that should not be there or are there more often; with examples."""

    lost: int = 0
    doubled: int = 0
    examples: tuple[str, ...] = ()

    def __add__(self, other: Count) -> Count:
        return Count(
            self.lost + other.lost, self.doubled + other.doubled, (*self.examples, *other.examples)[: 2 * SHOWN]
        )


def compare(found: Rows, wanted: Rows) -> Count:
    """`found` against what there would be without the fault."""
    missing, beyond = wanted - found, found - wanted
    told = [
        f"{word} {what} {text}"[:150]
        for word, kind in (("lost", missing), ("beyond", beyond))
        for what, text in sorted(kind)[:SHOWN]
    ]
    return Count(missing.total(), beyond.total(), tuple(told))


def question(address: str, sql: str, *values: Any) -> int:
    """One figure."""
    with psycopg.connect(address) as reader:
        row = reader.execute(sql, values).fetchone()
    assert row is not None
    return int(row[0])
