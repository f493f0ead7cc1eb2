"""Sources that go through a library: its tables become a reply, its errors become ours."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas
import pytest

from companies.sources.base import BadBody, Blocked, NoData, NotAsked, Outcome, Retry, SourceError
from valuations.providers.base import Instrument, ShareEvent
from xinpan_akshare import AkshareHistory
from xinpan_yfinance import YfinanceHistory, YfinanceQuotes, source_error

NVIDIA = Instrument("XNAS", "NVDA", "USD")
CHINEXT = Instrument("XSHE", "300474", "CNY")
SPAN = (date(2026, 11, 16), date(2026, 11, 20))
NAN = float("nan")


# --- akshare -----------------------------------------------------------------------------------

AKSHARE_COLUMNS = ["日期", "股票代码", "开盘", "收盘", "最高", "最低", "成交量", "成交额", "换手率"]


def akshare_frame(*rows: tuple[object, ...]) -> Any:
    return pandas.DataFrame([(day, "300474", *numbers, 1.0) for day, *numbers in rows], columns=AKSHARE_COLUMNS)


@pytest.fixture
def akshare(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A library of that name: `answer` is what it returns or raises, `asked` what it was asked."""
    library = SimpleNamespace(answer=None, asked={})

    def stock_zh_a_hist(**question: object) -> object:
        library.asked = question
        if isinstance(library.answer, Exception):
            raise library.answer
        return library.answer

    module = ModuleType("akshare")
    module.stock_zh_a_hist = stock_zh_a_hist  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "akshare", module)
    return library


def akshare_bars(instrument: Instrument = CHINEXT) -> Any:
    source = AkshareHistory()
    return source.parse(source.fetch(None, instrument, *SPAN), instrument, *SPAN)  # type: ignore[arg-type]


def test_the_table_of_akshare_becomes_bars(akshare: SimpleNamespace) -> None:
    # 4,040,000,000 yuan at about 80.8 are 50,000,000 shares or 500,000 lots.
    akshare.answer = akshare_frame(
        (date(2026, 11, 19), 79.0, 80.0, 80.5, 78.5, 400_000, 3_200_000_000.0),
        (date(2026, 11, 20), 80.1, 80.8, 81.5, 79.6, 500_000, 4_040_000_000.0),
    )
    bars = akshare_bars()
    assert [bar.day for bar in bars] == [date(2026, 11, 19), date(2026, 11, 20)]
    assert (bars[1].open, bars[1].close, bars[1].high, bars[1].low) == tuple(
        map(Decimal, ("80.1", "80.8", "81.5", "79.6"))
    )
    assert (bars[1].volume, bars[1].amount) == (50_000_000, Decimal(4_040_000_000))
    assert (akshare.asked["symbol"], akshare.asked["start_date"], akshare.asked["end_date"]) == (
        "300474",
        "20261116",
        "20261120",
    )
    assert akshare.asked["adjust"] == ""


def test_a_day_without_a_price_is_left_out(akshare: SimpleNamespace) -> None:
    akshare.answer = akshare_frame(
        (date(2026, 11, 19), NAN, NAN, NAN, NAN, 0, 0.0),
        (date(2026, 11, 20), 80.1, 80.8, 81.5, 79.6, 500_000, NAN),
    )
    [bar] = akshare_bars()
    assert (bar.day, bar.amount) == (date(2026, 11, 20), None)


def test_an_empty_table_is_no_data(akshare: SimpleNamespace) -> None:
    akshare.answer = pandas.DataFrame()
    with pytest.raises(NoData):
        akshare_bars()


class RequestError(OSError):
    """As `requests` derives its errors."""


class UnreadableJson(RequestError, ValueError):
    """As `requests` derives the error for a page instead of JSON."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RequestError("Max retries exceeded"), Retry),
        (TimeoutError("timed out"), Retry),
        (UnreadableJson("Expecting value"), BadBody),
        (ValueError("If using all scalar values, you must pass an index"), BadBody),
        (TypeError("'NoneType' object is not subscriptable"), BadBody),
        (KeyError("klines"), BadBody),
    ],
)
def test_what_akshare_raises_is_a_source_error(
    akshare: SimpleNamespace, error: Exception, kind: type[SourceError]
) -> None:
    akshare.answer = error
    with pytest.raises(kind, match=type(error).__name__):
        akshare_bars()


def test_a_table_with_other_columns_is_refused(akshare: SimpleNamespace) -> None:
    akshare.answer = pandas.DataFrame({"date": [1]})
    with pytest.raises(BadBody):
        akshare_bars()


# --- yfinance ----------------------------------------------------------------------------------


class StatusError(RequestError):
    """As `curl_cffi` tells a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP Error {status}")
        self.response = SimpleNamespace(status_code=status)


class YFException(Exception):
    """As the library derives its errors."""


class YFRateLimitError(YFException):
    """Too many requests."""


class YFTickerMissingError(YFException):
    """Unknown."""


class YFPricesMissingError(YFTickerMissingError):
    """Nothing for these days."""


class YFInvalidPeriodError(YFException):
    """A period it does not know."""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (YFRateLimitError(), Outcome.BLOCKED),
        (YFPricesMissingError(), Outcome.NO_DATA),
        (YFTickerMissingError(), Outcome.NO_DATA),
        (YFInvalidPeriodError(), Outcome.BAD_REQUEST),
        (YFException(), Outcome.BAD_BODY),
        (RequestError("Could not resolve host"), Outcome.RETRY),
        (StatusError(404), Outcome.NO_DATA),
        (StatusError(403), Outcome.BLOCKED),
        (StatusError(502), Outcome.RETRY),
        (KeyError("chart"), Outcome.BAD_BODY),
    ],
)
def test_what_yfinance_raises_has_a_word_in_the_ledger(error: Exception, outcome: Outcome) -> None:
    assert source_error(error).outcome is outcome


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A library of that name: what it holds by symbol, an error or a pair of metadata and table."""
    held: dict[str, Any] = {}

    class Ticker:
        def __init__(self, symbol: str) -> None:
            self.symbol = symbol

        def history(self, **question: object) -> Any:
            assert question["auto_adjust"] is False
            if isinstance(held[self.symbol], Exception):
                raise held[self.symbol]
            return held[self.symbol][1]

        def get_history_metadata(self) -> Any:
            return held[self.symbol][0]

    module = ModuleType("yfinance")
    module.Ticker = Ticker  # type: ignore[attr-defined]
    module.config = SimpleNamespace(debug=SimpleNamespace(hide_exceptions=True))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "yfinance", module)
    return held


META = {
    "symbol": "NVDA",
    "currency": "USD",
    "regularMarketPrice": 202.02000427246094,
    "regularMarketTime": pandas.Timestamp("2026-11-20 16:00:02", tz="America/New_York"),
    "regularMarketDayHigh": 203.3000030517578,
    "regularMarketVolume": 150_000_000,
    "validRanges": ["1d"],
}
# Ten for one on the 18th: what was 1,990 is told as 199, 14 million shares as 140 million, 0.10 as 0.01.
DAYS = {
    "2026-11-16": (198.0, 200.0, 197.0, 198.5, 130_000_000, 0.01, 0.0),
    "2026-11-17": (199.0, 200.5, 198.0, 199.0, 140_000_000, 0.0, 0.0),
    "2026-11-18": (198.5, 201.0, 198.0, 199.99999237060547, 160_000_000, 0.0, 10.0),
    "2026-11-19": (NAN, NAN, NAN, NAN, 0, 0.0, 0.0),
    "2026-11-20": (200.0, 203.3, 198.0, 202.02, 150_000_000, 0.0, 0.0),
}


def yfinance_table() -> Any:
    columns = ["Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"]
    return pandas.DataFrame(
        list(DAYS.values()), columns=columns, index=pandas.DatetimeIndex(list(DAYS), tz="America/New_York")
    )


def test_a_quote_of_yfinance_is_read_as_one_of_yahoo(yahoo: dict[str, Any]) -> None:
    yahoo["NVDA"] = (META, yfinance_table())
    source = YfinanceQuotes()
    [row] = source.parse(source.fetch(None, [NVIDIA]), [NVIDIA])  # type: ignore[arg-type]
    assert row.outcome is Outcome.OK
    found = row.quote
    assert found is not None
    assert (found.price, found.previous_close, found.open, found.high) == tuple(
        map(Decimal, ("202.02", "200", "200", "203.3"))
    )
    assert (found.at, found.day) == (datetime(2026, 11, 20, 21, 0, 2, tzinfo=UTC), date(2026, 11, 20))
    assert (found.low, found.volume, found.currency) == (None, 150_000_000, "USD")


def test_bars_of_yfinance_are_as_they_were_paid_before_a_split(yahoo: dict[str, Any]) -> None:
    yahoo["NVDA"] = (META, yfinance_table())
    source = YfinanceHistory()
    first, last = date(2026, 11, 16), date(2026, 11, 18)
    bars = source.parse(source.fetch(None, NVIDIA, first, last), NVIDIA, first, last)  # type: ignore[arg-type]
    assert [(bar.day.day, bar.close, bar.volume) for bar in bars] == [
        (16, Decimal("1985"), 13_000_000),
        (17, Decimal("1990"), 14_000_000),
        (18, Decimal("200"), 160_000_000),
    ]
    assert bars[0].events == (ShareEvent("dividend", first, cash=Decimal("0.1")),)
    assert bars[2].events == (ShareEvent("split", last, Decimal(10), text="10:1"),)


def test_a_share_without_bars_is_no_data(yahoo: dict[str, Any]) -> None:
    yahoo["NVDA"] = (META, pandas.DataFrame())
    source = YfinanceHistory()
    with pytest.raises(NoData):
        source.parse(source.fetch(None, NVIDIA, *SPAN), NVIDIA, *SPAN)  # type: ignore[arg-type]


def test_a_refusal_of_yfinance_is_raised(yahoo: dict[str, Any]) -> None:
    yahoo["NVDA"] = YFRateLimitError("Too Many Requests")
    with pytest.raises(Blocked, match="Too Many Requests"):
        YfinanceQuotes().fetch(None, [NVIDIA])  # type: ignore[arg-type]


def test_what_has_no_symbol_is_not_asked(yahoo: dict[str, Any]) -> None:
    of_london = Instrument("XLON", "ARM", "GBP")
    with pytest.raises(NotAsked, match="no"):
        YfinanceQuotes().fetch(None, [of_london])  # type: ignore[arg-type]
    for source in (YfinanceHistory(), AkshareHistory()):
        with pytest.raises(NotAsked, match="no"):
            source.fetch(None, of_london, *SPAN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "source", "what"),
    [
        ("akshare", AkshareHistory(), (CHINEXT, *SPAN)),
        ("yfinance", YfinanceHistory(), (NVIDIA, *SPAN)),
        ("yfinance", YfinanceQuotes(), ([NVIDIA],)),
    ],
)
def test_a_missing_library_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, source: Any, what: tuple[Any, ...]
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotAsked, match="not installed"):
        source.fetch(None, *what)
