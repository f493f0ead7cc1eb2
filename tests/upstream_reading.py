"""How each sample of an upstream reply is asked for and read by the project's own sources.

The world of the samples is the weekend after Friday 2026-11-20, when all exchanges have closed for the week; replies
of before the opening are of Monday 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from companies.sources import cninfo, hkex, sec, sse, szse
from companies.sources.announcements import Page
from companies.sources.base import Outcome, Reply
from companies.sources.documents import check_pdf
from companies.sources.http import SourceClient
from tests.outcomes import batch_outcome, rates_outcome
from tests.upstream_samples import SAMPLES, Sample
from valuations.checks import QuoteContext, check_quote
from valuations.providers.base import HistorySource, Instrument, QuoteRow, QuoteSource, RateSource
from valuations.providers.cfets import CfetsParity, parse_spot
from valuations.providers.eastmoney import EastmoneyQuotes
from valuations.providers.eastmoney_history import EastmoneyHistory
from valuations.providers.ecb import EcbReference
from valuations.providers.frankfurter import Frankfurter
from valuations.providers.fred import FredSeries
from valuations.providers.hkma import HkmaDaily
from valuations.providers.safe import SafeParity
from valuations.providers.sina import SinaQuotes
from valuations.providers.tencent import TencentQuotes
from valuations.providers.tencent_history import TencentHistory
from valuations.providers.yahoo import YahooChart
from valuations.providers.yahoo_history import YahooHistory
from valuations.providers.yahoo_quote import YahooQuotes
from valuations.sessions import Calendar
from xinpan_keyed.alphavantage import AlphaVantageQuotes
from xinpan_keyed.stooq import StooqHistory, StooqQuotes
from xinpan_keyed.tushare import TushareQuotes
from xinpan_keyed.twelvedata import TwelveDataQuotes

WEEKEND = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # Saturday noon in Shanghai, Friday night in New York
MONDAY = datetime(2026, 11, 23, 1, 25, tzinfo=UTC)  # 09:25 in Shanghai: the call auction, before any trade
CALENDAR = Calendar(known_years={mic: frozenset({2026}) for mic in ("XSHG", "XSHE", "XHKG", "XNAS")})

MOORE = Instrument("XSHG", "688795", "CNY")
METAX = Instrument("XSHG", "688802", "CNY")
UNKNOWN = Instrument("XSHG", "688999", "CNY")
JINGJIA = Instrument("XSHE", "300474", "CNY")
BIREN = Instrument("XHKG", "6082", "HKD")
ILUVATAR = Instrument("XHKG", "9903", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")
BOARDS = {"688795": "STAR", "688802": "STAR", "688999": "STAR", "300474": "ChiNext"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a reply: the word for it, and the values (quote rows, bars, rates, filings …)."""

    outcome: Outcome
    values: Sequence[Any]


Read = Callable[[SourceClient], Reading]


def judged(row: QuoteRow, now: datetime) -> QuoteRow:
    """The row after the checks, which may hold a price back, call it stale or flag it."""
    if row.outcome is not Outcome.OK or row.quote is None:
        return row
    instrument = row.instrument
    context = QuoteContext(
        mic=instrument.mic,
        currency=instrument.currency,
        calendar=CALENDAR,
        now=now,
        board=BOARDS.get(instrument.ticker, ""),
    )
    verdict = check_quote(row.quote, context)
    return QuoteRow(instrument, verdict.outcome, row.quote, verdict.reason, verdict.detail)


def quotes(source: QuoteSource, *instruments: Instrument, now: datetime = WEEKEND) -> Read:
    """Prices, after the checks."""

    def read(client: SourceClient) -> Reading:
        rows = [judged(row, now) for row in source.parse(source.fetch(client, instruments), instruments)]
        return Reading(batch_outcome(rows), rows)

    return read


def bars(source: HistorySource, instrument: Instrument) -> Read:
    """Daily bars of the half-year before the weekend."""

    def read(client: SourceClient) -> Reading:
        start, end = date(2026, 6, 1), date(2026, 11, 20)
        return Reading(Outcome.OK, source.parse(source.fetch(client, instrument, start, end), instrument, start, end))

    return read


def rates(source: RateSource) -> Read:
    """Exchange rates."""

    def read(client: SourceClient) -> Reading:
        found = source.parse(source.fetch(client, date(2026, 11, 16), date(2026, 11, 20)))
        return Reading(rates_outcome(found), found)

    return read


def spot_rates(client: SourceClient) -> Reading:
    """The page of spot prices, which no source asks for of its own accord."""
    found = parse_spot(client.get("/r/cms/www/chinamoney/data/fx/rfx-sp-quot.json").body)
    return Reading(rates_outcome(found), found)


def listed(fetch: Callable[[SourceClient], Reply], parse: Callable[[Reply], Page[Any]]) -> Read:
    """A page of announcements, applications, companies, facts."""

    def read(client: SourceClient) -> Reading:
        page = parse(fetch(client))
        return Reading(page.outcome, page.rows)

    return read


def single(fetch: Callable[[SourceClient], Reply], parse: Callable[[Reply], object]) -> Read:
    """One thing that is not a list."""

    def read(client: SourceClient) -> Reading:
        return Reading(Outcome.OK, [parse(fetch(client))])

    return read


def ask_cninfo(client: SourceClient) -> Reply:
    """What a company published since the summer."""
    return cninfo.fetch_announcements(client, "688795", "9900058795", date(2026, 8, 1), date(2026, 11, 23))


def ask_sse(client: SourceClient) -> Reply:
    """The bulletins of a company in Shanghai."""
    return sse.fetch_bulletins(client, "688795", date(2026, 10, 1), date(2026, 11, 23))


def ask_szse(client: SourceClient) -> Reply:
    """The announcements of a company in Shenzhen."""
    return szse.fetch_announcements(client, "300474", date(2026, 10, 1), date(2026, 11, 23))


def ask_hkex(client: SourceClient) -> Reply:
    """The documents of a stock in Hong Kong."""
    return hkex.fetch_titles(client, "1000001", date(2026, 8, 1), date(2026, 11, 23))


def ask_stock(client: SourceClient) -> Reply:
    """The number of that stock."""
    return hkex.fetch_stock_ids(client, "6082")


def ask_submissions(client: SourceClient) -> Reply:
    """The filings of a company in the United States."""
    return sec.fetch_submissions(client, "1045810")


# What stands at other paths while a file is asked for: Yahoo's cookie comes with a page that is not found.
_COOKIE = {"/cookie": SAMPLES["yahoo/v8_chart_404_not_found.json"]}
_CRUMB = {**_COOKIE, "/v1/test/getcrumb": SAMPLES["yahoo/getcrumb_ok.txt"]}
_PRICES = {**_COOKIE, "/v7/finance/quote": SAMPLES["yahoo/v7_quote_ok.json"]}
BESIDE: Mapping[str, Mapping[str, Sample]] = {
    "yahoo/v7_quote_ok.json": _CRUMB,
    "yahoo/v7_quote_unknown_symbol_empty.json": _CRUMB,
    "yahoo/v7_401_invalid_crumb.json": _CRUMB,
    "yahoo/v7_401_invalid_cookie.json": _CRUMB,
    "yahoo/getcrumb_ok.txt": _PRICES,
    "yahoo/getcrumb_429.txt": _PRICES,
}

# How each file is asked for and read; a file without an entry fails its test.
READ: Mapping[str, Read] = {
    "tencent/qt_batch_ok.gbk.txt": quotes(TencentQuotes(), MOORE, METAX, JINGJIA, BIREN, ILUVATAR, NVIDIA),
    "tencent/qt_hk_plain_delayed.gbk.txt": quotes(TencentQuotes(), BIREN),
    "tencent/qt_suspended_zero.gbk.txt": quotes(TencentQuotes(), JINGJIA),
    "tencent/qt_suspended_keeps_prev.gbk.txt": quotes(TencentQuotes(), JINGJIA),
    "tencent/qt_call_auction_0922.gbk.txt": quotes(TencentQuotes(), MOORE, now=MONDAY),
    "tencent/qt_preopen_all_zero.gbk.txt": quotes(TencentQuotes(), MOORE, now=MONDAY),
    "tencent/qt_none_match.gbk.txt": quotes(TencentQuotes(), UNKNOWN),
    "tencent/qt_partial_batch.gbk.txt": quotes(TencentQuotes(), MOORE, UNKNOWN, NVIDIA),
    "tencent/qt_empty_value.gbk.txt": quotes(TencentQuotes(), UNKNOWN, METAX),
    "tencent/qt_truncated.gbk.txt": quotes(TencentQuotes(), MOORE),
    "tencent/qt_short_row.gbk.txt": quotes(TencentQuotes(), MOORE),
    "tencent/qt_blank_fields.gbk.txt": quotes(TencentQuotes(), MOORE),
    "tencent/qt_87_fields.gbk.txt": quotes(TencentQuotes(), MOORE),
    "tencent/qt_stale_timestamp.gbk.txt": quotes(TencentQuotes(), MOORE),
    "tencent/qt_utf8_variant.txt": quotes(TencentQuotes(), MOORE, BIREN),
    "tencent/qt_wrong_cap.gbk.txt": quotes(TencentQuotes(), MOORE),
    "tencent/qt_html_200.html": quotes(TencentQuotes(), MOORE),
    "tencent/kline_day_star_nofq_key_day.json": bars(TencentHistory(), MOORE),
    "tencent/kline_day_qfq_with_exright_dict.json": bars(TencentHistory(), JINGJIA),
    "tencent/newfqkline_bfq_11col.json": bars(TencentHistory(), JINGJIA),
    "tencent/kline_day_hk_hfq.json": bars(TencentHistory(), BIREN),
    "tencent/kline_day_us_sparse.json": bars(TencentHistory(), NVIDIA),
    "tencent/kline_day_us_full_suffix.json": bars(TencentHistory(), NVIDIA),
    "tencent/kline_empty_data.json": bars(TencentHistory(), UNKNOWN),
    "tencent/kline_param_error_list_data.json": bars(TencentHistory(), UNKNOWN),
    "tencent/kline_bad_params.json": bars(TencentHistory(), MOORE),
    "tencent/kline_jsvar_wrapped.txt": bars(TencentHistory(), MOORE),
    "sina/hq_ok.gb18030.txt": quotes(SinaQuotes(), MOORE, JINGJIA, BIREN, NVIDIA),
    "sina/hq_unknown_empty.gb18030.txt": quotes(SinaQuotes(), UNKNOWN, MOORE),
    "sina/hq_call_auction.gb18030.txt": quotes(SinaQuotes(), MOORE, now=MONDAY),
    "sina/hq_us_placeholders.gb18030.txt": quotes(SinaQuotes(), NVIDIA),
    "sina/hq_forbidden_no_referer.txt": quotes(SinaQuotes(), MOORE),
    "sina/hq_456_denied.html": quotes(SinaQuotes(), MOORE),
    "sina/hq_502.html": quotes(SinaQuotes(), MOORE),
    "eastmoney/clist_star_page1.json": quotes(EastmoneyQuotes(), MOORE, METAX, UNKNOWN),
    "eastmoney/clist_np0_object_diff.json": quotes(EastmoneyQuotes(), MOORE, METAX),
    "eastmoney/clist_data_null.json": quotes(EastmoneyQuotes(), MOORE),
    "eastmoney/rc102_null.json": quotes(EastmoneyQuotes(), MOORE),
    "eastmoney/stock_get_fltt2_688795.json": quotes(EastmoneyQuotes(), MOORE),
    "eastmoney/stock_get_scaled_688795.json": quotes(EastmoneyQuotes(), MOORE),
    "eastmoney/stock_get_scaled_06082.json": quotes(EastmoneyQuotes(), BIREN),
    "eastmoney/stock_get_suspended_dash.json": quotes(EastmoneyQuotes(), JINGJIA),
    "eastmoney/ulist_scaled_markets.json": quotes(EastmoneyQuotes(), MOORE, BIREN, NVIDIA),
    "eastmoney/jsonp_wrapped.txt": quotes(EastmoneyQuotes(), MOORE),
    "eastmoney/502.html": quotes(EastmoneyQuotes(), MOORE),
    "eastmoney/kline_day_688795.json": bars(EastmoneyHistory(), MOORE),
    "eastmoney/kline_null.json": bars(EastmoneyHistory(), UNKNOWN),
    "yahoo/v8_chart_688795.SS.json": quotes(YahooChart(), MOORE),
    "yahoo/v8_chart_6082.HK.json": quotes(YahooChart(), BIREN),
    "yahoo/v8_chart_300474.SZ_null_bar.json": quotes(YahooChart(), JINGJIA),
    "yahoo/v8_chart_NVDA_split_dividend.json": quotes(YahooChart(), NVIDIA),
    "yahoo/v8_chart_404_not_found.json": quotes(YahooChart(), UNKNOWN),
    "yahoo/v8_chart_422_bad_range.json": quotes(YahooChart(), NVIDIA),
    "yahoo/v8_chart_200_ghost_symbol.json": quotes(YahooChart(), UNKNOWN),
    "yahoo/edge_429.txt": quotes(YahooChart(), NVIDIA),
    "yahoo/consent.html": quotes(YahooChart(), NVIDIA),
    "yahoo/v7_quote_ok.json": quotes(YahooQuotes(), MOORE, BIREN, NVIDIA),
    "yahoo/v7_quote_unknown_symbol_empty.json": quotes(YahooQuotes(), UNKNOWN),
    "yahoo/v7_401_invalid_crumb.json": quotes(YahooQuotes(), NVIDIA),
    "yahoo/v7_401_invalid_cookie.json": quotes(YahooQuotes(), NVIDIA),
    "yahoo/getcrumb_ok.txt": quotes(YahooQuotes(), MOORE, BIREN, NVIDIA),
    "yahoo/getcrumb_429.txt": quotes(YahooQuotes(), NVIDIA),
    "fx/frankfurter_v1_latest.json": rates(Frankfurter()),
    "fx/frankfurter_v1_range.json": rates(Frankfurter()),
    "fx/frankfurter_v1_weekend_earlier_date.json": rates(Frankfurter()),
    "fx/frankfurter_v1_404.json": rates(Frankfurter()),
    "fx/frankfurter_v1_422.json": rates(Frankfurter()),
    "fx/frankfurter_v2_rates.json": rates(Frankfurter()),
    "fx/frankfurter_v2_rates_mixed_dates.json": rates(Frankfurter()),
    "fx/frankfurter_v2_expand_providers.json": rates(Frankfurter()),
    "fx/frankfurter_v2_422.json": rates(Frankfurter()),
    "fx/frankfurter_v2_404.json": rates(Frankfurter()),
    "fx/frankfurter_v2_503.json": rates(Frankfurter()),
    "fx/ecb_eurofxref_daily.xml": rates(EcbReference()),
    "fx/ecb_eurofxref_hist_90d.xml": rates(EcbReference()),
    "fx/ecb_exr_csvdata_4col.csv": rates(EcbReference()),
    "fx/ecb_exr_csvdata_wide_with_gap.csv": rates(EcbReference()),
    "fx/fred_DEXCHUS.json": rates(FredSeries("fred", "DEXCHUS", "a key")),
    "fx/fred_DEXHKUS.json": rates(FredSeries("fred_hkd", "DEXHKUS", "a key")),
    "fx/fred_400_bad_key.json": rates(FredSeries("fred", "DEXCHUS", "a key")),
    "fx/cfets_ccprhisnew_ok.json": rates(CfetsParity()),
    "fx/cfets_refused_span.json": rates(CfetsParity()),
    "fx/cfets_rfx_spot.json": spot_rates,
    "fx/hkma_er_eeri_daily.json": rates(HkmaDaily()),
    "fx/safe_rmbquery.html": rates(SafeParity()),
    "filings/cninfo_query_page1.json": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/cninfo_query_page2.json": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/cninfo_query_page1_repeated_beyond_end.json": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/cninfo_query_null_channel.json": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/cninfo_query_true_empty_list.json": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/cninfo_szse_stock_list.json": listed(cninfo.fetch_stock_list, cninfo.parse_stock_list),
    "filings/cninfo_detailOfQuery.json": listed(
        lambda client: cninfo.fetch_org_ids(client, "688795"), cninfo.parse_org_ids
    ),
    "filings/cninfo_get_500.json": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/waf_challenge_200.html": listed(ask_cninfo, cninfo.parse_announcements),
    "filings/pdf_url_returns_html_200.html": single(
        lambda client: client.get("/finalpage/2026-11-19/0.PDF"), check_pdf
    ),
    "filings/sse_bulletin_new.jsonp": listed(ask_sse, sse.parse_bulletins),
    "filings/sse_busy.jsonp": listed(ask_sse, sse.parse_bulletins),
    "filings/sse_403_no_referer.html": listed(ask_sse, sse.parse_bulletins),
    "filings/sse_ipo_list_sh_xm_lb.jsonp": listed(sse.fetch_projects, sse.parse_projects),
    "filings/sse_ipo_list_empty.jsonp": listed(sse.fetch_projects, sse.parse_projects),
    "filings/sse_ipo_files_gp_gpzcz_shxxpl.jsonp": listed(
        lambda client: sse.fetch_older_project_files(client, "3001"), sse.parse_project_files
    ),
    "filings/sse_common_file_search.jsonp": listed(
        lambda client: sse.fetch_project_files(client, "3001"), sse.parse_project_files
    ),
    "filings/sse_ipo_timeline_xmdtzttlb.jsonp": listed(
        lambda client: sse.fetch_timeline(client, "3002"), sse.parse_timeline
    ),
    "filings/szse_annlist.json": listed(ask_szse, szse.parse_announcements),
    "filings/szse_annlist_past_end.json": listed(ask_szse, szse.parse_announcements),
    "filings/szse_projectrends.json": listed(szse.fetch_projects, szse.parse_projects),
    "filings/szse_projectrends_details.json": single(
        lambda client: szse.fetch_project(client, "1009999"), szse.parse_project
    ),
    "filings/hkex_prefix.jsonp": listed(ask_stock, hkex.parse_stock_ids),
    "filings/hkex_prefix_several.jsonp": listed(ask_stock, hkex.parse_stock_ids),
    "filings/hkex_title_search.json": listed(ask_hkex, hkex.parse_titles),
    "filings/hkex_title_search_null.json": listed(ask_hkex, hkex.parse_titles),
    "filings/hkex_appactive_sehk_e.json": listed(
        lambda client: hkex.fetch_applications(client, "appactive_app"), hkex.parse_applications
    ),
    "filings/sec_company_tickers.json": listed(sec.fetch_tickers, sec.parse_tickers),
    "filings/sec_submissions_CIK0001045810.json": single(ask_submissions, sec.parse_submissions),
    "filings/sec_companyfacts_CIK0001045810.json": listed(
        lambda client: sec.fetch_facts(client, "1045810"), sec.parse_facts
    ),
    "filings/sec_403_undeclared_tool.html": single(ask_submissions, sec.parse_submissions),
    "filings/sec_rate_threshold.html": single(ask_submissions, sec.parse_submissions),
    "filings/sec_404_nosuchkey.xml": single(ask_submissions, sec.parse_submissions),
    "keyed/alphavantage_global_quote.json": quotes(AlphaVantageQuotes(), NVIDIA),
    "keyed/alphavantage_200_daily_limit.json": quotes(AlphaVantageQuotes(), NVIDIA),
    "keyed/alphavantage_200_note.json": quotes(AlphaVantageQuotes(), NVIDIA),
    "keyed/alphavantage_200_empty_quote.json": quotes(AlphaVantageQuotes(), NVIDIA),
    "keyed/twelvedata_quote.json": quotes(TwelveDataQuotes(), NVIDIA),
    "keyed/twelvedata_200_error_429.json": quotes(TwelveDataQuotes(), NVIDIA),
    "keyed/tushare_daily_basic.json": quotes(TushareQuotes(), MOORE),
    "keyed/tushare_40203.json": quotes(TushareQuotes(), MOORE),
    "keyed/stooq_daily.csv": bars(StooqHistory(), NVIDIA),
    "keyed/stooq_apikey_required_200.txt": bars(StooqHistory(), NVIDIA),
    "keyed/stooq_nd_row.csv": quotes(StooqQuotes(), NVIDIA),
    "keyed/stooq_daily_limit_200.txt": bars(StooqHistory(), NVIDIA),
}

# Files that hold daily bars as well as a quote.
READ_BARS: Mapping[str, Read] = {
    "yahoo/v8_chart_688795.SS.json": bars(YahooHistory(), MOORE),
    "yahoo/v8_chart_6082.HK.json": bars(YahooHistory(), BIREN),
    "yahoo/v8_chart_300474.SZ_null_bar.json": bars(YahooHistory(), JINGJIA),
    "yahoo/v8_chart_NVDA_split_dividend.json": bars(YahooHistory(), NVIDIA),
}
