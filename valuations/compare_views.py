"""The compare page: chosen companies side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from companies.archiving import heirs_of, moved
from companies.models import Company
from config.htmx import page_or_partial
from valuations import exports
from valuations.compare import (
    REPORTED_METRICS,
    Comparison,
    UnknownCompanies,
    comparison,
    matches,
    newest_reported,
    suggestions,
)
from valuations.compare_state import NO_COMPANY, CompareForm, CompareState, compare_state_of, each_once
from valuations.figures import comparison_figure
from valuations.live import answer_tag, poll_seconds
from valuations.reasons import Missing
from valuations.snapshot import snapshot
from valuations.state import problems_of, state_of, with_own_terms

DAYS_SHOWN = 10


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
@with_own_terms
def compare_view(request: HttpRequest) -> HttpResponse:
    """Chosen companies side by side: prices since a common day, every metric. Controls and polling swap #compare."""
    state, form = compare_state_of(request)
    if form.errors:
        return _refused(request, state, problems_of(form))
    tag = answer_tag(request, state)
    if request.headers.get("HX-PTag") == tag:
        return HttpResponseNotModified(headers={"HX-PTag": tag})
    try:
        content = _content(tag, state)
    except UnknownCompanies as unknown:
        if heirs := heirs_of(unknown.slugs):
            instead = each_once(heirs.get(slug, slug) for slug in state.c)
            return redirect(f"{reverse('valuations:compare')}?{state.query(c=instead)}")
        return _refused(request, *_without(state, unknown))
    if request.headers.get("HX-Request-Type") == "partial":
        return HttpResponse(content, headers={"HX-PTag": tag})
    response = render(request, "valuations/compare.html", {"content": content})
    response["HX-PTag"] = tag
    return response


@lru_cache(maxsize=32)
def _content(tag: str, state: CompareState) -> SafeString:
    """What #compare holds, kept for as long as an unchanged poll would be answered 304: until `tag` is another."""
    found = comparison(state) if state.c else None
    context = {
        "state": state,
        "form": CompareForm(),
        "comparison": found,
        "matches": matches(state),
        "tag": tag,
        "poll_seconds": poll_seconds(state, found.snapshot) if found else 0,
    }
    if found:
        found.snapshot.read_sources(member.row for member in found.members)
        context |= {"chart": comparison_figure(found.history), "newest": found.history.newest(DAYS_SHOWN)}
    else:
        context |= {"suggestions": suggestions(state)}
    return render_to_string("valuations/compare.html#compare", context)


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def compare_matches(request: HttpRequest) -> HttpResponse:
    """Companies that what was typed so far may mean. Typing swaps #matches; as an address it is the page itself."""
    state, form = compare_state_of(request)
    if form.errors:
        return _refused(request, state, problems_of(form))
    if request.headers.get("HX-Request-Type") != "partial":
        return redirect(f"{reverse('valuations:compare')}?{state.query()}")
    return render(request, "valuations/compare.html#matches", {"state": state, "matches": matches(state)})


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
@with_own_terms
def reported_source(request: HttpRequest, slug: str, metric: str) -> HttpResponse:
    """Who states the newest figure of one metric of a company. Opens in place; as a link it is a page of its own."""
    state, form = state_of(request)
    if form.errors:
        nearest = CompareState(state.basis, state.currency, state.as_of, own=state.own, c=(slug,))
        return _refused(request, nearest, problems_of(form))
    company = get_object_or_404(Company.objects.select_related("merged_into"), slug=slug)
    if metric not in REPORTED_METRICS:
        raise Http404
    if (answer := moved(request, company)) is not None:
        return answer
    row = snapshot(state.question, Company.objects.filter(pk=company.pk)).rows[0]
    context = {
        "state": state,
        "company": company,
        "metric": metric,
        "stated": newest_reported(row, metric, state.day),
        "missing": Missing("not_stated"),
    }
    return render(request, page_or_partial(request, "valuations/reported_source.html", "source"), context)


@require_safe
def compare_json(request: HttpRequest) -> HttpResponse:
    """The page's companies with every number and its sources; the same query string as the page."""
    found = _comparison(request)
    if isinstance(found, list):
        return JsonResponse({"errors": found}, status=400)
    return JsonResponse(exports.compare_json(found), json_dumps_params={"ensure_ascii": False})


@require_safe
def compare_csv(request: HttpRequest) -> HttpResponse:
    """The same numbers as a spreadsheet, one a line; the byte order mark says that it is UTF-8."""
    found = _comparison(request)
    if isinstance(found, list):
        return HttpResponse("\n".join(found), status=400, content_type="text/plain; charset=utf-8")
    name = f"xinpan-compare-{found.state.day}-{found.state.currency}.csv"
    return HttpResponse(
        "\ufeff" + exports.compare_csv(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _comparison(request: HttpRequest) -> Comparison | list[str]:
    """What the address asks for, or what is wrong with it."""
    state, form = compare_state_of(request)
    if form.errors:
        return problems_of(form)
    try:
        return comparison(state)
    except UnknownCompanies as unknown:
        return _without(state, unknown)[1]


def _without(state: CompareState, unknown: UnknownCompanies) -> tuple[CompareState, list[str]]:
    """The state with the companies that exist, and a sentence about each that does not."""
    known = tuple(slug for slug in state.c if slug not in unknown.slugs)
    return replace(state, c=known), [str(NO_COMPANY) % {"slug": slug} for slug in unknown.slugs]


def _refused(request: HttpRequest, nearest: CompareState, problems: list[str]) -> HttpResponse:
    """A clear page for an address that asks for something impossible, with a link to the nearest possible page."""
    address = f"{reverse('valuations:compare')}?{nearest.query(find='')}"
    return render(request, "valuations/refused.html", {"problems": problems, "nearest": address}, status=400)
