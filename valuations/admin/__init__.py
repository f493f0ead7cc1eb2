"""The admin of prices, exchange days and refreshes; Django looks here for what is registered."""

from valuations.admin import companies, desk, exchange_days, prices, refreshes

__all__ = ["companies", "desk", "exchange_days", "prices", "refreshes"]
