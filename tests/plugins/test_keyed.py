"""The vendors that want a key: what is asked, what is read, and what their refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from companies.sources.base import Auth, Outcome, Reply, SourceError
from companies.sources.http import SourceClient
from tests.outcomes import batch_outcome
from tests.upstream_samples import SAMPLES, SampleServer
from valuations.providers.base import DailyBar, Instrument, ParsedQuote, QuoteRow
from xinpan_keyed.alphavantage import AlphaVantageHistory, AlphaVantageQuotes
from xinpan_keyed.stooq import StooqHistory, StooqQuotes
from xinpan_keyed.tushare import TushareHistory, TushareQuotes
from xinpan_keyed.twelvedata import TwelveDataHistory, TwelveDataQuotes, without_noise

NVIDIA = Instrument("XNAS", "NVDA", "USD")
BERKSHIRE = Instrument("XNYS", "BRK.B", "USD")
STAR = Instrument("XSHG", "688795", "CNY")
CHINEXT = Instrument("XSHE", "300474", "CNY")
TENCENT = Instrument("XHKG", "00700", "HKD")
KEYS = ("TWELVEDATA_API_KEY", "ALPHAVANTAGE_API_KEY", "TUSHARE_TOKEN", "STOOQ_API_KEY")
SATURDAY = datetime(2026, 11, 21, 4, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)
SECRET = "s3cret"


@pytest.fixture(scope="module")
def server() -> Iterator[SampleServer]:
    with SampleServer() as running:
        yield running


@pytest.fixture
def client(server: SampleServer) -> Iterator[SourceClient]:
    with SourceClient(server.url, user_agent="xinpan-tests", timeout=5, trust_env=False) as opened:
        yield opened


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in KEYS:
        monkeypatch.setenv(variable, SECRET)


def reply(body: str | bytes | object, status: int = 200, at: datetime = SATURDAY) -> Reply:
    """A reply with text, bytes, or a value as JSON."""
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    content = body.encode() if isinstance(body, str) else body
    return Reply("https://vendor.test/", status, "text/plain", content, at)


def quote(row: QuoteRow) -> ParsedQuote:
    assert row.outcome is Outcome.OK, row
    assert row.quote is not None
    return row.quote


# --- What is asked -----------------------------------------------------------------------------

SPAN = (date(2026, 11, 16), FRIDAY)
QUESTIONS: list[tuple[Any, tuple[Any, ...], str]] = [
    (TwelveDataQuotes(), ([NVIDIA, STAR, CHINEXT, TENCENT],), "/quote?symbol=NVDA,688795:SSE,300474:SZSE,0700:HKEX"),
    # The vendor leaves the last day out: one more is asked for.
    (
        TwelveDataHistory(),
        (NVIDIA, *SPAN),
        "/time_series?symbol=NVDA&interval=1day&adjust=none&start_date=2026-11-16&end_date=2026-11-21",
    ),
    (AlphaVantageQuotes(), ([STAR],), "/query?function=GLOBAL_QUOTE&symbol=688795.SHH"),
    (
        AlphaVantageHistory(),
        (NVIDIA, *SPAN),
        "/query?function=TIME_SERIES_DAILY&symbol=NVDA&outputsize=compact",
    ),
    (
        AlphaVantageHistory(),
        (CHINEXT, date(2020, 1, 1), FRIDAY),
        "/query?function=TIME_SERIES_DAILY&symbol=300474.SHZ&outputsize=full",
    ),
    (StooqQuotes(), ([NVIDIA, BERKSHIRE],), "/q/l/?s=nvda.us+brk-b.us&f=sd2t2ohlcv&h&e=csv"),
    (StooqHistory(), (NVIDIA, *SPAN), "/q/d/l/?s=nvda.us&i=d&d1=20261116&d2=20261120&o=1111111"),
]


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("source", "what", "target"), QUESTIONS)
def test_the_key_is_sent_and_kept_out_of_the_reply(
    server: SampleServer, client: SourceClient, source: Any, what: tuple[Any, ...], target: str
) -> None:
    server.put_up(SAMPLES["keyed/stooq_daily.csv"])
    with time_machine.travel(SATURDAY):
        answer = source.fetch(client, *what)
    assert [asked.target for asked in server.asked] == [f"{target}&apikey={SECRET}"]
    assert answer.url == server.url + target


TUSHARE_QUESTIONS: list[tuple[Any, tuple[Any, ...], str, dict[str, str]]] = [
    (TushareQuotes(), ([STAR],), "daily_basic", {"ts_code": "688795.SH", "start_date": "20261101"}),
    (
        TushareHistory(),
        (CHINEXT, *SPAN),
        "daily",
        {"ts_code": "300474.SZ", "start_date": "20261116", "end_date": "20261120"},
    ),
]


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("source", "what", "name", "params"), TUSHARE_QUESTIONS)
def test_tushare_gets_its_token_in_the_body_alone(
    server: SampleServer, client: SourceClient, source: Any, what: tuple[Any, ...], name: str, params: dict[str, str]
) -> None:
    server.put_up(SAMPLES["keyed/tushare_daily_basic.json"])
    with time_machine.travel(SATURDAY):
        answer = source.fetch(client, *what)
    [asked] = server.asked
    sent = json.loads(asked.body)
    assert (asked.method, asked.target, sent["api_name"], sent["params"]) == ("POST", "/", name, params)
    assert sent["token"] == SECRET
    assert answer.url == f"{server.url}/"


@pytest.mark.parametrize(("source", "what"), [(source, what) for source, what, *_ in [*QUESTIONS, *TUSHARE_QUESTIONS]])
def test_without_a_key_nothing_is_asked(
    server: SampleServer, client: SourceClient, monkeypatch: pytest.MonkeyPatch, source: Any, what: tuple[Any, ...]
) -> None:
    for variable in KEYS:
        monkeypatch.delenv(variable, raising=False)
    server.put_up(SAMPLES["keyed/stooq_daily.csv"])
    with pytest.raises(Auth, match="is not set"):
        source.fetch(client, *what)
    assert server.asked == []


# --- What is read ------------------------------------------------------------------------------

NEW_YORK_CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)  # 16:00 in winter


def test_twelve_data_gives_prices_without_the_noise_of_single_precision() -> None:
    [row] = TwelveDataQuotes().parse(reply(SAMPLES["keyed/twelvedata_quote.json"].body), [NVIDIA])
    found = quote(row)
    assert (found.price, found.low, found.previous_close) == (Decimal("202.02"), Decimal("199.10"), Decimal(200))
    assert str(found.low) == "199.10"
    assert (found.volume, found.currency, found.day) == (150_000_000, "USD", FRIDAY)
    # Its `timestamp` is 14:30, when the exchange opened.
    assert (found.at, found.delayed) == (NEW_YORK_CLOSE, False)


@pytest.mark.parametrize(
    ("printed", "price"),
    [
        ("199.10001", "199.10"),
        ("202.02000", "202.02"),
        ("600.59998", "600.60"),
        ("0.03412", "0.03412"),
        ("12.34560", "12.3456"),
        # At 745,000 single precision knows sixteenths only; two decimals are kept all the same.
        ("745000.56250", "745000.56"),
        ("0.00000", "0.00"),
    ],
)
def test_a_price_is_rounded_to_what_single_precision_cannot_tell_apart(printed: str, price: str) -> None:
    assert str(without_noise(Decimal(printed))) == price


def test_alpha_vantage_gives_a_day_and_no_currency() -> None:
    [row] = AlphaVantageQuotes().parse(reply(SAMPLES["keyed/alphavantage_global_quote.json"].body), [NVIDIA])
    found = quote(row)
    assert (found.price, found.open, found.high, found.low) == (
        Decimal("202.02"),
        Decimal("200.5"),
        Decimal("203.3"),
        Decimal("199.1"),
    )
    assert (found.previous_close, found.volume, found.currency) == (Decimal(200), 150_000_000, None)
    assert (found.at, found.day) == (NEW_YORK_CLOSE, FRIDAY)


def test_tushare_counts_shares_and_value_in_ten_thousands() -> None:
    [row] = TushareQuotes().parse(reply(SAMPLES["keyed/tushare_daily_basic.json"].body), [STAR])
    found = quote(row)
    assert (found.price, found.total_shares, found.market_cap) == (
        Decimal("600.6"),
        470_000_000,
        Decimal(282_282_000_000),
    )
    # 15:00 in Shanghai.
    assert (found.at, found.day, found.currency) == (datetime(2026, 11, 20, 7, tzinfo=UTC), FRIDAY, "CNY")


def test_tushare_gives_the_newest_of_several_days() -> None:
    fields = ["ts_code", "trade_date", "close"]
    items = [["688795.SH", "20261119", 590], ["688795.SH", "20261120", 600.6], ["688795.SH", "20261118", 580]]
    [row] = TushareQuotes().parse(reply({"code": 0, "data": {"fields": fields, "items": items}}), [STAR])
    found = quote(row)
    assert (found.price, found.total_shares, found.market_cap) == (Decimal("600.6"), None, None)


STOOQ_HEAD = "Symbol,Date,Time,Open,High,Low,Close,Volume\n"


def test_stooq_tells_time_by_the_clocks_of_warsaw() -> None:
    rows = "NVDA.US,2026-11-20,22:00:12,200.5,203.3,199.1,202.02,150000000\nBRK-B.US,N/D,N/D,N/D,N/D,N/D,N/D,N/D\n"
    nvidia, berkshire = StooqQuotes().parse(reply(STOOQ_HEAD + rows), [NVIDIA, BERKSHIRE])
    found = quote(nvidia)
    assert (found.price, found.volume) == (Decimal("202.02"), 150_000_000)
    assert (found.at, found.day, found.delayed) == (datetime(2026, 11, 20, 21, 0, 12, tzinfo=UTC), FRIDAY, False)
    assert (berkshire.outcome, berkshire.reason) == (Outcome.NO_DATA, "unknown_symbol")


def test_stooq_is_late_while_the_exchange_is_open() -> None:
    rows = "NVDA.US,2026-11-20,16:00:00,200.5,203.3,199.1,202.02,150000000\n"
    [row] = StooqQuotes().parse(reply(STOOQ_HEAD + rows, at=datetime(2026, 11, 20, 15, 15, tzinfo=UTC)), [NVIDIA])
    assert quote(row).delayed


def test_a_price_of_a_day_that_still_runs_is_of_the_moment_at_which_it_was_told() -> None:
    noon = datetime(2026, 11, 20, 17, tzinfo=UTC)
    [row] = AlphaVantageQuotes().parse(reply(SAMPLES["keyed/alphavantage_global_quote.json"].body, at=noon), [NVIDIA])
    found = quote(row)
    assert (found.at, found.day, found.delayed) == (noon, FRIDAY, True)


def test_a_price_of_a_day_that_has_not_begun_there_is_refused() -> None:
    # Friday, 04:59 in London, is still Thursday in New York.
    early = datetime(2026, 11, 20, 4, 59, tzinfo=UTC)
    [row] = AlphaVantageQuotes().parse(reply(SAMPLES["keyed/alphavantage_global_quote.json"].body, at=early), [NVIDIA])
    assert (row.outcome, row.reason) == (Outcome.BAD_ROW, "bad_time")


def entry(symbol: object = "NVDA", **changes: object) -> dict[str, object]:
    """One quote as Twelve Data writes it."""
    fields = {"symbol": symbol, "mic_code": "XNGS", "currency": "USD", "datetime": "2026-11-20", "close": "202.02"}
    return {**fields, **changes}


def test_twelve_data_answers_several_symbols_under_their_names() -> None:
    hong_kong = entry("0700", mic_code="XHKG", currency="HKD", close="505.00000")
    missing = {"code": 404, "message": "**symbol** not found: 688795:SSE", "status": "error"}
    body = {"NVDA": entry(), "688795:SSE": missing, "0700:HKEX": hong_kong}
    rows = TwelveDataQuotes().parse(reply(body), [NVIDIA, STAR, TENCENT, CHINEXT])
    assert [(row.outcome, row.reason) for row in rows] == [
        (Outcome.OK, ""),
        (Outcome.NO_DATA, "unknown_symbol"),
        (Outcome.OK, ""),
        (Outcome.NO_DATA, "not_in_reply"),
    ]
    # The exchange closes at 16:00; its closing auction ends ten minutes later at the latest.
    assert quote(rows[2]).at == datetime(2026, 11, 20, 8, 10, tzinfo=UTC)


def test_twelve_data_may_mean_another_exchange_by_the_same_symbol() -> None:
    [row] = TwelveDataQuotes().parse(reply(entry(mic_code="XETR", currency="EUR")), [NVIDIA])
    assert (row.outcome, row.reason) == (Outcome.NO_DATA, "not_in_reply")


def test_twelve_data_says_the_minute_while_the_exchange_is_open() -> None:
    minute = datetime(2026, 11, 20, 16, 59, tzinfo=UTC)
    body = entry(is_market_open=True, last_quote_at=int(minute.timestamp()))
    [row] = TwelveDataQuotes().parse(reply(body, at=datetime(2026, 11, 20, 17, tzinfo=UTC)), [NVIDIA])
    assert (quote(row).at, quote(row).delayed) == (minute, False)


MISTYPED = Instrument("XNAS", "NV DA", "USD")


@pytest.mark.parametrize(
    ("source", "body"),
    [
        (TwelveDataQuotes(), {"NVDA": entry()}),
        (StooqQuotes(), STOOQ_HEAD + "NVDA.US,2026-11-20,22:00:12,200.5,203.3,199.1,202.02,150000000\n"),
    ],
)
@pytest.mark.usefixtures("keys")
def test_a_mistyped_listing_does_not_lose_its_batch(
    server: SampleServer, client: SourceClient, source: Any, body: object
) -> None:
    server.put_up(SAMPLES["keyed/stooq_daily.csv"])
    source.fetch(client, [MISTYPED, NVIDIA])
    assert server.asked[0].target.upper().count("DA") == 1
    rows = source.parse(reply(body), [MISTYPED, NVIDIA])
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.NO_DATA, "no_code"), (Outcome.OK, "")]


BAD_ROWS = [
    ({"close": "2O2.02"}, "bad_number"),
    ({"close": None}, "blank_price"),
    ({"close": "0.00000"}, "zero_price"),
    ({"datetime": "yesterday"}, "bad_time"),
]


@pytest.mark.parametrize(("changes", "reason"), BAD_ROWS)
def test_a_bad_quote_of_twelve_data_gives_no_price_and_says_why(changes: dict[str, object], reason: str) -> None:
    [row] = TwelveDataQuotes().parse(reply(entry(**changes)), [NVIDIA])
    assert (row.quote, row.reason) == (None, reason)


ALPHA_QUOTE = {"01. symbol": "NVDA", "05. price": "202.02", "07. latest trading day": "2026-11-20"}


def test_alpha_vantage_may_say_in_the_name_of_the_quote_that_it_is_late() -> None:
    body = {"Global Quote - DATA DELAYED BY 15 MINUTES": ALPHA_QUOTE}
    [row] = AlphaVantageQuotes().parse(reply(body), [NVIDIA])
    assert quote(row).price == Decimal("202.02")


def test_a_quote_of_alpha_vantage_about_another_symbol_is_refused() -> None:
    [row] = AlphaVantageQuotes().parse(reply({"Global Quote": ALPHA_QUOTE}), [BERKSHIRE])
    assert (row.outcome, row.reason) == (Outcome.BAD_ROW, "symbol_mismatch")


# --- Daily bars --------------------------------------------------------------------------------

NOVEMBER_20 = DailyBar(
    FRIDAY,
    open=Decimal("200.5"),
    close=Decimal("202.02"),
    high=Decimal("203.3"),
    low=Decimal("199.1"),
    volume=150_000_000,
)


def twelve_series(*rows: dict[str, str]) -> Reply:
    return reply({"meta": {"symbol": "NVDA", "mic_code": "XNGS"}, "values": list(rows), "status": "ok"})


def twelve_bar(day: str, close: str = "202.02000") -> dict[str, str]:
    prices = {"open": "200.50000", "high": "203.30000", "low": "199.10001", "close": close}
    return {"datetime": day, **prices, "volume": "150000000"}


def test_bars_of_twelve_data_are_oldest_first_and_inside_the_days_asked() -> None:
    body = twelve_series(twelve_bar("2026-11-20"), twelve_bar("2026-11-19", "0"), twelve_bar("2026-11-18"))
    assert [bar.day for bar in TwelveDataHistory().parse(body, NVIDIA)] == [date(2026, 11, 18), FRIDAY]
    assert TwelveDataHistory().parse(body, NVIDIA, FRIDAY, FRIDAY) == [NOVEMBER_20]


def test_bars_of_alpha_vantage_stand_under_their_days() -> None:
    row = {"1. open": "200.5", "2. high": "203.3", "3. low": "199.1", "4. close": "202.02", "5. volume": "150000000"}
    body = reply({"Meta Data": {}, "Time Series (Daily)": {"2026-11-20": row, "2026-11-13": row}})
    assert AlphaVantageHistory().parse(body, NVIDIA, *SPAN) == [NOVEMBER_20]


def test_bars_of_stooq_are_a_table() -> None:
    body = reply(SAMPLES["keyed/stooq_daily.csv"].body)
    assert StooqHistory().parse(body, NVIDIA)[-1] == NOVEMBER_20
    assert len(StooqHistory().parse(body, NVIDIA, *SPAN)) == 2


@pytest.mark.parametrize(
    ("instrument", "code", "volume", "shares"),
    # 4,040,000,000 yuan at 80.8 are 50,000,000 shares, counted one by one or in lots.
    [
        (CHINEXT, "300474.SZ", 500_000, 50_000_000),
        (STAR, "688795.SH", 500_000, 50_000_000),
        (STAR, "688795.SH", 50_000_000, 50_000_000),
    ],
)
def test_bars_of_tushare_state_thousands_of_yuan_from_which_the_unit_of_the_volume_follows(
    instrument: Instrument, code: str, volume: int, shares: int
) -> None:
    fields = ["ts_code", "trade_date", "open", "high", "low", "close", "vol", "amount"]
    items = [[code, "20261120", 80.1, 81.5, 79.6, 80.8, volume, 4_040_000.0]]
    [bar] = TushareHistory().parse(reply({"code": 0, "data": {"fields": fields, "items": items}}), instrument)
    assert (bar.open, bar.close, bar.high, bar.low) == tuple(map(Decimal, ("80.1", "80.8", "81.5", "79.6")))
    assert (bar.volume, bar.amount) == (shares, Decimal(4_040_000_000))


# --- What refusals mean ------------------------------------------------------------------------


def twelve(code: int, message: str = "Something") -> dict[str, object]:
    return {"code": code, "message": message, "status": "error"}


def sentence(name: str, text: str) -> dict[str, str]:
    return {name: text}


def tushare(code: int, message: str) -> dict[str, object]:
    return {"request_id": "1", "code": code, "msg": message, "data": None}


QUOTE_REFUSALS: list[tuple[Any, Instrument, int, object, Outcome]] = [
    (TwelveDataQuotes(), NVIDIA, 200, twelve(429, "out of API credits for the current minute"), Outcome.BLOCKED),
    (TwelveDataQuotes(), NVIDIA, 429, twelve(429, "out of API credits for the day"), Outcome.BLOCKED),
    (TwelveDataQuotes(), NVIDIA, 200, twelve(401), Outcome.AUTH),
    (TwelveDataQuotes(), NVIDIA, 403, twelve(403, "available starting with Pro"), Outcome.AUTH),
    (TwelveDataQuotes(), NVIDIA, 404, twelve(404, "**symbol** not found: NVDAX"), Outcome.NO_DATA),
    (TwelveDataQuotes(), NVIDIA, 400, twelve(400, "**symbol** not found: NVDAX"), Outcome.NO_DATA),
    (TwelveDataQuotes(), NVIDIA, 400, twelve(400, "**interval** is missing"), Outcome.BAD_REQUEST),
    (TwelveDataQuotes(), NVIDIA, 200, twelve(500), Outcome.RETRY),
    (TwelveDataQuotes(), NVIDIA, 502, "<html>Bad gateway</html>", Outcome.RETRY),
    (TwelveDataQuotes(), NVIDIA, 503, {"message": "try later"}, Outcome.RETRY),
    (TwelveDataQuotes(), NVIDIA, 200, {}, Outcome.BAD_BODY),
    (TwelveDataQuotes(), NVIDIA, 200, "[]", Outcome.BAD_BODY),
    (TwelveDataQuotes(), NVIDIA, 200, '{"symbol": "NV', Outcome.BAD_BODY),
    (AlphaVantageQuotes(), NVIDIA, 200, sentence("Error Message", "the parameter apikey is invalid"), Outcome.AUTH),
    (AlphaVantageQuotes(), NVIDIA, 200, sentence("Information", "This is a premium endpoint."), Outcome.AUTH),
    (
        AlphaVantageQuotes(),
        NVIDIA,
        200,
        sentence("Information", "Only 1 requests per second"),
        Outcome.BLOCKED,
    ),
    (AlphaVantageQuotes(), NVIDIA, 200, sentence("Error Message", "Invalid API call."), Outcome.NO_DATA),
    (AlphaVantageQuotes(), NVIDIA, 200, {"Global Quote": {}}, Outcome.NO_DATA),
    (AlphaVantageQuotes(), NVIDIA, 200, {"bestMatches": []}, Outcome.BAD_BODY),
    (AlphaVantageQuotes(), NVIDIA, 200, "<html></html>", Outcome.BAD_BODY),
    (TushareQuotes(), STAR, 200, tushare(40203, "抱歉，您没有访问该接口的权限，权限的具体详情访问：…"), Outcome.AUTH),
    (
        TushareQuotes(),
        STAR,
        200,
        tushare(40203, "抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：…"),
        Outcome.BLOCKED,
    ),
    (TushareQuotes(), STAR, 200, tushare(40101, "您的token不对，请确认。"), Outcome.AUTH),
    (TushareQuotes(), STAR, 200, tushare(40001, "参数校验失败"), Outcome.BAD_REQUEST),
    (TushareQuotes(), STAR, 200, tushare(50101, "系统内部错误"), Outcome.RETRY),
    (TushareQuotes(), STAR, 200, {"code": 0, "data": {"fields": ["ts_code"], "items": []}}, Outcome.NO_DATA),
    (TushareQuotes(), STAR, 200, {"code": 0, "data": None}, Outcome.BAD_BODY),
    (TushareQuotes(), STAR, 200, {"code": 0, "data": {"fields": ["ts_code"], "items": [[1, 2]]}}, Outcome.BAD_BODY),
    (StooqQuotes(), NVIDIA, 200, "Exceeded the daily hits limit", Outcome.BLOCKED),
    (StooqQuotes(), NVIDIA, 200, "Get your apikey:\n\n1. Open https://stooq.com/", Outcome.AUTH),
    (StooqQuotes(), NVIDIA, 200, "No data", Outcome.NO_DATA),
    (StooqQuotes(), NVIDIA, 200, "Warning: Division by zero in download.inc", Outcome.BAD_BODY),
    (StooqQuotes(), NVIDIA, 200, STOOQ_HEAD, Outcome.NO_DATA),
]


@pytest.mark.parametrize(("source", "instrument", "status", "body", "outcome"), QUOTE_REFUSALS)
def test_a_refusal_is_told_in_the_words_of_the_ledger(
    source: Any, instrument: Instrument, status: int, body: object, outcome: Outcome
) -> None:
    try:
        found = batch_outcome(source.parse(reply(body, status), [instrument]))
    except SourceError as error:
        found = error.outcome
    assert found is outcome


BAR_REFUSALS: list[tuple[Any, Instrument, object, Outcome]] = [
    (TwelveDataHistory(), NVIDIA, twelve(400, "No data is available on the specified dates"), Outcome.NO_DATA),
    (TwelveDataHistory(), STAR, {"meta": {"symbol": "NVDA", "mic_code": "XNGS"}, "values": []}, Outcome.BAD_BODY),
    (TwelveDataHistory(), NVIDIA, {"meta": {"symbol": "NVDA"}, "values": []}, Outcome.NO_DATA),
    (TwelveDataHistory(), NVIDIA, {"values": [{"datetime": "x"}]}, Outcome.BAD_BODY),
    (AlphaVantageHistory(), NVIDIA, {"Time Series (Daily)": {"2026-11-20": {"1. open": "?"}}}, Outcome.BAD_BODY),
    (StooqHistory(), NVIDIA, "Date,Open,High,Low,Close,Volume\n2026-11-20,x,1,1,1,1\n", Outcome.BAD_BODY),
    (StooqHistory(), NVIDIA, STOOQ_HEAD + "NVDA.US,N/D,N/D,N/D,N/D,N/D,N/D,N/D\n", Outcome.NO_DATA),
    (TushareHistory(), STAR, tushare(40203, "没有权限"), Outcome.AUTH),
    (TushareHistory(), STAR, {"code": 0, "data": {"fields": ["ts_code"], "items": []}}, Outcome.NO_DATA),
]


@pytest.mark.parametrize(("source", "instrument", "body", "outcome"), BAR_REFUSALS)
def test_a_refusal_of_bars_is_told_in_the_words_of_the_ledger(
    source: Any, instrument: Instrument, body: object, outcome: Outcome
) -> None:
    with pytest.raises(SourceError) as refused:
        source.parse(reply(body), instrument)
    assert refused.value.outcome is outcome


def test_a_limit_by_the_minute_says_when_to_come_back() -> None:
    with pytest.raises(SourceError) as refused:
        TwelveDataQuotes().parse(reply(SAMPLES["keyed/twelvedata_200_error_429.json"].body), [NVIDIA])
    assert refused.value.retry_after == 60


def test_a_key_that_a_vendor_repeats_is_not_passed_on() -> None:
    with pytest.raises(SourceError) as refused:
        AlphaVantageQuotes().parse(reply(SAMPLES["keyed/alphavantage_200_daily_limit.json"].body), [NVIDIA])
    assert "SYNTHETIC" not in str(refused.value)
