"""The admin of companies, filings and figures: where editors keep the facts right."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from companies.filings.links import passage_url
from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    Revision,
    ShareCount,
    StarterRecord,
    User,
)
from companies.periods import NotAPeriod, Period, parse_period

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    InlineFormSet = forms.BaseModelFormSet[Any, Any]
    QuerySet = models.QuerySet[Any]
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    ModelAdmin, TabularInline, ModelForm = admin.ModelAdmin, admin.TabularInline, forms.ModelForm
    InlineFormSet, QuerySet, BaseUserAdmin = forms.BaseModelFormSet, models.QuerySet, DjangoUserAdmin

admin.site.site_header = "Xinpan 芯盘"
admin.site.site_title = "Xinpan 芯盘"
admin.site.index_title = _("Facts, prices and people")
admin.site.empty_value_display = "—"

# What a broken rule of the database means to the editor, and the field that has to change. Forms say it beside the
# field; a rule that is not here is named as it is, and a field that a form does not have passes it to the whole form.
RULES: dict[str, tuple[str, Any]] = {
    "company_has_an_english_name": ("name_en", _("A company needs an English name.")),
    "listing_ends_after_it_begins": ("delisted_on", _("It must lie after the first day of trading.")),
    "share_count_is_positive": ("total", _("A number of shares is above zero.")),
    "share_count_is_below_ten_trillion": ("total", _("That is too many: give single shares, fewer than ten trillion.")),
    "corporate_action_ratio_is_positive": ("ratio", _("A ratio is above zero.")),
    "corporate_action_adds_multiplies_or_pays": (
        "new_shares",
        _(
            "A placing adds shares and has ratio 1; a bonus issue or split has a ratio and adds none; a cash dividend "
            "has cash per share and nothing else."
        ),
    ),
    "corporate_action_cash_has_a_currency": ("currency", _("Give cash per share and its currency, or neither.")),
    "corporate_action_has_a_source": ("source", _("Name the filing that announces it.")),
    "figure_has_a_low_or_a_high": ("low", _("Give the low, the high, or both.")),
    "figure_low_is_at_most_high": ("high", _("The high is below the low.")),
    "figure_period_ends_after_it_starts": ("period_end", _("The last day lies before the first.")),
    "figure_of_money_has_a_currency": ("currency", _("An amount of money needs its currency.")),
    "figure_is_of_usable_size": ("high", _("That is too large: amounts are given in units, below a million trillion.")),
    "funding_round_is_of_usable_size": (
        "post_money_high",
        _("That is too large: amounts are given in units, below a million trillion."),
    ),
    "filing_date_has_a_precision": (
        "published_precision",
        _("A date of publication needs its precision, and no date has none."),
    ),
    "filing_has_a_title": ("title", _("A filing needs a title.")),
    "funding_round_date_has_a_precision": ("precision", _("A date needs its precision, and no date has none.")),
    "funding_round_low_is_at_most_high": ("post_money_high", _("The high is below the low.")),
    "quote_close_is_positive": ("close", _("A price is above zero.")),
    "quote_open_high_low_are_positive": ("open", _("Open, high and low are above zero, or empty.")),
    "quote_low_is_at_most_high": ("high", _("The high is below the low.")),
    "quote_has_a_source": ("source", _("Name the provider, and the source or the time at which it was fetched.")),
    "reported_quote_says_something": ("close", _("Give the price, the market value or the number of shares.")),
    "fx_rate_is_positive": ("rate", _("A rate is above zero.")),
    "fx_rate_is_between_two_currencies": ("quote", _("A rate is between two different currencies.")),
    "fx_rate_has_a_source": ("source", _("Name the provider, and the source or the time at which it was fetched.")),
    "exchange_day_has_a_source": ("source", _("Say which notice or data set says so.")),
    "exchange_day_closed_has_no_hours": ("opens", _("A closed day has no hours.")),
    "exchange_day_late_says_when_it_opens": ("opens", _("Say when it opens.")),
    "exchange_day_closes_after_it_opens": ("closes", _("It closes before it opens.")),
    "exchange_year_has_a_source": ("source", _("Say which notice or data set says so.")),
}


class FactForm(ModelForm):
    """Says what a broken rule of the database means, and asks for no label of a related row twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            widget = getattr(field.widget, "widget", field.widget)
            if isinstance(widget, KnownSelect) and self._meta.model._meta.get_field(name).is_cached(self.instance):
                widget.known = getattr(self.instance, name)

    def add_error(self, field: str | None, error: Any) -> None:
        """Put the words of `RULES` beside the field they are about."""
        if hasattr(error, "error_dict"):
            error = ValidationError(self._in_words(error.error_dict))
        super().add_error(field, error)

    def _in_words(self, errors: dict[str, list[ValidationError]]) -> dict[str, list[ValidationError]]:
        names = {
            str(constraint.get_violation_error_message()): constraint.name
            for constraint in self._meta.model._meta.constraints
        }
        found: dict[str, list[ValidationError]] = {}
        for name, problems in errors.items():
            for problem in problems:
                rule = RULES.get(names.get(str(problem.message), "")) if name == NON_FIELD_ERRORS else None
                place, words = rule or (name, problem.message)
                where = place if place in self.fields else NON_FIELD_ERRORS
                found.setdefault(where, []).append(ValidationError(words) if rule else problem)
        return found


class KnownSelect(AutocompleteSelect):
    """A search box that writes the related row at hand instead of asking the database for it, once for each row."""

    known: models.Model | None = None

    def optgroups(self, name: str, value: Any, attr: dict[str, Any] | None = None) -> Any:
        """The chosen option only; the others are searched for."""
        if self.known is None or value != [str(self.known.pk)]:
            return super().optgroups(name, value, attr)
        options = [self.create_option(name, self.known.pk, str(self.known), True, 0)]
        if not self.is_required:
            options.insert(0, self.create_option(name, "", "", False, 0))
        return [(None, options, 0)]


class FactOptions:
    """What an admin of facts and the tables inside it have in common."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An address without a scheme is one of today's."""
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Related rows are searched for, never listed: there may be thousands."""
        if db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs["widget"] = KnownSelect(db_field, self.admin_site, using=kwargs.get("using"))  # type: ignore[attr-defined]
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class FactAdmin(FactOptions, ModelAdmin):
    """An admin whose changes reach the pages: each one bumps the revision in its own transaction."""

    form: Any = FactForm
    save_on_top = True
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save a row; saving it as it was changes nothing."""
        super().save_model(request, obj, form, change)
        if form.changed_data or not change:
            Revision.bump()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows of a table inside the form."""
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            Revision.bump()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row with what belongs to it."""
        with transaction.atomic():
            super().delete_model(request, obj)
            Revision.bump()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Delete the rows chosen in the list."""
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            Revision.bump()


class FactInline(FactOptions, TabularInline):
    """Rows that belong to a company, edited on its page. Their labels are read with them."""

    form: Any = FactForm
    extra = 0
    related: tuple[str, ...] = ("source",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Rows with the related rows whose labels are shown."""
        return super().get_queryset(request).select_related(*self.related)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Codes such as tickers and currencies get boxes of their own length, so that a row fits the page."""
        if isinstance(db_field, models.CharField) and not db_field.choices:
            kwargs["widget"] = forms.TextInput(attrs={"size": min(db_field.max_length or 20, 20)})
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ReadOnlyAdmin(FactOptions, ModelAdmin):
    """Rows that the program writes; people look."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one."""
        return False


# --- Companies ------------------------------------------------------------------------------------


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
class CompanyAdmin(FactAdmin):
    """Companies with everything that is stated about them, except their figures."""

    form = CompanyForm
    list_display = ["name_en", "name_zh", "segment", "city", "founded", "parent"]
    list_filter = ["segment"]
    search_fields = ["search_keys", "listings__ticker"]
    prepopulated_fields = {"slug": ["name_en"]}
    autocomplete_fields = ["source"]
    inlines = [ListingInline, ShareCountInline, CorporateActionInline, FundingRoundInline, MilestoneInline]
    fieldsets = [
        (None, {"fields": ["name_en", "name_zh", "aliases", "slug"]}),
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


# --- Filings and figures --------------------------------------------------------------------------


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
        (None, {"fields": ["title", "title_original", "slug", "company", "kind", "tier", "period_end", "corrects"]}),
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


# --- People and book-keeping ----------------------------------------------------------------------


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """People, their rights and how they like to read."""

    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    fieldsets = [
        *(DjangoUserAdmin.fieldsets or ()),
        (
            _("Preferences"),
            {"fields": ["language", "time_zone", "direction_colours", "theme", "units", "currency", "basis"]},
        ),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["username", "email", "usable_password", "password1", "password2"]}),
    ]


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    """How often facts have changed."""

    list_display = ["number"]


@admin.register(StarterRecord)
class StarterRecordAdmin(ReadOnlyAdmin):
    """What the starter facts put into the database."""

    list_display = ["table", "key", "object_id", "digest"]
    list_filter = ["table"]
    search_fields = ["key"]
