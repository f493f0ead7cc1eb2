"""Columns of the admin's lists that prices are needed for: computed for a page at once, as the site itself does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from companies.models import Company, Listing
from valuations.admin.desk import NOT_FRESH, is_out_of_date
from valuations.snapshot import CompanyValuation, Price, Question, cached_snapshot, snapshot, today
from valuations.templatetags.numbers import (
    MISSING,
    STATES_TO_LOOK_AT,
    moment,
    money,
    share_price,
    short_day,
    state_word,
)

CURRENCY = "CNY"


def valued(companies: Iterable[int]) -> dict[int, CompanyValuation]:
    """The rows of some companies today, by key, as their pages show them."""
    found = snapshot(Question(today(), CURRENCY), Company.objects.filter(pk__in=set(companies)))
    return {row.company.pk: row for row in found.rows}


def price_cell(price: Price | None) -> SafeString:
    """A price with its state and its day; amber where somebody should look."""
    if price is None:
        return format_html('<small class="look">{}</small>', _("no price"))
    looks = price.state in STATES_TO_LOOK_AT
    return format_html(
        '<span class="num">{}</span><small{} title="{}">{}{}{}</small>',
        share_price(price.value, price.listing.currency),
        SafeString(' class="look"') if looks else "",
        moment(price.quote.last_at) if price.quote.last_at else "",
        state_word(price.state),
        pgettext("between two facts", ", "),
        short_day(price.day, today()),
    )


def value_cell(row: CompanyValuation) -> SafeString:
    """A market value with its day, or why there is none."""
    if row.market_value is None:
        return format_html("{}<small>{}</small>", MISSING, str(row.missing.get("market_value", "")))
    words = short_day(row.market_value.day, today())
    if row.market_value.round:
        words = _("round, %(day)s") % {"day": words}
    return format_html('<span class="num">{}</span><small>{}</small>', money(row.market_value.money, 4), words)


class FreshnessFilter(admin.SimpleListFilter):
    """Companies or listings by the state of their price."""

    title = gettext_lazy("price")
    parameter_name = "price"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """As the desk counts them."""
        return [
            ("fresh", gettext_lazy("of the last session")),
            ("old", gettext_lazy("out of date, or none")),
            ("none", gettext_lazy("none")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those whose price is so, as pages show it now."""
        if self.value() is None:
            return queryset
        rows = cached_snapshot(Question(today(), CURRENCY)).rows
        if queryset.model is Listing:
            return queryset.filter(pk__in=_listings(rows, self.value()))
        found = [row.company.pk for row in rows if row.listings and _is(row, self.value())]
        # An archived company waits for no price: the desk leaves it out too.
        return queryset.filter(Q(archived_at=None), pk__in=found)


def _is(row: CompanyValuation, wanted: str | None) -> bool:
    if wanted == "none":
        return row.price is None
    return is_out_of_date(row) == (wanted == "old")


def _listings(rows: Iterable[CompanyValuation], wanted: str | None) -> list[int]:
    found = []
    for row in rows:
        states = {price.listing.pk: price.state for price in row.prices}
        for listing in row.listings:
            state = states.get(listing.pk)
            is_old = state is None or state in NOT_FRESH
            if (state is None) if wanted == "none" else (is_old == (wanted == "old")):
                found.append(listing.pk)
    return found


def prices_of(rows: Mapping[int, CompanyValuation]) -> dict[int, Price]:
    """The prices of all listings of some companies, by the listing."""
    return {price.listing.pk: price for row in rows.values() for price in row.prices}


def prices_page(listing: Listing) -> str:
    """Where it says when a price was asked for, and what came of it."""
    return reverse("valuations:listing_prices", args=[listing.pk])
