"""Pages of the admin that archive companies, bring them back, and make one of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from companies.admin.reasons import ReasonForm
from companies.archiving import archive, restore
from companies.merging import CannotMerge, merge, plan_of
from companies.models import Company

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Company]
else:
    ModelAdmin = admin.ModelAdmin

MOST_AT_ONCE = 200


class ChosenForm(ReasonForm):
    """Some companies, and why something is done with them."""

    ids = forms.ModelMultipleChoiceField(Company.objects.all(), widget=forms.MultipleHiddenInput)


class MergeForm(ReasonForm):
    """Two companies, the one of them that stays, and why they are the same."""

    a = forms.ModelChoiceField(Company.objects.all(), widget=forms.HiddenInput)
    b = forms.ModelChoiceField(Company.objects.all(), widget=forms.HiddenInput)
    keep = forms.ChoiceField(choices=[("a", "a"), ("b", "b")], required=False)

    def pair(self) -> tuple[Company, Company] | None:
        """The company that stays and the other one; None where the address does not name two."""
        self.is_valid()
        one, other = self.cleaned_data.get("a"), self.cleaned_data.get("b")
        if one is None or other is None:
            return None
        return (other, one) if self.cleaned_data.get("keep") == "b" else (one, other)


class StandingAdmin(ModelAdmin):
    """An admin of companies that are archived rather than deleted, and merged where there are two of the same."""

    change_form_template = "admin/companies/company/change_form.html"

    def get_urls(self) -> list[Any]:
        """Django's own, and ours."""
        view = self.admin_site.admin_view
        return [
            path("archive/", view(self.archive_view), name="companies_company_archive"),
            path("restore/", view(self.restore_view), name="companies_company_restore"),
            path("merge/", view(self.merge_view), name="companies_company_merge"),
            *super().get_urls(),
        ]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """What the list finds; the search boxes of forms offer no archived companies."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if request.resolver_match is not None and request.resolver_match.url_name == "autocomplete":
            found = found.filter(archived_at=None)
        return found, may_repeat

    # --- What is done with the companies chosen in the list ---------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Those of the list, and ours for who may change companies."""
        actions = super().get_actions(request)
        if actions and self.has_change_permission(request):
            for name in ("archive_chosen", "restore_chosen", "merge_chosen"):
                if (action := self.get_action(name)) is not None:
                    actions[name] = action
        return actions

    @admin.action(description=gettext_lazy("Archive: take off all lists"))
    def archive_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """Ask why."""
        return self._to("archive", ids=list(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]))

    @admin.action(description=gettext_lazy("Restore: bring back to the lists"))
    def restore_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """Ask why."""
        return self._to("restore", ids=list(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]))

    @admin.action(description=gettext_lazy("Merge two entries of the same company"))
    def merge_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Show what would become of them."""
        keys = list(queryset.order_by("pk").values_list("pk", flat=True)[:3])
        if len(keys) != 2:
            messages.error(request, _("Choose exactly two companies to merge."))
            return None
        return self._to("merge", a=keys[0], b=keys[1])

    def _to(self, page: str, **query: Any) -> HttpResponse:
        url = reverse(f"{self.admin_site.name}:companies_company_{page}")
        return redirect(f"{url}?{urlencode(query, doseq=True)}")

    # --- Archiving ------------------------------------------------------------------------------------

    def archive_view(self, request: HttpRequest) -> HttpResponse:
        """Companies that are about to leave all lists; POST archives them."""
        return self._archive_or_restore(request, archive, _("Archive companies"))

    def restore_view(self, request: HttpRequest) -> HttpResponse:
        """Companies that are about to come back; POST restores them."""
        return self._archive_or_restore(request, restore, _("Restore companies"))

    def _archive_or_restore(self, request: HttpRequest, act: Any, title: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = ChosenForm(request.POST if request.method == "POST" else None)
        asked = form if request.method == "POST" else ChosenForm(request.GET)
        ok = asked.is_valid()
        chosen = asked.cleaned_data.get("ids", Company.objects.none())
        if request.method == "POST" and ok:
            n = act(chosen, request.user, form.cleaned_data["change_reason"])
            messages.success(request, _done(act, n))
            if left := chosen.count() - n:
                messages.warning(request, _left(left))
            return redirect(reverse(f"{self.admin_site.name}:companies_company_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "form": form,
            "companies": chosen,
            "archives": act is archive,
        }
        return self._page(request, "archive", context, 422 if request.method == "POST" else 200)

    # --- Merging --------------------------------------------------------------------------------------

    def merge_view(self, request: HttpRequest) -> HttpResponse:
        """What would become of two companies; POST makes one of them, or nothing and says why."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = MergeForm(request.POST if request.method == "POST" else request.GET)
        pair = form.pair()
        if pair is None:
            messages.error(request, _("Choose exactly two companies to merge."))
            return redirect(reverse(f"{self.admin_site.name}:companies_company_changelist"))
        if request.method == "POST" and form.is_valid():
            try:
                merge(*pair, request.user, form.cleaned_data["change_reason"])  # type: ignore[arg-type]
            except CannotMerge:
                pass  # the page below says why
            else:
                words = _("%(merged)s is merged into %(kept)s.") % {"merged": pair[1], "kept": pair[0]}
                messages.success(request, words)
                return redirect(reverse(f"{self.admin_site.name}:companies_company_change", args=[pair[0].pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Merge two entries of the same company"),
            "opts": self.opts,
            "form": form,
            "why_errors": form.errors.get("change_reason") if request.method == "POST" else None,
            "plan": plan_of(*pair),
            "keep": form.cleaned_data.get("keep") or "a",
        }
        return self._page(request, "merge", context, 422 if request.method == "POST" else 200)

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any], status: int) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"admin/companies/company/{name}.html", context, status=status)


def _done(act: Any, n: int) -> str:
    if act is archive:
        return ngettext("%(n)d company is archived.", "%(n)d companies are archived.", n) % {"n": n}
    return ngettext("%(n)d company is restored.", "%(n)d companies are restored.", n) % {"n": n}


def _left(n: int) -> str:
    words = ngettext(
        "%(n)d company stays as it was: it was so already, or has been merged into another one.",
        "%(n)d companies stay as they were: they were so already, or have been merged into another one.",
        n,
    )
    return words % {"n": n}
