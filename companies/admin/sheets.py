"""Tables in and out: export of what a list shows, import with a look at every row before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from companies.history import asks_why
from companies.models import User
from companies.sheets.forms import ImportForm
from companies.sheets.importing import begin
from companies.sheets.reading import MOST_BYTES, MOST_ROWS
from companies.sheets.tables import has_table, resource_of
from companies.sheets.uploads import SheetUpload

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

TOO_LARGE = 413
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
NOT_FILTERS = ("p", "all", "e")  # of a list's address: which page of it


def may_import(user: Any, model: type[Any]) -> bool:
    """Whether somebody may bring in tables of a model's rows: who may add and change them one by one."""
    options = model._meta
    rights = [f"{options.app_label}.{action}_{options.model_name}" for action in ("add", "change")]
    return bool(user.is_active and user.has_perms([*rights, "companies.add_sheetimport"]))


class SheetAdmin(ModelAdmin):
    """An admin whose list can be exported, and takes tables."""

    def get_urls(self) -> list[URLPattern]:
        """The pages of Django's admin, and ours."""
        urls: list[URLPattern] = super().get_urls()
        if not has_table(self.model):
            return urls
        site, name = self.admin_site, f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("import/", site.admin_view(self.import_view), name=f"{name}_import"),
            path("export/<str:kind>/", site.admin_view(self.export_view), name=f"{name}_export"),
            *urls,
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with links to import and to export what it shows."""
        return super().changelist_view(request, {"sheets": self._links(request), **(extra_context or {})})

    def _links(self, request: HttpRequest) -> dict[str, Any]:
        if not has_table(self.model):
            return {}
        query = request.GET.copy()
        for name in NOT_FILTERS:
            query.pop(name, None)
        filters = f"?{query.urlencode()}" if query else ""
        may_see = self.has_view_permission(request)
        return {
            "import": self._address("import") if may_import(request.user, self.model) else "",
            "exports": [(kind, self._address("export", kind) + filters) for kind in CONTENT_TYPES if may_see],
        }

    def _address(self, page: str, *args: str) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    # --- Export

    def get_actions(self, request: HttpRequest) -> Any:
        """Those of Django, and the export of chosen rows."""
        actions = super().get_actions(request)
        if not has_table(self.model) or not self.has_view_permission(request):
            return actions
        ours = [(export_csv, "export_csv"), (export_xlsx, "export_xlsx")]
        return {**actions, **{name: (call, name, call.short_description) for call, name in ours}}  # type: ignore[attr-defined]

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The rows that the list shows under the same address, all pages of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in CONTENT_TYPES:
            raise Http404
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(f"{self._address('changelist')}?e=1")
        return self.download(request, rows, kind)

    def download(self, request: HttpRequest, rows: QuerySet[Any], kind: str) -> HttpResponseBase:
        """Rows as a file, or back to the list where they are too many."""
        # Imported here: no page but this one needs it.
        from companies.sheets.exporting import MOST_ROWS as most
        from companies.sheets.exporting import csv_lines, xlsx_file

        count = rows.count()
        if count > most[kind]:
            words = _("The list has %(count)s rows; at most %(most)s can be exported as %(kind)s. Filter it first.")
            numbers = {"count": f"{count:,}", "most": f"{most[kind]:,}", "kind": kind.upper()}
            messages.error(request, words % numbers)
            return HttpResponseRedirect(f"{self._address('changelist')}?{request.GET.urlencode()}")
        name = f"{self.opts.model_name}-{timezone.localdate()}.{kind}"
        if kind == "csv":
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return StreamingHttpResponse(csv_lines(rows), content_type=CONTENT_TYPES[kind], headers=headers)
        return FileResponse(xlsx_file(rows), as_attachment=True, filename=name, content_type=CONTENT_TYPES[kind])

    # --- Import

    @method_decorator(csrf_exempt)
    def import_view(self, request: HttpRequest) -> HttpResponseBase:
        """Take a table. How an upload is taken must be said before the token of the form is read."""
        if not may_import(request.user, self.model):
            raise PermissionDenied
        handler = SheetUpload(request)
        request.upload_handlers = [handler]

        @csrf_protect
        def protected(request: HttpRequest) -> HttpResponseBase:
            return self._import(request, handler)

        return protected(request)

    def _import(self, request: HttpRequest, handler: SheetUpload) -> HttpResponseBase:
        form = ImportForm(
            *((request.POST, request.FILES) if request.method == "POST" else ()),
            asks_why=asks_why(self.model), is_too_large=handler.is_too_large,
        )  # fmt: skip
        if form.is_valid():
            assert isinstance(request.user, User)  # who may import is signed in
            file = form.cleaned_data["file"]
            made = begin(self.opts.label_lower, file.name, file.read(), form.cleaned_data["reason"], request.user)
            return redirect("admin:companies_sheetimport_change", made.pk)
        return self._import_page(request, form)

    def _import_page(self, request: HttpRequest, form: ImportForm) -> HttpResponseBase:
        # Imported here: no page but this one needs it.
        from companies.sheets.checking import columns_of

        status = TOO_LARGE if form.is_too_large else 400 if form.is_bound else 200
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import %(names)s") % {"names": self.opts.verbose_name_plural},
            "opts": self.opts,
            "form": form,
            "columns": list(columns_of(resource_of(self.model))),
            "most_rows": MOST_ROWS,
            "most_mb": MOST_BYTES // 2**20,
        }
        return render(request, "admin/sheets/import.html", context, status=status)


@admin.action(description=gettext_lazy("Export the chosen rows as CSV"), permissions=["view"])
def export_csv(modeladmin: SheetAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
    """The chosen rows as CSV."""
    return modeladmin.download(request, queryset, "csv")


@admin.action(description=gettext_lazy("Export the chosen rows as XLSX"), permissions=["view"])
def export_xlsx(modeladmin: SheetAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
    """The chosen rows as XLSX."""
    return modeladmin.download(request, queryset, "xlsx")
