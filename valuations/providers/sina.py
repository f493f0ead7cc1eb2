"""Sina's quote page: latest prices of Shanghai, Shenzhen, Hong Kong and New York in one request.

`GET /list=sh688795,rt_hk06082,gb_nvda` answers one line `var hq_str_<code>="f0,f1,...";` per code, and nothing at all
to visitors who do not come from a page of its own. Neither currency nor, outside New York, market value are stated.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from companies.sources.base import Blocked, Fetcher, Outcome, Reply, parse_number, usable_body
from valuations.providers.base import Instrument, ParsedQuote, QuoteRow
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.quoted import quoted_lines
from valuations.providers.trading import (
    US_MICS,
    judged_row,
    last_chance_to_trade,
    optional_number,
    positive_number,
    shares_traded,
)
from valuations.sessions import MARKETS

_PREFIXES = {"XSHG": "sh", "XSHE": "sz", "XHKG": "rt_hk", **dict.fromkeys(US_MICS, "gb_")}
_REFERER = {"Referer": "https://finance.sina.com.cn"}
_TURNED_AWAY = b"Kinsoku jikou desu"  # "forbidden", to visitors without the Referer, with status 200 or 403
_PAUSE = 3600  # seconds; who comes back earlier after a refusal is refused for longer
_BEIJING = ZoneInfo("Asia/Shanghai")
_DAY = timedelta(days=1)
_REST_OF_MINUTE = timedelta(seconds=59)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the fields of a market stand; `clock` is the first of a day and a time. Rows have at least `fewest`."""

    price: int
    previous_close: int
    open: int
    high: int
    low: int
    volume: int
    clock: int
    fewest: int
    amount: int | None = None
    market_cap: int | None = None
    shares: int | None = None


_MAINLAND = _Layout(price=3, previous_close=2, open=1, high=4, low=5, volume=8, amount=9, clock=30, fewest=32)
_HONG_KONG = _Layout(price=6, previous_close=3, open=2, high=4, low=5, volume=12, amount=11, clock=17, fewest=19)
_AMERICAN = _Layout(
    price=1, previous_close=26, open=5, high=6, low=7, volume=10, market_cap=12, shares=19, clock=3, fewest=27
)
_REGULAR_TIME = 25
_CLOCK = re.compile(r"([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2}) ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?![0-9:])")


def _layout(mic: str) -> _Layout:
    if mic in US_MICS:
        return _AMERICAN
    return _HONG_KONG if mic == "XHKG" else _MAINLAND


def sina_code(instrument: Instrument) -> str:
    """The service's code of an instrument: sh688795, rt_hk06082 (five digits), gb_nvda, gb_brk$b.

    Raises:
        ValueError: another exchange, or a ticker that cannot be one.
    """
    prefix = of_exchange(_PREFIXES, instrument)
    ticker = instrument.ticker.lower()
    return prefix + (ticker.zfill(5) if instrument.mic == "XHKG" else ticker.replace(".", "$"))


class SinaQuotes:
    """The quote source; see the module."""

    slug = "sina"
    site = "sina"
    label = "Sina"
    mics = frozenset(_PREFIXES)
    batch_size = 100

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments` that have a code here. Raises BadRequest when none has."""
        codes = ",".join(codes_of(sina_code, instruments))
        return client.get(f"/list={codes}", headers=_REFERER)

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        if reply.status == 456 or _TURNED_AWAY in reply.body[:200]:
            raise Blocked(f"refused with status {reply.status}", max(_PAUSE, reply.retry_after or 0))
        return parse_quotes(usable_body(reply), instruments)


def parse_quotes(body: bytes, instruments: Sequence[Instrument]) -> list[QuoteRow]:
    """One row per instrument; codes that nobody asked for are ignored. Raises BadBody for a cut or foreign body."""
    values = quoted_lines(body, "var hq_str_")
    return [_row(instrument, values) for instrument in instruments]


def _row(instrument: Instrument, values: dict[str, str]) -> QuoteRow:
    def bad(reason: str, detail: str) -> QuoteRow:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, reason, f"{code}: {detail}")

    code = code_or_none(sina_code, instrument)
    if code is None:
        return unanswered(instrument, None)
    # The plain Hong Kong code is that of the late prices.
    key = next((key for key in (code, code.removeprefix("rt_")) if values.get(key)), None)
    if key is None:
        return unanswered(instrument, code, is_unknown=code in values)
    layout = _layout(instrument.mic)
    fields = [field.strip() for field in values[key].split(",")]
    if len(fields) < layout.fewest:
        return bad("short_row", f"{len(fields)} fields, at least {layout.fewest} are needed")
    try:
        price = parse_number(fields[layout.price])
    except ValueError as error:
        return bad("bad_number", str(error))
    if price is None:
        return bad("blank_price", "no last price")
    try:
        told_at = _local_time(fields[layout.clock : layout.clock + 2], instrument.mic)
    except ValueError as error:
        return bad("bad_time", str(error))
    at = _time_of_price(fields, told_at, instrument.mic)

    def positive(index: int | None) -> Decimal | None:
        return None if index is None else positive_number(fields[index])

    low, high, amount = positive(layout.low), positive(layout.high), positive(layout.amount)
    shares = positive(layout.shares)
    quote = ParsedQuote(
        price=price,
        at=at.astimezone(UTC),
        day=at.date(),
        previous_close=positive(layout.previous_close),
        open=positive(layout.open),
        high=high,
        low=low,
        volume=shares_traded(optional_number(fields[layout.volume]), amount, low or price, high or price, documented=1),
        amount=amount,
        delayed=key.startswith("hk"),
        market_cap=positive(layout.market_cap),
        total_shares=None if shares is None else int(shares),
    )
    return judged_row(instrument, quote, key, told_at=told_at)


def _local_time(clock: Sequence[str], mic: str) -> datetime:
    """The clock of a row: day and time in two fields in the exchange's zone, or in one, then in Beijing's."""
    match = _CLOCK.match(" ".join(clock))
    if match is None:
        raise ValueError(f"no time: {' '.join(clock)[:30]!r}")
    zone = _BEIJING if mic in US_MICS else MARKETS[mic].zone
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)


def _time_of_price(fields: Sequence[str], told_at: datetime, mic: str) -> datetime:
    """When the price was made, in the exchange's zone.

    The clock of an American row runs on while only the extended hours trade, whose prices stand elsewhere in the row.
    The last regular trade has a field of its own, in whole minutes and without its year ("Nov 20 04:00PM EST").
    """
    local = told_at.astimezone(MARKETS[mic].zone)
    if mic not in US_MICS:
        return local
    text = fields[_REGULAR_TIME].rpartition(" ")[0]
    for year in (local.year, local.year - 1):
        try:
            at = datetime.strptime(f"{year} {text}", "%Y %b %d %I:%M%p").replace(tzinfo=local.tzinfo)
        except ValueError:
            continue
        if at <= local + _DAY:
            return last_chance_to_trade(mic, min(local, at + _REST_OF_MINUTE))
    return last_chance_to_trade(mic, told_at)
