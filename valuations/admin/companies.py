"""The admin of companies, listings and figures once more, with what prices and valuations have to say of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from companies.admin import CompanyAdmin, ListingAdmin
from companies.admin.documents import FilingVersionAdmin
from companies.admin.filings import FigureAdmin, FilingAdmin
from companies.models import Company, Figure, Filing, FilingVersion, Listing
from valuations.admin.columns import FreshnessFilter, price_cell, prices_of, prices_page, value_cell, valued
from valuations.admin.decisions import DecidingAdmin
from valuations.admin.jobs import CompanyJobs, FilingJobs, ListingJobs, VersionJobs
from valuations.admin.prices import QuoteInline
from valuations.models import RefreshOutcome, RefreshRun
from valuations.snapshot import SOURCE_TROUBLE
from valuations.templatetags.numbers import MISSING, period
from valuations.templatetags.pages import figure_value, result_word

for model in (Company, Listing, Figure, Filing, FilingVersion):
    admin.site.unregister(model)


@admin.register(Company)
class ValuedCompanyAdmin(CompanyJobs, CompanyAdmin):
    """Companies with their last price and what they are worth."""

    list_display = [
        "names", "segment", "stage", "traded_as", "last_price", "market_value", "lacking", "conflicts", "proposals",
    ]  # fmt: skip
    list_filter = [FreshnessFilter, *CompanyAdmin.list_filter]

    def look_up(self, request: HttpRequest, rows: list[Any]) -> None:
        """Value the companies of the page, all together."""
        super().look_up(request, rows)
        found = valued(row.pk for row in rows)
        for row in rows:
            row.valuation = found[row.pk]

    @admin.display(description=gettext_lazy("last price"))
    def last_price(self, company: Any) -> SafeString | str:
        """Of its first listing, with its state and day."""
        return price_cell(company.valuation.price) if company.valuation.listings else MISSING

    @admin.display(description=gettext_lazy("market value"))
    def market_value(self, company: Any) -> SafeString:
        """What its page shows, in yuan, or why it shows nothing."""
        return value_cell(company.valuation)


@admin.register(Listing)
class QuotedListingAdmin(ListingJobs, ListingAdmin):
    """Listings, with their newest prices."""

    inlines = [QuoteInline]
    list_display = [
        "ticker", "mic", "company", "share_class", "last_price", "health", "listed_on", "delisted_on", "watched",
    ]  # fmt: skip
    list_filter = [FreshnessFilter, *ListingAdmin.list_filter]

    def look_up(self, request: HttpRequest, rows: list[Any]) -> None:
        """The prices of the page's listings, and what came of asking for them last."""
        super().look_up(request, rows)
        prices = prices_of(valued(row.company_id for row in rows))
        results = dict(_last_results([row.pk for row in rows]))
        for row in rows:
            row.price, row.last_result = prices.get(row.pk), results.get(row.pk, "")

    @admin.display(description=gettext_lazy("last price"))
    def last_price(self, listing: Any) -> SafeString | str:
        """With its state and day; a dash for one that is not traded."""
        return MISSING if listing.price is None and listing.delisted_on else price_cell(listing.price)

    @admin.display(description=gettext_lazy("last attempt"))
    def health(self, listing: Any) -> SafeString | str:
        """What came of asking for its price last; leads to the attempts."""
        if not listing.last_result:
            return MISSING
        look = SafeString(' class="look"') if listing.last_result in SOURCE_TROUBLE else ""
        return format_html('<a href="{}"{}>{}</a>', prices_page(listing), look, result_word(listing.last_result))


def _last_results(listings: list[int]) -> Any:
    """What came of asking for the price of each listing last, in one query."""
    settled = RefreshOutcome.objects.filter(
        listing=OuterRef("pk"), run__kind=RefreshRun.Kind.QUOTES, done_at__isnull=False
    )
    last = Subquery(settled.order_by("-done_at").values("result")[:1])
    return Listing.objects.filter(pk__in=listings).order_by().annotate(last=last).values_list("pk", "last")


@admin.register(Figure)
class WrittenFigureAdmin(DecidingAdmin, FigureAdmin):
    """Figures as pages write them, and the decisions about them."""

    list_display = ["company", "metric", "period_in_words", "value", "basis", "known_on", "standing", "source"]

    @admin.display(description=gettext_lazy("period"), ordering="period_end")
    def period_in_words(self, figure: Figure) -> str:
        """As pages write it."""
        return period(figure.period)

    @admin.display(description=gettext_lazy("value"), ordering="low")
    def value(self, figure: Figure) -> SafeString:
        """The range that it states, with its unit."""
        return format_html('<span class="num">{}</span>', figure_value(figure))


@admin.register(Filing)
class FetchedFilingAdmin(FilingJobs, FilingAdmin):
    """Filings, and the jobs about their documents."""


@admin.register(FilingVersion)
class ReadVersionAdmin(VersionJobs, FilingVersionAdmin):
    """Files, and the jobs that read them."""
