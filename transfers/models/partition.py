"""Months whose rows have left the working database."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from transfers.models.guards import AppendOnlyQuerySet, append_only, no_truncate


class RetiredMonth(models.Model):
    """Months of cases, from `month` to before `until`, whose history (events and alarms) or letters were taken out of
    the working database.

    They are numbers as in `rules.casemonth`; `rows` and `cases` say how many there were. It stays here for ever: a page
    says by it why a history is not shown, and a verification does not look for what is not there.
    """

    class What(models.TextChoices):
        HISTORY = "history"
        LETTERS = "letters"

    what = models.CharField(max_length=8, choices=What)
    month = models.PositiveIntegerField()
    until = models.PositiveIntegerField()
    cases = models.PositiveIntegerField()
    rows = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["what", "month"], name="retired_once"),
            models.CheckConstraint(name="retired_span", condition=Q(until__gt=F("month"))),
        ]
        triggers = [append_only("retired_month"), no_truncate("retired_month")]


def retired(what: RetiredMonth.What, month: str) -> str:
    """SQL: whether the month of this expression has left."""
    return (
        "EXISTS (SELECT 1 FROM transfers_retiredmonth gone"  # nosec B608 - our own names
        f" WHERE gone.what = '{what.value}' AND gone.month <= {month} AND {month} < gone.until)"
    )
