"""Quotes, rates, exchange days, and the ledger of the jobs that fetch them."""

from valuations.models.exchange_days import CalendarWarning, ExchangeDay, ExchangeYear
from valuations.models.prices import BarCoverage, FxRate, Quote, ReportedQuote
from valuations.models.refreshes import HeldQuote, RefreshOutcome, RefreshRun, SourceHealth

__all__ = [
    "BarCoverage",
    "CalendarWarning",
    "ExchangeDay",
    "ExchangeYear",
    "FxRate",
    "HeldQuote",
    "Quote",
    "RefreshOutcome",
    "RefreshRun",
    "ReportedQuote",
    "SourceHealth",
]
