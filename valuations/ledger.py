"""The ledger of refresh runs: asking for one, closing it, planning the next. No network, so pages may use it.

1. `request_run` writes a run and one pending outcome for each listing, then queues one job for each batch.
2. A worker settles the outcomes of a batch (`valuations.refresh`); the last batch closes the run.
3. `run_plan` asks again for batches whose job was lost, gives up on old runs, and starts those that are due.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_noop

from companies.models import Listing, Revision, User
from valuations.models import HeldQuote, Quote, RefreshOutcome, RefreshRun
from valuations.providers import quote_source
from valuations.providers.base import QuoteSource
from valuations.sessions import Calendar, Phase
from valuations.snapshot import SOURCE_TROUBLE, read_calendar

log = logging.getLogger(__name__)

AFTER_TROUBLE = timedelta(minutes=10)
AFTER_BLOCKED = timedelta(minutes=30)
OUT_OF_SESSION = timedelta(hours=1)
AFTER_CLOSE = timedelta(minutes=5)  # between two questions for a close that was made within the last hour
LEDGER_KEPT = timedelta(days=30)
QUEUE_PATIENCE = 2  # seconds for Redis to take a job: a person waits for the answer
BATCH_TASK = "valuations.tasks.refresh_batch"
Result = RefreshOutcome.Result

# Why a run as a whole could not be done. Kept in English, translated where they are shown.
SOURCES_OFF = gettext_noop("Sources are switched off (SOURCES_ENABLED).")
NOTHING_TO_ASK = gettext_noop("Nothing to ask: no source covers the watched listings.")
NO_QUEUE = gettext_noop("The queue (Redis) cannot be reached, so nothing was asked.")
NOT_IN_TIME = gettext_noop("Not done in time (RUN_TIME_LIMIT): no worker, or no queue.")


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
) -> RefreshRun:
    """Write a run with its pending outcomes and queue its jobs once that is committed.

    Args:
        listings: Whose prices to ask for; all watched ones unless told.

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
        batches = _write_outcomes(run, watched_listings(now) if listings is None else listings, now)
        if batches:
            transaction.on_commit(partial(_queue_or_close, run.pk, range(batches)))
        else:
            _close(run.pk, NOTHING_TO_ASK if settings.SOURCES_ENABLED else SOURCES_OFF)
    run.refresh_from_db()
    return run


def watched_listings(now: datetime | None = None) -> QuerySet[Listing]:
    """Listings whose prices are refreshed, those aside that are not traded yet or any more."""
    now = now or timezone.now()
    # Asia's day begins before London's; a few hours too early does no harm.
    day = (now + timedelta(hours=12)).date()
    return Listing.objects.filter(
        Q(listed_on=None) | Q(listed_on__lte=day), Q(delisted_on=None) | Q(delisted_on__gt=now.date()), watched=True
    )


def _write_outcomes(run: RefreshRun, listings: Iterable[Listing], now: datetime) -> int:
    """Pending outcomes of a run; returns the number of batches."""
    if not settings.SOURCES_ENABLED:
        return 0
    outcomes: list[RefreshOutcome] = []
    batch = 0
    if run.kind == RefreshRun.Kind.RATES:
        for slug in settings.RATE_SOURCES:
            outcomes.append(RefreshOutcome(run=run, batch=batch, provider=slug, queued_at=now))
            batch += 1
    else:
        for slug, of_source in _by_source(listings).items():
            size = min(settings.QUOTE_BATCH_SIZE, quote_source(slug).batch_size)
            for start in range(0, len(of_source), size):
                outcomes += [
                    RefreshOutcome(run=run, batch=batch, listing=listing, provider=slug, queued_at=now)
                    for listing in of_source[start : start + size]
                ]
                batch += 1
    RefreshOutcome.objects.bulk_create(outcomes, batch_size=1000)
    return batch


def _by_source(listings: Iterable[Listing]) -> dict[str, list[Listing]]:
    """Listings under the first source that covers their exchange."""
    found: dict[str, list[Listing]] = {}
    for listing in listings:
        source = next(iter(sources_for(listing.mic)), None)
        if source:
            found.setdefault(source.slug, []).append(listing)
    return found


def sources_for(mic: str) -> list[QuoteSource]:
    """Sources of prices that cover an exchange, in the order in which they are asked."""
    return [quote_source(slug) for slug in settings.QUOTE_SOURCES if mic in quote_source(slug).mics]


def _queue_or_close(run_id: int, batches: Iterable[int]) -> None:
    """Hand a new run to the workers; when the queue cannot be reached the run is closed with that as its problem."""
    if not _queue(run_id, batches):
        _abandon(run_id, NO_QUEUE)


def _queue(run_id: int, batches: Iterable[int]) -> bool:
    """Hand batches to the workers; returns whether the queue took them all."""
    # Imported here: only who queues a job needs Celery, reading pages does not.
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    from config.celery import app

    # A connection of its own: one from the pool may be a leftover of a Redis that has been restarted since.
    patience = {"socket_timeout": QUEUE_PATIENCE, "socket_connect_timeout": QUEUE_PATIENCE, "max_retries": 0}
    try:
        with app.connection_for_write(connect_timeout=QUEUE_PATIENCE, transport_options=patience) as connection:
            producer = app.amqp.Producer(connection, auto_declare=False)
            for batch in batches:
                app.send_task(BATCH_TASK, args=[run_id, batch], producer=producer, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("run %s: queue cannot be reached: %s", run_id, error)
        return False
    return True


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


def _close(run_id: int, problem: str = "") -> None:
    """Close a run once; whoever comes second changes nothing."""
    # Two machines' clocks may differ: no run ends before it begins.
    ended = Greatest(Value(timezone.now()), F("requested_at"))
    with transaction.atomic():
        if RefreshRun.objects.filter(pk=run_id, finished_at=None).update(finished_at=ended, problem=problem):
            # The last result of each listing is part of the state that pages show.
            Revision.bump()


def _abandon(run_id: int, problem: str) -> None:
    """Close a run with what is still pending settled as given up."""
    with transaction.atomic():
        RefreshOutcome.objects.filter(run_id=run_id, result=Result.PENDING).update(
            result=Result.ABANDONED, reason="not_done", detail=problem, done_at=timezone.now()
        )
        _close(run_id, problem)


# --- Planning -------------------------------------------------------------------------------------


def run_plan(now: datetime | None = None) -> list[RefreshRun]:
    """What beat asks every minute: mend open runs, then start those that are due. Returns the runs started."""
    now = now or timezone.now()
    _mend(now)
    _forget(now - LEDGER_KEPT)
    if not settings.SOURCES_ENABLED:
        return []
    started: list[RefreshRun] = []
    due = due_listings(now)
    for kind, wanted in ((RefreshRun.Kind.QUOTES, bool(due)), (RefreshRun.Kind.RATES, _rates_due(now))):
        if not wanted:
            continue
        try:
            started.append(
                request_run(kind, RefreshRun.Trigger.PLAN, listings=due if kind == RefreshRun.Kind.QUOTES else None)
            )
        except RunAlreadyOpen as already:
            log.info("%s: run %s is still open", kind, already.run.pk)
    return started


def _mend(now: datetime) -> None:
    """Give up on runs past their time; queue again the batches whose job was lost with its queue."""
    for run in RefreshRun.objects.filter(finished_at=None):
        if now - run.requested_at > timedelta(seconds=settings.RUN_TIME_LIMIT):
            _abandon(run.pk, NOT_IN_TIME)
            continue
        # By then the queue would have delivered the job twice.
        lost = RefreshOutcome.objects.filter(
            run=run, result=Result.PENDING, queued_at__lt=now - timedelta(seconds=settings.JOB_REDELIVERY_SECONDS * 2)
        )
        batches = sorted(set(lost.values_list("batch", flat=True)))
        # Two plans at the same moment may queue a batch twice, which is harmless.
        if batches and _queue(run.pk, batches):
            lost.update(queued_at=now)
            log.warning("run %s: queued again: batches %s", run.pk, batches)
        close_if_done(run.pk)


def _forget(before: datetime) -> None:
    """Remove runs of long ago, except those with a held quote that still waits for someone to look at it."""
    waiting = HeldQuote.objects.filter(resolution=HeldQuote.Resolution.WAITING)
    old = RefreshRun.objects.filter(finished_at__lt=before)
    old.exclude(pk__in=waiting.values("outcome__run")).delete()


def due_listings(now: datetime) -> list[Listing]:
    """Watched listings whose price may have changed since they were last asked for, and that nobody is asking for now.

    In session every `QUOTE_EVERY_SECONDS`; out of session only while the close of the last session is not stored: every
    five minutes for an hour, then once an hour. On days nobody has entered into the calendar once an hour. After
    trouble with the source a pause, a longer one when it does not want us.
    """
    calendar = read_calendar()
    last = RefreshOutcome.objects.filter(listing=OuterRef("pk"), done_at__isnull=False).order_by("-done_at")
    quote = Quote.objects.filter(listing=OuterRef("pk")).order_by("-day")
    asked_now = RefreshOutcome.objects.filter(listing=OuterRef("pk"), result=Result.PENDING)
    listings = (
        watched_listings(now)
        .filter(~Exists(asked_now))
        .annotate(
            last_done=Subquery(last.values("done_at")[:1]),
            last_result=Subquery(last.values("result")[:1]),
            quote_day=Subquery(quote.values("day")[:1]),
            quote_final=Subquery(quote.values("final")[:1]),
        )
    )
    return [listing for listing in listings if _is_due(listing, calendar, now)]


def _is_due(listing: Any, calendar: Calendar, now: datetime) -> bool:
    if not sources_for(listing.mic):
        return False
    pause = _pause(listing, calendar, now)
    if pause is None:
        return False
    if listing.last_result == Result.BLOCKED:
        pause = max(pause, AFTER_BLOCKED)
    elif listing.last_result in SOURCE_TROUBLE:
        pause = max(pause, AFTER_TROUBLE)
    # A tenth of grace: beat's minute is not exactly a minute after the last run was done.
    return listing.last_done is None or now - listing.last_done >= pause * 0.9


def _pause(listing: Any, calendar: Calendar, now: datetime) -> timedelta | None:
    """How long to leave a listing alone after it was last asked for; None while there is nothing new to learn."""
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
    return AFTER_CLOSE if settled is not None and now - settled < OUT_OF_SESSION else OUT_OF_SESSION


def _rates_due(now: datetime) -> bool:
    last = RefreshRun.objects.filter(kind=RefreshRun.Kind.RATES).order_by("-requested_at").first()
    if last is None:
        return True
    trouble = last.problem or last.outcomes.filter(result__in=SOURCE_TROUBLE).exists()
    pause = OUT_OF_SESSION if trouble else timedelta(seconds=settings.RATE_EVERY_SECONDS)
    return now - last.requested_at >= pause
