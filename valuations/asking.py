"""Asking the sources: in the order of their health, each for what those before it left open.

Everything that a job wants from the network goes through a `Desk`, which remembers what came of it. Nothing is judged
or stored here but that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Protocol, TypeVar

from django.conf import settings
from django.utils import timezone

from companies.models import Listing
from companies.sources.base import BadBody, NotAsked, Outcome, SourceError
from companies.sources.http import MOST_BYTES, SourceClient
from valuations.configuration import base_url
from valuations.health import Report, Standing, claim_trial, in_order, note, remembered, standing
from valuations.providers import quote_source
from valuations.providers.base import Instrument, QuoteRow, QuoteSource
from valuations.spacing import waiting_for

log = logging.getLogger(__name__)

T = TypeVar("T")
# A source that answers so may know less than another one.
ASK_ANOTHER = frozenset({Outcome.NO_DATA, Outcome.BAD_ROW})
# Of the time a job has; the rest is for storing what was found.
_SHARE_FOR_ASKING = 0.6


class Source(Protocol):
    """What a desk needs to know of a source."""

    @property
    def slug(self) -> str:
        """Its name in the ledger."""

    @property
    def site(self) -> str:
        """Its host: an entry of SOURCE_URLS."""

    @property
    def label(self) -> str:
        """Its name in English."""


AnySource = TypeVar("AnySource", bound=Source)


def user_agent() -> str:
    """Who we are, with a contact where the settings name one: some sources refuse visitors without."""
    contact = f" ({settings.SOURCE_CONTACT})" if settings.SOURCE_CONTACT else ""
    return f"Xinpan/{settings.VERSION}{contact}"


def source_client(site: str, *, max_bytes: int = MOST_BYTES) -> SourceClient:
    """A client for a source: its address, who we are, how long we wait and how often we ask."""
    return SourceClient(
        base_url(site),
        user_agent=user_agent(),
        timeout=settings.SOURCE_TIMEOUT,
        wait=waiting_for(site, settings.SOURCE_INTERVAL),
        max_bytes=max_bytes,
        sites=settings.SOURCE_URLS,
    )


class Desk:
    """One job's way to the sources. It knows how they stood when the job began, and notes how they fare since."""

    def __init__(self) -> None:
        self._healths = remembered()
        self._ends_at: float = monotonic() + settings.CELERY_TASK_SOFT_TIME_LIMIT * _SHARE_FOR_ASKING

    @property
    def is_late(self) -> bool:
        """Whether the time that the job has for asking is over."""
        return monotonic() >= self._ends_at

    def willing(self, sources: Iterable[AnySource]) -> list[AnySource]:
        """The sources that may be asked now, those that failed lately last."""
        return in_order(filter(self.may_ask, sources), self._healths)

    def may_ask(self, source: Source) -> bool:
        """Whether the source is well, as far as this job knows by now."""
        return self._standing(source, timezone.now()) is Standing.WELL

    def trials(self, sources: Iterable[AnySource]) -> Iterator[AnySource]:
        """Sources whose rest is over, and that no other job is trying at this moment: ask each of them once.

        Each is claimed when it is its turn: a claim that nobody uses costs the source one more pause.
        """
        for source in sources:
            if self.is_late:
                return
            now = timezone.now()
            if self._standing(source, now) is Standing.TRIAL and claim_trial(self._healths[source.site], now):
                yield source

    def resting(self, source: Source) -> str:
        """Why a source is not asked, in English; "" when it may be."""
        health = self._healths.get(source.site)
        if health is None or health.rests_until is None:
            return ""
        return f"{source.label}: left alone until {health.rests_until:%Y-%m-%d %H:%M} UTC, {health.last_detail}"

    def ask(self, source: AnySource, question: Callable[[SourceClient], T], *, max_bytes: int = MOST_BYTES) -> T:
        """Put a question to a source and remember how it fared.

        Args:
            max_bytes: The largest reply that is taken; few sources need more than usual.

        Raises:
            SourceError: There is no usable answer.
        """
        asked_at = timezone.now()
        client = source_client(source.site, max_bytes=max_bytes)
        try:
            with client:
                answer = question(client)
        except SourceError as error:
            self._failed(source, asked_at, error)
            raise
        except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
            # A reply that its parser did not foresee must not cost the job what other sources say.
            log.exception("%s: a reply that cannot be read", source.slug)
            unreadable = BadBody(f"cannot be read ({type(error).__name__})")
            self._failed(source, asked_at, unreadable)
            raise unreadable from error
        note([Report(source.site, asked_at)])
        if self.resting(source):
            self._healths = remembered()  # the trial went well: ask it for the rest
        return answer

    def _failed(self, source: Source, asked_at: datetime, error: SourceError) -> None:
        log.info("%s: %s", source.slug, error)
        note([Report(source.site, asked_at, error)])
        self._healths = remembered()

    def _standing(self, source: Source, now: datetime) -> Standing:
        return standing(self._healths.get(source.site), now)


# --- Prices ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sources said about one instrument. `provider` is the source whose row this is, "" when none answered."""

    row: QuoteRow
    provider: str
    fetched_at: datetime


def instrument_of(listing: Listing) -> Instrument:
    """The listing as sources are asked for it."""
    return Instrument(listing.mic, listing.ticker, listing.currency)


def quote_sources() -> list[QuoteSource]:
    """The sources of prices, in the order of the settings."""
    return [quote_source(slug) for slug in settings.QUOTE_SOURCES]


def ask(
    listings: Iterable[Listing], *, leave_out: Collection[str] = (), desk: Desk | None = None
) -> dict[Instrument, Answer]:
    """The prices of listings, each from the first source that has one.

    Args:
        leave_out: Sources that are not to be asked: those whose word is in doubt.
        desk: Of the job, where it asks more than once; its time for asking is one.
    """
    return _Round([instrument_of(listing) for listing in listings], leave_out, desk or Desk()).answers()


class _Round:
    """One round of asking for instruments."""

    def __init__(self, waiting: Sequence[Instrument], leave_out: Collection[str], desk: Desk) -> None:
        self.waiting = waiting
        self.sources = [source for source in quote_sources() if source.slug not in leave_out]
        self.desk = desk
        self.found: dict[Instrument, Answer] = {}
        self.second_best: dict[Instrument, Answer] = {}
        self.troubles: dict[Instrument, list[tuple[Outcome, str]]] = {}

    def answers(self) -> dict[Instrument, Answer]:
        """One answer for each instrument; that nobody answered is one too."""
        for source in self.desk.trials(source for source in self.sources if self._open(source)):
            self._try(source)
        for source in self.desk.willing(self.sources):
            open_ones = self._open(source)
            for start in range(0, len(open_ones), source.batch_size):
                part = open_ones[start : start + source.batch_size]
                if self.desk.is_late:
                    self._trouble(source, part, Outcome.RETRY, "no time was left to ask")
                elif self.desk.may_ask(source):
                    self._ask(source, part)
        return {instrument: self._answer(instrument) for instrument in self.waiting}

    def _try(self, source: QuoteSource) -> None:
        """Ask a source about one listing: the first that it can be asked about."""
        for instrument in self._open(source):
            if self._ask(source, [instrument]):
                return

    def _open(self, source: QuoteSource) -> list[Instrument]:
        return [one for one in self.waiting if one.mic in source.mics and one not in self.found]

    def _ask(self, source: QuoteSource, instruments: Sequence[Instrument]) -> bool:
        """Put one question; returns whether it was sent."""

        def question(client: SourceClient) -> tuple[list[QuoteRow], datetime]:
            reply = source.fetch(client, instruments)
            return source.parse(reply, instruments), reply.fetched_at

        try:
            rows, fetched_at = self.desk.ask(source, question)
        except SourceError as error:
            self._trouble(source, instruments, error.outcome, str(error))
            return not isinstance(error, NotAsked)
        for row in rows:
            answer = Answer(row, source.slug, fetched_at)
            if row.outcome in ASK_ANOTHER:
                self.second_best.setdefault(row.instrument, answer)
            else:
                self.found[row.instrument] = answer
        return True

    def _trouble(self, source: QuoteSource, instruments: Sequence[Instrument], outcome: Outcome, text: str) -> None:
        for instrument in instruments:
            self.troubles.setdefault(instrument, []).append((outcome, f"{source.label}: {text}"))

    def _answer(self, instrument: Instrument) -> Answer:
        answer = self.found.get(instrument) or self.second_best.get(instrument)
        if answer is not None:
            return answer
        told, reason = self.troubles.get(instrument, []), "source_failed"
        if not told:
            covering = [source for source in self.sources if instrument.mic in source.mics]
            told = [(Outcome.RETRY, text) for source in covering if (text := self.desk.resting(source))]
            reason = "sources_rest"
        if not told:
            told, reason = [(Outcome.NO_DATA, "no source covers this exchange")], "no_source"
        row = QuoteRow(instrument, told[-1][0], None, reason, "; ".join(text for _, text in told))
        return Answer(row, "", timezone.now())
