"""The admin of prices, exchange days and refreshes; Django looks here for what is registered."""

from valuations.admin import exchange_days, prices, refreshes

__all__ = ["exchange_days", "prices", "refreshes"]
