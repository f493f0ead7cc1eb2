"""Has every page written as its reader likes: language, time zone, units."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from companies.preferences import language_of, reading_as


class PreferencesMiddleware:
    """What an account asks for comes before what the browser asks for. Stands behind the one that knows the account.

    A request without a session is nobody's, and is not asked whose it is: that would make its answer depend on cookies.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the reader's own way."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
            return self.get_response(request)
        if language := language_of(request.user):
            translation.activate(language)  # and left so: the middleware before tells it to the browser
            request.LANGUAGE_CODE = translation.get_language()
        with reading_as(request.user):
            return self.get_response(request)
