"""Which price of a day a reader may see who is shown prices of a certain age only. Pure: values in, values out.

A quote row holds the last price of its day. So that readers without login see the prices of a while ago, and not only
those of yesterday, it also keeps two earlier ones: the *public* price, already old enough when the one after it was put
aside, and the *coming* one, which takes its place. With a delay of 15 minutes and a price every minute what these
readers see is between 15 and 30 minutes old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Earlier:
    """The two earlier prices that a row of quotes keeps, each with its time or not at all."""

    public_close: Decimal | None = None
    public_at: datetime | None = None
    coming_close: Decimal | None = None
    coming_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DayPrices:
    """All that is kept of the prices of one day. `fetched_at` stands in where the last price has no time."""

    day: date
    close: Decimal
    last_at: datetime | None
    fetched_at: datetime | None = None
    earlier: Earlier = Earlier()


def shift(stored: Earlier | None, close: Decimal, at: datetime | None, delay: timedelta) -> Earlier:
    """What to keep besides the last price when a price arrives.

    Args:
        stored: What the row of the day keeps so far; None when there is no row.
        close: The price that arrives.
        at: Its time; a price without one is never kept as an earlier price.
        delay: How old a price must be to be seen by everybody; zero keeps nothing new.
    """
    kept = stored or Earlier()
    if at is None or not delay:
        return kept
    if kept.coming_close is None or kept.coming_at is None:
        return Earlier(kept.public_close, kept.public_at, close, at)
    if at - kept.coming_at >= delay:
        return Earlier(kept.coming_close, kept.coming_at, close, at)
    return kept


def visible(prices: DayPrices, cutoff: datetime | None) -> tuple[Decimal, datetime | None] | None:
    """The newest price of the day that was made at `cutoff` or before, with its time; None when there is none.

    Args:
        cutoff: None for readers who see everything.
    """
    made_at = newest_possible(prices.day, prices.last_at, prices.fetched_at)
    if cutoff is None or made_at is None or made_at <= cutoff:
        return prices.close, prices.last_at
    earlier = prices.earlier
    for close, at in ((earlier.coming_close, earlier.coming_at), (earlier.public_close, earlier.public_at)):
        if close is not None and at is not None and at <= cutoff:
            return close, at
    return None


def newest_possible(day: date, last_at: datetime | None, fetched_at: datetime | None) -> datetime | None:
    """The latest moment at which a price can have been made: its time, or else when it was fetched.

    Fetched again long after its day it is no younger for that: no exchange that we follow trades beyond midnight UTC of
    its trading day. A price with neither time was typed in from a page or file: None, it hides nothing.
    """
    if last_at is not None or fetched_at is None:
        return last_at
    return min(fetched_at, datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC))


def reveals(prices: DayPrices, delay: timedelta) -> tuple[datetime, ...]:
    """The moments at which another price of the day comes into view."""
    earlier = prices.earlier
    made = (newest_possible(prices.day, prices.last_at, prices.fetched_at), earlier.coming_at, earlier.public_at)
    return tuple(at + delay for at in made if at is not None)
