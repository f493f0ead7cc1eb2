"""From a selected sentence to a figure that moves the chart."""

from datetime import date

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from companies.models import Company, Figure, FilingKind, User
from tests.e2e.test_notes import act, drag, reader, sign_in
from tests.factories import make_editor, make_filing, make_version

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SENTENCE = "2025年度营业收入为1,700,000,001.00元"


@pytest.fixture
def editor(site: str, context: BrowserContext) -> User:
    """Somebody who may propose and decide, signed in."""
    user = make_editor()
    sign_in(context, site, user)
    return user


def test_digits_selected_in_the_reader_become_a_figure_on_the_sector_page(page: Page, site: str, editor: User) -> None:
    company = Company.objects.get(slug="moore-threads")
    filing = make_filing(
        "annual-report-2025", company=company, kind=FilingKind.ANNUAL_REPORT, published_on=date(2026, 11, 1)
    )
    text = f"重要提示。{SENTENCE},同比增长63.21%。"
    version = make_version(filing, text, html=f"<p>{text}</p>")
    page.goto(reader(site, version))
    drag(page, "2025年度", "00元")
    act(page, "Record a figure")

    form = page.locator("#record-figure")
    expect(form.locator("[name=low]")).to_have_value("1700000001.00")
    expect(form.locator("[name=period]")).to_have_value("FY2025")
    expect(form.locator("#stored output")).to_have_text("1,700,000,001 CNY")
    form.locator("[name=unit]").select_option("ten_thousand")
    expect(form.locator("#stored output")).to_have_text("17,000,000,010,000 CNY")
    expect(form.locator("[name=derivation]")).to_be_visible()
    form.locator("[name=unit]").select_option("one")
    expect(form.locator("[name=derivation]")).to_have_count(0)
    expect(form.locator(".doubts")).to_contain_text("the other is listed as “also reported”")
    form.get_by_label("I have checked this").check()
    form.get_by_role("button", name="Propose", exact=True).click()
    page.get_by_role("link", name="See what it changes, and decide").click()

    fiscal_year = page.locator(".changes tbody").first
    expect(fiscal_year).to_contain_text("is what the page shows")
    expect(fiscal_year.locator("tr").nth(1)).to_contain_text("CNY 1.7 bn")
    page.goto(f"{site}/?basis=fy")
    row = page.locator("#rows tr, .rows tr").filter(has_text="Moore Threads")
    expect(row).not_to_contain_text("1.7 ")
    figure = Figure.objects.get(status="proposed")
    page.goto(f"{site}/figures/proposed/")
    page.get_by_role("link", name="Moore Threads: revenue, FY2025").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(f"{site}/figures/{figure.pk}/")

    page.goto(f"{site}/?basis=fy")
    link = row.locator(f"a[href*='/companies/{company.slug}/revenue/source/']")
    expect(link).to_have_text("1.7")
    link.click()
    page.locator("#source").get_by_role("link", name="Read the sentence").first.click()
    page.wait_for_url("**/filings/**")
    expect(page.locator("#page-1 [data-text]")).to_contain_text(SENTENCE)


def test_what_came_of_the_form_is_in_view_and_has_the_focus_and_cancel_takes_the_form_away(
    page: Page, site: str, editor: User
) -> None:
    filing = make_filing("example", is_example=True, published_on=date(2026, 3, 2), kind=FilingKind.ANNUAL_REPORT)
    text = f"重要提示。{SENTENCE},同比增长63.21%。"
    version = make_version(filing, text, html=f"<p>{text}</p>")
    page.goto(reader(site, version))
    form = page.locator("#record-figure")
    drag(page, "2025年度", "00元")
    act(page, "Record a figure")
    form.get_by_role("link", name="Cancel").click()
    expect(form).to_have_count(0)

    page.evaluate("getSelection().removeAllRanges()")  # pressing on selected words would drag them
    drag(page, "2025年度", "00元")
    act(page, "Record a figure")
    page.set_viewport_size({"width": 1280, "height": 500})
    form.get_by_role("button", name="Show what would be proposed").click()
    told = page.get_by_role("heading", name="This is an example: nothing was stored")
    expect(told).to_be_in_viewport()
    expect(form).to_be_focused()
    assert not Figure.objects.filter(source=filing).exists()
