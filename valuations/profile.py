"""The company page's content: listings with their terms and prices, and figures grouped by what they measure.

No HTTP, no HTML. It reads in a number of queries that depends neither on the length of the history nor on the number of
listings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from companies.models import Anchor, Company, CorporateAction, Figure, Listing, Metric, ShareClass
from valuations.choice import TIERS, choice
from valuations.explain import Line, action_line
from valuations.models import Quote
from valuations.shares import Action, adjustment
from valuations.snapshot import CompanyValuation, Price, as_seen, figure_fact

DAYS_SHOWN = 30
# Open on the page from the start; the others open with a click.
MAIN_METRICS = (Metric.REVENUE, Metric.NET_PROFIT, Metric.RD_EXPENSE)
OFFER_METRICS = (
    Metric.OFFER_PRICE, Metric.OFFER_SHARES, Metric.FUNDS_RAISED, Metric.LOT_SIZE, Metric.WINNING_RATE,
    Metric.INSTITUTIONAL_SHARE, Metric.FIRST_DAY_OPEN, Metric.FIRST_DAY_HIGH, Metric.FIRST_DAY_CLOSE,
    Metric.FIRST_DAY_CHANGE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """One value with every source that states exactly it, the source nearest to the company's own words first."""

    figure: Figure
    sources: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Stated:
    """All that is stated of one metric for one period: the value that pages use first, then those that differ."""

    metric: str
    period: str
    statements: tuple[Statement, ...]

    @property
    def agrees(self) -> bool:
        """Whether all sources state the same."""
        return len(self.statements) == 1


@dataclass(frozen=True, slots=True)
class MetricHistory:
    """All periods of one metric, newest first."""

    metric: str
    periods: tuple[Stated, ...]

    @property
    def is_main(self) -> bool:
        """Whether the page shows it from the start."""
        return self.metric in MAIN_METRICS


@dataclass(frozen=True, slots=True)
class DayPrice:
    """A stored close, as it was paid and as it compares with the prices of the page's day."""

    quote: Quote
    adjusted: Decimal

    @property
    def is_adjusted(self) -> bool:
        """Whether a bonus issue or split lies between that day and the page's."""
        return self.adjusted != self.quote.close


@dataclass(frozen=True, slots=True)
class ListingProfile:
    """A listing with its last price, its newest days, and the terms it was offered on."""

    listing: Listing
    price: Price | None
    days: tuple[DayPrice, ...]
    terms: tuple[Stated, ...]

    @property
    def last(self) -> Quote | None:
        """The newest stored quote on or before the page's day."""
        return self.days[0].quote if self.days else None

    @property
    def is_adjusted(self) -> bool:
        """Whether any of the days shown is."""
        return any(day.is_adjusted for day in self.days)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the page of one company says on a day, besides its valuation and its charts."""

    listings: tuple[ListingProfile, ...]
    actions: tuple[Line, ...]
    figures: tuple[MetricHistory, ...]
    later_figures: int
    in_review: tuple[Figure, ...] = ()  # left out until somebody has looked at their passage


def profile(company: Company, row: CompanyValuation, day: date, cutoff: datetime | None = None) -> Profile:
    """What is known of a company on `day`; `row` is its valuation of that day.

    Args:
        cutoff: Prices made later are not shown (`Question.cutoff`); None when all are.
    """
    confirmed = list(company.figures.confirmed_on(day).select_related("source", "listing", "anchor__version"))
    known = [figure for figure in confirmed if not _is_in_review(figure)]
    terms: dict[int, list[Figure]] = defaultdict(list)
    others: list[Figure] = []
    for figure in known:
        if figure.listing_id is not None and figure.metric in OFFER_METRICS:
            terms[figure.listing_id].append(figure)
        else:
            others.append(figure)
    listings = [listing for listing in company.listings.all() if listing.listed_on is None or listing.listed_on <= day]
    prices = {price.listing.pk: price for price in row.prices}
    actions = list(
        CorporateAction.objects.filter(company=company, ex_day__lte=day).select_related("source").order_by("-ex_day")
    )
    days = _days(listings, actions, day, cutoff)
    return Profile(
        listings=tuple(
            ListingProfile(
                listing=listing,
                price=prices.get(listing.pk),
                days=tuple(days[listing.pk]),
                terms=tuple(stated(terms[listing.pk], OFFER_METRICS)),
            )
            for listing in listings
        ),
        actions=tuple(action_line(action) for action in actions),
        figures=tuple(_histories(others)),
        in_review=tuple(figure for figure in confirmed if _is_in_review(figure)),
        later_figures=company.figures.filter(status=Figure.Status.CONFIRMED, known_on__gt=day).count(),
    )


def _is_in_review(figure: Figure) -> bool:
    return figure.anchor is not None and figure.anchor.state == Anchor.State.NEEDS_REVIEW


def _days(
    listings: list[Listing], actions: Sequence[CorporateAction], day: date, cutoff: datetime | None
) -> dict[int, list[DayPrice]]:
    """The newest days of each listing, newest first."""
    kinds = {listing.pk: (ShareClass.ALL, listing.share_class) for listing in listings}
    adjusting = {
        pk: [Action(row.ex_day, row.ratio, row.new_shares, row.kind) for row in actions if row.share_class in of]
        for pk, of in kinds.items()
    }
    # One query for all listings: those of one company trade on nearly the same days.
    quotes = Quote.objects.filter(listing__in=listings, day__lte=day).old_enough(cutoff)
    quotes = quotes.select_related("source").order_by("-day")
    found: dict[int, list[DayPrice]] = defaultdict(list)
    for quote in (as_seen(quote, cutoff) for quote in (quotes[: DAYS_SHOWN * len(listings)] if listings else ())):
        factor = adjustment(quote.day, adjusting[quote.listing_id])
        found[quote.listing_id].append(DayPrice(quote, quote.close * factor))
    return found


def _histories(figures: Iterable[Figure]) -> Iterable[MetricHistory]:
    by_metric: dict[str, list[Figure]] = defaultdict(list)
    for figure in figures:
        by_metric[figure.metric].append(figure)
    for metric in sorted(by_metric, key=Metric.values.index):
        yield MetricHistory(metric, tuple(stated(by_metric[metric], (metric,))))


def stated(figures: Iterable[Figure], order: Sequence[str]) -> list[Stated]:
    """Figures grouped by metric, in the order given, and period, newest first and long before short."""
    groups: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    for figure in figures:
        groups[figure.metric, figure.period].append(figure)

    def place(key: tuple[str, str]) -> tuple[int, int, int, str]:
        first = groups[key][0]
        start = first.period_start or first.period_end
        return order.index(key[0]), -first.period_end.toordinal(), start.toordinal(), key[1]

    return [Stated(metric, period, _statements(groups[metric, period])) for metric, period in sorted(groups, key=place)]


def _statements(figures: list[Figure]) -> tuple[Statement, ...]:
    """Figures of one metric and period by value. The one that pages would choose comes first."""
    chosen = choice(figure_fact(figure) for figure in figures)
    rank = {fact.key: place for place, fact in enumerate((chosen.figure, *chosen.also))}
    by_value: dict[tuple[object, ...], list[Figure]] = defaultdict(list)
    for figure in sorted(figures, key=lambda figure: rank[figure.pk]):
        by_value[figure.low, figure.high, figure.currency, figure.basis].append(figure)
    return tuple(Statement(same[0], tuple(sorted(same, key=_nearness))) for same in by_value.values())


def _nearness(figure: Figure) -> tuple[int, date]:
    return TIERS.index(figure.source.tier), figure.known_on
