"""What a visitor may fill in. What they mean is checked by the verbs, which answer with a code."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from transfers.models.labels import said, said_later
from transfers.rules.bank import account_number
from transfers.rules.codes import LISTS
from transfers.rules.errors import Refusal
from transfers.rules.money import Destination
from transfers.selectors.progress import Choice

MAX_FILES = 5


class LookupForm(forms.Form):
    """Case number and the last six of the identity number."""

    number = forms.CharField(
        label=_("Case number"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "placeholder": "JX…",
                "aria-describedby": "number-help",
            }
        ),
    )
    tail = forms.CharField(
        label=_("Last six characters of the identity number"),
        max_length=12,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "size": "8",
                "aria-describedby": "tail-help",
            }
        ),
    )


class CodeForm(forms.Form):
    """The one-time code."""

    code = forms.CharField(
        label=_("Code from the message"),
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "size": "8"}),
    )


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Any number of files up to `MAX_FILES`; none is fine."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = [super(ManyFilesField, self).clean(each, initial) for each in data or []]
        if len(files) > MAX_FILES:
            raise forms.ValidationError(_("At most %(count)s files at once.") % {"count": MAX_FILES})
        return files


def _version() -> forms.IntegerField:
    """The version of the case that was shown. Without an id: a page may hold several of these forms."""
    return forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput(attrs={"id": False}))


class SupplementForm(forms.Form):
    """What the person sends in: a note, and papers."""

    version = _version()
    note = forms.CharField(
        label=_("What you are sending"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
    )
    papers = ManyFilesField(
        label=_("Photos or PDF files"),
        required=False,
        widget=ManyFilesInput(attrs={"multiple": True, "accept": "image/jpeg,image/png,application/pdf"}),
    )


class ResubmitForm(forms.Form):
    """What was returned is put right."""

    version = _version()
    note = forms.CharField(
        label=_("What you have done about it"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "id": "resubmit-note"}),
    )


class WithdrawForm(forms.Form):
    """The person does not want the transfer any more: why, and that it is meant."""

    version = _version()
    reason = forms.ChoiceField(
        label=_("Reason"), choices=[(code, said_later(reason)) for code, reason in LISTS["withdraw"].items()]
    )
    note = forms.CharField(
        label=_("In your own words"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "id": "withdraw-note"}),
    )
    sure = forms.BooleanField(
        label=_("Yes, I do not want this transfer any more."),
        error_messages={"required": _("Tick this if you mean it.")},
    )


class DestinationForm(forms.Form):
    """Where the person wants the balance to go; a bank account is theirs."""

    version = _version()
    destination = forms.ChoiceField(label=_("Where the balance goes"), widget=forms.RadioSelect)
    payee_bank = forms.CharField(
        label=_("Bank and branch"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    payee_account = forms.CharField(
        label=_("Number of your bank account"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, choice: Choice, **more: Any) -> None:
        super().__init__(data, **more)
        field = self.fields["destination"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.value, said_later(one.named)) for one in choice.options]
        field.initial = (choice.chosen or choice.options[0]).value
        self.takes_account = Destination.ACCOUNT in choice.options

    def clean(self) -> dict[str, Any]:
        """An account is asked for, and its number checked, only where the balance is to go there."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("destination") != Destination.ACCOUNT:
            return given | {"payee_bank": "", "payee_account": ""}
        for name in ("payee_bank", "payee_account"):
            if name not in self.errors and not given.get(name):
                self.add_error(name, self.fields[name].error_messages["required"])
        if given.get("payee_account"):
            try:
                given["payee_account"] = account_number(given["payee_account"])
            except Refusal as error:
                self.add_error("payee_account", said(error))
        return given
