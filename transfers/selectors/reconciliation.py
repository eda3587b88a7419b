"""The books of a day, area pair by area pair, from the ledger alone; and whether everything else says the same.

A pair is the outbound and the inbound area of the cases, also where a person is paid. On the way is what has left the
outbound area and is not yet where it belongs: in transit in either direction, or arrived and not yet credited. At any
moment opening + out + taken back − in − returned − paid out = closing.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from transfers.models import Reconciliation
from transfers.rules.parties import Named
from transfers.rules.workdays import ZONE
from transfers.selectors.books import arrival_breaches, breaches, line_breaches, payment_breaches, run, yuan

CASES_TOLD = 50
"""So many cases of one difference are named; how many there are is always told."""


@dataclass(frozen=True, slots=True)
class PairDay:
    """One area pair on one day, in fen. `transit_fen` and `arrived_fen` make up `closing_fen`, at the end of the day.

    `owed_fen`: what the outbound fund owes for what was credited at once. `sent` and `sent_fen`: payments with the bank
    at the end of the day and not answered.
    """

    out: str
    into: str
    opening_fen: int = 0
    out_fen: int = 0
    taken_back_fen: int = 0
    in_fen: int = 0
    returned_fen: int = 0
    paid_fen: int = 0
    transit_fen: int = 0
    arrived_fen: int = 0
    closing_fen: int = 0
    fixed_fen: int = 0
    released_fen: int = 0
    interest_fen: int = 0
    supplement_fen: int = 0
    received_fen: int = 0
    owed_fen: int = 0
    sent: int = 0
    sent_fen: int = 0

    @property
    def gap_fen(self) -> int:
        """What the closing has too much, against the opening and the day's flows."""
        flows = self.out_fen + self.taken_back_fen - self.in_fen - self.returned_fen - self.paid_fen
        return self.closing_fen - self.opening_fen - flows

    @property
    def empty(self) -> bool:
        return not any(getattr(self, name) for name in FIGURES)


FIGURES = tuple(one.name for one in fields(PairDay))[2:]
# In the order of the page and the file: the first nine make up the equation.
COLUMNS: dict[str, Named] = {
    "opening_fen": Named("期初在途", "Opening"),
    "out_fen": Named("转出（207）", "Out (207)"),
    "taken_back_fen": Named("追回", "Taken back"),
    "in_fen": Named("转入（107）", "In (107)"),
    "returned_fen": Named("退回", "Returned"),
    "paid_fen": Named("支付", "Paid out"),
    "transit_fen": Named("在途", "In transit"),
    "arrived_fen": Named("已到账待入账", "Arrived"),
    "closing_fen": Named("期末在途", "Closing"),
    "fixed_fen": Named("锁定", "Fixed"),
    "released_fen": Named("解除锁定", "Released"),
    "interest_fen": Named("结算利息（102）", "Interest (102)"),
    "supplement_fen": Named("补划（103）", "Supplement (103)"),
    "received_fen": Named("当日到账", "Arrived today"),
    "owed_fen": Named("待清算", "Owed"),
    "sent": Named("银行未回执笔数", "Unanswered"),
    "sent_fen": Named("银行未回执金额", "Unanswered, amount"),
}
CHECKS: dict[str, Named] = {
    "flow": Named(
        "期初＋转出＋追回－转入－退回－支付＝期末",
        "opening + out + taken back − in − returned − paid out = closing",
    ),
    "carried": Named("前一日期末＝当日期初", "the closing of the day before is the opening of the day"),
    "owed": Named("转出地应付＝转入地垫付", "what the outbound fund owes is what the inbound one has advanced"),
    "line": Named("账簿＝资金状态", "the ledger agrees with the money line of each case"),
    "payments": Named("付款＝资金状态", "the payments agree with the money line of each case"),
    "arrivals": Named("到账分录＝流水分配", "what has arrived in the ledger was allocated from bank lines"),
    "lines": Named("流水已分配金额＝分配合计", "each bank line holds what was allocated of it"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not agree. `out` and `into` are empty where it concerns no pair; `cases` holds at most
    `CASES_TOLD` of the `count` that are behind it, and lead to the entries."""

    check: str
    out: str
    into: str
    zh: str
    en: str
    cases: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A day's books as found at `made_at`: the pairs with anything to tell, and what does not agree."""

    date: date
    made_at: datetime
    rows: tuple[PairDay, ...]
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        return not self.differences

    def as_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "date": self.date.isoformat(),
            "made_at": self.made_at.isoformat(),
            "ok": self.ok,
            "rows": [asdict(row) for row in self.rows],
            "total": asdict(total(self.rows)),
            "differences": [asdict(one) for one in self.differences],
        }


def table(day: date, *, out: Sequence[str] = (), into: Sequence[str] = ()) -> list[PairDay]:
    """The pairs of a day with anything to tell, by codes; only those with one of these areas at the end given."""
    start, end = _bounds(day)
    figures = run(
        f"""
        WITH entries AS ({_ENTRIES})
        SELECT src, dst,
            coalesce(sum(fen) FILTER (WHERE under_way AND NOT today), 0),
            -coalesce(sum(fen) FILTER (WHERE today AND kind = '207' AND book = 'fixed'), 0),
            -coalesce(sum(fen) FILTER (WHERE today AND kind = 'reclaim' AND book = 'personal'), 0),
            coalesce(sum(fen) FILTER (WHERE today AND kind = '107' AND book = 'personal'), 0),
            coalesce(sum(fen) FILTER (WHERE today AND kind = 'back' AND book = 'fixed'), 0),
            coalesce(sum(fen) FILTER (WHERE today AND book IN ('paid', 'heirs', 'wallet')), 0),
            coalesce(sum(fen) FILTER (WHERE book = 'transit'), 0),
            coalesce(sum(fen) FILTER (WHERE book = 'received'), 0),
            coalesce(sum(fen) FILTER (WHERE under_way), 0),
            coalesce(sum(fen) FILTER (WHERE today AND kind = 'fix' AND book = 'fixed'), 0),
            -coalesce(sum(fen) FILTER (WHERE today AND kind = 'release' AND book = 'fixed'), 0),
            coalesce(sum(fen) FILTER (WHERE today AND kind = '102' AND book = 'fixed'), 0),
            coalesce(sum(fen) FILTER (WHERE today AND kind = '103' AND book = 'fixed'), 0),
            coalesce(sum(fen) FILTER (WHERE today AND kind IN ('arrive', 'unmatch') AND book = 'received'), 0),
            coalesce(sum(fen) FILTER (WHERE book = 'owed'), 0)
        FROM entries GROUP BY src, dst
        """,  # nosec B608 - our own question
        *_params(start, end, out, into),
    )
    names = FIGURES[: len(FIGURES) - 2]
    found = {(row[0], row[1]): dict(zip(names, (int(fen) for fen in row[2:]), strict=True)) for row in figures}
    for at_out, at_in, number, fen in run(_UNANSWERED, end, end, *_ends(out, into)):
        found.setdefault((at_out, at_in), {}).update(sent=number, sent_fen=int(fen))
    rows = [PairDay(at_out, at_in, **values) for (at_out, at_in), values in sorted(found.items())]
    return [row for row in rows if not row.empty]


def total(rows: Iterable[PairDay]) -> PairDay:
    """The sum of all rows."""
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        for name in FIGURES:
            sums[name] += getattr(row, name)
    return PairDay("", "", **sums)


# Every entry of the ledger before the end of the day, with its pair: the case's; of a settlement between two funds the
# two areas that settle.
_ENTRIES = """
    SELECT * FROM (
        SELECT t.id AS posting, t.at, t.kind, c.id AS case_id, c.number, e.id, e.book, e.area_id, e.counter_area_id,
            e.amount_fen AS fen, t.at >= %s AS today, e.book IN ('transit', 'received') AS under_way,
            coalesce(c.outbound_area_id, CASE e.book WHEN 'owed' THEN e.area_id ELSE e.counter_area_id END) AS src,
            coalesce(c.inbound_area_id, CASE e.book WHEN 'owed' THEN e.counter_area_id ELSE e.area_id END) AS dst
        FROM transfers_ledgertransaction t JOIN transfers_ledgerentry e ON e.transaction_id = t.id
        LEFT JOIN transfers_transfercase c ON c.id = t.case_id WHERE t.at < %s
    ) found WHERE (%s OR src = ANY(%s)) AND (%s OR dst = ANY(%s))
"""
_UNANSWERED = """
    SELECT c.outbound_area_id, c.inbound_area_id, count(*), sum(p.amount_fen)
    FROM transfers_payment p JOIN transfers_transfercase c ON c.id = p.case_id
    WHERE p.sent_at < %s AND (p.answered_at IS NULL OR p.answered_at >= %s)
        AND (%s OR c.outbound_area_id = ANY(%s)) AND (%s OR c.inbound_area_id = ANY(%s)) GROUP BY 1, 2
"""


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, datetime.min.time(), tzinfo=ZONE)
    return start, start + timedelta(days=1)


def _ends(out: Sequence[str], into: Sequence[str]) -> list[Any]:
    return [not out, list(out), not into, list(into)]


def _params(start: datetime, end: datetime, out: Sequence[str], into: Sequence[str]) -> list[Any]:
    return [start, end, *_ends(out, into)]


# --- whether it all agrees ----------------------------------------------------------------------------


def reconcile(day: date, *, now: datetime) -> Report:
    """The books of a day, and every difference: within them, against the stored day before, and, as things stand now,
    against the money lines, the payments and the bank's lines. All in one snapshot."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            run_only("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = table(day)
        differences = [*_flows(day, rows), *_carried(day, rows), *_standing()]
    return Report(day, now, tuple(rows), tuple(differences))


def run_only(sql: str) -> None:
    """A statement that answers nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _flows(day: date, rows: Iterable[PairDay]) -> Iterator[Difference]:
    """Pairs whose day does not add up, with the cases that are to blame."""
    for row in rows:
        if not row.gap_fen:
            continue
        cases = _odd_cases(day, row.out, row.into)
        zh = f"期末比应有{'多' if row.gap_fen > 0 else '少'}{yuan(abs(row.gap_fen))}元"
        en = f"the closing is {yuan(abs(row.gap_fen))} {'above' if row.gap_fen > 0 else 'below'} what it should be"
        yield Difference("flow", row.out, row.into, zh, en, tuple(cases[:CASES_TOLD]), len(cases))


def _odd_cases(day: date, out: str, into: str) -> list[str]:
    """The cases of a pair whose own entries of the day do not add up."""
    start, end = _bounds(day)
    rows = run(
        f"""
        WITH entries AS ({_ENTRIES})
        SELECT number FROM entries WHERE today AND number IS NOT NULL GROUP BY number
        HAVING coalesce(sum(fen) FILTER (WHERE under_way), 0) <>
            -coalesce(sum(fen) FILTER (WHERE kind = '207' AND book = 'fixed'), 0)
            - coalesce(sum(fen) FILTER (WHERE kind = 'reclaim' AND book = 'personal'), 0)
            - coalesce(sum(fen) FILTER (WHERE kind = '107' AND book = 'personal'), 0)
            - coalesce(sum(fen) FILTER (WHERE kind = 'back' AND book = 'fixed'), 0)
            - coalesce(sum(fen) FILTER (WHERE book IN ('paid', 'heirs', 'wallet')), 0)
        ORDER BY number
        """,  # nosec B608 - our own question
        *_params(start, end, [out], [into]),
    )
    return [number for (number,) in rows]


def _carried(day: date, rows: Iterable[PairDay]) -> Iterator[Difference]:
    """The opening against what the newest run of the day before had as its closing: nothing is posted afterwards."""
    before = Reconciliation.objects.filter(date=day - timedelta(days=1)).order_by("-run").first()
    if before is None:
        return
    closing = {(row["out"], row["into"]): row["closing_fen"] for row in before.rows}
    opening = {(row.out, row.into): row.opening_fen for row in rows}
    for out, into in sorted(closing.keys() | opening.keys()):
        was, is_now = closing.get((out, into), 0), opening.get((out, into), 0)
        if was != is_now:
            zh = f"前一日期末为{yuan(was)}元，当日期初为{yuan(is_now)}元"
            en = f"the day before closed with {yuan(was)}, this one opens with {yuan(is_now)}"
            yield Difference("carried", out, into, zh, en)


def _standing() -> Iterator[Difference]:
    """As things stand now: money lines, payments and bank lines against the ledger, told by pair."""
    yield from _owed()
    found: dict[tuple[str, str, str], list[tuple[str, Named]]] = defaultdict(list)
    for breach in breaches():
        found["line", breach.out, breach.into].append((breach.number, breach.said))
    for number, out, into, said in payment_breaches():
        found["payments", out, into].append((number, said))
    for number, out, into, said in arrival_breaches():
        found["arrivals", out, into].append((number, said))
    for area, reference, said in line_breaches():
        found["lines", "", area].append((reference, said))
    for (check, out, into), wrong in sorted(found.items(), key=lambda one: one[0]):
        (first, said), cases = wrong[0], list(dict.fromkeys(number for number, _said in wrong))
        more_zh, more_en = (f"等{len(cases)}项", f", and {len(cases) - 1} more") if len(cases) > 1 else ("", "")
        zh, en = f"{first}{more_zh}：{said.zh}", f"{first}{more_en}: {said.en}"
        listed = () if check == "lines" else tuple(cases[:CASES_TOLD])
        yield Difference(check, out, into, zh, en, listed, len(cases))


def _owed() -> Iterator[Difference]:
    rows = run(
        """
        SELECT src, dst, sum(fen) FILTER (WHERE book = 'owed'), sum(fen) FILTER (WHERE book = 'advanced') FROM (
            SELECT book, amount_fen AS fen, CASE book WHEN 'owed' THEN area_id ELSE counter_area_id END AS src,
                CASE book WHEN 'owed' THEN counter_area_id ELSE area_id END AS dst
            FROM transfers_ledgerentry WHERE book IN ('owed', 'advanced')
        ) e GROUP BY 1, 2 HAVING sum(fen) <> 0 ORDER BY 1, 2
        """
    )
    for out, into, owed, advanced in rows:
        zh = f"应付{yuan(int(owed or 0))}元，垫付{yuan(-int(advanced or 0))}元"
        en = f"{yuan(int(owed or 0))} are owed, {yuan(-int(advanced or 0))} were advanced"
        yield Difference("owed", out, into, zh, en)


# --- down to the entries ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry of the ledger, in fen. `case` is None for a settlement between two funds."""

    at: datetime
    posting: int
    case: int | None
    number: str
    kind: str
    book: str
    area: str
    counter_area: str
    fen: int


KINDS: dict[str, Named] = {
    "fix": Named("锁定", "Fixed"),
    "release": Named("解除锁定", "Released"),
    "102": Named("102 结算利息", "102 interest on settlement"),
    "103": Named("103 补划", "103 late interest or contributions"),
    "207": Named("207 账户转出", "207 account, out"),
    "107": Named("107 账户转入", "107 account, in"),
    "203": Named("203 支付本人", "203 paid to the person"),
    "208": Named("208 支付继承人", "208 paid to the heirs"),
    "wallet": Named("转入医保钱包", "To the wallet"),
    "arrive": Named("到账匹配", "Arrived"),
    "unmatch": Named("撤销匹配", "Match undone"),
    "back": Named("退回", "Returned"),
    "reclaim": Named("追回", "Taken back"),
    "settle": Named("两地清算", "Settled between the funds"),
}


def entries(day: date, out: str, into: str, *, number: str = "") -> list[EntryLine]:
    """The entries of a pair on a day in the order of posting; of one case if its number is given."""
    start, end = _bounds(day)
    rows = run(
        f"""
        WITH entries AS ({_ENTRIES})
        SELECT at, posting, case_id, coalesce(number, ''), kind, book, area_id, coalesce(counter_area_id, ''), fen
        FROM entries WHERE today AND (%s = '' OR number = %s) ORDER BY posting, id
        """,  # nosec B608 - our own question
        *_params(start, end, [out], [into]),
        number,
        number,
    )
    return [EntryLine(*row) for row in rows]


def entries_of(number: str) -> list[EntryLine]:
    """Every entry of one case, in the order of posting."""
    rows = run(
        """
        SELECT t.at, t.id, c.id, c.number, t.kind, e.book, e.area_id, coalesce(e.counter_area_id, ''), e.amount_fen
        FROM transfers_transfercase c JOIN transfers_ledgertransaction t ON t.case_id = c.id
        JOIN transfers_ledgerentry e ON e.transaction_id = t.id WHERE c.number = %s ORDER BY t.number, e.id
        """,
        number,
    )
    return [EntryLine(*row) for row in rows]


# --- files --------------------------------------------------------------------------------------------


def as_csv(rows: Sequence[PairDay], names: Mapping[str, str]) -> str:
    """The table as CSV (UTF-8 with its mark, so that spreadsheets read it), yuan with two decimals, and its total."""
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\r\n")
    named = ("sent_amount" if name == "sent_fen" else name.removesuffix("_fen") for name in COLUMNS)
    writer.writerow(["out", "out_name", "in", "in_name", *named])
    for row in rows:
        writer.writerow([row.out, names.get(row.out, ""), row.into, names.get(row.into, ""), *_figures(row)])
    writer.writerow(["Σ", "", "", "", *_figures(total(rows))])
    return "\ufeff" + told.getvalue()


def _figures(row: PairDay) -> list[str]:
    return [figure(row, name) for name in COLUMNS]


def figure(row: PairDay, name: str) -> str:
    """A figure as people read it: yuan with two decimals, or a number."""
    value = getattr(row, name)
    return yuan(value) if name.endswith("_fen") else str(value)


def entries_csv(lines: Iterable[EntryLine]) -> str:
    """Entries as CSV, like the table."""
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\r\n")
    writer.writerow(["at", "posting", "case", "kind", "book", "area", "counter_area", "amount"])
    for line in lines:
        at = line.at.astimezone(ZONE).isoformat(timespec="seconds")
        writer.writerow(
            [at, line.posting, line.number, line.kind, line.book, line.area, line.counter_area, yuan(line.fen)]
        )
    return "\ufeff" + told.getvalue()
