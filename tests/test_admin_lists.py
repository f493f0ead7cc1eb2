"""Lists of the admin: what their columns answer, what their filters leave, and the ways between them and the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.models import Company, Figure, Filing, FilingVersion, Listing
from companies.stages import STAGES, stage_on
from tests.factories import (
    DAY,
    NOON,
    make_analyst,
    make_anchor,
    make_company,
    make_editor,
    make_exchange_year,
    make_figure,
    make_filing,
    make_health,
    make_held,
    make_listing,
    make_milestone,
    make_note,
    make_outcome,
    make_quote,
    make_run,
    make_share_count,
    make_user,
    make_version,
)
from tests.worlds import make_rows
from valuations import snapshot
from valuations.models import HeldQuote, Quote, RefreshRun

pytestmark = pytest.mark.django_db
AFTER_CLOSE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # four in the afternoon in Shanghai, on DAY
LATER = date(2026, 3, 3)


@pytest.fixture(autouse=True)
def after_close() -> Iterator[None]:
    with time_machine.travel(AFTER_CLOSE):
        make_exchange_year()
        yield


@pytest.fixture
def client(after_close: None) -> Client:
    client = Client()
    client.force_login(make_editor())
    return client


def address(model: type[models.Model], page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def shown(client: Client, model: type[models.Model], query: str = "") -> list[Any]:
    """The rows of a list."""
    response = client.get(f"{address(model)}?{query}")
    assert response.status_code == 200, query
    return list(response.context["cl"].result_list)


def cells(client: Client, model: type[models.Model], row: models.Model, *columns: str) -> list[str]:
    """What columns show of a row, without markup."""
    response = client.get(address(model))
    changelist = response.context["cl"]
    [found] = [one for one in changelist.result_list if one.pk == row.pk]
    texts = (str(getattr(changelist.model_admin, column)(found)) for column in columns)
    return [re.sub(r"<[^>]+>", " ", text).replace("  ", " ").strip() for text in texts]


# --- Companies --------------------------------------------------------------------------------------


def test_a_company_shows_its_price_with_state_and_day_and_what_it_is_worth(client: Client) -> None:
    company = make_company("acme")
    make_quote(make_listing(company), "12.50", day=DAY)
    make_share_count(company, 2_000_000_000)
    found = cells(client, Company, company, "stage", "traded_as", "last_price", "market_value")
    # 12.50 yuan × 2,000,000,000 shares
    assert found == ["listed", "XSHG:688001", "CNY 12.50 closed, 2 Mar", "CNY 25 bn 2 Mar"]


def test_an_old_price_is_amber_and_says_of_when_it_is(client: Client) -> None:
    company = make_company("acme")
    make_quote(make_listing(company), day=DAY - timedelta(days=7))
    html = client.get(address(Company)).content.decode()
    assert '<small class="look" title="">stale, 23 Feb</small>' in html


def test_a_market_value_that_is_missing_says_why(client: Client) -> None:
    company = make_company("acme")
    make_quote(make_listing(company))
    assert cells(client, Company, company, "market_value") == ["— number of shares not known"]


def test_what_a_company_lacks_is_named(client: Client) -> None:
    bare, whole = make_company("bare"), make_company("whole", name_zh="全", source=make_filing())
    make_listing(bare, "688001")
    make_listing(whole, "688002")
    make_share_count(whole)
    make_figure(whole)
    assert cells(client, Company, bare, "lacking") == ["share count, revenue, source, Chinese name"]
    assert cells(client, Company, whole, "lacking") == ["—"]


def test_a_proposed_revenue_is_none_yet(client: Client) -> None:
    company = make_company("acme", name_zh="艾", source=make_filing())
    make_figure(company, status="proposed")
    assert cells(client, Company, company, "lacking", "proposals") == ["revenue", "1"]


def test_a_company_counts_what_its_sources_state_differently_once_for_each_thing(client: Client) -> None:
    company = make_company("acme")
    for n, low in enumerate(("1000", "1001", "1002")):
        make_figure(company, low, source=make_filing(f"source-{n}"))
    make_figure(company, "7", source=make_filing("same-1"), metric="rd_expense")
    make_figure(company, "7", source=make_filing("same-2"), metric="rd_expense")
    assert cells(client, Company, company, "conflicts") == ["1"]
    html = client.get(address(Company)).content.decode()
    url = f"{address(Figure)}?company__id__exact={company.pk}&amp;conflict=yes"
    assert f'href="{url}"' in html
    assert len(shown(client, Figure, f"company__id__exact={company.pk}&conflict=yes")) == 3


def test_the_list_of_companies_takes_as_many_queries_for_many_as_for_one(client: Client) -> None:
    counts = []
    for slugs in (["one"], ["two", "three", "four"]):
        for slug in slugs:
            company, source = make_company(slug), make_filing(slug)
            make_quote(make_listing(company, f"688{company.pk:03}"), day=DAY)
            make_share_count(company, source=source)
            make_figure(company, source=source)
            make_figure(company, "3000", source=make_filing(f"{slug}-other"))
            make_figure(company, status="proposed", source=source, metric="rd_expense")
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(client, Company)) in (1, 4)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("stage=listed", {"fresh", "old", "unpriced"}),
        ("stage=delisted", {"gone"}),
        ("stage=applying", {"applying"}),
        ("stage=private", {"private", "archived"}),
        ("price=fresh", {"fresh"}),
        ("price=old", {"old", "unpriced"}),
        ("price=none", {"unpriced"}),
        ("missing=shares", {"old", "unpriced", "gone"}),
        ("missing=source", {"fresh", "old", "unpriced", "gone", "applying", "private", "archived"}),
        ("archived=yes", {"archived"}),
        ("archived=no", {"fresh", "old", "unpriced", "gone", "applying", "private"}),
        ("stage=nonsense", set()),
        ("missing=nonsense", set()),
    ],
)
def test_companies_are_found_by_stage_price_and_what_they_lack(client: Client, query: str, found: set[str]) -> None:
    fresh, old, unpriced, gone, applying = map(make_company, ("fresh", "old", "unpriced", "gone", "applying"))
    make_company("private")
    make_company("archived", archived_at=NOON)
    make_quote(make_listing(fresh, "688001"), day=DAY)
    make_share_count(fresh)
    make_quote(make_listing(old, "688002"), day=DAY - timedelta(days=7))
    make_listing(unpriced, "688003")
    make_listing(gone, "688004", delisted_on=DAY)
    make_milestone(applying)
    assert {company.slug for company in shown(client, Company, query)} == found


def test_the_stage_of_the_list_is_the_one_that_pages_show(client: Client) -> None:
    listed, coming, gone, back, applying = map(make_company, ("listed", "coming", "gone", "back", "applying"))
    make_company("private")
    make_listing(listed, "688001")
    make_listing(coming, "688002", listed_on=LATER)
    make_listing(gone, "688003", delisted_on=DAY)
    make_listing(back, "688004", delisted_on=DAY)
    make_listing(back, "06082", mic="XHKG")
    make_milestone(applying)
    make_milestone(coming)
    mine = dict(Company.objects.annotate(stage=stage_on(DAY)).values_list("slug", "stage"))
    pages = {row.company.slug: row.stage for row in snapshot.snapshot(snapshot.Question(DAY)).rows}
    assert mine == pages
    assert set(mine.values()) == set(STAGES)


@pytest.mark.parametrize("typed", ["moore", "摩尔", "mexc", "moerxiancheng", "688795"])
def test_a_company_is_found_by_name_pinyin_initials_and_ticker(client: Client, typed: str) -> None:
    company = make_company("moore-threads", name_zh="摩尔线程")
    make_listing(company, "688795")
    make_company("other")
    make_figure(company)
    assert shown(client, Company, f"q={typed}") == [company]
    assert [row.company for row in shown(client, Listing, f"q={typed}")] == [company]
    assert [row.company for row in shown(client, Figure, f"q={typed}")] == [company]


def test_what_i_entered_or_changed_is_mine(client: Client) -> None:
    editor = client.get(address(Company)).wsgi_request.user
    entered = make_figure(entered_by=editor)
    decided = make_figure(decided_by=editor, decided_at=NOON, metric="rd_expense")
    changed = make_figure(metric="gross_profit")
    make_figure(metric="cash")
    changed.note = "Changed."
    changed.save()
    changed.history.update(history_user=editor)
    assert set(shown(client, Figure, "mine=yes")) == {entered, decided, changed}


# --- Listings ---------------------------------------------------------------------------------------


def test_a_listing_shows_its_price_and_what_came_of_asking_last(client: Client) -> None:
    listing = make_listing()
    make_quote(listing, "10", day=DAY)
    make_outcome(make_run(finished_at=NOON), listing, result="ok")
    later = make_run(requested_at=NOON + timedelta(hours=1), finished_at=NOON + timedelta(hours=1))
    make_outcome(later, listing, result="blocked", done_at=NOON + timedelta(hours=1))
    make_outcome(make_run(kind="history", finished_at=NOON), listing, result="ok", done_at=AFTER_CLOSE)
    assert cells(client, Listing, listing, "last_price", "health") == ["CNY 10.00 closed, 2 Mar", "source blocks us"]


@pytest.mark.parametrize(("query", "found"), [("price=fresh", {"688001"}), ("price=old", {"688002", "688003"})])
def test_listings_are_found_by_the_state_of_their_price(client: Client, query: str, found: set[str]) -> None:
    make_quote(make_listing(ticker="688001"), day=DAY)
    make_quote(make_listing(ticker="688002"), day=DAY - timedelta(days=7))
    make_listing(ticker="688003")
    assert {listing.ticker for listing in shown(client, Listing, query)} == found


# --- Figures ----------------------------------------------------------------------------------------


def test_a_figure_shows_its_range_and_what_to_look_at(client: Client) -> None:
    version = make_version()
    anchor = make_anchor(version, "Revenue", state="needs_review", reason="gone", candidate_version=version)
    figure = make_figure(low="1600000000", high="1700000000", anchor=anchor)
    make_figure(low="5", source=make_filing("other"))
    found = cells(client, Figure, figure, "period_in_words", "value", "standing")
    assert found == [
        "FY2025", "CNY 1.6–1.7 bn", "confirmed sources contradict each other its passage needs review",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "contradicts"),
    [
        ({"low": "1000"}, False),
        ({"low": "1001"}, True),
        ({"low": "1000", "high": None}, True),  # at least a thousand
        ({"low": None, "high": "1000"}, True),  # at most a thousand
        ({"currency": "USD"}, True),
        ({"low": "1001", "basis": "guidance"}, False),
        ({"low": "1001", "period": "FY2024"}, False),
        ({"low": "1001", "metric": "rd_expense"}, False),
        ({"low": "1001", "status": "proposed"}, False),
        ({"low": "1001", "status": "superseded"}, False),
    ],
)
def test_figures_contradict_each_other_where_they_state_another_number_for_the_same_thing(
    client: Client, other: dict[str, Any], contradicts: bool
) -> None:
    ends = {"low": "1000", **{name: other.pop(name) for name in ("low", "high") if name in other}}
    figures = {make_figure(), make_figure(source=make_filing("other"), **ends, **other)}
    assert set(Figure.objects.contradicted()) == (figures if contradicts else set())


def test_offer_prices_of_two_listings_do_not_contradict_each_other() -> None:
    company = make_company()
    a, h = make_listing(company, "688001"), make_listing(company, "06082", mic="XHKG")
    make_figure(company, "10", listing=a, metric="offer_price")
    make_figure(company, "11", listing=h, metric="offer_price", source=make_filing("other"))
    assert not Figure.objects.contradicted()


def test_the_largest_amounts_are_compared_digit_by_digit() -> None:
    make_figure(low=Decimal("999999999999.0001"))
    make_figure(low=Decimal("999999999999.0002"), source=make_filing("other"))
    assert Figure.objects.contradicted().count() == 2


@pytest.mark.parametrize(
    ("query", "found"), [("review", {"doubtful"}), ("marked", {"doubtful", "marked"}), ("unmarked", {"bare"})]
)
def test_figures_are_found_by_their_passage(client: Client, query: str, found: set[str]) -> None:
    version = make_version()
    doubtful = make_anchor(version, "Revenue", state="needs_review", reason="gone", candidate_version=version)
    make_figure(make_company("doubtful"), anchor=doubtful)
    make_figure(make_company("marked"), anchor=make_anchor(version, "million"))
    make_figure(make_company("bare"))
    assert {figure.company.slug for figure in shown(client, Figure, f"passage={query}")} == found


# --- Filings ----------------------------------------------------------------------------------------


def test_a_filing_counts_its_files_and_figures_and_says_where_its_text_stands(client: Client) -> None:
    filing = make_filing("one")
    make_version(filing)
    make_version(filing, status="encrypted")
    make_figure(source=filing)
    assert cells(client, Filing, filing, "text_now", "files", "figures_here") == ["protected by a password", "2", "1"]


def test_a_filing_counts_no_note_that_its_reader_may_not_see(client: Client) -> None:
    version = make_version()
    author = make_analyst()
    make_note(author, version, "Revenue")
    assert cells(client, Filing, version.filing, "notes_here") == ["—"]
    make_note(author, version, "million", visibility="public")
    assert cells(client, Filing, version.filing, "notes_here") == ["1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("text=none", {"none"}),
        ("text=encrypted", {"locked"}),
        ("text=ready", {"read"}),
        ("figures=some", {"read"}),
        ("figures=none", {"none", "locked"}),
    ],
)
def test_filings_are_found_by_their_text_and_their_figures(client: Client, query: str, found: set[str]) -> None:
    make_filing("none")
    make_version(make_filing("locked"), status="encrypted")
    read = make_filing("read")
    make_version(read, status="encrypted")
    make_version(read)
    make_figure(source=read)
    assert {filing.slug for filing in shown(client, Filing, query)} == found


def test_the_newest_file_of_each_filing_is_found(client: Client) -> None:
    filing = make_filing()
    make_version(filing)
    newest = make_version(filing)
    assert shown(client, FilingVersion, "newest=yes") == [newest]


# --- Refreshes --------------------------------------------------------------------------------------


def test_open_and_failed_runs_are_found(client: Client) -> None:
    failed = make_run(finished_at=NOON, results={"retry": 2})
    is_open = make_run(kind="rates")
    make_run(kind="history", finished_at=NOON, results={"ok": 2})
    assert shown(client, RefreshRun, "state=failed") == [failed]
    assert shown(client, RefreshRun, "state=open") == [is_open]
    assert cells(client, RefreshRun, failed, "came_of_it") == ["source did not answer: 2"]


# --- Every list -------------------------------------------------------------------------------------


def test_a_list_without_rows_says_why(client: Client) -> None:
    assert "There is none yet." in client.get(address(Company)).content.decode()
    make_company("acme")
    html = client.get(address(Company), {"q": "nobody"}).content.decode()
    assert "No row meets the search and the filters." in html
    assert "There is none yet." not in html


@pytest.mark.parametrize("model", [Company, Listing, Figure, Filing, FilingVersion, RefreshRun])
def test_every_filter_says_how_many_rows_it_leaves(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    assert client.get(address(model), {"_facets": "True"}).status_code == 200


def test_rows_lead_to_their_page(client: Client) -> None:
    company = make_company()
    listing = make_listing(company)
    figure = make_figure(company)
    version = make_version(figure.source)
    held = make_held(make_outcome(make_run(finished_at=NOON), listing, result="hold"))
    pages = {
        company: reverse("valuations:company", args=[company.slug]),
        listing: reverse("valuations:company", args=[company.slug]),
        make_share_count(company): reverse("valuations:company", args=[company.slug]),
        figure: reverse("figures:figure", args=[figure.pk]),
        figure.source: reverse("filings:reader", args=[figure.source_id]),
        version: f"{reverse('filings:reader', args=[version.filing_id])}?version=1",
        held.outcome.run: reverse("valuations:refresh", args=[held.outcome.run_id]),
        held: reverse("valuations:listing_prices", args=[listing.pk]),
        make_quote(listing): reverse("valuations:listing_prices", args=[listing.pk]),
    }
    for row, page in pages.items():
        html = client.get(address(type(row), "change", row.pk)).content.decode()
        assert f'<a href="{page}" class="viewsitelink">' in html, row
        assert client.get(page).status_code == 200, row


def test_pages_lead_back_for_those_who_may_edit_and_for_nobody_else(client: Client) -> None:
    company = make_company()
    figure = make_figure(company)
    make_version(figure.source)
    make_health()
    ways = {
        reverse("valuations:company", args=[company.slug]): address(Company, "change", company.pk),
        reverse("figures:figure", args=[figure.pk]): address(Figure, "change", figure.pk),
        reverse("filings:reader", args=[figure.source_id]): address(Filing, "change", figure.source_id),
        reverse("valuations:refreshes"): address(RefreshRun),
    }
    analyst = Client()
    analyst.force_login(make_analyst())
    for page, edit in ways.items():
        assert f'href="{edit}"' in client.get(page).content.decode(), page
        for reader in (analyst, Client()):
            assert f'href="{edit}"' not in reader.get(page).content.decode(), page


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Filing, "annotations__isnull=0"), (Filing, "annotations=1"), (FilingVersion, "anchors__isnull=0"),
        (Filing, "added_by__email__startswith=a"), (Figure, "anchor__annotation__isnull=0"),
    ],
)  # fmt: skip
def test_no_address_asks_a_list_about_notes_or_people(client: Client, model: Any, query: str) -> None:
    """Of personal notes even that there are some is nobody else's business."""
    make_note(make_user("author"), make_version(), "1,200", visibility="personal")
    assert client.get(f"{address(model, 'changelist')}?{query}").status_code == 400


@pytest.mark.parametrize("query", ["year=9999", "year=9999&{day}__month=12", "year=9999&{day}__month=12&{day}__day=31"])
def test_the_last_year_of_all_is_no_error_of_ours(client: Client, query: str) -> None:
    for model, day in ((Figure, "known_on"), (RefreshRun, "requested_at")):
        response = client.get(f"{address(model, 'changelist')}?{day}__{query.format(day=day)}")
        assert response.status_code == 302


def test_numbers_of_lists_are_written_without_the_zeros_their_columns_are_filled_with(client: Client) -> None:
    make_quote(make_listing(), "20.85")
    html = client.get(address(Quote)).content.decode()
    assert '<td class="field-close">20.85</td>' in html


def test_the_filter_of_held_quotes_names_their_reasons_in_words(client: Client) -> None:
    make_held()
    make_held(reason="outlier_test")
    html = client.get(address(HeldQuote)).content.decode()
    assert ">further from the last price than one day allows</a>" in re.sub(r"\s*\n\s*", "", html)
