"""The ledger of refresh runs: asking for one, closing it, cancelling it. No network, so pages may use it.

1. `request_run` writes a run and one pending outcome for each listing, then queues one job for each batch.
   `request_documents` does so for documents, which people ask for one by one.
2. A worker settles the outcomes of a batch (`valuations.refresh`); the last batch closes the run.
3. The plan (`valuations.planning`) asks again for batches whose job was lost, gives up on old runs, starts new ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_noop

from companies.models import Filing, Listing, Revision, User
from valuations.coverage import history_sources_for
from valuations.filing_coverage import FilingQuestion, filing_outcomes
from valuations.health import Standing, in_order, remembered, standing
from valuations.models import RefreshOutcome, RefreshRun
from valuations.providers import quote_source
from valuations.providers.base import QuoteSource
from valuations.queueing import queue_batches

Kind, Result = RefreshRun.Kind, RefreshOutcome.Result

# Why a run as a whole could not be done. Kept in English, translated where they are shown.
SOURCES_OFF = gettext_noop("Sources are switched off (SOURCES_ENABLED).")
NOTHING_TO_ASK = gettext_noop("Nothing to ask: no source covers the watched listings.")
NO_QUEUE = gettext_noop("The queue (Redis) cannot be reached, so nothing was asked.")
NOT_IN_TIME = gettext_noop("Not done in time (RUN_TIME_LIMIT): no worker, or no queue.")
QUEUE_FULL = gettext_noop("Too many jobs wait already (QUEUE_LIMIT), so nothing new was asked.")
CANCELLED = gettext_noop("Cancelled.")


class RunAlreadyOpen(Exception):
    """A run of this kind is under way; `run` is it."""

    def __init__(self, run: RefreshRun) -> None:
        super().__init__(f"run {run.pk} is open")
        self.run = run


def request_run(
    kind: RefreshRun.Kind,
    trigger: RefreshRun.Trigger,
    user: User | AnonymousUser | None = None,
    listings: Iterable[Listing] | None = None,
    sources: Iterable[str] | None = None,
    questions: Iterable[FilingQuestion] | None = None,
) -> RefreshRun:
    """Write a run with its pending outcomes and queue its jobs once that is committed.

    Args:
        listings: Whose prices or history to ask for; all watched ones unless told.
        sources: Which sources of rates to ask; all of the settings unless told.
        questions: Which lists of filings to ask for; all of them unless told.

    Raises:
        RunAlreadyOpen: One of this kind is under way. The database decides, so two callers cannot both start.
    """
    now = timezone.now()
    with transaction.atomic():
        run, created = RefreshRun.objects.get_or_create(
            kind=kind,
            finished_at=None,
            defaults={
                "trigger": trigger,
                "requested_at": now,
                "requested_by": user if isinstance(user, User) else None,
            },
        )
        if not created:
            raise RunAlreadyOpen(run)
        outcomes = _outcomes(run, listings, sources, questions)
        RefreshOutcome.objects.bulk_create(outcomes, batch_size=1000)
        if outcomes:
            batches = sorted({outcome.batch for outcome in outcomes})
            transaction.on_commit(partial(_queue_or_close, run, batches))
        else:
            _close(run.pk, NOTHING_TO_ASK if settings.SOURCES_ENABLED else SOURCES_OFF)
    run.refresh_from_db()
    return run


def watched_listings(now: datetime | None = None) -> QuerySet[Listing]:
    """Listings whose prices are refreshed, those aside that are not traded yet or any more, and archived companies."""
    now = now or timezone.now()
    # Asia's day begins before London's; a few hours too early does no harm.
    day = (now + timedelta(hours=12)).date()
    return Listing.objects.filter(
        Q(listed_on=None) | Q(listed_on__lte=day),
        Q(delisted_on=None) | Q(delisted_on__gt=now.date()),
        watched=True,
        company__archived_at=None,
    )


def _outcomes(
    run: RefreshRun,
    listings: Iterable[Listing] | None,
    sources: Iterable[str] | None,
    questions: Iterable[FilingQuestion] | None,
) -> list[RefreshOutcome]:
    """The pending outcomes of a run, not yet written."""
    if not settings.SOURCES_ENABLED:
        return []
    if run.kind == Kind.FILINGS:
        return filing_outcomes(run, questions)
    pending = partial(RefreshOutcome, run=run, queued_at=run.requested_at)
    if run.kind == Kind.RATES:
        slugs = settings.RATE_SOURCES if sources is None else sources
        return [pending(batch=batch, provider=slug) for batch, slug in enumerate(slugs)]
    wanted = watched_listings(run.requested_at) if listings is None else listings
    if run.kind == Kind.HISTORY:
        covered = [(listing, history_sources_for(listing.mic)) for listing in wanted]
        return [
            pending(batch=batch, listing=listing, provider=found[0].slug)
            for batch, (listing, found) in enumerate(one for one in covered if one[1])
        ]
    outcomes: list[RefreshOutcome] = []
    batch = 0
    for source, of_source in _by_source(wanted).values():
        size = min(settings.QUOTE_BATCH_SIZE, source.batch_size)
        for start in range(0, len(of_source), size):
            part = of_source[start : start + size]
            outcomes += [pending(batch=batch, listing=listing, provider=source.slug) for listing in part]
            batch += 1
    return outcomes


def _by_source(listings: Iterable[Listing]) -> dict[str, tuple[QuoteSource, list[Listing]]]:
    """Listings under the source that will be asked for them first."""
    healths, now = remembered(), timezone.now()
    first: dict[str, QuoteSource | None] = {}
    found: dict[str, tuple[QuoteSource, list[Listing]]] = {}
    for listing in listings:
        if listing.mic not in first:
            covering = in_order(sources_for(listing.mic), healths)
            awake = [one for one in covering if standing(healths.get(one.site), now) is Standing.WELL]
            first[listing.mic] = next(iter(awake or covering), None)
        source = first[listing.mic]
        if source is not None:
            found.setdefault(source.slug, (source, []))[1].append(listing)
    return found


def sources_for(mic: str) -> list[QuoteSource]:
    """Sources of prices that cover an exchange, in the order of the settings."""
    return [source for source in map(quote_source, settings.QUOTE_SOURCES) if mic in source.mics]


def time_limit(kind: str) -> int:
    """Seconds after which a run that is still open is given up."""
    slow = {Kind.HISTORY: settings.HISTORY_TIME_LIMIT, Kind.FILINGS: settings.HISTORY_TIME_LIMIT}
    limits = {**slow, Kind.DOCUMENTS: settings.DOCUMENTS_TIME_LIMIT}
    return int(limits.get(RefreshRun.Kind(kind), settings.RUN_TIME_LIMIT))


def _queue_or_close(run: RefreshRun, batches: Iterable[int]) -> None:
    """Hand a new run to the workers; when the queue cannot be reached the run is closed with that as its problem."""
    if not queue_again(run, batches):
        abandon(run.pk, NO_QUEUE)


def queue_again(run: RefreshRun, batches: Iterable[int]) -> bool:
    """Hand batches of a run to the workers; returns whether the queue took them all."""
    return queue_batches(run.pk, run.kind, batches, expires=time_limit(run.kind))


def explain(kind: RefreshRun.Kind, problem: str) -> None:
    """Tell in the ledger why no run was started; once, however long it lasts."""
    last = RefreshRun.objects.filter(kind=kind).order_by("-requested_at").first()
    if last is None or last.problem != problem:
        now = timezone.now()
        RefreshRun.objects.create(kind=kind, requested_at=now, finished_at=now, problem=problem)


# --- Documents ------------------------------------------------------------------------------------

FILE_IS_HERE = "file_is_here"  # reason of a pending outcome whose file needs no fetching (any more)
PASSAGES = "passages"  # reason of a pending outcome for which only passages are looked for again
UPLOAD = "upload"  # provider of a document that nobody was asked for


def request_documents(
    filings: Iterable[Filing],
    trigger: RefreshRun.Trigger,
    user: User | AnonymousUser | None = None,
    *,
    only_read: bool = False,
    only_passages: bool = False,
) -> RefreshRun:
    """Ask for the documents of filings: fetch each from its address, then read its text.

    There may be several such runs at once. A filing whose document is asked for already is joined, not asked twice;
    when that is so of all of them, the run that asks for the first one is returned.

    Args:
        only_read: The files are here; only their text is wanted, again if it was read before. So it is in any case for
            a filing without an address.
        only_passages: The text stays as it is; only the passages marked in it are looked for again.
    """
    wanted = list(filings)
    now = timezone.now()
    with transaction.atomic():
        # In order of their keys, as everybody who locks several; settling a document locks its filing too.
        list(Filing.objects.select_for_update().filter(pk__in=[filing.pk for filing in wanted]).order_by("pk"))
        pending = RefreshOutcome.objects.filter(filing__in=wanted, result=Result.PENDING).select_related("run")
        joined = {outcome.filing_id: outcome.run for outcome in pending}
        new = [filing for filing in wanted if filing.pk not in joined]
        if not new and joined:
            return joined[wanted[0].pk]
        run = RefreshRun.objects.create(
            kind=Kind.DOCUMENTS,
            trigger=trigger,
            requested_at=now,
            requested_by=user if isinstance(user, User) else None,
        )
        step = PASSAGES if only_passages else FILE_IS_HERE if only_read else ""
        outcomes = [_document_outcome(run, batch, filing, step) for batch, filing in enumerate(new)]
        RefreshOutcome.objects.bulk_create(outcomes, batch_size=1000)
        if outcomes:
            transaction.on_commit(partial(_queue_or_close, run, range(len(outcomes))))
        else:
            _close(run.pk, NOTHING_TO_ASK)
    run.refresh_from_db()
    return run


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # nothing that could be asked: the job says so
        return ""


def _document_outcome(run: RefreshRun, batch: int, filing: Filing, step: str) -> RefreshOutcome:
    step = step or ("" if filing.url else FILE_IS_HERE)
    asked = filing.service or _host_of(filing.url) or UPLOAD
    return RefreshOutcome(
        run=run,
        batch=batch,
        company_id=filing.company_id,
        filing=filing,
        provider=UPLOAD if step else asked[:30],
        reason=step,
        queued_at=run.requested_at,
    )


# --- Settling -------------------------------------------------------------------------------------


def run_failed(run_id: int, batch: int, reason: str) -> None:
    """Settle what a job that broke left pending, so that the ledger says why."""
    pending_outcomes(run_id, batch).update(
        result=Result.RETRY, reason="job_failed", detail=reason[:500], done_at=timezone.now()
    )
    close_if_done(run_id)


def pending_outcomes(run_id: int, batch: int) -> QuerySet[RefreshOutcome]:
    """Outcomes of a batch that nobody has settled; none once the run is closed."""
    return RefreshOutcome.objects.filter(run_id=run_id, run__finished_at=None, batch=batch, result=Result.PENDING)


def close_if_done(run_id: int) -> None:
    """Close a run none of whose outcomes is pending."""
    if not RefreshOutcome.objects.filter(run_id=run_id, result=Result.PENDING).exists():
        _close(run_id)


def _close(run_id: int, problem: str = "", cancelled_by: User | None = None) -> None:
    """Close a run once; whoever comes second changes nothing."""
    counts = RefreshOutcome.objects.filter(run_id=run_id).order_by().values_list("result").annotate(n=Count("pk"))
    # Two machines' clocks may differ: no run ends before it begins.
    ended = Greatest(Value(timezone.now()), F("requested_at"))
    with transaction.atomic():
        if RefreshRun.objects.filter(pk=run_id, finished_at=None).update(
            finished_at=ended, problem=problem, cancelled_by=cancelled_by, results=dict(counts)
        ):
            # The last result of each listing is part of the state that pages show.
            Revision.bump(reported=False)


def abandon(run_id: int, problem: str = NOT_IN_TIME) -> None:
    """Close a run with what is still pending settled as given up."""
    _end(run_id, Result.ABANDONED, "not_done", problem)


def cancel_run(run_id: int, user: User) -> bool:
    """Close an open run because someone wants it: what is stored stays, the rest is not asked for.

    Returns False when it was over already.
    """
    if not RefreshRun.objects.filter(pk=run_id, finished_at=None).exists():
        return False
    _end(run_id, Result.CANCELLED, "cancelled", CANCELLED, user)
    return True


def _end(run_id: int, result: RefreshOutcome.Result, reason: str, problem: str, user: User | None = None) -> None:
    with transaction.atomic():
        RefreshOutcome.objects.filter(run_id=run_id, run__finished_at=None, result=Result.PENDING).update(
            result=result, reason=reason, detail=problem, done_at=timezone.now()
        )
        _close(run_id, problem, user)
