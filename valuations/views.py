"""Pages about prices and valuations: the sector, a company, where a number is from, how a price came about."""

from __future__ import annotations

from functools import lru_cache

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from companies.archiving import moved
from companies.models import Company, Listing, Milestone
from config.access import operating_required
from config.htmx import page_or_partial
from valuations import exports
from valuations.explain import FIELDS, explanation
from valuations.figures import history_figures, sector_figure
from valuations.ledger import RunAlreadyOpen, request_run
from valuations.listing_prices import listing_prices
from valuations.live import answer_tag, poll_seconds
from valuations.models import RefreshRun
from valuations.profile import profile
from valuations.sector import sector
from valuations.snapshot import snapshot
from valuations.state import State, StateForm, delay_for, problems_of, state_of, with_own_terms

FILINGS_SHOWN = 5  # of a company, the newest


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
@with_own_terms
def sector_view(request: HttpRequest) -> HttpResponse:
    """Market value against revenue: tiles, chart and table. Controls, sorting and polling swap #sector."""
    state, form = state_of(request)
    if form.errors:
        return _refused(request, form, state)
    tag = answer_tag(request, state)
    if request.headers.get("HX-PTag") == tag:
        return HttpResponseNotModified(headers={"HX-PTag": tag})
    content = _sector_content(tag, state)
    if request.headers.get("HX-Request-Type") == "partial":
        return HttpResponse(content, headers={"HX-PTag": tag})
    response = render(request, "valuations/sector.html", {"content": content})
    response["HX-PTag"] = tag
    return response


@lru_cache(maxsize=32)
def _sector_content(tag: str, state: State) -> SafeString:
    """What #sector holds, kept for as long as an unchanged poll would be answered 304: until `tag` is another."""
    found = sector(state)
    found.snapshot.read_sources(found.page_rows)
    context = {
        "state": state,
        "form": StateForm(),
        "sector": found,
        "chart": sector_figure(found),
        "tag": tag,
        "poll_seconds": poll_seconds(state, found.snapshot),
    }
    return render_to_string("valuations/sector.html#sector", context)


@require_safe
def sector_json(request: HttpRequest) -> HttpResponse:
    """The sector page's rows and totals with their sources; the same query string as the page."""
    state, form = state_of(request)
    if form.errors:
        return JsonResponse({"errors": form.errors}, status=400)
    return JsonResponse(exports.sector_json(sector(state)), json_dumps_params={"ensure_ascii": False})


@require_safe
def sector_csv(request: HttpRequest) -> HttpResponse:
    """The same rows as a spreadsheet; the byte order mark lets every spreadsheet see that it is UTF-8."""
    state, form = state_of(request)
    if form.errors:
        return HttpResponse("\n".join(problems_of(form)), status=400, content_type="text/plain; charset=utf-8")
    name = f"xinpan-sector-{state.day}-{state.currency}-{state.basis}.csv"
    return HttpResponse(
        "\ufeff" + exports.sector_csv(sector(state)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
@with_own_terms
def source_view(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Where one number of one company comes from. Opens in place; as a link it is a page of its own."""
    state, form = state_of(request)
    if form.errors:
        return _refused(request, form, state)
    company = get_object_or_404(Company.objects.select_related("merged_into"), slug=slug)
    if name not in FIELDS:
        raise Http404
    if (answer := moved(request, company)) is not None:
        return answer
    found = snapshot(state.question, Company.objects.filter(pk=company.pk))
    context = {"state": state, "company": company, "explanation": explanation(found, found.rows[0], name)}
    return render(request, page_or_partial(request, "valuations/source.html", "source"), context)


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
@with_own_terms
def company_view(request: HttpRequest, slug: str) -> HttpResponse:
    """One company: who it is, its listings, its price and value history, and its figures with their sources."""
    state, form = state_of(request)
    if form.errors:
        return _refused(request, form, state)
    prices = request.GET.get("prices", "adjusted")
    if prices not in ("adjusted", "raw"):
        raise BadRequest("prices are adjusted or raw")
    raw = prices == "raw"
    tag = answer_tag(request, state, "company", slug, prices)
    if request.headers.get("HX-PTag") == tag:
        return HttpResponseNotModified(headers={"HX-PTag": tag})
    company = get_object_or_404(Company.objects.select_related("source", "merged_into"), slug=slug)
    if (answer := moved(request, company)) is not None:
        return answer
    found = snapshot(state.question, Company.objects.filter(pk=company.pk))
    row = found.rows[0]
    context = {
        "state": state,
        "form": form,
        "company": company,
        "row": row,
        "raw": raw,
        "charts": history_figures(company, state, raw=raw),
        "profile": profile(company, row, state.day, state.question.cutoff(timezone.now())),
        "rounds": company.funding_rounds.filter(known_on__lte=state.day).select_related("source"),
        "milestones": Milestone.objects.filter(company=company, known_on__lte=state.day).select_related("source"),
        "filings": company.filings.filter(published_on__lte=state.day)[:FILINGS_SHOWN],
        "tag": tag,
        "poll_seconds": poll_seconds(state, found),
    }
    response = render(request, page_or_partial(request, "valuations/company.html", "company"), context)
    response["HX-PTag"] = tag
    return response


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def listing_prices_view(request: HttpRequest, pk: int) -> HttpResponse:
    """What the badge of a price opens: its age and the last attempts to renew it. A page of its own, too."""
    listing = get_object_or_404(Listing.objects.select_related("company"), pk=pk)
    run = request.GET.get("run", "")
    if run and not (run.isascii() and run.isdigit() and len(run) < 19):
        raise BadRequest("no such run")
    awaited = get_object_or_404(RefreshRun, pk=int(run)) if run else None
    return _listing_prices(request, listing, awaited)


@require_POST
@operating_required
def listing_refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the sources for one price now, and show what comes of it. While a run is open this joins it."""
    listing = get_object_or_404(Listing.objects.select_related("company"), pk=pk)
    try:
        run = request_run(RefreshRun.Kind.QUOTES, RefreshRun.Trigger.STAFF, request.user, listings=[listing])
    except RunAlreadyOpen as already:
        run = already.run
    if request.headers.get("HX-Request-Type") == "partial":
        return _listing_prices(request, listing, run)
    return redirect(f"{reverse('valuations:listing_prices', args=[listing.pk])}?run={run.pk}")


def _listing_prices(request: HttpRequest, listing: Listing, run: RefreshRun | None) -> HttpResponse:
    state = State(delay_minutes=delay_for(request))
    context = {"state": state, "shown": listing_prices(listing, state.question, run)}
    return render(request, page_or_partial(request, "valuations/listing_prices.html", "source"), context)


def _refused(request: HttpRequest, form: StateForm, state: State) -> HttpResponse:
    """A clear page for an address that asks for something impossible, with a link to the nearest possible page."""
    return render(request, "valuations/refused.html", {"problems": problems_of(form), "state": state}, status=400)
