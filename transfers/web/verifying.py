"""Is this paper real? By its verification code, which the QR code leads to, or by the file. Anybody may ask."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from transfers.actions import verification
from transfers.actions.verification import MAX_BYTES, Answer, Verified
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named
from transfers.web.origin import origin_of
from transfers.web.views import private, refused

MEANS = {
    Answer.INTACT: Named(
        "这份文书由下列机构签发，登记在册。",
        "This paper was issued by the agency below and is on record.",
    ),
    Answer.ALTERED: Named(
        "文件与签发时不一致，内容可能被改动，请勿采信；请向持有人索取原始文件，或联系签发机构。",
        "The file is not as it was issued; its content may have been changed. Do not rely on it; ask for the original.",
    ),
    Answer.SUPERSEDED: Named(
        "这份文书是真实的，但已被更正后的新版本取代，请以新版本为准。",
        "This paper is genuine, but a corrected version has replaced it. Go by the newer one.",
    ),
    Answer.UNKNOWN: Named(
        "没有签发过这样的文书。请核对核验码是否输入正确；上传的应是原始 PDF 文件。",
        "No such paper was issued. Check the code for typing errors; a file must be the original PDF.",
    ),
}
_TONES = {
    Answer.INTACT: "done",
    Answer.SUPERSEDED: "yours",
    Answer.ALTERED: "late",
    Answer.UNKNOWN: "ended",
}


class VerifyForm(forms.Form):
    """Either of the two."""

    code = forms.CharField(
        label=_("Verification code"),
        max_length=60,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "size": "24"}
        ),
    )
    file = forms.FileField(
        label=_("Or the PDF file itself"),
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf"}),
    )


@private
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """The two questions and the answer. The code may come in the address, from the QR code: it tells nothing itself."""
    code = request.GET.get("code", "") if request.method != "POST" else request.POST.get("code", "")
    upload = request.FILES.get("file")
    page: dict[str, Any] = {"form": VerifyForm(initial={"code": code[:60]}), "max_mb": MAX_BYTES // (1024 * 1024)}
    origin, now = origin_of(request), timezone.now()
    try:
        if upload is not None:
            if (upload.size or 0) > MAX_BYTES:
                raise refusal("J-NOT-PDF")
            page |= _answered(verification.by_file(upload.read(), origin=origin, now=now))
        elif code or request.method == "POST":
            page |= _answered(verification.by_code(code, origin=origin, now=now))
    except Refusal as error:
        return refused(request, "track/verify.html", page, error)
    return render(request, "track/verify.html", page)


def _answered(verified: Verified) -> dict[str, Any]:
    return {"verified": verified, "means": MEANS[verified.answer], "tone": _TONES[verified.answer]}
