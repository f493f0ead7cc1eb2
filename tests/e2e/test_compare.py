"""The compare page as a reader meets it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from companies.models import Listing, Revision
from valuations.models import Quote
from valuations.snapshot import today

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEPTEMBER = "/compare/?as_of=2026-09-30"
FOUR = f"{SEPTEMBER}&c=cambricon&c=hygon&c=metax&c=moore-threads"


def lines(page: Page) -> Locator:
    return page.locator("#compare-chart .scatterlayer .trace")


def names(page: Page) -> Locator:
    """What stands at the ends of the lines."""
    return page.locator("#compare-chart .annotation-text")


def columns(page: Page) -> Locator:
    return page.locator("#rows thead th a")


@pytest.mark.parametrize("width", [1280, 380])
def test_every_line_is_named_at_its_end_and_no_name_lies_on_another(page: Page, site: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(site + FOUR)
    expect(lines(page)).to_have_count(4)
    for name in ("Cambricon", "Hygon", "MetaX", "Moore"):
        expect(names(page).filter(has_text=name)).to_have_count(1)
    # On a narrow chart the title of the axis stands among them.
    ends = [box for name in names(page).filter(has_not_text="=").all() if (box := name.bounding_box())]
    assert len(ends) == 4
    assert all(
        one["y"] + one["height"] <= other["y"] + 2 or other["y"] + other["height"] <= one["y"] + 2
        for one, other in combinations(ends, 2)
    )
    assert all(box["x"] + box["width"] <= width for box in ends)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_a_company_is_found_by_typing_added_and_taken_out_again(page: Page, site: str) -> None:
    page.goto(site + SEPTEMBER)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="+ Cambricon").click()
    expect(columns(page)).to_have_text(["Cambricon Technologies"])
    page.get_by_label("Add a company").press_sequentially("hyg")
    page.get_by_role("link", name="+ Hygon").click()
    expect(columns(page)).to_have_text(["Cambricon Technologies", "Hygon Information Technology"])
    expect(lines(page)).to_have_count(2)
    assert page.url.endswith("&c=cambricon&c=hygon")
    page.get_by_label("Take out Cambricon Technologies").click()
    expect(columns(page)).to_have_text(["Hygon Information Technology"])
    page.go_back()
    expect(columns(page)).to_have_count(2)
    expect(lines(page)).to_have_count(2)
    assert page.evaluate("window.sameDocument") is True


def test_a_choice_keeps_the_companies_and_leaves_defaults_out_of_the_address(page: Page, site: str) -> None:
    page.goto(site + FOUR)
    expect(page.locator("figure h2")).to_contain_text("17 Dec 2025 = 100")  # MetaX began to trade on that day
    page.get_by_text("3 mo", exact=True).click()
    expect(page.locator("figure h2")).to_contain_text("30 Jun 2026 = 100")
    assert "c=cambricon&c=hygon&c=metax&c=moore-threads&period=3m" in page.url
    assert "currency" not in page.url
    page.get_by_text("1 yr", exact=True).click()
    expect(page.locator("figure h2")).to_contain_text("17 Dec 2025 = 100")
    assert "period" not in page.url


def test_a_number_opens_its_source_in_place_and_gives_the_focus_back(page: Page, site: str) -> None:
    page.goto(site + FOUR)
    for path, said in (("price_to_sales/source/?basis=fy", "FY2025"), ("figures/rd_expense/source/", "R&D expense")):
        number = page.locator(f"#rows a.src[href*='/companies/cambricon/{path}']")
        number.focus()
        number.press("Enter")
        panel = page.get_by_role("dialog")
        expect(panel).to_contain_text(said)
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(number).to_be_focused()


def test_arrow_keys_read_out_every_line_of_a_day(page: Page, site: str) -> None:
    page.goto(site + FOUR)
    expect(lines(page)).to_have_count(4)
    page.locator("#compare-chart-frame").focus()
    page.keyboard.press("Home")
    said = page.locator("#announcement")
    expect(said).to_contain_text("2025-12-17")
    expect(said).to_contain_text("Cambricon Technologies 100.0")
    expect(said).to_contain_text("MetaX Integrated Circuits 100.0")


def test_a_new_price_arrives_by_itself_and_is_read_out(page: Page, site: str) -> None:
    page.goto(site + "/compare/?c=cambricon&c=hygon")
    expect(lines(page)).to_have_count(2)
    day = today()
    Quote.objects.create(
        listing=Listing.objects.get(ticker="688256"),
        day=day - timedelta(days=max(0, day.weekday() - 4)),
        close=Decimal("1234.56"),
        provider="tencent",
        last_at=timezone.now(),
        fetched_at=timezone.now(),
    )
    Revision.bump()
    expect(page.locator("#now-cambricon")).to_contain_text("1,234.56")
    expect(page.locator("#announcement")).to_contain_text("Cambricon Technologies: 1,234.56")


def test_everything_but_drawing_works_without_javascript(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(site + SEPTEMBER)
    page.get_by_label("Add a company").fill("hygon")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="+ Hygon").click()
    page.get_by_label("Add a company").fill("688256")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="+ Cambricon").click()
    expect(columns(page)).to_have_text(["Hygon Information Technology", "Cambricon Technologies"])
    page.get_by_text("3 mo", exact=True).click()
    page.locator("#controls button.without-script").click()
    expect(page.locator("figure h2")).to_contain_text("30 Jun 2026 = 100")
    page.get_by_text("The newest days as a table").click()
    expect(page.locator(".newest tbody tr").first).to_contain_text("30 Sep 2026")
    context.close()


def test_the_page_reads_chinese(browser: Browser, site: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(site + FOUR)
    expect(columns(page)).to_have_text(["寒武纪", "海光信息", "沐曦股份", "摩尔线程"])
    expect(names(page).filter(has_text="寒武纪")).to_have_count(1)
    context.close()
