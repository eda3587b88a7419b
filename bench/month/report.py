"""What the month came to: each case explained, the matching against the truth, and whether the books agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.month.days import Month
from simulate.cases import money_waits
from transfers.models import Allocation, Remittance, StatementLine, TransferCase
from transfers.models.labels import said
from transfers.rules.money import MoneyState
from transfers.rules.routes import State
from transfers.rules.workdays import local_date
from transfers.selectors.reconciliation import reconcile
from transfers.selectors.verify import problems

HOW = (
    "Every step after acceptance is taken through the actions that the console uses, at simulated instants. The banks "
    "read the payment files and write result and statement files; what each line really is stays with them. A line "
    "counts as matched automatically when all of it was allocated by the system. An automatic match is wrong when the "
    "truth does not give that much of that line to that case; of two lines that tell one payment twice one is right, "
    "and both are not. Cases are explained by their state and, while they wait, by the event that they wait for."
)


@dataclass(frozen=True, slots=True)
class Matching:
    """Automatic matching against the truth. `owed`: lines that carry what some case awaits."""

    owed: int
    automatic: int
    owed_exact: int
    automatic_exact: int
    wrong: tuple[str, ...]
    by_kind: dict[str, tuple[int, int]]

    @property
    def share(self) -> float:
        return self.automatic / self.owed if self.owed else 0.0

    @property
    def share_exact(self) -> float:
        return self.automatic_exact / self.owed_exact if self.owed_exact else 0.0


def matching(month: Month) -> Matching:
    """Ask the truth about every line that was matched, or not, without a person."""
    truth = month.bank.truth
    automatic: dict[str, dict[str, int]] = defaultdict(dict)
    rows = Allocation.objects.filter(score__isnull=False).select_related("line", "case")
    for one in rows:
        automatic[one.line.bank_reference][one.case.number] = one.amount_fen
    wrong: list[str] = []
    by_kind: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    paid_twice: dict[str, list[str]] = defaultdict(list)
    for reference, parts in automatic.items():
        real = dict(truth[reference].parts)
        wrong += [f"{reference} {number}" for number, fen in parts.items() if real.get(number) != fen]
        if truth[reference].kind in ("twin", "doubled"):
            paid_twice[truth[reference].twin or reference].append(reference)
    wrong += [" ".join(both) for both in paid_twice.values() if len(both) > 1]
    whole = {
        line.bank_reference
        for line in StatementLine.objects.filter(bank_reference__in=list(automatic)).only(
            "bank_reference", "amount_fen"
        )
        if sum(automatic[line.bank_reference].values()) == line.amount_fen
    }
    # Of a payment told twice one line is owed.
    owed = {reference: one for reference, one in truth.items() if one.parts and one.kind != "twin"}
    matched = {truth[reference].twin or reference for reference in whole}
    for reference, real_line in owed.items():
        kind = f"{real_line.kind}, {'with' if real_line.numbered else 'without'} the number"
        by_kind[kind][0] += 1
        by_kind[kind][1] += reference in matched
    exact = {reference for reference, one in owed.items() if one.kind not in ("less", "more")}
    return Matching(
        len(owed),
        len(matched & owed.keys()),
        len(exact),
        len(matched & exact),
        tuple(sorted(wrong)),
        {kind: (n, auto) for kind, (n, auto) in sorted(by_kind.items())},
    )


def explained(month: Month) -> tuple[Counter[str], list[str]]:
    """How many cases stand where, in words; and the numbers of those for which there are none."""
    counted: Counter[str] = Counter()
    unexplained = []
    money = {row.pk: row for row in Remittance.objects.all()}
    for case in TransferCase.objects.order_by("pk").only("number", "state"):
        row = money.get(case.pk)
        if case.state == State.COMPLETED and row is not None and row.info.settled:
            none = row.state == MoneyState.NONE
            if none == (month.cast.balances[case.pk] == 0):
                counted["nothing to move" if none else "credited"] += 1
                continue
        waits = None if row is None or case.state != State.RELATION_DONE else money_waits(row)
        if waits is None:
            unexplained.append(f"{case.number} {case.state} {row.state if row is not None else ''}".strip())
        else:
            counted[waits] += 1
    return counted, unexplained


def report(month: Month, *, now: datetime, areas: int, cases: int, seed: int, seconds: float) -> dict[str, Any]:
    """Everything, as JSON data. `ok` says whether all that must hold does."""
    found = matching(month)
    counted, unexplained = explained(month)
    broken = problems(now=now)
    last = reconcile(local_date(now), now=now)
    open_lines = Counter(
        reason or state for state, reason in StatementLine.objects.exclude(state="done").values_list("state", "reason")
    )
    nights = len(month.books)
    targets = {
        "every case is explained": not unexplained,
        "at least 97 % of the lines that carry what a case awaits are matched automatically": found.share >= 0.97,
        "no automatic match is wrong": not found.wrong,
        "every night reconciles without difference": nights > 0 and all(ok for _day, ok, _rows in month.books),
        "the last day reconciles without difference": last.ok,
        "verify finds nothing": not broken,
    }
    return {
        "how": HOW,
        "areas": areas,
        "cases": cases,
        "seed": seed,
        "seconds": round(seconds, 1),
        "seconds_by_work": {what: round(spent, 1) for what, spent in sorted(month.seconds.items())},
        "held_over_the_new_year": sorted(month.cast.frozen),
        "cases_explained": dict(counted.most_common()),
        "cases_unexplained": unexplained[:50],
        "matching": {
            "lines_owed": found.owed,
            "automatic": found.automatic,
            "share": round(found.share, 5),
            "lines_owed_with_the_right_amount": found.owed_exact,
            "automatic_of_these": found.automatic_exact,
            "share_of_these": round(found.share_exact, 5),
            "wrong": len(found.wrong),
            "wrong_first": list(found.wrong[:20]),
            "by_kind": {kind: {"lines": n, "automatic": auto} for kind, (n, auto) in found.by_kind.items()},
        },
        "bank": dict(sorted(month.bank.counted.items())),
        "open_lines": dict(open_lines),
        "taken": dict(sorted(month.taken.items())),
        "refused": dict(sorted(month.refused.items())),
        "nights": nights,
        "nights_with_differences": [str(day) for day, ok, _rows in month.books if not ok],
        "differences": [said(one) for one in last.differences[:20]],
        "verify": [f"{one.invariant} {one.subject}: {one.en}" for one in broken[:20]],
        "targets": targets,
        "ok": all(targets.values()),
    }


def told(data: dict[str, Any]) -> Iterable[str]:
    """The same for people, as Markdown."""
    match = data["matching"]
    yield f"# A month of money: {data['cases']:,} cases, {data['areas']} areas, seed {data['seed']}\n"
    yield f"{data['how']}\n"
    yield "| target | |\n|---|---|"
    for target, met in data["targets"].items():
        yield f"| {target} | {'met' if met else '**not met**'} |"
    yield "\n| cases | |\n|---|--:|"
    for what, count in data["cases_explained"].items():
        yield f"| {what} | {count:,} |"
    yield f"| not explained | {len(data['cases_unexplained']):,} |"
    yield "\n| how the bank told it | lines | matched automatically |\n|---|--:|--:|"
    for kind, row in match["by_kind"].items():
        yield f"| {kind} | {row['lines']:,} | {row['automatic']:,} ({row['automatic'] / row['lines']:.1%}) |"
    owed, automatic = match["lines_owed"], match["automatic"]
    yield f"| all lines that carry what a case awaits | {owed:,} | {automatic:,} ({match['share']:.2%}) |"
    exact, of_them = match["lines_owed_with_the_right_amount"], match["automatic_of_these"]
    yield f"| of these with the right amount | {exact:,} | {of_them:,} ({match['share_of_these']:.2%}) |"
    yield f"\nWrong automatic matches: {match['wrong']}. Nights reconciled: {data['nights']}, with differences: "
    yield f"{len(data['nights_with_differences'])}. Took {data['seconds']:,.0f} s."
