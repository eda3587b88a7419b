"""Letters that could not be delivered: what, when and why, never to whom; and trying them again."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import action
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import outbox
from notifications.models import Letter
from transfers.admin.pages import user_of
from transfers.admin.people import SuperuserOnly
from transfers.models.labels import said
from transfers.selectors.console import letter_named


class LetterAdmin(SuperuserOnly):
    """The dead letters. Addresses and contents are not shown; case numbers are, for they say nothing of anybody."""

    list_display = ("subject_ref", "what", "channel", "attempts", "last_error_code", "created_at", "replayed_at")
    list_display_links = None
    list_filter = ("channel",)
    actions = ("replay",)
    show_full_result_count = False
    ordering = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Letter]:
        if not self._may(request):
            return Letter.objects.none()
        return outbox.dead_letters().defer("address", "secret", "context")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and self._may(request)

    def what(self, letter: Letter) -> str:
        return said(letter_named(letter.template))

    what.short_description = _("Letter")  # type: ignore[attr-defined]

    @action(description=_("Try again from the start"))
    def replay(self, request: HttpRequest, queryset: QuerySet[Letter]) -> None:
        ids = list(queryset.values_list("id", flat=True))
        done = len(outbox.replay(ids, actor=user_of(request), now=timezone.now()))
        text = ngettext("%(count)d letter will be tried again.", "%(count)d letters will be tried again.", done)
        messages.success(request, text % {"count": done})
