"""What every admin of facts has in common: rules in words, searched relations, changes that reach the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from companies.admin.effects import EffectAdmin
from companies.admin.sheets import SheetAdmin
from companies.admin.tracing import TracedAdmin, TracedForm, TracedInline
from companies.models import Revision

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    QuerySet = models.QuerySet[Any]
else:
    ModelAdmin, TabularInline, ModelForm = admin.ModelAdmin, admin.TabularInline, forms.ModelForm
    QuerySet = models.QuerySet

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


class FactForm(TracedForm):
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


class FactAdmin(SheetAdmin, EffectAdmin, TracedAdmin, FactOptions, ModelAdmin):
    """An admin whose changes reach the pages: each one bumps the revision in its own transaction."""

    form: Any = FactForm
    save_on_top = True
    show_full_result_count = False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address suggests for a new row; a related row that cannot be one is left to be chosen."""
        suggested: dict[str, Any] = super().get_changeform_initial_data(request)
        return {name: value for name, value in suggested.items() if self._can_be(name, value)}

    def _can_be(self, name: str, value: Any) -> bool:
        field: Any = {field.name: field for field in self.opts.get_fields()}.get(name)
        if field is None or not (field.many_to_one or field.many_to_many or field.one_to_one):
            return True
        try:
            for key in value if isinstance(value, list) else [value]:
                field.target_field.clean(key, None)
        except ValidationError:
            return False
        return True

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


class FactInline(TracedInline, FactOptions, TabularInline):
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
