"""The admin of imports: what each would change, and the buttons that store it or give it up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from companies.admin.base import ReadOnlyAdmin
from companies.admin.sheets import may_import
from companies.models import SheetImport
from companies.sheets.importing import JOBS, NotStorable, cancel, has_changes, start, store
from companies.sheets.tables import model_of
from config.htmx import page_or_partial

ROWS_PER_PAGE = 100
LONGEST_KEY = 18  # digits of the number of an import in an address


def may_decide_about(user: Any, sheet_import: SheetImport) -> bool:
    """Whether somebody may store an import: who brought it in, and still may import such rows."""
    try:
        model = model_of(sheet_import.table)
    except LookupError:
        return False
    return sheet_import.asked_by_id == user.pk and may_import(user, model)


def may_give_up(user: Any, sheet_import: SheetImport) -> bool:
    """Whether somebody may cancel an import: who brought it in, and those who may delete imports."""
    return may_decide_about(user, sheet_import) or user.has_perm("companies.delete_sheetimport")


class TableFilter(admin.AllValuesFieldListFilter):
    """The tables that were imported into, as people call them."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """In words."""
        for choice in super().choices(changelist):
            yield {**choice, "display": name_of(SheetImport(table=str(choice["display"])))}


@admin.register(SheetImport)
class SheetImportAdmin(ReadOnlyAdmin):
    """Tables that were brought in, each with what became of it."""

    list_display = ["file_name", "what", "state", "rows", "reason", "asked_by", "asked_at", "finished_at"]
    list_filter = ["state", ("table", TableFilter)]
    list_select_related = ["asked_by"]
    search_fields = ["file_name", "reason", "asked_by__username"]
    date_hierarchy = "asked_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SheetImport]:
        """Without the files, and without the reports, which only the page of an import shows."""
        return super().get_queryset(request).defer("content", "report")

    def get_urls(self) -> list[URLPattern]:
        """The pages of Django's admin, and the buttons."""
        site = self.admin_site
        return [
            path("<int:pk>/store/", site.admin_view(self.store_view), name="companies_sheetimport_store"),
            path("<int:pk>/again/", site.admin_view(self.again_view), name="companies_sheetimport_again"),
            path("<int:pk>/cancel/", site.admin_view(self.cancel_view), name="companies_sheetimport_cancel"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("table"), ordering="table")
    def what(self, sheet_import: SheetImport) -> str:
        """The name of the table."""
        return name_of(sheet_import)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What an import would change, or has changed. While a job is at it the page asks again."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdecimal() or len(object_id) > LONGEST_KEY:
            raise Http404
        found = get_object_or_404(SheetImport.objects.select_related("asked_by").defer("content"), pk=object_id)
        context = {**self.admin_site.each_context(request), **_page(request, found), **(extra_context or {})}
        template = "admin/companies/sheetimport/change_form.html"
        return render(request, page_or_partial(request, template, "import"), context)

    @method_decorator(require_POST)
    def store_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Have it stored."""
        found = _asked_for(pk)
        if not may_decide_about(request.user, found):
            raise PermissionDenied
        try:
            store(found, confirmed="confirmed" in request.POST)
        except NotStorable as problem:
            messages.error(request, str(problem))
        return redirect("admin:companies_sheetimport_change", pk)

    @method_decorator(require_POST)
    def again_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Hand its job to the workers once more: it may have been lost."""
        found = _asked_for(pk)
        if not may_decide_about(request.user, found):
            raise PermissionDenied
        start(found)
        return redirect("admin:companies_sheetimport_change", pk)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Give it up."""
        found = _asked_for(pk)
        if not may_give_up(request.user, found):
            raise PermissionDenied
        if cancel(found):
            messages.success(request, _("The import was cancelled; nothing was stored."))
        else:
            messages.error(request, _("This import is over already."))
        return redirect("admin:companies_sheetimport_change", pk)


def _asked_for(pk: int) -> SheetImport:
    return get_object_or_404(SheetImport.objects.defer("content"), pk=pk)


def name_of(sheet_import: SheetImport) -> str:
    """What the rows of an import are."""
    try:
        return str(model_of(sheet_import.table)._meta.verbose_name_plural)
    except LookupError:
        return sheet_import.table


def _page(request: HttpRequest, found: SheetImport) -> dict[str, Any]:
    """What the page of an import shows."""
    report = found.report
    state = SheetImport.State(found.state)
    rows = Paginator(report.get("rows", []), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    try:
        options = model_of(found.table)._meta
        table_url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        again_url = reverse(f"admin:{options.app_label}_{options.model_name}_import")
    except LookupError:
        table_url = again_url = ""
    is_ready = state is SheetImport.State.READY
    return {
        "title": found.file_name, "opts": SheetImport._meta, "import": found, "report": report, "rows": rows,
        "name": name_of(found), "table_url": table_url, "again_url": again_url,
        "is_working": state in JOBS, "is_open": state in SheetImport.OPEN, "has_changes": has_changes(found),
        "may_store": is_ready and has_changes(found) and may_decide_about(request.user, found),
        "may_start_again": state in JOBS and may_decide_about(request.user, found),
        "may_cancel": state in SheetImport.OPEN and may_give_up(request.user, found),
        "hidden_rows": max(0, report.get("row_count", 0) - len(report.get("rows", []))),
        "hidden_mistakes": max(0, report.get("mistake_count", 0) - len(report.get("mistakes", []))),
    }  # fmt: skip
