"""The admin of companies: their listings, shares, rounds and milestones."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from companies.admin.base import FactAdmin, FactForm, FactInline
from companies.admin.desk import list_of
from companies.admin.lists import (
    NOTHING,
    ArchivedFilter,
    ConflictFilter,
    MineFilter,
    MissingFilter,
    PageColumns,
    StageFilter,
    company_page,
    count_link,
    digits_of,
    lacks_revenue,
    lacks_shares,
)
from companies.admin.standing import StandingAdmin
from companies.days import today
from companies.models import Company, CorporateAction, Figure, FundingRound, Listing, Milestone, ShareCount
from companies.stages import STAGES, stage_on


class ListingInline(FactInline):
    """Where its shares are listed."""

    model = Listing
    autocomplete_fields = ["source"]
    fields = [
        "mic", "ticker", "share_class", "currency", "board", "listed_on", "delisted_on", "watched", "source",
    ]  # fmt: skip
    show_change_link = True


class ShareCountInline(FactInline):
    """How many shares there are, from when."""

    model = ShareCount
    show_change_link = True
    fields = ["share_class", "total", "valid_from", "method", "note", "source"]
    autocomplete_fields = ["source"]


class CorporateActionInline(FactInline):
    """What changed the number of shares, or was paid on them."""

    model = CorporateAction
    classes = ["collapse"]
    fields = ["share_class", "kind", "ex_day", "ratio", "new_shares", "cash", "currency", "source"]
    show_change_link = True
    autocomplete_fields = ["source"]


class FundingRoundInline(FactInline):
    """Who paid how much, at which value."""

    model = FundingRound
    classes = ["collapse"]
    autocomplete_fields = ["source"]
    fields = [
        "label", "kind", "closed_on", "precision", "currency", "amount", "post_money_low", "post_money_high",
        "known_on", "source",
    ]  # fmt: skip
    show_change_link = True


class MilestoneInline(FactInline):
    """Steps on the way to a listing."""

    model = Milestone
    classes = ["collapse"]
    show_change_link = True
    fields = ["kind", "venue", "day", "precision", "known_on", "detail", "source"]
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


def _truth(condition: Q) -> Any:
    """For an annotation: whether a row meets a condition."""
    return ExpressionWrapper(condition, output_field=BooleanField())


@admin.register(Company)
class CompanyAdmin(StandingAdmin, PageColumns, FactAdmin):
    """Companies with everything that is stated about them, except their figures."""

    form = CompanyForm
    list_display = ["names", "segment", "stage", "traded_as", "lacking", "conflicts", "proposals"]
    list_filter = ["segment", StageFilter, MissingFilter, ConflictFilter, ArchivedFilter, MineFilter]
    search_fields = ["search_keys", "listings__ticker"]
    prepopulated_fields = {"slug": ["name_en"]}
    autocomplete_fields = ["source"]
    readonly_fields = ["archived_at", "merged_into"]
    inlines = [ListingInline, ShareCountInline, CorporateActionInline, FundingRoundInline, MilestoneInline]
    fieldsets = [
        (None, {"fields": [("name_en", "name_zh"), "aliases", "slug"]}),
        (_("Business"), {"fields": [("segment", "segment_note"), "products", "fiscal_year_end"]}),
        (_("Origin"), {"fields": [("founded", "city"), ("parent", "founders"), "website"]}),
        (_("Source"), {"fields": ["note", "source"]}),
        (_("On the lists"), {"classes": ["collapse"], "fields": [("archived_at", "merged_into")]}),
    ]

    def view_on_site(self, company: Company) -> str:
        """Its page."""
        return reverse("valuations:company", args=[company.slug])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With its stage, what it lacks, and how many figures wait; its listings are read together."""
        waiting = Figure.objects.filter(company=OuterRef("pk"), status=Figure.Status.PROPOSED).order_by()
        companies: QuerySet[Any] = super().get_queryset(request)
        asked: QuerySet[Any] = companies.annotate(
            stage_now=stage_on(today()),
            no_shares=_truth(lacks_shares()),
            no_revenue=_truth(lacks_revenue()),
            proposed=Coalesce(Subquery(waiting.values("company").annotate(n=Count("pk")).values("n")), 0),
        ).prefetch_related(Prefetch("listings", Listing.objects.filter(delisted_on=None)))
        return asked

    def look_up(self, request: HttpRequest, rows: list[Any]) -> None:
        """How many things the sources of each company state differently."""
        super().look_up(request, rows)
        things = Figure.objects.contradicted().filter(company__in=[row.pk for row in rows]).order_by()
        named = things.values_list("company_id", "metric", "period", "basis", "listing_id").distinct()
        found = Counter(company for company, *_thing in named)
        for row in rows:
            row.contradictions = found[row.pk]

    @admin.display(description=_("company"), ordering="name_en")
    def names(self, company: Company) -> SafeString:
        """Both names, the one in the reader's language first, and whether it is archived."""
        archived = format_html('<small class="look">{}</small>', gettext("archived")) if company.archived_at else ""
        in_chinese = company.name_zh and (get_language() or "").startswith("zh")
        names = (company.name_zh, company.name_en) if in_chinese else (company.name_en, company.name_zh)
        return format_html("{}<small>{}</small>{}", *names, archived)

    @admin.display(description=_("stage"), ordering="stage_now")
    def stage(self, company: Any) -> str:
        """Where it stands on its way to a listing."""
        return str(STAGES[company.stage_now])

    @admin.display(description=_("listings"))
    def traded_as(self, company: Company) -> SafeString | str:
        """The tickers under which it is traded."""
        tickers = format_html_join("", '<span class="nowrap">{}</span><br>', ((one,) for one in company.listings.all()))
        return tickers or NOTHING

    @admin.display(description=_("missing"))
    def lacking(self, company: Any) -> SafeString | str:
        """What has to be entered before every number can be computed and believed."""
        lacks = [
            (gettext("share count"), company.no_shares),
            (gettext("revenue"), company.no_revenue),
            (gettext("source"), company.source_id is None),
            (gettext("Chinese name"), not company.name_zh),
        ]
        words = [(word,) for word, is_lacking in lacks if is_lacking]
        return (
            format_html(
                '<span class="look">{}</span>', format_html_join(pgettext("between items of a list", ", "), "{}", words)
            )
            if words
            else NOTHING
        )

    @admin.display(description=_("conflicts"))
    def conflicts(self, company: Any) -> SafeString | str:
        """How many things its sources state differently."""
        url = list_of("companies_figure", f"company__id__exact={company.pk}&conflict=yes")
        return count_link(company.contradictions, url, look=True)

    @admin.display(description=pgettext_lazy("figures", "proposed"), ordering="proposed")
    def proposals(self, company: Any) -> SafeString | str:
        """How many of its figures wait for an editor."""
        return count_link(company.proposed, f"{reverse('valuations:proposed')}?company={company.slug}", look=True)


class OfCompany(PageColumns, FactAdmin):
    """Rows that belong to a company, whose page shows them."""

    list_select_related = ["company"]

    def view_on_site(self, row: Any) -> str:
        """The company's page."""
        return company_page(row)


@admin.register(Listing)
class ListingAdmin(OfCompany):
    """Share classes on exchanges."""

    list_display = ["ticker", "mic", "company", "share_class", "currency", "listed_on", "delisted_on", "watched"]
    list_filter = ["mic", "share_class", "watched", ("delisted_on", admin.EmptyFieldListFilter), MineFilter]
    date_hierarchy = "listed_on"
    search_fields = ["ticker", "company__search_keys"]
    autocomplete_fields = ["company", "source"]
    fieldsets = [
        (None, {"fields": ["company", ("mic", "ticker"), ("share_class", "currency"), "board"]}),
        (_("Trading"), {"fields": [("listed_on", "delisted_on"), "watched"]}),
        (_("Source"), {"fields": ["source"]}),
    ]


@admin.register(ShareCount)
class ShareCountAdmin(OfCompany):
    """Share counts of all companies."""

    list_display = ["company", "share_class", "shares", "valid_from", "method", "source"]
    list_filter = ["share_class", "method", "source__tier", MineFilter]
    list_select_related = ["company", "source"]
    date_hierarchy = "valid_from"
    search_fields = ["company__search_keys", "company__listings__ticker", "note"]
    autocomplete_fields = ["company", "source"]

    @admin.display(description=_("shares"), ordering="total")
    def shares(self, count: ShareCount) -> str:
        """How many, digit by digit."""
        return f"{count.total:,}"


@admin.register(CorporateAction)
class CorporateActionAdmin(OfCompany):
    """Bonus issues, splits, placings and cash dividends."""

    list_display = [
        "company", "share_class", "kind", "ex_day", digits_of(CorporateAction, "ratio"),
        digits_of(CorporateAction, "new_shares"), digits_of(CorporateAction, "cash"), "currency", "provider",
    ]  # fmt: skip
    list_filter = ["kind", "provider", MineFilter]
    date_hierarchy = "ex_day"
    search_fields = ["company__search_keys", "company__listings__ticker", "note"]
    autocomplete_fields = ["company", "source"]


@admin.register(FundingRound)
class FundingRoundAdmin(OfCompany):
    """Funding rounds, and other values put on unlisted companies."""

    list_display = [
        "company", "label", "kind", "closed_on", "precision", "currency", digits_of(FundingRound, "post_money_low"),
        digits_of(FundingRound, "post_money_high"),
    ]  # fmt: skip
    list_filter = ["kind", "currency", MineFilter]
    date_hierarchy = "closed_on"
    search_fields = ["company__search_keys", "label", "investors"]
    autocomplete_fields = ["company", "source"]


@admin.register(Milestone)
class MilestoneAdmin(OfCompany):
    """Dated steps towards a listing, and after it."""

    list_display = ["company", "kind", "venue", "day", "precision", "known_on"]
    list_filter = ["kind", "venue", MineFilter]
    date_hierarchy = "day"
    search_fields = ["company__search_keys", "detail", "venue"]
    autocomplete_fields = ["company", "source"]
