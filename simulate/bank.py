"""The banks of all areas, played: they read the payment files, answer them, and tell what came in, as banks do.

A bank knows the files it was given and nothing of the product's tables. It errs, abbreviates and leaves out. What each
line really is stays in `truth`, which the product never sees.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from transfers.rules.bankfiles import Line, Result, write_results, write_statement
from transfers.rules.workdays import local_date

# domain: differing amounts 2 %, returned by the bank 1 %. The other shares are assumed.
SHARES = {
    "mismatch": 0.02,
    "returned": 0.01,
    "without_reference": 0.15,
    "payer_abbreviated": 0.25,
    "merged": 0.005,
    "split": 0.005,
    "doubled": 0.005,
    "stranger": 0.005,
    "late": 0.2,
}


@dataclass(frozen=True, slots=True)
class Order:
    """A payment as its file tells it."""

    reference: str
    account: str
    amount_fen: int
    area: str


@dataclass(slots=True)
class Truth:
    """What a line really is: of which payments' cases, how much. `kind` says how the bank told it."""

    kind: str
    parts: tuple[tuple[str, int], ...]
    numbered: bool = False
    twin: str = ""


@dataclass(slots=True)
class Bank:
    """Every area's bank at once. `people`: case number -> name; `payers`: area -> how its agency may be called.

    `accounts`: number of a receiving account -> its area.
    """

    rng: Random
    people: Mapping[str, str]
    payers: Mapping[str, tuple[str, Sequence[str]]]
    accounts: Mapping[str, str]
    truth: dict[str, Truth] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _answers: dict[str, list[Result]] = field(default_factory=lambda: defaultdict(list))
    _arriving: dict[str, list[tuple[datetime, Order]]] = field(default_factory=lambda: defaultdict(list))
    _sequences: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _references: int = 0
    _account_of: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._account_of = {area: number for number, area in self.accounts.items()}

    # --- what is given to it

    def take(self, data: bytes, *, now: datetime) -> None:
        """Carry out a payment file."""
        rows = list(csv.reader(io.StringIO(data.decode())))
        area = rows[0][3]
        for row in rows[1:-1]:
            _kind, _number, reference, _payee, _bank, account, amount, _purpose = row
            order = Order(reference, account, round(float(amount) * 100), area)
            self.counted["payments"] += 1
            if reference.startswith("TH"):
                self._answer(order, "", now)
                self.counted["refunds"] += 1
            elif self.rng.random() < SHARES["returned"]:
                self._answer(order, self.rng.choice(["F-01", "F-02", "F-03", "F-08"]), now)
                self.counted["returned"] += 1
            else:
                self._answer(order, "", now)
                days = 2 if self.rng.random() < SHARES["late"] else 1
                self._arriving[self.accounts[account]].append((now + timedelta(days=days), order))

    def _answer(self, order: Order, reason: str, now: datetime) -> None:
        at = now + timedelta(minutes=self.rng.randrange(5, 200))
        self._references += 1
        self._answers[order.area].append(
            Result(0, order.reference, not reason, reason, f"B{self._references:09d}", order.amount_fen, at, "")
        )

    # --- what it tells

    def results(self, area: str, *, now: datetime) -> bytes | None:
        """The result file of an area, None when there is nothing to tell."""
        rows = [row for row in self._answers[area] if row.at <= now]
        if not rows:
            return None
        self._answers[area] = [row for row in self._answers[area] if row.at > now]
        return write_results(rows, area=area, sequence=self._next(area, "result"), day=local_date(now))

    def statement(self, area: str, *, now: datetime) -> bytes | None:
        """The statement of an area, None when nothing came in."""
        due = [(at, order) for at, order in self._arriving[area] if at <= now]
        self._arriving[area] = [(at, order) for at, order in self._arriving[area] if at > now]
        rows = sorted(self._lines(due), key=lambda row: row.at)
        if not rows:
            return None
        return write_statement(rows, area=area, sequence=self._next(area, "statement"), day=local_date(now))

    def _next(self, area: str, kind: str) -> int:
        self._sequences[area, kind] += 1
        return self._sequences[area, kind]

    def _lines(self, due: Sequence[tuple[datetime, Order]]) -> Iterator[Line]:
        waiting = list(due)
        while waiting:
            at, order = waiting.pop(0)
            luck = self.rng.random()
            kinds = ("merged", "split", "doubled", "mismatch", "stranger")
            kind = "plain"
            for name in kinds:
                luck -= SHARES[name]
                if luck < 0:
                    kind = name
                    break
            match kind:
                case "merged":
                    with_it = next((one for one in waiting if one[1].area == order.area), None)
                    if with_it is None:
                        yield self._line(at, order, order.amount_fen, "plain", [(order, order.amount_fen)])
                        continue
                    waiting.remove(with_it)
                    both = [(order, order.amount_fen), (with_it[1], with_it[1].amount_fen)]
                    yield self._line(max(at, with_it[0]), order, sum(fen for _o, fen in both), kind, both)
                case "split" if order.amount_fen > 200:
                    part = self.rng.randrange(100, order.amount_fen)
                    for n, fen in enumerate((part, order.amount_fen - part)):
                        yield self._line(at + timedelta(minutes=n), order, fen, kind, [(order, fen)])
                case "doubled":
                    one = self._line(at, order, order.amount_fen, kind, [(order, order.amount_fen)])
                    self._references += 1
                    twin = one._replace(bank_reference=f"R{self._references:09d}", at=one.at + timedelta(minutes=1))
                    first = self.truth[one.bank_reference]
                    self.truth[twin.bank_reference] = Truth("twin", first.parts, first.numbered, one.bank_reference)
                    self.counted["twin"] += 1
                    yield one
                    yield twin
                case "mismatch" if order.amount_fen > 1000:
                    off = self.rng.choice([-1, -1, 1]) * self.rng.randrange(1, min(50_000, order.amount_fen // 2))
                    kind = "less" if off < 0 else "more"
                    yield self._line(at, order, order.amount_fen + off, kind, [(order, order.amount_fen + min(off, 0))])
                case _:
                    yield self._line(at, order, order.amount_fen, "plain", [(order, order.amount_fen)])
                    if kind == "stranger":
                        yield self._stranger(at)

    def _stranger(self, at: datetime) -> Line:
        self._references += 1
        reference = f"R{self._references:09d}"
        self.truth[reference] = Truth("stranger", ())
        self.counted["stranger"] += 1
        payer, remark = self.rng.choice(
            [("宏远贸易有限公司", "货款"), ("李某某", "医保缴费"), ("市社会保险中心", "退款")]
        )
        return Line(0, reference, at, payer, "6200009900000000000", self.rng.randrange(1_000, 900_000), remark)

    def _line(self, at: datetime, order: Order, amount: int, kind: str, parts: Sequence[tuple[Order, int]]) -> Line:
        """One line. The remark holds the references, or the person's name, hidden or not, or nothing of either."""
        self._references += 1
        reference = f"R{self._references:09d}"
        numbered = self.rng.random() >= SHARES["without_reference"]
        if numbered:
            said = [self.rng.choice(_TYPED)(one.reference) for one, _fen in parts]
            remark = self.rng.choice(["", "医保转移 ", "个人账户划转"]) + " ".join(said)
        else:
            name = self.people[_case(order.reference)]
            hidden = name[0] + "*" * (len(name) - 1)
            remark = self.rng.choice(
                [name, f"医保转移{name}", hidden, f"个账划转 {hidden}", "医保个人账户余额划转", ""]
            )
        full, short = self.payers[order.area]
        payer = self.rng.choice(short) if self.rng.random() < SHARES["payer_abbreviated"] else full
        account = self._account_of[order.area]
        self.truth[reference] = Truth(kind, tuple((_case(one.reference), fen) for one, fen in parts), numbered)
        self.counted[kind] += 1
        self.counted["numbered" if numbered else "unnumbered"] += 1
        return Line(0, reference, at, payer[:80], account, amount, remark)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


_TYPED = (
    str,
    str,
    str,
    _wide,
    str.lower,
    lambda text: f"{text[:4]} {text[4:9]} {text[9:]}",
    lambda text: text.split("-")[0],
)


def _case(reference: str) -> str:
    return reference.rsplit("-", 1)[0]
