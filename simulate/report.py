"""The report for people: the same figures as Markdown, and as a page with charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from simulate import charts

Data = Mapping[str, Any]
Table = tuple[str, Sequence[str], list[Sequence[str]]]  # its title, the heads of its columns, its rows
TOP_AREAS = 15
HOW = (
    "Every step is taken through the actions that the console, the platforms and the worker use, at simulated "
    "instants. What is assumed is told in docs/simulate.md."
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 2rem } caption { text-align: left; font-weight: 600 }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left } figure { margin: 1.5rem 0 } figcaption { font-weight: 600 }
figure > svg { width: 100%; height: auto; font-size: 12px } .keys span { margin-right: 1.2rem }
.scroll { overflow-x: auto }
"""


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What the other limits change: breaches by kind, alarms, and the areas whose breaches differ."""
    kinds = sorted(before["breaches"].keys() | after["breaches"].keys())
    rows = {row["code"]: row for row in before["by_area"]}
    return {
        "shortened": after["asked"]["shortened"],
        "breaches": {kind: _change(_late(before, kind), _late(after, kind)) for kind in kinds},
        "reminders": _change(_fired(before, "reminder"), _fired(after, "reminder")),
        "escalations": _change(_fired(before, "escalation"), _fired(after, "escalation")),
        "areas": [
            {
                "code": row["code"],
                "name": row["name"],
                "shortened": row["shortened"],
                **{name: _change(rows[row["code"]][name], row[name]) for name in ("out_breaches", "in_breaches")},
            }
            for row in after["by_area"]
            if any(rows[row["code"]][name] != row[name] for name in ("out_breaches", "in_breaches")) or row["shortened"]
        ],
    }


def _late(data: Mapping[str, Any], kind: str) -> int:
    return int(data["breaches"].get(kind, {}).get("breached", 0))


def _fired(data: Mapping[str, Any], kind: str) -> int:
    rows: Iterable[Mapping[str, Any]] = data["alarms"]
    return sum(row["fired"] for row in rows if row["kind"] == kind)


def _change(before: int, after: int) -> dict[str, int]:
    return {"before": before, "after": after, "more": after - before}


# --- tables ---------------------------------------------------------------------------------------


def title(data: Data) -> str:
    """What was simulated, in a line."""
    asked = data["asked"]
    cases = sum(data["cases"].values())
    return f"{asked['days']} days from {asked['from']}: {cases:,} cases, {data['areas']} areas, seed {asked['seed']}"


def _yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}"


def _tables(data: Data) -> Iterator[Table]:
    held = [(what, "yes" if so else "NO") for what, so in data["holds"].items()]
    yield "What must hold", ("", "holds"), held
    yield "Where the cases stand", ("", "cases"), [(what, f"{n:,}") for what, n in data["cases"].items()]
    yield (
        "Limits",
        ("limit", "limits", "breached", "share", "mean days late", "most"),
        [
            (
                row["named"],
                f"{row['limits']:,}",
                f"{row['breached']:,}",
                f"{row['share']:.2%}",
                f"{row['mean_days_late']:.2f}",
                str(row["most_days_late"]),
            )
            for row in data["breaches"].values()
        ],
    )
    yield (
        "Reminders and escalations",
        ("limit and rung", "told to", "kind", "fired"),
        [
            (f"{row['limit']} {row['rung']}", ", ".join(row["to"]), row["kind"], f"{row['fired']:,}")
            for row in data["alarms"]
            if row["fired"]
        ],
    )
    money = data["money"]
    yield (
        "Balances",
        ("state", "cases", "yuan"),
        [(state, f"{row['cases']:,}", _yuan(row["fen"])) for state, row in money["balances_by_state"].items()],
    )
    yield (
        "Payments",
        ("kind and state", "payments", "yuan"),
        [(what, f"{row['payments']:,}", _yuan(row["fen"])) for what, row in money["payments"].items()],
    )
    yield (
        "Shares, as they came out",
        ("", "count", "of", "share"),
        [(what, f"{row['count']:,}", f"{row['of']:,}", f"{row['share']:.2%}") for what, row in data["shares"].items()],
    )


def _changes(change: Data) -> Iterator[Table]:
    rows = {**change["breaches"], "reminders": change["reminders"], "escalations": change["escalations"]}
    yield (
        "Breaches, reminders, escalations",
        ("", "before", "after", "more"),
        [_row(what, n) for what, n in rows.items()],
    )
    yield (
        "Areas",
        ("area", "out before", "out after", "more", "in before", "in after", "more"),
        [
            (
                f"{row['name']} {row['code']}{' *' if row['shortened'] else ''}",
                *_row("", row["out_breaches"])[1:],
                *_row("", row["in_breaches"])[1:],
            )
            for row in change["areas"]
        ],
    )


def _row(what: str, n: Data) -> Sequence[str]:
    return what, f"{n['before']:,}", f"{n['after']:,}", f"{n['more']:+,}"


def _areas(data: Data) -> Table:
    heads = ("area", "cases out", "breaches", "mean days", "cases in", "breaches", "mean days", "other breaches")
    return (
        "Areas (slow ones marked with a stroke)",
        (*heads, "reminders", "escalations", "credited, yuan"),
        [
            (
                f"{row['name']} {row['code']}{' –' if row['slow'] else ''}",
                f"{row['out_cases']:,}",
                f"{row['out_breaches']:,}",
                f"{row['out_mean_days']:.2f}",
                f"{row['in_cases']:,}",
                f"{row['in_breaches']:,}",
                f"{row['in_mean_days']:.2f}",
                f"{row['other_breaches']:,}",
                f"{row['reminders']:,}",
                f"{row['escalations']:,}",
                _yuan(row["credited_fen"]),
            )
            for row in data["by_area"]
        ],
    )


def _asked(change: Data) -> str:
    parts = [f"{code}: {name} = {n}" for code, values in change["shortened"].items() for name, n in values.items()]
    return f"What if {', '.join(parts)}"


# --- Markdown -------------------------------------------------------------------------------------


def markdown(data: Data, changes: Sequence[Data]) -> str:
    """The whole report."""
    parts = [f"# {title(data)}\n\n{HOW}\n"]
    parts += [_md(table) for table in _tables(data)]
    parts += [f"Wrong, {what}: {found}\n" for what, found in _wrong(data)]
    for change in changes:
        parts += [f"## {_asked(change)}\n", *(_md(table) for table in _changes(change))]
    return "\n".join([*parts, _md(_areas(data))])


def _md(table: Table) -> str:
    name, heads, rows = table
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return f"## {name}\n\n| {' | '.join(heads)} |\n|---|{'--:|' * (len(heads) - 1)}\n" + "\n".join(lines) + "\n"


def _wrong(data: Data) -> Iterator[tuple[str, str]]:
    if not data["ok"]:
        for what, found in data["wrong"].items():
            if found:
                yield what, str(found)


# --- a page ---------------------------------------------------------------------------------------


def page(data: Data, changes: Sequence[Data]) -> str:
    """The same with charts, as one file."""
    parts = [f"<h1>{escape(title(data))}</h1><p>{escape(HOW)}</p>"]
    parts += [_html(table) for table in list(_tables(data))[:1]]
    parts += [f"<p>Wrong, {escape(what)}: {escape(found)}</p>" for what, found in _wrong(data)]
    parts += _charts(data)
    for change in changes:
        parts += [f"<h2>{escape(_asked(change))}</h2>", *(_html(table) for table in _changes(change))]
    parts += [_html(table) for table in [*list(_tables(data))[1:], _areas(data)]]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title(data))}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _charts(data: Data) -> list[str]:
    days = data["by_day"]
    labels = [row["day"][5:] for row in days]

    def series(*names: str) -> list[tuple[str, list[float]]]:
        return [(name.replace("_", " "), [row[name] for row in days]) for name in names]

    worst = sorted(data["by_area"], key=lambda row: (-_all_breaches(row), row["code"]))[:TOP_AREAS]
    return [
        charts.columns(
            "Applications and what was taken over, by day",
            labels,
            series("applied"),
            ("taken over", [row["taken_over"] for row in days]),
        ),
        charts.columns("Open cases, by day", labels, [], ("open at the end of the day", [row["open"] for row in days])),
        charts.columns("Limits that passed unmet, by day", labels, series("breached")),
        charts.columns("Reminders and escalations, by day", labels, series("reminders", "escalations")),
        charts.rows(
            "Areas with the most breaches",
            [(row["name"], [row["out_breaches"], row["in_breaches"], row["other_breaches"]]) for row in worst],
            ("outbound limit", "inbound limit", "others"),
        ),
    ]


def _all_breaches(row: Data) -> int:
    return int(row["out_breaches"] + row["in_breaches"] + row["other_breaches"])


def _html(table: Table) -> str:
    name, heads, rows = table
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(_tr(row) for row in rows)
    return (
        f'<div class="scroll"><table><caption>{escape(name)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _tr(row: Iterable[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
