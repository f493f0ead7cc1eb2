"""Exchange rates by day, and conversion that says which rates it used. Pure: values in, values out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

MAX_AGE = 5  # business days: a rate is never older than a week of them
PIVOTS = ("USD", "EUR")


class RateMissing(LookupError):
    """There is no rate between two currencies within a week of business days of the day."""

    def __init__(self, base: str, quote: str, day: date) -> None:
        super().__init__(f"no {base}/{quote} rate within {MAX_AGE} business days before {day}")
        self.base, self.quote, self.day = base, quote, day


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of `quote` for one of `base` on a day, as a provider gave it. `key` finds its row again."""

    base: str
    quote: str
    day: date
    rate: Decimal
    provider: str
    key: int = 0


@dataclass(frozen=True, slots=True)
class Leg:
    """One rate as it was used: as given, or inverted."""

    rate: Rate
    inverted: bool

    @property
    def factor(self) -> Decimal:
        """What an amount is multiplied by."""
        return 1 / self.rate.rate if self.inverted else self.rate.rate


@dataclass(frozen=True, slots=True)
class Conversion:
    """How an amount gets from one currency to another: no leg (same currency), one, or two across a third."""

    base: str
    quote: str
    legs: tuple[Leg, ...] = ()

    @property
    def factor(self) -> Decimal:
        """Units of `quote` for one of `base`."""
        product = Decimal(1)
        for leg in self.legs:
            product *= leg.factor
        return product

    @property
    def day(self) -> date | None:
        """Day of its oldest rate; None when nothing was converted."""
        return min((leg.rate.day for leg in self.legs), default=None)


def business_days_between(earlier: date, later: date) -> int:
    """Weekdays after `earlier` up to and including `later`; 0 when `later` is not later."""
    if later <= earlier:
        return 0
    weeks, rest = divmod((later - earlier).days, 7)
    return weeks * 5 + sum((earlier + timedelta(days=n)).weekday() < 5 for n in range(1, rest + 1))


class Rates:
    """All daily rates at hand, answering "the last on or before this day"."""

    def __init__(self, rates: Iterable[Rate], provider_order: Sequence[str] = ()) -> None:
        """Take rates in any order. Of two for one pair and day, the provider earlier in the order wins."""
        order = {name: place for place, name in enumerate(provider_order)}
        by_pair: dict[tuple[str, str], dict[date, Rate]] = {}
        for rate in rates:
            days = by_pair.setdefault((rate.base, rate.quote), {})
            held = days.get(rate.day)
            if held is None or _place(rate, order) < _place(held, order):
                days[rate.day] = rate
        self._days = {pair: sorted(days) for pair, days in by_pair.items()}
        self._rates = by_pair
        self._known: dict[tuple[str, str, date], Conversion] = {}

    def conversion(self, base: str, quote: str, on: date) -> Conversion:
        """The freshest way from `base` to `quote` on a day: direct, inverted, or across USD or EUR.

        Raises:
            RateMissing: Every way has a rate older than a week of business days. Never guessed, never 1:1.
        """
        if base == quote:
            return Conversion(base, quote)
        key = (base, quote, on)
        if key not in self._known:
            ways = [way for way in self._ways(base, quote, on) if way]
            if not ways:
                raise RateMissing(base, quote, on)
            # max keeps the first of equals, and _ways lists the shortest first.
            best = max(ways, key=lambda legs: min(leg.rate.day for leg in legs))
            self._known[key] = Conversion(base, quote, best)
        return self._known[key]

    def _ways(self, base: str, quote: str, on: date) -> Iterable[tuple[Leg, ...]]:
        direct = self._leg(base, quote, on)
        yield (direct,) if direct else ()
        for pivot in PIVOTS:
            if pivot not in (base, quote):
                first, second = self._leg(base, pivot, on), self._leg(pivot, quote, on)
                yield (first, second) if first and second else ()

    def _leg(self, base: str, quote: str, on: date) -> Leg | None:
        """The newer of the rate as given and the rate inverted, as given when equally new."""
        given, inverse = self._last(base, quote, on), self._last(quote, base, on)
        if inverse and (given is None or inverse.day > given.day):
            return Leg(inverse, inverted=True)
        return Leg(given, inverted=False) if given else None

    def _last(self, base: str, quote: str, on: date) -> Rate | None:
        days = self._days.get((base, quote), [])
        place = bisect_right(days, on)
        if not place or business_days_between(days[place - 1], on) > MAX_AGE:
            return None
        return self._rates[base, quote][days[place - 1]]


def _place(rate: Rate, order: dict[str, int]) -> tuple[int, str]:
    return order.get(rate.provider, len(order)), rate.provider
