"""Pages of the ledger: runs, what came of them, how the sources fare."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from companies.models import User
from config.access import operating_required
from config.htmx import page_or_partial
from config.paging import page_of
from valuations.exchange_watch import open_warnings
from valuations.ledger import RunAlreadyOpen, cancel_run, request_run
from valuations.listing_prices import told
from valuations.models import HeldQuote, RefreshOutcome, RefreshRun
from valuations.source_states import source_states
from valuations.state import State, delay_for
from valuations.tally import RunTally, run_tally


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def refresh_list(request: HttpRequest) -> HttpResponse:
    """Refresh runs, newest first: what was asked, stored, held back and failed; and how the sources stand."""
    page = page_of(request, RefreshRun.objects.select_related("requested_by", "cancelled_by"), 30)
    context = {
        "page": page,
        "runs": tallies(list(page)),
        "waiting": HeldQuote.objects.filter(resolution=HeldQuote.Resolution.WAITING).count(),
        "is_open": any(run.finished_at is None for run in page),
        "sources": source_states(timezone.now()),
        "sources_enabled": settings.SOURCES_ENABLED,
        "warnings": open_warnings(),
    }
    return render(request, page_or_partial(request, "valuations/refresh_list.html", "runs"), context)


def tallies(runs: list[RefreshRun]) -> list[RunTally]:
    """Runs with what came of them, in one query. Only these are counted: the ledger keeps a month of them."""
    counted: dict[int, dict[str, int]] = {run.pk: {} for run in runs}
    stored: dict[int, int] = dict.fromkeys(counted, 0)
    rows = RefreshOutcome.objects.filter(run__in=runs).order_by().values_list("run", "result")
    for run_id, result, n, rows_stored in rows.annotate(n=Count("pk"), total=Sum("stored")):
        counted[run_id][result] = n
        stored[run_id] += rows_stored
    return [run_tally(run, counted[run.pk], stored[run.pk]) for run in runs]


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def refresh_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: every listing, source, list or document asked for, what came of it and why."""
    run = get_object_or_404(RefreshRun.objects.select_related("requested_by", "cancelled_by"), pk=pk)
    outcomes = run.outcomes.select_related("listing__company", "company", "filing", "held_quote")
    result = request.GET.get("result", "")
    if result:
        if result not in RefreshOutcome.Result.values:
            raise BadRequest("unknown result")
        outcomes = outcomes.filter(result=result)
    [tally] = tallies([run])
    page = page_of(request, outcomes, 200)
    cutoff = State(delay_minutes=delay_for(request)).question.cutoff(timezone.now())
    page.object_list = list(told(page.object_list, cutoff))
    context = {"run": run, "tally": tally, "page": page, "result": result}
    return render(request, page_or_partial(request, "valuations/refresh_detail.html", "outcomes"), context)


@require_POST
@operating_required
def refresh_now(request: HttpRequest) -> HttpResponse:
    """Ask the sources now. A second click while a run is open joins that run."""
    kind = request.POST.get("kind", RefreshRun.Kind.QUOTES)
    if kind not in RefreshRun.Kind.values or kind == RefreshRun.Kind.DOCUMENTS:
        return HttpResponse(_("Unknown kind of refresh."), status=400, content_type="text/plain; charset=utf-8")
    try:
        run = request_run(RefreshRun.Kind(kind), RefreshRun.Trigger.STAFF, request.user)
    except RunAlreadyOpen as already:
        run = already.run
        messages.info(request, _("A refresh is under way already; this is it."))
    else:
        messages.success(request, _("The refresh is queued."))
    return redirect("valuations:refresh", pk=run.pk)


@require_POST
@operating_required
def refresh_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a run: what is stored stays, what is not asked for yet is not asked for."""
    run = get_object_or_404(RefreshRun, pk=pk)
    assert isinstance(request.user, User)  # who may operate is
    if cancel_run(run.pk, request.user):
        messages.success(request, _("The refresh is cancelled. What it had stored stays."))
    else:
        messages.info(request, _("The refresh was over already."))
    return redirect("valuations:refresh", pk=run.pk)
