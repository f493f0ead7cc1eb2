"""The sector page and its source panel as HTML: page and partial, links, words, and what the policy forbids."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from companies.models import Basis, Company, Known, Metric, Revision
from tests.elements import Elements
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_exchange_year,
    make_figure,
    make_listing,
    make_quote,
    make_rate,
    make_round,
    make_share_count,
    make_staff,
)
from valuations.figures import history_figures, sector_figure
from valuations.sector import sector
from valuations.snapshot import today
from valuations.state import State

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
BOOSTED = {"HX-Request": "true", "HX-Request-Type": "full", "HX-Boosted": "true"}
BACK = {"HX-History-Restore-Request": "true"}
THEN = f"as_of={DAY}&basis=fy"
STATE = State(as_of=DAY, basis="fy")


def get(query: str = THEN, path: str = "/", headers: dict[str, str] | None = None) -> Any:
    return Client().get(f"{path}?{query}", headers=headers or {})


def html(query: str = THEN, path: str = "/", headers: dict[str, str] | None = None) -> str:
    source: str = get(query, path, headers).content.decode()
    return source


def text(source: str) -> str:
    """What a reader sees, spaces evened out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", source))


def row(source: str, slug: str) -> str:
    """The HTML of one row of the table."""
    found = re.search(rf'<tr id="row-{slug}".*?</tr>', source, re.DOTALL)
    assert found
    return found[0]


@pytest.fixture
def acme() -> Company:
    """5 million shares at 200 yuan, revenue of 10 million yuan: 1 billion, 100 times revenue."""
    company = make_company("acme", name_en="Acme Chips", name_zh="顶点芯片")
    make_exchange_year()
    listing = make_listing(company)
    make_quote(listing, "190", day=DAY - timedelta(days=3))
    make_quote(listing, "200")
    make_share_count(company, 5_000_000)
    make_figure(company, "10_000_000")
    return company


@pytest.fixture
def guided() -> Company:
    """1 million shares at 1,000 yuan, guidance of 8 to 10 million yuan."""
    company = make_company("guided", name_en="Guided Chips", segment="ai_asic")
    make_quote(make_listing(company, "688002"), "1000")
    make_share_count(company, 1_000_000)
    make_figure(company, "8_000_000", "10_000_000", basis=Basis.GUIDANCE, reported_in="earnings_forecast")
    return company


@pytest.mark.parametrize(("headers", "whole_page"), [({}, True), (HTMX, False), (BOOSTED, True), (BACK, True)])
@pytest.mark.parametrize(("path", "part"), [("/", "sector"), ("/companies/acme/price/source/", "source")])
def test_htmx_gets_the_part_it_swaps_and_nobody_else_does(
    acme: Company, path: str, part: str, headers: dict[str, str], whole_page: bool
) -> None:
    answer = get(path=path, headers=headers)
    source = answer.content.decode()
    assert ("<html" in source) is whole_page
    assert source.count(f'id="{part}"') == 1
    assert "HX-Request-Type" in answer["Vary"]


@pytest.mark.parametrize(
    "path",
    ["/", "/companies/acme/market_value/source/", "/accounts/login/", "/?as_of=2026-13-01", "/no-such-page/"],
)
def test_nothing_is_inline_and_the_policy_says_so(acme: Company, path: str) -> None:
    answer = Client().get(path)
    elements = Elements(answer.content.decode())
    for name, attributes in elements.found:
        assert "style" not in attributes, name
        assert not [key for key in attributes if key.startswith(("on", "hx-on"))], name
        assert not [value for value in attributes.values() if (value or "").startswith(("js:", "javascript:"))], name
    assert not elements.of("style")
    assert all("src" in script or script.get("type") == "application/json" for script in elements.of("script"))
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "unsafe" not in policy


def test_every_link_of_the_page_leads_somewhere(acme: Company, guided: Company) -> None:
    elements = Elements(html())
    own = {link["href"] for link in elements.of("a") if (link["href"] or "").startswith("/")}
    asked = {attributes["hx-get"] for _name, attributes in elements.found if attributes.get("hx-get")}
    assert len(own) > 20
    client = Client()
    for address in {*own, *asked}:
        assert address
        assert client.get(address).status_code in (200, 302), address


def test_every_htmx_link_is_a_real_link_to_the_same_place(acme: Company) -> None:
    for link in Elements(html()).of("a"):
        if "hx-get" in link:
            assert link["hx-get"] == link["href"]
    for form in Elements(html()).of("form"):
        if "hx-get" in form:
            assert form["hx-get"] == form["action"]


def test_the_form_holds_the_state_and_works_by_itself(acme: Company) -> None:
    elements = Elements(html(f"{THEN}&currency=CNY&scale=linear&benchmarks=on&sort=company&direction=asc"))
    fields = elements.of("input")
    chosen = {
        field["name"]: field["value"]
        for field in fields
        if "checked" in field or field.get("type") in ("hidden", "date")
    }
    assert chosen == chosen | {
        "basis": "fy", "currency": "CNY", "scale": "linear", "benchmarks": "on", "as_of": str(DAY),
        "sort": "company", "direction": "asc",
    }  # fmt: skip
    assert any(button.get("class") == "without-script" for button in elements.of("button"))


def test_a_row_says_everything_with_units_and_days(acme: Company) -> None:
    found = text(row(html(), "acme"))
    for part in ("Acme Chips", "顶点芯片", "688001", "200.00", "CNY", "▲ +5.3%", "1", "0.01", "FY2025", "100×"):
        assert part in found
    assert "closed · 2 Mar" in found


def test_a_range_stays_a_range_in_table_and_totals(guided: Company) -> None:
    source = html(f"as_of={DAY}&basis=guidance")
    found = text(row(source, "guided"))
    assert "0.008–0.01" in found
    assert "100–125×" in found
    assert "guidance" in found
    assert "CNY 8–10 m" in text(source)
    assert "1 of 1 companies, 1 as a range" in text(source)


def test_a_missing_number_says_why_and_still_opens_its_panel() -> None:
    make_company("quiet", name_en="Quiet Chips")
    source = html()
    found = row(source, "quiet")
    assert "no revenue known on this day" in found
    assert "not listed" in found
    assert 'href="/companies/quiet/revenue/source/' in found
    assert "no revenue known on this day" in text(html(path="/companies/quiet/revenue/source/"))


def test_an_inferred_date_and_a_newer_period_are_marked(acme: Company) -> None:
    make_figure(acme, "9_000_000", period="FY2024", period_start=date(2024, 1, 1), period_end=date(2024, 12, 31),
                known_by=Known.INFERRED)  # fmt: skip
    assert "date inferred" not in row(html(), "acme")
    acme.figures.filter(period="FY2025").delete()
    Revision.bump()
    assert "date inferred" in row(html(), "acme")
    make_figure(acme, "3_000_000", period="2025H1", period_start=date(2025, 1, 1), period_end=date(2025, 6, 30))
    Revision.bump()
    found = row(html(f"as_of={DAY}&basis=ttm"), "acme")
    assert "H1 2025 known, not comparable" in found


def test_totals_without_members_are_dashes_with_their_reason() -> None:
    make_company("quiet")
    found = text(html())
    assert "— no company has this number" in found
    assert "— NVIDIA&#x27;s market value is not known on this day" in found


def test_totals_name_their_parts_and_who_is_left_out(acme: Company) -> None:
    make_company("quiet", name_en="Quiet Chips")
    found = text(html())
    assert "Acme Chips 1 = CNY 1 bn" in found
    assert "Quiet Chips: not listed, and no funding round with a stated value is known" in found


def test_benchmarks_stay_out_of_totals_and_are_drawn_apart(acme: Company) -> None:
    nvidia = make_company("nvidia", name_en="NVIDIA", segment="benchmark")
    make_quote(make_listing(nvidia, "NVDA", mic="XNAS"), "10")
    make_share_count(nvidia, 1_000_000_000)
    make_figure(nvidia, "1_000_000_000", currency="USD")
    make_rate("USD/CNY", "7")
    found = html(f"{THEN}&benchmarks=on")
    assert "1.4%" in text(found)  # 1 of 70 billion yuan
    assert "1% of NVIDIA = CNY 700 m" in text(found)
    assert "1 of 1 companies" in text(found)
    chart = sector_figure(sector(State(as_of=DAY, basis="fy", benchmarks="on")))
    roles = {trace["meta"]["role"]: trace.get("customdata") for trace in chart["data"]}
    assert (roles["listed"], roles["benchmark"]) == (["acme"], ["nvidia"])


def test_the_chart_has_a_table_a_sentence_and_names_what_it_cannot_draw(acme: Company) -> None:
    make_company("quiet", name_en="Quiet Chips")
    source = html()
    assert 'data-chart="sector-chart-data"' in source
    data = json.loads(re.search(r'<script id="sector-chart-data"[^>]*>(.*?)</script>', source, re.DOTALL)[1])  # type: ignore[index]
    assert [trace["text"] for trace in data["data"] if trace["meta"]["role"] == "listed"] == [["Acme Chips"]]
    assert data["not_drawn"] == [
        {
            "name": "Quiet Chips",
            "slug": "quiet",
            "reason": "not listed, and no funding round with a stated value is known",
        }
    ]
    assert "Highest market value: Acme Chips, CNY 1 bn." in data["layout"]["meta"]["summary"]
    assert "1 company is not drawn" in text(source)


def test_revenue_of_less_than_a_year_is_not_drawn(acme: Company) -> None:
    acme.figures.all().delete()
    make_figure(acme, "4_000_000", "5_000_000", period="2026Q1", period_start=date(2026, 1, 1),
                period_end=date(2026, 3, 31), basis=Basis.GUIDANCE, reported_in="earnings_forecast")  # fmt: skip
    chart = sector_figure(sector(State(as_of=DAY, basis="guidance")))
    assert [item["reason"] for item in chart["not_drawn"]] == ["Q1 2026 is not twelve months"]


def test_an_unlisted_company_is_hollow_at_its_last_round() -> None:
    company = make_company("unlisted")
    make_round(company, "2_000_000_000", post_money_high=Decimal(3_000_000_000))
    make_figure(company, "20_000_000")
    chart = sector_figure(sector(STATE))
    hollow = next(trace for trace in chart["data"] if trace["meta"]["role"] == "unlisted")
    assert hollow["customdata"] == ["unlisted"]
    assert hollow["error_y"]["visible"] is True
    assert "Hollow marks are not listed, at their last funding round." in chart["caption"]
    assert "round, 2 Mar" in text(row(html(), "unlisted"))


def test_chinese_readers_get_chinese_names_and_units(acme: Company) -> None:
    source = html(headers={"Accept-Language": "zh-CN"})
    assert 'lang="zh-Hans"' in source
    assert 'data-up="red"' in source
    assert "10亿元" in source
    found = row(source, "acme")
    assert found.index("顶点芯片") < found.index("Acme Chips")
    with translation.override("zh-hans"):
        chart = sector_figure(sector(STATE))
    assert "亿元" in chart["layout"]["xaxis"]["title"]["text"]
    drawn = next(trace for trace in chart["data"] if trace["meta"]["role"] == "listed")
    assert (drawn["x"], drawn["y"], drawn["text"]) == ([0.1], [10.0], ["顶点芯片"])


@pytest.mark.parametrize(
    ("cookie", "said"),
    [
        ({}, 'data-theme="system" data-up="green"'),
        ({"theme": "dark", "direction_colours": "red_up"}, 'data-theme="dark" data-up="red"'),
        ({"theme": '"><script>', "direction_colours": "x"}, 'data-theme="system" data-up="green"'),
    ],
)
def test_the_server_says_theme_and_colours_so_that_nothing_flashes(cookie: dict[str, str], said: str) -> None:
    client = Client()
    client.cookies.load(cookie)
    assert said in client.get("/").content.decode()


def test_an_account_keeps_theme_and_colours_for_browsers_without_the_cookie() -> None:
    staff = make_staff()
    staff.theme, staff.direction_colours = "light", "red_up"
    staff.save()
    client = Client()
    client.force_login(staff)
    source = client.get("/").content.decode()
    assert 'data-theme="light" data-up="red"' in source
    assert 'href="/admin/"' in source
    assert "Sign out" in source


def test_the_page_polls_only_while_it_follows_the_present(acme: Company) -> None:
    assert "data-poll" not in html()
    present = html("")
    assert "data-poll" in present
    tag = get("")["HX-PTag"]
    assert f'hx-ptag="{tag}"' in html("")
    unchanged = get("", headers={**HTMX, "HX-PTag": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_day_before_any_price_says_so_and_leads_to_the_first(acme: Company) -> None:
    source = html("as_of=2019-01-01")
    first = DAY - timedelta(days=3)
    assert "No price is known on or before 1 Jan 2019." in text(source)
    assert f'href="/?as_of={first}"' in source


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("as_of=2025-13-01", "Write the day as YYYY-MM-DD"),
        (f"as_of={today() + timedelta(days=2)}", "has not come yet"),
        ("basis=ebitda", "Select a valid choice"),
        ("currency=XXX&basis=fy", "Select a valid choice"),
        ("segment=" + "x" * 10_000, "Select a valid choice"),
    ],
)
def test_an_impossible_address_is_refused_with_the_nearest_possible_one(query: str, said: str) -> None:
    answer = get(query)
    source = answer.content.decode()
    assert answer.status_code == 400
    assert said in source
    assert 'id="problems"' in source
    nearest = next(link["href"] for link in Elements(source).of("a") if link.get("class") == "button")
    assert nearest
    assert Client().get(nearest).status_code == 200


def test_the_source_panel_names_formula_inputs_pages_and_what_others_report(acme: Company) -> None:
    make_figure(acme, "11_000_000", basis=Basis.PRELIMINARY, reported_in="express_report", passage="营业收入1100万元")
    panel = text(html(path="/companies/acme/revenue/source/"))
    for part in (
        "Acme Chips",
        "CNY 10 m",
        "revenue FY2025",
        "Annual report",
        "official document",
        "known on 2 Mar 2026",
    ):
        assert part in panel
    assert "Also reported" in panel
    assert "营业收入1100万元" in panel
    value = text(html(path="/companies/acme/market_value/source/"))
    assert "= price × shares × exchange rate" in value
    assert "5,000,000" in value
    source = html(path="/companies/acme/revenue/source/")
    outward = [link for link in Elements(source).of("a") if (link["href"] or "").startswith("https://")]
    assert outward
    assert all(link["rel"] == "noopener external" for link in outward)


@pytest.mark.parametrize("name", ["price", "market_value", "revenue", "price_to_sales", "rd_to_revenue"])
def test_every_number_has_a_panel_whether_known_or_not(acme: Company, name: str) -> None:
    make_figure(acme, "2_000_000", metric=Metric.RD_EXPENSE)
    make_company("quiet")
    for slug in ("acme", "quiet"):
        assert get(path=f"/companies/{slug}/{name}/source/").status_code == 200
    assert get(path="/companies/acme/ebitda/source/").status_code == 404


def test_long_tables_are_paged_and_the_chart_shows_the_same_rows(acme: Company, guided: Company, settings: Any) -> None:
    settings.ROWS_PER_PAGE = 1
    source = html(f"{THEN}&sort=company&direction=asc")
    assert "Page 1 of 2" in text(source)
    assert 'rel="next"' in source
    assert 'id="row-acme"' in source
    assert 'id="row-guided"' not in source
    second = html(f"{THEN}&sort=company&direction=asc&page=2")
    assert 'id="row-guided"' in second
    assert 'rel="prev"' in second


def test_error_pages_stand_and_are_translated(client: Client) -> None:
    missing = client.get("/no-such-page/")
    assert missing.status_code == 404
    assert 'name="q"' in missing.content.decode()


def test_prices_of_the_past_are_comparable_unless_raw(acme: Company) -> None:
    """100 yuan before a bonus of 4.9 for 10 are 67.11 yuan after it; market value does not notice."""
    listing = acme.listings.get()
    listing.quotes.all().delete()
    make_quote(listing, "149", day=DAY - timedelta(days=1))
    make_quote(listing, "100")
    make_action(acme, "1.49")
    acme.share_counts.update(valid_from=DAY - timedelta(days=30))
    adjusted = history_figures(acme, STATE, raw=False)
    raw = history_figures(acme, STATE, raw=True)
    price = f"price-{listing.pk}"
    assert adjusted[price]["data"][0]["y"] == [100.0, 100.0]
    assert raw[price]["data"][0]["y"] == [149.0, 100.0]
    assert adjusted["market-value"]["data"][0]["y"] == [0.745, 0.745]


def test_a_history_ends_on_the_day_of_the_page(acme: Company) -> None:
    make_quote(acme.listings.get(), "300", day=DAY + timedelta(days=1))
    charts = history_figures(acme, STATE, raw=False)
    for chart in charts.values():
        assert chart["data"][0]["x"][-1] == str(DAY)


def test_a_history_in_another_currency_has_gaps_where_no_rate_is_known(acme: Company) -> None:
    make_quote(acme.listings.get(), "210", day=DAY + timedelta(days=1))
    make_rate("USD/CNY", "7")
    later = State(as_of=DAY + timedelta(days=1), currency="USD")
    values = history_figures(acme, later, raw=False)["market-value"]["data"][0]["y"]
    assert values == [None, pytest.approx(1 / 7, rel=1e-6), pytest.approx(1.05 / 7, rel=1e-6)]


def test_a_history_costs_five_queries_however_long(acme: Company) -> None:
    for age in range(4, 40):
        make_quote(acme.listings.get(), "100", day=DAY - timedelta(days=age))
    with CaptureQueriesContext(connection) as queries:
        history_figures(acme, STATE, raw=False)
    assert len(queries) == 5
