"""Prices and daily bars through the yfinance library, for where Yahoo refuses plain clients.

The library brings pandas and its own network code. It is imported by the first request, thus in a worker and never in a
process that serves pages. What it returns is written as a reply of Yahoo's chart service, which it came from, and read
as such.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from companies.sources.base import BadBody, BadRequest, Blocked, Fetcher, NoData, NotAsked, Reply, Retry, SourceError
from valuations.providers.base import Instrument, check_span
from valuations.providers.codes import codes_of
from valuations.providers.yahoo import YahooChart, yahoo_symbol
from valuations.providers.yahoo_history import YahooHistory

BASE_URL = "https://query1.finance.yahoo.com"  # where the library asks; it takes no other address
_TIMEOUT = 10
_META = (
    "symbol",
    "currency",
    "regularMarketPrice",
    "regularMarketTime",
    "regularMarketDayHigh",
    "regularMarketDayLow",
    "regularMarketVolume",
)
_COLUMNS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}


class YfinanceQuotes(YahooChart):
    """The quote source; see the module."""

    slug = "yfinance"
    site = "yfinance"
    label = "yfinance"
    base_url = BASE_URL

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Have the library ask for the one instrument; `client` is not used."""
        [instrument] = instruments
        return chart_of(instrument, period="5d")


class YfinanceHistory(YahooHistory):
    """The history source; see the module."""

    slug = "yfinance_history"
    site = "yfinance"
    label = "yfinance daily bars"
    base_url = BASE_URL

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Have the library ask for the bars from `start` until now; `client` is not used."""
        check_span(start, end, self.max_days)
        return chart_of(instrument, start=start)


def chart_of(instrument: Instrument, **span: object) -> Reply:
    """What the library knows of an instrument, as a reply of the chart service. Raises SourceError."""
    [symbol] = codes_of(yahoo_symbol, [instrument])
    try:
        import yfinance
    except ImportError as error:
        raise NotAsked(f"the library is not installed: {error}") from error
    # Otherwise a refusal looks like an empty answer.
    yfinance.config.debug.hide_exceptions = False
    try:
        ticker = yfinance.Ticker(symbol)
        # Not adjusted for dividends; Yahoo adjusts for splits whether asked to or not.
        table = ticker.history(**span, interval="1d", auto_adjust=False, actions=True, timeout=_TIMEOUT)
        chart = chart_in(ticker.get_history_metadata(), table)
    except Exception as error:
        raise source_error(error) from error
    body = json.dumps({"chart": {"result": [chart], "error": None}}).encode()
    return Reply(f"{BASE_URL}/v8/finance/chart/{symbol}", 200, "application/json", body, datetime.now(UTC))


def chart_in(metadata: Any, table: Any) -> dict[str, object]:
    """A chart as the service writes it, out of the library's metadata and its table of days, oldest first."""
    times = [int(day.timestamp()) for day in table.index]
    quote = {name: [_plain(value) for value in _column(table, column)] for name, column in _COLUMNS.items()}
    splits = {
        at: {"date": at, "numerator": ratio, "denominator": 1, "splitRatio": f"{ratio:g}:1"}
        for at, ratio in zip(times, _column(table, "Stock Splits"), strict=True)
        if ratio > 0
    }
    dividends = {
        at: {"date": at, "amount": amount}
        for at, amount in zip(times, _column(table, "Dividends"), strict=True)
        if amount > 0
    }
    return {
        "meta": {name: _plain(metadata[name]) for name in _META if name in metadata},
        "timestamp": times,
        "indicators": {"quote": [quote]},
        "events": {"splits": splits, "dividends": dividends},
    }


def _column(table: Any, name: str) -> list[Any]:
    """The values of a column; an empty table may lack it."""
    return list(table[name]) if len(table) else []


def _plain(value: Any) -> object:
    """A value that JSON can hold: Unix time for a moment, nothing for what is not a number."""
    if hasattr(value, "timestamp"):
        return int(value.timestamp())
    if hasattr(value, "item"):
        value = value.item()
    return None if value != value else value


def source_error(error: Exception) -> SourceError:
    """What an exception of the library means, judged by its name so that the library need not be imported to ask."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = f"{type(error).__name__}: {str(error)[:120]}"
    # Of a symbol without prices the library asks more, until a service says that it does not exist.
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "YFRateLimitError" in names or status in (403, 429):
        return Blocked(text)
    if names & {"YFTickerMissingError", "YFPricesMissingError"} or status == 404:
        return NoData(text)
    if "YFInvalidPeriodError" in names:
        return BadRequest(text)
    if isinstance(error, OSError):
        return Retry(text)
    # An unreadable answer ends in whatever the library does with it.
    return BadBody(text)
