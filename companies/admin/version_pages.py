"""Pages of the versions of rows: who changed what, when and why; two versions side by side; back to one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import Max, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from companies.admin.doubts import doubts_in
from companies.admin.reasons import REASON, ReasonForm, reason_of
from companies.history import DELETED, changing, created, present, version_model, versions_of
from companies.models import Revision, User
from companies.rules import Weight
from companies.version_words import Word, Wording, kind_in_words

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = forms.ModelForm[Any]
else:
    ModelAdmin, ModelForm = admin.ModelAdmin, forms.ModelForm

PER_PAGE = 50


class VersionPages(ModelAdmin):
    """The pages of an admin that show versions and lead back to them."""

    def get_urls(self) -> list[Any]:
        """Django's own, and ours."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("deleted/", view(self.deleted_view), name=f"{name}_deleted"),
            path("<path:object_id>/history/<int:version>/revert/", view(self.revert_view), name=f"{name}_revert"),
            *super().get_urls(),
        ]

    def page_url(self, page: str, *args: Any) -> str:
        """The address of a page of this admin."""
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args)

    def deleted_url(self, request: HttpRequest) -> str:
        """Where the deleted rows are listed."""
        return self.page_url("deleted")

    def address(self, request: HttpRequest) -> Callable[[models.Model], str]:
        """Where this reader may look at a row of any model."""

        def find(row: models.Model) -> str:
            shown = self.admin_site._registry.get(type(row))
            if shown is None or not shown.has_view_permission(request):
                return ""
            name = f"{self.admin_site.name}:{row._meta.app_label}_{row._meta.model_name}_change"
            return reverse(name, args=[quote(row.pk)])

        return find

    # --- All versions of a row ------------------------------------------------------------------------

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The versions of a row, newest first; `?a=` and `?b=` put two of them side by side."""
        row, versions = self._row_and_versions(request, object_id)
        # The version before the last one of a page tells what that one changed.
        page = Paginator(versions.select_related("history_user"), PER_PAGE).get_page(request.GET.get("p"))
        start = (page.number - 1) * PER_PAGE
        shown = list(versions.select_related("history_user")[start : start + PER_PAGE + 1])
        pair = self._pair(request, versions)
        now = [] if row is None else [present(row)]
        told = {one.history_id: one for one in [*shown, *pair, *now]}.values()
        words = Wording(self.model, told, self.address(request))
        befores = [*shown[1:], None][: len(shown)]
        lines = [
            {
                "version": version,
                "kind": kind_in_words(version.history_type),
                "changes": words.changes(before, version) if version.history_type != DELETED else [],
            }
            for version, before in zip(shown[:PER_PAGE], befores, strict=False)
        ]
        context = {
            **self._context(request, row, versions, _("History")),
            "page": page,
            "lines": lines,
            "pair": pair,
            "comparison": words.changes(*pair) if pair else [],
            "object_id": object_id,
            "may_revert": self._may_revert(request, row),
            "since": words.changes(shown[0], now[0]) if shown and now and page.number == 1 else [],
            **(extra_context or {}),
        }
        return self._shown(request, "admin/versions.html", context)

    def _row_and_versions(self, request: HttpRequest, object_id: str) -> tuple[Any, Any]:
        """A row that the reader may see, or None when it is gone, with its versions, newest first."""
        try:
            key = self.model._meta.pk.to_python(unquote(object_id))
        except ValidationError:
            raise Http404 from None
        row = self.get_object(request, unquote(object_id))
        if row is None and self.model._base_manager.filter(pk=key).exists():
            raise Http404  # it is not for this reader
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        versions = versions_of(self.model).filter(**{self.model._meta.pk.attname: key})
        if row is None and not versions.exists():
            raise Http404
        return row, versions

    def _pair(self, request: HttpRequest, versions: Any) -> list[Any]:
        """The two versions that are asked for, the older one first; none unless both are of this row."""
        asked = [request.GET.get(name, "") for name in ("a", "b")]
        if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in asked):
            return []
        found = {one.history_id: one for one in versions.select_related("history_user").filter(history_id__in=asked)}
        pair = [found[number] for number in sorted({int(one) for one in asked} & found.keys())]
        return pair if len(pair) == 2 else []

    def _may_revert(self, request: HttpRequest, row: Any) -> bool:
        """Whether the reader may bring a row back to an earlier version, or a deleted one back at all."""
        return self.has_add_permission(request) if row is None else self.has_change_permission(request, row)

    def _context(self, request: HttpRequest, row: Any, versions: Any, title: str) -> dict[str, Any]:
        """What all pages about the versions of one row need."""
        name = str(row) if row is not None else _title(self.model, versions.first())
        return {
            **self.admin_site.each_context(request),
            "title": f"{title}: {name}",
            "opts": self.opts,
            "row": row,
            "name": name,
            "deleted_url": self.deleted_url(request),
        }

    def _shown(self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, context, status=status)

    # --- Deleted rows ---------------------------------------------------------------------------------

    def deleted_view(self, request: HttpRequest) -> HttpResponse:
        """The rows that are gone, last deleted first, each with its history."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        key = self.model._meta.pk.attname
        last = versions_of(self.model).filter(**{key: OuterRef(key)}).order_by().values(key)
        gone = (
            versions_of(self.model)
            .filter(history_type=DELETED, history_id=Subquery(last.annotate(last=Max("history_id")).values("last")))
            .exclude(**{f"{key}__in": self.model._base_manager.values("pk")})
            .select_related("history_user")
        )
        page = Paginator(gone, PER_PAGE).get_page(request.GET.get("p"))
        words = Wording(self.model, page.object_list, self.address(request))
        owners = [field for field in words.fields if field.name in ("company", "listing")]
        lines = [
            {
                "version": one,
                "name": _title(self.model, one),
                "of": [word for field in owners for word in words.words(one, field)],
                "url": self.page_url("history", quote(getattr(one, key))),
            }
            for one in page.object_list
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Deleted %(rows)s") % {"rows": self.opts.verbose_name_plural},
            "opts": self.opts,
            "page": page,
            "lines": lines,
        }
        return self._shown(request, "admin/deleted.html", context)

    # --- Back to a version ----------------------------------------------------------------------------

    def revert_view(self, request: HttpRequest, object_id: str, version: int) -> HttpResponse:
        """What going back to a version would change; POST does it, as a new change with its own reason."""
        row, versions = self._row_and_versions(request, object_id)
        if not self._may_revert(request, row):
            raise PermissionDenied
        chosen = get_object_or_404(versions.select_related("history_user"), history_id=version)
        now = None if row is None else present(row)
        words = Wording(self.model, [chosen] if now is None else [chosen, now], self.address(request))
        missing = [field for field in words.missing(chosen) if field.related_model is not User]
        asked = ReasonForm(request.POST if request.method == "POST" else None)
        form = None
        if request.method == "POST" and asked.is_valid() and not missing:
            form = self._form_of(request, chosen, row)
            if self._is_possible(form, chosen) and self._store(request, form, chosen, row):
                return redirect(self.page_url("history", quote(form.instance.pk)))
        context = {
            **self._context(request, row, versions, _("Back to an earlier version")),
            "version": chosen,
            "changes": words.changes(now, chosen),
            "missing": [(str(field.verbose_name), words.words(chosen, field)) for field in missing],
            "asked": asked,
            "problems": [] if form is None else _problems(form),
            **doubts_in([form]),
            "object_id": object_id,
        }
        return self._shown(request, "admin/revert.html", context, 422 if request.method == "POST" else 200)

    def _form_of(self, request: HttpRequest, version: Any, row: Any) -> ModelForm:
        """The admin's form, filled in as if somebody had typed what the version says."""
        model: type[models.Model] = self.model
        tracked = version_model(model).tracked_fields
        users = {field.attname for field in tracked if field.is_relation and field.related_model is User}
        known = set(User.objects.filter(pk__in=[getattr(version, name) for name in users]).values_list("pk", flat=True))
        values = {field.attname: getattr(version, field.attname) for field in tracked}
        values |= {name: None for name in users if values[name] not in known}
        form_class = self.get_form(request, row, change=row is not None)
        then = form_class(instance=self.model(**values))
        data = _as_typed(then, _related_then(self.model, version))
        for name in request.POST:  # the reason, and doubts that were confirmed
            if name not in data:
                data.setlist(name, request.POST.getlist(name))
        form = form_class(data, instance=self.model(**values) if row is None else row)
        if row is not None:
            # What the form does not show goes back too, but for what has actions of its own, such as archiving.
            for field in tracked:
                if field.editable and not field.primary_key and field.name not in form.fields:
                    setattr(form.instance, field.attname, values[field.attname])
        return form

    def _is_possible(self, form: ModelForm, version: Any) -> bool:
        """Whether the row may be saved so: the form's own rules, and those of the database that no form looks at."""
        if form.is_valid():
            try:
                form.instance.validate_unique()
                form.instance.validate_constraints()
            except ValidationError as broken:
                form.add_error(None, broken.messages)
        return not form.errors

    @transaction.atomic
    def _store(self, request: HttpRequest, form: ModelForm, version: Any, row: Any) -> bool:
        """Save the row, and write down the change."""
        words = _("Back to the version of %(when)s: %(why)s")
        when = Word(f"{version.history_date:%Y-%m-%d %H:%M} UTC").text
        said = words % {"when": when, "why": reason_of(request)}
        if row is None:
            self._restore(request, form, version)
            self.log_addition(request, form.instance, said)
            messages.success(request, _("It is there again."))
            return True
        with changing(row, request.user, reason_of(request)):  # type: ignore[arg-type]
            saved = self.save_form(request, form, change=True)
            self.save_model(request, saved, form, change=True)
            form.save_m2m()
        if not form.changed_data:
            Revision.bump()
        self.log_change(request, saved, said)
        messages.success(request, _("It is as it was in that version."))
        return True

    def _restore(self, request: HttpRequest, form: ModelForm, version: Any) -> None:
        """Write a deleted row again, under its key."""
        row = self.save_form(request, form, change=False)
        row.skip_history_when_saving = True  # the first version of its second life is written below
        self.save_model(request, row, form, change=False)
        form.save_m2m()
        stamps = [field.attname for field in row._meta.fields if getattr(field, "auto_now_add", False)]
        if stamps:
            again = {name: getattr(version, name) for name in stamps}
            self.model._base_manager.filter(pk=row.pk).update(**again)
        del row.skip_history_when_saving
        created(row, request.user, reason_of(request))  # type: ignore[arg-type]


def _title(model: type[models.Model], version: Any) -> str:
    """How a row was called in a version."""
    return str(model(**{field.attname: getattr(version, field.attname) for field in version.tracked_fields}))


def _related_then(model: type[models.Model], version: Any) -> dict[str, list[Any]]:
    """The keys of the rows that a version is related to, by field, without those that are gone."""
    words = Wording(model, [version])
    return {field.name: words.there(version, field) for field in words.many}


def _as_typed(form: ModelForm, many: dict[str, list[Any]]) -> QueryDict:
    """What a browser sends for a form that is left as it is."""
    data = QueryDict(mutable=True)
    for name, field in form.fields.items():
        value = many.get(name, form[name].value())
        widget: Any = getattr(field.widget, "widget", field.widget)  # without the admin's links around it
        if isinstance(field.widget, forms.MultiWidget):
            for suffix, part, one in zip(widget.widgets_names, widget.widgets, widget.decompress(value), strict=True):
                _put(data, f"{name}{suffix}", part, one)
        elif name != REASON:
            _put(data, name, widget, value)
    return data


def _put(data: QueryDict, name: str, widget: Any, value: Any) -> None:
    if isinstance(widget, forms.CheckboxInput):
        if value:
            data[name] = "on"
        return
    written = widget.format_value(value)
    if isinstance(written, (list, tuple)):
        data.setlist(name, [one for one in written if one not in (None, "")])
    elif written is not None:
        data[name] = str(written)


def _problems(form: ModelForm) -> list[str]:
    """Why a version cannot be saved as it was, in sentences that name the field; doubts are put by themselves."""
    found: list[str] = []
    for name, errors in form.errors.as_data().items():
        label = f"{form.fields[name].label}: " if name in form.fields else ""
        wrong = [error for error in errors if error.code != Weight.CONFIRM]
        found += [format_html("{}{}", label, words) for error in wrong for words in error]
    return found
