"""What beat asks every minute: mend what broke, forget what is old, start what is due.

Prices follow the sessions of their exchange, daily history the sessions that are over, exchange rates the hours at
which their sources publish; lists of filings are asked for a few times a day, and files whose text nobody reads are
read. Sources that rest are not asked, and nothing is started while jobs pile up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.utils import timezone

from companies.annotations.editing import forget_deleted
from companies.filings.store import remove_leftovers
from companies.models import Listing
from valuations.coverage import due_for_history
from valuations.document_refresh import unread_documents
from valuations.filing_coverage import due_for_filings
from valuations.health import Standing, remembered, standing
from valuations.ledger import (
    QUEUE_FULL,
    RunAlreadyOpen,
    abandon,
    close_if_done,
    explain,
    queue_again,
    request_documents,
    request_run,
    sources_for,
    time_limit,
    watched_listings,
)
from valuations.models import FxRate, HeldQuote, Quote, RefreshOutcome, RefreshRun, SourceHealth
from valuations.providers import rate_sources
from valuations.publication import last_publication
from valuations.queueing import jobs_waiting
from valuations.sessions import MARKETS, Calendar, Phase
from valuations.snapshot import SOURCE_TROUBLE, read_calendar

log = logging.getLogger(__name__)

AFTER_TROUBLE = timedelta(minutes=10)
OUT_OF_SESSION = timedelta(hours=1)
AFTER_CLOSE = timedelta(minutes=5)  # between two questions for a close that was made within the last hour
AFTER_PUBLICATION = timedelta(minutes=10)  # between two questions for rates that came out within the last hour
RATES_SOUGHT_FOR = timedelta(hours=6)  # then they are asked for as seldom as those of weekly sources
DETAILS_KEPT = timedelta(days=3)  # of prices that were stored without a remark
LEDGER_KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 20_000
ASKED_AFTER_CLOSE = timedelta(hours=6)  # an answer later than this will not change before the next session
# The listing is asked for again as soon as a source may be: it was not the listing that failed.
NOT_THE_LISTING = frozenset({"source_failed", "sources_rest", "not_done", "job_failed"})
Kind, Result, Trigger = RefreshRun.Kind, RefreshOutcome.Result, RefreshRun.Trigger


def run_plan(now: datetime | None = None) -> list[RefreshRun]:
    """One round of planning. Returns the runs started. Two rounds at once start each run once."""
    now = now or timezone.now()
    mend(now)
    started = _start_what_is_due(now) if settings.SOURCES_ENABLED else []
    if unread := unread_documents(now):
        # Without the network, so whether or not sources may be asked.
        started.append(request_documents(unread, Trigger.PLAN, only_read=True))
    # Last: what there is to forget after a long pause must not keep prices waiting.
    forget(now)
    forget_deleted(now)
    remove_leftovers()
    return started


def _start_what_is_due(now: datetime) -> list[RefreshRun]:
    calendar, healths = read_calendar(), remembered()
    started = []
    for kind, wanted in (
        (Kind.QUOTES, {"listings": due_listings(now, calendar, healths)}),
        (Kind.RATES, {"sources": due_rate_sources(now, calendar, healths)}),
        (Kind.HISTORY, {"listings": due_for_history(watched_listings(now), now, calendar)}),
        (Kind.FILINGS, {"questions": due_for_filings(now)}),
    ):
        if any(wanted.values()) and (run := _start(kind, wanted)):
            started.append(run)
    return started


def _start(kind: RefreshRun.Kind, wanted: Mapping[str, Any]) -> RefreshRun | None:
    if RefreshRun.objects.filter(kind=kind, finished_at=None).exists():
        return None
    waiting = jobs_waiting(kind)
    if waiting is not None and waiting > settings.QUEUE_LIMIT:
        log.warning("%s: nothing is started while %s jobs wait", kind, waiting)
        explain(kind, QUEUE_FULL)
        return None
    try:
        return request_run(kind, Trigger.PLAN, **wanted)
    except RunAlreadyOpen as already:
        log.info("%s: run %s is still open", kind, already.run.pk)
        return None


# --- Mending and forgetting -----------------------------------------------------------------------


def mend(now: datetime) -> None:
    """Give up on runs past their time; queue again the batches whose job was lost with its queue."""
    for run in RefreshRun.objects.filter(finished_at=None):
        if now - run.requested_at > timedelta(seconds=time_limit(run.kind)):
            abandon(run.pk)
            continue
        # By then the queue would have delivered the job twice, unless it still waits for its turn.
        lost = RefreshOutcome.objects.filter(
            run=run, result=Result.PENDING, queued_at__lt=now - timedelta(seconds=settings.JOB_REDELIVERY_SECONDS * 2)
        )
        batches = sorted(set(lost.values_list("batch", flat=True)))
        # Two plans at the same moment may queue a batch twice, which is harmless.
        if batches and not jobs_waiting(run.kind) and queue_again(run, batches):
            lost.update(queued_at=now)
            log.warning("run %s: queued again: batches %s", run.pk, batches)
        close_if_done(run.pk)


def forget(now: datetime) -> None:
    """Remove what nobody looks for any more: the details of prices that were stored, then whole runs.

    A run keeps its counts when its details go. What a held quote belongs to stays while the quote waits, and as long
    again after somebody has decided about it. At most so many rows at once: the next round goes on.
    """
    stored = RefreshOutcome.objects.filter(
        run__finished_at__lt=now - DETAILS_KEPT, run__kind=Kind.QUOTES, result=Result.OK, held_quote=None
    ).exclude(run__results={})  # runs of a version that did not count keep their details to be counted from
    looked_at = HeldQuote.objects.filter(
        Q(resolution=HeldQuote.Resolution.WAITING) | Q(resolved_at__gte=now - LEDGER_KEPT)
    )
    old = RefreshRun.objects.filter(finished_at__lt=now - LEDGER_KEPT).exclude(pk__in=looked_at.values("outcome__run"))
    for outcomes in (stored, RefreshOutcome.objects.filter(run__in=old)):
        some = outcomes.order_by().values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]
        RefreshOutcome.objects.filter(pk__in=list(some)).delete()
    old.filter(outcomes=None).delete()


# --- Prices ---------------------------------------------------------------------------------------


def due_listings(now: datetime, calendar: Calendar, healths: Mapping[str, SourceHealth]) -> list[Listing]:
    """Watched listings whose price may have changed since they were last asked for, and that nobody is asking for now.

    In session every `QUOTE_EVERY_SECONDS`; out of session only while the close of the last session is not stored: every
    five minutes for an hour, then once an hour. On days nobody has entered into the calendar once an hour. A listing
    that no source could give is left alone for a while; one whose sources all rest until one of them is back.
    """
    last = RefreshOutcome.objects.filter(listing=OuterRef("pk"), done_at__isnull=False).order_by("-done_at")
    quote = Quote.objects.filter(listing=OuterRef("pk")).order_by("-day")
    asked_now = RefreshOutcome.objects.filter(listing=OuterRef("pk"), result=Result.PENDING, run__kind=Kind.QUOTES)
    listings = (
        watched_listings(now)
        .filter(~Exists(asked_now))
        .annotate(
            last_done=Subquery(last.filter(run__kind=Kind.QUOTES).values("done_at")[:1]),
            last_result=Subquery(last.filter(run__kind=Kind.QUOTES).values("result")[:1]),
            last_reason=Subquery(last.filter(run__kind=Kind.QUOTES).values("reason")[:1]),
            quote_day=Subquery(quote.values("day")[:1]),
            quote_final=Subquery(quote.values("final")[:1]),
        )
    )
    awake = _awake(healths, now)
    return [listing for listing in listings if awake(listing.mic) and _is_due(listing, calendar, now)]


def _awake(healths: Mapping[str, SourceHealth], now: datetime) -> Callable[[str], bool]:
    """Whether any source of an exchange may be asked, be it about one listing only."""
    found: dict[str, bool] = {}

    def awake(mic: str) -> bool:
        if mic not in found:
            standings = [standing(healths.get(source.site), now) for source in sources_for(mic)]
            found[mic] = any(one is not Standing.RESTING for one in standings)
        return found[mic]

    return awake


def _is_due(listing: Any, calendar: Calendar, now: datetime) -> bool:
    pause = _pause(listing, calendar, now)
    if pause is None:
        return False
    if listing.last_result in SOURCE_TROUBLE and listing.last_reason not in NOT_THE_LISTING:
        pause = max(pause, AFTER_TROUBLE)
    return _passed(listing.last_done, pause, now)


def _passed(last: datetime | None, pause: timedelta, now: datetime) -> bool:
    # A tenth of grace: beat's minute is not exactly a minute after the last run was done.
    return last is None or now - last >= pause * 0.9


def _pause(listing: Any, calendar: Calendar, now: datetime) -> timedelta | None:
    """How long to leave a listing alone after it was last asked for; None while there is nothing new to learn."""
    if listing.mic not in MARKETS:
        return OUT_OF_SESSION  # a plug-in knows an exchange whose hours we do not
    phase = calendar.phase(listing.mic, now)
    if phase is Phase.OPEN:
        return timedelta(seconds=settings.QUOTE_EVERY_SECONDS)
    if phase is Phase.UNKNOWN:
        # Nobody said that it trades today, nor that it does not.
        return OUT_OF_SESSION
    finished = calendar.finished_session(listing.mic, now)
    if finished is None:
        return OUT_OF_SESSION if listing.quote_day is None else None
    if listing.quote_day is not None and (listing.quote_day, bool(listing.quote_final)) >= (finished, True):
        return None
    settled = calendar.settles_at(listing.mic, finished)
    answered = listing.last_done is not None and listing.last_reason not in NOT_THE_LISTING
    if settled is not None and answered and listing.last_done > settled + ASKED_AFTER_CLOSE:
        return None  # suspended, say: nothing is new until the exchange opens again
    return AFTER_CLOSE if settled is not None and now - settled < OUT_OF_SESSION else OUT_OF_SESSION


# --- Exchange rates -------------------------------------------------------------------------------


def due_rate_sources(now: datetime, calendar: Calendar, healths: Mapping[str, SourceHealth]) -> list[str]:
    """Sources of rates that have published since their newest stored day, and that do not rest.

    In the hour after the publication they are asked every ten minutes, then every hour, after six hours as seldom as
    the sources that publish weekly or monthly: every `RATE_EVERY_SECONDS`.
    """
    newest: dict[str, Any] = dict(
        FxRate.objects.filter(provider__in=settings.RATE_SOURCES, span=FxRate.Span.DAY)
        .order_by()
        .values_list("provider")
        .annotate(day=Max("day"))
    )
    asked: dict[str, Any] = dict(
        RefreshOutcome.objects.filter(run__kind=Kind.RATES, done_at__isnull=False)
        .order_by()
        .values_list("provider")
        .annotate(at=Max("done_at"))
    )
    sites = {slug: source.site for slug, source in rate_sources().items()}
    due = []
    for slug in settings.RATE_SOURCES:
        if standing(healths.get(sites[slug]), now) is Standing.RESTING:
            continue
        published = last_publication(slug, now, calendar)
        if published is not None and newest.get(slug) is not None and newest[slug] >= published.date():
            continue
        if _passed(asked.get(slug), _rates_pause(published, now), now):
            due.append(slug)
    return due


def _rates_pause(published: datetime | None, now: datetime) -> timedelta:
    seldom = timedelta(seconds=settings.RATE_EVERY_SECONDS)
    if published is None or now - published > RATES_SOUGHT_FOR:
        return seldom
    return min(seldom, AFTER_PUBLICATION if now - published < OUT_OF_SESSION else OUT_OF_SESSION)
