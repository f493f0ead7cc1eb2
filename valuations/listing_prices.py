"""What the badge of a price opens: how old the price is, and what came of the last attempts to renew it.

No HTTP, no HTML. It reads in a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from companies.models import Company, Listing
from valuations.models import HeldQuote, RefreshOutcome, RefreshRun
from valuations.sessions import MARKETS
from valuations.snapshot import Price, Question, snapshot

OUTCOMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """A refresh that somebody waits for: the run, and what came of this listing in it (None: it is not part of it)."""

    run: RefreshRun
    outcome: RefreshOutcome | None

    @property
    def is_open(self) -> bool:
        """Whether there is something to wait for."""
        if self.outcome is None:
            return self.run.finished_at is None
        return self.outcome.result == RefreshOutcome.Result.PENDING


@dataclass(frozen=True, slots=True)
class ListingPrices:
    """The price of one listing, its age, and its last outcomes, newest first."""

    listing: Listing
    price: Price | None
    open_minutes: int | None
    outcomes: tuple[RefreshOutcome, ...]
    held: tuple[HeldQuote, ...]
    attempt: Attempt | None

    @property
    def last_at(self) -> datetime | None:
        """The time of the price, where its source gives one."""
        return self.price.quote.last_at if self.price else None


def listing_prices(listing: Listing, question: Question, run: RefreshRun | None = None) -> ListingPrices:
    """The present price of a listing and how it came about.

    Args:
        question: Whose delay counts; of the present day.
        run: A refresh that the reader waits for.
    """
    now = timezone.now()
    found = snapshot(question, Company.objects.filter(pk=listing.company_id))
    price = next((price for price in found.rows[0].prices if price.listing.pk == listing.pk), None)
    last_at = price.quote.last_at if price else None
    outcomes = RefreshOutcome.objects.filter(listing=listing).select_related("run", "held_quote")
    waiting = HeldQuote.objects.filter(listing=listing, resolution=HeldQuote.Resolution.WAITING)
    known_hours = last_at is not None and listing.mic in MARKETS
    return ListingPrices(
        listing=listing,
        price=price,
        open_minutes=found.calendar.open_minutes(listing.mic, last_at, now) if known_hours and last_at else None,
        outcomes=tuple(told(outcomes.order_by("-queued_at", "-pk")[:OUTCOMES_SHOWN], question.cutoff(now))),
        held=tuple(waiting),
        attempt=None if run is None else Attempt(run, outcomes.filter(run=run).first()),
    )


def told(outcomes: Iterable[RefreshOutcome], cutoff: datetime | None) -> Iterable[RefreshOutcome]:
    """Outcomes without the details that may name a price made after `cutoff`; not to be saved."""
    for outcome in outcomes:
        if cutoff is not None and (outcome.done_at is None or outcome.done_at > cutoff):
            outcome.detail = ""
        yield outcome
