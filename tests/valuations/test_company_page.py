"""The page of one company."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from companies.models import Basis, Company, Known, Listing, Metric, Tier
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_figure,
    make_filing,
    make_listing,
    make_milestone,
    make_quote,
    make_rate,
    make_round,
    make_share_count,
)
from valuations.profile import DAYS_SHOWN, Profile, profile
from valuations.snapshot import Question, snapshot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def page(slug: str = "acme", headers: dict[str, str] | None = None, **query: str) -> str:
    response = Client().get(f"/companies/{slug}/", query, headers=headers or {})
    assert response.status_code == 200
    return response.content.decode()


def text(html: str) -> str:
    """What a reader sees, spaces evened out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def profile_on(company: Company, day: date = DAY) -> Profile:
    row = snapshot(Question(day), Company.objects.filter(pk=company.pk)).rows[0]
    return profile(company, row, day)


def test_the_head_says_who_it_is_and_where_that_is_said() -> None:
    make_company(
        name_zh="极品", city="Beijing", founded="2016-03", parent="Holding", founders="Ada", products="Chips",
        website="https://acme.example", note="A note", source=make_filing("who", title="Profile", tier=Tier.MEDIA),
    )  # fmt: skip
    html = page()
    said = text(html)
    for fact in ("Acme", "极品", "GPU · Beijing · not listed", "Mar 2016", "Holding", "Ada", "Chips", "A note"):
        assert fact in said
    assert '<a href="https://acme.example" rel="noopener external">' in html
    assert 'href="https://exchange.example/who.pdf"' in html


def test_the_current_numbers_open_their_sources() -> None:
    company = make_company()
    make_quote(make_listing(company), "100")
    make_share_count(company, 1_000_000)
    make_figure(company, "20000000")
    html = page(as_of=str(DAY), basis="fy")
    assert "CNY 100.00" in text(html)
    assert "CNY 100 m" in text(html)  # 100 x 1,000,000
    assert "5×" in text(html)  # 100 m / 20 m
    for name in ("price", "market_value", "revenue", "price_to_sales"):
        assert f'href="/companies/acme/{name}/source/?basis=fy&amp;as_of={DAY}"' in html


def test_a_missing_number_says_why_in_plain_sight() -> None:
    make_company()
    said = text(page())
    assert "not listed, and no funding round with a stated value is known" in said
    assert "no revenue known on this day" in said
    assert "no market value" in said


def test_values_that_differ_stand_side_by_side_with_their_sources() -> None:
    company = make_company()
    listing = make_listing(company)
    term: dict[str, Any] = {"metric": Metric.OFFER_PRICE, "listing": listing, "period": str(DAY)}
    term |= {"period_start": None, "period_end": DAY}
    for slug, price in (("one", "19.6"), ("two", "19.6"), ("three", "17")):
        make_figure(company, price, source=make_filing(slug, publisher=slug), **term)
    terms = profile_on(company).listings[0].terms
    assert len(terms) == 1
    sources = [[figure.source.slug for figure in said.sources] for said in terms[0].statements]
    assert sources == [["one", "two"], ["three"]]
    said = text(page())
    assert "CNY 19.60" in said
    assert "CNY 17.00" in said
    assert said.count("sources differ") == 1


def test_figures_are_grouped_by_metric_and_period_with_the_firmest_first() -> None:
    company = make_company()
    make_figure(company, "1600", "1700", basis=Basis.GUIDANCE, known_on=date(2026, 1, 31))
    make_figure(company, "1650")
    make_figure(
        company, "700", period="2025H1", period_start=date(2025, 1, 1), period_end=date(2025, 6, 30),
        known_by=Known.INFERRED, known_on=date(2025, 8, 31),
    )  # fmt: skip
    make_figure(company, "-90", metric=Metric.NET_PROFIT)
    found = profile_on(company).figures
    assert [(history.metric, [stated.period for stated in history.periods]) for history in found] == [
        ("revenue", ["FY2025", "2025H1"]),
        ("net_profit_attributable", ["FY2025"]),
    ]
    statements = found[0].periods[0].statements
    assert [(said.figure.basis, said.figure.low) for said in statements] == [
        ("actual", Decimal(1650)),
        ("guidance", Decimal(1600)),
    ]
    said = text(page())
    assert "CNY 1,600–1,700" in said
    assert "known on 31 Aug 2025 ( date inferred )" in re.sub(r"([()])", r" \1 ", said).replace("  ", " ")
    assert "CNY −90" in said


def test_what_is_published_later_is_counted_but_not_shown() -> None:
    company = make_company()
    make_figure(company, "1000", known_on=date(2026, 4, 30))
    make_round(company, "5000", known_on=date(2026, 4, 30))
    make_milestone(company, known_on=date(2026, 4, 30), detail="Later news")
    said = text(page(as_of="2026-04-29"))
    assert "1 further figure counts from a day after 29 Apr 2026 and is not used here." in said
    assert "CNY 1,000" not in said
    assert "Series B" not in said
    assert "Later news" not in said
    said = text(page(as_of="2026-04-30"))
    assert "further figure" not in said
    assert "CNY 1,000" in said
    assert "Series B" in said
    assert "Later news" in said


def test_rounds_and_milestones_show_dates_as_precisely_as_they_are_known() -> None:
    company = make_company()
    make_round(company, precision="month", post_money_high=9000)
    make_milestone(company, precision="year")
    said = text(page())
    assert "Mar 2026" in said
    assert "CNY 5,000–9,000" in said
    assert "2026 application accepted SSE STAR" in said


def quotes(listing: Listing, closes: list[str], last: date = DAY) -> None:
    for back, close in enumerate(reversed(closes)):
        make_quote(listing, close, day=last - timedelta(days=back))


def test_prices_before_a_bonus_issue_are_shown_adjusted_and_raw_on_demand() -> None:
    company = make_company()
    listing = make_listing(company)
    make_share_count(company)
    quotes(listing, ["149", "149", "100", "101"], DAY + timedelta(days=1))
    make_action(company, "1.49")  # ex on DAY, so 149 before it compares with 100
    days = profile_on(company, DAY + timedelta(days=1)).listings[0].days
    assert [f"{day.quote.close:.2f}" for day in days] == ["101.00", "100.00", "149.00", "149.00"]
    assert [f"{day.adjusted:.2f}" for day in days] == ["101.00", "100.00", "100.00", "100.00"]
    adjusted, raw = page(), page(prices="raw")
    assert "?prices=raw" in adjusted
    assert "Show adjusted prices" in raw
    assert re.search(r'"y": \[100\.0, 100\.0, 100\.0, 101\.0\]', adjusted)
    assert re.search(r'"y": \[149\.0, 149\.0, 100\.0, 101\.0\]', raw)


def test_raw_prices_keep_the_rest_of_the_address() -> None:
    company = make_company()
    quotes(make_listing(company), ["149", "100"])
    make_action(company)
    assert f"?currency=USD&amp;as_of={DAY}&amp;prices=raw" in page(currency="USD", as_of=str(DAY))


def test_corporate_actions_are_listed_with_what_they_did_and_who_says_so() -> None:
    company = make_company()
    quotes(make_listing(company), ["149", "100"])
    make_action(company, ex_day=DAY - timedelta(days=3))
    make_action(
        company,
        "1",
        kind="dividend",
        cash=Decimal("0.08"),
        currency="CNY",
        share_class="A",
        provider="tencent_history",
        fetched_at=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
    )
    make_action(company, "2", ex_day=DAY + timedelta(days=1))
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page(as_of=str(DAY)).partition('id="actions"')[2]))
    told = told.partition("Figures")[0]
    assert "cash dividend, A shares CNY 0.08 per share Tencent daily bars fetched" in told
    assert "bonus issue × 1.49 Exchange official document" in told
    assert "× 2" not in told


def test_a_dividend_is_no_step_of_the_price_line() -> None:
    company = make_company()
    quotes(make_listing(company), ["100", "99"])
    make_action(company, "1", kind="dividend", cash=Decimal(1), currency="CNY")
    assert "Closing prices as they were paid." in page()


def test_no_raw_prices_are_offered_where_they_are_the_same() -> None:
    quotes(make_listing(), ["99", "100"])
    assert "Show raw prices" not in page()


def test_every_chart_has_a_caption_and_a_table() -> None:
    company = make_company()
    quotes(make_listing(company), ["98", "99", "100"])
    make_share_count(company)
    html = page()
    assert html.count("data-chart=") == 2  # price, market value
    assert html.count("<figcaption>") == 2
    assert html.count('<table class="days">') == 2
    assert "plotly-finance" in html


def test_a_company_without_prices_loads_no_charts() -> None:
    make_company()
    html = page()
    assert "data-chart=" not in html
    assert "plotly" not in html


def test_two_listings_have_a_chart_a_price_and_terms_each() -> None:
    company = make_company()
    shanghai, hong_kong = make_listing(company), make_listing(company, "6082", mic="XHKG")
    for listing in (shanghai, hong_kong):
        quotes(listing, ["99", "100"])
    make_rate("HKD/CNY", "0.9", day=DAY - timedelta(days=1))
    make_share_count(company, 600, share_class="A")
    make_share_count(company, 400, share_class="H", source=make_filing("h"))
    html = page(as_of=str(DAY))
    assert html.count("data-chart=") == 3
    assert "HKD 100.00" in text(html)
    assert "CNY 96,000" in text(html)  # 600 x 100 + 400 x 100 x 0.9
    found = profile_on(company).listings
    assert [(item.listing.ticker, item.price is not None, len(item.days)) for item in found] == [
        ("6082", True, 2),
        ("688001", True, 2),
    ]


def test_a_listing_to_come_is_not_shown_yet() -> None:
    make_listing(make_company(), listed_on=DAY)
    assert "688001" not in page(as_of=str(DAY - timedelta(days=1)))
    assert "Not listed on 1 Mar 2026." in text(page(as_of=str(DAY - timedelta(days=1))))
    assert "688001" in page(as_of=str(DAY))


def test_the_number_of_queries_depends_on_nothing_that_grows() -> None:
    counts = []
    for slug, n in (("small", 1), ("large", 3)):
        company = make_company(slug)
        for place in range(n):
            listing = make_listing(company, f"{place}{n}", mic="XHKG" if place else "XSHG")
            quotes(listing, ["100"] * (DAYS_SHOWN * n))
            make_figure(company, "1", metric=Metric.OFFER_PRICE, listing=listing, source=make_filing(f"{slug}-{place}"))
            make_figure(company, str(place), known_on=DAY - timedelta(days=place))
            make_round(company)
            make_milestone(company)
        make_share_count(company)
        with CaptureQueriesContext(connection) as queries:
            page(slug)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("headers", "whole_page"), [({}, True), (PARTIAL, False), ({**PARTIAL, "HX-Request-Type": "full"}, True)]
)
def test_htmx_gets_the_company_only(headers: dict[str, str], whole_page: bool) -> None:
    make_company()
    html = page(headers=headers)
    assert ("<html" in html) is whole_page
    assert 'id="company"' in html


@pytest.mark.parametrize(
    "query", ["as_of=2025-13-01", "basis=guess", "currency=XXX", "as_of=9999-12-31", f"as_of={'9' * 10_000}"]
)
def test_an_impossible_address_is_refused_clearly(query: str) -> None:
    make_company()
    response = Client().get(f"/companies/acme/?{query}")
    assert response.status_code == 400
    assert "This page cannot be shown" in response.content.decode()


def test_an_unknown_company_is_not_found() -> None:
    assert Client().get("/companies/nobody/").status_code == 404


def test_a_day_before_all_facts_gives_a_page_that_says_so() -> None:
    company = make_company()
    quotes(make_listing(company), ["99", "100"])
    make_figure(company)
    said = text(page(as_of="2015-01-05"))
    assert "Not listed on 5 Jan 2015." in said
    assert "No figure was known on 5 Jan 2015." in said
    assert "1 further figure counts from a day after 5 Jan 2015" in said


def test_a_chinese_reader_gets_chinese_units() -> None:
    company = make_company(name_zh="极品")
    make_figure(company, "160000000")
    html = page(headers={"Accept-Language": "zh-hans"})
    assert "1.6亿元" in html
    assert "2025财年" in html


def test_nothing_inline_and_every_id_once() -> None:
    company = make_company()
    quotes(make_listing(company), ["99", "100"])
    make_share_count(company)
    html = page()
    assert " style=" not in html
    assert not re.search(r"\son[a-z]+=", html)
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
