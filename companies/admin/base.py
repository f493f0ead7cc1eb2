"""What every admin of facts has in common: rules in words, searched relations, changes that reach the pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse

from companies.admin.doubts import CHECKED, doubts_in, linked
from companies.admin.effects import EffectAdmin, Stage, stage_of
from companies.admin.fields import AmountField, CodeInput, CountField, currencies, exchanges
from companies.admin.reasons import REASON
from companies.admin.sheets import SheetAdmin
from companies.admin.tracing import TracedAdmin, TracedForm, TracedFormSet, TracedInline
from companies.models import Figure, Revision, User
from companies.recording.amount_words import amount_of, other_currency
from companies.rule_words import RULES
from companies.rules import Known, Problem, Weight, problems

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    QuerySet = models.QuerySet[Any]
else:
    ModelAdmin, TabularInline, ModelForm = admin.ModelAdmin, admin.TabularInline, forms.ModelForm
    QuerySet = models.QuerySet

# Numbers that are no amounts: "1.49" for 4.9 for 10, and an exchange rate.
RATIOS = ("ratio", "rate")
COUNTS = ("total", "new_shares", "shares", "volume")  # of shares
CURRENCIES = ("currency", "base", "quote")
# Where a row comes from is written by whoever stores it, never typed.
PROVENANCE = ("provider", "fetched_at")
BY_HAND = "editor"  # the provider of a price or a rate that somebody enters here
SAID_BESIDE = frozenset({"source", "note"})  # fields that are not what a provider states


class FactForm(TracedForm):
    """Holds a row to its rules, says what a broken one means, and asks for no label of a related row twice.

    `companies.rules` says what a row must obey beyond what the database refuses. What it refuses is an error beside the
    field. What it doubts is one until `CHECKED` names just this doubt. What it only says is in `hints`.
    """

    stage = Stage.SAVE
    in_table = False  # rows of a table are looked at together, see `FactFormSet`

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints: list[str] = []
        self.doubts: list[Problem] = []
        for name, field in self.fields.items():
            widget: Any = getattr(field.widget, "widget", field.widget)
            if isinstance(widget, KnownSelect) and self._meta.model._meta.get_field(name).is_cached(self.instance):
                widget.known = getattr(self.instance, name)
            if isinstance(field, AmountField) and not isinstance(field, CountField):
                widget.currency = self._currency()
        if self.instance._state.adding and self._has_provider() and not self.instance.provider:
            self.instance.provider = BY_HAND

    @property
    def confirmed(self) -> frozenset[str]:
        """Keys of the doubts that somebody has confirmed."""
        named = self.data.getlist(CHECKED) if hasattr(self.data, "getlist") else []
        return frozenset(" ".join(named).split())

    def is_valid(self) -> bool:
        """Whether it may be saved; a form that is only shown again may not."""
        return super().is_valid() and self.stage is not Stage.SHOW

    @property
    def needs_why(self) -> bool:
        """Whether a change needs its reason: what it would do is shown without."""
        return self.stage is Stage.SAVE

    def clean(self) -> dict[str, Any] | None:
        """Refuse amounts that name another currency than the row's. What is typed over is its provider's no more."""
        data = super().clean() or self.cleaned_data
        if getattr(self.instance, "provider", "") and set(self.changed_data) - SAID_BESIDE:
            self.instance.provider = BY_HAND
        currency = data.get("currency")
        for name, field in self.fields.items():
            if not currency or not isinstance(field, AmountField) or data.get(name) is None:
                continue
            if words := other_currency(amount_of(str(self[name].value())), currency):
                self.add_error(name, ValidationError(words))
        return data

    def _has_provider(self) -> bool:
        """Whether a row of this kind names its provider, always."""
        fields = {field.name: field for field in self._meta.model._meta.fields}
        return "provider" in fields and not fields["provider"].blank and "provider" not in self.fields

    def _get_validation_exclusions(self) -> set[str]:
        """What is not held to the rules of the database: fields that the form has not, but for their provenance."""
        left_out: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return left_out.difference(PROVENANCE)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        is_new = self.instance._state.adding or self.has_changed()
        # Why it is changed has nothing to do with what is wrong with it: both are asked at once.
        if is_new and not self.in_table and not self.errors.keys() - {REASON}:
            self.take(problems(self.instance))

    def take(self, found: Iterable[Problem]) -> None:
        """Put problems where they are seen: beside their fields, or for after saving."""
        for problem in found:
            if problem.weight is Weight.HINT:
                self.hints.append(problem.words)
                continue
            if problem.weight is Weight.CONFIRM:
                self.doubts.append(problem)
                if problem.key in self.confirmed or self.stage is Stage.TRY:
                    continue
            place = problem.field if problem.field in self.fields else None
            self.add_error(place, ValidationError(linked(problem), code=problem.weight))

    def _currency(self) -> str:
        """The currency of the row as it is filled in; empty where it has none of its own."""
        if "currency" not in self.fields:
            return ""
        if self.is_bound:
            return str(self.data.get(self.add_prefix("currency")) or "").upper()
        return str(self.get_initial_for_field(self.fields["currency"], "currency") or "")

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
        for name, broken in errors.items():
            for problem in broken:
                rule = RULES.get(names.get(str(problem.message), "")) if name == NON_FIELD_ERRORS else None
                place, words = rule or (name, problem.message)
                where = place if place in self.fields else NON_FIELD_ERRORS
                found.setdefault(where, []).append(ValidationError(words) if rule else problem)
        return found


class FactFormSet(TracedFormSet):
    """Rows of a table inside a form. They are held to their rules as all tables of the form would leave them.

    A count that is entered together with the placing that explains it is not doubted.
    """

    siblings: Sequence[Any] = ()

    def clean(self) -> None:
        """Look at the rows that changed, and ask why where that is asked for."""
        self._look()
        super().clean()

    def _look(self) -> None:
        changed = [form for form in self.forms if isinstance(form, FactForm) and _is_kept(self, form)]
        if not changed:
            return
        known = Known.of([] if self.instance.pk is None else [self.instance.pk])
        for formset in self.siblings or (self,):
            for form in formset.forms:
                if form.instance.pk is not None:
                    known.drop(form.instance)
                if _is_kept(formset, form, also_unchanged=True):
                    known.put(form.instance)
        for form in changed:
            form.take(problems(form.instance, known))


def _is_kept(formset: Any, form: Any, *, also_unchanged: bool = False) -> bool:
    """Whether a row is there, without mistakes, once the form is saved."""
    if form.errors or (formset.can_delete and formset._should_delete_form(form)):
        return False
    return bool(form.has_changed() or (also_unchanged and form.instance.pk is not None))


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

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether an address may filter a list so: never by what names its rows, such as other people's notes."""
        name = lookup.partition("__")[0]
        fields = self.opts.get_fields()  # type: ignore[attr-defined]
        filters = {getattr(one, "parameter_name", "") for one in self.get_list_filter(request)}  # type: ignore[attr-defined]
        if lookup not in filters and any(one.name == name and one.auto_created and one.is_relation for one in fields):
            return False
        return bool(super().lookup_allowed(lookup, value, request))  # type: ignore[misc]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list. Of the last year that a calendar has Django asks when the next one begins."""
        try:
            return super().get_changelist_instance(request)  # type: ignore[misc]
        except (ValueError, OverflowError) as error:
            if f"{self.date_hierarchy}__year" not in request.GET:  # type: ignore[attr-defined]
                raise
            raise IncorrectLookupParameters from error

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Boxes that fit: amounts as people write them, codes to choose from, addresses without a scheme of today's."""
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        elif isinstance(db_field, models.DecimalField) and db_field.name not in RATIOS:
            kwargs |= {"form_class": AmountField, "widget": AmountField.widget}
        elif isinstance(db_field, models.IntegerField) and db_field.name in COUNTS:
            kwargs |= {"form_class": CountField, "widget": CountField.widget}
        elif isinstance(db_field, models.CharField) and db_field.max_length == 3 and db_field.name in CURRENCIES:
            kwargs["widget"] = CodeInput(currencies, {"size": 5})
        elif isinstance(db_field, models.CharField) and db_field.name == "mic":
            kwargs["widget"] = CodeInput(exchanges, {"size": 6})
        elif isinstance(db_field, models.TextField):
            kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 4, "cols": 60, "class": "vLargeTextField"}))
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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the provenance of the row, which nobody types."""
        return _with_provenance(self.opts.model, super().get_readonly_fields(request, obj))

    def _create_formsets(self, request: HttpRequest, obj: Any, change: bool) -> Any:
        """Tables that know of each other, and what they are sent for."""
        formsets, inlines = super()._create_formsets(request, obj, change)  # type: ignore[misc]
        for formset in formsets:
            formset.form.stage, formset.form.in_table = stage_of(request), True
            formset.siblings = formsets
        return formsets, inlines

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The form, with what is doubted in it above."""
        context |= doubts_in(_forms_of(context))
        if context["doubts"] and _only_doubts(context):
            context["errors"] = None  # there is nothing that must be corrected
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save what is in the tables, and say what is worth knowing of all rows."""
        super().save_related(request, form, formsets, change)
        rows = [form, *(row for formset in formsets for row in formset.forms)]
        for words in dict.fromkeys(words for row in rows for words in getattr(row, "hints", ())):
            messages.info(request, words)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save a row; saving it as it was changes nothing. A deleted row that is brought back stays whose it was."""
        if obj.pk is None and isinstance(obj, Figure) and isinstance(request.user, User):
            obj.entered_by = request.user
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


def _forms_of(context: dict[str, Any]) -> Iterator[FactForm]:
    """All forms of a page: its own, and the rows of its tables."""
    tables = (form for inline in context["inline_admin_formsets"] for form in inline.formset.forms)
    return (form for form in (context["adminform"].form, *tables) if isinstance(form, FactForm))


def _only_doubts(context: dict[str, Any]) -> bool:
    """Whether nothing has to be corrected unless a doubt is right."""
    tables = [inline.formset for inline in context["inline_admin_formsets"] if inline.formset.is_bound]
    if any(formset.non_form_errors() for formset in tables):
        return False
    rows = [context["adminform"].form, *(form for formset in tables for form in formset.forms)]
    found = [error for form in rows for errors in form.errors.as_data().values() for error in errors]
    return all(error.code == Weight.CONFIRM for error in found)


def _with_provenance(model: type[models.Model], readonly: Sequence[Any]) -> tuple[Any, ...]:
    names = {field.name for field in model._meta.fields}
    return (*readonly, *(name for name in PROVENANCE if name in names and name not in readonly))


class FactInline(TracedInline, FactOptions, TabularInline):
    """Rows that belong to a company, edited on its page. Their labels are read with them."""

    form: Any = FactForm
    formset: Any = FactFormSet
    extra = 0
    related: tuple[str, ...] = ("source",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the provenance of the rows, which nobody types."""
        return _with_provenance(self.opts.model, super().get_readonly_fields(request, obj))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Rows with the related rows whose labels are shown."""
        return super().get_queryset(request).select_related(*self.related)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Codes such as tickers and currencies get boxes of their own length, so that a row fits the page."""
        if isinstance(db_field, models.CharField) and not db_field.choices:
            kwargs.setdefault("widget", forms.TextInput(attrs={"size": min(db_field.max_length or 20, 20)}))
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, AmountField):
            field.widget.quiet = True
        return field


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
