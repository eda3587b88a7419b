"""The rows of the worklist as HTML.

They are nearly all of the page that is opened more often than any other. A template would look up every word of every
row; here a row has a pattern for its kind, and a hundred times its holes are filled.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from transfers.models.labels import said_in
from transfers.selectors.console import Row
from transfers.templatetags.said import day


def rows_as_html(rows: Iterable[Row], *, ticks: bool) -> SafeString:
    """One `<tr>` for each row, with a box to tick in front of ours when `ticks`."""
    said, choose, closed = said_in(get_language()), _("Choose %(number)s"), _("closed %(day)s")
    same = {"here": reverse("admin:transfers_transfercase_changelist"), "to": _("to"), "us": _("us"), "me": _("me")}
    lines = []
    for row in rows:
        pattern = _pattern(ticks=ticks, ours=row.ours, mine=row.mine, closed=row.closed_on is not None)
        shown = {
            **same,
            "pk": str(row.pk),
            "choose": choose % {"number": row.number},
            "day": closed % {"day": row.closed_on.isoformat()} if row.closed_on else day(row.due_on) or "—",
            "tone": row.left.tone,
            "left": said(row.left.named),
            "number": row.number,
            "name": row.name,
            "from_area": row.from_area,
            "to_area": row.to_area,
            "state": said(row.state),
            "side": row.acts_code,
            "acts": said(row.acts),
            "owner": row.owner or "—",
            "money": said(row.money) if row.money else "—",
        }
        lines.append(pattern.format_map({hole: escape(text) for hole, text in shown.items()}))
    return mark_safe("\n".join(lines))  # every hole was escaped


@cache
def _pattern(*, ticks: bool, ours: bool, mine: bool, closed: bool) -> str:
    """A row of this kind, with a hole for everything that is said in it."""
    row_class = ' class="jx-ours"' if ours else ""
    box = '<input type="checkbox" name="pk" value="{pk}" form="jx-bulk" aria-label="{choose}">' if ours else ""
    us = ' <span class="jx-us">{us}</span>' if ours else ""
    return (
        f'<tr{row_class} data-testid="row">'
        + (f"<td>{box}</td>" if ticks else "")
        + '<td class="jx-date">'
        + ('<span class="jx-muted">{day}</span>' if closed else "{day}")
        + "</td><td>"
        + ("" if closed else '<span class="jx-left jx-{tone}">{left}</span>')
        + '</td><th scope="row"><a href="{here}{pk}/change/" class="jx-number">{number}</a></th><td>{name}</td>'
        + '<td class="jx-way">{from_area} <span aria-label="{to}">→</span> {to_area}</td><td>{state}</td><td>'
        + ("" if closed else '<span class="jx-acts jx-acts-{side}">{acts}</span>' + us)
        + "</td><td>"
        + ("<b>{me}</b>" if mine else "{owner}")
        + "</td><td>{money}</td></tr>"
    )
