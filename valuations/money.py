"""Amounts of money with their currency, and ranges of them. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal


class CurrencyMismatch(ValueError):
    """Two amounts in different currencies met; convert one first (see `rates.Rates.convert`)."""


class NotMeaningful(ValueError):
    """The inputs are known but give no number that means anything, such as a multiple of no revenue."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of numbers. Equal ends are a point; an open end (None) says "at most" or "at least".

    Raises:
        ValueError: Both ends are open, or low is above high.
    """

    low: Decimal | None
    high: Decimal | None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError("a range needs a low or a high")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")

    @classmethod
    def point(cls, value: Decimal) -> Interval:
        """The range that is one number."""
        return cls(value, value)

    @property
    def is_point(self) -> bool:
        """Whether low and high are the same number."""
        return self.low is not None and self.low == self.high

    @property
    def is_open(self) -> bool:
        """Whether one end is not known."""
        return self.low is None or self.high is None

    def __add__(self, other: Interval) -> Interval:
        return _closed_or_open(_sum(self.low, other.low), _sum(self.high, other.high))

    def __sub__(self, other: Interval) -> Interval:
        """Lowest minus highest to highest minus lowest."""
        return self + Interval(None if other.high is None else -other.high, None if other.low is None else -other.low)

    def times(self, factor: Decimal) -> Interval:
        """Both ends multiplied by a factor above zero."""
        if factor <= 0:
            raise ValueError(f"factor {factor} is not above zero")
        return Interval(
            None if self.low is None else self.low * factor, None if self.high is None else self.high * factor
        )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _closed_or_open(low: Decimal | None, high: Decimal | None) -> Interval:
    if low is None and high is None:
        raise NotMeaningful("nothing is known of the result: one input has no low, another no high")
    return Interval(low, high)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, or a range of amounts, in units of one currency (yuan, not 亿)."""

    amount: Interval
    currency: str

    @classmethod
    def of(cls, value: Decimal, currency: str) -> Money:
        """One exact amount."""
        return cls(Interval.point(value), currency)

    @classmethod
    def between(cls, low: Decimal | None, high: Decimal | None, currency: str) -> Money:
        """A range of amounts."""
        return cls(Interval(low, high), currency)

    @property
    def low(self) -> Decimal | None:
        """Lowest amount, None when open."""
        return self.amount.low

    @property
    def high(self) -> Decimal | None:
        """Highest amount, None when open."""
        return self.amount.high

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def converted(self, rate: Decimal, currency: str) -> Money:
        """The same amount in another currency at `rate` (units of it for one of ours)."""
        return Money(self.amount.times(rate), currency)

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")


def hull(intervals: Sequence[Interval]) -> Interval:
    """The range from the lowest to the highest of several; an end that one of them leaves open is open.

    Raises:
        NotMeaningful: It would be open at both ends.
        ValueError: There is no range.
    """
    lows = [interval.low for interval in intervals]
    highs = [interval.high for interval in intervals]
    return _closed_or_open(
        None if None in lows else min(low for low in lows if low is not None),
        None if None in highs else max(high for high in highs if high is not None),
    )


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Sum of amounts in one currency; a range as soon as one of them is.

    Raises:
        NotMeaningful: There is nothing to add, or the parts are open at different ends.
        CurrencyMismatch: One is in another currency.
    """
    result: Money | None = None
    for amount in amounts:
        if amount.currency != currency:
            raise CurrencyMismatch(f"{amount.currency} and {currency}")
        result = amount if result is None else result + amount
    if result is None:
        raise NotMeaningful("nothing to add")
    return result
