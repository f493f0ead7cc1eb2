"""Security keys, which only a browser has: set up, used as the second step of signing in, renamed, removed."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from companies.models import User
from tests.factories import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def key(page: Page) -> None:
    """A key that is plugged in and touched at once."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})


@pytest.fixture
def ada(db: None) -> User:
    """Somebody whose failed attempts of earlier tests are forgotten."""
    cache.clear()
    return make_user("ada")


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("Name or email address").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def confirm(page: Page) -> None:
    """Say again who it is."""
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def test_a_security_key_is_the_second_step_of_signing_in(page: Page, site: str, ada: User, key: None) -> None:
    sign_in(page, site)
    page.goto(f"{site}/accounts/2fa/")
    page.get_by_role("link", name="Add a key").click()
    confirm(page)
    page.get_by_label("Name").fill("Blue key")
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)

    page.goto(f"{site}/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    sign_in(page, site)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_role("link", name="Sign in")).to_have_count(0)

    page.goto(f"{site}/accounts/2fa/webauthn/")
    expect(page.get_by_role("rowheader", name="Blue key")).to_be_visible()
    page.get_by_role("link", name="Rename").click()
    page.get_by_role("link", name="Use a security key").click()
    page.get_by_role("button", name="Use a security key").click()
    page.get_by_label("Name").fill("Green key")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="Green key")).to_be_visible()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("There is no key yet.")).to_be_visible()


def test_a_key_that_does_not_answer_is_said_on_the_page(page: Page, site: str, ada: User) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")  # no key is plugged in
    sign_in(page, site)
    page.goto(f"{site}/accounts/2fa/webauthn/add/")
    confirm(page)
    expect(page.get_by_role("heading", name="Add a security key")).to_be_visible()
    page.wait_for_load_state()  # the script listens
    page.evaluate("document.dispatchEvent(new CustomEvent('allauth.error', {cancelable: true, detail: {}}))")
    expect(page.get_by_role("alert").filter(has_text="The key was not used")).to_be_visible()
