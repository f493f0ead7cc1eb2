"""Remembered health of the sources: who is asked first, who rests and for how long, who is tried with one listing.

A source that turns us away (403, 429, 456, a refused key) rests for an hour, twice as long each time, a day at most.
Other failures are forgiven twice in a row; from the third on the source rests for a minute, twice as long each time, an
hour at most. After its rest it is asked about one listing. When that succeeds it is as good as before.

What is remembered stands in the database, so that all workers share it and a restart does not forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from django.db import transaction
from django.utils import timezone

from companies.sources.base import NotAsked, Outcome, SourceError
from valuations.models import SourceHealth

FORGIVEN = 2  # failures in a row that do not make a source rest
TURNED_AWAY = frozenset({Outcome.BLOCKED, Outcome.AUTH})
# The source answered properly; that it has nothing, or nothing new, is no fault of the channel.
ANSWERED = frozenset({Outcome.NO_DATA})
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
_FIRST_LONG_PAUSE, _LONGEST_LONG_PAUSE = timedelta(hours=1), timedelta(days=1)
_OK_NOTED_EVERY = timedelta(minutes=1)  # noting every single success would cost a write for each batch


class Standing(StrEnum):
    """How a source is to be treated."""

    WELL = "well"
    RESTING = "resting"
    TRIAL = "trial"  # its rest is over: ask it about one listing


class HasSite(Protocol):
    """Every source names its host."""

    @property
    def site(self) -> str:
        """An entry of SOURCE_URLS."""


Source = TypeVar("Source", bound=HasSite)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one request to a site; `error` is None when the answer could be used."""

    site: str
    asked_at: datetime
    error: SourceError | None = None


def pause_after(outcome: Outcome, failures: int, retry_after: int | None = None) -> timedelta | None:
    """How long a source rests after its latest failure; None while that is forgiven.

    Args:
        outcome: Of the latest failure.
        failures: How many there were in a row, the latest included.
        retry_after: Seconds that the source asked for. It is believed up to the longest pause.
    """
    if outcome in TURNED_AWAY:
        pause = _doubled(_FIRST_LONG_PAUSE, failures - 1, _LONGEST_LONG_PAUSE)
    elif failures <= FORGIVEN:
        pause = timedelta()
    else:
        pause = _doubled(_FIRST_PAUSE, failures - FORGIVEN - 1, _LONGEST_PAUSE)
    if retry_after is not None:
        pause = max(pause, min(timedelta(seconds=retry_after), _LONGEST_LONG_PAUSE))
    return pause or None


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    return longest if times > 10 else min(first * 2**times, longest)


def standing(health: SourceHealth | None, now: datetime) -> Standing:
    """How a source is to be treated now, given what is remembered of it."""
    if health is None or health.rests_until is None:
        return Standing.WELL
    return Standing.RESTING if now < health.rests_until else Standing.TRIAL


def in_order(sources: Iterable[Source], healths: Mapping[str, SourceHealth]) -> list[Source]:
    """Sources in the order to ask them: as configured, but those that failed lately after those that did not."""

    def doubts(source: Source) -> bool:
        health = healths.get(source.site)
        return health is not None and health.failures > 0

    return sorted(sources, key=doubts)


def remembered() -> dict[str, SourceHealth]:
    """What is remembered, by site. One query."""
    return {health.site: health for health in SourceHealth.objects.all()}


def claim_trial(health: SourceHealth, now: datetime) -> bool:
    """Take it upon oneself to try a source whose rest is over; False when another worker is doing so.

    Whoever claims it and dies costs the source one more pause, not more.
    """
    last = Outcome(health.last_result) if health.last_result else Outcome.RETRY
    pause = pause_after(last, health.failures) or _FIRST_PAUSE
    claimed = SourceHealth.objects.filter(pk=health.pk, rests_until=health.rests_until).update(rests_until=now + pause)
    return bool(claimed)


def note(reports: Iterable[Report]) -> None:
    """Remember what came of requests. Costs nothing but a read when all is as well as before."""
    for report in reports:
        if report.error is None or report.error.outcome in ANSWERED:
            _note_success(report)
        elif not isinstance(report.error, NotAsked):
            _note_failure(report, report.error)


def _note_success(report: Report) -> None:
    now, site = timezone.now(), report.site
    known = SourceHealth.objects.filter(site=site).first()
    if known is not None and known.last_failure_at is not None and report.asked_at < known.last_failure_at:
        return  # under way when another worker's request failed: it does not make up for that
    if known is not None and known.failures == 0 and known.last_ok_at and now - known.last_ok_at < _OK_NOTED_EVERY:
        return
    SourceHealth.objects.update_or_create(
        site=site, defaults={"failures": 0, "rests_until": None, "last_result": Outcome.OK, "last_ok_at": now}
    )


def _note_failure(report: Report, error: SourceError) -> None:
    with transaction.atomic():
        SourceHealth.objects.get_or_create(site=report.site)
        health = SourceHealth.objects.select_for_update().get(site=report.site)
        if health.last_failure_at is not None and report.asked_at < health.last_failure_at:
            return  # under way when another worker's request failed: one trouble, not two
        now = timezone.now()
        first_refusal = error.outcome in TURNED_AWAY and health.last_result not in TURNED_AWAY
        health.failures = 1 if first_refusal else health.failures + 1
        pause = pause_after(error.outcome, health.failures, error.retry_after)
        health.rests_until = None if pause is None else now + pause
        health.last_result, health.last_detail, health.last_failure_at = error.outcome, str(error)[:300], now
        health.save()
