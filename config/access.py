"""Who may read: everybody, or only people who signed in (`REQUIRE_LOGIN`); and pages for some alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from companies.roles import may_operate

View = Callable[..., HttpResponseBase]


class LoginRequiredMiddleware(DjangoLoginRequiredMiddleware):
    """Django's middleware, switched by the `REQUIRE_LOGIN` setting."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[object, ...],
        view_kwargs: dict[str, object],
    ) -> HttpResponseBase | None:
        """Send anonymous readers to the login page when the instance is private."""
        if not settings.REQUIRE_LOGIN:
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)


def required(may: Callable[[Any], bool], *, back: str) -> Callable[[View], View]:
    """Let through those who may; send others to the login page, and refuse people who signed in without the right.

    Args:
        may: Whether a user may.
        back: Name of the page to go to after signing in, where the address itself takes forms only.
    """

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse(back))
            if not may(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return wrapper

    return decorator


operating_required = required(may_operate, back="valuations:refreshes")


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What a form without a valid token gets: a page of ours, since Django's own is English and styled inline.

    A note that was typed comes back with it, unless another site has sent it.
    """
    # Imported here: views import this module.
    from companies.annotations.views import form_too_old as note_again

    own = not reason.startswith(("Origin", "Referer"))
    return (note_again(request) if own else None) or render(request, "403_csrf.html", status=403)
