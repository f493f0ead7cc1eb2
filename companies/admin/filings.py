"""The admin of filings, and of the figures that they state."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from companies.admin.base import FactAdmin, FactForm
from companies.admin.desk import list_of
from companies.admin.lists import NOTHING, ConflictFilter, Filter, MineFilter, PageColumns, count_link
from companies.filings.links import passage_url
from companies.models import Anchor, Annotation, Figure, Filing, FilingVersion
from companies.periods import NotAPeriod, Period, parse_period


class TextFilter(admin.SimpleListFilter):
    """What came of reading the newest file of a filing."""

    title = _("text")
    parameter_name = "text"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """No file, or where its text stands."""
        return [("none", _("no file here")), *FilingVersion.Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filings whose newest file is so."""
        if self.value() is None:
            return queryset
        of_state: QuerySet[Any] = queryset.filter(text_state=None if self.value() == "none" else self.value())
        return of_state


class FiguresFilter(Filter):
    """Filings that figures were drawn from."""

    title = _("figures")
    parameter_name = "figures"
    choices_of: ClassVar = [
        ("some", _("with figures"), lambda request: Q(figures_drawn__gt=0)),
        ("none", _("without figures"), lambda request: Q(figures_drawn=0)),
    ]


@admin.register(Filing)
class FilingAdmin(PageColumns, FactAdmin):
    """Documents and pages that state facts."""

    list_display = [
        "titles", "company", "kind", "tier", "published_on", "text_now", "files", "figures_here", "notes_here",
    ]  # fmt: skip
    list_filter = ["tier", "kind", TextFilter, FiguresFilter, "language", "service", "is_example", MineFilter]
    list_select_related = ["company"]
    date_hierarchy = "published_on"
    search_fields = ["title", "title_original", "publisher", "slug", "url", "seen_url", "company__search_keys"]
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

    def view_on_site(self, filing: Filing) -> str:
        """The reader."""
        return reverse("filings:reader", args=[filing.pk])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With its files, what came of reading the newest, and what was drawn from it or noted on it.

        Of notes those that the reader of the list sees on the pages, and no others.
        """
        filings: QuerySet[Any] = super().get_queryset(request)
        versions = FilingVersion.objects.filter(filing=OuterRef("pk"))
        notes = Annotation.objects.visible_to(request.user).filter(filing=OuterRef("pk"))
        counted: QuerySet[Any] = filings.annotate(
            text_state=Subquery(versions.order_by("-number").values("status")[:1]),
            files_here=_count(versions, "filing"),
            figures_drawn=_count(Figure.objects.filter(source=OuterRef("pk")), "source"),
            notes_seen=_count(notes, "filing"),
        )
        return counted

    @admin.display(description=_("title"), ordering="title")
    def titles(self, filing: Filing) -> SafeString:
        """The title, the original one, and who has published it."""
        original = filing.title_original if filing.title_original != filing.title else ""
        return format_html("{}<small>{}</small><small>{}</small>", filing.title, original, filing.publisher_name)

    @admin.display(description=_("text"), ordering="text_state")
    def text_now(self, filing: Any) -> SafeString | str:
        """What came of reading its newest file."""
        if filing.text_state is None:
            return NOTHING
        status = FilingVersion.Status(filing.text_state)
        if status in (FilingVersion.Status.READY, FilingVersion.Status.WAITING):
            return str(status.label)
        return format_html('<span class="look">{}</span>', status.label)

    @admin.display(description=_("versions"), ordering="files_here")
    def files(self, filing: Any) -> SafeString | str:
        """How many files have come."""
        return count_link(filing.files_here, list_of("companies_filingversion", f"filing__id__exact={filing.pk}"))

    @admin.display(description=_("figures"), ordering="figures_drawn")
    def figures_here(self, filing: Any) -> SafeString | str:
        """How many figures were drawn from it."""
        return count_link(filing.figures_drawn, list_of("companies_figure", f"source__id__exact={filing.pk}"))

    @admin.display(description=_("notes"), ordering="notes_seen")
    def notes_here(self, filing: Any) -> SafeString | str:
        """How many notes the reader of the list may see."""
        return count_link(filing.notes_seen, reverse("filings:reader", args=[filing.pk]))


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    """For an annotation: how many rows of another table there are, by the key that leads to this one."""
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")), 0)


class FigureForm(FactForm):
    """A figure. The days of its period follow from the label, and must agree with it where they are given.

    What waits for a decision is decided elsewhere: a decision looks at the passage, and supersedes what is replaced.
    """

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
        if self.initial.get("status") == Figure.Status.PROPOSED and self._is_decision(data.get("status")):
            words = _(
                "A proposed figure is confirmed or rejected on its own page, or by an action of the list: there it is "
                "seen what changes, and kept who decided. Leave it proposed here."
            )
            self.add_error("status", ValidationError(words))
        return data

    def _is_decision(self, status: str | None) -> bool:
        """Whether the status of a stored figure that waits would be another one."""
        return not self.instance._state.adding and status not in (None, Figure.Status.PROPOSED)

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


class PassageFilter(Filter):
    """Where the sentence that states a figure stands."""

    title = _("passage")
    parameter_name = "passage"
    choices_of: ClassVar = [
        ("review", _("needs review"), lambda request: Q(anchor__state=Anchor.State.NEEDS_REVIEW)),
        ("marked", _("marked in the document"), lambda request: Q(anchor__isnull=False)),
        ("unmarked", _("not marked"), lambda request: Q(anchor=None)),
    ]


@admin.register(Figure)
class FigureAdmin(PageColumns, FactAdmin):
    """Figures with their ranges, periods and sources."""

    form = FigureForm
    list_display = [
        "company", "metric", "period", "low", "high", "currency", "basis", "known_on", "standing", "source",
    ]  # fmt: skip
    list_display_links = ["company", "metric"]
    list_filter = [
        "status", "basis", ConflictFilter, PassageFilter, MineFilter, "metric", "known_by", "reported_in",
        "source__tier",
    ]  # fmt: skip
    list_select_related = ["company", "source", "anchor"]
    date_hierarchy = "known_on"
    search_fields = ["company__search_keys", "company__listings__ticker", "period", "note", "passage", "source__title"]
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

    def view_on_site(self, figure: Figure) -> str:
        """Its page, with the sentence that states it."""
        return reverse("figures:figure", args=[figure.pk])

    def look_up(self, request: HttpRequest, rows: list[Any]) -> None:
        """Which figures of the page others contradict."""
        super().look_up(request, rows)
        contradicted = Figure.objects.contradicted().filter(pk__in=[row.pk for row in rows])
        found = set(contradicted.values_list("pk", flat=True))
        for row in rows:
            row.contradicted = row.pk in found

    @admin.display(description=_("status"), ordering="status")
    def standing(self, figure: Any) -> SafeString:
        """Where it stands in review, and what to look at."""
        looks = [gettext("sources contradict each other")] if figure.contradicted else []
        if figure.anchor is not None and figure.anchor.state == Anchor.State.NEEDS_REVIEW:
            looks.append(gettext("its passage needs review"))
        notes = format_html_join("", '<small class="look">{}</small>', ((look,) for look in looks))
        return format_html("{}{}", figure.get_status_display(), notes)

    @admin.display(description=_("place of the passage"))
    def place(self, figure: Figure) -> str:
        """A link to the sentence in the document, where it is marked there."""
        if figure.anchor is None:
            return "—"
        return format_html('<a href="{}">{}</a>', passage_url(figure.anchor), figure.anchor)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an editor enters is confirmed unless the editor says otherwise."""
        return {"status": Figure.Status.CONFIRMED, **super().get_changeform_initial_data(request)}
