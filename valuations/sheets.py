"""The columns of prices, exchange rates and calendars as tables; see `companies.sheets`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from companies.sheets.resources import Complaint, SheetResource
from valuations.admin.exchange_days import FIRST_YEAR, LAST_YEAR
from valuations.models import ExchangeDay, ExchangeYear, FxRate, Quote, ReportedQuote
from valuations.sessions import MARKETS, spells_between


class QuoteResource(SheetResource):
    """Quotes, by listing and day."""

    class Meta:
        """Columns."""

        model = Quote
        import_id_fields = ("listing", "day")
        fields = (
            "listing", "day", "open", "high", "low", "close", "volume", "last_at", "final", "delayed", "suspended",
            "provider", "fetched_at", "source",
        )  # fmt: skip

    sourced = ""  # by the rule of the database: a filing, or the time at which the provider was asked

    def complete(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        """A price of a day on which the listing was traded."""
        if row.listing_id is not None and row.day and row.listing.listed_on and row.day < row.listing.listed_on:
            yield "day", _("This is before the first day of trading, %(day)s.") % {"day": row.listing.listed_on}


class ReportedQuoteResource(SheetResource):
    """Reported quotes, by listing, day and source."""

    class Meta:
        """Columns."""

        model = ReportedQuote
        import_id_fields = ("listing", "day", "source")
        fields = ("listing", "day", "close", "market_value", "shares", "source")

    def complete(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        """Numbers above zero."""
        for name in ("close", "market_value", "shares"):
            value = getattr(row, name)
            if value is not None and value <= 0:
                yield name, _("It is above zero, or empty.")


class FxRateResource(SheetResource):
    """Exchange rates, by currencies, day, span and provider."""

    class Meta:
        """Columns."""

        model = FxRate
        import_id_fields = ("base", "quote", "day", "span", "provider")
        fields = ("base", "quote", "day", "span", "rate", "provider", "fetched_at", "source")

    sourced = ""  # as of quotes


class _Exchange(SheetResource):
    """Something of one of the exchanges whose hours we know."""

    def complete(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        """An exchange, and a year that somebody may mean."""
        if row.mic and row.mic not in MARKETS:
            yield "mic", _("Write one of: %(exchanges)s.") % {"exchanges": ", ".join(sorted(MARKETS))}
        name = "year" if isinstance(row, ExchangeYear) else "day"
        year = row.year if isinstance(row, ExchangeYear) else row.day and row.day.year
        if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
            yield name, _("Give a year from %(first)s to %(last)s.") % {"first": FIRST_YEAR, "last": LAST_YEAR}


class ExchangeDayResource(_Exchange):
    """Exchange days, by exchange and day."""

    class Meta:
        """Columns."""

        model = ExchangeDay
        import_id_fields = ("mic", "day")
        fields = ("mic", "day", "kind", "opens", "closes", "note", "source")

    def complete(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        """Hours in which the exchange can trade."""
        yield from super().complete(row, given)
        market = MARKETS.get(row.mic)
        if market and not spells_between(market.sessions, row.opens, row.closes):
            yield "opens", _("These hours leave no time to trade.")


class ExchangeYearResource(_Exchange):
    """Published years, by exchange and year."""

    class Meta:
        """Columns."""

        model = ExchangeYear
        import_id_fields = ("mic", "year")
        fields = ("mic", "year", "source")
