"""What people prefer takes effect on every page, for them and for nobody else.

Acme: 100 yuan × 20,000,000 shares = 2 billion yuan = 20亿; at 8 yuan for a dollar that is 250 million dollars. Revenue
of FY2025 is 400 million yuan.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from pytest_django import Settings

from companies.models import User
from companies.preferences import preferences, reading_as
from tests.factories import (
    NOON,
    make_company,
    make_exchange_year,
    make_figure,
    make_listing,
    make_quote,
    make_rate,
    make_share_count,
    make_staff,
    make_user,
)
from valuations.figures import sector_figure
from valuations.money import Money
from valuations.sector import sector
from valuations.state import State
from valuations.templatetags.numbers import amount, moment, money, unit

pytestmark = pytest.mark.django_db

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
PAGES = ("/", "/companies/acme/", "/compare/?c=acme")


@pytest.fixture(autouse=True)
def acme() -> Any:
    company = make_company()
    make_exchange_year()
    make_share_count(company, 20_000_000)
    make_quote(make_listing(company))
    make_rate("USD/CNY", "8")
    make_figure(company, "400000000")
    with time_machine.travel(datetime(2026, 3, 2, 9, tzinfo=UTC), tick=False):
        yield company


def client_of(username: str = "reader", **chosen: str) -> Client:
    client = Client()
    client.force_login(make_user(username, **chosen))
    return client


def html(client: Client, path: str = "/", **headers: str) -> str:
    response = client.get(path, follow=True, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


# --- Language ---------------------------------------------------------------------------------------


def test_the_language_of_an_account_comes_before_that_of_the_browser() -> None:
    client = client_of(language="zh-hans")
    client.cookies["django_language"] = "en"
    response = client.get("/", headers={"Accept-Language": "en"})
    assert 'lang="zh-Hans"' in response.content.decode()
    assert response["Content-Language"] == "zh-hans"


def test_an_account_without_a_language_leaves_it_to_the_browser() -> None:
    client = client_of()
    assert 'lang="zh-Hans"' in html(client, **{"Accept-Language": "zh-CN"})
    client.cookies["django_language"] = "en"
    assert 'lang="en"' in html(client, **{"Accept-Language": "zh-CN"})


def test_an_unknown_language_of_an_account_breaks_nothing() -> None:
    assert 'lang="en"' in html(client_of(language="xx"))


def test_the_button_of_the_header_changes_the_account_of_whoever_is_signed_in() -> None:
    client = client_of(language="zh-hans")
    response = client.post("/i18n/setlang/", {"language": "en", "next": "/companies/"})
    assert (response.status_code, response["Location"]) == (302, "/companies/")
    assert User.objects.get().language == "en"
    assert 'lang="en"' in html(client)


@pytest.mark.parametrize("data", [{"language": "xx"}, {"language": ""}, {}])
def test_a_language_that_there_is_not_changes_no_account(data: dict[str, str]) -> None:
    assert client_of(language="zh-hans").post("/i18n/setlang/", data).status_code == 302
    assert User.objects.get().language == "zh-hans"


def test_a_link_changes_no_language() -> None:
    client_of(language="zh-hans").get("/i18n/setlang/", {"language": "en"})
    assert User.objects.get().language == "zh-hans"


def test_the_button_of_the_header_leads_to_no_other_site() -> None:
    response = client_of().post("/i18n/setlang/", {"language": "en", "next": "https://elsewhere.example/"})
    assert response["Location"] == "/"


# --- Units ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "units", "written", "column"),
    [
        ("en", "by_language", "CNY 2 bn", "CNY bn"),
        ("en", "western", "CNY 2 bn", "CNY bn"),
        ("en", "chinese", "CNY 20 亿", "CNY 亿"),
        ("zh-hans", "by_language", "20亿元", "亿元"),
        ("zh-hans", "chinese", "20亿元", "亿元"),
        ("zh-hans", "western", "2 bn 元", "bn 元"),
    ],
)
def test_large_amounts_are_counted_in_the_units_of_the_reader(
    language: str, units: str, written: str, column: str
) -> None:
    value = Money.of(Decimal(2_000_000_000), "CNY")
    with translation.override(language), reading_as(make_user(units=units)):
        assert (money(value), unit("CNY")) == (written, column)
        assert amount(value) == ("20" if "亿" in column else "2")


@pytest.mark.parametrize(
    ("units", "value", "currency", "written"),
    [
        ("western", 500, "CNY", "500元"),
        ("western", 3_000_000, "SGD", "3 m SGD"),
        ("chinese", 3_000_000, "SGD", "300万 SGD"),
    ],
)
def test_small_amounts_and_other_currencies_read_well_in_chinese(
    units: str, value: int, currency: str, written: str
) -> None:
    with translation.override("zh-hans"), reading_as(make_user(units=units)):
        assert money(Money.of(Decimal(value), currency)) == written


@pytest.mark.parametrize("path", PAGES)
def test_every_page_with_numbers_follows_the_units_of_its_reader(path: str) -> None:
    western, chinese = client_of("west", units="western"), client_of("east", units="chinese")
    assert re.search(r"CNY (2 )?bn", html(western, path))
    assert "亿" not in html(western, path)
    assert re.search(r"CNY (20 )?亿", html(chinese, path))
    assert not re.search(r"CNY ([0-9.]+ )?bn", html(chinese, path))


def test_the_chart_is_drawn_in_the_units_of_its_reader() -> None:
    with reading_as(make_user(units="chinese")):
        chart = sector_figure(sector(State()))
    assert chart["layout"]["yaxis"]["title"]["text"] == "Market value (CNY 亿)"
    mark = next(trace for trace in chart["data"] if trace.get("ids") == ["acme"] or "acme" in str(trace))
    assert mark["y"] == [20]
    assert "Market value: CNY 20 亿" in str(mark)  # what hovering shows


def test_where_a_number_comes_from_is_told_in_the_units_of_the_reader() -> None:
    assert "CNY 20 亿" in html(client_of(units="chinese"), "/companies/acme/market_value/source/")


# --- Time zone --------------------------------------------------------------------------------------


def test_times_are_shown_in_the_time_zone_of_the_reader(settings: Settings) -> None:
    settings.DISPLAY_TIME_ZONE = "Europe/Berlin"
    assert moment(NOON) == "2 Mar 2026 05:00 CET"
    with reading_as(make_user(time_zone="America/New_York")):
        assert moment(NOON) == "1 Mar 2026 23:00 EST"
        assert timezone.localtime(NOON).hour == 23  # what Django writes itself, as in the admin
    assert moment(NOON) == "2 Mar 2026 05:00 CET"


@pytest.mark.parametrize(("zone", "said"), [("Asia/Singapore", "12:00 UTC+08"), ("UTC", "04:00 UTC")])
def test_a_time_zone_without_a_name_is_told_by_its_distance(zone: str, said: str) -> None:
    with reading_as(make_user(time_zone=zone)):
        assert moment(NOON) == f"2 Mar 2026 {said}"


def test_a_time_zone_that_there_is_not_leaves_the_one_of_the_instance(settings: Settings) -> None:
    settings.DISPLAY_TIME_ZONE = "Europe/Berlin"
    for name in ("Nowhere/Town", "../etc", "/etc/localtime", "Asia", "\0"):
        with reading_as(User(time_zone=name)):
            assert moment(NOON) == "2 Mar 2026 05:00 CET"


def test_pages_and_the_admin_show_times_in_the_time_zone_of_the_reader() -> None:
    staff = make_staff()
    staff.time_zone, staff.last_login = "America/New_York", NOON
    staff.save()
    client = Client()
    client.force_login(staff)
    User.objects.update(last_login=NOON)
    assert "1 Mar 2026 23:00" in html(client, f"/admin/companies/user/?q={staff.username}")


def test_nothing_of_a_reader_stays_with_the_process() -> None:
    html(client_of(units="chinese", time_zone="America/New_York"))
    assert preferences().units == "by_language"
    assert "CNY bn" in html(Client())


# --- Currency and basis -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/", "/?basis=fy&currency=USD"),
        ("/?currency=CNY", "/?currency=CNY&basis=fy"),
        ("/?currency=&as_of=2026-03-02", "/?currency=USD&as_of=2026-03-02&basis=fy"),
        ("/companies/acme/?prices=raw", "/companies/acme/?prices=raw&basis=fy&currency=USD"),
        ("/compare/?c=acme&c=other", "/compare/?c=acme&c=other&basis=fy&currency=USD"),
        ("/companies/acme/price/source/", "/companies/acme/price/source/?basis=fy&currency=USD"),
        ("/?basis=nonsense", "/?basis=nonsense&currency=USD"),
    ],
)
def test_an_address_that_leaves_it_open_leads_to_one_that_names_the_readers_own(path: str, address: str) -> None:
    response = client_of(currency="USD", basis="fy").get(path)
    assert (response.status_code, response["Location"]) == (302, address)
    assert "Cookie" in response["Vary"]


@pytest.mark.parametrize("path", PAGES)
def test_an_address_that_names_both_is_the_whole_page(path: str) -> None:
    client = client_of(currency="USD", basis="fy")
    both = f"{path}{'&' if '?' in path else '?'}basis=ttm&currency=CNY"
    assert client.get(both).status_code == 200
    assert re.search(r"CNY (2 )?bn", html(client, both))


def test_readers_without_terms_of_their_own_keep_short_addresses() -> None:
    for client in (client_of(), Client()):
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("chosen", [{"currency": "XXX"}, {"currency": ""}, {"basis": "nonsense"}])
def test_terms_that_no_page_has_are_as_good_as_none(chosen: dict[str, str]) -> None:
    assert client_of(**chosen).get("/").status_code == 200


def test_links_of_a_page_name_what_the_reader_would_otherwise_get_otherwise() -> None:
    client = client_of(currency="USD")
    shown = html(client, "/?currency=CNY")
    assert 'href="/companies/acme/?currency=CNY"' in shown
    assert 'href="/sector.csv?currency=CNY"' in shown
    assert 'hx-get="/?currency=CNY"' in shown  # what asks for news
    assert 'value="CNY" checked>' in shown  # the script leaves out of an address what is marked as its default
    assert "USD" not in shown.split('id="main"')[1].split('name="currency"')[0]


def test_the_search_of_the_compare_page_names_the_currency_too() -> None:
    shown = html(client_of(currency="USD"), "/compare/?c=acme&currency=CNY")
    assert '<input type="hidden" name="currency" value="CNY">' in shown


def test_a_part_of_a_page_follows_the_reader_at_once() -> None:
    response = client_of(currency="USD").get("/", headers=PARTIAL)
    assert response.status_code == 200
    assert "USD bn" in response.content.decode()


@pytest.mark.parametrize("path", ["/sector.json", "/compare.json?c=acme"])
def test_exports_follow_the_reader_and_say_so(path: str) -> None:
    client = client_of(currency="USD", basis="fy")
    said = client.get(path).json()
    assert (said["currency"], said["basis"]) == ("USD", "fy")
    rows = said.get("rows") or said["companies"]
    assert rows[0]["market_value"] == {"low": "250000000", "high": "250000000"}
    named = client.get(f"{path}{'&' if '?' in path else '?'}currency=CNY&basis=ttm").json()
    assert (named["currency"], named["basis"]) == ("CNY", "ttm")


@pytest.mark.parametrize("path", ["/sector.csv", "/compare.csv?c=acme"])
def test_spreadsheets_follow_the_reader_and_say_so(path: str) -> None:
    response = client_of(currency="USD", basis="fy").get(path)
    assert "-USD" in response["Content-Disposition"]
    assert "250000000,250000000" in response.content.decode()


# --- Two readers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "chosen",
    [
        {"units": "chinese"},
        {"time_zone": "America/New_York"},
        {"currency": "USD"},
        {"basis": "fy"},
        {"language": "zh-hans"},
    ],
)
def test_two_readers_never_see_each_others_page(path: str, chosen: dict[str, str]) -> None:
    """Pages are kept in the process: whatever order they are asked in, each gets its own, and so does each poll."""
    plain, own = client_of("plain"), client_of("own", **chosen)
    pages = {who: (client.get(path, headers=PARTIAL)) for who, client in (("plain", plain), ("own", own))}
    assert pages["plain"]["HX-PTag"] != pages["own"]["HX-PTag"]
    if "time_zone" not in chosen:  # no time of day is on these
        assert pages["plain"].content != pages["own"].content
    again = {"own": own.get(path, headers=PARTIAL), "plain": plain.get(path, headers=PARTIAL)}
    assert {who: page.content for who, page in again.items()} == {who: page.content for who, page in pages.items()}
    other = {**PARTIAL, "HX-PTag": pages["plain"]["HX-PTag"]}
    assert own.get(path, headers=other).status_code == 200
    for client in (plain, own):
        vary = client.get(path, follow=True)["Vary"]
        assert "Cookie" in vary
        assert "Accept-Language" in vary


@pytest.mark.parametrize("chosen", [{"units": "chinese"}, {"time_zone": "America/New_York"}, {"currency": "USD"}])
def test_an_open_page_learns_of_a_changed_preference_with_its_next_poll(chosen: dict[str, str]) -> None:
    client = client_of()
    known = {**PARTIAL, "HX-PTag": client.get("/")["HX-PTag"]}
    assert client.get("/", headers=known).status_code == 304
    User.objects.update(**chosen)
    assert client.get("/", headers=known).status_code == 200


@pytest.mark.parametrize("path", ["/?currency=USD", "/companies/acme/?currency=USD", "/compare/?c=acme&currency=USD"])
def test_preferences_cost_no_query(path: str) -> None:
    plain = client_of("plain")
    own = client_of("own", currency="USD", units="chinese", time_zone="America/New_York", language="en")
    counts = []
    for client in (plain, own, plain, own):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(path).status_code == 200
        counts.append(len(queries))
    assert counts[2] == counts[3]
