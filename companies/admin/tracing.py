"""The trace of every change: before and after, who, when and why; comparing, reverting, and what cannot be deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.admin.reasons import REASON, reason_field, reason_of
from companies.admin.version_pages import VersionPages
from companies.dependants import Dependants, dependants
from companies.history import asks_why, changing

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = forms.ModelForm[Any]
    InlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
    QuerySet = models.QuerySet[Any]
else:
    ModelAdmin, ModelForm, QuerySet = admin.ModelAdmin, forms.ModelForm, models.QuerySet
    InlineFormSet = forms.BaseInlineFormSet


class TracedForm(ModelForm):
    """A form that asks why, where that is asked for. Saying why is not itself a change."""

    @property
    def needs_why(self) -> bool:
        """Whether a change needs its reason."""
        return True

    @cached_property
    def changed_data(self) -> list[str]:
        """The fields that differ from what is stored."""
        return [name for name in super().changed_data if name != REASON]

    def clean_change_reason(self) -> str:
        """A change of what values hang on has a reason."""
        reason = str(self.cleaned_data[REASON]).strip()
        is_change = self.needs_why and not self.instance._state.adding and self.changed_data
        if is_change and not reason and asks_why(self._meta.model):
            raise forms.ValidationError(self.fields[REASON].error_messages["required"])
        return reason


class TracedFormSet(InlineFormSet):
    """Rows inside a page. Those of which it is asked why need the page's reason when they are changed or removed."""

    def clean(self) -> None:
        """Ask for the reason."""
        super().clean()
        if not asks_why(self.model) or str(self.data.get(REASON, "")).strip():
            return
        gone = self.deleted_forms if self.can_delete else []
        if any(form.needs_why and (form.has_changed() or form in gone) for form in self.initial_forms):
            words = _("Say why in the field “Why” of this page: the %(rows)s are changed.")
            raise forms.ValidationError(words % {"rows": self.model._meta.verbose_name_plural})


class TracedInline:
    """Rows inside a page whose changes have the page's reason."""

    formset: Any = TracedFormSet


class TracedAdmin(VersionPages, ModelAdmin):
    """An admin that writes down what was before, who changed it and why, and shows it."""

    change_list_template = "admin/traced_change_list.html"
    delete_confirmation_template = "admin/traced_delete.html"
    delete_selected_confirmation_template = "admin/traced_delete_selected.html"

    # --- Asking why -----------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, with the question why for who may save it."""
        form = super().get_form(request, obj, change, **kwargs)
        may = self.has_change_permission(request, obj) if change else self.has_add_permission(request)
        if may and kwargs.get("fields", ()) is not None:
            form.base_fields[REASON] = reason_field(asked=change and asks_why(self.model))
        return form

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Put the question below the fields, whatever groups of fields an admin has."""
        shown = context["adminform"]
        if REASON in shown.form.fields:
            shown.fieldsets = [*shown.fieldsets, (None, {"fields": [REASON]})]
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Changes --------------------------------------------------------------------------------------

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Change a row, which leaves one version; saving it as it was leaves none."""
        row = None
        if request.method == "POST" and object_id is not None:
            row = self.get_object(request, unquote(object_id))
        if row is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        with changing(row, request.user, reason_of(request)):  # type: ignore[arg-type]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save a row; the first version of a new one has the reason too."""
        obj._change_reason = reason_of(request) or None
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows of a table inside the form, each change with the page's reason."""
        reason = reason_of(request)
        for new in formset.extra_forms:
            new.instance._change_reason = reason or None
        gone = formset.deleted_forms if formset.can_delete else []
        changed = [one.instance for one in formset.initial_forms if one.has_changed() or one in gone]
        with changing(changed, request.user, reason):  # type: ignore[arg-type]
            super().save_formset(request, form, formset, change)

    # --- Deleting -------------------------------------------------------------------------------------

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask whether to delete a row, and why; or say what depends on it."""
        self._ask_again_without_reason(request)
        return super().delete_view(request, object_id, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list; who deletes rows from here says why, too."""
        context = {"deleted_url": self.deleted_url(request), **(extra_context or {})}
        if request.POST.get("action") != "delete_selected":
            return super().changelist_view(request, context)
        self._ask_again_without_reason(request)
        with transaction.atomic():
            return super().changelist_view(request, context)

    def _ask_again_without_reason(self, request: HttpRequest) -> None:
        """Take a confirmation back that lacks the reason, so that the page that asks for it is shown again."""
        if request.POST.get("post") and asks_why(self.model) and not reason_of(request):
            data = request.POST.copy()
            del data["post"]
            # Django takes any form for a confirmation on the page of one row.
            request.POST = data if "action" in data else type(data)("")  # type: ignore[assignment]
            messages.error(request, _("Say why: it is kept in the history. Nothing was deleted."))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would be deleted, which is these rows alone; or what depends on them, and then nothing is."""
        rows = list(objs)
        if request.method == "POST":
            # While a row is locked nothing new can come to depend on it.
            list(self.model._base_manager.select_for_update().filter(pk__in=[row.pk for row in rows]).values("pk"))
        problems = self._what_depends(request, rows)
        may = self.has_delete_permission(request)
        lacking = set() if may else {self.opts.verbose_name}
        counts = {self.opts.verbose_name_plural: len(rows)}
        return [str(row) for row in rows], counts, lacking, problems

    def _what_depends(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """What depends on rows, in lines of a page: for one row what, for several which have how much."""
        found = dependants(self.model, [row.pk for row in rows])
        if len(rows) == 1:
            return [line for one in found for line in self._lines(request, one)]
        problems = []
        for row in rows:
            parts = [_amount(one.model, one.counts[row.pk]) for one in found if one.counts[row.pk]]
            if parts:
                named = _named(self.address(request), row)
                problems.append(format_html("{}: {}", named, ", ".join(parts)))
        return problems

    def _lines(self, request: HttpRequest, one: Dependants) -> list[Any]:
        """How many rows of a model depend on a row, and the first of them: those that the reader may see."""
        other = admin.site._registry.get(one.model)
        may_see = other is not None and other.has_view_permission(request)
        seen = set()
        if other is not None and may_see:
            seen = set(other.get_queryset(request).filter(pk__in=[row.pk for row in one.some]).values_list("pk"))
        named = [_named(self.address(request), row) for row in one.some if (row.pk,) in seen]
        rest = one.total - len(named)
        if named and rest:
            named.append(ngettext("and %(n)d more", "and %(n)d more", rest) % {"n": rest})
        return [_amount(one.model, one.total), named] if named else [_amount(one.model, one.total)]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row, which leaves a last version."""
        with changing(obj, request.user, reason_of(request)):  # type: ignore[arg-type]
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Delete the rows chosen in the list, each of which leaves a last version."""
        with changing(list(queryset), request.user, reason_of(request)):  # type: ignore[arg-type]
            super().delete_queryset(request, queryset)


def _named(address: Callable[[models.Model], str], row: models.Model) -> Any:
    """A row by its title, as a link where there is one."""
    url = address(row)
    return format_html('<a href="{}">{}</a>', url, row) if url else str(row)


def _amount(model: type[models.Model], n: int) -> str:
    """How many rows of a model: "3 quotes"."""
    return f"{n:,} {model._meta.verbose_name if n == 1 else model._meta.verbose_name_plural}"
