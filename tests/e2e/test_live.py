"""Prices that arrive by themselves, and what their badges open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.conf import settings as project
from django.db import connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect
from pytest_django import Settings

from companies.models import Listing, Revision
from tests.factories import make_staff
from tests.standin import Standin
from valuations.models import Quote, RefreshRun
from valuations.refresh import run_batch
from valuations.snapshot import today

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def badge(page: Page, company: str) -> Locator:
    return page.locator(f"#row-{company} a.age")


def weekday(day: date) -> date:
    """The day itself, or the Friday before it."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def store(ticker: str, close: str) -> None:
    """A new price, as a worker would store it."""
    listing = Listing.objects.get(ticker=ticker)
    now = timezone.now()
    Quote.objects.update_or_create(
        listing=listing,
        day=weekday(today()),
        defaults={"close": Decimal(close), "provider": "tencent", "last_at": now, "fetched_at": now},
    )
    Revision.bump()


@pytest.fixture
def working(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    """Sources that answer for every listing, and a worker that does what is queued in a thread of its own."""
    threads: list[Thread] = []

    def work(run: int, batches: Iterable[int]) -> None:
        for batch in batches:
            run_batch(run, batch)
        connection.close()

    def queue(run: int, kind: str, batches: Iterable[int], expires: int) -> bool:
        threads.append(Thread(target=work, args=(run, list(batches))))
        threads[-1].start()
        return True

    monkeypatch.setattr("valuations.ledger.queue_batches", queue)
    with Standin(any_code=True) as standin:
        settings.SOURCES_ENABLED = True
        settings.SOURCE_URLS = dict.fromkeys(settings.SOURCE_URLS, standin.url)
        settings.SOURCE_INTERVAL = 0.0
        yield standin
        for thread in threads:
            thread.join()


@pytest.fixture
def staff(context: BrowserContext, site: str) -> None:
    """The visitor is signed in as staff."""
    client = Client()
    client.force_login(make_staff())
    session = client.cookies[project.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": project.SESSION_COOKIE_NAME, "value": session, "url": site}])


def test_a_badge_opens_the_last_attempts_by_keyboard_and_gives_the_focus_back(page: Page, site: str) -> None:
    page.goto(site + "/")
    link = badge(page, "cambricon")
    link.focus()
    link.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("What came of the last attempts")
    expect(page.locator("#source-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(link).to_be_focused()


@pytest.mark.parametrize("width", [1280, 380])
@pytest.mark.usefixtures("staff")
def test_staff_ask_again_and_read_the_answer_in_place(page: Page, site: str, working: Standin, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(site + "/companies/cambricon/")
    page.locator("section[aria-labelledby=listings] a.age").first.click()
    button = page.get_by_role("button", name="Ask again")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source-status")).to_contain_text("Done:")
    expect(button).to_be_focused()
    expect(page.locator("#source .outcomes li")).to_have_count(1)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert RefreshRun.objects.count() == 1


@pytest.mark.usefixtures("staff")
def test_whoever_was_signed_out_meanwhile_sees_the_page_as_a_reader_does(context: BrowserContext, site: str) -> None:
    page = context.new_page()  # not the watched one: it leaves the login page that answers the click unread
    page.goto(site + "/#main")  # an address that ends so is not loaded again by being assigned
    badge(page, "cambricon").click()
    button = page.get_by_role("button", name="Ask again")
    expect(button).to_be_visible()
    context.clear_cookies(name=project.SESSION_COOKIE_NAME)
    button.click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(button).to_have_count(0)
    assert not RefreshRun.objects.exists()


@pytest.mark.parametrize("path", ["/", "/companies/cambricon/"])
def test_a_price_that_changes_is_marked_and_read_out(page: Page, site: str, path: str) -> None:
    store("688256", "1200")
    page.goto(site + path)
    price = page.locator("#now-cambricon")
    expect(price).to_contain_text("1,200")
    store("688256", "1234.56")
    expect(price).to_have_class(re.compile(r"changed rose"))
    expect(price).to_contain_text("1,234.56")
    expect(page.locator("#announcement")).to_have_text(re.compile(r"^Cambricon.*: .*1,234\.56, up\.$"))
    store("688256", "1199")
    expect(price).to_have_class(re.compile(r"changed fell"))
    expect(price).not_to_have_class(re.compile("changed"), timeout=10_000)


def test_only_a_few_of_many_changes_are_read_out(page: Page, site: str) -> None:
    tickers = list(Listing.objects.filter(quotes__isnull=False).values_list("ticker", flat=True).distinct()[:5])
    page.goto(site + "/?benchmarks=on")
    for ticker in tickers:
        store(ticker, "12.34")
    said = page.locator("#announcement")
    expect(said).to_contain_text("And ")
    assert (said.text_content() or "").count("12.34") == 3


def test_with_reduced_motion_a_change_is_marked_without_moving(page: Page, site: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    store("688256", "1200")
    page.goto(site + "/")
    store("688256", "1234.56")
    price = page.locator("#now-cambricon")
    expect(price).to_have_class(re.compile("changed"))
    assert price.evaluate("element => getComputedStyle(element).animationName") == "none"
    expect(price).not_to_have_class(re.compile("changed"), timeout=10_000)


def test_what_the_reader_opened_stays_open_when_prices_arrive(page: Page, site: str) -> None:
    page.goto(site + "/companies/cambricon/")
    table = page.locator("details.how").first
    table.locator("summary").click()
    expect(table).to_have_attribute("open", "")
    store("688256", "1234.56")
    expect(page.locator("#now-cambricon")).to_contain_text("1,234.56")
    expect(table).to_have_attribute("open", "")


def test_a_hidden_tab_does_not_ask_and_asks_at_once_when_it_is_shown(page: Page, site: str) -> None:
    page.goto(site + "/")
    polls: list[Request] = []
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    page.evaluate("""() => {
      window.away = true;
      Object.defineProperty(document, "hidden", { get: () => window.away });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    page.on("request", lambda request: polls.append(request))
    page.wait_for_timeout(2_500)  # two polls and a half, were it seen
    assert polls == []
    with page.expect_response(lambda answer: answer.status == 304, timeout=900):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
