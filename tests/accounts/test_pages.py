"""Every page and mail of accounts is one of ours, in the look of the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import allauth
import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver

from tests.accounts.people import confirm, give_codes, sign_in
from tests.factories import make_user
from tests.routes import routes

pytestmark = pytest.mark.django_db
THEIRS = Path(allauth.__file__).parent / "templates"
OWN = settings.BASE_DIR / "templates"
# Sign-in by a code that is mailed is off: its page only leads to the sign-in.
OFF = {"account/confirm_login_code.html"}
# What our own replace as a whole, and mail of what is off.
MAILS_OFF = (
    "account_already_exists",
    "email_confirmation_signup",
    "email_confirm_",
    "login_code",
    "password_reset_code",
)


def templates_of_views(patterns: list[Any]) -> set[str]:
    """The templates of allauth's views."""
    found: set[Any] = set()
    for one in patterns:
        if hasattr(one, "url_patterns"):
            found |= templates_of_views(one.url_patterns)
        elif (view := getattr(one.callback, "view_class", None)) and view.__module__.startswith("allauth"):
            found |= {getattr(view, name, None) for name in ("template_name", "template_name_signup_closed")}
    return {name for name in found if name} - OFF


def test_every_page_of_allauth_has_a_template_of_ours() -> None:
    names = {name for name in templates_of_views(get_resolver().url_patterns) if name.endswith(".html")}
    assert len(names) >= 20
    # The page of sign-up is never shown, since that is closed.
    assert {n for n in names if not (OWN / n).is_file()} <= {"account/signup.html"}


def test_every_mail_of_allauth_has_a_text_of_ours() -> None:
    mails = [
        path.relative_to(THEIRS) for part in ("account", "mfa") for path in (THEIRS / part / "email").glob("*.txt")
    ]
    missing = [str(one) for one in mails if not (OWN / one).is_file() and not one.name.startswith(MAILS_OFF)]
    assert missing == []


def paths() -> list[str]:
    own = ("account_", "mfa_", "usersessions_")
    fixed = [route for route in routes() if route.name.startswith(own) and "<" not in route.pattern]
    return sorted(f"/{route.pattern}" for route in fixed)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_stand_in_the_frame_of_the_site(client: Client, language: str) -> None:
    user = make_user("ada")
    sign_in(client, "ada")
    confirm(client)
    give_codes(user)
    seen = 0
    for browser in (client, Client()):
        for path in paths():
            page = browser.get(path, headers={"Accept-Language": language})
            assert page.status_code in (200, 302, 404), path
            if page.status_code == 200 and page["Content-Type"].startswith("text/html"):
                seen += 1
                assert '<a class="brand"' in page.content.decode(), path
                assert page.content.decode().count("<h1") == 1, path
    assert seen >= 15
