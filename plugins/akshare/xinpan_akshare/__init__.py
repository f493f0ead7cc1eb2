"""Daily bars of Shanghai and Shenzhen through the akshare library, which asks Eastmoney.

The library brings pandas and its own network code. It is imported by the first request, thus in a worker and never in a
process that serves pages. What it returns becomes the body of a reply, so that reading it stays pure.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from companies.sources.base import (
    BadBody,
    Fetcher,
    NoData,
    NotAsked,
    Reply,
    Retry,
    SourceError,
    parse_json,
    usable_body,
)
from valuations.providers.bar_fields import daily_bar
from valuations.providers.base import DailyBar, Instrument, bars_between, check_span
from valuations.providers.codes import codes_of, of_exchange
from valuations.providers.trading import mainland_lot

BASE_URL = "https://push2his.eastmoney.com"  # where the library asks; it takes no other address
TIMEOUT = 10
# The library's columns by what they hold. Volume is in lots or shares, turnover in yuan.
_SUFFIXES = {"XSHG": "", "XSHE": ""}
_COLUMNS = {
    "日期": "day",
    "开盘": "open",
    "收盘": "close",
    "最高": "high",
    "最低": "low",
    "成交量": "volume",
    "成交额": "amount",
}


class AkshareHistory:
    """The history source; see the module. Bars are not adjusted."""

    slug = "akshare_history"
    site = "akshare"
    label = "akshare daily bars"
    base_url = BASE_URL
    mics = frozenset(_SUFFIXES)
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Have the library ask for `start` to `end`, both included; `client` is not used."""
        check_span(start, end, self.max_days)
        [symbol] = codes_of(symbol_of, [instrument])
        try:
            import akshare
        except ImportError as error:
            raise NotAsked(f"the library is not installed: {error}") from error
        try:
            frame = akshare.stock_zh_a_hist(
                symbol=symbol,
                period="daily",
                start_date=f"{start:%Y%m%d}",
                end_date=f"{end:%Y%m%d}",
                adjust="",
                timeout=TIMEOUT,
            )
            rows = rows_of(frame)
        except Exception as error:
            raise source_error(error) from error
        body = json.dumps({"rows": rows}, default=str).encode()
        return Reply(f"{BASE_URL}/{symbol}", 200, "application/json", body, datetime.now(UTC))

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first, inside the given days. An empty table is no data: the library hides refusals so."""
        payload = parse_json(usable_body(reply))
        rows = payload.get("rows") if isinstance(payload, Mapping) else None
        if not isinstance(rows, list):
            raise BadBody("no rows")
        if not rows:
            raise NoData("the source has no bars, or none for us now")
        return bars_between((bar for row in rows if (bar := _bar(row, instrument)) is not None), start, end)


def symbol_of(instrument: Instrument) -> str:
    """The library's symbol: 688795, 300474. Raises ValueError for another exchange or no ticker."""
    return instrument.ticker + of_exchange(_SUFFIXES, instrument)


def rows_of(frame: Any) -> list[list[object]]:
    """The columns we read of the library's table, with None for what is not a number."""
    if not len(frame):
        return []
    rows: Sequence[Sequence[object]] = frame[list(_COLUMNS)].to_numpy().tolist()
    return [[None if value != value else value for value in row] for row in rows]


def source_error(error: Exception) -> SourceError:
    """What an exception of the library means: it lets through those of requests, json and pandas."""
    text = f"{type(error).__name__}: {str(error)[:120]}"
    # Unreadable JSON comes as an error that is a failure of the transport by its other parent.
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return Retry(text)
    return BadBody(text)


def _bar(row: object, instrument: Instrument) -> DailyBar | None:
    if not isinstance(row, list) or len(row) != len(_COLUMNS):
        raise BadBody("a row of another shape")
    return daily_bar(dict(zip(_COLUMNS.values(), row, strict=True)), unit=mainland_lot(instrument))
