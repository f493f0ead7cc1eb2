"""The admin of prices and exchange rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from companies.admin import FactAdmin, FactInline, ReadOnlyAdmin
from companies.admin.lists import MineFilter, PageColumns, digits_of
from valuations.models import BarCoverage, FxRate, Quote, ReportedQuote

if TYPE_CHECKING:
    QuerySet = models.QuerySet[Any]
    InlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    QuerySet, InlineFormSet = models.QuerySet, forms.BaseInlineFormSet

QUOTES_SHOWN = 20


class OfListing(PageColumns, FactAdmin):
    """Rows that belong to a listing, whose prices have a page."""

    list_select_related = ["listing"]

    def view_on_site(self, row: Any) -> str:
        """Where the price of the listing is shown with its age."""
        return reverse("valuations:listing_prices", args=[row.listing_id])


@admin.register(Quote)
class QuoteAdmin(OfListing):
    """Prices by listing and day."""

    list_display = [
        "listing", "day", digits_of(Quote, "close"), "currency", "final", "delayed", "suspended", "provider",
        "fetched_at",
    ]  # fmt: skip
    list_display_links = ["listing", "day"]
    list_filter = ["listing__mic", "provider", "final", "delayed", "suspended", MineFilter]
    date_hierarchy = "day"
    search_fields = ["listing__ticker", "listing__company__search_keys"]
    autocomplete_fields = ["listing", "source"]
    fieldsets = [
        (None, {"fields": ["listing", "day", "close", ("open", "high", "low"), "volume"]}),
        (gettext_lazy("State"), {"fields": [("final", "delayed", "suspended"), "last_at"]}),
        (gettext_lazy("Source"), {"fields": ["provider", "fetched_at", "source"]}),
    ]

    @admin.display(description=gettext_lazy("currency"))
    def currency(self, quote: Quote) -> str:
        """The listing's."""
        return quote.listing.currency


@admin.register(ReportedQuote)
class ReportedQuoteAdmin(OfListing):
    """What other sources say of a listing and day."""

    list_display = [
        "listing", "day", *(digits_of(ReportedQuote, name) for name in ("close", "market_value", "shares")), "source"
    ]  # fmt: skip
    list_display_links = ["listing", "day"]
    list_filter = ["listing__mic", MineFilter]
    list_select_related = ["listing", "source"]
    date_hierarchy = "day"
    search_fields = ["listing__ticker", "listing__company__search_keys", "source__title"]
    autocomplete_fields = ["listing", "source"]


@admin.register(FxRate)
class FxRateAdmin(PageColumns, FactAdmin):
    """Exchange rates by day and provider."""

    list_display = ["base", "quote", "day", "span", digits_of(FxRate, "rate"), "provider", "fetched_at"]
    list_display_links = ["base", "quote", "day"]
    list_filter = ["span", "base", "quote", "provider", MineFilter]
    date_hierarchy = "day"
    search_fields = ["base", "quote", "provider"]
    autocomplete_fields = ["source"]


class NewestQuotes(InlineFormSet):
    """The newest quotes only: a listing has thousands."""

    def get_queryset(self) -> Any:
        """At most `QUOTES_SHOWN` rows."""
        if not hasattr(self, "_newest"):
            self._newest = list(super().get_queryset().order_by("-day")[:QUOTES_SHOWN])
        return self._newest


class QuoteInline(FactInline):
    """The newest prices of a listing, to look at."""

    model = Quote
    formset = NewestQuotes
    related = ("source",)
    verbose_name_plural = gettext_lazy("newest quotes")
    fields = readonly_fields = (
        "day", *(digits_of(Quote, name) for name in ("close", "open", "high", "low", "volume")), "final", "provider",
        "source",
    )  # fmt: skip
    show_change_link = True
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not from here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not from here."""
        return False


@admin.register(BarCoverage)
class BarCoverageAdmin(PageColumns, ReadOnlyAdmin):
    """Which days of each listing have been asked for."""

    list_display = ["listing", "first_day", "last_day", "provider", "asked_at"]
    actions = ["ask_again"]
    date_hierarchy = "asked_at"
    list_filter = ["listing__mic", "provider"]
    list_select_related = ["listing"]
    search_fields = ["listing__ticker", "listing__company__search_keys"]

    def has_ask_permission(self, request: HttpRequest) -> bool:
        """Who may change covered days may have them asked for again."""
        return request.user.has_perm("valuations.change_barcoverage")

    @admin.action(description=gettext_lazy("Ask again for all days"), permissions=["ask"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Forget what is covered, so that the next plan fetches everything anew; stored bars stay until then."""
        count = queryset.count()
        self.log_deletions(request, queryset)
        queryset.delete()
        text = ngettext(
            "The history of %(n)s listing will be asked for again within minutes.",
            "The history of %(n)s listings will be asked for again within minutes.",
            count,
        )
        messages.success(request, text % {"n": count})
