"""Multiples and growth: plain ratios of known amounts. Pure: values in, values out."""

from __future__ import annotations

from decimal import Decimal

from valuations.money import CurrencyMismatch, Interval, Money, NotMeaningful


def price_to_sales(market_value: Money, revenue: Money) -> Interval:
    """How many years of revenue the market pays for a company.

    Args:
        market_value: Of the whole company on one day.
        revenue: Over twelve months, as known on that day, in the same currency.

    Returns:
        A multiple, unrounded: value low ÷ revenue high to value high ÷ revenue low. 2.5 means 2.5 times revenue.

    Raises:
        CurrencyMismatch: Convert one of them first.
        NotMeaningful: Revenue is, or may be, zero or less, or the range would be open at both ends.

    Source: docs/formulas.md, "Price to sales".
    """
    return _quotient(market_value, revenue)


def rd_intensity(rd_expense: Money, revenue: Money) -> Interval:
    """R&D expense for each unit of revenue of the same period: 0.5 means half of it.

    Raises:
        CurrencyMismatch, NotMeaningful: As for `price_to_sales`.

    Source: docs/formulas.md, "R&D to revenue".
    """
    return _quotient(rd_expense, revenue)


def share_of(part: Money, whole: Money) -> Interval:
    """What part of `whole` is `part`: 0.042 means 4.2 %.

    Raises:
        CurrencyMismatch, NotMeaningful: As for `price_to_sales`.

    Source: docs/formulas.md, "Share of NVIDIA's value".
    """
    return _quotient(part, whole)


def change(value: Decimal, before: Decimal) -> Decimal:
    """Relative change: 0.05 means up 5 %.

    Raises:
        NotMeaningful: `before` is zero or less.

    Source: docs/formulas.md, "Day's change".
    """
    if before <= 0:
        raise NotMeaningful("nothing to compare with")
    return value / before - 1


def _quotient(upper: Money, lower: Money) -> Interval:
    if upper.currency != lower.currency:
        raise CurrencyMismatch(f"{upper.currency} and {lower.currency}")
    if any(end is not None and end <= 0 for end in (lower.low, lower.high)):
        raise NotMeaningful("divisor is not above zero")
    low = None if upper.low is None or lower.high is None else upper.low / lower.high
    high = None if upper.high is None or lower.low is None else upper.high / lower.low
    if low is None and high is None:
        raise NotMeaningful("nothing is known of the result")
    return Interval(low, high)
