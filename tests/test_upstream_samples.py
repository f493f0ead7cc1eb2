"""Every sample of an upstream reply ends in the outcome that its manifest states, fetched by the real client.

What a correct client concludes beyond that word is told here in numbers, worked out from the files by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from companies.sources import cninfo, sec
from companies.sources.announcements import Announcement, Page, read_pages
from companies.sources.base import Blocked, Outcome, SourceError
from companies.sources.http import SourceClient
from companies.sources.projects import Stage
from tests.upstream_reading import BESIDE, READ, READ_BARS, WEEKEND, Read, ask_cninfo
from tests.upstream_samples import FOLDER, SAMPLES, Sample, SampleServer


@pytest.fixture(scope="module")
def server() -> Iterator[SampleServer]:
    with SampleServer() as running:
        yield running


@pytest.fixture
def client(server: SampleServer) -> Iterator[SourceClient]:
    sites = {"yahoo_cookie": f"{server.url}/cookie"}
    with SourceClient(
        server.url, user_agent="xinpan-tests (tests@example.org)", timeout=5, trust_env=False, sites=sites
    ) as opened:
        yield opened


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys for the vendors that ask nothing without one."""
    for name in ("ALPHAVANTAGE_API_KEY", "STOOQ_API_KEY", "TUSHARE_TOKEN", "TWELVEDATA_API_KEY"):
        monkeypatch.setenv(name, "a key")


@pytest.fixture(autouse=True)
def weekend() -> Iterator[None]:
    with time_machine.travel(WEEKEND):
        yield


def outcome_of(read: Read, client: SourceClient) -> Outcome:
    try:
        return read(client).outcome
    except SourceError as error:
        return error.outcome


def sample_of(file: str) -> Sample:
    """The sample of a file that lies in the folder; one that the manifest does not list has none."""
    assert file in SAMPLES, "the manifest does not know this file"
    return SAMPLES[file]


FILES = sorted(f"{path.relative_to(FOLDER).as_posix()}" for path in FOLDER.glob("*/**/*") if path.is_file())


@pytest.mark.parametrize("file", sorted({*FILES, *SAMPLES}))
def test_each_sample_lies_here_as_the_manifest_describes_it(file: str) -> None:
    sample = sample_of(file)
    assert (len(sample.body), hashlib.sha256(sample.body).hexdigest()[:16]) == (sample.size, sample.sha256)


@pytest.mark.parametrize("file", sorted({*FILES, *SAMPLES}))
def test_each_sample_ends_in_its_outcome(server: SampleServer, client: SourceClient, file: str) -> None:
    sample = sample_of(file)
    server.put_up(sample, beside=BESIDE.get(file))
    assert outcome_of(READ[file], client) == sample.outcome


JSON_FILES = sorted(file for file in SAMPLES if file.endswith(".json"))


@pytest.mark.parametrize("file", JSON_FILES)
def test_each_json_sample_ends_in_the_same_outcome_when_it_comes_compressed(
    server: SampleServer, client: SourceClient, file: str
) -> None:
    server.put_up(SAMPLES[file], beside=BESIDE.get(file), compressed=True)
    assert outcome_of(READ[file], client) == SAMPLES[file].outcome
    assert server.asked[-1].headers["accept-encoding"] == "gzip"


# Tables of lines do not tell where they end, nor does a crumb: there only the length of the reply does.
ENDLESS = ("fx/ecb_exr_csvdata_4col.csv", "fx/ecb_exr_csvdata_wide_with_gap.csv", "keyed/stooq_daily.csv")
WHOLE = sorted(
    file
    for file, sample in SAMPLES.items()
    if sample.outcome in (Outcome.OK, Outcome.OK_FLAG, Outcome.PARTIAL)
    and file not in (*ENDLESS, "yahoo/getcrumb_ok.txt")
)


@pytest.mark.parametrize("file", WHOLE)
def test_a_reply_cut_short_never_says_what_the_whole_one_does_not(
    server: SampleServer, client: SourceClient, file: str
) -> None:
    sample = SAMPLES[file]
    server.put_up(sample, beside=BESIDE.get(file))
    whole = READ[file](client)
    for sixteenth in range(1, 16):
        server.put_up(sample, beside=BESIDE.get(file), cut=sample.size * sixteenth // 16)
        try:
            part = READ[file](client)
        except SourceError:
            continue
        assert part.outcome not in (Outcome.OK, Outcome.OK_FLAG)
        assert [row for row in part.values if row.quote is not None and row not in whole.values] == []


@pytest.fixture
def values(server: SampleServer, client: SourceClient) -> Callable[..., list[Any]]:
    """Fetches a sample and gives back what was read from it: rows, bars, rates, filings."""

    def read(file: str, how: Read | None = None) -> list[Any]:
        server.put_up(SAMPLES[file], beside=BESIDE.get(file))
        return list((how or READ[file])(client).values)

    return read


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


FRIDAY = date(2026, 11, 20)
CLOSED_SHANGHAI, CLOSED_HONG_KONG = utc("2026-11-20 07:50:49"), utc("2026-11-20 08:08:11")
CLOSED_EASTMONEY, CLOSED_NEW_YORK = utc("2026-11-20 07:54:09"), utc("2026-11-20 21:00:00")
MILLION, HUNDRED_MILLION = 10**6, 10**8

# File, ticker, what its row states.
PRICES: list[tuple[str, str, Mapping[str, object]]] = [
    (
        "tencent/qt_batch_ok.gbk.txt",
        "688795",
        {
            "price": Decimal("600.60"),
            "previous_close": Decimal("590.00"),
            "volume": 5 * MILLION,
            "amount": Decimal("3003000000"),
            "market_cap": Decimal("2822.82") * HUNDRED_MILLION,
            "total_shares": 470 * MILLION,
            "currency": "CNY",
            "at": CLOSED_SHANGHAI,
            "day": FRIDAY,
        },
    ),
    (
        "tencent/qt_batch_ok.gbk.txt",
        "688802",
        {
            "price": Decimal("700.70"),
            "previous_close": Decimal("715.00"),
            "volume": 2 * MILLION,
            "market_cap": Decimal("2802.80") * HUNDRED_MILLION,
            "at": utc("2026-11-20 07:50:51"),
        },
    ),
    (
        "tencent/qt_batch_ok.gbk.txt",
        "300474",
        {
            "price": Decimal("80.80"),
            "volume": 10 * MILLION,  # 100,000 lots
            "market_cap": Decimal("421.78") * HUNDRED_MILLION,
            "at": utc("2026-11-20 08:14:03"),
        },
    ),
    (
        "tencent/qt_batch_ok.gbk.txt",
        "6082",
        {
            "price": Decimal("50.500"),
            "volume": 40 * MILLION,
            "market_cap": Decimal("1212") * HUNDRED_MILLION,
            "total_shares": 2400 * MILLION,
            "currency": "HKD",
            "delayed": False,
            "at": CLOSED_HONG_KONG,
        },
    ),
    (
        "tencent/qt_batch_ok.gbk.txt",
        "9903",
        {"price": Decimal("505.000"), "volume": 1_500_000, "market_cap": Decimal("1282.7") * HUNDRED_MILLION},
    ),
    (
        "tencent/qt_batch_ok.gbk.txt",
        "NVDA",
        {
            "price": Decimal("202.02"),
            "volume": 150 * MILLION,
            "market_cap": Decimal("49090.86") * HUNDRED_MILLION,
            "currency": "USD",
            "at": utc("2026-11-20 21:00:02"),
            "day": FRIDAY,
        },
    ),
    ("tencent/qt_hk_plain_delayed.gbk.txt", "6082", {"price": Decimal("50.100"), "delayed": True}),
    ("tencent/qt_partial_batch.gbk.txt", "688795", {"price": Decimal("600.60")}),
    ("tencent/qt_partial_batch.gbk.txt", "NVDA", {"price": Decimal("202.02")}),
    ("tencent/qt_empty_value.gbk.txt", "688802", {"price": Decimal("700.70")}),
    (
        "tencent/qt_blank_fields.gbk.txt",
        "688795",
        {"price": Decimal("600.60"), "market_cap": None, "total_shares": None, "currency": None},
    ),
    (
        "tencent/qt_87_fields.gbk.txt",
        "688795",
        {"price": Decimal("600.60"), "volume": 5 * MILLION, "market_cap": Decimal("2822.82") * HUNDRED_MILLION},
    ),
    ("tencent/qt_stale_timestamp.gbk.txt", "688795", {"day": date(2026, 11, 13)}),
    ("tencent/qt_utf8_variant.txt", "688795", {"price": Decimal("600.60")}),
    ("tencent/qt_utf8_variant.txt", "6082", {"price": Decimal("50.500")}),
    (
        "tencent/qt_wrong_cap.gbk.txt",
        "688795",
        {"price": Decimal("600.60"), "market_cap": Decimal("28228.20") * HUNDRED_MILLION},
    ),
    # Volumes are shares in every row of Sina's.
    (
        "sina/hq_ok.gb18030.txt",
        "688795",
        {
            "price": Decimal("600.60"),
            "previous_close": Decimal("590"),
            "volume": 5 * MILLION,
            "amount": Decimal("3003000000"),
            "at": utc("2026-11-20 07:34:59"),
        },
    ),
    (
        "sina/hq_ok.gb18030.txt",
        "300474",
        {"price": Decimal("80.80"), "volume": 10 * MILLION, "high": Decimal("81.50"), "low": Decimal("79.60")},
    ),
    (
        "sina/hq_ok.gb18030.txt",
        "6082",
        {"price": Decimal("50.50"), "previous_close": Decimal("49.50"), "volume": 40 * MILLION, "at": CLOSED_HONG_KONG},
    ),
    (
        "sina/hq_ok.gb18030.txt",
        "NVDA",
        {
            "price": Decimal("202.02"),
            "previous_close": Decimal("200"),
            "volume": 150 * MILLION,
            "market_cap": Decimal("49090.86") * HUNDRED_MILLION,
            "total_shares": 24_300 * MILLION,
            "at": CLOSED_NEW_YORK,  # not 05:15 of the next morning in Beijing, when the row was written
            "day": FRIDAY,
        },
    ),
    ("sina/hq_unknown_empty.gb18030.txt", "688795", {"price": Decimal("600.60")}),
    ("sina/hq_us_placeholders.gb18030.txt", "NVDA", {"price": Decimal("202.02"), "day": FRIDAY}),
    (
        "eastmoney/clist_star_page1.json",
        "688795",
        {
            "price": Decimal("600.60"),
            "volume": 5 * MILLION,  # 50,000 lots
            "market_cap": Decimal("2822.82") * HUNDRED_MILLION,
            "at": CLOSED_EASTMONEY,
        },
    ),
    ("eastmoney/clist_star_page1.json", "688802", {"price": Decimal("700.70"), "volume": 2 * MILLION}),
    ("eastmoney/clist_np0_object_diff.json", "688795", {"price": Decimal("600.60"), "volume": 5 * MILLION}),
    ("eastmoney/clist_np0_object_diff.json", "688802", {"price": Decimal("700.70"), "previous_close": Decimal("715")}),
    (
        "eastmoney/stock_get_fltt2_688795.json",
        "688795",
        {
            "price": Decimal("600.60"),
            "total_shares": 470 * MILLION,
            "market_cap": Decimal("2822.82") * HUNDRED_MILLION,
            "at": CLOSED_EASTMONEY,
        },
    ),
    (
        "eastmoney/stock_get_scaled_688795.json",
        "688795",
        {"price": Decimal("600.60"), "high": Decimal("612"), "low": Decimal("588.88"), "volume": 5 * MILLION},
    ),
    (
        "eastmoney/stock_get_scaled_06082.json",
        "6082",
        {
            "price": Decimal("50.50"),
            "previous_close": Decimal("49.50"),
            "volume": 40 * MILLION,
            "total_shares": 2400 * MILLION,
            "at": CLOSED_HONG_KONG,
        },
    ),
    ("eastmoney/ulist_scaled_markets.json", "688795", {"price": Decimal("600.60"), "volume": None}),
    ("eastmoney/ulist_scaled_markets.json", "6082", {"price": Decimal("50.50")}),
    ("eastmoney/ulist_scaled_markets.json", "NVDA", {"price": Decimal("202.02"), "day": FRIDAY}),
    ("eastmoney/jsonp_wrapped.txt", "688795", {"price": Decimal("600.60"), "volume": 5 * MILLION}),
    (
        "yahoo/v8_chart_688795.SS.json",
        "688795",
        {
            "price": Decimal("600.60"),
            "previous_close": Decimal("590"),  # the day before, not the close before the whole chart
            "volume": 5 * MILLION,
            "market_cap": None,
            "at": utc("2026-11-20 07:00:08"),
            "currency": "CNY",
        },
    ),
    ("yahoo/v8_chart_6082.HK.json", "6082", {"price": Decimal("50.50"), "currency": "HKD", "day": FRIDAY}),
    (
        "yahoo/v8_chart_300474.SZ_null_bar.json",
        "300474",
        {"price": Decimal("80.80"), "previous_close": Decimal("79.50")},
    ),
    (
        "yahoo/v8_chart_NVDA_split_dividend.json",
        "NVDA",
        {"price": Decimal("202.02"), "currency": "USD", "at": CLOSED_NEW_YORK, "day": FRIDAY},
    ),
    (
        "yahoo/v7_quote_ok.json",
        "688795",
        {"price": Decimal("600.60"), "market_cap": Decimal("2822.82") * HUNDRED_MILLION, "total_shares": 470 * MILLION},
    ),
    # The market value is that of all 2.4 thousand million shares, the number stated that of the listed class.
    (
        "yahoo/v7_quote_ok.json",
        "6082",
        {"price": Decimal("50.50"), "market_cap": Decimal("1212") * HUNDRED_MILLION, "total_shares": None},
    ),
    ("yahoo/v7_quote_ok.json", "NVDA", {"price": Decimal("202.02"), "total_shares": 24_300 * MILLION}),
    (
        "keyed/alphavantage_global_quote.json",
        "NVDA",
        {"price": Decimal("202.02"), "previous_close": Decimal("200"), "currency": None, "day": FRIDAY},
    ),
    # 199.10001 is how single precision writes 199.10.
    (
        "keyed/twelvedata_quote.json",
        "NVDA",
        {"price": Decimal("202.02"), "low": Decimal("199.10"), "currency": "USD", "day": FRIDAY},
    ),
    (
        "keyed/tushare_daily_basic.json",
        "688795",
        {
            "price": Decimal("600.60"),
            "total_shares": 470 * MILLION,
            "market_cap": Decimal("2822.82") * HUNDRED_MILLION,
            "day": FRIDAY,
        },
    ),
]


@pytest.mark.parametrize(("file", "ticker", "stated"), PRICES)
def test_a_price_is_read_with_its_units_and_its_time(
    values: Callable[..., list[Any]], file: str, ticker: str, stated: Mapping[str, object]
) -> None:
    [quote] = [row.quote for row in values(file) if row.instrument.ticker == ticker]
    assert {name: getattr(quote, name) for name in stated} == stated


# File, ticker, the outcome of its row and the reason given.
ROWS = [
    ("tencent/qt_suspended_zero.gbk.txt", "300474", Outcome.HOLD, "suspended"),
    ("tencent/qt_suspended_keeps_prev.gbk.txt", "300474", Outcome.HOLD, "suspended"),
    ("tencent/qt_call_auction_0922.gbk.txt", "688795", Outcome.HOLD, "auction"),
    ("tencent/qt_preopen_all_zero.gbk.txt", "688795", Outcome.HOLD, "before_open"),
    ("tencent/qt_none_match.gbk.txt", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("tencent/qt_partial_batch.gbk.txt", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("tencent/qt_empty_value.gbk.txt", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("tencent/qt_short_row.gbk.txt", "688795", Outcome.BAD_ROW, "short_row"),
    ("tencent/qt_wrong_cap.gbk.txt", "688795", Outcome.OK_FLAG, "cap_mismatch"),
    ("sina/hq_unknown_empty.gb18030.txt", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("sina/hq_call_auction.gb18030.txt", "688795", Outcome.HOLD, "auction"),
    ("eastmoney/clist_star_page1.json", "688999", Outcome.HOLD, "suspended"),
    ("eastmoney/stock_get_suspended_dash.json", "300474", Outcome.HOLD, "suspended"),
    ("yahoo/v8_chart_404_not_found.json", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("yahoo/v8_chart_200_ghost_symbol.json", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("yahoo/v7_quote_unknown_symbol_empty.json", "688999", Outcome.NO_DATA, "unknown_symbol"),
    ("keyed/alphavantage_200_empty_quote.json", "NVDA", Outcome.NO_DATA, "unknown_symbol"),
    ("keyed/stooq_nd_row.csv", "NVDA", Outcome.NO_DATA, "unknown_symbol"),
]


@pytest.mark.parametrize(("file", "ticker", "outcome", "reason"), ROWS)
def test_a_row_without_a_sound_price_says_why(
    values: Callable[..., list[Any]], file: str, ticker: str, outcome: Outcome, reason: str
) -> None:
    [row] = [row for row in values(file) if row.instrument.ticker == ticker]
    assert (row.outcome, row.reason) == (outcome, reason)
    assert outcome is Outcome.OK_FLAG or row.quote is None


# File, pair and day, the rate of one unit.
RATES: list[tuple[str, int, Mapping[tuple[str, str], str]]] = [
    ("fx/frankfurter_v1_latest.json", 2, {("USD/CNY", "2026-11-20"): "6.8", ("USD/HKD", "2026-11-20"): "7.8"}),
    ("fx/frankfurter_v1_range.json", 10, {("USD/CNY", "2026-11-17"): "6.7925", ("USD/HKD", "2026-11-16"): "7.796"}),
    ("fx/frankfurter_v1_weekend_earlier_date.json", 1, {("USD/CNY", "2026-11-20"): "6.8"}),
    ("fx/frankfurter_v2_rates.json", 2, {("USD/CNY", "2026-11-20"): "6.8", ("USD/HKD", "2026-11-20"): "7.8"}),
    (
        "fx/frankfurter_v2_rates_mixed_dates.json",
        2,
        {("USD/CNY", "2026-11-21"): "6.801", ("USD/HKD", "2026-11-20"): "7.8"},
    ),
    ("fx/frankfurter_v2_expand_providers.json", 1, {("USD/CNY", "2026-11-20"): "6.8"}),
    ("fx/ecb_eurofxref_daily.xml", 5, {("EUR/USD", "2026-11-20"): "1.15", ("EUR/CNY", "2026-11-20"): "7.82"}),
    ("fx/ecb_eurofxref_hist_90d.xml", 6, {("EUR/CNY", "2026-11-20"): "7.82", ("EUR/HKD", "2026-11-19"): "8.955"}),
    ("fx/ecb_exr_csvdata_4col.csv", 6, {("EUR/HKD", "2026-11-19"): "8.955", ("EUR/USD", "2026-11-20"): "1.15"}),
    ("fx/ecb_exr_csvdata_wide_with_gap.csv", 1, {("EUR/CNY", "2026-11-20"): "7.82"}),
    ("fx/fred_DEXCHUS.json", 3, {("USD/CNY", "2026-11-10"): "6.81", ("USD/CNY", "2026-11-13"): "6.8"}),
    ("fx/fred_DEXHKUS.json", 3, {("USD/HKD", "2026-11-12"): "7.8005"}),
    # Three days of six pairs, of which two cells are empty.
    (
        "fx/cfets_ccprhisnew_ok.json",
        16,
        {
            ("USD/CNY", "2026-11-20"): "6.8",
            ("HKD/CNY", "2026-11-19"): "0.872",
            ("JPY/CNY", "2026-11-20"): "0.0389",
            ("CNY/THB", "2026-11-20"): "4.8",
            ("GBP/CNY", "2026-11-18"): "8.98",
        },
    ),
    ("fx/cfets_rfx_spot.json", 1, {("USD/CNY", "2026-11-20"): "6.8014"}),
    (
        "fx/hkma_er_eeri_daily.json",
        5,
        {("USD/HKD", "2026-10-30"): "7.8", ("CNY/HKD", "2026-10-31"): "1.1471", ("EUR/HKD", "2026-10-31"): "8.95"},
    ),
    (
        "fx/safe_rmbquery.html",
        4,
        {("USD/CNY", "2026-11-20"): "6.8", ("JPY/CNY", "2026-11-20"): "0.0389", ("HKD/CNY", "2026-11-20"): "0.8718"},
    ),
]


@pytest.mark.parametrize(("file", "count", "stated"), RATES)
def test_a_rate_is_read_per_unit_under_its_own_day(
    values: Callable[..., list[Any]], file: str, count: int, stated: Mapping[tuple[str, str], str]
) -> None:
    found = {(f"{rate.base}/{rate.quote}", f"{rate.day}"): rate.rate for rate in values(file)}
    assert len(found) == count
    assert {pair: found[pair] for pair in stated} == {pair: Decimal(rate) for pair, rate in stated.items()}


def test_rates_of_different_days_are_remarked(values: Callable[..., list[Any]]) -> None:
    assert {rate.flag for rate in values("fx/frankfurter_v2_rates_mixed_dates.json")} == {"mixed_dates"}


# File, number of bars, and of one day: open, close, high, low, shares traded.
BARS = [
    (
        "tencent/kline_day_star_nofq_key_day.json",
        5,
        (date(2026, 11, 20), "592.000 600.600 612.000 588.880", 5 * MILLION),
    ),
    (
        "tencent/kline_day_qfq_with_exright_dict.json",
        4,
        (date(2026, 6, 10), "80.500 81.000 82.000 80.000", 15 * MILLION),
    ),
    ("tencent/newfqkline_bfq_11col.json", 2, (date(2026, 11, 20), "80.100 80.800 81.500 79.600", 10 * MILLION)),
    ("tencent/kline_day_hk_hfq.json", 2, (date(2026, 11, 19), "48.800 49.500 50.100 48.600", 36 * MILLION)),
    ("tencent/kline_day_us_full_suffix.json", 5, (date(2026, 11, 17), "199.000 199.500 200.500 198.000", 140_000_001)),
    ("tencent/kline_jsvar_wrapped.txt", 5, (date(2026, 11, 16), "570.000 575.000 580.000 568.000", 4_100_000)),
    ("eastmoney/kline_day_688795.json", 5, (date(2026, 11, 17), "575.00 580.00 585.00 571.00", 4_200_000)),
    ("yahoo/v8_chart_688795.SS.json", 5, (FRIDAY, "592 600.6 612 588.88", 5 * MILLION)),
    ("yahoo/v8_chart_6082.HK.json", 2, (date(2026, 11, 19), "48.8 49.5 50.1 48.6", 36 * MILLION)),
    ("yahoo/v8_chart_300474.SZ_null_bar.json", 2, (date(2026, 11, 18), "79 79.5 80 78.5", 9 * MILLION)),
    # Before the split one share was worth ten of today's, and a tenth as many changed hands.
    ("yahoo/v8_chart_NVDA_split_dividend.json", 5, (date(2026, 11, 16), "1980 1985 1995 1970", 14 * MILLION)),
    ("yahoo/v8_chart_NVDA_split_dividend.json", 5, (date(2026, 11, 18), "200 200.5 201.5 199", 140_000_002)),
    ("keyed/stooq_daily.csv", 2, (date(2026, 11, 19), "199 200 201 198", 140 * MILLION)),
]


@pytest.mark.parametrize(("file", "count", "one"), BARS)
def test_a_bar_is_read_in_the_order_open_close_high_low(
    values: Callable[..., list[Any]], file: str, count: int, one: tuple[date, str, int]
) -> None:
    found = values(file, READ_BARS.get(file))
    assert len(found) == count
    assert [bar.day for bar in found] == sorted(bar.day for bar in found)
    [bar] = [bar for bar in found if bar.day == one[0]]
    assert [bar.open, bar.close, bar.high, bar.low] == [Decimal(number) for number in one[1].split()]
    assert bar.volume == one[2]


def test_bars_tell_whether_they_are_adjusted(values: Callable[..., list[Any]]) -> None:
    adjustments = {file: {bar.adjustment for bar in values(file)} for file, *_ in BARS if file.startswith("tencent/")}
    assert adjustments == {
        "tencent/kline_day_star_nofq_key_day.json": {""},
        "tencent/kline_day_qfq_with_exright_dict.json": {"qfq"},
        "tencent/newfqkline_bfq_11col.json": {""},
        "tencent/kline_day_hk_hfq.json": {"hfq"},
        "tencent/kline_day_us_full_suffix.json": {"qfq"},
        "tencent/kline_jsvar_wrapped.txt": {""},
    }


def test_what_happened_on_an_ex_day_stands_in_its_bar(values: Callable[..., list[Any]]) -> None:
    """Ten shares are paid one yuan and become eleven; one American share is paid a cent and becomes ten."""
    file = "tencent/kline_day_qfq_with_exright_dict.json"
    told = {event.kind: event for bar in values(file) for event in bar.events}
    assert {kind: event.ex_day for kind, event in told.items()} == dict.fromkeys(
        ("bonus", "dividend"), date(2026, 6, 10)
    )
    assert (told["bonus"].ratio, told["dividend"].cash) == (Decimal("1.1"), Decimal("0.1"))

    file = "yahoo/v8_chart_NVDA_split_dividend.json"
    told = {event.kind: event for bar in values(file, READ_BARS[file]) for event in bar.events}
    assert {event.ex_day for event in told.values()} == {date(2026, 11, 18)}
    assert (told["split"].ratio, told["dividend"].cash) == (Decimal(10), Decimal("0.01"))


def test_an_amount_in_the_eleventh_column_counts_ten_thousands(values: Callable[..., list[Any]]) -> None:
    amounts = [bar.amount for bar in values("tencent/newfqkline_bfq_11col.json")]
    assert amounts == [Decimal("760000000"), Decimal("808000000")]


CNINFO, SSE, SZSE = "https://static.cninfo.com.cn", "https://static.sse.com.cn", "https://disc.static.szse.cn"
HKEX, SEC = "https://www1.hkexnews.hk", "https://www.sec.gov/Archives/edgar/data"
BULLETINS = "/disclosure/listedinfo/announcement/c/new"

# File, place in the list, what is said of the document, application, company or number there.
LISTED: list[tuple[str, int, Mapping[str, object]]] = [
    # Midnight stands for a day without an hour; the marks of the search are gone from the title.
    (
        "filings/cninfo_query_page1.json",
        0,
        {
            "key": "1225900001",
            "title": "摩尔线程2026年第三季度报告",
            "published_on": date(2026, 10, 30),
            "published_at": None,
            "url": f"{CNINFO}/finalpage/2026-10-30/1225900001.PDF",
        },
    ),
    # Published in the evening, it lies in the folder of the next day.
    (
        "filings/cninfo_query_page1.json",
        1,
        {
            "published_on": date(2026, 11, 18),
            "published_at": utc("2026-11-18 11:33:00"),
            "url": f"{CNINFO}/finalpage/2026-11-19/1225900002.PDF",
        },
    ),
    ("filings/cninfo_query_page2.json", 0, {"key": "1225900004", "tickers": ("688795",)}),
    ("filings/cninfo_szse_stock_list.json", 1, {"ticker": "300474", "org_id": "9900024448"}),
    ("filings/cninfo_detailOfQuery.json", 0, {"ticker": "688795", "org_id": "9900058795"}),
    (
        "filings/sse_bulletin_new.jsonp",
        0,
        {"url": f"{SSE}{BULLETINS}/2026-10-30/688795_20261030_AB12.pdf", "is_attachment": False},
    ),
    ("filings/sse_bulletin_new.jsonp", 1, {"group": "9000000000000002", "is_attachment": False}),
    ("filings/sse_bulletin_new.jsonp", 2, {"group": "9000000000000002", "is_attachment": True}),
    (
        "filings/sse_ipo_files_gp_gpzcz_shxxpl.jsonp",
        1,
        {
            "published_at": utc("2026-11-19 09:00:01"),
            "url": f"{SSE}/stock/information/c/202611/00000000000000000000000000000002.pdf",
        },
    ),
    (
        "filings/sse_common_file_search.jsonp",
        0,
        {"kinds": ("I0011",), "url": f"{SSE}/stock/disclosure/announcement/c/202606/003001_20260616_SYN1.pdf"},
    ),
    ("filings/sse_common_file_search.jsonp", 1, {"kinds": ("I3010",)}),
    (
        "filings/szse_annlist.json",
        0,
        {
            "published_on": date(2026, 10, 29),
            "published_at": None,
            "url": (f"{SZSE}/download/disc/disk03/finalpage/2026-10-29/00000000-0000-0000-0000-000000000001.PDF"),
        },
    ),
    ("filings/szse_annlist.json", 1, {"published_at": utc("2026-11-12 10:31:09")}),
    ("filings/szse_projectrends.json", 0, {"key": "1009999", "updated_on": date(2026, 11, 18)}),
    ("filings/hkex_prefix.jsonp", 0, {"ticker": "06082", "stock_id": "1000001"}),
    (
        "filings/hkex_title_search.json",
        0,
        {
            "key": "11990001",
            "published_at": utc("2026-08-28 14:15:00"),
            "url": f"{HKEX}/listedco/listconews/sehk/2026/0828/2026082800001.pdf",
        },
    ),
    # Six o'clock in the morning of Hong Kong is the evening before by UTC.
    (
        "filings/hkex_title_search.json",
        1,
        {
            "title": "PLACING OF NEW H SHARES UNDER GENERAL MANDATE & CLARIFICATION",
            "published_on": date(2026, 10, 8),
            "published_at": utc("2026-10-07 22:01:00"),
        },
    ),
    ("filings/hkex_appactive_sehk_e.json", 0, {"key": "108001", "state": "active"}),
    ("filings/hkex_appactive_sehk_e.json", 1, {"key": "107002", "state": "inactive"}),
    ("filings/sec_company_tickers.json", 0, {"cik": "0001045810", "ticker": "NVDA"}),
    ("filings/sec_company_tickers.json", 1, {"cik": "0000002488", "ticker": "AMD"}),
]


@pytest.mark.parametrize(("file", "place", "stated"), LISTED)
def test_an_entry_of_a_list_is_read_with_its_day_and_its_address(
    values: Callable[..., list[Any]], file: str, place: int, stated: Mapping[str, object]
) -> None:
    entry = values(file)[place]
    assert {name: getattr(entry, name) for name in stated} == stated


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("filings/cninfo_query_page1.json", 3),
        ("filings/cninfo_query_page2.json", 1),
        ("filings/sse_bulletin_new.jsonp", 3),
        ("filings/sse_ipo_list_sh_xm_lb.jsonp", 5),
        ("filings/sse_ipo_files_gp_gpzcz_shxxpl.jsonp", 2),
        ("filings/sse_ipo_timeline_xmdtzttlb.jsonp", 3),
        ("filings/szse_annlist.json", 2),
        ("filings/hkex_prefix_several.jsonp", 2),
        ("filings/hkex_title_search.json", 2),
        ("filings/sec_companyfacts_CIK0001045810.json", 9),
    ],
)
def test_a_list_is_read_whole(values: Callable[..., list[Any]], file: str, count: int) -> None:
    assert len(values(file)) == count


def test_a_page_beyond_the_end_brings_nothing_new(server: SampleServer, client: SourceClient) -> None:
    """Four announcements on two pages; the service repeats the last page for ever."""
    pages = [f"filings/cninfo_query_{name}.json" for name in ("page1", "page2", "page1_repeated_beyond_end")]

    def ask(number: int) -> Page[Announcement]:
        server.put_up(SAMPLES[pages[number - 1]])
        return cninfo.parse_announcements(ask_cninfo(client))

    whole = read_pages(ask, lambda row: row.identity, most_pages=3)
    assert [row.key for row in whole.rows] == ["1225900001", "1225900002", "1225900003", "1225900004"]
    assert (whole.total, whole.has_more) == (4, False)


def test_of_several_stocks_the_one_with_the_very_code_is_taken(values: Callable[..., list[Any]]) -> None:
    stocks = values("filings/hkex_prefix_several.jsonp")
    assert [stock.stock_id for stock in stocks if stock.ticker == "06082"] == ["97773"]


def test_an_application_stands_where_the_exchange_says(values: Callable[..., list[Any]]) -> None:
    stages = [project.status.stage for project in values("filings/sse_ipo_list_sh_xm_lb.jsonp")]
    assert stages == [
        Stage.INQUIRED,
        Stage.COMMITTEE_PASSED,
        Stage.REGISTRATION_EFFECTIVE,
        Stage.TERMINATED,
        Stage.PAUSED,
    ]
    steps = [(step.status.stage, step.day) for step in values("filings/sse_ipo_timeline_xmdtzttlb.jsonp")]
    assert steps == [
        (Stage.ACCEPTED, date(2026, 6, 16)),
        (Stage.INQUIRED, date(2026, 7, 10)),
        (Stage.COMMITTEE_PASSED, date(2026, 10, 20)),
    ]


def test_two_versions_of_one_document_are_two_documents(values: Callable[..., list[Any]]) -> None:
    [details] = values("filings/szse_projectrends_details.json")
    titles = {document.title for document in details.documents.rows}
    assert (len(titles), len({document.identity for document in details.documents.rows})) == (1, 2)
    assert [document.published_on for document in details.documents.rows] == [date(2026, 6, 30), date(2026, 11, 18)]


def test_filings_are_read_across_their_columns(values: Callable[..., list[Any]]) -> None:
    [company] = values("filings/sec_submissions_CIK0001045810.json")
    newest, older = company.filings.rows
    assert (newest.kinds, newest.published_at) == (("8-K", "2.02", "9.01"), utc("2026-11-18 21:20:05"))
    assert (older.kinds, older.period_end) == (("10-Q",), date(2026, 7, 26))
    assert older.url == f"{SEC}/1045810/000104581026900001/nvda-20260726.htm"
    assert [further.name for further in company.older] == ["CIK0001045810-submissions-001.json"]


def test_a_number_is_about_its_own_days_whatever_year_its_filing_bears(values: Callable[..., list[Any]]) -> None:
    facts = sec.latest_facts(values("filings/sec_companyfacts_CIK0001045810.json"))
    revenue = {(fact.start, fact.end): (fact.value, fact.form) for fact in facts if fact.tag == "Revenues"}
    thousand_million = Decimal(10**9)
    assert revenue == {
        # Six months and three months that share their last day.
        (date(2026, 1, 26), date(2026, 7, 26)): (150 * thousand_million, "10-Q"),
        (date(2026, 4, 27), date(2026, 7, 26)): (80 * thousand_million, "10-Q"),
        # The amended annual report repeats the number and takes the place of the first one.
        (date(2025, 1, 27), date(2026, 1, 25)): (200 * thousand_million, "10-K/A"),
        # Filed with the next annual report.
        (date(2024, 1, 29), date(2025, 1, 26)): (130 * thousand_million, "10-K"),
    }
    shares = [fact.value for fact in facts if fact.tag == "EntityCommonStockSharesOutstanding"]
    assert shares == [2430 * MILLION, 24_300 * MILLION, 24_300 * MILLION]


def test_a_crumb_is_asked_for_once_and_a_stale_one_renewed_once(server: SampleServer, client: SourceClient) -> None:
    for file, rounds in (("yahoo/v7_quote_ok.json", 1), ("yahoo/v7_401_invalid_crumb.json", 2)):
        server.put_up(SAMPLES[file], beside=BESIDE[file])
        outcome_of(READ[file], client)
        paths = [asked.path for asked in server.asked]
        assert paths == ["/cookie/", "/v1/test/getcrumb", "/v7/finance/quote"] * rounds
        assert server.asked[-1].target.endswith("&crumb=AbCdEfGhIjK")


def test_a_message_is_never_taken_for_a_crumb(server: SampleServer, client: SourceClient) -> None:
    file = "yahoo/getcrumb_429.txt"
    server.put_up(SAMPLES[file], beside=BESIDE[file])
    assert outcome_of(READ[file], client) is Outcome.BLOCKED
    assert "/v7/finance/quote" not in {asked.path for asked in server.asked}


@pytest.mark.parametrize(
    ("file", "pause"),
    [
        ("sina/hq_forbidden_no_referer.txt", 3600),
        ("sina/hq_456_denied.html", 3600),
        ("filings/sec_403_undeclared_tool.html", 600),
        ("filings/sec_rate_threshold.html", 600),
        ("keyed/twelvedata_200_error_429.json", 60),
    ],
)
def test_who_is_turned_away_knows_for_how_long_at_least(
    server: SampleServer, client: SourceClient, file: str, pause: int
) -> None:
    server.put_up(SAMPLES[file])
    with pytest.raises(Blocked) as caught:
        READ[file](client)
    assert (caught.value.retry_after or 0) >= pause


# Samples that answer a request we never make, in a shape that is understood all the same.
ELSEWHERE = (
    "tencent/qt_hk_plain_delayed",
    "tencent/kline_",
    "eastmoney/clist_",
    "eastmoney/stock_get_",
    "eastmoney/jsonp_wrapped",
    "eastmoney/502",
    "yahoo/consent",
    "fx/frankfurter_",
    "fx/ecb_eurofxref_daily",
    "fx/ecb_exr_",
    "filings/cninfo_get_500",
    "filings/sec_404_nosuchkey",
)
ASKED = [sample for sample in SAMPLES.values() if not sample.file.startswith(ELSEWHERE) and "..." not in sample.path]


@pytest.mark.parametrize("sample", ASKED, ids=lambda sample: sample.file)
def test_a_source_asks_in_the_way_in_which_its_service_is_asked(
    server: SampleServer, client: SourceClient, sample: Sample
) -> None:
    server.put_up(sample, beside=BESIDE.get(sample.file))
    outcome_of(READ[sample.file], client)
    assert (sample.method, sample.path) in [(asked.method, asked.path) for asked in server.asked]


@pytest.mark.parametrize("name", ["Referer", "User-Agent", "Cookie"])
def test_a_service_that_wants_a_header_refuses_whoever_comes_without_it(server: SampleServer, name: str) -> None:
    """So the other tests prove that the sources send it."""
    sample = next(sample for sample in SAMPLES.values() if name in sample.required)
    server.put_up(sample)
    with SourceClient(server.url, user_agent="nobody", timeout=5, trust_env=False) as stranger:
        assert stranger.get("/").status == 403
