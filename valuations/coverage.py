"""Which days of daily bars are wanted, and whose are lacking. Reads only, and asks nobody."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, OuterRef, QuerySet, Subquery

from companies.models import Listing
from valuations.bars import Span, span_or_none
from valuations.models import RefreshOutcome, RefreshRun
from valuations.providers import history_source
from valuations.providers.base import HistorySource
from valuations.sessions import MARKETS, Calendar

BAR_AFTER_CLOSE = timedelta(minutes=20)  # by then sources have made the bar of the day
BARS_AGAIN = timedelta(hours=6)  # between two questions for days that nobody had
BARS_AFTER_TROUBLE = timedelta(hours=1)
# After these the same days are asked for again soon: something went wrong, and bars may be there.
_ASKED_FOR_SOON = frozenset({"source_failed", "sources_rest", "gaps_unconfirmed", "job_failed", "not_done"})
_DAY = timedelta(days=1)


def history_sources_for(mic: str) -> list[HistorySource]:
    """Sources of daily bars that cover an exchange, in the order of the settings."""
    sources = (history_source(slug) for slug in settings.HISTORY_SOURCES)
    return [source for source in sources if mic in source.mics]


def wanted_span(listing: Listing, now: datetime, calendar: Calendar, *, years: int | None = None) -> Span | None:
    """The days of which there should be bars: so many years back, or from the first day of trading, to the last close.

    None when there is no such day yet.
    """
    last = _last_day(listing.mic, now, calendar)
    if listing.delisted_on is not None:
        last = min(last, listing.delisted_on - _DAY)
    first = _years_before(last, settings.HISTORY_YEARS if years is None else years)
    if listing.listed_on is not None:
        first = max(first, listing.listed_on)
    return span_or_none(first, last)


def _last_day(mic: str, now: datetime, calendar: Calendar) -> date:
    """Today once its close is made and the sources have had time to publish it, otherwise yesterday."""
    today = now.astimezone(MARKETS[mic].zone).date()
    settles = calendar.settles_at(mic, today)
    return today if settles is not None and now >= settles + BAR_AFTER_CLOSE else today - _DAY


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - years, day=28)


def due_for_history(listings: QuerySet[Listing], now: datetime, calendar: Calendar) -> list[Listing]:
    """Those of `listings` that lack daily bars and were not asked for in vain a short while ago.

    A listing seen for the first time lacks all of them; after a close every listing lacks one; after a downtime some.
    One query, whatever the number of listings.
    """
    last = RefreshOutcome.objects.filter(
        listing=OuterRef("pk"), run__kind=RefreshRun.Kind.HISTORY, done_at__isnull=False
    ).order_by("-done_at")
    annotated = listings.annotate(
        covered_first=F("bar_coverage__first_day"),
        covered_last=F("bar_coverage__last_day"),
        asked_at=Subquery(last.values("done_at")[:1]),
        asked_reason=Subquery(last.values("reason")[:1]),
    )
    return [listing for listing in annotated if _is_due(listing, now, calendar)]


def _is_due(listing: Any, now: datetime, calendar: Calendar) -> bool:
    if listing.mic not in MARKETS or not history_sources_for(listing.mic):
        return False
    wanted = wanted_span(listing, now, calendar)
    if wanted is None or not _lacks(listing, wanted, calendar):
        return False
    if listing.asked_at is None:
        return True
    finished = calendar.finished_session(listing.mic, now - BAR_AFTER_CLOSE)
    closed = calendar.settles_at(listing.mic, finished) if finished else None
    if closed is not None and listing.asked_at < closed + BAR_AFTER_CLOSE:
        return True
    pause = BARS_AFTER_TROUBLE if listing.asked_reason in _ASKED_FOR_SOON else BARS_AGAIN
    return bool(now - listing.asked_at >= pause)


def _lacks(listing: Any, wanted: Span, calendar: Calendar) -> bool:
    if listing.covered_first is None:
        return True
    for before, until in ((listing.covered_last, wanted.last), (wanted.first - _DAY, listing.covered_first - _DAY)):
        if before < until and calendar.possible_sessions(listing.mic, before, until):
            return True
    return False
