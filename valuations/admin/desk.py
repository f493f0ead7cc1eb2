"""What waits for somebody among prices and figures, for the admin's first page (`companies.admin.desk`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from companies.admin.desk import SHOWN, Line, Section, first_of, list_of, sections
from companies.roles import may_decide, may_operate
from valuations.calendar_words import warning_in_words
from valuations.exchange_watch import open_warnings
from valuations.figure_review import proposed
from valuations.models import HeldQuote, RefreshOutcome, RefreshRun
from valuations.reason_words import reason_in_words
from valuations.sessions import FreshnessState
from valuations.snapshot import SOURCE_TROUBLE, CompanyValuation, Question, cached_snapshot, today
from valuations.templatetags.numbers import STATES_TO_LOOK_AT, metric_word, name, period, short_day, state_word
from valuations.templatetags.pages import figure_value

Kind = RefreshRun.Kind
DOCUMENTS_SHOWN_FOR = timedelta(days=7)
# A price that is late by rule, or of a share that does not trade, is as good as it gets.
NOT_FRESH = STATES_TO_LOOK_AT - {FreshnessState.DELAYED, FreshnessState.SUSPENDED}


def held_quotes(request: HttpRequest) -> Section | None:
    """Prices that were not believed and that nobody has released or discarded."""
    if not request.user.has_perm("valuations.change_heldquote"):
        return None
    waiting = HeldQuote.objects.filter(resolution=HeldQuote.Resolution.WAITING)
    count, rows = first_of(waiting.select_related("listing__company").order_by("held_at", "pk"))
    lines = (
        Line(
            f"{name(row.listing.company)} {row.listing}",
            reverse("admin:valuations_heldquote_change", args=[row.pk]),
            _facts(f"{row.payload.get('price') or '—'} {row.listing.currency}", reason_in_words(row.reason)),
            row.held_at,
        )
        for row in rows
    )
    url = list_of("valuations_heldquote", "resolution__exact=waiting")
    return Section("held", gettext_lazy("Held quotes"), url, count, tuple(lines))


def proposed_figures(request: HttpRequest) -> Section | None:
    """Figures that wait for an editor, oldest first."""
    if not may_decide(request.user):
        return None
    count, rows = first_of(proposed())
    lines = (
        Line(
            _facts(name(row.company), f"{metric_word(row.metric)} {period(row.period)}"),
            reverse("valuations:decide", args=[row.pk]),
            figure_value(row),
            row.created_at,
        )
        for row in rows
    )
    return Section("figures", gettext_lazy("Proposed figures"), reverse("valuations:proposed"), count, tuple(lines))


def failing_runs(now: datetime) -> QuerySet[RefreshRun]:
    """Runs that failed, in whole or in part, and that nothing has made good since.

    Of prices, rates, history and lists of filings that is the last run of each kind: it asked for what the ones before
    had not got. Documents are asked for one by one: a failure counts for a week, unless the document was asked for
    again since.
    """
    last = RefreshRun.objects.filter(kind=OuterRef("kind"), finished_at__isnull=False).order_by("-requested_at", "-pk")
    asked_last = RefreshOutcome.objects.filter(filing=OuterRef("filing")).order_by("-pk").values("pk")[:1]
    unmended = RefreshOutcome.objects.filter(run=OuterRef("pk"), result__in=SOURCE_TROUBLE, pk=Subquery(asked_last))
    is_last = ~Q(kind=Kind.DOCUMENTS) & Q(pk=Subquery(last.values("pk")[:1]))
    of_document = Q(kind=Kind.DOCUMENTS, finished_at__gt=now - DOCUMENTS_SHOWN_FOR) & Exists(unmended)
    failed = ~Q(problem="") | Q(results__has_any_keys=list(SOURCE_TROUBLE))
    return RefreshRun.objects.filter(is_last | of_document, failed, finished_at__isnull=False, cancelled_by=None)


def failed_refreshes(request: HttpRequest) -> Section | None:
    """Refreshes that brought back less than they were asked for."""
    if not may_operate(request.user):
        return None
    count, rows = first_of(failing_runs(timezone.now()).order_by("-requested_at", "-pk"))
    lines = (
        Line(str(row.get_kind_display()), reverse("valuations:refresh", args=[row.pk]), _trouble(row), row.finished_at)
        for row in rows
    )
    url = list_of("valuations_refreshrun", "state=failed")
    return Section("refreshes", gettext_lazy("Failed refreshes"), url, count, tuple(lines))


def _trouble(run: RefreshRun) -> str:
    """Why a run as a whole failed, or how much of it did."""
    if run.problem:
        return _(run.problem)
    failed = sum(run.results.get(result, 0) for result in SOURCE_TROUBLE)
    return _("%(failed)s of %(all)s failed") % {"failed": failed, "all": sum(run.results.values())}


def calendar_warnings(request: HttpRequest) -> Section | None:
    """What the calendar and the prices disagree about."""
    if not request.user.has_perm("valuations.change_calendarwarning"):
        return None
    count, rows = first_of(open_warnings().order_by("-day", "mic", "pk"))
    lines = (
        Line(
            warning_in_words(row),
            reverse("admin:valuations_calendarwarning_change", args=[row.pk]),
            since=row.found_at,
        )
        for row in rows
    )
    url = list_of("valuations_calendarwarning", "settled_at__isempty=1")
    return Section("calendar", gettext_lazy("Calendar warnings"), url, count, tuple(lines))


def is_out_of_date(row: CompanyValuation) -> bool:
    """Whether any listing of a company lacks a price, or has one that should be newer."""
    priced = {price.listing.pk for price in row.prices if price.state not in NOT_FRESH}
    return any(listing.pk not in priced for listing in row.listings if listing.watched)


def prices_out_of_date(request: HttpRequest) -> Section | None:
    """Companies whose price is not of the last session, the most valuable first."""
    if not may_operate(request.user):
        return None
    found = cached_snapshot(Question(today()))
    rows = [row for row in found.rows if row.company.archived_at is None and is_out_of_date(row)]
    rows.sort(key=_worth, reverse=True)
    lines = (Line(name(row.company), _price_page(row), _price_note(row)) for row in rows[:SHOWN])
    url = list_of("companies_company", "price=old")
    return Section("prices", gettext_lazy("Companies without a fresh price"), url, len(rows), tuple(lines))


def _worth(row: CompanyValuation) -> Decimal:
    money = row.market_value.money if row.market_value else None
    return Decimal(0) if money is None else money.low or money.high or Decimal(0)


def _price_page(row: CompanyValuation) -> str:
    """Where it says when a price was last asked for, and why it did not come."""
    priced: dict[int, Any] = {price.listing.pk: price.state for price in row.prices}
    late = next(one for one in row.listings if one.watched and priced.get(one.pk, FreshnessState.FAILED) in NOT_FRESH)
    return reverse("valuations:listing_prices", args=[late.pk])


def _price_note(row: CompanyValuation) -> str:
    if row.price is None:
        return _("no price")
    return _facts(state_word(row.price.state), short_day(row.price.day, today()))


def _facts(*facts: str) -> str:
    return pgettext("between two facts", ", ").join(facts)


# What may be wrong on a page comes before what only waits.
sections[:0] = [held_quotes, proposed_figures, failed_refreshes, calendar_warnings, prices_out_of_date]
