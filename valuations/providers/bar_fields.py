"""A daily bar out of the raw fields of a reply, for the sources that plug-ins bring. Pure."""

from collections.abc import Mapping

from companies.sources.base import BadBody, parse_day, parse_number
from valuations.providers.base import DailyBar
from valuations.providers.trading import shares_traded


def daily_bar(fields: Mapping[str, object], *, unit: int = 1) -> DailyBar | None:
    """A bar, or None for a day without a price (a halted share that stays in the list).

    Args:
        fields: day (YYYY-MM-DD), open, close, high, low, volume as stated, amount in units of the currency; those that
            are blank or missing are unknown.
        unit: Shares that one of the volume stands for, as the source documents it. The turnover knows better.

    Raises:
        BadBody: a field cannot be read.
    """
    try:
        day = parse_day(fields.get("day"))
        opening, close, high, low, volume, amount = (
            parse_number(fields.get(name)) for name in ("open", "close", "high", "low", "volume", "amount")
        )
    except ValueError as error:
        raise BadBody(f"unreadable bar: {error}") from error
    if opening is None or close is None or high is None or low is None or min(opening, close, high, low) <= 0:
        return None
    shares = shares_traded(volume, amount, low, high, documented=unit)
    return DailyBar(day, opening, close, high, low, volume=shares, amount=amount)
