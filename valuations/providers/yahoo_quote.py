"""Yahoo's quote service: latest prices with market values, for whoever brings a cookie and the word that belongs to it.

`GET /v7/finance/quote?symbols=688795.SS,6082.HK,NVDA&crumb=...`: the cookie comes from another host, the crumb from
`/v1/test/getcrumb`. An optional source: `yahoo` tells the same prices for less.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from companies.sources.base import (
    BadBody,
    Blocked,
    Fetcher,
    Outcome,
    Reply,
    as_object,
    parse_json,
    reply_error,
    usable_body,
)
from valuations.providers.base import Instrument, ParsedQuote, QuoteRow
from valuations.providers.codes import code_or_none, codes_of, unanswered
from valuations.providers.trading import judged_row, optional_number, positive_number, utc_time
from valuations.providers.yahoo import YahooChart, exact_price, yahoo_symbol
from valuations.sessions import local_day

COOKIE_SITE = "yahoo_cookie"
# Eleven characters as a rule. Whatever has a blank or is long is a message to people.
_CRUMB = re.compile(r"[!-;=?-~]{4,20}")
_ALIKE = Decimal("0.02")


class YahooQuotes:
    """The quote source; see the module."""

    slug = "yahoo_quote"
    site = "yahoo"
    label = "Yahoo (with market value)"
    mics = YahooChart.mics
    batch_size = 50

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments`, and once more with a fresh crumb if the first is not accepted.

        Raises:
            BadRequest: none of the instruments has a symbol here.
            SourceError: no crumb was to be had.
        """
        target = f"/v7/finance/quote?symbols={','.join(codes_of(yahoo_symbol, instruments))}"
        reply = client.get(target, secret={"crumb": fresh_crumb(client)})
        if reply.status == 401:
            reply = client.get(target, secret={"crumb": fresh_crumb(client)})
        return reply

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        response = as_object(as_object(parse_json(usable_body(reply))).get("quoteResponse"), "the response")
        results = response.get("result")
        if not isinstance(results, list):
            raise BadBody("no quotes")
        found = {str(row.get("symbol")).upper(): row for row in results if isinstance(row, Mapping)}
        return [_row(instrument, found) for instrument in instruments]


def fresh_crumb(client: Fetcher) -> str:
    """A crumb for the cookie that the client keeps from now on. Raises SourceError when there is none."""
    # The host of the cookie answers 404 with the cookie in its headers: only a refusal matters.
    error = reply_error(client.get("/", site=COOKIE_SITE))
    if isinstance(error, Blocked):
        raise error
    return parse_crumb(client.get("/v1/test/getcrumb"))


def parse_crumb(reply: Reply) -> str:
    """The crumb in a reply; never a message or a page that stands in its place. Raises SourceError."""
    crumb = usable_body(reply).decode("utf-8", errors="replace").strip()
    if not _CRUMB.fullmatch(crumb):
        raise Blocked("no crumb was given")
    return crumb


def _row(instrument: Instrument, found: Mapping[str, Mapping[str, object]]) -> QuoteRow:
    def bad(reason: str, detail: str) -> QuoteRow:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, reason, f"{symbol}: {detail}")

    symbol = code_or_none(yahoo_symbol, instrument)
    stated = None if symbol is None else found.get(symbol)
    if symbol is None or stated is None:
        # This service leaves out what it does not know.
        return unanswered(instrument, symbol, is_unknown=True)
    price = exact_price(stated.get("regularMarketPrice"))
    if price is None:
        return bad("blank_price", "no last price")
    try:
        at = utc_time(stated.get("regularMarketTime"))
    except ValueError as error:
        return bad("bad_time", str(error))
    volume = optional_number(stated.get("regularMarketVolume"))
    market_cap = positive_number(stated.get("marketCap"))
    quote = ParsedQuote(
        price=price,
        at=at,
        day=local_day(at, instrument.mic),
        previous_close=exact_price(stated.get("regularMarketPreviousClose")),
        open=exact_price(stated.get("regularMarketOpen")),
        high=exact_price(stated.get("regularMarketDayHigh")),
        low=exact_price(stated.get("regularMarketDayLow")),
        volume=None if volume is None else int(volume),
        currency=str(stated.get("currency") or "").strip() or None,
        delayed=positive_number(stated.get("exchangeDataDelayedBy")) is not None,
        market_cap=market_cap,
        total_shares=_total_shares(instrument, stated, price, market_cap),
    )
    return judged_row(instrument, quote, symbol)


def _total_shares(
    instrument: Instrument, stated: Mapping[str, object], price: Decimal, market_cap: Decimal | None
) -> int | None:
    """Shares of all classes, where the number stated is that: it must make up the market value.

    For Hong Kong it is the number of the listed class, even where the market value is that of all.
    """
    shares = positive_number(stated.get("sharesOutstanding"))
    if shares is None or market_cap is None or instrument.mic == "XHKG":
        return None
    return int(shares) if abs(price * shares / market_cap - 1) <= _ALIKE else None
