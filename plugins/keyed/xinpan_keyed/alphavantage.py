"""Alpha Vantage: the last daily price of one instrument per request, and daily bars; 25 requests a day are free.

`GET /query?function=GLOBAL_QUOTE&symbol=NVDA` and `function=TIME_SERIES_DAILY` answer objects whose names carry numbers
("05. price"). The status is always 200: limits and refusals are sentences under `Information`, `Note`, `Error Message`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from companies.sources.base import (
    Auth,
    BadBody,
    Blocked,
    Fetcher,
    NoData,
    Outcome,
    Reply,
    SourceError,
    as_object,
    parse_day,
    parse_json,
    usable_body,
)
from valuations.providers.bar_fields import daily_bar
from valuations.providers.base import DailyBar, Instrument, QuoteRow, bars_between, check_span
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.trading import US_MICS
from xinpan_keyed.vendor import key_from, quote_row

KEY = "ALPHAVANTAGE_API_KEY"
_SUFFIXES = {**dict.fromkeys(US_MICS, ""), "XSHG": ".SHH", "XSHE": ".SHZ"}
_LIMIT_WORDS = ("rate limit", "requests per", "call frequency", "sparingly")
_KEY_WORDS = ("api key", "apikey", "premium")
# A compact answer holds the last hundred sessions, some twenty weeks; longer ones are for paying customers.
_COMPACT = timedelta(days=130)


def symbol_of(instrument: Instrument) -> str:
    """The vendor's symbol: NVDA, 688795.SHH, 300474.SHZ. Raises ValueError for another exchange or no ticker."""
    return instrument.ticker.upper() + of_exchange(_SUFFIXES, instrument)


class AlphaVantageQuotes:
    """The quote source; see the module. It states a day and no currency."""

    slug = "alphavantage"
    site = "alphavantage"
    label = "Alpha Vantage"
    base_url = "https://www.alphavantage.co"
    mics = frozenset(_SUFFIXES)
    batch_size = 1

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask for the one instrument. Raises Auth at once when there is no key."""
        key = key_from(KEY)
        [symbol] = codes_of(symbol_of, instruments)
        return client.get(f"/query?function=GLOBAL_QUOTE&symbol={symbol}", secret={"apikey": key})

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        payload = _payload(reply)
        # Paying customers read "Global Quote - DATA DELAYED BY 15 MINUTES".
        quote = next((value for name, value in payload.items() if name.startswith("Global Quote")), None)
        if not isinstance(quote, Mapping):
            raise BadBody("no quote")
        fields = _unnumbered(quote)
        return [_row(instrument, fields, reply.fetched_at) for instrument in instruments]


class AlphaVantageHistory:
    """The history source; see the module. Bars are not adjusted."""

    slug = "alphavantage_history"
    site = "alphavantage"
    label = "Alpha Vantage daily bars"
    base_url = AlphaVantageQuotes.base_url
    mics = AlphaVantageQuotes.mics
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for the newest hundred sessions, or for all of them when `start` lies further back."""
        check_span(start, end, self.max_days)
        key = key_from(KEY)
        [symbol] = codes_of(symbol_of, [instrument])
        size = "compact" if datetime.now(UTC).date() - start <= _COMPACT else "full"
        return client.get(
            f"/query?function=TIME_SERIES_DAILY&symbol={symbol}&outputsize={size}",
            secret={"apikey": key},
        )

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first, inside the given days."""
        series = _payload(reply).get("Time Series (Daily)")
        if not isinstance(series, Mapping):
            raise BadBody("no daily series")
        bars = (_bar(day, row) for day, row in series.items())
        return bars_between((bar for bar in bars if bar is not None), start, end)


def _payload(reply: Reply) -> Mapping[str, object]:
    """The object of a reply. Raises what its sentence means, if it is one."""
    payload = as_object(parse_json(usable_body(reply)))
    for name in ("Information", "Note", "Error Message"):
        if sentence := payload.get(name):
            raise _stated_error(name, str(sentence))
    return payload


def _stated_error(name: str, sentence: str) -> SourceError:
    """What a sentence means. That about the limit mentions the key too, and quotes it: it is not repeated."""
    words = sentence.casefold()
    if any(word in words for word in _LIMIT_WORDS):
        return Blocked("the limit of requests is reached")
    if any(word in words for word in _KEY_WORDS):
        return Auth("the key is not accepted, or not for this question")
    if name == "Error Message":
        return NoData("the source does not know the symbol")
    return Blocked(f"refused: {sentence[:80]}")


def _unnumbered(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields by their names: "05. price" is "price"."""
    return {name.partition(". ")[2] or name: value for name, value in fields.items()}


def _row(instrument: Instrument, fields: Mapping[str, object], fetched_at: datetime) -> QuoteRow:
    symbol = code_or_none(symbol_of, instrument)
    if symbol is None or not fields:
        return unanswered(instrument, symbol, is_unknown=True)
    if str(fields.get("symbol") or "").upper() != symbol:
        detail = f"{symbol}: the row is about {str(fields.get('symbol'))[:20]!r}"
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "symbol_mismatch", detail)
    try:
        day = parse_day(fields.get("latest trading day"))
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_time", f"{symbol}: {error}")
    names = ("price", "open", "high", "low", "volume")
    values = {name: fields.get(name) for name in names} | {"previous_close": fields.get("previous close")}
    return quote_row(instrument, fetched_at, day, values)


def _bar(day: str, row: object) -> DailyBar | None:
    if not isinstance(row, Mapping):
        raise BadBody("a bar is not an object")
    return daily_bar({"day": day, **_unnumbered(row)})
