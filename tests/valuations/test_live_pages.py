"""Prices that arrive by themselves: how fresh they are, who sees which, and how a page learns of a new one.

The clock stands at 10:36 in Shanghai on Tuesday 2026-03-03. Acme's last price, 127.89, is three minutes old; those of
10:15 (113.57) and 10:00 (108.42) are kept beside it. With a delay of 15 minutes 113.57 is the price for everybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings

from companies.models import Listing, Revision, User
from tests.factories import (
    make_company,
    make_exchange_year,
    make_figure,
    make_held,
    make_listing,
    make_outcome,
    make_quote,
    make_run,
    make_share_count,
    make_staff,
    make_user,
)
from tests.payloads import Trade
from tests.standin import Standin
from valuations import urls
from valuations.models import Quote, RefreshOutcome, RefreshRun
from valuations.refresh import run_batch
from valuations.sessions import FreshnessState
from valuations.storage import store_quotes
from valuations.templatetags.numbers import state_word
from valuations.templatetags.pages import state_meaning

pytestmark = pytest.mark.django_db

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
FRIDAY, MONDAY, TUESDAY = date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3)
HIDDEN, SHOWN = "127.89", "113.57"
Result = RefreshOutcome.Result


def clock(text: str) -> datetime:
    """A time of that Tuesday in Shanghai."""
    hour, minute = text.split(":")
    return datetime(2026, 3, 3, int(hour), int(minute), tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    """10:36, standing still until a test moves it."""
    with time_machine.travel(clock("10:36"), tick=False) as traveller:
        yield traveller


@pytest.fixture
def acme(now: time_machine.Traveller, settings: Settings) -> Listing:
    """5 million shares, closes of 90 and 100 before today, and today's three prices."""
    settings.PUBLIC_DELAY_MINUTES = 15
    for mic in ("XSHG", "XNAS"):
        make_exchange_year(mic)
    listing = make_listing(make_company("acme", name_en="Acme Chips", name_zh="顶点芯片"))
    make_share_count(listing.company, 5_000_000)
    make_figure(listing.company, "10_000_000")
    make_quote(listing, "90", day=FRIDAY)
    make_quote(listing, "100", day=MONDAY)
    make_quote(
        listing, HIDDEN, day=TUESDAY, final=False, last_at=clock("10:33"), fetched_at=clock("10:34"),
        provider="tencent", open=Decimal("105"), high=Decimal("129.31"), low=Decimal("104.17"), volume=7_654_321,
        coming_close=Decimal(SHOWN), coming_at=clock("10:15"), public_close=Decimal("108.42"), public_at=clock("10:00"),
    )  # fmt: skip
    return listing


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def html(path: str, client: Client | None = None, headers: dict[str, str] | None = None) -> str:
    answer = (client or Client()).get(path, headers=headers or {})
    assert answer.status_code == 200
    source: str = answer.content.decode()
    return source


def text(source: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", source)).strip()


def tag(path: str = "/", client: Client | None = None) -> str:
    return str((client or Client()).get(path)["HX-PTag"])


def prices_page(listing: Listing, client: Client | None = None, **query: object) -> str:
    tail = "&".join(f"{name}={value}" for name, value in query.items())
    return html(f"/listings/{listing.pk}/prices/?{tail}", client)


# --- Readers without login never see a price that is too young ----------------------------------------

WITH_PRICES = {
    "sector": ["/", "/?basis=fy&currency=USD", "/?as_of=2026-03-03", "/?sort=price"],
    "sector_json": ["/sector.json", "/sector.json?as_of=2026-03-03"],
    "sector_csv": ["/sector.csv", "/sector.csv?as_of=2026-03-03"],
    "company": ["/companies/acme/", "/companies/acme/?prices=raw", "/companies/acme/?as_of=2026-03-03"],
    "source": [f"/companies/acme/{name}/source/" for name in ("price", "market_value", "price_to_sales")],
    "listing_prices": ["/listings/{listing}/prices/", "/listings/{listing}/prices/?run={run}"],
    "compare": ["/compare/?c=acme", "/compare/?c=acme&c=other", "/compare/?c=acme&as_of=2026-03-03"],
    "compare_json": ["/compare.json?c=acme"],
    "compare_csv": ["/compare.csv?c=acme"],
    "refresh": ["/refreshes/{run}/"],
}
WITHOUT_PRICES = {
    "refreshes", "refresh_now", "refresh_cancel", "listing_refresh", "reported_source", "compare_matches",
    "filing_add", "filing_add_version", "filing_fetch", "filing_read_again", "filing_state",
    # For editors alone, who have signed in.
    "proposed", "decide",
}  # fmt: skip


def test_every_page_is_looked_at_for_prices_that_are_too_young() -> None:
    names = {pattern.name for pattern in urls.urlpatterns}
    assert names - WITHOUT_PRICES == set(WITH_PRICES)


@pytest.mark.parametrize("path", [path for paths in WITH_PRICES.values() for path in paths])
@pytest.mark.parametrize("headers", [{}, PARTIAL])
def test_readers_without_login_see_no_digit_of_a_price_that_is_too_young(
    acme: Listing, path: str, headers: dict[str, str]
) -> None:
    other = make_listing(make_company("other"), "688002")
    make_quote(other, "50", day=MONDAY)
    make_share_count(other.company)
    run = make_run(finished_at=clock("10:35"), requested_at=clock("10:34"))
    outcome = make_outcome(
        run, acme, result=Result.HOLD, done_at=clock("10:34"), reason="beyond_limit", detail="141.73 is far from 127.89"
    )
    make_held(outcome, "141.73", detail="141.73 is far from 127.89")
    address = path.format(listing=acme.pk, run=run.pk)
    for language in ("en", "zh-hans"):
        with translation.override(language):
            client = Client(headers={"accept-language": language})
            body = html(address, client, headers)
        # The price, the market value of 5 million such shares, the day's high, low and volume, what is held back.
        for digits in (
            "127.89",
            "12789",
            "639.4",
            "6.39",
            "639,4",
            "63945",
            "129.31",
            "104.17",
            "7,654",
            "7654",
            "141",
        ):
            assert digits not in body, (digits, language)


@pytest.mark.parametrize(
    "path", ["/", "/sector.json", "/sector.csv", "/companies/acme/", "/companies/acme/price/source/"]
)
def test_readers_without_login_see_the_newest_price_that_is_old_enough(acme: Listing, path: str) -> None:
    assert SHOWN in html(path)
    with_login = html(path, signed_in(make_user()))
    assert HIDDEN in with_login
    assert SHOWN not in with_login


@pytest.mark.parametrize("path", ["/", "/sector.json", "/sector.csv", "/companies/acme/", "/compare.json?c=acme"])
def test_no_cache_in_between_gives_one_reader_the_answer_of_another(acme: Listing, path: str) -> None:
    for client in (Client(), signed_in(make_user())):
        assert "Cookie" in client.get(path)["Vary"]


def test_the_price_that_is_shown_moves_on_with_the_clock(acme: Listing, now: time_machine.Traveller) -> None:
    for moment, shown in (
        ("10:14", "100.00"),
        ("10:15", "108.42"),
        ("10:30", SHOWN),
        ("10:47", SHOWN),
        ("10:48", HIDDEN),
    ):
        now.move_to(clock(moment))
        assert f">{shown}</a>" in html("/"), moment


def test_before_the_first_price_is_old_enough_the_day_before_is_shown_with_its_own_change(
    acme: Listing, now: time_machine.Traveller
) -> None:
    now.move_to(clock("10:14"))
    row = json.loads(html("/sector.json"))["rows"][0]
    assert (row["price"]["value"], row["price"]["day"]) == ("100", "2026-03-02")
    assert "▲ +11.1%" in html("/")  # 90 → 100; 100 → 113.57 is +13.6%
    now.move_to(clock("10:36"))
    assert "▲ +13.6%" in html("/")


def test_a_price_from_new_york_is_hidden_from_the_page_of_the_day_that_shanghai_calls_yesterday(
    acme: Listing, now: time_machine.Traveller
) -> None:
    listing = make_listing(make_company("nvidia", segment="benchmark"), "NVDA", mic="XNAS")
    made = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # 12:00 in New York, 01:00 of the fourth in Shanghai
    make_quote(listing, "201.93", day=TUESDAY, final=False, last_at=made, fetched_at=made, provider="tencent")
    path = "/companies/nvidia/?as_of=2026-03-03"
    now.move_to(made + timedelta(minutes=14))
    assert "201.93" not in html(path)
    before = tag(path)
    now.move_to(made + timedelta(minutes=15))
    assert "201.93" in html(path)
    assert tag(path) != before


def test_readers_are_told_that_prices_are_late_only_when_they_are(acme: Listing, settings: Settings) -> None:
    said = "Prices are at least 15 minutes old. Sign in for current ones."
    reader = signed_in(make_user())
    for path in ("/", "/companies/acme/", f"/listings/{acme.pk}/prices/"):
        assert said in text(html(path))
        assert said not in text(html(path, reader))
    assert said not in text(html("/?as_of=2026-02-27"))
    settings.PUBLIC_DELAY_MINUTES = 0
    assert "minutes old." not in text(html("/"))
    assert HIDDEN in html("/")


def test_late_prices_are_called_delayed_and_not_stale(acme: Listing, now: time_machine.Traveller) -> None:
    now.move_to(clock("10:47"))  # the price shown is of 10:15
    assert json.loads(html("/sector.json"))["rows"][0]["price"]["state"] == "delayed"
    reader = signed_in(make_user())
    assert json.loads(html("/sector.json", reader))["rows"][0]["price"]["state"] == "live"


def test_the_queries_for_who_sees_prices_late_do_not_depend_on_the_number_of_companies(acme: Listing) -> None:
    counts = []
    for n in (1, 5):
        for number in range(n):
            listing = make_listing(make_company(f"c{n}-{number}"), f"6{n}8{number:03}")
            make_quote(listing, "50", day=MONDAY)
            make_quote(listing, "55", day=TUESDAY, final=False, last_at=clock("10:35"), fetched_at=clock("10:35"))
        Revision.bump()
        with CaptureQueriesContext(connection) as queries:
            html("/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- What a worker writes -----------------------------------------------------------------------------


def test_storing_a_price_keeps_the_earlier_ones_of_its_day(acme: Listing) -> None:
    day = date(2026, 3, 4)

    def arrives(close: str, minute: int) -> Quote:
        at = datetime(2026, 3, 4, 2, minute, tzinfo=UTC)
        store_quotes(
            [Quote(listing=acme, day=day, close=Decimal(close), last_at=at, fetched_at=at, provider="tencent")]
        )
        return Quote.objects.get(listing=acme, day=day)

    assert [arrives("101", 0).coming_close, arrives("102", 14).coming_close] == [Decimal(101), Decimal(101)]
    stored = arrives("103", 15)
    assert [stored.close, stored.coming_close, stored.public_close] == [Decimal(103), Decimal(103), Decimal(101)]
    assert stored.public_at == datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


# --- How a page learns of a new price -------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/companies/acme/"])
def test_a_poll_is_answered_304_until_something_changes(acme: Listing, path: str) -> None:
    for client in (Client(), signed_in(make_user())):
        known = {**PARTIAL, "HX-PTag": tag(path, client)}
        unchanged = client.get(path, headers=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        Revision.bump()
        changed = client.get(path, headers=known)
        assert changed.status_code == 200
        assert changed["HX-PTag"] != known["HX-PTag"]


@pytest.mark.parametrize("path", ["/", "/companies/acme/"])
def test_an_unchanged_poll_of_who_sees_prices_late_costs_one_query(acme: Listing, path: str) -> None:
    known = {**PARTIAL, "HX-PTag": tag(path)}
    client = Client()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path, headers=known).status_code == 304
    assert len(queries) == 1


def test_the_tag_changes_when_a_hidden_price_comes_into_view_and_not_before(
    acme: Listing, now: time_machine.Traveller
) -> None:
    now.move_to(clock("10:46"))
    before = tag(), tag("/", signed_in(make_user()))
    now.move_to(clock("10:47"))
    assert tag() == before[0]
    now.move_to(clock("10:48"))  # 127.89 is of 10:33
    assert tag() != before[0]
    assert tag("/", signed_in(User.objects.get(username="reader"))) == before[1]


def test_pages_of_the_past_do_not_ask_again_and_keep_their_tag(acme: Listing, now: time_machine.Traveller) -> None:
    for path in ("/?as_of=2026-02-27", "/companies/acme/?as_of=2026-02-27"):
        assert "data-poll" not in html(path)
    before = tag("/?as_of=2026-02-27")
    now.move_to(clock("10:55"))
    assert tag("/?as_of=2026-02-27") == before


@pytest.mark.parametrize(("moment", "seconds"), [("10:36", 15), ("12:20", 300), ("12:58", 121), ("20:00", 300)])
@pytest.mark.parametrize("path", ["/", "/companies/acme/"])
def test_a_page_asks_often_in_session_and_rarely_when_the_exchange_rests(
    acme: Listing, now: time_machine.Traveller, path: str, moment: str, seconds: int
) -> None:
    now.move_to(clock(moment))
    assert f'data-poll="{seconds}"' in html(path)


def test_a_price_that_may_change_says_its_number_and_whose_it_is(acme: Listing) -> None:
    for path in ("/", "/companies/acme/"):
        assert f'id="now-acme" data-price="{SHOWN}" data-name="Acme Chips"' in html(path)


# --- The badge ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", FreshnessState)
def test_every_state_has_its_own_word_and_sentence_in_both_languages(state: FreshnessState) -> None:
    for language in ("en", "zh-hans"):
        with translation.override(language):
            assert len({state_word(other) for other in FreshnessState}) == len(FreshnessState)
            assert state_word(state) != ""
            assert state_meaning(state).endswith((".", "。"))


@pytest.mark.parametrize("path", ["/", "/companies/acme/", "/companies/acme/price/source/", "/compare/?c=acme"])
def test_every_price_has_a_badge_that_leads_to_its_last_attempts(acme: Listing, path: str) -> None:
    assert f'href="/listings/{acme.pk}/prices/"' in html(path)


def test_a_listing_without_a_price_has_a_badge_too(acme: Listing) -> None:
    listing = make_listing(make_company("new"), "688003")
    for path in ("/", "/companies/new/"):
        assert f'<a class="age look" href="/listings/{listing.pk}/prices/">no price</a>' in html(path)


def test_every_listing_of_a_company_has_its_badge_even_when_the_company_cannot_be_valued(acme: Listing) -> None:
    second = make_listing(acme.company, "06082", mic="XHKG")
    make_quote(second, "80", day=MONDAY)
    assert re.search(
        rf'<a class="age[^"]*" href="/listings/{second.pk}/prices/">(?!no price)', html("/companies/acme/")
    )


def test_the_panel_tells_the_age_in_open_minutes(acme: Listing, now: time_machine.Traveller) -> None:
    reader = signed_in(make_user())
    said = text(prices_page(acme, reader))
    assert "Last price 3 Mar 2026 10:33 CST, 3 open minutes old." in said
    assert "Live" in said
    now.move_to(clock("13:01"))  # 57 minutes before lunch, 1 after it
    assert "58 open minutes old." in text(prices_page(acme, reader))
    now.move_to(clock("10:34"))
    assert "1 open minute old." in text(prices_page(acme, reader))


def test_the_panel_says_when_a_price_has_no_time(acme: Listing) -> None:
    listing = make_listing(make_company("other"), "688002")
    make_quote(listing, "50", day=MONDAY)
    assert "Price of 2 Mar 2026; its source gives no time." in text(prices_page(listing))


def test_the_panel_lists_the_newest_ten_outcomes_in_words(acme: Listing) -> None:
    for n in range(12):
        run = make_run(requested_at=clock("09:30"), finished_at=clock("09:31"))
        asked = clock("09:31") + timedelta(minutes=n)
        make_outcome(
            run, acme, result=Result.BAD_ROW, reason="short_row", detail=f"{n} fields", queued_at=asked, done_at=asked
        )
    said = text(prices_page(acme))
    assert said.count("the row has too few fields") == 10
    assert said.index("11 fields") < said.index("2 fields")
    assert "1 fields " not in said.replace("11 fields ", "")
    assert "3 Mar 2026 09:42 CST unreadable row Tencent the row has too few fields 11 fields" in said


def test_a_listing_that_was_never_asked_for_says_so(acme: Listing) -> None:
    assert "No source was ever asked for this price" in text(prices_page(acme))


def test_held_quotes_are_shown_to_staff_alone(acme: Listing) -> None:
    run = make_run(finished_at=clock("10:35"), requested_at=clock("09:34"))
    done = clock("09:40")
    held = make_held(
        make_outcome(run, acme, result=Result.HOLD, reason="beyond_limit", done_at=done, queued_at=done), "141.73"
    )
    for client in (Client(), signed_in(make_user())):
        source = prices_page(acme, client)
        assert "141.73" not in source
        assert "held quote: waiting" in text(source)
    source = prices_page(acme, signed_in(make_staff()))
    assert f'<a href="/admin/valuations/heldquote/{held.pk}/change/">' in source
    assert "141.73" in source


def test_the_queries_of_the_panel_do_not_depend_on_the_number_of_outcomes(acme: Listing) -> None:
    counts = []
    for _ in range(2):
        for _each in range(3):
            run = make_run(requested_at=clock("09:30"), finished_at=clock("09:31"))
            make_held(make_outcome(run, acme, result=Result.HOLD, reason="beyond_limit"))
        with CaptureQueriesContext(connection) as queries:
            prices_page(acme)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("headers", "whole_page"), [({}, True), (PARTIAL, False)])
def test_the_panel_is_a_page_of_its_own_too(acme: Listing, headers: dict[str, str], whole_page: bool) -> None:
    source = html(f"/listings/{acme.pk}/prices/", headers=headers)
    assert ("<html" in source) is whole_page
    assert source.count('id="source"') == 1
    assert " style=" not in source
    assert not re.search(r"\son[a-z]+=", source)


@pytest.mark.parametrize("run", ["x", "%00", "-1", "１", "9" * 30])
def test_a_run_that_cannot_be_is_refused(acme: Listing, run: str) -> None:
    assert Client().get(f"/listings/{acme.pk}/prices/?run={run}").status_code == 400


@pytest.mark.parametrize("path", ["/listings/999/prices/", "/listings/{}/prices/?run=999"])
def test_what_does_not_exist_is_not_found(acme: Listing, path: str) -> None:
    assert Client().get(path.format(acme.pk)).status_code == 404


# --- Asking again -----------------------------------------------------------------------------------------


@dataclass
class Asked:
    """What came of the button."""

    answer: Any
    run: RefreshRun


@pytest.fixture
def staff() -> Client:
    return signed_in(make_staff())


def ask_again(client: Client, listing: Listing, headers: dict[str, str] | None = None) -> Asked:
    answer = client.post(f"/listings/{listing.pk}/refresh/", headers=headers or {})
    return Asked(answer, RefreshRun.objects.latest("requested_at"))


def test_only_staff_can_ask_again(acme: Listing, sources: Standin, staff: Client) -> None:
    path = f"/listings/{acme.pk}/refresh/"
    assert Client().post(path)["Location"].startswith("/accounts/login/")
    reader = signed_in(make_user())
    assert reader.post(path).status_code == 403
    assert staff.get(path).status_code == 405
    assert not RefreshRun.objects.exists()
    assert Client(enforce_csrf_checks=True).post(path).status_code == 403
    for client in (Client(), reader):
        assert "ask-again" not in prices_page(acme, client)
    assert f'action="/listings/{acme.pk}/refresh/"' in prices_page(acme, staff)


def test_asking_again_reports_in_place_until_the_new_price_is_there(
    acme: Listing, sources: Standin, staff: Client
) -> None:
    listing = make_listing(make_company("other"), "688002")
    make_quote(listing, "100", day=MONDAY)
    asked = ask_again(staff, listing, PARTIAL)
    run = asked.run
    source = asked.answer.content.decode()
    assert [(outcome.listing, outcome.result) for outcome in run.outcomes.all()] == [(listing, "pending")]
    assert (run.trigger, str(run.requested_by)) == ("staff", "staff")
    assert "<html" not in source
    assert "The sources are being asked" in text(source)
    assert f'hx-get="/listings/{listing.pk}/prices/?run={run.pk}"' in source
    made = datetime(2026, 3, 3, 10, 35, 50)  # noqa: DTZ001
    sources.set_quote(Trade("sh688002", "103.05", "100.00", "101.00", "104.00", "100.50", at=made, shares=None))
    run_batch(run.pk, 0)
    source = prices_page(listing, staff, run=run.pk)
    status = re.search(r'<p id="source-status".*?</p>', source, re.DOTALL)
    assert status
    assert text(status[0]) == "Done: stored. The price is CNY 103.05."
    assert "hx-trigger" not in source


def test_without_javascript_asking_again_leads_to_the_page_that_reports(
    acme: Listing, sources: Standin, staff: Client
) -> None:
    asked = ask_again(staff, acme)
    assert asked.answer["Location"] == f"/listings/{acme.pk}/prices/?run={asked.run.pk}"
    assert "Look whether it is done" in text(prices_page(acme, staff, run=asked.run.pk))


def test_asking_again_while_it_is_asked_for_joins_that_run(acme: Listing, sources: Standin, staff: Client) -> None:
    run = make_run(requested_at=clock("10:35"))
    make_outcome(run, acme, queued_at=clock("10:35"))
    asked = ask_again(staff, acme, PARTIAL)
    assert RefreshRun.objects.count() == 1
    assert "The sources are being asked" in text(asked.answer.content.decode())


def test_asking_again_during_a_run_without_the_listing_says_so(acme: Listing, sources: Standin, staff: Client) -> None:
    run = make_run(requested_at=clock("10:35"))
    make_outcome(run, make_listing(make_company("other"), "688002"))
    said = text(ask_again(staff, acme, PARTIAL).answer.content.decode())
    assert "Another refresh is under way, without this listing." in said
    RefreshRun.objects.filter(pk=run.pk).update(finished_at=clock("10:36"))
    source = prices_page(acme, staff, run=run.pk)
    assert "It did not ask for this listing; ask again." in text(source)
    assert "hx-trigger" not in source


def test_why_nothing_could_be_asked_is_said(acme: Listing, staff: Client) -> None:
    said = text(ask_again(staff, acme, PARTIAL).answer.content.decode())  # SOURCES_ENABLED is off
    assert "Sources are switched off" in said
