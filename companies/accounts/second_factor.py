"""The second factor that staff must have: who lacks it is led to setting one up before they change anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from companies import roles
from companies.models import User

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages of one's own account, by which a factor is set up, and those that ask for it.
OWN_PAGES = ("account_", "mfa_", "usersessions_")
ALSO_OPEN = frozenset({"set_language", "accounts:session_end", "accounts:sign_out_everywhere"})


def is_required_of(user: User) -> bool:
    """Whether somebody must have a second factor: whoever may enter the admin, where the setting says so."""
    return bool(settings.STAFF_SECOND_FACTOR) and roles.may_enter_admin(user)


def has_factor(user: User) -> bool:
    """Whether somebody has a second factor; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def is_last_factor(authenticator: Authenticator) -> bool:
    """Whether the account would be without a second factor if this one were gone."""
    others = Authenticator.objects.filter(user=authenticator.user_id, type__in=FACTORS).exclude(pk=authenticator.pk)
    return authenticator.type in FACTORS and not others.exists()


def was_given(request: HttpRequest) -> bool:
    """Whether this session has been given a second factor, at its beginning or since."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def was_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Whoever sets a factor up has just given it. Receives `authenticator_added`."""
    if authenticator.type in FACTORS:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


class SecondFactorMiddleware:
    """Keeps staff without a second factor out of the admin, and from changing anything anywhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing before the address is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Lead to where the factor is set up or given. Looked at with every request: it may be required since today."""
        if not settings.STAFF_SECOND_FACTOR or is_open(request):
            return None
        user = request.user
        if not user.is_authenticated or not is_required_of(user):
            return None
        ready = has_factor(user)
        if ready and was_given(request):
            return None
        return _lead_on(request, user, ready)


def is_open(request: HttpRequest) -> bool:
    """Whether a request needs no factor: reading what everybody reads, and the pages of one's own account."""
    match = request.resolver_match
    assert match is not None
    if match.view_name.startswith(OWN_PAGES) or match.view_name in ALSO_OPEN:
        return True
    return request.method in SAFE and "admin" not in match.app_names


def _lead_on(request: HttpRequest, user: User, has_one: bool) -> HttpResponse:
    """The page that sets up a factor, or the one that asks for it."""
    where = reverse("mfa_index")
    if has_one:
        methods = get_adapter().get_reauthentication_methods(user)
        where = next((one["url"] for one in methods if one["id"].startswith("mfa")), where)
        messages.warning(request, _("Give your second factor first: what you asked for needs it."))
        if request.method in SAFE:
            where = f"{where}?{urlencode({'next': request.get_full_path()})}"
    else:
        messages.warning(request, _("Set up a second factor first: your role needs one for what you asked."))
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRedirect(where)
    return HttpResponseRedirect(where)
