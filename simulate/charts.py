"""Charts as SVG text. Every number is written with one decimal, so that the same figures give the same text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 240, 56, 28, 12
COLOURS = ("#1f6f8b", "#d9822b", "#8a4f7d")
ROW, LABEL = 22, 190

Series = Sequence[tuple[str, Sequence[float]]]


def columns(title: str, labels: Sequence[str], bars: Series, line: tuple[str, Sequence[float]] | None = None) -> str:
    """Bars that stand on each other at every label, and a line over them; both on one scale."""
    sums = [sum(values[n] for _name, values in bars) for n in range(len(labels))]
    most = max([*sums, *(line[1] if line else ()), 4])
    step = (WIDTH - LEFT) / max(len(labels), 1)
    scale = (HEIGHT - BOTTOM - TOP) / most
    ground = HEIGHT - BOTTOM
    parts = [_axis(most, scale)]
    reached = [0.0] * len(labels)
    for (_name, values), colour in zip(bars, COLOURS, strict=False):
        for n, value in enumerate(values):
            if value:
                y = ground - (reached[n] + value) * scale
                parts.append(
                    f'<rect x="{LEFT + n * step + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" '
                    f'height="{value * scale:.1f}" fill="{colour}"/>'
                )
                reached[n] += value
    if line:
        points = " ".join(
            f"{LEFT + (n + 0.5) * step:.1f},{ground - value * scale:.1f}" for n, value in enumerate(line[1])
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[2]}" stroke-width="2"/>')
    every = max(1, len(labels) // 10)
    for n in range(0, len(labels), every):
        x = LEFT + (n + 0.5) * step
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(labels[n])}</text>')
    keys = [*zip((name for name, _values in bars), COLOURS, strict=False), *([(line[0], COLOURS[2])] if line else [])]
    return _figure(title, "".join(parts), HEIGHT, keys)


def rows(title: str, values: Sequence[tuple[str, Sequence[float]]], keys: Sequence[str]) -> str:
    """One bar a line, of parts beside each other, with its sum."""
    most = max([sum(parts) for _label, parts in values] or [1]) or 1
    scale = (WIDTH - LABEL - 60) / most
    parts = []
    for n, (label, pieces) in enumerate(values):
        x, y = float(LABEL), TOP + n * ROW
        parts.append(f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        for piece, colour in zip(pieces, COLOURS, strict=False):
            parts.append(
                f'<rect x="{x:.1f}" y="{y + 3}" width="{piece * scale:.1f}" height="{ROW - 6}" fill="{colour}"/>'
            )
            x += piece * scale
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 14}">{sum(pieces):,.0f}</text>')
    return _figure(title, "".join(parts), TOP * 2 + ROW * len(values), list(zip(keys, COLOURS, strict=False)))


def _axis(most: float, scale: float) -> str:
    lines = []
    for part in (0, 0.25, 0.5, 0.75, 1):
        y = HEIGHT - BOTTOM - most * part * scale
        lines.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * part:,.0f}</text>'
        )
    return "".join(lines)


def _figure(title: str, inner: str, height: float, keys: Sequence[tuple[str, str]]) -> str:
    legend = "".join(
        f'<span><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" fill="{colour}"/></svg> '
        f"{escape(name)}</span> "
        for name, colour in keys
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{inner}</svg><p class="keys">{legend}</p></figure>'
    )
