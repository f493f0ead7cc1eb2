"""What the vendors have in common: a key from the environment, and quotes that name a day but no moment."""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from companies.sources.base import Auth, Outcome, parse_number
from valuations.providers.base import Instrument, ParsedQuote, QuoteRow
from valuations.sessions import MARKETS, local_day


def key_from(variable: str) -> str:
    """The key that an environment variable holds. Raises Auth when there is none, so that nothing is asked."""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise Auth(f"{variable} is not set")
    return key


def settled(mic: str, day: date) -> datetime:
    """When the closing price of an ordinary day is made, in UTC. A half day settles earlier, never later."""
    market = MARKETS[mic]
    closes = datetime.combine(day, market.sessions[-1][1], market.zone) + timedelta(minutes=market.settle_minutes)
    return closes.astimezone(UTC)


def quote_row(
    instrument: Instrument,
    fetched_at: datetime,
    day: date,
    fields: Mapping[str, object],
    *,
    at: datetime | None = None,
    late: bool = False,
    currency: str | None = None,
    market_cap: Decimal | None = None,
    total_shares: int | None = None,
) -> QuoteRow:
    """The row of one instrument, out of the raw fields price, previous_close, open, high, low and volume.

    Args:
        fetched_at: When the reply came.
        day: The exchange's own day that the vendor states.
        at: The moment, when the vendor states that too. Otherwise it is the day's close, or while that is still to come
            the moment of the reply, and the price counts as delayed.
        late: The vendor's prices are behind the exchange while it is open.
    """
    close = settled(instrument.mic, day)
    if local_day(fetched_at, instrument.mic) < day:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_time", f"{day} is yet to come")
    try:
        numbers = {name: parse_number(value) for name, value in fields.items()}
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_number", str(error))
    price = numbers.get("price")
    if price is None:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "blank_price", "no last price")
    if price == 0:
        return QuoteRow(instrument, Outcome.HOLD, None, "zero_price", f"price 0 on {day}")
    positive = {name: number if number is not None and number > 0 else None for name, number in numbers.items()}
    volume = numbers.get("volume")
    quote = ParsedQuote(
        price=price,
        at=at or min(close, fetched_at),
        day=day,
        previous_close=positive.get("previous_close"),
        open=positive.get("open"),
        high=positive.get("high"),
        low=positive.get("low"),
        volume=None if volume is None or volume < 0 else int(volume),
        currency=currency,
        delayed=(late or at is None) and fetched_at < close,
        market_cap=market_cap,
        total_shares=total_shares,
    )
    return QuoteRow(instrument, Outcome.OK, quote)
