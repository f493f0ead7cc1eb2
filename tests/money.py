"""Small parsing helpers: the domain's own notation for tests ("1.6..1.7 CNY", "421.69m")."""

from decimal import Decimal

from valuations.money import Interval, Money

UNITS = {"k": 10**3, "m": 10**6, "bn": 10**9, "tn": 10**12}


def number(text: str) -> Decimal:
    """`421.69m` or `1_000` as a decimal."""
    for suffix, factor in UNITS.items():
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix).replace("_", "")) * factor
    return Decimal(text.replace("_", ""))


def interval(text: str) -> Interval:
    """`5`, `1.6..1.7`, `..2` (at most) or `3..` (at least)."""
    low, dots, high = text.partition("..")
    if not dots:
        return Interval.point(number(low))
    return Interval(number(low) if low else None, number(high) if high else None)


def money(text: str) -> Money:
    """An interval with its currency: `1.6bn..1.7bn CNY`."""
    amount, _, currency = text.rpartition(" ")
    return Money(interval(amount), currency)
