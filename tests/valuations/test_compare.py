"""The compare page: companies side by side, their newest figures, and their prices on one scale."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings

from companies.models import Basis, Company, Metric, Revision
from tests.elements import Elements
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_exchange_year,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_rate,
    make_round,
    make_share_count,
    make_staff,
)
from valuations.charts import Line, LineWords, compared_chart
from valuations.compare import comparison
from valuations.compare_state import CompareState, months_before
from valuations.figures import comparison_figure
from valuations.models import Quote
from valuations.rebase import base_day, rebased

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
BOOSTED = {"HX-Request": "true", "HX-Request-Type": "full", "HX-Boosted": "true"}
BACK = {"HX-History-Restore-Request": "true"}
FRIDAY = DAY - timedelta(days=3)
BOTH = f"c=acme&c=bolt&as_of={DAY}"


def get(query: str = BOTH, path: str = "/compare/", headers: dict[str, str] | None = None) -> Any:
    return Client().get(f"{path}?{query}", headers=headers or {})


def html(query: str = BOTH, headers: dict[str, str] | None = None) -> str:
    source: str = get(query, headers=headers).content.decode()
    return source


def text(source: str) -> str:
    """What a reader sees, spaces evened out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", source)).strip()


def cells(source: str, title: str) -> list[str]:
    """What the row of the table says whose header begins with a title: one text per company."""
    for found in re.findall(r"<tr>\s*(<th scope=\"row\">.*?)</tr>", source, re.DOTALL):
        header, *others = re.split(r"<td[^>]*>", found)
        if text(header).startswith(title):
            return [text(other) for other in others]
    raise AssertionError(f"no row {title}")


def points(*values: tuple[int, str]) -> list[tuple[date, Decimal]]:
    """Values of days of January 2026."""
    return [(date(2026, 1, number), Decimal(value)) for number, value in values]


def state(*slugs: str, **values: Any) -> CompareState:
    return CompareState(c=slugs, **{"as_of": DAY, **values})


@pytest.fixture
def acme(db: None) -> Company:
    """5 million shares at 200 yuan after 160 on Friday; 10 million yuan of revenue in 2025: 1 billion, 100 times it."""
    company = make_company("acme", name_en="Acme Chips", name_zh="顶点芯片")
    make_exchange_year()
    listing = make_listing(company)
    make_quote(listing, "160", day=FRIDAY)
    make_quote(listing, "200")
    make_share_count(company, 5_000_000)
    make_figure(company, "10_000_000")
    return company


@pytest.fixture
def bolt(db: None) -> Company:
    """2 million H shares at 50 Hong Kong dollars after 40; guidance of 8 to 10 million yuan, no year reported."""
    company = make_company("bolt", name_en="Bolt Chips")
    listing = make_listing(company, "6001", mic="XHKG")
    make_quote(listing, "40", day=FRIDAY)
    make_quote(listing, "50")
    make_share_count(company, 2_000_000)
    make_rate("HKD/CNY", "0.9")
    make_figure(company, "8_000_000", "10_000_000", basis=Basis.GUIDANCE, reported_in="earnings_forecast")
    return company


# --- One scale --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "base"),
    [
        ([points((5, "10"), (6, "11"))], 5),
        ([points((5, "10"), (6, "11")), points((6, "3"), (9, "4"))], 6),
        ([points((5, "10"), (7, "11")), points((6, "3"), (9, "4"))], 6),
        ([points((5, "10")), []], 5),
    ],
)
def test_the_base_day_is_the_first_by_which_every_series_has_a_value(series: Sequence[Any], base: int) -> None:
    assert base_day(series) == date(2026, 1, base)


@pytest.mark.parametrize(
    ("given", "base", "expected"),
    [
        (points((5, "20"), (6, "25"), (7, "15")), 5, points((5, "100"), (6, "125"), (7, "75"))),
        (points((5, "20"), (6, "25"), (7, "15")), 6, points((6, "100"), (7, "60"))),
        # Closed on the 6th: the close of the 5th counts.
        (points((5, "20"), (7, "15")), 6, points((6, "100"), (7, "75"))),
        (points((5, "20")), 6, points((6, "100"))),
    ],
)
def test_a_series_is_100_on_the_base_day_and_keeps_its_proportions(given: Any, base: int, expected: Any) -> None:
    assert rebased(given, date(2026, 1, base)) == expected


def test_a_series_that_begins_after_the_base_day_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-01-05"):
        rebased(points((6, "1")), date(2026, 1, 5))


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-03-02", 1, "2026-02-02"),
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2026-01-15", 3, "2025-10-15"),
        ("2026-12-31", 6, "2026-06-30"),
        ("2024-02-29", 12, "2023-02-28"),
    ],
)
def test_a_period_begins_on_the_same_day_of_an_earlier_month(day: str, months: int, expected: str) -> None:
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(expected)


def test_every_line_is_told_apart_by_colour_and_dash_and_plotly_takes_the_chart() -> None:
    lines = [Line(f"<{number}>", points((5, "100"), (6, str(90 + number)))) for number in range(8)]
    chart = compared_chart(lines, LineWords("Prices", "100"), reference=Decimal(100))
    go.Figure({"data": chart["data"], "layout": {**chart["layout"], "meta": None}})
    looks = {(int(trace["meta"]["role"][7:]) % 4, trace["line"]["dash"]) for trace in chart["data"]}
    assert len(looks) == 8
    low, high = chart["layout"]["yaxis"]["range"]
    assert low < 90
    assert 100 < high < 102  # the axis does not begin at zero
    assert "<0>" not in chart["data"][0]["hovertemplate"]


def test_eight_long_lines_send_no_more_points_than_one() -> None:
    year = [(date(2016, 1, 1) + timedelta(days=number), Decimal(number + 1)) for number in range(3650)]
    chart = compared_chart([Line(str(n), year) for n in range(8)], LineWords("", ""), reference=Decimal(100))
    assert sum(len(trace["x"]) for trace in chart["data"]) <= 2500
    assert {trace["x"][0] for trace in chart["data"]} == {"2016-01-01"}


# --- Prices since a common day ----------------------------------------------------------------------


def courses(chosen: CompareState) -> dict[str, list[tuple[date, Decimal]]]:
    return {course.member.company.slug: list(course.points) for course in comparison(chosen).history.courses}


def test_prices_in_two_currencies_are_rebased_without_a_rate(acme: Company, bolt: Company) -> None:
    assert courses(state("acme", "bolt")) == {
        "acme": [(FRIDAY, Decimal(100)), (DAY, Decimal(125))],
        "bolt": [(FRIDAY, Decimal(100)), (DAY, Decimal(125))],
    }


def test_a_bonus_issue_is_no_fall(acme: Company) -> None:
    make_action(acme, "1.25")  # 160 before the ex-day compares with 128 since: 200 is 156.25
    assert courses(state("acme"))["acme"][-1] == (DAY, Decimal("156.25"))


def test_an_action_of_a_later_day_is_not_known_yet(acme: Company) -> None:
    make_action(acme, "2", ex_day=DAY + timedelta(days=1))
    assert courses(state("acme"))["acme"][-1] == (DAY, Decimal(125))


def test_the_period_limits_how_far_back_the_base_day_lies(acme: Company) -> None:
    make_quote(acme.listings.get(), "50", day=date(2025, 12, 1))
    assert comparison(state("acme", period="1m")).history.base == FRIDAY
    assert comparison(state("acme", period="6m")).history.base == date(2025, 12, 1)
    make_quote(acme.listings.get(), "25", day=date(2021, 1, 4))
    assert comparison(state("acme", period="all")).history.base == date(2021, 1, 4)


def test_a_company_that_cannot_be_drawn_says_why_and_does_not_move_the_base(acme: Company, bolt: Company) -> None:
    make_company("quiet", name_en="Quiet Chips")
    Quote.objects.filter(listing__company=bolt, day=FRIDAY).delete()
    history = comparison(state("acme", "bolt", "quiet")).history
    assert history.base == FRIDAY
    assert [course.member.company.slug for course in history.courses] == ["acme"]
    assert [(member.company.slug, str(reason)) for member, reason in history.not_drawn] == [
        ("bolt", "fewer than two prices from 27 Feb 2026 on"),
        ("quiet", "not listed"),
    ]
    assert "Quiet Chips is not drawn: not listed." in text(html(f"{BOTH}&c=quiet"))


def test_without_any_line_the_page_says_so(db: None) -> None:
    make_company("quiet")
    source = html(f"c=quiet&as_of={DAY}")
    assert "None of these companies has two prices within the period." in source
    assert "data-chart" not in source


def test_the_chart_says_its_base_day_and_what_it_leaves_out(acme: Company, bolt: Company) -> None:
    chart = comparison_figure(comparison(state("acme", "bolt")).history)
    assert chart is not None
    meta = chart["layout"]["meta"]
    assert meta["title"] == "Share prices, 27 Feb 2026 = 100"
    assert "own currency, adjusted for bonus issues and splits; without dividends" in meta["caption"]
    assert meta["summary"] == (
        "Share prices from 27 Feb 2026, when each is 100, to 2 Mar 2026: Acme Chips 125.0, Bolt Chips 125.0."
    )
    assert [trace["name"] for trace in chart["data"]] == ["Acme Chips", "Bolt Chips"]


def test_the_newest_days_stand_beside_the_chart_with_gaps_where_an_exchange_was_closed(
    acme: Company, bolt: Company
) -> None:
    thursday = FRIDAY - timedelta(days=1)
    make_quote(acme.listings.get(), "100", day=thursday)
    Quote.objects.filter(listing__company=bolt, day=FRIDAY).update(day=thursday)
    history = comparison(state("acme", "bolt")).history
    assert history.newest(2) == [
        (DAY, (Decimal(200), Decimal(125))),
        (FRIDAY, (Decimal(160), None)),
    ]
    assert len(history.newest(10)) == 3


@time_machine.travel(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
def test_readers_without_login_see_no_line_to_a_price_they_may_not_see(acme: Company, settings: Settings) -> None:
    settings.PUBLIC_DELAY_MINUTES = 15
    Quote.objects.filter(day=DAY).update(
        close=Decimal("212.34"), last_at=datetime(2026, 3, 2, 2, 58, tzinfo=UTC), final=False
    )
    Revision.bump()
    for path in ("/compare/", "/compare.json", "/compare.csv"):
        assert "212.34" not in get("c=acme", path).content.decode()
    assert courses(CompareState(c=("acme",), delay_minutes=15)) == {}
    client = Client()
    client.force_login(make_staff())
    assert "212.34" in client.get("/compare/?c=acme").content.decode()


# --- Number by number -------------------------------------------------------------------------------


def test_columns_stand_in_the_order_of_the_address_each_once(acme: Company, bolt: Company) -> None:
    source = html(f"c=bolt&c=acme&c=bolt&as_of={DAY}")
    heads = re.findall(r'<th scope="col"><a[^>]*>([^<]*)</a>', source)
    assert heads == ["Bolt Chips", "Acme Chips"]


def test_every_number_has_its_unit_and_its_state(acme: Company, bolt: Company) -> None:
    source = html(BOTH)
    assert cells(source, "Price local currency") == ["200.00 CNY closed · 2 Mar", "50.00 HKD closed · 2 Mar"]
    assert cells(source, "Day’s change")[0] == "▲ +25.0%"
    assert cells(source, "Market value CNY bn") == ["1", "0.09"]


def test_price_to_sales_stands_on_every_basis_and_a_range_stays_a_range(acme: Company, bolt: Company) -> None:
    source = html(f"{BOTH}&basis=fy")
    # 90 million ÷ 10 million to 90 million ÷ 8 million
    assert cells(source, "Price to sales, last fiscal year")[0] == "100×"
    assert cells(source, "Price to sales, guidance")[1] == "9–11×"
    assert cells(source, "Revenue, last fiscal year")[0].startswith("0.01 FY2025")
    assert 'href="/companies/bolt/price_to_sales/source/?basis=guidance&amp;as_of=2026-03-02"' in source


def test_a_missing_number_says_why_and_still_opens_its_source(acme: Company) -> None:
    make_company("quiet")
    source = html(f"c=acme&c=quiet&as_of={DAY}")
    assert cells(source, "Market value")[1] == "— not listed, and no funding round with a stated value is known"
    assert cells(source, "Revenue, trailing")[1] == "— no revenue known on this day"
    assert 'href="/companies/quiet/revenue/source/?as_of=2026-03-02"' in source


def test_an_unlisted_company_stands_at_its_last_round_and_says_so(acme: Company) -> None:
    make_round(make_company("unlisted"), "2_000_000_000", post_money_high=Decimal(3_000_000_000))
    assert cells(html(f"c=unlisted&as_of={DAY}"), "Market value") == ["2–3 funding round of 2 Mar 2026"]


def profit(company: Company, low: str, period: str, first: str, last: str, **fields: Any) -> None:
    make_figure(
        company, low, metric=Metric.NET_PROFIT, period=period, period_start=date.fromisoformat(first),
        period_end=date.fromisoformat(last), **fields,
    )  # fmt: skip


def test_the_newest_reported_figure_of_each_metric_is_shown_with_its_period(acme: Company, bolt: Company) -> None:
    profit(acme, "1_000_000", "FY2024", "2024-01-01", "2024-12-31")
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31")
    profit(bolt, "-3_000_000", "2025H1", "2025-01-01", "2025-06-30", currency="HKD")
    source = html(BOTH)
    title = "Net profit attributable to shareholders periods differ"
    assert cells(source, title) == ["CNY 2 m FY2025", "HKD −3 m H1 2025"]


def test_what_is_only_expected_gives_way_to_what_was_reported(acme: Company, bolt: Company) -> None:
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31")
    profit(acme, "9_000_000", "FY2026", "2026-01-01", "2026-12-31", basis=Basis.FORECAST)
    profit(bolt, "4_000_000", "FY2025", "2025-01-01", "2025-12-31", basis=Basis.GUIDANCE)
    assert cells(html(), "Net profit") == ["CNY 2 m FY2025", "CNY 4 m FY2025 · guidance"]


def test_a_sum_of_several_years_is_only_shown_where_there_is_no_shorter_period(acme: Company, bolt: Company) -> None:
    profit(acme, "2_000_000", "FY2024", "2024-01-01", "2024-12-31")
    profit(acme, "7_000_000", "FY2022-FY2025", "2022-01-01", "2025-12-31")
    profit(bolt, "5_000_000", "FY2022-FY2025", "2022-01-01", "2025-12-31")
    assert cells(html(), "Net profit") == ["CNY 2 m FY2024", "CNY 5 m FY2022–FY2025"]


def test_the_offer_shown_is_that_of_the_listing_whose_price_is_shown(acme: Company) -> None:
    first = acme.listings.get()
    second = make_listing(acme, "6002", mic="XHKG", listed_on=date(2025, 1, 2))
    for listing, price, currency in ((first, "64.39", "CNY"), (second, "30", "HKD")):
        make_figure(acme, price, metric=Metric.OFFER_PRICE, period=str(listing.listed_on), period_start=None,
                    period_end=listing.listed_on, listing=listing, currency=currency)  # fmt: skip
    assert cells(html(f"c=acme&as_of={DAY}"), "Offer price") == ["CNY 64.39 20 Jul 2020"]


def test_nothing_is_shown_before_it_was_published(acme: Company) -> None:
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31", known_on=DAY + timedelta(days=1))
    assert "Net profit" not in html(f"c=acme&as_of={DAY}")


def test_sources_that_differ_are_marked_and_the_panel_names_them_all(acme: Company) -> None:
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31")
    other = make_filing("other", publisher="Newspaper", tier="media")
    profit(acme, "2_100_000", "FY2025", "2025-01-01", "2025-12-31", source=other)
    source = html(f"c=acme&as_of={DAY}")
    assert cells(source, "Net profit") == ["CNY 2 m FY2025 sources differ"]
    path = "/companies/acme/figures/net_profit_attributable/source/"
    assert f'href="{path}?as_of=2026-03-02"' in source
    panel = text(get(f"as_of={DAY}", path, HTMX).content.decode())
    for said in ("Net profit attributable to shareholders", "CNY 2 m", "Exchange", "CNY 2.1 m", "Newspaper"):
        assert said in panel


def test_a_panel_without_a_figure_says_so_and_an_unknown_metric_is_not_found(acme: Company) -> None:
    path = "/companies/acme/figures/{}/source/"
    assert "no figure known on this day" in get("", path.format("cash")).content.decode()
    assert get("", path.format("happiness")).status_code == 404
    assert get("as_of=never", path.format("cash")).status_code == 400


# --- The page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "whole_page"), [({}, True), (HTMX, False), (BOOSTED, True), (BACK, True)])
@pytest.mark.parametrize(
    ("path", "part"),
    [("/compare/", "compare"), ("/companies/acme/figures/cash/source/", "source")],
)
def test_htmx_gets_the_part_it_swaps_and_nobody_else_does(
    acme: Company, bolt: Company, path: str, part: str, headers: dict[str, str], whole_page: bool
) -> None:
    answer = get(path=path, headers=headers)
    source = answer.content.decode()
    assert ("<html" in source) is whole_page
    assert source.count(f'id="{part}"') == 1
    assert "HX-Request-Type" in answer["Vary"]


@pytest.mark.parametrize("query", [BOTH, "", "find=a", "c=none", "c=acme&find=b"])
def test_nothing_is_inline(acme: Company, bolt: Company, query: str) -> None:
    elements = Elements(html(query))
    for name, attributes in elements.found:
        assert "style" not in attributes, name
        assert not [key for key in attributes if key.startswith(("on", "hx-on"))], name
    assert not elements.of("style")
    assert all("src" in script or script.get("type") == "application/json" for script in elements.of("script"))


@pytest.mark.parametrize("query", [BOTH, "", "c=acme&find=bolt"])
def test_every_link_leads_somewhere_and_htmx_asks_for_the_same(acme: Company, bolt: Company, query: str) -> None:
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31")
    elements = Elements(html(query))
    for link in elements.of("a"):
        assert link.get("hx-get", link["href"]) == link["href"]
    client = Client()
    for address in {link["href"] for link in elements.of("a") if (link["href"] or "").startswith("/")}:
        assert address
        assert client.get(address).status_code in (200, 302), address


def test_the_form_holds_the_state_and_works_by_itself(acme: Company, bolt: Company) -> None:
    source = html(f"{BOTH}&currency=USD&basis=fy&period=3m")
    form = Elements(re.search(r'<form class="controls".*?</form>', source, re.DOTALL)[0])  # type: ignore[index]
    given = [
        (field["name"], field["value"])
        for field in form.of("input")
        if "checked" in field or field.get("type") in ("hidden", "date")
    ]
    assert given == [
        ("c", "acme"), ("c", "bolt"), ("period", "3m"), ("basis", "fy"), ("currency", "USD"), ("as_of", str(DAY)),
    ]  # fmt: skip
    assert form.of("button")[0]["class"] == "without-script"


def test_a_company_is_added_and_taken_out_by_a_link_that_keeps_the_rest(acme: Company, bolt: Company) -> None:
    links = {link["href"] for link in Elements(html(f"{BOTH}&currency=USD")).of("a")}
    assert "/compare/?currency=USD&as_of=2026-03-02&c=bolt" in links
    found = {link["href"] for link in Elements(html(f"c=bolt&currency=USD&as_of={DAY}&find=acm")).of("a")}
    assert "/compare/?currency=USD&as_of=2026-03-02&c=bolt&c=acme" in found


def test_typing_swaps_the_matches_without_those_chosen_already(acme: Company, bolt: Company) -> None:
    answer = get("c=acme&find=chips", "/compare/matches/", HTMX)
    assert "<html" not in answer.content.decode()
    assert text(answer.content.decode()) == "+ Bolt Chips"
    assert "No other company matches “acme”." in get("c=acme&find=acme", "/compare/matches/", HTMX).content.decode()
    plain = get("c=acme&find=chips", "/compare/matches/")
    assert (plain.status_code, plain["Location"]) == (302, "/compare/?c=acme&find=chips")


def test_an_empty_page_suggests_the_listed_companies_with_the_highest_values(acme: Company, bolt: Company) -> None:
    make_company("quiet", name_en="Quiet Chips")
    source = html(f"as_of={DAY}")
    shown = re.findall(r'href="/compare/\?as_of=2026-03-02&amp;c=([a-z]+)"', source)
    assert shown == ["acme", "bolt"]
    assert "data-chart" not in source


def test_eight_companies_fill_the_page_and_a_ninth_is_refused_with_a_way_on(db: None) -> None:
    slugs = [make_company(f"chips-{number}").slug for number in range(9)]
    eight = "&".join(f"c={slug}" for slug in slugs[:8])
    assert "No further company fits" in html(eight)
    answer = get(f"{eight}&c={slugs[8]}&currency=USD")
    assert answer.status_code == 400
    assert "At most 8 companies fit side by side, and these are 9." in answer.content.decode()
    assert f'href="/compare/?currency=USD&amp;{eight.replace("&", "&amp;")}"' in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "said", "nearest"),
    [
        ("c=acme&c=nobody", "There is no company “nobody”.", "c=acme"),
        ("c=acme&c=%00", "There is no company", "c=acme"),
        ("c=<script>", "There is no company “&lt;script&gt;”.", ""),
        ("c=acme&period=2y", "Period: Select a valid choice.", "c=acme"),
        ("c=acme&as_of=soon", "Write the day as YYYY-MM-DD", "c=acme"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_link_to_what_does(
    acme: Company, query: str, said: str, nearest: str
) -> None:
    answer = get(query)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert f'href="/compare/?{nearest}"' in answer.content.decode()
    for path in ("/compare.json", "/compare.csv"):
        assert get(query, path).status_code == 400


def test_an_unchanged_poll_is_answered_304_from_one_question_to_the_database(acme: Company) -> None:
    tag = get("c=acme")["HX-PTag"]
    assert f'hx-ptag="{tag}"' in html("c=acme")
    with CaptureQueriesContext(connection) as asked:
        unchanged = get("c=acme", headers={**HTMX, "HX-PTag": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert len(asked) == 1
    Revision.bump()
    assert get("c=acme", headers={**HTMX, "HX-PTag": tag}).status_code == 200


def test_a_page_of_a_past_day_does_not_poll_and_neither_does_an_empty_one(acme: Company) -> None:
    assert "data-poll" in html("c=acme")
    assert "data-poll" not in html(f"c=acme&as_of={DAY}")
    assert "data-poll" not in html("")


def test_a_price_is_marked_for_the_script_that_watches_it(acme: Company) -> None:
    assert 'id="now-acme" data-price="200" data-name="Acme Chips"' in html("c=acme")


def test_eight_companies_take_as_many_queries_as_two(acme: Company, bolt: Company) -> None:
    others = []
    for number in range(6):
        company = make_company(f"more-{number}")
        listing = make_listing(company, f"68810{number}")
        make_quote(listing, "10", day=FRIDAY)
        make_quote(listing, "11")
        make_share_count(company, 1_000)
        make_figure(company, "5_000")
        profit(company, "100", "FY2025", "2025-01-01", "2025-12-31")
        others.append(f"c={company.slug}")
    profit(acme, "100", "FY2025", "2025-01-01", "2025-12-31")
    counts = []
    for query in (BOTH, "&".join([BOTH, *others])):
        with CaptureQueriesContext(connection) as asked:
            assert get(query).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert counts[0] <= 24


def test_chinese_readers_get_chinese_names_and_units(acme: Company) -> None:
    source = html(f"c=acme&as_of={DAY}", headers={"Accept-Language": "zh-CN"})
    assert '<th scope="col"><a href="/companies/acme/?as_of=2026-03-02">顶点芯片</a>' in source
    assert "亿元" in source
    with translation.override("zh-hans"):
        chart = comparison_figure(comparison(state("acme")).history)
    assert chart is not None
    assert chart["data"][0]["name"] == "顶点芯片"
    assert "2026年2月27日 = 100" in chart["layout"]["meta"]["title"]


# --- Exports ----------------------------------------------------------------------------------------


def test_json_has_every_number_of_the_page_with_its_sources(acme: Company, bolt: Company) -> None:
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31")
    make_company("quiet")
    found = get(f"{BOTH}&c=quiet&basis=fy", "/compare.json").json()
    assert (found["base_day"], found["period"], found["basis"]) == (str(FRIDAY), "1y", "fy")
    first, second, third = found["companies"]
    assert [each["slug"] for each in found["companies"]] == ["acme", "bolt", "quiet"]
    assert (first["rebased_price"], third["rebased_price"]) == ("125", None)
    assert first["price_to_sales_on"]["fy"] == {"low": "100", "high": "100"}
    assert second["price_to_sales_on"]["guidance"] == {"low": "9", "high": "11.25"}
    net_profit = first["reported"]["net_profit_attributable"]
    assert (net_profit["low"], net_profit["period"], net_profit["known_on"]) == ("2000000", "FY2025", str(DAY))
    assert net_profit["sources"][0]["url"] == "https://exchange.example/annual-report.pdf"
    assert found["not_drawn"] == {"quiet": "not listed"}


def test_csv_has_one_line_for_each_number_and_says_what_is_missing(acme: Company, bolt: Company) -> None:
    profit(acme, "2_000_000", "FY2025", "2025-01-01", "2025-12-31")
    answer = get(f"{BOTH}&basis=fy", "/compare.csv")
    assert "xinpan-compare-2026-03-02-CNY.csv" in answer["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    by_number = {(line["slug"], line["number"], line["basis"]): line for line in lines}
    assert by_number["acme", "price", ""]["state"] == "closed"
    assert by_number["bolt", "price_to_sales", "guidance"]["high"] == "11.25"
    assert by_number["bolt", "revenue", ""]["missing"]
    assert by_number["acme", "rebased_price", ""]["low"] == "125"
    assert by_number["acme", "net_profit_attributable", "actual"]["low"] == "2000000"


def test_no_text_of_ours_is_taken_for_a_formula(acme: Company) -> None:
    Company.objects.filter(pk=acme.pk).update(name_en="=cmd()")
    lines = csv.DictReader(io.StringIO(get("c=acme", "/compare.csv").content.decode("utf-8-sig")))
    assert {line["name_en"] for line in lines} == {"'=cmd()"}


def test_exports_of_nothing_are_empty_and_not_a_fault(db: None) -> None:
    assert get("", "/compare.json").json()["companies"] == []
    assert get("", "/compare.csv").content.decode("utf-8-sig").startswith("slug,")
