"""Taking companies off every list, total and refresh without losing anything, and bringing them back."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from companies.history import changing
from companies.models import Company, Revision, User


def archive(companies: QuerySet[Company], user: User, reason: str) -> int:
    """Archive those companies that are not archived yet; returns how many. What is stated about them stays as it is."""
    return _set(companies.filter(archived_at=None), user, reason, archived=True)


def restore(companies: QuerySet[Company], user: User, reason: str) -> int:
    """Bring archived companies back; returns how many. Of one that was merged the rows are with another: it stays."""
    return _set(companies.filter(archived_at__isnull=False, merged_into=None), user, reason, archived=False)


def _set(companies: QuerySet[Company], user: User, reason: str, *, archived: bool) -> int:
    chosen = list(companies)
    with changing(chosen, user, reason):
        # Asked again: of two people at once the second finds nothing to do.
        same = companies.model.objects.filter(pk__in=[one.pk for one in chosen], archived_at__isnull=archived)
        changed = same.update(archived_at=timezone.now() if archived else None)
        if changed:
            Revision.bump()
    return changed


def heirs_of(slugs: Collection[str]) -> dict[str, str]:
    """The companies that stand for merged ones, by the addresses of both."""
    merged = Company.objects.filter(slug__in=slugs, merged_into__isnull=False)
    return dict(merged.values_list("slug", "merged_into__slug"))


def moved(request: HttpRequest, company: Company) -> HttpResponse | None:
    """From a page of a merged company to the same page of the one that stands for it; None for any other company.

    Args:
        company: With `merged_into` read along.
    """
    if company.merged_into is None or request.resolver_match is None:
        return None
    match = request.resolver_match
    url = reverse(match.view_name, kwargs={**match.kwargs, "slug": company.merged_into.slug})
    query = request.GET.urlencode()
    return redirect(f"{url}?{query}" if query else url)
