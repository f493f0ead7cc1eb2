"""Stooq: American shares as CSV, a quarter of an hour late; the key is given out against a captcha.

`GET /q/l/?s=nvda.us+amd.us&f=sd2t2ohlcv&h&e=csv` gives last prices, day and time by the clocks of Warsaw;
`GET /q/d/l/?s=nvda.us&i=d` daily bars. Limits and missing keys are sentences with status 200; `N/D` is no data.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from companies.sources.base import (
    Auth,
    BadBody,
    Blocked,
    Fetcher,
    NoData,
    Outcome,
    Reply,
    parse_day,
    usable_body,
)
from valuations.providers.bar_fields import daily_bar
from valuations.providers.base import DailyBar, Instrument, QuoteRow, bars_between, check_span
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.trading import US_MICS
from valuations.sessions import local_day
from xinpan_keyed.vendor import key_from, quote_row

KEY = "STOOQ_API_KEY"
_SUFFIXES = dict.fromkeys(US_MICS, ".us")
_WARSAW = ZoneInfo("Europe/Warsaw")
_NO_DATA = "N/D"
# Leave splits, dividends, rights, denominations and divisions out of the prices.
_UNADJUSTED = "1111111"


def symbol_of(instrument: Instrument) -> str:
    """The vendor's symbol: nvda.us, brk-b.us. Raises ValueError for another exchange or no ticker."""
    return instrument.ticker.lower().replace(".", "-") + of_exchange(_SUFFIXES, instrument)


class StooqQuotes:
    """The quote source; see the module."""

    slug = "stooq"
    site = "stooq"
    label = "Stooq"
    base_url = "https://stooq.com"
    mics = frozenset(_SUFFIXES)
    batch_size = 20

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments`. Raises Auth at once when there is no key."""
        key = key_from(KEY)
        symbols = "+".join(codes_of(symbol_of, instruments))
        return client.get(f"/q/l/?s={symbols}&f=sd2t2ohlcv&h&e=csv", secret={"apikey": key})

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        rows = {row.get("Symbol", "").casefold(): row for row in _rows(reply)}
        return [_row(instrument, rows, reply.fetched_at) for instrument in instruments]


class StooqHistory:
    """The history source; see the module. Bars are asked for without adjustment."""

    slug = "stooq_history"
    site = "stooq"
    label = "Stooq daily bars"
    base_url = StooqQuotes.base_url
    mics = frozenset(_SUFFIXES)
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises Auth at once when there is no key."""
        check_span(start, end, self.max_days)
        key = key_from(KEY)
        [symbol] = codes_of(symbol_of, [instrument])
        span = f"d1={start:%Y%m%d}&d2={end:%Y%m%d}"
        return client.get(f"/q/d/l/?s={symbol}&i=d&{span}&o={_UNADJUSTED}", secret={"apikey": key})

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first, inside the given days."""
        return bars_between((bar for row in _rows(reply) if (bar := _bar(row)) is not None), start, end)


def _rows(reply: Reply) -> list[dict[str, str]]:
    """The rows of a table by column name. Raises what a sentence in its place means."""
    text = usable_body(reply).decode("utf-8-sig", errors="replace")
    words = text[:400].casefold()
    if "apikey" in words:
        raise Auth("the key is missing or not accepted")
    if "exceeded" in words and "limit" in words:
        raise Blocked("the daily limit is reached")
    if words.startswith("no data"):
        raise NoData("the source does not know the symbol")
    table = csv.DictReader(text.splitlines(), restkey="", restval="")
    if not {"Date", "Open", "High", "Low", "Close"} <= set(table.fieldnames or ()):
        raise BadBody("no table of prices")
    return [dict(row) for row in table]


def _row(instrument: Instrument, rows: Mapping[str, Mapping[str, str]], fetched_at: datetime) -> QuoteRow:
    symbol = code_or_none(symbol_of, instrument)
    row = None if symbol is None else rows.get(symbol)
    if row is None or row.get("Date") == _NO_DATA:
        return unanswered(instrument, symbol, is_unknown=row is not None)
    try:
        at = _moment(row.get("Date", ""), row.get("Time", ""))
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_time", f"{symbol}: {error}")
    day = local_day(at, instrument.mic)
    names = {"Close": "price", "Open": "open", "High": "high", "Low": "low", "Volume": "volume"}
    fields = {ours: row.get(theirs) for theirs, ours in names.items()}
    return quote_row(instrument, fetched_at, day, fields, at=at, late=True)


def _moment(day: str, clock: str) -> datetime:
    """A day and a time by the clocks of Warsaw, in UTC. Raises ValueError."""
    return datetime.fromisoformat(f"{parse_day(day)} {clock.strip()}").replace(tzinfo=_WARSAW).astimezone(UTC)


def _bar(row: Mapping[str, str]) -> DailyBar | None:
    if row["Date"] == _NO_DATA:
        return None
    names = ("Open", "Close", "High", "Low", "Volume")
    return daily_bar({"day": row["Date"], **{name.lower(): row.get(name) for name in names}})
