"""Yahoo's chart service: the latest price of one share in one request, no key needed. Closed to mainland China.

`GET /v8/finance/chart/6082.HK?range=5d&interval=1d` answers the last price in `meta` and the days before it as bars.
Neither market value nor shares are stated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from companies.sources.base import BadBody, Fetcher, NoData, Outcome, Reply, as_object, parse_json, usable_body
from valuations.providers.base import Instrument, ParsedQuote, QuoteRow
from valuations.providers.codes import code_or_none, codes_of, of_exchange
from valuations.providers.trading import US_MICS, judged_row, optional_number, positive_number, utc_time
from valuations.sessions import local_day

_SUFFIXES = {"XSHG": ".SS", "XSHE": ".SZ", "XHKG": ".HK", **dict.fromkeys(US_MICS, "")}
# Prices pass through single precision on their way (600.5999755859375), which holds seven digits.
_DIGITS = Context(prec=7)
_MOST_PLACES = 6  # more decimal places than this are noise


def yahoo_symbol(instrument: Instrument) -> str:
    """The service's name of an instrument: 688795.SS, 300474.SZ, 6082.HK (four digits), NVDA, BRK-B.

    Raises:
        ValueError: another exchange, or a ticker that cannot be one.
    """
    suffix = of_exchange(_SUFFIXES, instrument)
    ticker = instrument.ticker.upper()
    return (ticker.lstrip("0").zfill(4) if instrument.mic == "XHKG" else ticker.replace(".", "-")) + suffix


class YahooChart:
    """The quote source; see the module."""

    slug = "yahoo"
    site = "yahoo"
    label = "Yahoo"
    mics = frozenset(_SUFFIXES)
    batch_size = 1

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask for the one instrument. Raises BadRequest when it has no symbol here, ValueError for more than one."""
        [symbol] = codes_of(yahoo_symbol, instruments)
        return client.get(f"/v8/finance/chart/{symbol}?range=5d&interval=1d&events=div,splits")

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, of which a reply is about one at most."""
        try:
            chart = parse_chart(reply)
        except NoData as error:
            return [QuoteRow(each, Outcome.NO_DATA, None, "unknown_symbol", str(error)) for each in instruments]
        return [_row(instrument, chart) for instrument in instruments]


@dataclass(frozen=True, slots=True)
class ChartDay:
    """One day as the service tells it: prices and volume adjusted for all later splits, None where there is none.

    `at` is the opening of the day, for the newest day its last trade.
    """

    at: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None


@dataclass(frozen=True, slots=True)
class Chart:
    """What a reply holds: `meta` and `events` as they came, days oldest first."""

    symbol: str
    meta: Mapping[str, object]
    days: tuple[ChartDay, ...]
    events: Mapping[str, object]


def parse_chart(reply: Reply) -> Chart:
    """The chart in a reply.

    Raises:
        NoData: an unknown symbol, whichever of three ways it is told in, or days before the first one.
        SourceError: there is no chart in it.
    """
    if reply.status == 400 and b"doesn't exist" in reply.body:
        raise NoData("the source has nothing for these days")
    chart = as_object(as_object(parse_json(usable_body(reply))).get("chart"), "the chart")
    results = chart.get("result")
    if not results:
        code = str(_mapping(chart.get("error")).get("code") or "no chart")
        raise NoData("the source does not know it") if code == "Not Found" else BadBody(code[:60])
    result = as_object(results[0] if isinstance(results, list) else None, "the chart")
    meta = as_object(result.get("meta"), "the meta part")
    times = result.get("timestamp") or []
    if not times and meta.get("regularMarketPrice") is None:
        raise NoData("the source knows the name and nothing else")
    days = _days(times, result.get("indicators"))
    return Chart(str(meta.get("symbol") or "").upper(), meta, days, _mapping(result.get("events")))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _days(times: object, indicators: object) -> tuple[ChartDay, ...]:
    quotes = _mapping(indicators).get("quote")
    columns = _mapping(quotes[0] if isinstance(quotes, list) and quotes else None)
    if not isinstance(times, list):
        raise BadBody("days are not a list")
    try:
        return tuple(
            ChartDay(
                utc_time(seconds),
                exact_price(opening),
                exact_price(high),
                exact_price(low),
                exact_price(close),
                optional_number(volume),
            )
            for seconds, opening, high, low, close, volume in zip(
                times,
                _column(columns, "open", times),
                _column(columns, "high", times),
                _column(columns, "low", times),
                _column(columns, "close", times),
                _column(columns, "volume", times),
                strict=True,
            )
        )
    except ValueError as error:
        raise BadBody(f"unreadable day: {error}") from error


def _column(columns: Mapping[str, object], name: str, times: list[object]) -> list[object]:
    """The values of a column, one per day. Raises BadBody."""
    values = columns.get(name) or [None] * len(times)
    if not isinstance(values, list) or len(values) != len(times):
        raise BadBody(f"the column {name} does not fit the days")
    return values


def exact_price(value: object) -> Decimal | None:
    """A price above zero without the noise of single precision; None when there is none."""
    price = positive_number(value)
    if price is None:
        return None
    _, _, exponent = price.as_tuple()
    return _DIGITS.plus(price) if isinstance(exponent, int) and exponent < -_MOST_PLACES else price


def _row(instrument: Instrument, chart: Chart) -> QuoteRow:
    def bad(reason: str, detail: str) -> QuoteRow:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, reason, f"{chart.symbol}: {detail}")

    if chart.symbol != code_or_none(yahoo_symbol, instrument):
        return bad("symbol_mismatch", f"the reply is not about {instrument.mic} {instrument.ticker}")
    price = exact_price(chart.meta.get("regularMarketPrice"))
    if price is None:
        return bad("blank_price", "no last price")
    try:
        at = utc_time(chart.meta.get("regularMarketTime"))
    except ValueError as error:
        return bad("bad_time", str(error))
    day = local_day(at, instrument.mic)
    # Not `chartPreviousClose`: that is the close before the whole chart.
    earlier = [each.close for each in chart.days if each.close and local_day(each.at, instrument.mic) < day]
    today = next((each for each in reversed(chart.days) if local_day(each.at, instrument.mic) == day), None)
    volume = optional_number(chart.meta.get("regularMarketVolume"))
    quote = ParsedQuote(
        price=price,
        at=at,
        day=day,
        previous_close=earlier[-1] if earlier else None,
        open=today.open if today else None,
        high=exact_price(chart.meta.get("regularMarketDayHigh")),
        low=exact_price(chart.meta.get("regularMarketDayLow")),
        volume=None if volume is None else int(volume),
        currency=str(chart.meta.get("currency") or "").strip() or None,
        # Hong Kong's exchange asks fifteen minutes of whoever shows its prices for nothing.
        delayed=instrument.mic == "XHKG",
    )
    return judged_row(instrument, quote, chart.symbol)
