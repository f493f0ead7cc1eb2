"""The admin of companies: their listings, shares, rounds and milestones."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from companies.admin.base import FactAdmin, FactForm, FactInline
from companies.admin.standing import StandingAdmin
from companies.models import Company, CorporateAction, FundingRound, Listing, Milestone, ShareCount


class ListingInline(FactInline):
    """Where its shares are listed."""

    model = Listing
    autocomplete_fields = ["source"]
    show_change_link = True


class ShareCountInline(FactInline):
    """How many shares there are, from when."""

    model = ShareCount
    autocomplete_fields = ["source"]


class CorporateActionInline(FactInline):
    """What changed the number of shares, or was paid on them."""

    model = CorporateAction
    autocomplete_fields = ["source"]


class FundingRoundInline(FactInline):
    """Who paid how much, at which value."""

    model = FundingRound
    autocomplete_fields = ["source"]
    fields = [
        "label", "kind", "closed_on", "precision", "currency", "amount", "post_money_low", "post_money_high",
        "known_on", "source",
    ]  # fmt: skip
    show_change_link = True


class MilestoneInline(FactInline):
    """Steps on the way to a listing."""

    model = Milestone
    autocomplete_fields = ["source"]


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        """The lines of a list."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The list of lines that are not empty."""
        if isinstance(value, list):
            return value
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]


class CompanyForm(FactForm):
    """A company; its other names are written one per line."""

    aliases = LinesField(label=_("Other names"), required=False, help_text=_("One per line."))


@admin.register(Company)
class CompanyAdmin(StandingAdmin, FactAdmin):
    """Companies with everything that is stated about them, except their figures."""

    form = CompanyForm
    list_display = ["name_en", "name_zh", "segment", "city", "founded", "parent"]
    list_filter = ["segment"]
    search_fields = ["search_keys", "listings__ticker"]
    prepopulated_fields = {"slug": ["name_en"]}
    autocomplete_fields = ["source"]
    inlines = [ListingInline, ShareCountInline, CorporateActionInline, FundingRoundInline, MilestoneInline]
    fieldsets = [
        (None, {"fields": [("name_en", "name_zh"), "aliases", "slug"]}),
        (_("Business"), {"fields": ["segment", "segment_note", "products", "fiscal_year_end"]}),
        (_("Origin"), {"fields": ["founded", "city", "parent", "founders", "website"]}),
        (_("Source"), {"fields": ["note", "source"]}),
    ]


@admin.register(Listing)
class ListingAdmin(FactAdmin):
    """Share classes on exchanges."""

    list_display = ["ticker", "mic", "company", "share_class", "currency", "listed_on", "delisted_on", "watched"]
    list_filter = ["mic", "share_class", "watched"]
    list_select_related = ["company"]
    search_fields = ["ticker", "company__search_keys"]
    autocomplete_fields = ["company", "source"]


@admin.register(ShareCount)
class ShareCountAdmin(FactAdmin):
    """Share counts of all companies."""

    list_display = ["company", "share_class", "total", "valid_from", "method", "source"]
    list_filter = ["share_class", "method"]
    list_select_related = ["company", "source"]
    date_hierarchy = "valid_from"
    search_fields = ["company__search_keys", "note"]
    autocomplete_fields = ["company", "source"]


@admin.register(CorporateAction)
class CorporateActionAdmin(FactAdmin):
    """Bonus issues, splits, placings and cash dividends."""

    list_display = ["company", "share_class", "kind", "ex_day", "ratio", "new_shares", "cash", "currency", "provider"]
    list_filter = ["kind"]
    list_select_related = ["company"]
    date_hierarchy = "ex_day"
    search_fields = ["company__search_keys", "note"]
    autocomplete_fields = ["company", "source"]


@admin.register(FundingRound)
class FundingRoundAdmin(FactAdmin):
    """Funding rounds, and other values put on unlisted companies."""

    list_display = [
        "company", "label", "kind", "closed_on", "precision", "currency", "post_money_low", "post_money_high",
    ]  # fmt: skip
    list_filter = ["kind", "currency"]
    list_select_related = ["company"]
    date_hierarchy = "closed_on"
    search_fields = ["company__search_keys", "label", "investors"]
    autocomplete_fields = ["company", "source"]


@admin.register(Milestone)
class MilestoneAdmin(FactAdmin):
    """Dated steps towards a listing, and after it."""

    list_display = ["company", "kind", "venue", "day", "precision", "known_on"]
    list_filter = ["kind", "venue"]
    list_select_related = ["company"]
    date_hierarchy = "day"
    search_fields = ["company__search_keys", "detail", "venue"]
    autocomplete_fields = ["company", "source"]
