"""Loading a notice of working days: upload a file, look at what it would change, load it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from transfers import tasks
from transfers.access import Actor
from transfers.actions import calendars
from transfers.admin.pages import actor_of, page, user_of
from transfers.models.labels import said
from transfers.reference import notices
from transfers.rules.errors import Refusal
from transfers.rules.workdays import NATION, CalendarError, Flaw, Notice, local_date
from transfers.sla.calendars import HORIZON_DAYS, calendar_for, horizons
from transfers.sla.recompute import waiting

MAX_BYTES = 1_000_000
_SALT = "transfers.admin.calendars"
_KEPT_SECONDS = 3600


def may_look(actor: Actor) -> bool:
    """Supervisors and heads, of whatever agency."""
    return actor.holds(*calendars.LEADS)


def load_view(request: HttpRequest) -> HttpResponse:
    """The page, its preview, and the loading itself."""
    actor = actor_of(request)
    if not may_look(actor):
        raise Http404
    if request.method != "POST":
        return _page(request)
    try:
        if "load" in request.POST:
            return _load(request, actor)
        notice = _uploaded(request)
        calendars.check_may_load(actor, _known(notice))
        return _page(request, preview=calendars.preview(notice), signed=_signed(request, notice))
    except Refusal as error:
        return _page(request, refusal=error, status=error.http_status)


def _load(request: HttpRequest, actor: Actor) -> HttpResponse:
    try:
        kept = signing.loads(request.POST["load"], salt=_SALT, max_age=_KEPT_SECONDS)
    except signing.BadSignature:
        raise CalendarError(
            [Flaw("the preview has expired: upload the file again", "预览已过期，请重新上传文件")]
        ) from None
    if kept["user"] != user_of(request).pk:
        raise Http404
    notice = notices.from_data(kept["notice"])
    calendars.check_may_load(actor, _known(notice))
    calendars.load(notice, user_id=user_of(request).pk, now=timezone.now())
    tasks.recompute_soon()
    text = _("%(tag)s has been loaded. Open limits are being counted anew; this takes a moment.")
    messages.success(request, text % {"tag": f"{notice.tag} {notice.document_number}"})
    return HttpResponseRedirect(reverse("admin:calendar_load"))


def _signed(request: HttpRequest, notice: Notice) -> str:
    """The notice as it was looked at, for the second step; nobody else's and nothing else can be loaded with it."""
    kept = {"user": user_of(request).pk, "notice": notices.as_data(notice)}
    return signing.dumps(kept, salt=_SALT, compress=True)


def _uploaded(request: HttpRequest) -> Notice:
    file = request.FILES.get("file")
    if file is None:
        raise CalendarError([Flaw("choose a file", "请选择文件")])
    if (file.size or 0) > MAX_BYTES:
        raise CalendarError([Flaw(f"the file is larger than {MAX_BYTES} bytes", f"文件超过{MAX_BYTES}字节")])
    try:
        text = file.read().decode("utf-8")
    except UnicodeDecodeError:
        raise CalendarError([Flaw("the file is not text in UTF-8", "文件不是UTF-8编码的文本")]) from None
    given = {name: request.POST.get(name, "").strip() or None for name in ("region", "document_number", "issued_on")}
    numbers = {name: _number(request.POST.get(name, "")) for name in ("year", "version")}
    return notices.from_text(text, head={**given, **numbers, "source": request.POST.get("source", "").strip() or None})


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _known(notice: Notice) -> str:
    """The region of the notice, which must be one of ours before anybody can be said to lead it."""
    try:
        calendar_for(notice.region)
    except KeyError:
        wrong = Flaw(f"region: there is no area {notice.region}", f"没有{notice.region}这个地区")
        raise CalendarError([wrong]) from None
    return notice.region


def _page(
    request: HttpRequest,
    *,
    preview: calendars.Preview | None = None,
    signed: str = "",
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    problems = [said(flaw) for flaw in refusal.problems] if isinstance(refusal, CalendarError) else []
    context: dict[str, Any] = {
        "preview": preview,
        "signed": signed,
        "refusal": refusal,
        "problems": problems,
        "waiting": waiting(),
        "given": request.POST,
        **horizon(),
    }
    return page(request, "calendar", context, title=_("Working days"), status=status)


def horizon() -> dict[str, Any]:
    """How far official notices reach: for the banner on the home page and for this one."""
    days = horizons(local_date(timezone.now()))
    return {
        "horizon_days": min(days.values(), default=0),
        "horizon_until": calendar_for(NATION).covered_until,
        "horizon_short": min(days.values(), default=0) < HORIZON_DAYS,
    }
