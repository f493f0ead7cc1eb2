"""Forms of the admin in a browser: the number while it is typed, and what a change does."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from companies.models import ShareCount
from tests.e2e.test_notes import sign_in
from tests.factories import make_staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(site: str, context: BrowserContext) -> str:
    """The admin's address, for somebody who may do everything."""
    sign_in(context, site, make_staff())
    return f"{site}/admin"


def test_an_amount_is_read_while_it_is_typed_and_its_effect_is_shown(desk: str, page: Page) -> None:
    count = ShareCount.objects.filter(company__slug="moore-threads").latest("valid_from")
    page.goto(f"{desk}/companies/sharecount/{count.pk}/change/")
    box = page.get_by_label("Shares")
    box.fill("1.250,00")
    expect(page.locator(".amount-words")).to_contain_text("may be read in several ways")
    box.fill("6.5亿")
    expect(page.locator(".amount-words")).to_have_text("= 650,000,000")
    page.get_by_role("button", name="Show what this changes").first.click()
    effect = page.get_by_role("status", name="What this changes")
    expect(effect).to_contain_text("Nothing has been saved")
    expect(effect.get_by_role("row", name="Market value")).to_contain_text("changes")
    expect(page.get_by_label("Shares")).to_have_value("6.5亿")
    page.get_by_label("I have checked this").check()
    page.get_by_label("Why").fill("The annual report was corrected.")
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.wait_for_url("**/admin/companies/sharecount/")
    count.refresh_from_db()
    assert count.total == 650_000_000


def test_a_row_that_is_added_by_the_script_reads_amounts_too(desk: str, page: Page) -> None:
    page.goto(f"{desk}/companies/company/add/")
    page.locator("#funding_rounds-group summary").click()
    page.locator("#funding_rounds-group .add-row a").click()
    page.locator("[name='funding_rounds-0-currency']").fill("HKD")
    page.locator("[name='funding_rounds-0-post_money_low']").fill("50亿")
    row = page.locator("#funding_rounds-0")
    expect(row.locator(".field-post_money_low output")).to_have_text("= 5,000,000,000 HKD")
    page.locator("[name='funding_rounds-0-currency']").fill("USD")
    expect(row.locator(".field-post_money_low output")).to_have_text("= 5,000,000,000 USD")
