"""The ratios of a report as one picture: how many times as fast ours is, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from bench.report import number

WIDTH, LABELS, RIGHT, ROW, TOP = 900, 400, 70, 20, 44
COLOURS = {"limit": "#1f6f8b", "peer": "#d9822b"}
LEGEND = (("limit", "beside the limit"), ("peer", "beside a peer"))


def draw(report: Mapping[str, Any]) -> str:
    """The report of `./dev bench` as SVG: a dot for each median, a line for its range, a notch for a first target.

    Contenders that failed, and benchmarks without any ratio, are not in it.
    """
    groups = [(one, _rows(one)) for one in report["benchmarks"]]
    groups = [(one, rows) for one, rows in groups if rows]
    values = [v for _one, rows in groups for row in rows for v in (row["low"], row["high"], row["target"]) if v]
    low = math.floor(math.log10(min([*values, 1])))
    high = math.ceil(math.log10(max([*values, 10])))

    def x(value: float) -> float:
        return LABELS + 10 + (math.log10(value) - low) / (high - low) * (WIDTH - LABELS - 10 - RIGHT)

    parts, y = [], float(TOP)
    for one, rows in groups:
        parts.append(
            f'<text x="8" y="{y + 14}" font-weight="bold">{escape(one["name"])}  {escape(one["title"])}</text>'
        )
        y += ROW
        for row in rows:
            parts.append(_row(row, y, x))
            y += ROW
        y += ROW / 2
    height = y + 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>How many times as fast ours is, {escape(report["made"])}</title>'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
        f"{_scale(range(low, high + 1), x, height)}{_legend()}{''.join(parts)}</svg>\n"
    )


def _rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ratios of one benchmark, with the first target of each."""
    known = {contender["name"]: contender for contender in one["contenders"]}
    wanted = {target["against"]: target["at_least"] for target in one["targets"] if target["level"] == "first"}
    return [
        {"title": known[name]["title"], "role": known[name]["role"], "target": wanted.get(name), **spread}
        for name, spread in one["ratios"].items()
    ]


def _row(row: Mapping[str, Any], y: float, x: Any) -> str:
    colour, middle = COLOURS[row["role"]], y + ROW / 2
    notch = ""
    if row["target"]:
        at = x(row["target"])
        notch = f'<path d="M{at:.1f} {y + 3:.1f}v{ROW - 6}" stroke="#222" stroke-width="2"/>'
    return (
        f'<text x="{LABELS}" y="{middle + 4:.1f}" text-anchor="end">{escape(row["title"])}</text>'
        f'<path d="M{x(row["low"]):.1f} {middle:.1f}H{x(row["high"]):.1f}" stroke="{colour}" stroke-width="3"/>'
        f'<circle cx="{x(row["median"]):.1f}" cy="{middle:.1f}" r="5" fill="{colour}"/>{notch}'
        f'<text x="{WIDTH - 8}" y="{middle + 4:.1f}" text-anchor="end">{number(row["median"])} ×</text>'
    )


def _scale(powers: range, x: Any, height: float) -> str:
    lines = []
    for power in powers:
        at, colour = x(10**power), "#888" if power == 0 else "#ddd"
        lines.append(
            f'<path d="M{at:.1f} {TOP - 8}V{height:.0f}" stroke="{colour}"/>'
            f'<text x="{at:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{10.0**power:,g}</text>'
        )
    return "".join(lines)


def _legend() -> str:
    shown = "".join(
        f'<circle cx="{14 + 150 * n}" cy="14" r="5" fill="{COLOURS[role]}"/>'
        f'<text x="{24 + 150 * n}" y="18">{words}</text>'
        for n, (role, words) in enumerate(LEGEND)
    )
    return f'{shown}<path d="M314 7v14" stroke="#222" stroke-width="2"/><text x="322" y="18">first target</text>'
