"""Pages about prices and valuations: the sector, a company, and the ledger of refreshes."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from companies.models import Company, Milestone
from config.access import staff_required
from config.htmx import page_or_partial
from config.paging import page_of
from valuations import exports
from valuations.explain import FIELDS, explanation
from valuations.figures import history_figures, sector_figure
from valuations.ledger import RunAlreadyOpen, request_run
from valuations.models import HeldQuote, RefreshOutcome, RefreshRun
from valuations.profile import profile
from valuations.sector import sector
from valuations.snapshot import page_tag, snapshot
from valuations.state import LONGEST_QUERY, State, StateForm, read_state
from valuations.tally import RunTally


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def sector_view(request: HttpRequest) -> HttpResponse:
    """Market value against revenue: tiles, chart and table. Controls, sorting and polling swap #sector."""
    state, form = read_state(_parameters(request))
    if form.errors:
        return _refused(request, form, state)
    tag = _tag(request, state)
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
        "poll_seconds": settings.POLL_SECONDS if state.as_of is None else 0,
    }
    return render_to_string("valuations/sector.html#sector", context)


@require_safe
def sector_json(request: HttpRequest) -> HttpResponse:
    """The sector page's rows and totals with their sources; the same query string as the page."""
    state, form = read_state(_parameters(request))
    if form.errors:
        return JsonResponse({"errors": form.errors}, status=400)
    return JsonResponse(exports.sector_json(sector(state)), json_dumps_params={"ensure_ascii": False})


@require_safe
def sector_csv(request: HttpRequest) -> HttpResponse:
    """The same rows as a spreadsheet; the byte order mark lets every spreadsheet see that it is UTF-8."""
    state, form = read_state(_parameters(request))
    if form.errors:
        return HttpResponse("\n".join(_messages(form)), status=400, content_type="text/plain; charset=utf-8")
    name = f"xinpan-sector-{state.day}-{state.currency}-{state.basis}.csv"
    return HttpResponse(
        "\ufeff" + exports.sector_csv(sector(state)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def source_view(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Where one number of one company comes from. Opens in place; as a link it is a page of its own."""
    state, form = read_state(_parameters(request))
    if form.errors:
        return _refused(request, form, state)
    company = get_object_or_404(Company, slug=slug)
    if name not in FIELDS:
        raise Http404
    found = snapshot(state.question, Company.objects.filter(pk=company.pk))
    context = {"state": state, "company": company, "explanation": explanation(found, found.rows[0], name)}
    return render(request, page_or_partial(request, "valuations/source.html", "source"), context)


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def company_view(request: HttpRequest, slug: str) -> HttpResponse:
    """One company: who it is, its listings, its price and value history, and its figures with their sources."""
    state, form = read_state(_parameters(request))
    if form.errors:
        return _refused(request, form, state)
    company = get_object_or_404(Company.objects.select_related("source"), slug=slug)
    prices = request.GET.get("prices", "adjusted")
    if prices not in ("adjusted", "raw"):
        raise BadRequest("prices are adjusted or raw")
    raw = prices == "raw"
    found = snapshot(state.question, Company.objects.filter(pk=company.pk))
    row = found.rows[0]
    context = {
        "state": state,
        "form": form,
        "company": company,
        "row": row,
        "raw": raw,
        "charts": history_figures(company, state, raw=raw),
        "profile": profile(company, row, state.day),
        "rounds": company.funding_rounds.filter(known_on__lte=state.day).select_related("source"),
        "milestones": Milestone.objects.filter(company=company, known_on__lte=state.day).select_related("source"),
    }
    return render(request, page_or_partial(request, "valuations/company.html", "company"), context)


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def refresh_list(request: HttpRequest) -> HttpResponse:
    """Refresh runs, newest first: what was asked, stored, held back and failed."""
    page = page_of(request, RefreshRun.objects.select_related("requested_by"), 30)
    # Only the runs of this page are counted: the ledger keeps a month of them.
    tally = RefreshOutcome.objects.filter(run__in=list(page)).values_list("run", "result").annotate(n=Count("pk"))
    results: dict[int, dict[str, int]] = {run.pk: {} for run in page}
    for run_id, result, n in tally.order_by("run", "result"):
        results[run_id][result] = n
    context = {
        "page": page,
        "runs": [RunTally(run, results[run.pk]) for run in page],
        "waiting": HeldQuote.objects.filter(resolution=HeldQuote.Resolution.WAITING).count(),
        "is_open": any(run.finished_at is None for run in page),
        "sources_enabled": settings.SOURCES_ENABLED,
    }
    return render(request, page_or_partial(request, "valuations/refresh_list.html", "runs"), context)


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def refresh_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: every listing or source asked, what came of it and why."""
    run = get_object_or_404(RefreshRun.objects.select_related("requested_by"), pk=pk)
    outcomes = run.outcomes.select_related("listing__company", "held_quote")
    result = request.GET.get("result", "")
    if result:
        if result not in RefreshOutcome.Result.values:
            raise BadRequest("unknown result")
        outcomes = outcomes.filter(result=result)
    counts = run.outcomes.order_by().values_list("result").annotate(n=Count("pk"))
    context = {
        "run": run,
        "tally": RunTally(run, dict(counts.order_by("result"))),
        "page": page_of(request, outcomes, 200),
        "result": result,
    }
    return render(request, page_or_partial(request, "valuations/refresh_detail.html", "outcomes"), context)


@require_POST
@staff_required
def refresh_now(request: HttpRequest) -> HttpResponse:
    """Ask the sources now. A second click while a run is open joins that run."""
    kind = request.POST.get("kind", RefreshRun.Kind.QUOTES)
    if kind not in RefreshRun.Kind.values:
        return HttpResponse(_("Unknown kind of refresh."), status=400, content_type="text/plain; charset=utf-8")
    try:
        run = request_run(RefreshRun.Kind(kind), RefreshRun.Trigger.STAFF, request.user)
    except RunAlreadyOpen as already:
        run = already.run
        messages.info(request, _("A refresh is under way already; this is it."))
    else:
        messages.success(request, _("The refresh is queued."))
    return redirect("valuations:refresh", pk=run.pk)


def _parameters(request: HttpRequest) -> QueryDict:
    """The query string; one that no page of ours can have made is read as a bad one."""
    if len(request.META.get("QUERY_STRING", "")) > LONGEST_QUERY:
        return QueryDict("basis=…")
    return request.GET


def _refused(request: HttpRequest, form: StateForm, state: State) -> HttpResponse:
    """A clear page for an address that asks for something impossible, with a link to the nearest possible page."""
    return render(request, "valuations/refused.html", {"problems": _messages(form), "state": state}, status=400)


def _messages(form: StateForm) -> list[str]:
    return [
        _("%(field)s: %(problem)s") % {"field": form.fields[name].label or name, "problem": problem}
        for name, problems in form.errors.items()
        for problem in problems
    ]


def _tag(request: HttpRequest, state: State) -> str:
    """Equal for two requests whose answers are equal."""
    user = request.user
    reader = f"{get_language()} {user.pk if user.is_authenticated else ''} {state.query()} {state.day}"
    return f"{page_tag(state.question)}-{sha256(reader.encode()).hexdigest()[:16]}"
