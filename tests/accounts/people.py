"""Steps that several tests of accounts take, as people take them."""

from __future__ import annotations

import re
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from companies.models import User
from tests.factories import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sign_in(client: Client, login: str, password: str = PASSWORD, **extra: Any) -> Any:
    """What the sign-in form answers."""
    return client.post(reverse("account_login"), {"login": login, "password": password}, **extra)


def guess(client: Client, login: str, times: int, **extra: Any) -> list[int]:
    """What so many wrong passwords are answered with."""
    return [sign_in(client, login, f"wrong {number}", **extra).status_code for number in range(times)]


def is_signed_in(client: Client) -> bool:
    """Whether the pages know who it is."""
    return client.get(reverse("account_email")).status_code == 200


def give_app(user: User) -> None:
    """An authenticator app, as if it had been set up long ago."""
    TOTP.activate(user, SECRET)


def give_codes(user: User) -> list[str]:
    """Recovery codes."""
    return RecoveryCodes.activate(user).get_unused_codes()  # type: ignore[no-any-return]


def app_code(secret: str = SECRET) -> str:
    """What the app shows now."""
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))  # type: ignore[no-any-return]


def confirm(client: Client, password: str = PASSWORD) -> Any:
    """Say again who it is, as is asked before the safety of an account is touched."""
    return client.post(reverse("account_reauthenticate"), {"password": password})


def link_in_mail(number: int = -1) -> str:
    """The address in a mail, without the host."""
    found = re.search(r"https?://[^/\s]+(/\S+)", str(mail.outbox[number].body))
    assert found
    return found[1]


def session_cookie(client: Client) -> str:
    """The value of the cookie that stands for the session."""
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def with_cookie(value: str) -> Client:
    """Another browser with a session cookie that it has from somewhere."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = value
    return client
