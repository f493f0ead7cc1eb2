"""What this site wants of django-allauth: closed sign-up, counted attempts, known devices, mail in one's language."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from companies.accounts import devices, second_factor, throttle
from companies.models import User
from companies.preferences import language_of, reading_as

logger = logging.getLogger(__name__)
RESET_FOR = "password_reset_for"  # in the session: whose password was set anew from this browser
NOT_THESE = _("The name or address and the password do not belong together.")


def too_many_attempts(request: HttpRequest, seconds: int) -> HttpResponse:
    """Says when the next sign-in will be looked at."""
    response = render(request, "account/too_many_attempts.html", {"minutes": -(-seconds // 60)}, status=429)
    response["Retry-After"] = str(seconds)
    return response


def account_named(login: str) -> str:
    """What the attempts on a name or address are counted by: the account, however it is called, or else the text."""
    text = throttle.as_login(login)
    # An address that somebody only asked for is not yet theirs.
    listed = Q(emailaddress__email__iexact=text, emailaddress__verified=True)
    named = Q(username__iexact=text) | Q(email__iexact=text) | listed
    pk = User.objects.filter(named).order_by("pk").values_list("pk", flat=True).first()
    return _counted(pk) if pk else text


def _counted(pk: int) -> str:
    return f"user {pk}"


def let_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Forget the guesses at a password that was set anew by mail, and count this browser apart from now on.

    Whoever guessed may start again, and so may the owner. Receives allauth's `password_reset`.
    """
    throttle.clear(throttle.ACCOUNT, _counted(user.pk))
    request.session[RESET_FOR] = user.pk


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Signing in and all that belongs to it."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": NOT_THESE,
        "username_password_mismatch": NOT_THESE,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by invitation."""
        return False

    # --- Guessing ---

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Use up an attempt of the account and of the address; of the device alone, where the account knows it."""
        account = account_named(credentials.get("username") or credentials.get("email") or "")
        try:
            if trusted := self._trusted(request, account):
                self._slots = throttle.take(throttle.DEVICE, trusted)
            else:
                address = throttle.take(throttle.ADDRESS, throttle.network_of(self.get_client_ip(request)))
                self._slots = address + throttle.take(throttle.ACCOUNT, account)
        except throttle.TooManyAttemptsError as refused:
            raise ImmediateHttpResponse(too_many_attempts(request, refused.seconds)) from refused

    def _trusted(self, request: HttpRequest, account: str) -> str:
        """By what the attempts of this browser on this account are counted, if it has shown whose it is."""
        kind, _space, pk = account.partition(" ")
        if kind != "user" or not pk.isdecimal():
            return ""
        if device := devices.known_device(request, int(pk)):
            return f"device {device.pk}"
        return f"reset {pk}" if request.session.get(RESET_FOR) == int(pk) else ""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password once: twice for an address that has an account would tell which addresses have one."""
        if credentials.get("username") == credentials.get("email"):
            credentials.pop("email", None)  # allauth tries what is called a name as an address too
        return super().authenticate(request, **credentials)  # type: ignore[no-any-return]

    def _rollback_login_failed_rl_usage(self) -> None:
        throttle.give_back(self._slots)

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """`let_in` does it: it knows whose password it is, whatever addresses they have asked for."""

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        """Whoever has a second factor gives that: a password alone must not be enough to take it away."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if isinstance(user, User) and second_factor.has_factor(user):
            return [method for method in methods if method["id"] != "reauthenticate"]
        return methods

    # --- Devices ---

    def post_login(
        self, request: HttpRequest, user: User, *, signup: bool, email: str | None, **kwargs: Any
    ) -> HttpResponseBase:
        """Remember the device; one that is new is told of by mail, so that a thief does not come unnoticed."""
        response: HttpResponseBase = super().post_login(request, user, signup=signup, email=email, **kwargs)
        if devices.remember(request, response, user) and not signup:
            device = devices.device_name(self.get_http_user_agent(request))
            self.send_notification_mail("account/email/new_device", user, {"device": device, "user": user})
        return response

    # --- Addresses ---

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """An account keeps its address until another one has taken its place."""
        return not email_address.primary

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Refuse an address that has become somebody else's since the change was asked for."""
        others = User.objects.filter(email__iexact=email_address.email).exclude(pk=email_address.user_id)
        return not others.exists() and super().confirm_email(request, email_address)

    # --- Mail ---

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write in the language and the time zone of the account that the address belongs to.

        A mail server that is down must not keep anybody from signing in: what could not be sent is in the log.
        """
        reader = User.objects.filter(email__iexact=email).first() or context.get("user") or AnonymousUser()
        language = language_of(reader) or translation.get_language() or settings.LANGUAGE_CODE
        with translation.override(language), reading_as(reader):
            try:
                super().send_mail(template_prefix, email, context)
            except (OSError, SMTPException):
                logger.exception("The mail %s could not be sent", template_prefix)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What is special about second factors here."""

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Staff who need one keep the last."""
        if not second_factor.is_required_of(authenticator.user):
            return True
        return not second_factor.is_last_factor(authenticator)
