"""Where somebody is signed in: seen when and from where, ended one by one or all at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse

from companies.models import User

SEEN_EVERY = 5 * 60  # seconds; more often than that is not written
SEEN_AT = "seen_at"


class SessionsMiddleware:
    """Notes when and from where a session was last seen: every few minutes, not on every request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look at the session only where the page has done so: others stay the same for every reader."""
        response = self.get_response(request)
        if request.session.accessed and is_due(request):
            request.session[SEEN_AT] = int(time.time())
            UserSession.objects.create_from_request(request)
        return response


def is_due(request: HttpRequest) -> bool:
    """Whether the last note about the session is some minutes old."""
    # Asked of what the request knows already: a page without a reader does not fetch one for this.
    user = getattr(request, "_cached_user", None)
    if user is None or not user.is_authenticated or not request.session.session_key:
        return False
    return bool(time.time() - request.session.get(SEEN_AT, 0) >= SEEN_EVERY)


def start_counting(request: HttpRequest, **kwargs: Any) -> None:
    """A session that has just begun has just been seen. Receives Django's `user_logged_in`."""
    request.session[SEEN_AT] = int(time.time())


def end_sessions(user: User, but: str = "") -> int:
    """Sign somebody out everywhere, but for the session of one key. Returns how many sessions were still running."""
    running = 0
    for session in UserSession.objects.filter(user=user).exclude(session_key=but):
        if session.purge():
            continue
        session.end()
        running += 1
    return running


def end_sessions_of_the_closed(instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    """An account that is closed has no sessions, nor has it when it is opened again. Receives `post_save` of users."""
    if not (instance.is_active or created or raw):
        end_sessions(instance)
