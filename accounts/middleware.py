"""Which language a request is answered in."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

LANGUAGE_CODES = frozenset(code for code, _name in settings.LANGUAGES)


class LanguageMiddleware:
    """Simplified Chinese unless the person chose otherwise. Takes the place of Django's LocaleMiddleware.

    In order: what the signed-in person chose (kept on the user, so it follows them from desk to desk), the choice
    kept in this browser's cookie, `settings.LANGUAGE_CODE`. What the browser prefers is not asked: office machines are
    often set to English by nobody's wish. Stands after AuthenticationMiddleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = chosen_language(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Cookie",))
        return response


def chosen_language(request: HttpRequest) -> str:
    """The language code for this request, always one of `settings.LANGUAGES`."""
    # Without a session cookie nobody is signed in: spare the public pages the session machinery.
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        language = getattr(request.user, "language", "")
        if language in LANGUAGE_CODES:
            return str(language)
    language = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return language if language in LANGUAGE_CODES else settings.LANGUAGE_CODE
