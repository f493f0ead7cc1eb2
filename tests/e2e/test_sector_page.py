"""The sector page as a reader meets it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from companies.models import Revision
from valuations.models import Quote
from valuations.snapshot import today

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEPTEMBER = "/?as_of=2026-09-30"


def points(page: Page) -> Locator:
    return page.locator("#sector-chart .scatterlayer .point")


def cell(page: Page, company: str, field: str) -> Locator:
    """The number of a row: a link to its source."""
    return page.locator(f"#sector table a[href*='/companies/{company}/{field}/source/']")


def boxes(labels: Locator) -> list[FloatRect]:
    found = [label.bounding_box() for label in labels.all() if (label.text_content() or "").strip()]
    return [box for box in found if box]


def overlap(one: FloatRect, other: FloatRect) -> bool:
    return (
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )


@pytest.mark.parametrize("width", [1280, 380])
def test_the_chart_is_drawn_and_its_labels_do_not_collide(page: Page, site: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(site + SEPTEMBER)
    expect(points(page).first).to_be_visible()
    labels = boxes(page.locator("#sector-chart .textpoint text"))
    assert len(labels) >= 5
    assert [pair for pair in combinations(labels, 2) if overlap(*pair)] == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_a_control_swaps_the_page_and_back_returns(page: Page, site: str) -> None:
    page.goto(site + SEPTEMBER)
    expect(points(page).first).to_be_visible()
    page.evaluate("window.sameDocument = true")
    expect(cell(page, "cambricon", "revenue")).to_contain_text("9.61")
    page.get_by_text("Last FY", exact=True).click()
    expect(cell(page, "cambricon", "revenue")).to_contain_text("6.497")
    assert "basis=fy" in page.url
    assert page.evaluate("window.sameDocument") is True
    page.go_back()
    expect(cell(page, "cambricon", "revenue")).to_contain_text("9.61")
    assert "basis=fy" not in page.url
    expect(points(page).first).to_be_visible()


def test_guidance_is_drawn_as_a_bar_and_written_as_a_range(page: Page, site: str) -> None:
    page.goto(site + "/?as_of=2026-02-10&basis=guidance")
    expect(cell(page, "metax", "revenue")).to_contain_text("1.6–1.7")
    expect(cell(page, "metax", "price_to_sales")).to_contain_text("121–129")
    expect(page.locator("#sector-chart .xerror").first).to_be_attached()


def test_a_number_opens_its_source_in_place_and_gives_the_focus_back(page: Page, site: str) -> None:
    page.goto(site + SEPTEMBER)
    number = cell(page, "cambricon", "revenue")
    number.focus()
    number.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel).to_be_visible()
    for text in ("FY2025", "H1 2026", "H1 2025"):
        expect(panel).to_contain_text(text)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(number).to_be_focused()


def test_a_new_price_arrives_by_itself_without_moving_the_reader(page: Page, site: str) -> None:
    page.goto(site + "/")
    expect(points(page).first).to_be_visible()
    search = page.get_by_role("searchbox")
    search.focus()
    page.evaluate("window.scrollTo(0, 300)")
    before = page.evaluate("window.scrollY")
    stored = Quote.objects.filter(listing__ticker="688256").latest("day")
    Quote.objects.create(
        listing=stored.listing,
        day=today() - timedelta(days=today().weekday() - 4 if today().weekday() > 4 else 0),
        close=Decimal("1234.56"),
        provider="tencent",
        last_at=timezone.now(),
        fetched_at=timezone.now(),
    )
    Revision.bump()
    expect(cell(page, "cambricon", "price")).to_contain_text("1,234.56")
    expect(search).to_be_focused()
    assert page.evaluate("window.scrollY") == before


def test_an_unchanged_poll_is_answered_304(page: Page, site: str) -> None:
    page.goto(site + "/")
    with page.expect_response(lambda answer: answer.status == 304):
        pass


def test_the_table_sorts_by_its_headers(page: Page, site: str) -> None:
    page.goto(site + SEPTEMBER)
    page.locator("#sector table thead a[href*='sort=company']").click()
    first = page.locator("#sector table tbody tr").first
    expect(first).to_contain_text("Axera")
    assert "sort=company" in page.url


def test_the_page_reads_chinese(browser: Browser, site: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(site + SEPTEMBER)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("#sector table")).to_contain_text("摩尔线程")
    expect(page.locator("#sector table")).to_contain_text("亿")
    context.close()


def test_everything_but_drawing_works_without_javascript(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(site + SEPTEMBER)
    expect(cell(page, "cambricon", "revenue")).to_contain_text("9.61")
    page.get_by_text("Last FY", exact=True).click()
    page.locator("#controls button.without-script").click()
    expect(cell(page, "cambricon", "revenue")).to_contain_text("6.497")
    cell(page, "cambricon", "revenue").click()
    expect(page.locator("main")).to_contain_text("FY2025")
    context.close()
