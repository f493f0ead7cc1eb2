"""Pages about companies that need no prices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from companies.days import today
from companies.models import Company, Listing
from companies.search import EXACT, LONGEST_SEARCH, found_companies
from companies.stages import is_applying
from config.htmx import page_or_partial
from config.paging import page_of


class SearchForm(forms.Form):
    """What a reader types to find a company."""

    q = forms.CharField(
        label=_("Company"),
        max_length=LONGEST_SEARCH,
        required=False,
        error_messages={"max_length": _("Search for at most %(limit_value)d characters.")},
    )


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def company_list(request: HttpRequest) -> HttpResponse:
    """All companies, narrowed by `?q=`. The search box swaps #rows."""
    form = SearchForm(request.GET)
    refused = not form.is_valid()
    query = "" if refused else form.cleaned_data["q"]
    listings = Listing.objects.filter(delisted_on=None).order_by("mic", "ticker")
    companies = found_companies(query).annotate(is_applying=is_applying(today()))
    if refused:
        companies = companies.none()
    page = page_of(request, companies.prefetch_related(Prefetch("listings", listings)), settings.ROWS_PER_PAGE)
    context: dict[str, Any] = {
        "page": page,
        "query": query,
        "problems": form.errors.get("q", []),
        "hit": the_hit(list(page), query),
    }
    template = page_or_partial(request, "companies/list.html", "rows")
    return render(request, template, context, status=400 if refused else 200)


def the_hit(companies: list[Company], query: str) -> Company | None:
    """The one company whose name or ticker is exactly what was typed; None when there is none, or more than one."""
    exact = [company for company in companies if query and getattr(company, "rank", None) == EXACT]
    return exact[0] if len(exact) == 1 else None
