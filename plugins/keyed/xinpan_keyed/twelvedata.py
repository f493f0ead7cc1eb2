"""Twelve Data: latest prices of up to eight instruments in one request, and daily bars.

`GET /quote?symbol=NVDA,688795:SSE` answers one object, or for several symbols an object of objects.
`GET /time_series?symbol=NVDA&interval=1day` answers `values`, newest first. Errors are objects with `code` and
`message`, whatever the HTTP status. Numbers are texts and have gone through single precision.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from companies.sources.base import (
    Auth,
    BadBody,
    BadRequest,
    Blocked,
    Fetcher,
    NoData,
    Outcome,
    Reply,
    Retry,
    SourceError,
    as_object,
    parse_day,
    parse_json,
    parse_number,
    reply_error,
)
from valuations.providers.bar_fields import daily_bar
from valuations.providers.base import DailyBar, Instrument, QuoteRow, bars_between, check_span
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.trading import US_MICS, utc_time
from valuations.sessions import local_day
from xinpan_keyed.vendor import key_from, quote_row

KEY = "TWELVEDATA_API_KEY"
_SUFFIXES = {**dict.fromkeys(US_MICS, ""), "XSHG": ":SSE", "XSHE": ":SZSE", "XHKG": ":HKEX"}
# The vendor names the tiers of the Nasdaq instead of the exchange.
_US_MICS_AND_TIERS = US_MICS | {"XNGS", "XNMS", "XNCM"}
# Prices pass through single precision on their way, and are printed with this many decimals.
_SINGLE_PRECISION = Decimal(2) ** -24
_DECIMALS = 5
_PRICES = {"close": "price", "previous_close": "previous_close", "open": "open", "high": "high", "low": "low"}


def symbol_of(instrument: Instrument) -> str:
    """The vendor's symbol: NVDA, 688795:SSE, 0600:HKEX. Raises ValueError for another exchange or no ticker."""
    suffix, ticker = of_exchange(_SUFFIXES, instrument), instrument.ticker.upper()
    return (ticker.lstrip("0").zfill(4) if instrument.mic == "XHKG" else ticker) + suffix


class TwelveDataQuotes:
    """The quote source; see the module. The free plan gives eight symbols a minute, and the United States only."""

    slug = "twelvedata"
    site = "twelvedata"
    label = "Twelve Data"
    base_url = "https://api.twelvedata.com"
    mics = frozenset(_SUFFIXES)
    batch_size = 8

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments`. Raises Auth at once when there is no key."""
        key = key_from(KEY)
        symbols = ",".join(codes_of(symbol_of, instruments))
        return client.get(f"/quote?symbol={symbols}", secret={"apikey": key})

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        payload = _payload(reply)
        entries = [payload] if "symbol" in payload else [part for part in payload.values() if isinstance(part, Mapping)]
        if not entries:
            raise BadBody("no quotes")
        return [_row(instrument, payload, entries, reply.fetched_at) for instrument in instruments]


class TwelveDataHistory:
    """The history source; see the module. Bars are asked for without adjustment."""

    slug = "twelvedata_history"
    site = "twelvedata"
    label = "Twelve Data daily bars"
    base_url = TwelveDataQuotes.base_url
    mics = TwelveDataQuotes.mics
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises Auth at once when there is no key."""
        check_span(start, end, self.max_days)
        key = key_from(KEY)
        # The vendor takes the end for the first moment of that day.
        after = end + timedelta(days=1)
        [symbol] = codes_of(symbol_of, [instrument])
        return client.get(
            f"/time_series?symbol={symbol}&interval=1day&adjust=none&start_date={start}&end_date={after}",
            secret={"apikey": key},
        )

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first, inside the given days."""
        payload = _payload(reply)
        values, meta = payload.get("values"), payload.get("meta")
        if not isinstance(values, list):
            raise BadBody("no values")
        if isinstance(meta, Mapping) and not _is_about(meta, instrument):
            raise BadBody(f"about {str(meta.get('symbol'))[:20]} instead of {symbol_of(instrument)}")
        return bars_between((bar for row in values if (bar := _bar(row)) is not None), start, end)


def _payload(reply: Reply) -> Mapping[str, object]:
    """The object of a reply. Raises what its `code` or its status means."""
    is_object = reply.body.lstrip().startswith(b"{")
    error = reply_error(reply)
    if error is not None and not is_object:
        raise error
    payload = as_object(parse_json(reply.body))
    if payload.get("status") == "error":
        raise _stated_error(payload)
    if error is not None:
        raise error
    return payload


def _stated_error(payload: Mapping[str, object]) -> SourceError:
    """What an error object means. Unknown symbols come as 400 or 404."""
    code, message = payload.get("code"), str(payload.get("message") or "")[:120]
    match code:
        case 429:
            return Blocked(message, 60 if "minute" in message else None)
        case 401 | 403:
            return Auth(message)
        case 404:
            return NoData(message)
        case 400 if "not found" in message or "No data" in message:
            return NoData(message)
        case int() if code >= 500:
            return Retry(message)
    return BadRequest(message or f"refused with code {code}")


def _row(
    instrument: Instrument, payload: Mapping[str, object], entries: Sequence[Mapping[str, object]], fetched_at: datetime
) -> QuoteRow:
    symbol = code_or_none(symbol_of, instrument)
    if symbol is None:
        return unanswered(instrument, None)
    entry = next((entry for entry in entries if _is_about(entry, instrument)), None)
    if entry is None:
        refusal = payload.get(symbol)
        if isinstance(refusal, Mapping) and refusal.get("status") == "error":
            error = _stated_error(refusal)
            return QuoteRow(instrument, error.outcome, None, "unknown_symbol", f"{symbol}: {error}")
        return unanswered(instrument, symbol)
    try:
        # Some plans write a time behind the day.
        day = parse_day(str(entry.get("datetime"))[:10])
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_time", f"{symbol}: {error}")
    try:
        fields: dict[str, object] = {ours: _price(entry.get(theirs)) for theirs, ours in _PRICES.items()}
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_number", f"{symbol}: {error}")
    fields["volume"] = entry.get("volume")
    currency = entry.get("currency")
    return quote_row(
        instrument,
        fetched_at,
        day,
        fields,
        at=_moment(instrument.mic, day, entry),
        currency=currency if isinstance(currency, str) and currency else None,
    )


def _is_about(entry: Mapping[str, object], instrument: Instrument) -> bool:
    """Whether an entry names the instrument. `timestamp` and the like are no help: many exchanges share symbols."""
    stated, ticker = str(entry.get("symbol") or "").upper().partition(":")[0], instrument.ticker.upper()
    mic = entry.get("mic_code")
    if instrument.mic in US_MICS:
        return stated == ticker and (mic is None or mic in _US_MICS_AND_TIERS)
    if mic is not None and mic != instrument.mic:
        return False
    return stated.lstrip("0") == ticker.lstrip("0") if instrument.mic == "XHKG" else stated == ticker


def _moment(mic: str, day: date, entry: Mapping[str, object]) -> datetime | None:
    """When the last minute of a running session began; None when the day is all there is.

    `timestamp` is the opening of the day, not the time of the price.
    """
    stated = entry.get("last_quote_at")
    if entry.get("is_market_open") is not True or not isinstance(stated, int):
        return None
    at = utc_time(stated)
    return at if local_day(at, mic) == day else None


def without_noise(price: Decimal) -> Decimal:
    """The price behind a printed number: 199.10 for 199.10001.

    It is the one with the fewest decimals, two at least, that the vendor could not have told from what it printed.
    """
    doubt = abs(price) * _SINGLE_PRECISION + Decimal(5).scaleb(-_DECIMALS - 1)
    for places in range(2, _DECIMALS):
        rounded = round(price, places)
        if abs(rounded - price) <= doubt:
            return rounded
    return price


def _price(value: object) -> Decimal | None:
    number = parse_number(value)
    return None if number is None else without_noise(number)


def _bar(row: object) -> DailyBar | None:
    if not isinstance(row, Mapping):
        raise BadBody("a bar is not an object")
    try:
        prices = {name: _price(row.get(name)) for name in ("open", "close", "high", "low")}
    except ValueError as error:
        raise BadBody(f"unreadable bar: {error}") from error
    return daily_bar({"day": str(row.get("datetime"))[:10], **prices, "volume": row.get("volume")})
