"""Showing data words, amounts and days in templates."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from django import template

from accounts.mask import mask_name
from transfers.models.labels import said as in_language
from transfers.places import area_of, has_area
from transfers.rules.codes import ALL
from transfers.rules.parties import Named
from transfers.rules.workdays import local_date

register = template.Library()
_EDITION = re.compile(r"\b(\d{6}) v(\d+) ")
_WEEKDAYS = tuple(
    Named(f"周{zh}", en)
    for zh, en in zip("一二三四五六日", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True)
)


@register.filter
def said(words: Any) -> str:
    """The wording of anything with `zh` and `en` in the active language; empty for nothing."""
    return in_language(words) if words else ""


@register.filter
def editions(text: str) -> str:
    """A text with its policy editions in words: `330100 v1 …` becomes `浙江省杭州市第1版 …`."""

    def worded(found: re.Match[str]) -> str:
        code, number = found.groups()
        name = area_of(code).full_name if has_area(code) else code
        return in_language(Named(f"{name}第{number}版 ", f"{name} v{number} "))

    return _EDITION.sub(worded, text)


@register.filter
def yuan(fen: int | None) -> str:
    """An amount in fen as `3,456.78` or `−3,456.78`; empty when it is not known."""
    return "" if fen is None else f"{'−' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


@register.filter
def plain_yuan(fen: int) -> str:
    """An amount in fen as it is typed: `3456.78`."""
    return f"{fen // 100}.{fen % 100:02d}"


@register.filter
def day(value: date | datetime | None) -> str:
    """`2026-06-15 周一`."""
    if value is None:
        return ""
    shown = local_date(value) if isinstance(value, datetime) else value
    return f"{shown.isoformat()} {in_language(_WEEKDAYS[shown.weekday()])}"


@register.filter
def account(number: str) -> str:
    """A bank account number as it is shown: its last four digits, `•••• 1234`."""
    return f"•••• {number[-4:]}" if number else ""


@register.filter
def masked(name: str) -> str:
    """A person's name as it is shown."""
    return mask_name(name)


@register.filter
def reason(code: str) -> str:
    """A reason by its code, in words."""
    return said(ALL.get(code))
