"""The admin in a browser: in our colours, as wide as the screen, with nothing to say on the console."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import BrowserContext, Page, expect

from companies.models import User
from tests.e2e.test_notes import sign_in
from tests.factories import make_figure, make_held, make_user, make_version, make_warning

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = (
    "", "companies/company/", "companies/company/add/", "companies/figure/", "companies/filing/",
    "companies/listing/", "valuations/heldquote/", "valuations/refreshrun/",
)  # fmt: skip


@pytest.fixture
def desk(site: str, context: BrowserContext) -> str:
    """The address of the admin, for somebody signed in who may see to everything that waits."""
    user: User = make_user("ada")
    wanted = Permission.objects.filter(content_type__app_label__in=("companies", "valuations"))
    user.user_permissions.set(wanted.exclude(codename__in=("view_invitation", "view_sheetimport")))
    sign_in(context, site, user)
    make_held()
    make_warning()
    make_version()
    make_figure(status="proposed", metric="cash")
    return f"{site}/admin/"


@pytest.mark.parametrize("width", [1280, 380])
def test_no_page_of_the_admin_is_wider_than_the_screen(page: Page, desk: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        page.goto(f"{desk}{path}")
        expect(page.locator("#content h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize(("theme", "scheme"), [("dark", "dark"), ("light", "light"), ("system", "light dark")])
def test_the_admin_is_light_or_dark_as_the_reader_chose(page: Page, desk: str, theme: str, scheme: str) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": desk}])
    page.goto(desk)
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == scheme
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 26)" if theme == "dark" else "rgb(251, 250, 248)")


def test_an_editor_confirms_what_waits_from_the_first_page_on(page: Page, desk: str) -> None:
    page.goto(desk)
    expect(page.locator("#desk-figures .count")).to_have_text("1")
    page.goto(f"{desk}companies/figure/?status__exact=proposed")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("approve")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("h1")).to_have_text("Confirm these figures")
    page.get_by_role("button", name="Confirm these figures").click()
    expect(page.locator(".messagelist")).to_contain_text("1 figure is confirmed.")
    page.goto(desk)
    expect(page.locator("#desk-figures")).to_have_count(0)
