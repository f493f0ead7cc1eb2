"""The account menu and the profile as a reader meets them: by keyboard, on a small screen, without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from companies.models import User
from tests.e2e.conftest import Watched
from tests.factories import make_editor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Open = Callable[..., Page]


@pytest.fixture
def open_as(browser: Browser, site: str) -> Iterator[Open]:
    """Opens a page for somebody; what its console says is a failure."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def visit(user: User, path: str, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(30_000)
        contexts.append(context)
        client = Client()
        client.force_login(user)
        name = project.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
        page = context.new_page()
        pages.append(Watched(page))
        page.goto(site + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [said for watched in pages for said in watched.said] == []


def test_the_menu_is_used_by_keyboard(open_as: Open) -> None:
    page = open_as(make_editor(), "/companies/")
    summary = page.locator(".account-menu summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Profile")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Profile")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Profile")).to_be_hidden()
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    for _step in range(6):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Profile")).to_be_hidden()  # focus has left it


def test_the_menu_closes_when_something_else_is_clicked(open_as: Open) -> None:
    page = open_as(make_editor(), "/companies/")
    page.locator(".account-menu summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.locator("h1").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_header_menu_and_profile_fit_a_small_screen(open_as: Open, language: str) -> None:
    editor = make_editor("somebody.with.a.very.long.name.indeed")
    User.objects.update(language=language)
    page = open_as(editor, "/accounts/profile/", viewport={"width": 380, "height": 800})
    page.locator(".account-menu summary").click()
    box = page.locator(".account-menu ul").bounding_box()
    assert box is not None
    assert 0 <= box["x"] < box["x"] + box["width"] <= 380
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_the_profile_is_saved_without_scripts_and_takes_effect(open_as: Open) -> None:
    page = open_as(make_editor(), "/accounts/profile/", java_script_enabled=False)
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Units").select_option("chinese")
    page.get_by_label("Currency").select_option("USD")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile was saved.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator(".brand").click()
    expect(page).to_have_url(re.compile(r"/\?currency=USD$"))
    expect(page.locator("#rows thead")).to_contain_text("USD 亿")
    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def test_the_plain_currency_stays_chosen_for_a_reader_who_has_another_one(open_as: Open) -> None:
    editor = make_editor()
    User.objects.update(currency="USD")
    page = open_as(editor, "/")
    expect(page).to_have_url(re.compile(r"/\?currency=USD$"))
    page.get_by_text("CNY", exact=True).first.click()
    expect(page.locator("#rows thead")).to_contain_text("CNY bn")
    expect(page).to_have_url(re.compile("currency=CNY"))
    page.reload()
    expect(page.locator("#rows thead")).to_contain_text("CNY bn")
