"""What the ledger says of each sample of an upstream reply, and what is in the database afterwards.

The whole way is taken: a run, the client, the parser, the checks, the tables. What the parsers make of the replies of
all other sources is in `tests/test_upstream_samples.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import pytest
import time_machine
from pytest_django import Settings

from tests.factories import make_company, make_listing, make_quote
from tests.upstream_reading import MONDAY, WEEKEND
from tests.upstream_samples import SAMPLES, SampleServer
from tests.valuations.test_refresh import refresh
from valuations.models import FxRate, HeldQuote, Quote, RefreshRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("calendar")]

# Exchange and stored close of two days before the Friday of the samples, by ticker.
LISTINGS = {
    "688795": ("XSHG", "584"),
    "688802": ("XSHG", "690"),
    "688999": ("XSHG", "10"),
    "300474": ("XSHE", "80"),
    "6082": ("XHKG", "50"),
    "9903": ("XHKG", "500"),
    "NVDA": ("XNAS", "200"),
}
STORED_FOR, FRIDAY = date(2026, 11, 18), date(2026, 11, 20)


@pytest.fixture
def server(settings: Settings) -> Iterator[SampleServer]:
    """A server that every source's address points to. Only the source that a test is about is asked."""
    with SampleServer() as running:
        settings.SOURCES_ENABLED = True
        settings.SOURCE_INTERVAL = 0.0
        settings.SOURCE_URLS = dict.fromkeys(settings.SOURCE_URLS, running.url)
        settings.QUOTE_SOURCES = ["tencent"]
        settings.FRED_API_KEY = "a key"
        yield running


# Sample, and by ticker: the result, the reason, the price that is stored, if any.
PRICES: list[tuple[str, Mapping[str, tuple[str, str, str | None]]]] = [
    (
        "qt_batch_ok.gbk.txt",
        {
            "688795": ("ok", "", "600.60"),
            "688802": ("ok", "", "700.70"),
            "300474": ("ok", "", "80.80"),
            "6082": ("ok", "", "50.500"),
            "9903": ("ok", "", "505.000"),
            "NVDA": ("ok", "", "202.02"),
        },
    ),
    ("qt_hk_plain_delayed.gbk.txt", {"6082": ("ok", "", "50.100")}),
    ("qt_suspended_zero.gbk.txt", {"300474": ("hold", "suspended", None)}),
    ("qt_suspended_keeps_prev.gbk.txt", {"300474": ("hold", "suspended", None)}),
    ("qt_call_auction_0922.gbk.txt", {"688795": ("hold", "auction", None)}),
    ("qt_preopen_all_zero.gbk.txt", {"688795": ("hold", "before_open", None)}),
    ("qt_none_match.gbk.txt", {"688999": ("no_data", "unknown_symbol", None)}),
    (
        "qt_partial_batch.gbk.txt",
        {
            "688795": ("ok", "", "600.60"),
            "688999": ("no_data", "unknown_symbol", None),
            "NVDA": ("ok", "", "202.02"),
        },
    ),
    ("qt_empty_value.gbk.txt", {"688999": ("no_data", "unknown_symbol", None), "688802": ("ok", "", "700.70")}),
    ("qt_truncated.gbk.txt", {"688795": ("bad_body", "source_failed", None)}),
    ("qt_short_row.gbk.txt", {"688795": ("bad_row", "short_row", None)}),
    ("qt_blank_fields.gbk.txt", {"688795": ("ok", "", "600.60")}),
    ("qt_87_fields.gbk.txt", {"688795": ("ok", "", "600.60")}),
    ("qt_stale_timestamp.gbk.txt", {"688795": ("hold", "older_than_stored", None)}),
    ("qt_utf8_variant.txt", {"688795": ("ok", "", "600.60"), "6082": ("ok", "", "50.500")}),
    ("qt_wrong_cap.gbk.txt", {"688795": ("ok_flag", "cap_mismatch", "600.60")}),
    ("qt_html_200.html", {"688795": ("bad_body", "source_failed", None)}),
]


@pytest.mark.parametrize(("name", "expected"), PRICES)
def test_the_ledger_tells_of_each_price_and_keeps_what_was_stored_before(
    server: SampleServer, name: str, expected: Mapping[str, tuple[str, str, str | None]]
) -> None:
    server.put_up(SAMPLES[f"tencent/{name}"])
    for ticker in expected:
        mic, close = LISTINGS[ticker]
        listing = make_listing(make_company(f"of-{ticker.lower()}"), ticker, mic=mic, board="STAR")
        make_quote(listing, close, day=STORED_FOR)
    with time_machine.travel(MONDAY if "0922" in name or "preopen" in name else WEEKEND):
        run = refresh()
    assert run.finished_at is not None
    for ticker, (result, reason, price) in expected.items():
        outcome = run.outcomes.get(listing__ticker=ticker)
        assert (ticker, outcome.result, outcome.reason, outcome.stored) == (ticker, result, reason, int(bool(price)))
        stored = Quote.objects.filter(listing__ticker=ticker, provider="tencent").first()
        assert (stored and (stored.day, stored.close)) == (price and (FRIDAY, Decimal(price)))
        assert HeldQuote.objects.filter(outcome=outcome).exists() is (reason == "older_than_stored")
    kept = set(Quote.objects.filter(provider="starter").values_list("listing__ticker", "day", "close"))
    assert kept == {(ticker, STORED_FOR, Decimal(LISTINGS[ticker][1])) for ticker in expected}


def test_a_listing_without_any_price_takes_a_stale_one_under_its_own_day(server: SampleServer) -> None:
    make_listing(make_company("of-688795"), "688795", mic="XSHG", board="STAR")
    server.put_up(SAMPLES["tencent/qt_stale_timestamp.gbk.txt"])
    with time_machine.travel(WEEKEND):
        [outcome] = refresh().outcomes.all()
    assert (outcome.result, outcome.reason) == ("stale", "stale")
    assert Quote.objects.get().day == date(2026, 11, 13)


def test_a_late_price_is_stored_as_one(server: SampleServer) -> None:
    make_listing(make_company("of-6082"), "6082", mic="XHKG")
    server.put_up(SAMPLES["tencent/qt_hk_plain_delayed.gbk.txt"])
    with time_machine.travel(WEEKEND):
        refresh()
    assert Quote.objects.get().delayed


# Sample, source, the result; pairs and their rates by day: all that is stored of the four currencies of the product.
DayRates = Mapping[str, Mapping[str, str]]
RATES: list[tuple[str, str, str, DayRates]] = [
    ("frankfurter_v1_latest.json", "frankfurter", "ok", {"2026-11-20": {"USD/CNY": "6.8", "USD/HKD": "7.8"}}),
    (
        "frankfurter_v1_range.json",
        "frankfurter",
        "ok",
        {
            "2026-11-16": {"USD/CNY": "6.79", "USD/HKD": "7.796"},
            "2026-11-17": {"USD/CNY": "6.7925", "USD/HKD": "7.797"},
            "2026-11-18": {"USD/CNY": "6.795", "USD/HKD": "7.798"},
            "2026-11-19": {"USD/CNY": "6.7975", "USD/HKD": "7.799"},
            "2026-11-20": {"USD/CNY": "6.8", "USD/HKD": "7.8"},
        },
    ),
    ("frankfurter_v1_weekend_earlier_date.json", "frankfurter", "ok", {"2026-11-20": {"USD/CNY": "6.8"}}),
    ("frankfurter_v1_404.json", "frankfurter", "no_data", {}),
    ("frankfurter_v1_422.json", "frankfurter", "bad_request", {}),
    ("frankfurter_v2_rates.json", "frankfurter", "ok", {"2026-11-20": {"USD/CNY": "6.8", "USD/HKD": "7.8"}}),
    (
        "frankfurter_v2_rates_mixed_dates.json",
        "frankfurter",
        "ok_flag",
        {"2026-11-21": {"USD/CNY": "6.801"}, "2026-11-20": {"USD/HKD": "7.8"}},
    ),
    ("frankfurter_v2_expand_providers.json", "frankfurter", "ok", {"2026-11-20": {"USD/CNY": "6.8"}}),
    ("frankfurter_v2_422.json", "frankfurter", "bad_request", {}),
    ("frankfurter_v2_404.json", "frankfurter", "no_data", {}),
    ("frankfurter_v2_503.json", "frankfurter", "retry", {}),
    (
        "ecb_eurofxref_daily.xml",
        "ecb",
        "ok",
        {"2026-11-20": {"EUR/USD": "1.15", "EUR/CNY": "7.82", "EUR/HKD": "8.97"}},
    ),
    (
        "ecb_eurofxref_hist_90d.xml",
        "ecb",
        "ok",
        {
            "2026-11-20": {"EUR/USD": "1.15", "EUR/CNY": "7.82", "EUR/HKD": "8.97"},
            "2026-11-19": {"EUR/USD": "1.148", "EUR/CNY": "7.81", "EUR/HKD": "8.955"},
        },
    ),
    ("ecb_exr_csvdata_wide_with_gap.csv", "ecb", "ok", {"2026-11-20": {"EUR/CNY": "7.82"}}),
    (
        "fred_DEXCHUS.json",
        "fred",
        "ok",
        {"2026-11-10": {"USD/CNY": "6.81"}, "2026-11-12": {"USD/CNY": "6.805"}, "2026-11-13": {"USD/CNY": "6.8"}},
    ),
    (
        "fred_DEXHKUS.json",
        "fred_hkd",
        "ok",
        {"2026-11-10": {"USD/HKD": "7.801"}, "2026-11-12": {"USD/HKD": "7.8005"}, "2026-11-13": {"USD/HKD": "7.8"}},
    ),
    ("fred_400_bad_key.json", "fred", "auth", {}),
    (
        "cfets_ccprhisnew_ok.json",
        "cfets",
        "ok",
        {
            "2026-11-20": {"USD/CNY": "6.8", "EUR/CNY": "7.82", "HKD/CNY": "0.8718"},
            "2026-11-19": {"USD/CNY": "6.802", "EUR/CNY": "7.81", "HKD/CNY": "0.872"},
            "2026-11-18": {"USD/CNY": "6.804", "EUR/CNY": "7.805", "HKD/CNY": "0.8722"},
        },
    ),
    ("cfets_refused_span.json", "cfets", "bad_request", {}),
    (
        "hkma_er_eeri_daily.json",
        "hkma",
        "ok",
        {
            "2026-10-31": {"USD/HKD": "7.8005", "CNY/HKD": "1.1471", "EUR/HKD": "8.95"},
            "2026-10-30": {"USD/HKD": "7.8", "EUR/HKD": "8.94"},
        },
    ),
    (
        "safe_rmbquery.html",
        "safe",
        "ok",
        {"2026-11-20": {"USD/CNY": "6.8", "EUR/CNY": "7.82", "HKD/CNY": "0.8718"}},
    ),
]


@pytest.mark.parametrize(("name", "source", "result", "rates"), RATES)
def test_each_rate_is_stored_under_its_own_day(
    server: SampleServer,
    settings: Settings,
    name: str,
    source: str,
    result: str,
    rates: Mapping[str, Mapping[str, str]],
) -> None:
    settings.RATE_SOURCES = [source]
    server.put_up(SAMPLES[f"fx/{name}"])
    with time_machine.travel(WEEKEND):
        [outcome] = refresh(RefreshRun.Kind.RATES).outcomes.all()
    stored: dict[str, dict[str, Decimal]] = {}
    for rate in FxRate.objects.all():
        stored.setdefault(f"{rate.day}", {})[f"{rate.base}/{rate.quote}"] = rate.rate
    assert stored == {day: {pair: Decimal(rate) for pair, rate in row.items()} for day, row in rates.items()}
    assert (outcome.result, outcome.stored) == (result, FxRate.objects.count())
