"""The one view of this floor: choosing a language."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST
from django.views.i18n import LANGUAGE_QUERY_PARAMETER, set_language

from accounts.middleware import LANGUAGE_CODES


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the posted `language` in a cookie, and on the user when signed in; then go back to `next` on this host."""
    language = request.POST.get(LANGUAGE_QUERY_PARAMETER, "")
    if request.user.is_authenticated and language in LANGUAGE_CODES and request.user.language != language:
        request.user.language = language
        request.user.save(update_fields=["language"])
    return set_language(request)
