"""Numbers of figures in words: every digit of them, for people to check."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext

from companies.models import Metric

# What may be below zero; of all others a minus sign is a slip.
MAY_BE_NEGATIVE = (
    Metric.NET_PROFIT, Metric.GROSS_PROFIT, Metric.GROSS_MARGIN, Metric.OPERATING_CASH_FLOW, Metric.NET_ASSETS,
    Metric.FIRST_DAY_CHANGE,
)  # fmt: skip


def plain_words(low: Decimal | None, high: Decimal | None, currency: str = "") -> str:
    """The number that is stored, every digit of it, so that people can check: `645,000,000 to 720,000,000 CNY`."""
    if low is None or high is None:
        end = digits(high if low is None else low)
        text = (gettext("at most %(end)s") if low is None else gettext("at least %(end)s")) % {"end": end}
    elif low == high:
        text = digits(low)
    else:
        text = gettext("%(low)s to %(high)s") % {"low": digits(low), "high": digits(high)}
    return f"{text} {currency}".strip()


def digits(value: Decimal | int | None) -> str:
    """A number with its separators and without the zeros that a column fills it up with: `1,250,000.5`."""
    if value is None:
        return ""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
