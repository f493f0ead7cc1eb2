"""The admin of filings, and of the figures that they state."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from companies.admin.base import FactAdmin, FactForm
from companies.filings.links import passage_url
from companies.models import Figure, Filing
from companies.periods import NotAPeriod, Period, parse_period


@admin.register(Filing)
class FilingAdmin(FactAdmin):
    """Documents and pages that state facts."""

    list_display = ["title", "publisher_name", "kind", "tier", "published_on", "company"]
    list_filter = ["tier", "kind", "language"]
    list_select_related = ["company"]
    date_hierarchy = "published_on"
    search_fields = ["title", "title_original", "publisher", "slug", "url", "seen_url"]
    autocomplete_fields = ["company", "corrects"]
    prepopulated_fields = {"slug": ["title"]}
    readonly_fields = (
        "service", "service_key", "service_kinds", "service_group", "published_at", "added_by", "added_at",
        "is_example",
    )  # fmt: skip
    fieldsets = [
        (None, {"fields": [("title", "title_original"), "slug", "company", "kind", "tier", "period_end", "corrects"]}),
        (_("Publication"), {"fields": ["publisher", "language", "published_on", "published_precision", "url"]}),
        (_("How it came here"), {"classes": ["collapse"], "fields": readonly_fields}),
        (
            _("Known through another page"),
            {
                "description": _("Where the document itself was not read."),
                "fields": ["seen_title", "seen_url", "seen_on"],
            },
        ),
    ]

    @admin.display(description=_("publisher"), ordering="publisher")
    def publisher_name(self, filing: Filing) -> str:
        """The publisher, or the host of its page."""
        return filing.publisher_name


class FigureForm(FactForm):
    """A figure. The days of its period follow from the label, and must agree with it where they are given."""

    period_end = forms.DateField(
        label=_("Last day"), required=False, help_text=_("Empty: as the period's label says."),
        widget=admin.widgets.AdminDateWidget,
    )  # fmt: skip

    def clean(self) -> dict[str, Any] | None:
        """Fill in the days of the period, and refuse a listing of another company."""
        super().clean()
        data = self.cleaned_data
        label, company = data.get("period"), data.get("company")
        if label:
            try:
                self._check_period(parse_period(label, company.fiscal_year_end if company else "12-31"))
            except NotAPeriod:
                self.add_error("period", ValidationError(_("This names no period that exists.")))
        listing = data.get("listing")
        if listing is not None and company is not None and listing.company_id != company.pk:
            self.add_error("listing", ValidationError(_("This listing belongs to another company.")))
        return data

    def _check_period(self, named: Period) -> None:
        start: date | None = self.cleaned_data.get("period_start")
        end: date | None = self.cleaned_data.get("period_end")
        if end is None and "period_end" not in self.errors:
            self.cleaned_data["period_start"], self.cleaned_data["period_end"] = named.start, named.end
        elif end is not None and not named.agrees_with(Period(start, end)):
            problem = _("The label stands for %(start)s to %(end)s. Correct the days, or leave them empty.")
            self.add_error(
                "period_end", ValidationError(problem, params={"start": named.start or "—", "end": named.end})
            )


@admin.register(Figure)
class FigureAdmin(FactAdmin):
    """Figures with their ranges, periods and sources."""

    form = FigureForm
    list_display = [
        "company", "metric", "period", "low", "high", "currency", "basis", "known_on", "known_by", "status", "source",
    ]  # fmt: skip
    list_display_links = ["company", "metric"]
    list_filter = ["status", "basis", "metric", "known_by", "reported_in", "source__tier"]
    list_select_related = ["company", "source"]
    date_hierarchy = "known_on"
    search_fields = ["company__search_keys", "period", "note", "passage", "source__title"]
    autocomplete_fields = ["company", "listing", "source"]
    # Deciding about a proposed figure has a page of its own, which shows what it changes.
    readonly_fields = ["created_at", "place", "entered_by", "decided_by", "decided_at", "decision", "replaces"]
    fieldsets = [
        (None, {"fields": ["company", "listing", "metric", "status"]}),
        (_("Period"), {"fields": ["period", ("period_start", "period_end")]}),
        (_("Value"), {"fields": [("low", "high"), "currency", "basis"]}),
        (_("Source"), {"fields": ["source", "reported_in", "passage", "note"]}),
        (_("Known"), {"fields": [("known_on", "known_by"), "created_at"]}),
        (_("Review"), {"fields": ["place", "entered_by", ("decided_by", "decided_at"), "decision", "replaces"]}),
    ]

    @admin.display(description=_("place of the passage"))
    def place(self, figure: Figure) -> str:
        """A link to the sentence in the document, where it is marked there."""
        if figure.anchor is None:
            return "—"
        return format_html('<a href="{}">{}</a>', passage_url(figure.anchor), figure.anchor)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an editor enters is confirmed unless the editor says otherwise."""
        return {"status": Figure.Status.CONFIRMED, **super().get_changeform_initial_data(request)}
