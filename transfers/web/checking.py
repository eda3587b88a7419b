"""Could I apply now? Anybody may ask, from what they say of themselves: no name, no number, and no registry is asked.

Whoever knows a name and a number must not learn from us where that person is insured, so the public page never looks
anybody up; partners and the agencies' handlers can (transfers/actions/dryrun.py). The rules are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import buckets
from transfers.models.labels import said, said_later
from transfers.places import areas_by_province, takes_cases
from transfers.rules.declared import Declared
from transfers.rules.errors import Refusal, refusal
from transfers.rules.months import month_from_text, month_of
from transfers.rules.parties import Named, Scheme, Side
from transfers.rules.workdays import local_date
from transfers.selectors.asking import declared_run
from transfers.web.origin import origin_of
from transfers.web.views import private

# An address may be shared by many people; a form takes longer to fill in than this refills.
CAPACITY, PER_SECOND = 30.0, 0.5

_OUTBOUND = (
    ("2", Named("已停保（暂停参保）", "Suspended")),
    ("1", Named("仍在正常参保", "Still active")),
    ("4", Named("已终止参保", "Ended")),
    ("0", Named("没有参保记录", "Never enrolled there")),
)
_INBOUND = (
    ("1", Named("已参保，状态正常", "Enrolled and active")),
    ("2", Named("已参保，但已暂停", "Enrolled, but suspended")),
    ("0", Named("尚未参保", "Not enrolled yet")),
)


def _choices(pairs: Iterable[tuple[str, Named]]) -> list[tuple[str, Any]]:
    return [(code, said_later(named)) for code, named in pairs]


class MonthField(forms.CharField):
    """A month as YYYY-MM, read as a whole number; None when it is left out."""

    def __init__(self, **options: Any) -> None:
        attributes = {"placeholder": "2026-03", "inputmode": "numeric", "autocomplete": "off", "size": "8"}
        super().__init__(max_length=7, required=False, widget=forms.TextInput(attrs=attributes), **options)

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            month = month_from_text(text)
        except ValueError:
            raise forms.ValidationError(_("A month is written like 2026-03.")) from None
        if not 1949 * 12 <= month <= 2100 * 12:
            raise forms.ValidationError(_("That month cannot be right."))
        return month


_CHOOSE = {"required": gettext_lazy("Choose an area.")}


class CheckForm(forms.Form):
    """The questions. Areas are chosen from the list; months may be left out when they are not known."""

    outbound_area = forms.CharField(label=gettext_lazy("Pooling area"), max_length=6, error_messages=_CHOOSE)
    outbound_scheme = forms.ChoiceField(
        label=gettext_lazy("Scheme there"), choices=_choices((s.value, s.named) for s in Scheme)
    )
    outbound_status = forms.ChoiceField(label=gettext_lazy("Your enrolment there"), choices=_choices(_OUTBOUND))
    insured_since = MonthField(label=gettext_lazy("First month paid without a break"))
    last_paid = MonthField(label=gettext_lazy("Last month paid there"))
    retired = forms.BooleanField(label=gettext_lazy("I have retired"), required=False)
    arrears = forms.BooleanField(label=gettext_lazy("Contributions are still owed there"), required=False)
    open_claims = forms.BooleanField(
        label=gettext_lazy("Medical costs there are not settled, or I am in hospital"), required=False
    )
    inbound_area = forms.CharField(label=gettext_lazy("Pooling area"), max_length=6, error_messages=_CHOOSE)
    inbound_scheme = forms.ChoiceField(
        label=gettext_lazy("Scheme here"), choices=_choices((s.value, s.named) for s in Scheme)
    )
    inbound_status = forms.ChoiceField(label=gettext_lazy("Your enrolment here"), choices=_choices(_INBOUND))
    enrolled_from = MonthField(label=gettext_lazy("First month paid here, or to be paid"))

    def clean_outbound_area(self) -> str:
        return self._area("outbound_area")

    def clean_inbound_area(self) -> str:
        return self._area("inbound_area")

    def _area(self, name: str) -> str:
        code: str = self.cleaned_data[name]
        if not takes_cases(code):
            raise forms.ValidationError(_("Choose an area."))
        return code

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, last = given.get("insured_since"), given.get("last_paid")
        if last is not None and last > month_of(local_date(timezone.now())):
            self.add_error("last_paid", _("It lies in the future."))
        elif since is not None and last is None and "last_paid" not in self.errors:
            self.add_error("last_paid", _("Give the last month, too."))
        elif since is not None and last is not None and since > last:
            self.add_error("insured_since", _("It lies after the last month."))
        return given


# Which questions stand under which heading.
_THERE = ("outbound_scheme", "outbound_status", "insured_since", "last_paid", "arrears", "open_claims", "retired")
_HERE = ("inbound_scheme", "inbound_status", "enrolled_from")


@private
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """The questionnaire; posted, everything that stands against an application, side by side, and the advice."""
    if request.method != "POST":
        return _page(request, CheckForm())
    form = CheckForm(request.POST)
    try:
        _limit(request)
    except Refusal as error:
        response = _page(request, form, {"error": error}, status=error.http_status)
        response["Retry-After"] = str(error.details["seconds"])
        return response
    if not form.is_valid():
        return _page(request, form, status=400)
    today = local_date(timezone.now())
    run = declared_run(Declared(**form.cleaned_data), today=today)
    sides = [
        (side.named, [failure for failure in run.failures if failure.side is side]) for side in (Side.OUT, Side.IN)
    ]
    return _page(request, form, {"run": run, "sides": sides, "today": today})


def _limit(request: HttpRequest) -> None:
    key = f"check.address:{origin_of(request)}"
    taken = buckets.take(key, capacity=CAPACITY, per_second=PER_SECOND, now=timezone.now())
    if not taken.allowed:
        raise refusal("J-TOO-MANY", seconds=math.ceil(taken.retry_after) or 1)


def _page(
    request: HttpRequest, form: CheckForm, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    groups = [
        (said(side.named), f"{name}_area", [form[field] for field in fields])
        for side, name, fields in ((Side.OUT, "outbound", _THERE), (Side.IN, "inbound", _HERE))
    ]
    shown = {
        "form": form,
        "groups": [(title, form[area], fields) for title, area, fields in groups],
        "areas": areas_by_province(),
        **(context or {}),
    }
    return render(request, "track/check.html", shown, status=status)
